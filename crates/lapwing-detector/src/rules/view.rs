//! An event as a Sigma rule sees it: the schema's paths, read in place without a copy.

use std::borrow::Cow;
use std::cell::OnceCell;

use lapwing_event::{Event, FIELDS, Kind};
use rsigma_eval::event::{Event as SigmaEvent, EventValue};
use serde_json::Value;

use crate::metric::Metric;

/// An event, and the words of its JSON fields once a rule has asked for them.
pub(crate) struct View<'a> {
    event: &'a Event,
    arguments: OnceCell<String>,
}

/// Whether rules may name this field: one of the schema, a length, or a path below a field that holds JSON.
pub(crate) fn is_field(path: &str) -> bool {
    let open = ["attrs.", "tool.arguments.", "sanitization.counts.", "retrieval.documents."];
    FIELDS.iter().any(|field| field.path == path)
        || Metric::parse(path).is_some()
        || open.iter().any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
}

impl<'a> View<'a> {
    pub(crate) fn new(event: &'a Event) -> Self {
        Self { event, arguments: OnceCell::new() }
    }

    /// The field's value as text, for grouping.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.get_field(path)?.as_str().map(Cow::into_owned)
    }

    fn section(&self, path: &str) -> Option<EventValue<'_>> {
        let event = self.event;
        match path.split_once('.').map_or(path, |(section, _)| section) {
            "gen_ai" => model(event, path),
            "content" => content(event, path),
            "tool" | "mcp" => self.tool(path),
            "guardrail" => guardrail(event, path),
            "retrieval" => retrieval(event, path),
            "error" => error(event, path),
            "evaluation" => evaluation(event, path),
            "sanitization" => sanitization(event, path),
            "attrs" => event.attrs.get(path.strip_prefix("attrs.")?).map(EventValue::from).or_else(|| {
                let mut keys = path.split('.').skip(1);
                let first = event.attrs.get(keys.next()?)?;
                keys.try_fold(first, |value, key| value.get(key)).map(EventValue::from)
            }),
            _ => envelope(event, path),
        }
    }

    fn tool(&self, path: &str) -> Option<EventValue<'_>> {
        if let Some(key) = path.strip_prefix("mcp.") {
            let mcp = self.event.mcp.as_ref()?;
            return opt(match key {
                "server" => &mcp.server,
                "method" => &mcp.method,
                "session_id" => &mcp.session_id,
                _ => return None,
            });
        }
        let tool = self.event.tool.as_ref()?;
        match path {
            "tool.name" => Some(text(&tool.name)),
            "tool.call_id" => opt(&tool.call_id),
            "tool.type" => opt(&tool.kind),
            "tool.status" => Some(text(tool.status.as_str())),
            "tool.output" => opt(&tool.output),
            "tool.definition_hash" => opt(&tool.definition_hash),
            "tool.arguments" => {
                let arguments = tool.arguments.as_ref()?;
                Some(text(self.arguments.get_or_init(|| words(arguments))))
            }
            _ => {
                let keys = path.strip_prefix("tool.arguments.")?;
                keys.split('.').try_fold(tool.arguments.as_ref()?, |value, key| value.get(key)).map(EventValue::from)
            }
        }
    }
}

impl SigmaEvent for View<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.section(path).or_else(|| Metric::parse(path)?.read(self.event).map(EventValue::Float))
    }

    fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
        self.all_string_values().iter().any(|value| pred(value))
    }

    /// What a keyword is looked for in: the words, not the envelope.
    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let paths: &[&str] = match self.event.kind {
            Kind::Llm => &["content.system", "content.prompt", "content.response"],
            Kind::Tool => &["tool.name", "tool.arguments", "tool.output"],
            Kind::Guardrail => &["guardrail.name", "guardrail.category", "guardrail.reason"],
            Kind::Retrieval => &["retrieval.query", "retrieval.text", "retrieval.documents.snippet"],
            _ => &["error.type", "error.message", "evaluation.explanation"],
        };
        let mut found = Vec::new();
        for path in paths {
            match self.section(path) {
                Some(EventValue::Str(value)) => found.push(value),
                Some(EventValue::Array(values)) => found.extend(values.into_iter().filter_map(|value| match value {
                    EventValue::Str(value) => Some(value),
                    _ => None,
                })),
                _ => {}
            }
        }
        found
    }

    fn to_json(&self) -> Value {
        serde_json::to_value(self.event).unwrap_or_default()
    }
}

fn text(value: &str) -> EventValue<'_> {
    EventValue::Str(Cow::Borrowed(value))
}

fn opt(value: &Option<String>) -> Option<EventValue<'_>> {
    value.as_deref().map(text)
}

fn list(values: &[String]) -> Option<EventValue<'_>> {
    (!values.is_empty()).then(|| EventValue::Array(values.iter().map(|value| text(value)).collect()))
}

