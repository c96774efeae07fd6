//! Alerts: a finding with its evidence, as an event of the alerts topic.

use lapwing_event::{Alert as Finding, AlertDraft, EventId, SanitizedEvent, Severity, Timestamp};

/// A finding of the detector. Its id follows from rule, key and evidence: a replay raises the same alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    event: SanitizedEvent,
}

impl Alert {
    /// From a draft and the event that tipped the scale.
    pub(crate) fn new(draft: Draft, at: Timestamp, evidence: &SanitizedEvent) -> Self {
        let rule = catalogue(&draft.rule_id);
        let title = draft.title.unwrap_or_else(|| rule.title.to_owned());
        let tags = |tags: &[&str]| tags.iter().map(|t| (*t).to_owned()).collect();
        let alert = Finding {
            rule_id: draft.rule_id,
            title: Some(title),
            severity: draft.severity.unwrap_or_else(|| rule.severity.clone()),
            score: Some(draft.score),
            threshold: Some(draft.threshold),
            owasp: tags(rule.owasp),
            atlas: tags(rule.atlas),
            event_ids: draft.event_ids,
            dedup_key: draft.dedup_key,
            status: "open".to_owned(),
            explanation: Some(draft.explanation),
        };
        Self { event: AlertDraft { alert, at }.into_event(evidence) }
    }

    /// The finding: rule, severity, score, threshold, evidence and why.
    pub fn finding(&self) -> &Finding {
        self.event.alert.as_deref().expect("an alert event has its alert section")
    }

    /// The alert as an event of kind `alert`.
    pub fn event(&self) -> &SanitizedEvent {
        &self.event
    }

    /// The alert as an event of kind `alert`.
    pub fn into_event(self) -> SanitizedEvent {
        self.event
    }
}

/// What a detection has to say.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) rule_id: String,
    /// Instead of the catalogue's.
    pub(crate) title: Option<String>,
    /// Instead of the catalogue's.
    pub(crate) severity: Option<Severity>,
    pub(crate) score: f64,
    pub(crate) threshold: f64,
    pub(crate) event_ids: Vec<EventId>,
    pub(crate) dedup_key: String,
    pub(crate) explanation: String,
}

/// What is fixed about a detection.
struct Rule {
    id: &'static str,
    title: &'static str,
    severity: Severity,
    owasp: &'static [&'static str],
    atlas: &'static [&'static str],
}

/// The detections that this crate raises; a rule of the operator's own gets the last entry.
const CATALOGUE: &[Rule] = &[
    Rule { id: "AID-21", title: "Toxicity above the threshold", severity: Severity::Medium, owasp: &[], atlas: &[] },
    Rule {
        id: "AID-22",
        title: "A metric is off its baseline",
        severity: Severity::Low,
        owasp: &["owasp.llm10-2025"],
        atlas: &[],
    },
    Rule {
        id: "AID-30",
        title: "An order of tool calls unlike this agent's history",
        severity: Severity::Medium,
        owasp: &["owasp.llm06-2025", "owasp.asi02-2026"],
        atlas: &["atlas.aml.t0053"],
    },
    Rule {
        id: "AID-31",
        title: "A call follows untrusted tool output and not the user",
        severity: Severity::High,
        owasp: &["owasp.llm01-2025", "owasp.asi01-2026"],
        atlas: &["atlas.aml.t0051.001"],
    },
    Rule {
        id: "AID-32",
        title: "A session that does not hold together",
        severity: Severity::Medium,
        owasp: &["owasp.llm06-2025", "owasp.asi02-2026"],
        atlas: &["atlas.aml.t0053"],
    },
    Rule { id: "", title: "A threshold was passed", severity: Severity::Medium, owasp: &[], atlas: &[] },
];

fn catalogue(id: &str) -> &'static Rule {
    CATALOGUE.iter().find(|rule| rule.id == id).unwrap_or(&CATALOGUE[CATALOGUE.len() - 1])
}
