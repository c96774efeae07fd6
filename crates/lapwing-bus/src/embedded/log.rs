//! What is on disk: one fjall database, with a keyspace for each partition, one for the topics and one for the
//! offsets of groups. All of it blocks; who calls it, and from which thread, is decided elsewhere.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::RwLock;
use std::time::{Duration, Instant};

use fjall::{
    AbstractTree, Database, Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, UserKey, UserValue,
};

use super::frame::{self, FrameError};
use super::state::UNBROKEN;
use crate::{Message, Record};

/// How much of a partition is held in memory before it is written to a table. A table is the unit that retention
/// removes, and all partitions of all topics may fill theirs, so it is small.
const MEMTABLE_BYTES: u64 = 4 << 20;

/// With more than this in memory, of all partitions, an append waits for tables that are being written. The engine by
/// itself lets four of them wait for each partition.
const WRITE_BUFFER_BYTES: u64 = 96 << 20;

/// How long an append waits for that at most.
const WRITE_BUFFER_WAIT: Duration = Duration::from_secs(5);

/// How often it looks.
const WRITE_BUFFER_PACE: Duration = Duration::from_millis(2);

/// How much the journals may hold before the partitions that pin the oldest are flushed, and with them what is held in
/// memory. They are read back whole when the bus is opened.
const JOURNAL_BYTES: u64 = 64 << 20;

/// How much of the tables is kept in memory. What is read was written a moment ago, and is there anyway.
const CACHE_BYTES: u64 = 8 << 20;

const TOPICS: &str = "topics";
const GROUPS: &str = "groups";

/// A fault of what is on disk.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error(transparent)]
    Fjall(#[from] fjall::Error),
    #[error("{topic} partition {partition} offset {offset}: {source}")]
    Frame { topic: String, partition: u32, offset: i64, source: FrameError },
    #[error("entry {0:?} of the bus's own tables cannot be read")]
    Entry(String),
}

/// The place of a group in a partition.
pub(super) type GroupPlace = (String, String, u32);

/// Where a partition begins and ends: what an append needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tail {
    /// The first offset that is not removed.
    pub low: i64,
    /// The next offset.
    pub end: i64,
    /// The next record's position, in bytes.
    pub position: u64,
    /// The time of the last record.
    pub timestamp_ms: i64,
}

/// The open database.
pub(super) struct Log {
    db: Database,
    topics: Keyspace,
    groups: Keyspace,
    partitions: RwLock<BTreeMap<String, Vec<Keyspace>>>,
}

impl Log {
    pub fn open(path: &Path) -> Result<Self, LogError> {
        // A second worker would spin on the compactions that it leaves to the first.
        let db = Database::builder(path)
            .worker_threads(1)
            .max_journaling_size(JOURNAL_BYTES)
            .cache_size(CACHE_BYTES)
            .open()?;
        let topics = db.keyspace(TOPICS, options)?;
        let groups = db.keyspace(GROUPS, options)?;
        let log = Self { db, topics, groups, partitions: RwLock::default() };
        for (topic, count) in log.stored_topics()? {
            log.open_partitions(&topic, count)?;
        }
        Ok(log)
    }

    fn stored_topics(&self) -> Result<Vec<(String, u32)>, LogError> {
        let read = |entry: Guard| {
            let (key, value) = entry.into_inner()?;
            let topic = String::from_utf8_lossy(&key[b"topic/".len()..]).into_owned();
            let count = <[u8; 4]>::try_from(&*value).map_err(|_| LogError::Entry(topic.clone()))?;
            Ok((topic, u32::from_be_bytes(count)))
        };
        self.topics.prefix("topic/").map(read).collect()
    }

    fn open_partitions(&self, topic: &str, count: u32) -> Result<(), LogError> {
        let open = |partition| self.db.keyspace(&format!("{topic}/{partition}"), options);
        let partitions = (0..count).map(open).collect::<Result<Vec<_>, _>>()?;
        self.partitions.write().expect(UNBROKEN).insert(topic.to_owned(), partitions);
        Ok(())
    }

