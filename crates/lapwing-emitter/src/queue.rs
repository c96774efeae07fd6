//! The bounded, lock-free queue between the application's threads and the emitter's own.
//!
//! Waking a thread costs more than everything else that `emit` does, so it is done rarely: once when the
//! emitter's thread sleeps for want of work, once when a full batch has gathered while it lingers, and once when
//! the queue is half full while a batch is being sent and others could go to disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use lapwing_event::Event;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::object::Object;
use crate::stats::{Counters, DropReason};

/// What to do with an event when the queue is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DropPolicy {
    /// The new event is lost. What is queued already keeps its story whole.
    #[default]
    Newest,
    /// The oldest event is lost. What happens now is seen.
    Oldest,
}

/// The queue's bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub events: usize,
    pub bytes: usize,
    /// So many events wake the emitter's thread before its time.
    pub batch: usize,
    pub policy: DropPolicy,
}

/// What the emitter's thread is doing.
mod state {
    pub const AWAKE: u8 = 0;
    pub const LINGERING: u8 = 1;
    pub const ASLEEP: u8 = 2;
    pub const SENDING: u8 = 3;
}

pub(crate) struct Queue {
    events: ArrayQueue<Queued>,
    bytes: AtomicUsize,
    bounds: Bounds,
    state: AtomicU8,
    wake: Notify,
    counters: Arc<Counters>,
}

struct Queued {
    entry: Entry,
    weight: usize,
}

/// What was emitted.
pub(crate) enum Entry {
    Event(Box<Event>),
    /// It becomes events on the emitter's thread.
    Object(Box<Object>),
}

