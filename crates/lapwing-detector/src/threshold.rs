//! Static thresholds: a number of an event, or a count, sum or mean over a window, above or below a fixed bound, at
//! once or for a while.

use lapwing_event::{Event, Severity};
use serde::{Deserialize, Serialize};

use crate::metric::Metric;
use crate::recent::Recent;
use crate::scope::{Only, Per};

/// One threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdRule {
    /// The alert's rule id.
    pub id: String,
    /// The number: a numeric field of the schema; `content.prompt.length`, `content.response.length`,
    /// `tool.output.length`, `tool_names.count`; `events` (1 for every event), `tools` (1 for every tool call),
    /// `failed`, `refused`, `tool.failed`, `guardrail.triggered` (1 or 0); or `attrs.` and a path.
    pub field: String,
    /// What of the number is compared. Default `value`.
    #[serde(default)]
    pub measure: Rate,
    /// The window of a count, sum or mean in seconds of event time. Default 300.
    #[serde(default = "five_minutes")]
    pub window_s: u64,
    /// Alert when the number is larger than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Alert when the number is smaller than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Alert only once every event crossed the bound for so many seconds. Default 0: at once.
    #[serde(default, rename = "for")]
    pub for_s: u64,
    /// Whose numbers belong together. Default `agent`.
    #[serde(default)]
    pub per: Per,
    /// Which events are looked at. Default all that have the number.
    #[serde(default, skip_serializing_if = "Only::is_all")]
    pub only: Only,
    /// How urgent. Default medium.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// One line for a list. Default: field and bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Agents, users, models or tools remembered; the one quiet longest is forgotten. Default 10,000.
    #[serde(default = "ten_thousand")]
    pub max_keys: usize,
}

/// What a threshold compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rate {
    /// Every number by itself.
    #[default]
    Value,
    /// How many events of the window have the number.
    Count,
    /// The sum over the window.
    Sum,
    /// The mean over the window.
    Mean,
}

fn medium() -> Severity {
    Severity::Medium
}
fn five_minutes() -> u64 {
    300
}
fn ten_thousand() -> usize {
    10_000
}

impl ThresholdRule {
    /// `AID-21`: toxicity above 0.7.
    pub(crate) fn toxicity() -> Self {
        Self {
            id: "AID-21".to_owned(),
            field: "scores.toxicity".to_owned(),
            measure: Rate::Value,
            window_s: five_minutes(),
            above: Some(0.7),
            below: None,
            for_s: 0,
            per: Per::Agent,
            only: Only::default(),
            severity: Severity::Medium,
            title: Some("Toxicity above the threshold".to_owned()),
            max_keys: ten_thousand(),
        }
    }
}

/// A rule that is ready to run, with what it remembers.
#[derive(Debug, Clone)]
pub(crate) struct Threshold {
    pub(crate) rule: ThresholdRule,
    metric: Metric,
    held: HeldByKey,
}

/// What a threshold remembers, by whose numbers they are.
pub(crate) type HeldByKey = Recent<String, Held>;

/// What a threshold remembers of one agent, user, model or tool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Parts of the window, the oldest first: when, how many, and their sum.
    parts: Vec<(i64, u64, f64)>,
    /// Since when every event crossed the bound, and the last of them.
    crossed: Option<(i64, i64)>,
}

/// A number past its bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Crossed {
    pub(crate) value: f64,
    pub(crate) bound: f64,
    pub(crate) above: bool,
}

/// Parts into which a window is cut.
const PARTS: i64 = 20;

impl Threshold {
    /// A rule whose field was checked by [`crate::DetectorConfig::validate`]; none if it wasn't.
    pub(crate) fn new(rule: &ThresholdRule) -> Option<Self> {
        Some(Self { metric: Metric::parse(&rule.field)?, rule: rule.clone(), held: Recent::default() })
    }

    /// What tells this threshold from another.
    pub(crate) fn identity(&self) -> String {
        let rule = &self.rule;
        format!("{} {} {:?} {:?} {:?} {}", rule.id, rule.field, rule.measure, rule.per, rule.only, rule.window_s)
    }

    /// What it remembers, to be kept.
    pub(crate) fn held(&self) -> &HeldByKey {
        &self.held
    }

    /// Takes up what an earlier run remembered.
    pub(crate) fn resume(&mut self, held: HeldByKey) {
        self.held = held;
    }

    /// Whether the event crosses the bound, and has for long enough.
    pub(crate) fn check(&mut self, event: &Event) -> Option<Crossed> {
        let value = self.metric.read(event)?;
        if !self.rule.only.holds(event) {
            return None;
        }
        if self.rule.measure == Rate::Value && self.rule.for_s == 0 {
            return self.crosses(value);
        }
        let key = self.rule.per.key(event)?;
        let now = event.timestamp.nanos();
        let held = self.held.touch(&key, now, Held::default);
        let number = held.number(self.rule.measure, nanos(self.rule.window_s), now, value);
        let crossed = number.and_then(|number| self.crosses(number));
        let long_enough =
            self.held.get_mut(&key).is_some_and(|held| held.lasts(crossed.is_some(), now, nanos(self.rule.for_s)));
        while self.held.pop_over(self.rule.max_keys).is_some() {}
        crossed.filter(|_| long_enough)
    }

