//! Reading from the embedded bus.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::Embedded;
use super::log::GroupPlace;
use super::state::{Bounds, State, Topic, UNBROKEN};
use super::writer::bus_error;
use crate::{Batch, BusError, Checkpoint, Gap, Message, Record, Source, Start, Subscription, Transact, record};

/// About how many bytes one batch holds at most.
const READ_BYTES: usize = 8 << 20;

/// Reads topics of an [`Embedded`] bus.
#[derive(Debug)]
pub struct EmbeddedSource {
    bus: Embedded,
    subscription: Subscription,
    /// Where this reader is in each partition; empty until it has begun.
    readers: Vec<Reader>,
    /// Which reader is first served next.
    turn: usize,
}

#[derive(Debug, Clone)]
struct Reader {
    topic: Arc<Topic>,
    partition: u32,
    position: i64,
}

impl Reader {
    fn bounds(&self) -> &Bounds {
        &self.topic.partitions[self.partition as usize]
    }
}

impl EmbeddedSource {
    pub(super) fn new(bus: Embedded, subscription: Subscription) -> Result<Self, BusError> {
        if let Start::Group(group) = &subscription.start {
            bus.state().join(group, &subscription.topics).map_err(|topic| {
                BusError::Fatal(format!("group {group} reads topic {topic} already; close that reader first"))
            })?;
        }
        Ok(Self { bus, subscription, readers: Vec::new(), turn: 0 })
    }

    async fn begin(&mut self) -> Result<(), BusError> {
        if !self.readers.is_empty() {
            return Ok(());
        }
        let topics = self.bus.subscribe(self.subscription.topics.clone(), self.group().map(str::to_owned)).await?;
        if let Start::Checkpoint(checkpoint) = &self.subscription.start {
            check_partitions(checkpoint, &topics)?;
        }
        let mut readers = Vec::new();
        for topic in topics {
            for partition in 0..topic.partitions.len() as u32 {
                let position = self.start_of(&topic, partition);
                readers.push(Reader { topic: topic.clone(), partition, position });
            }
        }
        self.readers = readers;
        Ok(())
    }

    fn group(&self) -> Option<&str> {
        match &self.subscription.start {
            Start::Group(group) => Some(group),
            Start::Checkpoint(_) => None,
        }
    }

    fn start_of(&self, topic: &Topic, partition: u32) -> i64 {
        let kept = match &self.subscription.start {
            Start::Group(group) => {
                let place = (group.clone(), topic.name.clone(), partition);
                self.bus.state().groups().get(&place).copied()
            }
            Start::Checkpoint(checkpoint) => checkpoint.next(&topic.name, partition as i32),
        };
        kept.unwrap_or_else(|| topic.partitions[partition as usize].low())
    }

    /// Refuses a position above the end, as often as it is asked; reports a position that retention overran once, and
    /// goes on from what is left.
    fn check_positions(&mut self) -> Result<(), BusError> {
        for reader in &mut self.readers {
            let (low, end, position) = (reader.bounds().low(), reader.bounds().end(), reader.position);
            let (topic, partition) = (&reader.topic.name, reader.partition);
            if position > end {
                return Err(BusError::OutOfRange(format!(
                    "{topic} partition {partition} ends at offset {end} but the reader was at {position} before: \
                     the topic was made anew; start without the old checkpoint"
                )));
            }
            if position < low {
                reader.position = low;
                let (topic, partition) = (topic.clone(), partition as i32);
                return Err(BusError::Gap(Gap { topic, partition, first: position, next: low }));
            }
        }
        Ok(())
    }

    async fn read(&mut self, max: usize) -> Result<Batch, BusError> {
        let turn = self.turn;
        let in_turn = (0..self.readers.len()).map(|at| (at + turn) % self.readers.len());
        let waiting: Vec<(usize, Reader)> = in_turn
            .filter(|&at| self.readers[at].position < self.readers[at].bounds().end())
            .map(|at| (at, self.readers[at].clone()))
            .collect();
        if waiting.is_empty() {
            return Ok(Batch::default());
        }
        let state = self.bus.state().clone();
        let read = spawn_blocking(move || read_fairly(&state, waiting, max)).await;
        let parts = read.map_err(|error| BusError::Unavailable(format!("a read was cut short: {error}")))??;
        for (at, messages) in &parts {
            if let Some(last) = messages.last() {
                self.readers[*at].position = last.offset + 1;
            }
        }
        self.turn = turn + 1;
        Ok(Batch { messages: parts.into_iter().flat_map(|(_, messages)| messages).collect() })
    }

