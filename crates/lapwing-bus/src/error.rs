//! What can go wrong on the bus, by what the caller can do about it.

/// A fault of the bus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// It may work later; nothing is known to be lost, and what was sent may or may not have arrived.
    #[error("bus is not reachable or not ready: {0}")]
    Unavailable(String),
    /// The disk or the broker has no room; try again when there is.
    #[error("bus has no room: {0}")]
    Full(String),
    /// This record will never be taken.
    #[error("bus refused a record: {0}")]
    Refused(String),
    /// Records were removed before this reader came to them. It is said once; the next batch begins behind them.
    #[error(transparent)]
    Gap(Gap),
    /// The reader asked for what was never there, since the topic was made anew; a person is needed.
    #[error("position is not on the bus: {0}")]
    OutOfRange(String),
    /// Going on would lose or double something; a person is needed.
    #[error("bus failed: {0}")]
    Fatal(String),
}

/// Records that retention removed before a reader came to them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "retention removed {} records of {topic} partition {partition} before they were read, offsets {first} to {}",
    next - first,
    next - 1
)]
pub struct Gap {
    /// Where they stood.
    pub topic: String,
    /// In which partition.
    pub partition: i32,
    /// The first offset that is missing.
    pub first: i64,
    /// The offset at which reading goes on.
    pub next: i64,
}

impl BusError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }
}
