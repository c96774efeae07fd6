//! What the store has set aside as damaged, told as an event: its events were acknowledged, and whoever searches for
//! them must learn that they are not served. It raises an alert, as every loss does.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use lapwing_bus::{Sink, topics};
use lapwing_event::{ErrorDetail, Event, EventId, Kind, Outcome, Timestamp, encode};
use lapwing_ingest::{EVENTS_LOST, event_record};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::consume::send;
use crate::clock;

/// How often it is looked for partitions that were set aside.
const PACE: Duration = Duration::from_secs(2);

/// The file in a partition that was set aside which says that it was told.
const TOLD: &str = "told";

/// Tells of each partition below `quarantine` once, until `stop`.
pub async fn tell(quarantine: PathBuf, sink: Arc<dyn Sink>, stop: CancellationToken) -> Result<()> {
    let mut pace = tokio::time::interval(PACE);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = pace.tick() => {}
        }
        for place in untold(&quarantine)? {
            let event = loss(&place, clock::now());
            send(sink.as_ref(), topics::RAW, vec![event_record(&event, encode(&event))], &stop).await?;
            // Where it cannot be marked, the same event is sent again, which is stored once.
            if let Err(error) = File::create(place.join(TOLD)).and_then(|file| file.sync_all()) {
                warn!(%error, place = %place.display(), "partition that was set aside is told again");
            }
        }
    }
}

fn untold(quarantine: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(quarantine) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let places = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(places.into_iter().filter(|place| !place.join(TOLD).exists()).collect())
}

/// It belongs to the default tenant, the operator's: the partition holds events of all tenants. The id follows from
/// its place and age.
fn loss(place: &Path, at: Timestamp) -> Event {
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let partition = name.rsplit_once('.').map_or(name.as_str(), |(partition, _)| partition);
    let changed = fs::metadata(place).and_then(|meta| meta.modified()).ok();
    let since = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
    let id = EventId::derived(Timestamp::default() + since, &[b"set aside", name.as_bytes()]);
    let mut event = Event::new(Kind::Error, id, at, "lapwing");
    event.outcome = Outcome::Error;
    event.error = Some(Box::new(ErrorDetail {
        kind: EVENTS_LOST.to_owned(),
        message: Some(format!(
            "store: partition {partition} is damaged and was set aside as quarantine/{name}; its events are not found \
             until it is restored from a snapshot, or what the bus still holds is read again (lapwing store \
             forget-position)"
        )),
        code: None,
        retryable: Some(false),
        stack: None,
    }));
    event.attrs.insert("set_aside".to_owned(), json!({"partition": partition, "place": name}));
    event
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_set_aside_is_told_until_it_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        let quarantine = folder.path().join("quarantine");
        assert!(untold(&quarantine).unwrap().is_empty(), "there is no such folder on a sound disk");
        let place = quarantine.join("2026-11-23.0002.0");
        fs::create_dir_all(&place).unwrap();
        assert_eq!(untold(&quarantine).unwrap(), std::slice::from_ref(&place));

        let at = Timestamp::from_millis(1_795_501_800_000);
        let event = loss(&place, at);
        let said = event.error.as_ref().unwrap().message.clone().unwrap();
        assert!(said.contains("partition 2026-11-23.0002 is damaged"), "{said}");
        assert_eq!(loss(&place, Timestamp::from_millis(0)).id, event.id, "the same loss is the same event");

        File::create(place.join(TOLD)).unwrap();
        assert!(untold(&quarantine).unwrap().is_empty());
    }
}
