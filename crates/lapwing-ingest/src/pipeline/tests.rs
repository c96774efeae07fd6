//! The pipeline over the embedded bus.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use lapwing_bus::embedded::{Embedded, EmbeddedConfig};
use lapwing_bus::{Start, Subscription};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use super::*;

const AT: i64 = 1_795_501_800_000;

/// Stands in for the sanitizer: masks the whole prompt, fails or panics on request.
fn sanitize(mut event: Event) -> Result<SanitizedEvent, Rejection> {
    let content = event.content.get_or_insert_default();
    match content.prompt.as_deref() {
        Some("panic") => panic!("asked to"),
        Some("fail") => return Err(Rejection::new("content.prompt", "could not be scanned")),
        Some(long) if long.starts_with("grow") => content.response = Some("x".repeat(MAX_EVENT_BYTES)),
        _ => content.prompt = Some("[MASKED]".to_owned()),
    }
    let mut json = serde_json::to_value(&event).unwrap();
    json["sanitization"] = json!({"policy_version": "test", "status": "ok", "total": 1, "counts": {"EMAIL": 1}});
    Ok(SanitizedEvent::decode(json.to_string().as_bytes()).unwrap())
}

struct Rig {
    bus: Embedded,
    registry: Registry,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = Embedded::open(folder.path(), EmbeddedConfig { partitions: 2, ..EmbeddedConfig::default() }).unwrap();
        Self { bus, registry: Registry::default(), _folder: folder }
    }

    fn source(&self, topic: &str, start: Start) -> Box<dyn Source> {
        Box::new(self.bus.source(Subscription { topics: vec![topic.to_owned()], start }).unwrap())
    }

    async fn put(&self, values: &[String]) {
        let record = |value: &String| Record { key: Some("k".into()), value: value.clone().into(), headers: vec![] };
        self.bus.send(topics::RAW, values.iter().map(record).collect()).await.unwrap();
    }

    fn pipeline(&mut self, sink: Arc<dyn Sink>) -> Pipeline {
        let config = IngestConfig { batch_size: 7, batch_wait_ms: 20, workers: 3, ..IngestConfig::default() };
        let source = self.source(topics::RAW, Start::Group("ingest".to_owned()));
        Pipeline::with(source, sink, Arc::new(sanitize), config, &mut self.registry)
    }

    /// The first `expect` records of a topic.
    async fn read(&self, topic: &str, expect: usize) -> Vec<Message> {
        let mut source = self.source(topic, Start::Checkpoint(Checkpoint::default()));
        let mut messages = Vec::new();
        while messages.len() < expect {
            let batch = source.next_batch(1_000, Duration::from_secs(20)).await.unwrap();
            assert!(!batch.messages.is_empty(), "{} of {expect} records of {topic} came", messages.len());
            messages.extend(batch.messages);
        }
        assert_eq!(messages.len(), expect, "{topic}");
        messages
    }

    /// What the group has not committed.
    async fn uncommitted(&self) -> u64 {
        self.source(topics::RAW, Start::Group("ingest".to_owned())).lag().await.unwrap()
    }
}

/// Runs until `done` completes, then shuts down.
async fn run_until(pipeline: Pipeline, done: impl Future) -> Result<(), IngestError> {
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(pipeline.run(async move { drop(stopped.await) }));
    done.await;
    drop(stop);
    running.await.unwrap()
}

fn plain(prompt: &str) -> String {
    json!({"prompt": prompt, "session_id": "s"}).to_string()
}

fn value(message: &Message) -> Value {
    serde_json::from_slice(&message.record.value).unwrap()
}

