//! From bytes to events: the codec of the bus, and the mapper behind the front doors.

use std::fmt;

use serde_json::{Map, Value};

use crate::limits::{MAX_DEPTH, MAX_EVENT_BYTES, MAX_FIELDS};
use crate::{Event, EventId, FIELDS, Outcome, SCHEMA_VERSION, TenantId, Timestamp, plain};

/// What the server knows of an item that the item itself must not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Whose it is, from the credential.
    pub tenant: TenantId,
    /// When it came.
    pub received_at: Timestamp,
}

impl Arrival {
    /// An arrival of this tenant at this time.
    pub fn new(tenant: TenantId, received_at: Timestamp) -> Self {
        Self { tenant, received_at }
    }
}

/// Gives the random bytes of the id of an event that began at this time.
pub type Entropy<'a> = dyn FnMut(Timestamp) -> [u8; 10] + 'a;

/// An item that is no event: which field, and why. Neither quotes the item's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Rejection {
    /// The path of the field at fault; `$` is the item as a whole.
    pub field: String,
    /// What is wrong with it, and what to send instead.
    pub reason: String,
}

impl Rejection {
    /// A fault of this field.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    fn whole(reason: impl Into<String>) -> Self {
        Self::new("$", reason)
    }
}

/// The event's JSON.
pub fn encode(event: &Event) -> Vec<u8> {
    serde_json::to_vec(event).expect("an event has string keys and finite values, so it is always JSON")
}

/// Reads a record of the raw topic: an event as a front door or an emitter wrote it, and, for a producer that
/// writes to Kafka by itself, anything that [`map_item`] reads. A record names its own tenant, since only
/// services and trusted producers may write to the topic; without one it belongs to `arrival.tenant`.
pub fn decode_raw(bytes: &[u8], arrival: &Arrival, entropy: &mut Entropy<'_>) -> Result<Vec<Event>, Rejection> {
    check_size(bytes)?;
    if let Some(mut event) = decode_known(bytes) {
        event.check()?;
        return Ok(vec![event]);
    }
    let mut object = parse_object(bytes)?;
    let tenant = object.get("tenant").and_then(|tenant| tenant.get("id")).and_then(Value::as_str);
    let tenant = tenant.and_then(|id| TenantId::new(id).ok()).unwrap_or_else(|| arrival.tenant.clone());
    object.remove("tenant");
    map_fields(object, &Arrival::new(tenant, arrival.received_at), entropy)
}

/// Reads one item of a front door: an event of the schema or a plain JSON object, which may become several
/// events. What the item says of its tenant and its time of arrival is overruled by `arrival`.
pub fn map_item(bytes: &[u8], arrival: &Arrival, entropy: &mut Entropy<'_>) -> Result<Vec<Event>, Rejection> {
    check_size(bytes)?;
    if let Some(mut event) = decode_known(bytes) {
        event.tenant.id = arrival.tenant.clone();
        event.received_at = arrival.received_at;
        event.sanitization = None;
        event.check()?;
        return Ok(vec![event]);
    }
    map_fields(parse_object(bytes)?, arrival, entropy)
}

/// As [`map_item`], of an object that is no text yet.
pub fn map_object(
    object: Map<String, Value>,
    arrival: &Arrival,
    entropy: &mut Entropy<'_>,
) -> Result<Vec<Event>, Rejection> {
    measure_object(&object, 1, &mut 0)?;
    map_fields(object, arrival, entropy)
}

fn check_size(bytes: &[u8]) -> Result<(), Rejection> {
    match bytes.len() {
        size if size > MAX_EVENT_BYTES => {
            Err(Rejection::whole(format!("is {size} bytes long; an event has at most {MAX_EVENT_BYTES}")))
        }
        _ => Ok(()),
    }
}

/// The fast way: a complete event without any field that the schema does not know.
fn decode_known(bytes: &[u8]) -> Option<Event> {
    let mut unknown = false;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let event = serde_ignored::deserialize(&mut json, |_| unknown = true).ok()?;
    json.end().ok()?;
    (!unknown).then_some(event).filter(shallow)
}

/// JSON inside a known field is as bounded as the item.
fn shallow(event: &Event) -> bool {
    let messages = event.content.as_ref().and_then(|content| content.messages.as_ref());
    let arguments = event.tool.as_ref().and_then(|tool| tool.arguments.as_ref());
    let mut fields = 0;
    let values = messages.into_iter().chain(arguments).chain(event.attrs.values());
    values.fold(event.attrs.len() <= MAX_FIELDS, |ok, value| ok && measure(value, 3, &mut fields).is_ok())
}

fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Rejection> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let at = format!("line {} column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Eof => Rejection::whole(format!("is not JSON: it ends early, at {at}")),
            _ if error.to_string().starts_with("recursion limit") => too_deep(),
            _ => Rejection::whole(format!("is not JSON: syntax error or invalid Unicode at {at}")),
        }
    })?;
    measure(&value, 1, &mut 0)?;
    match value {
        Value::Object(object) => Ok(object),
        other => Err(Rejection::whole(format!("is {}; an event is a JSON object", type_name(&other)))),
    }
}

