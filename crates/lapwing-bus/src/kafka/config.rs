//! Settings of the Kafka bus, and the client settings that follow from them.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::MAX_RECORD_BYTES;

/// What Kafka adds to a record at most: the batch's header, lengths, and room for compression that grows.
const FRAMING_BYTES: usize = 64 << 10;

/// After a broker was away, it is found again within seconds and not only within ten.
const RECONNECT: (&str, &str) = ("reconnect.backoff.max.ms", "2000");

/// The least that brokers allow by default, so that another member soon takes over from one that was killed.
const SESSION: (&str, &str) = ("session.timeout.ms", "6000");
const HEARTBEAT: (&str, &str) = ("heartbeat.interval.ms", "2000");

/// Settings of the Kafka bus.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Where to find the first brokers: `host:port`, separated by commas.
    pub brokers: String,
    /// The name that this client gives itself.
    pub client_id: String,
    /// How record batches are compressed.
    pub compression: Compression,
    /// Partitions of a topic that is made.
    pub partitions: u32,
    /// Replicas of a topic that is made. With three or more, a record is acknowledged by at least two.
    pub replication_factor: u32,
    /// Any other setting of librdkafka, such as those of TLS and SASL. Settings that the bus's promises rest on
    /// cannot be changed here.
    pub extra: BTreeMap<String, String>,
}

/// How record batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Small.
    Zstd,
    /// Fast.
    Lz4,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: "localhost:9092".into(),
            client_id: "lapwing".into(),
            compression: Compression::Zstd,
            partitions: 12,
            replication_factor: 1,
            extra: BTreeMap::new(),
        }
    }
}

/// Shows the names in `extra` only: their values may be secrets.
impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("client_id", &self.client_id)
            .field("compression", &self.compression)
            .field("partitions", &self.partitions)
            .field("replication_factor", &self.replication_factor)
            .field("extra", &self.extra.keys())
            .finish()
    }
}

impl KafkaConfig {
    /// The settings of every client.
    pub(super) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.extend(self.extra.clone());
        client.set("bootstrap.servers", &self.brokers).set("client.id", &self.client_id);
        client
    }

    /// The settings of a producer that neither loses nor doubles nor reorders what it acknowledges.
    pub(super) fn producer(&self) -> ClientConfig {
        let defaults = [
            RECONNECT,
            ("linger.ms", "5"),
            ("delivery.timeout.ms", "30000"),
            ("queue.buffering.max.messages", "100000"),
            ("queue.buffering.max.kbytes", "65536"),
            // As the Java client has it, so that its producers agree with ours on a key's partition.
            ("partitioner", "murmur2_random"),
        ];
        let compression = match self.compression {
            Compression::Zstd => "zstd",
            Compression::Lz4 => "lz4",
        };
        let mut client = self.with_defaults(&defaults);
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", compression)
            .set("message.max.bytes", (MAX_RECORD_BYTES + FRAMING_BYTES).to_string());
        client
    }

    /// The settings of a consumer that moves offsets only when told to, and never skips in silence. One with an
    /// instance takes its own place in the group again when its process comes back, and need not wait until the group
    /// has given up the one that was killed.
    pub(super) fn consumer(&self, group: &str, instance: Option<&str>) -> ClientConfig {
        let defaults =
            [RECONNECT, ("queued.max.messages.kbytes", "16384"), ("fetch.wait.max.ms", "100"), SESSION, HEARTBEAT];
        let mut client = self.with_defaults(&defaults);
        client
            .set("group.id", group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("allow.auto.create.topics", "false")
            .set("isolation.level", "read_committed");
        instance.into_iter().for_each(|instance| {
            client.set("group.instance.id", instance);
        });
        client
    }

    fn with_defaults(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut client = self.client();
        for (name, value) in defaults {
            if !self.extra.contains_key(*name) {
                client.set(*name, *value);
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn extra_settings_are_used_but_cannot_break_a_promise_or_be_seen() {
        let extra = [("linger.ms", "50"), ("acks", "0"), ("enable.auto.commit", "true"), ("sasl.password", "hunter2")];
        let extra = extra.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let config = KafkaConfig { extra, ..KafkaConfig::default() };
        let (producer, consumer) = (config.producer(), config.consumer("g", None));
        assert_eq!((producer.get("linger.ms"), producer.get("acks")), (Some("50"), Some("all")));
        assert_eq!(
            (consumer.get("enable.auto.commit"), consumer.get("sasl.password")),
            (Some("false"), Some("hunter2"))
        );
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert!(serde_json::from_str::<KafkaConfig>(r#"{"compression":"lz4"}"#).is_ok());
        assert!(serde_json::from_str::<KafkaConfig>(r#"{"compresion":"lz4"}"#).is_err());
    }
}
