//! Erasing by user, session or event; the answer is the receipt.

use axum::Json;
use axum::extract::{Path, State};

use super::ApiState;
use super::caller::Caller;
use super::problem::Problem;
use crate::{Erasure, Receipt};

pub(super) async fn user(state: State<ApiState>, caller: Caller, Path(id): Path<String>) -> Answer {
    erase(state, caller, Erasure::User(id)).await
}

pub(super) async fn session(state: State<ApiState>, caller: Caller, Path(id): Path<String>) -> Answer {
    erase(state, caller, Erasure::Session(id)).await
}

pub(super) async fn event(state: State<ApiState>, caller: Caller, Path(id): Path<String>) -> Answer {
    erase(state, caller, Erasure::Event(id)).await
}

type Answer = Result<Json<Receipt>, Problem>;

async fn erase(State(state): State<ApiState>, Caller(scope): Caller, erasure: Erasure) -> Answer {
    Ok(Json(state.store.erase(&scope, erasure).await?))
}
