//! Spans and log records of each convention, as its instrumentations write them, and soups of attributes.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::{Arrival, Event, MAX_ATTR_KEYS, TenantId, Timestamp, decode_raw, encode};

const START: u64 = 1_795_501_800_000_000_000;

fn arrival() -> Arrival {
    Arrival::new(TenantId::new("acme").unwrap(), Timestamp::from_millis(1_795_501_800_000))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn origin() -> Origin {
    let resource = json!({"service.name": "shop", "service.version": "2", "deployment.environment.name": "test",
        "host.name": "web-1", "telemetry.sdk.name": "opentelemetry"});
    Origin::new(object(resource), "tracer")
}

fn span(attributes: Value) -> Span {
    Span {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        parent_span_id: vec![0xef; 8],
        name: "the span".to_owned(),
        start_nanos: START,
        end_nanos: START + 250_000_000,
        attributes: object(attributes),
        ..Span::default()
    }
}

fn span_event(name: &str, attributes: Value) -> SpanEvent {
    SpanEvent { name: name.to_owned(), nanos: START + 40_000_000, attributes: object(attributes) }
}

fn events(span: Span) -> Vec<Value> {
    let events = map_span(span, &origin(), &arrival()).unwrap();
    events.iter().map(|event| serde_json::to_value(event).unwrap()).collect()
}

/// Everything in `expect` stands in `got`; null stands for nothing.
fn assert_within(got: &Value, expect: &Value, path: &str) {
    match expect {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| assert_within(&got[key.as_str()], value, &format!("{path}.{key}")));
        }
        _ => assert_eq!(got, expect, "{path}"),
    }
}

/// One span with these attributes becomes one event that has all of this.
fn check(attributes: Value, expect: Value) {
    let got = events(span(attributes.clone()));
    assert_eq!(got.len(), 1, "{attributes}");
    assert_within(&got[0], &expect, "$");
}

#[test]
fn the_envelope_says_who_where_and_when() {
    check(
        json!({"gen_ai.operation.name": "chat", "user.id": "u-1", "gen_ai.conversation.id": "c-1",
            "gen_ai.agent.id": "a-1", "gen_ai.agent.name": "helper", "server.address": "localhost", "odd": [1, null]}),
        json!({
            "kind": "llm", "@timestamp": "2026-11-24T06:30:00Z", "latency_ms": 250.0, "outcome": "ok",
            "tenant": {"id": "acme"}, "service": {"name": "shop", "version": "2"}, "environment": "test",
            "agent": {"id": "a-1", "name": "helper"}, "user": {"id": "u-1"}, "session": {"id": "c-1"},
            "trace_id": "ab".repeat(16), "span_id": "cd".repeat(8), "parent_span_id": "ef".repeat(8),
            "interaction_id": "abababab-abab-abab-abab-abababababab",
            "source": {"format": "otlp", "convention": "gen_ai"},
            "attrs": {"server.address": "localhost", "odd": [1, null], "resource": {"host.name": "web-1"},
                "scope.name": "tracer", "span.name": "the span"},
        }),
    );
}

#[test]
fn the_current_convention_is_read_structured_or_as_text() {
    let input = json!([
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
    ]);
    let output = json!([{"role": "assistant", "finish_reason": "tool_calls",
        "parts": [{"type": "tool_call", "id": "1", "name": "get_weather", "arguments": {"city": "Oslo"}}]}]);
    let expect = json!({
        "gen_ai": {"operation": {"name": "chat"}, "provider": {"name": "openai"},
            "request": {"model": "m", "temperature": 0.5, "max_tokens": 50},
            "response": {"model": "m-1", "id": "r", "finish_reasons": ["tool_call"]},
            "usage": {"input_tokens": 12, "output_tokens": 7, "cache_read_tokens": 4, "cache_write_tokens": 2,
                "reasoning_tokens": 3}},
        "content": {"system": "Be brief.", "prompt": "Weather?", "response": null},
        "tool_names": ["get_weather"], "ttft_ms": 80.0,
    });
    for (input, output) in [(input.clone(), output.clone()), (input.to_string().into(), output.to_string().into())] {
        let attributes = json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m",
            "gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 50, "gen_ai.response.model": "m-1",
            "gen_ai.response.id": "r", "gen_ai.response.finish_reasons": ["tool_calls"],
            "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 7,
            "gen_ai.usage.cache_read.input_tokens": 4, "gen_ai.usage.cache_creation.input_tokens": 2,
            "gen_ai.usage.reasoning.output_tokens": 3, "gen_ai.response.time_to_first_chunk": 0.08,
            "gen_ai.input.messages": input, "gen_ai.output.messages": output,
        });
        let got = events(span(attributes));
        assert_within(&got[0], &expect, "$");
        assert_eq!(got[0]["content"]["messages"][2]["parts"][0]["arguments"], json!({"city": "Oslo"}));
        assert_eq!(got[0]["attrs"].as_object().unwrap().len(), 3, "nothing is kept twice: {}", got[0]["attrs"]);
    }
}

