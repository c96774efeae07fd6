//! The pipeline over the embedded bus.
#![allow(clippy::unwrap_used)]

use async_trait::async_trait;
use lapwing_bus::embedded::{Embedded, EmbeddedConfig, EmbeddedSource, Retention};
use lapwing_bus::{Sink, Source, Start, Subscription};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use super::*;
use crate::EVENTS_LOST;

pub(super) const AT: i64 = 1_795_501_800_000;

/// Stands in for the sanitizer: masks the whole prompt, fails or panics on request.
pub(super) fn sanitize(mut event: Event) -> Result<SanitizedEvent, Rejection> {
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
        Self::with(EmbeddedConfig { partitions: 2, ..EmbeddedConfig::default() })
    }

    fn with(config: EmbeddedConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = Embedded::open(folder.path(), config).unwrap();
        Self { bus, registry: Registry::default(), _folder: folder }
    }

    fn source(&self, topic: &str, start: Start) -> EmbeddedSource {
        self.bus.source(Subscription { topics: vec![topic.to_owned()], start }).unwrap()
    }

    fn member(&self) -> EmbeddedSource {
        self.source(topics::RAW, Start::Group("ingest".to_owned()))
    }

    async fn put(&self, values: &[String]) {
        let record = |value: &String| Record { key: Some("k".into()), value: value.clone().into(), headers: vec![] };
        self.bus.send(topics::RAW, values.iter().map(record).collect()).await.unwrap();
    }

    fn pipeline(&mut self, source: impl Transact + 'static) -> Pipeline {
        let config = IngestConfig { batch_size: 7, batch_wait_ms: 20, workers: 3, ..IngestConfig::default() };
        let clock = || Timestamp::from_millis(AT);
        Pipeline::with(Box::new(source), Arc::new(sanitize), config, clock, &mut self.registry)
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
        self.member().lag().await.unwrap()
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
    let pipeline = rig.pipeline(rig.member());
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
    let pipeline = rig.pipeline(rig.member());
    run_until(pipeline, rig.read(topics::CLEAN, 100)).await.unwrap();
    let clean = rig.read(topics::CLEAN, 100).await;
    let got: Vec<f64> = clean.iter().map(|message| value(message)["latency_ms"].as_f64().unwrap()).collect();
    assert!(got.is_sorted(), "{got:?}");
}

/// A bus that fails the first steps, or all. Every other one fails after it was taken, as when the answer is lost.
struct Away {
    source: EmbeddedSource,
    failures: usize,
    answers_lost: bool,
    attempts: usize,
    tried: Arc<Notify>,
}

impl Away {
    fn at_first(source: EmbeddedSource, failures: usize) -> Self {
        Self { source, failures, answers_lost: true, attempts: 0, tried: Arc::default() }
    }

    fn always(source: EmbeddedSource) -> Self {
        Self { source, failures: usize::MAX, answers_lost: false, attempts: 0, tried: Arc::default() }
    }
}

#[async_trait]
impl Source for Away {
    async fn next_batch(&mut self, max: usize, wait: Duration) -> Result<Batch, BusError> {
        self.source.next_batch(max, wait).await
    }

    async fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), BusError> {
        self.source.commit(checkpoint).await
    }

    async fn lag(&mut self) -> Result<u64, BusError> {
        self.source.lag().await
    }
}

#[async_trait]
impl Transact for Away {
    async fn send_and_commit(
        &mut self,
        outputs: Vec<(String, Vec<Record>)>,
        checkpoint: &Checkpoint,
    ) -> Result<(), BusError> {
        self.tried.notify_one();
        self.attempts += 1;
        if self.attempts > self.failures {
            return self.source.send_and_commit(outputs, checkpoint).await;
        }
        let away = Err(BusError::Unavailable("away".to_owned()));
        if self.answers_lost && self.attempts.is_multiple_of(2) {
            self.source.send_and_commit(outputs, checkpoint).await?;
            return away;
        }
        // A step that cannot be taken: the reader goes back by itself.
        let refused = vec![(String::new(), Vec::new())];
        self.source.send_and_commit(refused, checkpoint).await.unwrap_err();
        away
    }
}

#[tokio::test]
async fn a_bus_that_comes_back_gets_everything_once() {
    let mut rig = Rig::new();
    let values: Vec<String> = (0..20).map(|n| if n % 5 == 4 { plain("fail") } else { plain(&n.to_string()) }).collect();
    rig.put(&values).await;
    let source = Away::at_first(rig.member(), 4);
    let pipeline = rig.pipeline(source);
    run_until(pipeline, async {
        rig.read(topics::CLEAN, 16).await;
        rig.read(topics::DEAD_LETTERS, 4).await;
    })
    .await
    .unwrap();
    rig.read(topics::CLEAN, 16).await;
    rig.read(topics::DEAD_LETTERS, 4).await;
    assert_eq!(rig.uncommitted().await, 0);
}

#[tokio::test]
async fn offsets_stay_where_they_are_while_the_effect_is_not_durable() {
    let mut rig = Rig::new();
    rig.put(&[plain("a"), plain("b")]).await;
    let source = Away::always(rig.member());
    let tried = Arc::clone(&source.tried);
    let pipeline = rig.pipeline(source);
    run_until(pipeline, tried.notified()).await.unwrap();
    assert_eq!(rig.uncommitted().await, 2);

    let pipeline = rig.pipeline(rig.member());
    run_until(pipeline, rig.read(topics::CLEAN, 2)).await.unwrap();
    assert_eq!(rig.uncommitted().await, 0);
}

#[tokio::test]
async fn a_gap_is_an_event_on_the_clean_topic() {
    let short = Retention { retention_bytes: 3_000, ..Retention::default() };
    let mut rig = Rig::with(EmbeddedConfig {
        partitions: 1,
        topic_retention: [(topics::RAW.to_owned(), short)].into(),
        retention_interval_ms: 1,
        ..EmbeddedConfig::default()
    });
    rig.put(&[plain("first")]).await;
    let pipeline = rig.pipeline(rig.member());
    run_until(pipeline, rig.read(topics::CLEAN, 1)).await.unwrap();
    let long = "x".repeat(800);
    rig.put(&vec![plain(&long); 10]).await;
    while rig.bus.removed_unread() == 0 {
        tokio::task::yield_now().await;
    }
    let left = rig.member().lag().await.unwrap();
    let pipeline = rig.pipeline(rig.member());
    let expect = 2 + usize::try_from(left).unwrap();
    run_until(pipeline, rig.read(topics::CLEAN, expect)).await.unwrap();
    let events: Vec<Value> = rig.read(topics::CLEAN, expect).await.iter().map(value).collect();
    let gaps: Vec<&Value> = events.iter().filter(|event| event["error"]["type"] == EVENTS_LOST).collect();
    assert_eq!(gaps.len(), 1, "{events:?}");
    assert_eq!(
        (&gaps[0]["attrs"]["gap"]["reader"], &gaps[0]["attrs"]["gap"]["first_offset"]),
        (&"ingest".into(), &1.into())
    );
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
