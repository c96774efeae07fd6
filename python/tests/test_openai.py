"""Calls of the real `openai` package against a local server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from conftest import App
from openai_server import openai_server
from pydantic import BaseModel

import lapwing


class Found(BaseModel):
    item: str


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with openai_server() as url:
        yield url


@pytest.fixture(autouse=True)
def instrumented(app: App) -> Iterator[None]:
    assert lapwing.instrument_openai() and lapwing.instrument_openai()
    yield
    lapwing.uninstrument_openai()


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
        yield client


def ask(words: str) -> dict[str, Any]:
    history = [{"role": "user", "content": "earlier"}, {"role": "assistant", "content": "yes"}]
    messages = [{"role": "system", "content": "Be brief."}, *history, {"role": "user", "content": words}]
    return {"model": "gpt-x", "messages": messages, "temperature": 0.5, "max_completion_tokens": 100, "user": "u-1"}


def llms(app: App, count: int) -> dict[str, dict[str, Any]]:
    """The calls by their prompts."""
    return {event["content"]["prompt"]: event for event in app.events(count, "kind:llm")}


def check_usage(event: dict[str, Any]) -> None:
    assert event["gen_ai"]["usage"] == {
        "input_tokens": 9,
        "output_tokens": 4,
        "cache_read_tokens": 2,
        "reasoning_tokens": 1,
    }
    assert event["gen_ai"]["provider"]["name"] == "openai" and event["gen_ai"]["request"]["model"] == "gpt-x"
    assert event["gen_ai"]["response"]["model"] == "gpt-x-large"


def test_chat_completions(app: App, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**ask("weather"))
    assert answer.choices[0].message.content == "It rains."
    client.chat.completions.create(**ask("use a tool"))
    client.chat.completions.create(**ask("refuse this"))
    assert client.chat.completions.parse(**ask("as json"), response_format=Found).choices[0].message.parsed is not None
    raw = client.chat.completions.with_raw_response.create(**ask("raw"))
    assert raw.parse().choices[0].message.content == "It rains."
    calls = llms(app, 5)
    weather = calls["weather"]
    check_usage(weather)
    assert weather["content"] == {"system": "Be brief.", "prompt": "weather", "response": "It rains."}
    assert weather["gen_ai"]["request"] == {"model": "gpt-x", "temperature": 0.5, "max_tokens": 100}
    assert weather["gen_ai"]["response"]["finish_reasons"] == ["stop"] and weather["gen_ai"]["response"]["id"]
    assert weather["outcome"] == "ok" and weather["latency_ms"] > 0 and weather["user"]["id"]
    assert calls["use a tool"]["tool_names"] == ["weather"]
    assert calls["use a tool"]["gen_ai"]["response"]["finish_reasons"] == ["tool_call"]
    refused = calls["refuse this"]
    assert (refused["outcome"], refused["refusal"], refused["content"]["response"]) == ("refused", True, "I will not.")
    assert calls["as json"]["content"]["response"] == '{"item":"umbrella"}'
    assert calls["raw"]["content"]["response"] == "It rains."


def test_streams(app: App, client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(**ask("weather"), stream=True)
    assert isinstance(stream, openai.Stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "It rains."
    for _ in client.chat.completions.create(**ask("use a tool"), stream=True):
        pass
    for _ in client.chat.completions.create(**ask("refuse this"), stream=True):
        pass
    with client.chat.completions.create(**ask("left early"), stream=True) as stream:
        next(stream), next(stream)
    del stream
    with client.chat.completions.stream(**ask("by the helper")) as events:
        assert events.get_final_completion().choices[0].message.content == "It rains."
    raw = client.chat.completions.with_raw_response.create(**ask("raw"), stream=True)
    assert len(list(raw.parse())) == 5
    calls = llms(app, 6)
    for prompt in ("weather", "by the helper", "raw"):
        check_usage(calls[prompt])
        assert calls[prompt]["content"]["response"] == "It rains." and calls[prompt]["ttft_ms"] > 0
        assert calls[prompt]["gen_ai"]["response"]["finish_reasons"] == ["stop"]
    assert calls["use a tool"]["tool_names"] == ["weather"]
    assert (calls["refuse this"]["outcome"], calls["refuse this"]["content"]["response"]) == ("refused", "I will not.")
    assert calls["left early"]["content"]["response"] == "It "


def test_responses(app: App, client: openai.OpenAI) -> None:
    assert client.responses.create(model="gpt-x", input="weather", instructions="Be brief.").output_text == "It rains."
    client.responses.create(model="gpt-x", input=[{"role": "user", "content": "use a tool"}])
    client.responses.create(model="gpt-x", input="refuse this", max_output_tokens=50)
    kinds = [event.type for event in client.responses.create(model="gpt-x", input="streamed", stream=True)]
    assert kinds[-1] == "response.completed"
    with client.responses.stream(model="gpt-x", input="by the helper") as events:
        for _ in events:
            pass
    calls = llms(app, 5)
    for prompt in ("weather", "streamed", "by the helper"):
        check_usage(calls[prompt])
        assert calls[prompt]["content"]["response"] == "It rains."
    assert calls["weather"]["content"]["system"] == "Be brief." and calls["streamed"]["ttft_ms"] > 0
    assert calls["use a tool"]["tool_names"] == ["weather"]
    assert calls["refuse this"]["outcome"] == "refused"
    assert calls["refuse this"]["gen_ai"]["request"]["max_tokens"] == 50


def test_asynchronous_calls(app: App, url: str) -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
            answer = await client.chat.completions.create(**ask("weather"))
            assert answer.choices[0].message.content == "It rains."
            stream = await client.chat.completions.create(**ask("streamed"), stream=True)
            assert len([chunk async for chunk in stream]) == 5
            answer_2 = await client.responses.create(model="gpt-x", input="a response")
            assert answer_2.output_text == "It rains."
            events = await client.responses.create(model="gpt-x", input="a streamed response", stream=True)
            assert len([event async for event in events]) == 6

    asyncio.run(run())
    calls = llms(app, 4)
    for call in calls.values():
        check_usage(call)
        assert call["content"]["response"] == "It rains."


def test_errors_go_on_and_are_recorded(app: App, client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ask("broken"))
    with pytest.raises(TypeError):
        client.chat.completions.create(model="gpt-x")  # type: ignore[call-overload]
    events = app.events(4)
    assert sorted(event["outcome"] for event in events) == ["error"] * 4
    errors = sorted(event["error"]["type"] for event in events if event["kind"] == "error")
    assert errors == ["InternalServerError", "TypeError"]


def test_calls_belong_to_the_interaction_around(app: App, client: openai.OpenAI) -> None:
    @lapwing.tool
    def weather(city: str) -> str:
        return f"rain in {city}"

    with lapwing.interaction(model="agent", session="s-1", agent="weather-agent", prompt="the question") as i:
        client.chat.completions.create(**ask("use a tool"))
        weather("Paris")
        i.respond(client.chat.completions.create(**ask("weather")).choices[0].message.content)
    events = app.events(4)
    assert {event["interaction_id"] for event in events} == {i.id}
    assert len({event["session"]["id"] for event in events}) == 1
    assert {event["agent"]["id"] for event in events} == {"weather-agent"}


def test_uninstrumented_it_is_as_before(app: App, client: openai.OpenAI) -> None:
    lapwing.uninstrument_openai()
    client.chat.completions.create(**ask("not recorded"))
    assert lapwing.instrument_openai(capture_messages=True)
    client.chat.completions.create(**ask("recorded"))
    (event,) = app.events(1)
    assert event["content"]["prompt"] == "recorded"
    assert len(event["content"]["messages"]) == 4
