//! What the writer thread and the readers share: where each partition begins and ends, how far the groups are, and
//! the open log. Nothing here waits for the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use tokio::sync::watch;

use super::log::{GroupPlace, Log, Tail};
use super::{EmbeddedConfig, retention};

/// A topic, as readers see it.
#[derive(Debug)]
pub(super) struct Topic {
    pub name: String,
    pub partitions: Vec<Bounds>,
}

/// The offsets that a partition holds.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    low: AtomicI64,
    end: AtomicI64,
}

impl Bounds {
    /// The first offset that is there.
    pub fn low(&self) -> i64 {
        self.low.load(Ordering::Acquire)
    }

    /// The next offset.
    pub fn end(&self) -> i64 {
        self.end.load(Ordering::Acquire)
    }

    pub fn publish(&self, tail: &Tail) {
        self.low.store(tail.low, Ordering::Release);
        self.end.store(tail.end, Ordering::Release);
    }
}

/// What is shared.
pub(super) struct State {
    pub path: PathBuf,
    pub config: EmbeddedConfig,
    /// The log; none while it is opened again after the disk was full. Only the writer thread writes here.
    pub log: RwLock<Option<Log>>,
    /// Tells the readers to look again.
    pub changed: watch::Sender<()>,
    /// Records that retention by size removed before every group had read them.
    pub removed_unread: AtomicU64,
    topics: RwLock<BTreeMap<String, Arc<Topic>>>,
    groups: Mutex<BTreeMap<GroupPlace, i64>>,
    members: Mutex<BTreeSet<(String, String)>>,
}

impl State {
    pub fn new(path: PathBuf, config: EmbeddedConfig) -> Self {
        Self {
            path,
            config,
            log: RwLock::default(),
            changed: watch::Sender::default(),
            removed_unread: AtomicU64::default(),
            topics: RwLock::default(),
            groups: Mutex::default(),
            members: Mutex::default(),
        }
    }

    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().expect(UNBROKEN).get(name).cloned()
    }

    /// The topic, made known with this number of partitions if it is not yet.
    pub fn register(&self, name: &str, partitions: u32) -> Arc<Topic> {
        let new = || {
            let partitions = (0..partitions).map(|_| Bounds::default()).collect();
            Arc::new(Topic { name: name.to_owned(), partitions })
        };
        self.topics.write().expect(UNBROKEN).entry(name.to_owned()).or_insert_with(new).clone()
    }

    /// The offsets of the groups, durable ones only.
    pub fn groups(&self) -> MutexGuard<'_, BTreeMap<GroupPlace, i64>> {
        self.groups.lock().expect(UNBROKEN)
    }

    /// How far the slowest known group is in a partition.
    pub fn slowest_group(&self, topic: &str, partition: u32) -> Option<i64> {
        retention::slowest(&self.groups(), topic, partition)
    }

    /// Takes a group's seat at each of the topics, or names the topic whose seat is taken.
    pub fn join(&self, group: &str, topics: &[String]) -> Result<(), String> {
        let mut members = self.members.lock().expect(UNBROKEN);
        let seat = |topic: &String| (group.to_owned(), topic.clone());
        if let Some(taken) = topics.iter().find(|topic| members.contains(&seat(topic))) {
            return Err(taken.clone());
        }
        members.extend(topics.iter().map(seat));
        Ok(())
    }

    pub fn leave(&self, group: &str, topics: &[String]) {
        let mut members = self.members.lock().expect(UNBROKEN);
        members.retain(|(member, topic)| member != group || !topics.contains(topic));
    }
}

/// Why the locks of this module are never found poisoned.
pub(super) const UNBROKEN: &str = "nothing panics while it holds a lock of the embedded bus";
