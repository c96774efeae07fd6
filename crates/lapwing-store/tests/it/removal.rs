//! Erasure and retention.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use lapwing_event::{Event, Kind, TenantId, User};
use lapwing_store::{Erasure, RetentionConfig, Store, StoreConfig};

use crate::support::*;

fn of_user(number: u64, at: i64, user: &str) -> Event {
    let mut event = event(number, at);
    event.user = Some(User { id: format!("[USER:k1:{user}]") });
    event
}

fn segments(dir: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".store")).collect()
}

#[tokio::test]
async fn an_erased_user_is_gone_from_searches_and_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut events = Vec::new();
    for n in 0..40 {
        let user = if n % 4 == 0 { "bob" } else { "alice" };
        events.push(sealed(of_user(n, NOW - (n as i64 % 2) * DAY, user)));
    }
    let mut other = of_user(99, NOW, "bob");
    other.tenant.id = TenantId::new("other").unwrap();
    events.push(sealed(other));
    store.append(events, "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let partition = dir.path().join("partitions/2026-11-24");
    let before = segments(&partition);

    let mut scope = scope();
    scope.alias = Some(Arc::new(|_: &TenantId, _: &str, raw: &str| format!("[USER:k1:{raw}]")));
    let receipt = store.erase(&scope, Erasure::User("bob".to_owned())).await.unwrap();
    assert_eq!((receipt.events, receipt.complete), (10, true));
    assert_eq!(receipt.partitions, ["2026-11-24"]);
    assert_eq!((count(&store, "").await, count(&store, "user:\"[USER:k1:bob]\"").await), (30, 0));
    assert!(before.is_disjoint(&segments(&partition)), "the files that held them are gone");
    assert_eq!(store.position().as_deref(), Some("1"));

    // The other tenant's stay; erasing again finds nothing; life goes on; a restart changes nothing.
    let again = store.erase(&scope, Erasure::User("bob".to_owned())).await.unwrap();
    assert_eq!((again.events, again.complete), (0, true));
    store.append(vec![sealed(of_user(100, NOW, "bob"))], "2".to_owned()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!((count(&store, "").await, store.position().as_deref()), (31, Some("2")));
    let theirs = lapwing_store::Scope::new(TenantId::new("other").unwrap(), now());
    assert_eq!(store.search(&theirs, &ever("")).await.unwrap().total.value, 1);
}

#[tokio::test]
async fn erasing_waits_for_what_was_appended_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let event = sealed(event(1, NOW));
    let id = event.id.to_string();
    store.append(vec![event], "1".to_owned()).await.unwrap();
    assert_eq!(store.erase(&scope(), Erasure::Event(id)).await.unwrap().events, 1);
    assert_eq!(count(&store, "").await, 0);
}

#[tokio::test]
async fn retention_drops_thins_and_keeps() {
    let dir = tempfile::tempdir().unwrap();
    let retention = RetentionConfig {
        days: 10,
        kinds: [("audit".to_owned(), 100)].into(),
        tenants: [("brief".to_owned(), 3)].into(),
        ..RetentionConfig::default()
    };
    let store = Store::open(dir.path(), StoreConfig { retention, ..config() }, &mut Default::default()).unwrap();
    let mut audit = event(1, NOW - 20 * DAY);
    audit.kind = Kind::Audit;
    let mut brief = event(2, NOW - 5 * DAY);
    brief.tenant.id = TenantId::new("brief").unwrap();
    let old = event(3, NOW - 20 * DAY);
    let ancient = event(4, NOW - 200 * DAY);
    let fresh = [event(5, NOW), event(6, NOW - 5 * DAY)];
    let events = [vec![audit, brief, old, ancient], fresh.to_vec()].concat();
    store.append(events.into_iter().map(sealed).collect(), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();

    let removed = store.enforce_retention(now()).await.unwrap();
    assert_eq!((removed.partitions, removed.events), (vec!["2026-05-08".to_owned()], 2));
    assert!(!dir.path().join("partitions/2026-05-08").exists());
    assert_eq!((count(&store, "").await, count(&store, "kind:audit").await), (3, 1));
    assert_eq!(store.enforce_retention(now()).await.unwrap(), Default::default());
    store.close().await.unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!((count(&store, "").await, store.position().as_deref()), (3, Some("1")));
}

#[tokio::test]
async fn the_last_partition_keeps_the_position_when_its_events_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append(numbered(0..3, NOW - 400 * DAY), "7".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    store.enforce_retention(now()).await.unwrap();
    assert_eq!(count(&store, "").await, 0);
    store.close().await.unwrap();
    drop(store);
    assert_eq!(open(dir.path()).position().as_deref(), Some("7"));
}
