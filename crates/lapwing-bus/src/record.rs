//! What the bus carries.

use bytes::Bytes;

#[cfg(any(feature = "embedded", feature = "kafka"))]
use crate::BusError;

/// The most a record may hold, in bytes of key, value and headers; larger ones are refused.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

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

impl Record {
    /// The bytes of key, value and headers.
    pub fn payload_bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len());
        self.key.as_ref().map_or(0, Bytes::len) + self.value.len() + headers.sum::<usize>()
    }
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

#[cfg(any(feature = "embedded", feature = "kafka"))]
/// Refuses what no bus takes, before any of it is written.
pub(crate) fn check(topic: &str, records: &[Record]) -> Result<(), BusError> {
    check_topic(topic)?;
    match records.iter().map(Record::payload_bytes).find(|bytes| *bytes > MAX_RECORD_BYTES) {
        None => Ok(()),
        Some(bytes) => Err(BusError::Refused(format!(
            "a record for {topic} has {bytes} bytes, at most {MAX_RECORD_BYTES} are taken"
        ))),
    }
}

#[cfg(any(feature = "embedded", feature = "kafka"))]
/// Refuses a name that Kafka would refuse.
pub(crate) fn check_topic(topic: &str) -> Result<(), BusError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=249).contains(&topic.len()) && topic != "." && topic != ".." && topic.bytes().all(legal) {
        return Ok(());
    }
    Err(BusError::Refused(format!("{topic:?} is no topic name: use 1 to 249 letters, digits, '.', '_' or '-'")))
}
