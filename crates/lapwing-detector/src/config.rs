//! What an operator can set. Every key has a default; unknown keys are refused.

use lapwing_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::DetectorError;
use crate::alert::Alert;
use crate::baseline::BaselineRule;
use crate::behaviour::{ModelConfig, TraceLimits};
use crate::detections::DetectionsConfig;
use crate::metric::Metric;
use crate::rules::RulesConfig;
use crate::scope::Only;
use crate::threshold::ThresholdRule;

/// The detector's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorConfig {
    /// Static thresholds on numeric fields. Default: `AID-21`, `scores.toxicity` above 0.7.
    pub thresholds: Vec<ThresholdRule>,
    /// Dynamic baselines over a moving window: prompt and response length, tokens, cost, latency, toxicity, sentiment,
    /// refusals, guardrails, masked data, tool failures, calls, tools, errors, events, host.
    pub baselines: Vec<BaselineRule>,
    /// What is normal for an agent, and how sure an alarm has to be.
    pub behaviour: BehaviourConfig,
    /// Sigma rules.
    pub rules: RulesConfig,
    /// Stateful detections.
    pub detections: DetectionsConfig,
    /// How many seconds late an event may come and still find its place in a window. Default 300.
    pub allowed_lateness_s: u64,
    /// Alerts with the same key within this many seconds of event time are one. Default 3600.
    pub dedup_window_s: u64,
    /// After a reviewer called an alert wrong or benign, its key is silent for this many seconds. Default 86,400.
    pub review_silence_s: u64,
    /// What is not alerted on, by rule and by tenant, agent or user, for a time.
    pub silences: Vec<Silence>,
    /// Keys remembered for deduplication; the oldest are forgotten first. Default 50,000.
    pub dedup_keys: usize,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self {
            thresholds: vec![ThresholdRule::toxicity()],
            baselines: BaselineRule::defaults(),
            behaviour: BehaviourConfig::default(),
            rules: RulesConfig::default(),
            detections: DetectionsConfig::default(),
            allowed_lateness_s: 300,
            dedup_window_s: 3_600,
            review_silence_s: 86_400,
            silences: Vec::new(),
            dedup_keys: 50_000,
        }
    }
}

/// What is not alerted on. At least one of its parts must be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Silence {
    /// The rule's id, such as `AID-11`; without it, all rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Only::is_all")]
    pub only: Only,
    /// RFC 3339; without it, always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Silence {
    /// Whether it holds for an alert.
    pub(crate) fn holds(&self, alert: &Alert) -> bool {
        self.rule.as_deref().is_none_or(|rule| rule == alert.finding().rule_id)
            && self.only.holds(alert.event())
            && self.until.is_none_or(|until| alert.event().timestamp < until)
    }
}

/// Settings of the behaviour channels (sequence, provenance, consistency).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BehaviourConfig {
    /// Whether tool calls are watched at all. Default true.
    pub enabled: bool,
    /// The budget: the share of an agent's normal sessions that may raise an alarm. Default 0.01.
    pub false_alarm_rate: f64,
    /// How sure the history-free features must be, 0 to 1, while an agent's history is too short for the budget
    /// (fewer than `1 / false_alarm_rate` sessions). Default 0.8.
    pub cold_probability: f64,
    /// How sure the provenance channel must be at least, 0 to 1, whatever the budget allows. Default 0.5.
    pub min_probability: f64,
    /// A session without an event for this many seconds of event time is over and is scored. Default 600.
    pub session_idle_s: u64,
    /// Sessions in progress; past this the one idle longest is closed early. Default 10,000.
    pub max_sessions: usize,
    /// Agents with a model; past this the one idle longest is forgotten. Default 256.
    pub max_agents: usize,
    /// Normal sessions kept of one agent, the newest. Default 500.
    pub max_history: usize,
    /// Sessions of an agent from which its first model is fitted. Default 20.
    pub min_history: usize,
    /// Sessions of one user that an agent's model learns in an hour of event time: what one user does over and over
    /// does not become normal by that. Sessions that name no user count as one user's. Default 500.
    pub max_per_user: u32,
    /// How the models learn.
    pub model: ModelConfig,
    /// How much of one session is kept.
    pub limits: TraceLimits,
}

impl Default for BehaviourConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            false_alarm_rate: 0.01,
            cold_probability: 0.8,
            min_probability: 0.5,
            session_idle_s: 600,
            max_sessions: 10_000,
            max_agents: 256,
            max_history: 500,
            min_history: 20,
            max_per_user: 500,
            model: ModelConfig::default(),
            limits: TraceLimits::default(),
        }
    }
}

