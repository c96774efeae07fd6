//! What librdkafka calls back: it logs, and sends enum messages. Nothing else happens on its threads.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::mpsc::UnboundedSender;
use tracing::{debug, error, warn};

/// A partition of a topic.
pub(super) type Place = (String, i32);

/// A change of what a consumer owns: what it may take, and what it has lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Assigned(Vec<Place>),
    Revoked(Vec<Place>),
}

/// Sends librdkafka's log lines to tracing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logged;

impl ClientContext for Logged {
    fn log(&self, level: Level, facility: &str, line: &str) {
        match level {
            Level::Emerg | Level::Alert | Level::Critical => error!(facility, "librdkafka: {line}"),
            Level::Error | Level::Warning => warn!(facility, "librdkafka: {line}"),
            Level::Notice | Level::Info | Level::Debug => debug!(facility, "librdkafka: {line}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        warn!(%error, "librdkafka: {reason}");
    }
}

/// Tells a consumer's owner of each rebalance. There are few and the owner takes them at each poll, so the channel
/// needs no bound.
pub(super) struct Rebalanced(pub UnboundedSender<Event>);

impl ClientContext for Rebalanced {
    fn log(&self, level: Level, facility: &str, line: &str) {
        Logged.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Logged.error(error, reason);
    }
}

impl ConsumerContext for Rebalanced {
    /// Partitions that are given are taken by the owner, once it knows where to begin; those that are taken back are
    /// let go here, so that nothing of them is delivered any more.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let result = match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                match self.0.send(Event::Assigned(places(partitions))) {
                    Ok(()) => Ok(()),
                    // The owner is gone and the group waits for an answer before the consumer can leave it.
                    Err(_) => consumer.incremental_assign(partitions),
                }
            }
            _ => {
                drop(self.0.send(Event::Revoked(places(partitions))));
                consumer.incremental_unassign(partitions)
            }
        };
        if let Err(error) = result {
            warn!(%error, "change of assignment failed");
        }
    }
}

fn places(partitions: &TopicPartitionList) -> Vec<Place> {
    partitions.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
}
