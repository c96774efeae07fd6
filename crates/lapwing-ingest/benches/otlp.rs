//! Spans a second and thread of OTLP's front door: decode, map and encode GenAI spans of about 2 KB.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapwing_bus::{BusError, Record, Sink};
use lapwing_event::{TenantId, Timestamp};
use lapwing_ingest::{FrontDoor, IngestConfig, api};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prometheus_client::registry::Registry;
use prost::Message;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tower::ServiceExt;

/// As many as an SDK's batch processor sends at once.
const SPANS: usize = 512;

/// Takes everything at once: what is measured is the way there.
struct Nowhere;

#[async_trait]
impl Sink for Nowhere {
    async fn send(&self, _: &str, _: Vec<Record>) -> Result<(), BusError> {
        Ok(())
    }

    async fn ready(&self) -> Result<(), BusError> {
        Ok(())
    }
}

/// A chat as the current convention writes it, with a history of three turns.
fn chat(number: usize) -> Value {
    let words = "The order was shipped on Monday and should arrive by the end of the week. ".repeat(6);
    let said = |role: &str| json!({"role": role, "parts": [{"type": "text", "content": words}]});
    let text = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let count = |key: &str, count: u32| json!({"key": key, "value": {"intValue": count.to_string()}});
    json!({
        "traceId": format!("{:032x}", number / 4 + 1), "spanId": format!("{:016x}", number + 1), "name": "chat gpt-4o",
        "kind": 3, "startTimeUnixNano": "1795501800000000000", "endTimeUnixNano": "1795501801000000000",
        "attributes": [
            text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "gpt-4o"), text("gen_ai.response.model", "gpt-4o-2024-08-06"),
            text("gen_ai.response.id", "chatcmpl-9J3uIL87gldCFtiIbyaOvTeYBRA3l"),
            text("gen_ai.conversation.id", &format!("conversation-{}", number / 16)),
            text("server.address", "api.example.com"), count("server.port", 443),
            count("gen_ai.usage.input_tokens", 420), count("gen_ai.usage.output_tokens", 97),
            {"key": "gen_ai.response.finish_reasons", "value": {"arrayValue": {"values": [{"stringValue": "stop"}]}}},
            text("gen_ai.input.messages", &json!([said("system"), said("user")]).to_string()),
            text("gen_ai.output.messages", &json!([said("assistant")]).to_string()),
        ],
    })
}

fn export() -> Value {
    let resource = json!([{"key": "service.name", "value": {"stringValue": "shop"}}]);
    let spans: Vec<Value> = (0..SPANS).map(chat).collect();
    json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": spans}]}]})
}

fn traces(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let door = FrontDoor::new(
        Arc::new(Nowhere),
        IngestConfig::default(),
        || Timestamp::from_millis(1_795_501_800_000),
        &mut Registry::default(),
    );
    let router: Router = api::otlp_router(door).layer(Extension(TenantId::default()));
    let json = export().to_string();
    let protobuf = serde_json::from_str::<ExportTraceServiceRequest>(&json).unwrap().encode_to_vec();
    let mut group = criterion.benchmark_group("otlp traces");
    group.throughput(Throughput::Elements(SPANS as u64)).sample_size(20);
    for (name, content_type, body) in
        [("protobuf", "application/x-protobuf", protobuf), ("json", "application/json", json.into_bytes())]
    {
        group.bench_function(format!("{name}, {} bytes a span", body.len() / SPANS), |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let request = Request::post("/v1/traces")
                    .header("content-type", content_type)
                    .header("content-length", body.len())
                    .body(Body::from(body.clone()));
                let response = router.clone().oneshot(request.unwrap()).await.unwrap();
                assert_eq!(response.status(), 200);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, traces);
criterion_main!(benches);
