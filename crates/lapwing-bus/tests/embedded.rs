//! The embedded bus: the conformance suite, and what only a bus on the local disk has to prove.

#![allow(clippy::unwrap_used)]

mod conformance;

use std::time::{Duration, Instant};

use bytes::Bytes;
use lapwing_bus::embedded::{Embedded, EmbeddedConfig, EmbeddedSource, Retention};
use lapwing_bus::{BusError, Message, Record, Sink, Source, Subscription};
use tempfile::TempDir;

use conformance::{DEADLINE, Harness, after, from_beginning, in_group, numbered, read, read_error, texts};

struct Local {
    folder: TempDir,
    config: EmbeddedConfig,
    bus: Option<Embedded>,
}

impl Local {
    fn new() -> Self {
        Self::with(EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::default() })
    }

    fn with(config: EmbeddedConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = Some(Embedded::open(folder.path(), config.clone()).unwrap());
        Self { folder, config, bus }
    }

    fn bus(&self) -> &Embedded {
        self.bus.as_ref().unwrap()
    }
}

impl Harness for Local {
    type Sink = Embedded;
    type Source = EmbeddedSource;

    fn sink(&self) -> Embedded {
        self.bus().clone()
    }

    fn source(&self, subscription: Subscription) -> Result<EmbeddedSource, BusError> {
        self.bus().source(subscription)
    }

    fn transactional(&self, subscription: Subscription, _: &str) -> Result<EmbeddedSource, BusError> {
        self.source(subscription)
    }

    async fn topic(&self, name: &str) -> String {
        name.to_owned()
    }

    async fn reopen(&mut self) {
        self.bus = None;
        self.bus = Some(Embedded::open(self.folder.path(), self.config.clone()).unwrap());
    }
}

conformance::conformance!(crate::Local::new());

fn kept(retention_ms: u64, retention_bytes: u64) -> EmbeddedConfig {
    EmbeddedConfig {
        partitions: 1,
        retention: Retention { retention_ms, retention_bytes },
        retention_interval_ms: 10,
        reserve_bytes: 0,
        ..EmbeddedConfig::default()
    }
}

/// What a new reader finds, once it is this.
async fn wait_until_left(bus: &Embedded, topic: &str, expect: &[&str]) {
    let started = Instant::now();
    loop {
        let mut source = bus.source(from_beginning(topic)).unwrap();
        let batch = source.next_batch(1000, Duration::from_millis(20)).await;
        let left = batch.map(|batch| texts(&batch.messages));
        if left.as_ref().is_ok_and(|left| left == expect) {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "left {left:?}, expected {expect:?}");
    }
}

#[tokio::test]
async fn removes_what_is_too_old_and_goes_on_counting() {
    let mut local = Local::with(kept(1, u64::MAX));
    local.sink().send("t", numbered("k", 0..10)).await.unwrap();
    wait_until_left(local.bus(), "t", &[]).await;
    local.config = kept(u64::MAX, u64::MAX);
    local.reopen().await;
    local.sink().send("t", numbered("k", 10..11)).await.unwrap();
    let mut source = local.source(from_beginning("t")).unwrap();
    let messages = read(&mut source, 1).await;
    assert_eq!((texts(&messages), messages[0].offset), (vec!["k:10".to_owned()], 10));
}

#[tokio::test]
async fn age_waits_for_the_slowest_group() {
    let local = Local::with(kept(1, u64::MAX));
    let mut fast = local.source(in_group("fast", "t")).unwrap();
    let mut slow = local.source(in_group("slow", "t")).unwrap();
    slow.lag().await.unwrap();
    local.sink().send("t", numbered("k", 0..4)).await.unwrap();
    let messages = read(&mut fast, 4).await;
    fast.commit(&after(&messages)).await.unwrap();
    let messages = read(&mut slow, 4).await;
    slow.commit(&after(&messages[..2])).await.unwrap();
    wait_until_left(local.bus(), "t", &["k:2", "k:3"]).await;
    slow.commit(&after(&messages)).await.unwrap();
    wait_until_left(local.bus(), "t", &[]).await;
    assert_eq!(local.bus().removed_unread(), 0);
}

