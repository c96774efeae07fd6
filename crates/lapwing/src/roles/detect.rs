//! The clean topic through the detector to the alerts topic.
//!
//! Alerts are durable before the checkpoint that lets them be forgotten. After a crash the events since the last
//! checkpoint are seen again and raise the same alerts with the same ids, which the store keeps once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lapwing_bus::{Batch, Checkpoint, Sink, Source, topics};
use lapwing_detector::{Alert, Detector, DetectorConfig};
use lapwing_event::SanitizedEvent;
use lapwing_ingest::event_record;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::consume::{next_batch, send};
use super::metrics::DetectorGauges;
use super::reload::Reloaded;
use crate::clock;

/// How long no event must come before silence counts as the passing of time. A shorter pause may only be a partition
/// that is slower than another.
const SILENCE: Duration = Duration::from_secs(5);

/// How often state and offsets are written down.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(5);

/// A detector with the place it has read to, as kept in one file.
pub struct State {
    /// The detector.
    pub detector: Detector,
    /// What it has seen.
    pub checkpoint: Checkpoint,
    path: PathBuf,
}

impl State {
    /// Reads the file, or begins anew where there is none.
    pub fn open(path: PathBuf, config: DetectorConfig) -> Result<Self> {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let detector = Detector::new(config).context("prepare the detector")?;
                return Ok(Self { detector, checkpoint: Checkpoint::default(), path });
            }
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        };
        let line = bytes.iter().position(|byte| *byte == b'\n').context("the detector's state has no first line")?;
        let checkpoint =
            serde_json::from_slice(&bytes[..line]).context("read the checkpoint of the detector's state")?;
        let detector = Detector::restore(config, &bytes[line + 1..]);
        let detector = detector.with_context(|| {
            format!(
                "read {}; remove the file to let the detector learn again from what the bus still holds",
                path.display()
            )
        })?;
        if !detector.restarted().is_empty() {
            warn!(
                parts = detector.restarted().join(","),
                "an older version wrote these parts of the state; they are learned again"
            );
        }
        Ok(Self { detector, checkpoint, path })
    }

    /// The state as it stands now, to be written by whoever has the time.
    fn freeze(&self) -> Frozen {
        Frozen { path: self.path.clone(), checkpoint: self.checkpoint.clone(), snapshot: self.detector.snapshot() }
    }
}

/// A state that changes no more.
struct Frozen {
    path: PathBuf,
    checkpoint: Checkpoint,
    snapshot: Vec<u8>,
}

impl Frozen {
    /// Writes the file, at once or not at all: a line with the checkpoint, then the snapshot.
    fn save(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let new = self.path.with_extension("new");
        let mut file = fs::File::create(&new)?;
        serde_json::to_writer(&mut file, &self.checkpoint)?;
        file.write_all(b"\n")?;
        file.write_all(&self.snapshot)?;
        file.sync_all()?;
        #[cfg(feature = "faults")]
        fail::fail_point!("detector::save", |_| std::process::abort());
        fs::rename(&new, &self.path)?;
        #[cfg(feature = "faults")]
        fail::fail_point!("detector::saved", |_| std::process::abort());
        fs::File::open(folder)?.sync_all()?;
        Ok(())
    }
}

/// Writes states beside the reading, so that no alert waits for the disk. One at a time: a slow disk makes them rarer.
struct Saves {
    running: Option<JoinHandle<Result<()>>>,
    began: Instant,
    /// Whether anything was seen that is not being written.
    changed: bool,
}

impl Saves {
    fn new() -> Self {
        Self { running: None, began: Instant::now(), changed: false }
    }

    /// Starts to write the state where it is time and no other is being written.
    async fn when_due(&mut self, state: &State) {
        if self.running.as_ref().is_some_and(JoinHandle::is_finished) {
            self.finish().await;
        }
        if self.changed && self.running.is_none() && self.began.elapsed() >= CHECKPOINT_INTERVAL {
            let frozen = tokio::task::block_in_place(|| state.freeze());
            self.running = Some(tokio::task::spawn_blocking(move || frozen.save()));
            (self.began, self.changed) = (Instant::now(), false);
        }
    }

    /// Waits for the write that is running.
    async fn finish(&mut self) {
        let Some(running) = self.running.take() else { return };
        if let Err(error) = running.await.unwrap_or_else(|error| Err(error.into())) {
            // A full disk, most often: what was seen since the last checkpoint would only be seen again after a crash.
            warn!(%error, "detector state not written, trying again");
            self.changed = true;
        }
    }
}

/// Reads until `stop`, then writes the state down.
pub async fn run(
    mut source: Box<dyn Source>,
    sink: Arc<dyn Sink>,
    mut state: State,
    gauges: DetectorGauges,
    mut reloaded: Reloaded,
    stop: CancellationToken,
) -> Result<()> {
    let (mut saves, mut heard) = (Saves::new(), Instant::now());
    while let Some(batch) = next_batch("detector", source.as_mut(), sink.as_ref(), &stop).await? {
        if !batch.messages.is_empty() {
            heard = Instant::now();
        }
        if reloaded.has_changed().unwrap_or(false) {
            reconfigure(&mut state.detector, &mut reloaded);
        }
        let alerts = tokio::task::block_in_place(|| observe(&mut state.detector, &batch, heard.elapsed()));
        saves.changed |= !batch.messages.is_empty() || !alerts.is_empty();
        if !alerts.is_empty() {
            let records = alerts.iter().map(|alert| event_record(alert.event(), alert.event().encode())).collect();
            send(sink.as_ref(), topics::ALERTS, records, &stop).await?;
        }
        gauges.durable(&alerts, clock::now());
        state.checkpoint.try_advance(&batch).context("advance the detector's checkpoint")?;
        gauges.update(&state.detector);
        saves.when_due(&state).await;
    }
    saves.finish().await;
    state.freeze().save().context("write the detector's state")?;
    info!("detector state written");
    Ok(())
}

fn reconfigure(detector: &mut Detector, reloaded: &mut Reloaded) {
    let config = reloaded.borrow_and_update().clone();
    match config.map(|config| tokio::task::block_in_place(|| detector.reconfigure(config))) {
        Some(Ok(())) => info!("the detector runs with the new configuration"),
        Some(Err(error)) => error!(%error, "configuration not taken over, the old one stays in force"),
        None => {}
    }
}

fn observe(detector: &mut Detector, batch: &Batch, silence: Duration) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for message in &batch.messages {
        match SanitizedEvent::decode(&message.record.value) {
            Ok(event) => alerts.extend(detector.observe_on(message.partition, &event)),
            // The store writes the dead letter.
            Err(error) => warn!(%error, partition = message.partition, offset = message.offset, "event not looked at"),
        }
    }
    if let Some(latest) = detector.latest().filter(|_| silence >= SILENCE) {
        alerts.extend(detector.tick(latest + silence));
    }
    alerts
}