impl DetectorConfig {
    /// Checks what the types cannot: that numbers are in range and that fields exist.
    pub fn validate(&self) -> Result<(), DetectorError> {
        for rule in &self.thresholds {
            metric(&format!("detector.thresholds[{}].field", rule.id), &rule.field)?;
            if rule.window_s == 0 || rule.max_keys == 0 {
                return Err(invalid(
                    &format!("detector.thresholds[{}]", rule.id),
                    "`window_s` and `max_keys` must be above 0",
                ));
            }
            if rule.above.is_none() && rule.below.is_none() {
                return Err(invalid(&format!("detector.thresholds[{}]", rule.id), "set `above`, `below` or both"));
            }
        }
        for rule in &self.baselines {
            let key = format!("detector.baselines[{}]", rule.id);
            metric(&format!("{key}.field"), &rule.field)?;
            if !(rule.deviations > 0.0 && rule.deviations.is_finite()) || rule.max_keys == 0 {
                return Err(invalid(&key, "`deviations` and `max_keys` must be above 0"));
            }
            if !(1..=168).contains(&rule.window_h) {
                return Err(invalid(&key, "`window_h` must lie between 1 and 168"));
            }
        }
        for (at, silence) in self.silences.iter().enumerate() {
            let only = &silence.only;
            if silence.rule.is_none() && only.is_all() {
                return Err(invalid(
                    &format!("detector.silences[{at}]"),
                    "name a `rule`, or whom it is about under `only`",
                ));
            }
            if only.kind.is_some() || only.model.is_some() || only.tool.is_some() {
                return Err(invalid(
                    &format!("detector.silences[{at}].only"),
                    "an alert knows `tenant`, `agent` and `user`",
                ));
            }
        }
        if self.allowed_lateness_s > 900 {
            return Err(invalid(
                "detector.allowed_lateness_s",
                "must be at most 900: baselines close a quarter of an hour after the next",
            ));
        }
        if self.detections.max_keys == 0 {
            return Err(invalid("detector.detections.max_keys", "must be above 0"));
        }
        if self.rules.max_groups == 0 {
            return Err(invalid("detector.rules.max_groups", "must be above 0"));
        }
        self.behaviour.validate()
    }
}

impl BehaviourConfig {
    fn validate(&self) -> Result<(), DetectorError> {
        let open = |v: f64| v > 0.0 && v < 1.0;
        let closed = |v: f64| (0.0..=1.0).contains(&v);
        let checks = [
            ("false_alarm_rate", open(self.false_alarm_rate), "must lie between 0 and 1"),
            ("cold_probability", closed(self.cold_probability), "must lie between 0 and 1"),
            ("min_probability", closed(self.min_probability), "must lie between 0 and 1"),
            ("session_idle_s", self.session_idle_s > 0, "must be above 0"),
            ("max_sessions", self.max_sessions > 0, "must be above 0"),
            ("max_agents", self.max_agents > 0, "must be above 0"),
            ("min_history", self.min_history > 1, "must be at least 2"),
            ("max_per_user", self.max_per_user > 0, "must be above 0"),
            ("max_history", self.max_history >= self.min_history, "must be at least `min_history`"),
            ("model.sequence_order", (1..=16).contains(&self.model.sequence_order), "must lie between 1 and 16"),
            ("model.folds", (2..=50).contains(&self.model.folds), "must lie between 2 and 50"),
        ];
        match checks.iter().find(|(_, ok, _)| !ok) {
            Some((key, _, fix)) => Err(invalid(&format!("detector.behaviour.{key}"), fix)),
            None => Ok(()),
        }
    }
}

fn metric(key: &str, field: &str) -> Result<(), DetectorError> {
    Metric::parse(field).map(|_| ()).ok_or_else(|| {
        invalid(
            key,
            &format!("`{field}` is no numeric field; use one of the schema, `content.prompt.length`, `events`, `failed`, `refused`, `tool.failed`, `guardrail.triggered`, `tools` or `attrs.…`"),
        )
    })
}

fn invalid(key: &str, problem: &str) -> DetectorError {
    DetectorError::Config { key: key.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_json() {
        let config = DetectorConfig::default();
        config.validate().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<DetectorConfig>(&json).unwrap(), config);
        assert!(serde_json::from_str::<DetectorConfig>(r#"{"tresholds":[]}"#).is_err());
    }

    #[test]
    fn a_fault_names_its_key() {
        let check = |json: &str, key: &str| {
            let config: DetectorConfig = serde_json::from_str(json).unwrap();
            let fault = config.validate().unwrap_err().to_string();
            assert!(fault.contains(key), "{json}: {fault}");
        };
        check(r#"{"thresholds":[{"id":"X","field":"nope","above":1}]}"#, "thresholds[X].field");
        check(r#"{"thresholds":[{"id":"X","field":"cost_usd"}]}"#, "thresholds[X]");
        check(r#"{"baselines":[{"id":"B","field":"cost_usd","deviations":0}]}"#, "baselines[B]");
        check(r#"{"baselines":[{"id":"B","field":"cost_usd","window_h":200}]}"#, "baselines[B]");
        check(r#"{"thresholds":[{"id":"X","field":"cost_usd","above":1,"window_s":0}]}"#, "thresholds[X]");
        check(r#"{"silences":[{}]}"#, "silences[0]");
        check(r#"{"silences":[{"rule":"AID-01","only":{"tool":"t"}}]}"#, "silences[0].only");
        check(r#"{"allowed_lateness_s":1000}"#, "allowed_lateness_s");
        check(r#"{"behaviour":{"false_alarm_rate":0}}"#, "behaviour.false_alarm_rate");
        check(r#"{"behaviour":{"max_history":3}}"#, "behaviour.max_history");
    }
}
