//! Events on their way out: encoded once, sent as often as it takes.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use lapwing_event::EventId;

/// One event, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub id: EventId,
    pub tenant: String,
    pub key: Bytes,
    pub json: Bytes,
}

/// How much goes out at once, how long an event may wait for company, and how long to wait between attempts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub events: usize,
    pub bytes: usize,
    pub linger: Duration,
    pub min_pause: Duration,
    pub max_pause: Duration,
}

impl Bounds {
    /// The pauses between attempts: each about twice the one before, with jitter, so that the clients of a
    /// server that returns do not all come at once.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let pauses = ExponentialBuilder::new().with_min_delay(self.min_pause).with_max_delay(self.max_pause);
        pauses.without_max_times().with_jitter().build()
    }
}

/// What is being gathered.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub events: Vec<Encoded>,
    bytes: usize,
}

impl Batch {
    pub(crate) fn push(&mut self, event: Encoded) {
        self.bytes += event.json.len();
        self.events.push(event);
    }

    pub(crate) fn is_full(&self, bounds: &Bounds) -> bool {
        self.events.len() >= bounds.events || self.bytes >= bounds.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
