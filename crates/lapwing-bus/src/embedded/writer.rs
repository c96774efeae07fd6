//! The one thread that writes: it takes what is waiting, writes it in one atomic batch, waits for the disk once, and
//! only then answers. It also applies retention, and opens the log again after the disk was full.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::{error, info, warn};

use super::log::{GroupPlace, Log, LogError, Tail};
use super::partitioner::partition_of;
use super::retention::{self, Cut};
use super::state::{State, Topic, UNBROKEN};
use crate::{BusError, Record};

/// How many bytes are gathered into one batch before the disk is waited for.
const BATCH_BYTES: usize = 8 << 20;

/// How often, as a share of a topic's retention time, what is in memory is written to tables for retention to remove.
const FLUSHES_PER_RETENTION: u32 = 16;

/// What the thread is asked to do.
pub(super) enum Command {
    Write(Write),
    Subscribe(Subscribe),
}

/// Records and group offsets that become durable together or not at all.
pub(super) struct Write {
    pub appends: Vec<(String, Vec<Record>)>,
    pub moves: Vec<(GroupPlace, i64)>,
    pub bytes: usize,
    pub done: oneshot::Sender<Result<(), BusError>>,
    /// This command's share of the queue, given back when it is answered.
    pub _share: OwnedSemaphorePermit,
}

impl Write {
    /// Whether it is refused while the disk is full: what appends, or asks whether an append would be taken.
    fn takes_room(&self) -> bool {
        !self.appends.is_empty() || self.moves.is_empty()
    }
}

/// Makes topics ready to be read and, for a group, known to retention.
pub(super) struct Subscribe {
    pub topics: Vec<String>,
    pub group: Option<String>,
    pub done: oneshot::Sender<Result<Vec<Arc<Topic>>, BusError>>,
    /// This command's share of the queue, given back when it is answered.
    pub _share: OwnedSemaphorePermit,
}

/// The thread's own state.
pub(super) struct Writer {
    state: Arc<State>,
    tails: BTreeMap<(String, u32), Tail>,
    turn: u32,
    flushed: Instant,
}

impl Writer {
    /// Opens the log, which readers may use from then on.
    pub fn open(state: Arc<State>) -> Result<Self, BusError> {
        let mut writer = Self { state, tails: BTreeMap::new(), turn: 0, flushed: Instant::now() };
        writer.reopen()?;
        Ok(writer)
    }

