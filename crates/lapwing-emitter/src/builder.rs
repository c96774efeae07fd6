//! Where events go and within which bounds.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lapwing_bus::Sink;
use lapwing_event::{ErrorDetail, Kind, Outcome, Service, TenantId};
use tokio::sync::mpsc;

use crate::batch::{self, Encoded};
use crate::emitter::{Defaults, Inner};
use crate::queue::{Bounds, Queue};
use crate::sampling::Sampling;
use crate::spool::Spool;
use crate::stats::Counters;
use crate::transport::{ToSink, Transport};
use crate::worker::{Describe, Encode, MAX_WAITING, Parts, Worker};
use crate::{BuildError, DropPolicy, Emitter};

/// The events and bytes of a batch over HTTP: far within what a server takes in one request.
const HTTP_BATCH: (usize, usize) = (1_000, 1 << 20);
/// And to a bus, which acknowledges a batch at a time: the fewer it waits for, the less time is waited.
const BUS_BATCH: (usize, usize) = (4_000, 4 << 20);

/// Builds an [`Emitter`]. Only a service name and a destination are needed.
#[must_use]
pub struct EmitterBuilder {
    service: Option<String>,
    version: Option<String>,
    environment: Option<String>,
    tenant: TenantId,
    destination: Option<Destination>,
    api_key: Option<String>,
    queue_events: usize,
    queue_bytes: usize,
    policy: DropPolicy,
    batch: batch::Bounds,
    /// Events and bytes; none is what suits the destination.
    batch_size: Option<(usize, usize)>,
    drop_timeout: Duration,
    spool: Option<(PathBuf, u64)>,
    sampling: Option<Sampling>,
    #[cfg(feature = "sanitize")]
    sanitizer: Option<Arc<lapwing_sanitizer::Sanitizer>>,
}

enum Destination {
    #[cfg(feature = "http")]
    Http(String),
    #[cfg(feature = "kafka")]
    Kafka(Box<lapwing_bus::kafka::KafkaConfig>),
    Sink(Arc<dyn Sink>),
}

impl Default for EmitterBuilder {
    fn default() -> Self {
        Self {
            service: None,
            version: None,
            environment: None,
            tenant: TenantId::default(),
            destination: None,
            api_key: None,
            queue_events: 16_384,
            queue_bytes: 32 << 20,
            policy: DropPolicy::default(),
            batch: batch::Bounds {
                events: HTTP_BATCH.0,
                bytes: HTTP_BATCH.1,
                linger: Duration::from_millis(50),
                min_pause: Duration::from_millis(100),
                max_pause: Duration::from_secs(10),
            },
            batch_size: None,
            drop_timeout: Duration::from_secs(2),
            spool: None,
            sampling: None,
            #[cfg(feature = "sanitize")]
            sanitizer: None,
        }
    }
}

impl EmitterBuilder {
    /// The name of the application.
    pub fn service(mut self, name: &str) -> Self {
        self.service = Some(name.to_owned());
        self
    }

    /// The version of the application.
    pub fn service_version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// The deployment environment, such as `production`.
    pub fn environment(mut self, name: &str) -> Self {
        self.environment = Some(name.to_owned());
        self
    }

    /// Whose events these are, where they go straight to a bus. An HTTP endpoint decides that by the key.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// To an installation's HTTP endpoint, such as `http://127.0.0.1:7117`.
    #[cfg(feature = "http")]
    pub fn to_http(mut self, endpoint: &str) -> Self {
        self.destination = Some(Destination::Http(endpoint.to_owned()));
        self
    }

    /// To Kafka, straight to the raw topic. Name the [tenant](Self::tenant), since no server does.
    #[cfg(feature = "kafka")]
    pub fn to_kafka(mut self, config: lapwing_bus::kafka::KafkaConfig) -> Self {
        self.destination = Some(Destination::Kafka(Box::new(config)));
        self
    }

