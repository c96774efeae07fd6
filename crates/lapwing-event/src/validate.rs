//! What an event must satisfy before the bus takes it. A fault names the field and never quotes its content.

use std::time::Duration;

use serde_json::Value;

use crate::codec::Rejection;
use crate::content::Request;
use crate::field::Field;
use crate::{Event, FieldVisitor, Kind, Timestamp};

/// An event may claim to be this much later than it was received; beyond it the server's time is used.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Later than this beyond the time of arrival, a time is no clock skew but a mistake.
const MAX_FUTURE: Duration = Duration::from_secs(24 * 60 * 60);

/// 2000-01-01T00:00:00Z: an earlier time is a zero or a unit gone wrong.
const EARLIEST: Timestamp = Timestamp::from_millis(946_684_800_000);

impl Event {
    /// Checks the event and fills in what may be left out. A timestamp up to a day ahead is replaced by the
    /// time of arrival and kept in `attrs.ts_original`.
    pub(crate) fn check(&mut self) -> Result<(), Rejection> {
        if !self.schema_version.starts_with("1.") {
            return Err(Rejection::new("schema_version", "must be 1.x; this server reads schema version 1"));
        }
        if !self.kind.is_known() {
            return Err(Rejection::new("kind", format!("is not one of {}", Kind::VALUES.join(", "))));
        }
        self.check_time()?;
        self.check_ids()?;
        self.check_numbers()?;
        self.fill_defaults();
        self.check_section()?;
        self.check_text()
    }

    fn check_time(&mut self) -> Result<(), Rejection> {
        if self.timestamp < EARLIEST {
            return Err(Rejection::new("@timestamp", "is before the year 2000; send RFC 3339 or an epoch time"));
        }
        if self.timestamp > self.received_at + MAX_FUTURE {
            return Err(Rejection::new("@timestamp", "is more than a day in the future; check the sender's clock"));
        }
        if self.timestamp > self.received_at + MAX_CLOCK_SKEW {
            self.attrs.insert("ts_original".to_owned(), Value::String(self.timestamp.to_string()));
            self.timestamp = self.received_at;
        }
        Ok(())
    }

    fn check_ids(&self) -> Result<(), Rejection> {
        let hex = |text: &Option<String>, digits: usize| {
            text.as_ref().is_none_or(|text| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        if !hex(&self.trace_id, 32) {
            return Err(Rejection::new("trace_id", "must be 32 hexadecimal digits"));
        }
        for (path, id) in [("span_id", &self.span_id), ("parent_span_id", &self.parent_span_id)] {
            if !hex(id, 16) {
                return Err(Rejection::new(path, "must be 16 hexadecimal digits"));
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), Rejection> {
        let scores = self.scores.as_ref();
        let within = |path: &'static str, value: Option<f64>, low: f64, high: f64| match value {
            Some(value) if !(low..=high).contains(&value) => {
                Err(Rejection::new(path, format!("must be between {low} and {high}")))
            }
            _ => Ok(()),
        };
        within("scores.toxicity", scores.and_then(|s| s.toxicity), 0.0, 1.0)?;
        within("scores.sentiment", scores.and_then(|s| s.sentiment), -1.0, 1.0)?;
        within("latency_ms", self.latency_ms, 0.0, f64::MAX)?;
        within("ttft_ms", self.ttft_ms, 0.0, f64::MAX)?;
        within("cost_usd", self.cost_usd, 0.0, f64::MAX)
    }

    fn fill_defaults(&mut self) {
        if self.kind == Kind::Llm {
            let gen_ai = self.gen_ai.get_or_insert_default();
            gen_ai.operation.get_or_insert_with(|| crate::content::Named { name: "chat".to_owned() });
            let request = gen_ai.request.get_or_insert_default();
            if request.model.is_empty() {
                *request = Request { model: "unknown".to_owned(), ..std::mem::take(request) };
            }
        }
    }

    fn check_section(&self) -> Result<(), Rejection> {
        let (path, present) = match self.kind {
            Kind::Llm => ("gen_ai", self.gen_ai.is_some()),
            Kind::Tool => ("tool", self.tool.is_some()),
            Kind::Guardrail => ("guardrail", self.guardrail.is_some()),
            Kind::Retrieval => ("retrieval", self.retrieval.is_some()),
            Kind::Error => ("error", self.error.is_some()),
            Kind::Evaluation => ("evaluation", self.evaluation.is_some()),
            Kind::Alert => ("alert", self.alert.is_some()),
            Kind::Review => ("review", self.review.is_some()),
            Kind::Audit => ("audit", self.audit.is_some()),
            Kind::Other(_) => ("kind", false),
        };
        if !present {
            return Err(Rejection::new(path, format!("is missing; an event of kind {} needs it", self.kind)));
        }
        if self.kind == Kind::Evaluation && self.target_id.is_none() {
            return Err(Rejection::new("target_id", "is missing; it names the event that was evaluated"));
        }
        Ok(())
    }

    /// Refuses NUL anywhere and empty names.
    fn check_text(&mut self) -> Result<(), Rejection> {
        let mut check = TextCheck { fault: None };
        self.visit_mut(&mut check);
        check.fault.map_or(Ok(()), Err)
    }
}

const NAMES: &[&str] =
    &["service.name", "tool.name", "guardrail.name", "error.type", "evaluation.name", "retrieval.data_source"];

struct TextCheck {
    fault: Option<Rejection>,
}

impl TextCheck {
    fn found(&mut self, path: &str, reason: &str) {
        self.fault.get_or_insert_with(|| Rejection::new(path, reason));
    }

    fn walk(&mut self, path: &str, value: &Value) {
        match value {
            Value::String(text) if text.contains('\0') => self.found(path, "contains NUL"),
            Value::Array(items) => items.iter().for_each(|item| self.walk(path, item)),
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                if key.contains('\0') {
                    self.found(path, "contains NUL in a key");
                }
                self.walk(path, value);
            }),
            _ => {}
        }
    }
}

impl FieldVisitor for TextCheck {
    fn text(&mut self, field: &'static Field, text: &mut String) {
        if text.contains('\0') {
            self.found(field.path, "contains NUL");
        }
        if text.is_empty() && NAMES.contains(&field.path) {
            self.found(field.path, "is empty");
        }
    }

    fn json(&mut self, field: &'static Field, value: &mut Value) {
        self.walk(field.path, value);
    }
}
