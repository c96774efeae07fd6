"""`@lapwing.tool`: a function whose calls are recorded."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

from . import _native
from ._client import emitter, quiet
from ._interaction import current_interaction

F = TypeVar("F", bound=Callable[..., Any])

# What is kept of the items of a generator.
_MAX_ITEMS = 1000
_MAX_CHARACTERS = 64 * 1024


@overload
def tool(function: F) -> F: ...
@overload
def tool(*, name: str | None = None) -> Callable[[F], F]: ...


def tool(function: F | None = None, *, name: str | None = None) -> F | Callable[[F], F]:
    """Records every call of the function as a tool call: name, arguments, output, status, latency. Functions,
    coroutines, generators and asynchronous generators; the function behaves as before. The call belongs to the
    interaction around it."""
    if function is None:
        return lambda function: tool(function, name=name)  # type: ignore[call-overload]
    spec = _Spec(function, name)
    if inspect.isasyncgenfunction(function):
        wrapper = _wrap_async_generator(function, spec)
    elif inspect.iscoroutinefunction(function):
        wrapper = _wrap_coroutine(function, spec)
    elif inspect.isgeneratorfunction(function):
        wrapper = _wrap_generator(function, spec)
    else:
        wrapper = _wrap_function(function, spec)
    return cast(F, wrapper)


class _Spec:
    """The tool's name, and how its arguments are named."""

    def __init__(self, function: Callable[..., Any], name: str | None) -> None:
        self.name = name or getattr(function, "__name__", None) or type(function).__name__
        try:
            self.signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):
            self.signature = None

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            if self.signature is None:
                raise TypeError
            named = dict(self.signature.bind_partial(*args, **kwargs).arguments)
        except TypeError:
            return {"args": list(args), **kwargs}
        for own in ("self", "cls"):
            if next(iter(named), None) == own:
                del named[own]
        return named


class _Call:
    """One call under way."""

    __slots__ = ("_native",)

    def __init__(self, spec: _Spec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._native: _native.ToolCall | None = None
        self._begin(spec, args, kwargs)

    @quiet()
    def _begin(self, spec: _Spec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        own, around = emitter(), current_interaction()
        if own is None:
            return
        arguments = spec.arguments(args, kwargs)
        if around is not None:
            try:
                self._native = _native.ToolCall(own, around.native(), spec.name, arguments)
                return
            except RuntimeError:
                pass  # that interaction is over
        self._native = _native.ToolCall(own, None, spec.name, arguments)

    @quiet()
    def returned(self, output: Any) -> None:
        if self._native is not None:
            self._native.end("ok", output)

    @quiet()
    def raised(self, error: BaseException) -> None:
        if self._native is not None:
            timed_out = isinstance(error, (TimeoutError, asyncio.TimeoutError))
            self._native.end("timeout" if timed_out else "error", None, f"{type(error).__name__}: {error}")


class _Items:
    """What a generator gave, within bounds."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.left = _MAX_CHARACTERS

    def add(self, item: Any) -> None:
        if len(self.kept) < _MAX_ITEMS and self.left > 0:
            self.kept.append(item)
            self.left -= len(item) if isinstance(item, (str, bytes)) else 16

    def output(self) -> Any:
        if all(isinstance(item, str) for item in self.kept):
            return "".join(self.kept)
        return self.kept


def _wrap_function(function: Callable[..., Any], spec: _Spec) -> Callable[..., Any]:
    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        call = _Call(spec, args, kwargs)
        try:
            output = function(*args, **kwargs)
        except BaseException as error:
            call.raised(error)
            raise
        if inspect.iscoroutine(output):
            return _awaited(call, output)
        call.returned(output)
        return output

    return recorded


async def _awaited(call: _Call, coroutine: Any) -> Any:
    try:
        output = await coroutine
    except BaseException as error:
        call.raised(error)
        raise
    call.returned(output)
    return output


def _wrap_coroutine(function: Callable[..., Any], spec: _Spec) -> Callable[..., Any]:
    @functools.wraps(function)
    async def recorded(*args: Any, **kwargs: Any) -> Any:
        return await _awaited(_Call(spec, args, kwargs), function(*args, **kwargs))

    return recorded


def _wrap_generator(function: Callable[..., Any], spec: _Spec) -> Callable[..., Any]:
    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        call, items, generator = _Call(spec, args, kwargs), _Items(), function(*args, **kwargs)
        try:
            item = next(generator)
            while True:
                items.add(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    item = generator.throw(error)
                else:
                    item = generator.send(sent)
        except StopIteration as stop:
            call.returned(items.output())
            return stop.value
        except GeneratorExit:
            call.returned(items.output())
            raise
        except BaseException as error:
            call.raised(error)
            raise

    return recorded


def _wrap_async_generator(function: Callable[..., Any], spec: _Spec) -> Callable[..., Any]:
    @functools.wraps(function)
    async def recorded(*args: Any, **kwargs: Any) -> Any:
        call, items, generator = _Call(spec, args, kwargs), _Items(), function(*args, **kwargs)
        try:
            item = await generator.__anext__()
            while True:
                items.add(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as error:
                    item = await generator.athrow(error)
                else:
                    item = await generator.asend(sent)
        except StopAsyncIteration:
            call.returned(items.output())
        except GeneratorExit:
            call.returned(items.output())
            raise
        except BaseException as error:
            call.raised(error)
            raise

    return recorded
