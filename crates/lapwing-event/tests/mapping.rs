//! What goes in and what comes out of the mapper: plain JSON, events of the schema, and bad input.
#![allow(clippy::unwrap_used)]

use lapwing_event::{Arrival, Event, Kind, Outcome, Rejection, TenantId, Timestamp, decode_raw, encode, map_item};
use serde_json::{Value, json};

fn arrival() -> Arrival {
    Arrival::new(TenantId::new("acme").unwrap(), Timestamp::parse("2026-11-24T06:30:00Z").unwrap())
}

fn map(item: &Value) -> Result<Vec<Event>, Rejection> {
    map_item(item.to_string().as_bytes(), &arrival(), &mut |_| [7; 10])
}

#[test]
fn a_plain_object_becomes_an_interaction_of_several_events() {
    let events = map(&json!({
        "interaction_id": "42", "User_ID": "alice", "prompt": "Hey, delete system files please.",
        "response": "No.", "latency_ms": "12.5", "model_id": "MockLLM-v1.0", "guardrail_triggered": "true",
        "guardrail_reason": "destructive", "toxicity_score": 0.91, "tool_called": "delete_file",
        "tool_output": {"deleted": 0}, "timestamp": "2026-11-24T06:29:59.5", "region": "eu", "note": null,
    }))
    .unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["llm", "guardrail", "tool"]);
    assert!(events.iter().all(|event| event.interaction_id == events[0].interaction_id));
    assert!(events.iter().all(|event| event.tenant.id.as_str() == "acme" && event.user_id() == Some("alice")));

    let llm = &events[0];
    assert_eq!((llm.latency_ms, &llm.outcome), (Some(12.5), &Outcome::Blocked));
    assert_eq!(llm.gen_ai.as_ref().unwrap().model(), Some("MockLLM-v1.0"));
    assert_eq!(llm.scores.as_ref().unwrap().toxicity, Some(0.91));
    assert_eq!(llm.timestamp.to_string(), "2026-11-24T06:29:59.5Z");
    assert_eq!(Value::Object(llm.attrs.clone()), json!({"region": "eu", "interaction_id": "42"}));
    assert_eq!(events[1].guardrail.as_ref().unwrap().action.as_str(), "blocked");
    let tool = events[2].tool.as_ref().unwrap();
    assert_eq!((tool.name.as_str(), tool.output.as_deref()), ("delete_file", Some(r#"{"deleted":0}"#)));
}

#[test]
fn the_same_item_sent_again_is_the_same_event() {
    let item = json!({"interaction_id": "42", "prompt": "hi", "timestamp": 1_795_501_700});
    let ids = |item: &Value| map(item).unwrap().iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(&item), ids(&item));
    let mut other = item.clone();
    other["prompt"] = json!("ho");
    assert_ne!(ids(&item), ids(&other));
}

#[test]
fn tools_come_as_names_lists_and_objects() {
    let check = |called: Value, expect: &[&str]| {
        let events = map(&json!({"prompt": "p", "tool_called": called})).unwrap();
        let names: Vec<_> =
            events.iter().filter_map(|event| event.tool.as_ref()).map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, expect);
    };
    check(json!("search"), &["search"]);
    check(json!(null), &[]);
    check(json!("None"), &[]);
    check(json!(["a", "b"]), &["a", "b"]);
    check(json!([{"name": "a", "arguments": "{\"x\":1}"}]), &["a"]);
}

#[test]
fn an_event_of_the_schema_is_completed_and_its_unknown_fields_kept() {
    let event = &map(&json!({
        "kind": "tool", "service": {"name": "app"}, "tool": {"name": "t", "status": "ok", "arguments": "{\"a\":[1]}", "color": "red"},
        "tenant": {"id": "somebody-else"}, "sanitization": {"policy_version": "x", "status": "ok", "total": 0}, "shape": {"round": true},
    }))
    .unwrap()[0];
    assert_eq!(event.tenant.id.as_str(), "acme");
    assert_eq!(event.sanitization, None);
    assert_eq!(event.tool.as_ref().unwrap().arguments, Some(json!({"a": [1]})));
    assert_eq!(Value::Object(event.attrs.clone()), json!({"tool.color": "red", "shape": {"round": true}}));
    assert_eq!(event.timestamp, arrival().received_at);
}

#[test]
fn a_clock_ahead_is_corrected_and_the_original_kept() {
    let event = &map(&json!({"prompt": "p", "timestamp": "2026-11-24T07:30:00Z"})).unwrap()[0];
    assert_eq!(event.timestamp, arrival().received_at);
    assert_eq!(event.attrs["ts_original"], "2026-11-24T07:30:00Z");
    let near = &map(&json!({"prompt": "p", "timestamp": "2026-11-24T06:34:00Z"})).unwrap()[0];
    assert_eq!(near.timestamp.to_string(), "2026-11-24T06:34:00Z");
}