#[test]
fn system_instructions_stand_apart_and_a_short_exchange_has_no_history() {
    let said = |role: &str, text: &str| json!([{"role": role, "parts": [{"type": "text", "content": text}]}]);
    check(
        json!({"gen_ai.operation.name": "chat", "gen_ai.input.messages": said("user", "hi"),
            "gen_ai.output.messages": said("assistant", "hello"),
            "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}]}),
        json!({"content": {"system": "Be kind.", "prompt": "hi", "response": "hello", "messages": null}}),
    );
}

#[test]
fn older_conventions_are_read() {
    check(
        json!({
            "gen_ai.system": "OpenAI", "llm.request.type": "chat", "gen_ai.request.model": "m",
            "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.1.role": "user", "gen_ai.prompt.1.content": "Weather?",
            "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.finish_reason": "tool_calls",
            "gen_ai.completion.0.tool_calls.0.id": "1", "gen_ai.completion.0.tool_calls.0.name": "get_weather",
            "gen_ai.completion.0.tool_calls.0.arguments": "{\"city\": \"Oslo\"}",
            "gen_ai.usage.prompt_tokens": 12, "llm.usage.total_tokens": 19,
        }),
        json!({
            "gen_ai": {"operation": {"name": "chat"}, "provider": {"name": "openai"}, "request": {"model": "m"},
                "response": {"finish_reasons": ["tool_call"]}, "usage": {"input_tokens": 12, "output_tokens": 7}},
            "content": {"system": "Be brief.", "prompt": "Weather?"}, "tool_names": ["get_weather"],
        }),
    );
}

#[test]
fn openinference_is_read() {
    check(
        json!({
            "openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "m-1",
            "llm.invocation_parameters": "{\"model\": \"m\", \"temperature\": 0.5, \"max_tokens\": 50, \"user\": \"u\"}",
            "input.value": "{\"messages\": []}", "input.mime_type": "application/json", "output.value": "{}",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "What is",
            "llm.input_messages.0.message.contents.1.message_content.type": "image",
            "llm.input_messages.0.message.contents.1.message_content.image.image.url": "https://x.example/y.png",
            "llm.input_messages.1.message.role": "tool", "llm.input_messages.1.message.tool_call_id": "1",
            "llm.input_messages.1.message.content": "4 C",
            "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "A bird.",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "look",
            "llm.token_count.prompt": 12, "llm.token_count.completion": 7, "llm.token_count.total": 19,
            "llm.token_count.prompt_details.cache_read": 4, "llm.token_count.completion_details.reasoning": 3,
            "llm.finish_reason": "stop", "llm.cost.total": 0.25, "session.id": "s-1",
        }),
        json!({
            "source": {"convention": "openinference"}, "cost_usd": 0.25, "session": {"id": "s-1"}, "user": {"id": "u"},
            "gen_ai": {"operation": {"name": "chat"}, "provider": {"name": "openai"},
                "request": {"model": "m", "temperature": 0.5, "max_tokens": 50},
                "response": {"model": "m-1", "finish_reasons": ["stop"]},
                "usage": {"input_tokens": 12, "output_tokens": 7, "cache_read_tokens": 4, "reasoning_tokens": 3}},
            "content": {"prompt": "What is", "response": "A bird."}, "tool_names": ["look"],
            "attrs": {"input.value": null, "output.value": null},
        }),
    );
    // The flattened messages do not say that the model declined; the whole answer does.
    check(
        json!({"openinference.span.kind": "LLM", "llm.output_messages.0.message.role": "assistant",
            "output.value": "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"refusal\":\"No.\"}}]}"}),
        json!({"outcome": "refused", "refusal": true, "refusal_source": "provider", "content": {"response": "No."}}),
    );
    check(
        json!({"openinference.span.kind": "CHAIN", "input.value": "why?", "output.value": "{\"answer\": 42}"}),
        json!({"gen_ai": {"operation": {"name": "chain"}, "request": {"model": "unknown"}},
            "content": {"prompt": "why?", "response": "{\"answer\":42}"}}),
    );
}

#[test]
fn openllmetry_is_read() {
    check(
        json!({"traceloop.span.kind": "workflow", "traceloop.entity.name": "flow", "traceloop.workflow.name": "flow",
            "traceloop.association.properties.user_id": "u-1", "traceloop.association.properties.session_id": "s-1",
            "traceloop.entity.input": "{\"args\": [\"hi\"], \"kwargs\": {}}", "traceloop.entity.output": "\"done\""}),
        json!({"kind": "llm", "source": {"convention": "openllmetry"}, "user": {"id": "u-1"}, "session": {"id": "s-1"},
            "gen_ai": {"operation": {"name": "invoke_workflow"}},
            "content": {"prompt": "{\"args\":[\"hi\"],\"kwargs\":{}}", "response": "\"done\""}}),
    );
    check(
        json!({"traceloop.span.kind": "tool", "traceloop.entity.name": "look",
            "traceloop.entity.input": "{\"args\": [], \"kwargs\": {\"order\": \"A-1\"}}",
            "traceloop.entity.output": "{\"state\": \"shipped\"}"}),
        json!({"kind": "tool", "tool": {"name": "look", "status": "ok", "arguments": {"order": "A-1"},
            "output": "{\"state\":\"shipped\"}"}}),
    );
}

#[test]
fn tools_and_mcp_are_executions() {
    check(
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look", "gen_ai.tool.call.id": "c-1",
            "gen_ai.tool.type": "function", "gen_ai.tool.call.arguments": "{\"order\": \"A-1\"}",
            "gen_ai.tool.call.result": {"state": "shipped"}}),
        json!({"kind": "tool", "tool": {"name": "look", "call_id": "c-1", "type": "function", "status": "ok",
            "arguments": {"order": "A-1"}, "output": "{\"state\":\"shipped\"}"}}),
    );
    check(
        json!({"mcp.method.name": "tools/call", "mcp.session.id": "m-1", "gen_ai.tool.name": "read",
            "gen_ai.tool.call.arguments": {"params": {"name": "read", "arguments": {"path": "/x"}}},
            "gen_ai.tool.call.result": "{\"content\": [], \"isError\": true}"}),
        json!({"kind": "tool", "outcome": "error", "source": {"convention": "mcp"},
            "mcp": {"method": "tools/call", "session_id": "m-1"},
            "tool": {"name": "read", "status": "error", "arguments": {"path": "/x"}}}),
    );
    check(
        json!({"openinference.span.kind": "TOOL", "tool.name": "add", "tool.parameters": "{\"a\": \"int\"}",
            "input.value": "{\"a\": 1}", "output.value": "2"}),
        json!({"tool": {"name": "add", "arguments": {"a": 1}, "output": "2"}}),
    );
    check(
        json!({"openinference.span.kind": "TOOL", "tool.parameters": "{\"a\": 1}"}),
        json!({
            "tool": {"name": "the span", "arguments": {"a": 1}},
        }),
    );
    check(
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "slow", "error.type": "TimeoutError"}),
        json!({"outcome": "error", "tool": {"status": "timeout"}, "error": {"type": "TimeoutError"}}),
    );
}

