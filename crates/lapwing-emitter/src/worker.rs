//! The emitter's own thread: gathers batches, sends them, tries again, and knows what is acknowledged.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapwing_event::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{error, warn};

use crate::FlushError;
use crate::batch::{Batch, Bounds, Encoded};
use crate::emitter::Defaults;
use crate::object::Object;
use crate::queue::{Entry, Queue};
use crate::retry::Retry;
use crate::sampling::Sampling;
use crate::spool::{Spool, SpoolError};
use crate::stats::{Counters, DropReason};
use crate::transport::{Delivery, SendError, Transport};

/// Losses are reported at most this often.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// So many flushes may wait at once; more of them, and the oldest is told that its time is over.
pub(crate) const MAX_WAITING: usize = 64;

/// Makes the event that tells of losses.
pub(crate) type Describe = dyn Fn(String) -> Event + Send;

/// Encodes an event, masking it first where the application asked for that.
pub(crate) type Encode = dyn Fn(Event) -> Result<Encoded, DropReason> + Send;

/// Tells whoever waits for a flush how it went; whether anybody still waits.
pub(crate) type Reply = Box<dyn FnOnce(Result<(), FlushError>) -> bool + Send>;

/// What the application asks of the thread.
pub(crate) enum Control {
    /// Tell when everything emitted before is settled.
    Flush(Reply),
    /// Send what there is until the deadline, then end.
    Stop { deadline: Instant, reply: Reply },
}

/// What the thread works with.
pub(crate) struct Parts {
    pub queue: Arc<Queue>,
    pub counters: Arc<Counters>,
    pub encode: Box<Encode>,
    pub describe: Box<Describe>,
    pub defaults: Defaults,
    pub sampling: Option<Sampling>,
    pub bounds: Bounds,
    pub control: mpsc::Receiver<Control>,
    pub spool: Option<Spool>,
}

pub(crate) struct Worker {
    parts: Parts,
    retry: Retry,
    /// Events taken from the queue so far.
    taken: u64,
    flushes: Vec<Flush>,
    stop: Option<Instant>,
    farewell: Option<Reply>,
    /// How many losses were told to whoever flushed, and how many were reported in the log.
    told: u64,
    reported: u64,
    last_report: Option<Instant>,
    /// A report that goes out as an event with the next batch.
    owed: Option<String>,
}

struct Flush {
    /// Done once so many events were taken and none of them is in hand.
    target: u64,
    reply: Reply,
}

/// What is left of a batch after an attempt that may be repeated.
struct Unsettled {
    rest: Vec<Encoded>,
    after: Option<Duration>,
}

/// The spool while something is being sent.
struct Spooling<'a> {
    spool: &'a mut Spool,
    /// Whether what is being sent is the spool's oldest batch.
    stored: bool,
    /// Whether the spool takes more.
    open: bool,
}

impl Worker {
    pub(crate) fn new(mut parts: Parts) -> Self {
        if let Some(spool) = &mut parts.spool {
            parts.counters.spooled(spool.len());
            parts.counters.dropped(DropReason::Spool, spool.take_damaged());
        }
        Self {
            retry: Retry::new(&parts.bounds),
            parts,
            taken: 0,
            flushes: Vec::new(),
            stop: None,
            farewell: None,
            told: 0,
            reported: 0,
            last_report: None,
            owed: None,
        }
    }

    /// Works until told to stop.
    pub(crate) async fn run(mut self, mut transport: Box<dyn Transport>) {
        loop {
            let batch = self.gather().await;
            if batch.is_empty() && self.stop.is_some() && (self.has_no_backlog() || self.is_over()) {
                break;
            }
            match self.parts.spool.take() {
                None => self.deliver(batch.events, &mut *transport).await,
                Some(mut spool) => {
                    self.deliver_or_spool(batch.events, &mut spool, &mut *transport).await;
                    self.parts.counters.spooled(spool.len());
                    self.parts.spool = Some(spool);
                }
            }
            self.answer_flushes();
            self.report_losses();
        }
        self.answer_flushes();
        let verdict = self.verdict();
        // Whoever waits for the end may open the spool again at once.
        drop(self.parts.spool.take());
        self.farewell.take().map(|reply| reply(verdict));
    }

