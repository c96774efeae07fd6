//! Aggregations over several partitions.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use lapwing_event::{Event, GenAi, Kind, Scores, TenantId};
use lapwing_store::{AggregateRequest, SearchError, Store, StoreConfig};
use serde_json::{Value, json};

use crate::support::*;

/// 30 events over three days; models alternate 2:1, latency is the number, another tenant has as many.
async fn filled(dir: &std::path::Path) -> std::sync::Arc<Store> {
    let store = open(dir);
    let mut events = Vec::new();
    for n in 0..30u64 {
        let mut event = event(n, NOW - (n as i64 % 3) * DAY);
        event.gen_ai = Some(Box::new(GenAi::chat(if n % 3 == 0 { "small" } else { "large" })));
        event.latency_ms = Some(n as f64);
        event.scores = (n < 10).then_some(Scores { toxicity: Some(n as f64 / 10.0), sentiment: None });
        let mut other = event.clone();
        other.tenant.id = TenantId::new("other").unwrap();
        events.extend([sealed(event), sealed(other)]);
    }
    store.append(events, "1".to_owned()).await.unwrap();
    store.flush().await.unwrap();
    store
}

fn request(q: &str, aggs: Value) -> AggregateRequest {
    AggregateRequest { q: q.to_owned(), from: Some("now-10d".to_owned()), to: None, aggs }
}

#[tokio::test]
async fn counts_and_measures_within_the_tenant_and_the_span() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let aggs = json!({
        "models": {
            "terms": {"field": "gen_ai.request.model"},
            "aggs": {"latency": {"stats": {"field": "latency_ms"}}}
        },
        "days": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1d"}},
        "toxicity": {"range": {"field": "scores.toxicity", "ranges": [{"to": 0.5}, {"from": 0.5}]}},
        "people": {"cardinality": {"field": "gen_ai.request.model"}},
        "p": {"percentiles": {"field": "latency_ms", "percents": [50]}}
    });
    let answer = store.aggregate(&scope(), &request("hello", aggs.clone())).await.unwrap();
    assert_eq!(answer.total, 30);
    let models = &answer.aggregations["models"]["buckets"];
    assert_eq!((&models[0]["key"], &models[0]["doc_count"]), (&json!("large"), &json!(20)));
    assert_eq!(models[1]["latency"]["max"], 27.0);
    let days = answer.aggregations["days"]["buckets"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| day["doc_count"].as_u64().unwrap()).collect::<Vec<_>>(), [10, 10, 10]);
    let counts = answer.aggregations["toxicity"]["buckets"].as_array().unwrap();
    assert_eq!(counts.iter().map(|range| range["doc_count"].as_u64().unwrap()).sum::<u64>(), 10);
    assert_eq!(answer.aggregations["people"]["value"], 2.0);
    let median = answer.aggregations["p"]["values"]["50.0"].as_f64().unwrap();
    assert!((13.5..=15.5).contains(&median), "{median}");

    let today = AggregateRequest { from: Some("now-1h".to_owned()), ..request("", aggs.clone()) };
    assert_eq!(store.aggregate(&scope(), &today).await.unwrap().total, 10);
    let nothing = store.aggregate(&scope(), &request("nothing", aggs)).await.unwrap();
    assert_eq!((nothing.total, &nothing.aggregations["models"]["buckets"]), (0, &json!([])));
}

