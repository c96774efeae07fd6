//! The Kafka bus against a real broker: the conformance suite, and what only a group over a network has to prove.

#![allow(clippy::unwrap_used)]

mod conformance;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lapwing_bus::kafka::{KafkaConfig, KafkaSink, KafkaSource, create_topics};
use lapwing_bus::{BusError, Checkpoint, Message, Sink, Source, Subscription, Transact, topics};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::task::JoinSet;

use conformance::{DEADLINE, Harness, after, from, in_group, numbered, read, read_error, texts};

const HOUR: Duration = Duration::from_secs(60 * 60);

struct Remote {
    config: KafkaConfig,
}

impl Remote {
    fn new() -> Self {
        let brokers = std::env::var("LAPWING_TEST_KAFKA")
            .expect("LAPWING_TEST_KAFKA names no broker: run these tests with `make kafka-test`, which starts one");
        Self { config: KafkaConfig { brokers, partitions: 4, ..KafkaConfig::default() } }
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        rdkafka::ClientConfig::new().set("bootstrap.servers", &self.config.brokers).create().unwrap()
    }

    /// Removes records as retention does.
    async fn remove_below(&self, topic: &str, partition: i32, low: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(low)).unwrap();
        self.admin().delete_records(&list, &AdminOptions::new()).await.unwrap();
    }
}

impl Harness for Remote {
    type Sink = KafkaSink;
    type Source = KafkaSource;

    fn sink(&self) -> KafkaSink {
        KafkaSink::new(&self.config).unwrap()
    }

    fn source(&self, subscription: Subscription) -> Result<KafkaSource, BusError> {
        KafkaSource::new(&self.config, subscription)
    }

    fn transactional(&self, subscription: Subscription, instance: &str) -> Result<KafkaSource, BusError> {
        KafkaSource::transactional(&self.config, subscription, instance)
    }

    async fn topic(&self, name: &str) -> String {
        let name = format!("{name}-{}", uuid::Uuid::now_v7());
        create_topics(&self.config, &[(&name, HOUR)]).await.unwrap();
        name
    }

    async fn reopen(&mut self) {}
}

conformance::conformance!(crate::Remote::new());