fn too_deep() -> Rejection {
    Rejection::whole(format!("is nested too deep; at most {MAX_DEPTH} levels are read"))
}

fn measure(value: &Value, depth: usize, fields: &mut usize) -> Result<(), Rejection> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| measure(item, depth + 1, fields)),
        Value::Object(object) => measure_object(object, depth, fields),
        _ => Ok(()),
    }
}

fn measure_object(object: &Map<String, Value>, depth: usize, fields: &mut usize) -> Result<(), Rejection> {
    *fields += object.len();
    if *fields > MAX_FIELDS {
        return Err(Rejection::whole(format!("has too many fields; at most {MAX_FIELDS} are read")));
    }
    object.values().try_for_each(|item| measure(item, depth + 1, fields))
}

/// What JSON calls the value's type, with its article.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn map_fields(
    object: Map<String, Value>,
    arrival: &Arrival,
    entropy: &mut Entropy<'_>,
) -> Result<Vec<Event>, Rejection> {
    let mut events = if object.contains_key("kind") || object.contains_key("schema_version") {
        vec![map_native(object, arrival, entropy)?]
    } else {
        plain::map(object, arrival, entropy)?
    };
    for event in &mut events {
        event.check()?;
    }
    Ok(events)
}

/// An event of the schema that leaves out what the server can fill in, or has fields the schema does not know.
fn map_native(
    mut object: Map<String, Value>,
    arrival: &Arrival,
    entropy: &mut Entropy<'_>,
) -> Result<Event, Rejection> {
    let mut unknown = Map::new();
    set_apart_unknown(&mut object, "", &mut unknown);
    let at = match object.get("@timestamp").or_else(|| object.get("timestamp")) {
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|_| Rejection::new("@timestamp", "is not a time; send RFC 3339 or an epoch time"))?,
        None => arrival.received_at,
    };
    let id = match object.get("id") {
        Some(Value::String(text)) => text.parse().map_err(|_| Rejection::new("id", "is not a UUID"))?,
        Some(_) => return Err(Rejection::new("id", "is not a UUID")),
        None => EventId::new(at, entropy(at)),
    };
    let interaction = object.get("interaction_id").and_then(Value::as_str);
    let interaction = interaction.map(|text| crate::InteractionId::from_text(&arrival.tenant, text).to_string());
    let outcome = match object.get("kind").and_then(Value::as_str) {
        Some("error") => Outcome::Error,
        _ => Outcome::Ok,
    };
    unknown.remove("timestamp");
    object.insert("@timestamp".to_owned(), Value::String(at.to_string()));
    object.insert("interaction_id".to_owned(), Value::String(interaction.unwrap_or_else(|| id.to_string())));
    object.insert("id".to_owned(), Value::String(id.to_string()));
    object.insert("received_at".to_owned(), Value::String(arrival.received_at.to_string()));
    object.insert("tenant".to_owned(), serde_json::json!({"id": arrival.tenant}));
    object.entry("schema_version").or_insert_with(|| SCHEMA_VERSION.into());
    object.entry("outcome").or_insert_with(|| outcome.as_str().into());
    object.entry("source").or_insert_with(|| serde_json::json!({"format": "lapwing"}));
    object.remove("sanitization");
    let mut event: Event =
        serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| shape_fault(&error))?;
    for (key, value) in unknown {
        event.attrs.entry(key).or_insert(value);
    }
    Ok(event)
}

/// Moves the fields that the schema does not know out of `object`, under their dotted paths.
fn set_apart_unknown(object: &mut Map<String, Value>, prefix: &str, unknown: &mut Map<String, Value>) {
    let keys: Vec<String> = object.keys().cloned().collect();
    for key in keys {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if FIELDS.iter().any(|field| field.path == path) {
            continue;
        }
        let is_section =
            FIELDS.iter().any(|field| field.path.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.')));
        match object.get_mut(&key) {
            Some(Value::Object(section)) if is_section => set_apart_unknown(section, &path, unknown),
            Some(_) if is_section => {}
            _ => {
                if let Some(value) = object.remove(&key) {
                    unknown.insert(path, value);
                }
            }
        }
    }
}

/// Says where and what, without the value that serde's own message quotes.
fn shape_fault(error: &serde_path_to_error::Error<serde_json::Error>) -> Rejection {
    let message = error.inner().to_string();
    let path = match error.path().to_string() {
        path if path == "." => "$".to_owned(),
        path => path,
    };
    if let Some(name) = message.strip_prefix("missing field `") {
        let name = name.split('`').next().unwrap_or_default();
        let field = if path == "$" { name.to_owned() } else { format!("{path}.{name}") };
        return Rejection::new(field, "is missing");
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => Rejection::new(path, format!("has the wrong type or value, expected {expected}")),
        None => Rejection::new(path, "has the wrong type or value"),
    }
}

impl fmt::Display for Event {
    /// Kind and id, for logs: never content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} event {}", self.kind, self.id)
    }
}
