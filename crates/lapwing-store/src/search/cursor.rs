//! The cursor: where a page ended, over which span and which state of the store, opaque to the client.
//!
//! It fixes the span (`now-24h` moves) and the sequence number up to which events are looked at, so that pages
//! neither repeat nor skip an event while new ones come in.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Span;
use super::top::Rank;

/// What a cursor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The rank of the last hit of the page.
    pub after: Rank,
    /// Events from this sequence number on came after the first page.
    pub as_of: u64,
    /// The span in nanoseconds.
    pub from: i64,
    pub to: i64,
    /// The query and order that the cursor belongs to.
    pub of: u64,
}

impl Cursor {
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("a cursor of numbers is always JSON"))
    }

    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    pub fn span(&self) -> Span {
        use lapwing_event::Timestamp;
        Span { from: Timestamp::from_nanos(self.from), to: Timestamp::from_nanos(self.to) }
    }
}

/// A number that tells queries apart, for as long as a page is worth resuming.
pub(crate) fn fingerprint(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
