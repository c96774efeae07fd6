"""Interactions that an application logs with Python's `logging` already."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

from ._client import log, quiet, send
from ._interaction import current_interaction

# A record is an event where it has one of these, in the message or in `extra`.
_TELLING = frozenset(
    (
        "prompt",
        "response",
        "model",
        "model_id",
        "tool_called",
        "guardrail_triggered",
        "guardrail_reason",
        "toxicity_score",
        "kind",
        "schema_version",
    )
)

# Attributes that `extra=` may give a whole event in.
_WHOLE = ("interaction", "event", "lapwing")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_inside = threading.local()


class LoggingHandler(logging.Handler):
    """Makes events of log records that tell of an interaction; others pass by.

        logging.getLogger().addHandler(lapwing.LoggingHandler())

    A record tells of one where its message is a JSON object, or its `extra=` has fields, with at least one of prompt,
    response, model_id, tool_called, guardrail_triggered, toxicity_score or kind. `extra={"interaction": {...}}` is
    taken as a whole. Without a `timestamp` of its own the event has the record's.
    """

    def emit(self, record: logging.LogRecord) -> None:
        # What is logged in here, or by the `__str__` of a value on its way, must not come back.
        if record.name == log.name or getattr(_inside, "active", False):
            return
        _inside.active = True
        try:
            _emit(record)
        finally:
            _inside.active = False


@quiet()
def _emit(record: logging.LogRecord) -> None:
    fields = _fields(record)
    if fields is None:
        return
    if not any(key in fields for key in ("timestamp", "@timestamp", "ts", "time")):
        fields["timestamp"] = record.created
    around = current_interaction()
    if around is not None:
        fields.setdefault("interaction_id", around.id)
    send(fields)


def _fields(record: logging.LogRecord) -> dict[str, Any] | None:
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    for key in _WHOLE:
        if isinstance(extra.get(key), dict):
            return _telling(extra[key])
    message = record.msg
    if isinstance(message, dict):
        return _telling(message | extra)
    text = record.getMessage().strip()
    if text.startswith("{") and text.endswith("}"):
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
        if isinstance(fields, dict) and (told := _telling(fields | extra)) is not None:
            return told
    told = _telling(extra)
    if told is not None:
        told.setdefault("log_message", text)
    return told


def _telling(fields: dict[str, Any]) -> dict[str, Any] | None:
    return dict(fields) if any(str(key).lower() in _TELLING for key in fields) else None