#[test]
fn retrievals_guardrails_and_evaluations_are_read() {
    check(
        json!({"openinference.span.kind": "RETRIEVER", "input.value": "returns?",
            "retrieval.documents.0.document.id": "d-1", "retrieval.documents.0.document.content": "Thirty days.",
            "retrieval.documents.0.document.score": 0.9,
            "retrieval.documents.0.document.metadata": "{\"source\": \"faq.md\", \"title\": \"FAQ\"}",
            "retrieval.documents.1.document.content": "No fee."}),
        json!({"kind": "retrieval", "retrieval": {"data_source": "the span", "query": "returns?", "uris": ["faq.md"],
            "text": "Thirty days.\n\nNo fee."}}),
    );
    check(
        json!({"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "kb", "gen_ai.retrieval.top_k": 3,
            "gen_ai.retrieval.query.text": "returns?",
            "gen_ai.retrieval.documents": "[{\"id\": \"d-1\", \"score\": 0.5}]"}),
        json!({"retrieval": {"data_source": "kb", "top_k": 3, "query": "returns?",
            "documents": [{"id": "d-1", "score": 0.5}]}}),
    );
    check(
        json!({"gen_ai.operation.name": "apply_guardrail", "gen_ai.guardian.name": "pii", "gen_ai.security.target.type":
            "llm_input", "gen_ai.security.decision.type": "deny", "gen_ai.security.decision.reason": "card number"}),
        json!({"kind": "guardrail", "outcome": "blocked", "guardrail": {"name": "pii", "stage": "input",
            "action": "blocked", "reason": "card number"}}),
    );
    check(
        json!({"openinference.span.kind": "EVALUATOR", "evaluation.name": "grounded", "evaluation.score": 0.25,
            "evaluation.label": "no", "evaluation.annotator_kind": "LLM"}),
        json!({"kind": "evaluation", "target_id": "ef".repeat(8),
            "evaluation": {"name": "grounded", "score": 0.25, "label": "no", "annotator": "llm"}}),
    );
}

