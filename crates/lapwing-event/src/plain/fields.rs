//! The fields of a plain object by lower-case key, and the names that loggers have for the same thing.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::codec::type_name;
use crate::limits::MAX_TOOLS;
use crate::sections::{parse_json_text, text_of};
use crate::{Arrival, ErrorDetail, MAX_CLOCK_SKEW, Rejection, Timestamp, Tool, ToolStatus};

/// The object's fields by lower-case key; what is taken out is known, what stays goes under `attrs`.
pub(super) struct Fields {
    pub rest: Map<String, Value>,
}

impl Fields {
    pub fn new(object: Map<String, Value>) -> Self {
        let mut rest = Map::new();
        for (key, value) in object {
            let absent = match &value {
                Value::Null => true,
                Value::String(text) => text.is_empty() || text.eq_ignore_ascii_case("nan"),
                _ => false,
            };
            if !absent {
                rest.entry(key.to_lowercase()).or_insert(value);
            }
        }
        Self { rest }
    }

    /// The first of these keys that is there, as text; a number or boolean is written out.
    pub fn text(&mut self, keys: &[&str]) -> Option<String> {
        let key = keys.iter().find(|key| self.rest.contains_key(**key))?;
        self.rest.remove(*key).and_then(text_of)
    }

    /// As [`Self::text`], of something that may also stand as an object with an id or a name.
    pub fn named(&mut self, keys: &[&str]) -> Option<String> {
        let key = keys.iter().find(|key| self.rest.contains_key(**key))?;
        match self.rest.remove(*key)? {
            Value::Object(mut object) => ["id", "name"]
                .iter()
                .find_map(|key| object.remove(*key))
                .or(Some(Value::Object(object)))
                .and_then(text_of),
            other => text_of(other),
        }
    }

    /// The words under one of these keys, if they are text: what a model's body holds is no text.
    pub fn words(&mut self, keys: &[&str]) -> Option<String> {
        let is_text = |value: &Value| !value.is_object() && !value.is_array();
        let key = keys.iter().find(|key| self.rest.get(**key).is_some_and(is_text))?;
        self.rest.remove(*key).and_then(text_of)
    }

