//! A number of an event, by the path that names it.

use lapwing_event::{Event, GuardrailAction, Kind, Outcome, ToolStatus};
use serde_json::Value;

/// Where in an event a number stands.
#[derive(Debug, Clone)]
pub(crate) enum Metric {
    /// A field of the schema, or a length.
    Field {
        /// Reads it.
        read: Read,
        /// Whether it is 0 or 1, so that its mean is a share.
        is_share: bool,
    },
    /// A number under `attrs`, by its keys.
    Attr(Vec<String>),
}

impl Metric {
    /// The metric with this path; none if no such number can exist.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        if let Some(keys) = path.strip_prefix("attrs.") {
            let keys: Vec<String> = keys.split('.').map(str::to_owned).collect();
            return keys.iter().all(|k| !k.is_empty()).then_some(Self::Attr(keys));
        }
        let found = FIELDS.iter().find(|(name, _)| *name == path);
        found.map(|(name, read)| Self::Field { read: *read, is_share: SHARES.contains(name) })
    }

    /// Whether the number is 0 or 1.
    pub(crate) fn is_share(&self) -> bool {
        matches!(self, Self::Field { is_share: true, .. })
    }

    /// The number, if the event has it and it is finite.
    pub(crate) fn read(&self, event: &Event) -> Option<f64> {
        let value = match self {
            Self::Field { read, .. } => read(event),
            Self::Attr(keys) => {
                let (first, rest) = keys.split_first()?;
                let found = rest.iter().try_fold(event.attrs.get(first)?, |value, key| value.get(key))?;
                match found {
                    Value::Number(n) => n.as_f64(),
                    Value::String(text) => text.parse().ok(),
                    _ => None,
                }
            }
        };
        value.filter(|v| v.is_finite())
    }
}

/// The numbers that are 0 or 1.
const SHARES: &[&str] = &["refused", "failed", "tool.failed", "guardrail.triggered"];

type Read = fn(&Event) -> Option<f64>;

/// The numeric fields of the schema, and the lengths of its texts in characters.
const FIELDS: &[(&str, Read)] = &[
    ("latency_ms", |e| e.latency_ms),
    ("cost_usd", |e| e.cost_usd),
    ("ttft_ms", |e| e.ttft_ms),
    ("scores.toxicity", |e| e.scores.as_ref()?.toxicity),
    ("scores.sentiment", |e| e.scores.as_ref()?.sentiment),
    ("sanitization.total", |e| Some(f64::from(e.sanitization.as_ref()?.total))),
    ("guardrail.score", |e| e.guardrail.as_ref()?.score),
    ("evaluation.score", |e| e.evaluation.as_ref()?.score),
    ("retrieval.top_k", |e| count(e.retrieval.as_ref()?.top_k)),
    ("gen_ai.usage.input_tokens", |e| count(e.gen_ai.as_ref()?.usage.as_ref()?.input_tokens)),
    ("gen_ai.usage.output_tokens", |e| count(e.gen_ai.as_ref()?.usage.as_ref()?.output_tokens)),
    ("gen_ai.usage.cache_read_tokens", |e| count(e.gen_ai.as_ref()?.usage.as_ref()?.cache_read_tokens)),
    ("gen_ai.usage.cache_write_tokens", |e| count(e.gen_ai.as_ref()?.usage.as_ref()?.cache_write_tokens)),
    ("gen_ai.usage.reasoning_tokens", |e| count(e.gen_ai.as_ref()?.usage.as_ref()?.reasoning_tokens)),
    ("gen_ai.request.temperature", |e| e.gen_ai.as_ref()?.request.as_ref()?.temperature),
    ("gen_ai.request.max_tokens", |e| count(e.gen_ai.as_ref()?.request.as_ref()?.max_tokens)),
    ("content.prompt.length", |e| Some(length(e.content.as_ref()?.prompt.as_deref()?))),
    ("content.response.length", |e| Some(length(e.content.as_ref()?.response.as_deref()?))),
    ("tool.output.length", |e| Some(length(e.tool.as_ref()?.output.as_deref()?))),
    ("events", |_| Some(1.0)),
    ("tools", |e| e.tool.as_ref().filter(|_| e.kind == Kind::Tool).map(|_| 1.0)),
    ("failed", |e| Some(share(e.outcome == Outcome::Error))),
    ("refused", |e| {
        let refused = e.refusal == Some(true) || e.outcome == Outcome::Refused;
        (e.kind == Kind::Llm).then(|| share(refused))
    }),
    ("tool.failed", |e| Some(share(e.tool.as_ref()?.status != ToolStatus::Ok))),
    ("guardrail.triggered", |e| Some(share(e.guardrail.as_ref()?.action != GuardrailAction::Allowed))),
    ("tool_names.count", |e| (!e.tool_names.is_empty()).then_some(e.tool_names.len() as f64)),
];

fn count(value: Option<u64>) -> Option<f64> {
    value.map(|v| v as f64)
}

fn share(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn length(text: &str) -> f64 {
    text.chars().count() as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lapwing_event::{FIELDS as SCHEMA, IndexAs};

    #[test]
    fn every_numeric_field_of_the_schema_is_a_metric() {
        let of_findings = ["alert.score", "alert.threshold", "audit.count"];
        for field in SCHEMA.iter().filter(|f| f.index == IndexAs::Number && !of_findings.contains(&f.path)) {
            assert!(Metric::parse(field.path).is_some(), "{}", field.path);
        }
        assert!(Metric::parse("content.prompt").is_none());
        assert!(Metric::parse("attrs.").is_none());
    }

    #[test]
    fn attributes_are_read_by_path() {
        let mut event = (*crate::testing::llm("s1", 0, "hi")).clone();
        event.attrs = serde_json::from_str(r#"{"host":{"cpu":0.5,"mem":"0.25"},"x":[1]}"#).unwrap();
        let read = |path: &str| Metric::parse(path).unwrap().read(&event);
        assert_eq!(
            (read("attrs.host.cpu"), read("attrs.host.mem"), read("attrs.x"), read("attrs.y.z")),
            (Some(0.5), Some(0.25), None, None)
        );
        assert_eq!(read("content.prompt.length"), Some(2.0));
    }
}
