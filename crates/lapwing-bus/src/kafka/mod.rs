//! The bus over Apache Kafka, by librdkafka.
//!
//! An idempotent producer that waits for all in-sync replicas; a consumer whose offsets move only by
//! [`Source::commit`](crate::Source::commit) and which reports, instead of skipping, what retention removed. The
//! callbacks of librdkafka only send messages, and calls of it that block run on the blocking pool.

mod admin;
mod calls;
mod closing;
mod config;
mod context;
mod error;
mod position;
mod sink;
mod source;
mod transaction;

use std::time::Duration;

pub use self::admin::create_topics;
pub use self::config::{Compression, KafkaConfig};
pub use self::sink::KafkaSink;
pub use self::source::KafkaSource;

/// How long a question to the brokers may take.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a transaction may take, and each call for it. It takes milliseconds; one that a killed process left open
/// holds back all readers so long.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
