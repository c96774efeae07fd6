//! The routes, driven without a socket.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use axum::{Extension, Router};
use futures_util::StreamExt;
use lapwing_event::{AlertDraft, Event, Kind, Session, Severity, TenantId};
use lapwing_store::api::Api;
use lapwing_store::{IdAlias, Store};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::*;

fn app(store: &Arc<Store>) -> Router {
    let alias: IdAlias = Arc::new(|_, _, raw| format!("[SESSION:k1:{raw}]"));
    Api::new(store.clone(), now).alias(Some(alias)).router().layer(Extension(TenantId::default()))
}

async fn call(app: Router, request: Request<Body>) -> (StatusCode, String, Value) {
    let response = app.oneshot(request).await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, content_type, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn get(app: Router, path: &str) -> (StatusCode, String, Value) {
    call(app, Request::get(path).body(Body::empty()).unwrap()).await
}

fn in_session(mut event: Event) -> Event {
    event.session = Some(Session { id: "[SESSION:k1:chat 42]".to_owned() });
    event
}

async fn filled(dir: &std::path::Path) -> (Arc<Store>, Vec<Event>) {
    let store = open(dir);
    let events = vec![in_session(event(1, NOW - 3_000)), event(2, NOW - 2_000), in_session(event(3, NOW - 1_000))];
    let sealed: Vec<_> = events.iter().cloned().map(sealed).collect();
    let alert = |severity, rule: &str| {
        let alert = lapwing_event::Alert {
            rule_id: rule.to_owned(),
            title: Some("something odd".to_owned()),
            severity,
            score: Some(0.9),
            threshold: Some(0.7),
            owasp: vec![],
            atlas: vec![],
            event_ids: vec![events[0].id],
            dedup_key: rule.to_owned(),
            status: "open".to_owned(),
            explanation: None,
        };
        AlertDraft { alert, at: now() }.into_event(&sealed[0])
    };
    let alerts = vec![alert(Severity::High, "AID-31"), alert(Severity::Medium, "AID-21")];
    store.append([sealed.clone(), alerts].concat(), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    (store, events)
}

#[tokio::test]
async fn searches_by_parameters_and_by_body() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path()).await;
    let (status, kind, by_parameters) =
        get(app(&store), "/v1/search?q=hello%20AND%20number2&from=now-1h&size=5&fields=kind,content.prompt").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"));
    assert_eq!(by_parameters["total"], json!({"value": 1, "relation": "eq"}));
    assert_eq!(by_parameters["hits"][0]["event"], json!({"kind": "llm", "content": {"prompt": "hello number2"}}));
    assert_eq!(by_parameters["hits"][0].get("highlight"), None);
    for highlight in ["true", "response,prompt"] {
        let (_, _, marked) = get(app(&store), &format!("/v1/search?q=number2&highlight={highlight}")).await;
        let expect = json!({"content.prompt": ["hello <mark>number2</mark>"]});
        assert_eq!(marked["hits"][0]["highlight"], expect);
    }

    let body = json!({"q": "hello", "sort": "oldest", "size": 2}).to_string();
    let request = Request::post("/v1/search").header("content-type", "application/json").body(Body::from(body));
    let (status, _, page) = call(app(&store), request.unwrap()).await;
    assert_eq!((status, page["hits"].as_array().unwrap().len()), (StatusCode::OK, 2));
    assert_eq!(page["hits"][0]["event"]["content"]["prompt"], "hello number1");
    assert!(page["next_cursor"].is_string());
}

