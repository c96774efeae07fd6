//! To a bus: Kafka, or the embedded log of an installation in the same process.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lapwing_bus::{BusError, Record, Sink, topics};

use super::{Delivery, SendError, Transport};
use crate::batch::Encoded;

/// Writes to the raw topic.
pub(crate) struct ToSink(pub Arc<dyn Sink>);

#[async_trait]
impl Transport for ToSink {
    async fn send(&mut self, events: &[Encoded]) -> Result<Delivery, SendError> {
        let records = events.iter().map(record).collect();
        match self.0.send(topics::RAW, records).await {
            Ok(()) => Ok(Delivery::default()),
            Err(BusError::Refused(_)) if events.len() > 1 => Err(SendError::TooLarge),
            Err(error @ BusError::Refused(_)) => Err(SendError::Rejected(error.to_string())),
            Err(error) => Err(SendError::Retry { fault: error.to_string(), after: None }),
        }
    }
}

/// The record with the headers of CloudEvents 1.0 in Kafka's binary mode.
fn record(event: &Encoded) -> Record {
    let header = |name: &str, value: Bytes| (name.to_owned(), value);
    Record {
        key: Some(event.key.clone()),
        value: event.json.clone(),
        headers: vec![
            header("ce_id", event.id.to_string().into()),
            header("ce_source", format!("lapwing/{}", event.tenant).into()),
            header("ce_type", Bytes::from_static(b"ai.event.v1")),
            header("ce_specversion", Bytes::from_static(b"1.0")),
            header("content-type", Bytes::from_static(b"application/json")),
        ],
    }
}
