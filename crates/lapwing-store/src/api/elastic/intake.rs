//! The way in for documents: the store does not know the ingest service, so whoever mounts the routes gives it.

use std::pin::Pin;
use std::sync::Arc;

use lapwing_event::TenantId;

use crate::api::Actor;

/// Takes documents in, one JSON object a line, and answers line by line once they are durable.
pub type Intake = Arc<dyn Fn(Sender, Vec<u8>) -> IntakeAnswer + Send + Sync>;

/// Whose documents they are, and whose rate they count for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The tenant of the credential.
    pub tenant: TenantId,
    /// The credential.
    pub actor: Actor,
}

/// An answer to come.
pub type IntakeAnswer = Pin<Box<dyn Future<Output = Result<Vec<Taken>, IntakeFault>> + Send>>;

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It became the events with these ids.
    Accepted(Vec<String>),
    /// It is no event.
    Refused {
        /// Why, as an HTTP status.
        status: u16,
        /// Why, in words.
        reason: String,
    },
}

impl Taken {
    /// The ids of its events.
    pub(super) fn ids(&self) -> &[String] {
        match self {
            Self::Accepted(ids) => ids,
            Self::Refused { .. } => &[],
        }
    }
}

/// Why nothing was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeFault {
    /// As an HTTP status.
    pub status: u16,
    /// In words.
    pub reason: String,
}
