//! OpenTelemetry's exports over HTTP and gRPC, on the routes, before a bus that remembers.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use lapwing_bus::{BusError, Record, Sink};
use lapwing_event::{TenantId, Timestamp};
use lapwing_ingest::{FrontDoor, IngestConfig, api};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prometheus_client::registry::Registry;
use prost::Message;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Remembers what it took, or is away.
#[derive(Default)]
struct Bus {
    taken: Mutex<Vec<Record>>,
    away: bool,
}

#[async_trait]
impl Sink for Bus {
    async fn send(&self, _: &str, records: Vec<Record>) -> Result<(), BusError> {
        if self.away {
            return Err(BusError::Unavailable("away".to_owned()));
        }
        self.taken.lock().unwrap().extend(records);
        Ok(())
    }

    async fn ready(&self) -> Result<(), BusError> {
        Ok(())
    }
}

type Headers<'a> = &'a [(&'a str, &'a str)];

struct Rig {
    routes: Router,
    bus: Arc<Bus>,
    registry: Registry,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    trailers: HeaderMap,
}

impl Rig {
    fn new(config: IngestConfig, bus: Bus) -> Self {
        let (bus, mut registry) = (Arc::new(bus), Registry::default());
        let clock = || Timestamp::from_millis(1_795_501_800_000);
        let door = FrontDoor::new(bus.clone(), config, clock, &mut registry);
        let routes = api::otlp_router(door.clone()).merge(api::grpc_router(door));
        Self { routes: routes.layer(Extension(TenantId::new("acme").unwrap())), bus, registry }
    }

    async fn post(&self, path: &str, headers: Headers<'_>, body: impl Into<Body>) -> Answer {
        let request = headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
        let response = self.routes.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        Answer { status: parts.status, headers: parts.headers, body: body.to_bytes().into(), trailers }
    }

    async fn call(&self, service: &str, headers: Headers<'_>, compressed: bool, message: &[u8]) -> Answer {
        let mut frame = vec![u8::from(compressed)];
        frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        frame.extend(message);
        let path = format!("/opentelemetry.proto.collector.{service}/Export");
        let mut all = vec![("content-type", "application/grpc")];
        all.extend(headers);
        self.post(&path, &all, frame).await
    }

    fn taken(&self) -> Vec<Value> {
        let taken = self.bus.taken.lock().unwrap();
        taken.iter().map(|record| serde_json::from_slice(&record.value).unwrap()).collect()
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status of gRPC, from the headers or the trailers.
    fn grpc(&self) -> (&str, &str) {
        let header =
            |name: &str| self.trailers.get(name).or(self.headers.get(name)).map_or("", |v| v.to_str().unwrap());
        (header("grpc-status"), header("grpc-message"))
    }
}

fn span(trace: &str) -> Value {
    json!({"traceId": trace, "spanId": "eee19b7ec3c1b174", "startTimeUnixNano": "1795501800000000000",
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]})
}

fn traces(spans: Vec<Value>) -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
}

fn good() -> Value {
    traces(vec![span("5b8efff798038103d269b633813fc60c")])
}

fn protobuf(export: &Value) -> Vec<u8> {
    serde_json::from_value::<ExportTraceServiceRequest>(export.clone()).unwrap().encode_to_vec()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

#[tokio::test]
async fn both_formats_are_taken_in_every_encoding() {
    let (json, protobuf) = (good().to_string().into_bytes(), protobuf(&good()));
    for (format, body) in [(JSON, json), (PROTOBUF, protobuf)] {
        let zstd = zstd::encode_all(&body[..], 3).unwrap();
        for (encoding, body) in [("identity", body.clone()), ("gzip", gzip(&body)), ("zstd", zstd)] {
            let rig = Rig::new(IngestConfig::default(), Bus::default());
            let answer = rig.post("/v1/traces", &[format, ("content-encoding", encoding)], body).await;
            assert_eq!(answer.status, StatusCode::OK, "{encoding}");
            assert_eq!(answer.headers["content-type"], format.1);
            let taken = rig.taken();
            assert_eq!((taken.len(), &taken[0]["tenant"]["id"]), (1, &json!("acme")));
        }
    }
}

#[tokio::test]
async fn a_partial_success_counts_and_names_what_was_refused() {
    let rig = Rig::new(IngestConfig::default(), Bus::default());
    let mixed = traces(vec![span("5b8efff798038103d269b633813fc60c"), span("00")]);
    let answer = rig.post("/v1/traces", &[JSON], mixed.to_string()).await;
    let partial = &answer.json()["partialSuccess"];
    assert_eq!((answer.status, &partial["rejectedSpans"]), (StatusCode::OK, &json!(1)), "{partial}");
    assert!(partial["errorMessage"].as_str().unwrap().starts_with("span 1: trace_id"), "{partial}");
    let answer = rig.post("/v1/traces", &[PROTOBUF], protobuf(&mixed)).await;
    let partial = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    let answer = rig.call("trace.v1.TraceService", &[], false, &protobuf(&mixed)).await;
    assert_eq!(answer.grpc(), ("0", ""));
    let partial = ExportTraceServiceResponse::decode(&answer.body[5..]).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert_eq!(rig.taken().len(), 3);
    let mut metrics = String::new();
    prometheus_client::encoding::text::encode(&mut metrics, &rig.registry).unwrap();
    assert!(metrics.contains(r#"lapwing_ingest_rejected_items_total{reason="field"} 3"#), "{metrics}");
}

#[tokio::test]
async fn metrics_are_answered_with_their_count() {
    let rig = Rig::new(IngestConfig::default(), Bus::default());
    assert_eq!(rig.post("/v1/metrics", &[JSON], "{}").await.body, b"{}", "nothing was refused");
    let metrics = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "a", "gauge": {"dataPoints": [{"asInt": "1"}, {"asInt": "2"}]}}]}]}]});
    let answer = rig.post("/v1/metrics", &[JSON], metrics.to_string()).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedDataPoints"], 2, "{}", answer.json());
    // resource_metrics { scope_metrics { metrics { gauge { data_points {} } } } }
    let message = [0x0a, 8, 0x12, 6, 0x12, 4, 0x2a, 2, 0x0a, 0];
    let answer = rig.call("metrics.v1.MetricsService", &[], false, &message).await;
    let answer = ExportMetricsServiceResponse::decode(&answer.body[5..]).unwrap();
    assert_eq!(answer.partial_success.unwrap().rejected_data_points, 1);
}

