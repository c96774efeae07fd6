//! When to commit: so early that the event that waits longest is searchable once the interval is over.
//!
//! Its time counts from being appended, since it may have waited in the queue while the last commit ran. What a
//! commit takes is known from the last ones. However long that is, events are taken in for half of the interval
//! between two commits: with more commits than that there would be time for nothing else. So while a commit takes
//! at most half of the interval, no event waits for more than one and a half.

use std::time::{Duration, Instant};

/// Of an earlier commit's time, so much is left after a quicker one.
const FADE: f64 = 7.0 / 8.0;

pub(super) struct Pace {
    interval: Duration,
    first: Option<First>,
    /// What a commit takes.
    cost: Duration,
}

/// The first event that waits.
#[derive(Clone, Copy)]
struct First {
    appended: Instant,
    /// When it came out of the queue.
    taken: Instant,
}

impl Pace {
    pub fn new(interval: Duration) -> Self {
        Self { interval, first: None, cost: Duration::ZERO }
    }

    /// Something was taken in that was appended then.
    pub fn take(&mut self, appended: Instant, now: Instant) {
        self.first.get_or_insert(First { appended, taken: now });
    }

    /// When the next commit begins, if anything waits for it.
    pub fn due(&self) -> Option<Instant> {
        let First { appended, taken } = self.first?;
        let in_time = appended + self.interval.saturating_sub(self.cost);
        Some(in_time.max(taken + self.interval / 2))
    }

    /// Nothing waits any more; the commit took this long.
    pub fn committed(&mut self, took: Duration) {
        self.first = None;
        self.cost = took.max(self.cost.mul_f64(FADE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: Duration = Duration::from_millis(100);

    #[test]
    fn a_commit_ends_when_the_interval_of_the_oldest_event_does() {
        let mut pace = Pace::new(10 * TENTH);
        let start = Instant::now();
        assert_eq!(pace.due(), None);
        pace.take(start, start);
        pace.take(start + TENTH, start + TENTH);
        assert_eq!(pace.due(), Some(start + 10 * TENTH), "nothing is known of commits yet");

        pace.committed(2 * TENTH);
        assert_eq!(pace.due(), None);
        // It was appended while the commit ran.
        pace.take(start, start + 2 * TENTH);
        assert_eq!(pace.due(), Some(start + 8 * TENTH));

        pace.committed(4 * TENTH);
        pace.take(start, start + 4 * TENTH);
        assert_eq!(pace.due(), Some(start + 9 * TENTH), "half of the interval is for taking in");
        pace.committed(20 * TENTH);
        pace.take(start, start + 20 * TENTH);
        assert_eq!(pace.due(), Some(start + 25 * TENTH), "also when nothing can be in time");
    }

    #[test]
    fn a_slow_commit_is_forgotten_by_and_by() {
        let mut pace = Pace::new(10 * TENTH);
        pace.committed(4 * TENTH);
        pace.committed(TENTH);
        assert_eq!(pace.cost, Duration::from_millis(350));
        (0..20).for_each(|_| pace.committed(TENTH));
        assert_eq!(pace.cost, TENTH);
    }
}