fn envelope<'a>(event: &'a Event, path: &str) -> Option<EventValue<'a>> {
    let agent = event.agent.as_ref();
    match path {
        "kind" => Some(text(event.kind.as_str())),
        "tenant.id" => Some(text(event.tenant.id.as_str())),
        "environment" => opt(&event.environment),
        "service.name" => Some(text(&event.service.name)),
        "service.version" => opt(&event.service.version),
        "agent.id" => opt(&agent?.id),
        "agent.name" => opt(&agent?.name),
        "agent.version" => opt(&agent?.version),
        "user.id" => event.user_id().map(text),
        "session.id" => event.session_id().map(text),
        "trace_id" => opt(&event.trace_id),
        "span_id" => opt(&event.span_id),
        "parent_span_id" => opt(&event.parent_span_id),
        "interaction_id" => Some(EventValue::Str(event.interaction_id.to_string().into())),
        "id" => Some(EventValue::Str(event.id.to_string().into())),
        "outcome" => Some(text(event.outcome.as_str())),
        "source.format" => Some(text(&event.source.format)),
        "source.convention" => opt(&event.source.convention),
        "refusal" => event.refusal.map(EventValue::Bool),
        "refusal_source" => opt(&event.refusal_source),
        "tool_names" => list(&event.tool_names),
        "guardrail_names" => list(&event.guardrail_names),
        "guardrail_action" => opt(&event.guardrail_action),
        "target_id" => opt(&event.target_id),
        _ => None,
    }
}

fn model<'a>(event: &'a Event, path: &str) -> Option<EventValue<'a>> {
    let section = event.gen_ai.as_ref()?;
    match path {
        "gen_ai.operation.name" => section.operation.as_ref().map(|named| text(&named.name)),
        "gen_ai.provider.name" => section.provider.as_ref().map(|named| text(&named.name)),
        "gen_ai.request.model" => section.model().map(text),
        "gen_ai.response.model" => opt(&section.response.as_ref()?.model),
        "gen_ai.response.id" => opt(&section.response.as_ref()?.id),
        "gen_ai.response.finish_reasons" => list(&section.response.as_ref()?.finish_reasons),
        _ => None,
    }
}

fn content<'a>(event: &'a Event, path: &str) -> Option<EventValue<'a>> {
    let section = event.content.as_ref()?;
    match path {
        "content.system" => opt(&section.system),
        "content.prompt" => opt(&section.prompt),
        "content.response" => opt(&section.response),
        "content.messages" => section.messages.as_ref().map(|messages| EventValue::Str(words(messages).into())),
        _ => None,
    }
}

fn guardrail<'a>(event: &'a Event, path: &str) -> Option<EventValue<'a>> {
    let section = event.guardrail.as_ref()?;
    match path {
        "guardrail.name" => Some(text(&section.name)),
        "guardrail.version" => opt(&section.version),
        "guardrail.stage" => Some(text(section.stage.as_str())),
        "guardrail.action" => Some(text(section.action.as_str())),
        "guardrail.category" => opt(&section.category),
        "guardrail.reason" => opt(&section.reason),
        "guardrail.policy_id" => opt(&section.policy_id),
        "guardrail.rule_id" => opt(&section.rule_id),
        _ => None,
    }
}

fn retrieval<'a>(event: &'a Event, path: &str) -> Option<EventValue<'a>> {
    let section = event.retrieval.as_ref()?;
    let of_documents = |read: fn(&lapwing_event::Document) -> Option<&String>| {
        let values: Vec<_> = section.documents.iter().filter_map(read).map(|value| text(value)).collect();
        (!values.is_empty()).then_some(EventValue::Array(values))
    };
    match path {
        "retrieval.data_source" => Some(text(&section.data_source)),
        "retrieval.query" => opt(&section.query),
        "retrieval.text" => opt(&section.text),
        "retrieval.uris" => list(&section.uris),
        "retrieval.documents.id" => of_documents(|document| document.id.as_ref()),
        "retrieval.documents.uri" => of_documents(|document| document.uri.as_ref()),
        "retrieval.documents.title" => of_documents(|document| document.title.as_ref()),
        "retrieval.documents.sha256" => of_documents(|document| document.sha256.as_ref()),
        "retrieval.documents" | "retrieval.documents.snippet" => of_documents(|document| document.snippet.as_ref()),
        _ => None,
    }
}

fn error<'a>(event: &'a Event, path: &str) -> Option<EventValue<'a>> {
    let section = event.error.as_ref()?;
    match path {
        "error.type" => Some(text(&section.kind)),
        "error.message" => opt(&section.message),
        "error.code" => opt(&section.code),
        "error.retryable" => section.retryable.map(EventValue::Bool),
        "error.stack" => opt(&section.stack),
        _ => None,
    }
}

fn evaluation<'a>(event: &'a Event, path: &str) -> Option<EventValue<'a>> {
    let section = event.evaluation.as_ref()?;
    match path {
        "evaluation.name" => Some(text(&section.name)),
        "evaluation.label" => opt(&section.label),
        "evaluation.explanation" => opt(&section.explanation),
        "evaluation.annotator" => Some(text(&section.annotator)),
        _ => None,
    }
}