    /// Every topic with the number of its partitions.
    pub fn topics(&self) -> Vec<(String, u32)> {
        let partitions = self.partitions.read().expect(UNBROKEN);
        partitions.iter().map(|(topic, partitions)| (topic.clone(), partitions.len() as u32)).collect()
    }

    /// Makes a topic. If it is cut short the keyspaces that were made are found again by the next attempt.
    pub fn create_topic(&self, topic: &str, count: u32) -> Result<(), LogError> {
        self.open_partitions(topic, count)?;
        let mut batch = self.batch();
        batch.insert(&self.topics, format!("topic/{topic}"), count.to_be_bytes());
        Ok(batch.commit()?)
    }

    /// What is written in one step, and on disk when its commit returns.
    pub fn batch(&self) -> OwnedWriteBatch {
        self.db.batch().durability(Some(PersistMode::SyncAll))
    }

    /// Waits until what is in memory is little enough, or nothing more is being written to tables.
    pub fn make_room(&self) {
        let deadline = Instant::now() + WRITE_BUFFER_WAIT;
        while self.db.write_buffer_size() > WRITE_BUFFER_BYTES
            && self.db.outstanding_flushes() > 0
            && Instant::now() < deadline
        {
            std::thread::sleep(WRITE_BUFFER_PACE);
        }
    }

    pub fn put_record(
        &self,
        batch: &mut OwnedWriteBatch,
        topic: &str,
        partition: u32,
        tail: &mut Tail,
        record: &Record,
    ) {
        let frame = frame::encode(tail.timestamp_ms, tail.position, record);
        tail.position += frame.len() as u64;
        batch.insert(&self.partition(topic, partition), tail.end.to_be_bytes(), frame);
        tail.end += 1;
    }

    pub fn put_group_offset(&self, batch: &mut OwnedWriteBatch, (group, topic, partition): &GroupPlace, next: i64) {
        let key = [group.as_bytes(), b"\0", topic.as_bytes(), b"\0", &partition.to_be_bytes()].concat();
        batch.insert(&self.groups, key, next.to_be_bytes());
    }

    /// Stores where a partition begins, and what would be forgotten with its last record.
    pub fn put_tail(&self, batch: &mut OwnedWriteBatch, topic: &str, partition: u32, tail: &Tail) {
        let Tail { low, end, position, timestamp_ms } = tail;
        let value = [low.to_be_bytes(), end.to_be_bytes(), position.to_be_bytes(), timestamp_ms.to_be_bytes()].concat();
        batch.insert(&self.topics, tail_key(topic, partition), value);
    }

    /// The offsets of all groups.
    pub fn group_offsets(&self) -> Result<BTreeMap<GroupPlace, i64>, LogError> {
        let read = |entry: Guard| {
            let (key, value) = entry.into_inner()?;
            parse_group_offset(&key, &value).ok_or_else(|| LogError::Entry(String::from_utf8_lossy(&key).into_owned()))
        };
        self.groups.iter().map(read).collect()
    }

    /// The tail of a partition: after its last record, or as retention left it if that removed them all.
    pub fn tail(&self, topic: &str, partition: u32) -> Result<Tail, LogError> {
        let key = tail_key(topic, partition);
        let mut tail = match self.topics.get(&key)? {
            Some(value) => parse_tail(&value).ok_or(LogError::Entry(key))?,
            None => Tail::default(),
        };
        let Some(last) = self.partition(topic, partition).last_key_value() else { return Ok(tail) };
        let (key, value) = last.into_inner()?;
        let offset = parse_offset(&key)?;
        // Replaying a journal may bring back records that retention had removed.
        if offset >= tail.end {
            let (timestamp_ms, position) = self.head(topic, partition, offset, &value)?;
            tail = Tail { low: tail.low, end: offset + 1, position: position + value.len() as u64, timestamp_ms };
        }
        Ok(tail)
    }

    /// The time and the position of a record that is there.
    pub fn head_at(&self, topic: &str, partition: u32, offset: i64) -> Result<(i64, u64), LogError> {
        let missing = || LogError::Entry(format!("{topic}/{partition} at offset {offset}"));
        let value = self.partition(topic, partition).get(offset.to_be_bytes())?.ok_or_else(missing)?;
        self.head(topic, partition, offset, &value)
    }

