//! The handle that the application holds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use lapwing_event::{Event, Kind, Rejection, Service, TenantId};
use serde_json::{Map, Value};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::identity::{new_id, now};
use crate::object::Object;
use crate::queue::{Entry, Queue};
use crate::sampling::Sampling;
use crate::stats::{Counters, DropReason};
use crate::worker::{Control, Reply};
use crate::{Context, EmitterBuilder, FlushError, Interaction, Stats, ToolCall};

/// Beyond the deadline of a shutdown, the thread gets this long to say how it went.
const GRACE: Duration = Duration::from_millis(500);
/// How soon to ask again, where too many ask at once.
const PAUSE: Duration = Duration::from_millis(1);

/// Sends events on their way. Cheap to clone; clones share the queue. When the last clone goes, what is queued
/// is sent for a short time more (see [`EmitterBuilder::drop_timeout`]).
#[derive(Clone)]
pub struct Emitter {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub queue: Arc<Queue>,
    pub counters: Arc<Counters>,
    pub defaults: Defaults,
    pub sampling: Option<Sampling>,
    pub control: mpsc::Sender<Control>,
    pub drop_timeout: Duration,
    pub closed: AtomicBool,
}

/// What every event of this application has in common.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub service: Service,
    pub environment: Option<String>,
    pub tenant: TenantId,
}

impl Defaults {
    /// An empty event, now.
    pub(crate) fn event(&self, kind: Kind) -> Event {
        let at = now();
        let mut event = Event::new(kind, new_id(at), at, "");
        event.service.clone_from(&self.service);
        event.environment.clone_from(&self.environment);
        event.tenant.id.clone_from(&self.tenant);
        event
    }
}

impl Emitter {
    /// Says where events go, and how.
    pub fn builder() -> EmitterBuilder {
        EmitterBuilder::default()
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// An empty event of this application, with an id, at this time, in the current [`Context`]. Fill in the section of its kind and
    /// [`emit`](Self::emit) it.
    pub fn event(&self, kind: Kind) -> Event {
        let mut event = self.inner.defaults.event(kind);
        Context::current(|context| context.fill(&mut event));
        event
    }

    /// Queues the event. Never blocks, never panics; what cannot be queued is counted as lost.
    pub fn emit(&self, event: Event) {
        self.inner.counters.emitted(1);
        match &self.inner.sampling {
            _ if self.is_closed() => self.inner.counters.dropped(DropReason::Shutdown, 1),
            Some(sampling) if !sampling.keeps(&event) => self.inner.counters.sampled_out(),
            _ => self.inner.queue.push(Entry::Event(Box::new(event))),
        }
    }

    /// Queues an object as a logger writes it: an event of the schema, or plain fields such as `prompt`,
    /// `response` and `tool_called`, of which several events may come. What it leaves out of service, environment,
    /// time and [`Context`] is added. Never blocks, never panics; what is no event is counted as rejected.
    pub fn emit_object(&self, fields: Map<String, Value>) {
        self.inner.counters.emitted(1);
        match self.is_closed() {
            true => self.inner.counters.dropped(DropReason::Shutdown, 1),
            false => self.inner.queue.push(Entry::Object(Box::new(Object::new(fields)))),
        }
    }

    /// The events that [`emit_object`](Self::emit_object) would make of the object.
    ///
    /// # Errors
    /// What is wrong with which field, where it is no event.
    pub fn events_of(&self, fields: Map<String, Value>) -> Result<Vec<Event>, Rejection> {
        Object::new(fields).events(&self.inner.defaults)
    }

    fn is_closed(&self) -> bool {
        self.inner.closed.load(Ordering::Relaxed)
    }

    /// Begins an interaction with a model; its event is emitted when the guard is dropped.
    pub fn interaction(&self) -> Interaction {
        Interaction::new(self.clone())
    }

    /// A tool that begins to run outside of an interaction; say how it ended on what is returned.
    pub fn tool(&self, name: &str, arguments: impl Into<Value>) -> ToolCall {
        ToolCall::new(self.clone(), self.event(Kind::Tool), ToolCall::section(name, arguments.into()))
    }

    /// Counts something that the application meant to emit and that could not be made an event.
    pub fn count_lost(&self, reason: DropReason) {
        self.inner.counters.emitted(1);
        self.inner.counters.dropped(reason, 1);
    }

    /// The counters now.
    pub fn stats(&self) -> Stats {
        self.inner.counters.snapshot(self.inner.queue.len())
    }

    /// Waits until everything that was emitted before this call is acknowledged. Blocks the thread; in async
    /// code use [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    /// When the time runs out, or when something was dropped since the last flush.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.ask(timeout, Control::Flush)
    }

