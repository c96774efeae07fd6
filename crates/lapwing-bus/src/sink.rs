//! Writing to the bus.

use async_trait::async_trait;

use crate::{BusError, Record};

/// Writes records to topics.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Appends the records to the topic, in order for each key. `Ok` means that every one of them is durable:
    /// on disk with the embedded bus, acknowledged by all in-sync replicas with Kafka. After an error any part
    /// of them may have been written; sending them again may double records, never events, since ids tell.
    async fn send(&self, topic: &str, records: Vec<Record>) -> Result<(), BusError>;

    /// Answers once the bus is able to take records; for readiness checks.
    async fn ready(&self) -> Result<(), BusError>;
}