    /// The next batch: full, or as much as came while lingering, or what there is if somebody waits for it. Empty
    /// if the spool's next attempt is due, or there is nothing left before the end.
    async fn gather(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut due = None;
        loop {
            self.fill(&mut batch);
            if batch.is_empty() {
                self.answer_flushes();
            }
            let attempt = (!self.has_no_backlog()).then(|| self.retry.at().unwrap_or_else(Instant::now));
            let hurried = self.stop.is_some() || !self.flushes.is_empty();
            let ended = self.stop.is_some() && (attempt.is_none() || self.is_over());
            let now = Instant::now();
            let late = [due, attempt].into_iter().flatten().any(|at| now >= at);
            if batch.is_full(&self.parts.bounds) || hurried && !batch.is_empty() || ended || late {
                return batch;
            }
            if !batch.is_empty() && due.is_none() {
                due = Some(now + self.parts.bounds.linger);
            }
            let queue = Arc::clone(&self.parts.queue);
            let wait = async {
                match due {
                    None => queue.any().await,
                    Some(due) => queue.full_batch(due).await,
                }
            };
            let stop = self.stop;
            tokio::select! {
                () = wait => {}
                () = at(attempt) => {}
                () = at(stop) => {}
                control = self.parts.control.recv(), if stop.is_none() => self.obey(control),
            }
        }
    }

    fn fill(&mut self, batch: &mut Batch) {
        if self.retry.at().is_none()
            && let Some(report) = self.owed.take()
        {
            let event = (self.parts.describe)(report);
            self.parts.counters.emitted(1);
            self.encode(event, batch);
        }
        while !batch.is_full(&self.parts.bounds) {
            let Some(entry) = self.parts.queue.pop() else { return };
            self.taken += 1;
            match entry {
                Entry::Event(event) => self.encode(*event, batch),
                Entry::Object(object) => self.expand(*object, batch),
            }
        }
    }

    /// Makes events of an object. A fault of ours that one object provokes must not cost the others.
    fn expand(&self, object: Object, batch: &mut Batch) {
        let counters = &self.parts.counters;
        let Ok(events) = catch_unwind(AssertUnwindSafe(|| object.events(&self.parts.defaults))) else {
            return counters.dropped(DropReason::Rejected, 1);
        };
        match events {
            Ok(events) => {
                counters.emitted(events.len().saturating_sub(1));
                for event in events {
                    match &self.parts.sampling {
                        Some(sampling) if !sampling.keeps(&event) => counters.sampled_out(),
                        _ => self.encode(event, batch),
                    }
                }
            }
            Err(rejection) => {
                counters.fault(rejection.to_string());
                counters.dropped(DropReason::Rejected, 1);
            }
        }
    }

    fn encode(&self, event: Event, batch: &mut Batch) {
        match catch_unwind(AssertUnwindSafe(|| (self.parts.encode)(event))) {
            Ok(Ok(encoded)) => batch.push(encoded),
            Ok(Err(reason)) => self.parts.counters.dropped(reason, 1),
            // A fault of ours that one event provokes; the others must not pay for it.
            Err(_) => self.parts.counters.dropped(DropReason::Sanitize, 1),
        }
    }

    /// Without a spool: tries until everything is settled.
    async fn deliver(&mut self, events: Vec<Encoded>, transport: &mut dyn Transport) {
        let mut left = events;
        while !left.is_empty() {
            if self.is_over() {
                return self.parts.counters.dropped(DropReason::Shutdown, left.len());
            }
            match self.settle(left, transport, None).await {
                Ok(()) => return,
                Err(Unsettled { rest, after }) => {
                    self.retry.failed(after);
                    self.report_losses();
                    self.pause().await;
                    left = rest;
                }
            }
        }
    }

    /// With a spool: straight to the destination while that answers, else to disk; and when it answers again,
    /// first what is on disk, so that the order is kept. Makes at most one attempt.
    async fn deliver_or_spool(&mut self, events: Vec<Encoded>, spool: &mut Spool, transport: &mut dyn Transport) {
        let may_try = self.retry.is_due() && !self.is_over();
        if !events.is_empty() && spool.is_empty() && may_try {
            return self.deliver_past_spool(events, spool, transport).await;
        }
        if !events.is_empty() {
            self.store(&events, spool);
        }
        if !may_try {
            return;
        }
        let replayed = match spool.oldest() {
            Ok(Some(lines)) => self.replay(lines, spool, transport).await,
            Ok(None) => return,
            Err(error) => return self.spool_fault(&error),
        };
        match replayed {
            Ok(()) => spool.acknowledge().unwrap_or_else(|error| self.spool_fault(&error)),
            Err(after) => self.retry.failed(after),
        }
    }

