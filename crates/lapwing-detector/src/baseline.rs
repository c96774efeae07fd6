//! Dynamic baselines: a number compared with what it was over a moving window, per agent, user, model or tool.
//!
//! The window is a ring of time buckets, each with count, mean and sum of squared deviations (Welford, 1962;
//! merged after Chan, Golub and LeVeque, 1979), so memory is fixed and a late event finds its bucket. A number is
//! compared before it is learned, and one that deviates is not learned: a spike does not widen its own
//! baseline.

use lapwing_event::{Event, Severity};
use serde::{Deserialize, Serialize};

use crate::metric::Metric;
use crate::recent::Recent;

/// One baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRule {
    /// The alert's rule id.
    pub id: String,
    /// The number; see [`crate::ThresholdRule::field`].
    pub field: String,
    /// Whose normal it is. Default `agent`.
    #[serde(default)]
    pub per: Per,
    /// Which deviations count. Default `above`.
    #[serde(default)]
    pub side: Side,
    /// How many standard deviations from the mean. Default 3.
    #[serde(default = "three")]
    pub deviations: f64,
    /// Length of the moving window in hours. Default 24.
    #[serde(default = "day")]
    pub window_h: u32,
    /// Numbers in the window before anything is said. Default 50.
    #[serde(default = "fifty")]
    pub min_count: u64,
    /// How urgent. Default low.
    #[serde(default = "low")]
    pub severity: Severity,
    /// Agents, users, models or tools remembered; the one quiet longest is forgotten. Default 10,000.
    #[serde(default = "ten_thousand")]
    pub max_keys: usize,
}

/// Whose normal a baseline describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// The agent, else the service.
    #[default]
    Agent,
    /// The service.
    Service,
    /// The user; events without one are not looked at.
    User,
    /// The requested model.
    Model,
    /// The tool.
    Tool,
}

/// Which deviations count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Larger than normal.
    #[default]
    Above,
    /// Smaller than normal.
    Below,
    /// Either.
    Both,
}

fn three() -> f64 {
    3.0
}
fn day() -> u32 {
    24
}
fn fifty() -> u64 {
    50
}
fn low() -> Severity {
    Severity::Low
}
fn ten_thousand() -> usize {
    10_000
}

impl BaselineRule {
    /// `AID-22` on prompt length, per agent.
    pub(crate) fn prompt_length() -> Self {
        Self {
            id: "AID-22".to_owned(),
            field: "content.prompt.length".to_owned(),
            per: Per::Agent,
            side: Side::Above,
            deviations: three(),
            window_h: day(),
            min_count: fifty(),
            severity: low(),
            max_keys: ten_thousand(),
        }
    }
}

/// A number off its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deviation {
    /// Whose number.
    pub(crate) key: String,
    pub(crate) value: f64,
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
    /// How many deviations from the mean, signed.
    pub(crate) score: f64,
    pub(crate) count: u64,
}

/// A rule with what it has learned.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    pub(crate) rule: BaselineRule,
    metric: Metric,
    windows: Recent<String, Window>,
}

impl Baseline {
    /// A rule whose field was checked by [`crate::DetectorConfig::validate`]; none if it wasn't.
    pub(crate) fn new(rule: &BaselineRule) -> Option<Self> {
        Some(Self { metric: Metric::parse(&rule.field)?, rule: rule.clone(), windows: Recent::default() })
    }

    /// What it has learned, to be kept.
    pub(crate) fn windows(&self) -> &Recent<String, Window> {
        &self.windows
    }

    /// Takes up what an earlier run learned.
    pub(crate) fn resume(&mut self, windows: Recent<String, Window>) {
        self.windows = windows;
    }

    /// Compares the event's number with its baseline, then learns it unless it deviates.
    pub(crate) fn observe(&mut self, event: &Event) -> Option<Deviation> {
        let value = self.metric.read(event)?;
        let key = self.key(event)?;
        let now = event.timestamp.nanos();
        let width = i64::from(self.rule.window_h) * (3_600_000_000_000 / BUCKETS as i64);
        let window = self.windows.touch(&key, now, Window::default);
        let normal = window.moments(now, width);
        let deviation = normal.deviation();
        let score = (value - normal.mean) / deviation;
        let off = match self.rule.side {
            Side::Above => score > self.rule.deviations,
            Side::Below => score < -self.rule.deviations,
            Side::Both => score.abs() > self.rule.deviations,
        };
        let fires = normal.count >= self.rule.min_count && off;
        if !fires {
            window.learn(value, now, width);
        }
        while self.windows.pop_over(self.rule.max_keys).is_some() {}
        fires.then_some(Deviation { key, value, mean: normal.mean, deviation, score, count: normal.count })
    }

    fn key(&self, event: &Event) -> Option<String> {
        let of = match self.rule.per {
            Per::Agent => event.agent_key(),
            Per::Service => event.service.name.as_str(),
            Per::User => event.user_id()?,
            Per::Model => event.gen_ai.as_ref()?.model()?,
            Per::Tool => event.tool.as_ref()?.name.as_str(),
        };
        Some(format!("{}\u{1f}{of}", event.tenant.id))
    }
}

