//! One process: its parts as tasks, one HTTP server for all of them, and an orderly stop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lapwing_bus::{Sink, Start, topics};
use lapwing_ingest::{FrontDoor, Pipeline};
use lapwing_store::Store;
use lapwing_store::api::Api;
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::field::display;
use tracing::{error, info, warn};

use super::detect::State;
use super::instance::Instance;
use super::metrics::DetectorGauges;
use super::notify::{self, Webhook};
use super::wiring::{self, Bus};
use super::{audit, damage, detect, index, reload};
use crate::api::otlp::{self, OtlpListeners};
use crate::api::{self, ReadyCheck, Served};
use crate::auth::{KeyFile, Keys};
use crate::clock;
use crate::settings::{BusKind, Settings};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Up,
    /// The front door, and raw to clean.
    Ingest,
    /// The index and the search API.
    Store,
    /// Alerts.
    Detector,
}

impl Role {
    fn is(self, part: Self) -> bool {
        self == part || self == Self::Up
    }
}

/// The group that shares the raw topic.
const INGEST_GROUP: &str = "lapwing-ingest";

/// Runs until SIGTERM or SIGINT, or until a part fails.
pub async fn run(role: Role, settings: Settings, file: Option<PathBuf>, generic_indices: bool) -> Result<()> {
    if role != Role::Up && settings.bus.kind == BusKind::Embedded {
        bail!(
            "a single service needs Kafka, since the embedded bus is for one process: set bus.kind = \"kafka\" \
             (LAPWING__BUS__KIND=kafka), or run everything with `lapwing up`"
        );
    }
    let keys = Arc::new(Keys::load(KeyFile::new(settings.api_keys_file()))?);
    let tls = settings.server.tls.acceptor()?;
    let listener = api::bind(settings.server.listen, &keys).await?;
    let exporters = match role.is(Role::Ingest) {
        true => OtlpListeners::bind(&settings.otlp, &keys).await?,
        false => OtlpListeners { http: None, grpc: None },
    };
    let (otlp_http, otlp_grpc) = exporters.addresses();
    let stop = CancellationToken::new();
    let mut process = Process {
        registry: Registry::default(),
        tasks: JoinSet::new(),
        served: Vec::new(),
        checks: Vec::new(),
        file,
        exports: None,
        generic_indices,
    };
    let address = listener.local_addr()?;

    let bus = Bus::open(&settings).await?;
    process.start(role, &settings, &bus, &stop)?;
    let Process { registry, mut tasks, served: routes, checks, exports, .. } = process;
    let listening = exports.map(|door| exporters.serving(&door)).unwrap_or_default();
    for (listener, routes) in listening {
        let (tls, keys, stop) = (tls.clone(), Arc::clone(&keys), stop.clone());
        tasks.spawn(async move { ("otlp", otlp::serve(listener, tls, routes, keys, stop).await) });
    }
    let served = Served { routes, elastic: role.is(Role::Store), checks, registry, keys };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server_stop = stop.clone();
    tasks.spawn(async move { ("server", api::serve(listener, tls, served, server_stop).await) });
    let (otlp_http, otlp_grpc) = (otlp_http.map(display), otlp_grpc.map(display));
    info!(%address, otlp_http, otlp_grpc, ?role, data = %settings.data.dir.display(), "ready");
    if role == Role::Up {
        greet(scheme, address);
    }
    supervise(tasks, stop, Duration::from_secs(settings.server.shutdown_timeout_s)).await
}

