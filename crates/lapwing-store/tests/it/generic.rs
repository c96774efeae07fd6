//! Generic indices, driven as other people's scenarios drive Elasticsearch: a mapping, documents, then queries whose
//! answers are known.
#![allow(clippy::unwrap_used)]

use axum::body::Body;
use axum::http::{Method, Request};
use axum::{Extension, Router};
use lapwing_event::TenantId;
use lapwing_store::api::Api;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::*;

struct Client(Router);

impl Client {
    async fn call(&self, method: Method, path: &str, body: String) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        let response = self.0.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, String::new()).await
    }

    async fn search(&self, index: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, &format!("/{index}/_search"), body.to_string()).await;
        assert_eq!(status, 200, "{body} {answer}");
        answer
    }

    async fn total(&self, query: Value) -> u64 {
        let answer = self.search("birds", json!({"query": query, "size": 0})).await;
        answer["hits"]["total"]["value"].as_u64().unwrap()
    }
}

/// Three indices: one with a mapping, one whose fields its documents bring, an empty one.
async fn filled(dir: &std::path::Path) -> Client {
    let app = Api::new(open(dir), now).with_generic_indices().router();
    let client = Client(app.layer(Extension(TenantId::default())));
    let mapping = json!({"mappings": {"properties": {
        "name": {"type": "text", "fielddata": true, "fields": {"raw": {"type": "keyword"}}},
        "family": {"type": "keyword"},
        "seen": {"type": "date"},
        "size": {"properties": {"grams": {"type": "long"}, "wing": {"type": "float"}}},
        "tame": {"type": "boolean"},
        "note": {"type": "text"},
    }}});
    assert_eq!(client.call(Method::PUT, "/birds", mapping.to_string()).await.0, 200);
    assert_eq!(client.call(Method::PUT, "/empty", String::new()).await.0, 200);
    let (status, again) = client.call(Method::PUT, "/birds", String::new()).await;
    assert_eq!((status, &again["error"]["type"]), (400, &json!("resource_already_exists_exception")));
    let rows = [
        json!({"name": "Northern Lapwing", "family": "Charadriidae", "seen": "2026-01-05T06:00:00Z", "size": {"grams": 220, "wing": 22.5}, "tame": false, "note": "warns the whole field"}),
        json!({"name": "Robin", "family": "Muscicapidae", "seen": "2026-01-20T06:00:00Z", "size": {"grams": 18, "wing": 7.1}, "tame": true, "note": "sings before the dawn"}),
        json!({"name": "Blue Tit", "family": "Paridae", "seen": "2026-02-01T00:00:00Z", "size": {"grams": 11}, "tame": true}),
        json!({"name": "Great Tit", "family": "Paridae", "seen": 1_770_000_000_000i64, "size": {"grams": "19", "wing": 7.5}, "tame": "false", "note": ["sings", "the same two notes"]}),
    ];
    let mut lines = String::new();
    for (id, row) in rows.iter().enumerate() {
        lines.push_str(&format!("{}\n{row}\n", json!({"index": {"_index": "birds", "_id": id.to_string()}})));
    }
    lines.push_str("{\"index\":{\"_index\":\"fish\"}}\n{\"name\":\"Cod\",\"deep\":{\"metres\":400}}\n");
    lines.push_str("{\"index\":{\"_index\":\"birds\"}}\n{\"seen\":\"yesterday\"}\n");
    let (_, answer) = client.call(Method::POST, "/_bulk?refresh=true", lines).await;
    let statuses: Vec<_> =
        answer["items"].as_array().unwrap().iter().map(|item| item["index"]["status"].clone()).collect();
    assert_eq!(statuses, [201, 201, 201, 201, 201, 400], "{answer}");
    assert_eq!(answer["items"][5]["index"]["error"]["type"], "document_parsing_exception");
    client
}

