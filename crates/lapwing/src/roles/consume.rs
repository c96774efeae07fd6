//! Reading a clean topic, batch by batch, through outages and gaps.

use std::time::Duration;

use anyhow::{Context, Result};
use lapwing_bus::{Batch, BusError, Record, Sink, Source, topics};
use lapwing_event::encode;
use lapwing_ingest::{event_record, gap_event};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::clock;

/// A batch holds at most this many records.
const MAX_RECORDS: usize = 1000;
/// How long a batch waits for its first record.
const WAIT: Duration = Duration::from_millis(500);
/// The pause before something that failed is tried again.
pub const RETRY: Duration = Duration::from_secs(1);

/// The next batch, empty if nothing came for a while; `None` once `stop` is set. An outage is waited out. A gap
/// (records that retention removed before they were read) becomes an event on the raw topic, which raises an alert,
/// and reading goes on behind it; a position that the bus does not have, since a topic was made anew, ends it.
pub async fn next_batch(
    reader: &str,
    source: &mut dyn Source,
    sink: &dyn Sink,
    stop: &CancellationToken,
) -> Result<Option<Batch>> {
    loop {
        let batch = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            batch = source.next_batch(MAX_RECORDS, WAIT) => batch,
        };
        match batch {
            Ok(batch) => return Ok(Some(batch)),
            Err(error) if error.is_retryable() => {
                warn!(%error, "bus not read, trying again");
                tokio::time::sleep(RETRY).await;
            }
            Err(BusError::Gap(gap)) => {
                error!(%gap, reader, "records were removed before they were read");
                let event = gap_event(reader, &gap, clock::now());
                send(sink, topics::RAW, vec![event_record(&event, encode(&event))], stop).await?;
            }
            Err(error) => return Err(error).context("read the bus"),
        }
    }
}

/// Sends, through an outage, until the bus has it; once `stop` is set an outage ends it.
pub async fn send(sink: &dyn Sink, topic: &str, records: Vec<Record>, stop: &CancellationToken) -> Result<()> {
    loop {
        match sink.send(topic, records.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_retryable() && !stop.is_cancelled() => {
                error!(%error, topic, records = records.len(), "bus takes nothing now, trying again");
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error).with_context(|| format!("write to {topic}")),
        }
    }
}