    /// One attempt; what it leaves goes into the empty spool, unless the queue's pressure has put it there.
    async fn deliver_past_spool(&mut self, events: Vec<Encoded>, spool: &mut Spool, transport: &mut dyn Transport) {
        let mut spooling = Spooling { spool, stored: false, open: true };
        let settled = self.settle(events, transport, Some(&mut spooling)).await;
        let Spooling { spool, stored, .. } = spooling;
        match settled {
            Ok(()) if stored => {
                let acknowledged = spool.oldest().and_then(|_| spool.acknowledge());
                acknowledged.unwrap_or_else(|error| self.spool_fault(&error));
            }
            Ok(()) => {}
            Err(Unsettled { rest, after }) => {
                self.retry.failed(after);
                if !stored {
                    self.store(&rest, spool);
                }
            }
        }
    }

    async fn replay(
        &mut self,
        lines: Vec<Bytes>,
        spool: &mut Spool,
        transport: &mut dyn Transport,
    ) -> Result<(), Option<Duration>> {
        let mut events = Vec::with_capacity(lines.len());
        for line in lines {
            match Encoded::from_json(line) {
                Ok(event) => events.push(event),
                Err(reason) => self.parts.counters.dropped(reason, 1),
            }
        }
        let mut spooling = Spooling { spool, stored: true, open: true };
        self.settle(events, transport, Some(&mut spooling)).await.map_err(|unsettled| unsettled.after)
    }

    /// Whether they are on disk; if not, they are lost.
    fn store(&mut self, events: &[Encoded], spool: &mut Spool) -> bool {
        let stored = spool.append(events.iter().map(|event| &event.json));
        if let Err(error) = &stored {
            self.parts.counters.fault(error.to_string());
            self.parts.counters.dropped(DropReason::Spool, events.len());
        }
        stored.is_ok()
    }

    /// Takes a batch out of the queue while another is being sent: the destination may be slow to say that it is
    /// away, and the queue must not overflow while there is room on disk. What is in hand goes first, so that the
    /// order is kept.
    fn make_room(&mut self, in_hand: &[Encoded], spooling: &mut Spooling<'_>) {
        if !spooling.stored {
            spooling.stored = spooling.spool.append(in_hand.iter().map(|event| &event.json)).is_ok();
            spooling.open = spooling.stored;
        }
        if spooling.open {
            let mut batch = Batch::default();
            self.fill(&mut batch);
            spooling.open = batch.is_empty() || self.store(&batch.events, spooling.spool);
            self.parts.counters.spooled(spooling.spool.len());
        }
    }

    fn spool_fault(&mut self, error: &SpoolError) {
        error!(%error, "spool failed");
        self.parts.counters.fault(error.to_string());
        match error {
            SpoolError::Damaged { events } => self.parts.counters.dropped(DropReason::Spool, *events),
            // The disk may recover.
            SpoolError::Full | SpoolError::Io(_) => self.retry.failed(None),
        }
    }

