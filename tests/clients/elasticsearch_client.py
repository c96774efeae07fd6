"""Drives a server with Elasticsearch's official client: URL, a key, a key that may only search."""

import sys

from elasticsearch import ApiError, AuthenticationException, AuthorizationException, BadRequestError, Elasticsearch
from elasticsearch import NotFoundError, helpers

from common import AGGREGATIONS, BEGIN, COUNT, QUERIES, documents, expect, total

INDEX = "lapwing"


def fails(what, error, part, call):
    try:
        call()
    except error as fault:
        if part not in str(fault):
            raise SystemExit(f"{what}: {part!r} is not in {fault}")
        return
    raise SystemExit(f"{what}: did not fail")


def connect(url, key):
    identifier, secret = key.removeprefix("lw_").split("_", 1)
    return Elasticsearch(url, api_key=(identifier, secret), request_timeout=30)


def write(client):
    actions = ({"_index": INDEX, "_source": document} for document in documents())
    expect("bulk", helpers.bulk(client, actions, chunk_size=15, refresh="wait_for"), (COUNT, []))
    again = ({"_index": INDEX, "_source": document} for document in documents())
    helpers.bulk(client, again, refresh="wait_for")
    done = client.bulk(operations=[
        {"index": {"_index": INDEX}}, {"latency_ms": "slow"},
        {"delete": {"_index": INDEX, "_id": "1"}},
        {"create": {"_index": "elsewhere"}}, {"prompt": "x"},
    ])
    rows = [next(iter(item.values())) for item in done["items"]]
    expect("bulk errors", (done["errors"], [row["status"] for row in rows]), (True, [400, 400, 404]))
    expect("bulk error", rows[2]["error"]["type"], "index_not_found_exception")


def look(client):
    expect("ping", client.ping(), True)
    expect("version", client.info()["version"]["number"].split(".")[0], "9")
    expect("health", client.cluster.health()["status"], "green")
    mapping = client.indices.get_mapping(index=INDEX)[INDEX]["mappings"]["properties"]
    expect("mapping", (mapping["latency_ms"]["type"], mapping["content"]["properties"]["prompt"]["type"]),
           ("double", "text"))
    caps = client.field_caps(index=INDEX, fields="latency_*,kind")["fields"]
    expect("field_caps", (sorted(caps), caps["kind"]["keyword"]["aggregatable"]), (["kind", "latency_ms"], True))
    rows = client.cat.indices(format="json")
    expect("cat", [(row["index"], row["docs.count"]) for row in rows if row["index"] == INDEX], [(INDEX, "40")])
    expect("cat as text", str(client.cat.indices(h="index,docs.count")).split()[:2], [INDEX, "40"])
    expect("aliases", client.indices.get_alias(index=INDEX)[INDEX], {"aliases": {}})
    expect("exists", (bool(client.indices.exists(index=INDEX)), bool(client.indices.exists(index="elsewhere"))),
           (True, False))
    expect("get", list(client.indices.get(index="lap*")), [INDEX])
    expect("resolve", [index["name"] for index in client.indices.resolve_index(name="lap*")["indices"]], [INDEX])
    client.indices.refresh(index=INDEX)


def search(client):
    for query, count in QUERIES:
        expect(str(query), total(client.search(index=INDEX, query=query, size=0)), count)
        expect(f"count of {query}", client.count(index=INDEX, query=query)["count"], count)
    aggs = {name: request for name, (request, _, _) in AGGREGATIONS.items()}
    answer = client.search(index=INDEX, size=0, aggs=aggs)["aggregations"]
    for name, (_, pick, wanted) in AGGREGATIONS.items():
        expect(f"aggregation {name} of {answer[name]}", pick(answer[name]), wanted)

    hit = client.search(index=INDEX, q="amber", sort="@timestamp:asc", size=1, source=["content.*"],
                        docvalue_fields=[{"field": "@timestamp", "format": "epoch_millis"}],
                        fields=["gen_ai.request.model"], highlight={"fields": {"*": {}}})["hits"]["hits"][0]
    expect("highlight", any("<em>amber</em>" in text.lower() for texts in hit["highlight"].values() for text in texts),
           True)
    expect("_source", sorted(hit["_source"]["content"]), ["prompt", "response"])
    expect("_source alone", list(hit["_source"]), ["content"])
    expect("fields", (hit["fields"]["gen_ai.request.model"], hit["fields"]["@timestamp"]),
           (["m-a"], [str(int(BEGIN.timestamp() * 1000))]))
    expect("get by id", client.get(index=INDEX, id=hit["_id"])["_source"]["kind"], "llm")
    expect("ids", total(client.search(index=INDEX, query={"ids": {"values": [hit["_id"]]}})), 1)
    expect("untracked", "total" in client.search(index=INDEX, track_total_hits=False)["hits"], False)
    many = client.msearch(searches=[
        {"index": INDEX}, {"query": {"match_all": {}}, "size": 1},
        {"index": "elsewhere"}, {"query": {"match_all": {}}},
        {}, {"query": {"fuzzy": {"kind": "x"}}},
    ])["responses"]
    expect("msearch", [one["status"] for one in many], [200, 404, 400])


