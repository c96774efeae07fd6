//! Events a second through the front door's mapping and through the pipeline, 1.5 KB each.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapwing_bus::embedded::{Embedded, EmbeddedConfig};
use lapwing_bus::{BusError, Checkpoint, Record, Sink, Source, Start, Subscription, topics};
use lapwing_event::{TenantId, Timestamp};
use lapwing_ingest::{FrontDoor, IngestConfig, Pipeline, api};
use lapwing_sanitizer::{KeyRing, Sanitizer, SanitizerConfig};
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const EVENTS: usize = 5_000;

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

fn clock() -> Timestamp {
    Timestamp::from_millis(1_795_501_800_000)
}

/// About 1.5 KB of English with a few things to mask.
fn event(number: usize) -> String {
    let words = "The order was shipped on Monday and should arrive by the end of the week. ";
    let prompt = format!("My mail is jane.doe{number}@example.com, call +1 415 555 0132. {}", words.repeat(8));
    let item = json!({
        "prompt": prompt, "response": words.repeat(8), "model_id": "gpt-4o", "user_id": format!("u-{}", number % 100),
        "session_id": format!("s-{}", number % 500), "latency_ms": 420, "toxicity_score": 0.02,
    });
    item.to_string()
}

fn front_door(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let door = FrontDoor::new(Arc::new(Nowhere), IngestConfig::default(), clock, &mut Registry::default());
    let router: Router = api::router(door).layer(Extension(TenantId::default()));
    let body: String = (0..500).map(|number| event(number) + "\n").collect();
    let mut group = criterion.benchmark_group("front_door");
    group.throughput(Throughput::Elements(500));
    group.bench_function("500 lines", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let request = Request::post("/v1/events").header("content-length", body.len());
            let response = router.clone().oneshot(request.body(Body::from(body.clone())).unwrap()).await.unwrap();
            assert_eq!(response.status(), 202);
        });
    });
    group.finish();
}

/// From the raw topic of an embedded bus, filled beforehand, to its clean topic.
async fn drain() -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let bus = Embedded::open(folder.path(), EmbeddedConfig::default()).unwrap();
    let record = |number: usize| Record {
        key: Some(format!("s-{}", number % 500).into()),
        value: event(number).into(),
        headers: Vec::new(),
    };
    bus.send(topics::RAW, (0..EVENTS).map(record).collect()).await.unwrap();
    let source = |topic: &str, start| bus.source(Subscription { topics: vec![topic.to_owned()], start }).unwrap();
    let mut clean = source(topics::CLEAN, Start::Checkpoint(Checkpoint::default()));
    let raw = source(topics::RAW, Start::Group("ingest".to_owned()));
    let sanitizer = Arc::new(Sanitizer::new(&SanitizerConfig::default(), KeyRing::generate([7; 32])).unwrap());
    let clock = || Timestamp::from_millis(1_795_501_800_000);
    let config = IngestConfig::default();
    let pipeline = Pipeline::new(Box::new(raw), sanitizer, config, clock, &mut Registry::default());
    let began = Instant::now();
    let running = tokio::spawn(pipeline.run(std::future::pending()));
    let mut seen = 0;
    while seen < EVENTS {
        seen += clean.next_batch(EVENTS, Duration::from_secs(10)).await.unwrap().messages.len();
    }
    let elapsed = began.elapsed();
    running.abort();
    elapsed
}

fn pipeline(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(10);
    group.bench_function("raw to clean, embedded", |bencher| {
        bencher.iter_custom(|times| {
            runtime.block_on(async {
                let mut sum = Duration::ZERO;
                for _ in 0..times {
                    sum += drain().await;
                }
                sum
            })
        });
    });
    group.finish();
}

criterion_group!(benches, front_door, pipeline);
criterion_main!(benches);
