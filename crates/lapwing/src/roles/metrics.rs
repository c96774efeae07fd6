//! The detector's counters, for Prometheus. The detector is pure and only counts; a scrape reads its last count.

use std::fmt;
use std::sync::{Arc, Mutex};

use lapwing_detector::{Detector, DetectorMetrics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The last count of a detector.
#[derive(Debug, Clone, Default)]
pub struct DetectorCounts(Arc<Mutex<DetectorMetrics>>);

impl DetectorCounts {
    /// Counts that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Self::default();
        registry.register_collector(Box::new(counts.clone()));
        counts
    }

    /// Takes the detector's count.
    pub fn update(&self, detector: &Detector) {
        self.0.lock().expect("nobody panics while holding the lock").clone_from(detector.metrics());
    }
}

impl Collector for DetectorCounts {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let counts = self.0.lock().expect("nobody panics while holding the lock").clone();
        for (name, help, value) in [
            ("lapwing_detector_events", "Events looked at", counts.observed),
            ("lapwing_detector_alerts_deduplicated", "Alerts left out as repeats", counts.deduplicated),
            ("lapwing_detector_sessions_closed", "Sessions closed and scored", counts.sessions_closed),
            ("lapwing_detector_sessions_evicted", "Sessions closed early for room", counts.sessions_evicted),
            ("lapwing_detector_sessions_calibrated", "Sessions scored against a calibrated model", counts.sessions_calibrated),
            ("lapwing_detector_sessions_alarmed", "Calibrated sessions that raised an alert", counts.sessions_alarmed),
            ("lapwing_detector_models_fitted", "Behaviour models fitted", counts.models_fitted),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        let live = ConstGauge::new(counts.sessions_live as i64);
        live.encode(encoder.encode_descriptor("lapwing_detector_sessions_live", "Sessions in progress", None, live.metric_type())?)?;
        let mut alerts = encoder.encode_descriptor(
            "lapwing_detector_alerts",
            "Alerts raised, by detection",
            None,
            prometheus_client::metrics::MetricType::Counter,
        )?;
        for (rule, count) in counts.alerts {
            ConstCounter::new(count).encode(alerts.encode_family(&[("rule", rule)])?)?;
        }
        Ok(())
    }
}
