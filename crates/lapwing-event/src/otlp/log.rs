//! Log records as events. The messages of one model call come as a record each; those of one span that come together
//! become one event.

use serde_json::{Map, Value};

use super::attributes::Attributes;
use super::conversation::Conversation;
use super::envelope::{self, Origin, Place, hex, timestamp};
use super::valid::valid;
use super::{llm, other};
use crate::{Arrival, Event, Kind, Rejection, Timestamp};

/// A log record, decoded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    /// 16 bytes, or none.
    pub trace_id: Vec<u8>,
    /// 8 bytes, or none.
    pub span_id: Vec<u8>,
    /// What happened, such as `gen_ai.choice`.
    pub event_name: String,
    /// Nanoseconds since the epoch; 0 if not known.
    pub nanos: u64,
    /// When the SDK saw it, in nanoseconds since the epoch.
    pub observed_nanos: u64,
    /// Its attributes.
    pub attributes: Map<String, Value>,
    /// Its body.
    pub body: Value,
}

/// What log records came to.
#[derive(Debug, Default)]
pub struct MappedLogs {
    /// Their events, each with the numbers of its records in the order they came.
    pub events: Vec<(Event, Vec<usize>)>,
    /// Records that cannot be events, by their number.
    pub rejected: Vec<(usize, Rejection)>,
    /// Records that are not of GenAI.
    pub dropped: usize,
}

/// The subject of a log record.
enum Subject {
    /// A turn, or all turns, of a model call.
    Said,
    Evaluation,
    Exception,
}

fn subject(name: &str) -> Option<Subject> {
    match name {
        "gen_ai.client.inference.operation.details" | "gen_ai.choice" => Some(Subject::Said),
        "gen_ai.content.prompt" | "gen_ai.content.completion" => Some(Subject::Said),
        "gen_ai.evaluation.result" => Some(Subject::Evaluation),
        "exception" => Some(Subject::Exception),
        _ => name.strip_prefix("gen_ai.")?.strip_suffix(".message").map(|_| Subject::Said),
    }
}

/// The records of one model call that came together.
struct Call {
    records: Vec<usize>,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    at: u64,
    /// Tells this call's events from those of other exports about the same span.
    fingerprint: Vec<u8>,
    attributes: Attributes,
    conversation: Conversation,
}

/// The events of the log records of one origin.
pub fn map_logs(logs: Vec<Log>, origin: &Origin, arrival: &Arrival) -> MappedLogs {
    let mut mapped = MappedLogs::default();
    let mut calls: Vec<Call> = Vec::new();
    for (index, mut log) in logs.into_iter().enumerate() {
        if log.event_name.is_empty() {
            // Where SDKs put the name before log records had a field for it.
            log.event_name = log.attributes.get("event.name").and_then(Value::as_str).unwrap_or_default().to_owned();
        }
        let Some(subject) = subject(&log.event_name) else {
            mapped.dropped += 1;
            continue;
        };
        log.trace_id = valid_id(log.trace_id, 16);
        log.span_id = valid_id(log.span_id, 8);
        match subject {
            Subject::Said => say(log, index, &mut calls),
            _ => mapped.take(vec![index], alone(log, &subject, origin, arrival)),
        }
    }
    for mut call in calls {
        // With the capture of content switched off, messages come without one.
        if call.conversation.is_empty() && !call.attributes.has("gen_ai.operation.name") {
            mapped.dropped += call.records.len();
            continue;
        }
        let records = std::mem::take(&mut call.records);
        mapped.take(records, of_call(call, origin, arrival));
    }
    mapped
}

impl MappedLogs {
    fn take(&mut self, records: Vec<usize>, result: Result<Event, Rejection>) {
        match result.and_then(valid) {
            Ok(event) => self.events.push((event, records)),
            Err(rejection) => self.rejected.extend(records.into_iter().map(|index| (index, rejection.clone()))),
        }
    }
}

/// An id of another length, or of zeros, is none.
fn valid_id(id: Vec<u8>, length: usize) -> Vec<u8> {
    if id.len() == length && id.iter().any(|byte| *byte != 0) { id } else { Vec::new() }
}

