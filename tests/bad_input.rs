//! Bad input gets a clear answer that names item and field; the rest of the batch goes through.

use serde_json::{Value, json};

use crate::support::Server;

/// Whole and well formed, so that only its kind is at fault.
const FORGED: &str = r#"{"kind":"alert","service":{"name":"a"},"alert":{"rule_id":"AID-21","severity":"low","event_ids":[],"dedup_key":"k","status":"open"}}"#;

fn bad_items() -> Vec<(&'static str, String, &'static str)> {
    let many: serde_json::Map<String, Value> = (0..10_000).map(|i| (format!("k{i}"), json!(i))).collect();
    vec![
        ("wrong type", r#"{"kind":"llm","service":{"name":"a"},"latency_ms":"fast"}"#.to_owned(), "latency_ms"),
        ("oversized", json!({"prompt": "x".repeat(901 * 1024)}).to_string(), "$"),
        ("too deep", format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100)), "$"),
        ("1970", r#"{"prompt":"p","timestamp":0}"#.to_owned(), "@timestamp"),
        ("2100", r#"{"prompt":"p","timestamp":"2100-01-01T00:00:00Z"}"#.to_owned(), "@timestamp"),
        ("unknown kind", r#"{"kind":"dream","service":{"name":"a"}}"#.to_owned(), "kind"),
        ("NUL", r#"{"prompt":"a\u0000b"}"#.to_owned(), "content.prompt"),
        ("lone surrogate", r#"{"prompt":"\ud83d"}"#.to_owned(), "$"),
        ("many fields", Value::Object(many).to_string(), "$"),
        ("not an object", "17".to_owned(), "$"),
        ("a forged alert", FORGED.to_owned(), "kind"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_item_is_named_and_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    for (what, item, field) in bad_items() {
        let (status, body) = server.post("/v1/events", "application/json", item.clone()).await;
        assert!((400..500).contains(&status), "{what}: {status} {body}");

        let batch = format!(r#"[{{"prompt":"before {what}"}},{item},{{"prompt":"after {what}"}}]"#);
        let (status, body) = server.post("/v1/events", "application/json", batch).await;
        assert_eq!((status, &body["accepted"], &body["rejected"]), (202, &json!(2), &json!(1)), "{what}: {body}");
        let refused = &body["items"][1];
        assert_eq!((&refused["index"], &refused["field"]), (&json!(1), &json!(field)), "{what}: {body}");

        let lines = format!("{{\"prompt\":\"line\"}}\n{item}\n");
        let (status, body) = server.post("/v1/events", "application/x-ndjson", lines).await;
        assert_eq!((status, &body["items"][1]["index"]), (202, &json!(1)), "{what}: {body}");
    }
    server.find("line", bad_items().len()).await;
    assert_eq!(server.search("before").await.len(), bad_items().len());
    assert_eq!(server.search("after").await.len(), bad_items().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_batch_is_refused_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    for body in ["", "hello", "{\"prompt\":", "\u{0}"] {
        let (status, answer) = server.post("/v1/events", "application/json", body).await;
        assert!((400..500).contains(&status), "{body:?}: {status} {answer}");
    }
    let (status, answer) = server.post("/v1/events", "image/png", "x").await;
    assert_eq!(status, 415, "{answer}");
    assert_eq!(server.get("/healthz", &[]).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_id_with_other_content_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::up(dir.path());
    let event = |prompt: &str| json!({"kind": "llm", "id": "019a2c3f-3a40-7101-8101-010101010101", "service": {"name": "a"}, "content": {"prompt": prompt}});
    let batch = json!([event("one"), event("two"), event("one")]);
    let (status, body) = server.post("/v1/events", "application/json", batch.to_string()).await;
    assert_eq!((status, &body["items"][1]["field"]), (202, &json!("id")), "{body}");
    server.find("one", 1).await;
    assert_eq!(server.search("two").await.len(), 0);
}