    /// To a bus that the application has opened, such as the embedded log of an installation in this process.
    pub fn to_sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.destination = Some(Destination::Sink(sink));
        self
    }

    /// The key that the HTTP endpoint wants, sent as a bearer token.
    pub fn api_key(mut self, key: &str) -> Self {
        self.api_key = Some(key.to_owned());
        self
    }

    /// The queue holds at most so many events; 16,384 unless told.
    pub fn queue_capacity(mut self, events: usize) -> Self {
        self.queue_events = events;
        self
    }

    /// The queue holds at most about so many bytes; 32 MiB unless told.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Which event is lost when the queue is full; the newest unless told.
    pub fn drop_policy(mut self, policy: DropPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// A batch has at most so many events and about so many bytes. Unless told, 1,000 and 1 MiB over HTTP, and 4,000
    /// and 4 MiB to a bus.
    pub fn batch(mut self, events: usize, bytes: usize) -> Self {
        self.batch_size = Some((events.max(1), bytes));
        self
    }

    /// An event waits at most this long for company; 50 ms unless told.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.batch.linger = linger;
        self
    }

    /// The pauses between attempts, before jitter: the first, and the longest; 100 ms and 10 s unless told.
    pub fn retry_pauses(mut self, first: Duration, longest: Duration) -> Self {
        (self.batch.min_pause, self.batch.max_pause) = (first, longest);
        self
    }

    /// How long dropping the last clone may block for sending what is queued; 2 s unless told.
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.drop_timeout = timeout;
        self
    }

    /// While the destination is away, batches wait in this folder, at most so many bytes of them, also over a
    /// restart and a crash of the process. A folder has one emitter. The files hold content as it was emitted.
    pub fn spool(mut self, folder: impl Into<PathBuf>, max_bytes: u64) -> Self {
        self.spool = Some((folder.into(), max_bytes));
        self
    }

    /// Keeps this share of the sessions, between 0 and 1, each as a whole; all of them unless told. Errors, and
    /// what a guardrail blocked, changed or flagged, are always kept.
    pub fn sample_sessions(mut self, rate: f64) -> Self {
        self.sampling = Some(Sampling::new(rate));
        self
    }

    /// Masks personal data and secrets before anything leaves the process. What cannot be sanitized is lost
    /// and counted.
    #[cfg(feature = "sanitize")]
    pub fn sanitize(mut self, sanitizer: Arc<lapwing_sanitizer::Sanitizer>) -> Self {
        self.sanitizer = Some(sanitizer);
        self
    }

    /// Starts the emitter's thread.
    ///
    /// # Errors
    /// When the destination or the service is missing, or the destination's settings are at fault. That nobody
    /// answers there is no fault: the events wait.
    pub fn build(mut self) -> Result<Emitter, BuildError> {
        let name = self.service.take().filter(|name| !name.is_empty()).ok_or(BuildError::NoService)?;
        let suitable = match self.destination {
            #[cfg(feature = "http")]
            Some(Destination::Http(_)) => HTTP_BATCH,
            _ => BUS_BATCH,
        };
        (self.batch.events, self.batch.bytes) = self.batch_size.unwrap_or(suitable);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let transport = {
            let _entered = runtime.enter();
            self.transport()?
        };
        let counters = Arc::new(Counters::default());
        let bounds = Bounds {
            events: self.queue_events,
            bytes: self.queue_bytes,
            batch: self.batch.events.min(self.queue_events),
            policy: self.policy,
        };
        let queue = Arc::new(Queue::new(bounds, Arc::clone(&counters)));
        let (control, requests) = mpsc::channel(MAX_WAITING);
        let service = Service { name, version: self.version.take() };
        let defaults = Defaults { service, environment: self.environment.take(), tenant: self.tenant.clone() };
        let spool = self.spool.take().map(|(folder, max_bytes)| Spool::open(&folder, max_bytes)).transpose();
        let worker = Worker::new(Parts {
            queue: Arc::clone(&queue),
            counters: Arc::clone(&counters),
            encode: self.encode(),
            describe: describe(defaults.clone()),
            defaults: defaults.clone(),
            sampling: self.sampling,
            bounds: self.batch,
            control: requests,
            spool: spool.map_err(BuildError::Spool)?,
        });
        let thread = std::thread::Builder::new().name("lapwing-emitter".to_owned());
        thread.spawn(move || runtime.block_on(worker.run(transport)))?;
        Ok(Emitter::from_inner(Inner {
            queue,
            counters,
            defaults,
            sampling: self.sampling,
            control,
            drop_timeout: self.drop_timeout,
            closed: AtomicBool::new(false),
        }))
    }

    fn transport(&mut self) -> Result<Box<dyn Transport>, BuildError> {
        Ok(match self.destination.take().ok_or(BuildError::NoDestination)? {
            #[cfg(feature = "http")]
            Destination::Http(endpoint) => Box::new(crate::transport::Http::new(&endpoint, self.api_key.as_deref())?),
            #[cfg(feature = "kafka")]
            Destination::Kafka(config) => Box::new(ToSink(Arc::new(lapwing_bus::kafka::KafkaSink::new(&config)?))),
            Destination::Sink(sink) => Box::new(ToSink(sink)),
        })
    }

    #[cfg(feature = "sanitize")]
    fn encode(&mut self) -> Box<Encode> {
        match self.sanitizer.take() {
            Some(sanitizer) => Box::new(move |event| {
                let event = sanitizer.sanitize(event).map_err(|_| crate::DropReason::Sanitize)?;
                Encoded::new(&event)
            }),
            None => Box::new(|event| Encoded::new(&event)),
        }
    }

    #[cfg(not(feature = "sanitize"))]
    fn encode(&mut self) -> Box<Encode> {
        Box::new(|event| Encoded::new(&event))
    }
}

/// The event that tells of losses, so that whoever searches sees that something is missing.
fn describe(defaults: Defaults) -> Box<Describe> {
    Box::new(move |message| {
        let mut event = defaults.event(Kind::Error);
        event.outcome = Outcome::Error;
        event.error = Some(Box::new(ErrorDetail {
            kind: "lapwing_events_dropped".to_owned(),
            message: Some(message),
            code: None,
            retryable: Some(false),
            stack: None,
        }));
        event
    })
}
