//! What a client asks before it searches: the server, its health, and the indices there are.

use std::fmt::Write;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ElasticError;
use super::find;
use super::generic::Indices;
use super::index::{INDEX, Target};
use super::mapping::properties;
use super::media::Content;
use super::page::shards;
use super::search::{Asker, is_true, read_body};
use crate::api::ApiState;
use crate::api::caller::Parameters;

/// The version of the API that is spoken.
const VERSION: &str = "9.0.0";

/// What stands at the root.
pub(super) fn root() -> Value {
    json!({
        "name": INDEX,
        "cluster_name": INDEX,
        "cluster_uuid": INDEX,
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "lapwing",
            "lucene_version": "10.1.0",
            "minimum_wire_compatibility_version": "8.18.0",
            "minimum_index_compatibility_version": "8.0.0",
        },
        "tagline": "You Know, for Search",
    })
}

pub(super) async fn info() -> Json<Value> {
    Json(root())
}

pub(super) async fn health(State(state): State<ApiState>) -> Json<Value> {
    Json(json!({
        "cluster_name": INDEX,
        "status": status(&state),
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "active_shards_percent_as_number": 100.0,
    }))
}

fn status(state: &ApiState) -> &'static str {
    if state.store.ready() { "green" } else { "red" }
}

/// One index, as the tenant sees it.
struct Row {
    name: String,
    docs: u64,
    mappings: Value,
}

async fn rows(state: &ApiState, asker: &Asker) -> Result<Vec<Row>, ElasticError> {
    Ok(match asker.target(state, false)? {
        Target::Events => {
            let docs = find::count(&state.store, &asker.scope, None).await?;
            vec![Row { name: INDEX.to_owned(), docs, mappings: json!({"properties": properties()}) }]
        }
        Target::Generic(indices) => indices
            .iter()
            .map(|index| Row {
                name: index.name.clone(),
                docs: index.count(),
                mappings: json!({"properties": index.properties()}),
            })
            .collect(),
        Target::Nothing => Vec::new(),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CatOptions {
    format: Option<String>,
    h: Option<String>,
    v: Option<String>,
    health: Option<String>,
    s: Option<String>,
}

/// The columns of `_cat/indices` and their short names.
const COLUMNS: &[(&str, &str)] = &[
    ("health", "h"),
    ("status", "s"),
    ("index", "i"),
    ("uuid", "id"),
    ("pri", "p"),
    ("rep", "r"),
    ("docs.count", "dc"),
    ("docs.deleted", "dd"),
    ("store.size", "ss"),
    ("pri.store.size", "pss"),
];

/// As a table of text, or as JSON where that is asked for. Sizes are not told: the index's files hold every tenant.
pub(super) async fn cat_indices(
    State(state): State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<CatOptions>,
    headers: HeaderMap,
) -> Result<Response, ElasticError> {
    let health = status(&state);
    let wanted = options.health.as_deref().is_none_or(|wanted| wanted == health);
    let mut rows = if wanted { rows(&state, &asker).await? } else { Vec::new() };
    let columns: Vec<&str> = match &options.h {
        None => COLUMNS.iter().map(|(name, _)| *name).collect(),
        Some(names) => names.split(',').filter_map(column).collect(),
    };
    let cell = |row: &Row, column: &str| match column {
        "health" => health.to_owned(),
        "status" => "open".to_owned(),
        "index" | "uuid" => row.name.clone(),
        "pri" => "1".to_owned(),
        "docs.count" => row.docs.to_string(),
        "rep" | "docs.deleted" => "0".to_owned(),
        _ => String::new(),
    };
    for key in options.s.iter().flat_map(|keys| keys.split(',')).rev() {
        let (name, descending) = match key.split_once(':') {
            Some((name, order)) => (name, order == "desc"),
            None => (key, false),
        };
        let by = column(name)
            .ok_or_else(|| ElasticError::illegal(format!("Unable to sort by unknown sort key `{name}`")))?;
        match by {
            "docs.count" => rows.sort_by_key(|row| row.docs),
            by => rows.sort_by_key(|row| cell(row, by)),
        }
        if descending {
            rows.reverse();
        }
    }
    if wants_json(options.format.as_deref(), &headers) {
        let row = |row: &Row| -> Value {
            let cells = columns.iter().filter_map(|column| {
                let cell = cell(row, column);
                (!cell.is_empty()).then(|| ((*column).to_owned(), Value::String(cell)))
            });
            Value::Object(cells.collect())
        };
        return Ok(Json(rows.iter().map(row).collect::<Vec<_>>()).into_response());
    }
    let mut table: Vec<Vec<String>> = Vec::new();
    if is_true(options.v.as_deref()) {
        table.push(columns.iter().map(|column| (*column).to_owned()).collect());
    }
    table.extend(rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], aligned(&table)).into_response())
}

fn column(name: &str) -> Option<&'static str> {
    COLUMNS.iter().find(|(long, short)| *long == name || *short == name).map(|(long, _)| *long)
}

