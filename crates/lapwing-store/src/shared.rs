//! What the writer publishes and everybody reads: the committed state of all partitions at one moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::partition::View;

/// All partitions as of one round of commits, newest first. A search works on one snapshot from beginning to
/// end, so that it never sees half a round.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub views: Vec<Arc<View>>,
    /// Events with a lesser sequence number, and no others, are in the views.
    pub next_seq: u64,
    /// The durable position of the source.
    pub position: Option<String>,
}

/// The place where the writer leaves its latest snapshot.
pub(crate) struct Shared {
    snapshot: RwLock<Arc<Snapshot>>,
    commits: watch::Sender<u64>,
    stalled: AtomicBool,
    open: AtomicBool,
}

impl Shared {
    pub fn new(snapshot: Snapshot) -> Self {
        let (commits, _) = watch::channel(snapshot.next_seq);
        let snapshot = RwLock::new(Arc::new(snapshot));
        Self { snapshot, commits, stalled: AtomicBool::new(false), open: AtomicBool::new(true) }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn publish(&self, snapshot: Snapshot) {
        let next_seq = snapshot.next_seq;
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        self.commits.send_replace(next_seq);
    }

    /// Wakes at every commit; its value is the snapshot's `next_seq`.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    pub fn set_stalled(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::Relaxed);
    }

    /// Says that nothing more will come, and wakes those who wait for commits.
    pub fn set_closed(&self) {
        self.open.store(false, Ordering::Relaxed);
        self.commits.send_modify(|_| {});
    }

    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether events that are appended now become durable soon.
    pub fn ready(&self) -> bool {
        self.is_open() && !self.stalled.load(Ordering::Relaxed)
    }
}
