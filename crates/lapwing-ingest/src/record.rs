//! Events as records of the bus.

use lapwing_bus::Record;
use lapwing_event::{Event, cloud_event_headers};

/// The record of an event, with the headers of CloudEvents. `encoded` is the event's JSON. The key is the event's
/// partition key, which for a sanitized event holds pseudonyms only.
pub fn event_record(event: &Event, encoded: Vec<u8>) -> Record {
    let headers = cloud_event_headers(event.id, event.tenant.id.as_str());
    Record {
        key: Some(event.partition_key().into()),
        value: encoded.into(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned().into())).collect(),
    }
}