def page(client):
    scanned = [hit["_id"] for hit in helpers.scan(client, index=INDEX, size=7)]
    expect("scan", (len(scanned), len(set(scanned))), (COUNT, COUNT))
    opened = client.search(index=INDEX, scroll="1m", size=30)
    expect("clear scroll", client.clear_scroll(scroll_id=opened["_scroll_id"])["num_freed"], 1)
    fails("ended scroll", NotFoundError, "search_context_missing", lambda: client.scroll(scroll_id=opened["_scroll_id"]))

    for order in ("asc", "desc"):
        found, after = [], None
        while True:
            hits = client.search(index=INDEX, size=9, sort=[{"@timestamp": order}, {"_doc": order}],
                                 **({"search_after": after} if after else {}))["hits"]["hits"]
            if not hits:
                break
            found += [hit["_source"]["@timestamp"] for hit in hits]
            after = hits[-1]["sort"]
        expect(f"search_after {order}", found, sorted(set(found), reverse=order == "desc"))
        expect(f"search_after {order}", len(found), COUNT)

    by_latency = {"index": INDEX, "sort": [{"latency_ms": "desc"}, {"gen_ai.request.model": "asc"}]}
    slowest = client.search(**by_latency, size=2)["hits"]["hits"]
    expect("sort by a number", [hit["sort"] for hit in slowest], [[390.0, "m-b"], [380.0, "m-a"]])
    rest = client.search(**by_latency, size=COUNT, search_after=slowest[-1]["sort"])["hits"]["hits"]
    expect("search_after a number", [hit["sort"][0] for hit in rest], [float(n * 10) for n in reversed(range(COUNT - 2))])
    expect("mget", [doc["found"] for doc in client.mget(index=INDEX, ids=[slowest[0]["_id"], "no"])["docs"]], [True, False])

    pit = client.open_point_in_time(index=INDEX, keep_alive="1m")["id"]
    client.index(index=INDEX, document={"prompt": "After the point in time"}, refresh="wait_for")
    expect("point in time", total(client.search(pit={"id": pit, "keep_alive": "1m"}, size=0)), COUNT)
    expect("after it", client.count(index=INDEX)["count"], COUNT + 1)
    expect("close point in time", client.close_point_in_time(id=pit)["succeeded"], True)


def refuse(client, url, reader):
    fails("missing index", NotFoundError, "no such index [elsewhere]", lambda: client.search(index="elsewhere"))
    fails("misspelt field", BadRequestError, "did you mean", lambda: client.search(query={"term": {"knd": "x"}}))
    fails("unknown part", BadRequestError, "collapse", lambda: client.search(collapse={"field": "kind"}))
    fails("unknown route", ApiError, "no handler", client.tasks.list)
    wrong = Elasticsearch(url, api_key=("no", "key"))
    fails("wrong key", AuthenticationException, "API key", wrong.count)
    fails("key without the scope", AuthorizationException, "ingest", lambda: reader.index(index=INDEX, document={}))
    expect("key to search", reader.count(index=INDEX)["count"], COUNT + 1)


def main(url, key, reader):
    client = connect(url, key)
    write(client)
    look(client)
    search(client)
    page(client)
    refuse(client, url, connect(url, reader))


main(*sys.argv[1:])
