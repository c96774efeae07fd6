//! Dynamic baselines: a number compared with what it was over a moving window, per agent, user, model or tool.
//!
//! A number is compared before it is learned, and one that deviates is not learned until a reviewer calls it benign: a
//! spike does not widen its own baseline. Rates, counts and distinct values are gathered in slots of five minutes and
//! compared when the slot is over. Sums are exact and time is the events' own, so that the order of arrival within the
//! allowed lateness changes nothing; memory for each key is fixed.

mod histogram;
mod moments;
mod slots;
mod window;

use lapwing_event::{EventId, SanitizedEvent, Severity};
use serde::{Deserialize, Serialize};

use crate::explain;
use crate::metric::Metric;
use crate::recent::Recent;
use crate::scope::{Only, Per};
use crate::session::Envelope;
pub use slots::Measure;
use slots::{SLOT, Slots};
use window::{Estimates, Normal, QUARTER, Window};

/// One baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRule {
    /// The alert's rule id.
    pub id: String,
    /// The number; see [`crate::ThresholdRule::field`].
    pub field: String,
    /// What of the number is compared. Default `value`.
    #[serde(default)]
    pub measure: Measure,
    /// Whose normal it is. Default `agent`.
    #[serde(default)]
    pub per: Per,
    /// Which events are looked at. Default all that have the number.
    #[serde(default, skip_serializing_if = "Only::is_all")]
    pub only: Only,
    /// What stands for normal. Default `classic`.
    #[serde(default)]
    pub estimate: Estimate,
    /// Which deviations count. Default `above`.
    #[serde(default)]
    pub side: Side,
    /// How many standard deviations from the mean. Default 3.
    #[serde(default = "three")]
    pub deviations: f64,
    /// Length of the moving window in hours, at most 168. Default 24.
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
    /// Numbers that one user may add to a quarter of an hour, so that nobody teaches the baseline alone. Default 1000.
    #[serde(default = "thousand")]
    pub max_per_user: u32,
}

/// What stands for normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Estimate {
    /// Mean and standard deviation over the window.
    #[default]
    Classic,
    /// Median and quartiles: outliers move neither.
    Robust,
    /// Mean and standard deviation of the hour of the day, once three days are known; until then as classic.
    Seasonal,
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

fn thousand() -> u32 {
    1_000
}

impl BaselineRule {
    fn new(id: &str, field: &str, measure: Measure, per: Per) -> Self {
        Self {
            id: id.to_owned(),
            field: field.to_owned(),
            measure,
            per,
            only: Only::default(),
            estimate: Estimate::Classic,
            side: Side::Above,
            deviations: three(),
            window_h: day(),
            min_count: fifty(),
            severity: low(),
            max_keys: if measure == Measure::Value { ten_thousand() } else { 2_000 },
            max_per_user: thousand(),
        }
    }

    /// `AID-22` on prompt length, per agent.
    pub(crate) fn prompt_length() -> Self {
        Self::new("AID-22", "content.prompt.length", Measure::Value, Per::Agent)
    }

