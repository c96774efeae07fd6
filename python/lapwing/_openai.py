"""Calls of the `openai` client, recorded where they are made."""

from __future__ import annotations

import functools
import importlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from ._client import log, quiet
from ._interaction import Interaction, current_interaction
from ._values import text

_CLASSES = (
    ("openai.resources.chat.completions", "Completions", "chat", False),
    ("openai.resources.chat.completions", "AsyncCompletions", "chat", True),
    ("openai.resources.responses", "Responses", "responses", False),
    ("openai.resources.responses", "AsyncResponses", "responses", True),
)
_METHODS = ("create", "parse")

# What is kept of a streamed answer.
_MAX_CHARACTERS = 256 * 1024

_FINISH_REASONS = {
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "max_output_tokens": "length",
    "max_tokens": "length",
}

# (class, method, what stood there), of what is patched now.
_patched: list[tuple[type, str, Callable[..., Any]]] = []


@quiet(fallback=False)
def instrument_openai(*, capture_messages: bool = False) -> bool:
    """Records every call of `chat.completions` and `responses` of the `openai` package, version 1 or later: prompt,
    answer, tokens, tool calls asked for, refusals, errors, latency, time to the first token; synchronous,
    asynchronous and streamed. Calls within an interaction belong to it.

    capture_messages: keep the whole history with each call and not only its last user turn.

    Whether anything is recorded now; calling it again changes nothing.
    """
    if _patched:
        return True
    try:
        importlib.import_module("openai.resources")
    except ImportError:
        log.warning("openai is not installed, so its calls are not recorded")
        return False
    for module, name, api, is_async in _CLASSES:
        try:
            owner = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue  # a version before the responses API
        for method in _METHODS:
            original = vars(owner).get(method)
            if original is not None:
                wrap = _wrap_async if is_async else _wrap
                setattr(owner, method, wrap(original, api, capture_messages))
                _patched.append((owner, method, original))
    return bool(_patched)


@quiet()
def uninstrument_openai() -> None:
    """Leaves the `openai` package as it was."""
    while _patched:
        owner, method, original = _patched.pop()
        setattr(owner, method, original)