impl Queue {
    pub(crate) fn new(bounds: Bounds, counters: Arc<Counters>) -> Self {
        Self {
            events: ArrayQueue::new(bounds.events.max(1)),
            bytes: AtomicUsize::new(0),
            bounds,
            state: AtomicU8::new(state::AWAKE),
            wake: Notify::new(),
            counters,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Queues the entry, or drops one, as the policy says.
    pub(crate) fn push(&self, entry: Entry) {
        let weight = entry.weight();
        let queued = Queued { entry, weight };
        match self.bounds.policy {
            _ if weight > self.bounds.bytes => return self.counters.dropped(DropReason::TooLarge, 1),
            DropPolicy::Newest => {
                let before = self.bytes.fetch_add(weight, Ordering::Relaxed);
                if before + weight > self.bounds.bytes || self.events.push(queued).is_err() {
                    self.bytes.fetch_sub(weight, Ordering::Relaxed);
                    return self.counters.dropped(DropReason::QueueFull, 1);
                }
            }
            DropPolicy::Oldest => {
                let before = self.bytes.fetch_add(weight, Ordering::Relaxed);
                let mut excess = (before + weight).saturating_sub(self.bounds.bytes);
                while excess > 0 {
                    let Some(oldest) = self.take() else { break };
                    self.counters.dropped(DropReason::QueueFull, 1);
                    excess = excess.saturating_sub(oldest.weight);
                }
                if let Some(oldest) = self.events.force_push(queued) {
                    self.bytes.fetch_sub(oldest.weight, Ordering::Relaxed);
                    self.counters.dropped(DropReason::QueueFull, 1);
                }
            }
        }
        self.wake_if_due();
    }

    pub(crate) fn pop(&self) -> Option<Entry> {
        self.take().map(|queued| queued.entry)
    }

    fn take(&self) -> Option<Queued> {
        let queued = self.events.pop()?;
        self.bytes.fetch_sub(queued.weight, Ordering::Relaxed);
        Some(queued)
    }

    fn wake_if_due(&self) {
        let current = self.state.load(Ordering::SeqCst);
        let due = match current {
            state::ASLEEP => true,
            state::LINGERING => self.events.len() >= self.bounds.batch,
            state::SENDING => self.is_pressed(),
            _ => false,
        };
        let awake = state::AWAKE;
        if due && self.state.compare_exchange(current, awake, Ordering::SeqCst, Ordering::Relaxed).is_ok() {
            self.wake.notify_one();
        }
    }

    fn is_pressed(&self) -> bool {
        2 * self.events.len() >= self.events.capacity() || self.bytes.load(Ordering::Relaxed) >= self.bounds.bytes / 2
    }

    /// For the emitter's thread: waits until the queue is half full.
    pub(crate) async fn pressed(&self) {
        self.state.store(state::SENDING, Ordering::SeqCst);
        if !self.is_pressed() {
            self.wake.notified().await;
        }
        self.state.store(state::AWAKE, Ordering::SeqCst);
    }

    /// For the emitter's thread: waits for any event.
    pub(crate) async fn any(&self) {
        self.state.store(state::ASLEEP, Ordering::SeqCst);
        // An event that was pushed before the state was set woke nobody.
        if self.events.is_empty() {
            self.wake.notified().await;
        }
        self.state.store(state::AWAKE, Ordering::SeqCst);
    }

    /// For the emitter's thread: waits for a full batch, until `due` at most.
    pub(crate) async fn full_batch(&self, due: Instant) {
        self.state.store(state::LINGERING, Ordering::SeqCst);
        if self.events.len() < self.bounds.batch {
            tokio::select! {
                () = self.wake.notified() => {}
                () = sleep_until(due) => {}
            }
        }
        self.state.store(state::AWAKE, Ordering::SeqCst);
    }
}

impl Entry {
    /// About how much memory it holds.
    fn weight(&self) -> usize {
        match self {
            Self::Event(event) => weight(event),
            Self::Object(object) => {
                let fields = object.fields.iter().map(|(key, value)| 32 + key.len() + json_weight(value));
                size_of::<Object>() + fields.sum::<usize>()
            }
        }
    }
}

/// About how much memory the event holds. Strings that are short in practice are in the constant.
fn weight(event: &Event) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let mut bytes = size_of::<Event>() + 512;
    if let Some(content) = &event.content {
        bytes += text(&content.system) + text(&content.prompt) + text(&content.response);
        bytes += content.messages.as_ref().map_or(0, json_weight);
    }
    if let Some(tool) = &event.tool {
        bytes += text(&tool.output) + tool.arguments.as_ref().map_or(0, json_weight);
    }
    if let Some(retrieval) = &event.retrieval {
        bytes += text(&retrieval.query) + text(&retrieval.text);
        bytes += retrieval.documents.iter().map(|document| 256 + text(&document.snippet)).sum::<usize>();
    }
    if let Some(error) = &event.error {
        bytes += text(&error.message) + text(&error.stack);
    }
    bytes + event.attrs.iter().map(|(key, value)| key.len() + json_weight(value)).sum::<usize>()
}

fn json_weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(json_weight).sum(),
            Value::Object(map) => map.iter().map(|(key, value)| 32 + key.len() + json_weight(value)).sum(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use lapwing_event::{EventId, Kind, Timestamp};

    use super::*;

    fn event(n: i64) -> Entry {
        let at = Timestamp::from_millis(n);
        Entry::Event(Box::new(Event::new(Kind::Llm, EventId::new(at, [0; 10]), at, "app")))
    }

    fn queue(events: usize, bytes: usize, policy: DropPolicy) -> (Queue, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        (Queue::new(Bounds { events, bytes, batch: 2, policy }, Arc::clone(&counters)), counters)
    }

    fn drain(queue: &Queue) -> Vec<i64> {
        let number = |entry| match entry {
            Entry::Event(event) => event.timestamp.millis(),
            Entry::Object(_) => panic!("no object was pushed"),
        };
        std::iter::from_fn(|| queue.pop()).map(number).collect()
    }

    #[test]
    fn a_full_queue_drops_as_the_policy_says_and_counts() {
        let per_event = event(0).weight();
        let check = |events, bytes, policy, expect: &[i64]| {
            let (queue, counters) = queue(events, bytes, policy);
            (0..5).for_each(|n| queue.push(event(n)));
            assert_eq!(drain(&queue), expect, "{policy:?}");
            assert_eq!(counters.snapshot(0).dropped_for(DropReason::QueueFull), 5 - expect.len() as u64);
            assert_eq!(queue.bytes.load(Ordering::Relaxed), 0);
        };
        check(3, usize::MAX, DropPolicy::Newest, &[0, 1, 2]);
        check(3, usize::MAX, DropPolicy::Oldest, &[2, 3, 4]);
        check(100, 2 * per_event, DropPolicy::Newest, &[0, 1]);
        check(100, 2 * per_event, DropPolicy::Oldest, &[3, 4]);
    }

    #[test]
    fn an_event_over_the_whole_bound_is_too_large() {
        for policy in [DropPolicy::Newest, DropPolicy::Oldest] {
            let (queue, counters) = queue(10, 100, policy);
            queue.push(event(0));
            assert_eq!(counters.snapshot(queue.len()).dropped_for(DropReason::TooLarge), 1);
            assert_eq!(queue.len(), 0);
        }
    }

    #[tokio::test]
    async fn no_wake_up_is_lost() {
        let (queue, _) = queue(1000, usize::MAX, DropPolicy::Newest);
        let queue = Arc::new(queue);
        let pusher = Arc::clone(&queue);
        let pushing = std::thread::spawn(move || (0..500).for_each(|n| pusher.push(event(n))));
        let mut got = 0;
        while got < 500 {
            queue.any().await;
            got += drain(&queue).len();
        }
        pushing.join().unwrap();
    }
}
