//! Searching, and reading an event, a session, an interaction.

use axum::Json;
use axum::extract::{Path, State};
use lapwing_event::{EventId, InteractionId};
use serde::Deserialize;

use super::ApiState;
use super::audit::Action;
use super::caller::{Body, Caller, Parameters, Trail};
use super::problem::Problem;
use crate::search::filters_of;
use crate::{AggregateRequest, AggregateResponse, Highlight, Hit, Scope, SearchRequest, SearchResponse, Sort};

/// A search as a query string; `fields` is a list with commas, `highlight` such a list or `true`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SearchParameters {
    #[serde(alias = "query")]
    q: String,
    from: Option<String>,
    to: Option<String>,
    size: Option<usize>,
    cursor: Option<String>,
    sort: Sort,
    fields: Option<String>,
    count_up_to: Option<u64>,
    highlight: Option<String>,
}

impl From<SearchParameters> for SearchRequest {
    fn from(parameters: SearchParameters) -> Self {
        let SearchParameters { q, from, to, size, cursor, sort, fields, count_up_to, highlight } = parameters;
        let fields = fields.as_deref().map(list);
        let highlight = match highlight.as_deref() {
            None | Some("false") => None,
            Some("" | "true") => Some(Highlight::default()),
            Some(fields) => Some(Highlight::of(list(fields))),
        };
        Self { q, from, to, size, cursor, sort, fields, count_up_to, highlight }
    }
}

fn list(fields: &str) -> Vec<String> {
    fields.split(',').map(|field| field.trim().to_owned()).collect()
}

pub(super) async fn search_by_parameters(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Parameters(parameters): Parameters<SearchParameters>,
) -> Result<Json<SearchResponse>, Problem> {
    search(&state, &scope, &trail, &parameters.into()).await
}

pub(super) async fn search_by_body(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Body(request): Body<SearchRequest>,
) -> Result<Json<SearchResponse>, Problem> {
    search(&state, &scope, &trail, &request).await
}

async fn search(
    state: &ApiState,
    scope: &Scope,
    trail: &Trail,
    request: &SearchRequest,
) -> Result<Json<SearchResponse>, Problem> {
    let page = state.store.page(scope, state.plan(request, scope)?).await?;
    trail.record(Action::Search, request.q.as_str(), page.hits.len() as u64);
    Ok(Json(page))
}

pub(super) async fn aggregate(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Body(request): Body<AggregateRequest>,
) -> Result<Json<AggregateResponse>, Problem> {
    let AggregateRequest { q, from, to, aggs } = request;
    let plan = state.plan(&SearchRequest { q: q.clone(), from, to, ..SearchRequest::default() }, &scope)?;
    let (aggs, filters) = filters_of(aggs, scope.now)?;
    let answer = state.store.aggregate_query(&scope, plan.query, plan.span, (&aggs, filters)).await?;
    trail.record(Action::Search, q, answer.total);
    Ok(Json(answer))
}

pub(super) async fn event(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Path(id): Path<String>,
) -> Result<Json<Hit>, Problem> {
    let id: EventId = id.parse().map_err(|_| Problem::bad(format!("{id:?} is not an event's id, which is a UUID")))?;
    let hit = state.store.event(&scope, id).await?;
    let hit = hit.ok_or_else(|| Problem::not_found(format!("there is no event {id}")))?;
    trail.record(Action::Read, format!("id:{id}"), 1);
    Ok(Json(hit))
}

/// Where a timeline goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TimelineParameters {
    cursor: Option<String>,
}

pub(super) async fn session(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<TimelineParameters>,
) -> Result<Json<SearchResponse>, Problem> {
    let page = state.store.timeline(&scope, "session.id", &id, parameters.cursor.as_deref()).await?;
    trail.record(Action::Read, format!("session.id:{:?}", scope.pseudonym("session.id", &id)), page.hits.len() as u64);
    timeline(page, || format!("there is no session {id:?}"))
}

pub(super) async fn interaction(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<TimelineParameters>,
) -> Result<Json<SearchResponse>, Problem> {
    let name = InteractionId::from_text(&scope.tenant, &id).to_string();
    let page = state.store.timeline(&scope, "interaction_id", &name, parameters.cursor.as_deref()).await?;
    trail.record(Action::Read, format!("interaction_id:{name}"), page.hits.len() as u64);
    timeline(page, || format!("there is no interaction {id:?}"))
}

fn timeline(page: SearchResponse, missing: impl FnOnce() -> String) -> Result<Json<SearchResponse>, Problem> {
    match page.total.value {
        0 => Err(Problem::not_found(missing())),
        _ => Ok(Json(page)),
    }
}
