//! The Lapwing event: what an AI application did, as one JSON object.
//!
//! This crate owns the types of event schema 1.0, their JSON codec, validation, limits, ids, and the
//! mappings from plain JSON and, in [`otlp`], from OpenTelemetry. It does no I/O, reads no clock and draws no randomness: a time and the bytes of
//! an id are arguments. [`SanitizedEvent`] is the type that the store and the detector accept; only the
//! sanitizer and the decoder of the clean topic make one.
//!
//! ```
//! use lapwing_event::{Arrival, TenantId, Timestamp, map_item};
//!
//! let arrival = Arrival::new(TenantId::default(), Timestamp::parse("2026-11-24T06:30:00Z").unwrap());
//! let events = map_item(br#"{"prompt":"hello","response":"hi","model_id":"m"}"#, &arrival, &mut |_| [7; 10]).unwrap();
//! assert_eq!(events[0].content.as_ref().unwrap().prompt.as_deref(), Some("hello"));
//! ```

mod alert;
mod cloud_events;
mod codec;
mod content;
mod event;
mod field;
mod id;
mod limits;
mod open_enum;
pub mod otlp;
mod plain;
mod sanitized;
#[cfg(feature = "json-schema")]
mod schema;
mod sections;
mod timestamp;
mod validate;
mod visit;

pub use alert::{Alert, AlertDraft, Severity};
pub use cloud_events::cloud_event_headers;
pub use codec::{Arrival, Entropy, Rejection, decode_raw, encode, map_item, map_object};
pub use content::{Content, GenAi, Named, Request, Response, Scores, Usage};
pub use event::{Agent, Event, Kind, Outcome, SCHEMA_VERSION, Service, Session, Source, Tenant, Truncation, User};
pub use field::{FIELDS, Field, IndexAs, Pii, field};
pub use id::{EventId, InteractionId, TenantId, TenantIdError};
pub use limits::{
    MAX_ATTR_BYTES, MAX_ATTR_DEPTH, MAX_ATTR_KEYS, MAX_DEPTH, MAX_DOCUMENTS, MAX_EVENT_BYTES, MAX_FIELDS,
    MAX_KEYWORD_BYTES, MAX_TOOLS,
};
pub use sanitized::{CleanDecodeError, Sanitization, SanitizationStatus, SanitizedEvent};
#[cfg(feature = "json-schema")]
pub use schema::json_schema;
pub use sections::{
    Audit, Document, ErrorDetail, Evaluation, Guardrail, GuardrailAction, GuardrailStage, Mcp, Retrieval, Review, Tool,
    ToolStatus, Verdict,
};
pub use timestamp::{Timestamp, TimestampError};
pub use validate::MAX_CLOCK_SKEW;
pub use visit::FieldVisitor;