/// Reads until it was told of this many and no more come, committing as it goes.
async fn work(mut source: KafkaSource, total: usize, done: tokio::sync::watch::Sender<BTreeSet<String>>) {
    while done.borrow().len() < total {
        let batch = match source.next_batch(10, Duration::from_millis(200)).await {
            Ok(batch) => batch,
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                continue;
            }
        };
        done.send_modify(|seen| seen.extend(texts(&batch.messages)));
        let mut checkpoint = Checkpoint::default();
        checkpoint.try_advance(&batch).unwrap();
        if let Err(error) = source.commit(&checkpoint).await {
            assert!(error.is_retryable(), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_share_a_topic_and_take_over_from_each_other() {
    let remote = Remote::new();
    let topic = remote.topic("rebalance").await;
    let (done, seen) = tokio::sync::watch::channel(BTreeSet::new());
    let total = 2000;
    let mut members = JoinSet::new();
    members.spawn(work(remote.source(in_group("g", &topic)).unwrap(), total, done.clone()));
    for round in 0..20 {
        let records = (0..10).flat_map(|key| numbered(&format!("key-{key}"), round * 10..round * 10 + 10)).collect();
        remote.sink().send(&topic, records).await.unwrap();
        if round == 5 || round == 10 {
            members.spawn(work(remote.source(in_group("g", &topic)).unwrap(), total, done.clone()));
        }
    }
    tokio::time::timeout(DEADLINE * 2, members.join_all()).await.expect("every record is read by some member");
    assert_eq!(seen.borrow().len(), total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_revoked_partition_is_delivered_or_committed() {
    let remote = Remote::new();
    let topic = remote.topic("revoked").await;
    let records = (0..40).flat_map(|key| numbered(&format!("key-{key}"), 0..5)).collect();
    remote.sink().send(&topic, records).await.unwrap();
    let mut one = remote.source(in_group("g", &topic)).unwrap();
    let all = read(&mut one, 200).await;
    let mut two = remote.source(in_group("g", &topic)).unwrap();
    // The second member gets partitions once the first has let them go, and reads them again: nothing was committed.
    let started = Instant::now();
    let mut taken: Vec<Message> = Vec::new();
    while taken.is_empty() {
        assert!(started.elapsed() < DEADLINE, "no partition was handed over");
        let kept = one.next_batch(1, Duration::from_millis(100)).await.unwrap();
        assert!(kept.messages.is_empty(), "everything was delivered once to the first member");
        taken = two.next_batch(1000, Duration::from_millis(100)).await.unwrap().messages;
    }
    one.commit(&after(&all)).await.unwrap();
    let partitions = |messages: &[Message]| messages.iter().map(|message| message.partition).collect::<BTreeSet<i32>>();
    let taken = partitions(&taken);
    drop((one, two));
    let mut three = remote.source(in_group("g", &topic)).unwrap();
    let mut again = read(&mut three, 1).await;
    let behind = three.lag().await.unwrap() as usize;
    again.extend(read(&mut three, behind).await);
    let again = partitions(&again);
    assert!(again.is_superset(&taken), "the first member committed {taken:?}, which it had lost");
    assert!(again.len() < partitions(&all).len(), "the first member committed what it had kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_of_retention_is_reported_once() {
    let remote = Remote { config: KafkaConfig { partitions: 1, ..Remote::new().config } };
    for start in ["group", "checkpoint"] {
        let topic = remote.topic("gap").await;
        remote.sink().send(&topic, numbered("k", 0..20)).await.unwrap();
        let mut source = remote.source(in_group("g", &topic)).unwrap();
        let first = read(&mut source, 5).await;
        source.commit(&after(&first)).await.unwrap();
        drop(source);
        remote.remove_below(&topic, 0, 12).await;
        let subscription = if start == "group" { in_group("g", &topic) } else { from(after(&first), &topic) };
        let mut source = remote.source(subscription).unwrap();
        let error = read_error(&mut source).await;
        assert!(matches!(&error, BusError::Gap(gap) if (gap.first, gap.next) == (5, 12)), "{error}");
        let rest = read(&mut source, 8).await;
        assert_eq!((rest[0].offset, rest[7].offset), (12, 19), "{start} goes on from what is left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_taken_for_dead_is_shut_out() {
    let remote = Remote { config: KafkaConfig { partitions: 1, ..Remote::new().config } };
    let (input, output) = (remote.topic("zombie-in").await, remote.topic("zombie-out").await);
    remote.sink().send(&input, numbered("k", 0..4)).await.unwrap();
    let step =
        |messages: &[Message]| vec![(output.clone(), messages.iter().map(|message| message.record.clone()).collect())];
    let mut zombie = remote.transactional(in_group("g", &input), "i").unwrap();
    let first = read(&mut zombie, 2).await;
    zombie.send_and_commit(step(&first), &after(&first)).await.unwrap();
    let second = read(&mut zombie, 2).await;
    // Its successor, under the same name, while it stands still.
    let mut successor = remote.transactional(in_group("g", &input), "i").unwrap();
    let started = Instant::now();
    while let Err(error) = successor.send_and_commit(Vec::new(), &Checkpoint::default()).await {
        assert!(error.is_retryable() && started.elapsed() < DEADLINE, "{error}");
        successor.next_batch(10, Duration::from_millis(50)).await.ok();
    }
    let error = zombie.send_and_commit(step(&second), &after(&second)).await.unwrap_err();
    assert!(matches!(error, BusError::Fatal(_)), "{error}");
    drop(zombie);
    let again = read(&mut successor, 2).await;
    assert_eq!(texts(&again), ["k:2", "k:3"]);
    successor.send_and_commit(step(&again), &after(&again)).await.unwrap();
    let mut reader = remote.source(conformance::from_beginning(&output)).unwrap();
    assert_eq!(texts(&read(&mut reader, 4).await), ["k:0", "k:1", "k:2", "k:3"]);
    let more = reader.next_batch(10, Duration::from_millis(300)).await.unwrap();
    assert!(more.messages.is_empty(), "{:?} came twice", texts(&more.messages));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_above_the_end_is_refused() {
    let remote = Remote { config: KafkaConfig { partitions: 1, ..Remote::new().config } };
    let topic = remote.topic("anew").await;
    remote.sink().send(&topic, numbered("k", 0..5)).await.unwrap();
    let mut source = remote.source(in_group("g", &topic)).unwrap();
    let messages = read(&mut source, 5).await;
    let mut above = after(&messages);
    above.set(&topic, 0, 50);
    source.commit(&above).await.unwrap();
    drop(source);
    let mut source = remote.source(in_group("g", &topic)).unwrap();
    for _ in 0..2 {
        let error = read_error(&mut source).await;
        assert!(matches!(&error, BusError::OutOfRange(reason) if reason.contains("made anew")), "{error}");
    }
}

#[tokio::test]
async fn raw_content_is_kept_short_whatever_is_asked_for() {
    let remote = Remote::new();
    let (admin, raw, longest) = (remote.admin(), topics::RAW, Some("259200000"));
    let value = async |name: &str| {
        let described = admin.describe_configs([&ResourceSpecifier::Topic(raw)], &AdminOptions::new()).await.unwrap();
        described[0].as_ref().unwrap().get(name).unwrap().value.clone()
    };
    // Twice is no fault; and the broker that answers may learn of a change late.
    let wait_until_short = async || {
        let started = Instant::now();
        while value("retention.ms").await.as_deref() != longest {
            assert!(started.elapsed() < DEADLINE, "retention stays {:?}", value("retention.ms").await);
            create_topics(&remote.config, &[(raw, HOUR * 1000)]).await.unwrap();
        }
    };
    create_topics(&remote.config, &[(raw, HOUR * 1000)]).await.unwrap();
    wait_until_short().await;
    let long = AlterConfig::new(ResourceSpecifier::Topic(raw)).set("retention.ms", "-1").set("segment.ms", "7200000");
    admin.alter_configs([&long], &AdminOptions::new()).await.unwrap();
    wait_until_short().await;
    assert_eq!(value("segment.ms").await.as_deref(), Some("7200000"), "other settings stay");
}

#[tokio::test]
async fn a_broker_that_is_away_is_a_retryable_fault() {
    // Nothing listens on the discard port.
    let extra = [("delivery.timeout.ms".to_owned(), "500".to_owned())].into();
    let away = KafkaConfig { brokers: "127.0.0.1:9".into(), extra, ..KafkaConfig::default() };
    let sink = KafkaSink::new(&away).unwrap();
    let error = sink.send("t", numbered("k", 0..1)).await.unwrap_err();
    assert!(matches!(error, BusError::Unavailable(_)), "{error}");
    assert!(matches!(sink.ready().await, Err(BusError::Unavailable(_))));
    let mut source = KafkaSource::new(&away, conformance::from_beginning("t")).unwrap();
    let error = source.next_batch(1, Duration::from_millis(1)).await.unwrap_err();
    assert!(matches!(error, BusError::Unavailable(_)), "{error}");
    let mut source = KafkaSource::new(&away, in_group("g", "t")).unwrap();
    let answer = source.next_batch(1, Duration::from_millis(1)).await;
    assert!(answer.as_ref().map_or_else(BusError::is_retryable, |batch| batch.messages.is_empty()), "{answer:?}");
}

/// A broker of a test's own, with `tests/support/kafka/broker.sh`. It is killed with the test.
struct Broker {
    folder: tempfile::TempDir,
    port: String,
}

impl Broker {
    fn new() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), port: free.port().to_string() }
    }

    fn command(&self, step: &str) -> std::process::Command {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/support/kafka/broker.sh");
        let mut command = std::process::Command::new(script);
        command.arg(step).arg(self.folder.path());
        if step == "start" {
            command.arg(&self.port);
        }
        command
    }

    async fn run(&self, step: &str) {
        let status = tokio::process::Command::from(self.command(step)).status().await.unwrap();
        assert!(status.success(), "broker.sh {step}: {status}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.command("kill").status().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_by_itself_after_a_broker_was_killed() {
    let broker = Broker::new();
    broker.run("start").await;
    let extra = [("delivery.timeout.ms".to_owned(), "3000".to_owned())].into();
    let config =
        KafkaConfig { brokers: format!("127.0.0.1:{}", broker.port), partitions: 2, extra, ..KafkaConfig::default() };
    create_topics(&config, &[("t", HOUR)]).await.unwrap();
    let sink = KafkaSink::new(&config).unwrap();
    let mut source = KafkaSource::new(&config, in_group("g", "t")).unwrap();
    sink.send("t", numbered("k", 0..5)).await.unwrap();
    let first = read(&mut source, 5).await;
    source.commit(&after(&first)).await.unwrap();

    broker.run("kill").await;
    let error = sink.send("t", numbered("lost", 0..1)).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let error = source.commit(&after(&first)).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let answer = source.next_batch(10, Duration::from_millis(100)).await;
    assert!(answer.as_ref().map_or_else(BusError::is_retryable, |batch| batch.messages.is_empty()), "{answer:?}");

    broker.run("start").await;
    let started = Instant::now();
    while let Err(error) = sink.send("t", numbered("k", 5..6)).await {
        assert!(error.is_retryable() && started.elapsed() < DEADLINE, "{error}");
    }
    // What was sent in vain may have arrived, and then comes again.
    let mut rest = read(&mut source, 1).await;
    while texts(&rest).last().is_none_or(|last| last != "k:5") {
        rest.extend(read(&mut source, 1).await);
    }
    source.commit(&after(&rest)).await.unwrap();
}
