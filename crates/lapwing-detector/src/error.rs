//! What can go wrong with a detector.

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
