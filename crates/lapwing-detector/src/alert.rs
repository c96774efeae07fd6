//! Alerts: a finding with its evidence, as an event of the alerts topic.

use lapwing_event::{Alert as Finding, AlertDraft, EventId, SanitizedEvent, Severity, Timestamp};
use serde_json::{Map, Value};

use crate::catalogue::{self, Entry};

/// A finding of the detector. Its id follows from rule, key and evidence: a replay raises the same alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    event: SanitizedEvent,
}

impl Alert {
    /// From a draft and the event that tipped the scale.
    pub(crate) fn new(draft: Draft, at: Timestamp, evidence: &SanitizedEvent) -> Self {
        let rule = catalogue::entry(&draft.rule_id);
        Self::assemble(draft, rule, tags(rule.owasp), tags(rule.atlas), at, evidence)
    }

    /// As [`Self::new`], with the tags of a rule that has its own.
    pub(crate) fn tagged(draft: Draft, own: &[String], at: Timestamp, evidence: &SanitizedEvent) -> Self {
        let of = |prefix: &str| own.iter().filter(|tag| tag.starts_with(prefix)).cloned().collect();
        let rule = catalogue::entry(&draft.rule_id);
        Self::assemble(draft, rule, of("owasp."), of("atlas."), at, evidence)
    }

    fn assemble(
        draft: Draft,
        rule: &Entry,
        owasp: Vec<String>,
        atlas: Vec<String>,
        at: Timestamp,
        evidence: &SanitizedEvent,
    ) -> Self {
        let title = draft.title.unwrap_or_else(|| rule.title.to_owned());
        let alert = Finding {
            rule_id: draft.rule_id,
            title: Some(title),
            severity: draft.severity.unwrap_or_else(|| rule.severity.clone()),
            score: Some(draft.score),
            threshold: Some(draft.threshold),
            owasp,
            atlas,
            event_ids: draft.event_ids,
            dedup_key: draft.dedup_key,
            status: "open".to_owned(),
            explanation: Some(draft.explanation),
        };
        Self { event: AlertDraft { alert, at }.into_event(evidence) }
    }

    /// The alert, saying how many others with its key were left out since the last one.
    pub(crate) fn repeated(self, repeats: u64) -> Self {
        if repeats == 0 {
            return self;
        }
        let mut finding = self.finding().clone();
        let words = finding.explanation.take().unwrap_or_default();
        finding.explanation = Some(format!("{words}; {repeats} more since the last alert of this kind were left out"));
        let attrs = self.event.attrs.clone();
        self.rebuilt(finding, attrs)
    }

    /// The alert with the parts of its explanation as fields of their own, under `attrs`.
    pub(crate) fn detailed(self, details: Map<String, Value>) -> Self {
        let finding = self.finding().clone();
        self.rebuilt(finding, details)
    }

    fn rebuilt(self, alert: Finding, attrs: Map<String, Value>) -> Self {
        let at = self.event.timestamp;
        Self { event: AlertDraft { alert, at }.into_event_with(&self.event, attrs) }
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

fn tags(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
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
