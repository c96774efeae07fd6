//! The event after the sanitizer: the only form that the store and the detector accept.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::Event;
use crate::open_enum::open_enum;

open_enum! {
    /// How far the sanitizer came.
    pub enum SanitizationStatus {
        /// Everything was looked at.
        Ok = "ok",
        /// Something could not be looked at and was removed.
        Partial = "partial",
        /// Nothing may be kept.
        Failed = "failed",
    }
}

/// `sanitization.*`: what the sanitizer did to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Sanitization {
    /// The version of the policy that was applied.
    pub policy_version: String,
    /// How far it came.
    pub status: SanitizationStatus,
    /// How many spans were masked.
    pub total: u32,
    /// How many of each type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u32>,
    /// The fields that held something, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// An event without personal data or secrets. It can be read as an [`Event`], not changed.
///
/// There are three ways to come by one: the sanitizer seals what it has cleaned, the reader of the clean topic
/// decodes what was sealed, and an alert is derived from sealed evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SanitizedEvent(Event);

/// The bytes are no event of the clean topic.
#[derive(Debug, thiserror::Error)]
pub enum CleanDecodeError {
    /// Not JSON, or not of the schema's shape.
    #[error("clean event is not of the schema")]
    Malformed(#[source] serde_json::Error),
    /// Nobody sanitized it.
    #[error("clean event has no sanitization record; only the ingest service may write to the clean topics")]
    Unsanitized,
}

impl SanitizedEvent {
    /// For the sanitizer alone: seals an event whose every string it has seen, with the record of what it did.
    /// Trace and span ids that are not hexadecimal are removed: nobody looked at them.
    /// A test of the workspace checks that nobody else calls this.
    pub fn seal(mut event: Event, record: Sanitization) -> Self {
        for id in [&mut event.trace_id, &mut event.span_id, &mut event.parent_span_id] {
            id.take_if(|id| id.len() > 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()));
        }
        event.sanitization = Some(record);
        Self(event)
    }

    /// Reads an event of a clean topic. Fields of a newer minor version are ignored.
    pub fn decode(bytes: &[u8]) -> Result<Self, CleanDecodeError> {
        let event: Event = serde_json::from_slice(bytes).map_err(CleanDecodeError::Malformed)?;
        match &event.sanitization {
            Some(record) if record.status != SanitizationStatus::Failed => Ok(Self(event)),
            _ => Err(CleanDecodeError::Unsanitized),
        }
    }

    /// For alerts: an event made of sanitized evidence inherits its record's policy, with nothing masked.
    pub(crate) fn derive(event: Event, evidence: &Self) -> Self {
        let record = evidence.sanitization();
        let record = Sanitization {
            policy_version: record.policy_version.clone(),
            status: record.status.clone(),
            total: 0,
            counts: BTreeMap::new(),
            fields: Vec::new(),
        };
        Self::seal(event, record)
    }

    /// What the sanitizer did.
    pub fn sanitization(&self) -> &Sanitization {
        self.0.sanitization.as_ref().expect("every constructor sets the record")
    }

    /// The event's JSON, as it stands on the clean topic.
    pub fn encode(&self) -> Vec<u8> {
        crate::encode(&self.0)
    }
}

impl Deref for SanitizedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.0
    }
}
