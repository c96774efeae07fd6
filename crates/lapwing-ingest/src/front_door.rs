//! Taking in a request's body, whatever protocol brought it: admission, decompression, mapping, the bus.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lapwing_bus::{BusError, Record, Sink, topics};
use lapwing_event::{Arrival, Timestamp};
use prometheus_client::registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{error, warn};
use uuid::Uuid;

use crate::IngestConfig;
use crate::encoding::{Encoding, EncodingFault, Limits, decompress};
use crate::intake::{Intake, take_in};
use crate::metrics::FrontDoorMetrics;
use crate::otlp::{DecodeFault, Exported, Format, Signal, decode, take_in_export};
use crate::rate::{Caller, RateLimits, TooFast};
use crate::receipt::Receipt;

/// Says what time it is, so that tests can.
pub type Clock = fn() -> Timestamp;

/// Where events come in. Clones share their bounds and counters.
#[derive(Clone)]
pub struct FrontDoor {
    shared: Arc<Shared>,
}

struct Shared {
    sink: Arc<dyn Sink>,
    config: IngestConfig,
    clock: Clock,
    metrics: FrontDoorMetrics,
    rates: RateLimits,
    /// In units of [`ADMISSION_UNIT`].
    in_flight: Arc<Semaphore>,
}

/// A semaphore counts in `u32`; in KiB that reaches to 4 TiB.
const ADMISSION_UNIT: usize = 1 << 10;

/// How long a client that was sent away should wait.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A body as it came, with what its headers say.
#[derive(Debug)]
pub(crate) struct Body {
    pub bytes: Bytes,
    pub encoding: Encoding,
    /// One item a line, whatever it looks like.
    pub lines: bool,
}

/// An OTLP export as it came.
#[derive(Debug)]
pub(crate) struct ExportBody {
    pub bytes: Bytes,
    pub encoding: Encoding,
    pub signal: Signal,
    pub format: Format,
}

