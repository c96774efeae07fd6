"""Reads an export as pyarrow sees it: FILE, how many rows it has."""

import datetime
import json
import sys

import pyarrow.compute as compute
import pyarrow.parquet as parquet


def main(path, rows):
    table = parquet.read_table(path)
    assert table.num_rows == int(rows), table.num_rows
    times = table.column("timestamp").to_pylist()
    assert all(time.tzinfo is not None for time in times), times[:1]
    assert times == sorted(times) or times == sorted(times, reverse=True), times
    events = [json.loads(event) for event in table.column("event").to_pylist()]
    for n, event in enumerate(events):
        row = {name: table.column(name)[n].as_py() for name in ("id", "kind", "prompt", "latency_ms", "toxicity")}
        assert row["id"] == event["id"] and row["kind"] == event["kind"] == "llm", row
        assert row["prompt"] == event["content"]["prompt"], row
        assert row["latency_ms"] == event["latency_ms"] and row["toxicity"] is None, row
        written = datetime.datetime.fromisoformat(event["@timestamp"].replace("Z", "+00:00"))
        assert times[n] == written, (times[n], written)
    slow = table.filter(compute.greater_equal(table.column("latency_ms"), 20))
    assert slow.num_rows == int(rows) - 20, slow.num_rows


main(*sys.argv[1:])