#[tokio::test]
async fn faults_name_the_field_and_bounds_hold() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let check = async |store: &Store, aggs: Value, part: &str| {
        let error = store.aggregate(&scope(), &request("", aggs)).await.unwrap_err();
        assert!(matches!(error, SearchError::Parameter { parameter: "aggs", .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    check(&store, json!({}), "names no aggregation").await;
    check(&store, json!({"a": {"terms": {"field": "latncy_ms"}}}), "did you mean \"latency_ms\"?").await;
    check(&store, json!({"a": {"terms": {"field": "content.prompt"}}}), "has no column").await;
    check(&store, json!({"a": {"filter": {"term": {"kind": "llm"}}}}), "must be a query").await;
    let sources = json!([{"model": {"terms": {"field": "gen_ai.request.model"}}}]);
    check(&store, json!({"a": {"composite": {"sources": sources, "size": 100_000}}}), "at most 10000").await;
    check(&store, json!({"a": {"nonsense": {}}}), "nonsense").await;
    let deep = (0..5).fold(json!({}), |inner, _| json!({"a": {"terms": {"field": "kind"}, "aggs": inner}}));
    check(&store, deep, "too deep").await;
    let hits = |size: u64, from: u64| {
        json!({"a": {"terms": {"field": "kind"}, "aggs": {"b": {"top_hits":
        {"size": size, "from": from, "sort": [{"latency_ms": "desc"}]}}}}})
    };
    check(&store, hits(101, 0), "at most 100").await;
    check(&store, hits(1, u64::MAX), "at most 100").await;
    assert!(store.aggregate(&scope(), &request("", hits(99, 1))).await.is_ok());
    let filters = |count: usize| -> Value {
        (0..count).map(|n| (n.to_string(), json!({"filter": "kind:llm"}))).collect::<serde_json::Map<_, _>>().into()
    };
    check(&store, filters(201), "too many filters").await;
    assert!(store.aggregate(&scope(), &request("", filters(200))).await.is_ok());
    store.close().await.unwrap();
    drop(store);

    let tight = StoreConfig { max_aggregation_buckets: 5, ..config() };
    let store = Store::open(dir.path(), tight, &mut Default::default()).unwrap();
    check(&store, json!({"a": {"histogram": {"field": "latency_ms", "interval": 1}}}), "bucket").await;
}

#[tokio::test]
async fn filters_stand_anywhere_and_combinations_come_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let slow = json!({"filter": "latency_ms:>=20", "aggs": {"most": {"max": {"field": "latency_ms"}}}});
    let aggs = json!({
        "slow": slow,
        "models": {"terms": {"field": "gen_ai.request.model"}, "aggs": {"slow": slow}},
        "days": {"multi_terms": {"terms": [{"field": "gen_ai.request.model"}, {"field": "kind"}]}}
    });
    let answer = store.aggregate(&scope(), &request("", aggs)).await.unwrap().aggregations;
    assert_eq!(answer["slow"], json!({"doc_count": 10, "most": {"value": 29.0}}));
    let models: Vec<_> = answer["models"]["buckets"].as_array().unwrap().iter().map(|b| &b["slow"]).collect();
    let expect = [json!({"doc_count": 7, "most": {"value": 29.0}}), json!({"doc_count": 3, "most": {"value": 27.0}})];
    assert_eq!(models, expect.iter().collect::<Vec<_>>());
    let days: Vec<_> = answer["days"]["buckets"].as_array().unwrap().iter().map(|b| &b["key"]).collect();
    assert_eq!(days, [&json!(["large", "llm"]), &json!(["small", "llm"])]);

    let mut after = json!({});
    let mut found = Vec::new();
    for _ in 0..3 {
        let sources = json!([
            {"day": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1d"}}},
            {"model": {"terms": {"field": "gen_ai.request.model"}}}
        ]);
        let aggs = json!({"pairs": {"composite": {"sources": sources, "size": 2, "after": after}}});
        let mut pairs = store.aggregate(&scope(), &request("", aggs)).await.unwrap().aggregations["pairs"].take();
        after = pairs["after_key"].take();
        let counts = pairs["buckets"].as_array().unwrap().iter().map(|b| b["doc_count"].as_u64().unwrap());
        found.push(counts.collect::<Vec<_>>());
    }
    // The number modulo three gives the day and the model.
    assert_eq!(found, [vec![10, 10], vec![10], vec![]]);
}

/// Events of three days in uneven order, from a small generator: several segments and partitions, missing values.
fn mixed() -> Vec<Event> {
    let mut state = 7u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let of = |n: u64| {
        let mut event = event(n, NOW - below(3 * 24 * 3_600) as i64 * 1_000);
        event.kind = if below(4) == 0 { Kind::Tool } else { Kind::Llm };
        event.gen_ai = Some(Box::new(GenAi::chat(["small", "large", "odd"][below(3) as usize])));
        event.latency_ms = (below(5) > 0).then(|| below(1_000) as f64);
        event
    };
    (0..400).map(of).collect()
}

fn numbers(events: &[&Event]) -> Vec<f64> {
    let mut numbers: Vec<f64> = events.iter().filter_map(|event| event.latency_ms).collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn grouped<K: Ord>(events: &[Event], key: impl Fn(&Event) -> K) -> BTreeMap<K, Vec<&Event>> {
    let mut groups: BTreeMap<K, Vec<&Event>> = BTreeMap::new();
    events.iter().for_each(|event| groups.entry(key(event)).or_default().push(event));
    groups
}

fn buckets(answer: &Value) -> BTreeMap<String, &Value> {
    let name = |bucket: &Value| bucket["key"].as_str().map_or_else(|| bucket["key"].to_string(), str::to_owned);
    answer["buckets"].as_array().unwrap().iter().map(|bucket| (name(bucket), bucket)).collect()
}

#[tokio::test]
async fn every_aggregation_gives_what_counting_by_hand_gives() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let events = mixed();
    for (n, chunk) in events.chunks(130).enumerate() {
        store.append(chunk.iter().cloned().map(sealed).collect(), n.to_string()).await.unwrap();
        store.flush().await.unwrap();
    }
    let stats = json!({"stats": {"field": "latency_ms"}});
    let aggs = json!({
        "kinds": {"terms": {"field": "kind"}, "aggs": {
            "models": {"terms": {"field": "gen_ai.request.model"}, "aggs": {"ms": stats}}
        }},
        "hours": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}, "aggs": {
            "kinds": {"terms": {"field": "kind"}}
        }},
        "hundreds": {"histogram": {"field": "latency_ms", "interval": 100.0}},
        "ranges": {"range": {"field": "latency_ms", "ranges": [{"to": 250.0}, {"from": 250.0, "to": 700.0}, {"from": 700.0}]},
            "aggs": {"top": {"top_hits": {"size": 1, "sort": [{"latency_ms": "desc"}], "docvalue_fields": ["latency_ms"]}}}},
        "all": stats,
        "extended": {"extended_stats": {"field": "latency_ms"}},
        "average": {"avg": {"field": "latency_ms"}},
        "with": {"value_count": {"field": "latency_ms"}},
        "distinct": {"cardinality": {"field": "gen_ai.request.model"}},
        "p": {"percentiles": {"field": "latency_ms", "percents": [1.0, 50.0, 95.0, 99.0]}},
    });
    let answer = store.aggregate(&scope(), &request("", aggs)).await.unwrap();
    let (total, answer) = (answer.total, answer.aggregations);
    assert_eq!(total, 400);

    let check_stats = |found: &Value, events: &[&Event]| {
        let numbers = numbers(events);
        let sum: f64 = numbers.iter().sum();
        assert_eq!((&found["count"], &found["sum"]), (&json!(numbers.len()), &json!(sum)));
        assert_eq!((&found["min"], &found["max"]), (&json!(numbers[0]), &json!(numbers[numbers.len() - 1])));
        assert!((found["avg"].as_f64().unwrap() - sum / numbers.len() as f64).abs() < 1e-9);
    };
    let kind = |event: &Event| event.kind.to_string();
    let model = |event: &Event| {
        let request = event.gen_ai.as_ref().unwrap().request.as_ref().unwrap();
        request.model.clone()
    };
    let kinds = buckets(&answer["kinds"]);
    let by_kind = grouped(&events, |event| (kind(event), model(event)));
    assert_eq!(
        kinds.values().map(|bucket| bucket["models"]["buckets"].as_array().unwrap().len()).sum::<usize>(),
        by_kind.len()
    );
    for ((kind, model), events) in &by_kind {
        let bucket = buckets(&kinds[kind]["models"])[model];
        assert_eq!(bucket["doc_count"], json!(events.len()));
        check_stats(&bucket["ms"], events);
    }
    check_stats(&answer["all"], &events.iter().collect::<Vec<_>>());

    for (hour, events) in grouped(&events, |event| event.timestamp.millis().div_euclid(HOUR) * HOUR) {
        let hours = answer["hours"]["buckets"].as_array().unwrap();
        let bucket = hours.iter().find(|bucket| bucket["key"].as_f64() == Some(hour as f64)).unwrap();
        assert_eq!(bucket["doc_count"], json!(events.len()));
        let tools = events.iter().filter(|event| event.kind == Kind::Tool).count();
        let found = buckets(&bucket["kinds"]).get("tool").map_or(0, |bucket| bucket["doc_count"].as_u64().unwrap());
        assert_eq!(found, tools as u64);
    }
    let all = numbers(&events.iter().collect::<Vec<_>>());
    let within = |low: f64, high: f64| all.iter().filter(|n| (low..high).contains(*n)).count();
    for bucket in answer["hundreds"]["buckets"].as_array().unwrap() {
        let low = bucket["key"].as_f64().unwrap();
        assert_eq!(bucket["doc_count"], json!(within(low, low + 100.0)), "{low}");
    }
    let ends = [f64::MIN, 250.0, 700.0, f64::MAX];
    for (bucket, ends) in answer["ranges"]["buckets"].as_array().unwrap().iter().zip(ends.windows(2)) {
        assert_eq!(bucket["doc_count"], json!(within(ends[0], ends[1])));
        let largest = all.iter().rev().find(|n| **n < ends[1]).unwrap();
        assert_eq!(bucket["top"]["hits"][0]["docvalue_fields"]["latency_ms"], json!([largest]), "{bucket}");
    }
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let deviation = (all.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / all.len() as f64).sqrt();
    assert!((answer["extended"]["std_deviation"].as_f64().unwrap() - deviation).abs() < 1e-6, "{}", answer["extended"]);
    assert!((answer["average"]["value"].as_f64().unwrap() - mean).abs() < 1e-9);
    assert_eq!((&answer["with"]["value"], &answer["distinct"]["value"]), (&json!(all.len() as f64), &json!(3.0)));
    for percent in [1.0, 50.0, 95.0, 99.0] {
        let found = answer["p"]["values"][format!("{percent:.1}")].as_f64().unwrap();
        let exact = all[((all.len() - 1) as f64 * percent / 100.0).round() as usize];
        assert!((found - exact).abs() <= 5.0 + exact * 0.02, "{percent}: {found} is not near {exact}");
    }
}
