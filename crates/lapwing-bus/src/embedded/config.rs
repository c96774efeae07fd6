//! Settings of the embedded bus.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BusError, topics};

const HOUR_MS: u64 = 60 * 60 * 1000;
const GIB: u64 = 1 << 30;

/// The most partitions of a topic.
const MAX_PARTITIONS: u32 = 1000;

/// Settings of the embedded bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedConfig {
    /// Partitions of a topic. They are fixed when the topic is first used; a later change has no effect on it.
    pub partitions: u32,
    /// How long records of topics that `topic_retention` does not name are kept.
    pub retention: Retention,
    /// How long records are kept, by topic.
    pub topic_retention: BTreeMap<String, Retention>,
    /// How often retention is applied, in milliseconds.
    pub retention_interval_ms: u64,
    /// Appends are refused with [`Full`](crate::BusError::Full) while the disk has less room than this, in bytes:
    /// what the storage engine needs to flush and compact what it has already acknowledged.
    pub reserve_bytes: u64,
}

/// How long the records of a topic are kept: until they are too old or too many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Age in milliseconds after which a record is removed, once every known group has committed it.
    pub retention_ms: u64,
    /// Bytes that the records of a topic may take, shared evenly by its partitions. Above it the oldest records
    /// are removed even if a group has not read them; that is counted and the group's reader is told.
    pub retention_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { retention_ms: 7 * 24 * HOUR_MS, retention_bytes: 8 * GIB }
    }
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        let raw = Retention { retention_ms: 72 * HOUR_MS, ..Retention::default() };
        Self {
            partitions: 4,
            retention: Retention::default(),
            topic_retention: BTreeMap::from([(topics::RAW.to_owned(), raw)]),
            retention_interval_ms: 60_000,
            reserve_bytes: GIB / 4,
        }
    }
}

impl EmbeddedConfig {
    pub(super) fn check(&self) -> Result<(), BusError> {
        match self.partitions {
            1..=MAX_PARTITIONS => Ok(()),
            other => Err(BusError::Refused(format!("partitions is {other}, set it to 1 to {MAX_PARTITIONS}"))),
        }
    }

    /// The retention of a topic.
    pub fn retention_of(&self, topic: &str) -> &Retention {
        self.topic_retention.get(topic).unwrap_or(&self.retention)
    }
}