/// A part of a process that has ended, and how.
pub type Part = (&'static str, Result<()>);

struct Process {
    registry: Registry,
    tasks: JoinSet<Part>,
    served: Vec<axum::Router>,
    checks: Vec<(&'static str, ReadyCheck)>,
    /// The configuration file, if one was named.
    file: Option<PathBuf>,
    /// Where exporters come in, besides the HTTP server.
    exports: Option<FrontDoor>,
    generic_indices: bool,
}

impl Process {
    fn start(&mut self, role: Role, settings: &Settings, bus: &Bus, stop: &CancellationToken) -> Result<()> {
        let sink = bus.sink()?;
        let bus_check = Arc::clone(&sink);
        self.checks.push((
            "bus",
            Arc::new(move || {
                let sink = Arc::clone(&bus_check);
                Box::pin(async move { sink.ready().await.map_err(|error| error.to_string()) })
            }),
        ));
        let door = || FrontDoor::new(Arc::clone(&sink), settings.ingest.clone(), clock::now, &mut self.registry);
        // The store's process has one for what Elasticsearch's clients send.
        let door = (role.is(Role::Ingest) || role.is(Role::Store)).then(door);
        self.exports = door.clone().filter(|_| role.is(Role::Ingest));
        self.served.extend(self.exports.clone().map(lapwing_ingest::api::otlp_router));
        let door = door.map(lapwing_ingest::api::router);
        if let Some(door) = door.clone().filter(|_| role.is(Role::Ingest)) {
            self.served.push(door);
            self.ingest(settings, bus, stop)?;
        }
        if let Some(door) = door.filter(|_| role.is(Role::Store)) {
            self.store(settings, bus, &sink, door, stop)?;
        }
        if role.is(Role::Detector) {
            self.detector(settings, bus, &sink, stop)?;
            self.webhooks(settings, bus, &sink, stop)?;
        }
        Ok(())
    }

    fn ingest(&mut self, settings: &Settings, bus: &Bus, stop: &CancellationToken) -> Result<()> {
        let sanitizer = wiring::sanitizer(settings)?;
        let instance = Instance::claim(&settings.data.dir.join("ingest"))?;
        let source = bus.transactional(topics::RAW, INGEST_GROUP, instance.name())?;
        let pipeline = Pipeline::new(source, sanitizer, settings.ingest.clone(), clock::now, &mut self.registry);
        let stop = stop.clone();
        self.tasks.spawn(async move {
            let result = pipeline.run(stop.cancelled_owned()).await;
            drop(instance);
            ("ingest", result.map_err(Into::into))
        });
        Ok(())
    }

    fn store(
        &mut self,
        settings: &Settings,
        bus: &Bus,
        sink: &Arc<dyn Sink>,
        door: axum::Router,
        stop: &CancellationToken,
    ) -> Result<()> {
        let dir = settings.store_dir();
        let store = Store::open(&dir, settings.store.clone(), &mut self.registry);
        let store = store.with_context(|| format!("open the index in {}", dir.display()))?;
        let checkpoint = index::start(&store)?;
        let source = bus.source(&[topics::CLEAN, topics::ALERTS], Start::Checkpoint(checkpoint.clone()))?;
        let (auditor, trail) = audit::trail(&mut self.registry);
        let api = Api::new(Arc::clone(&store), clock::now).alias(wiring::id_alias(settings)?);
        let api = api.intake(api::intake::through(door)).auditor(auditor);
        self.served.push(if self.generic_indices { with_generic_indices(api) } else { api }.router());
        let (quarantine, damage_sink, damage_stop) = (dir.join("quarantine"), Arc::clone(sink), stop.clone());
        self.tasks.spawn(async move { ("damage", damage::tell(quarantine, damage_sink, damage_stop).await) });
        let audit_sink = Arc::clone(sink);
        self.tasks.spawn(async move { ("audit", trail.run(audit_sink).await) });
        let checked = Arc::clone(&store);
        self.checks.push((
            "store",
            Arc::new(move || {
                let state = match checked.ready() {
                    true => Ok(()),
                    false => Err("not writing; the log says why".to_owned()),
                };
                Box::pin(async move { state })
            }),
        ));
        let retention = index::keep_retention(Arc::clone(&store), stop.clone());
        self.tasks.spawn(async move { ("retention", retention.await) });
        let (sink, stop) = (Arc::clone(sink), stop.clone());
        self.tasks.spawn(async move { ("store", index::run(source, sink, store, checkpoint, stop).await) });
        Ok(())
    }

    fn detector(
        &mut self,
        settings: &Settings,
        bus: &Bus,
        sink: &Arc<dyn Sink>,
        stop: &CancellationToken,
    ) -> Result<()> {
        let state = State::open(settings.data.dir.join("detector/state"), settings.detector.clone())?;
        let source = bus.source(&[topics::CLEAN], Start::Checkpoint(state.checkpoint.clone()))?;
        let metrics = DetectorGauges::register(&mut self.registry);
        let (reloaded, listen) = reload::on_hangup(self.file.clone(), stop.clone())?;
        self.tasks.spawn(listen);
        let (sink, stop) = (Arc::clone(sink), stop.clone());
        self.tasks.spawn(async move { ("detector", detect::run(source, sink, state, metrics, reloaded, stop).await) });
        Ok(())
    }

    /// A task for each webhook, so that one that does not answer holds up no other.
    fn webhooks(
        &mut self,
        settings: &Settings,
        bus: &Bus,
        sink: &Arc<dyn Sink>,
        stop: &CancellationToken,
    ) -> Result<()> {
        let dir = settings.data.dir.join("webhooks");
        let counts = notify::Counts::register(&mut self.registry);
        for config in &settings.webhooks {
            let webhook = Webhook::open(config.clone(), &dir, counts.clone())?;
            let source = bus.source(&[topics::ALERTS], Start::Checkpoint(webhook.checkpoint()))?;
            let (sink, stop) = (Arc::clone(sink), stop.clone());
            self.tasks.spawn(async move { ("webhook", webhook.run(source, sink, stop).await) });
        }
        Ok(())
    }
}

/// Waits for a signal or the end of a part, then stops the others and waits for them, at most `timeout`.
async fn supervise(mut tasks: JoinSet<Part>, stop: CancellationToken, timeout: Duration) -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let first = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        ended = tasks.join_next() => ended,
    };
    stop.cancel();
    info!("stopping: finishing what was begun");
    let mut result = first.map_or(Ok(()), |ended| match ended {
        Ok((part, Ok(()))) => bail!("{part} ended by itself"),
        Ok((part, Err(error))) => Err(error.context(format!("{part} failed"))),
        Err(error) => Err(error).context("a part panicked"),
    });
    let rest = async {
        while let Some(ended) = tasks.join_next().await {
            if let Ok((part, Err(error))) = ended {
                error!(part, error = format!("{error:#}"), "part failed while stopping");
                result = std::mem::replace(&mut result, Ok(())).and(Err(error.context(format!("{part} failed"))));
            }
        }
    };
    if tokio::time::timeout(timeout, rest).await.is_err() {
        warn!(
            seconds = timeout.as_secs(),
            "stopped without waiting any longer; what was not finished is read again at the next start"
        );
    }
    result
}

fn with_generic_indices(api: Api) -> Api {
    warn!(
        "--dev-generic-index is set: clients can make indices whose documents are neither sanitized nor kept; this is \
         for tests of the API and must not be used with anybody's data"
    );
    api.with_generic_indices()
}

/// Where to look, for a person who just started it.
fn greet(scheme: &str, address: std::net::SocketAddr) {
    info!("send events:  curl {scheme}://{address}/v1/events -d '{{\"prompt\":\"hello\",\"response\":\"hi\"}}'");
    info!("or from any OpenTelemetry SDK:  OTEL_EXPORTER_OTLP_ENDPOINT={scheme}://{address}");
    info!("search them:  lapwing search hello   or   {scheme}://{address}/v1/search?q=hello");
    info!("see it work:  lapwing demo");
}
