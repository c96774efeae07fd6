//! The emitter's own thread: gathers batches, sends them, tries again, and knows what is acknowledged.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use lapwing_event::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::FlushError;
use crate::batch::{Batch, Bounds, Encoded};
use crate::queue::Queue;
use crate::stats::{Counters, DropReason};
use crate::transport::{Delivery, SendError, Transport};

/// Losses are reported at most this often.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Encodes an event, masking it first where the application asked for that.
pub(crate) type Encode = dyn Fn(Event) -> Result<Encoded, DropReason> + Send;

/// Tells whoever waits for a flush how it went.
pub(crate) type Reply = Box<dyn FnOnce(Result<(), FlushError>) + Send>;

/// What the application asks of the thread.
pub(crate) enum Control {
    /// Tell when everything emitted before is settled.
    Flush(Reply),
    /// Send what there is until the deadline, then end.
    Stop { deadline: Instant, reply: Reply },
}

pub(crate) struct Worker {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    encode: Box<Encode>,
    bounds: Bounds,
    control: mpsc::Receiver<Control>,
    /// Events taken from the queue so far.
    taken: u64,
    flushes: Vec<Flush>,
    stop: Option<Instant>,
    /// How many losses were told to whoever flushed, and how many were reported in the log.
    told: u64,
    reported: u64,
    last_report: Option<Instant>,
}

struct Flush {
    /// Done once so many events were taken and none of them is in hand.
    target: u64,
    reply: Reply,
}

impl Worker {
    pub(crate) fn new(
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        encode: Box<Encode>,
        bounds: Bounds,
        control: mpsc::Receiver<Control>,
    ) -> Self {
        Self {
            queue,
            counters,
            encode,
            bounds,
            control,
            taken: 0,
            flushes: Vec::new(),
            stop: None,
            told: 0,
            reported: 0,
            last_report: None,
        }
    }

    /// Works until told to stop.
    pub(crate) async fn run(mut self, mut transport: Box<dyn Transport>) {
        loop {
            let batch = self.gather().await;
            if batch.is_empty() && self.stop.is_some() {
                break;
            }
            self.deliver(batch.events, &mut *transport).await;
            self.answer_flushes();
            self.report_losses();
        }
    }

    /// The next batch: full, or as much as came while lingering, or what there is if somebody waits for it.
    async fn gather(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut due = None;
        loop {
            self.fill(&mut batch);
            if batch.is_empty() {
                self.answer_flushes();
            }
            let hurried = self.stop.is_some() || !self.flushes.is_empty() && !batch.is_empty();
            let late = due.is_some_and(|due| Instant::now() >= due);
            if hurried || late || batch.is_full(&self.bounds) {
                return batch;
            }
            if !batch.is_empty() && due.is_none() {
                due = Some(Instant::now() + self.bounds.linger);
            }
            let queue = Arc::clone(&self.queue);
            let wait = async {
                match due {
                    None => queue.any().await,
                    Some(due) => queue.full_batch(due).await,
                }
            };
            tokio::select! {
                () = wait => {}
                control = self.control.recv() => self.obey(control),
            }
        }
    }

    fn fill(&mut self, batch: &mut Batch) {
        while !batch.is_full(&self.bounds) {
            let Some(event) = self.queue.pop() else { return };
            self.taken += 1;
            match catch_unwind(AssertUnwindSafe(|| (self.encode)(event))) {
                Ok(Ok(encoded)) => batch.push(encoded),
                Ok(Err(reason)) => self.counters.dropped(reason, 1),
                // A fault of ours that one event provokes; the others must not pay for it.
                Err(_) => self.counters.dropped(DropReason::Sanitize, 1),
            }
        }
    }

