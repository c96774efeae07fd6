//! The store: opening, appending, flushing, closing. Searching is in [`crate::search`].

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use lapwing_event::SanitizedEvent;
use prometheus_client::registry::Registry;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot, watch};
use tracing::{info, warn};

use crate::disk::{FreeBytes, free_bytes};
use crate::metrics::Metrics;
use crate::partition::{Partition, PartitionId};
use crate::payload::{FORMAT, latest};
use crate::quarantine::set_aside;
use crate::search::Turns;
use crate::shared::{Shared, Snapshot};
use crate::snapshot::remove_draft;
use crate::tombstones::{self, Tombstones};
use crate::upkeep::{Files, Upkeep};
use crate::writer::{Batch, Command, Round, Views, Writer};
use crate::{StoreConfig, StoreError, retention};

/// Tantivy's own least arena.
const MIN_WRITER_MEMORY: usize = 15 << 20;

/// Events of all tenants, searchable. Share it behind an [`Arc`]; everything takes `&self`.
pub struct Store {
    pub(crate) config: StoreConfig,
    pub(crate) metrics: Metrics,
    pub(crate) shared: Arc<Shared>,
    /// Turns to search.
    pub(crate) turns: Arc<Turns>,
    pub(crate) tails: Arc<Semaphore>,
    /// Where it lives.
    pub(crate) dir: PathBuf,
    /// One snapshot is made at a time.
    pub(crate) snapshots: Mutex<()>,
    batches: mpsc::Sender<Batch>,
    commands: mpsc::Sender<Command>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held for as long as the store lives; the system gives it back when the process ends, however it ends.
    _lock: File,
}

impl Store {
    /// Opens the store in `dir`, creating it if need be, and starts its writer. A partition that cannot be
    /// opened, or whose files turn out to be damaged when their checksums are compared in the background, is
    /// moved to `quarantine/`, named in the log and counted; the others serve.
    pub fn open(dir: &Path, config: StoreConfig, registry: &mut Registry) -> Result<Arc<Self>, StoreError> {
        Self::open_on(dir, config, registry, Box::new(free_bytes))
    }

    fn open_on(
        dir: &Path,
        config: StoreConfig,
        registry: &mut Registry,
        free_bytes: FreeBytes,
    ) -> Result<Arc<Self>, StoreError> {
        check(&config)?;
        let root = dir.join("partitions");
        fs::create_dir_all(&root).map_err(|source| unusable(&root, source))?;
        let lock = lock(dir)?;
        let metrics = Metrics::register(registry);
        let (partitions, views) = open_partitions(&root, &metrics)?;
        let tombstones = Tombstones::open(dir).map_err(|source| unusable(&dir.join(tombstones::FILE), source))?;
        remove_draft(dir).map_err(|source| unusable(dir, source))?;
        let payload = latest(partitions.values().map(|partition| &partition.payload));
        info!(partitions = partitions.len(), position = payload.position.as_deref(), "store opened");
        metrics.partitions.set(partitions.len() as i64);

        let shared = Arc::new(Shared::new(Snapshot {
            views: views.values().rev().cloned().collect(),
            next_seq: payload.next_seq,
            position: payload.position,
        }));
        let (batches, batch_queue) = mpsc::channel(config.append_queue_batches);
        let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
        let (jobs, job_queue) = std::sync::mpsc::sync_channel(UPKEEP_QUEUE);
        let files: Vec<Files> = partitions.values().rev().map(Files::of).collect();
        let upkeep =
            Upkeep { jobs: job_queue, commands: commands.downgrade(), scrub_bytes_per_s: config.scrub_bytes_per_s };
        let opened = (partitions, views);
        let round = Round::new(root, config.clone(), opened, tombstones, shared.clone(), jobs, free_bytes);
        let writer = Writer::new(config.clone(), metrics.clone(), round, shared.clone());
        let start = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
            thread.map_err(|source| unusable(dir, source))
        };
        let thread = start("lapwing-writer", Box::new(move || writer.run(batch_queue, command_queue)))?;
        // It ends with the writer.
        start("lapwing-upkeep", Box::new(move || upkeep.run(files)))?;
        Ok(Arc::new(Self {
            turns: Turns::new(config.max_concurrent_searches, config.max_queued_searches),
            tails: Arc::new(Semaphore::new(config.max_tails)),
            dir: dir.to_owned(),
            snapshots: Mutex::new(()),
            config,
            metrics,
            shared,
            batches,
            commands,
            writer: Mutex::new(Some(thread)),
            _lock: lock,
        }))
    }

    /// Hands events to the writer; waits while its queue is full. `position` is opaque to the store and covers
    /// everything up to and including these events; it becomes durable with them, not before (see
    /// [`Self::position`]). An event that is stored already is skipped.
    pub async fn append(&self, events: Vec<SanitizedEvent>, position: String) -> Result<(), StoreError> {
        let since = Instant::now();
        self.batches.send(Batch { events, position, since }).await.map_err(|_| StoreError::Closed)
    }

    /// The last position that is durable: everything it covers survives a crash. Start the source here.
    pub fn position(&self) -> Option<String> {
        self.shared.snapshot().position.clone()
    }

    /// Makes everything that was appended durable and searchable.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(Command::Flush).await
    }

    /// As [`Self::flush`], then ends the writer. Searches go on until the store is dropped.
    pub async fn close(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let Some(thread) = writer.take() else { return Ok(()) };
        let result = self.ask(Command::Close).await;
        // It has answered and holds no lock that we need: joining it only collects a panic.
        match tokio::task::spawn_blocking(move || thread.join()).await {
            Ok(Ok(())) => result,
            _ => Err(StoreError::Closed),
        }
    }

    /// Merges and seals every partition, however lately it was written, and returns when that is done. Partitions
    /// that rest are sealed without being asked.
    pub async fn compact(&self) -> Result<(), StoreError> {
        self.ask(Command::Seal).await
    }

    /// Whether events that are appended now become durable soon: the store is open and can write.
    pub fn ready(&self) -> bool {
        self.shared.ready() && !self.commands.is_closed()
    }

    /// Wakes at every commit; its value grows with every event that became searchable.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.shared.commits()
    }

    pub(crate) async fn command(&self, command: Command) -> Result<(), StoreError> {
        self.commands.send(command).await.map_err(|_| StoreError::Closed)
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Command,
    ) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.command(command(reply)).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// Flushes that wait for the writer; more than a few at once make no sense.