    /// As [`flush`](Self::flush), without blocking the thread. Needs a tokio runtime with a timer.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn flush_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.ask_async(timeout, Control::Flush).await
    }

    /// Takes no more events, sends what is queued, and ends. Blocks the thread for at most about `timeout`.
    ///
    /// # Errors
    /// When the time runs out, which loses what is not acknowledged, or when something was dropped since the
    /// last flush.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.inner.closed.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + timeout;
        self.ask(timeout + GRACE, |reply| Control::Stop { deadline, reply })
    }

    /// As [`shutdown`](Self::shutdown), without blocking the thread. Needs a tokio runtime with a timer.
    ///
    /// # Errors
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_async(&self, timeout: Duration) -> Result<(), FlushError> {
        self.inner.closed.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + timeout;
        self.ask_async(timeout + GRACE, |reply| Control::Stop { deadline, reply }).await
    }

    fn ask(&self, timeout: Duration, control: impl FnOnce(Reply) -> Control) -> Result<(), FlushError> {
        self.inner.ask(timeout, control)
    }

    async fn ask_async(&self, timeout: Duration, control: impl FnOnce(Reply) -> Control) -> Result<(), FlushError> {
        let (sender, answer) = oneshot::channel();
        let reply: Reply = Box::new(move |result| sender.send(result).is_ok());
        let asked = async {
            self.inner.control.send(control(reply)).await.map_err(|_| FlushError::Closed)?;
            answer.await.unwrap_or(Err(FlushError::Closed))
        };
        tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| Err(self.inner.timed_out()))
    }
}

impl Inner {
    fn ask(&self, timeout: Duration, control: impl FnOnce(Reply) -> Control) -> Result<(), FlushError> {
        let (sender, answer) = std_mpsc::sync_channel(1);
        let reply: Reply = Box::new(move |result| sender.send(result).is_ok());
        let deadline = Instant::now() + timeout;
        let mut asking = control(reply);
        // Full of the questions of those who gave up; the thread is about to read them.
        while let Err(fault) = self.control.try_send(asking) {
            asking = match fault {
                TrySendError::Full(asking) if Instant::now() < deadline => asking,
                TrySendError::Full(_) => return Err(self.timed_out()),
                TrySendError::Closed(_) => return Err(FlushError::Closed),
            };
            std::thread::sleep(PAUSE);
        }
        match answer.recv_timeout(timeout) {
            Ok(result) => result,
            Err(std_mpsc::RecvTimeoutError::Timeout) => Err(self.timed_out()),
            Err(std_mpsc::RecvTimeoutError::Disconnected) => Err(FlushError::Closed),
        }
    }

    fn timed_out(&self) -> FlushError {
        FlushError::Timeout { last_fault: self.counters.snapshot(0).last_fault }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.closed.load(Ordering::Relaxed) {
            let deadline = Instant::now() + self.drop_timeout;
            // Nobody is left to be told; the losses stand in the log.
            let _ = self.ask(self.drop_timeout + GRACE, |reply| Control::Stop { deadline, reply });
        }
    }
}

impl std::fmt::Debug for Emitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emitter").field("service", &self.inner.defaults.service.name).finish_non_exhaustive()
    }
}
