//! Documents in and out: `_bulk`, `_doc`, `_create`. A document of the index of events goes the way of every event,
//! through the front door and the sanitizer; the answer comes once the bus has it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use lapwing_event::EventId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ElasticError;
use super::generic::Index;
use super::index::{INDEX, Target};
use super::intake::{Sender, Taken};
use super::media::Content;
use super::page::shards;
use super::search::Asker;
use crate::api::ApiState;
use crate::api::audit::Action;
use crate::api::caller::Parameters;
use crate::query::Query;
use crate::search::{Plan, is};
use crate::{Scope, Sort, Store};

/// How long an answer waits, where it is asked to, for the documents to be searchable.
const REFRESH_WAIT: Duration = Duration::from_secs(10);
/// Documents that are looked for at once.
const REFRESH_STEP: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WriteOptions {
    refresh: Option<String>,
    op_type: Option<String>,
}

impl WriteOptions {
    fn waits(&self) -> bool {
        matches!(self.refresh.as_deref(), Some("" | "true" | "wait_for"))
    }
}

/// One line of a bulk request with the document behind it.
struct Item {
    /// `index`, `create`, `update` or `delete`.
    action: &'static str,
    index: String,
    id: Option<String>,
    document: Option<Vec<u8>>,
}

/// What became of an item.
enum Outcome {
    Stored { id: String, is_new: bool },
    Deleted { id: String, found: bool },
    Failed(ElasticError),
}

pub(super) async fn bulk(
    State(state): State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<WriteOptions>,
    Content(body): Content,
) -> Result<Json<Value>, ElasticError> {
    let items = read_items(&body, asker.index.as_deref())?;
    let outcomes = write(&state, &asker, &items, options.waits()).await?;
    let errors = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed(_)));
    let rows: Vec<Value> = items.iter().zip(&outcomes).map(|(item, outcome)| show(item, outcome)).collect();
    let took = (state.clock)().since(asker.scope.now).as_millis() as u64;
    Ok(Json(json!({"took": took, "errors": errors, "items": rows})))
}

pub(super) async fn put(
    state: State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<WriteOptions>,
    Content(body): Content,
) -> Result<(StatusCode, Json<Value>), ElasticError> {
    let action = if options.op_type.as_deref() == Some("create") { "create" } else { "index" };
    put_one(state, asker, options, action, body).await
}

/// As [`put`], for a document that must not be there yet.
pub(super) async fn create(
    state: State<ApiState>,
    asker: Asker,
    Parameters(options): Parameters<WriteOptions>,
    Content(body): Content,
) -> Result<(StatusCode, Json<Value>), ElasticError> {
    put_one(state, asker, options, "create", body).await
}

async fn put_one(
    State(state): State<ApiState>,
    asker: Asker,
    options: WriteOptions,
    action: &'static str,
    body: Vec<u8>,
) -> Result<(StatusCode, Json<Value>), ElasticError> {
    let index = asker.index.clone().unwrap_or_default();
    let items = [Item { action, index, id: asker.id.clone(), document: Some(body) }];
    let outcomes = write(&state, &asker, &items, options.waits()).await?;
    match outcomes.into_iter().next() {
        Some(Outcome::Stored { id, is_new }) => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(stored(&items[0].index, &id, is_new))))
        }
        Some(Outcome::Failed(error)) => Err(error),
        Some(Outcome::Deleted { .. }) | None => Err(ElasticError::bad("request body is required")),
    }
}

/// Deletes a document of a generic index.
pub(super) async fn delete(
    State(state): State<ApiState>,
    asker: Asker,
) -> Result<(StatusCode, Json<Value>), ElasticError> {
    let (index, id) = (asker.index.clone().unwrap_or_default(), asker.id.clone());
    let item = Item { action: "delete", index, id, document: None };
    let outcome = write_one(&state, &asker.scope, &item)?;
    refresh(&state, &asker.scope, std::slice::from_ref(&item))?;
    match outcome {
        Outcome::Deleted { id, found } => {
            let status = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
            Ok((status, Json(deleted(&item.index, &id, found))))
        }
        Outcome::Failed(error) => Err(error),
        Outcome::Stored { .. } => Err(ElasticError::bad("nothing was deleted")),
    }
}

