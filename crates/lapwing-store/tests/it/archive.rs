//! Scenarios over documents of an archive of code events and of an application's log: what is asked in
//! Elasticsearch's words, against the same question asked of the documents in plain Rust.
#![allow(clippy::unwrap_used)]

use axum::body::Body;
use axum::http::{Method, Request};
use axum::{Extension, Router};
use lapwing_event::TenantId;
use lapwing_store::api::Api;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::*;

const DOCUMENTS: usize = 40;

struct Client(Router);

impl Client {
    async fn call(&self, method: Method, path: &str, body: String) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        let response = self.0.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body.to_string()).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, String::new()).await
    }

    async fn search(&self, body: Value) -> Value {
        let (status, answer) = self.post("/archive/_search", body.clone()).await;
        assert_eq!(status, 200, "{body} {answer}");
        answer
    }
}

/// A document of the archive.
fn archived(n: usize) -> Value {
    let kinds = ["PushEvent", "IssuesEvent", "WatchEvent", "PullRequestEvent"];
    let logins = ["maple-dev", "Cedar42", "birch", "oak_bot", "willow"];
    let messages =
        ["Fix the parser of dates", "fix: parser crashes on empty input", "Add a test", "Bump version to 1.2.3"];
    let mut document = json!({
        "id": (2_489_651_000u64 + n as u64).to_string(),
        "type": kinds[n % 4],
        "actor": {"id": 1_000 + n % 5, "login": logins[n % 5]},
        "repo": {"id": 70 + n % 7, "name": format!("{}/tools", logins[n % 5])},
        "payload": {"size": n % 3, "commits": [{"message": messages[n % 4], "distinct": n.is_multiple_of(2)}]},
        "public": !n.is_multiple_of(10),
        "created_at": format!("2015-02-01T{:02}:{:02}:15Z", n / 4, n % 4 * 15),
        "duration": n as f64 * 1.5,
    });
    if n % 8 == 3 {
        document["org"] = json!({"login": "grove", "score": n as i64 - 20});
    }
    if n.is_multiple_of(6) {
        document["tags"] = json!(["bug", format!("area-{}", n % 4)]);
    }
    document
}

async fn filled(dir: &std::path::Path) -> Client {
    let app = Api::new(open(dir), now).with_generic_indices().router();
    let client = Client(app.layer(Extension(TenantId::default())));
    let mapping = json!({"mappings": {"dynamic": true, "properties": {
        "id": {"type": "keyword"}, "type": {"type": "keyword"},
        "actor": {"properties": {"id": {"type": "long"}, "login": {"type": "text", "fielddata": true}}},
        "repo": {"properties": {"name": {"type": "text"}}},
        "payload": {"properties": {"commits": {"properties": {"message": {"type": "text"}}}}},
        "created_at": {"type": "date"}, "tags": {"type": "keyword"},
    }}});
    assert_eq!(client.call(Method::PUT, "/_elastic/archive", mapping.to_string()).await.0, 200);
    let line = |n: usize| format!("{}\n{}\n", json!({"create": {"_index": "archive", "_id": n}}), archived(n));
    let body: String = (0..DOCUMENTS).map(line).collect();
    let (status, answer) = client.call(Method::POST, "/_elastic/_bulk?refresh=true", body).await;
    assert_eq!((status, &answer["errors"]), (200, &json!(false)), "{answer}");
    let logs: String = (0..3)
        .map(|n| {
            format!(
                "{}\n{}\n",
                json!({"index": {}}),
                json!({"level": "WARN", "message": format!("disk {n} slow"), "created_at": "2015-03-01"})
            )
        })
        .collect();
    assert_eq!(client.call(Method::POST, "/applog/_bulk", logs).await.0, 200);
    client
}

