//! The bounds of a search: how many run, how many wait, for how long, and that a search nobody waits for ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lapwing_event::TenantId;
use tracing::error;

use crate::shared::Snapshot;
use crate::{SearchError, Store};

/// When a search must end.
#[derive(Clone)]
pub(crate) struct Deadline {
    at: Instant,
    limit_ms: u64,
    cancelled: Arc<AtomicBool>,
}

impl Deadline {
    /// From now on this long.
    pub fn new(limit_ms: u64) -> Self {
        let at = Instant::now() + Duration::from_millis(limit_ms);
        Self { at, limit_ms, cancelled: Arc::new(AtomicBool::new(false)) }
    }

    /// An error once the search must end. Cheap, but not free: ask every few thousand documents.
    pub fn check(&self) -> Result<(), SearchError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(SearchError::Cancelled);
        }
        match Instant::now() < self.at {
            true => Ok(()),
            false => Err(SearchError::Timeout { limit_ms: self.limit_ms }),
        }
    }
}

/// Cancels the search when the caller's future is dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Store {
    /// Runs work for a tenant over the current snapshot on the blocking pool, within the bounds of searches. A
    /// panic ends the search alone.
    pub(crate) async fn within_limits<T: Send + 'static>(
        &self,
        tenant: TenantId,
        work: impl FnOnce(&Snapshot, &Deadline) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        self.metrics.searches.inc();
        let started = Instant::now();
        let result = self.take_turn(&tenant, work).await;
        self.metrics.search_seconds.observe(started.elapsed().as_secs_f64());
        if result.is_err() {
            self.metrics.search_failures.inc();
        }
        result
    }

    async fn take_turn<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        work: impl FnOnce(&Snapshot, &Deadline) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let limit_ms = self.config.search_timeout_ms;
        let deadline = Deadline::new(limit_ms);
        let turn = self.turns.ask(tenant).map_err(|_| SearchError::Busy)?;
        let turn = tokio::time::timeout_at(deadline.at.into(), turn).await;
        let turn = turn.map_err(|_| SearchError::Busy)?.map_err(|_| SearchError::Busy)?;
        let _cancel = CancelOnDrop(deadline.cancelled.clone());
        let snapshot = self.shared.snapshot();
        let task = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, not with the caller's patience.
            let _turn = turn;
            work(&snapshot, &deadline)
        });
        task.await.unwrap_or_else(|cause| {
            error!(%cause, "search panicked");
            Err(SearchError::Internal)
        })
    }
}
