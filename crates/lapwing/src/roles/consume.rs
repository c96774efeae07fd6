//! Reading a clean topic, batch by batch, through outages and gaps.

use std::time::Duration;

use anyhow::{Context, Result};
use lapwing_bus::{Batch, BusError, Source};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

/// A batch holds at most this many records.
const MAX_RECORDS: usize = 1000;
/// How long a batch waits for its first record.
const WAIT: Duration = Duration::from_millis(500);
/// The pause before something that failed is tried again.
pub const RETRY: Duration = Duration::from_secs(1);

/// As many gaps in a row as there can be partitions with one; past that the position is not on the bus at all.
const MAX_GAPS: usize = 64;

/// The next batch, empty if nothing came for a while; `None` once `stop` is set. An outage is waited out. A gap
/// (records that retention removed before they were read) is logged as an error, and reading goes on behind it; a
/// position that the bus does not have, since a topic was made anew, ends it.
pub async fn next_batch(source: &mut dyn Source, stop: &CancellationToken) -> Result<Option<Batch>> {
    let mut gaps = 0;
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
            Err(BusError::OutOfRange(gap)) if gaps < MAX_GAPS => {
                error!(%gap, "records were removed before they were read");
                gaps += 1;
            }
            Err(error) => return Err(error).context("read the bus"),
        }
    }
}
