//! The store's settings. Their defaults suit one machine; the binary reads and merges them.

use serde::{Deserialize, Serialize};

use crate::partition::Granularity;
use crate::retention::RetentionConfig;

/// Settings of the store. Times are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// An event is durable and searchable about this long after it was appended: a commit begins earlier by what the
    /// last ones took, but by time not sooner than half of this after the one before.
    pub commit_interval_ms: u64,
    /// A commit happens earlier once this much JSON waits for it. It bounds the memory that waiting events hold.
    pub commit_bytes: usize,
    /// Memory for the terms of each open partition; at least 15 MiB.
    pub writer_memory_bytes: usize,
    /// How many partitions are open for writing: the current one, the previous one, and one for late events.
    pub max_open_writers: usize,
    /// A partition that took no event for this long is closed for writing, and sealed.
    pub writer_idle_ms: u64,
    /// How many batches may wait for the writer before `append` waits.
    pub append_queue_batches: usize,
    /// One index a day or an hour. It holds for new partitions; existing ones stay as they are.
    pub partition_by: Granularity,
    /// A partition that holds this many events is full: the next one of its day or hour goes to a new part.
    pub partition_max_events: u64,
    /// At every start all files are compared with their checksums in the background, at most this fast; 0 is never.
    pub scrub_bytes_per_s: u64,
    /// Writing pauses while the disk has less room than this.
    pub min_free_bytes: u64,
    /// How long events are kept.
    pub retention: RetentionConfig,
    /// How many searches run at once.
    pub max_concurrent_searches: usize,
    /// How many searches may wait for their turn before more are turned away; those of one tenant, half of that.
    pub max_queued_searches: usize,
    /// A search that takes longer, its waiting included, ends with an error.
    pub search_timeout_ms: u64,
    /// The most hits on one page.
    pub max_page_size: usize,
    /// A page ends early, with a cursor, once its events take this much.
    pub max_page_bytes: usize,
    /// Hits are counted exactly up to here; beyond, `total` is a lower bound.
    pub count_up_to: u64,
    /// A prefix or wildcard may stand for this many terms of a partition.
    pub max_expanded_terms: usize,
    /// Memory for the buckets of one aggregation.
    pub max_aggregation_bytes: usize,
    /// The most buckets of one aggregation.
    pub max_aggregation_buckets: u32,
    /// How many live tails may be open at once.
    pub max_tails: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            commit_interval_ms: 1_000,
            commit_bytes: 16 << 20,
            writer_memory_bytes: 32 << 20,
            max_open_writers: 3,
            writer_idle_ms: 300_000,
            append_queue_batches: 4,
            partition_by: Granularity::Day,
            partition_max_events: 2_000_000,
            scrub_bytes_per_s: 128 << 20,
            min_free_bytes: 1 << 30,
            retention: RetentionConfig::default(),
            max_concurrent_searches: 4,
            max_queued_searches: 64,
            search_timeout_ms: 10_000,
            max_page_size: 1_000,
            max_page_bytes: 32 << 20,
            count_up_to: 10_000,
            max_expanded_terms: 1_024,
            max_aggregation_bytes: 256 << 20,
            max_aggregation_buckets: 65_000,
            max_tails: 64,
        }
    }
}
