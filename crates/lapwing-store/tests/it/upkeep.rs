//! Parts, seals, and what a scrub finds.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use lapwing_store::{Erasure, SearchRequest, Sort, Store, StoreConfig, inspect};
use prometheus_client::registry::Registry;

use crate::support::*;

fn sealing_at_once() -> StoreConfig {
    StoreConfig { writer_idle_ms: 1, commit_interval_ms: 10, ..config() }
}

/// Waits until it is so.
async fn until(so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it never became so");
}

fn a_store_file(partition: &Path) -> PathBuf {
    let files = std::fs::read_dir(partition).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|end| end == "store")).unwrap()
}

fn flip_a_bit(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes[10] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_full_partition_goes_on_in_another_part() {
    let dir = tempfile::tempdir().unwrap();
    let small = StoreConfig { partition_max_events: 10, ..config() };
    let store = Store::open(dir.path(), small.clone(), &mut Default::default()).unwrap();
    // Out of order, so that the parts overlap in time.
    let events = |numbers: std::ops::Range<u64>| numbers.map(|n| sealed(event(n, NOW - (n as i64 * 7 % 25) * 1_000)));
    store.append(events(0..25).collect(), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = Store::open(dir.path(), small, &mut Default::default()).unwrap();
    store.append(events(20..35).collect(), "2".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let parts: Vec<_> =
        store.stats().await.unwrap().into_iter().map(|report| (report.partition, report.events)).collect();
    let expect = [("2026-11-24", 10), ("2026-11-24.0001", 10), ("2026-11-24.0002", 10), ("2026-11-24.0003", 5)];
    assert_eq!(parts, expect.map(|(name, events)| (name.to_owned(), events)));

    for sort in [Sort::NewestFirst, Sort::OldestFirst] {
        let request = SearchRequest { sort, size: Some(4), count_up_to: Some(0), ..ever("hello") };
        let times: Vec<_> = pages(&store, &scope(), &request).await.iter().map(|hit| decoded(hit).timestamp).collect();
        let mut sorted = times.clone();
        sorted.sort();
        if sort == Sort::NewestFirst {
            sorted.reverse();
        }
        assert_eq!((times.len(), &times), (35, &sorted));
    }
    let today = Erasure::Event(event(3, NOW - 21_000).id.to_string());
    assert_eq!(store.erase(&scope(), today).await.unwrap().events, 1);
}

#[tokio::test]
async fn what_rests_is_sealed_and_a_late_event_opens_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), sealing_at_once(), &mut Default::default()).unwrap();
    for n in 0..6 {
        store.append(numbered(n * 10..n * 10 + 10, NOW), n.to_string()).await.unwrap();
        store.flush().await.unwrap();
    }
    let report = || inspect(dir.path(), true).unwrap().remove(0);
    until(|| report().root.is_some()).await;
    let first = report();
    assert_eq!((first.segments, first.events, first.is_whole()), (1, 60, true), "{first:?}");

    store.append(numbered(60..61, NOW), "late".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    until(|| report().root.is_some_and(|root| Some(&root) != first.root.as_ref())).await;
    let second = report();
    assert_eq!((second.segments, second.events, count(&store, "hello").await), (2, 61, 61), "{second:?}");
    assert_eq!(store.position().as_deref(), Some("late"));

    // A position alone breaks no seal.
    store.append(numbered(0..1, NOW), "again".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!((report().root, store.position().as_deref()), (second.root, Some("again")));
}

#[tokio::test]
async fn compacting_seals_everything_and_a_forged_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..3 {
        store.append(numbered(n * 10..n * 10 + 10, NOW - n as i64 * DAY), n.to_string()).await.unwrap();
        store.flush().await.unwrap();
    }
    store.compact().await.unwrap();
    let reports = inspect(dir.path(), true).unwrap();
    assert_eq!(reports.len(), 3);
    assert!(reports.iter().all(|report| report.root.is_some() && report.is_whole()), "{reports:?}");
    assert_eq!((reports[2].oldest, reports[2].newest), (Some(ts(NOW)), Some(ts(NOW + 9))));
    let json: usize = numbered(0..10, NOW).iter().map(|event| event.encode().len()).sum();
    assert_eq!(reports[2].input_bytes, json as u64);
    store.close().await.unwrap();
    drop(store);

    // A file that was replaced by a whole one of another index passes its own checksum.
    let partitions = dir.path().join("partitions");
    let (one, other) = (a_store_file(&partitions.join("2026-11-24")), a_store_file(&partitions.join("2026-11-23")));
    std::fs::copy(&other, &one).unwrap();
    let reports = inspect(dir.path(), true).unwrap();
    assert_eq!(reports[2].damaged, [PathBuf::from(one.file_name().unwrap())]);
    assert!(reports[1].is_whole());
}

#[tokio::test]
async fn a_scrub_sets_a_damaged_partition_aside_and_the_others_serve() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..30, NOW - DAY), "1".to_owned()).await.unwrap();
    store.append(numbered(30..35, NOW), "2".to_owned()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    flip_a_bit(&a_store_file(&dir.path().join("partitions/2026-11-23")));

    let mut registry = Registry::default();
    let never = StoreConfig { commit_interval_ms: 3_600_000, ..config() };
    let store = Store::open(dir.path(), never, &mut registry).unwrap();
    // What waits for its commit in the damaged partition is not lost with it.
    store.append(numbered(40..43, NOW - DAY), "3".to_owned()).await.unwrap();
    until(|| dir.path().join("quarantine/2026-11-23.0").exists()).await;
    store.flush().await.unwrap();
    assert_eq!((count(&store, "").await, store.position().as_deref()), (8, Some("3")));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("lapwing_store_quarantined_partitions 1"), "{text}");
    assert!(store.verify().await.unwrap().iter().all(|report| report.is_whole()));
}

#[tokio::test]
async fn without_a_scrub_damage_shows_when_sealing() {
    let dir = tempfile::tempdir().unwrap();
    let unscrubbed = StoreConfig { scrub_bytes_per_s: 0, ..config() };
    let store = Store::open(dir.path(), unscrubbed, &mut Default::default()).unwrap();
    store.append(numbered(0..30, NOW - DAY), "1".to_owned()).await.unwrap();
    store.append(numbered(30..35, NOW), "2".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    flip_a_bit(&a_store_file(&dir.path().join("partitions/2026-11-23")));
    store.compact().await.unwrap();
    assert!(dir.path().join("quarantine/2026-11-23.0").exists());
    assert_eq!(count(&store, "").await, 5);
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..3, NOW), "1".to_owned()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let meta = dir.path().join("partitions/2026-11-24/meta.json");
    let text = std::fs::read_to_string(&meta).unwrap();
    assert!(text.contains(r#"{\"format\":1,"#), "{text}");
    std::fs::write(&meta, text.replace(r#"{\"format\":1,"#, r#"{\"format\":2,"#)).unwrap();
    let error = Store::open(dir.path(), config(), &mut Default::default()).err().unwrap();
    assert!(error.to_string().contains("partition 2026-11-24 has format 2"), "{error}");
    assert!(meta.exists());
}