#[tokio::test]
async fn queries_find_what_elasticsearch_finds() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let check = async |query: Value, expect: u64| assert_eq!(client.total(query.clone()).await, expect, "{query}");
    check(json!({"match_all": {}}), 4).await;
    check(json!({"term": {"name": "tit"}}), 2).await;
    check(json!({"term": {"name": "Tit"}}), 0).await;
    check(json!({"term": {"name": {"value": "TIT", "case_insensitive": true}}}), 2).await;
    check(json!({"term": {"name.raw": "Blue Tit"}}), 1).await;
    check(json!({"term": {"family": "Paridae"}}), 2).await;
    check(json!({"terms": {"family": ["Paridae", "Muscicapidae", "Nobody"]}}), 3).await;
    check(json!({"term": {"size.grams": 18}}), 1).await;
    check(json!({"term": {"size.grams": "18"}}), 1).await;
    check(json!({"term": {"size.wing": 7.1}}), 1).await;
    check(json!({"term": {"tame": "true"}}), 2).await;
    check(json!({"term": {"tame": true}}), 2).await;
    check(json!({"term": {"no.such.field": 1}}), 0).await;
    check(json!({"match": {"note": "SINGS dawn"}}), 2).await;
    check(json!({"match": {"note": {"query": "sings dawn", "operator": "and"}}}), 1).await;
    check(json!({"match_phrase": {"note": "the whole field"}}), 1).await;
    check(json!({"match_phrase": {"note": "whole the field"}}), 0).await;
    check(json!({"match_phrase_prefix": {"note": "the who"}}), 1).await;
    check(json!({"match_bool_prefix": {"note": "dawn fie"}}), 2).await;
    check(json!({"multi_match": {"query": "the dawn", "type": "phrase", "fields": ["note", "name"]}}), 1).await;
    check(json!({"prefix": {"family": "Para"}}), 0).await;
    check(json!({"prefix": {"family": "Par"}}), 2).await;
    check(json!({"prefix": {"family": {"value": "par", "case_insensitive": true}}}), 2).await;
    check(json!({"wildcard": {"family": {"value": "*cap?dae"}}}), 1).await;
    check(json!({"regexp": {"name": {"value": ".*wing"}}}), 1).await;
    check(json!({"regexp": {"family": {"value": "paridae"}}}), 0).await;
    check(json!({"regexp": {"family": {"value": "paridae", "case_insensitive": true}}}), 2).await;
    check(json!({"range": {"size.grams": {"gt": 11, "lte": 19}}}), 2).await;
    check(json!({"range": {"size.grams": {"lt": 11.5}}}), 1).await;
    check(json!({"range": {"size.wing": {"gte": 7.5}}}), 2).await;
    check(json!({"range": {"seen": {"gte": "2026-01-20", "lt": "2026-02-01T00:00:00Z"}}}), 1).await;
    check(json!({"range": {"seen": {"gte": 1_769_904_000_000i64}}}), 2).await;
    check(json!({"range": {"family": {"gte": "M"}}}), 3).await;
    check(json!({"exists": {"field": "size.wing"}}), 3).await;
    check(json!({"exists": {"field": "note"}}), 3).await;
    check(json!({"exists": {"field": "size"}}), 4).await;
    check(json!({"exists": {"field": "nothing"}}), 0).await;
    check(json!({"ids": {"values": ["0", "3", "9"]}}), 2).await;
    check(json!({"query_string": {"query": "family:Paridae AND tame:true"}}), 1).await;
    check(json!({"query_string": {"query": "dawn field"}}), 2).await;
    check(json!({"query_string": {"query": "sings notes", "default_operator": "AND"}}), 1).await;
    check(json!({"query_string": {"query": "lap*", "default_field": "name"}}), 1).await;
    check(json!({"query_string": {"query": "name:tit AND NOT tame:true"}}), 1).await;
    check(json!({"query_string": {"query": "size.grams:[11 TO 18]"}}), 2).await;
    check(json!({"query_string": {"query": "family:Paridae OR size.grams:heavy", "lenient": true}}), 2).await;
    check(json!({"query_string": {"query": "name:/.*wing/"}}), 1).await;
    check(json!({"bool": {"must": [{"match": {"name": "tit"}}], "must_not": {"term": {"tame": true}}}}), 1).await;
    check(json!({"bool": {"must_not": [{"exists": {"field": "note"}}]}}), 1).await;
    check(
        json!({"bool": {"should": [{"term": {"tame": true}}, {"term": {"family": "Paridae"}}], "minimum_should_match": 2}}),
        1,
    )
    .await;

    let fails = async |body: Value, part: &str| {
        let (status, answer) = client.call(Method::POST, "/birds/_search", body.to_string()).await;
        let reason = answer["error"]["reason"].as_str().unwrap();
        assert!(status == 400 && reason.contains(part), "{body} {answer}");
    };
    fails(json!({"query": {"query_string": {"query": "family:Paridae OR"}}}), "Failed to parse").await;
    fails(json!({"query": {"query_string": {"query": "x", "fields": "name"}}}), "must be a list").await;
    fails(json!({"query": {"term": {"size.grams": "heavy"}}}), "[long]").await;
    fails(json!({"sort": "note"}), "Fielddata is disabled").await;
    fails(json!({"aggs": {"a": {"terms": {"field": "note"}}}}), "Fielddata is disabled").await;
}

