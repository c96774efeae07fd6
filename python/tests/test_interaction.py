"""Interactions and single events, as the store has them."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import enum
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import App

import lapwing


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["kind"] for event in events)


def only(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (event,) = (event for event in events if event["kind"] == kind)
    return event


def test_an_interaction_joins_what_happens_in_it(app: App) -> None:
    with lapwing.interaction(model="gpt-x", user="u-17", session="s-4", prompt="Where is my order?", team="blue") as i:
        i.retrieval("orders", "order 17", [{"id": 17, "text": "order 17 ships", "score": 0.9}, "a plain text"], top_k=2)
        i.tool_call("order_status", {"order": 17}, {"state": "shipped"}, latency_ms=12, call_id="c-1")
        i.tool_call("cancel_order", {"order": 17}, status="denied", error="not allowed")
        i.guardrail("tone", "moderated", reason="too curt", score=0.7)
        i.respond("It ships today.", input_tokens=12, output_tokens=5, toxicity=0.01)
    events = app.events(5)
    assert kinds(events) == ["guardrail", "llm", "retrieval", "tool", "tool"]
    assert {event["interaction_id"] for event in events} == {i.id}
    assert len({event["user"]["id"] for event in events}) == len({event["session"]["id"] for event in events}) == 1
    llm = only(events, "llm")
    assert llm["content"] == {"prompt": "Where is my order?", "response": "It ships today."}
    assert llm["gen_ai"]["request"]["model"] == "gpt-x"
    assert llm["gen_ai"]["usage"] == {"input_tokens": 12, "output_tokens": 5}
    assert (llm["outcome"], llm["environment"], llm["attrs"]["team"]) == ("moderated", "test", "blue")
    assert llm["tool_names"] == ["order_status", "cancel_order"] and llm["latency_ms"] >= 0
    status, cancel = (event for event in events if event["kind"] == "tool")
    assert status["tool"]["arguments"] == {"order": 17} and status["latency_ms"] == 12
    assert status["tool"]["output"] == '{"state":"shipped"}' and status["tool"]["call_id"] == "c-1"
    assert (cancel["tool"]["status"], cancel["outcome"]) == ("denied", "blocked")
    documents = only(events, "retrieval")["retrieval"]["documents"]
    assert [document["snippet"] for document in documents] == ["order 17 ships", "a plain text"]


def test_an_exception_makes_the_outcome_error_and_goes_on(app: App) -> None:
    with pytest.raises(ZeroDivisionError), lapwing.interaction(prompt="divide"):
        _ = 1 / 0
    events = app.events(2)
    assert only(events, "llm")["outcome"] == "error"
    assert only(events, "error")["error"]["type"] == "ZeroDivisionError"


def test_interactions_of_tasks_and_threads_do_not_mix(app: App) -> None:
    async def one(number: int) -> None:
        async with lapwing.interaction(session=f"task-{number}", prompt=f"prompt {number}") as i:
            await asyncio.sleep(0)
            assert lapwing.current_interaction() is i
            lapwing.emit({"kind": "tool", "tool": {"name": f"tool-{number}", "status": "ok"}})

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(20)))

    def thread(number: int) -> None:
        assert lapwing.current_interaction() is None
        with lapwing.interaction(session=f"thread-{number}", prompt=f"prompt {number}") as i:
            i.tool_call(f"tool-{number}")

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(20, 40)]
    for started in threads:
        started.start()
    asyncio.run(all_of_them())
    for started in threads:
        started.join()
    assert lapwing.current_interaction() is None
    events = app.events(80)
    tools = {event["interaction_id"]: event["tool"]["name"] for event in events if event["kind"] == "tool"}
    llms = [event for event in events if event["kind"] == "llm"]
    assert len(llms) == 40
    for event in llms:
        assert tools[event["interaction_id"]] == event["content"]["prompt"].replace("prompt ", "tool-")


def test_ids_of_the_application_are_kept(app: App) -> None:
    given = str(uuid.uuid4())
    with lapwing.interaction(id=given, prompt="p") as i:
        assert i.id == given
    assert app.events(1)[0]["interaction_id"] == given


def test_plain_fields_become_events(app: App) -> None:
    lapwing.emit(
        {
            "interaction_id": "7",
            "user_id": "sam",
            "prompt": "delete files",
            "response": "no",
            "latency_ms": 42,
            "model_id": "MockLLM",
            "guardrail_triggered": True,
            "guardrail_reason": "destructive",
            "toxicity_score": 0.4,
            "tool_called": "delete_file",
            "tool_output": "denied",
            "timestamp": "2026-11-24T06:30:00Z",
        }
    )
    events = app.events(3)
    assert kinds(events) == ["guardrail", "llm", "tool"]
    llm = only(events, "llm")
    assert (llm["outcome"], llm["latency_ms"], llm["environment"]) == ("blocked", 42, "test")


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: object


class Silent:
    def __str__(self) -> str:
        raise ValueError("no words")


def test_any_value_becomes_something(app: App) -> None:
    loop: dict[str, Any] = {"name": "loop"}
    loop["itself"] = loop
    values = {
        "when": datetime.datetime(2026, 11, 24, 6, 30, tzinfo=datetime.timezone.utc),
        "price": decimal.Decimal("1.10"),
        "colour": Colour.RED,
        "point": Point(1, Point(2, None)),
        "bytes": b"caf\xc3\xa9 \xff",
        "set": {3},
        "big": 2**70,
        "nan": float("nan"),
        "half": "a\ud800b",
        "nul": "a\0b",
        "silent": Silent(),
        7: "seven",
        "type": int,
    }
    lapwing.emit({"prompt": "values", **{str(key): value for key, value in values.items()}})
    lapwing.emit({"prompt": "loop", "deep": loop})
    found = {event["content"]["prompt"]: event["attrs"] for event in app.events(2)}
    attrs = found["values"]
    assert attrs["when"] == "2026-11-24T06:30:00+00:00"
    assert (attrs["price"], attrs["colour"], attrs["set"], attrs["7"]) == ("1.10", "red", [3], "seven")
    assert attrs["point"]["x"] == 1 and attrs["point"]["y"]["x"] == 2
    assert attrs["bytes"].startswith("café ") and attrs["big"] == str(2**70)
    assert (attrs["half"], attrs["nul"], attrs["silent"]) == ("a\ufffd\ufffd\ufffdb", "a\ufffdb", "<Silent>")
    assert attrs["type"] == "<class 'int'>" and "nan" not in attrs
    assert found["loop"]["deep"]["name"] == "loop"


def test_fields_that_do_not_fit_are_kept_as_attributes(app: App) -> None:
    with lapwing.interaction(prompt=["a", 1], toxicity=7, input_tokens="many", trace_id="x", model=3) as i:
        i.set(temperature="hot", refusal="perhaps", finish_reasons="stop")
    (event,) = app.events(1)
    assert event["content"]["prompt"] == '["a",1]' and event["gen_ai"]["request"]["model"] == "3"
    kept = {"toxicity": 7, "input_tokens": "many", "trace_id": "x", "temperature": "hot", "refusal": "perhaps"}
    assert event["attrs"] == {**kept, "finish_reasons": "stop"}


def test_what_is_no_event_is_counted_and_not_raised(app: App) -> None:
    lapwing.init(app.server.url, service=app.name)
    lapwing.emit({"prompt": "x", "latency_ms": "slow"})
    lapwing.emit({"kind": "poem"})
    lapwing.emit(17)  # type: ignore[arg-type]
    lapwing.emit({"prompt": "x" * (3 << 20)})
    i = lapwing.interaction(prompt="ends once")
    i.end()
    i.end()
    i.respond("too late")
    assert not lapwing.flush(30)
    stats = lapwing.stats()
    assert (stats["dropped"]["rejected"], stats["dropped"]["too_large"]) == (4, 1)
    assert stats["acknowledged"] == 1
    (report,) = app.found(1, "kind:error")
    assert "5 events were dropped" in report["error"]["message"]


def test_strict_raises(app: App) -> None:
    with pytest.raises(ValueError, match="latency_ms"):
        lapwing.emit({"prompt": "x", "latency_ms": "slow"})
    with pytest.raises(TypeError, match="dictionary"):
        lapwing.emit(17)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="endpoint"):
        lapwing.init("nowhere", strict=True)
    lapwing.init(app.server.url, service=app.name)


def test_a_faulty_endpoint_records_nothing_and_raises_nothing(app: App, caplog: pytest.LogCaptureFixture) -> None:
    lapwing.init("nowhere", service=app.name)
    with lapwing.interaction(prompt="p") as i:
        i.tool_call("t")
        i.respond("r")
    lapwing.emit({"prompt": "p"})
    assert i.id == "" and lapwing.flush(1) and lapwing.stats() == {}
    assert "endpoint is not an http or https url" in caplog.text


def test_settings_of_a_wrong_type_raise_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for settings in ({"spool": 7}, {"exit_timeout": "long"}, {"queue_events": -1}, {"sample_sessions": "x"}):
        lapwing.init("http://127.0.0.1:9", **({"exit_timeout": 0.01} | settings))  # type: ignore[arg-type]
        lapwing.emit({"prompt": "p"})
        lapwing.shutdown(0.01)
