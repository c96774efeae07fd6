//! The index writer: one thread that owns every open partition, fed through a bounded channel.
//!
//! It gives events their sequence numbers, drops those that are stored already, and commits in rounds. What is
//! not yet committed stays in memory: when a commit fails (a full disk, most often) the writer rolls back, adds
//! it again and tries until it succeeds, while the full channel holds the source back.

mod beside;
mod pace;
mod rewrite;
mod round;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_event::{EventId, SanitizedEvent, TenantId, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::metrics::Metrics;
use crate::partition::PartitionId;
use crate::shared::Shared;
use crate::upkeep::Outcome;
use crate::{StoreConfig, StoreError};
pub(crate) use beside::SealReply;
use pace::Pace;
pub(crate) use rewrite::{ErasedReply, Erasing};
use round::Added;
pub(crate) use round::{Round, Views};

/// Events to store; `position` covers everything up to and including them.
pub(crate) struct Batch {
    pub events: Vec<SanitizedEvent>,
    pub position: String,
    /// When it was appended.
    pub since: Instant,
}

/// What else the writer is asked to do. Commands overtake the batches that wait.
pub(crate) enum Command {
    /// Take in what waits, commit, and answer when it is durable and searchable.
    Flush(oneshot::Sender<Result<(), StoreError>>),
    /// Take in what waits, commit, hide events, go on, and answer when they are gone.
    Erase(Erasing, ErasedReply),
    /// Commit, then drop a partition.
    Drop(PartitionId, oneshot::Sender<Result<(), StoreError>>),
    /// Forget the erased ids of which this says that retention keeps nothing.
    Forget(IsPast, oneshot::Sender<Result<(), StoreError>>),
    /// Commit, then seal every partition and answer when that is done.
    Seal(SealReply),
    /// The upkeep thread has read a partition in order to seal it.
    Sealed(PartitionId, Outcome),
    /// The upkeep thread found these files of a partition damaged.
    Damaged(PartitionId, Vec<PathBuf>),
    /// Commit, then link the store's files into this directory.
    Snapshot(PathBuf, oneshot::Sender<Result<(), StoreError>>),
    /// Take in what waits, commit, end the thread, and answer.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// Whether retention keeps nothing of this tenant and a partition that ended then.
pub(crate) type IsPast = Box<dyn Fn(&TenantId, Timestamp) -> bool + Send>;

/// How long the writer waits after a failed commit before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The work beside appending is not looked at more often than this when there is none.
const MIN_LOOK: Duration = Duration::from_millis(100);

/// What wakes the writer.
enum Next {
    Batch(Batch),
    Command(Option<Command>),
    Time,
}

/// The events that wait for their commit.
#[derive(Default)]
struct Pending {
    events: Vec<SanitizedEvent>,
    /// Their JSON, one behind the other: one buffer for all of them, round after round.
    json: Vec<u8>,
    /// Where the JSON of each ends.
    ends: Vec<usize>,
}

impl Pending {
    /// Writes the JSON of an event behind the others, and gives it; [`Self::keep`] or [`Self::discard`] is next.
    fn encode(&mut self, event: &SanitizedEvent) -> &str {
        let start = self.bytes();
        serde_json::to_writer(&mut self.json, event).expect("an event has string keys and finite values");
        text(&self.json[start..])
    }

    fn keep(&mut self, event: SanitizedEvent) {
        self.events.push(event);
        self.ends.push(self.json.len());
    }

    fn discard(&mut self) {
        self.json.truncate(self.bytes());
    }

    /// How long the JSON of those that are kept is.
    fn bytes(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    fn clear(&mut self) {
        self.events.clear();
        self.json.clear();
        self.ends.clear();
    }

    fn iter(&self) -> impl Iterator<Item = (&SanitizedEvent, &str)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let sources = starts.zip(&self.ends).map(|(start, &end)| text(&self.json[start..end]));
        self.events.iter().zip(sources)
    }
}

fn text(json: &[u8]) -> &str {
    std::str::from_utf8(json).expect("JSON is UTF-8")
}

/// The thread's state.
pub(crate) struct Writer {
    config: StoreConfig,
    metrics: Metrics,
    round: Round,
    pending: Pending,
    pending_ids: HashSet<(TenantId, EventId)>,
    pace: Pace,
    /// Covers everything that was appended.
    position: Option<String>,
    shared: Arc<Shared>,
    /// Since when nothing can be committed, and why.
    stalled: Option<(Instant, String)>,
    /// When to look after the work beside appending.
    look_at: Instant,
}

impl Writer {
    pub fn new(config: StoreConfig, metrics: Metrics, round: Round, shared: Arc<Shared>) -> Self {
        let position = shared.snapshot().position.clone();
        let pace = Pace::new(Duration::from_millis(config.commit_interval_ms));
        Self {
            config,
            metrics,
            round,
            pending: Pending::default(),
            pending_ids: HashSet::new(),
            pace,
            position,
            shared,
            stalled: None,
            look_at: Instant::now(),
        }
    }

