//! Finds attacks and accidents in what an AI application does: clean events in, alerts out.
//!
//! A [`Detector`] is pure: it reads no clock and draws no randomness, so that a replay of the same events
//! raises the same alerts with the same ids. It holds static thresholds, dynamic baselines over a moving
//! window, and a behaviour watch with three channels (sequence, provenance, consistency) that are calibrated
//! together to a false-alarm budget. Its state is bounded, and goes through [`Detector::snapshot`].
//!
//! ```
//! use lapwing_detector::{Detector, DetectorConfig};
//!
//! let mut detector = Detector::new(DetectorConfig::default())?;
//! let alerts = detector.tick(lapwing_event::Timestamp::from_millis(0));
//! assert!(alerts.is_empty());
//! let restored = Detector::restore(DetectorConfig::default(), &detector.snapshot())?;
//! assert_eq!(restored.metrics(), detector.metrics());
//! # Ok::<(), lapwing_detector::DetectorError>(())
//! ```

mod alert;
mod baseline;
pub mod behaviour;
mod catalogue;
mod config;
mod detections;
mod detector;
mod error;
mod explain;
mod feedback;
mod metric;
mod metrics;
mod ocsf;
mod recent;
mod rules;
mod scope;
mod session;
mod snapshot;
#[cfg(test)]
mod testing;
mod threshold;
mod watch;

pub use alert::Alert;
pub use baseline::{BaselineRule, Estimate, Measure, Side};
pub use config::{BehaviourConfig, DetectorConfig};
pub use detections::DetectionsConfig;
pub use detector::Detector;
pub use error::DetectorError;
pub use feedback::Verdicts;
pub use metrics::DetectorMetrics;
pub use ocsf::ocsf;
pub use rules::{RuleFault, RuleSet, RuleSummary, RuleText, RulesConfig};
pub use scope::{Only, Per};
pub use threshold::{Rate, ThresholdRule};
