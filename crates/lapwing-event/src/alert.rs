//! The alert section, and how an alert is made from sanitized evidence.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::open_enum::open_enum;
use crate::{Event, EventId, Kind, SanitizedEvent, Timestamp};

open_enum! {
    /// How urgent an alert is.
    pub enum Severity {
        /// For the record.
        Info = "info",
        /// Look when there is time.
        Low = "low",
        /// Look today.
        Medium = "medium",
        /// Look now.
        High = "high",
        /// Act now.
        Critical = "critical",
    }
}

/// `alert.*`: a finding of the detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Alert {
    /// The detection, such as `AID-21`.
    pub rule_id: String,
    /// One line for a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How urgent.
    pub severity: Severity,
    /// The detection's score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The threshold that the score passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// OWASP tags, such as `owasp.llm01-2025`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owasp: Vec<String>,
    /// MITRE ATLAS tags, such as `atlas.aml.t0051.001`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub atlas: Vec<String>,
    /// The evidence.
    pub event_ids: Vec<EventId>,
    /// Alerts with the same key are one finding.
    pub dedup_key: String,
    /// `open`, `acknowledged`, `closed`.
    pub status: String,
    /// Why it fired, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

/// What a detection has to say, before it becomes an event.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertDraft {
    /// The finding.
    pub alert: Alert,
    /// When, in event time.
    pub at: Timestamp,
}

impl AlertDraft {
    /// The alert as an event. It takes tenant, service, agent, user, session, trace and the sanitization
    /// record from `evidence`, the event that tipped the scale; its words come from the detector and from
    /// sanitized events, so it needs no second sanitizing. The id follows from tenant, rule, dedup key and
    /// evidence, so that a replay raises the same alert and not another.
    pub fn into_event(self, evidence: &SanitizedEvent) -> SanitizedEvent {
        self.into_event_with(evidence, Map::new())
    }

    /// As [`Self::into_event`], with the parts of the explanation as fields of their own under `attrs`.
    pub fn into_event_with(self, evidence: &SanitizedEvent, attrs: Map<String, Value>) -> SanitizedEvent {
        let Self { alert, at } = self;
        let mut parts: Vec<&[u8]> = vec![b"alert", evidence.tenant.id.as_str().as_bytes(), alert.rule_id.as_bytes()];
        parts.push(alert.dedup_key.as_bytes());
        parts.extend(alert.event_ids.iter().map(|id| id.as_uuid().as_bytes().as_slice()));
        let id = EventId::derived(at, &parts);

        let mut event = Event::new(Kind::Alert, id, at, &evidence.service.name);
        event.interaction_id = evidence.interaction_id;
        event.received_at = evidence.received_at;
        event.tenant = evidence.tenant.clone();
        event.environment.clone_from(&evidence.environment);
        event.service = evidence.service.clone();
        event.agent.clone_from(&evidence.agent);
        event.user.clone_from(&evidence.user);
        event.session.clone_from(&evidence.session);
        event.trace_id.clone_from(&evidence.trace_id);
        event.source.format = "detector".to_owned();
        event.alert = Some(Box::new(alert));
        event.attrs = attrs;
        SanitizedEvent::derive(event, evidence)
    }
}
