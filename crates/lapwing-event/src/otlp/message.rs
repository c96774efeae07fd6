//! One turn of a conversation, whatever convention wrote it down, in the form of the current one: a role and parts.
//!
//! Read are the current OpenTelemetry form, OpenAI's, Anthropic's, Gemini's and Bedrock's messages, and lists of them
//! as JSON in a string.

use serde_json::{Map, Value, json};

use crate::sections::{parse_json_text, text_of};

/// A role and what it said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Message {
    pub role: String,
    /// Objects with a `type`: `text`, `tool_call`, `tool_call_response`, `refusal`, and any other as it came.
    pub parts: Vec<Value>,
    pub finish_reason: Option<String>,
}

impl Message {
    /// A turn of plain text.
    pub fn text_of(role: &str, text: String) -> Self {
        Self { role: role.to_owned(), parts: vec![text_part(text)], finish_reason: None }
    }

    /// Its text parts.
    pub fn text(&self) -> Option<String> {
        let texts: Vec<&str> = self.texts().collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let is_text = |part: &&Value| matches!(type_of(part), "text" | "refusal");
        self.parts.iter().filter(is_text).filter_map(|part| part["content"].as_str())
    }

    /// Whether there is anything besides text.
    pub fn is_more_than_text(&self) -> bool {
        self.parts.iter().any(|part| type_of(part) != "text")
    }

    /// The tools that it asks for.
    pub fn tool_names(&self) -> impl Iterator<Item = &str> {
        let calls = self.parts.iter().filter(|part| matches!(type_of(part), "tool_call" | "server_tool_call"));
        calls.filter_map(|part| part["name"].as_str())
    }

    /// Whether it declines.
    pub fn is_refusal(&self) -> bool {
        self.parts.iter().any(|part| type_of(part) == "refusal")
    }

    /// In the form of the current convention.
    pub fn into_value(self) -> Value {
        let mut message = json!({"role": self.role, "parts": self.parts});
        if let Some(reason) = self.finish_reason {
            message["finish_reason"] = reason.into();
        }
        message
    }
}

fn type_of(part: &Value) -> &str {
    part["type"].as_str().unwrap_or_default()
}

fn text_part(text: String) -> Value {
    json!({"type": "text", "content": text})
}

