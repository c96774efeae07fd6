//! Plain counters of what a detector did, for whoever exposes them.

use std::collections::BTreeMap;

use crate::feedback::Verdicts;
use serde::{Deserialize, Serialize};

/// What a detector did since it was made; a snapshot carries them on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectorMetrics {
    /// Events seen.
    pub observed: u64,
    /// Alerts raised, by rule.
    pub alerts: BTreeMap<String, u64>,
    /// Alerts left out because the same key had one within the deduplication window.
    pub deduplicated: u64,
    /// Alerts left out because they are silenced, by the configuration or a review.
    pub silenced: u64,
    /// What reviewers said, by rule.
    pub verdicts: BTreeMap<String, Verdicts>,
    /// Sessions in progress.
    pub sessions_live: u64,
    /// Sessions closed and scored.
    pub sessions_closed: u64,
    /// Sessions closed early because there were too many.
    pub sessions_evicted: u64,
    /// Sessions scored against a calibrated model; the promise of the budget is about these.
    pub sessions_calibrated: u64,
    /// Calibrated sessions that raised an alert: `alarmed / calibrated` is the realized rate.
    pub sessions_alarmed: u64,
    /// Agents with a history.
    pub agents_live: u64,
    /// Agents forgotten because there were too many.
    pub agents_evicted: u64,
    /// Models fitted.
    pub models_fitted: u64,
    /// Sessions not learned because their user had given enough in that hour.
    pub sessions_over_quota: u64,
    /// Sessions that a reviewer called benign and that moved the thresholds of their agent.
    pub reviews_learned: u64,
    /// Such sessions that were not learned, since a session that a reviewer had called an attack would pass then.
    pub reviews_refused: u64,
}
