//! The alerts of a tenant, the newest first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::ApiState;
use super::audit::Action;
use super::caller::{Caller, Parameters};
use super::problem::Problem;
use crate::query::Query;
use crate::search::{Plan, is};
use crate::{SearchRequest, SearchResponse};

/// Which alerts; a list with commas means any of these.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AlertParameters {
    q: String,
    severity: Option<String>,
    rule: Option<String>,
    session: Option<String>,
    status: Option<String>,
    from: Option<String>,
    to: Option<String>,
    size: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn alerts(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Parameters(parameters): Parameters<AlertParameters>,
) -> Result<Json<SearchResponse>, Problem> {
    let AlertParameters { q, severity, rule, session, status, from, to, size, cursor } = parameters;
    let request = SearchRequest { q: q.clone(), from, to, size, ..SearchRequest::default() };
    let mut plan = Plan::of(&request, &scope, &state.store.config)?;
    let filters =
        [("alert.severity", severity), ("alert.rule_id", rule), ("session.id", session), ("alert.status", status)];
    let mut parts = vec![is("kind", "alert"), plan.query];
    for (path, values) in filters {
        if let Some(values) = values {
            parts.push(Query::Or(values.split(',').map(|value| is(path, value.trim())).collect()));
        }
    }
    plan.query = Query::And(parts);
    if let Some(cursor) = cursor {
        plan.resume(&cursor)?;
    }
    let page = state.store.page(&scope, plan).await?;
    trail.record(Action::Search, format!("kind:alert {q}"), page.hits.len() as u64);
    Ok(Json(page))
}