#[tokio::test]
async fn reads_events_sessions_interactions_and_alerts() {
    let dir = tempfile::tempdir().unwrap();
    let (store, events) = filled(dir.path()).await;
    let (status, _, hit) = get(app(&store), &format!("/v1/events/{}", events[1].id)).await;
    assert_eq!((status, hit["event"]["id"].as_str()), (StatusCode::OK, Some(events[1].id.to_string().as_str())));

    let (_, _, timeline) = get(app(&store), "/v1/sessions/chat%2042").await;
    let kinds: Vec<_> = timeline["hits"].as_array().unwrap().iter().map(|hit| hit["event"]["kind"].clone()).collect();
    assert_eq!(kinds, ["llm", "llm", "alert", "alert"]);
    let (_, _, timeline) = get(app(&store), &format!("/v1/interactions/{}", events[2].interaction_id)).await;
    assert_eq!(timeline["total"]["value"], 1);

    let check = async |filter: &str, expect: &[&str]| {
        let (status, _, page) = get(app(&store), &format!("/v1/alerts?{filter}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let mut rules: Vec<_> =
            page["hits"].as_array().unwrap().iter().map(|hit| hit["event"]["alert"]["rule_id"].clone()).collect();
        rules.sort_by_key(Value::to_string);
        assert_eq!(rules, expect, "{filter}");
    };
    check("", &["AID-21", "AID-31"]).await;
    check("severity=high", &["AID-31"]).await;
    check("severity=high,medium&status=open", &["AID-21", "AID-31"]).await;
    check("rule=AID-21&session=chat%2042", &["AID-21"]).await;
    check("session=other", &[]).await;
    check("q=odd%20-AID", &["AID-21", "AID-31"]).await;
    check("to=now-1h", &[]).await;
}

#[tokio::test]
async fn faults_are_problems() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path()).await;
    let check = async |path: &str, status: StatusCode, part: Value| {
        let (got, kind, problem) = get(app(&store), path).await;
        assert_eq!((got, kind.as_str()), (status, "application/problem+json"), "{path} {problem}");
        assert_eq!(problem["status"], status.as_u16());
        for (key, value) in part.as_object().unwrap() {
            assert_eq!(&problem[key], value, "{path} {problem}");
        }
    };
    let query = json!({"type": "urn:lapwing:problem:query", "parameter": "q", "position": 2, "suggestion": "prompt"});
    check("/v1/search?q=a%20promt:x", StatusCode::BAD_REQUEST, query).await;
    check("/v1/search?from=soon", StatusCode::BAD_REQUEST, json!({"parameter": "from"})).await;
    check("/v1/search?cursor=x", StatusCode::BAD_REQUEST, json!({"parameter": "cursor"})).await;
    check("/v1/search?size=many", StatusCode::BAD_REQUEST, json!({"type": "urn:lapwing:problem:request"})).await;
    check("/v1/search?sise=1", StatusCode::BAD_REQUEST, json!({})).await;
    check("/v1/events/42", StatusCode::BAD_REQUEST, json!({})).await;
    check("/v1/events/0198a1b2-0000-7000-8000-000000000000", StatusCode::NOT_FOUND, json!({})).await;
    check("/v1/sessions/nobody", StatusCode::NOT_FOUND, json!({"type": "urn:lapwing:problem:not-found"})).await;

    let open = Api::new(store.clone(), now).router();
    let (status, _, problem) = get(open, "/v1/search").await;
    assert_eq!((status, &problem["type"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("urn:lapwing:problem:tenant")));
}

/// Reads messages of a tail until there are `count`; each is `(id, prompt)`.
async fn read(stream: &mut BodyDataStream, count: usize) -> Vec<(u64, String)> {
    let (mut text, mut messages) = (String::new(), Vec::new());
    while messages.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(30), stream.next());
        text.push_str(std::str::from_utf8(&next.await.unwrap().unwrap().unwrap()).unwrap());
        while let Some(end) = text.find("\n\n") {
            let message: String = text.drain(..end + 2).collect();
            let line = |key: &str| message.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
            let Some(data) = line("data:") else { continue };
            let event: Value = serde_json::from_str(data).unwrap();
            messages.push((
                line("id:").unwrap().parse().unwrap(),
                event["content"]["prompt"].as_str().unwrap_or_default().to_owned(),
            ));
        }
    }
    messages
}