def _wrap(original: Callable[..., Any], api: str, capture: bool) -> Callable[..., Any]:
    @functools.wraps(original)
    def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Call(api, kwargs, capture)
        try:
            answer = original(self, *args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        call.answered(answer)
        return answer

    return recorded


def _wrap_async(original: Callable[..., Any], api: str, capture: bool) -> Callable[..., Any]:
    @functools.wraps(original)
    async def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Call(api, kwargs, capture)
        try:
            answer = await original(self, *args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        call.answered(answer)
        return answer

    return recorded


class _Call:
    """One call under way."""

    def __init__(self, api: str, request: dict[str, Any], capture: bool) -> None:
        self.began = time.perf_counter()
        self.chat = api == "chat"
        self.text: list[str] = []
        self.left = _MAX_CHARACTERS
        self.tools: dict[Any, str] = {}
        self.is_first = True
        self.is_done = False
        self.interaction = Interaction(current_interaction())
        self._asked(request, capture)

    @quiet()
    def _asked(self, request: dict[str, Any], capture: bool) -> None:
        given = {key: value for key, value in request.items() if type(value).__name__ not in ("Omit", "NotGiven")}
        messages = given.get("messages") if self.chat else given.get("input")
        system, prompt = _turns(messages)
        fields: dict[str, Any] = {
            "provider": "openai",
            "operation": "chat",
            "model": given.get("model"),
            "system": given.get("instructions") or system,
            "prompt": prompt,
            "temperature": given.get("temperature"),
            "max_tokens": next(
                (given[key] for key in ("max_completion_tokens", "max_output_tokens", "max_tokens") if key in given),
                None,
            ),
        }
        user = given.get("safety_identifier") or given.get("user")
        if user:
            fields["user"] = user
        if capture:
            fields["messages"] = messages
        self.interaction.set(**fields)

    @quiet()
    def failed(self, error: BaseException) -> None:
        """The call, or the stream of its answer, raised."""
        if not self.is_done:
            self._streamed()
            self.interaction.error(error)
            self._end()

    @quiet()
    def answered(self, answer: Any) -> None:
        """The call returned: an answer, a stream of one, or the raw response around either."""
        kind = type(answer).__name__
        if kind == "LegacyAPIResponse":
            answer = answer.parse()  # kept there, so that the application's own call gets the same object
        if _is_stream(answer):
            if hasattr(answer, "__anext__"):
                answer._iterator = self._tee_async(answer._iterator)
            else:
                answer._iterator = self._tee(answer._iterator)
            return
        (self._completion if self.chat else self._response)(answer)
        self._end()

    def _end(self) -> None:
        self.is_done = True
        self.interaction.end()

    def _tee(self, events: Iterator[Any]) -> Iterator[Any]:
        try:
            for event in events:
                self.event(event)
                yield event
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failed(error)
            raise
        finally:
            self.ended()

    async def _tee_async(self, events: Any) -> Any:
        try:
            async for event in events:
                self.event(event)
                yield event
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failed(error)
            raise
        finally:
            self.ended()

    @quiet()
    def event(self, event: Any) -> None:
        """A part of a streamed answer."""
        (self._chunk if self.chat else self._response_event)(event)

    @quiet()
    def ended(self) -> None:
        """The stream is over, or the application reads no more of it."""
        if not self.is_done:
            self._streamed()
            self._end()

    def _streamed(self) -> None:
        if self.text:
            self.interaction.set(response="".join(self.text))
        if self.tools:
            self.interaction.set(tool_names=list(self.tools.values()))

    def _delta(self, piece: str | None) -> None:
        if not piece:
            return
        if self.is_first:
            self.is_first = False
            self.interaction.set(ttft_ms=(time.perf_counter() - self.began) * 1000)
        if self.left > 0:
            self.text.append(piece[: self.left])
            self.left -= len(piece)

    def _chunk(self, chunk: Any) -> None:
        self._about(chunk)
        for choice in getattr(chunk, "choices", None) or ():
            if getattr(choice, "index", 0):
                continue
            delta = getattr(choice, "delta", None)
            self._delta(getattr(delta, "content", None))
            refused = getattr(delta, "refusal", None)
            if refused:
                self.interaction.set(refusal=True, refusal_source="provider")
                self._delta(refused)
            for call in getattr(delta, "tool_calls", None) or ():
                name = getattr(getattr(call, "function", None), "name", None)
                if name:
                    self.tools.setdefault(getattr(call, "index", len(self.tools)), name)
            self._finished(getattr(choice, "finish_reason", None))

    def _completion(self, answer: Any) -> None:
        self._about(answer)
        choices = getattr(answer, "choices", None) or ()
        for choice in choices[:1]:
            message = getattr(choice, "message", None)
            refused = getattr(message, "refusal", None)
            self.interaction.set(response=getattr(message, "content", None) or refused)
            if refused:
                self.interaction.set(refusal=True, refusal_source="provider")
            calls = getattr(message, "tool_calls", None) or ()
            functions = (getattr(call, "function", None) or getattr(call, "custom", None) for call in calls)
            names = (getattr(function, "name", None) for function in functions)
            self.interaction.set(tool_names=[name for name in names if name])
            self._finished(getattr(choice, "finish_reason", None))

    def _response_event(self, event: Any) -> None:
        kind = getattr(event, "type", "")
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            self._delta(getattr(event, "delta", None))
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            self._response(event.response)
            self._end()
        elif kind == "error":
            self.interaction.error(text(getattr(event, "code", None)) or "error", getattr(event, "message", None))

    def _response(self, answer: Any) -> None:
        self._about(answer)
        words: list[str] = []
        tools: list[str] = []
        refused = False
        for item in getattr(answer, "output", None) or ():
            kind = getattr(item, "type", "")
            if kind in ("function_call", "custom_tool_call"):
                tools.append(item.name)
            for part in (getattr(item, "content", None) or ()) if kind == "message" else ():
                refused = refused or part.type == "refusal"
                words.append(getattr(part, "text", None) or getattr(part, "refusal", None) or "")
        self.interaction.set(response="".join(words) or None, tool_names=tools)
        if refused:
            self.interaction.set(refusal=True, refusal_source="provider")
        details = getattr(answer, "incomplete_details", None)
        completed = ("tool_call" if tools else "stop") if getattr(answer, "status", None) == "completed" else None
        self._finished(getattr(details, "reason", None) or completed)
        error = getattr(answer, "error", None)
        if error is not None:
            self.interaction.error(text(getattr(error, "code", None)) or "error", getattr(error, "message", None))

    def _finished(self, reason: str | None) -> None:
        if reason is not None:
            reason = _FINISH_REASONS.get(reason, reason)
            self.interaction.set(finish_reasons=[reason])
            if reason == "content_filter":
                self.interaction.set(refusal=True, refusal_source="provider")

    def _about(self, answer: Any) -> None:
        """What an answer, and each chunk of one, says of itself."""
        usage = getattr(answer, "usage", None)
        read = getattr(usage, "prompt_tokens_details", None) or getattr(usage, "input_tokens_details", None)
        written = getattr(usage, "completion_tokens_details", None) or getattr(usage, "output_tokens_details", None)
        fields = {
            "response_id": getattr(answer, "id", None),
            "response_model": getattr(answer, "model", None),
            "input_tokens": getattr(usage, "prompt_tokens", None) or getattr(usage, "input_tokens", None),
            "output_tokens": getattr(usage, "completion_tokens", None) or getattr(usage, "output_tokens", None),
            "cache_read_tokens": getattr(read, "cached_tokens", None),
            "reasoning_tokens": getattr(written, "reasoning_tokens", None),
        }
        if self.is_first or usage is not None:
            self.interaction.set(**{key: value for key, value in fields.items() if value is not None})


def _is_stream(answer: Any) -> bool:
    return hasattr(answer, "_iterator") and (hasattr(answer, "__next__") or hasattr(answer, "__anext__"))


def _turns(messages: Any) -> tuple[str | None, str | None]:
    """The system prompt and the last user turn."""
    if messages is None or isinstance(messages, str):
        return None, messages
    system = prompt = None
    for message in messages if isinstance(messages, (list, tuple)) else ():
        role = _get(message, "role")
        if role in ("system", "developer") and system is None:
            system = _words(_get(message, "content"))
        elif role == "user":
            prompt = _words(_get(message, "content"))
    return system, prompt


def _get(message: Any, key: str) -> Any:
    return message.get(key) if isinstance(message, dict) else getattr(message, key, None)


def _words(content: Any) -> str | None:
    """The text of a message's content; of what is no text, its type."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, (list, tuple)):
        return json.dumps(content, default=str)
    parts = (_get(part, "text") or f"[{_get(part, 'type') or 'part'}]" for part in content)
    return "\n".join(str(part) for part in parts)