    /// Reads from a range, up to `max` messages and about `budget` bytes, which it counts down. It stops where an
    /// offset is missing: retention is removing what is being read.
    pub fn read(
        &self,
        topic: &str,
        partition: u32,
        range: Range<i64>,
        max: usize,
        budget: &mut usize,
    ) -> Result<Vec<Message>, LogError> {
        let mut messages = Vec::new();
        let keys = range.start.to_be_bytes()..range.end.to_be_bytes();
        for (entry, offset) in self.partition(topic, partition).range(keys).take(max).zip(range.start..) {
            if *budget == 0 {
                break;
            }
            let (key, value) = entry.into_inner()?;
            if parse_offset(&key)? != offset {
                break;
            }
            *budget = budget.saturating_sub(value.len());
            let frame = frame::decode(&value).map_err(|source| frame_error(topic, partition, offset, source))?;
            messages.push(Message {
                topic: topic.to_owned(),
                partition: partition as i32,
                offset,
                timestamp_ms: frame.timestamp_ms,
                record: frame.record,
            });
        }
        Ok(messages)
    }

    /// Lets go of the tables that lie wholly below an offset, and says whether there were any. Without tombstones,
    /// which would make compaction rewrite the partition; hence the engine's lower interface.
    pub fn drop_below(&self, topic: &str, partition: u32, low: i64) -> Result<bool, LogError> {
        let tree = &self.partition(topic, partition).tree;
        let before = tree.table_count();
        let keys = 0_i64.to_be_bytes()..low.to_be_bytes();
        tree.drop_range::<[u8; 8], _>(keys).map_err(fjall::Error::from)?;
        Ok(tree.table_count() < before)
    }

    /// Writes what is in memory to tables, so that retention can remove it and the journals can be let go.
    pub fn flush(&self) -> Result<(), LogError> {
        let partitions = self.partitions.read().expect(UNBROKEN);
        for keyspace in partitions.values().flatten().chain([&self.topics, &self.groups]) {
            keyspace.rotate_memtable()?;
        }
        Ok(())
    }

    fn head(&self, topic: &str, partition: u32, offset: i64, value: &UserValue) -> Result<(i64, u64), LogError> {
        frame::decode_head(value).map_err(|source| frame_error(topic, partition, offset, source))
    }

    fn partition(&self, topic: &str, partition: u32) -> Keyspace {
        self.partitions.read().expect(UNBROKEN)[topic][partition as usize].clone()
    }
}

fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES)
}

fn tail_key(topic: &str, partition: u32) -> String {
    format!("tail/{topic}/{partition}")
}

fn parse_tail(value: &[u8]) -> Option<Tail> {
    let mut words = value.chunks_exact(8).filter_map(|word| word.try_into().ok());
    let mut word = || words.next();
    let (low, end, position, timestamp_ms) = (word()?, word()?, word()?, word()?);
    Some(Tail {
        low: i64::from_be_bytes(low),
        end: i64::from_be_bytes(end),
        position: u64::from_be_bytes(position),
        timestamp_ms: i64::from_be_bytes(timestamp_ms),
    })
}

fn parse_offset(key: &UserKey) -> Result<i64, LogError> {
    let bytes = <[u8; 8]>::try_from(&**key).map_err(|_| LogError::Entry(format!("{key:?}")))?;
    Ok(i64::from_be_bytes(bytes))
}

fn parse_group_offset(key: &[u8], value: &[u8]) -> Option<(GroupPlace, i64)> {
    let (names, partition) = key.split_last_chunk()?;
    let (group, topic) = std::str::from_utf8(names).ok()?.strip_suffix('\0')?.split_once('\0')?;
    let place = (group.to_owned(), topic.to_owned(), u32::from_be_bytes(*partition));
    Some((place, i64::from_be_bytes(value.try_into().ok()?)))
}

fn frame_error(topic: &str, partition: u32, offset: i64, source: FrameError) -> LogError {
    LogError::Frame { topic: topic.to_owned(), partition, offset, source }
}
