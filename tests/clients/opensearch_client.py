"""Drives a server with OpenSearch's official client over Basic authentication: URL, a key."""

import sys

from opensearchpy import NotFoundError, OpenSearch, RequestError, helpers

from common import AGGREGATIONS, COUNT, QUERIES, documents, expect, total

INDEX = "lapwing"


def main(url, key):
    client = OpenSearch([url], http_auth=("anybody", key), http_compress=True, timeout=30)
    actions = ({"_index": INDEX, "_source": document} for document in documents())
    expect("bulk", helpers.bulk(client, actions, refresh="wait_for"), (COUNT, []))
    expect("ping", client.ping(), True)
    expect("health", client.cluster.health()["status"], "green")
    for query, count in QUERIES:
        expect(str(query), total(client.search(index=INDEX, body={"query": query, "size": 0})), count)
    body = {"size": 0, "aggs": {name: request for name, (request, _, _) in AGGREGATIONS.items()}}
    answer = client.search(index=INDEX, body=body)["aggregations"]
    for name, (_, pick, wanted) in AGGREGATIONS.items():
        expect(f"aggregation {name} of {answer[name]}", pick(answer[name]), wanted)
    lines = [{"index": INDEX}, {"query": {"match": {"content.prompt": "amber"}}}, {}, {"size": 0}]
    expect("msearch", [total(one) for one in client.msearch(body=lines)["responses"]], [10, COUNT])
    expect("count", client.count(index=INDEX)["count"], COUNT)
    expect("scan", len(list(helpers.scan(client, index=INDEX, size=11))), COUNT)
    expect("cat", client.cat.indices(format="json")[0]["index"], INDEX)
    expect("mapping", list(client.indices.get_mapping(index=INDEX)), [INDEX])
    pit = client.create_pit(index=INDEX, params={"keep_alive": "1m"})["pit_id"]
    found, after = 0, None
    while True:
        body = {"pit": {"id": pit}, "size": 17, "sort": [{"@timestamp": "asc"}]}
        hits = client.search(body={**body, "search_after": after} if after else body)["hits"]["hits"]
        if not hits:
            break
        found, after = found + len(hits), hits[-1]["sort"]
    expect("pages of a point in time", found, COUNT)
    client.delete_pit(body={"pit_id": [pit]})
    for error, call in [
        (NotFoundError, lambda: client.search(index="elsewhere")),
        (RequestError, lambda: client.search(body={"query": {"term": {"knd": "x"}}})),
    ]:
        try:
            call()
        except error:
            continue
        raise SystemExit(f"{error.__name__} was expected")


main(*sys.argv[1:])
