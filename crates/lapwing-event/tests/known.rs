//! What other people's programs log as JSON becomes events with the fields of the schema, not bags of attributes.
#![allow(clippy::unwrap_used)]

use lapwing_event::{Arrival, TenantId, Timestamp, decode_raw, encode, map_item};
use serde_json::{Value, json};

/// The item's events as JSON, each as every reader of the raw topic reads it.
fn map(item: &Value) -> Vec<Value> {
    let arrival = Arrival::new(TenantId::default(), Timestamp::parse("2026-11-24T06:30:00Z").unwrap());
    let events = map_item(item.to_string().as_bytes(), &arrival, &mut |_| [7; 10]).unwrap();
    for event in &events {
        let read = decode_raw(&encode(event), &arrival, &mut |_| [7; 10]).unwrap();
        assert_eq!(&read, std::slice::from_ref(event));
    }
    events.iter().map(|event| serde_json::to_value(event).unwrap()).collect()
}

fn assert_within(got: &Value, expect: &Value, path: &str) {
    match expect {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            assert_within(&got[key.as_str()], value, &format!("{path}.{key}"));
        }),
        _ => assert_eq!(got, expect, "{path} of {got}"),
    }
}

/// The item is one event, and that has all of this.
fn check(item: Value, expect: Value) -> Value {
    let events = map(&item);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_within(&events[0], &expect, "event");
    events.into_iter().next().unwrap()
}

fn completion() -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_501_700, "model": "gpt-x-2026",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "logprobs": null, "message": {"role": "assistant",
            "content": "Let me look.", "refusal": null, "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}}]}}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19,
            "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}},
        "system_fingerprint": "fp_1"})
}

fn messages() -> Value {
    json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the weather?"}])
}

#[test]
fn the_answer_of_openais_chat_completions() {
    let event = check(
        completion(),
        json!({"kind": "llm", "@timestamp": "2026-11-24T06:28:20Z", "outcome": "ok", "tool_names": ["get_weather"],
            "content": {"response": "Let me look."},
            "gen_ai": {"request": {"model": "gpt-x-2026"},
                "response": {"id": "chatcmpl-1", "finish_reasons": ["tool_call"]},
                "usage": {"input_tokens": 12, "output_tokens": 7, "cache_read_tokens": 4, "reasoning_tokens": 3}}}),
    );
    assert_eq!(event["attrs"], json!({"object": "chat.completion", "system_fingerprint": "fp_1"}));
}

#[test]
fn a_request_and_its_answer_side_by_side() {
    for (request, response) in [("request", "response"), ("request_body", "response_body"), ("input", "output")] {
        let asked =
            json!({"model": "gpt-x", "messages": messages(), "temperature": 0.5, "max_tokens": 50, "user": "u-1"});
        let event = check(
            json!({request: asked, response: completion(), "latency_ms": 12, "session_id": "s-1", "user_id": "u-2"}),
            json!({"latency_ms": 12.0, "session": {"id": "s-1"}, "user": {"id": "u-2"},
                "content": {"system": "Be brief.", "prompt": "What is the weather?", "response": "Let me look."},
                "gen_ai": {"request": {"model": "gpt-x", "temperature": 0.5, "max_tokens": 50},
                    "response": {"model": "gpt-x-2026", "id": "chatcmpl-1"}, "usage": {"input_tokens": 12}}}),
        );
        assert!(event["attrs"].get("gen_ai.input.messages").is_none(), "{event}");
    }
}

#[test]
fn openais_responses() {
    check(
        json!({"id": "resp_1", "object": "response", "created_at": 1_795_501_700, "model": "gpt-x", "status": "completed",
            "instructions": "Be brief.", "input": "What is the weather?",
            "output": [{"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Cold."}]},
                {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "warn", "arguments": "{}"}],
            "usage": {"input_tokens": 3, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}}),
        json!({"content": {"system": "Be brief.", "prompt": "What is the weather?", "response": "Cold."},
            "tool_names": ["warn"], "outcome": "ok",
            "gen_ai": {"request": {"model": "gpt-x"}, "response": {"id": "resp_1"},
                "usage": {"input_tokens": 3, "output_tokens": 5, "reasoning_tokens": 2}}}),
    );
}

