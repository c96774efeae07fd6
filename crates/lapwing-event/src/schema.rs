//! The published JSON Schema, generated from the types.

use schemars::Schema;

use crate::Event;

/// The JSON Schema (draft 2020-12) of an event.
pub fn json_schema() -> Schema {
    let mut schema = schemars::schema_for!(Event);
    schema.insert("$id".to_owned(), "urn:lapwing:event:1.0".into());
    schema
}