#[tokio::test]
async fn hits_are_ordered_paged_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let names = |answer: &Value| -> Vec<String> {
        let hits = answer["hits"]["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["_source"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let by_weight = client.search("birds", json!({"sort": {"size.grams": {}}})).await;
    assert_eq!(names(&by_weight), ["Blue Tit", "Robin", "Great Tit", "Northern Lapwing"]);
    assert_eq!(by_weight["hits"]["hits"][0]["sort"], json!([11]));
    let by_wing = client.search("birds", json!({"sort": [{"size.wing": {"order": "desc"}}]})).await;
    assert_eq!(names(&by_wing), ["Northern Lapwing", "Great Tit", "Robin", "Blue Tit"], "what is missing is last");
    let by_name = client.search("birds", json!({"sort": ["family", {"seen": "desc"}], "size": 2, "from": 1})).await;
    assert_eq!(names(&by_name), ["Robin", "Great Tit"]);
    assert_eq!(by_name["hits"]["hits"][1]["sort"], json!(["Paridae", 1_770_000_000_000i64]));
    let after = client.search("birds", json!({"sort": [{"size.grams": "desc"}], "search_after": ["19"]})).await;
    assert_eq!(
        (names(&after), &after["hits"]["total"]["value"]),
        (vec!["Robin".to_owned(), "Blue Tit".to_owned()], &json!(4))
    );
    let late =
        client.search("birds", json!({"sort": [{"seen": "asc"}], "search_after": ["2026-01-20T06:00:00Z"]})).await;
    assert_eq!(names(&late), ["Blue Tit", "Great Tit"]);

    let (_, page) = client.call(Method::POST, "/birds/_search?scroll=1m&size=3", "{}".to_owned()).await;
    let next = json!({"scroll_id": page["_scroll_id"], "scroll": "1m"}).to_string();
    let (_, rest) = client.call(Method::GET, "/_search/scroll", next.clone()).await;
    assert_eq!((names(&page).len(), names(&rest).len(), &rest["hits"]["total"]["value"]), (3, 1, &json!(4)));
    assert_eq!(names(&client.call(Method::GET, "/_search/scroll", next).await.1).len(), 0);

    let shown = json!({"query": {"term": {"family": "Muscicapidae"}}, "_source": {"excludes": ["size", "no*"]},
        "fields": ["size.*", {"field": "seen", "format": "epoch_millis"}]});
    let hit = client.search("birds", shown).await["hits"]["hits"][0].clone();
    assert_eq!(hit["_source"].as_object().unwrap().keys().collect::<Vec<_>>(), ["family", "name", "seen", "tame"]);
    assert_eq!(hit["fields"], json!({"seen": ["1768888800000"], "size.grams": [18], "size.wing": [7.1]}));

    let both = client.search("birds,fish", json!({"sort": ["_doc"]})).await;
    assert_eq!((both["hits"]["total"]["value"].clone(), names(&both)[4].as_str()), (json!(5), "Cod"));
    assert_eq!(client.get("/birds,dodos/_search").await.0, 404);
    assert_eq!(client.get("/birds,dodos/_search?ignore_unavailable=true").await.1["hits"]["total"]["value"], 4);
    assert_eq!(client.get("/dodo*/_search").await.1["hits"]["total"]["value"], 0);
}

#[tokio::test]
async fn aggregations_count_by_every_type() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let aggs = json!({
        "families": {"terms": {"field": "family"}, "aggs": {"heaviest": {"max": {"field": "size.grams"}}}},
        "words": {"terms": {"field": "name", "size": 1}},
        "months": {"date_histogram": {"field": "seen", "calendar_interval": "month"}},
        "days": {"date_histogram": {"field": "seen", "fixed_interval": "30d", "min_doc_count": 1}},
        "weights": {"histogram": {"field": "size.grams", "interval": 10, "min_doc_count": 1}},
        "light": {"filter": {"range": {"size.grams": {"lt": 20}}}, "aggs": {"all": {"stats": {"field": "size.grams"}}}},
        "first": {"min": {"field": "seen"}},
        "ranges": {"date_range": {"field": "seen", "ranges": [{"to": "2026-02-01"}, {"from": "2026-02-01"}]}},
    });
    let answer = client.search("birds", json!({"size": 0, "aggs": aggs})).await["aggregations"].clone();
    let families = &answer["families"]["buckets"];
    assert_eq!((&families[0]["key"], &families[0]["doc_count"]), (&json!("Paridae"), &json!(2)));
    assert_eq!(families[0]["heaviest"]["value"], 19.0);
    assert_eq!(answer["words"]["buckets"][0], json!({"key": "tit", "doc_count": 2}));
    let months: Vec<_> = answer["months"]["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| (&b["key_as_string"], &b["doc_count"]))
        .collect();
    assert_eq!(
        months,
        [(&json!("2026-01-01T00:00:00.000Z"), &json!(2)), (&json!("2026-02-01T00:00:00.000Z"), &json!(2))]
    );
    assert_eq!(
        answer["days"]["buckets"].as_array().unwrap().iter().map(|b| b["doc_count"].as_u64().unwrap()).sum::<u64>(),
        4
    );
    assert_eq!(answer["weights"]["buckets"][0]["doc_count"], 3);
    assert_eq!((&answer["light"]["doc_count"], &answer["light"]["all"]["sum"]), (&json!(3), &json!(48.0)));
    assert_eq!(answer["first"]["value_as_string"], "2026-01-05T06:00:00.000Z");
    let ranges: Vec<_> =
        answer["ranges"]["buckets"].as_array().unwrap().iter().map(|b| b["doc_count"].clone()).collect();
    assert_eq!(ranges, [2, 2]);
}

#[tokio::test]
async fn filters_composites_and_pipelines_answer_as_elasticsearch_does() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let grams = json!({"grams": {"sum": {"field": "size.grams"}}});
    let aggs = json!({
        "families": {"terms": {"field": "family", "order": {"_key": "asc"}}, "aggs": {
            "tame": {"filter": {"term": {"tame": true}}, "aggs": grams},
            "nameless": {"missing": {"field": "note"}},
            "weights": {"filters": {"filters": {"light": {"range": {"size.grams": {"lt": 15}}}}, "other_bucket": true}},
            "grams": {"sum": {"field": "size.grams"}},
            "last": {"top_hits": {"size": 1, "sort": [{"seen": "desc"}], "_source": ["name"]}},
            "so_far": {"cumulative_sum": {"buckets_path": "grams"}},
            "more": {"derivative": {"buckets_path": "_count"}},
        }},
        "heaviest": {"max_bucket": {"buckets_path": "families>grams"}},
        "list": {"filters": {"filters": [{"term": {"tame": true}}, {"match_none": {}}]}},
    });
    let answer = client.search("birds", json!({"size": 0, "aggs": aggs})).await["aggregations"].clone();
    let families = answer["families"]["buckets"].as_array().unwrap();
    let of = |path: &str| -> Value {
        families.iter().map(|family| family.pointer(path).cloned().unwrap_or_default()).collect()
    };
    assert_eq!(of("/key"), json!(["Charadriidae", "Muscicapidae", "Paridae"]));
    assert_eq!(of("/tame/doc_count"), json!([0, 1, 1]));
    assert_eq!(of("/nameless/doc_count"), json!([0, 0, 1]));
    assert_eq!(of("/weights/buckets/light/doc_count"), json!([0, 0, 1]));
    assert_eq!(of("/weights/buckets/_other_/doc_count"), json!([1, 1, 1]));
    assert_eq!(of("/so_far/value"), json!([220.0, 238.0, 268.0]));
    assert_eq!(of("/more/value"), json!([null, 0.0, 1.0]));
    let last = families.iter().map(|family| &family["last"]["hits"]["hits"][0]);
    let expect = [("0", "Northern Lapwing"), ("1", "Robin"), ("3", "Great Tit")];
    for (hit, (id, name)) in last.zip(expect) {
        assert_eq!(
            (&hit["_index"], &hit["_id"], &hit["_source"]),
            (&json!("birds"), &json!(id), &json!({"name": name}))
        );
    }
    assert_eq!(answer["heaviest"], json!({"value": 220.0, "keys": ["Charadriidae"]}));
    let counts = answer["list"]["buckets"].as_array().unwrap().iter().map(|bucket| bucket["doc_count"].clone());
    assert_eq!(counts.collect::<Value>(), json!([2, 0]));

    let page = async |after: Value| {
        let sources = json!([
            {"family": {"terms": {"field": "family"}}},
            {"month": {"date_histogram": {"field": "seen", "calendar_interval": "month", "format": "yyyy-MM"}}},
        ]);
        let mut composite = json!({"sources": sources, "size": 3});
        if !after.is_null() {
            composite["after"] = after;
        }
        let aggs = json!({"pairs": {"composite": composite, "aggs": grams}});
        client.search("birds", json!({"size": 0, "aggs": aggs})).await["aggregations"]["pairs"].clone()
    };
    let first = page(Value::Null).await;
    assert_eq!(first["buckets"][0]["key"], json!({"family": "Charadriidae", "month": "2026-01"}), "{first}");
    assert_eq!(
        (&first["buckets"][0]["grams"]["value"], &first["after_key"]),
        (&json!(220.0), &first["buckets"][2]["key"])
    );
    let rest = page(first["after_key"].clone()).await;
    assert!(rest["buckets"].as_array().unwrap().len() <= 1, "{rest}");
    let all = first["buckets"].as_array().unwrap().iter().chain(rest["buckets"].as_array().unwrap());
    assert_eq!(all.map(|bucket| bucket["doc_count"].as_u64().unwrap()).sum::<u64>(), 4);
}