/// Buckets of a window.
const BUCKETS: usize = 24;
/// The smallest deviation that counts, as a share of the mean: numbers that never vary may vary this much.
const MIN_RELATIVE_DEVIATION: f64 = 0.05;

/// Count, mean and sum of squared deviations.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
    }

    fn merge(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        let share = other.count as f64 / count as f64;
        Self {
            count,
            mean: self.mean + delta * share,
            squares: self.squares + other.squares + delta * delta * self.count as f64 * share,
        }
    }

    fn deviation(&self) -> f64 {
        let sample = if self.count > 1 { (self.squares / (self.count - 1) as f64).max(0.0).sqrt() } else { 0.0 };
        sample.max(MIN_RELATIVE_DEVIATION * self.mean.abs()).max(1e-9)
    }
}

/// A ring of time buckets, the newest at `newest`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Window {
    buckets: [(i64, Moments); BUCKETS],
    newest: i64,
}

impl Window {
    /// What lies in the window that ends at `now` or at the newest event, whichever is later.
    fn moments(&self, now: i64, width: i64) -> Moments {
        let last = self.newest.max(now.div_euclid(width));
        let inside = |at: i64| at <= last && at > last - BUCKETS as i64;
        let held = self.buckets.iter().filter(|(at, m)| m.count > 0 && inside(*at));
        held.fold(Moments::default(), |sum, (_, m)| sum.merge(*m))
    }

    /// Learns a number in the bucket of its time; one older than the window is left out.
    fn learn(&mut self, value: f64, now: i64, width: i64) {
        let at = now.div_euclid(width);
        let (held, moments) = &mut self.buckets[at.rem_euclid(BUCKETS as i64) as usize];
        if moments.count > 0 && *held > at {
            return;
        }
        if *held != at {
            *moments = Moments::default();
            *held = at;
        }
        moments.add(value);
        self.newest = self.newest.max(at);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::llm;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600;

    fn prompt(seconds: i64, length: usize) -> Event {
        (*llm("s", seconds, &"x".repeat(length))).clone()
    }

    fn warm() -> Baseline {
        let mut baseline = Baseline::new(&BaselineRule::prompt_length()).unwrap();
        for i in 0..100 {
            assert_eq!(baseline.observe(&prompt(i * 60, 90 + (i as usize % 20))), None, "{i}");
        }
        baseline
    }

    #[test]
    fn a_spike_fires_and_does_not_widen_the_baseline() {
        let mut baseline = warm();
        let first = baseline.observe(&prompt(6_000, 400)).unwrap();
        assert!(first.score > 3.0 && first.count == 100);
        let again = baseline.observe(&prompt(6_001, 400)).unwrap();
        assert_eq!((again.mean, again.count), (first.mean, 100));
        assert_eq!(baseline.observe(&prompt(6_002, 105)), None);
        assert_eq!(baseline.observe(&prompt(6_003, 1)), None, "only the upper side counts");
    }

    #[test]
    fn nothing_is_said_before_there_is_enough_or_after_the_window_has_passed() {
        let mut fresh = Baseline::new(&BaselineRule::prompt_length()).unwrap();
        for i in 0..49 {
            assert_eq!(fresh.observe(&prompt(i, 10)), None);
        }
        assert_eq!(fresh.observe(&prompt(50, 5_000)), None, "one short of the minimum");
        assert_eq!(warm().observe(&prompt(26 * HOUR, 5_000)), None, "the window is empty again");
    }

    #[test]
    fn agents_have_their_own_baselines_and_memory_is_bounded() {
        let rule = BaselineRule { max_keys: 10, per: Per::User, ..BaselineRule::prompt_length() };
        let mut baseline = Baseline::new(&rule).unwrap();
        for i in 0..100 {
            let mut event = prompt(i, 50);
            event.user = Some(lapwing_event::User { id: format!("u{i}") });
            baseline.observe(&event);
        }
        assert_eq!(baseline.windows.len(), 10);
    }

    proptest! {
        #[test]
        fn order_within_the_window_does_not_matter(mut values in proptest::collection::vec((0i64..20 * HOUR, 1f64..1e4), 2..80)) {
            let width = HOUR * 1_000_000_000;
            let fill = |values: &[(i64, f64)]| {
                let mut window = Window::default();
                for (at, value) in values {
                    window.learn(*value, at * 1_000_000_000, width);
                }
                window.moments(20 * width, width)
            };
            let a = fill(&values);
            values.reverse();
            let b = fill(&values);
            let plain = values.iter().map(|v| v.1).sum::<f64>() / values.len() as f64;
            prop_assert_eq!(a.count, b.count);
            prop_assert!((a.mean - plain).abs() < 1e-6 && (a.mean - b.mean).abs() < 1e-6);
            prop_assert!((a.squares - b.squares).abs() <= 1e-6 * (1.0 + a.squares));
        }
    }
}