fn sanitization<'a>(event: &'a Event, path: &str) -> Option<EventValue<'a>> {
    let record = event.sanitization.as_ref()?;
    match path {
        "sanitization.status" => Some(text(record.status.as_str())),
        "sanitization.policy_version" => Some(text(&record.policy_version)),
        "sanitization.fields" => list(&record.fields),
        _ => {
            let count = record.counts.get(path.strip_prefix("sanitization.counts.")?)?;
            Some(EventValue::Int(i64::from(*count)))
        }
    }
}

/// The keys and scalars of a JSON value in order, a line each, so that a pattern finds them without escapes.
pub(crate) fn words(value: &Value) -> String {
    let mut out = String::new();
    push(value, &mut out);
    out
}

fn push(value: &Value, out: &mut String) {
    match value {
        Value::Null => {}
        Value::String(text) => line(text, out),
        Value::Array(values) => values.iter().for_each(|value| push(value, out)),
        Value::Object(map) => {
            for (key, value) in map {
                line(key, out);
                push(value, out);
            }
        }
        scalar => line(&scalar.to_string(), out),
    }
}

fn line(word: &str, out: &mut String) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(word);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lapwing_event::IndexAs;
    use serde_json::json;

    #[test]
    fn values_are_found_by_the_paths_of_the_schema() {
        let event =
            crate::testing::tool("s", 0, "send", json!({"to": "x@y", "list": [{"deep": "one\ntwo"}], "n": 3}), "sent");
        let view = View::new(&event);
        assert_eq!(view.text("tool.name").as_deref(), Some("send"));
        assert_eq!(view.text("tool.arguments.to").as_deref(), Some("x@y"));
        assert_eq!(view.text("tool.arguments.n").as_deref(), Some("3"));
        assert!(view.text("tool.arguments").unwrap().contains("deep\none\ntwo"));
        assert_eq!(view.text("tool.output.length").as_deref(), Some("4"));
        assert_eq!(view.text("session.id").as_deref(), Some("s"));
        assert_eq!(view.text("content.prompt"), None);
    }

    #[test]
    fn every_keyword_text_and_bool_of_an_event_can_be_read() {
        let of_findings = ["alert.", "review.", "audit.", "schema_version", "attrs"];
        let full = full_event();
        let view = View::new(&full);
        for field in lapwing_event::FIELDS {
            let readable = matches!(field.index, IndexAs::Keyword | IndexAs::Text | IndexAs::Bool | IndexAs::Number);
            if readable && !of_findings.iter().any(|prefix| field.path.starts_with(prefix)) {
                assert!(view.get_field(field.path).is_some(), "{}", field.path);
            }
        }
        assert!(is_field("attrs.x.y") && is_field("content.prompt.length") && !is_field("content.promt"));
    }

    /// An event with every field that a rule may name.
    fn full_event() -> Event {
        let json = json!({
            "schema_version": "1.0", "id": "0198a1b2-0000-7000-8000-000000000000",
            "interaction_id": "0198a1b2-0000-7000-8000-000000000000", "kind": "llm",
            "@timestamp": "2026-11-24T00:00:00Z", "received_at": "2026-11-24T00:00:00Z", "tenant": {"id": "t"},
            "environment": "p", "service": {"name": "s", "version": "1"},
            "agent": {"id": "a", "name": "n", "version": "1"}, "user": {"id": "u"}, "session": {"id": "s"},
            "trace_id": "aa", "span_id": "bb", "parent_span_id": "cc", "outcome": "ok", "latency_ms": 1.0,
            "source": {"format": "f", "convention": "c"},
            "sanitization": {"policy_version": "1", "status": "ok", "total": 1, "counts": {"EMAIL": 1}, "fields": ["x"]},
            "gen_ai": {"operation": {"name": "chat"}, "provider": {"name": "p"},
                "request": {"model": "m", "temperature": 1.0, "max_tokens": 1},
                "response": {"model": "m", "id": "i", "finish_reasons": ["stop"]},
                "usage": {"input_tokens": 1, "output_tokens": 1, "cache_read_tokens": 1, "cache_write_tokens": 1,
                    "reasoning_tokens": 1}},
            "content": {"system": "s", "prompt": "p", "response": "r"}, "cost_usd": 1.0, "ttft_ms": 1.0,
            "refusal": true, "refusal_source": "provider", "scores": {"toxicity": 0.1, "sentiment": 0.1},
            "tool_names": ["t"], "guardrail_names": ["g"], "guardrail_action": "blocked",
            "tool": {"name": "t", "call_id": "c", "type": "function", "status": "ok", "arguments": {"a": 1},
                "output": "o", "definition_hash": "h"},
            "mcp": {"server": "s", "method": "m", "session_id": "i"},
            "guardrail": {"name": "g", "version": "1", "stage": "input", "action": "blocked", "category": "c",
                "reason": "r", "score": 1.0, "policy_id": "p", "rule_id": "r"},
            "retrieval": {"data_source": "d", "query": "q", "top_k": 1, "uris": ["u"], "text": "t"},
            "error": {"type": "t", "message": "m", "code": "c", "retryable": true},
            "evaluation": {"name": "n", "score": 1.0, "label": "l", "explanation": "e", "annotator": "human"},
            "target_id": "t"
        });
        serde_json::from_value(json).unwrap()
    }
}
