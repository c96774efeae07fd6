//! The answer to a search.

use serde_json::{Value, json};

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

    /// In Elasticsearch's form; `with_total` is what `track_total_hits: false` switches off.
    pub fn body(self, with_total: bool) -> Value {
        let mut body = json!({
            "took": self.took,
            "timed_out": false,
            "_shards": shards(),
            "hits": {"max_score": self.max_score, "hits": self.hits},
        });
        if with_total {
            body["hits"]["total"] = json!({"value": self.total, "relation": if self.exact { "eq" } else { "gte" }});
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
