//! The schema's bounds, and the cutting that enforces them after sanitizing.
//!
//! Sanitize first: a secret cut in two escapes its recognizer. A cut text keeps its head (75 %) and its tail
//! (25 %), and `truncated` says how much went.

use serde_json::{Map, Value};

use crate::field::{Field, IndexAs};
use crate::{Event, FieldVisitor, Truncation};

/// An event's JSON is at most this long: under Kafka's default of 1 MiB.
pub const MAX_EVENT_BYTES: usize = 900 * 1024;
/// A JSON item is at most this deep.
pub const MAX_DEPTH: usize = 64;
/// A JSON item has at most this many object keys, over all levels.
pub const MAX_FIELDS: usize = 4096;
/// `attrs` has at most this many keys, over all levels.
pub const MAX_ATTR_KEYS: usize = 256;
/// `attrs` is at most this deep.
pub const MAX_ATTR_DEPTH: usize = 8;
/// `attrs` is at most this long as JSON.
pub const MAX_ATTR_BYTES: usize = 64 * 1024;
/// A keyword is at most this long.
pub const MAX_KEYWORD_BYTES: usize = 1024;
/// An event names at most this many tools.
pub const MAX_TOOLS: usize = 128;
/// A retrieval holds at most this many documents.
pub const MAX_DOCUMENTS: usize = 100;

const KIB: usize = 1024;

/// The longest text of a field, in bytes.
fn max_text_bytes(field: &Field) -> usize {
    match field.path {
        "content.prompt" | "content.response" => 256 * KIB,
        "content.system" | "tool.output" | "retrieval.text" | "error.stack" => 64 * KIB,
        "error.message" => 16 * KIB,
        "retrieval.documents" => 8 * KIB,
        _ if field.index == IndexAs::Keyword => MAX_KEYWORD_BYTES,
        _ => 16 * KIB,
    }
}

impl Event {
    /// Cuts what exceeds the schema's limits and records it in `truncated`. For the sanitizer, as its last step.
    pub fn truncate_to_limits(&mut self) {
        let mut cut = Cut { truncated: std::mem::take(&mut self.truncated) };
        self.visit_mut(&mut cut);
        cut.list("tool_names", &mut self.tool_names, MAX_TOOLS);
        cut.list("guardrail_names", &mut self.guardrail_names, MAX_TOOLS);
        if let Some(retrieval) = &mut self.retrieval {
            cut.list("retrieval.documents", &mut retrieval.documents, MAX_DOCUMENTS);
            cut.list("retrieval.uris", &mut retrieval.uris, MAX_DOCUMENTS);
        }
        let attrs = cut.attrs(std::mem::take(&mut self.attrs));
        self.attrs = attrs;
        self.truncated = cut.truncated;
        if crate::encode(self).len() > MAX_EVENT_BYTES {
            self.drop_messages();
        }
    }

    /// Drops the attributes that exceed the limits. What is dropped is dropped whole, so this is safe before sanitizing.
    pub(crate) fn prune_attrs(&mut self) {
        let mut cut = Cut { truncated: std::mem::take(&mut self.truncated) };
        self.attrs = cut.attrs(std::mem::take(&mut self.attrs));
        self.truncated = cut.truncated;
    }

    /// Drops the parts that an event which is too long can do without, whole, so that this is safe before sanitizing:
    /// the history of messages, then the documents' snippets.
    pub fn drop_bulk(&mut self) {
        self.drop_messages();
        let documents = self.retrieval.iter_mut().flat_map(|retrieval| &mut retrieval.documents);
        let bytes: usize = documents.filter_map(|document| document.snippet.take()).map(|snippet| snippet.len()).sum();
        if bytes > 0 {
            self.truncated.push(Truncation { field: "retrieval.documents".to_owned(), bytes: bytes as u64 });
        }
    }

    fn drop_messages(&mut self) {
        if let Some(messages) = self.content.as_mut().and_then(|content| content.messages.take()) {
            let bytes = messages.to_string().len() as u64;
            self.truncated.push(Truncation { field: "content.messages".to_owned(), bytes });
        }
    }
}

struct Cut {
    truncated: Vec<Truncation>,
}

impl Cut {
    fn record(&mut self, field: &str, bytes: usize) {
        match self.truncated.iter_mut().find(|truncation| truncation.field == field) {
            Some(truncation) => truncation.bytes += bytes as u64,
            None => self.truncated.push(Truncation { field: field.to_owned(), bytes: bytes as u64 }),
        }
    }

    fn list<T>(&mut self, path: &str, items: &mut Vec<T>, max: usize) {
        if items.len() > max {
            self.record(path, items.len() - max);
            items.truncate(max);
        }
    }

