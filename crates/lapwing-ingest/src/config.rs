//! The bounds of the front door and the pace of the pipeline.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of the ingest service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestConfig {
    /// A request's body is at most this long, as sent and after decompression.
    pub max_body_bytes: usize,
    /// A request has at most this many items.
    pub max_items: usize,
    /// A compressed body may grow to at most this many times its size.
    pub max_decompression_ratio: usize,
    /// All requests that are being worked on hold at most this many bytes of body, after decompression.
    pub max_in_flight_bytes: usize,
    /// An API key may send so many events a second, and five seconds' worth at once; 0 is no limit.
    pub max_events_per_second: u32,
    /// A tenant may send so many with all its keys together; 0 is no limit.
    pub max_tenant_events_per_second: u32,
    /// How long a request waits for its share of `max_in_flight_bytes` before it is sent away.
    pub admission_timeout_ms: u64,
    /// How long a client may take to send its body.
    pub body_timeout_ms: u64,
    /// How long a request waits for the bus before it is sent away.
    pub send_timeout_ms: u64,
    /// The pipeline reads at most this many records at once.
    pub batch_size: usize,
    /// How long the pipeline waits for records before it looks again.
    pub batch_wait_ms: u64,
    /// How many threads sanitize; 0 is one for each core.
    pub workers: usize,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 16 << 20,
            max_items: 10_000,
            max_decompression_ratio: 100,
            max_in_flight_bytes: 64 << 20,
            max_events_per_second: 0,
            max_tenant_events_per_second: 0,
            admission_timeout_ms: 2_000,
            body_timeout_ms: 30_000,
            send_timeout_ms: 10_000,
            batch_size: 1_000,
            batch_wait_ms: 500,
            workers: 0,
        }
    }
}

impl IngestConfig {
    /// What is wrong with the settings, one sentence a fault, each beginning with the key.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let positive = [
            ("max_body_bytes", self.max_body_bytes),
            ("max_items", self.max_items),
            ("max_decompression_ratio", self.max_decompression_ratio),
            ("batch_size", self.batch_size),
        ];
        faults
            .extend(positive.iter().filter(|(_, value)| *value == 0).map(|(key, _)| format!("{key} must be above 0")));
        let times = [
            ("admission_timeout_ms", self.admission_timeout_ms),
            ("body_timeout_ms", self.body_timeout_ms),
            ("send_timeout_ms", self.send_timeout_ms),
            ("batch_wait_ms", self.batch_wait_ms),
        ];
        faults.extend(times.iter().filter(|(_, value)| *value == 0).map(|(key, _)| format!("{key} must be above 0")));
        if self.max_in_flight_bytes < self.max_body_bytes {
            faults
                .push("max_in_flight_bytes must be at least max_body_bytes, or no large request ever fits".to_owned());
        }
        faults
    }

    pub(crate) fn admission_timeout(&self) -> Duration {
        Duration::from_millis(self.admission_timeout_ms)
    }

    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    pub(crate) fn send_timeout(&self) -> Duration {
        Duration::from_millis(self.send_timeout_ms)
    }

    pub(crate) fn batch_wait(&self) -> Duration {
        Duration::from_millis(self.batch_wait_ms)
    }

    pub(crate) fn workers(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_reported_at_once() {
        let config = IngestConfig { max_items: 0, batch_size: 0, max_in_flight_bytes: 1, ..IngestConfig::default() };
        let faults = config.faults();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(IngestConfig::default().faults().is_empty());
    }
}
