//! `POST /v1/events` over a real socket, before the embedded bus.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use lapwing_bus::{BusError, Record, Sink};
use lapwing_ingest::IngestConfig;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use support::{Server, post, serve};

const PLAIN: &str = r#"{"prompt":"hello","response":"hi","model_id":"m","session_id":"s-1"}"#;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_object_an_array_and_lines_are_taken() {
    let server = Server::start(IngestConfig::default()).await;
    let array = format!("[{PLAIN},\n{PLAIN}]");
    let lines = format!("{PLAIN}\n\n{PLAIN}\n");
    let json = ("content-type", "application/json");
    let ndjson = ("content-type", "application/x-ndjson; charset=utf-8");
    for (headers, body, indexes) in [
        (&[json][..], PLAIN, &[0][..]),
        (&[], PLAIN, &[0]),
        (&[json], &array, &[0, 1]),
        (&[ndjson], &lines, &[0, 2]),
        (&[json], &lines, &[0, 2]),
    ] {
        let answer = server.post(headers, body.as_bytes()).await;
        assert_eq!((answer.status, &answer.body["accepted"]), (202, &indexes.len().into()), "{}", answer.body);
        let items = answer.body["items"].as_array().unwrap();
        let got: Vec<u64> = items.iter().map(|item| item["index"].as_u64().unwrap()).collect();
        assert_eq!(got, indexes);
        assert!(items.iter().all(|item| item["status"] == 202 && item["ids"].as_array().unwrap().len() == 1));
    }
    let raw = server.raw(8).await;
    let event: Value = serde_json::from_slice(&raw[0].record.value).unwrap();
    assert_eq!((&event["tenant"]["id"], &event["received_at"]), (&"acme".into(), &"2026-11-24T06:30:00Z".into()));
    assert_eq!(raw[0].record.key.as_deref(), Some(b"acme\x1fs-1".as_slice()));
    assert!(server.metrics().contains("lapwing_ingest_received_events_total 8"), "{}", server.metrics());
}

#[tokio::test]
async fn compressed_bodies_are_taken_within_bounds() {
    let server = Server::start(IngestConfig::default()).await;
    let answer = server.post(&[("content-encoding", "gzip")], &gzip(PLAIN.as_bytes())).await;
    assert_eq!(answer.status, 202);
    let zstd = zstd::encode_all(PLAIN.as_bytes(), 3).unwrap();
    assert_eq!(server.post(&[("content-encoding", "zstd")], &zstd).await.status, 202);
    assert_eq!(server.post(&[("content-encoding", "identity")], PLAIN.as_bytes()).await.status, 202);

    let bomb = gzip(&vec![b' '; 200 << 20]);
    let answer = server.post(&[("content-encoding", "gzip")], &bomb).await;
    assert_eq!((answer.status, &answer.body["status"]), (413, &413.into()), "{}", answer.body);
    let answer = server.post(&[("content-encoding", "br")], b"x").await;
    assert_eq!(answer.status, 415);
    assert!(answer.head.contains("accept-encoding: gzip, zstd"), "{}", answer.head);
    assert_eq!(server.post(&[("content-encoding", "gzip, gzip")], b"x").await.status, 415);
    assert_eq!(server.post(&[("content-encoding", "gzip")], PLAIN.as_bytes()).await.status, 400);
    server.raw(3).await;
}

