//! `_search` and `_count`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ElasticError, INDEX, check_index, dsl};
use crate::api::ApiState;
use crate::api::caller::{Caller, Parameters};
use crate::query::{Query, parse_query};
use crate::search::{Plan, project};
use crate::{Hit, Relation, Scope, SearchError, Sort};

/// `from` and `size` together reach at most this far.
const MAX_WINDOW: usize = 10_000;
const DEFAULT_SIZE: usize = 10;

/// The scope of a request to an index that exists.
pub(super) struct Target(Scope);

impl FromRequestParts<ApiState> for Target {
    type Rejection = ElasticError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ElasticError> {
        let path = RawPathParams::from_request_parts(parts, state).await;
        if let Ok(path) = path
            && let Some((_, index)) = path.iter().find(|(name, _)| *name == "index")
        {
            check_index(index)?;
        }
        let caller = Caller::from_request_parts(parts, state).await;
        caller.map(|Caller(scope)| Self(scope)).map_err(|_| ElasticError::without_tenant())
    }
}

/// What may stand in the address instead of the body; other options change nothing that we give.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    q: Option<String>,
    from: Option<usize>,
    size: Option<usize>,
    sort: Option<String>,
}

pub(super) async fn search(
    State(state): State<ApiState>,
    Target(scope): Target,
    Parameters(options): Parameters<Options>,
    body: Bytes,
) -> Result<Json<Value>, ElasticError> {
    let body = read_body(&body)?;
    if body.get("search_after").is_some() || body.get("pit").is_some() {
        return Err(ElasticError::bad("search_after is not supported; page with /v1/search or /v1/export".to_owned()));
    }
    let query = query_of(&body, &options, &scope)?;
    let size_of = |name: &str| body.get(name).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let from = options.from.or(size_of("from")).unwrap_or(0);
    let size = options.size.or(size_of("size")).unwrap_or(DEFAULT_SIZE);
    if from.saturating_add(size) > MAX_WINDOW {
        return Err(ElasticError::bad(format!("from + size reach beyond {MAX_WINDOW}; use /v1/export")));
    }
    let sort = match (&options.sort, body.get("sort")) {
        (Some(sort), _) => order(&Value::String(sort.clone()))?,
        (None, Some(sort)) => order(sort)?,
        (None, None) => None,
    };
    let sort = sort.unwrap_or(if query == Query::All { Sort::NewestFirst } else { Sort::BestFirst });
    let source = source_of(&body)?;
    let count_up_to = match body.get("track_total_hits") {
        Some(Value::Bool(true)) => Some(u64::MAX),
        Some(Value::Bool(false)) => Some(0),
        Some(limit) => limit.as_u64(),
        None => None,
    };
    let aggregations = match body.get("aggs").or_else(|| body.get("aggregations")) {
        Some(aggs) => {
            let answer = state.store.aggregate_query(&scope, query.clone(), Plan::whole_span(), aggs).await?;
            Some(answer.aggregations)
        }
        None => None,
    };
    let plan = Plan { size: from + size, count_up_to, ..Plan::over_all_time(query, sort) };
    let page = state.store.page(&scope, plan).await?;
    let hits = page.hits.iter().skip(from).map(|hit| show(hit, &source)).collect::<Result<Vec<_>, _>>()?;
    let relation = if page.total.relation == Relation::Exactly { "eq" } else { "gte" };
    let mut answer = json!({
        "took": page.took_ms,
        "timed_out": false,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": page.total.value, "relation": relation},
            "max_score": page.hits.first().and_then(|hit| hit.score),
            "hits": hits,
        },
    });
    if let Some(aggregations) = aggregations {
        answer["aggregations"] = aggregations;
    }
    Ok(Json(answer))
}