    /// Those that run unless the operator says otherwise.
    pub(crate) fn defaults() -> Vec<Self> {
        let of = |id, field, measure, per, severity, deviations| Self {
            severity,
            deviations,
            ..Self::new(id, field, measure, per)
        };
        let calm = |rule: Self| Self { min_count: 100, ..rule };
        let (low, medium, high) = (Severity::Low, Severity::Medium, Severity::High);
        let robust = |rule: Self| Self { estimate: Estimate::Robust, ..rule };
        let below = |rule: Self| Self { side: Side::Below, ..rule };
        let seasonal = |rule: Self| Self { estimate: Estimate::Seasonal, ..rule };
        let llm = |rule: Self| Self { only: Only::kind("llm"), ..rule };
        vec![
            Self::prompt_length(),
            of("AID-22", "content.response.length", Measure::Mean, Per::Agent, low.clone(), 6.0),
            of("AID-15", "gen_ai.usage.input_tokens", Measure::Sum, Per::Agent, medium.clone(), 6.0),
            of("AID-15", "gen_ai.usage.output_tokens", Measure::Sum, Per::Agent, medium.clone(), 6.0),
            of("AID-15", "cost_usd", Measure::Mean, Per::Agent, medium.clone(), 6.0),
            robust(llm(of("AID-17", "latency_ms", Measure::Mean, Per::Model, low.clone(), 8.0))),
            of("AID-22", "scores.toxicity", Measure::Mean, Per::Agent, medium.clone(), 6.0),
            below(of("AID-22", "scores.sentiment", Measure::Mean, Per::Agent, low.clone(), 6.0)),
            of("AID-22", "refused", Measure::Mean, Per::Agent, low.clone(), 6.0),
            of("AID-22", "guardrail.triggered", Measure::Mean, Per::Agent, medium.clone(), 6.0),
            below(calm(seasonal(of("AID-20", "guardrail.triggered", Measure::Count, Per::Service, high.clone(), 6.0)))),
            of("AID-08", "sanitization.total", Measure::Mean, Per::Agent, high, 8.0),
            of("AID-23", "tool.failed", Measure::Mean, Per::Tool, medium.clone(), 6.0),
            calm(seasonal(llm(of("AID-22", "events", Measure::Count, Per::Agent, low.clone(), 8.0)))),
            of("AID-22", "tools", Measure::Distinct, Per::Agent, low.clone(), 6.0),
            of("AID-17", "failed", Measure::Mean, Per::Service, low.clone(), 6.0),
            calm(seasonal(of("AID-22", "events", Measure::Count, Per::Service, low.clone(), 10.0))),
            of("AID-22", "attrs.host.cpu", Measure::Mean, Per::Service, low.clone(), 6.0),
            of("AID-22", "attrs.host.memory", Measure::Mean, Per::Service, low, 6.0),
        ]
    }
}

/// A number off its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deviation {
    /// Whose number: tenant and name.
    pub(crate) key: String,
    pub(crate) value: f64,
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
    /// How many deviations from the mean, signed.
    pub(crate) score: f64,
    pub(crate) count: u64,
    /// The event that stands for it.
    pub(crate) event: Option<EventId>,
    /// When, in nanoseconds.
    pub(crate) at: i64,
}

/// What is known of one key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    window: Window,
    slots: Slots,
    /// Of the first event, where an alert is about many.
    envelope: Option<Box<Envelope>>,
}

/// What a baseline has learned.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Learned {
    known: Recent<String, Known>,
    /// The last slot that is over.
    over: Option<i64>,
}

/// A rule with what it has learned.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    pub(crate) rule: BaselineRule,
    metric: Metric,
    learned: Learned,
}

impl Baseline {
    /// A rule whose field was checked by [`crate::DetectorConfig::validate`]; none if it wasn't.
    pub(crate) fn new(rule: &BaselineRule) -> Option<Self> {
        Some(Self { metric: Metric::parse(&rule.field)?, rule: rule.clone(), learned: Learned::default() })
    }

    /// What tells this baseline from another: what was learned belongs to it as long as it stays the same.
    pub(crate) fn identity(&self) -> String {
        let rule = &self.rule;
        format!("{} {} {:?} {:?} {:?} {}", rule.id, rule.field, rule.measure, rule.per, rule.only, rule.window_h)
    }

    /// What it has learned, to be kept.
    pub(crate) fn learned(&self) -> &Learned {
        &self.learned
    }

    /// Takes up what an earlier run learned.
    pub(crate) fn resume(&mut self, learned: Learned) {
        self.learned = learned;
    }

    /// Takes in an event. A value is compared with its baseline and learned unless it deviates; of what is gathered
    /// in slots nothing is said before the slot is over.
    pub(crate) fn observe(&mut self, event: &SanitizedEvent) -> Option<Deviation> {
        let value = self.metric.read(event)?;
        if !self.rule.only.holds(event) {
            return None;
        }
        let key = self.rule.per.key(event)?;
        let now = event.timestamp.nanos();
        let known = self.learned.known.touch(&key, now, Known::default);
        let deviation = match self.rule.measure {
            Measure::Value => {
                let user = event.user_id().filter(|_| self.rule.per != Per::User).map(crate::behaviour::term_of);
                let found = compare(&self.rule, &mut known.window, value, now, 0.0, user);
                found.map(|normal| deviation(key, value, normal, Some(event.id), now))
            }
            _ => {
                let distinct = event.tool.as_ref().map(|tool| crate::behaviour::term_of(&tool.name));
                let over = self.learned.over.unwrap_or(i64::MIN);
                if known.envelope.is_none() {
                    known.envelope = self.rule.per.envelope(event).map(Box::new);
                }
                known.slots.add(now.div_euclid(SLOT), over, value, distinct, (now, event.id));
                None
            }
        };
        while self.learned.known.pop_over(self.rule.max_keys).is_some() {}
        deviation
    }

