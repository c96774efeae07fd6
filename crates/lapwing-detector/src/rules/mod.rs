//! Rules: Sigma 2.1 in YAML, matched against the events of their kind, and correlations of matches in event time.
//!
//! This module owns reading, checking and testing rules, and the matches that correlations remember. It reads no
//! files: the built-in rules are part of the program, others come as text.

mod builtin;
mod correlation;
mod examples;
mod set;
mod source;
mod view;

pub use set::{RuleSet, RuleSummary};
pub use source::{RuleFault, RuleText};

use std::collections::BTreeMap;
use std::sync::Arc;

use lapwing_event::SanitizedEvent;
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Draft};
use crate::recent::Recent;
use correlation::Bounds;
pub(crate) use correlation::Timeline;
use set::Hit;

/// Settings of the rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Whether the built-in rules run. Default true.
    pub builtin: bool,
    /// A file or folder with Sigma rules (`.yml`) beside the built-in ones; a rule with the id or name of a built-in
    /// one replaces it. Whoever makes the detector reads it into `texts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<std::path::PathBuf>,
    /// What was read from `path`.
    #[serde(skip)]
    pub texts: Vec<RuleText>,
    /// Rules that are switched off, by detection (`AID-01`), name or id.
    pub disabled: Vec<String>,
    /// Groups that one correlation remembers; the one quiet longest is forgotten. Default 10,000.
    pub max_groups: usize,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { builtin: true, path: None, texts: Vec::new(), disabled: Vec::new(), max_groups: 10_000 }
    }
}

impl RulesConfig {
    /// The rules in force, or all that is wrong with them.
    pub fn compile(&self) -> Result<RuleSet, Vec<RuleFault>> {
        let builtin = if self.builtin { builtin::texts() } else { Vec::new() };
        RuleSet::compile(builtin.iter().chain(&self.texts), &self.disabled)
    }
}

/// What the correlations remember, by the correlation's key.
pub(crate) type RuleState = BTreeMap<String, Recent<String, Timeline>>;

/// The rules at work.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    set: Arc<RuleSet>,
    state: RuleState,
    bounds: Bounds,
}

impl Rules {
    pub(crate) fn new(config: &RulesConfig, lateness: i64) -> Result<Self, Vec<RuleFault>> {
        let bounds = Bounds { lateness, groups: config.max_groups };
        Ok(Self { set: Arc::new(config.compile()?), state: RuleState::new(), bounds })
    }

    /// What is remembered, to be kept.
    pub(crate) fn state(&self) -> &RuleState {
        &self.state
    }

    /// Takes up what an earlier run remembered, as far as the correlations are still there.
    pub(crate) fn resume(&mut self, mut state: RuleState) {
        state.retain(|key, _| self.set.has_correlation(key));
        self.state = state;
    }

    /// The alerts that an event raises.
    pub(crate) fn observe(&mut self, event: &SanitizedEvent) -> Vec<Alert> {
        let hits = self.set.observe(event, &mut self.state, self.bounds);
        hits.iter().map(|hit| alert(hit, event)).collect()
    }
}

fn alert(hit: &Hit<'_>, event: &SanitizedEvent) -> Alert {
    let rule = hit.rule;
    let finds = rule.description.as_ref().unwrap_or(&rule.title);
    let words = match hit.group.is_some() {
        true => format!("{finds}: {} events", hit.events.len()),
        false => format!("{finds}: found in {}", hit.matched),
    };
    let draft = Draft {
        rule_id: rule.detection.clone(),
        title: Some(rule.title.clone()),
        severity: Some(rule.severity.clone()),
        score: hit.events.len() as f64,
        threshold: hit.needed as f64,
        event_ids: hit.events.clone(),
        dedup_key: match &hit.group {
            Some(group) => format!("{}\u{1f}{}\u{1f}{group}", rule.detection, rule.key),
            None => format!("{}\u{1f}{}\u{1f}{}", rule.detection, rule.key, event.partition_key()),
        },
        explanation: words,
    };
    Alert::tagged(draft, &rule.tags, event.timestamp, event)
}