#[tokio::test]
async fn aggregations_that_cost_too_much_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let check = async |index: &str, aggs: &Value, part: &str| {
        let body = json!({"size": 0, "aggs": aggs}).to_string();
        let (status, answer) = client.call(Method::POST, &format!("/{index}/_search"), body).await;
        assert_eq!(status, 400, "{index} {answer}");
        let reason = answer["error"]["reason"].as_str().unwrap();
        assert!(reason.contains(part), "{index} {reason}");
    };
    let two = json!([{"match_all": {}}, {"match_none": {}}]);
    let filters = (0..30).fold(json!({}), |inner, _| json!({"a": {"filters": {"filters": two}, "aggs": inner}}));
    let terms = (0..30).fold(json!({}), |inner, _| json!({"a": {"terms": {"field": "family"}, "aggs": inner}}));
    let wide = json!({"a": {"filters": {"filters": vec![json!({"match_all": {}}); 201]}}});
    let counts: serde_json::Map<_, _> =
        (0..50).map(|n| (n.to_string(), json!({"value_count": {"field": "seen"}}))).collect();
    let many = json!({"a": {"filters": {"filters": vec![json!({"match_all": {}}); 150]}, "aggs": counts}});
    let hits = |size: Value, from: u64| json!({"a": {"top_hits": {"size": size, "from": from, "sort": ["seen"]}}});
    for index in ["birds", "lapwing"] {
        check(index, &filters, "nested too deep").await;
        check(index, &terms, "nested too deep").await;
        check(index, &wide, "at most 200 filters").await;
        check(index, &many, "too many aggregations").await;
        check(index, &hits(json!(100), 1), "at most 100").await;
        check(index, &hits(json!(u64::MAX), u64::MAX), "at most 100").await;
        check(index, &hits(json!(-1), 0), "size of top_hits must be a number").await;
    }
    check("birds,fish", &hits(json!(1), 0), "one index at a time").await;
}