    pub fn number(&mut self, key: &str) -> Result<Option<f64>, Rejection> {
        let number = match self.rest.remove(key) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number.filter(|n| n.is_finite()).map(Some).ok_or_else(|| Rejection::new(key, "is not a number"))
    }

    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, Rejection> {
        let fault = || Rejection::new(key, "is not true or false");
        match self.rest.remove(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(Value::Number(number)) => Ok(Some(number.as_f64() != Some(0.0))),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(Some(true)),
                "false" | "no" | "0" => Ok(Some(false)),
                _ => Err(fault()),
            },
            Some(_) => Err(fault()),
        }
    }

    /// When it happened. What other names say is taken only if it is a time near the arrival.
    pub fn time(&mut self, arrival: &Arrival) -> Result<Option<Timestamp>, Rejection> {
        let began = self.plausible(&["start_time", "starttime", "started_at", "created_at", "created"], arrival);
        let ended = self.plausible(&["end_time", "endtime", "ended_at", "finished_at"], arrival);
        if let (Some(began), Some(ended)) = (began, ended) {
            let took = ended.since(began).as_secs_f64() * 1e3;
            self.rest.entry("latency_ms").or_insert_with(|| took.into());
        }
        let key = ["@timestamp", "timestamp", "ts", "time"].into_iter().find(|key| self.rest.contains_key(*key));
        let Some(key) = key else { return Ok(began) };
        let value = self.rest.remove(key).unwrap_or_default();
        let fault = |_| Rejection::new(key, "is not a time; send RFC 3339 or an epoch time");
        serde_json::from_value(value).map(Some).map_err(fault)
    }

    fn plausible(&mut self, keys: &[&str], arrival: &Arrival) -> Option<Timestamp> {
        const NEAR: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
        let key = keys.iter().find(|key| self.rest.contains_key(**key))?;
        let time: Timestamp = serde_json::from_value(self.rest.get(*key)?.clone()).ok()?;
        let near = time <= arrival.received_at + MAX_CLOCK_SKEW && arrival.received_at.since(time) < NEAR;
        near.then(|| drop(self.rest.remove(*key)))?;
        Some(time)
    }

    /// An id of W3C Trace Context, which libraries also write as a UUID or with a prefix.
    pub fn hex(&mut self, keys: &[&str], digits: usize) -> Option<String> {
        let read = |value: &Value| {
            let text = value.as_str()?.trim_start_matches("trace_").trim_start_matches("span_");
            let text = text.replace('-', "").to_ascii_lowercase();
            let is_id = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_id && text.bytes().any(|byte| byte != b'0')).then_some(text)
        };
        let (key, id) = keys.iter().find_map(|key| Some((*key, read(self.rest.get(*key)?)?)))?;
        self.rest.remove(key);
        Some(id)
    }

    /// How it failed, if it did.
    pub fn error(&mut self) -> Option<Box<ErrorDetail>> {
        let keys = ["error", "error_message", "error_str", "exception"];
        let stated = keys.iter().find_map(|key| self.rest.remove(*key));
        let kind = self.text(&["error_type", "error_class"]);
        let failed = |fields: &Self| {
            let status = fields.rest.get("status").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            matches!(status.as_str(), "error" | "failure" | "failed")
        };
        let mut detail = match stated {
            None | Some(Value::Bool(false)) if kind.is_none() && !failed(self) => return None,
            None | Some(Value::Bool(_)) => error_detail(None),
            Some(Value::Object(mut object)) => {
                let mut first = |keys: &[&str]| keys.iter().find_map(|key| object.remove(*key)).and_then(text_of);
                let kind = first(&["type", "class", "error_class", "name"]);
                let (code, message) = (first(&["code", "error_code"]), first(&["message", "error_message", "detail"]));
                let message = message.or_else(|| Some(Value::Object(object).to_string()));
                let detail = error_detail(message);
                ErrorDetail { kind: kind.unwrap_or(detail.kind), code, ..detail }
            }
            Some(other) => error_detail(text_of(other)),
        };
        if let Some(kind) = kind {
            detail.kind = kind;
        }
        Some(Box::new(detail))
    }

    /// `tool_called` is a name, a list of names, or a list of objects with name, arguments and output.
    pub fn tools(&mut self) -> Result<Vec<Tool>, Rejection> {
        let called = match self.rest.remove("tool_called").or_else(|| self.tools_by_another_name()) {
            None | Some(Value::Bool(false)) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
        };
        if called.len() > MAX_TOOLS {
            return Err(Rejection::new("tool_called", format!("names more than {MAX_TOOLS} tools")));
        }
        let mut arguments = self.per_tool(&["tool_arguments", "tool_args", "tool_input"], called.len());
        let mut outputs = self.per_tool(&["tool_output", "tool_result"], called.len());
        let tools = called.into_iter().enumerate().map(|(index, item)| {
            let mut tool = tool_of(item, &format!("tool_called[{index}]"))?;
            let dealt = |values: &mut Vec<Value>| values.get_mut(index).map(Value::take);
            let arguments = tool.arguments.take().or_else(|| dealt(&mut arguments));
            tool.arguments = arguments.filter(|value| !value.is_null()).map(parse_json_text);
            tool.output = tool.output.take().or_else(|| dealt(&mut outputs).and_then(text_of));
            Ok(tool)
        });
        let none = |tool: &Tool| tool.name.is_empty() || tool.name.eq_ignore_ascii_case("none");
        let tools: Vec<Tool> = tools.collect::<Result<_, _>>()?;
        Ok(tools.into_iter().filter(|tool| !none(tool)).collect())
    }

    /// Names that say the same, if what they hold is a tool's execution.
    fn tools_by_another_name(&mut self) -> Option<Value> {
        let is_one = |value: &Value| match value {
            Value::String(_) => true,
            Value::Object(object) => object.get("name").is_some_and(Value::is_string),
            _ => false,
        };
        let are = |value: &Value| match value {
            Value::Array(items) => items.len() <= MAX_TOOLS && items.iter().all(is_one),
            one => is_one(one),
        };
        let names = ["tools_called", "tools_used", "tool_name"];
        let key = names.into_iter().find(|key| self.rest.get(*key).is_some_and(are))?;
        self.rest.remove(key)
    }

    /// One value a tool: a list as long as the tools is dealt out, anything else goes to the first.
    fn per_tool(&mut self, keys: &[&str], tools: usize) -> Vec<Value> {
        let Some(key) = keys.iter().find(|key| self.rest.contains_key(**key)) else { return Vec::new() };
        match self.rest.remove(*key) {
            Some(Value::Array(items)) if items.len() == tools => items,
            Some(value) => vec![value],
            None => Vec::new(),
        }
    }
}

/// One tool that was called: its name, or an object with name, arguments, output and status.
fn tool_of(item: Value, path: &str) -> Result<Tool, Rejection> {
    let mut tool = Tool {
        name: String::new(),
        call_id: None,
        kind: None,
        status: ToolStatus::Ok,
        arguments: None,
        output: None,
        definition_hash: None,
    };
    match item {
        Value::String(name) => tool.name = name,
        Value::Object(mut object) => {
            let Some(Value::String(name)) = object.remove("name") else {
                return Err(Rejection::new(format!("{path}.name"), "is missing"));
            };
            tool.name = name;
            let mut first = |keys: &[&str]| keys.iter().find_map(|key| object.remove(*key));
            tool.arguments = first(&["arguments", "args", "input"]);
            tool.output = first(&["output", "result"]).and_then(text_of);
            tool.call_id = first(&["call_id", "id"]).and_then(text_of);
            tool.status = first(&["status"]).and_then(text_of).map_or(ToolStatus::Ok, |status| status.as_str().into());
        }
        other => return Err(Rejection::new(path, format!("is {}; send a tool's name", type_name(&other)))),
    }
    Ok(tool)
}

fn error_detail(message: Option<String>) -> ErrorDetail {
    ErrorDetail { kind: "error".to_owned(), message, code: None, retryable: None, stack: None }
}