#[test]
fn anthropics_messages() {
    check(
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "refusal",
            "content": [{"type": "text", "text": "I will not."}, {"type": "tool_use", "id": "t", "name": "report", "input": {}}],
            "usage": {"input_tokens": 9, "output_tokens": 4, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 1}}),
        json!({"outcome": "refused", "refusal": true, "tool_names": ["report"], "content": {"response": "I will not."},
            "gen_ai": {"request": {"model": "claude-x"}, "response": {"id": "msg_1", "finish_reasons": ["content_filter"]},
                "usage": {"input_tokens": 9, "output_tokens": 4, "cache_write_tokens": 2, "cache_read_tokens": 1}}}),
    );
    check(
        json!({"model": "claude-x", "max_tokens": 99, "system": [{"type": "text", "text": "Be brief."}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}], "metadata": {"user_id": "u-1"}}),
        json!({"content": {"system": "Be brief.", "prompt": "Hi."}, "user": {"id": "u-1"},
            "gen_ai": {"request": {"model": "claude-x", "max_tokens": 99}}}),
    );
}

#[test]
fn gemini_and_bedrock() {
    check(
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Cold."}]}, "finishReason": "SAFETY"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5}, "modelVersion": "gemini-x"}),
        json!({"content": {"response": "Cold."}, "gen_ai": {"request": {"model": "gemini-x"},
            "response": {"finish_reasons": ["content_filter"]}, "usage": {"input_tokens": 3, "output_tokens": 5}}}),
    );
    check(
        json!({"schemaType": "ModelInvocationLog", "timestamp": "2026-11-24T06:29:00Z", "operation": "Converse",
            "modelId": "anthropic.x", "input": {"inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "Hi."}]}]},
                "inputTokenCount": 3},
            "output": {"outputBodyJson": {"output": {"message": {"role": "assistant", "content": [{"text": "Yo."}]}},
                "stopReason": "end_turn", "metrics": {"latencyMs": 120}}, "outputTokenCount": 5}}),
        json!({"latency_ms": 120.0, "content": {"prompt": "Hi.", "response": "Yo."},
            "gen_ai": {"request": {"model": "anthropic.x"}, "response": {"finish_reasons": ["stop"]},
                "usage": {"input_tokens": 3, "output_tokens": 5}}}),
    );
}

#[test]
fn a_transcript_ends_with_the_answer() {
    let mut turns = messages();
    turns.as_array_mut().unwrap().push(json!({"role": "assistant", "content": "Cold."}));
    check(
        json!({"messages": turns, "model": "m"}),
        json!({"content": {"system": "Be brief.", "prompt": "What is the weather?", "response": "Cold."},
            "gen_ai": {"request": {"model": "m"}}}),
    );
}

#[test]
fn litellms_log() {
    let event = check(
        json!({"id": "chatcmpl-1", "trace_id": "0af7651916cd43dd8448eb211c80319c", "call_type": "acompletion",
            "response_cost": 0.002, "status": "failure", "total_tokens": 19, "prompt_tokens": 12, "completion_tokens": 7,
            "startTime": 1_795_501_700.0, "endTime": 1_795_501_700.5, "model": "gpt-x", "custom_llm_provider": "openai",
            "end_user": "u-1", "messages": messages(), "response": completion(), "model_parameters": {"temperature": 0.5},
            "error_str": "slow down", "error_information": {"error_code": "429", "error_class": "RateLimitError"},
            "metadata": {"user_api_key_alias": "team"}}),
        json!({"latency_ms": 500.0, "cost_usd": 0.002, "outcome": "error", "error": {"message": "slow down"},
            "user": {"id": "u-1"}, "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "interaction_id": "0af76519-16cd-43dd-8448-eb211c80319c",
            "content": {"system": "Be brief.", "prompt": "What is the weather?", "response": "Let me look."},
            "gen_ai": {"provider": {"name": "openai"}, "request": {"model": "gpt-x", "temperature": 0.5},
                "usage": {"input_tokens": 12, "output_tokens": 7}}}),
    );
    assert_eq!(event["attrs"]["metadata"], json!({"user_api_key_alias": "team"}));
}

