//! What the guards emit, seen by a bus.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lapwing_bus::{BusError, Record, Sink, topics};
use lapwing_emitter::Emitter;
use lapwing_event::{Arrival, Document, GuardrailAction, GuardrailStage, TenantId, Timestamp, map_item};
use serde_json::{Value, json};

#[derive(Default)]
struct Memory(Mutex<Vec<Record>>);

#[async_trait]
impl Sink for Memory {
    async fn send(&self, topic: &str, records: Vec<Record>) -> Result<(), BusError> {
        assert_eq!(topic, topics::RAW);
        self.0.lock().unwrap().extend(records);
        Ok(())
    }

    async fn ready(&self) -> Result<(), BusError> {
        Ok(())
    }
}

/// The events that `play` emits; each is one that the front door takes.
fn events_of(play: impl FnOnce(&Emitter)) -> Vec<Value> {
    let bus = Arc::new(Memory::default());
    let emitter = Emitter::builder().service("shop").service_version("1.2").to_sink(bus.clone()).build().unwrap();
    play(&emitter);
    emitter.flush(Duration::from_secs(20)).unwrap();
    let records = bus.0.lock().unwrap();
    let value = |record: &Record| {
        let event: Value = serde_json::from_slice(&record.value).unwrap();
        let at = Timestamp::parse(event["received_at"].as_str().unwrap()).unwrap();
        let taken = map_item(&record.value, &Arrival::new(TenantId::default(), at), &mut |_| unreachable!()).unwrap();
        assert_eq!(record.key.as_deref(), Some(taken[0].partition_key().as_bytes()));
        assert!(record.headers.contains(&("ce_id".to_owned(), taken[0].id.to_string().into())));
        event
    };
    records.iter().map(value).collect()
}

#[test]
fn an_interaction_joins_what_happens_in_it() {
    let events = events_of(|emitter| {
        let i = emitter.interaction().model("gpt-4o").provider("openai").user("u").session("s").agent("a").prompt("hi");
        i.retrieval("wiki", "hi", vec![Document { id: Some("d".to_owned()), ..Document::default() }]);
        i.tool_call("search", json!({"q": 1}), "found");
        i.tool("mail", json!({"to": "x"})).call_id("c-1").denied("not allowed");
        i.guardrail("words", GuardrailStage::Output, GuardrailAction::Moderated, Some("rude"));
        i.guardrail("words", GuardrailStage::Output, GuardrailAction::Allowed, None);
        i.usage(3, 4);
        i.finish_reason("stop");
        i.toxicity(0.1);
        i.respond("hello");
    });
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["retrieval", "tool", "tool", "guardrail", "guardrail", "llm"]);
    let llm = &events[5];
    for event in &events {
        assert_eq!(event["interaction_id"], llm["id"]);
        assert_eq!((&event["session"]["id"], &event["user"]["id"]), (&"s".into(), &"u".into()));
        assert_eq!(event["service"], json!({"name": "shop", "version": "1.2"}));
    }
    assert_eq!(events[1]["tool"]["arguments"], json!({"q": 1}));
    assert_eq!((&events[2]["tool"]["status"], &events[2]["outcome"]), (&"denied".into(), &"blocked".into()));
    assert!(events[2]["latency_ms"].as_f64().is_some());
    assert_eq!(llm["content"], json!({"prompt": "hi", "response": "hello"}));
    assert_eq!(llm["tool_names"], json!(["search", "mail"]));
    assert_eq!((&llm["guardrail_action"], &llm["outcome"]), (&"moderated".into(), &"moderated".into()));
    assert_eq!(llm["gen_ai"]["usage"], json!({"input_tokens": 3, "output_tokens": 4}));
}

#[test]
fn unwinding_makes_the_outcome_an_error() {
    let events = events_of(|emitter| {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let i = emitter.interaction().prompt("hi");
            let _running = i.tool("search", json!({}));
            std::panic::resume_unwind(Box::new("no hook, no noise"));
        }));
        assert!(unwound.is_err());
    });
    let outcomes: Vec<(&Value, &Value)> = events.iter().map(|event| (&event["kind"], &event["outcome"])).collect();
    assert_eq!(outcomes, [(&json!("tool"), &json!("error")), (&json!("llm"), &json!("error"))]);
}

#[tokio::test]
async fn a_task_that_is_cancelled_leaves_an_error_and_one_that_came_to_its_end_does_not() {
    let bus = Arc::new(Memory::default());
    let emitter = Emitter::builder().service("shop").to_sink(bus.clone()).build().unwrap();
    let begun = Arc::new(tokio::sync::Notify::new());
    let (task_emitter, tell) = (emitter.clone(), begun.clone());
    let task = tokio::spawn(async move {
        let i = task_emitter.interaction().prompt("a slow one");
        tell.notify_one();
        std::future::pending::<()>().await;
        i.respond("never");
    });
    begun.notified().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    emitter.interaction().prompt("not recorded").end();
    emitter.flush_async(Duration::from_secs(20)).await.unwrap();
    let records = bus.0.lock().unwrap();
    let events: Vec<Value> = records.iter().map(|record| serde_json::from_slice(&record.value).unwrap()).collect();
    let outcomes: Vec<(&Value, &Value)> =
        events.iter().map(|event| (&event["content"]["prompt"], &event["outcome"])).collect();
    assert_eq!(outcomes, [(&json!("a slow one"), &json!("error")), (&json!("not recorded"), &json!("ok"))]);
}

#[test]
fn errors_refusals_and_blocks_become_outcomes() {
    let outcome = |play: fn(&lapwing_emitter::Interaction)| {
        let events = events_of(|emitter| play(&emitter.interaction()));
        events.last().unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome(|_| {}), "ok");
    assert_eq!(outcome(|i| i.edit(|event| event.content.get_or_insert_default().prompt = Some("q".into()))), "error");
    assert_eq!(outcome(|i| i.respond("a")), "ok");
    assert_eq!(outcome(|i| i.refused()), "refused");
    assert_eq!(outcome(|i| i.error("timeout", "the model did not answer")), "error");
    assert_eq!(outcome(|i| i.guardrail("g", GuardrailStage::Input, GuardrailAction::Blocked, None)), "blocked");
}
