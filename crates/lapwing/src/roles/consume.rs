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

/// The next batch, empty if nothing came for a while; `None` once `stop` is set. An outage is waited out. A gap
/// (records that retention removed before they were read) is logged as an error once, and reading goes on behind it.
pub async fn next_batch(source: &mut dyn Source, stop: &CancellationToken) -> Result<Option<Batch>> {
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
            Err(BusError::OutOfRange(gap)) => {
                error!(%gap, "records were removed before they were read");
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error).context("read the bus"),
        }
    }
}