#[tokio::test]
async fn size_does_not_wait_and_the_reader_is_told_once() {
    let local = Local::with(kept(u64::MAX, 3000));
    let mut source = local.source(in_group("g", "t")).unwrap();
    source.lag().await.unwrap();
    let records = (0..10).map(|number| Record { value: Bytes::from(vec![b'0' + number; 900]), ..Record::default() });
    local.sink().send("t", records.collect()).await.unwrap();
    let expect: Vec<String> = (7..10).map(|number| number.to_string().repeat(900)).collect();
    wait_until_left(local.bus(), "t", &expect.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(local.bus().removed_unread(), 7);

    let error = read_error(&mut source).await;
    assert!(matches!(&error, BusError::Gap(gap) if (gap.first, gap.next) == (0, 7)), "{error}");
    assert_eq!(texts(&read(&mut source, 3).await), expect, "it goes on from what is left");
    assert_eq!(source.lag().await.unwrap(), 0);
}

#[tokio::test]
async fn retention_gives_the_disk_back() {
    let config = EmbeddedConfig { partitions: 1, ..kept(1, u64::MAX) };
    let local = Local::with(config);
    let noise =
        |seed: u64| Bytes::from_iter((0..100_000_u64).flat_map(|at| (at * 7 + seed).wrapping_pow(3).to_le_bytes()));
    for seed in 0..40 {
        local.sink().send("t", vec![Record { value: noise(seed), ..Record::default() }]).await.unwrap();
    }
    let tables = || -> u64 {
        let size = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().metadata().map_or(0, |meta| meta.len());
        let mut bytes = 0;
        for keyspace in std::fs::read_dir(local.folder.path().join("keyspaces")).unwrap() {
            let tables = keyspace.unwrap().path().join("tables");
            bytes += std::fs::read_dir(tables).map_or(0, |entries| entries.map(size).sum());
        }
        bytes
    };
    let started = Instant::now();
    while tables() > 1 << 20 {
        assert!(started.elapsed() < DEADLINE, "{} bytes are left", tables());
        wait_until_left(local.bus(), "t", &[]).await;
    }
}

#[tokio::test]
async fn keeps_the_number_of_partitions() {
    let mut local = Local::new();
    local.sink().send("t", numbered("k", 0..1)).await.unwrap();
    local.config.partitions = 9;
    local.reopen().await;
    local.sink().send("t", numbered("k", 1..2)).await.unwrap();
    let records = (0..100).map(|key| conformance::record(&format!("key-{key}"), "")).collect();
    local.sink().send("t", records).await.unwrap();
    let mut source = local.source(from_beginning("t")).unwrap();
    let messages = read(&mut source, 102).await;
    assert_eq!(messages.iter().map(|message| message.partition).max(), Some(3));
    let of_k: Vec<Message> = messages.into_iter().filter(|message| message.record.key == Some("k".into())).collect();
    assert_eq!(texts(&of_k), ["k:0", "k:1"]);
}

#[tokio::test]
async fn refuses_a_second_bus_on_the_folder() {
    let local = Local::new();
    let error = Embedded::open(local.folder.path(), local.config.clone()).unwrap_err();
    assert!(matches!(&error, BusError::Fatal(reason) if reason.contains("in use")), "{error}");
}

#[tokio::test]
async fn refuses_a_second_reader_of_a_group() {
    let local = Local::new();
    let first = local.source(in_group("g", "t")).unwrap();
    let error = local.source(in_group("g", "t")).unwrap_err();
    assert!(matches!(&error, BusError::Fatal(reason) if reason.contains("group g-t")), "{error}");
    local.source(in_group("g", "u")).unwrap();
    drop(first);
    local.source(in_group("g", "t")).unwrap();
}

#[tokio::test]
async fn refuses_appends_but_not_commits_while_the_disk_is_full() {
    let mut local = Local::new();
    local.sink().send("t", numbered("k", 0..2)).await.unwrap();
    local.config.reserve_bytes = u64::MAX;
    local.reopen().await;
    let error = local.sink().send("t", numbered("k", 2..3)).await.unwrap_err();
    assert!(matches!(error, BusError::Full(_)) && error.is_retryable(), "{error}");
    assert!(matches!(local.sink().ready().await, Err(BusError::Full(_))));
    let mut source = local.source(in_group("g", "t")).unwrap();
    let messages = read(&mut source, 2).await;
    source.commit(&after(&messages)).await.unwrap();
    drop(source);
    local.config.reserve_bytes = 0;
    local.reopen().await;
    local.sink().ready().await.unwrap();
    local.sink().send("t", numbered("k", 2..3)).await.unwrap();
    let mut source = local.source(in_group("g", "t")).unwrap();
    assert_eq!(texts(&read(&mut source, 1).await), ["k:2"]);
}

#[tokio::test]
async fn refuses_to_commit_what_was_not_written() {
    let local = Local::new();
    local.sink().send("t", numbered("k", 0..1)).await.unwrap();
    let mut source = local.source(in_group("g", "t")).unwrap();
    let mut checkpoint = after(&read(&mut source, 1).await);
    let partition = checkpoint.iter().next().unwrap().1;
    checkpoint.set("t", partition, 2);
    let error = source.commit(&checkpoint).await.unwrap_err();
    assert!(matches!(error, BusError::OutOfRange(_)), "{error}");
}

#[tokio::test]
async fn refuses_settings_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { partitions: 0, ..EmbeddedConfig::default() };
    assert!(matches!(Embedded::open(folder.path(), config), Err(BusError::Refused(_))));
}
