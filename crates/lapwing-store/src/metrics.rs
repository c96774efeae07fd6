//! The store's counters and timings.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What the store counts; all names begin with `lapwing_store_`.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub documents: Counter,
    pub duplicates: Counter,
    pub erased_again: Counter,
    pub erased_ids: Gauge,
    pub source_bytes: Counter,
    pub commits: Counter,
    pub commit_failures: Counter,
    pub commit_seconds: Histogram,
    pub searches: Counter,
    pub search_failures: Counter,
    pub search_seconds: Histogram,
    pub partitions: Gauge,
    pub quarantined: Gauge,
    pub stalled: Gauge,
    pub tails: Gauge,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let metrics = Self {
            documents: Counter::default(),
            duplicates: Counter::default(),
            erased_again: Counter::default(),
            erased_ids: Gauge::default(),
            source_bytes: Counter::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
            commit_seconds: seconds(),
            searches: Counter::default(),
            search_failures: Counter::default(),
            search_seconds: seconds(),
            partitions: Gauge::default(),
            quarantined: Gauge::default(),
            stalled: Gauge::default(),
            tails: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("lapwing_store");
        registry.register("documents", "Events indexed", metrics.documents.clone());
        registry.register("duplicates", "Events already stored and skipped", metrics.duplicates.clone());
        registry.register(
            "erased_again",
            "Erased events that came again and were refused",
            metrics.erased_again.clone(),
        );
        registry.register("erased_ids", "Ids of erased events that are remembered", metrics.erased_ids.clone());
        registry.register("source_bytes", "Bytes of JSON of the indexed events", metrics.source_bytes.clone());
        registry.register("commits", "Commits", metrics.commits.clone());
        registry.register("commit_failures", "Commits that failed and were retried", metrics.commit_failures.clone());
        registry.register("commit_seconds", "Time of a commit", metrics.commit_seconds.clone());
        registry.register("searches", "Searches", metrics.searches.clone());
        registry.register("search_failures", "Searches without an answer", metrics.search_failures.clone());
        registry.register("search_seconds", "Time of a search", metrics.search_seconds.clone());
        registry.register("partitions", "Partitions that serve searches", metrics.partitions.clone());
        registry.register("quarantined_partitions", "Partitions set aside as corrupt", metrics.quarantined.clone());
        registry.register("stalled", "1 while nothing can be written", metrics.stalled.clone());
        registry.register("tails", "Open live tails", metrics.tails.clone());
        metrics
    }
}