    /// Runs until it is closed or every sender is gone.
    pub fn run(mut self, mut batches: mpsc::Receiver<Batch>, mut commands: mpsc::Receiver<Command>) {
        let timer = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(timer) => timer,
            Err(error) => {
                error!(%error, "index writer cannot start");
                return self.shared.set_closed();
            }
        };
        loop {
            let wait = self.next_wakeup().saturating_duration_since(Instant::now());
            // While stalled only so much is taken in: then the channel fills and holds the source back.
            let accepts = self.stalled.is_none() || self.pending.bytes() < self.config.commit_bytes;
            let next = timer.block_on(async {
                tokio::select! {
                    biased;
                    command = commands.recv() => Next::Command(command),
                    Some(batch) = batches.recv(), if accepts => Next::Batch(batch),
                    () = tokio::time::sleep(wait) => Next::Time,
                }
            });
            match next {
                Next::Time => self.on_time(),
                Next::Batch(batch) => self.append(batch),
                Next::Command(command) => {
                    self.drain(&mut batches);
                    match command {
                        Some(command) => {
                            if self.obey(command).is_break() {
                                return;
                            }
                        }
                        None => return self.abandon(),
                    }
                    self.look_at = Instant::now();
                }
            }
            self.look_after_work();
        }
    }

    /// Takes merges and seals one step further, if it is time.
    fn look_after_work(&mut self) {
        let now = Instant::now();
        if self.stalled.is_none() && now >= self.look_at {
            let idle = Duration::from_millis(self.config.writer_idle_ms);
            self.look_at = now + self.round.advance(idle).unwrap_or(idle).min(idle.max(MIN_LOOK));
            self.count_partitions();
        }
    }

    fn count_partitions(&self) {
        self.metrics.partitions.set(self.shared.snapshot().views.len() as i64);
        self.metrics.erased_ids.set(self.round.erased_ids() as i64);
    }

