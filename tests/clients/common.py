"""What both scripts share: the documents they send and how they check."""

import datetime

WORDS = ["amber", "birch", "cedar", "daisy"]
COUNT = 40
BEGIN = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(hours=2)


def documents():
    """Forty interactions as a simple logger writes them, one a minute."""
    for n in range(COUNT):
        yield {
            "@timestamp": (BEGIN + datetime.timedelta(minutes=n)).isoformat(),
            "interaction_id": f"parcel-{n}",
            "prompt": f"Where is parcel {WORDS[n % 4]}?",
            "response": "It ships today.",
            "model_id": "m-a" if n % 2 == 0 else "m-b",
            "latency_ms": n * 10,
        }


def expect(what, got, wanted):
    """Fails the script, naming what was asked."""
    if got != wanted:
        raise SystemExit(f"{what}: got {got!r}, expected {wanted!r}")


def total(answer):
    """The exact number of hits."""
    expect("relation of the total", answer["hits"]["total"]["relation"], "eq")
    return answer["hits"]["total"]["value"]


# A query, and how many of the forty it finds.
QUERIES = [
    ({"match_all": {}}, 40),
    ({"match_none": {}}, 0),
    ({"match": {"content.prompt": "parcel"}}, 40),
    ({"match": {"content.prompt": "amber birch"}}, 20),
    ({"match": {"content.prompt": {"query": "parcel amber", "operator": "and"}}}, 10),
    ({"match_phrase": {"content.prompt": "parcel amber"}}, 10),
    ({"match_phrase": {"content.prompt": "amber parcel"}}, 0),
    ({"match_phrase_prefix": {"content.prompt": "parcel am"}}, 10),
    ({"match_bool_prefix": {"content.prompt": "birch am"}}, 20),
    ({"multi_match": {"query": "ships", "fields": ["content.prompt", "content.response"]}}, 40),
    ({"multi_match": {"query": "ships today", "type": "phrase"}}, 40),
    ({"term": {"gen_ai.request.model": "m-a"}}, 20),
    ({"term": {"gen_ai.request.model.keyword": {"value": "m-a"}}}, 20),
    ({"terms": {"gen_ai.request.model": ["m-a", "m-b"]}}, 40),
    ({"range": {"latency_ms": {"gte": 100, "lt": 200}}}, 10),
    ({"range": {"@timestamp": {"gte": BEGIN.isoformat(), "lt": (BEGIN + datetime.timedelta(minutes=15)).isoformat()}}}, 15),
    ({"range": {"@timestamp": {"gte": "now-1d", "lt": "now"}}}, 40),
    ({"exists": {"field": "content.response"}}, 40),
    ({"exists": {"field": "error.type"}}, 0),
    ({"prefix": {"gen_ai.request.model": "m-"}}, 40),
    ({"wildcard": {"gen_ai.request.model": {"value": "?-a"}}}, 20),
    ({"regexp": {"gen_ai.request.model": {"value": "m-[ac]"}}}, 20),
    ({"query_string": {"query": "amber OR birch"}}, 20),
    ({"query_string": {"query": "amber birch"}}, 20),
    ({"query_string": {"query": "parcel amber", "default_operator": "AND"}}, 10),
    ({"query_string": {"query": "gen_ai.request.model:m-a AND latency_ms:>=200"}}, 10),
    ({"simple_query_string": {"query": "parcel + amber", "fields": ["content.prompt"]}}, 10),
    ({"constant_score": {"filter": {"term": {"gen_ai.request.model": "m-a"}}}}, 20),
    ({"bool": {"filter": {"term": {"gen_ai.request.model": "m-a"}}}}, 20),
    ({"bool": {"must_not": [{"term": {"gen_ai.request.model": "m-a"}}]}}, 20),
    ({"bool": {"should": [{"match": {"content.prompt": "amber"}}, {"match": {"content.prompt": "birch"}}],
               "minimum_should_match": 1, "filter": [{"range": {"latency_ms": {"lt": 100}}}]}}, 6),
]

# By name: an aggregation, and a part of what it answers.
AGGREGATIONS = {
    "models": ({"terms": {"field": "gen_ai.request.model", "order": {"_key": "asc"}},
                "aggs": {"slow": {"max": {"field": "latency_ms"}}}},
               lambda a: [(b["key"], b["doc_count"], b["slow"]["value"]) for b in a["buckets"]],
               [("m-a", 20, 380.0), ("m-b", 20, 390.0)]),
    "over_time": ({"date_histogram": {"field": "@timestamp", "fixed_interval": "1h", "time_zone": "UTC"}},
                  lambda a: sum(b["doc_count"] for b in a["buckets"] if b["key"] % 3_600_000 == 0), 40),
    "months": ({"date_histogram": {"field": "@timestamp", "calendar_interval": "month"},
                "aggs": {"n": {"value_count": {"field": "latency_ms"}}}},
               lambda a: (sum(b["n"]["value"] for b in a["buckets"]), a["buckets"][0]["key_as_string"][8:]),
               (40, "01T00:00:00.000Z")),
    "histogram": ({"histogram": {"field": "latency_ms", "interval": 100}},
                  lambda a: [b["doc_count"] for b in a["buckets"]], [10, 10, 10, 10]),
    "ranges": ({"range": {"field": "latency_ms", "ranges": [{"to": 100}, {"from": 100, "to": 150, "key": "mid"}]}},
               lambda a: {b["key"]: b["doc_count"] for b in a["buckets"]}["mid"], 5),
    "stats": ({"stats": {"field": "latency_ms"}}, lambda a: (a["count"], a["min"], a["max"], a["sum"]),
              (40, 0.0, 390.0, 7800.0)),
    "extended": ({"extended_stats": {"field": "latency_ms"}}, lambda a: round(a["std_deviation"], 2), 115.43),
    "percentiles": ({"percentiles": {"field": "latency_ms", "percents": [50]}},
                    lambda a: 180 <= a["values"]["50.0"] <= 210, True),
    "cardinality": ({"cardinality": {"field": "gen_ai.request.model"}}, lambda a: a["value"], 2),
    "average": ({"avg": {"field": "latency_ms"}}, lambda a: a["value"], 195.0),
    "latest": ({"max": {"field": "@timestamp"}}, lambda a: a["value"],
               (BEGIN + datetime.timedelta(minutes=39)).timestamp() * 1000),
    "only_a": ({"filter": {"term": {"gen_ai.request.model": "m-a"}}, "aggs": {"n": {"min": {"field": "latency_ms"}}}},
               lambda a: (a["doc_count"], a["n"]["value"]), (20, 0.0)),
    "each": ({"filters": {"filters": {"amber": {"match": {"content.prompt": "amber"}},
                                      "none": {"match": {"content.prompt": "nothing"}}}}},
             lambda a: {key: b["doc_count"] for key, b in a["buckets"].items()}, {"amber": 10, "none": 0}),
    "newest": ({"terms": {"field": "kind"}, "aggs": {"top": {"top_hits": {
        "size": 1, "sort": [{"latency_ms": "desc"}], "docvalue_fields": ["latency_ms"]}}}},
        lambda a: a["buckets"][0]["top"]["hits"]["hits"][0]["fields"]["latency_ms"], [390.0]),
}