    /// Sends the events, in parts where the destination finds them too large.
    async fn settle(
        &mut self,
        events: Vec<Encoded>,
        transport: &mut dyn Transport,
        mut spooling: Option<&mut Spooling<'_>>,
    ) -> Result<(), Unsettled> {
        let mut parts = vec![events];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.attempt(&part, &parts, transport, spooling.as_deref_mut()).await {
                Ok(Delivery { rejected, reason }) => {
                    self.parts.counters.acknowledged(part.len() - rejected);
                    self.parts.counters.dropped(DropReason::Rejected, rejected);
                    reason.into_iter().for_each(|reason| self.parts.counters.fault(reason));
                    self.retry.succeeded();
                }
                Err(SendError::TooLarge) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                Err(SendError::TooLarge) => self.parts.counters.dropped(DropReason::TooLarge, 1),
                Err(SendError::Rejected(fault)) => {
                    self.parts.counters.fault(fault);
                    self.parts.counters.dropped(DropReason::Rejected, part.len());
                }
                Err(SendError::Retry { fault, after }) => {
                    self.parts.counters.retry(fault);
                    parts.push(part);
                    let rest = parts.into_iter().rev().flatten().collect();
                    return Err(Unsettled { rest, after });
                }
            }
        }
        Ok(())
    }

    /// One attempt, given up when the time for shutting down is over. `rest` is what is to be sent after it, the
    /// last first.
    async fn attempt(
        &mut self,
        part: &[Encoded],
        rest: &[Vec<Encoded>],
        transport: &mut dyn Transport,
        mut spooling: Option<&mut Spooling<'_>>,
    ) -> Result<Delivery, SendError> {
        let mut sending = pin!(transport.send(part));
        let queue = Arc::clone(&self.parts.queue);
        loop {
            let stop = self.stop;
            tokio::select! {
                result = &mut sending => return result,
                () = queue.pressed(), if spooling.as_ref().is_some_and(|spooling| spooling.open) => {
                    if let Some(spooling) = &mut spooling {
                        let in_hand: Vec<Encoded> = part.iter().chain(rest.iter().rev().flatten()).cloned().collect();
                        self.make_room(&in_hand, spooling);
                    }
                }
                control = self.parts.control.recv(), if stop.is_none() => self.obey(control),
                () = at(stop) => {
                    return Err(SendError::Retry { fault: "no answer before the shutdown".to_owned(), after: None });
                }
            }
        }
    }

    /// Waits for the next attempt, or for the end.
    async fn pause(&mut self) {
        while !self.retry.is_due() && !self.is_over() {
            let stop = self.stop;
            tokio::select! {
                () = at(self.retry.at()) => {}
                () = at(stop) => {}
                control = self.parts.control.recv(), if stop.is_none() => self.obey(control),
            }
        }
    }

    fn obey(&mut self, control: Option<Control>) {
        let target = self.taken + self.parts.queue.len() as u64;
        match control {
            Some(Control::Flush(reply)) => {
                if self.flushes.len() == MAX_WAITING {
                    let last_fault = self.parts.counters.snapshot(0).last_fault;
                    (self.flushes.remove(0).reply)(Err(FlushError::Timeout { last_fault }));
                }
                self.flushes.push(Flush { target, reply });
            }
            Some(Control::Stop { deadline, reply }) => {
                self.stop = Some(deadline);
                self.farewell = Some(reply);
            }
            None => self.stop = self.stop.or(Some(Instant::now())),
        }
    }

    fn is_over(&self) -> bool {
        self.stop.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn has_no_backlog(&self) -> bool {
        self.parts.spool.as_ref().is_none_or(Spool::is_empty)
    }

    /// Called with no event in hand. With drop-oldest a target may be out of reach; an empty queue says as much.
    fn answer_flushes(&mut self) {
        let (taken, empty, settled) = (self.taken, self.parts.queue.len() == 0, self.has_no_backlog());
        let is_answered = |flush: &Flush| flush.target <= taken || empty;
        if !settled && !self.is_over() || !self.flushes.iter().any(is_answered) {
            return;
        }
        let verdict = self.verdict();
        let dropped = self.parts.counters.snapshot(0).dropped();
        for flush in self.flushes.extract_if(.., |flush| is_answered(flush)) {
            // Whoever gave up waiting was told nothing.
            if (flush.reply)(verdict.clone()) {
                self.told = dropped;
            }
        }
    }

    /// How everything went since somebody was told.
    fn verdict(&self) -> Result<(), FlushError> {
        let stats = self.parts.counters.snapshot(0);
        let lost = stats.dropped() - self.told;
        match lost {
            _ if !self.has_no_backlog() => Err(FlushError::Timeout { last_fault: stats.last_fault }),
            0 => Ok(()),
            _ if self.is_over() => Err(FlushError::Timeout { last_fault: stats.last_fault }),
            events => Err(FlushError::Dropped { events }),
        }
    }

    /// Once in a while, in the log; and as an event when the way is free.
    fn report_losses(&mut self) {
        let stats = self.parts.counters.snapshot(0);
        let lost = stats.dropped() - self.reported;
        if lost == 0 || self.last_report.is_some_and(|last| last.elapsed() < REPORT_INTERVAL) {
            return;
        }
        let total = stats.dropped_in_words();
        warn!(lost, total, last_fault = stats.last_fault, "events were dropped");
        self.owed = Some(format!("{lost} events were dropped; in total: {total}"));
        self.reported += lost;
        self.last_report = Some(Instant::now());
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
