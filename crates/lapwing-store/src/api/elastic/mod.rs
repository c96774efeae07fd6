//! A subset of Elasticsearch's API for reading, so that its clients and dashboards find our events: under
//! `/_elastic`, one index named `lapwing`. Writing, scrolling and `search_after` are not there; what is not
//! understood is refused in Elasticsearch's form, never answered with something else.

mod dsl;
mod search;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, http::header};
use lapwing_event::{FIELDS, Field, IndexAs};
use serde_json::{Map, Value, json};

use super::ApiState;
use crate::SearchError;
use crate::schema::has_column;

/// The one index.
const INDEX: &str = "lapwing";
/// The version of the API that is spoken.
const VERSION: &str = "9.0.0";
/// Clients refuse to talk to a server without it.
const PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");

pub(super) fn router() -> Router<ApiState> {
    let search = get(search::search).post(search::search);
    let count = get(search::count).post(search::count);
    let field_caps = get(field_caps).post(field_caps);
    let routes = Router::new()
        .route("/", get(info))
        .route("/_cluster/health", get(health))
        .route("/_cat/indices", get(cat_indices))
        .route("/_search", search.clone())
        .route("/_count", count.clone())
        .route("/_mapping", get(all_mapping))
        .route("/_resolve/index/{name}", get(resolve).post(resolve))
        .route("/{index}/_search", search)
        .route("/{index}/_count", count)
        .route("/{index}/_mapping", get(mapping))
        .route("/{index}/_field_caps", field_caps)
        .fallback(unsupported)
        .method_not_allowed_fallback(unsupported)
        .layer(map_response(name_product));
    // Clients ask for the root with a slash; nesting serves it without one.
    let root = Router::new().route("/_elastic/", get(info)).layer(map_response(name_product));
    Router::new().nest("/_elastic", routes).merge(root)
}

async fn name_product(mut response: Response) -> Response {
    response.headers_mut().insert(PRODUCT, HeaderValue::from_static("Elasticsearch"));
    response
}

async fn unsupported(method: Method, uri: Uri) -> ElasticError {
    ElasticError {
        status: StatusCode::BAD_REQUEST,
        kind: "illegal_argument_exception",
        reason: format!("{method} {} is not supported; this is a reading subset of the API", uri.path()),
    }
}

/// An error in Elasticsearch's form.
struct ElasticError {
    status: StatusCode,
    kind: &'static str,
    reason: String,
}

impl ElasticError {
    fn bad(reason: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "parsing_exception", reason }
    }

    fn no_index(name: &str) -> Self {
        let reason = format!("no such index [{name}]; there is one, named {INDEX}");
        Self { status: StatusCode::NOT_FOUND, kind: "index_not_found_exception", reason }
    }

    fn without_tenant() -> Self {
        let reason = "the request has no tenant; the server must authenticate it first".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "security_exception", reason }
    }
}

impl From<SearchError> for ElasticError {
    fn from(error: SearchError) -> Self {
        let (status, kind) = match &error {
            SearchError::Query(_) | SearchError::Parameter { .. } => (StatusCode::BAD_REQUEST, "parsing_exception"),
            SearchError::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, "timeout_exception"),
            SearchError::Busy => (StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception"),
            SearchError::Cancelled | SearchError::Index { .. } | SearchError::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "search_phase_execution_exception")
            }
        };
        Self { status, kind, reason: error.to_string() }
    }
}

impl IntoResponse for ElasticError {
    fn into_response(self) -> Response {
        let cause = json!({"type": self.kind, "reason": self.reason});
        let mut error = cause.clone();
        error["root_cause"] = json!([cause]);
        (self.status, Json(json!({"error": error, "status": self.status.as_u16()}))).into_response()
    }
}

/// Whether a name, a list of names or a pattern means the index.
fn names_index(name: &str) -> bool {
    name.split(',').any(|name| match name.strip_suffix('*') {
        Some(prefix) => INDEX.starts_with(prefix),
        None => name == INDEX || name == "_all",
    })
}

fn check_index(name: &str) -> Result<(), ElasticError> {
    if names_index(name) { Ok(()) } else { Err(ElasticError::no_index(name)) }
}

async fn info() -> Json<Value> {
    Json(json!({
        "name": INDEX,
        "cluster_name": INDEX,
        "cluster_uuid": INDEX,
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "minimum_wire_compatibility_version": "8.18.0",
            "minimum_index_compatibility_version": "8.0.0",
        },
        "tagline": "You Know, for Search",
    }))
}

async fn health(State(state): State<ApiState>) -> Json<Value> {
    let status = if state.store.ready() { "green" } else { "red" };
    Json(json!({
        "cluster_name": INDEX,
        "status": status,
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
    }))
}

/// Without counts: those of the index are of all tenants.
async fn cat_indices() -> Response {
    let row = json!([{"health": "green", "status": "open", "index": INDEX, "pri": "1", "rep": "0"}]);
    ([(header::CONTENT_TYPE, "application/json")], row.to_string()).into_response()
}

async fn resolve(Path(name): Path<String>) -> Json<Value> {
    let found = names_index(&name).then(|| json!({"name": INDEX, "attributes": ["open"]}));
    Json(json!({"indices": found.as_slice(), "aliases": [], "data_streams": []}))
}

async fn all_mapping() -> Json<Value> {
    let mut root = Map::new();
    for field in FIELDS {
        insert(&mut root, field);
    }
    Json(json!({INDEX: {"mappings": {"properties": root}}}))
}

async fn mapping(Path(index): Path<String>) -> Result<Json<Value>, ElasticError> {
    check_index(&index)?;
    Ok(all_mapping().await)
}

/// Puts a field where its path says, objects around it.
fn insert(root: &mut Map<String, Value>, field: &Field) {
    let mut at = root;
    let mut names = field.path.split('.').peekable();
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            at.insert(name.to_owned(), json!({"type": type_of(field.index)}));
            return;
        }
        let object = at.entry(name).or_insert_with(|| json!({"properties": {}}));
        let Some(properties) = object["properties"].as_object_mut() else { return };
        at = properties;
    }
}

async fn field_caps(Path(index): Path<String>) -> Result<Json<Value>, ElasticError> {
    check_index(&index)?;
    let describe = |field: &Field| {
        let kind = type_of(field.index);
        let searchable = field.index != IndexAs::Stored;
        let caps = json!({
            "type": kind,
            "metadata_field": false,
            "searchable": searchable,
            "aggregatable": has_column(field.path),
        });
        (field.path.to_owned(), json!({kind: caps}))
    };
    let fields: Map<String, Value> = FIELDS.iter().map(describe).collect();
    Ok(Json(json!({"indices": [INDEX], "fields": fields})))
}

fn type_of(index: IndexAs) -> &'static str {
    match index {
        IndexAs::Keyword => "keyword",
        IndexAs::Text => "text",
        IndexAs::Number => "double",
        IndexAs::Bool => "boolean",
        IndexAs::Date => "date",
        IndexAs::Json => "flattened",
        IndexAs::Stored => "binary",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_of_the_index() {
        for (name, expect) in
            [("lapwing", true), ("lap*", true), ("*", true), ("_all", true), ("logs,lapwing", true), ("logs*", false)]
        {
            assert_eq!(names_index(name), expect, "{name}");
        }
    }
}
