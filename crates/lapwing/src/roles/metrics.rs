//! The detector's counters, for Prometheus. The detector is pure and only counts; a scrape reads its last count.

use std::fmt;
use std::sync::{Arc, Mutex};

use lapwing_detector::{Alert, Detector, DetectorMetrics};
use lapwing_event::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What a detector process shows of itself.
#[derive(Debug)]
pub struct DetectorGauges {
    counts: Counts,
    alert_delay: Histogram,
}

/// The last count of a detector, and the rate of false alarms that it promises.
#[derive(Debug, Clone, Default)]
struct Counts(Arc<Mutex<(DetectorMetrics, f64)>>);

/// From 1 ms to about 2 minutes.
const DELAY_BUCKETS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 120.0];

impl DetectorGauges {
    /// Gauges that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let counts = Counts::default();
        registry.register_collector(Box::new(counts.clone()));
        let alert_delay = Histogram::new(DELAY_BUCKETS);
        let help = "Time from the receipt of the event that tipped the scale to its durable alert";
        registry.register("lapwing_detector_alert_delay_seconds", help, alert_delay.clone());
        Self { counts, alert_delay }
    }

    /// Takes the detector's count.
    pub fn update(&self, detector: &Detector) {
        let mut last = self.counts.0.lock().expect("nobody panics while holding the lock");
        last.0.clone_from(detector.metrics());
        last.1 = detector.false_alarm_rate();
    }

    /// Takes note of alerts that became durable now.
    pub fn durable(&self, alerts: &[Alert], now: Timestamp) {
        for alert in alerts {
            self.alert_delay.observe(now.since(alert.event().received_at).as_secs_f64());
        }
    }
}

impl Collector for Counts {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (counts, promised) = self.0.lock().expect("nobody panics while holding the lock").clone();
        for (name, help, value) in [
            ("lapwing_detector_events", "Events looked at", counts.observed),
            ("lapwing_detector_alerts_deduplicated", "Alerts left out as repeats", counts.deduplicated),
            ("lapwing_detector_alerts_silenced", "Alerts left out by a silence or a review", counts.silenced),
            ("lapwing_detector_sessions_closed", "Sessions closed and scored", counts.sessions_closed),
            ("lapwing_detector_sessions_evicted", "Sessions closed early for room", counts.sessions_evicted),
            (
                "lapwing_detector_sessions_calibrated",
                "Sessions scored against a calibrated model",
                counts.sessions_calibrated,
            ),
            ("lapwing_detector_sessions_alarmed", "Calibrated sessions that raised an alert", counts.sessions_alarmed),
            ("lapwing_detector_models_fitted", "Behaviour models fitted", counts.models_fitted),
            (
                "lapwing_detector_sessions_over_quota",
                "Sessions that their user's quota kept from learning",
                counts.sessions_over_quota,
            ),
            ("lapwing_detector_reviews_learned", "Reviews that moved calibrated thresholds", counts.reviews_learned),
            (
                "lapwing_detector_reviews_refused",
                "Reviews after which a confirmed attack would pass",
                counts.reviews_refused,
            ),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        let realized = counts.sessions_alarmed as f64 / counts.sessions_calibrated.max(1) as f64;
        for (name, help, share) in [
            ("lapwing_detector_alarm_rate_promised", "Share of normal sessions that may alarm", promised),
            ("lapwing_detector_alarm_rate_realized", "Share of calibrated sessions that did alarm", realized),
        ] {
            let gauge = ConstGauge::new(share);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let live = ConstGauge::new(counts.sessions_live as i64);
        live.encode(encoder.encode_descriptor(
            "lapwing_detector_sessions_live",
            "Sessions in progress",
            None,
            live.metric_type(),
        )?)?;
        let mut reviews = encoder.encode_descriptor(
            "lapwing_detector_reviews",
            "Alerts that a reviewer judged, by detection and verdict",
            None,
            prometheus_client::metrics::MetricType::Counter,
        )?;
        for (rule, verdicts) in &counts.verdicts {
            for (verdict, count) in [("right", verdicts.right), ("wrong", verdicts.wrong)] {
                ConstCounter::new(count)
                    .encode(reviews.encode_family(&[("rule", rule.as_str()), ("verdict", verdict)])?)?;
            }
        }
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
