//! A span as one event, and the evaluations it carries as events of their own.

use serde_json::{Map, Value};

use super::attributes::Attributes;
use super::conversation::Conversation;
use super::envelope::{self, Origin, Place, hex, timestamp};
use super::kind::{Subject, convention, subject};
use super::valid::valid;
use super::{other, section};
use crate::{Arrival, Event, Kind, Rejection};

/// A span, decoded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Span {
    /// 16 bytes.
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    pub span_id: Vec<u8>,
    /// 8 bytes, or none.
    pub parent_span_id: Vec<u8>,
    /// What the instrumentation calls it.
    pub name: String,
    /// Nanoseconds since the epoch.
    pub start_nanos: u64,
    /// Nanoseconds since the epoch.
    pub end_nanos: u64,
    /// Its attributes.
    pub attributes: Map<String, Value>,
    /// What happened during it.
    pub events: Vec<SpanEvent>,
    /// How it ended.
    pub status: Status,
    /// What the status says.
    pub status_message: String,
}

/// Something that happened during a span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpanEvent {
    /// Its name.
    pub name: String,
    /// Nanoseconds since the epoch.
    pub nanos: u64,
    /// Its attributes.
    pub attributes: Map<String, Value>,
}

/// How a span ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    /// The instrumentation did not say.
    #[default]
    Unset,
    /// Well, by the application's word.
    Ok,
    /// With an error.
    Error,
}

/// The events of a span: none if it is not of GenAI.
///
/// # Errors
/// Says what is wrong with a span that is of GenAI and cannot be an event.
pub fn map_span(span: Span, origin: &Origin, arrival: &Arrival) -> Result<Vec<Event>, Rejection> {
    let mut attributes = Attributes::from(span.attributes);
    let Some(subject) = subject(&attributes).or_else(|| of_events(&span.events)) else { return Ok(Vec::new()) };
    check_id("trace_id", &span.trace_id, 16)?;
    check_id("span_id", &span.span_id, 8)?;
    let at = timestamp(span.start_nanos, "start_time_unix_nano")?;
    let place = Place {
        trace_id: &span.trace_id,
        span_id: &span.span_id,
        parent_span_id: if span.parent_span_id.len() == 8 { &span.parent_span_id } else { &[] },
    };
    // An evaluator's span stands below what it evaluates, or apart.
    let evaluates = if place.parent_span_id.is_empty() { place.span_id } else { place.parent_span_id };
    let kind = subject.kind();
    let id = place.event_id(at, arrival, kind.as_str(), &0_usize.to_be_bytes());
    let convention = convention(&attributes);
    let mut event = envelope::event(kind, id, at, place, (origin, arrival), &mut attributes);
    let took = span.end_nanos.checked_sub(span.start_nanos);
    event.latency_ms = took.map(|nanos| nanos as f64 / 1e6);

    let mut conversation = match subject {
        Subject::Llm(_) => Conversation::take(&mut attributes),
        _ => Conversation::default(),
    };
    let (mut exception, mut evaluations) = (Attributes::default(), Vec::new());
    for SpanEvent { name, nanos, attributes } in span.events {
        let mut attributes = Attributes::from(attributes);
        match name.as_str() {
            "exception" => exception = attributes,
            "gen_ai.evaluation.result" => evaluations.push((nanos, attributes)),
            "First Token Stream Event" | "gen_ai.content.completion.chunk" | "llm.content.completion.chunk" => {
                let after = nanos.checked_sub(span.start_nanos).map(|nanos| nanos as f64 / 1e6);
                event.ttft_ms = event.ttft_ms.or(after);
            }
            _ => drop(conversation.absorb(&name, &mut attributes, None)),
        }
    }
    if span.status != Status::Ok {
        let by_status = (span.status == Status::Error).then_some(span.status_message.as_str());
        envelope::fail(&mut event, by_status, &mut attributes, &mut exception);
    }
    section::fill(&mut event, &mut attributes, subject, conversation, (&span.name, hex(evaluates)));
    let evaluated = event.id.to_string();
    envelope::keep_rest(&mut event, origin, attributes, convention, &span.name);
    let mut events = vec![event];
    for (index, (nanos, mut attributes)) in evaluations.into_iter().enumerate() {
        let id = place.event_id(at, arrival, Kind::Evaluation.as_str(), &index.to_be_bytes());
        let at = timestamp(nanos, "events.time_unix_nano").unwrap_or(at);
        let mut event = envelope::event(Kind::Evaluation, id, at, place, (origin, arrival), &mut attributes);
        other::evaluation(&mut event, &mut attributes, "", evaluated.clone());
        envelope::keep_rest(&mut event, origin, attributes, "gen_ai", "");
        events.push(event);
    }
    events.into_iter().map(valid).collect()
}

/// A span that has nothing to say itself may carry the messages as its events.
fn of_events(events: &[SpanEvent]) -> Option<Subject> {
    events.iter().any(|event| event.name.starts_with("gen_ai.")).then_some(Subject::Llm("chat"))
}

fn check_id(field: &str, id: &[u8], length: usize) -> Result<(), Rejection> {
    match id.len() == length && id.iter().any(|byte| *byte != 0) {
        true => Ok(()),
        false => Err(Rejection::new(field, format!("must be {length} bytes that are not all zero"))),
    }
}