const COMMAND_QUEUE: usize = 8;

/// Partitions that wait to be sealed: one at a time.
const UPKEEP_QUEUE: usize = 1;

fn check(config: &StoreConfig) -> Result<(), StoreError> {
    let positive = "must be at least 1";
    let checks = [
        ("commit_interval_ms", config.commit_interval_ms >= 1, positive),
        ("commit_bytes", config.commit_bytes >= 1, positive),
        ("writer_memory_bytes", config.writer_memory_bytes >= MIN_WRITER_MEMORY, "must be at least 15 MiB"),
        ("max_open_writers", config.max_open_writers >= 1, positive),
        ("partition_max_events", config.partition_max_events >= 1, positive),
        ("append_queue_batches", config.append_queue_batches >= 1, positive),
        ("max_concurrent_searches", config.max_concurrent_searches >= 1, positive),
        ("max_page_size", (1..=10_000).contains(&config.max_page_size), "must be 1 to 10,000"),
        ("max_page_bytes", config.max_page_bytes >= 1, positive),
        ("retention", retention::check(&config.retention), "names something that cannot be a tenant"),
        ("max_expanded_terms", config.max_expanded_terms >= 1, positive),
    ];
    match checks.into_iter().find(|(_, ok, _)| !ok) {
        Some((setting, _, reason)) => Err(StoreError::Config { setting, reason }),
        None => Ok(()),
    }
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("LOCK");
    let file = File::create(&path).map_err(|source| unusable(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(&path, source)),
    }
}

fn open_partitions(root: &Path, metrics: &Metrics) -> Result<(BTreeMap<PartitionId, Partition>, Views), StoreError> {
    let (mut partitions, mut views) = (BTreeMap::new(), Views::new());
    for entry in fs::read_dir(root).map_err(|source| unusable(root, source))? {
        let path = entry.map_err(|source| unusable(root, source))?.path();
        let Some(id) = path.file_name().and_then(|name| name.to_str()).and_then(PartitionId::parse) else {
            continue;
        };
        let opened = match path.join("meta.json").exists() {
            true => Partition::open(root, id.clone()),
            // The process ended between making the directory and making the index.
            false => Partition::open_or_create(root, id.clone()),
        };
        match opened.and_then(|partition| partition.view().map(|view| (partition, view))) {
            Ok((partition, _)) if partition.format > FORMAT => {
                return Err(StoreError::Newer { partition: id.to_string(), format: partition.format });
            }
            Ok((partition, view)) => {
                partitions.insert(id.clone(), partition);
                views.insert(id, Arc::new(view));
            }
            Err(error) => {
                let place = set_aside(root, &id)?;
                metrics.quarantined.inc();
                warn!(%error, partition = %id, place = %place.display(), "partition is corrupt and was set aside");
            }
        }
    }
    Ok((partitions, views))
}