impl Log {
    fn nanos(&self) -> u64 {
        if self.nanos > 0 { self.nanos } else { self.observed_nanos }
    }

    fn fingerprint(&self) -> Vec<u8> {
        let attributes = Value::Object(self.attributes.clone());
        format!("{}\n{}\n{}\n{}", self.nanos(), self.event_name, attributes, self.body).into_bytes()
    }
}

/// Adds the record to its call. The details of an operation are a call of their own, which says everything itself.
fn say(mut log: Log, index: usize, calls: &mut Vec<Call>) {
    let whole = log.event_name == "gen_ai.client.inference.operation.details";
    let known = calls.iter().position(|call| {
        !whole && !log.span_id.is_empty() && call.span_id == log.span_id && call.trace_id == log.trace_id
    });
    let (at, fingerprint) = (log.nanos(), log.fingerprint());
    let mut attributes = Attributes::from(std::mem::take(&mut log.attributes));
    let body = Some(std::mem::take(&mut log.body)).filter(|body| !body.is_null());
    let place = known.unwrap_or_else(|| {
        calls.push(Call {
            records: Vec::new(),
            trace_id: log.trace_id,
            span_id: log.span_id,
            at,
            fingerprint,
            attributes: Attributes::default(),
            conversation: Conversation::default(),
        });
        calls.len() - 1
    });
    let call = &mut calls[place];
    call.records.push(index);
    call.conversation.absorb(&log.event_name, &mut attributes, body);
    call.attributes.merge(attributes);
}

fn of_call(mut call: Call, origin: &Origin, arrival: &Arrival) -> Result<Event, Rejection> {
    let at = time_of(call.at, arrival)?;
    let place = Place { trace_id: &call.trace_id, span_id: &call.span_id, parent_span_id: &[] };
    let id = place.event_id(at, arrival, "llm log", &call.fingerprint);
    let attributes = &mut call.attributes;
    attributes.forget(&["event.name"]);
    let mut event = envelope::event(Kind::Llm, id, at, place, (origin, arrival), attributes);
    envelope::fail(&mut event, None, attributes, &mut Attributes::default());
    llm::fill(&mut event, attributes, call.conversation, "chat");
    envelope::keep_rest(&mut event, origin, call.attributes, "gen_ai_event", "");
    Ok(event)
}

/// The event of a record that stands for itself.
fn alone(log: Log, subject: &Subject, origin: &Origin, arrival: &Arrival) -> Result<Event, Rejection> {
    let at = time_of(log.nanos(), arrival)?;
    let fingerprint = log.fingerprint();
    let mut attributes = Attributes::from(log.attributes);
    attributes.forget(&["event.name"]);
    let place = Place { trace_id: &log.trace_id, span_id: &log.span_id, parent_span_id: &[] };
    let kind = if matches!(subject, Subject::Evaluation) { Kind::Evaluation } else { Kind::Error };
    let id = place.event_id(at, arrival, kind.as_str(), &fingerprint);
    let mut event = envelope::event(kind, id, at, place, (origin, arrival), &mut attributes);
    if event.kind == Kind::Evaluation {
        let target = attributes.text(&["gen_ai.response.id"]).unwrap_or_else(|| hex(place.span_id));
        let target = if target.is_empty() { "unknown".to_owned() } else { target };
        other::evaluation(&mut event, &mut attributes, "", target);
    } else {
        let said = log.body.as_str().unwrap_or_default().to_owned();
        envelope::fail(&mut event, Some(&said), &mut attributes, &mut Attributes::default());
    }
    envelope::keep_rest(&mut event, origin, attributes, "gen_ai_event", "");
    Ok(event)
}

/// The record's time; without one, the time of its arrival.
fn time_of(nanos: u64, arrival: &Arrival) -> Result<Timestamp, Rejection> {
    if nanos == 0 { Ok(arrival.received_at) } else { timestamp(nanos, "time_unix_nano") }
}
