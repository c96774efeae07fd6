//! Calls of librdkafka that may never come back. Each of them holds a thread and a client, so there are only so many.

use std::sync::Arc;

use crate::BusError;

/// With so many left behind, a new process is worth more than another try.
const MAX_CALLS: usize = 8;

/// The calls under way.
#[derive(Debug, Default)]
pub(super) struct Calls(Arc<()>);

/// Goes along with a call until it comes back.
#[derive(Debug)]
pub(super) struct Call(#[expect(dead_code, reason = "it is counted, not read")] Arc<()>);

impl Calls {
    /// One more call; a fatal fault where too many have not come back.
    pub fn begin(&self) -> Result<Call, BusError> {
        match Arc::strong_count(&self.0) - 1 {
            MAX_CALLS.. => Err(BusError::Fatal(format!(
                "{MAX_CALLS} calls of librdkafka have not come back, with their threads and clients; start this process \
                 anew, as its supervisor does"
            ))),
            _ => Ok(Call(Arc::clone(&self.0))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_does_not_come_back_is_bounded() {
        let calls = Calls::default();
        let mut stuck: Vec<Call> = (0..MAX_CALLS).map(|_| calls.begin().unwrap()).collect();
        assert!(matches!(calls.begin(), Err(BusError::Fatal(_))));
        stuck.pop();
        calls.begin().unwrap();
    }
}
