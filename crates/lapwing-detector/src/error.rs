//! What can go wrong with a detector.

use crate::rules::RuleFault;

/// Why a detector can't be made.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// A setting makes no sense; fix the configuration.
    #[error("setting {key}: {problem}")]
    Config {
        /// The setting's path.
        key: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Rules have faults; correct the files.
    #[error("{} fault(s) in the rules:{}", .0.len(), .0.iter().map(|fault| format!("\n  {fault}")).collect::<String>())]
    Rules(Vec<RuleFault>),
    /// The bytes are no snapshot of a detector; start without it.
    #[error("detector snapshot is damaged; start without it and let the detector learn again")]
    Damaged(#[source] Option<postcard::Error>),
    /// The snapshot was written by a version that this one can't read; start without it.
    #[error("detector snapshot has version {found}, this program reads version {expected}; start without it")]
    Version {
        /// The version in the snapshot.
        found: u16,
        /// The version that can be read.
        expected: u16,
    },
}
