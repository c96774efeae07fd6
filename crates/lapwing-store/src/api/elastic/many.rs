//! Several documents at once: `_mget`, and `_delete_by_query` for generic indices.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::ask::{Ask, Options};
use super::documents::source_of;
use super::error::ElasticError;
use super::generic;
use super::index::Target;
use super::media::Content;
use super::search::{Asker, read_body};
use crate::api::ApiState;
use crate::api::audit::Action;
use crate::api::caller::Parameters;

/// A request asks for at most this many documents.
const MAX_DOCUMENTS: usize = 1_000;

/// Reads documents by their ids: those of one index, or each with its own.
pub(super) async fn mget(
    State(state): State<ApiState>,
    asker: Asker,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let body = read_body(&body)?;
    let named =
        body["docs"].as_array().map(|docs| docs.iter().map(|doc| (doc["_index"].as_str(), &doc["_id"])).collect());
    let listed = || body["ids"].as_array().map(|ids| ids.iter().map(|id| (None, id)).collect());
    let wanted: Vec<(Option<&str>, &Value)> =
        named.or_else(listed).ok_or_else(|| ElasticError::bad("_mget needs [docs] or [ids]"))?;
    if wanted.len() > MAX_DOCUMENTS {
        return Err(ElasticError::illegal(format!("_mget reads at most {MAX_DOCUMENTS} documents")));
    }
    let (mut docs, mut read) = (Vec::with_capacity(wanted.len()), 0);
    for (index, id) in wanted {
        let index = index.or(asker.index.as_deref()).ok_or_else(|| ElasticError::bad("index is missing"))?;
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let found = match Target::of(&state, &asker.scope.tenant, Some(index), false) {
            Ok(target) => source_of(&state, &asker.scope, &target, &id).await,
            Err(error) => Err(error),
        };
        docs.push(match found {
            Ok(Some(source)) => {
                read += 1;
                json!({"_index": index, "_id": id, "_version": 1, "found": true, "_source": source})
            }
            Ok(None) => json!({"_index": index, "_id": id, "found": false}),
            Err(error) => json!({"_index": index, "_id": id, "error": error.cause()}),
        });
    }
    asker.trail.record(Action::Read, format!("ids:{}", docs.len()), read);
    Ok(Json(json!({"docs": docs})))
}

/// Deletes the documents of generic indices that match.
pub(super) async fn delete_by_query(
    State(state): State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<Options>,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let body = read_body(&body)?;
    if body["query"].is_null() && options.q.is_none() {
        return Err(ElasticError::illegal("query is missing"));
    }
    let ask = Ask::read(&body, &options)?;
    let deleted = match asker.found(&state, &options)? {
        Target::Events => {
            return Err(ElasticError::illegal(
                "events are erased by user, session or event, see DELETE /v1/users/{id}",
            ));
        }
        Target::Generic(indices) => generic::delete(&indices, &ask, asker.scope.now)?,
        Target::Nothing => 0,
    };
    Ok(Json(json!({
        "took": 0, "timed_out": false, "total": deleted, "deleted": deleted, "batches": 1, "version_conflicts": 0,
        "noops": 0, "failures": [],
    })))
}
