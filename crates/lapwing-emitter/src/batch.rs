//! Events on their way out: encoded once, sent as often as it takes.

use std::time::Duration;

use bytes::Bytes;
use lapwing_event::{Event, EventId, MAX_EVENT_BYTES, encode};

use crate::DropReason;

/// One event, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub id: EventId,
    pub tenant: String,
    pub key: Bytes,
    pub json: Bytes,
}

impl Encoded {
    pub(crate) fn new(event: &Event) -> Result<Self, DropReason> {
        let json = encode(event);
        if json.len() > MAX_EVENT_BYTES {
            return Err(DropReason::TooLarge);
        }
        Ok(Self::with(event, json.into()))
    }

    /// From JSON that was encoded before.
    pub(crate) fn from_json(json: Bytes) -> Result<Self, DropReason> {
        let event: Event = serde_json::from_slice(&json).map_err(|_| DropReason::Spool)?;
        Ok(Self::with(&event, json))
    }

    fn with(event: &Event, json: Bytes) -> Self {
        Self { id: event.id, tenant: event.tenant.id.to_string(), key: event.partition_key().into(), json }
    }
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
