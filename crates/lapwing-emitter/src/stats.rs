//! What the emitter counts: nothing is lost without a number going up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Why an event was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The queue was full.
    QueueFull,
    /// It is longer than an event may be.
    TooLarge,
    /// The destination says it is no valid event.
    Rejected,
    /// It could not be sanitized.
    Sanitize,
    /// The emitter was shut down before it was acknowledged.
    Shutdown,
    /// The spool was full, or the disk failed.
    Spool,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::QueueFull, Self::TooLarge, Self::Rejected, Self::Sanitize, Self::Shutdown, Self::Spool];

    /// A short name, for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Rejected => "rejected",
            Self::Sanitize => "sanitize",
            Self::Shutdown => "shutdown",
            Self::Spool => "spool",
        }
    }
}

/// The emitter's counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events given to the emitter.
    pub emitted: u64,
    /// Events that the destination has acknowledged.
    pub acknowledged: u64,
    /// Events in the queue now.
    pub queued: usize,
    /// Events that wait on disk now.
    pub spooled: usize,
    /// Events that sampling left out; they are not lost by accident and not counted as dropped.
    pub sampled_out: u64,
    /// Attempts to send that failed and were or will be repeated.
    pub retries: u64,
    /// Lost events, in the order of [`DropReason::ALL`].
    dropped: [u64; DropReason::ALL.len()],
    /// What the destination last had to say against a batch, without content.
    pub last_fault: Option<String>,
}

impl Stats {
    /// How many events were lost for this reason.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// How many events were lost.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// The losses by reason in words, as `queue_full 3, rejected 1`; empty if there are none.
    pub(crate) fn dropped_in_words(&self) -> String {
        let told = DropReason::ALL.iter().filter(|reason| self.dropped_for(**reason) > 0);
        told.map(|reason| format!("{} {}", reason.as_str(), self.dropped_for(*reason))).collect::<Vec<_>>().join(", ")
    }
}

/// The counters, shared by the threads that emit and the one that sends.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    emitted: AtomicU64,
    acknowledged: AtomicU64,
    spooled: AtomicUsize,
    sampled_out: AtomicU64,
    retries: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    last_fault: Mutex<Option<String>>,
}

impl Counters {
    pub(crate) fn emitted(&self, events: usize) {
        self.emitted.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn acknowledged(&self, events: usize) {
        self.acknowledged.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn spooled(&self, events: usize) {
        self.spooled.store(events, Ordering::Relaxed);
    }

    pub(crate) fn sampled_out(&self) {
        self.sampled_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, reason: DropReason, events: usize) {
        self.dropped[reason as usize].fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn retry(&self, fault: String) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.fault(fault);
    }

    pub(crate) fn fault(&self, fault: String) {
        *self.last_fault.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(fault);
    }

    pub(crate) fn snapshot(&self, queued: usize) -> Stats {
        Stats {
            emitted: self.emitted.load(Ordering::Relaxed),
            acknowledged: self.acknowledged.load(Ordering::Relaxed),
            queued,
            spooled: self.spooled.load(Ordering::Relaxed),
            sampled_out: self.sampled_out.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            dropped: std::array::from_fn(|reason| self.dropped[reason].load(Ordering::Relaxed)),
            last_fault: self.last_fault.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone(),
        }
    }
}
