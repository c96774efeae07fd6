//! To a bus: Kafka, or the embedded log of an installation in the same process.

use std::sync::Arc;

use async_trait::async_trait;
use lapwing_bus::{BusError, Record, Sink, topics};
use lapwing_event::cloud_event_headers;

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

fn record(event: &Encoded) -> Record {
    let headers = cloud_event_headers(event.id, &event.tenant);
    Record {
        key: Some(event.key.clone()),
        value: event.json.clone(),
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned().into())).collect(),
    }
}