pub(super) async fn count(
    State(state): State<ApiState>,
    Target(scope): Target,
    Parameters(options): Parameters<Options>,
    body: Bytes,
) -> Result<Json<Value>, ElasticError> {
    let query = query_of(&read_body(&body)?, &options, &scope)?;
    let plan = Plan { size: 0, count_up_to: Some(u64::MAX), ..Plan::over_all_time(query, Sort::NewestFirst) };
    let page = state.store.page(&scope, plan).await?;
    let shards = json!({"total": 1, "successful": 1, "skipped": 0, "failed": 0});
    Ok(Json(json!({"count": page.total.value, "_shards": shards})))
}

fn read_body(body: &[u8]) -> Result<Value, ElasticError> {
    match body.trim_ascii() {
        [] => Ok(json!({})),
        body => serde_json::from_slice(body).map_err(|error| ElasticError::bad(format!("body is not JSON: {error}"))),
    }
}

fn query_of(body: &Value, options: &Options, scope: &Scope) -> Result<Query, ElasticError> {
    match &options.q {
        Some(text) => parse_query(text, scope.now).map_err(|error| SearchError::from(error).into()),
        None => dsl::read(body.get("query"), scope.now).map_err(ElasticError::bad),
    }
}

/// The first order of a list decides; ours breaks ties by itself, so what follows adds nothing.
fn order(sort: &Value) -> Result<Option<Sort>, ElasticError> {
    let (field, direction) = match sort {
        Value::Array(sorts) => return sorts.first().map_or(Ok(None), order),
        Value::String(text) => text.split_once(':').unwrap_or((text, if text == "_score" { "desc" } else { "asc" })),
        Value::Object(fields) => {
            let Some((field, options)) = fields.iter().next() else { return Ok(None) };
            let direction = options.as_str().or_else(|| options["order"].as_str());
            (field.as_str(), direction.unwrap_or(if field == "_score" { "desc" } else { "asc" }))
        }
        _ => return Err(ElasticError::bad("sort must be text, an object or a list".to_owned())),
    };
    match (field, direction) {
        ("@timestamp", "desc") => Ok(Some(Sort::NewestFirst)),
        ("@timestamp", "asc") => Ok(Some(Sort::OldestFirst)),
        ("_score", "desc") => Ok(Some(Sort::BestFirst)),
        ("_doc", _) => Ok(Some(Sort::NewestFirst)),
        _ => {
            Err(ElasticError::bad(format!("sort by [{field}] {direction} is not supported; use @timestamp or _score")))
        }
    }
}

/// What is shown of each event.
enum Source {
    Nothing,
    Everything,
    Fields(Vec<String>),
}

fn source_of(body: &Value) -> Result<Source, ElasticError> {
    let names = |list: &Value| -> Result<Source, ElasticError> {
        let names: Option<Vec<_>> = match list {
            Value::String(name) => Some(vec![name.clone()]),
            Value::Array(names) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        match names {
            Some(names) if names.iter().any(|name| name == "*") => Ok(Source::Everything),
            Some(names) if names.iter().all(|name| !name.contains('*')) => Ok(Source::Fields(names)),
            _ => Err(ElasticError::bad("_source takes names of fields, without wildcards".to_owned())),
        }
    };
    match body.get("_source") {
        None | Some(Value::Null | Value::Bool(true)) => Ok(Source::Everything),
        Some(Value::Bool(false)) => Ok(Source::Nothing),
        Some(Value::Object(options)) => options.get("includes").map_or(Ok(Source::Everything), names),
        Some(list) => names(list),
    }
}

fn show(hit: &Hit, source: &Source) -> Result<Value, ElasticError> {
    let event: Value = serde_json::from_str(hit.event.get()).map_err(|_| SearchError::Internal)?;
    let mut shown = json!({"_index": INDEX, "_id": event["id"], "_score": hit.score});
    match source {
        Source::Nothing => {}
        Source::Everything => shown["_source"] = event,
        Source::Fields(paths) => shown["_source"] = project(&event, paths),
    }
    Ok(shown)
}
