//! Queries, pages and bounds.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use lapwing_event::{Agent, Event, GenAi, Kind, Scores, Session, TenantId, Tool, ToolStatus, User};
use lapwing_store::{Relation, SearchError, SearchRequest, Sort, Store, StoreConfig};
use serde_json::json;

use crate::support::*;

/// Five events with something of everything.
fn corpus() -> Vec<Event> {
    let mut refund = event(1, NOW - 60_000);
    refund.content.as_mut().unwrap().prompt = Some("Refund to [EMAIL:k1:9f3a], please!".to_owned());
    refund.content.as_mut().unwrap().response = Some("Done. 東京 office informed".to_owned());
    refund.gen_ai = Some(Box::new(GenAi::chat("gpt-5-mini")));
    refund.latency_ms = Some(1_500.0);
    refund.user = Some(User { id: "[USER:k1:alice]".to_owned() });
    refund.session = Some(Session { id: "[SESSION:k1:chat-42]".to_owned() });
    let mut tool = event(2, NOW - 50_000);
    tool.kind = Kind::Tool;
    tool.content = None;
    tool.tool = Some(Box::new(Tool {
        name: "send_mail".to_owned(),
        call_id: None,
        kind: None,
        status: ToolStatus::Ok,
        arguments: Some(json!({"to": "[EMAIL:k1:9f3a]", "body": "line\nnext"})),
        output: Some("sent".to_owned()),
        definition_hash: None,
    }));
    tool.session = refund.session.clone();
    let mut toxic = event(3, NOW - 40_000);
    toxic.scores = Some(Scores { toxicity: Some(0.91), sentiment: Some(-0.5) });
    toxic.refusal = Some(true);
    toxic.tool_names = vec!["search".to_owned(), "send_mail".to_owned()];
    let mut team = event(4, NOW - 30_000);
    team.attrs = json!({"team": "Red Team", "build": 7, "nested": {"key.dotted": "x"}}).as_object().unwrap().clone();
    team.agent = Some(Agent { name: Some("planner".to_owned()), ..Agent::default() });
    let mut plain = event(5, NOW - 20_000);
    plain.environment = Some("production".to_owned());
    vec![refund, tool, toxic, team, plain]
}

async fn store_of(dir: &std::path::Path, events: Vec<Event>) -> Arc<Store> {
    let store = open(dir);
    store.append(events.into_iter().map(sealed).collect(), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    store
}

#[tokio::test]
async fn queries_find_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let events = corpus();
    let known: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
    let store = store_of(dir.path(), events).await;
    let check = async |q: &str, expect: &[usize]| {
        let page = search(&store, &ever(q)).await;
        let mut found: Vec<_> =
            ids(&page).iter().map(|id| 1 + known.iter().position(|known| known == id).unwrap()).collect();
        found.sort_unstable();
        assert_eq!((found.as_slice(), page.total.value), (expect, expect.len() as u64), "{q}");
    };
    check("", &[1, 2, 3, 4, 5]).await;
    check("refund", &[1]).await;
    check("REFUND please", &[1]).await;
    check("hello", &[3, 4, 5]).await;
    check("hello -number4", &[3, 5]).await;
    check("NOT hello", &[1, 2]).await;
    check("\"EMAIL:k1:9f3a\"", &[1, 2]).await;
    check("[EMAIL:k1:9f3a]", &[1, 2]).await;
    check("prompt:[EMAIL:k1:9f3a]", &[1]).await;
    check("\"please refund\"", &[]).await;
    check("next", &[2]).await;
    check("京", &[1]).await;
    check("東京", &[1]).await;
    check("num*", &[3, 4, 5]).await;
    check("n?mber3", &[3]).await;
    check("*umber5", &[5]).await;
    check("tool:send_mail", &[2, 3]).await;
    check("tool.name:send*", &[2]).await;
    check("kind:(tool OR llm) AND tool.status:ok", &[2]).await;
    check("model:gpt-5*", &[1]).await;
    check("model:GPT-5-mini", &[]).await;
    check("latency_ms:>1000", &[1]).await;
    check("latency_ms:1500", &[1]).await;
    check("latency_ms:{1500 TO *}", &[]).await;
    check("toxicity:[0.9 TO 1]", &[3]).await;
    check("scores.sentiment:<0", &[3]).await;
    check("refusal:true", &[3]).await;
    check("refusal:false", &[]).await;
    check("user:\"[USER:k1:alice]\"", &[1]).await;
    check("session:[SESSION:k1:chat-42]", &[1, 2]).await;
    check("_exists_:session", &[1, 2]).await;
    check("_exists_:tool.arguments", &[2]).await;
    check("_exists_:attrs.nested.key.dotted", &[4]).await;
    check("NOT _exists_:content.prompt", &[2]).await;
    check("attrs.team:red", &[4]).await;
    check("attrs.team:\"red team\"", &[4]).await;
    check("attrs.team:bl*", &[]).await;
    check("attrs.team:re*", &[4]).await;
    check("attrs.build:7", &[4]).await;
    check("attrs.nested.key.dotted:x", &[4]).await;
    check("agent:planner", &[4]).await;
    check("environment:[a TO q]", &[5]).await;
    check("environment:{production TO *}", &[]).await;
    check(&format!("id:{}", known[2]), &[3]).await;
    check(&format!("id:[{} TO {}]", known[1], known[3]), &[2, 3, 4]).await;
    check("@timestamp:>=now-35s", &[4, 5]).await;
    check("@timestamp:[now-50s TO now-40s}", &[2]).await;
}