pub(super) async fn get(
    State(state): State<ApiState>,
    asker: Asker,
) -> Result<(StatusCode, Json<Value>), ElasticError> {
    let (index, id) = (asker.index.clone().unwrap_or_default(), asker.id.clone().unwrap_or_default());
    let source = source_of(&state, &asker.scope, &asker.target(&state, false)?, &id).await?;
    let missing = (StatusCode::NOT_FOUND, Json(json!({"_index": index, "_id": id, "found": false})));
    let Some(source) = source else { return Ok(missing) };
    asker.trail.record(Action::Read, format!("id:{id}"), 1);
    let document = json!({"_index": index, "_id": id, "_version": 1, "found": true, "_source": source});
    Ok((StatusCode::OK, Json(document)))
}

/// The document with this id, if the index has it.
pub(super) async fn source_of(
    state: &ApiState,
    scope: &Scope,
    target: &Target,
    id: &str,
) -> Result<Option<Value>, ElasticError> {
    match target {
        Target::Events => event(&state.store, scope, id).await,
        Target::Generic(indices) => indices.first().map_or(Ok(None), |index| index.get(id)),
        Target::Nothing => Ok(None),
    }
}

async fn event(store: &Store, scope: &Scope, id: &str) -> Result<Option<Value>, ElasticError> {
    let Ok(id) = id.parse::<EventId>() else { return Ok(None) };
    let hit = store.event(scope, id).await?;
    Ok(hit.and_then(|hit| serde_json::from_str(hit.event.get()).ok()))
}

/// Reads the lines: an action, and behind `index`, `create` and `update` a document.
fn read_items(body: &[u8], default: Option<&str>) -> Result<Vec<Item>, ElasticError> {
    let mut lines = body.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let (mut items, mut faults) = (Vec::new(), String::new());
    while let Some((number, line)) = lines.next() {
        let (action, meta) = read_action(number + 1, line)?;
        let document = if action == "delete" { None } else { lines.next().map(|(_, line)| line.to_vec()) };
        if document.is_none() && action != "delete" {
            break;
        }
        let index = meta["_index"].as_str().or(default);
        if index.is_none_or(str::is_empty) {
            faults.push_str(&format!(" {}: index is missing;", items.len() + 1));
        }
        let id = match &meta["_id"] {
            Value::String(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        };
        items.push(Item { action, index: index.unwrap_or_default().to_owned(), id, document });
    }
    if items.is_empty() {
        faults = " 1: no requests added;".to_owned();
    }
    match faults.is_empty() {
        true => Ok(items),
        false => {
            let reason = format!("Validation Failed:{faults}");
            Err(ElasticError::new(StatusCode::BAD_REQUEST, "action_request_validation_exception", reason))
        }
    }
}

fn read_action(number: usize, line: &[u8]) -> Result<(&'static str, Value), ElasticError> {
    let fault = |found: &str| {
        ElasticError::illegal(format!(
            "Malformed action/metadata line [{number}], expected one of [create, delete, index, update] but found \
             [{found}]"
        ))
    };
    let object: Map<String, Value> = serde_json::from_slice(line).map_err(|_| fault("no JSON object"))?;
    let mut entries = object.into_iter();
    let (Some((name, meta)), None) = (entries.next(), entries.next()) else { return Err(fault("several keys")) };
    let action = ["create", "delete", "index", "update"].into_iter().find(|action| *action == name);
    Ok((action.ok_or_else(|| fault(&name))?, meta))
}

/// Writes the items, each index's together, and says of each what became of it.
async fn write(state: &ApiState, asker: &Asker, items: &[Item], wait: bool) -> Result<Vec<Outcome>, ElasticError> {
    let scope = &asker.scope;
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    let (mut lines, mut places) = (Vec::new(), Vec::new());
    for (place, item) in items.iter().enumerate() {
        if item.index != INDEX && state.elastic.generic.is_some() {
            outcomes.push(Some(write_one(state, scope, item).unwrap_or_else(Outcome::Failed)));
            continue;
        }
        match line_of(item) {
            Ok(line) => {
                lines.extend_from_slice(&line);
                lines.push(b'\n');
                places.push(place);
                outcomes.push(None);
            }
            Err(error) => outcomes.push(Some(Outcome::Failed(error))),
        }
    }
    refresh(state, scope, items)?;
    if !places.is_empty() {
        let taken = take(state, asker, lines).await?;
        if wait {
            wait_until_searchable(&state.store, scope, &taken).await;
        }
        for (place, taken) in places.into_iter().zip(taken) {
            outcomes[place] = Some(match taken {
                Taken::Accepted(ids) => {
                    Outcome::Stored { id: ids.into_iter().next().unwrap_or_default(), is_new: true }
                }
                Taken::Refused { status, reason } => Outcome::Failed(refused(status, reason)),
            });
        }
    }
    let unanswered = || Outcome::Failed(refused(500, "the front door gave no answer to it".to_owned()));
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect())
}

