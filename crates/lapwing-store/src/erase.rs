//! Erasure: events of a user, a session, or one event vanish from every search at once, and then from the disk.
//!
//! Deleting in Tantivy only marks. So the segments that held a deleted event are rewritten without it and their
//! files removed; the receipt says when, and whether no file was left. A crash in between delays that to the next
//! start. The ids are remembered, so that an event that is delivered again stays erased. What it cannot reach:
//! copies that were made before (exports, snapshots), a partition in quarantine, and the bus, whose retention must
//! be shorter than the law's.

use lapwing_event::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::query::Query;
use crate::search::is;
use crate::writer::{Command, Erasing};
use crate::{Scope, Store, StoreError};

/// What to erase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "by", content = "id")]
pub enum Erasure {
    /// Everything on behalf of a user; the raw id or its pseudonym.
    User(String),
    /// Everything of a session; the raw id or its pseudonym.
    Session(String),
    /// One event.
    Event(String),
}

impl Erasure {
    fn query(&self) -> Query {
        match self {
            Self::User(id) => Query::Or(vec![is("user.id", id), is("audit.actor", id), is("review.reviewer", id)]),
            Self::Session(id) => Query::Or(vec![is("session.id", id), is("mcp.session_id", id)]),
            Self::Event(id) => is("id", id),
        }
    }
}

/// What was erased, and when. It names what was asked for and holds nothing of the events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whose events.
    pub tenant: TenantId,
    /// What was asked for.
    pub erased: Erasure,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// How many events were erased.
    pub events: u64,
    /// The partitions that held them.
    pub partitions: Vec<String>,
    /// How long after the request no search found them any more.
    pub hidden_after_ms: u64,
    /// How long after the request they were gone from the disk.
    pub gone_after_ms: u64,
    /// Whether every file that held them is gone. Not so while a long search still reads one; it goes with that.
    pub complete: bool,
}

impl Store {
    /// Erases events of the tenant, those included that were appended before the call, and returns when they are
    /// gone from the disk. Appending waits while they are found and hidden, about 10 µs an event; searching never
    /// does. An erased event that is delivered again is refused.
    pub async fn erase(&self, scope: &Scope, erasure: Erasure) -> Result<Receipt, StoreError> {
        let (reply, answer) = oneshot::channel();
        let work = Erasing { scope: Some(scope.clone()), query: erasure.query(), partitions: None };
        let command = Command::Erase(work, reply);
        self.command(command).await?;
        let erased = answer.await.map_err(|_| StoreError::Closed)??;
        Ok(Receipt {
            tenant: scope.tenant.clone(),
            erased: erasure,
            requested_at: scope.now,
            events: erased.events,
            partitions: erased.partitions,
            hidden_after_ms: erased.hidden_after_ms,
            gone_after_ms: erased.gone_after_ms,
            complete: erased.complete,
        })
    }
}