#[test]
fn runs_of_langsmith() {
    let class = |name: &str, kwargs: Value| json!({"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": kwargs});
    let run = |kind: &str, name: &str, inputs: Value, outputs: Value| {
        json!({"id": "0198a1b2-0000-7000-8000-000000000001", "name": name, "run_type": kind, "inputs": inputs,
            "outputs": outputs, "start_time": "2026-11-24T06:29:00.000000", "end_time": "2026-11-24T06:29:00.250000",
            "trace_id": "0198a1b2-0000-7000-8000-000000000000", "session_id": "11111111-0000-7000-8000-000000000000",
            "error": null, "extra": {"invocation_params": {"model": "gpt-x", "temperature": 0.5},
                "metadata": {"thread_id": "t-1", "ls_provider": "openai"}}})
    };
    check(
        run(
            "llm",
            "ChatOpenAI",
            json!({"messages": [[class("SystemMessage", json!({"content": "Be brief."})), class("HumanMessage", json!({"content": "Hi."}))]]}),
            json!({"generations": [[{"text": "Yo.", "message": class("AIMessage", json!({"content": "Yo."})),
                "generation_info": {"finish_reason": "stop"}}]],
                "llm_output": {"token_usage": {"prompt_tokens": 3, "completion_tokens": 5}, "model_name": "gpt-x-2026"}}),
        ),
        json!({"kind": "llm", "latency_ms": 250.0, "session": {"id": "t-1"}, "source": {"convention": "langsmith"},
            "trace_id": "0198a1b2000070008000000000000000", "interaction_id": "0198a1b2-0000-7000-8000-000000000000",
            "content": {"system": "Be brief.", "prompt": "Hi.", "response": "Yo."},
            "gen_ai": {"operation": {"name": "chat"}, "provider": {"name": "openai"}, "request": {"model": "gpt-x", "temperature": 0.5},
                "response": {"model": "gpt-x-2026", "finish_reasons": ["stop"]}, "usage": {"input_tokens": 3, "output_tokens": 5}}}),
    );
    let mut failed = run("tool", "search", json!({"query": "shoes"}), json!(null));
    failed["error"] = json!("TimeoutError('slow')");
    check(
        failed,
        json!({"kind": "tool", "outcome": "error", "tool": {"name": "search", "arguments": {"query": "shoes"}, "status": "error"},
            "error": {"message": "TimeoutError('slow')"}}),
    );
    check(
        run("retriever", "kb", json!({"query": "returns?"}), json!({"documents": [{"page_content": "Thirty days."}]})),
        json!({"kind": "retrieval", "retrieval": {"data_source": "kb"}}),
    );
    check(
        run("chain", "RunnableSequence", json!({"input": "Hi."}), json!({"output": "Yo."})),
        json!({"kind": "llm", "gen_ai": {"operation": {"name": "chain"}}, "content": {"prompt": "Hi.", "response": "Yo."}}),
    );
}

#[test]
fn langfuse_and_openais_agents() {
    check(
        json!({"id": "o-1", "traceId": "0af7651916cd43dd8448eb211c80319c", "type": "GENERATION", "name": "answer",
            "startTime": "2026-11-24T06:29:00Z", "endTime": "2026-11-24T06:29:01Z", "model": "gpt-x",
            "input": messages(), "output": {"role": "assistant", "content": "Cold."}, "usage": {"input": 3, "output": 5}}),
        json!({"kind": "llm", "latency_ms": 1000.0, "content": {"prompt": "What is the weather?", "response": "Cold."},
            "gen_ai": {"request": {"model": "gpt-x"}, "usage": {"input_tokens": 3, "output_tokens": 5}}}),
    );
    let span = |data: Value| {
        json!({"object": "trace.span", "id": "span_1", "trace_id": "trace_0af7651916cd43dd8448eb211c80319c",
            "started_at": "2026-11-24T06:29:00Z", "ended_at": "2026-11-24T06:29:01Z", "span_data": data, "error": null})
    };
    check(
        span(json!({"type": "function", "name": "get_weather", "input": "{\"city\":\"Oslo\"}", "output": "4 C"})),
        json!({"kind": "tool", "tool": {"name": "get_weather", "arguments": {"city": "Oslo"}, "output": "4 C"},
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "latency_ms": 1000.0}),
    );
    check(
        span(json!({"type": "guardrail", "name": "no_homework", "triggered": true})),
        json!({"kind": "guardrail", "outcome": "blocked", "guardrail": {"name": "no_homework", "action": "blocked"}}),
    );
}

