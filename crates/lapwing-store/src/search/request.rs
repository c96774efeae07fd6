//! What is asked and what is answered, as it goes over the wire.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use lapwing_event::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Highlight;

/// Gives the stored pseudonym of a raw value: `(tenant, field path, raw value)`. With it `user:alice` finds what
/// the sanitizer stored as `[USER:k1:…]`.
pub type IdAlias = Arc<dyn Fn(&TenantId, &str, &str) -> String + Send + Sync>;

/// On whose behalf, and when, a search runs.
#[derive(Clone)]
pub struct Scope {
    /// Nothing of any other tenant is ever found.
    pub tenant: TenantId,
    /// What `now` means.
    pub now: Timestamp,
    /// How raw ids become pseudonyms, where the caller knows.
    pub alias: Option<IdAlias>,
}

impl Scope {
    /// A scope without pseudonyms.
    pub fn new(tenant: TenantId, now: Timestamp) -> Self {
        Self { tenant, now, alias: None }
    }

    /// The value under which a raw id of this field is stored, as far as the caller knows.
    pub(crate) fn pseudonym(&self, field: &str, raw: &str) -> String {
        self.alias.as_ref().map_or_else(|| raw.to_owned(), |alias| alias(&self.tenant, field, raw))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("tenant", &self.tenant).field("now", &self.now).finish_non_exhaustive()
    }
}

/// A search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchRequest {
    /// The query, see [`crate::parse_query`]; empty asks for everything.
    #[serde(alias = "query")]
    pub q: String,
    /// The earliest time, inclusive: RFC 3339, epoch milliseconds, `now-15m`. Without it, 24 hours before `to`.
    pub from: Option<String>,
    /// The latest time, exclusive. Without it, open: the clock of a client may be ahead.
    pub to: Option<String>,
    /// The most hits on the page; it has fewer, and a cursor, if they are very large.
    pub size: Option<usize>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The order of the hits.
    pub sort: Sort,
    /// Only these fields of each event, by path; without it, all.
    pub fields: Option<Vec<String>>,
    /// Count exactly up to here; beyond, the total is a lower bound.
    pub count_up_to: Option<u64>,
    /// Show what matched, marked: `true`, a list of fields, or a [`Highlight`].
    #[serde(deserialize_with = "Highlight::read")]
    pub highlight: Option<Highlight>,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            q: String::new(),
            from: None,
            to: None,
            size: None,
            cursor: None,
            sort: Sort::NewestFirst,
            fields: None,
            count_up_to: None,
            highlight: None,
        }
    }
}

/// The order of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Sort {
    /// By time, the newest first.
    #[default]
    #[serde(rename = "newest", alias = "-@timestamp", alias = "desc")]
    NewestFirst,
    /// By time, the oldest first.
    #[serde(rename = "oldest", alias = "@timestamp", alias = "asc")]
    OldestFirst,
    /// By relevance (BM25), the best first.
    #[serde(rename = "score")]
    BestFirst,
}

/// One page of hits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SearchResponse {
    /// How long the search took.
    pub took_ms: u64,
    /// How many events match, over all pages.
    pub total: Total,
    /// The events of this page.
    pub hits: Vec<Hit>,
    /// Asks for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A count that may be a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The count.
    pub value: u64,
    /// What the count means.
    pub relation: Relation,
}

/// What a count means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// Exactly so many.
    #[serde(rename = "eq")]
    Exactly,
    /// So many or more.
    #[serde(rename = "gte")]
    AtLeast,
}

/// One event that matched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hit {
    /// Where it stands in the order in which events were stored.
    pub seq: u64,
    /// Its relevance, when sorted by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// The event's JSON.
    pub event: Box<RawValue>,
    /// What matched, marked, as fragments of safe HTML by field; only if asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub highlight: BTreeMap<String, Vec<String>>,
}
