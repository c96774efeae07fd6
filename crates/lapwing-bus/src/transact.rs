//! Consume, transform, produce: as one step.

use async_trait::async_trait;

use crate::{BusError, Checkpoint, Record, Source};

/// A group's reader whose effects are records on the same bus. What it produces and how far it has read become
/// durable together or not at all, so that each record has its effect exactly once.
#[async_trait]
pub trait Transact: Source {
    /// Appends the outputs, each to its topic, and moves the group's offsets to the checkpoint, in one atomic step.
    /// After an error, or when the call is cancelled, the step may have been taken or not; either way the reader
    /// goes back to what the group has durably committed, and the next batch begins there. A checkpoint that names a
    /// partition which this member no longer owns fails so, and nothing is appended.
    async fn send_and_commit(
        &mut self,
        outputs: Vec<(String, Vec<Record>)>,
        checkpoint: &Checkpoint,
    ) -> Result<(), BusError>;
}