/// Writes to a generic index.
fn write_one(state: &ApiState, scope: &Scope, item: &Item) -> Result<Outcome, ElasticError> {
    let Some(indices) = state.elastic.generic.as_ref().filter(|_| item.index != INDEX) else {
        return Err(match item.index.as_str() {
            INDEX => ElasticError::illegal(format!("[{}] is not supported: an event does not change", item.action)),
            name => ElasticError::no_index(name),
        });
    };
    let index = indices.get_or_create(&scope.tenant, &item.index)?;
    let id = item.id.clone().unwrap_or_else(|| indices.next_id(scope.now));
    match (item.action, &item.document) {
        ("delete", _) => Ok(Outcome::Deleted { found: index.delete(&id)?, id }),
        ("index" | "create", Some(document)) => {
            if item.action == "create" && index.get(&id)?.is_some() {
                let reason = format!("[{id}]: version conflict, document already exists");
                return Err(ElasticError::new(StatusCode::CONFLICT, "version_conflict_engine_exception", reason));
            }
            let document: Value = serde_json::from_slice(document)
                .map_err(|error| ElasticError::document(format!("failed to parse: {error}")))?;
            Ok(Outcome::Stored { is_new: index.put(&id, &document)?, id })
        }
        (action, _) => Err(ElasticError::illegal(format!("[{action}] is not supported"))),
    }
}

/// Makes what was written to generic indices searchable, whether that was asked for or not.
fn refresh(state: &ApiState, scope: &Scope, items: &[Item]) -> Result<(), ElasticError> {
    let named = |index: &Arc<Index>| items.iter().any(|item| item.index == index.name);
    state.elastic.indices(&scope.tenant).iter().filter(|index| named(index)).try_for_each(|index| index.refresh())
}

/// The document as the front door takes it.
fn line_of(item: &Item) -> Result<Vec<u8>, ElasticError> {
    if item.index != INDEX {
        return Err(ElasticError::no_index(&item.index));
    }
    let Some(document) = item.document.as_deref().filter(|_| item.action != "update") else {
        return Err(ElasticError::illegal(format!("[{}] is not supported: an event does not change", item.action)));
    };
    match &item.id {
        None if !document.contains(&b'\n') => Ok(document.to_vec()),
        id => named(document, id.as_deref()),
    }
}

/// Puts the client's id into the document: an event of our schema takes a UUID as its own; of plain JSON it names the
/// interaction, so that what is sent again with the same time is stored once.
fn named(document: &[u8], id: Option<&str>) -> Result<Vec<u8>, ElasticError> {
    let fault = |_| refused(400, "document is not a JSON object".to_owned());
    let mut document: Map<String, Value> = serde_json::from_slice(document).map_err(fault)?;
    if let Some(id) = id {
        let is_event = document.contains_key("kind");
        let key = if is_event { "id" } else { "interaction_id" };
        if !document.contains_key(key) && (!is_event || id.parse::<EventId>().is_ok()) {
            document.insert(key.to_owned(), json!(id));
        }
    }
    Ok(Value::Object(document).to_string().into_bytes())
}

async fn take(state: &ApiState, asker: &Asker, lines: Vec<u8>) -> Result<Vec<Taken>, ElasticError> {
    let Some(intake) = &state.intake else {
        return Err(ElasticError::illegal("this server takes no events; send them to the ingest service"));
    };
    let sender = Sender { tenant: asker.scope.tenant.clone(), actor: asker.trail.actor() };
    intake(sender, lines).await.map_err(|fault| {
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "es_rejected_execution_exception",
            _ => "illegal_argument_exception",
        };
        ElasticError::new(status, kind, fault.reason)
    })
}

fn refused(status: u16, reason: String) -> ElasticError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    ElasticError::new(status, "document_parsing_exception", reason)
}