#[test]
fn mcps_calls_and_answers() {
    let call = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "get_weather", "arguments": {"city": "Oslo"}}});
    let answer =
        json!({"jsonrpc": "2.0", "id": 3, "result": {"content": [{"type": "text", "text": "4 C"}], "isError": true}});
    let named = json!({"name": "get_weather", "call_id": "3", "arguments": {"city": "Oslo"}});
    check(call.clone(), json!({"kind": "tool", "outcome": "ok", "tool": named, "mcp": {"method": "tools/call"}}));
    check(
        json!({"timestamp": "2026-11-24T06:29:00Z", "direction": "out", "message": call}),
        json!({"kind": "tool", "tool": named, "attrs": {"direction": "out"}}),
    );
    let event =
        check(answer.clone(), json!({"kind": "tool", "outcome": "error", "tool": {"call_id": "3", "status": "error"}}));
    assert!(event["tool"]["output"].as_str().unwrap().contains("4 C"), "{event}");
    let event = check(json!({"request": call, "response": answer}), json!({"tool": named, "outcome": "error"}));
    assert!(event["tool"]["output"].as_str().unwrap().contains("4 C"), "{event}");
    check(
        json!({"jsonrpc": "2.0", "id": 4, "error": {"code": -32602, "message": "Unknown tool"}}),
        json!({"kind": "tool", "outcome": "error", "error": {"message": "Unknown tool", "code": "-32602"}}),
    );
}

#[test]
fn a_loggers_line_and_other_names_for_the_same() {
    let inner = json!({"prompt": "Hi.", "response": "Yo."}).to_string();
    check(
        json!({"level": "INFO", "logger": "app", "message": inner, "time": "2026-11-24T06:29:00Z"}),
        json!({"content": {"prompt": "Hi.", "response": "Yo."}, "attrs": {"level": "INFO", "logger": "app"}}),
    );
    check(
        json!({"question": "Hi.", "answer": "Yo.", "model_name": "m", "input_tokens": 3, "output_tokens": "5", "cost": 0.5,
            "duration_ms": 7, "conversation_id": "c", "finish_reason": "length", "user": {"id": "u-1", "name": "Ada"}}),
        json!({"content": {"prompt": "Hi.", "response": "Yo."}, "latency_ms": 7.0, "cost_usd": 0.5, "session": {"id": "c"},
            "user": {"id": "u-1"}, "gen_ai": {"request": {"model": "m"}, "usage": {"input_tokens": 3, "output_tokens": 5},
                "response": {"finish_reasons": ["length"]}}}),
    );
    check(
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f", "gen_ai.tool.call.arguments": {"a": 1}}),
        json!({"kind": "tool", "tool": {"name": "f", "arguments": {"a": 1}}}),
    );
}

#[test]
fn what_only_looks_like_a_known_form_is_kept_as_it_is() {
    let event = check(
        json!({"prompt": "p", "response": {"status": "shipped"}, "error": false, "created": "yesterday", "usage": "heavy",
            "message": "not json", "type": "GENERATION", "status": "done", "request": {"path": "/"}}),
        json!({"outcome": "ok", "content": {"prompt": "p", "response": "{\"status\":\"shipped\"}"}}),
    );
    let kept = json!({"created": "yesterday", "usage": "heavy", "message": "not json", "type": "GENERATION",
        "status": "done", "request": {"path": "/"}});
    assert_eq!(event["attrs"], kept);
    let event = check(json!({"prompt": "p", "response": "{\"role\": \"x\"}"}), json!({"kind": "llm"}));
    assert_eq!(event["content"]["response"], "{\"role\": \"x\"}");
}