#[test]
fn span_events_hold_messages_errors_and_evaluations() {
    let mut with_messages = span(json!({"gen_ai.system": "openai"}));
    with_messages.events = vec![
        span_event("gen_ai.system.message", json!({"content": "Be brief."})),
        span_event("gen_ai.user.message", json!({"gen_ai.event.content": "{\"content\": \"hi\"}"})),
        span_event("First Token Stream Event", json!({})),
        span_event(
            "gen_ai.choice",
            json!({"index": 0, "finish_reason": "end_turn",
            "message": "{\"content\": \"hello\"}"}),
        ),
        span_event(
            "gen_ai.evaluation.result",
            json!({"gen_ai.evaluation.name": "kind",
            "gen_ai.evaluation.score.value": 1}),
        ),
    ];
    let got = events(with_messages);
    assert_within(
        &got[0],
        &json!({"content": {"system": "Be brief.", "prompt": "hi", "response": "hello"}, "ttft_ms": 40.0,
            "gen_ai": {"response": {"finish_reasons": ["stop"]}}}),
        "$",
    );
    assert_within(&got[1], &json!({"kind": "evaluation", "evaluation": {"name": "kind", "score": 1.0}}), "$");
    assert_eq!(got[1]["target_id"], got[0]["id"]);

    let mut failed = span(json!({"gen_ai.operation.name": "chat", "error.type": "RateLimitError"}));
    failed.status = Status::Error;
    failed.status_message = "slow down".to_owned();
    let expect = json!({"outcome": "error", "error": {"type": "RateLimitError", "message": "slow down"}});
    assert_within(&events(failed.clone())[0], &expect, "$");
    failed.attributes.remove("error.type");
    failed.events = vec![span_event(
        "exception",
        json!({"exception.type": "openai.RateLimitError",
        "exception.message": "429", "exception.stacktrace": "Traceback"}),
    )];
    let expect = json!({"outcome": "error", "error": {"type": "openai.RateLimitError", "message": "429",
        "stack": "Traceback"}});
    assert_within(&events(failed.clone())[0], &expect, "$");
    failed.status = Status::Ok;
    assert_within(&events(failed)[0], &json!({"outcome": "ok", "error": null}), "$");

    let mut details = span(json!({"gen_ai.operation.name": "chat"}));
    details.events = vec![span_event(
        "gen_ai.client.inference.operation.details",
        json!({
        "gen_ai.input.messages": "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]"}),
    )];
    assert_within(&events(details)[0], &json!({"content": {"prompt": "hi"}}), "$");
}

#[test]
fn finish_reasons_have_four_names_and_a_refusal_shows() {
    let check = |reason: &str, expect: &str, outcome: &str| {
        let got = events(span(json!({"gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": [reason]})));
        let expect = json!({"gen_ai": {"response": {"finish_reasons": [expect]}}, "outcome": outcome});
        assert_within(&got[0], &expect, reason);
    };
    check("end_turn", "stop", "ok");
    check("STOP", "stop", "ok");
    check("max_tokens", "length", "ok");
    check("tool_use", "tool_call", "ok");
    check("content_filter", "content_filter", "ok");
    check("refusal", "content_filter", "refused");
    check("pause_turn", "pause_turn", "ok");
}

fn log(name: &str, body: Value) -> Log {
    Log {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        event_name: name.to_owned(),
        nanos: START,
        attributes: object(json!({"gen_ai.system": "openai"})),
        body,
        ..Log::default()
    }
}