    /// Sends the events, in parts where the destination finds them too large, until all are settled.
    async fn deliver(&mut self, events: Vec<Encoded>, transport: &mut dyn Transport) {
        let mut parts = vec![events];
        let mut pauses = self.bounds.pauses();
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            if self.is_over() {
                self.counters.dropped(DropReason::Shutdown, part.len());
                continue;
            }
            match self.attempt(&part, transport).await {
                Ok(Delivery { rejected, reason }) => {
                    self.counters.acknowledged(part.len() - rejected);
                    self.counters.dropped(DropReason::Rejected, rejected);
                    reason.into_iter().for_each(|reason| self.counters.fault(reason));
                    pauses = self.bounds.pauses();
                }
                Err(SendError::TooLarge) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                Err(SendError::TooLarge) => self.counters.dropped(DropReason::TooLarge, 1),
                Err(SendError::Rejected(fault)) => {
                    self.counters.fault(fault);
                    self.counters.dropped(DropReason::Rejected, part.len());
                }
                Err(SendError::Retry { fault, after }) => {
                    self.counters.retry(fault);
                    parts.push(part);
                    let pause = after.or_else(|| pauses.next()).unwrap_or(self.bounds.max_pause);
                    self.pause(Instant::now() + pause).await;
                }
            }
        }
    }

    /// One attempt, given up when the time for shutting down is over.
    async fn attempt(&mut self, part: &[Encoded], transport: &mut dyn Transport) -> Result<Delivery, SendError> {
        let mut sending = pin!(transport.send(part));
        loop {
            let stop = self.stop;
            tokio::select! {
                result = &mut sending => return result,
                control = self.control.recv(), if stop.is_none() => self.obey(control),
                () = at(stop) => {
                    return Err(SendError::Retry { fault: "no answer before the shutdown".to_owned(), after: None });
                }
            }
        }
    }

    async fn pause(&mut self, until: Instant) {
        while Instant::now() < until && !self.is_over() {
            let stop = self.stop;
            tokio::select! {
                () = sleep_until(until) => {}
                control = self.control.recv(), if stop.is_none() => self.obey(control),
                () = at(stop) => {}
            }
        }
    }

    fn obey(&mut self, control: Option<Control>) {
        let target = self.taken + self.queue.len() as u64;
        match control {
            Some(Control::Flush(reply)) => self.flushes.push(Flush { target, reply }),
            Some(Control::Stop { deadline, reply }) => {
                self.stop = Some(deadline);
                self.flushes.push(Flush { target, reply });
            }
            None => self.stop = self.stop.or(Some(Instant::now())),
        }
    }

    fn is_over(&self) -> bool {
        self.stop.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Called with no event in hand. With drop-oldest a target may be out of reach; an empty queue says as much.
    fn answer_flushes(&mut self) {
        let (taken, empty) = (self.taken, self.queue.len() == 0);
        if self.flushes.iter().all(|flush| flush.target > taken && !empty) {
            return;
        }
        let stats = self.counters.snapshot(0);
        let lost = stats.dropped() - self.told;
        self.told += lost;
        let result = match lost {
            0 => Ok(()),
            _ if self.is_over() => Err(FlushError::Timeout { last_fault: stats.last_fault }),
            events => Err(FlushError::Dropped { events }),
        };
        for flush in std::mem::take(&mut self.flushes) {
            match flush.target > taken && !empty {
                true => self.flushes.push(flush),
                false => (flush.reply)(result.clone()),
            }
        }
    }

    fn report_losses(&mut self) {
        let lost = self.counters.snapshot(0).dropped() - self.reported;
        let due = self.last_report.is_none_or(|last| last.elapsed() >= REPORT_INTERVAL);
        if lost > 0 && due {
            let stats = self.counters.snapshot(0);
            let by_reason: Vec<(&str, u64)> =
                DropReason::ALL.iter().map(|reason| (reason.as_str(), stats.dropped_for(*reason))).collect();
            warn!(lost, total = ?by_reason, last_fault = stats.last_fault, "events were dropped");
            self.reported += lost;
            self.last_report = Some(Instant::now());
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
