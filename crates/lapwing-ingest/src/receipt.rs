//! What a client is told about each item it sent.

use lapwing_event::{EventId, Rejection};
use serde::Serialize;

/// The answer to a request: one line an item.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Receipt {
    /// Items whose events are on the bus.
    pub accepted: usize,
    /// Items that were refused.
    pub rejected: usize,
    /// Item by item, in the request's order.
    pub items: Vec<ItemReceipt>,
}

/// The answer to one item.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ItemReceipt {
    /// Its place in the array, or its line, from 0.
    pub index: usize,
    /// As an HTTP status: 202, or why not.
    pub status: u16,
    /// What became of it.
    #[serde(flatten)]
    pub result: ItemResult,
}

/// What became of an item.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum ItemResult {
    /// It became these events.
    Accepted {
        ids: Vec<EventId>,
        /// The request held the same item before; it is stored once.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
    },
    /// It is no event.
    Rejected { field: String, reason: String },
}

/// Why an item was refused: the few classes that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RejectionClass {
    /// Longer than an event may be.
    TooLarge,
    /// Not a JSON object within the bounds.
    Json,
    /// An unknown kind, or one that a client may not send.
    Kind,
    /// A time that cannot be.
    Time,
    /// No id, or an id that the request used for something else.
    Id,
    /// Any other field.
    Field,
}

impl RejectionClass {
    /// The class of a rejection of an item that is not too large.
    pub(crate) fn of(rejection: &Rejection) -> Self {
        match rejection.field.as_str() {
            "$" => Self::Json,
            "kind" | "alert" | "audit" => Self::Kind,
            "@timestamp" | "timestamp" | "ts" | "time" => Self::Time,
            "id" => Self::Id,
            _ => Self::Field,
        }
    }

    /// The value of the metrics' label `reason`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Json => "json",
            Self::Kind => "kind",
            Self::Time => "time",
            Self::Id => "id",
            Self::Field => "field",
        }
    }
}

impl Receipt {
    pub(crate) fn accept(&mut self, index: usize, ids: Vec<EventId>, duplicate: bool) {
        self.accepted += 1;
        self.items.push(ItemReceipt { index, status: 202, result: ItemResult::Accepted { ids, duplicate } });
    }

    pub(crate) fn reject(&mut self, index: usize, status: u16, rejection: Rejection) {
        self.rejected += 1;
        let Rejection { field, reason } = rejection;
        self.items.push(ItemReceipt { index, status, result: ItemResult::Rejected { field, reason } });
    }

    /// The status of the answer: 202 if anything was taken; if nothing was, 413 when size was all that was
    /// wrong and 400 otherwise.
    pub(crate) fn status(&self) -> u16 {
        match self.accepted {
            0 if self.items.iter().all(|item| item.status == 413) => 413,
            0 => 400,
            _ => 202,
        }
    }
}
