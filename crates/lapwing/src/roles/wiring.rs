//! From settings to the bus, the sanitizer and the keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use lapwing_bus::embedded::Embedded;
use lapwing_bus::kafka::{KafkaSink, KafkaSource, create_topics};
use lapwing_bus::{Sink, Source, Start, Subscription, Transact, topics};
use lapwing_sanitizer::{KeyRing, Sanitizer};
use lapwing_store::IdAlias;

use crate::auth::write_private;
use crate::settings::{BusKind, Settings};

/// The bus of a process.
pub enum Bus {
    /// A log on local disk.
    Embedded(Embedded),
    /// A Kafka cluster.
    Kafka(Box<lapwing_bus::kafka::KafkaConfig>),
}

impl Bus {
    /// Opens the embedded log, or makes sure of the topics in Kafka.
    pub async fn open(settings: &Settings) -> Result<Self> {
        match settings.bus.kind {
            BusKind::Embedded => {
                let dir = settings.data.dir.join("bus");
                let bus = Embedded::open(&dir, settings.bus.embedded.clone());
                Ok(Self::Embedded(bus.with_context(|| format!("open the embedded bus in {}", dir.display()))?))
            }
            BusKind::Kafka => {
                let config = settings.bus.kafka.clone();
                let brokers = config.brokers.clone();
                let made = create_topics(&config, &RETENTION).await;
                made.with_context(|| {
                    format!("make sure of the topics on {brokers}; is Kafka there? bus.kafka.brokers names it")
                })?;
                Ok(Self::Kafka(Box::new(config)))
            }
        }
    }

    /// A writer.
    pub fn sink(&self) -> Result<Arc<dyn Sink>> {
        Ok(match self {
            Self::Embedded(bus) => Arc::new(bus.clone()),
            Self::Kafka(config) => Arc::new(KafkaSink::new(config)?),
        })
    }

    /// A member of a group that reads a topic, whose effects and offsets become durable together. No other member
    /// may have the name; the process that follows a killed one under its name takes over what that left open.
    pub fn transactional(&self, topic: &str, group: &str, name: &str) -> Result<Box<dyn Transact>> {
        let subscription = Subscription { topics: vec![topic.to_owned()], start: Start::Group(group.to_owned()) };
        Ok(match self {
            Self::Embedded(bus) => Box::new(bus.source(subscription)?),
            Self::Kafka(config) => Box::new(KafkaSource::transactional(config, subscription, name)?),
        })
    }

    /// A reader.
    pub fn source(&self, topics: &[&str], start: Start) -> Result<Box<dyn Source>> {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let subscription = Subscription { topics, start };
        Ok(match self {
            Self::Embedded(bus) => Box::new(bus.source(subscription)?),
            Self::Kafka(config) => Box::new(KafkaSource::new(config, subscription)?),
        })
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// How long Kafka keeps each topic: raw content for three days at most, the rest for a week.
const RETENTION: [(&str, Duration); 4] = [
    (topics::RAW, HOUR.saturating_mul(72)),
    (topics::CLEAN, HOUR.saturating_mul(168)),
    (topics::DEAD_LETTERS, HOUR.saturating_mul(168)),
    (topics::ALERTS, HOUR.saturating_mul(168)),
];

/// The keys of pseudonyms, made on the first start.
pub fn key_ring(file: &Path) -> Result<KeyRing> {
    match std::fs::read_to_string(file) {
        Ok(text) => KeyRing::parse(&text).with_context(|| format!("read the pseudonym keys in {}", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut entropy = [0; 32];
            getrandom::fill(&mut entropy).context("draw random bytes")?;
            let ring = KeyRing::generate(entropy);
            write_private(file, ring.to_text().as_bytes())?;
            tracing::warn!(
                file = %file.display(),
                "made a new key for pseudonyms; keep a copy in a safe place, equal values stay joinable only under the same key"
            );
            Ok(ring)
        }
        Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
    }
}

/// The sanitizer with its keys.
pub fn sanitizer(settings: &Settings) -> Result<Arc<Sanitizer>> {
    let ring = key_ring(&settings.pseudonym_keys_file())?;
    Ok(Arc::new(Sanitizer::new(&settings.sanitizer, ring).context("prepare the sanitizer")?))
}

/// How the store finds what is asked for by its raw user or session id. Only a process that has the keys can say;
/// a store without them finds by pseudonym alone.
pub fn id_alias(settings: &Settings) -> Result<Option<IdAlias>> {
    if !settings.pseudonym_keys_file().exists() {
        return Ok(None);
    }
    let sanitizer = sanitizer(settings)?;
    Ok(Some(Arc::new(move |tenant, field, value| sanitizer.pseudonym(tenant, field, value))))
}
