//! Raw topic to clean topic: decode, sanitize, then write the outcome and move the offsets in one step.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use lapwing_bus::{Batch, BusError, Checkpoint, Gap, Message, Record, Transact, topics};
use lapwing_event::{
    Arrival, Event, EventId, MAX_EVENT_BYTES, Rejection, SanitizedEvent, TenantId, Timestamp, decode_raw,
};
use lapwing_sanitizer::Sanitizer;
use prometheus_client::registry::Registry;
use tracing::{error, warn};

use crate::dead_letter::dead_letter;
use crate::gap::gap_event;
use crate::intake::refuse_alerts;
use crate::metrics::{PipelineMetrics, Tally};
use crate::receipt::RejectionClass;
use crate::record::event_record;
use crate::{Clock, IngestConfig};

/// Why the pipeline stopped before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bus failed for good; a person is needed.
    #[error("ingest cannot go on with the bus")]
    Bus(#[from] BusError),
    /// A thread that sanitizes went away outside of any event.
    #[error("a sanitizing thread was lost")]
    Worker(#[from] tokio::task::JoinError),
}

type Sanitize = dyn Fn(Event) -> Result<SanitizedEvent, Rejection> + Send + Sync;

/// Reads the raw topic and writes the clean topic and the dead letters.
pub struct Pipeline {
    source: Box<dyn Transact>,
    sanitize: Arc<Sanitize>,
    config: IngestConfig,
    clock: Clock,
    metrics: PipelineMetrics,
    lag_measured: Option<Instant>,
}

impl Pipeline {
    /// A pipeline over `source`, which is subscribed to the raw topic as a member of a group. Its counters go to
    /// `registry`.
    pub fn new(
        source: Box<dyn Transact>,
        sanitizer: Arc<Sanitizer>,
        config: IngestConfig,
        clock: Clock,
        registry: &mut Registry,
    ) -> Self {
        let sanitize =
            move |event| sanitizer.sanitize(event).map_err(|failure| Rejection::new("$", failure.to_string()));
        Self::with(source, Arc::new(sanitize), config, clock, registry)
    }

    fn with(
        source: Box<dyn Transact>,
        sanitize: Arc<Sanitize>,
        config: IngestConfig,
        clock: Clock,
        registry: &mut Registry,
    ) -> Self {
        Self { source, sanitize, config, clock, metrics: PipelineMetrics::new(registry), lag_measured: None }
    }

    /// Works until `shutdown` completes; the batch at hand is finished first. While the bus is away it tries
    /// again, without end; what a step that failed had read is read again.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) -> Result<(), IngestError> {
        let mut shutdown = std::pin::pin!(shutdown.fuse());
        let mut pauses = backoff();
        loop {
            let reading = self.source.next_batch(self.config.batch_size, self.config.batch_wait());
            let batch = tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                batch = reading => batch,
            };
            let (done, pause) = match batch {
                Ok(batch) if batch.messages.is_empty() => (Ok(()), Duration::ZERO),
                Ok(batch) => (self.work(batch).await?, pauses.next().unwrap_or(MAX_PAUSE)),
                Err(BusError::Gap(gap)) => (self.note(&gap).await, pauses.next().unwrap_or(MAX_PAUSE)),
                // A reader finds its way back by itself; it only must not be asked without a pause.
                Err(error) => (Err(error), self.config.batch_wait()),
            };
            match done {
                Ok(()) => pauses = backoff(),
                Err(error) if error.is_retryable() => {
                    warn!(%error, topic = topics::RAW, "bus does not do its part now, trying again");
                    tokio::select! {
                        () = &mut shutdown => return Ok(()),
                        () = tokio::time::sleep(pause) => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
            self.measure_lag().await;
        }
    }

    /// Takes a batch to its end; the inner error is the bus's, after which the batch comes again.
    async fn work(&mut self, batch: Batch) -> Result<Result<(), BusError>, IngestError> {
        let checkpoint = checkpoint_after(&batch);
        let done = sanitize_batch(batch, &self.sanitize, &self.metrics, self.config.workers()).await?;
        let Yield { clean, dead, tally } = done;
        let written = self.source.send_and_commit(outputs(dead, clean), &checkpoint).await;
        if written.is_ok() {
            self.metrics.count(&tally);
        }
        Ok(written)
    }

    /// Puts on record what was lost, in one step with the offset behind it.
    async fn note(&mut self, gap: &Gap) -> Result<(), BusError> {
        error!(%gap, "records were removed before they were read");
        let sanitized = (self.sanitize)(gap_event("ingest", gap, (self.clock)()));
        let event = sanitized.map_err(|rejection| BusError::Fatal(format!("a gap cannot be noted: {rejection}")))?;
        let record = event_record(&event, event.encode());
        let mut checkpoint = Checkpoint::default();
        checkpoint.set(&gap.topic, gap.partition, gap.next);
        self.source.send_and_commit(outputs(Vec::new(), vec![record]), &checkpoint).await
    }

    /// Asking costs a round trip to the broker, so it is not done for every batch.
    async fn measure_lag(&mut self) {
        if self.lag_measured.is_some_and(|last| last.elapsed() < LAG_INTERVAL) {
            return;
        }
        self.lag_measured = Some(Instant::now());
        if let Ok(lag) = self.source.lag().await {
            self.metrics.lag.set(i64::try_from(lag).unwrap_or(i64::MAX));
        }
    }
}

/// What became of a part of a batch, in order, with what is counted once it is durable.
#[derive(Default)]
struct Yield {
    clean: Vec<Record>,
    dead: Vec<Record>,
    tally: Tally,
}

fn outputs(dead: Vec<Record>, clean: Vec<Record>) -> Vec<(String, Vec<Record>)> {
    let outputs = [(topics::DEAD_LETTERS, dead), (topics::CLEAN, clean)];
    let outputs = outputs.into_iter().filter(|(_, records)| !records.is_empty());
    outputs.map(|(topic, records)| (topic.to_owned(), records)).collect()
}

/// Sanitizes on several threads; the parts are put together again in order.
async fn sanitize_batch(
    batch: Batch,
    sanitize: &Arc<Sanitize>,
    metrics: &PipelineMetrics,
    workers: usize,
) -> Result<Yield, IngestError> {
    let mut messages = batch.messages;
    let part = messages.len().div_ceil(workers);
    let mut parts = Vec::with_capacity(workers);
    while !messages.is_empty() {
        let rest = messages.split_off(part.min(messages.len()));
        let (sanitize, metrics) = (Arc::clone(sanitize), metrics.clone());
        parts.push(tokio::task::spawn_blocking(move || sanitize_part(&messages, &*sanitize, &metrics)));
        messages = rest;
    }
    let mut all = Yield::default();
    for part in parts {
        let Yield { clean, dead, tally } = part.await?;
        all.clean.extend(clean);
        all.dead.extend(dead);
        all.tally.add(tally);
    }
    Ok(all)
}

/// Behind the last message of each partition.
fn checkpoint_after(batch: &Batch) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    for message in &batch.messages {
        checkpoint.set(&message.topic, message.partition, message.offset + 1);
    }
    checkpoint
}

fn sanitize_part(messages: &[Message], sanitize: &Sanitize, metrics: &PipelineMetrics) -> Yield {
    let mut part = Yield::default();
    for message in messages {
        let began = Instant::now();
        part.tally.records += 1;
        part.tally.bytes += message.record.value.len() as u64;
        match caught(|| decode(message)) {
            Ok(events) => {
                for event in events {
                    part.sanitized(message, caught(|| sanitize(event)));
                }
            }
            Err(rejection) => part.bury(message, RejectionClass::of(&rejection).as_str(), &rejection),
        }
        metrics.sanitize_seconds.observe(began.elapsed().as_secs_f64());
    }
    part
}

impl Yield {
    fn sanitized(&mut self, message: &Message, result: Result<SanitizedEvent, Rejection>) {
        match result.and_then(|event| encoded(&event).map(|bytes| (event, bytes))) {
            Ok((event, bytes)) => {
                self.tally.masked(&event.sanitization().counts);
                self.tally.clean += 1;
                self.clean.push(event_record(&event, bytes));
            }
            Err(rejection) => self.bury(message, "sanitize", &rejection),
        }
    }

    fn bury(&mut self, message: &Message, class: &'static str, rejection: &Rejection) {
        self.tally.dead_letter(class);
        let at = Timestamp::from_millis(message.timestamp_ms);
        self.dead.push(dead_letter(message, &rejection.field, &rejection.reason, at));
    }
}

/// The events of a raw record. Time and ids of what does not bring its own follow from the record's place, so
/// that reading it again gives the same events.
fn decode(message: &Message) -> Result<Vec<Event>, Rejection> {
    let arrival = Arrival::new(TenantId::default(), Timestamp::from_millis(message.timestamp_ms));
    let mut drawn = 0_u32;
    let mut entropy = |at| {
        drawn += 1;
        let (partition, offset) = (message.partition.to_be_bytes(), message.offset.to_be_bytes());
        let place: [&[u8]; 5] = [b"raw", message.topic.as_bytes(), &partition, &offset, &drawn.to_be_bytes()];
        let mut bits = [0; 10];
        bits.copy_from_slice(&EventId::derived(at, &place).as_uuid().as_bytes()[6..]);
        bits
    };
    decode_raw(&message.record.value, &arrival, &mut entropy).and_then(refuse_alerts)
}

/// What a cut event still exceeds would be refused by the bus, and hold up everything behind it.
fn encoded(event: &SanitizedEvent) -> Result<Vec<u8>, Rejection> {
    let bytes = event.encode();
    match bytes.len() {
        size if size > MAX_EVENT_BYTES => {
            Err(Rejection::new("$", format!("is {size} bytes long once sanitized; at most {MAX_EVENT_BYTES} are kept")))
        }
        _ => Ok(bytes),
    }
}

/// A panic is a fault of ours that one record provokes; the others must not pay for it.
fn caught<T>(work: impl FnOnce() -> Result<T, Rejection>) -> Result<T, Rejection> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        error!("a record made the pipeline panic; it goes to the dead letters");
        Err(Rejection::new("$", "could not be worked on: an internal fault"))
    })
}

const LAG_INTERVAL: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_secs(2);

fn backoff() -> impl Iterator<Item = Duration> {
    let pauses = ExponentialBuilder::new().with_min_delay(Duration::from_millis(100)).with_max_delay(MAX_PAUSE);
    pauses.without_max_times().build()
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
