//! Aggregations over several partitions.
#![allow(clippy::unwrap_used)]

use lapwing_event::{GenAi, Scores, TenantId};
use lapwing_store::{AggregateRequest, SearchError, Store, StoreConfig};
use serde_json::{Value, json};

use crate::support::*;

/// 30 events over three days; models alternate 2:1, latency is the number, another tenant has as many.
async fn filled(dir: &std::path::Path) -> std::sync::Arc<Store> {
    let store = open(dir);
    let mut events = Vec::new();
    for n in 0..30u64 {
        let mut event = event(n, NOW - (n as i64 % 3) * DAY);
        event.gen_ai = Some(Box::new(GenAi::chat(if n % 3 == 0 { "small" } else { "large" })));
        event.latency_ms = Some(n as f64);
        event.scores = (n < 10).then_some(Scores { toxicity: Some(n as f64 / 10.0), sentiment: None });
        let mut other = event.clone();
        other.tenant.id = TenantId::new("other").unwrap();
        events.extend([sealed(event), sealed(other)]);
    }
    store.append(events, "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    store
}

fn request(q: &str, aggs: Value) -> AggregateRequest {
    AggregateRequest { q: q.to_owned(), from: Some("now-10d".to_owned()), to: None, aggs }
}

#[tokio::test]
async fn counts_and_measures_within_the_tenant_and_the_span() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let aggs = json!({
        "models": {
            "terms": {"field": "gen_ai.request.model"},
            "aggs": {"latency": {"stats": {"field": "latency_ms"}}}
        },
        "days": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1d"}},
        "toxicity": {"range": {"field": "scores.toxicity", "ranges": [{"to": 0.5}, {"from": 0.5}]}},
        "people": {"cardinality": {"field": "gen_ai.request.model"}},
        "p": {"percentiles": {"field": "latency_ms", "percents": [50]}}
    });
    let answer = store.aggregate(&scope(), &request("hello", aggs.clone())).await.unwrap();
    assert_eq!(answer.total, 30);
    let models = &answer.aggregations["models"]["buckets"];
    assert_eq!((&models[0]["key"], &models[0]["doc_count"]), (&json!("large"), &json!(20)));
    assert_eq!(models[1]["latency"]["max"], 27.0);
    let days = answer.aggregations["days"]["buckets"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| day["doc_count"].as_u64().unwrap()).collect::<Vec<_>>(), [10, 10, 10]);
    let counts = answer.aggregations["toxicity"]["buckets"].as_array().unwrap();
    assert_eq!(counts.iter().map(|range| range["doc_count"].as_u64().unwrap()).sum::<u64>(), 10);
    assert_eq!(answer.aggregations["people"]["value"], 2.0);
    let median = answer.aggregations["p"]["values"]["50.0"].as_f64().unwrap();
    assert!((13.5..=15.5).contains(&median), "{median}");

    let today = AggregateRequest { from: Some("now-1h".to_owned()), ..request("", aggs.clone()) };
    assert_eq!(store.aggregate(&scope(), &today).await.unwrap().total, 10);
    let nothing = store.aggregate(&scope(), &request("nothing", aggs)).await.unwrap();
    assert_eq!((nothing.total, &nothing.aggregations["models"]["buckets"]), (0, &json!([])));
}

#[tokio::test]
async fn faults_name_the_field_and_bounds_hold() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let check = async |store: &Store, aggs: Value, part: &str| {
        let error = store.aggregate(&scope(), &request("", aggs)).await.unwrap_err();
        assert!(matches!(error, SearchError::Parameter { parameter: "aggs", .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    check(&store, json!({}), "names no aggregation").await;
    check(&store, json!({"a": {"terms": {"field": "latncy_ms"}}}), "did you mean \"latency_ms\"?").await;
    check(&store, json!({"a": {"terms": {"field": "content.prompt"}}}), "has no column").await;
    check(&store, json!({"a": {"filter": "kind:llm"}}), "not supported").await;
    check(&store, json!({"a": {"nonsense": {}}}), "nonsense").await;
    let deep = (0..4).fold(json!({}), |inner, _| json!({"a": {"terms": {"field": "kind"}, "aggs": inner}}));
    check(&store, deep, "too deep").await;
    store.close().await.unwrap();
    drop(store);

    let tight = StoreConfig { max_aggregation_buckets: 5, ..config() };
    let store = Store::open(dir.path(), tight, &mut Default::default()).unwrap();
    check(&store, json!({"a": {"histogram": {"field": "latency_ms", "interval": 1}}}), "bucket").await;
}
