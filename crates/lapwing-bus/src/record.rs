//! What the bus carries.

use bytes::Bytes;

/// The topics of an installation.
pub mod topics {
    /// Events as they came in: the only place with raw content; short retention.
    pub const RAW: &str = "ai.events.raw";
    /// Sanitized events.
    pub const CLEAN: &str = "ai.events";
    /// What could not be decoded or sanitized, with a reason.
    pub const DEAD_LETTERS: &str = "ai.events.dlq";
    /// Alerts of the detector.
    pub const ALERTS: &str = "ai.alerts";
    /// All of them.
    pub const ALL: [&str; 4] = [RAW, CLEAN, DEAD_LETTERS, ALERTS];
}

/// A record to be written. Records with the same key keep their order, on one partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// What decides the partition; without a key any will do.
    pub key: Option<Bytes>,
    /// The content.
    pub value: Bytes,
    /// Names and values beside the content.
    pub headers: Vec<(String, Bytes)>,
}

/// A record that was read, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic it stands in.
    pub topic: String,
    /// The partition of the topic.
    pub partition: i32,
    /// Its offset in the partition, from 0.
    pub offset: i64,
    /// When it was appended, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The record.
    pub record: Record,
}

/// Messages in the order read; within a partition by offset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The messages.
    pub messages: Vec<Message>,
}
