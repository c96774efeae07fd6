//! OpenTelemetry spans and log records as events: every generation of the GenAI conventions, OpenInference,
//! OpenLLMetry and MCP.
//!
//! The mapper knows nothing of the wire: a door decodes protobuf or JSON into [`Span`]s and [`Log`]s, whose attributes
//! are plain JSON. It is pure; ids follow from what a span is, so that an export sent twice is stored once. A span that
//! is not of GenAI becomes no event.
//!
//! ```
//! use lapwing_event::otlp::{Origin, Span, map_span};
//! use lapwing_event::{Arrival, TenantId, Timestamp};
//!
//! let arrival = Arrival::new(TenantId::default(), Timestamp::parse("2026-11-24T06:30:00Z").unwrap());
//! let span = Span {
//!     trace_id: vec![7; 16],
//!     span_id: vec![9; 8],
//!     start_nanos: 1_795_501_800_000_000_000,
//!     attributes: serde_json::from_str(r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}"#).unwrap(),
//!     ..Span::default()
//! };
//! let events = map_span(span, &Origin::default(), &arrival).unwrap();
//! assert_eq!(events[0].gen_ai.as_ref().unwrap().model(), Some("m"));
//! ```

mod attributes;
mod conversation;
mod envelope;
mod kind;
mod llm;
mod log;
mod message;
mod other;
mod section;
mod span;
mod tool;
mod valid;

#[cfg(test)]
mod tests;

pub(crate) use attributes::Attributes;
pub(crate) use conversation::Conversation;
pub use envelope::Origin;
pub(crate) use kind::{Subject, of_openinference, subject};
pub use log::{Log, MappedLogs, map_logs};
pub(crate) use section::fill;
pub use span::{Span, SpanEvent, Status, map_span};
pub(crate) use valid::flatten;
