//! The one place where the wall clock is read.

use std::time::SystemTime;

use lapwing_event::Timestamp;

/// The time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::default() + since;
    #[cfg(feature = "faults")]
    fail::fail_point!("clock", |seconds| jumped(now, seconds.as_deref()));
    now
}

/// The time that a clock shows which has jumped by so many seconds.
#[cfg(feature = "faults")]
fn jumped(now: Timestamp, seconds: Option<&str>) -> Timestamp {
    let seconds: i64 = seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
    Timestamp::from_millis(now.millis() + seconds * 1000)
}
