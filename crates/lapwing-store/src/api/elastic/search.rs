//! `_search`, `_msearch` and `_count`, and holding on to a state of the index: scrolls and points in time.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::{Value, json};

use super::ask::{Ask, Options, SortKey};
use super::error::ElasticError;
use super::index::Target;
use super::media::Content;
use super::page::{Page, shards};
use super::scroll::{Held, keep_alive};
use super::{find, generic};
use crate::Scope;
use crate::api::ApiState;
use crate::api::audit::Action;
use crate::api::caller::{Caller, Parameters, Trail};

/// A request of `_msearch` holds at most this many searches.
const MAX_SEARCHES: usize = 100;

/// Who asks, and of which index.
pub(super) struct Asker {
    pub scope: Scope,
    pub trail: Trail,
    /// The index as it is named; nothing means all.
    pub index: Option<String>,
    /// The document or scroll that the address names.
    pub id: Option<String>,
}

impl FromRequestParts<ApiState> for Asker {
    type Rejection = ElasticError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ElasticError> {
        let path = RawPathParams::from_request_parts(parts, state).await.ok();
        let named = |wanted: &str| {
            let found = path.as_ref()?.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.to_owned())
        };
        let (index, id) = (named("index"), named("id"));
        match Caller::from_request_parts(parts, state).await {
            Ok(Caller(scope, trail)) => Ok(Self { scope, trail, index, id }),
            Err(_) => Err(ElasticError::without_tenant()),
        }
    }
}

impl Asker {
    /// The index; `lenient` leaves out what is not there.
    pub fn target(&self, state: &ApiState, lenient: bool) -> Result<Target, ElasticError> {
        Target::of(state, &self.scope.tenant, self.index.as_deref(), lenient)
    }

    /// The index, with the options that say what may be missing.
    pub fn found(&self, state: &ApiState, options: &Options) -> Result<Target, ElasticError> {
        match self.target(state, is_true(options.ignore_unavailable.as_deref()))? {
            Target::Nothing if options.allow_no_indices.as_deref() == Some("false") => {
                Err(ElasticError::no_index(self.index.as_deref().unwrap_or("_all")))
            }
            target => Ok(target),
        }
    }
}

pub(super) async fn search(
    State(state): State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<Options>,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let mut ask = Ask::read(&read_body(&body)?, &options)?;
    let target = match &ask.pit {
        Some(pit) => {
            let held = Held::decode(pit).ok_or_else(|| gone(pit))?;
            ask.as_of = Some(held.as_of);
            Target::of(&state, &asker.scope.tenant, Some(&held.index), false)?
        }
        None => asker.found(&state, &options)?,
    };
    let Some(scroll) = &options.scroll else {
        let pit = ask.pit.clone();
        let mut body = run(&state, &asker, &target, &ask).await?.body(ask.count_up_to);
        if let Some(pit) = pit {
            body["pit_id"] = json!(pit);
        }
        return Ok(Json(body));
    };
    if ask.from > 0 || ask.search_after.is_some() {
        return Err(ElasticError::illegal("a scroll begins at the first hit; leave out from and search_after"));
    }
    let keep_alive = keep_alive(scroll)?;
    if ask.sort.is_empty() {
        ask.sort = vec![SortKey::score()];
    }
    if !ask.sort.iter().any(SortKey::is_tie_break) {
        ask.sort.push(SortKey::tie_break());
    }
    let count_up_to = *ask.count_up_to.get_or_insert(u64::MAX);
    ask.as_of = Some(*state.store.commits().borrow());
    let page = run(&state, &asker, &target, &ask).await?;
    // Later pages repeat neither the aggregations nor what was passed already.
    ask.aggs = None;
    turn(&mut ask, &page);
    let id = state.elastic.scrolls.open(&asker.scope, target, ask, keep_alive)?;
    let mut body = page.body(Some(count_up_to));
    body["_scroll_id"] = json!(id);
    Ok(Json(body))
}