    fn crosses(&self, value: f64) -> Option<Crossed> {
        let over = self.rule.above.filter(|bound| value > *bound).map(|bound| Crossed { value, bound, above: true });
        over.or_else(|| {
            self.rule.below.filter(|bound| value < *bound).map(|bound| Crossed { value, bound, above: false })
        })
    }
}

impl Held {
    /// The number over the window that ends at `now`; none if `now` is behind the window.
    fn number(&mut self, measure: Rate, window: i64, now: i64, value: f64) -> Option<f64> {
        if measure == Rate::Value {
            return Some(value);
        }
        let part = now.div_euclid((window / PARTS).max(1));
        let newest = self.parts.last().map_or(part, |last| last.0.max(part));
        if part <= newest - PARTS {
            return None;
        }
        let place = self.parts.partition_point(|(at, ..)| *at < part);
        match self.parts.get_mut(place).filter(|(at, ..)| *at == part) {
            Some((_, count, sum)) => (*count, *sum) = (*count + 1, *sum + value),
            None => self.parts.insert(place, (part, 1, value)),
        }
        self.parts.retain(|(at, ..)| *at > newest - PARTS);
        let (count, sum) = self.parts.iter().fold((0, 0.0), |(n, total), (_, count, sum)| (n + count, total + sum));
        Some(match measure {
            Rate::Count => count as f64,
            Rate::Sum => sum,
            Rate::Mean | Rate::Value => sum / count as f64,
        })
    }

    /// Whether the bound has been crossed for `least` nanoseconds. A late event does not shorten the time.
    fn lasts(&mut self, crosses: bool, now: i64, least: i64) -> bool {
        let (since, last) = self.crossed.unwrap_or((now, now));
        if !crosses {
            if now >= last {
                self.crossed = None;
            }
            return false;
        }
        self.crossed = Some((since.min(now), last.max(now)));
        last.max(now) - since.min(now) >= least
    }
}

fn nanos(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::llm;
    use lapwing_event::Scores;

    fn event(seconds: i64, toxicity: Option<f64>) -> Event {
        let mut event = (*llm("s1", seconds, "hi")).clone();
        event.scores = Some(Scores { toxicity, sentiment: None });
        event
    }

    fn check(rule: &ThresholdRule, toxicity: Option<f64>, expect: bool) {
        assert_eq!(Threshold::new(rule).unwrap().check(&event(0, toxicity)).is_some(), expect, "{toxicity:?}");
    }

    #[test]
    fn only_what_is_past_the_bound_fires() {
        let rule = ThresholdRule::toxicity();
        check(&rule, Some(0.71), true);
        check(&rule, Some(0.7), false);
        check(&rule, Some(f64::NAN), false);
        check(&rule, None, false);
        check(&ThresholdRule { only: Only::kind("tool"), ..rule.clone() }, Some(0.9), false);
        let low = ThresholdRule { above: None, below: Some(0.1), ..rule };
        check(&low, Some(0.05), true);
        check(&low, Some(0.1), false);
    }

    /// How many of the events cross, given by their seconds and numbers.
    fn fired(rule: &str, events: &[(i64, f64)]) -> Vec<i64> {
        let mut threshold = Threshold::new(&serde_json::from_str(rule).unwrap()).unwrap();
        let fires = events.iter().filter(|(at, value)| threshold.check(&event(*at, Some(*value))).is_some());
        fires.map(|(at, _)| *at).collect()
    }

    #[test]
    fn a_bound_may_have_to_be_crossed_for_a_while() {
        let rule = r#"{"id":"X","field":"scores.toxicity","above":0.5,"for":60}"#;
        assert_eq!(
            fired(rule, &[(0, 0.9), (30, 0.9), (59, 0.9), (61, 0.9), (70, 0.1), (71, 0.9), (140, 0.9)]),
            [61, 140]
        );
    }

    #[test]
    fn counts_sums_and_means_go_over_a_window_of_event_time() {
        let rate = |measure: &str, above: f64| {
            format!(r#"{{"id":"X","field":"scores.toxicity","measure":"{measure}","window_s":60,"above":{above}}}"#)
        };
        let events: Vec<_> = (0..5).map(|i| (i * 10, 0.5)).chain([(500, 0.5)]).collect();
        assert_eq!(fired(&rate("count", 3.0), &events), [30, 40]);
        assert_eq!(fired(&rate("sum", 2.2), &events), [40]);
        assert_eq!(fired(&rate("mean", 0.6), &[(0, 0.9), (10, 0.1), (20, 0.9), (30, 0.9)]), [0, 20, 30]);
        assert_eq!(fired(&rate("count", 3.0), &[(40, 0.5), (0, 0.5), (30, 0.5), (10, 0.5)]), [10], "out of order");
    }
}
