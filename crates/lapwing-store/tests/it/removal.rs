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

#[tokio::test]
async fn an_erased_event_that_comes_again_stays_erased() {
    let dir = tempfile::tempdir().unwrap();
    let retention = RetentionConfig { days: 10, ..RetentionConfig::default() };
    let config = StoreConfig { retention, ..config() };
    let store = Store::open(dir.path(), config.clone(), &mut Default::default()).unwrap();
    let again = || (0..4).map(|n| sealed(of_user(n, NOW - (n as i64 % 2) * DAY, "bob"))).collect::<Vec<_>>();
    store.append([again(), vec![sealed(of_user(9, NOW, "alice"))]].concat(), "1".to_owned()).await.unwrap();
    let receipt = store.erase(&scope(), Erasure::User("[USER:k1:bob]".to_owned())).await.unwrap();
    assert_eq!((receipt.events, receipt.complete), (4, true));
    store.append(again(), "2".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!((count(&store, "").await, store.position().as_deref()), (1, Some("2")));
    // Another tenant's event of the same id is another event.
    let mut other = of_user(0, NOW, "bob");
    other.tenant.id = TenantId::new("other").unwrap();
    store.append(vec![sealed(other)], "3".to_owned()).await.unwrap();
    store.close().await.unwrap();
    drop(store);

    let store = Store::open(dir.path(), config, &mut Default::default()).unwrap();
    store.append(again(), "4".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(count(&store, "").await, 1);
    let theirs = lapwing_store::Scope::new(TenantId::new("other").unwrap(), now());
    assert_eq!(store.search(&theirs, &ever("")).await.unwrap().total.value, 1);

    // Once retention keeps nothing of those days, their ids are forgotten.
    let list = dir.path().join("erased.jsonl");
    store.enforce_retention(now()).await.unwrap();
    assert!(std::fs::read_to_string(&list).unwrap().lines().count() > 0);
    store.enforce_retention(ts(NOW + 20 * DAY)).await.unwrap();
    assert_eq!(std::fs::read_to_string(&list).unwrap(), "");
}

#[tokio::test]
async fn appending_goes_on_while_erased_events_are_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..5 {
        let events = (n * 20..n * 20 + 20).map(|n| sealed(of_user(n, NOW, if n % 2 == 0 { "bob" } else { "alice" })));
        store.append(events.collect(), n.to_string()).await.unwrap();
        store.flush().await.unwrap();
    }
    let scope = scope();
    let erase = store.erase(&scope, Erasure::User("[USER:k1:bob]".to_owned()));
    let append = async {
        for n in 0..20 {
            store.append(numbered(1_000 + n..1_001 + n, NOW), format!("more {n}")).await.unwrap();
            store.flush().await.unwrap();
        }
    };
    let (receipt, ()) = tokio::join!(erase, append);
    let receipt = receipt.unwrap();
    assert_eq!((receipt.events, receipt.complete), (50, true));
    assert_eq!(count(&store, "").await, 50 + 20);
    let stored: Vec<u8> = std::fs::read_dir(dir.path().join("partitions/2026-11-24"))
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(!stored.windows(3).any(|window| window == b"bob"), "a keyword of an erased event is on the disk");
}
