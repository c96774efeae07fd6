//! The emitter against a real HTTP server, which may be away, slow to return, or hard to please.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use lapwing_emitter::{DropPolicy, DropReason, Emitter, EmitterBuilder, FlushError};
use lapwing_event::{Content, Event, Kind, Session};
use serde_json::Value;
use support::{PATIENCE, Server};

fn builder(address: impl std::fmt::Display) -> EmitterBuilder {
    let builder = Emitter::builder().service("app").to_http(&format!("http://{address}"));
    builder.linger(Duration::from_millis(5)).retry_pauses(Duration::from_millis(5), Duration::from_millis(50))
}

fn event(emitter: &Emitter, prompt: &str) -> Event {
    let mut event = emitter.event(Kind::Llm);
    event.content = Some(Content { prompt: Some(prompt.to_owned()), ..Content::default() });
    event.session = Some(Session { id: "s".to_owned() });
    event
}

/// The prompts of what came; reports of losses have none.
fn prompts(events: &[Value]) -> Vec<String> {
    events.iter().filter_map(|event| Some(event["content"]["prompt"].as_str()?.to_owned())).collect()
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[test]
fn everything_arrives_in_order_and_is_acknowledged() {
    let server = Server::default();
    let emitter = builder(server.listen()).api_key("k-1").environment("test").build().unwrap();
    numbers(0..2500).iter().for_each(|prompt| emitter.emit(event(&emitter, prompt)));
    emitter.flush(PATIENCE).unwrap();
    assert_eq!(prompts(&server.events()), numbers(0..2500));
    let stats = emitter.stats();
    assert_eq!((stats.emitted, stats.acknowledged, stats.dropped(), stats.queued), (2500, 2500, 0, 0));
    server.wait(|state| (state.authorization.as_deref() == Some("Bearer k-1")).then_some(()));
    let first = &server.events()[0];
    assert_eq!((&first["service"]["name"], &first["environment"]), (&"app".into(), &"test".into()));
}

#[test]
fn a_server_that_comes_back_gets_everything_once_and_in_order() {
    let (server, address) = Server::away();
    let emitter = builder(address).batch(10, 1 << 20).build().unwrap();
    numbers(0..100).iter().for_each(|prompt| emitter.emit(event(&emitter, prompt)));
    let error = emitter.flush(Duration::from_millis(300)).unwrap_err();
    let fault = "connection to the endpoint broke".to_owned();
    assert_eq!(error, FlushError::Timeout { last_fault: Some(fault) });
    assert_eq!(emitter.stats().acknowledged, 0);

    server.script(503, "retry-after: 0\r\n", "");
    server.script(429, "", "");
    server.script(500, "", "");
    server.script(202, "", "<html>not us</html>");
    server.script(401, "", "");
    server.back();
    emitter.flush(PATIENCE).unwrap();
    let mut got = prompts(&server.events());
    // The server took the batch of the answer that was no receipt, too; the ids make that harmless.
    got.dedup_by_key(|prompt| prompt.clone());
    assert_eq!(got[got.len() - 90..], numbers(10..100));
    let stats = emitter.stats();
    assert_eq!((stats.acknowledged, stats.dropped()), (100, 0));
    assert!(stats.retries >= 6, "{stats:?}");
}

#[test]
fn refused_events_are_counted_and_the_rest_goes_on() {
    let server = Server::default();
    let emitter = builder(server.listen()).linger(Duration::from_secs(60)).build().unwrap();
    let items = r#"[{"index":0,"status":202,"ids":[]},{"index":1,"status":400,"field":"kind","reason":"is odd"}]"#;
    server.script(202, "", &format!(r#"{{"accepted":1,"rejected":1,"items":{items}}}"#));
    emitter.emit(event(&emitter, "a"));
    emitter.emit(event(&emitter, "b"));
    assert_eq!(emitter.flush(PATIENCE), Err(FlushError::Dropped { events: 1 }));
    let stats = emitter.stats();
    assert_eq!((stats.acknowledged, stats.dropped_for(DropReason::Rejected)), (1, 1));
    assert_eq!(stats.last_fault.as_deref(), Some("kind: is odd"));
    emitter.emit(event(&emitter, "c"));
    emitter.flush(PATIENCE).unwrap();
}

#[test]
fn a_batch_that_is_too_large_goes_in_parts() {
    let server = Server::default();
    let emitter = builder(server.listen()).linger(Duration::from_secs(60)).build().unwrap();
    server.script(413, "", "");
    server.script(413, "", "");
    numbers(0..4).iter().for_each(|prompt| emitter.emit(event(&emitter, prompt)));
    emitter.flush(PATIENCE).unwrap();
    assert_eq!(prompts(&server.events()), numbers(0..4));
    server.script(413, "", "");
    emitter.emit(event(&emitter, "x"));
    assert_eq!(emitter.flush(PATIENCE), Err(FlushError::Dropped { events: 1 }));
    assert_eq!(emitter.stats().dropped_for(DropReason::TooLarge), 1);
}

#[test]
fn an_event_over_the_limit_never_leaves() {
    let server = Server::default();
    let emitter = builder(server.listen()).build().unwrap();
    emitter.emit(event(&emitter, &"x".repeat(901 * 1024)));
    emitter.emit(event(&emitter, "small"));
    assert_eq!(emitter.flush(PATIENCE), Err(FlushError::Dropped { events: 1 }));
    assert_eq!(emitter.stats().dropped_for(DropReason::TooLarge), 1);
    assert_eq!(prompts(&server.events()), ["small"]);
}

#[test]
fn a_full_queue_drops_by_policy_and_never_blocks() {
    for (policy, kept) in [(DropPolicy::Newest, numbers(0..8)), (DropPolicy::Oldest, numbers(92..100))] {
        let (server, address) = Server::away();
        let emitter = builder(address).queue_capacity(8).batch(1, 1).drop_policy(policy).build().unwrap();
        // The first one leaves the queue, for a server that is away.
        emitter.emit(event(&emitter, "first"));
        let deadline = std::time::Instant::now() + PATIENCE;
        while emitter.stats().queued > 0 || emitter.stats().retries == 0 {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        numbers(0..100).iter().for_each(|prompt| emitter.emit(event(&emitter, prompt)));
        assert_eq!(emitter.stats().dropped_for(DropReason::QueueFull), 92);
        server.back();
        assert_eq!(emitter.flush(PATIENCE), Err(FlushError::Dropped { events: 92 }));
        assert_eq!(prompts(&server.events())[1..], kept, "{policy:?}");
        emitter.emit(event(&emitter, "later"));
        emitter.flush(PATIENCE).unwrap();
        let report = server.events().into_iter().find(|event| event["kind"] == "error").unwrap();
        let message = report["error"]["message"].as_str().unwrap();
        assert!(message.ends_with("queue_full 92"), "{message}");
    }
}

#[test]
fn shutting_down_sends_what_is_queued_and_then_takes_no_more() {
    let server = Server::default();
    let emitter = builder(server.listen()).linger(Duration::from_secs(60)).build().unwrap();
    numbers(0..10).iter().for_each(|prompt| emitter.emit(event(&emitter, prompt)));
    emitter.shutdown(PATIENCE).unwrap();
    assert_eq!(prompts(&server.events()), numbers(0..10));
    emitter.emit(event(&emitter, "late"));
    assert_eq!(emitter.stats().dropped_for(DropReason::Shutdown), 1);
    assert_eq!(emitter.flush(PATIENCE), Err(FlushError::Closed));
}

#[test]
fn shutting_down_gives_up_at_the_deadline_and_counts() {
    let (_server, address) = Server::away();
    let emitter = builder(address).build().unwrap();
    numbers(0..10).iter().for_each(|prompt| emitter.emit(event(&emitter, prompt)));
    let error = emitter.shutdown(Duration::from_millis(100)).unwrap_err();
    assert!(matches!(error, FlushError::Timeout { last_fault: Some(_) }), "{error}");
    assert_eq!(emitter.stats().dropped_for(DropReason::Shutdown), 10);
}

#[test]
fn losses_are_told_to_who_waits_and_not_to_who_gave_up() {
    let (_server, address) = Server::away();
    let emitter = builder(address).build().unwrap();
    emitter.emit(event(&emitter, "a"));
    for _ in 0..100 {
        assert!(matches!(emitter.flush(Duration::ZERO), Err(FlushError::Timeout { .. })));
    }
    let error = emitter.shutdown(Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, FlushError::Timeout { last_fault: Some(_) }), "{error}");
}

#[test]
fn the_last_clone_sends_what_is_queued() {
    let server = Server::default();
    let emitter = builder(server.listen()).linger(Duration::from_secs(60)).build().unwrap();
    let clone = emitter.clone();
    emitter.emit(event(&emitter, "a"));
    drop(emitter);
    clone.emit(event(&clone, "b"));
    drop(clone);
    assert_eq!(prompts(&server.events()), ["a", "b"]);
}

#[tokio::test]
async fn it_works_within_an_async_runtime_without_blocking_it() {
    let server = Server::default();
    let emitter = builder(server.listen()).build().unwrap();
    emitter.emit(event(&emitter, "a"));
    emitter.flush_async(PATIENCE).await.unwrap();
    emitter.emit(event(&emitter, "b"));
    emitter.shutdown_async(PATIENCE).await.unwrap();
    assert_eq!(prompts(&server.events()), ["a", "b"]);
}

#[test]
fn an_object_becomes_its_events_or_is_counted() {
    let server = Server::default();
    let emitter = builder(server.listen()).environment("test").build().unwrap();
    let object = |value: Value| value.as_object().unwrap().clone();
    let told = serde_json::json!({"prompt": "p", "guardrail_triggered": false, "tool_called": ["a", "b"], "team": "x"});
    emitter.emit_object(object(told));
    emitter.emit_object(object(serde_json::json!({"latency_ms": "slow"})));
    assert_eq!(emitter.flush(PATIENCE), Err(FlushError::Dropped { events: 1 }));
    // The report of the loss may be there by now.
    let events: Vec<Value> = server.events().into_iter().filter(|event| event["kind"] != "error").collect();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["llm", "guardrail", "tool", "tool"]);
    assert!(events.iter().all(|event| event["service"]["name"] == "app" && event["environment"] == "test"));
    let stats = emitter.stats();
    assert_eq!((stats.dropped(), stats.dropped_for(DropReason::Rejected)), (1, 1));
    assert_eq!(stats.last_fault.as_deref(), Some("latency_ms: is not a number"));
}

#[test]
fn many_threads_emit_at_once() {
    let server = Server::default();
    let emitter = builder(server.listen()).build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| numbers(0..500).iter().for_each(|prompt| emitter.emit(event(&emitter, prompt))));
        }
    });
    emitter.flush(PATIENCE).unwrap();
    assert_eq!(server.events().len(), 4000);
}
