//! What reviewers say about alerts: how often each rule is right, and what an alert held back from learning.
//!
//! An alert is found by its id, or by one of its events. The last verdict on an alert counts.

use std::collections::BTreeMap;

use lapwing_event::{EventId, Review, Verdict};
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::recent::Recent;

/// Alerts that can still be reviewed; the oldest are forgotten first.
const MAX_ALERTS: usize = 20_000;

/// How reviewers judged the alerts of one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// The alert was right.
    pub right: u64,
    /// The alert was wrong, or what it found is harmless.
    pub wrong: u64,
}

impl Verdicts {
    /// The share of reviewed alerts that were right.
    pub fn precision(&self) -> Option<f64> {
        let all = self.right + self.wrong;
        (all > 0).then(|| self.right as f64 / all as f64)
    }
}

/// The alerts that were raised, and what was said about them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Feedback {
    raised: Recent<EventId, Raised>,
    by_rule: BTreeMap<String, Verdicts>,
}

/// An alert, as far as a verdict on it needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Raised {
    pub(crate) tenant: String,
    pub(crate) rule: String,
    /// The alert's key, with its tenant.
    pub(crate) key: String,
    /// The session that it is about, by the key of its records.
    pub(crate) session: String,
    /// Whether it was right, once somebody said.
    verdict: Option<bool>,
}

impl Feedback {
    /// Remembers an alert.
    pub(crate) fn raised(&mut self, alert: &Alert, key: &str) {
        let event = alert.event();
        let make = || Raised {
            tenant: event.tenant.id.to_string(),
            rule: alert.finding().rule_id.clone(),
            key: key.to_owned(),
            session: event.partition_key(),
            verdict: None,
        };
        self.raised.touch(&event.id, event.timestamp.nanos(), make);
        while self.raised.pop_over(MAX_ALERTS).is_some() {}
    }

    /// Takes in a verdict of a reviewer of `tenant`; the alert, and whether it was right, if nobody had said so yet.
    pub(crate) fn review(&mut self, review: &Review, tenant: &str) -> Option<(Raised, bool)> {
        let right = match review.verdict {
            Verdict::TruePositive => true,
            Verdict::FalsePositive | Verdict::Benign => false,
            Verdict::Escalate | Verdict::Other(_) => return None,
        };
        let id = review.target_id.parse::<EventId>().ok()?;
        let raised = self.raised.get_mut(&id).filter(|raised| raised.tenant == tenant)?;
        if raised.verdict == Some(right) {
            return None;
        }
        let counts = self.by_rule.entry(raised.rule.clone()).or_default();
        match raised.verdict.replace(right) {
            Some(true) => counts.right = counts.right.saturating_sub(1),
            Some(false) => counts.wrong = counts.wrong.saturating_sub(1),
            None => {}
        }
        *(if right { &mut counts.right } else { &mut counts.wrong }) += 1;
        Some((raised.clone(), right))
    }

    /// The verdicts by rule.
    pub(crate) fn by_rule(&self) -> &BTreeMap<String, Verdicts> {
        &self.by_rule
    }
}