fn unusable(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Directory { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use lapwing_event::{Event, EventId, Kind, TenantId, Timestamp};

    use super::*;
    use crate::{Scope, SearchRequest};

    fn event(number: u8) -> SanitizedEvent {
        let at = Timestamp::from_millis(1_795_501_800_000);
        let mut event = Event::new(Kind::Llm, EventId::new(at, [number; 10]), at, "app");
        event.sanitization =
            Some(serde_json::from_str(r#"{"policy_version":"test","status":"ok","total":0}"#).unwrap());
        SanitizedEvent::decode(&lapwing_event::encode(&event)).unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_pauses_writing_and_it_goes_on_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let free = Arc::new(AtomicU64::new(u64::MAX));
        let probe = free.clone();
        let config = StoreConfig { commit_interval_ms: 10, ..StoreConfig::default() };
        let room: FreeBytes = Box::new(move |_: &Path| Ok(probe.load(Ordering::Relaxed)));
        let store = Store::open_on(dir.path(), config, &mut Registry::default(), room).unwrap();
        store.append(vec![event(1)], "1".to_owned()).await.unwrap();
        store.flush().await.unwrap();

        free.store(1_000, Ordering::Relaxed);
        store.append(vec![event(2)], "2".to_owned()).await.unwrap();
        let error = store.flush().await.unwrap_err();
        assert!(matches!(error, StoreError::Retry { .. }) && error.to_string().contains("1000 bytes left"), "{error}");
        assert!(!store.ready());
        assert_eq!((store.position().as_deref(), store.metrics.stalled.get()), (Some("1"), 1));
        let scope = Scope::new(TenantId::default(), Timestamp::from_millis(1_795_501_800_000));
        let found = async || store.search(&scope, &SearchRequest::default()).await.unwrap().total.value;
        assert_eq!(found().await, 1, "searches go on");
        // More comes while it is full; nothing of it is lost.
        store.append(vec![event(3), event(1)], "3".to_owned()).await.unwrap();

        free.store(u64::MAX, Ordering::Relaxed);
        let mut commits = store.commits();
        let resumed = tokio::time::timeout(Duration::from_secs(30), commits.wait_for(|next_seq| *next_seq >= 3));
        resumed.await.unwrap().unwrap();
        store.flush().await.unwrap();
        assert!(store.ready());
        assert_eq!((found().await, store.position().as_deref()), (3, Some("3")));
        store.close().await.unwrap();
    }

    /// What a partition looks like to a version that knows more fields than the one that made it.
    #[tokio::test]
    async fn a_partition_without_the_newer_fields_serves_and_grows() {
        let newer = ["latency_ms", "content.response", "user.id", "attrs", "refusal", "received_at"];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("partitions/2026-11-24");
        fs::create_dir_all(&path).unwrap();
        let fields = lapwing_event::FIELDS.iter().filter(|field| !newer.contains(&field.path));
        tantivy::Index::builder()
            .schema(crate::schema::schema_of(fields))
            .settings(crate::schema::settings())
            .create_in_dir(&path)
            .unwrap();
        let store = Store::open(dir.path(), StoreConfig::default(), &mut Registry::default()).unwrap();
        let mut full: Event = serde_json::from_slice(&event(1).encode()).unwrap();
        full.latency_ms = Some(5.0);
        full.user = Some(lapwing_event::User { id: "u".to_owned() });
        full.attrs.insert("team".to_owned(), "red".into());
        let full = SanitizedEvent::decode(&lapwing_event::encode(&full)).unwrap();
        store.append(vec![full, event(2)], "1".to_owned()).await.unwrap();
        store.flush().await.unwrap();
        let scope = Scope::new(TenantId::default(), Timestamp::from_millis(1_795_501_800_000));
        let check = async |q: &str, expect: u64| {
            let request = SearchRequest { q: q.to_owned(), ..SearchRequest::default() };
            assert_eq!(store.search(&scope, &request).await.unwrap().total.value, expect, "{q}");
        };
        check("kind:llm", 2).await;
        for absent in
            ["latency_ms:>1", "response:x", "user:u", "_exists_:user.id", "attrs.team:red", "refusal:true", "user:u*"]
        {
            check(absent, 0).await;
            check(&format!("kind:llm AND NOT {absent}"), 2).await;
        }
        let aggs = serde_json::json!({
            "users": {"terms": {"field": "user.id"}},
            "ms": {"stats": {"field": "latency_ms"}},
            "kinds": {"terms": {"field": "kind"}, "aggs": {"ms": {"max": {"field": "latency_ms"}}}},
        });
        let request = crate::AggregateRequest { q: String::new(), from: None, to: None, aggs };
        let answer = store.aggregate(&scope, &request).await.unwrap();
        assert_eq!(answer.aggregations["users"]["buckets"].as_array().unwrap().len(), 0);
        assert_eq!(answer.aggregations["kinds"]["buckets"][0]["doc_count"], 2);
        store.compact().await.unwrap();
        store.close().await.unwrap();
    }
}