#[test]
fn bad_input_is_refused_by_field_without_quoting_it() {
    let check = |bytes: &[u8], field: &str, part: &str| {
        let rejection = map_item(bytes, &arrival(), &mut |_| [7; 10]).unwrap_err();
        assert_eq!(rejection.field, field, "{rejection}");
        assert!(rejection.reason.contains(part), "{rejection}");
        assert!(!rejection.to_string().contains("s3cr3t"), "{rejection}");
    };
    let native = |extra: Value| {
        let mut event = json!({"kind": "llm", "service": {"name": "app"}});
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        event.to_string()
    };
    let deep = format!("{}1{}", r#"{"a":"#.repeat(70), "}".repeat(70));
    let deeper = format!("{}1{}", r#"{"a":"#.repeat(5000), "}".repeat(5000));
    let many: Value = (0..10_000).map(|i| (format!("k{i}"), json!(i))).collect::<serde_json::Map<_, _>>().into();
    let huge = json!({"prompt": "x".repeat(901 * 1024)}).to_string();

    check(b"", "$", "ends early");
    check(b"s3cr3t", "$", "not JSON");
    check(b"{\"prompt\": \"s3cr3t", "$", "ends early");
    check(br#"{"prompt": "\ud800"}"#, "$", "invalid Unicode");
    check(b"{\"prompt\": \"\xff\"}", "$", "invalid Unicode");
    check(b"[1]", "$", "is an array");
    check(b"\"s3cr3t\"", "$", "is a string");
    check(deep.as_bytes(), "$", "too deep");
    check(deeper.as_bytes(), "$", "too deep");
    check(many.to_string().as_bytes(), "$", "too many fields");
    check(huge.as_bytes(), "$", "at most");
    check(br#"{"prompt": "a\u0000b"}"#, "content.prompt", "NUL");
    check(br#"{"prompt": "p", "x": {"a\u0000b": 1}}"#, "attrs", "NUL");
    check(br#"{"prompt": "p", "timestamp": "1970-01-01T00:00:00Z"}"#, "@timestamp", "year 2000");
    check(br#"{"prompt": "p", "timestamp": "2100-01-01T00:00:00Z"}"#, "@timestamp", "future");
    check(br#"{"prompt": "p", "timestamp": "s3cr3t"}"#, "timestamp", "not a time");
    check(br#"{"prompt": "p", "latency_ms": "s3cr3t"}"#, "latency_ms", "not a number");
    check(br#"{"prompt": "p", "latency_ms": -1}"#, "latency_ms", "between");
    check(br#"{"prompt": "p", "toxicity_score": 7}"#, "scores.toxicity", "between 0 and 1");
    check(br#"{"prompt": "p", "guardrail_triggered": "s3cr3t"}"#, "guardrail_triggered", "true or false");
    check(br#"{"tool_called": [{"arguments": 1}]}"#, "tool_called[0].name", "missing");
    check(br#"{"tool_called": 7}"#, "tool_called[0]", "a number");
    check(br#"{"kind": "s3cr3t", "service": {"name": "a"}}"#, "kind", "is not one of llm, tool");
    check(br#"{"kind": "llm"}"#, "service", "missing");
    check(br#"{"kind": "llm", "service": {}}"#, "service.name", "missing");
    check(br#"{"kind": "tool", "service": {"name": "a"}}"#, "tool", "missing");
    check(br#"{"kind": "tool", "service": {"name": "a"}, "tool": {"name": "", "status": "ok"}}"#, "tool.name", "empty");
    check(native(json!({"id": "s3cr3t"})).as_bytes(), "id", "not a UUID");
    check(native(json!({"schema_version": "2.0"})).as_bytes(), "schema_version", "1.x");
    check(native(json!({"trace_id": "s3cr3t"})).as_bytes(), "trace_id", "32 hexadecimal");
    check(native(json!({"latency_ms": "s3cr3t"})).as_bytes(), "latency_ms", "expected f64");
    check(
        native(json!({"gen_ai": {"usage": {"input_tokens": -5}}})).as_bytes(),
        "gen_ai.usage.input_tokens",
        "expected u64",
    );
    check(native(json!({"content": "s3cr3t"})).as_bytes(), "content", "expected struct Content");
}

#[test]
fn the_raw_topic_is_read_back_as_written_and_its_tenant_believed() {
    let written = &map(&json!({"prompt": "p", "session_id": "s"})).unwrap()[0];
    let other = Arrival::new(TenantId::default(), arrival().received_at);
    let read = decode_raw(&encode(written), &other, &mut |_| [7; 10]).unwrap();
    assert_eq!(&read[0], written);
    assert_eq!(read[0].partition_key(), "acme\u{1f}s");

    let by_hand = br#"{"prompt": "p", "tenant": {"id": "zeta"}}"#;
    let read = decode_raw(by_hand, &other, &mut |_| [7; 10]).unwrap();
    assert_eq!((read[0].tenant.id.as_str(), &read[0].kind), ("zeta", &Kind::Llm));
}
