//! Hits in the order of any column, page by page, against a sort of the same events in plain Rust.
#![allow(clippy::unwrap_used)]

use std::cmp::Ordering;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use lapwing_event::{Event, TenantId};
use lapwing_store::api::Api;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::*;

const EVENTS: u64 = 36;

/// Over three days, so that the order runs across partitions, with values that repeat and values that are missing.
fn events() -> Vec<Event> {
    let make = |n: u64| {
        let mut event = event(n, NOW - (n % 3) as i64 * DAY - n as i64 * 1_000);
        event.latency_ms = (!n.is_multiple_of(7)).then_some((n * 5 % 11) as f64 - 3.5);
        event.environment =
            (!n.is_multiple_of(5)).then(|| ["prod", "test", "dev", "übung"][(n % 4) as usize].to_owned());
        event.refusal = n.is_multiple_of(2).then_some(n.is_multiple_of(4));
        event.tool_names = (0..n % 3).map(|t| format!("tool-{}", (n + t) % 6)).collect();
        event
    };
    (0..EVENTS).map(make).collect()
}

async fn filled(dir: &std::path::Path) -> Router {
    let store = open(dir);
    for (n, some) in events().chunks(10).enumerate() {
        store.append(some.iter().cloned().map(sealed).collect(), n.to_string()).await.unwrap();
        store.flush().await.unwrap();
    }
    Api::new(store, now).router().layer(Extension(TenantId::default()))
}

