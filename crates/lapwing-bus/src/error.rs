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
    /// The reader asked for what is not there: a topic made anew, or records that retention removed.
    #[error("position is not on the bus: {0}")]
    OutOfRange(String),
    /// Going on would lose or double something; a person is needed.
    #[error("bus failed: {0}")]
    Fatal(String),
}

impl BusError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }
}
