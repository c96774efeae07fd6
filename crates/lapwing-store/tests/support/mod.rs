//! Events and stores for tests.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lapwing_event::{
    Content, Event, EventId, Kind, Sanitization, SanitizationStatus, SanitizedEvent, TenantId, Timestamp,
};
use lapwing_store::{Hit, Scope, SearchRequest, SearchResponse, Store, StoreConfig};

/// 2026-11-24T06:30:00Z.
pub const NOW: i64 = 1_795_501_800_000;
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;

pub fn now() -> Timestamp {
    ts(NOW)
}

pub fn ts(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// The event with this number: its id follows from it and the time.
pub fn event(number: u64, at_millis: i64) -> Event {
    let at = Timestamp::from_millis(at_millis);
    let id = EventId::derived(at, &[&number.to_be_bytes()]);
    let mut event = Event::new(Kind::Llm, id, at, "shop");
    event.content = Some(Content { prompt: Some(format!("hello number{number}")), ..Content::default() });
    event
}

/// The event as the sanitizer would leave it.
pub fn sealed(mut event: Event) -> SanitizedEvent {
    event.sanitization = Some(Sanitization {
        policy_version: "test".to_owned(),
        status: SanitizationStatus::Ok,
        total: 0,
        counts: BTreeMap::new(),
        fields: Vec::new(),
    });
    SanitizedEvent::decode(&lapwing_event::encode(&event)).unwrap()
}

pub fn numbered(numbers: impl IntoIterator<Item = u64>, at_millis: i64) -> Vec<SanitizedEvent> {
    numbers.into_iter().map(|number| sealed(event(number, at_millis + number as i64))).collect()
}

pub fn config() -> StoreConfig {
    StoreConfig { writer_memory_bytes: 15 << 20, ..StoreConfig::default() }
}

pub fn open(dir: &Path) -> Arc<Store> {
    Store::open(dir, config(), &mut Default::default()).unwrap()
}

pub fn scope() -> Scope {
    Scope::new(TenantId::default(), now())
}

/// A search over all of time.
pub fn ever(q: &str) -> SearchRequest {
    let from = Some("1971-01-01T00:00:00Z".to_owned());
    SearchRequest { q: q.to_owned(), from, count_up_to: Some(u64::MAX), size: Some(1_000), ..SearchRequest::default() }
}

pub async fn search(store: &Store, request: &SearchRequest) -> SearchResponse {
    store.search(&scope(), request).await.unwrap()
}

pub async fn count(store: &Store, q: &str) -> u64 {
    search(store, &ever(q)).await.total.value
}

pub fn decoded(hit: &Hit) -> Event {
    serde_json::from_str(hit.event.get()).unwrap()
}

pub fn ids(page: &SearchResponse) -> Vec<String> {
    page.hits.iter().map(|hit| decoded(hit).id.to_string()).collect()
}

/// Every page of a request.
pub async fn pages(store: &Store, scope: &Scope, request: &SearchRequest) -> Vec<Hit> {
    let (mut hits, mut request) = (Vec::new(), request.clone());
    loop {
        let page = store.search(scope, &request).await.unwrap();
        hits.extend(page.hits);
        match page.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => return hits,
        }
    }
}
