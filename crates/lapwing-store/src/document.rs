//! From a sanitized event to a Tantivy document, along the table of fields.

mod walk;

use std::sync::LazyLock;

use lapwing_event::{FIELDS, IndexAs, SanitizedEvent, Timestamp};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use tantivy::schema::{Field, OwnedValue};
use tantivy::{DateTime, TantivyDocument};

use crate::schema::{Fields, has_column};

/// The paths of the schema as a tree, so that one walk over an event finds all its fields.
#[derive(Default)]
struct Node {
    leaf: Option<Leaf>,
    children: FxHashMap<&'static str, Node>,
}

/// A field of the schema.
struct Leaf {
    field: &'static lapwing_event::Field,
    /// Whether a column tells which events have it.
    has_column: bool,
}

static TREE: LazyLock<Node> = LazyLock::new(|| {
    let mut root = Node::default();
    for field in FIELDS {
        let node = field.path.split('.').fold(&mut root, |node, name| node.children.entry(name).or_default());
        node.leaf = Some(Leaf { field, has_column: has_column(field.path) });
    }
    root
});

/// The document of an event; `source` is its JSON.
pub(crate) fn document(event: &SanitizedEvent, source: &str, seq: u64, fields: &Fields) -> TantivyDocument {
    let mut writer = Writer { document: TantivyDocument::new(), fields };
    walk::walk(event, &TREE, &mut writer);
    writer.document.add_u64(fields.seq, seq);
    writer.document.add_text(fields.source, source);
    writer.document
}

struct Writer<'a> {
    document: TantivyDocument,
    fields: &'a Fields,
}

impl Writer<'_> {
    /// Notes that the event has the field, unless the field's column says so.
    fn note(&mut self, leaf: &Leaf) {
        if !leaf.has_column {
            self.document.add_text(self.fields.present, leaf.field.path);
        }
    }

    /// Notes every path of a JSON field.
    fn note_paths(&mut self, prefix: &str, map: &Map<String, Value>) {
        for (key, value) in map.iter().filter(|(_, value)| !is_empty(value)) {
            let path = format!("{prefix}.{key}");
            if let Value::Object(map) = value {
                self.note_paths(&path, map);
            }
            self.document.add_text(self.fields.present, path);
        }
    }

    fn text(&mut self, leaf: &Leaf, text: &str) {
        let Some(target) = self.fields.get(leaf.field.path) else { return };
        match leaf.field.index {
            IndexAs::Text | IndexAs::Keyword => self.document.add_text(target, text),
            IndexAs::Date => {
                if let Ok(at) = Timestamp::parse(text) {
                    self.document.add_date(target, DateTime::from_timestamp_nanos(at.nanos()));
                }
            }
            IndexAs::Number | IndexAs::Bool | IndexAs::Json | IndexAs::Stored => {}
        }
    }

    fn number(&mut self, leaf: &Leaf, number: f64) {
        let Some(target) = self.fields.get(leaf.field.path) else { return };
        match leaf.field.index {
            IndexAs::Number if number.is_finite() => self.document.add_f64(target, number),
            IndexAs::Text => self.document.add_text(target, number.to_string()),
            _ => {}
        }
    }

    fn boolean(&mut self, leaf: &Leaf, value: bool) {
        let Some(target) = self.fields.get(leaf.field.path) else { return };
        match leaf.field.index {
            IndexAs::Bool => self.document.add_bool(target, value),
            IndexAs::Text => self.document.add_text(target, value.to_string()),
            _ => {}
        }
    }

    /// What has a structure of its own.
    fn tree(&mut self, leaf: &Leaf, value: Value) {
        if is_empty(&value) {
            return;
        }
        self.note(leaf);
        let target = self.fields.get(leaf.field.path);
        match (leaf.field.index, value) {
            (IndexAs::Json, Value::Object(map)) => {
                self.note_paths(leaf.field.path, &map);
                if let Some(target) = target {
                    self.json(target, map);
                }
            }
            (IndexAs::Text, value) => {
                if let Some(target) = target {
                    self.document.add_text(target, words_of(&value));
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
            let is_leaf = |node: &Node| node.leaf.as_ref().is_some_and(|leaf| leaf.field == field);
            assert!(node.is_some_and(|node| is_leaf(node) && node.children.is_empty()), "{}", field.path);
        }
    }
}
