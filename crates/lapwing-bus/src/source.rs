//! Reading from the bus.

use std::time::Duration;

use async_trait::async_trait;

#[cfg(any(feature = "embedded", feature = "kafka"))]
use crate::record::check_topic;
use crate::{Batch, BusError, Checkpoint};

/// Where a reader begins and who keeps its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The bus keeps the place, under the name of a group whose members share the partitions. A new group
    /// begins at the earliest record.
    Group(String),
    /// The reader keeps its own place and reads every partition from there; partitions that the checkpoint
    /// does not name are read from the earliest record. [`Source::commit`] does nothing.
    Checkpoint(Checkpoint),
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topics.
    pub topics: Vec<String>,
    /// Where to begin.
    pub start: Start,
}

#[cfg(any(feature = "embedded", feature = "kafka"))]
impl Subscription {
    /// Refuses a subscription that can never be read.
    pub(crate) fn check(&self) -> Result<(), BusError> {
        self.topics.iter().try_for_each(|topic| check_topic(topic))?;
        if self.topics.is_empty() {
            return Err(BusError::Refused("a subscription names no topic".into()));
        }
        match &self.start {
            Start::Group(group) if group.is_empty() || group.len() > 249 || group.contains('\0') => {
                Err(BusError::Refused(format!("{group:?} is no group name: use 1 to 249 bytes without NUL")))
            }
            _ => Ok(()),
        }
    }
}

/// Reads records of topics, each partition in order.
#[async_trait]
pub trait Source: Send {
    /// The next messages: at least one and at most `max`, or none if nothing came within `wait`. Cancelling
    /// the call loses nothing. Messages of partitions that were given to another member are not delivered
    /// after the handover.
    async fn next_batch(&mut self, max: usize, wait: Duration) -> Result<Batch, BusError>;

    /// Moves the group's offsets to the checkpoint, durably. Call it only after the effect of everything below
    /// the checkpoint is durable. Partitions that this member no longer owns are skipped.
    async fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), BusError>;

    /// How many records stand between this reader's position and the end, over its partitions.
    async fn lag(&mut self) -> Result<u64, BusError>;
}
