//! When to try again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::batch::Bounds;

/// The pauses between attempts: each about twice the one before, with jitter, so that the clients of a server
/// that returns do not all come at once.
pub(crate) struct Retry {
    schedule: ExponentialBuilder,
    longest: Duration,
    pauses: ExponentialBackoff,
    at: Option<Instant>,
}

impl Retry {
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let schedule = ExponentialBuilder::new().with_min_delay(bounds.min_pause).with_max_delay(bounds.max_pause);
        let schedule = schedule.without_max_times().with_jitter();
        Self { schedule, longest: bounds.max_pause, pauses: schedule.build(), at: None }
    }

    /// The next attempt, if the last one failed.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }

    pub(crate) fn is_due(&self) -> bool {
        self.at.is_none_or(|at| Instant::now() >= at)
    }

    pub(crate) fn succeeded(&mut self) {
        if self.at.take().is_some() {
            self.pauses = self.schedule.build();
        }
    }

    /// What the destination asks for goes before the schedule.
    pub(crate) fn failed(&mut self, after: Option<Duration>) {
        let pause = after.or_else(|| self.pauses.next()).unwrap_or(self.longest);
        self.at = Some(Instant::now() + pause);
    }
}
