//! How far a reader's effects are durable: offset arithmetic without I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Batch;

/// For each partition of each topic, the offset of the next record whose effect is not yet durable. Serialized
/// as `{"topic":{"0":17}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint {
    next: BTreeMap<String, BTreeMap<i32, i64>>,
}

/// A batch that begins below the checkpoint: some of its effects are durable already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("batch of {topic} partition {partition} begins at offset {first}, below the checkpoint's {next}")]
pub struct Overlap {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where the batch begins.
    pub first: i64,
    /// Where it should have begun, at the earliest.
    pub next: i64,
}

impl Checkpoint {
    /// The next offset of a partition, if the checkpoint names it.
    pub fn next(&self, topic: &str, partition: i32) -> Option<i64> {
        self.next.get(topic)?.get(&partition).copied()
    }

    /// Sets the next offset of a partition.
    pub fn set(&mut self, topic: &str, partition: i32, next: i64) {
        match self.next.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, next),
            None => self.next.entry(topic.to_owned()).or_default().insert(partition, next),
        };
    }

    /// Every partition with its next offset.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.next.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, next)| (topic.as_str(), *partition, *next))
        })
    }

    /// Moves past the batch, all of it or nothing. A gap is no fault, since compaction and transaction markers
    /// leave gaps; a batch that reaches below the checkpoint is.
    pub fn try_advance(&mut self, batch: &Batch) -> Result<(), Overlap> {
        let mut moved = self.clone();
        for message in &batch.messages {
            let next = moved.next(&message.topic, message.partition).unwrap_or(0);
            if message.offset < next {
                let topic = message.topic.clone();
                return Err(Overlap { topic, partition: message.partition, first: message.offset, next });
            }
            moved.set(&message.topic, message.partition, message.offset + 1);
        }
        *self = moved;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Message, Record};

    fn batch(places: &[(&str, i32, i64)]) -> Batch {
        let message = |&(topic, partition, offset): &(&str, i32, i64)| Message {
            topic: topic.to_owned(),
            partition,
            offset,
            timestamp_ms: 0,
            record: Record::default(),
        };
        Batch { messages: places.iter().map(message).collect() }
    }

    /// The truth table: from a checkpoint, with a batch, to a checkpoint or an overlap.
    #[test]
    fn advances_over_what_is_new_and_refuses_what_is_not() {
        let check = |from: &[(&str, i32, i64)], read: &[(&str, i32, i64)], expect: Result<&str, i64>| {
            let mut checkpoint = Checkpoint::default();
            from.iter().for_each(|&(topic, partition, next)| checkpoint.set(topic, partition, next));
            let before = checkpoint.clone();
            match (checkpoint.try_advance(&batch(read)), expect) {
                (Ok(()), Ok(json)) => assert_eq!(serde_json::to_string(&checkpoint).unwrap(), json),
                (Err(overlap), Err(first)) => assert_eq!((overlap.first, &checkpoint), (first, &before)),
                (result, expect) => panic!("{result:?}, expected {expect:?}"),
            }
        };
        check(&[], &[], Ok("{}"));
        check(&[], &[("t", 0, 0), ("t", 0, 1)], Ok(r#"{"t":{"0":2}}"#));
        check(&[("t", 0, 2)], &[("t", 0, 2)], Ok(r#"{"t":{"0":3}}"#));
        check(&[("t", 0, 2)], &[("t", 0, 7)], Ok(r#"{"t":{"0":8}}"#));
        check(&[("t", 0, 2)], &[("t", 1, 0), ("u", 0, 5)], Ok(r#"{"t":{"0":2,"1":1},"u":{"0":6}}"#));
        check(&[("t", 0, 2)], &[("t", 0, 1)], Err(1));
        check(&[("t", 0, 2)], &[("u", 0, 0), ("t", 0, 0), ("t", 0, 1), ("t", 0, 2)], Err(0));
        check(&[], &[("t", 0, 1), ("t", 0, 1)], Err(1));
    }
}