#[tokio::test]
async fn a_tail_sends_what_matches_and_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..5, NOW), "0".to_owned()).await.unwrap();
    store.flush().await.unwrap();

    let request = Request::get("/v1/tail?q=hello%20-number6").body(Body::empty()).unwrap();
    let response = app(&store).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    // Late events are new all the same.
    store.append(numbered(5..8, NOW - 40 * DAY), "1".to_owned()).await.unwrap();
    store.append(numbered(8..9, NOW), "2".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let messages = read(&mut stream, 3).await;
    let prompts: Vec<_> = messages.iter().map(|(_, prompt)| prompt.as_str()).collect();
    assert_eq!(prompts, ["hello number5", "hello number7", "hello number8"]);

    let resume = Request::get("/v1/tail?q=hello").header("last-event-id", messages[0].0.to_string());
    let response = app(&store).oneshot(resume.body(Body::empty()).unwrap()).await.unwrap();
    let resumed = read(&mut response.into_body().into_data_stream(), 3).await;
    assert_eq!(resumed[0].1, "hello number6");

    // Closing the store ends the tail, so that a server can shut down.
    store.close().await.unwrap();
    let rest = tokio::time::timeout(Duration::from_secs(30), stream.collect::<Vec<_>>()).await;
    assert!(rest.is_ok());
}

#[tokio::test]
async fn an_alert_is_an_event_too() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path()).await;
    let page = search(&store, &ever("kind:alert severity:high")).await;
    assert_eq!((page.total.value, decoded(&page.hits[0]).kind), (1, Kind::Alert));
}

#[tokio::test]
async fn fields_have_types_and_values() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path()).await;
    let (status, _, answer) = get(app(&store), "/v1/fields?top=5").await;
    assert_eq!(status, StatusCode::OK);
    let field = |name: &str| answer["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap().clone();
    let kind = json!([{"value": "llm", "count": 3}, {"value": "alert", "count": 2}]);
    assert_eq!((&field("kind")["type"], &field("kind")["top"]), (&json!("keyword"), &kind));
    assert_eq!(field("content.prompt")["aliases"], json!(["prompt"]));
    assert_eq!(field("content.messages")["searchable"], false);
    let (_, _, answer) = get(app(&store), "/v1/fields").await;
    assert_eq!(answer["fields"][0]["top"], Value::Null);
}

#[tokio::test]
async fn aggregates_by_body() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = filled(dir.path()).await;
    let body = json!({"q": "kind:alert", "aggs": {"rules": {"terms": {"field": "alert.rule_id"}}}}).to_string();
    let request = Request::post("/v1/aggregate").header("content-type", "application/json").body(Body::from(body));
    let (status, _, answer) = call(app(&store), request.unwrap()).await;
    assert_eq!((status, answer["total"].as_u64()), (StatusCode::OK, Some(2)));
    assert_eq!(answer["aggregations"]["rules"]["buckets"].as_array().unwrap().len(), 2);
}

async fn lines(app: Router, path: &str) -> Vec<Value> {
    let response = app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
    std::str::from_utf8(&body).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_export_is_whole_or_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..1_200, NOW), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let whole = lines(app(&store), "/v1/export?q=hello").await;
    let (control, events): (Vec<_>, Vec<_>) = whole.iter().partition(|line| line.get("_export").is_some());
    assert_eq!((control.len(), events.len()), (3, 1_200));
    assert_eq!(control[2]["_export"], json!({"complete": true, "events": 1_200}));
    assert_eq!(events[7]["content"]["prompt"], "hello number7");

    store.append(numbered(2_000..2_001, NOW), "2".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let cursor = control[1]["_export"]["cursor"].as_str().unwrap();
    let rest = lines(app(&store), &format!("/v1/export?q=hello&cursor={cursor}")).await;
    let rest: Vec<_> = rest.iter().filter(|line| line.get("_export").is_none()).collect();
    assert_eq!(rest, events[1_000..].to_vec());
    let (status, _, _) = get(app(&store), "/v1/export?q=promt:x").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_export_is_a_parquet_table() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..1_200, NOW), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    for (q, rows) in [("hello", 1_200), ("nothing", 0)] {
        let request = Request::get(format!("/v1/export?q={q}&format=parquet")).body(Body::empty()).unwrap();
        let response = app(&store).oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/vnd.apache.parquet");
        let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
        let reader = SerializedFileReader::new(body).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), rows);
    }
    let (status, _, _) = get(app(&store), "/v1/export?format=csv").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