    /// Works until every sender is gone or going on would be a lie, then closes the log.
    pub fn run(mut self, commands: &Receiver<Command>) {
        let interval = Duration::from_millis(self.state.config.retention_interval_ms.max(1));
        let mut retained = Instant::now();
        loop {
            let result = match commands.recv_timeout(interval.saturating_sub(retained.elapsed())) {
                Ok(command) => self.execute(gather(command, commands)),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = result {
                error!(%error, path = %self.state.path.display(), "embedded bus stops writing");
                return;
            }
            if retained.elapsed() >= interval {
                retained = Instant::now();
                self.retain().unwrap_or_else(|error| warn!(%error, "retention failed"));
            }
        }
        *self.state.log.write().expect(UNBROKEN) = None;
    }

    fn execute(&mut self, commands: Vec<Command>) -> Result<(), BusError> {
        let (mut writes, mut subscribes) = (Vec::with_capacity(commands.len()), Vec::new());
        for command in commands {
            match command {
                Command::Write(write) => writes.push(write),
                Command::Subscribe(subscribe) => subscribes.push(subscribe),
            }
        }
        if let Err(full) = self.check_room() {
            let refused = writes.extract_if(.., |write| write.takes_room());
            answer(refused.map(|write| write.done), &Err(full));
        }
        let result = self.with_log(|writer, log| writer.append(log, &writes));
        answer(writes.into_iter().map(|write| write.done), &result);
        // After the writes: a reader that begins again must see what its own step before has moved.
        for Subscribe { topics, group, done, _share } in subscribes {
            let result = self.with_log(|writer, log| writer.subscribe(log, &topics, group.as_deref()));
            answer([done], &result);
        }
        match result {
            Err(fatal @ BusError::Fatal(_)) => Err(fatal),
            _ => Ok(()),
        }
    }

    /// Runs a step on the log. If the engine has shut itself because a write failed, it is opened again: what was
    /// acknowledged is in the journal. A step that found it shut had written nothing, and is tried once more.
    fn with_log<T>(&mut self, step: impl Fn(&mut Self, &Log) -> Result<T, LogError>) -> Result<T, BusError> {
        for last in [false, true] {
            let state = self.state.clone();
            let slot = state.log.read().expect(UNBROKEN);
            let Some(log) = slot.as_ref() else {
                drop(slot);
                self.reopen()?;
                continue;
            };
            let error = match step(self, log) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            drop(slot);
            let shut = matches!(error, LogError::Fjall(fjall::Error::Poisoned));
            let error = bus_error(&error);
            if shut || matches!(error, BusError::Full(_)) {
                warn!(%error, "storage of the embedded bus shut itself, opening it again");
                self.reopen()?;
            }
            if last || !shut {
                return Err(error);
            }
        }
        Err(BusError::Unavailable("storage was just opened again, try again".into()))
    }

    /// Opens the log, after closing it if it is open, and takes up what it holds.
    fn reopen(&mut self) -> Result<(), BusError> {
        let state = self.state.clone();
        let mut slot = state.log.write().expect(UNBROKEN);
        *slot = None;
        let log = Log::open(&state.path).map_err(|error| open_error(&state, &error))?;
        self.load(&log).map_err(|error| open_error(&state, &error))?;
        *slot = Some(log);
        state.changed.send_replace(());
        Ok(())
    }

    fn load(&mut self, log: &Log) -> Result<(), LogError> {
        for (name, count) in log.topics() {
            let topic = self.state.register(&name, count);
            for (bounds, partition) in topic.partitions.iter().zip(0..) {
                let tail = log.tail(&name, partition)?;
                bounds.publish(&tail);
                self.tails.insert((name.clone(), partition), tail);
            }
        }
        *self.state.groups() = log.group_offsets()?;
        Ok(())
    }

    fn check_room(&self) -> Result<(), BusError> {
        let State { path, config, .. } = &*self.state;
        // Where the room cannot be asked for, the write itself will tell.
        let room = rustix::fs::statvfs(path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        if room >= config.reserve_bytes {
            return Ok(());
        }
        let (path, reserve) = (path.display(), config.reserve_bytes);
        Err(BusError::Full(format!("the disk of {path} has {room} bytes left, less than {reserve}; make room")))
    }

    fn topic(&mut self, log: &Log, name: &str) -> Result<Arc<Topic>, LogError> {
        if let Some(topic) = self.state.topic(name) {
            return Ok(topic);
        }
        let count = self.state.config.partitions;
        log.create_topic(name, count)?;
        info!(topic = name, partitions = count, "topic created");
        self.tails.extend((0..count).map(|partition| ((name.to_owned(), partition), Tail::default())));
        Ok(self.state.register(name, count))
    }

    fn subscribe(&mut self, log: &Log, names: &[String], group: Option<&str>) -> Result<Vec<Arc<Topic>>, LogError> {
        let topics = names.iter().map(|name| self.topic(log, name)).collect::<Result<Vec<_>, _>>()?;
        let Some(group) = group else { return Ok(topics) };
        let mut joined = BTreeMap::new();
        for topic in &topics {
            for (bounds, partition) in topic.partitions.iter().zip(0..) {
                joined.insert((group.to_owned(), topic.name.clone(), partition), bounds.low());
            }
        }
        joined.retain(|place, _| !self.state.groups().contains_key(place));
        let mut batch = log.batch();
        joined.iter().for_each(|(place, low)| log.put_group_offset(&mut batch, place, *low));
        batch.commit().map_err(LogError::from)?;
        self.state.groups().extend(joined);
        Ok(topics)
    }

    fn append(&mut self, log: &Log, writes: &[Write]) -> Result<(), LogError> {
        log.make_room();
        let now_ms = now_ms();
        let mut batch = log.batch();
        let mut moved: BTreeMap<(String, u32), Tail> = BTreeMap::new();
        for (name, records) in writes.iter().flat_map(|write| &write.appends) {
            let partitions = self.topic(log, name)?.partitions.len() as u32;
            for record in records {
                let partition = partition_of(record, partitions, &mut self.turn);
                let place = (name.clone(), partition);
                let tail = moved.entry(place).or_insert_with_key(|place| self.tails[place]);
                // Retention searches by time, so a clock that is set back must not be seen.
                tail.timestamp_ms = tail.timestamp_ms.max(now_ms);
                log.put_record(&mut batch, name, partition, tail, record);
            }
        }
        let moves = || writes.iter().flat_map(|write| &write.moves);
        moves().for_each(|(place, next)| log.put_group_offset(&mut batch, place, *next));
        #[cfg(feature = "failpoints")]
        fail::fail_point!("bus::commit", |_| std::process::abort());
        batch.commit()?;
        #[cfg(feature = "failpoints")]
        fail::fail_point!("bus::committed", |_| std::process::abort());

        self.state.groups().extend(moves().cloned());
        self.publish(moved);
        Ok(())
    }

    fn publish(&mut self, moved: BTreeMap<(String, u32), Tail>) {
        if moved.is_empty() {
            return;
        }
        for ((name, partition), tail) in &moved {
            let topic = self.state.topic(name).expect("a topic that was written to is registered");
            topic.partitions[*partition as usize].publish(tail);
        }
        self.tails.extend(moved);
        self.state.changed.send_replace(());
    }

    fn retain(&mut self) -> Result<(), BusError> {
        self.with_log(|writer, log| {
            let mut moved = BTreeMap::new();
            let mut removed_unread = 0;
            for ((name, partition), tail) in &writer.tails {
                let cut = writer.cut(log, name, *partition, tail)?;
                if cut.low > tail.low {
                    moved.insert((name.clone(), *partition), Tail { low: cut.low, ..*tail });
                    removed_unread += cut.unread;
                }
                if cut.unread > 0 {
                    warn!(
                        topic = name,
                        partition,
                        records = cut.unread,
                        "retention removed records that a group had not read"
                    );
                }
            }
            let mut batch = log.batch();
            moved.iter().for_each(|((name, partition), tail)| log.put_tail(&mut batch, name, *partition, tail));
            batch.commit().map_err(LogError::from)?;

            writer.state.removed_unread.fetch_add(removed_unread, Ordering::Relaxed);
            writer.publish(moved);
            writer.reclaim(log)
        })
    }

    fn cut(&self, log: &Log, name: &str, partition: u32, tail: &Tail) -> Result<Cut, LogError> {
        let retention = self.state.config.retention_of(name);
        let topic = self.state.topic(name).expect("a topic with a tail is registered");
        let share = retention.retention_bytes / topic.partitions.len() as u64;
        let oldest_ms = now_ms().saturating_sub(i64::try_from(retention.retention_ms).unwrap_or(i64::MAX));
        let head = |offset| log.head_at(name, partition, offset);
        let old = retention::first_not(tail.low..tail.end, |at| Ok::<_, LogError>(head(at)?.0 < oldest_ms))?;
        let many =
            retention::first_not(tail.low..tail.end, |at| Ok::<_, LogError>(tail.position - head(at)?.1 > share))?;
        Ok(retention::decide(tail, old, many, self.state.slowest_group(name, partition)))
    }

    /// Gives back disk space. Records are removed by the table, so now and then memory is written to one.
    fn reclaim(&mut self, log: &Log) -> Result<(), LogError> {
        let config = &self.state.config;
        let shortest_ms = self.tails.keys().map(|(name, _)| config.retention_of(name).retention_ms).min();
        let flush_after = shortest_ms.map(|ms| Duration::from_millis(ms) / FLUSHES_PER_RETENTION);
        if flush_after.is_some_and(|after| self.flushed.elapsed() >= after) {
            log.flush()?;
            self.flushed = Instant::now();
        }
        let mut batch = log.batch();
        for ((name, partition), tail) in self.tails.iter().filter(|(_, tail)| tail.low > 0) {
            if log.drop_below(name, *partition, tail.low)? {
                log.put_tail(&mut batch, name, *partition, tail);
            }
        }
        if !batch.is_empty() {
            // The engine deletes the files of such tables when it next writes one, of any keyspace.
            batch.commit()?;
            log.flush()?;
        }
        Ok(())
    }
}

/// The command and those that wait behind it, up to the bytes of one batch.
fn gather(first: Command, commands: &Receiver<Command>) -> Vec<Command> {
    let bytes = |command: &Command| match command {
        Command::Write(write) => write.bytes,
        Command::Subscribe(_) => 0,
    };
    let mut gathered_bytes = bytes(&first);
    let mut gathered = vec![first];
    while gathered_bytes < BATCH_BYTES {
        let Ok(command) = commands.try_recv() else { break };
        gathered_bytes += bytes(&command);
        gathered.push(command);
    }
    gathered
}

/// Answers everyone. A sender that no longer waits is no fault.
fn answer<T: Clone>(
    senders: impl IntoIterator<Item = oneshot::Sender<Result<T, BusError>>>,
    result: &Result<T, BusError>,
) {
    senders.into_iter().for_each(|sender| drop(sender.send(result.clone())));
}

fn now_ms() -> i64 {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    #[cfg(feature = "failpoints")]
    fail::fail_point!("bus::clock", |seconds: Option<String>| {
        now_ms + 1000 * seconds.and_then(|seconds| seconds.parse::<i64>().ok()).unwrap_or_default()
    });
    now_ms
}

fn open_error(state: &State, error: &LogError) -> BusError {
    let path = state.path.display();
    match error {
        LogError::Fjall(fjall::Error::Locked) => {
            BusError::Fatal(format!("folder {path} is in use by another process or bus, stop that one first"))
        }
        _ => match bus_error(error) {
            BusError::Fatal(reason) => BusError::Fatal(format!("folder {path} cannot be opened: {reason}")),
            other => other,
        },
    }
}

/// What a fault of the log means to a caller. Any I/O error but a full disk is fatal: after a failed fsync nothing
/// can be said of what the disk holds.
pub(super) fn bus_error(error: &LogError) -> BusError {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let io = match error {
        LogError::Fjall(fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io))) => Some(io.kind()),
        _ => None,
    };
    match (error, io) {
        (_, Some(StorageFull | QuotaExceeded)) => BusError::Full(error.to_string()),
        (LogError::Fjall(fjall::Error::Poisoned), _) => {
            BusError::Unavailable("storage shut itself after a fault".into())
        }
        _ => BusError::Fatal(error.to_string()),
    }
}
