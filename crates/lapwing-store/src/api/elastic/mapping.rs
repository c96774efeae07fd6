//! The types of the fields, in Elasticsearch's words.

use axum::Json;
use axum::extract::State;
use lapwing_event::{FIELDS, Field, IndexAs};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ElasticError;
use super::glob::matches;
use super::index::{INDEX, Target};
use super::media::Content;
use super::search::{Asker, is_true, read_body};
use super::source::list;
use crate::api::ApiState;
use crate::api::caller::Parameters;
use crate::schema::has_column;

/// The fields of an event, as a mapping's properties.
pub(super) fn properties() -> Value {
    let mut root = Map::new();
    for field in FIELDS {
        insert(&mut root, field);
    }
    Value::Object(root)
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CapsOptions {
    fields: Option<String>,
    ignore_unavailable: Option<String>,
}

pub(super) async fn field_caps(
    State(state): State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<CapsOptions>,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let body = read_body(&body)?;
    let wanted = match (&options.fields, body.get("fields")) {
        (Some(fields), _) => list(&json!(fields)),
        (None, Some(fields)) => list(fields),
        (None, None) => Err("field_caps needs fields; write fields=* for all".to_owned()),
    };
    let wanted = wanted.map_err(ElasticError::illegal)?;
    let (indices, fields) = match asker.target(&state, is_true(options.ignore_unavailable.as_deref()))? {
        Target::Events => (vec![INDEX.to_owned()], FIELDS.iter().map(of_event).collect()),
        Target::Generic(indices) => {
            let fields = indices.iter().flat_map(|index| index.capabilities());
            let caps = |(name, kind, countable): (String, &str, bool)| (name, capabilities(kind, true, countable));
            (indices.iter().map(|index| index.name.clone()).collect(), fields.map(caps).collect())
        }
        Target::Nothing => (Vec::new(), Vec::<(String, Value)>::new()),
    };
    let named = |(path, _): &(String, Value)| wanted.iter().any(|pattern| matches(pattern, path));
    let fields: Map<String, Value> = fields.into_iter().filter(named).collect();
    Ok(Json(json!({"indices": indices, "fields": fields})))
}

fn of_event(field: &Field) -> (String, Value) {
    let searchable = field.index != IndexAs::Stored;
    (field.path.to_owned(), capabilities(type_of(field.index), searchable, has_column(field.path)))
}

fn capabilities(kind: &str, searchable: bool, aggregatable: bool) -> Value {
    json!({kind: {
        "type": kind,
        "metadata_field": false,
        "searchable": searchable,
        "aggregatable": aggregatable,
    }})
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
