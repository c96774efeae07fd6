//! Objects that providers, frameworks, gateways and protocols write, brought to the names that the mapper knows: the
//! bodies of model APIs, alone or as a request and its answer, runs of LangSmith, Langfuse and OpenAI's Agents SDK,
//! LiteLLM's log, MCP's JSON-RPC, and a logger's line with the object as its message.

use serde_json::{Map, Value, json};

use crate::otlp::{Attributes, Subject, of_openinference, subject};
use crate::sections::parse_json_text;

/// What an object is about, whose form it has, and its fields.
pub(super) struct Known {
    pub subject: Subject,
    pub convention: &'static str,
    pub object: Map<String, Value>,
}

/// Brings an object of a known form to flat names. One of no known form stays as it is.
pub(super) fn unfold(object: Map<String, Value>) -> Known {
    let mut object = without_log_line(object);
    let (subject, convention) = if json_rpc(&mut object) {
        (Subject::Tool, "mcp")
    } else if let Some(found) = run(&mut object) {
        found
    } else if let Some(subject) = subject_of_attributes(&object) {
        (subject, "gen_ai")
    } else if model_call(&mut object) {
        (Subject::Llm("chat"), "provider")
    } else {
        (Subject::Llm("chat"), "plain")
    };
    facts(&mut object);
    lift_metadata(&mut object);
    Known { subject, convention, object }
}

/// Loggers and container runtimes write what an application logs as JSON into a text of their own object.
fn without_log_line(mut object: Map<String, Value>) -> Map<String, Value> {
    for key in ["message", "msg", "log"] {
        let text = object.get(key).and_then(Value::as_str).unwrap_or_default();
        if let Ok(inner) = serde_json::from_str::<Map<String, Value>>(text) {
            object.remove(key);
            for (key, value) in inner {
                object.insert(key, value);
            }
            break;
        }
    }
    object
}

/// An object whose keys are the attributes of a span.
fn subject_of_attributes(object: &Map<String, Value>) -> Option<Subject> {
    let dotted = object.keys().any(|key| ["gen_ai.", "llm.", "mcp."].iter().any(|prefix| key.starts_with(prefix)));
    let named = dotted || object.contains_key("openinference.span.kind") || object.contains_key("traceloop.span.kind");
    if named { subject(&Attributes::from(object.clone())) } else { None }
}

/// Where wrappers keep the messages of the protocol.
const CARRIERS: [&str; 7] = ["message", "payload", "data", "body", "rpc", "request", "response"];

/// A call of a tool over MCP, its answer, or both.
fn json_rpc(object: &mut Map<String, Value>) -> bool {
    let is_rpc = |value: &Value| value["jsonrpc"].is_string() && tells_of_a_call(value);
    let mut calls = Vec::new();
    if object.contains_key("jsonrpc") {
        let own = ["jsonrpc", "id", "method", "params", "result", "error"];
        let call = Value::Object(own.iter().filter_map(|key| object.get_key_value(*key)).map(owned).collect());
        if is_rpc(&call) {
            own.iter().for_each(|key| drop(object.remove(*key)));
            calls.push(call);
        }
    }
    for key in CARRIERS {
        if object.get(key).cloned().map(parse_json_text).is_some_and(|value| is_rpc(&value)) {
            calls.extend(object.remove(key).map(parse_json_text));
        }
    }
    for call in &calls {
        let (params, result) = (&call["params"], &call["result"]);
        for (name, value) in [
            ("gen_ai.tool.name", &params["name"]),
            ("gen_ai.tool.call.arguments", &params["arguments"]),
            ("gen_ai.tool.call.id", &call["id"]),
            ("gen_ai.tool.call.result", result),
            ("mcp.method.name", &call["method"]),
            ("error", &call["error"]),
        ] {
            set(object, name, value);
        }
    }
    !calls.is_empty()
}

/// `tools/call`, what it returns (`content`), or an error of the protocol.
fn tells_of_a_call(message: &Value) -> bool {
    match message["method"].as_str() {
        Some(method) => method == "tools/call",
        None => message["result"]["content"].is_array() || message["error"].is_object(),
    }
}