#[tokio::test]
async fn days_begin_where_the_clocks_of_a_zone_say() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let zone = "America/New_York";
    let aggs = json!({"days": {"date_histogram":
        {"field": "seen", "calendar_interval": "1d", "time_zone": zone, "min_doc_count": 1}}});
    let query = json!({"range": {"seen": {"gte": "2026-01-31", "time_zone": zone}}});
    let answer = client.search("birds", json!({"size": 0, "query": query, "aggs": aggs})).await;
    let days = answer["aggregations"]["days"]["buckets"].as_array().unwrap();
    let days: Vec<_> =
        days.iter().map(|day| (day["key_as_string"].as_str().unwrap(), day["doc_count"].clone())).collect();
    // Midnight in UTC is the evening before.
    assert_eq!(days, [("2026-01-31T00:00:00.000-05:00", json!(1)), ("2026-02-01T00:00:00.000-05:00", json!(1))]);
}

#[tokio::test]
async fn steps_of_the_calendar_do_what_their_options_say() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let ask = async |query: Value, options: Value| {
        let mut histogram = json!({"field": "seen", "calendar_interval": "month", "format": "yyyy-MM"});
        histogram.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let body = json!({"size": 0, "query": query, "aggs": {"months": {"date_histogram": histogram}}});
        client.call(Method::POST, "/birds/_search", body.to_string()).await
    };
    let check = async |query: Value, options: Value, expect: &[(&str, u64)]| {
        let (status, answer) = ask(query, options).await;
        assert_eq!(status, 200, "{answer}");
        let months = answer["aggregations"]["months"]["buckets"].as_array().unwrap().iter();
        let months =
            months.map(|month| (month["key_as_string"].as_str().unwrap(), month["doc_count"].as_u64().unwrap()));
        assert_eq!(months.collect::<Vec<_>>(), expect);
    };
    let (all, none) = (json!({"match_all": {}}), json!({"match_none": {}}));
    check(all.clone(), json!({}), &[("2026-01", 2), ("2026-02", 2)]).await;
    check(all.clone(), json!({"min_doc_count": 3}), &[]).await;
    let wide = json!({"extended_bounds": {"min": "2025-12-10", "max": "2026-03-01"}});
    check(all.clone(), wide.clone(), &[("2025-12", 0), ("2026-01", 2), ("2026-02", 2), ("2026-03", 0)]).await;
    check(none.clone(), wide, &[("2025-12", 0), ("2026-01", 0), ("2026-02", 0), ("2026-03", 0)]).await;
    check(none, json!({}), &[]).await;
    for refused in [
        json!({"hard_bounds": {"min": "2026-01-01"}}),
        json!({"keyed": true}),
        json!({"order": {"_key": "desc"}}),
        json!({"offset": "1d"}),
        json!({"min_doc_count": "1"}),
        json!({"extended_bounds": {"low": 1}}),
        json!({"nonsense": 1}),
    ] {
        let (status, answer) = ask(all.clone(), refused.clone()).await;
        assert_eq!(status, 400, "{refused} {answer}");
    }
}

