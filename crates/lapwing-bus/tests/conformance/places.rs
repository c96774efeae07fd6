//! A reader goes on where it was.

use std::time::Instant;

use lapwing_bus::{BusError, Checkpoint, Sink, Source};

use super::{DEADLINE, Harness, after, from, from_beginning, in_group, numbered, read, read_error, texts};

pub async fn group_resumes_where_it_committed(harness: &mut impl Harness) {
    let topic = harness.topic("resumes").await;
    harness.sink().send(&topic, numbered("k", 0..20)).await.unwrap();
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let messages = read(&mut source, 10).await;
    source.commit(&after(&messages[..6])).await.unwrap();
    drop(source);
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    assert_eq!(texts(&read(&mut source, 1).await), ["k:6"], "what was not committed comes again");
    drop(source);
    harness.reopen().await;
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let messages = read(&mut source, 14).await;
    assert_eq!((messages[0].offset, messages[13].offset), (6, 19));
}

pub async fn groups_are_independent(harness: &mut impl Harness) {
    let topic = harness.topic("independent").await;
    harness.sink().send(&topic, numbered("k", 0..5)).await.unwrap();
    let mut one = harness.source(in_group("one", &topic)).unwrap();
    let messages = read(&mut one, 5).await;
    one.commit(&after(&messages)).await.unwrap();
    let mut two = harness.source(in_group("two", &topic)).unwrap();
    assert_eq!(texts(&read(&mut two, 5).await), texts(&messages));
}

pub async fn begins_at_a_checkpoint(harness: &mut impl Harness) {
    let topic = harness.topic("checkpoint").await;
    let records = (0..100).flat_map(|key| numbered(&format!("key-{key}"), 0..2)).collect();
    harness.sink().send(&topic, records).await.unwrap();
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    let first = read(&mut source, 120).await;
    let mut again = harness.source(from(after(&first), &topic)).unwrap();
    let rest = read(&mut again, 80).await;
    let mut all: Vec<(i32, i64)> =
        first.iter().chain(&rest).map(|message| (message.partition, message.offset)).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 200, "nothing is missing and nothing came twice");
}

pub async fn refuses_a_checkpoint_above_the_end(harness: &mut impl Harness) {
    let topic = harness.topic("above").await;
    harness.sink().send(&topic, numbered("k", 0..5)).await.unwrap();
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    let mut checkpoint = after(&read(&mut source, 5).await);
    let partition = checkpoint.iter().next().unwrap().1;
    checkpoint.set(&topic, partition, 6);
    let mut source = harness.source(from(checkpoint, &topic)).unwrap();
    for _ in 0..2 {
        let error = read_error(&mut source).await;
        assert!(matches!(error, BusError::OutOfRange(_)), "{error}");
        assert!(error.to_string().contains(&topic) && error.to_string().contains("made anew"), "{error}");
    }
}

pub async fn commit_of_a_checkpoint_reader_does_nothing(harness: &mut impl Harness) {
    let topic = harness.topic("no-commit").await;
    harness.sink().send(&topic, numbered("k", 0..5)).await.unwrap();
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    let messages = read(&mut source, 5).await;
    source.commit(&after(&messages)).await.unwrap();
    drop(source);
    let mut source = harness.source(from_beginning(&topic)).unwrap();
    assert_eq!(texts(&read(&mut source, 5).await), texts(&messages));
}

pub async fn commit_skips_what_is_not_read(harness: &mut impl Harness) {
    let topic = harness.topic("skips").await;
    harness.sink().send(&topic, numbered("k", 0..5)).await.unwrap();
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let mut checkpoint = after(&read(&mut source, 3).await);
    checkpoint.set(&topic, 999, 7);
    checkpoint.set("never-subscribed", 0, 7);
    source.commit(&checkpoint).await.unwrap();
    source.commit(&Checkpoint::default()).await.unwrap();
    drop(source);
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    assert_eq!(texts(&read(&mut source, 2).await), ["k:3", "k:4"]);
}

pub async fn lag_counts_down(harness: &mut impl Harness) {
    let topic = harness.topic("lag").await;
    harness.sink().send(&topic, numbered("k", 0..50)).await.unwrap();
    let mut source = harness.source(in_group("g", &topic)).unwrap();
    let first = read(&mut source, 20).await;
    assert_lag(&mut source, 30).await;
    source.commit(&after(&first)).await.unwrap();
    assert_lag(&mut source, 30).await;
    read(&mut source, 30).await;
    assert_lag(&mut source, 0).await;
    harness.sink().send(&topic, numbered("k", 50..55)).await.unwrap();
    assert_lag(&mut source, 5).await;
}

/// Waits for it: a remote bus may learn late of what was appended.
async fn assert_lag(source: &mut impl Source, expect: u64) {
    let started = Instant::now();
    loop {
        let lag = source.lag().await.unwrap();
        if lag == expect {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "lag stays {lag}, expected {expect}");
        tokio::task::yield_now().await;
    }
}
