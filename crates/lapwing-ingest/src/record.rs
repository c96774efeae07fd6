//! Events as records of the bus.

use bytes::Bytes;
use lapwing_bus::Record;
use lapwing_event::Event;

/// The record of an event, with the headers of CloudEvents 1.0 in Kafka's binary mode (`content-type` and `ce_*`).
/// `encoded` is the event's JSON. The key is the event's partition key, which for a sanitized event holds
/// pseudonyms only.
pub fn event_record(event: &Event, encoded: Vec<u8>) -> Record {
    let header = |name: &str, value: Bytes| (name.to_owned(), value);
    Record {
        key: Some(event.partition_key().into()),
        value: encoded.into(),
        headers: vec![
            header("ce_id", event.id.to_string().into()),
            header("ce_source", format!("lapwing/{}", event.tenant.id).into()),
            header("ce_type", Bytes::from_static(b"ai.event.v1")),
            header("ce_specversion", Bytes::from_static(b"1.0")),
            header("content-type", Bytes::from_static(b"application/json")),
        ],
    }
}