/// A run or span as tracing services export it.
fn run(object: &mut Map<String, Value>) -> Option<(Subject, &'static str)> {
    if object.get("run_type").is_some_and(Value::is_string) && object.contains_key("inputs") {
        return Some((langsmith(object), "langsmith"));
    }
    if object.get("object").is_some_and(|kind| kind == "trace.span")
        && let Some(Value::Object(data)) = object.remove("span_data")
    {
        return Some((agents_sdk(object, data), "openai_agents"));
    }
    let kind = object.get("type").and_then(Value::as_str)?;
    let subject = match kind {
        "GENERATION" => Subject::Llm("chat"),
        "SPAN" => Subject::Llm("chain"),
        _ if kind.chars().all(|letter| letter.is_ascii_uppercase()) => of_openinference(kind)?,
        _ => return None,
    };
    ["traceId", "trace_id"].iter().find_map(|key| object.get(*key))?;
    whole(object, "input", "output");
    rename(object, "statusMessage", "error_message");
    Some((subject, "langfuse"))
}

fn langsmith(object: &mut Map<String, Value>) -> Subject {
    let run_type = object.remove("run_type");
    let subject = match run_type.as_ref().and_then(Value::as_str).unwrap_or_default() {
        "llm" | "chat_model" => Subject::Llm("chat"),
        "tool" => Subject::Tool,
        "retriever" => Subject::Retrieval,
        "embedding" => Subject::Llm("embeddings"),
        _ => Subject::Llm("chain"),
    };
    // What it calls a session is the project that the run is kept in.
    rename(object, "session_id", "project.id");
    rename(object, "session_name", "project.name");
    if let Some(Value::Object(mut extra)) = object.remove("extra") {
        for key in ["metadata", "invocation_params"] {
            set(object, key, &extra.remove(key).unwrap_or_default());
        }
        set(object, "extra", &Value::Object(extra));
    }
    let answer = object.get("outputs").cloned().unwrap_or_default();
    set(object, "usage", &answer["llm_output"]["token_usage"]);
    set(object, "usage", &answer["usage_metadata"]);
    set(object, "gen_ai.response.model", &answer["llm_output"]["model_name"]);
    whole(object, "inputs", "outputs");
    subject
}

fn agents_sdk(object: &mut Map<String, Value>, data: Map<String, Value>) -> Subject {
    object.remove("object");
    let id = object.remove("id").unwrap_or_default();
    set(object, "agents.span_id", &id);
    let kind = data.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    object.extend(data.into_iter().filter(|(key, _)| key != "type"));
    whole(object, "input", "output");
    match kind.as_str() {
        "function" | "mcp_tools" => Subject::Tool,
        "guardrail" => {
            let triggered = object.remove("triggered") == Some(Value::Bool(true));
            set(object, "guardrail.action", &json!(if triggered { "blocked" } else { "allowed" }));
            Subject::Guardrail
        }
        "generation" | "response" => Subject::Llm("chat"),
        "agent" => {
            rename(object, "name", "agent_name");
            Subject::Llm("invoke_agent")
        }
        _ => Subject::Llm("task"),
    }
}

/// What went in and what came out, under the names that every kind reads.
fn whole(object: &mut Map<String, Value>, input: &str, output: &str) {
    for (from, to) in [(input, "input.value"), (output, "output.value")] {
        rename(object, from, to);
    }
}

/// Where a request and an answer stand in an object of their own, and where their turns do.
const REQUESTS: [&str; 5] = ["request", "request_body", "requestBody", "inputs", "input"];
const ANSWERS: [&str; 8] =
    ["response", "response_body", "responseBody", "outputs", "output", "completion", "answer", "result"];
const ASKED: [&str; 8] =
    ["messages", "contents", "system", "systemInstruction", "system_instruction", "instructions", "prompt", "input"];
const SAID: [&str; 6] = ["choices", "candidates", "generations", "output", "content", "text"];
const ABOUT_SAID: [&str; 8] =
    ["role", "tool_calls", "refusal", "finish_reason", "finishReason", "stop_reason", "stopReason", "stop_sequence"];

/// The body of a model's API, or a request and its answer side by side. False if it is neither.
fn model_call(object: &mut Map<String, Value>) -> bool {
    let mut input = Map::new();
    let mut output = Map::new();
    for (keys, is_answer) in [(&REQUESTS[..], false), (&ANSWERS[..], true)] {
        let found = keys.iter().find_map(|key| Some((*key, body(object.get(*key)?)?)));
        let Some((key, mut body)) = found else { continue };
        let turns = turns_of(&mut body, is_answer, true);
        if turns.is_empty() {
            continue;
        }
        object.remove(key);
        *(if is_answer { &mut output } else { &mut input }) = turns;
        facts(&mut body);
        if is_answer {
            rename(&mut body, "gen_ai.request.model", "gen_ai.response.model");
            rename(&mut body, "id", "gen_ai.response.id");
        }
        keep(object, if is_answer { "response_body" } else { "request_body" }, body);
    }
    if input.is_empty() {
        input = turns_of(object, false, false);
    }
    if output.is_empty() {
        let mut said = turns_of(object, true, false);
        if said.get("role").is_some_and(|role| role == "user" || role == "system") {
            input = std::mem::take(&mut said);
        }
        if !said.is_empty() && object.get("id").is_some_and(Value::is_string) {
            rename(object, "id", "gen_ai.response.id");
        }
        output = said;
    }
    let known = !input.is_empty() || !output.is_empty();
    for (name, turns) in [("gen_ai.input.messages", input), ("gen_ai.output.messages", output)] {
        if !turns.is_empty() {
            object.insert(name.to_owned(), Value::Object(turns));
        }
    }
    known
}

