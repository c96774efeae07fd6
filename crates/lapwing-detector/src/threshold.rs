//! Static thresholds: a number of an event above or below a fixed bound.

use lapwing_event::{Event, Severity};
use serde::{Deserialize, Serialize};

use crate::metric::Metric;

/// One threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdRule {
    /// The alert's rule id.
    pub id: String,
    /// The number: a numeric field of the schema, `content.prompt.length`, `content.response.length`,
    /// `tool.output.length`, `tool_names.count`, or `attrs.` and a path.
    pub field: String,
    /// Alert when the number is larger than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Alert when the number is smaller than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// How urgent. Default medium.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// One line for a list. Default: field and bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

fn medium() -> Severity {
    Severity::Medium
}

impl ThresholdRule {
    /// `AID-21`: toxicity above 0.7.
    pub(crate) fn toxicity() -> Self {
        Self {
            id: "AID-21".to_owned(),
            field: "scores.toxicity".to_owned(),
            above: Some(0.7),
            below: None,
            severity: Severity::Medium,
            title: Some("Toxicity above the threshold".to_owned()),
        }
    }
}

/// A rule that is ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Threshold {
    pub(crate) rule: ThresholdRule,
    metric: Metric,
}

/// A number past its bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Crossed {
    pub(crate) value: f64,
    pub(crate) bound: f64,
    pub(crate) above: bool,
}

impl Threshold {
    /// A rule whose field was checked by [`crate::DetectorConfig::validate`]; none if it wasn't.
    pub(crate) fn new(rule: &ThresholdRule) -> Option<Self> {
        Some(Self { metric: Metric::parse(&rule.field)?, rule: rule.clone() })
    }

    /// Whether the event crosses the bound.
    pub(crate) fn check(&self, event: &Event) -> Option<Crossed> {
        let value = self.metric.read(event)?;
        let over = self.rule.above.filter(|bound| value > *bound).map(|bound| Crossed { value, bound, above: true });
        over.or_else(|| {
            self.rule.below.filter(|bound| value < *bound).map(|bound| Crossed { value, bound, above: false })
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lapwing_event::Scores;

    fn check(rule: &ThresholdRule, toxicity: Option<f64>, expect: bool) {
        let mut event = (*crate::testing::llm("s1", 0, "hi")).clone();
        event.scores = Some(Scores { toxicity, sentiment: None });
        assert_eq!(Threshold::new(rule).unwrap().check(&event).is_some(), expect, "{toxicity:?}");
    }

    #[test]
    fn only_what_is_past_the_bound_fires() {
        let rule = ThresholdRule::toxicity();
        check(&rule, Some(0.71), true);
        check(&rule, Some(0.7), false);
        check(&rule, Some(f64::NAN), false);
        check(&rule, None, false);
        let low = ThresholdRule { above: None, below: Some(0.1), ..rule };
        check(&low, Some(0.05), true);
        check(&low, Some(0.1), false);
    }
}
