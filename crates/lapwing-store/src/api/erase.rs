//! Erasing by user, session or event; the answer is the receipt.

use axum::Json;
use axum::extract::{Path, State};

use super::ApiState;
use super::audit::Action;
use super::caller::Caller;
use super::problem::Problem;
use crate::{Erasure, Receipt};

pub(super) async fn user(state: State<ApiState>, caller: Caller, Path(id): Path<String>) -> Answer {
    let query = format!("user.id:{:?}", caller.0.pseudonym("user.id", &id));
    erase(state, caller, Erasure::User(id), query).await
}

pub(super) async fn session(state: State<ApiState>, caller: Caller, Path(id): Path<String>) -> Answer {
    let query = format!("session.id:{:?}", caller.0.pseudonym("session.id", &id));
    erase(state, caller, Erasure::Session(id), query).await
}

pub(super) async fn event(state: State<ApiState>, caller: Caller, Path(id): Path<String>) -> Answer {
    let query = format!("id:{id:?}");
    erase(state, caller, Erasure::Event(id), query).await
}

type Answer = Result<Json<Receipt>, Problem>;

/// The record names by its pseudonym whom the erasure was to forget.
async fn erase(State(state): State<ApiState>, Caller(scope, trail): Caller, erasure: Erasure, query: String) -> Answer {
    let receipt = state.store.erase(&scope, erasure).await?;
    trail.record(Action::Erase, query, receipt.events);
    Ok(Json(receipt))
}