#[tokio::test]
async fn faults_are_a_status_in_the_requests_format() {
    let rig = Rig::new(IngestConfig { max_body_bytes: 4096, ..IngestConfig::default() }, Bus::default());
    let large = vec![b' '; 4097];
    let bomb = gzip(&large);
    let cases: [(Headers<'_>, &[u8], u16, i32); 6] = [
        (&[JSON], b"nope", 400, 3),
        (&[PROTOBUF], b"nope", 400, 3),
        (&[PROTOBUF], &large, 413, 8),
        (&[JSON, ("content-encoding", "gzip")], &bomb, 413, 8),
        (&[JSON, ("content-encoding", "br")], b"{}", 415, 3),
        (&[("content-type", "text/csv")], b"a,b", 415, 3),
    ];
    for (headers, body, status, code) in cases {
        let answer = rig.post("/v1/traces", headers, body.to_vec()).await;
        let got = match headers[0] {
            PROTOBUF => {
                let status = tonic_types::Status::decode(&answer.body[..]).unwrap();
                (status.code, status.message)
            }
            _ => {
                (answer.json()["code"].as_i64().unwrap() as i32, answer.json()["message"].as_str().unwrap().to_owned())
            }
        };
        assert_eq!((answer.status.as_u16(), got.0), (status, code), "{headers:?} {}", got.1);
        assert!(!got.1.is_empty());
    }
    assert!(rig.taken().is_empty());
}

#[tokio::test]
async fn grpc_is_taken_plain_and_compressed_within_bounds() {
    let rig = Rig::new(IngestConfig { max_body_bytes: 2 << 20, ..IngestConfig::default() }, Bus::default());
    let message = protobuf(&good());
    for (headers, compressed, message) in
        [(&[][..], false, message.clone()), (&[("grpc-encoding", "gzip")], true, gzip(&message))]
    {
        let answer = rig.call("trace.v1.TraceService", headers, compressed, &message).await;
        assert_eq!(answer.grpc(), ("0", ""));
    }
    assert_eq!(rig.taken().len(), 2);
    let answer = rig.call("logs.v1.LogsService", &[], false, &[]).await;
    assert_eq!(answer.grpc().0, "0", "an empty export is one");
    assert_eq!(rig.call("trace.v1.TraceService", &[], false, b"nope").await.grpc().0, "3");
    assert_eq!(rig.call("trace.v2.TraceService", &[], false, b"").await.grpc().0, "12");

    let gzipped = [("grpc-encoding", "gzip")];
    // Beyond the ratio, though within the size; and beyond the size.
    for length in [1_500_000, 3 << 20] {
        let bomb = gzip(&vec![0; length]);
        let answer = rig.call("trace.v1.TraceService", &gzipped, true, &bomb).await;
        assert_eq!(answer.grpc().0, "8", "{length}: {}", answer.grpc().1);
    }
    let answer = rig.call("trace.v1.TraceService", &[], false, &vec![0; 3 << 20]).await;
    assert_eq!(answer.grpc().0, "8", "it would be sent again: {}", answer.grpc().1);
}

#[tokio::test]
async fn what_passes_says_when_to_try_again() {
    let away = Rig::new(IngestConfig::default(), Bus { away: true, ..Bus::default() });
    let answer = away.post("/v1/traces", &[JSON], good().to_string()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "2");
    let answer = away.call("trace.v1.TraceService", &[], false, &protobuf(&good())).await;
    assert_eq!(answer.grpc().0, "14");
    assert!(answer.trailers.get("grpc-status-details-bin").or(answer.headers.get("grpc-status-details-bin")).is_some());

    let slow = Rig::new(IngestConfig { max_events_per_second: 1, ..IngestConfig::default() }, Bus::default());
    let ten = traces((0..10).map(|n| span(&format!("5b8efff798038103d269b633813fc60{n}"))).collect());
    assert_eq!(slow.post("/v1/traces", &[JSON], ten.to_string()).await.status, StatusCode::OK);
    let answer = slow.post("/v1/traces", &[JSON], good().to_string()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(slow.call("trace.v1.TraceService", &[], false, &protobuf(&good())).await.grpc().0, "8");
    assert_eq!(slow.taken().len(), 10);
    let other = Rig { routes: slow.routes.clone().layer(Extension(api::KeyId("other".into()))), ..slow };
    assert_eq!(other.post("/v1/traces", &[JSON], good().to_string()).await.status, StatusCode::OK, "keys do not share");
}

#[tokio::test]
async fn without_a_credential_nothing_is_taken() {
    let door = FrontDoor::new(
        Arc::new(Bus::default()),
        IngestConfig::default(),
        || Timestamp::from_millis(1_795_501_800_000),
        &mut Registry::default(),
    );
    let request = Request::post("/v1/traces").header(JSON.0, JSON.1).body(Body::from("{}")).unwrap();
    let response = api::otlp_router(door).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}
