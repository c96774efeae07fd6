//! Ways out. A transport makes one attempt; when to try again is the worker's concern.

#[cfg(feature = "http")]
mod http;
mod sink;

use std::time::Duration;

use async_trait::async_trait;

use crate::batch::Encoded;

#[cfg(feature = "http")]
pub(crate) use http::Http;
pub(crate) use sink::ToSink;

/// Carries batches to a destination.
#[async_trait]
pub(crate) trait Transport: Send {
    /// Makes one attempt. `Ok` means that every event is durable there or was refused by name.
    async fn send(&mut self, events: &[Encoded]) -> Result<Delivery, SendError>;
}

/// What the destination did with a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// How many events it refused for good.
    pub rejected: usize,
    /// Why it refused the first of them, without content.
    pub reason: Option<String>,
}

/// Why an attempt failed. The texts hold no content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// It may work later; not before `after`, if the destination said so.
    Retry { fault: String, after: Option<Duration> },
    /// The batch is too large; parts of it may not be.
    TooLarge,
    /// The destination will never take this batch.
    Rejected(String),
}