    /// What a commit of the checkpoint moves, for a group; nothing for a reader that keeps its own place.
    fn moves(&self, readers: &[Reader], checkpoint: &Checkpoint) -> Result<Vec<(GroupPlace, i64)>, BusError> {
        let Some(group) = self.group() else { return Ok(Vec::new()) };
        let mut moves = Vec::new();
        for reader in readers {
            let Reader { topic, partition, .. } = reader;
            let Some(next) = checkpoint.next(&topic.name, *partition as i32) else { continue };
            let end = reader.bounds().end();
            if !(0..=end).contains(&next) {
                let topic = &topic.name;
                return Err(BusError::OutOfRange(format!(
                    "{topic} partition {partition} ends at offset {end}, {next} cannot be committed"
                )));
            }
            moves.push(((group.to_owned(), topic.name.clone(), *partition), next));
        }
        Ok(moves)
    }
}

#[async_trait]
impl Source for EmbeddedSource {
    async fn next_batch(&mut self, max: usize, wait: Duration) -> Result<Batch, BusError> {
        let now = Instant::now();
        let deadline = now.checked_add(wait).unwrap_or(now + Duration::from_secs(86_400));
        self.begin().await?;
        let mut changed = self.bus.state().changed.subscribe();
        loop {
            changed.mark_unchanged();
            self.check_positions()?;
            let batch = self.read(max.max(1)).await?;
            if !batch.messages.is_empty() {
                return Ok(batch);
            }
            if timeout_at(deadline, changed.changed()).await.is_err() {
                return Ok(Batch::default());
            }
        }
    }

    async fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), BusError> {
        self.begin().await?;
        let moves = self.moves(&self.readers, checkpoint)?;
        if moves.is_empty() { Ok(()) } else { self.bus.write(Vec::new(), moves).await }
    }

    async fn lag(&mut self) -> Result<u64, BusError> {
        self.begin().await?;
        let behind = |reader: &Reader| {
            let bounds = reader.bounds();
            (bounds.end() - reader.position.max(bounds.low())).max(0) as u64
        };
        Ok(self.readers.iter().map(behind).sum())
    }
}

#[async_trait]
impl Transact for EmbeddedSource {
    async fn send_and_commit(
        &mut self,
        outputs: Vec<(String, Vec<Record>)>,
        checkpoint: &Checkpoint,
    ) -> Result<(), BusError> {
        if self.group().is_none() {
            return Err(BusError::Refused("only a reader in a group commits what it sends".into()));
        }
        self.begin().await?;
        // Given back only by success: a reader without them begins again where its group is.
        let readers = std::mem::take(&mut self.readers);
        outputs.iter().try_for_each(|(topic, records)| record::check(topic, records))?;
        let moves = self.moves(&readers, checkpoint)?;
        self.bus.write(outputs, moves).await?;
        self.readers = readers;
        Ok(())
    }
}

impl Drop for EmbeddedSource {
    fn drop(&mut self) {
        if let Start::Group(group) = &self.subscription.start {
            self.bus.state().leave(group, &self.subscription.topics);
        }
    }
}

/// A partition that the topic does not have was once there: the topic was made anew.
fn check_partitions(checkpoint: &Checkpoint, topics: &[Arc<Topic>]) -> Result<(), BusError> {
    for (name, partition, _) in checkpoint.iter() {
        let Some(topic) = topics.iter().find(|topic| topic.name == name) else { continue };
        let count = topic.partitions.len();
        if usize::try_from(partition).is_ok_and(|partition| partition < count) {
            continue;
        }
        return Err(BusError::OutOfRange(format!(
            "{name} has {count} partitions but the checkpoint names partition {partition}: the topic was made anew; \
             start without the old checkpoint"
        )));
    }
    Ok(())
}

/// Reads from each partition its share, then gives what is left of `max` to those that have more.
fn read_fairly(
    state: &State,
    mut waiting: Vec<(usize, Reader)>,
    max: usize,
) -> Result<Vec<(usize, Vec<Message>)>, BusError> {
    let slot = state.log.read().expect(UNBROKEN);
    let log = slot.as_ref().ok_or_else(|| BusError::Unavailable("storage is closed or being opened again".into()))?;
    let (mut left, mut budget) = (max, READ_BYTES);
    let mut parts = Vec::new();
    for share in [max.div_ceil(waiting.len()), max] {
        for (at, reader) in &mut waiting {
            let range = reader.position..reader.bounds().end();
            let messages = log
                .read(&reader.topic.name, reader.partition, range, share.min(left), &mut budget)
                .map_err(|error| bus_error(&error))?;
            left -= messages.len();
            reader.position += messages.len() as i64;
            parts.push((*at, messages));
        }
    }
    Ok(parts)
}
