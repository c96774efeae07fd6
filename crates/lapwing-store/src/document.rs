//! From a sanitized event to a Tantivy document, along the table of fields.

use std::collections::HashMap;
use std::sync::LazyLock;

use lapwing_event::{FIELDS, IndexAs, SanitizedEvent, Timestamp};
use serde_json::{Map, Value};
use tantivy::schema::{Field, OwnedValue};
use tantivy::{DateTime, TantivyDocument};

use crate::schema::{Fields, has_column};

/// The paths of the schema as a tree, so that one walk over an event's JSON finds all its fields.
#[derive(Default)]
struct Node {
    leaf: Option<&'static lapwing_event::Field>,
    children: HashMap<&'static str, Node>,
}

static TREE: LazyLock<Node> = LazyLock::new(|| {
    let mut root = Node::default();
    for field in FIELDS {
        let node = field.path.split('.').fold(&mut root, |node, name| node.children.entry(name).or_default());
        node.leaf = Some(field);
    }
    root
});

/// The document of an event; `source` is its JSON.
pub(crate) fn document(event: &SanitizedEvent, source: &str, seq: u64, fields: &Fields) -> TantivyDocument {
    let mut writer = Writer { document: TantivyDocument::new(), fields };
    let value = serde_json::to_value(event).expect("an event has string keys and finite values, so it is always JSON");
    writer.walk(&TREE, value);
    writer.document.add_u64(fields.seq, seq);
    writer.document.add_text(fields.source, source);
    writer.document
}

struct Writer<'a> {
    document: TantivyDocument,
    fields: &'a Fields,
}

impl Writer<'_> {
    fn walk(&mut self, node: &Node, value: Value) {
        if let Some(field) = node.leaf {
            self.field(field, value);
        } else if let Value::Object(map) = value {
            for (name, value) in map {
                if let Some(child) = node.children.get(name.as_str()) {
                    self.walk(child, value);
                }
            }
        }
    }

    fn field(&mut self, field: &lapwing_event::Field, value: Value) {
        if !has_column(field.path) && !is_empty(&value) {
            self.document.add_text(self.fields.present, field.path);
            if let (IndexAs::Json, Value::Object(map)) = (field.index, &value) {
                self.present(field.path, map);
            }
        }
        if let Some(target) = self.fields.get(field.path) {
            self.value(target, field.index, value);
        }
    }

    /// Notes every path of a JSON field.
    fn present(&mut self, prefix: &str, map: &Map<String, Value>) {
        for (key, value) in map.iter().filter(|(_, value)| !is_empty(value)) {
            let path = format!("{prefix}.{key}");
            if let Value::Object(map) = value {
                self.present(&path, map);
            }
            self.document.add_text(self.fields.present, path);
        }
    }

    fn value(&mut self, target: Field, index: IndexAs, value: Value) {
        match (index, value) {
            (IndexAs::Text, Value::String(text)) => self.document.add_text(target, text),
            (IndexAs::Text, value) => self.document.add_text(target, words_of(&value)),
            (IndexAs::Json, Value::Object(map)) => self.json(target, map),
            (index, Value::Array(values)) => values.into_iter().for_each(|value| self.value(target, index, value)),
            (IndexAs::Keyword, Value::String(text)) => self.document.add_text(target, text),
            (IndexAs::Number, Value::Number(number)) => {
                self.document.add_f64(target, number.as_f64().unwrap_or(f64::NAN));
            }
            (IndexAs::Bool, Value::Bool(value)) => self.document.add_bool(target, value),
            (IndexAs::Date, Value::String(text)) => {
                if let Ok(at) = Timestamp::parse(&text) {
                    self.document.add_date(target, DateTime::from_timestamp_nanos(at.nanos()));
                }
            }
            _ => {}
        }
    }

    fn json(&mut self, target: Field, map: Map<String, Value>) {
        let object = map.into_iter().map(|(key, value)| (key, OwnedValue::from(value))).collect();
        self.document.add_object(target, object);
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The words of a JSON value: its keys and scalars in order. Not its JSON text, where `\n` would glue an `n` to
/// the word behind it.
pub(crate) fn words_of(value: &Value) -> String {
    let mut words = String::new();
    push_words(value, &mut words);
    words
}

fn push_words(value: &Value, words: &mut String) {
    match value {
        Value::Null => {}
        Value::String(text) => push_word(text, words),
        Value::Array(values) => values.iter().for_each(|value| push_words(value, words)),
        Value::Object(map) => {
            for (key, value) in map {
                push_word(key, words);
                push_words(value, words);
            }
        }
        scalar => push_word(&scalar.to_string(), words),
    }
}

fn push_word(word: &str, words: &mut String) {
    if !words.is_empty() {
        words.push('\n');
    }
    words.push_str(word);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_its_words() {
        let value = serde_json::json!({"to": "a\nb", "list": [1, true, null, {"k": "v"}]});
        assert_eq!(words_of(&value).split('\n').collect::<Vec<_>>(), ["list", "1", "true", "k", "v", "to", "a", "b"]);
    }

    #[test]
    fn every_path_of_the_schema_is_a_leaf() {
        for field in FIELDS {
            let node = field.path.split('.').try_fold(&*TREE, |node, name| node.children.get(name));
            assert!(node.is_some_and(|node| node.leaf == Some(field) && node.children.is_empty()), "{}", field.path);
        }
    }
}
