//! What is written of a record that cannot become a clean event: where it stands and why, nothing it holds.

use std::fmt::Write;

use lapwing_bus::{Message, Record};
use lapwing_event::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// One dead letter. The raw record itself stays on the raw topic for as long as that keeps it.
#[derive(Debug, Serialize)]
struct DeadLetter<'a> {
    reason: &'a str,
    field: &'a str,
    topic: &'a str,
    partition: i32,
    offset: i64,
    at: Timestamp,
    /// How long the record was, with the hash that tells whether a copy of it is the same.
    bytes: usize,
    sha256: String,
}

/// The dead letter of a record that was given up at this time, for [`DEAD_LETTERS`](lapwing_bus::topics::DEAD_LETTERS).
/// Neither field nor reason may quote content. It has no key: the raw one may be a person's name for a session.
pub fn dead_letter(message: &Message, field: &str, reason: &str, at: Timestamp) -> Record {
    let value = &message.record.value;
    let letter = DeadLetter {
        reason,
        field,
        topic: &message.topic,
        partition: message.partition,
        offset: message.offset,
        at,
        bytes: value.len(),
        sha256: Sha256::digest(value).iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
            hex
        }),
    };
    let json = serde_json::to_vec(&letter).expect("a dead letter has string keys only");
    let content_type = ("content-type".to_owned(), "application/json".into());
    Record { key: None, value: json.into(), headers: vec![content_type] }
}