/// The next page of a scroll; its id stands in the body, the address or the query.
pub(super) async fn scroll(
    State(state): State<ApiState>,
    asker: Asker,
    Parameters(parameters): Parameters<ScrollParameters>,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let body = read_body(&body)?;
    let id = body["scroll_id"].as_str().map(str::to_owned).or(parameters.scroll_id).or(asker.id.clone());
    let id = id.ok_or_else(|| ElasticError::illegal("scroll_id is missing"))?;
    let keep = body["scroll"].as_str().map(str::to_owned).or(parameters.scroll);
    let keep = keep.as_deref().map(keep_alive).transpose()?;
    let (target, mut ask) = state.elastic.scrolls.resume(&asker.scope, &id, keep).ok_or_else(|| gone(&id))?;
    let page = run(&state, &asker, &target, &ask).await?;
    turn(&mut ask, &page);
    let count_up_to = ask.count_up_to;
    state.elastic.scrolls.put_back(&id, ask);
    let mut body = page.body(count_up_to);
    body["_scroll_id"] = json!(id);
    Ok(Json(body))
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ScrollParameters {
    scroll: Option<String>,
    scroll_id: Option<String>,
}

/// Ends scrolls, by id or all of the tenant's.
pub(super) async fn end_scroll(
    State(state): State<ApiState>,
    asker: Asker,
    Content(body): Content,
) -> Result<(StatusCode, Json<Value>), ElasticError> {
    let body = read_body(&body)?;
    let ids: Vec<String> = match (&body["scroll_id"], &asker.id) {
        (Value::String(id), _) => vec![id.clone()],
        (Value::Array(ids), _) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        (_, Some(ids)) => ids.split(',').map(str::to_owned).collect(),
        (_, None) => return Err(ElasticError::illegal("scroll_id is missing")),
    };
    let freed = state.elastic.scrolls.close(&asker.scope, &ids);
    let status = if freed == 0 { StatusCode::NOT_FOUND } else { StatusCode::OK };
    Ok((status, Json(json!({"succeeded": true, "num_freed": freed}))))
}

/// Opens a point in time. It costs nothing to hold: it is the number of the last event that it sees.
pub(super) async fn open_pit(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    asker.target(&state, false)?;
    let index = asker.index.clone().unwrap_or_else(|| "_all".to_owned());
    let id = Held { as_of: *state.store.commits().borrow(), index }.encode();
    Ok(Json(json!({"id": id, "pit_id": id, "creation_time": asker.scope.now.millis(), "_shards": shards()})))
}

/// Closes a point in time, in Elasticsearch's form or OpenSearch's.
pub(super) async fn close_pit(_: Asker, Content(body): Content) -> Result<Json<Value>, ElasticError> {
    let body = read_body(&body)?;
    let ids: Vec<Value> = match (&body["id"], &body["pit_id"]) {
        (id @ Value::String(_), _) => vec![id.clone()],
        (_, Value::Array(ids)) => ids.clone(),
        (_, id @ Value::String(_)) => vec![id.clone()],
        _ => return Err(ElasticError::illegal("the point in time's id is missing")),
    };
    if let Some(unknown) = ids.iter().find(|id| id.as_str().and_then(Held::decode).is_none()) {
        return Err(gone(&unknown.to_string()));
    }
    let pits: Vec<Value> = ids.iter().map(|id| json!({"pit_id": id, "successful": true})).collect();
    Ok(Json(json!({"succeeded": true, "num_freed": ids.len(), "pits": pits})))
}

pub(super) async fn count(
    State(state): State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<Options>,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let body = read_body(&body)?;
    if let Some(unknown) = body.as_object().and_then(|parts| parts.keys().find(|name| *name != "query")) {
        return Err(ElasticError::bad(format!("request does not support [{unknown}]")));
    }
    let ask = Ask::read(&body, &options)?;
    let target = asker.found(&state, &options)?;
    let count = match &target {
        Target::Events => find::count(&state.store, &asker.scope, ask.query.as_ref()).await?,
        Target::Generic(indices) => generic::count(indices, &ask, asker.scope.now)?,
        Target::Nothing => 0,
    };
    asker.trail.record(Action::Search, ask.text(), count);
    Ok(Json(json!({"count": count, "_shards": shards()})))
}

/// Several searches in one request: a line that names the index, then a line with the search.
pub(super) async fn msearch(
    State(state): State<ApiState>,
    asker: Asker,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    // A header may be empty; what stands behind the last line end is not a line.
    let lines = match lines.split_last() {
        Some((last, lines)) if last.trim_ascii().is_empty() => lines,
        _ => &lines,
    };
    if lines.is_empty() || lines.len() % 2 == 1 {
        return Err(ElasticError::illegal("an _msearch has a header and a body for each search, one a line"));
    }
    if lines.len() / 2 > MAX_SEARCHES {
        return Err(ElasticError::illegal(format!("an _msearch holds at most {MAX_SEARCHES} searches")));
    }
    let mut responses = Vec::with_capacity(lines.len() / 2);
    for pair in lines.chunks(2) {
        let one = one_of_many(&state, &asker, pair[0], pair[1]).await;
        let mut response = one.unwrap_or_else(|error| error.body());
        if response.get("status").is_none() {
            response["status"] = json!(200);
        }
        responses.push(response);
    }
    Ok(Json(
        json!({"took": responses.iter().filter_map(|one| one["took"].as_u64()).sum::<u64>(), "responses": responses}),
    ))
}

async fn one_of_many(state: &ApiState, asker: &Asker, header: &[u8], body: &[u8]) -> Result<Value, ElasticError> {
    let header = read_body(header)?;
    let ask = Ask::read(&read_body(body)?, &Options::default())?;
    let index = match &header["index"] {
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
        Value::String(name) => Some(name.clone()),
        _ => asker.index.clone(),
    };
    let lenient = header["ignore_unavailable"] == true || header["ignore_unavailable"] == "true";
    let target = Target::of(state, &asker.scope.tenant, index.as_deref(), lenient)?;
    Ok(run(state, asker, &target, &ask).await?.body(ask.count_up_to))
}

async fn run(state: &ApiState, asker: &Asker, target: &Target, ask: &Ask) -> Result<Page, ElasticError> {
    let page = match target {
        Target::Events => find::find(&state.store, &asker.scope, ask).await?,
        Target::Generic(indices) => generic::find(indices, ask, asker.scope.now)?,
        Target::Nothing => Page::empty(),
    };
    asker.trail.record(Action::Search, ask.text(), page.total);
    Ok(page)
}

/// Moves a scroll behind the page.
fn turn(ask: &mut Ask, page: &Page) {
    if let Some(sort) = page.hits.last().and_then(|hit| hit["sort"].as_array()) {
        ask.search_after = Some(sort.clone());
    }
}

fn gone(id: &str) -> ElasticError {
    let reason = format!("No search context found for id [{id}]; it has expired, was closed, or never was");
    ElasticError::new(StatusCode::NOT_FOUND, "search_context_missing_exception", reason)
}

/// Reads a JSON body; an empty one is an empty object.
pub(super) fn read_body(body: &[u8]) -> Result<Value, ElasticError> {
    match body.trim_ascii() {
        [] => Ok(json!({})),
        body => serde_json::from_slice(body).map_err(|error| ElasticError::bad(format!("body is not JSON: {error}"))),
    }
}

pub(super) fn is_true(option: Option<&str>) -> bool {
    matches!(option, Some("true" | ""))
}

/// How long a scroll may be kept between two pages.
pub(super) const MAX_KEEP_ALIVE: Duration = Duration::from_secs(24 * 3_600);
