//! The examples that each rule carries under its `lapwing:` key: what must fire it and what must not.
//!
//! An example is one event or a list of events. An event is a map of paths to values over an empty event of the rule's
//! kind; `at` is its time in seconds, `repeat` and `every` make several of it, and `{n}` in a text is their number.

use lapwing_event::{EventId, SanitizedEvent, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What stands under the `lapwing:` key of a rule.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extension {
    /// The id under which the rule alerts, such as `AID-01`; without it, the rule's name or id.
    pub(crate) detection: Option<String>,
    /// Examples that must fire.
    #[serde(default)]
    pub(crate) positives: Vec<Value>,
    /// Examples that must not.
    #[serde(default)]
    pub(crate) negatives: Vec<Value>,
}

/// The events of an example; `kind` is that of events that do not name one.
pub(crate) fn events(example: &Value, kind: &str) -> Result<Vec<SanitizedEvent>, String> {
    let single = std::slice::from_ref(example);
    let items = example.as_array().map_or(single, Vec::as_slice);
    let mut events = Vec::new();
    for item in items {
        let fields = item.as_object().ok_or("an example is a map of fields, or a list of such maps")?;
        let number = |key: &str, default: i64| fields.get(key).map_or(Some(default), Value::as_i64);
        let whole = || "`at`, `repeat` and `every` are whole numbers".to_owned();
        let at = number("at", events.len() as i64).ok_or_else(whole)?;
        let repeat = number("repeat", 1).filter(|n| (1..=1_000).contains(n)).ok_or_else(whole)?;
        let every = number("every", 1).ok_or_else(whole)?;
        for n in 0..repeat {
            let json = event_json(fields, kind, at + n * every, n, events.len());
            let event = SanitizedEvent::decode(json.to_string().as_bytes());
            events.push(event.map_err(|error| format!("an example is no event: {}", causes(&error)))?);
        }
    }
    Ok(events)
}

fn causes(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The time at which examples begin: 2026-11-24T00:00:00Z.
const START_MS: i64 = 1_795_478_400_000;

fn event_json(fields: &Map<String, Value>, kind: &str, seconds: i64, n: i64, index: usize) -> Value {
    let kind = fields.get("kind").and_then(Value::as_str).unwrap_or(kind);
    let at = Timestamp::from_millis(START_MS + seconds * 1_000);
    let id = EventId::derived(at, &[b"example", &index.to_be_bytes()]).to_string();
    let mut event = json!({
        "schema_version": "1.0", "id": id, "interaction_id": id, "kind": kind, "@timestamp": at, "received_at": at,
        "tenant": {"id": "default"}, "service": {"name": "example"}, "session": {"id": "s"}, "user": {"id": "u"},
        "agent": {"id": "a"}, "outcome": "ok", "source": {"format": "example"},
        "sanitization": {"policy_version": "1", "status": "ok", "total": 0},
    });
    let section = match kind {
        "llm" => json!({"gen_ai": {"request": {"model": "m"}}}),
        "tool" => json!({"tool": {"name": "tool", "status": "ok"}}),
        "guardrail" => json!({"guardrail": {"name": "guardrail", "stage": "input", "action": "allowed"}}),
        "retrieval" => json!({"retrieval": {"data_source": "documents"}}),
        "error" => json!({"error": {"type": "error"}}),
        "evaluation" => json!({"evaluation": {"name": "evaluation", "annotator": "code"}}),
        _ => json!({}),
    };
    merge(&mut event, section);
    for (path, value) in fields.iter().filter(|(key, _)| !matches!(key.as_str(), "at" | "repeat" | "every" | "kind")) {
        let nested = path
            .rsplit('.')
            .fold(numbered(value, n), |inner, key| Value::Object(Map::from_iter([(key.to_owned(), inner)])));
        merge(&mut event, nested);
    }
    event
}

fn numbered(value: &Value, n: i64) -> Value {
    match value {
        Value::String(text) => text.replace("{n}", &n.to_string()).into(),
        Value::Array(values) => values.iter().map(|value| numbered(value, n)).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), numbered(value, n))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (into, from) => *into = from,
    }
}