/// Waits until the events are in the store, or for as long as is waited.
async fn wait_until_searchable(store: &Store, scope: &Scope, taken: &[Taken]) {
    let ids: Vec<&String> = taken.iter().flat_map(Taken::ids).collect();
    let waiting = async {
        for step in ids.chunks(REFRESH_STEP) {
            let query = Query::Or(step.iter().map(|id| is("id", id)).collect());
            let mut commits = store.commits();
            loop {
                commits.borrow_and_update();
                let count_up_to = Some(u64::MAX);
                let plan = Plan { size: 0, count_up_to, ..Plan::over_all_time(query.clone(), Sort::NewestFirst) };
                let found = store.page(scope, plan).await.map_or(0, |page| page.total.value);
                if found >= step.len() as u64 || commits.changed().await.is_err() {
                    break;
                }
            }
        }
    };
    // What is not there by then was acknowledged all the same; it is searchable later.
    let _ = tokio::time::timeout(REFRESH_WAIT, waiting).await;
}

fn stored(index: &str, id: &str, is_new: bool) -> Value {
    let result = if is_new { "created" } else { "updated" };
    json!({
        "_index": index, "_id": id, "_version": 1, "result": result, "_shards": shards(),
        "_seq_no": 0, "_primary_term": 1,
    })
}

fn deleted(index: &str, id: &str, found: bool) -> Value {
    let mut row = stored(index, id, false);
    row["result"] = json!(if found { "deleted" } else { "not_found" });
    row
}

fn show(item: &Item, outcome: &Outcome) -> Value {
    let row = match outcome {
        Outcome::Stored { id, is_new } => {
            let mut row = stored(&item.index, id, *is_new);
            row["status"] = json!(if *is_new { 201 } else { 200 });
            row
        }
        Outcome::Deleted { id, found } => {
            let mut row = deleted(&item.index, id, *found);
            row["status"] = json!(if *found { 200 } else { 404 });
            row
        }
        Outcome::Failed(error) => {
            json!({"_index": item.index, "_id": item.id, "status": error.status.as_u16(), "error": error.cause()})
        }
    };
    json!({item.action: row})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::elastic::search::read_body;

    #[test]
    fn bulk_lines_are_read_or_refused_as_a_whole() {
        let read = |body: &str| read_items(body.as_bytes(), None);
        let items = read(
            "{\"index\":{\"_index\":\"lapwing\"}}\n{\"prompt\":\"a\"}\n{\"delete\":{\"_index\":\"x\",\"_id\":7}}\n",
        )
        .unwrap();
        assert_eq!((items[0].action, items[1].action, items[1].id.as_deref()), ("index", "delete", Some("7")));
        let check = |body: &str, kind: &str, part: &str| {
            let error = read(body).err().unwrap().body();
            assert_eq!(error["error"]["type"], kind, "{error}");
            assert!(error["error"]["reason"].as_str().unwrap().contains(part), "{error}");
        };
        let validation = "action_request_validation_exception";
        check("", validation, "1: no requests added;");
        check("{\"index\":{\"_index\":\"x\"}}\n", validation, "1: no requests added;");
        check("{\"index\":{}}\n{}\n", validation, "1: index is missing;");
        check("{\"del\":{}}\n", "illegal_argument_exception", "Malformed action/metadata line [1]");
        check("nope\n", "illegal_argument_exception", "Malformed action/metadata line [1]");
    }

    #[test]
    fn a_clients_id_becomes_the_events_or_its_interactions() {
        let check = |document: &str, id: &str, expect: Value| {
            let line = named(document.as_bytes(), Some(id)).unwrap();
            assert_eq!(read_body(&line).unwrap(), expect);
        };
        let uuid = "0198a1b2-0000-7000-8000-000000000000";
        check(r#"{"prompt":"a"}"#, "7", json!({"prompt": "a", "interaction_id": "7"}));
        check(r#"{"prompt":"a","interaction_id":"8"}"#, "7", json!({"prompt": "a", "interaction_id": "8"}));
        check(r#"{"kind":"llm"}"#, uuid, json!({"kind": "llm", "id": uuid}));
        check(r#"{"kind":"llm"}"#, "7", json!({"kind": "llm"}));
        assert!(named(b"[]", Some("7")).is_err());
    }
}
