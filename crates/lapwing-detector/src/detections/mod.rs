//! Small detections that remember something and that no rule language expresses: one file each.
//!
//! Each keeps what it knows by tenant and agent, user, tool or service, bounded, the one quiet longest forgotten first.
//! None reads a clock.

mod definition;
mod dominance;
mod exfiltration;
mod first_use;
mod links;
mod prompt_leak;
mod rephrasing;
mod silence;
mod templates;
mod words;

use std::collections::BTreeMap;

use lapwing_event::{EventId, SanitizedEvent};
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Draft};
use crate::snapshot::Parts;

/// Settings of the stateful detections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionsConfig {
    /// Whether they run. Default true.
    pub enabled: bool,
    /// Detections that are switched off, such as `AID-11`.
    pub disabled: Vec<String>,
    /// Domains that links may carry data to (`AID-09`), with their subdomains.
    pub allowed_domains: Vec<String>,
    /// The tools that an agent may use (`AID-11`); an agent that is not named here learns its own.
    pub allowed_tools: BTreeMap<String, Vec<String>>,
    /// A service that was never silent for so long, in seconds, is not called silent before (`AID-20`). Default 1800.
    pub min_silence_s: u64,
    /// Agents, users, sessions, tools or services that one detection remembers. Default 10,000.
    pub max_keys: usize,
}

impl Default for DetectionsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            disabled: Vec::new(),
            allowed_domains: Vec::new(),
            allowed_tools: BTreeMap::new(),
            min_silence_s: 1_800,
            max_keys: 10_000,
        }
    }
}

/// What they all remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detections {
    rephrasing: rephrasing::Rephrasing,
    prompt_leak: prompt_leak::PromptLeak,
    exfiltration: exfiltration::Exfiltration,
    first_use: first_use::FirstUse,
    definition: definition::Definitions,
    templates: templates::Templates,
    dominance: dominance::Dominance,
    silence: silence::Silence,
}

impl Detections {
    /// The alerts that an event raises. `lateness` is how late an event may come, in nanoseconds.
    pub(crate) fn observe(&mut self, event: &SanitizedEvent, config: &DetectionsConfig, lateness: i64) -> Vec<Alert> {
        if !config.enabled {
            return Vec::new();
        }
        let max = config.max_keys;
        let found = [
            self.rephrasing.observe(event, max),
            self.prompt_leak.observe(event, max),
            links::observe(event, &config.allowed_domains),
            self.exfiltration.observe(event, max),
            self.first_use.observe(event, &config.allowed_tools, max),
            self.definition.observe(event, max),
            self.templates.observe(event, lateness, max),
            self.dominance.observe(event, max),
            self.silence.observe(event, max),
        ];
        let allowed = found.into_iter().flatten().filter(|draft| !config.disabled.contains(&draft.rule_id));
        allowed.map(|draft| Alert::new(draft, event.timestamp, event)).collect()
    }

    /// The services that have gone silent by `now`, in nanoseconds of event time.
    pub(crate) fn silent(&mut self, now: i64, config: &DetectionsConfig) -> Vec<Alert> {
        if !config.enabled || config.disabled.iter().any(|id| id == silence::ID) {
            return Vec::new();
        }
        let least = i64::try_from(config.min_silence_s).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        self.silence.silent(now, least)
    }

    /// Adds what is remembered to a snapshot, a part for each detection.
    pub(crate) fn save(&self, parts: &mut Parts) {
        parts.put("rephrasing", 1, &self.rephrasing);
        parts.put("prompt_leak", 1, &self.prompt_leak);
        parts.put("exfiltration", 1, &self.exfiltration);
        parts.put("first_use", 1, &self.first_use);
        parts.put("definition", 1, &self.definition);
        parts.put("templates", 1, &self.templates);
        parts.put("dominance", 1, &self.dominance);
        parts.put("silence", 1, &self.silence);
    }

    /// Takes up what an earlier run remembered.
    pub(crate) fn load(parts: &mut Parts) -> Self {
        Self {
            rephrasing: parts.take("rephrasing", 1).unwrap_or_default(),
            prompt_leak: parts.take("prompt_leak", 1).unwrap_or_default(),
            exfiltration: parts.take("exfiltration", 1).unwrap_or_default(),
            first_use: parts.take("first_use", 1).unwrap_or_default(),
            definition: parts.take("definition", 1).unwrap_or_default(),
            templates: parts.take("templates", 1).unwrap_or_default(),
            dominance: parts.take("dominance", 1).unwrap_or_default(),
            silence: parts.take("silence", 1).unwrap_or_default(),
        }
    }
}

/// A finding; title and severity are the catalogue's.
fn finding(id: &str, (score, threshold): (f64, f64), event_ids: Vec<EventId>, key: &str, explanation: String) -> Draft {
    Draft {
        rule_id: id.to_owned(),
        title: None,
        severity: None,
        score,
        threshold,
        event_ids,
        dedup_key: format!("{id}\u{1f}{key}"),
        explanation,
    }
}