    fn attrs(&mut self, attrs: Map<String, Value>) -> Map<String, Value> {
        let (mut keys, mut bytes, mut dropped) = (0, 0, 0);
        let kept = prune(attrs, 1, &mut keys, &mut bytes, &mut dropped);
        if dropped > 0 {
            self.record("attrs", dropped);
        }
        kept
    }
}

impl FieldVisitor for Cut {
    fn text(&mut self, field: &'static Field, text: &mut String) {
        let max = max_text_bytes(field);
        if text.len() > max {
            self.record(field.path, text.len() - max);
            *text = head_and_tail(text, max);
        }
    }

    fn json(&mut self, field: &'static Field, value: &mut Value) {
        if field.path == "tool.arguments" {
            let text = value.to_string();
            if text.len() > 64 * KIB {
                self.record(field.path, text.len() - 64 * KIB);
                *value = Value::String(head_and_tail(&text, 64 * KIB));
            }
        }
    }
}

/// The first three quarters and the last quarter of `max` bytes, cut at characters.
fn head_and_tail(text: &str, max: usize) -> String {
    let head = text.floor_char_boundary(max / 4 * 3);
    let tail = text.ceil_char_boundary(text.len() - max / 4);
    format!("{}{}", &text[..head], &text[tail..])
}

/// Keeps what fits; counts the bytes of what does not.
fn prune(
    map: Map<String, Value>,
    depth: usize,
    keys: &mut usize,
    bytes: &mut usize,
    dropped: &mut usize,
) -> Map<String, Value> {
    let mut kept = Map::new();
    for (key, value) in map {
        let size = match &value {
            Value::Object(_) => key.len() + 5,
            other => key.len() + other.to_string().len() + 4,
        };
        let fits =
            *keys < MAX_ATTR_KEYS && *bytes + size <= MAX_ATTR_BYTES && depth + nesting(&value) <= MAX_ATTR_DEPTH;
        match value {
            Value::Object(inner) if *keys < MAX_ATTR_KEYS && depth < MAX_ATTR_DEPTH => {
                *keys += 1;
                *bytes += size;
                kept.insert(key, Value::Object(prune(inner, depth + 1, keys, bytes, dropped)));
            }
            Value::Object(inner) => *dropped += key.len() + Value::Object(inner).to_string().len(),
            value if fits => {
                *keys += 1;
                *bytes += size;
                kept.insert(key, value);
            }
            _ => *dropped += size,
        }
    }
    kept
}

/// How many levels lie below a value that is not an object.
fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(nesting).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Content, EventId, Kind, Timestamp};

    fn event() -> Event {
        let at = Timestamp::from_millis(1_795_501_800_000);
        Event::new(Kind::Llm, EventId::new(at, [1; 10]), at, "app")
    }

    #[test]
    fn a_long_prompt_keeps_head_and_tail_and_says_so() {
        let mut event = event();
        let prompt = format!("BEGIN{}ENDE", "ä".repeat(200 * KIB));
        event.content = Some(Content { prompt: Some(prompt.clone()), ..Content::default() });
        event.truncate_to_limits();
        let kept = event.content.unwrap().prompt.unwrap();
        assert!(kept.len() <= 256 * KIB && kept.starts_with("BEGIN") && kept.ends_with("ENDE"));
        assert_eq!(event.truncated[0].field, "content.prompt");
        assert_eq!(event.truncated[0].bytes as usize, prompt.len() - 256 * KIB);
    }

    #[test]
    fn attrs_are_bounded_in_keys_depth_and_bytes() {
        let mut many = event();
        many.attrs = (0..1000).map(|i| (format!("k{i}"), Value::from(i))).collect();
        many.truncate_to_limits();
        assert_eq!(many.attrs.len(), MAX_ATTR_KEYS);
        assert_eq!(many.truncated[0].field, "attrs");

        let mut deep = event();
        let nested = (0..20).fold(Value::from(1), |inner, _| Value::Object(Map::from_iter([("d".to_owned(), inner)])));
        deep.attrs.insert("top".to_owned(), nested);
        deep.truncate_to_limits();
        assert!(nesting(&Value::Object(deep.attrs)) <= MAX_ATTR_DEPTH);

        let mut long = event();
        long.attrs.insert("text".to_owned(), Value::String("x".repeat(100 * KIB)));
        long.truncate_to_limits();
        assert!(long.attrs.is_empty() && long.truncated[0].bytes > 100 * 1024);
    }

    #[test]
    fn the_whole_history_goes_first() {
        let mut event = event();
        let messages = Some(Value::String("x".repeat(MAX_EVENT_BYTES)));
        event.content = Some(Content { messages, prompt: Some("kept".to_owned()), ..Content::default() });
        event.truncate_to_limits();
        let content = event.content.as_ref().unwrap();
        assert_eq!((content.messages.as_ref(), content.prompt.as_deref()), (None, Some("kept")));
        assert!(crate::encode(&event).len() <= MAX_EVENT_BYTES);
    }
}