async fn elastic(app: Router, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::get(path).header("content-type", "application/vnd.elasticsearch+json; compatible-with=9");
    let response = app.oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    assert_eq!(response.headers()["x-elastic-product"], "Elasticsearch", "{path}");
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn elasticsearch_clients_find_events() {
    let dir = tempfile::tempdir().unwrap();
    let (store, events) = filled(dir.path()).await;
    let app = app(&store);
    let ask = json!({
        "query": {"bool": {"filter": {"range": {"@timestamp": {"gte": "now-1h"}}}, "must": [{"term": {"kind": "llm"}}]}},
        "sort": [{"@timestamp": {"order": "desc"}}],
        "_source": ["content.prompt"],
        "from": 1,
        "size": 1,
        "aggs": {"kinds": {"terms": {"field": "kind"}}}
    });
    let (status, answer) = elastic(app.clone(), "/_elastic/lapwing/_search", ask).await;
    assert_eq!(
        (status, &answer["hits"]["total"]),
        (StatusCode::OK, &json!({"value": 3, "relation": "eq"})),
        "{answer}"
    );
    let id = events[1].id.to_string();
    let hit = json!({
        "_index": "lapwing", "_id": id, "_score": null, "_source": {"content": {"prompt": "hello number2"}},
        "sort": [NOW - 2_000]
    });
    assert_eq!(answer["hits"]["hits"], json!([hit]));
    assert_eq!(answer["aggregations"]["kinds"]["buckets"][0]["doc_count"], 3);

    let (_, answer) = elastic(app.clone(), "/_elastic/_search?q=hello", json!({})).await;
    assert!(answer["hits"]["max_score"].as_f64().unwrap() > 0.0);
    let (_, answer) =
        elastic(app.clone(), "/_elastic/lap*/_count", json!({"query": {"term": {"kind": "alert"}}})).await;
    assert_eq!(answer["count"], 2);
    let (_, answer) = elastic(app.clone(), "/_elastic/", json!({})).await;
    assert_eq!(answer["tagline"], "You Know, for Search");
    let (_, answer) = elastic(app.clone(), "/_elastic/lapwing/_mapping", json!({})).await;
    let properties = &answer["lapwing"]["mappings"]["properties"];
    assert_eq!(properties["gen_ai"]["properties"]["request"]["properties"]["model"]["type"], "keyword");
    let (_, answer) = elastic(app.clone(), "/_elastic/lapwing/_field_caps?fields=*", json!({})).await;
    assert_eq!(answer["fields"]["latency_ms"]["double"]["aggregatable"], true);

    let resolve = Request::post("/_elastic/_resolve/index/lap*").body(Body::empty()).unwrap();
    let (_, _, answer) = call(app.clone(), resolve).await;
    assert_eq!(answer["indices"][0]["name"], "lapwing");

    let faults = [
        ("/_elastic/other/_search", json!({}), StatusCode::NOT_FOUND, "index_not_found_exception"),
        ("/_elastic/_search", json!({"query": {"fuzzy": {}}}), StatusCode::BAD_REQUEST, "parsing_exception"),
        ("/_elastic/_bulk", json!({}), StatusCode::BAD_REQUEST, "illegal_argument_exception"),
        ("/_elastic/_search", json!({"search_after": [1]}), StatusCode::BAD_REQUEST, "parsing_exception"),
        ("/_elastic/_search", json!({"size": 10_001}), StatusCode::BAD_REQUEST, "illegal_argument_exception"),
        ("/_elastic/_search", json!({"sort": "content.prompt"}), StatusCode::BAD_REQUEST, "illegal_argument_exception"),
    ];
    for (path, body, expect, kind) in faults {
        let (status, answer) = elastic(app.clone(), path, body).await;
        assert_eq!((status, answer["error"]["type"].as_str()), (expect, Some(kind)), "{path} {answer}");
        assert!(answer["error"]["root_cause"][0]["reason"].is_string());
    }
}