    /// Carries out a command; breaks if it was the last.
    fn obey(&mut self, command: Command) -> ControlFlow<()> {
        // Whoever asked may be gone; the work is done all the same.
        match command {
            Command::Flush(reply) => drop(reply.send(self.commit_or_stall())),
            Command::Erase(work, reply) => match self.commit_or_stall() {
                Ok(()) => self.round.erase(&work, &self.config, reply),
                Err(error) => drop(reply.send(Err(error))),
            },
            Command::Drop(id, reply) => {
                let dropped = self.commit_or_stall().and_then(|()| self.round.drop_partition(&id, &self.config));
                self.count_partitions();
                drop(reply.send(dropped));
            }
            Command::Forget(is_past, reply) => drop(reply.send(self.round.forget_erased(&is_past))),
            Command::Seal(reply) => match self.commit_or_stall() {
                Ok(()) => self.round.seal_all(reply),
                Err(error) => drop(reply.send(Err(error))),
            },
            Command::Sealed(id, outcome) => self.take_word(|round| round.sealed(&id, outcome)),
            Command::Damaged(id, files) => self.take_word(|round| round.set_aside(&id, &files)),
            Command::Snapshot(target, reply) => {
                let copied = self.commit_or_stall().and_then(|()| self.round.snapshot(&target));
                drop(reply.send(copied));
            }
            Command::Close(reply) => {
                drop(reply.send(self.close()));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Acts on what the upkeep thread says. Events that waited in a partition that was set aside go to others.
    fn take_word(&mut self, act: impl FnOnce(&mut Round) -> Result<(), StoreError>) {
        let before = self.round.set_aside;
        let acted = act(&mut self.round).and_then(|()| match self.round.set_aside > before {
            true => self.add_again(),
            false => Ok(()),
        });
        self.metrics.quarantined.inc_by((self.round.set_aside - before) as i64);
        if let Err(error) = acted {
            self.stall(&error);
        }
    }

    /// Adds what waits anew, after what was added of it is gone.
    fn add_again(&mut self) -> Result<(), StoreError> {
        self.round.start_again()?;
        for (event, source) in self.pending.iter() {
            self.round.add(event, source)?;
        }
        Ok(())
    }

    /// The store was dropped without being closed.
    fn abandon(&mut self) {
        if let Err(error) = self.close() {
            warn!(%error, "store closed with events that are not durable; the source delivers them again");
        }
    }

    /// Takes in the batches that wait, unless nothing can be written.
    fn drain(&mut self, batches: &mut mpsc::Receiver<Batch>) {
        while self.stalled.is_none() {
            match batches.try_recv() {
                Ok(batch) => self.append(batch),
                Err(_) => return,
            }
        }
    }

    fn next_wakeup(&self) -> Instant {
        match &self.stalled {
            Some((since, _)) => *since + RETRY_AFTER,
            None => self.pace.due().map_or(self.look_at, |due| due.min(self.look_at)),
        }
    }

    /// Whether what waits has waited long enough.
    fn is_due(&self) -> bool {
        self.pace.due().is_some_and(|due| due <= Instant::now())
    }

    fn on_time(&mut self) {
        if self.stalled.is_some() || self.is_due() {
            let _ = self.commit_or_stall();
        } else {
            self.close_idle();
        }
    }

    fn close_idle(&mut self) {
        self.round.close_idle(Duration::from_millis(self.config.writer_idle_ms));
    }

    fn append(&mut self, Batch { mut events, position, since }: Batch) {
        self.pace.take(since, Instant::now());
        // Together by partition, so that a batch of events of many days opens each partition once.
        events.sort_by_key(|event| self.config.partition_by.ordinal(event.timestamp));
        for event in events {
            self.add(event);
        }
        self.position = Some(position);
        if self.stalled.is_none() && (self.is_due() || self.pending.bytes() >= self.config.commit_bytes) {
            let _ = self.commit_or_stall();
        }
    }

    /// Keeps the event until its commit, and hands it to its partition unless it is stored already.
    fn add(&mut self, event: SanitizedEvent) {
        let key = (event.tenant.id.clone(), event.id);
        if self.pending_ids.contains(&key) {
            self.metrics.duplicates.inc();
            return;
        }
        let source = self.pending.encode(&event);
        if self.stalled.is_none() {
            let added = self.round.add(&event, source);
            if let Ok(Added::Duplicate | Added::Erased) = added {
                self.pending.discard();
            }
            match added {
                Ok(Added::Stored) => {}
                Ok(Added::Duplicate) => {
                    self.metrics.duplicates.inc();
                    return;
                }
                Ok(Added::Erased) => {
                    self.metrics.erased_again.inc();
                    return;
                }
                Err(error) => self.stall(&error),
            }
        }
        self.pending_ids.insert(key);
        self.pending.keep(event);
    }

    fn stall(&mut self, error: &StoreError) {
        if self.stalled.is_none() {
            warn!(error = error as &dyn std::error::Error, "store cannot write; ingestion pauses, searches go on");
        }
        self.metrics.commit_failures.inc();
        self.metrics.stalled.set(1);
        self.shared.set_stalled(true);
        self.stalled = Some((Instant::now(), error.to_string()));
    }

    /// One attempt to make everything durable and searchable.
    fn commit_or_stall(&mut self) -> Result<(), StoreError> {
        let started = Instant::now();
        match self.try_commit() {
            Ok(()) => {
                let took = started.elapsed();
                self.metrics.commit_seconds.observe(took.as_secs_f64());
                self.metrics.commits.inc();
                self.metrics.documents.inc_by(self.pending.events.len() as u64);
                self.metrics.source_bytes.inc_by(self.pending.bytes() as u64);
                self.metrics.stalled.set(0);
                self.count_partitions();
                self.shared.set_stalled(false);
                self.stalled = None;
                self.pending.clear();
                self.pending_ids.clear();
                self.pace.committed(took);
                self.close_idle();
                Ok(())
            }
            Err(error) => {
                self.stall(&error);
                Err(match error {
                    StoreError::Retry { reason } => StoreError::Retry { reason },
                    error => StoreError::Retry { reason: error.to_string() },
                })
            }
        }
    }

    fn try_commit(&mut self) -> Result<(), StoreError> {
        self.round.check_room()?;
        if self.stalled.is_some() {
            self.add_again()?;
        }
        self.round.commit(self.position.as_deref())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let result = self.commit_or_stall();
        self.round.close_all();
        self.shared.set_closed();
        result
    }
}