#[tokio::test]
async fn steps_of_the_calendar_are_of_one_field() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let of = |field: &str| json!({"date_histogram": {"field": field, "calendar_interval": "month"}});
    let ask = async |inner: &str| {
        let mut outer = of("seen");
        outer["aggs"] = json!({"b": of(inner)});
        client.call(Method::POST, "/birds/_search", json!({"aggs": {"a": outer}}).to_string()).await.0
    };
    assert_eq!((ask("seen").await, ask("found").await), (200, 400));
}

#[tokio::test]
async fn indices_are_listed_changed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let client = filled(dir.path()).await;
    let (_, rows) = client.get("/_cat/indices?format=json&h=index,docs.count").await;
    assert_eq!(
        rows,
        json!([
            {"index": "birds", "docs.count": "4"}, {"index": "empty", "docs.count": "0"}, {"index": "fish", "docs.count": "1"}
        ])
    );
    let (_, stats) = client.get("/birds,fish/_stats").await;
    assert_eq!(
        (&stats["_all"]["primaries"]["docs"]["count"], &stats["indices"]["birds"]["total"]["docs"]["count"]),
        (&json!(5), &json!(4))
    );
    let (_, mapping) = client.get("/fish/_mapping").await;
    let properties = &mapping["fish"]["mappings"]["properties"];
    assert_eq!(properties["name"], json!({"type": "text", "fields": {"keyword": {"type": "keyword"}}}));
    assert_eq!(properties["deep"]["properties"]["metres"]["type"], "long");
    let (_, caps) = client.get("/birds/_field_caps?fields=size.*").await;
    assert_eq!(caps["fields"].as_object().unwrap().len(), 2);

    let (status, _) = client.call(Method::PUT, "/birds/_doc/1", json!({"name": "European Robin"}).to_string()).await;
    assert_eq!(status, 200, "it replaces");
    assert_eq!(client.get("/birds/_doc/1").await.1["_source"]["name"], "European Robin");
    assert_eq!(client.get("/birds/_count").await.1["count"], 4);
    let conflict = client.call(Method::PUT, "/birds/_create/1", "{}".to_owned()).await;
    assert_eq!((conflict.0, &conflict.1["error"]["type"]), (409, &json!("version_conflict_engine_exception")));
    assert_eq!(client.call(Method::DELETE, "/birds/_doc/1", String::new()).await.0, 200);
    assert_eq!(client.call(Method::DELETE, "/birds/_doc/1", String::new()).await.0, 404);
    assert_eq!(client.call(Method::PUT, "/birds/_settings", "{}".to_owned()).await.0, 200);
    let (status, invalid) = client.call(Method::PUT, "/Birds", String::new()).await;
    assert_eq!((status, &invalid["error"]["type"]), (400, &json!("invalid_index_name_exception")));

    assert_eq!(client.call(Method::DELETE, "/birds,dodos", String::new()).await.0, 404);
    assert_eq!(client.call(Method::DELETE, "/b*", String::new()).await.0, 200);
    assert_eq!(client.get("/birds/_search").await.0, 404);
    assert_eq!(client.get("/lapwing/_count").await.0, 200, "the index of events is untouched");
    assert_eq!(client.call(Method::DELETE, "/lapwing", String::new()).await.0, 400);
}

#[tokio::test]
async fn a_server_that_was_not_asked_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let client = Client(Api::new(open(dir.path()), now).router().layer(Extension(TenantId::default())));
    assert_eq!(client.call(Method::PUT, "/birds", String::new()).await.0, 400);
    let (_, answer) = client.call(Method::POST, "/_bulk", "{\"index\":{\"_index\":\"birds\"}}\n{}\n".to_owned()).await;
    assert_eq!(answer["items"][0]["index"]["status"], 404, "{answer}");
}