fn words(text: &Value) -> Vec<String> {
    let text = text.as_str().unwrap_or_default().to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn message(d: &Value) -> Vec<String> {
    words(&d["payload"]["commits"][0]["message"])
}

type Holds = fn(&Value) -> bool;

/// A query, and what it asks.
fn questions() -> Vec<(Value, Holds)> {
    vec![
        (json!({"match_all": {}}), |_| true),
        (json!({"match_none": {}}), |_| false),
        (json!({"term": {"type": "PushEvent"}}), |d| d["type"] == "PushEvent"),
        (json!({"term": {"type": {"value": "pushevent", "case_insensitive": true}}}), |d| d["type"] == "PushEvent"),
        (json!({"term": {"actor.login": "cedar42"}}), |d| d["actor"]["login"] == "Cedar42"),
        (json!({"term": {"actor.id": {"value": "1001"}}}), |d| d["actor"]["id"] == 1001),
        (json!({"term": {"public": false}}), |d| d["public"] == false),
        (json!({"term": {"created_at": "2015-02-01T01:15:15Z"}}), |d| d["created_at"] == "2015-02-01T01:15:15Z"),
        (json!({"term": {"duration": 4.5}}), |d| d["duration"] == 4.5),
        (json!({"terms": {"type": ["PushEvent", "WatchEvent"], "boost": 2.0}}), |d| {
            d["type"] == "PushEvent" || d["type"] == "WatchEvent"
        }),
        (json!({"terms": {"actor.id": [1000, "1004"]}}), |d| d["actor"]["id"] == 1000 || d["actor"]["id"] == 1004),
        (json!({"terms": {"tags": ["area-2"]}}), |d| d["tags"][1] == "area-2"),
        (json!({"terms": {"type": []}}), |_| false),
        (json!({"range": {"actor.id": {"gt": 1001, "lte": 1003}}}), |d| {
            (1002..=1003).contains(&d["actor"]["id"].as_i64().unwrap())
        }),
        (json!({"range": {"org.score": {"lt": 0}}}), |d| d["org"]["score"].as_i64().is_some_and(|n| n < 0)),
        (json!({"range": {"duration": {"gte": "10.5", "lt": 30}}}), |d| {
            (10.5..30.0).contains(&d["duration"].as_f64().unwrap())
        }),
        (json!({"range": {"created_at": {"gte": "2015-02-01T05:00:00Z", "lt": "2015-02-01T06:00:00Z"}}}), |d| {
            d["created_at"].as_str().unwrap().starts_with("2015-02-01T05")
        }),
        (json!({"range": {"created_at": {"gte": "2015-02-01", "lte": "2015-02-01"}}}), |_| true),
        (json!({"range": {"created_at": {"gt": "2015-02-01"}}}), |_| false),
        (json!({"range": {"created_at": {"gte": 1_422_766_815_000i64, "format": "epoch_millis"}}}), |d| {
            d["created_at"].as_str().unwrap() >= "2015-02-01T05:00:15Z"
        }),
        (json!({"range": {"created_at": {"gte": "1422766815", "format": "epoch_second"}}}), |d| {
            d["created_at"].as_str().unwrap() >= "2015-02-01T05:00:15Z"
        }),
        (json!({"range": {"created_at": {"lt": "2015/02/01 03", "format": "yyyy/MM/dd HH"}}}), |d| {
            d["created_at"].as_str().unwrap() < "2015-02-01T03"
        }),
        (
            json!({"range": {"created_at": {"lte": "01.02.2015", "format": "dd.MM.yyyy||strict_date_optional_time"}}}),
            |_| true,
        ),
        (json!({"range": {"created_at": {"gte": "2015-02-01T06:00:00", "time_zone": "+01:00"}}}), |d| {
            d["created_at"].as_str().unwrap() >= "2015-02-01T05"
        }),
        (json!({"range": {"created_at": {"gte": "2015-02-01T05:00:00Z||+1h"}}}), |d| {
            d["created_at"].as_str().unwrap() >= "2015-02-01T06"
        }),
        (json!({"range": {"type": {"gte": "Pull", "lt": "PushF"}}}), |d| d["type"].as_str().unwrap().starts_with('P')),
        (json!({"exists": {"field": "org"}}), |d| d.get("org").is_some()),
        (json!({"exists": {"field": "org.login"}}), |d| d.get("org").is_some()),
        (json!({"exists": {"field": "payload.commits"}}), |_| true),
        (json!({"exists": {"field": "tags"}}), |d| d.get("tags").is_some()),
        (json!({"exists": {"field": "public"}}), |_| true),
        (json!({"exists": {"field": "nope"}}), |_| false),
        (json!({"match": {"payload.commits.message": "PARSER dates"}}), |d| {
            message(d).iter().any(|w| w == "parser" || w == "dates")
        }),
        (
            json!({"match": {"payload.commits.message": {"query": "parser fix", "operator": "and", "lenient": true}}}),
            |d| ["parser", "fix"].iter().all(|w| message(d).iter().any(|m| m == w)),
        ),
        (
            json!({"match": {"payload.commits.message": {"query": "fix parser empty dates", "minimum_should_match": 3}}}),
            |d| ["fix", "parser", "empty", "dates"].iter().filter(|w| message(d).iter().any(|m| m == **w)).count() >= 3,
        ),
        (json!({"match": {"payload.commits.message": {"query": "?!", "zero_terms_query": "all"}}}), |_| true),
        (json!({"match": {"payload.commits.message": "?!"}}), |_| false),
        (json!({"match": {"actor.id": "1002"}}), |d| d["actor"]["id"] == 1002),
        (json!({"match": {"actor.id": {"query": "many", "lenient": true}}}), |_| false),
        (json!({"match": {"type": "WatchEvent"}}), |d| d["type"] == "WatchEvent"),
        (json!({"match_phrase": {"payload.commits.message": "fix parser"}}), |d| {
            message(d).windows(2).any(|w| w == ["fix", "parser"])
        }),
        (json!({"match_phrase": {"payload.commits.message": {"query": "fix parser", "slop": 1}}}), |d| {
            message(d).starts_with(&["fix".to_owned()])
        }),
        (
            json!({"match_phrase_prefix": {"payload.commits.message": {"query": "the pars", "max_expansions": 50}}}),
            |d| message(d).windows(2).any(|w| w == ["the", "parser"]),
        ),
        (json!({"match_phrase_prefix": {"payload.commits.message": "vers"}}), |d| {
            message(d).iter().any(|w| w.starts_with("vers"))
        }),
        (json!({"match_bool_prefix": {"payload.commits.message": "dates ver"}}), |d| {
            message(d).iter().any(|w| w == "dates" || w.starts_with("ver"))
        }),
        (
            json!({"multi_match": {"query": "cedar42 dates", "fields": ["actor.login", "payload.commits.message"]}}),
            |d| d["actor"]["login"] == "Cedar42" || message(d).iter().any(|w| w == "dates"),
        ),
        (json!({"multi_match": {"query": "willow", "fields": ["*.login", "repo.na*^3"]}}), |d| {
            d["actor"]["login"] == "willow"
        }),
        (json!({"multi_match": {"query": "fix the", "type": "phrase", "fields": "payload.commits.message"}}), |d| {
            message(d).windows(2).any(|w| w == ["fix", "the"])
        }),
        (
            json!({"multi_match": {"query": "fix the par", "type": "phrase_prefix", "fields": ["payload.commits.message", "repo.name"]}}),
            |d| message(d).starts_with(&["fix".to_owned(), "the".to_owned()]),
        ),
        (
            json!({"multi_match": {"query": "fix crashes", "operator": "AND", "type": "most_fields", "fields": ["payload.commits.message"]}}),
            |d| message(d).iter().any(|w| w == "crashes"),
        ),
        (
            json!({"multi_match": {"query": "fix ver", "type": "bool_prefix", "fields": ["payload.commits.message"]}}),
            |d| message(d).iter().any(|w| w == "fix" || w.starts_with("ver")),
        ),
        (json!({"multi_match": {"query": "birch"}}), |d| d["actor"]["login"] == "birch"),
        (json!({"prefix": {"type": "Pu"}}), |d| d["type"].as_str().unwrap().starts_with("Pu")),
        (json!({"prefix": {"type": {"value": "pu", "case_insensitive": true}}}), |d| {
            d["type"].as_str().unwrap().starts_with("Pu")
        }),
        (json!({"prefix": {"repo.name": {"value": "map"}}}), |d| d["actor"]["login"] == "maple-dev"),
        (json!({"wildcard": {"type": "P*Event"}}), |d| d["type"].as_str().unwrap().starts_with('P')),
        (json!({"wildcard": {"type": {"wildcard": "*TCH?vent", "case_insensitive": true}}}), |d| {
            d["type"] == "WatchEvent"
        }),
        (json!({"regexp": {"type": {"value": "Pu(sh|llRequest)Event", "flags": "ALL"}}}), |d| {
            d["type"].as_str().unwrap().starts_with("Pu")
        }),
        (json!({"regexp": {"actor.login": "ced.r[0-9]+"}}), |d| d["actor"]["login"] == "Cedar42"),
        (json!({"ids": {"values": ["0", "7", "nope"]}}), |d| d["id"] == "2489651000" || d["id"] == "2489651007"),
        (json!({"constant_score": {"filter": {"term": {"public": false}}, "boost": 1.2}}), |d| d["public"] == false),
        (
            json!({"dis_max": {"queries": [{"term": {"public": false}}, {"term": {"type": "WatchEvent"}}], "tie_breaker": 0.3}}),
            |d| d["public"] == false || d["type"] == "WatchEvent",
        ),
        (
            json!({"boosting": {"positive": {"term": {"type": "WatchEvent"}}, "negative": {"term": {"public": false}}, "negative_boost": 0.5}}),
            |d| d["type"] == "WatchEvent",
        ),
        (
            json!({"bool": {"filter": {"term": {"type": "PushEvent"}}, "must_not": [{"term": {"public": false}}]}}),
            |d| d["type"] == "PushEvent" && d["public"] == true,
        ),
        (
            json!({"bool": {"must": [], "should": [{"term": {"type": "PushEvent"}}, {"term": {"actor.id": 1000}}, {"term": {"public": false}}], "minimum_should_match": 2}}),
            |d| {
                [d["type"] == "PushEvent", d["actor"]["id"] == 1000, d["public"] == false]
                    .iter()
                    .filter(|b| **b)
                    .count()
                    >= 2
            },
        ),
        (
            json!({"bool": {"should": [{"term": {"type": "PushEvent"}}, {"term": {"actor.id": 1000}}, {"term": {"public": false}}], "minimum_should_match": "-1"}}),
            |d| {
                [d["type"] == "PushEvent", d["actor"]["id"] == 1000, d["public"] == false]
                    .iter()
                    .filter(|b| **b)
                    .count()
                    >= 2
            },
        ),
        (json!({"query_string": {"query": "type:PushEvent AND public:true"}}), |d| {
            d["type"] == "PushEvent" && d["public"] == true
        }),
        (json!({"query_string": {"query": "+type:PushEvent -public:false"}}), |d| {
            d["type"] == "PushEvent" && d["public"] == true
        }),
        (json!({"query_string": {"query": "type:(PushEvent OR WatchEvent)"}}), |d| {
            d["type"] == "PushEvent" || d["type"] == "WatchEvent"
        }),
        (json!({"query_string": {"query": "fix crashes", "default_field": "payload.commits.message"}}), |d| {
            message(d).iter().any(|w| w == "fix")
        }),
        (
            json!({"query_string": {"query": "fix crashes", "fields": ["payload.commits.message", "actor.login"], "default_operator": "AND"}}),
            |d| message(d).iter().any(|w| w == "crashes"),
        ),
        (json!({"query_string": {"query": "\"the parser\"", "fields": ["payload.commits.message"]}}), |d| {
            message(d).windows(2).any(|w| w == ["the", "parser"])
        }),
        (json!({"query_string": {"query": "_exists_:org"}}), |d| d.get("org").is_some()),
        (json!({"query_string": {"query": "NOT _exists_:org"}}), |d| d.get("org").is_none()),
        (json!({"query_string": {"query": "org.login:*"}}), |d| d.get("org").is_some()),
        (json!({"query_string": {"query": "actor.id:>=1003"}}), |d| d["actor"]["id"].as_i64().unwrap() >= 1003),
        (json!({"query_string": {"query": "actor.id:[1001 TO 1003}"}}), |d| {
            (1001..1003).contains(&d["actor"]["id"].as_i64().unwrap())
        }),
        (json!({"query_string": {"query": "org.score:[* TO 0}"}}), |d| {
            d["org"]["score"].as_i64().is_some_and(|n| n < 0)
        }),
        (json!({"query_string": {"query": "org.score:\\-1 OR org.score:\"-9\""}}), |d| {
            d["org"]["score"] == -1 || d["org"]["score"] == -9
        }),
        (json!({"query_string": {"query": "created_at:[2015-02-01T05:00:00Z TO 2015-02-01T06:00:00Z}"}}), |d| {
            d["created_at"].as_str().unwrap().starts_with("2015-02-01T05")
        }),
        (json!({"query_string": {"query": "type:Pu*"}}), |d| d["type"].as_str().unwrap().starts_with("Pu")),
        (json!({"query_string": {"query": "type:/Watch.*/"}}), |d| d["type"] == "WatchEvent"),
        (json!({"query_string": {"query": "actor.id:many OR type:WatchEvent", "lenient": true}}), |d| {
            d["type"] == "WatchEvent"
        }),
        (json!({"query_string": {"query": "*"}}), |_| true),
        (json!({"query_string": {"query": "*:*"}}), |_| true),
        (
            json!({"simple_query_string": {"query": "dates | version -bump", "fields": ["payload.commits.message"], "default_operator": "and"}}),
            |d| message(d).iter().any(|w| w == "dates"),
        ),
    ]
}

#[tokio::test]
async fn queries_answer_what_they_ask() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let mut wrong = Vec::new();
    for (query, holds) in questions() {
        let mut expect: Vec<String> = (0..DOCUMENTS).filter(|n| holds(&archived(*n))).map(|n| n.to_string()).collect();
        let (status, answer) = client.post("/_elastic/archive/_search", json!({"query": query, "size": 100})).await;
        let hits = answer["hits"]["hits"].as_array().into_iter().flatten();
        let mut found: Vec<String> = hits.map(|hit| hit["_id"].as_str().unwrap().to_owned()).collect();
        let total = answer["hits"]["total"]["value"].as_u64();
        let (_, counted) = client.post("/archive/_count", json!({"query": query})).await;
        found.sort();
        expect.sort();
        if status != 200 || found != expect || total != Some(expect.len() as u64) || counted["count"].as_u64() != total
        {
            wrong.push(format!("{query}: {status} {} found {found:?}, expected {expect:?}", answer["error"]));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let mut wrong = Vec::new();
    let bodies = [
        json!({"query": {"term": {"type": "a", "id": "b"}}}),
        json!({"query": {"term": {}}}),
        json!({"query": {"terms": {"type": "PushEvent"}}}),
        json!({"query": {"range": {"actor.id": {"gtt": 5}}}}),
        json!({"query": {"range": {"created_at": {"gte": "some day"}}}}),
        json!({"query": {"term": {"actor.id": "many"}}}),
        json!({"query": {"match": {"payload.commits.message": {"query": "fox", "fuzziness": "AUTO"}}}}),
        json!({"query": {"match": {"payload.commits.message": {"query": "fix", "oprator": "and"}}}}),
        json!({"query": {"fuzzy": {"type": "Push"}}}),
        json!({"query": {"query_string": {"query": "type:PushEvent AND"}}}),
        json!({"query": {"query_string": {"query": "x", "fields": "type"}}}),
        json!({"query": {"query_string": {"qery": "x"}}}),
        json!({"query": {"ids": {"values": "0"}}, "size": "many"}),
        json!({"query": {"bool": {"mustt": []}}}),
        json!({"query": {"match_all": {}}, "unknown": 1}),
        json!({"query": "type:PushEvent"}),
        json!({"from": 9_999, "size": 2}),
        json!({"size": -1}),
        json!({"sort": [{"type": {"order": "up"}}]}),
        json!({"sort": ["nobody"]}),
        json!({"search_after": [1]}),
        json!({"aggs": {"a": {"terms": {}}}}),
        json!({"aggs": {"a": {"trms": {"field": "type"}}}}),
    ];
    for body in bodies {
        let (status, answer) = client.post("/archive/_search", body.clone()).await;
        let whole = answer["status"] == 400
            && answer["error"]["type"].is_string()
            && answer["error"]["root_cause"][0]["reason"].is_string();
        if status != 400 || !whole {
            wrong.push(format!("{body}: {status} {answer}"));
        }
    }
    let (_, window) = client.post("/archive/_search", json!({"from": 9_999, "size": 2})).await;
    assert_eq!(window["error"]["type"], "illegal_argument_exception");
    assert_eq!(client.call(Method::POST, "/archive/_search", "{nope".to_owned()).await.0, 400);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn hits_are_counted_shown_and_sorted() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let total = async |body: Value| client.search(body).await["hits"]["total"].clone();
    assert_eq!(total(json!({})).await, json!({"value": 40, "relation": "eq"}));
    assert_eq!(total(json!({"track_total_hits": 7})).await, json!({"value": 7, "relation": "gte"}));
    assert_eq!(total(json!({"track_total_hits": 40})).await, json!({"value": 40, "relation": "eq"}));
    assert_eq!(total(json!({"track_total_hits": true})).await, json!({"value": 40, "relation": "eq"}));
    assert_eq!(total(json!({"track_total_hits": false})).await, Value::Null);

    let path = "/archive/_search?q=type:WatchEvent&size=1&sort=created_at:desc&_source_includes=actor.*,id&_source_excludes=actor.id";
    let (status, answer) = client.get(path).await;
    assert_eq!(status, 200, "{answer}");
    let hit = &answer["hits"]["hits"][0];
    assert_eq!(hit["_source"], json!({"id": archived(38)["id"], "actor": {"login": archived(38)["actor"]["login"]}}));
    assert_eq!((&hit["_index"], &hit["_id"], &hit["_score"]), (&json!("archive"), &json!("38"), &Value::Null));
    let (_, bare) = client.get("/archive/_search?_source=false&size=1").await;
    assert_eq!(bare["hits"]["hits"][0].get("_source"), None);

    let order = async |sort: Value| -> Vec<Value> {
        let answer = client.search(json!({"sort": sort, "size": 3})).await;
        answer["hits"]["hits"].as_array().unwrap().iter().map(|hit| json!([hit["_id"], hit["sort"]])).collect()
    };
    let last = 1_422_783_915_000i64;
    assert_eq!(order(json!([{"created_at": "desc"}])).await[0], json!(["39", [last]]));
    let formatted = order(json!([{"created_at": {"order": "desc", "format": "yyyy-MM-dd HH:mm"}}])).await;
    assert_eq!(formatted[0], json!(["39", ["2015-02-01 09:45"]]));
    assert_eq!(order(json!({"actor.id": {"order": "desc"}, "created_at": "asc"})).await[0][0], "4");
    assert_eq!(order(json!([{"org.score": {"order": "asc", "missing": "_first"}}])).await[0], json!(["0", [null]]));
    assert_eq!(order(json!(["org.score"])).await[0], json!(["3", [-17]]));
    assert_eq!(order(json!([{"public": "asc"}, {"id": "desc"}])).await[0], json!(["30", [false, archived(30)["id"]]]));
    assert_eq!(order(json!(["_doc"])).await[2][0], "2");
    let scored =
        client.search(json!({"query": {"match": {"payload.commits.message": "dates parser"}}, "size": 1})).await;
    assert!(message(&scored["hits"]["hits"][0]["_source"]).contains(&"dates".to_owned()), "the best match is first");
    assert_eq!(scored["hits"]["max_score"], scored["hits"]["hits"][0]["_score"]);
}

#[tokio::test]
async fn indices_are_named_by_lists_and_patterns() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let check = async |path: &str, expect: Result<u64, u16>| {
        let (status, answer) = client.get(path).await;
        let got = if status == 200 { Ok(answer["hits"]["total"]["value"].as_u64().unwrap()) } else { Err(status) };
        assert_eq!(got, expect, "{path} {answer}");
    };
    check("/archive,applog/_search", Ok(43)).await;
    check("/a*/_search", Ok(43)).await;
    check("/a*,-applog/_search", Ok(40)).await;
    check("/app*,archive/_search?size=0", Ok(43)).await;
    check("/nope*/_search", Ok(0)).await;
    check("/nope*/_search?allow_no_indices=false", Err(404)).await;
    check("/archive,nope/_search", Err(404)).await;
    check("/archive,nope/_search?ignore_unavailable=true", Ok(40)).await;
    check("/_elastic/_search", Ok(43)).await;
    let (status, missing) = client.get("/nope/_search").await;
    assert_eq!(
        (status, &missing["error"]["type"], &missing["error"]["index"]),
        (404, &json!("index_not_found_exception"), &json!("nope"))
    );

    let (_, rows) = client.get("/_cat/indices/a*?format=json&h=index,docs.count,health&s=index:desc").await;
    assert_eq!(
        rows,
        json!([
            {"index": "archive", "docs.count": "40", "health": "green"}, {"index": "applog", "docs.count": "3", "health": "green"},
        ])
    );
    assert_eq!(client.get("/_cat/indices/nope?format=json").await.0, 404);
    let (_, resolved) = client.get("/_resolve/index/app*").await;
    assert_eq!(resolved["indices"][0]["name"], "applog");
    let (_, caps) = client.get("/_elastic/a*/_field_caps?fields=created_at,actor*").await;
    assert_eq!(caps["indices"], json!(["applog", "archive"]));
    assert_eq!(
        (&caps["fields"]["created_at"]["date"]["type"], &caps["fields"]["actor.id"]["long"]["aggregatable"]),
        (&json!("date"), &json!(true))
    );

    let lines = [
        json!({"index": ["archive", "applog"]}),
        json!({"size": 0}),
        json!({"index": "nope"}),
        json!({}),
        json!({"index": "nope", "ignore_unavailable": true}),
        json!({}),
        json!({"index": "archive"}),
        json!({"query": {"nonsense": {}}}),
        json!({}),
        json!({"query": {"term": {"level": "WARN"}}}),
    ];
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let (_, many) = client.call(Method::POST, "/_msearch", body).await;
    let statuses: Vec<_> = many["responses"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, [200, 404, 200, 400, 200]);
    assert_eq!(many["responses"][0]["hits"]["total"]["value"], 43);

    let (_, got) = client.post("/archive/_mget", json!({"ids": ["3", "99"]})).await;
    assert_eq!((&got["docs"][0]["_source"]["id"], &got["docs"][1]["found"]), (&archived(3)["id"], &json!(false)));
    let named = json!({"docs": [{"_index": "archive", "_id": "5"}, {"_index": "nope", "_id": "1"}]});
    let (_, got) = client.post("/_mget", named).await;
    assert_eq!(
        (&got["docs"][0]["found"], &got["docs"][1]["error"]["type"]),
        (&json!(true), &json!("index_not_found_exception"))
    );
    let (status, gone) = client.post("/archive/_delete_by_query", json!({"query": {"term": {"public": false}}})).await;
    assert_eq!((status, &gone["deleted"], &gone["failures"]), (200, &json!(4), &json!([])));
    check("/archive/_search", Ok(36)).await;
    assert_eq!(client.post("/lapwing/_delete_by_query", json!({"query": {"match_all": {}}})).await.0, 400);
}

#[tokio::test]
async fn aggregations_count_what_is_there_and_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let aggs = json!({
        "types": {"terms": {"field": "type", "size": 2, "order": [{"_count": "desc"}, {"_key": "asc"}], "min_doc_count": 1},
            "aggs": {"longest": {"max": {"field": "duration"}}, "first": {"top_hits": {"size": 1, "sort": [{"created_at": "asc"}], "docvalue_fields": ["actor.id"]}}}},
        "slowest": {"terms": {"field": "type", "order": {"mean": "desc"}}, "aggs": {"mean": {"avg": {"field": "duration"}}}},
        "orgs": {"terms": {"field": "org.score", "missing": 0, "order": {"_key": "desc"}}},
        "no_org": {"missing": {"field": "org.login"}, "aggs": {"people": {"cardinality": {"field": "actor.id"}}}},
        "hours": {"date_histogram": {"field": "created_at", "fixed_interval": "1h", "min_doc_count": 0,
            "extended_bounds": {"min": "2015-02-01T00:00:00Z", "max": "2015-02-01T11:00:00Z"}}},
        "days": {"date_histogram": {"field": "created_at", "calendar_interval": "day", "time_zone": "-05:00"}},
        "sets": {"filters": {"filters": [{"term": {"public": false}}, {"match": {"payload.commits.message": "fix"}}]}},
        "spread": {"percentiles": {"field": "duration", "percents": ["50", 99]}},
        "sizes": {"range": {"field": "payload.size", "ranges": [{"to": 1}, {"from": 1, "to": 2}, {"from": 2}]}},
    });
    let answer = client.search(json!({"size": 0, "aggs": aggs})).await["aggregations"].clone();
    let buckets = |name: &str| answer[name]["buckets"].as_array().unwrap().clone();
    let pairs = |name: &str| -> Vec<(Value, Value)> {
        buckets(name).iter().map(|bucket| (bucket["key"].clone(), bucket["doc_count"].clone())).collect()
    };
    assert_eq!(pairs("types"), [(json!("IssuesEvent"), json!(10)), (json!("PullRequestEvent"), json!(10))]);
    assert_eq!(buckets("types")[0]["longest"]["value"], 37.0 * 1.5);
    assert_eq!(answer["types"]["sum_other_doc_count"], 20);
    assert_eq!(buckets("types")[0]["first"]["hits"]["hits"][0]["fields"]["actor.id"], json!([1001]));
    assert_eq!(buckets("slowest")[0]["key"], "PullRequestEvent");
    assert_eq!(
        (answer["no_org"]["doc_count"].clone(), answer["no_org"]["people"]["value"].as_f64()),
        (json!(35), Some(5.0))
    );
    assert_eq!(buckets("orgs").iter().map(|bucket| bucket["doc_count"].as_u64().unwrap()).sum::<u64>(), 40);
    assert_eq!((buckets("hours").len(), buckets("hours")[11]["doc_count"].clone()), (12, json!(0)));
    // In New York the first five hours are of the day before.
    assert_eq!(pairs("days").iter().map(|(_, count)| count.clone()).collect::<Vec<_>>(), [20, 20]);
    assert_eq!(buckets("days")[0]["key"], 1_422_680_400_000i64);
    assert_eq!(buckets("sets").iter().map(|bucket| bucket["doc_count"].clone()).collect::<Vec<_>>(), [4, 20]);
    assert!((28.0..31.0).contains(&answer["spread"]["values"]["50.0"].as_f64().unwrap()), "{}", answer["spread"]);
    assert_eq!(pairs("sizes").iter().map(|(_, count)| count.clone()).collect::<Vec<_>>(), [14, 13, 13]);
}