#[tokio::test]
async fn what_is_sanitized_is_clean_and_the_rest_is_buried_without_content() {
    let mut rig = Rig::new();
    let alert = r#"{"kind":"alert","service":{"name":"a"},"alert":{"rule_id":"r","severity":"low","event_ids":[],"dedup_key":"d","status":"open"}}"#;
    let bad = [plain("fail"), plain("panic"), plain("grow"), "secret nonsense".to_owned(), alert.to_owned()];
    rig.put(&[
        plain("first"),
        bad[0].clone(),
        bad[1].clone(),
        bad[2].clone(),
        bad[3].clone(),
        bad[4].clone(),
        plain("last"),
    ])
    .await;
    let pipeline = rig.pipeline(Arc::new(rig.bus.clone()));
    run_until(pipeline, async {
        rig.read(topics::CLEAN, 2).await;
        rig.read(topics::DEAD_LETTERS, 5).await;
    })
    .await
    .unwrap();

    let clean = rig.read(topics::CLEAN, 2).await;
    assert!(clean.iter().all(|message| value(message)["content"]["prompt"] == "[MASKED]"));
    assert_eq!(clean[0].record.key.as_deref(), Some(b"default\x1fs".as_slice()));
    let dead = rig.read(topics::DEAD_LETTERS, 5).await;
    for message in &dead {
        let letter = value(message);
        let raw = &bad[usize::try_from(letter["offset"].as_i64().unwrap()).unwrap() - 1];
        assert_eq!((&letter["topic"], &letter["bytes"]), (&topics::RAW.into(), &raw.len().into()));
        assert_eq!(letter["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(message.record.key, None);
        assert!(!letter.to_string().contains("nonsense") && !letter.to_string().contains("asked to"), "{letter}");
    }
    assert_eq!(rig.uncommitted().await, 0);
    let mut metrics = String::new();
    prometheus_client::encoding::text::encode(&mut metrics, &rig.registry).unwrap();
    for line in [
        "lapwing_ingest_raw_records_total 7",
        "lapwing_ingest_clean_events_total 2",
        r#"lapwing_ingest_dead_letters_total{reason="sanitize"} 3"#,
        r#"lapwing_ingest_dead_letters_total{reason="kind"} 1"#,
        r#"lapwing_ingest_dead_letters_total{reason="json"} 1"#,
        r#"lapwing_ingest_masked_spans_total{type="EMAIL"} 2"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn order_is_kept_over_several_threads() {
    let mut rig = Rig::new();
    let values: Vec<String> =
        (0..100).map(|n| json!({"prompt": "p", "session_id": "s", "latency_ms": n}).to_string()).collect();
    rig.put(&values).await;
    let pipeline = rig.pipeline(Arc::new(rig.bus.clone()));
    run_until(pipeline, rig.read(topics::CLEAN, 100)).await.unwrap();
    let clean = rig.read(topics::CLEAN, 100).await;
    let got: Vec<f64> = clean.iter().map(|message| value(message)["latency_ms"].as_f64().unwrap()).collect();
    assert!(got.is_sorted(), "{got:?}");
}

/// A bus that takes the first records of clean topics only at the third attempt, or never.
struct Away {
    bus: Embedded,
    attempts: AtomicUsize,
    failures: usize,
    tried: Notify,
}

#[async_trait]
impl Sink for Away {
    async fn send(&self, topic: &str, records: Vec<Record>) -> Result<(), BusError> {
        self.tried.notify_one();
        match self.attempts.fetch_add(1, Ordering::SeqCst) {
            attempt if attempt < self.failures => Err(BusError::Unavailable("away".to_owned())),
            _ => self.bus.send(topic, records).await,
        }
    }

    async fn ready(&self) -> Result<(), BusError> {
        Ok(())
    }
}

impl Away {
    fn new(bus: &Embedded, failures: usize) -> Arc<Self> {
        Arc::new(Self { bus: bus.clone(), attempts: AtomicUsize::new(0), failures, tried: Notify::new() })
    }
}

#[tokio::test]
async fn a_bus_that_comes_back_gets_everything() {
    let mut rig = Rig::new();
    rig.put(&[plain("a"), plain("b")]).await;
    let sink = Away::new(&rig.bus, 2);
    let pipeline = rig.pipeline(sink.clone());
    run_until(pipeline, rig.read(topics::CLEAN, 2)).await.unwrap();
    assert_eq!((sink.attempts.load(Ordering::SeqCst), rig.uncommitted().await), (3, 0));
}

#[tokio::test]
async fn offsets_stay_where_they_are_while_the_effect_is_not_durable() {
    let mut rig = Rig::new();
    rig.put(&[plain("a"), plain("b")]).await;
    let sink = Away::new(&rig.bus, usize::MAX);
    let pipeline = rig.pipeline(sink.clone());
    run_until(pipeline, sink.tried.notified()).await.unwrap();
    assert_eq!(rig.uncommitted().await, 2);

    let pipeline = rig.pipeline(Arc::new(rig.bus.clone()));
    run_until(pipeline, rig.read(topics::CLEAN, 2)).await.unwrap();
    assert_eq!(rig.uncommitted().await, 0);
}

#[test]
fn reading_a_record_again_gives_the_same_ids() {
    let message = Message {
        topic: topics::RAW.to_owned(),
        partition: 1,
        offset: 17,
        timestamp_ms: AT,
        record: Record { value: json!({"prompt": "p", "tool_called": ["x"]}).to_string().into(), ..Record::default() },
    };
    let ids = || decode(&message).unwrap().iter().map(|event| event.id).collect::<Vec<_>>();
    let first = ids();
    assert_eq!(first, ids());
    assert_ne!(first[0], first[1]);
}
