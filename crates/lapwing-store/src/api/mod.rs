//! The store over HTTP. The caller's tenant comes as an [`axum::Extension`] that the server's authentication set;
//! without it every route answers 500, since nothing else could tell whose events may be seen.

mod alerts;
mod caller;
mod erase;
mod export;
mod fields;
mod problem;
mod read;
mod tail;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};
use lapwing_event::Timestamp;

use crate::{IdAlias, Store};

/// What the routes share.
#[derive(Clone)]
struct ApiState {
    store: Arc<Store>,
    alias: Option<IdAlias>,
    clock: fn() -> Timestamp,
}

/// The routes under `/v1`. `alias` turns raw user and session ids into the pseudonyms that are stored; `clock`
/// says what `now` means.
pub fn router(store: Arc<Store>, alias: Option<IdAlias>, clock: fn() -> Timestamp) -> Router {
    Router::new()
        .route("/v1/search", get(read::search_by_parameters).post(read::search_by_body))
        .route("/v1/aggregate", post(read::aggregate))
        .route("/v1/events/{id}", get(read::event).delete(erase::event))
        .route("/v1/sessions/{id}", get(read::session).delete(erase::session))
        .route("/v1/users/{id}", delete(erase::user))
        .route("/v1/interactions/{id}", get(read::interaction))
        .route("/v1/fields", get(fields::fields))
        .route("/v1/export", get(export::export))
        .route("/v1/alerts", get(alerts::alerts))
        .route("/v1/tail", get(tail::tail))
        .with_state(ApiState { store, alias, clock })
}
