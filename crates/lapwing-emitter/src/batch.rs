//! Events on their way out: encoded once, sent as often as it takes.

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

/// How much goes out at once, and how long an event may wait for company.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchBounds {
    pub events: usize,
    pub bytes: usize,
    pub linger: std::time::Duration,
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

    pub(crate) fn is_full(&self, bounds: &BatchBounds) -> bool {
        self.events.len() >= bounds.events || self.bytes >= bounds.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
