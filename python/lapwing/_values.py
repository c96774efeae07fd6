"""Saying in simpler terms what a value is, where JSON has no word for its type."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import enum
from typing import Any


def plain(value: Any) -> Any:
    """The value as a dictionary, a list, a number or a text; the native module calls this for other types."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    for method in ("model_dump", "tolist"):  # pydantic, numpy
        describe = getattr(value, method, None)
        if callable(describe) and not isinstance(value, type):
            return describe()
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset, collections.deque, collections.abc.KeysView, collections.abc.ValuesView)):
        return list(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return str(value)


def text(value: Any) -> str | None:
    """The value in words; none stays none."""
    if value is None or isinstance(value, str):
        return value
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def number(value: Any) -> float | None:
    """The value as a number, where it is one."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
