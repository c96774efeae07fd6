//! What every event of a span or log record has: ids, times, who and where, and how it ended.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::attributes::Attributes;
use crate::{Agent, Arrival, ErrorDetail, Event, EventId, InteractionId, Kind, Outcome, Rejection, Session, Source};
use crate::{Service, Timestamp, User};

/// What the spans and log records of one resource and instrumentation scope have in common.
#[derive(Debug, Clone)]
pub struct Origin {
    service: Service,
    environment: Option<String>,
    /// What the resource says besides, and the scope's name.
    attrs: Map<String, Value>,
}

impl Default for Origin {
    fn default() -> Self {
        Self::new(Map::new(), "")
    }
}

impl Origin {
    /// From the attributes of the resource and the name of the instrumentation scope.
    pub fn new(resource: Map<String, Value>, scope: &str) -> Self {
        let mut resource = Attributes::from(resource);
        let name = resource.text(&["service.name"]).unwrap_or_else(|| "unknown_service".to_owned());
        let service = Service { name, version: resource.text(&["service.version"]) };
        let environment = resource.text(&["deployment.environment.name", "deployment.environment"]);
        // Which SDK it was is the same for every event and says nothing of the application.
        let rest = resource.into_rest().into_iter().filter(|(key, _)| !key.starts_with("telemetry."));
        let rest: Map<String, Value> = rest.collect();
        let mut attrs = Map::new();
        if !rest.is_empty() {
            attrs.insert("resource".to_owned(), Value::Object(rest));
        }
        if !scope.is_empty() {
            attrs.insert("scope.name".to_owned(), Value::String(scope.to_owned()));
        }
        Self { service, environment, attrs }
    }
}

/// Where in a trace something happened; empty ids are none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub trace_id: &'a [u8],
    pub span_id: &'a [u8],
    pub parent_span_id: &'a [u8],
}

impl Place<'_> {
    /// The id of an event at this place: UUIDv7 of its time, its random bits from what it is.
    pub fn event_id(&self, at: Timestamp, arrival: &Arrival, kind: &str, index: &[u8]) -> EventId {
        let tenant = arrival.tenant.as_str().as_bytes();
        EventId::derived(at, &[b"otlp", tenant, self.trace_id, self.span_id, kind.as_bytes(), index])
    }
}

/// The time, or why it is none.
pub(super) fn timestamp(nanos: u64, field: &str) -> Result<Timestamp, Rejection> {
    let nanos = i64::try_from(nanos).map_err(|_| Rejection::new(field, "is not a time of this or the next century"))?;
    Ok(Timestamp::from_nanos(nanos))
}

/// An event with its envelope filled from the attributes; what it takes out of them is known.
pub(super) fn event(
    kind: Kind,
    id: EventId,
    at: Timestamp,
    place: Place<'_>,
    (origin, arrival): (&Origin, &Arrival),
    attributes: &mut Attributes,
) -> Event {
    let mut event = Event::new(kind, id, at, "");
    event.service = origin.service.clone();
    event.environment.clone_from(&origin.environment);
    event.received_at = arrival.received_at;
    event.tenant.id = arrival.tenant.clone();
    event.source.format = "otlp".to_owned();
    event.trace_id = (!place.trace_id.is_empty()).then(|| hex(place.trace_id));
    event.span_id = (!place.span_id.is_empty()).then(|| hex(place.span_id));
    event.parent_span_id = (!place.parent_span_id.is_empty()).then(|| hex(place.parent_span_id));
    if let Ok(trace) = Uuid::from_slice(place.trace_id) {
        event.interaction_id = trace.into();
    }
    if let Some(text) = attributes.text(&["interaction_id", "interaction.id"]) {
        event.interaction_id = InteractionId::from_text(&arrival.tenant, &text);
    }
    let associated = "traceloop.association.properties.";
    let with = |names: &[&str], key: &str| -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).chain([format!("{associated}{key}")]).collect()
    };
    let mut first = |keys: Vec<String>| attributes.text(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    event.user = first(with(&["user.id", "enduser.id", "llm.user", "gen_ai.user"], "user_id")).map(|id| User { id });
    event.session = first(with(&["session.id", "gen_ai.conversation.id"], "session_id")).map(|id| Session { id });
    let agent = Agent {
        id: attributes.text(&["gen_ai.agent.id"]),
        name: attributes.text(&["gen_ai.agent.name", "agent.name"]),
        version: attributes.text(&["gen_ai.agent.version"]),
    };
    event.agent = (agent != Agent::default()).then_some(agent);
    event
}

/// Writes down how it failed, if it did: by its status, an error's class, or an exception.
pub(super) fn fail(
    event: &mut Event,
    by_status: Option<&str>,
    attributes: &mut Attributes,
    exception: &mut Attributes,
) {
    let kind = attributes.text(&["error.type", "exception.type"]).or_else(|| exception.text(&["exception.type"]));
    let messages = ["exception.message", "error.message"];
    let message = exception.text(&messages).or_else(|| attributes.text(&messages));
    let message = message.or_else(|| by_status.filter(|said| !said.is_empty()).map(str::to_owned));
    if by_status.is_none() && kind.is_none() && message.is_none() {
        return;
    }
    let stack = "exception.stacktrace";
    event.outcome = Outcome::Error;
    event.error = Some(Box::new(ErrorDetail {
        // What the conventions call an error without a class.
        kind: kind.unwrap_or_else(|| "_OTHER".to_owned()),
        message,
        code: None,
        retryable: None,
        stack: exception.text(&[stack]).or_else(|| attributes.text(&[stack])),
    }));
}

/// Puts what nobody took under `attrs`, and the origin's attributes with it.
pub(super) fn keep_rest(event: &mut Event, origin: &Origin, attributes: Attributes, convention: &str, name: &str) {
    event.source = Source { format: "otlp".to_owned(), convention: Some(convention.to_owned()) };
    event.attrs = origin.attrs.clone();
    event.attrs.extend(attributes.into_rest());
    if !name.is_empty() {
        event.attrs.insert("span.name".to_owned(), Value::String(name.to_owned()));
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}
