//! The description of the API says what the server does: the parameters and bodies that it takes, no more and no
//! fewer, and the shape of what it answers.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use axum::{Extension, Router};
use lapwing_event::{Session, TenantId, User};
use lapwing_store::api::Api;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::*;

/// Other names of `q` and `aggs`, which the description leaves out.
const ALIASES: [&str; 2] = ["query", "aggregations"];

async fn call(app: &Router, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder().method(Method::try_from(method).unwrap()).uri(path);
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

fn app(dir: &std::path::Path) -> (Router, std::sync::Arc<lapwing_store::Store>) {
    let store = open(dir);
    (Api::new(store.clone(), now).router().layer(Extension(TenantId::default())), store)
}

async fn document(app: &Router) -> Value {
    call(app, "GET", "/openapi.json", &Value::Null).await.1
}

/// Method, path and description of everything that the store serves.
fn operations(document: &Value) -> Vec<(String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let ours = paths.filter(|(_, operations)| operations.get("x-served-by").is_none());
    ours.flat_map(|(path, operations)| {
        operations.as_object().unwrap().iter().map(move |(method, operation)| (method.to_uppercase(), path, operation))
    })
    .collect()
}

/// What a request with an unknown name is told that it may have said.
fn expected(detail: &str) -> BTreeSet<String> {
    let (_, known) = detail.split_once("expected").unwrap_or_else(|| panic!("{detail}"));
    known.split('`').skip(1).step_by(2).filter(|name| !ALIASES.contains(name)).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_taken_is_described_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (app, _) = app(dir.path());
    let document = document(&app).await;
    let mut compared = 0;
    for (method, path, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let queries = parameters.filter(|parameter| parameter["in"] == "query");
        let mut described: BTreeSet<String> =
            queries.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
        let body = operation.pointer("/requestBody/content/application~1json/schema/$ref");
        let uri = path.replace("{id}", "0198a1b2-0000-7000-8000-000000000000");
        let (status, problem) = match body {
            Some(reference) => {
                let schema = document.pointer(&reference.as_str().unwrap()[1..]).unwrap();
                described.extend(schema["properties"].as_object().unwrap().keys().cloned());
                call(&app, &method, &uri, &json!({"unheard_of": 1})).await
            }
            None if described.is_empty() => continue,
            None => call(&app, &method, &format!("{uri}?unheard_of=1"), &Value::Null).await,
        };
        assert!((400..500).contains(&status), "{method} {path} {status} {problem}");
        assert_eq!(expected(problem["detail"].as_str().unwrap()), described, "{method} {path}");
        compared += 1;
    }
    assert_eq!(compared, 9, "each operation that takes anything");
}

/// Panics where a value is not what the schema says, or has what the schema does not know.
fn conforms(value: &Value, schema: &Value, document: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return conforms(value, document.pointer(&reference[1..]).unwrap(), document, at);
    }
    let is = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        other => other.is_none(),
    };
    assert!(is, "{at} is {value}, which is not {schema}");
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{at} is {value}, not one of {values:?}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{at} has no {name}");
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(item, &schema["items"], document, &format!("{at}[]"));
    }
    for (name, part) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(schema), _) | (None, Some(schema)) => conforms(part, schema, document, &at),
            (None, None) => assert!(schema.get("properties").is_none(), "{at} is not described"),
        }
    }
}

#[tokio::test]
async fn answers_have_the_shape_that_is_described() {
    let dir = tempfile::tempdir().unwrap();
    let (app, store) = app(dir.path());
    let document = document(&app).await;
    let mut first = event(1, NOW);
    first.session = Some(Session { id: "s".to_owned() });
    first.user = Some(User { id: "u".to_owned() });
    let (id, interaction) = (first.id, first.interaction_id);
    store.append([vec![sealed(first)], numbered(2..5, NOW)].concat(), "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();

    let check = async |method: &str, path: &str, uri: &str, body: Value| {
        let (status, answer) = call(&app, method, uri, &body).await;
        let responses = &document["paths"][path][method.to_lowercase()]["responses"];
        let (name, kind) = if status < 300 { ("200", "json") } else { ("default", "problem+json") };
        let schema = responses[name]["content"].get(format!("application/{kind}")).unwrap();
        conforms(&answer, &schema["schema"], &document, &format!("{method} {uri}"));
        status
    };
    let found = [
        ("GET", "/v1/search", "/v1/search?q=hello&size=2&highlight=true".to_owned(), Value::Null),
        ("POST", "/v1/search", "/v1/search".to_owned(), json!({"q": "hello", "sort": "score", "fields": ["id"]})),
        ("POST", "/v1/aggregate", "/v1/aggregate".to_owned(), json!({"aggs": {"k": {"terms": {"field": "kind"}}}})),
        ("GET", "/v1/events/{id}", format!("/v1/events/{id}"), Value::Null),
        ("GET", "/v1/sessions/{id}", "/v1/sessions/s".to_owned(), Value::Null),
        ("GET", "/v1/interactions/{id}", format!("/v1/interactions/{interaction}"), Value::Null),
        ("GET", "/v1/fields", "/v1/fields?top=3".to_owned(), Value::Null),
        ("GET", "/v1/alerts", "/v1/alerts?severity=high".to_owned(), Value::Null),
        ("DELETE", "/v1/users/{id}", "/v1/users/u".to_owned(), Value::Null),
        ("DELETE", "/v1/sessions/{id}", "/v1/sessions/s".to_owned(), Value::Null),
        ("DELETE", "/v1/events/{id}", format!("/v1/events/{id}"), Value::Null),
    ];
    for (method, path, uri, body) in found {
        assert_eq!(check(method, path, &uri, body).await, 200, "{method} {uri}");
    }
    let refused = [
        ("GET", "/v1/search", "/v1/search?q=promt:x", 400),
        ("GET", "/v1/search", "/v1/search?from=whenever", 400),
        ("GET", "/v1/events/{id}", "/v1/events/7", 400),
        ("GET", "/v1/tail", "/v1/tail?q=(", 400),
    ];
    for (method, path, uri, status) in refused {
        assert_eq!(check(method, path, uri, Value::Null).await, status, "{method} {uri}");
    }
}
