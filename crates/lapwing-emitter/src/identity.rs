//! The clock and the ids of events made in this process.

use std::time::{SystemTime, UNIX_EPOCH};

use lapwing_event::{EventId, Timestamp};
use uuid::Uuid;

pub(crate) fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
}

/// A UUIDv7 of this time.
pub(crate) fn new_id(at: Timestamp) -> EventId {
    EventId::new(at, entropy(at))
}

/// The random bits of an id. Those of one process rise within a millisecond (RFC 9562, section 6.2).
pub(crate) fn entropy(_: Timestamp) -> [u8; 10] {
    let mut bits = [0; 10];
    bits.copy_from_slice(&Uuid::now_v7().as_bytes()[6..]);
    bits
}