fn logs(logs: Vec<Log>) -> (Vec<Value>, usize) {
    let mapped = map_logs(logs, &origin(), &arrival());
    assert!(mapped.rejected.is_empty(), "{:?}", mapped.rejected);
    (mapped.events.iter().map(|(event, _)| serde_json::to_value(event).unwrap()).collect(), mapped.dropped)
}

#[test]
fn the_messages_of_one_call_become_one_event() {
    let choice = json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}});
    let mut other_span = log("gen_ai.user.message", json!({"content": "apart"}));
    other_span.span_id = vec![0xce; 8];
    let (got, dropped) = logs(vec![
        log("gen_ai.system.message", json!({"content": "Be brief."})),
        log("gen_ai.user.message", json!({"content": "hi"})),
        other_span,
        log("gen_ai.choice", choice),
        log("http.request", Value::Null),
    ]);
    assert_eq!((got.len(), dropped), (2, 1));
    let expect = json!({"kind": "llm", "trace_id": "ab".repeat(16), "span_id": "cd".repeat(8),
        "source": {"convention": "gen_ai_event"},
        "gen_ai": {"provider": {"name": "openai"}, "response": {"finish_reasons": ["stop"]}},
        "content": {"system": "Be brief.", "prompt": "hi", "response": "hello"}});
    assert_within(&got[0], &expect, "$");
    assert_within(&got[1], &json!({"content": {"prompt": "apart"}}), "$");
    let (got, dropped) = logs(vec![log("gen_ai.user.message", Value::Null)]);
    assert_eq!((got.len(), dropped), (0, 1), "content was not captured");
}

#[test]
fn other_log_records_stand_for_themselves() {
    let mut details = log("gen_ai.client.inference.operation.details", Value::Null);
    details.attributes = object(json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]}));
    let mut evaluation = log("", Value::Null);
    evaluation.attributes = object(json!({"event.name": "gen_ai.evaluation.result", "gen_ai.evaluation.name": "kind",
        "gen_ai.response.id": "r-1", "gen_ai.evaluation.score.label": "yes"}));
    let mut exception = log("exception", "it broke".into());
    exception.attributes = object(json!({"exception.type": "ValueError"}));
    exception.nanos = 0;
    let (got, dropped) = logs(vec![details, evaluation, exception]);
    assert_eq!((got.len(), dropped), (3, 0));
    let by_kind = |kind: &str| got.iter().find(|event| event["kind"] == kind).unwrap();
    assert_within(by_kind("llm"), &json!({"gen_ai": {"request": {"model": "m"}}, "content": {"prompt": "hi"}}), "$");
    assert_within(by_kind("evaluation"), &json!({"target_id": "r-1", "evaluation": {"label": "yes"}}), "$");
    let expect = json!({"error": {"type": "ValueError", "message": "it broke"}, "outcome": "error",
        "@timestamp": "2026-11-24T06:30:00Z"});
    assert_within(by_kind("error"), &expect, "$");
}

#[test]
fn what_is_not_of_genai_is_dropped_and_what_cannot_be_an_event_is_refused() {
    assert!(events(span(json!({"http.request.method": "GET"}))).is_empty());
    let refused = |change: fn(&mut Span)| {
        let mut span = span(json!({"gen_ai.operation.name": "chat"}));
        change(&mut span);
        map_span(span, &origin(), &arrival()).unwrap_err().field
    };
    assert_eq!(refused(|span| span.trace_id = vec![0; 16]), "trace_id");
    assert_eq!(refused(|span| span.span_id = vec![1; 7]), "span_id");
    assert_eq!(refused(|span| span.start_nanos = 0), "@timestamp");
    assert_eq!(refused(|span| span.start_nanos = u64::MAX), "start_time_unix_nano");
}

#[test]
fn an_export_sent_again_is_the_same_events() {
    let ids = |tenant: &str, change: fn(&mut Span)| {
        let mut span = span(json!({"gen_ai.operation.name": "chat"}));
        change(&mut span);
        let arrival = Arrival::new(TenantId::new(tenant).unwrap(), arrival().received_at);
        map_span(span, &Origin::default(), &arrival).unwrap()[0].id
    };
    let id = ids("a", |_| {});
    assert_eq!(id, ids("a", |_| {}));
    assert_eq!(id.as_uuid().get_version_num(), 7);
    assert_ne!(id, ids("b", |_| {}));
    assert_ne!(id, ids("a", |span| span.span_id[0] ^= 1));
    assert_ne!(id, ids("a", |span| span.trace_id[0] ^= 1));
}

