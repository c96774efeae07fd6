"""An interaction with a model while it happens."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from . import _native
from ._client import emitter, quiet
from ._values import number, text

_current: contextvars.ContextVar[Interaction | None] = contextvars.ContextVar("lapwing_interaction", default=None)


def interaction(
    *,
    model: str | None = None,
    prompt: Any = None,
    user: str | None = None,
    session: str | None = None,
    agent: str | None = None,
    system: Any = None,
    provider: str | None = None,
    id: str | None = None,
    **fields: Any,
) -> Interaction:
    """Begins an interaction. Use it with `with` or `async with`: it ends with the block, and an exception makes its
    outcome `error` and goes on its way.

    What happens within it (tool calls, guardrail decisions, retrievals) is emitted at once and belongs to it, also
    through `@lapwing.tool` and `instrument_openai`; its own event follows when it ends, with latency and rollups.
    Fields that the event schema does not know are kept under `attrs`.
    """
    begun = Interaction()
    begun.set(
        model=model,
        prompt=prompt,
        user=user,
        session=session,
        agent=agent,
        system=system,
        provider=provider,
        id=id,
        **fields,
    )
    return begun


def current_interaction() -> Interaction | None:
    """The interaction of the `with` block around, in this thread or task."""
    return _current.get()


class Interaction:
    """One interaction; `lapwing.interaction` begins it."""

    __slots__ = ("__weakref__", "_native", "_outer", "_process")

    def __init__(self, within: Interaction | None = None) -> None:
        self._native: _native.Interaction | None = None
        self._outer: Interaction | None = None
        self._process = os.getpid()
        self._begin(within)

    @quiet()
    def _begin(self, within: Interaction | None) -> None:
        own = emitter()
        if own is not None:
            self._native = _native.Interaction(own, None if within is None else within.native())

    def native(self) -> _native.Interaction | None:
        """The native draft. In a forked child it is the child's emitter's from now on."""
        if self._native is not None and self._process != os.getpid():
            own = emitter()
            if own is not None:
                self._native.hand_over(own)
        return self._native

    @property
    @quiet(fallback="")
    def id(self) -> str:
        """The id that all its events have."""
        native = self.native()
        return "" if native is None else native.id()

    @quiet()
    def set(self, **fields: Any) -> None:
        """Sets fields of the model call's event: model, provider, user, session, agent, system, prompt, response,
        messages, temperature, max_tokens, response_model, response_id, finish_reasons, input_tokens, output_tokens,
        cache_read_tokens, cache_write_tokens, reasoning_tokens, ttft_ms, cost_usd, toxicity, sentiment, refusal,
        tool_names, trace_id, span_id, parent_span_id. Any other, and any that has another type than its field, is
        kept under `attrs`."""
        native = self.native()
        if native is not None:
            native.set(fields)

    def respond(self, response: Any, **fields: Any) -> None:
        """The model's answer."""
        self.set(response=response, **fields)

    @quiet()
    def tool_call(
        self,
        name: str,
        arguments: Any = None,
        output: Any = None,
        *,
        status: str = "ok",
        error: Any = None,
        latency_ms: float | None = None,
        call_id: str | None = None,
    ) -> None:
        """A tool that ran: with what, and what came back. `status` is ok, error, denied or timeout."""
        native, own = self.native(), emitter()
        if native is None or own is None:
            return
        call = _native.ToolCall(own, native, text(name) or "unknown", arguments, text(call_id))
        call.end(text(status) or "ok", output, text(error), number(latency_ms))

    @quiet()
    def guardrail(
        self,
        name: str,
        action: str,
        *,
        stage: str = "output",
        reason: Any = None,
        category: str | None = None,
        score: float | None = None,
        version: str | None = None,
        policy_id: str | None = None,
        rule_id: str | None = None,
    ) -> None:
        """A guardrail's decision. `action` is allowed, moderated, blocked or flagged; `stage` is where it looked:
        input, output, tool or retrieval."""
        native = self.native()
        if native is not None:
            native.guardrail(
                {
                    "name": text(name) or "unspecified",
                    "action": text(action) or "flagged",
                    "stage": text(stage) or "output",
                    "reason": text(reason),
                    "category": text(category),
                    "score": number(score),
                    "version": text(version),
                    "policy_id": text(policy_id),
                    "rule_id": text(rule_id),
                }
            )

    @quiet()
    def retrieval(
        self,
        data_source: str,
        query: Any = None,
        documents: Iterable[Any] = (),
        *,
        top_k: int | None = None,
    ) -> None:
        """What was looked up in a knowledge base, and what was found: texts, or dictionaries with id, uri, title,
        score and text."""
        native = self.native()
        if native is not None:
            native.retrieval(
                {
                    "data_source": text(data_source) or "unspecified",
                    "query": text(query),
                    "documents": [_document(document) for document in documents],
                    "top_k": top_k if isinstance(top_k, int) and top_k >= 0 else None,
                }
            )

    @quiet()
    def error(self, error: BaseException | str, message: Any = None) -> None:
        """A failure: an exception, or the name of its class and a message. The outcome becomes `error`."""
        native = self.native()
        if native is None:
            return
        if isinstance(error, BaseException):
            native.error(type(error).__name__, text(error if message is None else message) or "")
        else:
            native.error(text(error) or "error", text(message) or "")

    @quiet()
    def end(self) -> None:
        """Ends it, where no `with` block does. In a forked child nothing is emitted: the parent does that."""
        if self._native is not None and self._process != os.getpid():
            self.native()
            self._native.forget()
        elif self._native is not None:
            self._native.end()

    def __enter__(self) -> Interaction:
        self._outer = _current.get()
        _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Not by a token: a generator's block may end in another context than it began in.
        if _current.get() is self:
            _current.set(self._outer)
        if error is not None and not isinstance(error, (GeneratorExit, SystemExit)):
            self.error(error)
        self.end()

    async def __aenter__(self) -> Interaction:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def _document(document: Any) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        content = getattr(document, "page_content", None)  # as LangChain and those who follow it name it
        if content is None:
            return {"snippet": text(document)}
        document = {**(getattr(document, "metadata", None) or {}), "text": content, "id": getattr(document, "id", None)}
    snippet = next((document[key] for key in ("snippet", "text", "content") if document.get(key) is not None), None)
    return {
        "id": text(document.get("id")),
        "uri": text(document.get("uri") or document.get("url") or document.get("source")),
        "title": text(document.get("title")),
        "score": number(document.get("score")),
        "snippet": text(snippet),
    }
