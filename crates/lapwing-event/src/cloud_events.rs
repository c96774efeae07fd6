//! An event's record on the bus as a CloudEvent 1.0, in Kafka's binary mode: the attributes stand in headers, the event's
//! JSON is the value.

use std::borrow::Cow;

use crate::EventId;

/// The headers of the record of this tenant's event.
pub fn cloud_event_headers(id: EventId, tenant: &str) -> [(&'static str, Cow<'static, str>); 5] {
    [
        ("ce_id", id.to_string().into()),
        ("ce_source", format!("lapwing/{tenant}").into()),
        ("ce_type", "ai.event.v1".into()),
        ("ce_specversion", "1.0".into()),
        ("content-type", "application/json".into()),
    ]
}