async fn search(app: &Router, body: &Value) -> (u16, Value) {
    let request = Request::post("/lapwing/_search").body(Body::from(body.to_string())).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// A value of an event as a sort sees it: of several the one that comes first.
fn value_of(event: &Event, field: &str, descending: bool) -> Option<Value> {
    match field {
        "latency_ms" => event.latency_ms.map(Value::from),
        "environment" => event.environment.clone().map(Value::from),
        "refusal" => event.refusal.map(Value::from),
        "@timestamp" => Some(event.timestamp.millis().into()),
        "tool_names" => {
            let names = event.tool_names.iter().cloned();
            if descending { names.max() } else { names.min() }.map(Value::from)
        }
        other => panic!("{other} has no value here"),
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => a.as_f64().unwrap().total_cmp(&b.as_f64().unwrap()),
    }
}

/// The ids in the order of these keys: field, whether descending, whether the missing come first.
fn expected(keys: &[(&str, bool, bool)]) -> Vec<String> {
    // Equal events stand in the order in which they were stored: each batch by its partitions.
    let mut stored: Vec<Event> = Vec::new();
    for some in events().chunks(10) {
        let mut by_day: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
        some.iter().for_each(|event| by_day.entry(event.timestamp.millis() / DAY).or_default().push(event.clone()));
        stored.extend(by_day.into_values().flatten());
    }
    stored.sort_by(|a, b| {
        let by = |(field, descending, missing_first): &(&str, bool, bool)| match (
            value_of(a, field, *descending),
            value_of(b, field, *descending),
        ) {
            (None, None) => Ordering::Equal,
            (None, _) if *missing_first => Ordering::Less,
            (None, _) => Ordering::Greater,
            (_, None) if *missing_first => Ordering::Greater,
            (_, None) => Ordering::Less,
            (Some(a), Some(b)) if *descending => order(&b, &a),
            (Some(a), Some(b)) => order(&a, &b),
        };
        keys.iter().map(by).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    });
    stored.iter().map(|event| event.id.to_string()).collect()
}

fn ids_of(answer: &Value) -> Vec<String> {
    let hits = answer["hits"]["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn hits_are_in_the_order_of_any_columns_and_paged_without_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let app = filled(dir.path()).await;
    let check = async |keys: &[(&str, bool, bool)]| {
        let key = |(field, descending, missing_first): &(&str, bool, bool)| {
            let order = if *descending { "desc" } else { "asc" };
            let missing = if *missing_first { "_first" } else { "_last" };
            json!({*field: {"order": order, "missing": missing}})
        };
        let mut sort: Vec<Value> = keys.iter().map(key).collect();
        let expect = expected(keys);
        let (status, whole) = search(&app, &json!({"size": EVENTS, "sort": sort})).await;
        assert_eq!((status, &whole["hits"]["total"]["value"]), (200, &json!(EVENTS)), "{whole}");
        assert_eq!(ids_of(&whole), expect, "{keys:?}");
        let (_, part) = search(&app, &json!({"from": 5, "size": 4, "sort": sort})).await;
        assert_eq!(ids_of(&part), expect[5..9], "{keys:?}");

        sort.push(json!("_doc"));
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let mut body = json!({"size": 7, "sort": sort});
            if !after.is_null() {
                body["search_after"] = after;
            }
            let (status, page) = search(&app, &body).await;
            assert_eq!(status, 200, "{page}");
            let Some(last) = page["hits"]["hits"].as_array().unwrap().last() else { break };
            after = last["sort"].clone();
            found.extend(ids_of(&page));
        }
        assert_eq!(found, expect, "{keys:?} by search_after");
    };
    for descending in [false, true] {
        for missing_first in [false, true] {
            for field in ["latency_ms", "environment", "refusal", "tool_names"] {
                check(&[(field, descending, missing_first)]).await;
            }
        }
        check(&[("environment", descending, false), ("latency_ms", !descending, true), ("@timestamp", true, false)])
            .await;
        check(&[("@timestamp", descending, false), ("environment", true, false)]).await;
    }
}

#[tokio::test]
async fn a_sort_shows_its_values_and_begins_behind_any_value() {
    let dir = tempfile::tempdir().unwrap();
    let app = filled(dir.path()).await;
    let sort =
        json!([{"environment": "asc"}, {"@timestamp": {"order": "desc", "format": "strict_date_optional_time"}}]);
    let query = json!({"match": {"content.prompt": "number1"}});
    let (_, page) = search(&app, &json!({"query": query, "sort": sort})).await;
    let day_before = ts(NOW - DAY - 1_000).to_string().replace('Z', ".000Z");
    assert_eq!(page["hits"]["hits"][0]["sort"], json!(["test", day_before]));
    assert_eq!(page["hits"]["max_score"], Value::Null);

    // No event has the environment `q`: what follows is behind it all the same.
    let (_, rest) = search(&app, &json!({"size": 50, "sort": "environment", "search_after": ["q"]})).await;
    let behind = events().iter().filter(|event| event.environment.as_deref().is_none_or(|name| name > "q")).count();
    assert_eq!(ids_of(&rest).len(), behind);
    let (_, end) = search(&app, &json!({"size": 50, "sort": "environment", "search_after": ["zzz"]})).await;
    let behind = events().iter().filter(|event| event.environment.as_deref().is_none_or(|name| name > "zzz")).count();
    assert_eq!(ids_of(&end).len(), behind, "behind the last value are those that come later still");

    let body = json!({"query": {"match": {"content.prompt": "hello number3"}}, "size": 3,
        "sort": [{"_score": "asc"}, {"latency_ms": "desc"}]});
    let (_, worst) = search(&app, &body).await;
    let scores: Vec<f64> =
        worst["hits"]["hits"].as_array().unwrap().iter().map(|hit| hit["_score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted() && scores[0] > 0.0, "{worst}");

    let refused = async |sort: Value, part: &str| {
        let (status, answer) = search(&app, &json!({"sort": sort})).await;
        let reason = answer["error"]["reason"].as_str().unwrap();
        assert!(status == 400 && reason.contains(part), "{answer}");
    };
    refused(json!("content.prompt"), "Fielddata is disabled").await;
    refused(json!("latency"), "No mapping found for [latency]").await;
    refused(json!({"latency_ms": {"missing": 5}}), "[missing]").await;
    let unmapped = json!([{"nobody": {"order": "asc", "unmapped_type": "boolean"}}, {"latency_ms": "asc"}]);
    let (_, shown) = search(&app, &json!({"size": 1, "sort": unmapped})).await;
    assert_eq!(shown["hits"]["hits"][0]["sort"], json!([null, -3.5]));
}
