//! From the wire to the clean topic.
//!
//! Two halves that meet on the bus. The [`FrontDoor`] takes events over HTTP ([`api::router`]) and OpenTelemetry's exports
//! over HTTP and gRPC ([`api::otlp_router`], [`api::grpc_router`]), cuts a request into items so that a bad item costs only itself, and answers once the bus has acknowledged what it took. The
//! [`Pipeline`] reads the raw topic, decodes, sanitizes, and writes the clean topic; what cannot be decoded or
//! sanitized goes to the dead letters with a reason that holds no content, never to the clean topic. Both and the
//! offsets become durable in one step, so that a record has its effect once.
//!
//! Every way in is bounded: bytes before and after decompression, items, depth, requests in flight, waiting.
//!
//! ```
//! let config: lapwing_ingest::IngestConfig = serde_json::from_str(r#"{"max_items": 500}"#).unwrap();
//! assert_eq!((config.max_items, config.max_body_bytes), (500, 16 << 20));
//! assert!(config.faults().is_empty());
//! ```

pub mod api;
mod config;
mod dead_letter;
mod encoding;
mod front_door;
mod gap;
mod intake;
mod items;
mod metrics;
mod otlp;
mod pipeline;
mod rate;
mod receipt;
mod record;

pub use config::IngestConfig;
pub use dead_letter::dead_letter;
pub use front_door::{Clock, FrontDoor};
pub use gap::{EVENTS_LOST, gap_event};
#[doc(hidden)]
pub use otlp::check_any_export;
pub use pipeline::{IngestError, Pipeline};
pub use record::event_record;
