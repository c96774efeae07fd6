//! An execution of a tool, over MCP or not.

use serde_json::Value;

use super::attributes::Attributes;
use super::conversation::{INPUT, OUTPUT};
use crate::sections::text_of;
use crate::{Event, Mcp, Outcome, Tool, ToolStatus};

/// Fills the sections of a tool's execution; `span_name` is the name where the attributes have none.
pub(super) fn fill(event: &mut Event, attributes: &mut Attributes, span_name: &str) {
    attributes.forget(&["gen_ai.operation.name"]);
    let named = attributes.text(&["gen_ai.tool.name", "tool.name", "tool_call.function.name", "traceloop.entity.name"]);
    let arguments = attributes.value(&["gen_ai.tool.call.arguments", "gen_ai.tool.arguments", "mcp.request.argument"]);
    let whole = attributes.value(&INPUT);
    let arguments = arguments.or(whole).or_else(|| attributes.value(&["tool.parameters"])).map(unwrap_arguments);
    let output = attributes.value(&["gen_ai.tool.call.result", "gen_ai.tool.result", "mcp.response.value"]);
    let whole = attributes.value(&OUTPUT);
    let output = output.or(whole);
    if output.as_ref().is_some_and(|output| output["isError"] == true) {
        event.outcome = Outcome::Error;
    }
    attributes.forget(&["input.mime_type", "output.mime_type"]);
    event.tool = Some(Box::new(Tool {
        name: named.unwrap_or_else(|| name_of_span(span_name)),
        call_id: attributes.text(&["gen_ai.tool.call.id", "tool_call.id", "tool.id"]),
        kind: attributes.text(&["gen_ai.tool.type"]),
        status: status(event),
        arguments,
        output: output.and_then(text_of),
        definition_hash: None,
    }));
    let mcp = Mcp {
        server: attributes.text(&["mcp.server.name"]),
        method: attributes.text(&["mcp.method.name"]),
        session_id: attributes.text(&["mcp.session.id"]),
    };
    event.mcp = (mcp != Mcp::default()).then_some(mcp);
}

/// `execute_tool NAME`, `tools/call NAME` and `NAME.tool` are how the conventions name such spans.
fn name_of_span(name: &str) -> String {
    let name = name.strip_prefix("execute_tool ").or_else(|| name.strip_prefix("tools/call ")).unwrap_or(name);
    let name = name.strip_suffix(".tool").unwrap_or(name);
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}

/// The arguments alone: MCP wraps them with the tool's name, OpenLLMetry's decorators as Python's `args` and `kwargs`.
fn unwrap_arguments(value: Value) -> Value {
    let Value::Object(mut object) = value else { return value };
    if object.get("params").is_some_and(|params| params["arguments"].is_object()) {
        return unwrap_arguments(object.remove("params").unwrap_or_default());
    }
    let is_named = object.contains_key("name") || object.contains_key("tool_name");
    if is_named && object.get("arguments").is_some_and(Value::is_object) {
        return object.remove("arguments").unwrap_or_default();
    }
    let no_args = object.get("args").and_then(Value::as_array).is_some_and(Vec::is_empty);
    if no_args && object.len() == 2 && object.get("kwargs").is_some_and(Value::is_object) {
        return object.remove("kwargs").unwrap_or_default();
    }
    Value::Object(object)
}

fn status(event: &Event) -> ToolStatus {
    let kind = event.error.as_ref().map(|error| error.kind.to_ascii_lowercase()).unwrap_or_default();
    if event.outcome != Outcome::Error {
        ToolStatus::Ok
    } else if kind.contains("timeout") || kind.contains("deadline") {
        ToolStatus::Timeout
    } else if kind.contains("permission") || kind.contains("denied") || kind.contains("forbidden") {
        ToolStatus::Denied
    } else {
        ToolStatus::Error
    }
}
