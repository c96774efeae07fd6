//! The answer to a search.

use serde_json::{Value, json};

/// Hits are counted up to here where a search does not say.
const COUNT_UP_TO: u64 = 10_000;

/// What a search found, whatever index it was in.
#[derive(Debug)]
pub(super) struct Page {
    pub took: u64,
    pub total: u64,
    /// Whether the total is exact and not a lower bound.
    pub exact: bool,
    pub max_score: Option<f32>,
    pub hits: Vec<Value>,
    pub aggregations: Option<Value>,
}

impl Page {
    /// Nothing was found, since there is no index to look in.
    pub fn empty() -> Self {
        Self { took: 0, total: 0, exact: true, max_score: None, hits: Vec::new(), aggregations: None }
    }

    /// In Elasticsearch's form. The total is told up to `count_up_to`, and not at all if that is 0.
    pub fn body(self, count_up_to: Option<u64>) -> Value {
        let mut body = json!({
            "took": self.took,
            "timed_out": false,
            "_shards": shards(),
            "hits": {"max_score": self.max_score, "hits": self.hits},
        });
        let limit = count_up_to.unwrap_or(COUNT_UP_TO);
        if limit > 0 {
            let exact = self.exact && self.total <= limit;
            body["hits"]["total"] =
                json!({"value": self.total.min(limit), "relation": if exact { "eq" } else { "gte" }});
        }
        if let Some(aggregations) = self.aggregations {
            body["aggregations"] = aggregations;
        }
        body
    }
}

/// There is one, and it answers or the request fails.
pub(super) fn shards() -> Value {
    json!({"total": 1, "successful": 1, "skipped": 0, "failed": 0})
}
