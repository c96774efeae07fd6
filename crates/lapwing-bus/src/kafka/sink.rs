//! Writing to Kafka.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use tokio::task::spawn_blocking;

use super::context::Logged;
use super::error::bus_error;
use super::{KafkaConfig, NETWORK_TIMEOUT};
use crate::{BusError, Record, Sink};

/// How long to wait for room in a queue that others fill.
const QUEUE_RETRY: Duration = Duration::from_millis(10);

pub(super) type Sender = FutureProducer<Logged>;

/// Writes to Kafka, with an idempotent producer that waits for all in-sync replicas. Clones share the producer and
/// its bounded queue; a full queue makes senders wait.
#[derive(Clone)]
pub struct KafkaSink {
    producer: Sender,
}

impl std::fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSink").finish_non_exhaustive()
    }
}

impl KafkaSink {
    /// A sink. It does not wait for a broker; [`Sink::ready`] does.
    pub fn new(config: &KafkaConfig) -> Result<Self, BusError> {
        let producer = config.producer().create_with_context(Logged).map_err(|error| bus_error(&error))?;
        Ok(Self { producer })
    }
}

#[async_trait]
impl Sink for KafkaSink {
    async fn send(&self, topic: &str, records: Vec<Record>) -> Result<(), BusError> {
        crate::record::check(topic, &records)?;
        deliver(&self.producer, topic, &records).await
    }

    async fn ready(&self) -> Result<(), BusError> {
        let producer = self.producer.clone();
        let metadata = spawn_blocking(move || producer.client().fetch_metadata(None, NETWORK_TIMEOUT).map(drop));
        metadata.await.map_err(|error| BusError::Unavailable(error.to_string()))?.map_err(|error| bus_error(&error))
    }
}

/// Queues the records in order and waits until each is acknowledged; the first fault is the answer.
pub(super) async fn deliver(producer: &Sender, topic: &str, records: &[Record]) -> Result<(), BusError> {
    let mut waiting = VecDeque::with_capacity(records.len());
    let mut result = Ok(());
    for record in records {
        let mut queued = producer.send_result(produced(topic, record));
        while let Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) = queued {
            match waiting.pop_front() {
                Some(oldest) => result = result.and(delivered(oldest).await),
                None => tokio::time::sleep(QUEUE_RETRY).await,
            }
            queued = producer.send_result(again);
        }
        match queued {
            Ok(delivery) => waiting.push_back(delivery),
            Err((error, _)) => {
                result = result.and(Err(bus_error(&error)));
                break;
            }
        }
    }
    for delivery in waiting {
        result = result.and(delivered(delivery).await);
    }
    result
}

async fn delivered(delivery: DeliveryFuture) -> Result<(), BusError> {
    match delivery.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(bus_error(&error)),
        Err(_) => Err(BusError::Unavailable("the producer was closed before the broker answered".into())),
    }
}

fn produced<'a>(topic: &'a str, record: &'a Record) -> FutureRecord<'a, [u8], [u8]> {
    let headers = record
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(&**value) }));
    let produced = FutureRecord::to(topic).payload(&*record.value).headers(headers);
    match &record.key {
        Some(key) => produced.key(&**key),
        None => produced,
    }
}
