//! The last step of the mapper: an event that every reader of the raw topic takes.

use serde_json::{Map, Value, json};

use crate::field::Field;
use crate::{Event, FieldVisitor, MAX_DEPTH, MAX_FIELDS, Rejection};

/// JSON in a field may have so many keys; the rest of what an event may have is for its attributes and others.
const MAX_JSON_FIELDS: usize = MAX_FIELDS / 4;

/// So much shallower than an item, since the field stands inside one.
const MAX_JSON_DEPTH: usize = MAX_DEPTH - 8;

/// Brings the event within the bounds of an item and checks it. JSON over the bounds is kept as text, under one key;
/// nothing is cut, since it is not sanitized yet.
pub(super) fn valid(mut event: Event) -> Result<Event, Rejection> {
    flatten(&mut event);
    event.prune_attrs();
    event.visit_mut(&mut WithoutNul);
    event.check()?;
    Ok(event)
}

/// Keeps JSON over the bounds as text.
pub(crate) fn flatten(event: &mut Event) {
    let messages = event.content.as_mut().and_then(|content| content.messages.as_mut());
    let arguments = event.tool.as_mut().and_then(|tool| tool.arguments.as_mut());
    messages.into_iter().chain(arguments).for_each(flatten_value);
}

fn flatten_value(value: &mut Value) {
    let mut keys = 0;
    if !fits(value, 1, &mut keys) {
        *value = json!({"json": value.to_string()});
    }
}

fn fits(value: &Value, depth: usize, keys: &mut usize) -> bool {
    match value {
        Value::Array(items) => depth < MAX_JSON_DEPTH && items.iter().all(|item| fits(item, depth + 1, keys)),
        Value::Object(map) => {
            *keys += map.len();
            let shallow = depth < MAX_JSON_DEPTH && *keys <= MAX_JSON_FIELDS;
            shallow && map.values().all(|item| fits(item, depth + 1, keys))
        }
        _ => true,
    }
}

/// No text of an event may hold NUL. An exporter does not send a span again that was refused, so the character is
/// replaced instead, as a decoder does with what is no Unicode.
struct WithoutNul;

impl FieldVisitor for WithoutNul {
    fn text(&mut self, _: &'static Field, text: &mut String) {
        if text.contains('\0') {
            *text = text.replace('\0', "\u{fffd}");
        }
    }

    fn json(&mut self, field: &'static Field, value: &mut Value) {
        match value {
            Value::String(text) => self.text(field, text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(field, item)),
            Value::Object(map) => {
                if map.keys().any(|key| key.contains('\0')) {
                    let renamed: Map<String, Value> = std::mem::take(map)
                        .into_iter()
                        .map(|(key, value)| (key.replace('\0', "\u{fffd}"), value))
                        .collect();
                    *map = renamed;
                }
                map.values_mut().for_each(|item| self.json(field, item));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
