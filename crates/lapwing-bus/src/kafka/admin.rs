//! Making topics.

use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::RDKafkaErrorCode;
use tracing::info;

use super::context::Logged;
use super::error::bus_error;
use super::{KafkaConfig, NETWORK_TIMEOUT};
use crate::{BusError, MAX_RECORD_BYTES, topics};

/// Raw content is kept no longer than this, whatever is asked for.
const RAW_RETENTION: Duration = Duration::from_secs(72 * 60 * 60);

const RETENTION: &str = "retention.ms";

/// Makes the topics that are not there yet, each with how long its records are kept. Topics that are there keep
/// their settings, but for a raw topic that keeps its content for too long: that is shortened.
pub async fn create_topics(config: &KafkaConfig, topics: &[(&str, Duration)]) -> Result<(), BusError> {
    let admin: AdminClient<Logged> = config.client().create_with_context(Logged).map_err(|error| bus_error(&error))?;
    let in_sync = if config.replication_factor >= 3 { "2" } else { "1" };
    let max_bytes = (2 * MAX_RECORD_BYTES).to_string();
    let topics: Vec<(&str, String)> =
        topics.iter().map(|(name, kept)| (*name, allowed(name, *kept).as_millis().to_string())).collect();
    let new = topics.iter().map(|(name, retention_ms)| {
        let replication = TopicReplication::Fixed(config.replication_factor as i32);
        NewTopic::new(name, config.partitions as i32, replication)
            .set("cleanup.policy", "delete")
            // A client whose clock is wrong must neither be refused for it nor be kept longer.
            .set("message.timestamp.type", "LogAppendTime")
            .set("min.insync.replicas", in_sync)
            .set("max.message.bytes", &max_bytes)
            .set(RETENTION, retention_ms)
    });
    let new: Vec<NewTopic<'_>> = new.collect();
    let results = admin.create_topics(&new, &options()).await.map_err(|error| bus_error(&error))?;
    for (result, (name, retention_ms)) in results.into_iter().zip(&topics) {
        match result {
            Ok(_) => info!(topic = name, partitions = config.partitions, retention_ms, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) if *name == topics::RAW => shorten(&admin, name).await?,
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(BusError::Unavailable(format!("topic {name} cannot be made: {code}"))),
        }
    }
    Ok(())
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(NETWORK_TIMEOUT)).operation_timeout(Some(NETWORK_TIMEOUT))
}

fn allowed(topic: &str, kept: Duration) -> Duration {
    if topic == topics::RAW { kept.min(RAW_RETENTION) } else { kept }
}

/// Shortens the retention of a topic to what raw content may have. The request replaces all settings that were made
/// on the topic, so those are sent along.
async fn shorten(admin: &AdminClient<Logged>, topic: &str) -> Result<(), BusError> {
    let specifier = ResourceSpecifier::Topic(topic);
    let described = admin.describe_configs([&specifier], &options()).await.map_err(|error| bus_error(&error))?;
    let failed = |code| BusError::Unavailable(format!("settings of topic {topic} cannot be changed: {code}"));
    let longest_ms = RAW_RETENTION.as_millis();
    let longest = longest_ms.to_string();
    for resource in described {
        let resource = resource.map_err(failed)?;
        let kept = resource.get(RETENTION).and_then(|entry| entry.value.as_deref()).unwrap_or("-1");
        if kept.parse().is_ok_and(|kept: u128| kept <= longest_ms) {
            continue;
        }
        info!(topic, kept, longest, "raw content was kept for too long, shortening its retention");
        let own = resource.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let own = own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
        let alter = own.fold(AlterConfig::new(specifier), |alter, (name, value)| alter.set(name, value));
        let altered = admin.alter_configs([&alter.set(RETENTION, &longest)], &options()).await;
        for result in altered.map_err(|error| bus_error(&error))? {
            result.map_err(|(_, code)| failed(code))?;
        }
    }
    Ok(())
}
