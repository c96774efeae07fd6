//! What was appended is stored once, and stays.
#![allow(clippy::unwrap_used)]

use lapwing_store::{Store, StoreConfig, StoreError};

use crate::support::*;

#[tokio::test]
async fn an_id_is_stored_once_across_batches_commits_partitions_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let batch = || numbered(0..5, NOW);
    store.append([batch(), batch()].concat(), "1".to_owned()).await.unwrap();
    store.append(batch(), "2".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    store.append(batch(), "3".to_owned()).await.unwrap();
    store.flush().await.unwrap();

    // The same id again with a time of another day, as after a correction for clock skew.
    let mut moved = event(3, NOW + 3);
    moved.timestamp = lapwing_event::Timestamp::from_millis(NOW - 3 * DAY);
    store.append(vec![sealed(moved)], "4".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(count(&store, "").await, 5);

    store.close().await.unwrap();
    drop(store);
    let store = open(dir.path());
    store.append(batch(), "5".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!((count(&store, "").await, store.position().as_deref()), (5, Some("5")));
}

#[tokio::test]
async fn one_tenants_id_does_not_hide_anothers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut other = event(1, NOW);
    other.tenant.id = lapwing_event::TenantId::new("other").unwrap();
    let (other, ours) = (sealed(other), sealed(event(1, NOW)));
    store.append(vec![other.clone(), ours.clone()], "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    store.append(vec![ours, other], "2".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(count(&store, "").await, 1);
    let mut scope = scope();
    scope.tenant = lapwing_event::TenantId::new("other").unwrap();
    assert_eq!(store.search(&scope, &ever("")).await.unwrap().total.value, 1);
}

#[tokio::test]
async fn a_restart_begins_at_the_last_durable_position() {
    let dir = tempfile::tempdir().unwrap();
    let never = StoreConfig { commit_interval_ms: 3_600_000, ..config() };
    let store = Store::open(dir.path(), never, &mut Default::default()).unwrap();
    assert_eq!(store.position(), None);
    store.append(numbered(0..3, NOW), "three".to_owned()).await.unwrap();
    assert_eq!(store.position(), None, "not durable yet");
    store.flush().await.unwrap();
    assert_eq!(store.position().as_deref(), Some("three"));
    // Only duplicates, and a batch without events: the position moves all the same.
    store.append(numbered(0..3, NOW), "again".to_owned()).await.unwrap();
    store.append(Vec::new(), "empty".to_owned()).await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.append(Vec::new(), "late".to_owned()).await, Err(StoreError::Closed)));
    drop(store);
    let store = open(dir.path());
    assert_eq!((store.position().as_deref(), count(&store, "").await), (Some("empty"), 3));
}

#[tokio::test]
async fn late_events_go_to_their_partition_and_many_days_fit_through_few_writers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let days = 10;
    // Mixed, so that partitions open and close within one batch.
    let events = (0..50).map(|n| sealed(event(n, NOW - (n as i64 % days) * DAY))).collect();
    store.append(events, "1".to_owned()).await.unwrap();
    store.append(vec![sealed(event(50, NOW - 400 * DAY))], "2".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(dir.path().join("partitions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), days as usize + 1);
    assert_eq!((names[0].as_str(), names[days as usize].as_str()), ("2025-10-20", "2026-11-24"));
    assert_eq!((count(&store, "").await, store.position().as_deref()), (51, Some("2")));
    let request = lapwing_store::SearchRequest::default();
    assert_eq!(search(&store, &request).await.total.value, 10, "the last 24 hours: today and the edge of yesterday");
}

#[tokio::test]
async fn events_become_durable_and_searchable_without_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let quick = StoreConfig { commit_interval_ms: 10, ..config() };
    let store = Store::open(dir.path(), quick, &mut Default::default()).unwrap();
    let mut commits = store.commits();
    store.append(numbered(0..3, NOW), "1".to_owned()).await.unwrap();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), commits.wait_for(|next_seq| *next_seq == 3));
    waited.await.unwrap().unwrap();
    assert_eq!((count(&store, "hello").await, store.position().as_deref()), (3, Some("1")));
}

#[tokio::test]
async fn a_directory_has_one_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let second = Store::open(dir.path(), config(), &mut Default::default());
    assert!(matches!(second, Err(StoreError::Locked { .. })));
    store.close().await.unwrap();
    drop(store);
    open(dir.path());
}

#[tokio::test]
async fn a_corrupt_partition_is_set_aside_and_the_others_serve() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..3, NOW - DAY), "1".to_owned()).await.unwrap();
    store.append(numbered(3..5, NOW), "2".to_owned()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    std::fs::write(dir.path().join("partitions/2026-11-23/meta.json"), "{}").unwrap();

    let mut registry = prometheus_client::registry::Registry::default();
    let store = Store::open(dir.path(), config(), &mut registry).unwrap();
    assert_eq!(count(&store, "").await, 2);
    assert!(dir.path().join("quarantine/2026-11-23.0").exists());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("lapwing_store_quarantined_partitions 1"), "{text}");
    store.append(numbered(0..3, NOW - DAY), "3".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(count(&store, "").await, 5);
}

#[tokio::test]
async fn settings_that_cannot_work_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let bad = StoreConfig { writer_memory_bytes: 1, ..config() };
    let error = Store::open(dir.path(), bad, &mut Default::default()).err().unwrap();
    assert_eq!(error.to_string(), "store setting writer_memory_bytes is out of range: must be at least 15 MiB");
}

#[tokio::test]
async fn a_snapshot_of_a_running_store_opens_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"));
    store.append(numbered(0..50, NOW), "1".to_owned()).await.unwrap();
    store.append(numbered(50..60, NOW - 3 * DAY), "2".to_owned()).await.unwrap();
    let target = dir.path().join("snapshot");
    store.snapshot(&target).await.unwrap();
    assert!(store.snapshot(&target).await.is_err(), "a snapshot never overwrites another");
    store.append(numbered(60..70, NOW), "3".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(count(&store, "").await, 70);

    let restored = open(&target);
    assert_eq!((count(&restored, "hello").await, restored.position().as_deref()), (60, Some("2")));
    restored.append(numbered(55..65, NOW), "4".to_owned()).await.unwrap();
    restored.flush().await.unwrap();
    assert_eq!((count(&restored, "").await, count(&store, "").await), (65 + 5, 70));
}

#[tokio::test]
async fn a_check_names_the_file_whose_bytes_changed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..200, NOW), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let report = store.verify().await.unwrap();
    assert_eq!((report.len(), report[0].events, report[0].damaged.len()), (1, 200, 0));
    assert!(report[0].bytes > 1_000);

    let partition = dir.path().join("partitions/2026-11-24");
    let files = std::fs::read_dir(&partition).unwrap().map(|entry| entry.unwrap().path());
    let damaged = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "store")).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let report = store.verify().await.unwrap();
    assert_eq!(report[0].damaged, [std::path::PathBuf::from(damaged.file_name().unwrap())]);
    assert!(store.stats().await.unwrap()[0].damaged.is_empty());
}
