//! The published JSON Schema follows from the types, and never loses a field.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use lapwing_event::{FIELDS, IndexAs, json_schema};
use serde_json::Value;

const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/event-1.0.json");

/// Every path of a leaf or of an object without properties of its own.
fn paths(schema: &Value) -> BTreeSet<String> {
    fn walk(root: &Value, node: &Value, prefix: &str, found: &mut BTreeSet<String>) {
        let node = match node.get("$ref").and_then(Value::as_str) {
            Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
            None => node,
        };
        if let Some(options) = node.get("anyOf").and_then(Value::as_array) {
            return options
                .iter()
                .filter(|option| option["type"] != "null")
                .for_each(|option| walk(root, option, prefix, found));
        }
        match node.get("properties").and_then(Value::as_object) {
            Some(properties) => properties.iter().for_each(|(name, property)| {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                walk(root, property, &path, found);
            }),
            None => _ = found.insert(prefix.to_owned()),
        }
    }
    let mut found = BTreeSet::new();
    walk(schema, schema, "", &mut found);
    found
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let generated = serde_json::to_value(json_schema()).unwrap();
    let text = std::fs::read_to_string(PUBLISHED).unwrap();
    let published: Value = serde_json::from_str(&text).unwrap();
    let removed: Vec<_> = paths(&published).difference(&paths(&generated)).cloned().collect();
    assert!(removed.is_empty(), "a minor version only adds fields; removed: {removed:?}");
    assert_eq!(published, generated, "print it anew: cargo run -p lapwing -- schema > {PUBLISHED}");
}

#[test]
fn the_field_table_and_the_types_name_the_same_fields() {
    let table: BTreeSet<_> = FIELDS.iter().map(|field| field.path.to_owned()).collect();
    let types = paths(&serde_json::to_value(json_schema()).unwrap());
    assert_eq!(table, types);
}

#[test]
fn whatever_is_searched_as_text_is_sanitized_as_content_or_written_by_us() {
    for field in FIELDS.iter().filter(|field| field.index == IndexAs::Text) {
        let ours = field.path == "alert.title";
        assert!(ours || field.pii == lapwing_event::Pii::Content, "{}", field.path);
    }
}