/// A value that is a body, or a list of turns; also one that was logged as JSON in a text.
fn body(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(unwrapped(object.clone())),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            Some(Map::from_iter([("messages".to_owned(), value.clone())]))
        }
        Value::String(_) => match parse_json_text(value.clone()) {
            Value::Object(object)
                if ["choices", "candidates", "messages"].iter().any(|key| object.contains_key(*key)) =>
            {
                Some(object)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Bedrock's invocation log and HTTP logs put the body one level deeper.
fn unwrapped(mut object: Map<String, Value>) -> Map<String, Value> {
    for key in ["inputBodyJson", "outputBodyJson", "body", "json"] {
        if let Some(Value::Object(inner)) = object.get(key).cloned().map(parse_json_text) {
            object.remove(key);
            object.extend(inner);
            return object;
        }
    }
    object
}

/// Takes out what was asked or said. Text under such a name is taken in a body; beside the object's own fields it is
/// left for the flat names.
fn turns_of(object: &mut Map<String, Value>, is_answer: bool, is_body: bool) -> Map<String, Value> {
    let is_message = object.get("role").is_some_and(Value::is_string);
    let keys: &[&str] = if is_answer { &SAID } else { &ASKED };
    let taken = |key: &str, value: &Value| match value {
        Value::Object(_) | Value::Array(_) => true,
        Value::String(_) => is_body || (is_message && key == "content"),
        _ => false,
    };
    let mut turns = Map::new();
    for key in keys {
        if object.get(*key).is_some_and(|value| taken(key, value)) {
            turns.extend(object.remove_entry(*key));
        }
    }
    if is_answer && (is_message || !turns.is_empty()) {
        turns.extend(ABOUT_SAID.iter().filter_map(|key| object.remove_entry(*key)));
    }
    // The system prompt of a request is text beside turns that are none.
    if !is_answer && !turns.is_empty() && ["system", "instructions"].iter().all(|key| !turns.contains_key(*key)) {
        turns.extend(["system", "instructions"].iter().find_map(|key| object.remove_entry(*key)));
    }
    turns
}

/// Numbers and names, wherever the forms have them.
const FACTS: [(&str, &[&str]); 14] = [
    (
        "gen_ai.request.model",
        &[
            "model_id",
            "model",
            "model_name",
            "modelId",
            "modelVersion",
            "invocation_params/model",
            "invocation_params/model_name",
            "model_parameters/model",
            "model_config/model",
        ],
    ),
    ("gen_ai.provider.name", &["provider", "custom_llm_provider", "llm_provider", "metadata/ls_provider"]),
    (
        "gen_ai.request.temperature",
        &[
            "temperature",
            "invocation_params/temperature",
            "model_parameters/temperature",
            "modelParameters/temperature",
            "generationConfig/temperature",
            "inferenceConfig/temperature",
        ],
    ),
    (
        "gen_ai.request.max_tokens",
        &[
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "invocation_params/max_tokens",
            "model_parameters/max_tokens",
            "modelParameters/max_tokens",
            "generationConfig/maxOutputTokens",
            "inferenceConfig/maxTokens",
        ],
    ),
    (
        "gen_ai.usage.input_tokens",
        &[
            "input_tokens",
            "prompt_tokens",
            "usage/prompt_tokens",
            "usage/input_tokens",
            "usage/inputTokens",
            "usage/promptTokens",
            "usage/input",
            "usageDetails/input",
            "usageMetadata/promptTokenCount",
            "usage_metadata/input_tokens",
            "usage_metadata/prompt_token_count",
            "token_usage/prompt_tokens",
            "inputTokenCount",
        ],
    ),
    (
        "gen_ai.usage.output_tokens",
        &[
            "output_tokens",
            "completion_tokens",
            "usage/completion_tokens",
            "usage/output_tokens",
            "usage/outputTokens",
            "usage/completionTokens",
            "usage/output",
            "usageDetails/output",
            "usageMetadata/candidatesTokenCount",
            "usage_metadata/output_tokens",
            "usage_metadata/candidates_token_count",
            "token_usage/completion_tokens",
            "outputTokenCount",
        ],
    ),
    (
        "gen_ai.usage.total_tokens",
        &[
            "total_tokens",
            "usage/total_tokens",
            "usage/totalTokens",
            "usageMetadata/totalTokenCount",
            "usage_metadata/total_tokens",
            "token_usage/total_tokens",
        ],
    ),
    (
        "gen_ai.usage.cache_read.input_tokens",
        &[
            "usage/prompt_tokens_details/cached_tokens",
            "usage/input_tokens_details/cached_tokens",
            "usage/cache_read_input_tokens",
            "usage/cacheReadInputTokens",
            "usageMetadata/cachedContentTokenCount",
            "usage_metadata/input_token_details/cache_read",
            "usage/input_token_details/cache_read",
        ],
    ),
    (
        "gen_ai.usage.cache_creation.input_tokens",
        &[
            "usage/cache_creation_input_tokens",
            "usage/cacheWriteInputTokens",
            "usage_metadata/input_token_details/cache_creation",
            "usage/input_token_details/cache_creation",
        ],
    ),
    (
        "gen_ai.usage.reasoning.output_tokens",
        &[
            "usage/completion_tokens_details/reasoning_tokens",
            "usage/output_tokens_details/reasoning_tokens",
            "usageMetadata/thoughtsTokenCount",
            "usage_metadata/output_token_details/reasoning",
            "usage/output_token_details/reasoning",
        ],
    ),
    ("gen_ai.usage.cost", &["cost_usd", "cost", "response_cost", "total_cost", "calculatedTotalCost", "spend"]),
    ("gen_ai.response.finish_reasons", &["finish_reasons", "finish_reason", "stop_reason", "stopReason"]),
    ("latency_ms", &["duration_ms", "elapsed_ms", "metrics/latencyMs"]),
    ("error_message", &["error_information/error_message"]),
];

/// Brings the facts to their names; the objects that held nothing else are not kept.
fn facts(object: &mut Map<String, Value>) {
    for (name, paths) in FACTS {
        if object.contains_key(name) {
            continue;
        }
        for path in paths {
            let found = match path.split_once('/') {
                None => object.get(*path).filter(|value| value.is_number() || value.is_string()).cloned(),
                Some((head, rest)) => object.get(head).and_then(|held| held.pointer(&format!("/{rest}"))).cloned(),
            };
            let Some(value) = found.filter(|value| value.is_number() || value.is_string()) else { continue };
            if !path.contains('/') {
                object.remove(*path);
            }
            object.insert(name.to_owned(), value);
            break;
        }
    }
    let counted = ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.total_tokens"];
    if counted.iter().any(|name| object.contains_key(*name)) {
        for held in ["usage", "usageMetadata", "usage_metadata", "usageDetails", "token_usage"] {
            object.remove(held);
        }
    }
    if let Some(model) = object.get("gen_ai.response.model").cloned() {
        object.entry("gen_ai.request.model").or_insert(model);
    }
}

/// Who and where, if only the metadata says so.
fn lift_metadata(object: &mut Map<String, Value>) {
    let Some(Value::Object(mut metadata)) = object.remove("metadata") else { return };
    for key in ["user_id", "session_id", "conversation_id", "thread_id", "environment"] {
        if !object.contains_key(key) && metadata.get(key).is_some_and(Value::is_string) {
            object.extend(metadata.remove_entry(key));
        }
    }
    if !metadata.is_empty() {
        object.insert("metadata".to_owned(), Value::Object(metadata));
    }
}

/// What is left of a body: its facts beside the object's own, the rest under a key.
fn keep(object: &mut Map<String, Value>, key: &str, body: Map<String, Value>) {
    let (facts, rest): (Map<String, Value>, Map<String, Value>) =
        body.into_iter().partition(|(name, _)| name.starts_with("gen_ai.") || name == "latency_ms");
    for (name, value) in facts {
        object.entry(name).or_insert(value);
    }
    if !rest.is_empty() {
        object.insert(key.to_owned(), Value::Object(rest));
    }
}

fn set(object: &mut Map<String, Value>, name: &str, value: &Value) {
    let says_something = match value {
        Value::Null => false,
        Value::Object(held) => !held.is_empty(),
        _ => true,
    };
    if says_something {
        object.entry(name).or_insert_with(|| value.clone());
    }
}

fn rename(object: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = object.remove(from) {
        set(object, to, &value);
    }
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}
