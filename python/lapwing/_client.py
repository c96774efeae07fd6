"""The process's emitter: settings, start, fork, exit, and the promise that nothing is raised into the application."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from . import _native
from ._values import number, plain, text

DEFAULT_ENDPOINT = "http://127.0.0.1:7117"

_EXIT_TIMEOUT = 3.0

log = logging.getLogger("lapwing")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Settings:
    """What `init` was told. Every process makes its emitter from it."""

    endpoint: str
    service: str
    exit_timeout: float
    strict: bool
    options: dict[str, Any] = field(default_factory=dict)


class _State:
    """What there is one of in a process."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.emitter: _native.Emitter | None = None
        # Whether starting was tried; what failed once is not tried for every event.
        self.started = False
        self.ended = False
        self.failures: set[str] = set()
        self.lock = threading.RLock()


_state = _State()


def quiet(fallback: Any = None) -> Callable[[F], F]:
    """Keeps what goes wrong in here from the application: it is logged once and counted, or raised if `strict`."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                return failed(function.__name__, error, fallback)
            except BaseException as error:
                # A panic of the native module is no exception that `except Exception` sees.
                if type(error).__name__ != "PanicException":
                    raise
                return failed(function.__name__, error, fallback)

        return guarded  # type: ignore[return-value]

    return decorate


def failed(what: str, error: BaseException, fallback: Any = None) -> Any:
    """Takes note of a failure of the SDK."""
    settings = _state.settings
    if settings is not None and settings.strict:
        raise error
    if what not in _state.failures:
        _state.failures.add(what)
        log.warning("%s failed, the application goes on: %s: %s", what, type(error).__name__, error)
    native = _state.emitter
    if native is not None:
        native.count_lost()
    return fallback


def init(
    endpoint: str | None = None,
    api_key: str | None = None,
    service: str | None = None,
    *,
    version: str | None = None,
    environment: str | None = None,
    queue_events: int = 16_384,
    queue_bytes: int = 32 << 20,
    drop_oldest: bool = False,
    spool: str | os.PathLike[str] | None = None,
    spool_bytes: int = 256 << 20,
    sample_sessions: float = 1.0,
    exit_timeout: float = _EXIT_TIMEOUT,
    strict: bool = False,
) -> None:
    """Says where events go and within which bounds. Never required: the first event starts with these defaults.

    endpoint: the server; without it $LAPWING_URL, else http://127.0.0.1:7117.
    api_key: without it $LAPWING_API_KEY.
    service: the application's name; without it $LAPWING_SERVICE, else the name of the script.
    version, environment: of the application; environment without it $LAPWING_ENVIRONMENT.
    queue_events, queue_bytes: the queue's bounds; when it is full the newest event is lost, or with `drop_oldest` the
        oldest.
    spool, spool_bytes: a folder where events wait while the server is away, also over a restart and a crash; several
        processes may share it, and each has the bound for itself.
    sample_sessions: keeps this share of the sessions, each as a whole, and all that went wrong.
    exit_timeout: for so many seconds at most, the end of the process waits for events to be delivered.
    strict: raises what is otherwise logged and counted; for tests.
    """
    seconds = number(exit_timeout)
    exit_timeout = _EXIT_TIMEOUT if seconds is None else seconds
    settings = Settings(
        endpoint=endpoint or os.environ.get("LAPWING_URL") or DEFAULT_ENDPOINT,
        service=service or os.environ.get("LAPWING_SERVICE") or _script(),
        exit_timeout=exit_timeout,
        strict=strict,
        options={
            "api_key": api_key or os.environ.get("LAPWING_API_KEY") or None,
            "version": version,
            "environment": environment or os.environ.get("LAPWING_ENVIRONMENT") or None,
            "queue_events": queue_events,
            "queue_bytes": queue_bytes,
            "drop_oldest": drop_oldest,
            "spool": text(spool),
            "spool_bytes": spool_bytes,
            "sample_sessions": sample_sessions,
        },
    )
    with _state.lock:
        former, _state.emitter = _state.emitter, None
        if former is not None and not _state.ended:
            _told(former.shutdown(exit_timeout))
        _state.settings, _state.started, _state.ended = settings, False, False
        _state.failures.clear()
    emitter()


def emitter() -> _native.Emitter | None:
    """The process's emitter, started if it is not; none if it cannot be."""
    if _state.emitter is None and not _state.started:
        with _state.lock:
            if not _state.started:
                _start()
    return _state.emitter


def _start() -> None:
    if _state.settings is None:
        init()
        return
    settings = _state.settings
    _state.started = True
    try:
        _state.emitter = _native.Emitter(settings.endpoint, settings.service, **settings.options)
    except Exception as error:
        if settings.strict:
            raise
        log.error("nothing will be recorded: %s", error)


@quiet()
def emit(event: Mapping[str, Any]) -> None:
    """Queues one event: of the event schema, or plain fields such as `prompt`, `response`, `model_id`, `tool_called`.

    What JSON has no word for becomes text; what is no event at all is counted as dropped. Within an interaction it
    belongs to that.
    """
    from ._interaction import current_interaction

    fields = event if type(event) is dict else plain(event)
    if not isinstance(fields, dict):
        raise TypeError(f"event is a {type(event).__name__}; emit takes a dictionary")
    around = current_interaction()
    if around is not None and "interaction_id" not in fields:
        fields = {**fields, "interaction_id": around.id}
    send(fields)


def send(fields: dict[str, Any]) -> None:
    """Hands a dictionary to the emitter."""
    native = emitter()
    if native is None:
        return
    if _state.settings is not None and _state.settings.strict:
        native.emit_strict(fields)
        return
    warning = native.emit(fields)
    if warning is not None:
        log.warning("%s", warning)


@quiet(fallback=False)
def flush(timeout: float = 10.0) -> bool:
    """Waits until everything emitted before is acknowledged; whether it was, within so many seconds, and nothing was
    dropped since the last time. Other threads go on meanwhile."""
    native = _state.emitter
    return native is None or _told(native.flush(timeout))


@quiet(fallback=False)
def shutdown(timeout: float | None = None) -> bool:
    """Sends what is queued, for so many seconds at most, and ends; whether all of it was delivered. What is emitted
    later is counted as dropped, until `init` starts again."""
    with _state.lock:
        native, ended, _state.started, _state.ended = _state.emitter, _state.ended, True, True
    if native is None or ended:
        return True
    if timeout is None:
        timeout = _state.settings.exit_timeout if _state.settings is not None else _EXIT_TIMEOUT
    return _told(native.shutdown(timeout))


@quiet(fallback={})
def stats() -> dict[str, Any]:
    """The counters: emitted, acknowledged, queued, spooled, sampled_out, retries, dropped by reason, last_fault."""
    native = _state.emitter
    return {} if native is None else native.stats()


def _told(fault: str | None) -> bool:
    if fault is not None:
        log.warning("%s", fault)
    return fault is None


def _script() -> str:
    name = sys.argv[0] if sys.argv else ""
    folder, file = os.path.split(name)
    if file == "__main__.py":
        file = os.path.basename(folder)
    return os.path.splitext(file)[0].lstrip("-") or "python"


def _at_exit() -> None:
    shutdown()


def _after_fork_in_child() -> None:
    # The native emitter knows that it is not its own process any more, and leaves its thread and its locks alone.
    _state.emitter = None
    _state.lock = threading.RLock()
    _state.started = _state.ended = False
    # A process of `multiprocessing` ends without running what is registered with atexit.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(_state, lambda _: util.Finalize(None, _at_exit, exitpriority=0))


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
