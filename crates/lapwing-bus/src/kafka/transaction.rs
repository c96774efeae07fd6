//! Consume, transform, produce in a Kafka transaction, with a producer for each source.
//!
//! After any fault the producer is destroyed: librdkafka cannot tell an end of a transaction that timed out from that
//! of a later one. Making the next one, under the same name, makes the broker finish or abort what was left open and
//! shuts out a process that had been taken for dead.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::calls::Calls;
use super::context::Logged;
use super::error::bus_error;
use super::sink::{Sender, deliver};
use super::{KafkaConfig, KafkaSource, TRANSACTION_TIMEOUT};
use crate::{BusError, Checkpoint, Record, Start, Subscription, Transact, record};

/// How much longer than it was told to a call may take.
const GRACE: Duration = Duration::from_secs(2);

/// The producer of a source, once it is made.
pub(super) struct Transactions {
    config: ClientConfig,
    producer: Option<Sender>,
    calls: Arc<Calls>,
}

impl Transactions {
    fn new(config: &KafkaConfig, name: &str) -> Self {
        let mut config = config.producer();
        // A transaction that is left open holds back every reader behind it, so the broker aborts it soon.
        config.set("transactional.id", name).set("transaction.timeout.ms", TRANSACTION_TIMEOUT.as_millis().to_string());
        // A record must be given up before its transaction is.
        config.set("delivery.timeout.ms", (TRANSACTION_TIMEOUT / 2).as_millis().to_string());
        Self { config, producer: None, calls: Arc::default() }
    }

    /// Makes the producer if there is none. Afterwards no transaction of this name is open.
    pub(super) async fn settle(&mut self) -> Result<(), BusError> {
        if self.producer.is_none() {
            let producer: Sender = self.config.create_with_context(Logged).map_err(|error| bus_error(&error))?;
            let init = |producer: &Sender| producer.init_transactions(TRANSACTION_TIMEOUT);
            blocking(&producer, &self.calls, init).await?;
            self.producer = Some(producer);
        }
        Ok(())
    }
}

impl KafkaSource {
    /// A reader in a group whose effects are records: see [`Transact`]. The instance is a name of this member that
    /// stays the same when its process is started again, and that no other member of the group has.
    pub fn transactional(config: &KafkaConfig, subscription: Subscription, instance: &str) -> Result<Self, BusError> {
        let Start::Group(group) = &subscription.start else {
            return Err(BusError::Refused("only a reader in a group commits what it sends".into()));
        };
        let transactions = Transactions::new(config, &format!("{group}-{instance}"));
        let mut source = Self::open(config, subscription, Some(instance))?;
        source.transactions = Some(transactions);
        Ok(source)
    }

    /// The offsets to move and the proof of membership that the broker checks them against.
    fn offsets(&mut self, checkpoint: &Checkpoint) -> Result<(TopicPartitionList, ConsumerGroupMetadata), BusError> {
        self.take_events();
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, next) in checkpoint.iter() {
            if !self.owns(topic, partition) {
                return Err(BusError::Unavailable(format!(
                    "{topic} partition {partition} was given to another member"
                )));
            }
            let next = Offset::Offset(next);
            offsets.add_partition_offset(topic, partition, next).map_err(|error| bus_error(&error))?;
        }
        let group = self.consumer.group_metadata();
        Ok((offsets, group.ok_or_else(|| BusError::Unavailable("this member is not in its group yet".into()))?))
    }
}

#[async_trait]
impl Transact for KafkaSource {
    async fn send_and_commit(
        &mut self,
        outputs: Vec<(String, Vec<Record>)>,
        checkpoint: &Checkpoint,
    ) -> Result<(), BusError> {
        let Some(transactions) = &mut self.transactions else {
            return Err(BusError::Refused("only a reader made as transactional commits what it sends".into()));
        };
        transactions.settle().await?;
        let calls = Arc::clone(&transactions.calls);
        // Kept only by success: without it the reader first finds out what was committed, and begins again there.
        let producer = transactions.producer.take().expect("it was just settled");
        self.begin_again = true;
        let result = match self.offsets(checkpoint) {
            Ok((offsets, group)) => transact(&producer, &calls, &outputs, offsets, group).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                self.begin_again = false;
                self.transactions.iter_mut().for_each(|transactions| transactions.producer = Some(producer.clone()));
                Ok(())
            }
            Err(error) => {
                let error = shut_out(&producer).unwrap_or(error);
                drop(spawn_blocking(move || drop(producer)));
                Err(error)
            }
        }
    }
}

async fn transact(
    producer: &Sender,
    calls: &Calls,
    outputs: &[(String, Vec<Record>)],
    offsets: TopicPartitionList,
    group: ConsumerGroupMetadata,
) -> Result<(), BusError> {
    outputs.iter().try_for_each(|(topic, records)| record::check(topic, records))?;
    producer.begin_transaction().map_err(|error| bus_error(&error))?;
    for (topic, records) in outputs {
        deliver(producer, topic, records).await?;
    }
    if offsets.count() > 0 {
        let send = move |producer: &Sender| producer.send_offsets_to_transaction(&offsets, &group, TRANSACTION_TIMEOUT);
        blocking(producer, calls, send).await?;
    }
    blocking(producer, calls, |producer| producer.commit_transaction(TRANSACTION_TIMEOUT)).await
}

/// What is said of a record does not tell that the whole producer is of no use any more; this does.
fn shut_out(producer: &Sender) -> Option<BusError> {
    match producer.client().fatal_error()? {
        (RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced, reason) => {
            Some(BusError::Fatal(format!("another process has taken over as this instance: {reason}")))
        }
        _ => None,
    }
}

/// Runs a call that blocks, on a thread of its own: librdkafka has been seen to wait for ever in
/// `send_offsets_to_transaction`, when the answer of a group coordinator that went away comes too late, and a runtime
/// waits for its blocking pool before it ends. The thread and the producer are then left behind, and counted.
async fn blocking(
    producer: &Sender,
    calls: &Calls,
    call: impl FnOnce(&Sender) -> KafkaResult<()> + Send + 'static,
) -> Result<(), BusError> {
    let (producer, counted, (tell, told)) = (producer.clone(), calls.begin()?, oneshot::channel());
    let thread = std::thread::Builder::new().name("kafka-transaction".into());
    let work = move || {
        let result = call(&producer);
        drop((producer, counted));
        drop(tell.send(result));
    };
    thread.spawn(work).map_err(|error| BusError::Unavailable(format!("no thread for a transaction: {error}")))?;
    match timeout(TRANSACTION_TIMEOUT + GRACE, told).await {
        Ok(Ok(result)) => result.map_err(|error| bus_error(&error)),
        Ok(Err(_)) => Err(BusError::Unavailable("a call of the transaction panicked".into())),
        Err(_) => Err(BusError::Unavailable("librdkafka did not come back from a call of the transaction".into())),
    }
}
