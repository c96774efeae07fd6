//! The clean topics into the store: documents and offsets become durable together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use lapwing_bus::{Batch, Checkpoint, Record, Sink, Source, topics};
use lapwing_event::{SanitizedEvent, Timestamp};
use lapwing_ingest::dead_letter;
use lapwing_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::consume::{RETRY, next_batch, send};
use crate::clock;

/// Where the store's own position says that reading should begin.
pub fn start(store: &Store) -> Result<Checkpoint> {
    match store.position() {
        Some(position) => serde_json::from_str(&position).context("read the checkpoint in the store's commits"),
        None => Ok(Checkpoint::default()),
    }
}

/// Reads until `stop`, then commits what was read.
pub async fn run(
    mut source: Box<dyn Source>,
    sink: Arc<dyn Sink>,
    store: Arc<Store>,
    mut checkpoint: Checkpoint,
    stop: CancellationToken,
) -> Result<()> {
    while let Some(batch) = next_batch("store", source.as_mut(), sink.as_ref(), &stop).await? {
        if batch.messages.is_empty() {
            continue;
        }
        let (events, undecodable) = decode(&batch, clock::now());
        if !undecodable.is_empty() {
            send(sink.as_ref(), topics::DEAD_LETTERS, undecodable, &stop).await?;
        }
        checkpoint.try_advance(&batch).context("advance the store's checkpoint")?;
        let position = serde_json::to_string(&checkpoint).context("write the checkpoint")?;
        append(&store, events, position, &stop).await?;
    }
    store.close().await.context("close the store")
}

/// How often what is past its retention is removed.
const RETENTION_INTERVAL: Duration = Duration::from_secs(3600);

/// Removes what is past its retention, now and every hour, until `stop`. A failure is logged and tried again.
pub async fn keep_retention(store: Arc<Store>, stop: CancellationToken) -> Result<()> {
    let mut pace = tokio::time::interval(RETENTION_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = pace.tick() => {}
        }
        match store.enforce_retention(clock::now()).await {
            Ok(removed) => debug!(?removed, "retention kept"),
            Err(error) => warn!(%error, "retention not kept, trying again in an hour"),
        }
    }
}

fn decode(batch: &Batch, at: Timestamp) -> (Vec<SanitizedEvent>, Vec<Record>) {
    let (mut events, mut undecodable) = (Vec::with_capacity(batch.messages.len()), Vec::new());
    for message in &batch.messages {
        match SanitizedEvent::decode(&message.record.value) {
            Ok(event) => events.push(event),
            Err(error) => undecodable.push(dead_letter(message, "$", &error.to_string(), at)),
        }
    }
    (events, undecodable)
}

/// Hands the events to the store; while it has no room, reading waits and searches go on.
async fn append(store: &Store, events: Vec<SanitizedEvent>, position: String, stop: &CancellationToken) -> Result<()> {
    loop {
        match store.append(events.clone(), position.clone()).await {
            Ok(()) => return Ok(()),
            Err(error @ StoreError::Retry { .. }) if !stop.is_cancelled() => {
                warn!(%error, "store takes nothing now, trying again");
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error).context("append to the store"),
        }
    }
}
