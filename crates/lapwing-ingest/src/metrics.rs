//! What the ingest service counts.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::receipt::RejectionClass;

/// All names begin with it.
const PREFIX: &str = "lapwing_ingest";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Type {
    r#type: String,
}

/// Counters of the front door.
#[derive(Debug)]
pub(crate) struct FrontDoorMetrics {
    bytes: Counter,
    events: Counter,
    rejected: Family<Reason, Counter>,
    dropped: Counter,
    refused: Family<Reason, Counter>,
}

impl FrontDoorMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            bytes: Counter::default(),
            events: Counter::default(),
            rejected: Family::default(),
            dropped: Counter::default(),
            refused: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix(PREFIX);
        registry.register("received_bytes", "Bytes of request bodies, as sent", metrics.bytes.clone());
        registry.register("received_events", "Events that the front door put on the bus", metrics.events.clone());
        registry.register("rejected_items", "Items of requests that are no events", metrics.rejected.clone());
        let help = "Spans and log records of exports that are not of GenAI";
        registry.register("dropped_items", help, metrics.dropped.clone());
        registry.register("refused_requests", "Requests that were not taken as a whole", metrics.refused.clone());
        metrics
    }

    pub(crate) fn bytes(&self, bytes: usize) {
        self.bytes.inc_by(bytes as u64);
    }

    pub(crate) fn items(&self, events: usize, rejections: &[RejectionClass]) {
        self.events.inc_by(events as u64);
        for class in rejections {
            self.rejected.get_or_create(&Reason { reason: class.as_str() }).inc();
        }
    }

    pub(crate) fn dropped(&self, items: usize) {
        self.dropped.inc_by(items as u64);
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }
}

/// Counters of the pipeline.
#[derive(Debug, Clone)]
pub(crate) struct PipelineMetrics {
    records_in: Counter,
    bytes_in: Counter,
    events_out: Counter,
    dead_letters: Family<Reason, Counter>,
    masked: Family<Type, Counter>,
    pub sanitize_seconds: Histogram,
    pub lag: Gauge,
}

impl PipelineMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            records_in: Counter::default(),
            bytes_in: Counter::default(),
            events_out: Counter::default(),
            dead_letters: Family::default(),
            masked: Family::default(),
            // 10 µs to 2.6 s.
            sanitize_seconds: Histogram::new(exponential_buckets(10e-6, 4.0, 10)),
            lag: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix(PREFIX);
        registry.register("raw_records", "Records read from the raw topic", metrics.records_in.clone());
        registry.register("raw_bytes", "Bytes read from the raw topic", metrics.bytes_in.clone());
        registry.register("clean_events", "Sanitized events written", metrics.events_out.clone());
        registry.register("dead_letters", "Dead letters written", metrics.dead_letters.clone());
        registry.register("masked_spans", "Spans that were masked, by type", metrics.masked.clone());
        let help = "Time to decode and sanitize one record";
        registry.register("sanitize_seconds", help, metrics.sanitize_seconds.clone());
        registry.register("lag_records", "Records of the raw topic that are yet to be read", metrics.lag.clone());
        metrics
    }

    /// Counts what has become durable.
    pub(crate) fn count(&self, tally: &Tally) {
        self.records_in.inc_by(tally.records);
        self.bytes_in.inc_by(tally.bytes);
        self.events_out.inc_by(tally.clean);
        for (reason, letters) in &tally.dead {
            self.dead_letters.get_or_create(&Reason { reason }).inc_by(*letters);
        }
        for (entity, spans) in &tally.masked {
            self.masked.get_or_create(&Type { r#type: entity.clone() }).inc_by(*spans);
        }
    }
}

/// What a step of the pipeline did, to be counted once it is durable.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub records: u64,
    pub bytes: u64,
    pub clean: u64,
    dead: BTreeMap<&'static str, u64>,
    masked: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn dead_letter(&mut self, reason: &'static str) {
        *self.dead.entry(reason).or_default() += 1;
    }

    pub(crate) fn masked(&mut self, counts: &BTreeMap<String, u32>) {
        for (entity, spans) in counts {
            *self.masked.entry(entity.clone()).or_default() += u64::from(*spans);
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.clean += other.clean;
        for (reason, letters) in other.dead {
            *self.dead.entry(reason).or_default() += letters;
        }
        for (entity, spans) in other.masked {
            *self.masked.entry(entity).or_default() += spans;
        }
    }
}
