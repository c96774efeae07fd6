//! What every bus must do, whatever it is made of. A test target implements [`Harness`] for its bus and runs
//! [`conformance!`].

#![allow(clippy::unwrap_used, dead_code, reason = "each test target uses its part")]

pub mod delivery;
pub mod places;
pub mod records;
pub mod steps;

use std::time::{Duration, Instant};

use bytes::Bytes;
use lapwing_bus::{Batch, BusError, Checkpoint, Message, Record, Sink, Source, Start, Subscription, Transact};

/// How long a condition may take to come true. Reached only by a fault.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A bus under test.
pub trait Harness {
    type Sink: Sink + Clone + 'static;
    type Source: Source + Transact + 'static;

    /// A way to write to the bus.
    fn sink(&self) -> Self::Sink;

    /// A reader.
    fn source(&self, subscription: Subscription) -> Result<Self::Source, BusError>;

    /// A reader that commits what it sends, by the name of its instance.
    fn transactional(&self, subscription: Subscription, instance: &str) -> Result<Self::Source, BusError>;

    /// Makes a topic that no other test uses, and gives its name.
    async fn topic(&self, name: &str) -> String;

    /// Closes everything and opens it again on what is durable.
    async fn reopen(&mut self);
}

/// One test for each requirement, on a bus that the expression makes.
macro_rules! conformance {
    ($harness:expr) => {
        $crate::conformance::conformance! { $harness,
            records: roundtrip, big_records, refuses_what_is_too_big, refuses_bad_names;
            delivery: order_per_key, many_producers, durable_after_reopen, wakes_a_waiting_reader, nothing_in_time,
                cancelling_loses_nothing, respects_the_maximum, reads_several_topics;
            places: group_resumes_where_it_committed, groups_are_independent, begins_at_a_checkpoint,
                refuses_a_checkpoint_above_the_end, commit_of_a_checkpoint_reader_does_nothing,
                commit_skips_what_is_not_read, lag_counts_down;
            steps: outputs_and_offsets_move_together, a_step_that_fails_is_taken_again,
                only_a_group_takes_steps;
        }
    };
    ($harness:expr, $($module:ident: $($name:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let mut harness = $harness;
                crate::conformance::$module::$name(&mut harness).await;
            })+
        })+
    };
}
pub(crate) use conformance;

pub fn record(key: &str, value: &str) -> Record {
    Record { key: Some(Bytes::from(key.to_owned())), value: Bytes::from(value.to_owned()), headers: Vec::new() }
}

pub fn text(message: &Message) -> &str {
    std::str::from_utf8(&message.record.value).unwrap()
}

pub fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| text(message).to_owned()).collect()
}

pub fn numbered(key: &str, numbers: std::ops::Range<usize>) -> Vec<Record> {
    numbers.map(|number| record(key, &format!("{key}:{number}"))).collect()
}

/// A group of this topic alone: tests that run beside each other are not to share one.
pub fn in_group(group: &str, topic: &str) -> Subscription {
    Subscription { topics: vec![topic.to_owned()], start: Start::Group(format!("{group}-{topic}")) }
}

pub fn from(checkpoint: Checkpoint, topic: &str) -> Subscription {
    Subscription { topics: vec![topic.to_owned()], start: Start::Checkpoint(checkpoint) }
}

pub fn from_beginning(topic: &str) -> Subscription {
    from(Checkpoint::default(), topic)
}

/// Reads until there are at least this many messages.
pub async fn read(source: &mut impl Source, count: usize) -> Vec<Message> {
    let started = Instant::now();
    let (mut messages, mut fault) = (Vec::new(), None);
    while messages.len() < count {
        assert!(started.elapsed() < DEADLINE, "only {} of {count} messages came, {fault:?}", messages.len());
        match source.next_batch(count - messages.len(), Duration::from_secs(1)).await {
            Ok(batch) => messages.extend(batch.messages),
            Err(error) if error.is_retryable() => fault = Some(error),
            Err(error) => panic!("{error}"),
        }
    }
    messages
}

/// Reads until the source answers with an error that a retry does not mend.
pub async fn read_error(source: &mut impl Source) -> BusError {
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < DEADLINE, "no error came");
        match source.next_batch(1, Duration::from_secs(1)).await {
            Err(error) if !error.is_retryable() => return error,
            _ => {}
        }
    }
}

/// The checkpoint after these messages.
pub fn after(messages: &[Message]) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    checkpoint.try_advance(&Batch { messages: messages.to_vec() }).unwrap();
    checkpoint
}
