//! The live tail: events that match, as server-sent events, from the moment they are searchable. The id of each
//! is its sequence number, so that a client that reconnects with `Last-Event-ID` misses none.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::ApiState;
use super::audit::{Action, apart};
use super::caller::{Caller, Parameters};
use super::problem::Problem;
use crate::query::{Query, parse_query};
use crate::{Hit, Scope, SearchError, Store};

/// Events that are read at once; a tail that is slower than this many a commit catches up step by step.
const STEP: usize = 256;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TailParameters {
    #[serde(alias = "query")]
    q: String,
    /// Begin behind this sequence number instead of now.
    after: Option<u64>,
}

pub(super) async fn tail(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    headers: HeaderMap,
    Parameters(parameters): Parameters<TailParameters>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let query = apart(parse_query(&parameters.q, scope.now).map_err(SearchError::from)?);
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let place = state.store.tails.clone().try_acquire_owned().map_err(|_| SearchError::Busy)?;
    let commits = state.store.commits();
    let now = *commits.borrow();
    let next_seq = resumed.or(parameters.after).map_or(now, |after: u64| after.saturating_add(1));
    trail.record(Action::Search, parameters.q, None);
    let tail = Tail { store: state.store, scope, query, next_seq, commits, ready: VecDeque::new(), _place: place };
    Ok(Sse::new(unfold(Some(tail), step)).keep_alive(KeepAlive::default()))
}

struct Tail {
    store: Arc<Store>,
    scope: Scope,
    query: Query,
    next_seq: u64,
    commits: watch::Receiver<u64>,
    ready: VecDeque<Hit>,
    _place: OwnedSemaphorePermit,
}

/// The next message, and the tail to go on with; the tail ends after a problem.
async fn step(tail: Option<Tail>) -> Option<(Result<Event, Infallible>, Option<Tail>)> {
    let mut tail = tail?;
    match tail.next().await {
        Ok(Some(hit)) => {
            let event = Event::default().id(hit.seq.to_string()).data(hit.event.get());
            Some((Ok(event), Some(tail)))
        }
        Ok(None) => None,
        Err(error) => {
            let data = serde_json::to_string(&Problem::from(error)).unwrap_or_default();
            Some((Ok(Event::default().event("problem").data(data)), None))
        }
    }
}

impl Tail {
    /// Waits for the next match; nothing once the store has closed.
    async fn next(&mut self) -> Result<Option<Hit>, SearchError> {
        loop {
            if let Some(hit) = self.ready.pop_front() {
                return Ok(Some(hit));
            }
            let newest = *self.commits.borrow_and_update();
            if newest > self.next_seq {
                let step = self.store.follow(&self.scope, &self.query, self.next_seq, STEP).await?;
                self.next_seq = step.next_seq;
                self.ready = step.hits.into();
                if !self.ready.is_empty() || step.more {
                    continue;
                }
            }
            if !self.store.shared.is_open() {
                return Ok(None);
            }
            // An error would mean that the store is gone, and we hold it.
            let _ = self.commits.changed().await;
        }
    }
}