#[tokio::test]
async fn a_raw_id_finds_its_pseudonym() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), corpus()).await;
    let mut scope = scope();
    scope.alias = Some(Arc::new(|tenant: &TenantId, path: &str, raw: &str| {
        assert_eq!(tenant.as_str(), "default");
        match path {
            "user.id" => format!("[USER:k1:{raw}]"),
            _ => format!("[SESSION:k1:{raw}]"),
        }
    }));
    let found = async |q: &str| store.search(&scope, &ever(q)).await.unwrap().total.value;
    assert_eq!((found("user:alice").await, found("session:chat-42").await), (1, 2));
    assert_eq!((found("user:bob").await, found("service:shop").await), (0, 5));
    let timeline = store.timeline(&scope, "session.id", "chat-42", None).await.unwrap();
    let kinds: Vec<_> = timeline.hits.iter().map(|hit| decoded(hit).kind).collect();
    assert_eq!(kinds, [Kind::Llm, Kind::Tool]);
}

#[tokio::test]
async fn a_tenant_sees_only_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let other = TenantId::new("other").unwrap();
    let mut theirs = event(1, NOW);
    theirs.tenant.id = other.clone();
    let id = theirs.id;
    let store = store_of(dir.path(), vec![theirs, event(2, NOW)]).await;
    for q in ["", "number1", "NOT number2", "tenant.id:other", "tenant.id:*", "hello OR tenant.id:other", "num*"] {
        let page = search(&store, &ever(q)).await;
        assert!(page.hits.iter().all(|hit| decoded(hit).tenant.id == TenantId::default()), "{q}");
    }
    assert!(store.event(&scope(), id).await.unwrap().is_none());
    let mut scope = scope();
    scope.tenant = other;
    assert!(store.event(&scope, id).await.unwrap().is_some());
}

#[tokio::test]
async fn pages_stay_as_they_were_while_new_events_come() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let days = |n: u64| NOW - (n as i64 % 3) * DAY - (n as i64 % 7) * 1_000;
    let batch = |numbers: std::ops::Range<u64>| numbers.map(|n| sealed(event(n, days(n)))).collect::<Vec<_>>();
    store.append(batch(0..50), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    for sort in [Sort::NewestFirst, Sort::OldestFirst, Sort::BestFirst] {
        let q = if sort == Sort::BestFirst { "hello" } else { "" };
        let whole = ids(&search(&store, &SearchRequest { sort, ..ever(q) }).await);
        let mut request = SearchRequest { sort, size: Some(7), ..ever(q) };
        let mut seen = Vec::new();
        for page in 0u64.. {
            let answer = search(&store, &request).await;
            seen.extend(ids(&answer));
            assert_eq!(answer.total.value, whole.len() as u64);
            let Some(cursor) = answer.next_cursor else { break };
            request.cursor = Some(cursor);
            if sort != Sort::BestFirst {
                // Between any two pages an event comes that belongs before, on and behind them.
                let number = 1_000 * (1 + sort as u64) + page;
                store.append(vec![sealed(event(number, days(number)))], "2".to_owned()).await.unwrap();
                store.flush().await.unwrap();
            }
        }
        assert_eq!(seen, whole, "{sort:?}");
    }
}

#[tokio::test]
async fn a_cursor_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), corpus()).await;
    let page = search(&store, &SearchRequest { size: Some(1), ..ever("hello") }).await;
    for (q, cursor) in [("other", page.next_cursor.unwrap()), ("hello", "nonsense".to_owned())] {
        let request = SearchRequest { cursor: Some(cursor), ..ever(q) };
        let error = store.search(&scope(), &request).await.unwrap_err();
        assert!(matches!(error, SearchError::Parameter { parameter: "cursor", .. }), "{error}");
    }
}

