//! The bus that events travel on: topics of ordered, durable records.
//!
//! [`Sink`] writes, [`Source`] reads, [`Transact`] does both as one step, [`Checkpoint`] says how far a reader's
//! effects are durable. There are two implementations, which pass one conformance suite (`tests/`): [`kafka`] for a
//! company and [`embedded`], a durable log on local disk, for one machine. This crate moves bytes; it does not know
//! what an event is.

mod checkpoint;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
#[cfg(feature = "kafka")]
pub mod kafka;
mod record;
mod sink;
mod source;
mod transact;

pub use checkpoint::{Checkpoint, Overlap};
pub use error::{BusError, Gap};
pub use record::{Batch, MAX_RECORD_BYTES, Message, Record, topics};
pub use sink::Sink;
pub use source::{Source, Start, Subscription};
pub use transact::Transact;
