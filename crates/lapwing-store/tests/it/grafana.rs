//! What Grafana's Elasticsearch data source sends, in its order: the health check, the fields, a graph, the logs.
#![allow(clippy::unwrap_used)]

use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use lapwing_event::TenantId;
use lapwing_store::api::Api;
use lapwing_store::{Store, StoreConfig};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::*;

async fn call(app: &Router, request: Request<Body>) -> Value {
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

async fn get(app: &Router, path: &str) -> Value {
    call(app, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn msearch(app: &Router, search: Value) -> Value {
    let header = json!({"ignore_unavailable": true, "index": "lapwing"});
    let body = format!("{header}\n{search}\n");
    let request =
        Request::post("/_msearch?max_concurrent_shard_requests=5").header("content-type", "application/x-ndjson");
    call(app, request.body(Body::from(body)).unwrap()).await["responses"][0].clone()
}

#[tokio::test]
async fn a_data_source_is_checked_graphed_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..30, NOW), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let app = Api::new(store, now).router().layer(Extension(TenantId::default()));

    assert_eq!(get(&app, "/_cluster/health?wait_for_status=yellow").await["status"], "green");
    assert_eq!(
        get(&app, "/lapwing/_field_caps?fields=@timestamp").await["fields"]["@timestamp"]["date"]["type"],
        "date"
    );
    let mapping = get(&app, "/lapwing/_mapping").await;
    assert_eq!(mapping["lapwing"]["mappings"]["properties"]["@timestamp"]["type"], "date");

    let (from, to) = (NOW - 3_600_000, NOW + 60_000);
    let span = json!({"range": {"@timestamp": {"gte": from, "lte": to, "format": "epoch_millis"}}});
    let graph = json!({
        "size": 0,
        "query": {"bool": {"filter": [span, {"query_string": {"analyze_wildcard": true, "query": "hello"}}]}},
        "aggs": {"3": {
            "terms": {"field": "kind", "size": 10, "order": {"_key": "desc"}, "min_doc_count": 1},
            "aggs": {"2": {
                "date_histogram": {"field": "@timestamp", "fixed_interval": "10m", "min_doc_count": 0,
                    "extended_bounds": {"min": from, "max": to}, "format": "epoch_millis", "time_zone": "utc"},
                "aggs": {"1": {"avg": {"field": "latency_ms"}}}
            }}
        }}
    });
    let answer = msearch(&app, graph).await;
    assert_eq!(answer["status"], 200, "{answer}");
    let buckets = answer["aggregations"]["3"]["buckets"][0]["2"]["buckets"].as_array().unwrap();
    assert_eq!(buckets.iter().map(|bucket| bucket["doc_count"].as_u64().unwrap()).sum::<u64>(), 30);
    assert!(buckets.len() >= 7, "empty buckets fill the bounds: {}", buckets.len());
    assert!(buckets.iter().all(|bucket| bucket["key"].is_i64() || bucket["key"].is_u64()));
    assert_eq!(buckets[0]["key_as_string"], buckets[0]["key"].to_string());

    let logs = json!({
        "size": 20,
        "query": {"bool": {"filter": [span, {"query_string": {"query": "hello"}}]}},
        "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "boolean"}}, {"_doc": {"order": "desc"}}],
        "script_fields": {},
        "highlight": {"fields": {"*": {}}, "pre_tags": ["@HIGHLIGHT@"], "post_tags": ["@/HIGHLIGHT@"], "fragment_size": 2147483647},
        "aggs": {"1": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m", "min_doc_count": 0,
            "extended_bounds": {"min": from, "max": to}, "format": "epoch_millis"}}}
    });
    let first = msearch(&app, logs.clone()).await;
    let hits = first["hits"]["hits"].as_array().unwrap();
    assert_eq!((hits.len(), hits[0]["sort"].as_array().unwrap().len()), (20, 2));
    let marked = hits[0]["highlight"].to_string();
    assert!(marked.contains("@HIGHLIGHT@hello@/HIGHLIGHT@"), "{marked}");
    let mut more = logs;
    more["search_after"] = hits[19]["sort"].clone();
    let rest = msearch(&app, more).await;
    assert_eq!(rest["hits"]["hits"].as_array().unwrap().len(), 10);
    let ids = |answer: &Value| -> Vec<String> {
        answer["hits"]["hits"].as_array().unwrap().iter().map(|hit| hit["_id"].to_string()).collect()
    };
    assert!(ids(&first).iter().all(|id| !ids(&rest).contains(id)));

    let latest = json!({"size": 0, "aggs": {"kinds": {"terms": {"field": "kind"}, "aggs": {"latest": {"top_hits":
        {"size": 2, "sort": [{"@timestamp": "desc"}], "_source": {"includes": ["id", "kind"]}}}}}}});
    let answer = msearch(&app, latest).await["aggregations"]["kinds"]["buckets"][0]["latest"]["hits"]["hits"].clone();
    for (hit, newest) in answer.as_array().unwrap().iter().zip(hits) {
        let (id, source) = (&newest["_id"], json!({"id": newest["_id"], "kind": "llm"}));
        assert_eq!((&hit["_id"], &hit["_source"]), (id, &source));
    }
    assert_eq!(answer.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_events_that_an_aggregation_shows_fit_on_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig { max_page_bytes: 2_000, ..config() };
    let store = Store::open(dir.path(), config, &mut Default::default()).unwrap();
    store.append(numbered(0..30, NOW), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let app = Api::new(store, now).router().layer(Extension(TenantId::default()));
    let latest = |size: u64| {
        json!({"size": 0, "aggs": {"latest": {"filter": {"match_all": {}}, "aggs": {"hits":
        {"top_hits": {"size": size, "sort": [{"@timestamp": "desc"}]}}}}}})
    };
    assert_eq!(msearch(&app, latest(1)).await["status"], 200);
    let answer = msearch(&app, latest(30)).await;
    assert_eq!(answer["status"], 400, "{answer}");
    assert!(answer["error"]["reason"].as_str().unwrap().contains("at most 2000 bytes"), "{answer}");
}