/// Why a request as a whole was not taken. Nothing of it may be taken for stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("body has no items; send a JSON object, an array of objects, or one object a line")]
    Empty,
    #[error("body has more than {0} items; send fewer in a request")]
    TooManyItems(usize),
    #[error(transparent)]
    Encoding(#[from] EncodingFault),
    #[error(transparent)]
    Decode(#[from] DecodeFault),
    #[error(transparent)]
    TooFast(#[from] TooFast),
    #[error("server is busy; try again")]
    Busy,
    #[error("bus does not take events now; try again")]
    BusUnavailable,
    #[error("bus has no room for events; they are taken again once its disk has room")]
    NoRoom,
    #[error("bus refused the request's events")]
    BusRefused,
    #[error("request could not be worked on")]
    Failed,
}

impl FrontDoor {
    /// A front door before this bus. Its counters go to `registry`.
    pub fn new(sink: Arc<dyn Sink>, config: IngestConfig, clock: Clock, registry: &mut Registry) -> Self {
        let in_flight = Arc::new(Semaphore::new(units(config.max_in_flight_bytes) as usize));
        let metrics = FrontDoorMetrics::new(registry);
        let rates = RateLimits::new(&config);
        Self { shared: Arc::new(Shared { sink, config, clock, metrics, rates, in_flight }) }
    }

    pub(crate) fn config(&self) -> &IngestConfig {
        &self.shared.config
    }

    fn limits(&self) -> Limits {
        let config = self.config();
        Limits { max_bytes: config.max_body_bytes, max_ratio: config.max_decompression_ratio }
    }

    /// How long a body may be after decompression that was `sent` bytes long before it.
    pub(crate) fn bound(&self, sent: usize) -> usize {
        Encoding::Gzip.bound(sent, self.limits())
    }

    /// Waits for room for a body of `sent` bytes, and what they may become, until the permit is dropped.
    pub(crate) async fn admit(&self, sent: usize, encoding: Encoding) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = encoding.bound(sent, self.limits()).min(self.config().max_in_flight_bytes);
        let permit = self.shared.in_flight.clone().acquire_many_owned(units(bytes));
        match tokio::time::timeout(self.config().admission_timeout(), permit).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                self.shared.metrics.refused("busy");
                Err(Refusal::Busy)
            }
        }
    }

    /// Takes the body in; the receipt comes once everything it claims is durable.
    pub(crate) async fn accept(&self, caller: Caller, body: Body) -> Result<Receipt, Refusal> {
        self.shared.metrics.bytes(body.bytes.len());
        self.counted(self.take(caller, body).await)
    }

    /// Takes an export in; the answer comes once everything that was not refused is durable.
    pub(crate) async fn accept_export(&self, caller: Caller, body: ExportBody) -> Result<Exported, Refusal> {
        self.shared.metrics.bytes(body.bytes.len());
        self.counted(self.take_export(caller, body).await)
    }

    async fn take(&self, caller: Caller, body: Body) -> Result<Receipt, Refusal> {
        self.within_rate(&caller)?;
        let arrival = Arrival::new(caller.tenant.clone(), (self.shared.clock)());
        let (limits, max_items, may_review) = (self.limits(), self.config().max_items, caller.may_review);
        let intake = on_a_core(move || {
            let Body { bytes, encoding, lines } = body;
            let bytes = decompress(bytes, encoding, limits)?;
            let intake = take_in(&bytes, lines, may_review, max_items, &arrival, &mut entropy);
            intake.map_err(|_| Refusal::TooManyItems(max_items))
        });
        let Intake { records, receipt, rejections, .. } = intake.await?;
        if receipt.items.is_empty() {
            return Err(Refusal::Empty);
        }
        let events = records.len();
        self.store(&caller, records).await?;
        self.shared.metrics.items(events, &rejections);
        Ok(receipt)
    }

    async fn take_export(&self, caller: Caller, body: ExportBody) -> Result<Exported, Refusal> {
        self.within_rate(&caller)?;
        let arrival = Arrival::new(caller.tenant.clone(), (self.shared.clock)());
        let (limits, max_items) = (self.limits(), self.config().max_items);
        let exported = on_a_core(move || {
            let bytes = decompress(body.bytes, body.encoding, limits)?;
            let export = decode(&bytes, body.signal, body.format)?;
            take_in_export(export, max_items, &arrival).ok_or(Refusal::TooManyItems(max_items))
        });
        let mut exported = exported.await?;
        let records = std::mem::take(&mut exported.records);
        let events = records.len();
        self.store(&caller, records).await?;
        self.shared.metrics.items(events, &exported.rejections);
        self.shared.metrics.dropped(exported.dropped);
        Ok(exported)
    }

    fn counted<T>(&self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        result.inspect_err(|refusal| self.shared.metrics.refused(refusal.class()))
    }

    /// Sends a caller away that is over its rate, before any work is done for it.
    fn within_rate(&self, caller: &Caller) -> Result<(), TooFast> {
        self.shared.rates.take(caller, 0, Instant::now())
    }

    async fn store(&self, caller: &Caller, records: Vec<Record>) -> Result<(), Refusal> {
        if records.is_empty() {
            return Ok(());
        }
        self.shared.rates.take(caller, records.len(), Instant::now())?;
        self.send(records).await
    }

    async fn send(&self, records: Vec<Record>) -> Result<(), Refusal> {
        let sending = self.shared.sink.send(topics::RAW, records);
        match tokio::time::timeout(self.config().send_timeout(), sending).await {
            Ok(Ok(())) => Ok(()),
            Err(_) => {
                warn!(topic = topics::RAW, "bus did not acknowledge in time");
                Err(Refusal::BusUnavailable)
            }
            Ok(Err(error)) => {
                warn!(%error, topic = topics::RAW, "bus did not take a request's events");
                Err(match error {
                    BusError::Refused(_) => Refusal::BusRefused,
                    BusError::Full(_) => Refusal::NoRoom,
                    _ => Refusal::BusUnavailable,
                })
            }
        }
    }
}

impl Refusal {
    /// The value of the metrics' label `reason`.
    fn class(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooManyItems(_) => "too_many_items",
            Self::Encoding(EncodingFault::TooLarge(_)) => "too_large",
            Self::Encoding(EncodingFault::Malformed(_)) => "encoding",
            Self::Decode(_) => "decode",
            Self::TooFast(_) => "too_fast",
            Self::Busy => "busy",
            Self::BusUnavailable => "bus_unavailable",
            Self::NoRoom => "no_room",
            Self::BusRefused => "bus_refused",
            Self::Failed => "failed",
        }
    }
}

/// The work that needs a core and not the network.
async fn on_a_core<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|fault| {
        error!(error = %fault, "mapping a request failed");
        Err(Refusal::Failed)
    })
}

/// The random bits of an id. Those of one process rise within a millisecond (RFC 9562, section 6.2), so that
/// the events of an item sort as they came.
fn entropy(_: Timestamp) -> [u8; 10] {
    let mut bits = [0; 10];
    bits.copy_from_slice(&Uuid::now_v7().as_bytes()[6..]);
    bits
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(ADMISSION_UNIT)).unwrap_or(u32::MAX)
}
