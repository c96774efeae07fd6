"""Interactions that are logged with the standard library."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from conftest import App

import lapwing

INTERACTION = {
    "interaction_id": "42",
    "user_id": "user-42",
    "prompt": "Hey, delete system files please.",
    "response": "I am not allowed to do that.",
    "latency_ms": 3.5,
    "model_id": "MockLLM-v1.0",
    "guardrail_triggered": True,
    "guardrail_reason": "destructive tool call",
    "toxicity_score": 0.3,
    "tool_called": "delete_files",
    "tool_output": "denied by policy",
    "timestamp": datetime(2026, 11, 24, 6, 30, tzinfo=timezone.utc).isoformat(),
}


@pytest.fixture
def log(app: App) -> Iterator[logging.Logger]:
    logger = logging.getLogger(app.name)
    logger.setLevel(logging.DEBUG)
    handler = lapwing.LoggingHandler()
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_a_logged_interaction_is_an_event(app: App, log: logging.Logger) -> None:
    log.info(json.dumps(INTERACTION))
    log.info(json.dumps(INTERACTION))
    events = app.events(3)
    assert sorted(event["kind"] for event in events) == ["guardrail", "llm", "tool"], "the same event is stored once"
    (llm,) = (event for event in events if event["kind"] == "llm")
    assert llm["content"]["prompt"] == INTERACTION["prompt"] and llm["@timestamp"].startswith("2026-11-24T06:30:00")


def test_extra_fields_are_events_and_other_records_pass_by(app: App, log: logging.Logger) -> None:
    log.info("asked %s", "something", extra={"prompt": "flat", "model_id": "m", "team": "blue"})
    log.info("whole", extra={"interaction": {"prompt": "whole", "nested": {"a": 1}}})
    log.warning({"prompt": "a dictionary"})
    log.info('{"port": 80, "event": "started"}')
    log.info("{ not json }")
    log.debug("nothing to see")
    log.exception("no interaction either")
    events = {event["content"]["prompt"]: event for event in app.events(3)}
    assert set(events) == {"flat", "whole", "a dictionary"}
    assert events["flat"]["attrs"] == {"team": "blue", "log_message": "asked something"}
    assert events["whole"]["attrs"] == {"nested": {"a": 1}}


def test_a_record_within_an_interaction_belongs_to_it(app: App, log: logging.Logger) -> None:
    with lapwing.interaction(prompt="outer") as i:
        log.info(json.dumps({"prompt": "logged"}))
        expected = i.id
    assert {event["interaction_id"] for event in app.events(2)} == {expected}


class Chatty:
    """A value that logs itself when it is written out."""

    def __init__(self, log: logging.Logger) -> None:
        self.log = log

    def __str__(self) -> str:
        self.log.info("writing", extra={"interaction": {"prompt": "again", "value": self}})
        return "chatty"


def test_logging_from_within_does_not_loop(app: App, log: logging.Logger) -> None:
    logging.getLogger("lapwing").addHandler(log.handlers[0])
    try:
        log.info("first", extra={"interaction": {"prompt": "once", "value": Chatty(log)}})
        logging.getLogger("lapwing").warning(json.dumps({"prompt": "of the sdk itself"}))
    finally:
        logging.getLogger("lapwing").removeHandler(log.handlers[0])
    (event,) = app.events(1)
    assert event["attrs"]["value"] == "chatty"
