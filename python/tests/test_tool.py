"""`@lapwing.tool` on every sort of function."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from conftest import App

import lapwing


@lapwing.tool
def add(a: int, b: int = 2, *rest: int, **more: int) -> int:
    """Adds."""
    return a + b


@lapwing.tool(name="shout")
async def say(words: str) -> str:
    await asyncio.sleep(0)
    return words.upper()


@lapwing.tool
def fail(reason: str) -> None:
    raise ValueError(reason)


@lapwing.tool
async def too_slow() -> None:
    raise TimeoutError


@lapwing.tool
def count(to: int) -> Iterator[int]:
    got = 0
    for number in range(to):
        got += (yield number) or 0
    return got


@lapwing.tool
async def spell(word: str) -> AsyncIterator[str]:
    for letter in word:
        yield letter


class Shop:
    @lapwing.tool
    def price(self, item: str) -> dict[str, Any]:
        return {"item": item, "price": 3}


def test_each_call_is_a_tool_event_of_the_interaction_around(app: App) -> None:
    assert add.__name__ == "add" and add.__doc__ == "Adds."
    with lapwing.interaction(prompt="tools", session="s") as i:
        assert add(1) == 3 and add(1, 2, 3, x=4) == 3
        assert asyncio.run(say("hello")) == "HELLO"
        with pytest.raises(ValueError, match="no good"):
            fail("no good")
        with pytest.raises(TimeoutError):
            asyncio.run(too_slow())
        assert list(count(3)) == [0, 1, 2]
        assert asyncio.run(collect(spell("abc"))) == ["a", "b", "c"]
        assert Shop().price("pen")["price"] == 3
        with pytest.raises(TypeError):
            add()  # type: ignore[call-arg]
        expected = i.id
    events = app.events(10)
    assert {event["interaction_id"] for event in events} == {expected}
    tools = [event for event in events if event["kind"] == "tool"]
    seen = [(event["tool"]["name"], event["tool"].get("arguments"), event["tool"].get("output")) for event in tools]
    assert sorted(seen, key=str) == sorted(
        [
            ("add", {"a": 1}, "3"),
            ("add", {"a": 1, "b": 2, "rest": [3], "more": {"x": 4}}, "3"),
            ("shout", {"words": "hello"}, "HELLO"),
            ("fail", {"reason": "no good"}, None),
            ("too_slow", {}, None),
            ("count", {"to": 3}, "[0,1,2]"),
            ("spell", {"word": "abc"}, "abc"),
            ("price", {"item": "pen"}, '{"item":"pen","price":3}'),
            ("add", {}, None),
        ],
        key=str,
    )
    statuses = {event["tool"]["name"]: event["tool"]["status"] for event in tools if event["outcome"] == "error"}
    assert statuses == {"fail": "error", "too_slow": "timeout", "add": "error"}
    (message,) = (event["error"]["message"] for event in tools if event["tool"]["name"] == "fail")
    assert message == "ValueError: no good"
    assert all(event["latency_ms"] >= 0 for event in tools)


async def collect(items: AsyncIterator[str]) -> list[str]:
    return [item async for item in items]


def test_generators_behave_as_before(app: App) -> None:
    generator = count(3)
    assert (next(generator), generator.send(5), generator.send(6)) == (0, 1, 2)
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == 11
    closed = count(10)
    next(closed)
    closed.close()
    with pytest.raises(KeyError):
        thrown = count(10)
        next(thrown)
        thrown.throw(KeyError("x"))
    events = app.events(3)
    outputs = sorted((event["tool"]["status"], event["tool"].get("output", "")) for event in events)
    assert outputs == [("error", ""), ("ok", "[0,1,2]"), ("ok", "[0]")]


def test_without_an_interaction_a_call_stands_alone(app: App) -> None:
    add(1, 2)
    ended = lapwing.interaction(prompt="over")
    with ended:
        ended.end()
        add(3, 4)
    events = app.events(3)
    assert [event["kind"] for event in events].count("tool") == 2
    assert len({event["interaction_id"] for event in events}) == 3