#[test]
fn what_is_too_much_is_bounded_and_nothing_is_nul() {
    let mut attributes = Map::new();
    attributes.insert("gen_ai.operation.name".to_owned(), "execute_tool".into());
    attributes.insert("gen_ai.tool.name".to_owned(), "a\0b".into());
    let many: Map<String, Value> = (0..5000).map(|number| (format!("k{number}"), number.into())).collect();
    attributes.insert("gen_ai.tool.call.arguments".to_owned(), Value::Object(many.clone()));
    attributes.extend(many);
    let events = map_span(Span { attributes, ..span(json!({})) }, &origin(), &arrival()).unwrap();
    let tool = events[0].tool.as_ref().unwrap();
    assert_eq!(tool.name, "a\u{fffd}b");
    assert!(tool.arguments.as_ref().unwrap()["json"].is_string(), "over the bounds JSON is kept as text");
    assert!(events[0].attrs.len() <= MAX_ATTR_KEYS);
    assert_eq!(events[0].truncated[0].field, "attrs");
    taken_by_every_reader(&events);
}

fn taken_by_every_reader(events: &[Event]) {
    for event in events {
        let decoded = decode_raw(&encode(event), &arrival(), &mut |_| [0; 10]).unwrap();
        assert!(decoded == [event.clone()], "{event} is not what it was");
    }
}

/// Keys that some mapper looks at, and others.
fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &[
            "gen_ai.operation.name",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.prompt.0.content",
            "gen_ai.completion.0.role",
            "gen_ai.prompt",
            "gen_ai.response.finish_reasons",
            "gen_ai.usage.input_tokens",
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.tool.call.arguments",
            "gen_ai.evaluation.score.value",
            "gen_ai.retrieval.documents",
            "openinference.span.kind",
            "input.value",
            "output.value",
            "llm.input_messages.0.message.content",
            "llm.output_messages.0.message.tool_calls.1.tool_call.id",
            "llm.invocation_parameters",
            "retrieval.documents.0.document.metadata",
            "traceloop.span.kind",
            "traceloop.entity.input",
            "mcp.method.name",
            "error.type",
            "user.id",
            "session.id",
            "interaction_id",
            "gen_ai.event.content",
            "exception.message",
            "message",
            "content",
            "llm.cost.total",
        ][..],
    );
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[a-z.0-9\0]{0,12}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("\0")),
        prop::sample::select(
            &[
                "chat",
                "execute_tool",
                "retrieval",
                "run_guardrail",
                "LLM",
                "TOOL",
                "EVALUATOR",
                "tool",
                "tools/call",
                "[{\"role\":\"user\"}]",
                "{\"choices\":[{\"message\":null}]}",
                "[[[",
                "{}",
                "NaN"
            ][..]
        )
        .prop_map(Value::from),
    ];
    let keys = prop::sample::select(
        &[
            "role",
            "parts",
            "type",
            "content",
            "text",
            "tool_calls",
            "function",
            "message",
            "messages",
            "choices",
            "params",
            "arguments",
            "name",
            "args",
            "kwargs",
            "id",
            "isError",
        ][..],
    );
    leaf.prop_recursive(6, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(keys.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn soup() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::hash_map(key(), value(), 0..16).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn any_soup_is_valid_events_a_drop_or_a_refusal(
        attributes in soup(), of_event in soup(), resource in soup(), end in any::<u64>(),
        event_name in prop::sample::select(&["exception", "gen_ai.choice", "gen_ai.user.message", "gen_ai..message",
            "gen_ai.evaluation.result", "gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "x"][..]),
        body in value(),
    ) {
        let origin = Origin::new(resource, "scope");
        let event = SpanEvent { name: event_name.to_owned(), nanos: end, attributes: of_event.clone() };
        let span = Span { end_nanos: end, attributes, events: vec![event], ..span(json!({})) };
        match map_span(span, &origin, &arrival()) {
            Ok(events) => taken_by_every_reader(&events),
            Err(rejection) => prop_assert!(!rejection.field.is_empty()),
        }
        let log = Log { attributes: of_event, ..log(event_name, body) };
        let mapped = map_logs(vec![log.clone(), log], &origin, &arrival());
        let events: Vec<Event> = mapped.events.into_iter().map(|(event, _)| event).collect();
        taken_by_every_reader(&events);
    }
}