fn wants_json(format: Option<&str>, headers: &HeaderMap) -> bool {
    match format {
        Some(format) => format == "json",
        // A client that takes text takes it first.
        None => headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("json") && !accept.contains("text/plain")),
    }
}

fn aligned(table: &[Vec<String>]) -> String {
    let width = |column: usize| table.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for row in table {
        let cells = row.iter().enumerate().map(|(at, cell)| format!("{cell:<width$}", width = width(at)));
        let line = cells.collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

pub(super) async fn resolve(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    let rows = rows(&state, &asker).await?;
    let indices: Vec<Value> = rows.iter().map(|row| json!({"name": row.name, "attributes": ["open"]})).collect();
    Ok(Json(json!({"indices": indices, "aliases": [], "data_streams": []})))
}

/// There are no aliases; each index says so.
pub(super) async fn aliases(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    by_index(&state, &asker, |_| json!({"aliases": {}})).await
}

pub(super) async fn mapping(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    by_index(&state, &asker, |row| json!({"mappings": row.mappings})).await
}

pub(super) async fn settings(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    by_index(&state, &asker, |row| json!({"settings": index_settings(row)})).await
}

pub(super) async fn describe(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    by_index(&state, &asker, |row| json!({"aliases": {}, "mappings": row.mappings, "settings": index_settings(row)}))
        .await
}

pub(super) async fn stats(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    let rows = rows(&state, &asker).await?;
    let of = |docs: u64| {
        let part = json!({"docs": {"count": docs, "deleted": 0}, "segments": {"count": 1}});
        json!({"primaries": part, "total": part})
    };
    let indices: Map<String, Value> = rows.iter().map(|row| (row.name.clone(), of(row.docs))).collect();
    let all = of(rows.iter().map(|row| row.docs).sum());
    Ok(Json(json!({"_shards": shards(), "_all": all, "indices": indices})))
}

/// Makes what the store has taken searchable now.
pub(super) async fn refresh(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    if matches!(asker.target(&state, false)?, Target::Events) {
        state.store.flush().await.map_err(|error| {
            ElasticError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable_shards_exception", error.to_string())
        })?;
    }
    Ok(Json(json!({"_shards": shards()})))
}

/// Makes a generic index, where the server has them.
pub(super) async fn create(
    State(state): State<ApiState>,
    asker: Asker,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let name = asker.index.clone().unwrap_or_default();
    generic(&state)?.create(&asker.scope.tenant, &name, &read_body(&body)?)?;
    Ok(Json(json!({"acknowledged": true, "shards_acknowledged": true, "index": name})))
}

/// Deletes generic indices, by names and patterns.
pub(super) async fn delete(
    State(state): State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<DeleteOptions>,
) -> Result<Json<Value>, ElasticError> {
    let indices = generic(&state)?;
    match asker.target(&state, is_true(options.ignore_unavailable.as_deref()))? {
        Target::Events => {
            return Err(ElasticError::illegal("events are erased one by one, see DELETE /v1/events/{id}"));
        }
        Target::Generic(named) => {
            for index in named {
                indices.delete(&asker.scope.tenant, &index.name);
            }
        }
        Target::Nothing => {}
    }
    Ok(Json(json!({"acknowledged": true})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeleteOptions {
    ignore_unavailable: Option<String>,
}

/// Settings of a generic index change nothing here.
pub(super) async fn change_settings(State(state): State<ApiState>, asker: Asker) -> Result<Json<Value>, ElasticError> {
    match asker.target(&state, false)? {
        Target::Generic(_) => Ok(Json(json!({"acknowledged": true}))),
        Target::Events | Target::Nothing => Err(ElasticError::illegal("settings of the index of events do not change")),
    }
}

fn generic(state: &ApiState) -> Result<&Indices, ElasticError> {
    let reason = "indices cannot be made or deleted here; events go to the index lapwing";
    state.elastic.generic.as_ref().ok_or_else(|| ElasticError::illegal(reason))
}

fn index_settings(row: &Row) -> Value {
    json!({"index": {"number_of_shards": "1", "number_of_replicas": "0", "provided_name": row.name, "uuid": row.name}})
}

async fn by_index(state: &ApiState, asker: &Asker, show: impl Fn(&Row) -> Value) -> Result<Json<Value>, ElasticError> {
    let rows = rows(state, asker).await?;
    Ok(Json(Value::Object(rows.iter().map(|row| (row.name.clone(), show(row))).collect())))
}
