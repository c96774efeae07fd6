//! A durable bus on the local disk, for one machine and one process.
//!
//! A partition is a keyspace of the fjall storage engine, with offsets as keys. One thread writes: it gathers what
//! is waiting into one atomic batch, waits for the disk once, and then acknowledges all of it, so that nothing
//! acknowledged is lost to a crash or a power cut. Readers in the same process are woken by each append. Records go
//! when they are too old or too many; those that a group has not read only by size, and then the reader is told.

mod config;
mod frame;
mod log;
mod partitioner;
mod retention;
mod source;
mod state;
mod writer;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use self::config::{EmbeddedConfig, Retention};
pub use self::frame::check_any_frame;
pub use self::source::EmbeddedSource;

use self::log::GroupPlace;
use self::state::{State, Topic};
use self::writer::{Command, Subscribe, Write, Writer};
use crate::{BusError, Record, Sink, Subscription};

/// How many bytes may wait for the writer thread; senders wait beyond it.
const QUEUE_BYTES: usize = 32 << 20;

/// What a write counts for in the queue at least, so that small ones are bounded too.
const WRITE_BYTES: usize = 1 << 10;

/// The embedded bus. Clones are handles to the same bus; it is closed when the last of them and of its sources
/// is dropped, which waits for the write in progress.
#[derive(Clone)]
pub struct Embedded(Arc<Handle>);

struct Handle {
    state: Arc<State>,
    queue: Arc<Semaphore>,
    /// None only while the handle is dropped.
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Embedded {
    /// Opens the bus in a folder, which is made if it is not there. Blocks while journals are read back. Fails with
    /// [`BusError::Fatal`] if the folder is in use.
    pub fn open(path: impl AsRef<Path>, config: EmbeddedConfig) -> Result<Self, BusError> {
        config.check()?;
        let state = Arc::new(State::new(path.as_ref().to_owned(), config));
        let writer = Writer::open(state.clone())?;
        let (commands, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("lapwing-bus".into())
            .spawn(move || writer.run(&receiver))
            .map_err(|error| BusError::Fatal(format!("writer thread cannot be started: {error}")))?;
        let queue = Arc::new(Semaphore::new(QUEUE_BYTES));
        Ok(Self(Arc::new(Handle { state, queue, commands: Some(commands), thread: Some(thread) })))
    }

    /// A reader. Only one reader of a group may read a topic at a time; a second is refused.
    pub fn source(&self, subscription: Subscription) -> Result<EmbeddedSource, BusError> {
        subscription.check()?;
        EmbeddedSource::new(self.clone(), subscription)
    }

    /// How many records retention by size has removed, since the bus was opened, before every group had read them.
    pub fn removed_unread(&self) -> u64 {
        self.state().removed_unread.load(Ordering::Relaxed)
    }

    fn state(&self) -> &Arc<State> {
        &self.0.state
    }

    async fn write(&self, appends: Vec<(String, Vec<Record>)>, moves: Vec<(GroupPlace, i64)>) -> Result<(), BusError> {
        let records = appends.iter().flat_map(|(_, records)| records);
        let bytes = WRITE_BYTES + records.map(Record::payload_bytes).sum::<usize>();
        let share = self.share(bytes).await?;
        let (done, answer) = oneshot::channel();
        self.command(Command::Write(Write { appends, moves, bytes, done, _share: share }))?;
        answer.await.map_err(|_| stopped())?
    }

    async fn subscribe(&self, topics: Vec<String>, group: Option<String>) -> Result<Vec<Arc<Topic>>, BusError> {
        let share = self.share(WRITE_BYTES).await?;
        let (done, answer) = oneshot::channel();
        self.command(Command::Subscribe(Subscribe { topics, group, done, _share: share }))?;
        answer.await.map_err(|_| stopped())?
    }

    async fn share(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BusError> {
        let permits = bytes.min(QUEUE_BYTES) as u32;
        self.0.queue.clone().acquire_many_owned(permits).await.map_err(|_| stopped())
    }

    fn command(&self, command: Command) -> Result<(), BusError> {
        let commands = self.0.commands.as_ref().expect("the channel is open until the last handle is dropped");
        commands.send(command).map_err(|_| stopped())
    }
}

#[async_trait]
impl Sink for Embedded {
    async fn send(&self, topic: &str, records: Vec<Record>) -> Result<(), BusError> {
        crate::record::check(topic, &records)?;
        if records.is_empty() { Ok(()) } else { self.write(vec![(topic.to_owned(), records)], Vec::new()).await }
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.write(Vec::new(), Vec::new()).await
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("path", &self.state().path).finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to close, and the senders were told.
            drop(thread.join());
        }
    }
}

fn stopped() -> BusError {
    BusError::Fatal("the embedded bus has stopped after a fault that the log names; restart the process".into())
}
