//! Spans become events.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use lapwing_emitter::{Context, Emitter, EmitterLayer};
use serde_json::{Value, json};
use support::{PATIENCE, Server};
use tracing::field::Empty;
use tracing::{info_span, subscriber};
use tracing_subscriber::layer::SubscriberExt;

fn events_of(play: impl FnOnce()) -> Vec<Value> {
    let server = Server::default();
    let address = server.listen();
    let builder = Emitter::builder().service("app").to_http(&format!("http://{address}"));
    let emitter = builder.linger(Duration::from_millis(5)).build().unwrap();
    let registry = tracing_subscriber::registry().with(EmitterLayer::new(emitter.clone()));
    subscriber::with_default(registry, play);
    emitter.flush(PATIENCE).unwrap();
    server.events()
}

#[test]
fn spans_with_gen_ai_fields_are_events_of_one_interaction() {
    let events = events_of(|| {
        let model = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.system = "openai",
            gen_ai.request.model = "gpt-4o",
            gen_ai.usage.input_tokens = 3_u64,
            gen_ai.prompt = "hi",
            gen_ai.completion = Empty,
            gen_ai.response.finish_reasons = "stop",
            gen_ai.conversation.id = "s-1",
            my.own = true,
        );
        let _entered = model.enter();
        let _other = info_span!("nothing of ours", id = 1).entered();
        let arguments = r#"{"q":1}"#;
        drop(info_span!(
            "tool", gen_ai.operation.name = "execute_tool", gen_ai.tool.name = "search",
            gen_ai.tool.call.arguments = arguments, error.type = "timeout",
        ));
        model.record("gen_ai.completion", "hello");
    });
    assert_eq!(events.len(), 2);
    let (tool, llm) = (&events[0], &events[1]);
    assert_eq!(tool["interaction_id"], llm["id"]);
    assert_eq!((&tool["kind"], &tool["outcome"]), (&"tool".into(), &"error".into()));
    assert_eq!(tool["tool"], json!({"name": "search", "status": "error", "arguments": {"q": 1}}));
    assert_eq!((&llm["kind"], &llm["outcome"]), (&"llm".into(), &"ok".into()));
    assert_eq!(llm["content"], json!({"prompt": "hi", "response": "hello"}));
    assert_eq!(llm["gen_ai"]["provider"]["name"], "openai");
    assert_eq!(llm["gen_ai"]["usage"]["input_tokens"], 3);
    assert_eq!(llm["gen_ai"]["response"]["finish_reasons"], json!(["stop"]));
    assert_eq!((&llm["session"]["id"], &llm["attrs"]["my.own"]), (&"s-1".into(), &true.into()));
    assert!(llm["latency_ms"].as_f64().is_some());
}

#[test]
fn a_span_takes_the_context_it_begins_in() {
    let events = events_of(|| {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        Context::new().user("u").traceparent(trace).sync_scope(|| drop(info_span!("chat", gen_ai.request.model = "m")));
    });
    assert_eq!(events[0]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((&events[0]["user"]["id"], &events[0]["gen_ai"]["request"]["model"]), (&"u".into(), &"m".into()));
}