#[tokio::test]
async fn the_span_is_half_open_and_a_day_by_default() {
    let dir = tempfile::tempdir().unwrap();
    let at = [NOW - DAY - 1, NOW - DAY, NOW - 1_000, NOW, NOW + 60_000];
    let store = store_of(dir.path(), at.iter().enumerate().map(|(n, at)| event(n as u64, *at)).collect()).await;
    let check = async |from: Option<&str>, to: Option<&str>, expect: u64| {
        let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
        let request = SearchRequest { from, to, ..SearchRequest::default() };
        assert_eq!(search(&store, &request).await.total.value, expect, "{request:?}");
    };
    check(None, None, 4).await;
    check(None, Some("now"), 2).await;
    check(Some("now-1s"), Some("now"), 1).await;
    check(Some("now-1d"), None, 4).await;
    check(Some("1795501800000"), None, 2).await;
    check(Some("2026-11-24T06:30:00Z"), Some("2026-11-24T06:30:00.001Z"), 1).await;
    check(Some("now"), Some("now-1h"), 0).await;
    let bad = SearchRequest { from: Some("soon".to_owned()), ..SearchRequest::default() };
    assert!(matches!(store.search(&scope(), &bad).await, Err(SearchError::Parameter { parameter: "from", .. })));
}

#[tokio::test]
async fn totals_say_when_they_are_lower_bounds_and_sizes_are_clamped() {
    let dir = tempfile::tempdir().unwrap();
    let small = StoreConfig { max_page_size: 4, ..config() };
    let store = Store::open(dir.path(), small, &mut Default::default()).unwrap();
    store.append((0..100).map(|n| sealed(event(n, NOW - n as i64))).collect(), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let page = search(&store, &SearchRequest { count_up_to: Some(10), ..ever("hello") }).await;
    assert_eq!((page.total.relation, page.hits.len()), (Relation::AtLeast, 4));
    assert!((10..100).contains(&page.total.value), "{}", page.total.value);
    let page = search(&store, &SearchRequest { size: Some(0), ..ever("hello") }).await;
    assert_eq!((page.total.relation, page.total.value, page.hits.len()), (Relation::Exactly, 100, 0));
}

#[tokio::test]
async fn only_the_fields_asked_for_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), corpus()).await;
    let fields = Some(vec!["kind".to_owned(), "tool.name".to_owned()]);
    let page = search(&store, &SearchRequest { fields, ..ever("tool.name:send_mail") }).await;
    assert_eq!(page.hits[0].event.get(), r#"{"kind":"tool","tool":{"name":"send_mail"}}"#);
}

#[tokio::test]
async fn bounds_end_a_search_and_not_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let tight = StoreConfig { max_expanded_terms: 10, ..config() };
    let store = Store::open(dir.path(), tight, &mut Default::default()).unwrap();
    store.append(numbered(0..100, NOW), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let error = store.search(&scope(), &ever("x OR num*")).await.unwrap_err();
    assert_eq!(error.to_string(), "query, character 5: stands for more than 10 terms; make it more specific");
    assert_eq!(count(&store, "number9?").await, 10);
}

#[tokio::test]
async fn a_search_beyond_its_time_ends() {
    let dir = tempfile::tempdir().unwrap();
    let hasty = StoreConfig { search_timeout_ms: 0, ..config() };
    let store = Store::open(dir.path(), hasty, &mut Default::default()).unwrap();
    store.append(numbered(0..10, NOW), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let error = store.search(&scope(), &ever("hello")).await.unwrap_err();
    assert!(matches!(error, SearchError::Timeout { .. } | SearchError::Busy), "{error}");
}

#[tokio::test]
async fn matches_are_shown_marked() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_of(dir.path(), vec![event(1, NOW), event(2, NOW)]).await;
    let request: SearchRequest =
        serde_json::from_str(r#"{"q": "number1 OR hel*", "highlight": true, "fields": ["kind"], "size": 1}"#).unwrap();
    let hit = search(&store, &SearchRequest { sort: Sort::BestFirst, ..request }).await.hits.remove(0);
    assert_eq!(hit.event.get(), r#"{"kind":"llm"}"#);
    assert_eq!(hit.highlight["content.prompt"], ["<mark>hello</mark> <mark>number1</mark>"]);
    for (form, expect) in [("false", 0), (r#"["response"]"#, 0), (r#"{"fields": ["prompt"], "pre_tag": "*"}"#, 1)] {
        let request = format!(r#"{{"q": "hello", "highlight": {form}}}"#);
        let page = search(&store, &serde_json::from_str(&request).unwrap()).await;
        assert_eq!(page.hits[0].highlight.len(), expect, "{form}");
    }
}

#[tokio::test]
async fn a_page_of_large_events_ends_early_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let tight = StoreConfig { max_page_bytes: 1_000, ..config() };
    let store = Store::open(dir.path(), tight, &mut Default::default()).unwrap();
    store.append(numbered(0..20, NOW), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    let page = search(&store, &ever("")).await;
    assert!((1..10).contains(&page.hits.len()) && page.next_cursor.is_some(), "{}", page.hits.len());
    assert_eq!(pages(&store, &scope(), &ever("")).await.len(), 20);
}
