//! The fields that can be searched: their types, short names, and, where asked for, their most frequent values.

use axum::Json;
use axum::extract::State;
use lapwing_event::{FIELDS, Field, IndexAs};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ApiState;
use super::audit::Action;
use super::caller::{Caller, Parameters};
use super::problem::Problem;
use crate::SearchRequest;
use crate::query::aliases_of;
use crate::schema::has_column;

/// The most values of each field.
const MAX_TOP: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FieldsParameters {
    /// How many of each keyword's most frequent values to give; none without it.
    top: Option<usize>,
    q: String,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct FieldsResponse {
    fields: Vec<Described>,
}

#[derive(Debug, Serialize)]
struct Described {
    name: &'static str,
    r#type: &'static str,
    aliases: Vec<&'static str>,
    searchable: bool,
    aggregatable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<Vec<Top>>,
}

#[derive(Debug, Serialize)]
struct Top {
    value: Value,
    count: u64,
}

pub(super) async fn fields(
    State(state): State<ApiState>,
    Caller(scope, trail): Caller,
    Parameters(parameters): Parameters<FieldsParameters>,
) -> Result<Json<FieldsResponse>, Problem> {
    let FieldsParameters { top, q, from, to } = parameters;
    let counted = FIELDS.iter().filter(|field| field.index == IndexAs::Keyword && has_column(field.path));
    let values = match top.map(|top| top.min(MAX_TOP)) {
        None | Some(0) => Value::Null,
        Some(top) => {
            let terms = |field: &Field| (field.path.to_owned(), json!({"terms": {"field": field.path, "size": top}}));
            let aggs = Value::Object(counted.map(terms).collect::<Map<_, _>>());
            let plan = state.plan(&SearchRequest { q: q.clone(), from, to, ..SearchRequest::default() }, &scope)?;
            let answer = state.store.aggregate_query(&scope, plan.query, plan.span, (&aggs, Vec::new())).await?;
            trail.record(Action::Search, q, answer.total);
            answer.aggregations
        }
    };
    Ok(Json(FieldsResponse { fields: FIELDS.iter().map(|field| describe(field, &values)).collect() }))
}

fn describe(field: &'static Field, values: &Value) -> Described {
    let buckets = values.get(field.path).and_then(|terms| terms["buckets"].as_array());
    let top = |bucket: &Value| Top { value: bucket["key"].clone(), count: bucket["doc_count"].as_u64().unwrap_or(0) };
    Described {
        name: field.path,
        r#type: type_name(field.index),
        aliases: aliases_of(field.path).collect(),
        searchable: field.index != IndexAs::Stored,
        aggregatable: has_column(field.path),
        top: buckets.map(|buckets| buckets.iter().map(top).collect()),
    }
}

fn type_name(index: IndexAs) -> &'static str {
    match index {
        IndexAs::Keyword => "keyword",
        IndexAs::Text => "text",
        IndexAs::Number => "number",
        IndexAs::Bool => "boolean",
        IndexAs::Date => "date",
        IndexAs::Json => "object",
        IndexAs::Stored => "stored",
    }
}