#[tokio::test]
async fn faults_of_the_request_as_a_whole_are_problems() {
    let config = IngestConfig { max_body_bytes: 10_000, max_items: 3, body_timeout_ms: 50, ..IngestConfig::default() };
    let server = Server::start(config).await;
    let long = vec![b' '; 10_001];
    let many = format!("[{PLAIN},{PLAIN},{PLAIN},{PLAIN}]");
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n", long.len(), " ".repeat(long.len()));
    for (headers, body, status) in [
        (&[][..], &b""[..], 400),
        (&[], b"  \n ", 400),
        (&[], b"[]", 400),
        (&[("content-type", "application/x-ndjson")], b"\n\n", 400),
        (&[], &long, 413),
        (&[("transfer-encoding", "chunked")], chunked.as_bytes(), 413),
        (&[("transfer-encoding", "chunked")], b"5\r\nhello", 408),
        (&[], many.as_bytes(), 413),
        (&[("content-type", "image/png")], PLAIN.as_bytes(), 415),
    ] {
        let answer = server.post(headers, body).await;
        assert_eq!(answer.status, status, "{headers:?} {}", answer.body);
        assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{}", answer.body);
    }
    server.raw(0).await;
    assert!(server.metrics().contains(r#"refused_requests_total{reason="too_many_items"} 1"#), "{}", server.metrics());
}

/// Every bad item costs only itself: it stands between two good ones.
#[tokio::test]
async fn a_bad_item_costs_only_itself() {
    let native = |fields: &str| format!(r#"{{"kind":"tool","service":{{"name":"a"}},{fields}}}"#);
    let tool = r#""tool":{"name":"t","status":"ok"}"#;
    let many_fields: String = (0..10_000).map(|n| format!(r#""k{n}":1,"#)).collect();
    let deep = format!(r#"{{"prompt":"x","deep":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    let deeper = format!(r#"{{"prompt":"x","deep":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(r#"{{"prompt":"{}"}}"#, "x".repeat(901 * 1024));
    let brim = format!(r#"{{"prompt":"{}"}}"#, "x".repeat(900 * 1024 - 20));
    let good_id = native(&format!(r#""id":"0198a1b2-0000-7000-8000-000000000000",{tool}"#));
    let cases: Vec<(&str, String, u16, &str)> = vec![
        ("not json", "nope".to_owned(), 400, "$"),
        ("bad json inside", r#"{"prompt":nope}"#.to_owned(), 400, "$"),
        ("nothing", String::new(), 400, "$"),
        ("a number", "17".to_owned(), 400, "$"),
        ("a nested array", "[1,2]".to_owned(), 400, "$"),
        ("lone surrogate", r#"{"prompt":"\ud800"}"#.to_owned(), 400, "$"),
        ("too deep", deep, 400, "$"),
        ("absurdly deep", deeper, 400, "$"),
        ("ten thousand fields", format!(r#"{{{many_fields}"prompt":"x"}}"#), 400, "$"),
        ("oversized", long, 413, "$"),
        ("oversized with its envelope", brim, 413, "$"),
        ("NUL", r#"{"prompt":"a\u0000b"}"#.to_owned(), 400, "content.prompt"),
        ("NUL in a key", r#"{"prompt":"x","a\u0000":1}"#.to_owned(), 400, "attrs"),
        ("1970", r#"{"prompt":"x","timestamp":0}"#.to_owned(), 400, "@timestamp"),
        ("2100", r#"{"prompt":"x","timestamp":"2100-01-01T00:00:00Z"}"#.to_owned(), 400, "@timestamp"),
        ("no time", r#"{"prompt":"x","timestamp":"soon"}"#.to_owned(), 400, "timestamp"),
        ("unknown kind", r#"{"kind":"dream","service":{"name":"a"}}"#.to_owned(), 400, "kind"),
        ("kind of the wrong type", r#"{"kind":7,"service":{"name":"a"}}"#.to_owned(), 400, "kind"),
        ("missing section", native(r#""agent":{}"#), 400, "tool"),
        ("wrong type", native(r#""tool":{"name":7,"status":"ok"}"#), 400, "tool.name"),
        ("wrong type of latency", r#"{"prompt":"x","latency_ms":[1]}"#.to_owned(), 400, "latency_ms"),
        ("score out of range", r#"{"prompt":"x","toxicity_score":7}"#.to_owned(), 400, "scores.toxicity"),
        ("no uuid", native(&format!(r#""id":"7",{tool}"#)), 400, "id"),
        (
            "empty service",
            r#"{"kind":"tool","service":{"name":""},"tool":{"name":"t","status":"ok"}}"#.to_owned(),
            400,
            "service.name",
        ),
        (
            "forged alert",
            native(
                r#""alert":{"rule_id":"r","severity":"low","event_ids":[],"dedup_key":"d","status":"open"},"tool":{"name":"t","status":"ok"}"#,
            ),
            400,
            "alert",
        ),
        ("id used before", good_id.replace("\"name\":\"t\"", "\"name\":\"u\""), 409, "id"),
    ];
    for (name, bad, status, field) in &cases {
        let server = Server::start(IngestConfig::default()).await;
        for lines in [false, true] {
            let (start, comma, end) = if lines { ("", "\n", "") } else { ("[", ",", "]") };
            if lines && bad.is_empty() {
                continue;
            }
            let content_type = if lines { "application/x-ndjson" } else { "application/json" };
            let body = format!("{start}{good_id}{comma}{bad}{comma}{PLAIN}{end}");
            let answer = server.post(&[("content-type", content_type)], body.as_bytes()).await;
            assert_eq!(answer.status, 202, "{name}: {}", answer.body);
            assert_eq!((&answer.body["accepted"], &answer.body["rejected"]), (&2.into(), &1.into()), "{name}");
            let item = &answer.body["items"][1];
            assert_eq!(
                (&item["index"], &item["status"], &item["field"]),
                (&1.into(), &json!(status), &json!(field)),
                "{name}: {item}"
            );
            assert!(item["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{name}: {item}");
        }
        server.raw(if bad.is_empty() { 2 } else { 4 }).await;
    }
}

#[tokio::test]
async fn invalid_utf8_costs_only_its_item() {
    let server = Server::start(IngestConfig::default()).await;
    let body = [b"[{\"prompt\":\"\xff\xfe\"},", PLAIN.as_bytes(), b"]"].concat();
    let answer = server.post(&[], &body).await;
    assert_eq!((answer.status, &answer.body["items"][0]["status"]), (202, &400.into()), "{}", answer.body);
    server.raw(1).await;
}

#[tokio::test]
async fn nothing_good_is_a_client_error_and_nothing_is_stored() {
    let server = Server::start(IngestConfig::default()).await;
    let answer = server.post(&[], br#"[{"kind":"dream"},nope]"#).await;
    assert_eq!((answer.status, &answer.body["rejected"]), (400, &2.into()));
    let long = format!(r#"{{"prompt":"{}"}}"#, "x".repeat(901 * 1024));
    assert_eq!(server.post(&[], long.as_bytes()).await.status, 413);
    server.raw(0).await;
    let metrics = server.metrics();
    assert!(metrics.contains(r#"rejected_items_total{reason="too_large"} 1"#), "{metrics}");
}

#[tokio::test]
async fn the_body_cannot_choose_its_tenant() {
    let server = Server::start(IngestConfig::default()).await;
    let forged = r#"{"kind":"tool","tenant":{"id":"other"},"service":{"name":"a"},"tool":{"name":"t","status":"ok"}}"#;
    assert_eq!(server.post(&[], forged.as_bytes()).await.status, 202);
    let event: Value = serde_json::from_slice(&server.raw(1).await[0].record.value).unwrap();
    assert_eq!(event["tenant"]["id"], "acme");
}

/// The fault that a bus answers with; without one it never answers.
type Trouble = fn() -> Option<BusError>;

/// A bus that is in trouble.
struct Troubled(Trouble);

#[async_trait]
impl Sink for Troubled {
    async fn send(&self, _: &str, _: Vec<Record>) -> Result<(), BusError> {
        match self.0() {
            Some(error) => Err(error),
            None => std::future::pending().await,
        }
    }

    async fn ready(&self) -> Result<(), BusError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_bus_in_trouble_sends_clients_away_and_claims_nothing() {
    let faults: [(Trouble, u16, &str); 4] = [
        (|| Some(BusError::Unavailable("away".to_owned())), 503, "does not take events now"),
        (|| Some(BusError::Full("full".to_owned())), 503, "no room"),
        (|| None, 503, "does not take events now"),
        (|| Some(BusError::Refused("no such topic".to_owned())), 500, "refused"),
    ];
    for (fault, status, said) in faults {
        let config = IngestConfig { send_timeout_ms: 50, ..IngestConfig::default() };
        let address = serve(Arc::new(Troubled(fault)), config, &mut Registry::default()).await;
        let answer = post(address, &[], PLAIN.as_bytes()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.head.contains("retry-after: 2"), status == 503, "{}", answer.head);
        assert!(answer.body.get("accepted").is_none());
        assert!(answer.body["detail"].as_str().unwrap().contains(said), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_tenant_over_its_rate_is_told_to_wait() {
    let server = Server::start(IngestConfig { max_events_per_second: 1, ..IngestConfig::default() }).await;
    let ten = format!("[{}]", [PLAIN; 10].join(","));
    assert_eq!(server.post(&[], ten.as_bytes()).await.status, 202);
    let answer = server.post(&[], PLAIN.as_bytes()).await;
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    server.raw(10).await;
}

#[tokio::test]
async fn too_many_requests_at_once_wait_and_are_sent_away() {
    let config = IngestConfig {
        max_body_bytes: 4096,
        max_in_flight_bytes: 4096,
        admission_timeout_ms: 50,
        send_timeout_ms: 60_000,
        ..IngestConfig::default()
    };
    let mut registry = Registry::default();
    let address = serve(Arc::new(Troubled(|| None)), config, &mut registry).await;
    let body = format!("{PLAIN}{}", " ".repeat(3000));
    let stuck = tokio::spawn(async move { post(address, &[], body.as_bytes()).await.status });
    let large = format!("{PLAIN}{}", " ".repeat(3000));
    // Whichever comes first is stuck; once it is, the other is sent away.
    let answer = post(address, &[], large.as_bytes());
    let status = tokio::select! {
        answer = answer => answer.status,
        status = stuck => status.unwrap(),
    };
    assert_eq!(status, 503);
}