/// The turns that a value holds: a message, a list of messages or of parts, a request's or an answer's body, or plain
/// text. Messages without a role are `role`'s.
pub(super) fn messages(value: Value, role: &str) -> Vec<Message> {
    match parse_json_text(value) {
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![Message::text_of(role, text)],
        Value::Array(items) if items.iter().all(is_part) => {
            let parts: Vec<Value> = items.into_iter().flat_map(part).collect();
            if parts.is_empty() {
                Vec::new()
            } else {
                vec![Message { role: role.to_owned(), parts, finish_reason: None }]
            }
        }
        Value::Array(items) => items.into_iter().flat_map(|item| item_of_list(item, role)).collect(),
        Value::Object(object) => body_or_message(object, role),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// A part stands in a message; it has a type, or is text, and no role of its own.
fn is_part(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.contains_key("type") && !object.contains_key("role") && !is_langchain(object),
        _ => false,
    }
}

/// An item of OpenAI's Responses API is a message, or a part that stands alone.
fn item_of_list(item: Value, role: &str) -> Vec<Message> {
    if is_part(&item) {
        let parts: Vec<Value> = part(item).into_iter().collect();
        return vec![Message { role: role.to_owned(), parts, finish_reason: None }];
    }
    messages(item, role)
}

/// Where the bodies of requests keep the system prompt and the turns.
const SYSTEM: [&str; 4] = ["system", "instructions", "systemInstruction", "system_instruction"];
const TURNS: [&str; 4] = ["messages", "contents", "input", "prompt"];
/// Where the bodies of answers keep what was said.
const ANSWERS: [&str; 5] = ["choices", "candidates", "generations", "output", "completion"];
const MESSAGE: [&str; 6] = ["role", "parts", "content", "message", "tool_calls", "text"];

fn body_or_message(mut object: Map<String, Value>, role: &str) -> Vec<Message> {
    if is_langchain(&object) {
        return vec![message(object, role)];
    }
    if let Some(turns) = TURNS.iter().find_map(|key| object.remove(*key)) {
        let system = SYSTEM.iter().find_map(|key| object.remove(*key));
        let mut found = messages(system.unwrap_or_default(), "system");
        found.extend(messages(turns, role));
        return found;
    }
    if let Some(answers) = ANSWERS.iter().find_map(|key| object.remove(*key)) {
        let mut found = messages(answers, role);
        if let Some(last) = found.last_mut().filter(|last| last.finish_reason.is_none()) {
            last.finish_reason = finish_reason(&mut object);
        }
        return found;
    }
    if MESSAGE.iter().any(|key| object.contains_key(*key)) {
        return vec![message(object, role)];
    }
    vec![Message::text_of(role, Value::Object(object).to_string())]
}

/// LangChain's messages have a class or a type where others have a role.
fn is_langchain(object: &Map<String, Value>) -> bool {
    let typed = || object.get("type").and_then(Value::as_str).is_some_and(|kind| LANGCHAIN.contains(&kind));
    object.contains_key("lc") && object.get("kwargs").is_some_and(Value::is_object)
        || !object.contains_key("role") && (object.contains_key("content") || object.contains_key("data")) && typed()
}

const LANGCHAIN: [&str; 6] = ["human", "ai", "system", "tool", "function", "AIMessageChunk"];

/// One of LangChain's messages with a role.
fn with_role(mut object: Map<String, Value>) -> Map<String, Value> {
    let class = object.get("id").and_then(|path| path.as_array()?.last()?.as_str()).map(str::to_owned);
    let kind = object.get("type").and_then(Value::as_str).map(str::to_owned);
    let (role, inner) = match (object.remove("kwargs"), object.remove("data")) {
        (Some(Value::Object(kwargs)), _) => (class, Some(kwargs)),
        (_, Some(Value::Object(data))) => (kind, Some(data)),
        _ => (kind, None),
    };
    let mut object = inner.unwrap_or(object);
    object.remove("type");
    if let Some(role) = role {
        object.entry("role").or_insert(Value::String(role));
    }
    object
}

fn finish_reason(object: &mut Map<String, Value>) -> Option<String> {
    let keys = ["finish_reason", "stop_reason", "finishReason", "stopReason"];
    let own = keys.iter().find_map(|key| object.remove(*key)).and_then(text_of);
    own.or_else(|| {
        let about = ["generation_info", "response_metadata"].iter().find_map(|key| object.get(*key))?;
        keys.iter().find_map(|key| about[*key].as_str()).map(str::to_owned)
    })
}

fn message(mut object: Map<String, Value>, role: &str) -> Message {
    if is_langchain(&object) {
        object = with_role(object);
    }
    let finish_reason = finish_reason(&mut object);
    if let Some(Value::Object(inner)) = object.remove("message").map(parse_json_text) {
        let inner = message(inner, role);
        return Message { finish_reason: finish_reason.or(inner.finish_reason), ..inner };
    }
    let role = object.remove("role").and_then(text_of).map_or_else(|| role.to_owned(), known_role);
    let mut parts = Vec::new();
    let answered =
        ["tool_call_id", "id"].into_iter().find_map(|key| object.get(key).filter(|id| !id.is_null()).cloned());
    if let Some(Value::Array(items)) = object.remove("parts") {
        parts.extend(items.into_iter().flat_map(part));
    }
    match object.remove("content").or_else(|| object.remove("text")).unwrap_or_default() {
        Value::Null => {}
        // Gemini's answers hold a whole message as their content.
        Value::Object(inner) if inner.contains_key("parts") => {
            return Message { finish_reason, ..message(inner, &role) };
        }
        content if role == "tool" => {
            parts.push(json!({"type": "tool_call_response", "id": answered, "response": content}));
        }
        Value::String(text) => parts.extend(text_or_parts(text)),
        Value::Array(items) => parts.extend(items.into_iter().flat_map(part)),
        other if is_part(&other) => parts.extend(part(other)),
        other => parts.push(text_part(other.to_string())),
    }
    if let Some(Value::String(text)) = object.remove("refusal") {
        parts.push(json!({"type": "refusal", "content": text}));
    }
    if let Some(Value::Array(calls)) = object.remove("tool_calls").map(parse_json_text) {
        parts.extend(calls.into_iter().map(tool_call));
    }
    if let Some(call @ Value::Object(_)) = object.remove("function_call") {
        parts.push(tool_call(call));
    }
    Message { role, parts, finish_reason }
}

/// Text, unless it is a list of parts as JSON, as some instrumentations write content with images.
fn text_or_parts(text: String) -> Vec<Value> {
    match parse_json_text(Value::String(text)) {
        Value::Array(items) if !items.is_empty() && items.iter().all(is_part) => {
            items.into_iter().flat_map(part).collect()
        }
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![text_part(text)],
        json => vec![text_part(json.to_string())],
    }
}

/// The names that frameworks have for the same roles.
fn known_role(role: String) -> String {
    match role.as_str() {
        "human" | "HumanMessage" | "HumanMessageChunk" => "user".to_owned(),
        "ai" | "model" | "AIMessage" | "AIMessageChunk" => "assistant".to_owned(),
        "developer" | "SystemMessage" => "system".to_owned(),
        "function" | "ToolMessage" | "FunctionMessage" => "tool".to_owned(),
        _ => role,
    }
}

fn part(value: Value) -> Option<Value> {
    let mut object = match value {
        Value::Object(object) => object,
        Value::Null => return None,
        other => return text_of(other).map(text_part),
    };
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut take = |keys: [&str; 2]| keys.into_iter().find_map(|key| object.remove(key)).unwrap_or_default();
    Some(match kind.as_str() {
        "text" | "input_text" | "output_text" => text_part(text_of(take(["content", "text"]))?),
        "refusal" => json!({"type": "refusal", "content": take(["content", "refusal"])}),
        "tool_result" => {
            let (id, response) = (take(["tool_use_id", "id"]), take(["content", "response"]));
            json!({"type": "tool_call_response", "id": id, "response": response})
        }
        "function_call_output" => {
            let (id, response) = (take(["call_id", "id"]), take(["output", "response"]));
            json!({"type": "tool_call_response", "id": id, "response": response})
        }
        "tool_call" | "tool_use" | "function_call" => tool_call(Value::Object(object)),
        "" => untyped_part(object)?,
        _ => Value::Object(object),
    })
}

/// Gemini's and Bedrock's parts are told by their key.
fn untyped_part(mut object: Map<String, Value>) -> Option<Value> {
    if let Some(text) = object.remove("text") {
        return text_of(text).map(text_part);
    }
    for key in ["functionCall", "function_call", "toolUse"] {
        if let Some(call) = object.remove(key) {
            return Some(tool_call(call));
        }
    }
    for key in ["functionResponse", "function_response", "toolResult"] {
        if let Some(answer) = object.remove(key) {
            let id = [&answer["id"], &answer["toolUseId"]].into_iter().find(|id| !id.is_null()).cloned();
            let said = [&answer["response"], &answer["content"]].into_iter().find(|said| !said.is_null()).cloned();
            return Some(json!({"type": "tool_call_response", "id": id, "response": said}));
        }
    }
    (!object.is_empty()).then_some(Value::Object(object))
}

/// A model's request to call a tool, from any of the shapes that providers have for it.
fn tool_call(value: Value) -> Value {
    let function = match &value["function"] {
        Value::Object(_) => &value["function"],
        _ => &value,
    };
    let first = |of: &Value, keys: &[&str]| keys.iter().map(|key| &of[*key]).find(|found| !found.is_null()).cloned();
    let arguments = first(function, &["arguments", "args", "input"]).map(parse_json_text);
    json!({"type": "tool_call", "id": first(&value, &["call_id", "id", "toolUseId"]),
        "name": first(function, &["name"]), "arguments": arguments})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The turns as `role: text [tools]`.
    fn check(value: Value, expect: &[&str]) {
        let got: Vec<String> = messages(value.clone(), "user")
            .iter()
            .map(|message| {
                let tools: Vec<&str> = message.tool_names().collect();
                format!("{}: {} {tools:?}", message.role, message.text().unwrap_or_default())
            })
            .collect();
        assert_eq!(got, expect, "{value}");
    }

    #[test]
    fn the_current_form_and_the_providers_forms_are_read() {
        check(json!([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]), &["user: hi []"]);
        check(json!(r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#), &["user: hi []"]);
        check(json!([{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]), &["user: a\nb []"]);
        check(
            json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]),
            &["user: hi []", "assistant: yo []"],
        );
        check(
            json!({"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url"}]}),
            &["user: hi []"],
        );
        check(
            json!({"role": "assistant", "content": null,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}),
            &["assistant:  [\"f\"]"],
        );
        check(
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}),
            &["assistant:  [\"f\"]"],
        );
        check(
            json!({"role": "model", "parts": [{"text": "hi"}, {"functionCall": {"name": "f", "args": {}}}]}),
            &["assistant: hi [\"f\"]"],
        );
        check(
            json!({"system": "be brief", "messages": [{"role": "user", "content": "hi"}]}),
            &["system: be brief []", "user: hi []"],
        );
        check(json!("plain"), &["user: plain []"]);
        check(json!({"question": "why"}), &["user: {\"question\":\"why\"} []"]);
        for nothing in [json!(null), json!(""), json!([]), json!(7)] {
            check(nothing, &[]);
        }
    }

    #[test]
    fn the_bodies_of_requests_and_answers_are_read() {
        check(json!({"instructions": "be brief", "input": "hi"}), &["system: be brief []", "user: hi []"]);
        check(
            json!({"system_instruction": {"parts": [{"text": "be brief"}]},
                "contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            &["system: be brief []", "user: hi []"],
        );
        check(
            json!({"output": [{"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yo"}]},
                {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}]}),
            &["user:  []", "assistant: yo []", "user:  [\"f\"]"],
        );
        check(
            json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "yo"}]}, "finishReason": "STOP"}]}),
            &["assistant: yo []"],
        );
        check(
            json!({"output": {"message": {"role": "assistant", "content": [{"text": "yo"}]}}, "stopReason": "end_turn"}),
            &["assistant: yo []"],
        );
        check(json!({"choices": [{"text": "yo", "index": 0, "finish_reason": "stop"}]}), &["user: yo []"]);
    }

    #[test]
    fn the_messages_of_langchain_are_read() {
        let class = |name: &str, kwargs: Value| json!({"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": kwargs});
        check(
            json!({"messages": [[class("SystemMessage", json!({"content": "be brief", "type": "system"})),
                class("HumanMessage", json!({"content": "hi", "type": "human"}))]]}),
            &["system: be brief []", "user: hi []"],
        );
        let call = json!({"content": "", "tool_calls": [{"name": "f", "args": {}, "id": "1", "type": "tool_call"}]});
        check(
            json!({"generations": [[{"text": "", "message": class("AIMessage", call),
                "generation_info": {"finish_reason": "tool_calls"}}]]}),
            &["assistant:  [\"f\"]"],
        );
        check(
            json!([{"type": "human", "content": "hi"}, {"type": "ai", "content": "yo"}]),
            &["user: hi []", "assistant: yo []"],
        );
        check(json!([{"type": "human", "data": {"content": "hi"}}]), &["user: hi []"]);
    }

    #[test]
    fn arguments_become_json_whoever_sent_them() {
        let arguments = |value: Value| messages(value, "assistant")[0].parts[0]["arguments"].clone();
        let expect = json!({"city": "Oslo"});
        let text = "{\"city\": \"Oslo\"}";
        assert_eq!(arguments(json!({"tool_calls": [{"function": {"name": "f", "arguments": text}}]})), expect);
        assert_eq!(arguments(json!({"content": [{"type": "tool_use", "name": "f", "input": expect}]})), expect);
        assert_eq!(arguments(json!({"parts": [{"type": "tool_call", "name": "f", "arguments": text}]})), expect);
    }

    #[test]
    fn an_answer_says_why_it_ended_and_whether_it_declines() {
        let body = json!({"choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": null, "refusal": "No."}}]});
        let answer = &messages(body, "assistant")[0];
        assert_eq!((answer.finish_reason.as_deref(), answer.text().as_deref()), (Some("stop"), Some("No.")));
        assert!(answer.is_refusal());
    }

    #[test]
    fn a_tools_answer_keeps_the_id_of_its_call() {
        let answer = &messages(json!({"role": "tool", "tool_call_id": "c1", "content": "4 C"}), "user")[0];
        assert_eq!(answer.parts, [json!({"type": "tool_call_response", "id": "c1", "response": "4 C"})]);
        assert_eq!(answer.text(), None);
    }
}