    /// Closes the slots that are over at `now` less `lateness`, in nanoseconds, and compares their numbers.
    pub(crate) fn advance(&mut self, now: i64, lateness: i64) -> Vec<Deviation> {
        let over = now.saturating_sub(lateness).div_euclid(SLOT) - 1;
        let first = self.learned.over.map_or(over, |before| before + 1).max(over - MAX_SLOTS + 1);
        if self.rule.measure == Measure::Value || first > over {
            return Vec::new();
        }
        let mut found = Vec::new();
        for at in first..=over {
            for (key, known) in self.learned.known.iter_mut() {
                found.extend(close(&self.rule, self.metric.is_share(), at, key, known));
            }
        }
        self.learned.over = Some(over);
        found.sort_by(|a: &Deviation, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        found
    }

    /// What an alert about this key inherits.
    pub(crate) fn envelope(&self, key: &str) -> Option<&SanitizedEvent> {
        self.learned.known.get(&key.to_owned())?.envelope.as_ref().map(|envelope| envelope.event())
    }

    /// Learns what deviated after all if an alert with this key, its tenant first, is one of this baseline's.
    pub(crate) fn release_alert(&mut self, key: &str) {
        let Some((tenant, rest)) = key.split_once('\u{1f}') else { return };
        if let Some(whose) = rest.strip_prefix(&format!("{}\u{1f}", explain::baseline_key(&self.rule))) {
            self.release(&format!("{tenant}\u{1f}{whose}"));
        }
    }

    /// Learns what deviated for this key after all.
    fn release(&mut self, key: &str) {
        if let Some(known) = self.learned.known.get_mut(&key.to_owned()) {
            known.window.release();
        }
    }
}

/// Slots that are closed at once, at most: a day's.
const MAX_SLOTS: i64 = 288;

fn close(rule: &BaselineRule, is_share: bool, at: i64, key: &str, known: &mut Known) -> Option<Deviation> {
    let slot = known.slots.close(at)?;
    let value = slot.number(rule.measure)?;
    let start = at * SLOT;
    let mean = known.window.normal(start, quarters(rule)).map_or(0.0, |estimates| pick(rule, &estimates).mean);
    let chance = slot.chance(rule.measure, mean, is_share);
    let normal = compare(rule, &mut known.window, value, start, chance, None)?;
    Some(deviation(key.to_owned(), value, normal, slot.evidence.map(|(_, event)| event), start + SLOT))
}

fn quarters(rule: &BaselineRule) -> i64 {
    i64::from(rule.window_h) * (3_600_000_000_000 / QUARTER)
}

fn pick(rule: &BaselineRule, estimates: &Estimates) -> Normal {
    match rule.estimate {
        Estimate::Classic => estimates.classic,
        Estimate::Robust => estimates.robust,
        Estimate::Seasonal => estimates.seasonal.unwrap_or(estimates.classic),
    }
}

/// Compares a number with what is normal; learns it, or gives what is normal if it deviates.
fn compare(
    rule: &BaselineRule,
    window: &mut Window,
    value: f64,
    now: i64,
    chance: f64,
    user: Option<u32>,
) -> Option<Normal> {
    let estimates = window.normal(now, quarters(rule))?;
    let mut normal = pick(rule, &estimates);
    normal.deviation = normal.deviation.max(chance);
    let score = (value - normal.mean) / normal.deviation;
    let off = match rule.side {
        Side::Above => score > rule.deviations,
        Side::Below => score < -rule.deviations,
        Side::Both => score.abs() > rule.deviations,
    };
    if off && estimates.classic.count >= rule.min_count {
        window.hold(value);
        return Some(normal);
    }
    window.learn(value, now, user, rule.max_per_user);
    None
}

fn deviation(key: String, value: f64, normal: Normal, event: Option<EventId>, at: i64) -> Deviation {
    let score = (value - normal.mean) / normal.deviation;
    Deviation { key, value, mean: normal.mean, deviation: normal.deviation, score, count: normal.count, event, at }
}

#[cfg(test)]
mod tests;
