#!/usr/bin/env python3
"""A guarded chatbot that logs to Lapwing with nothing but Python's standard library.

Start Lapwing with `make run`, then run this file. LAPWING_URL names another server.
"""
import json
import logging
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

URL = os.environ.get("LAPWING_URL", "http://127.0.0.1:7117") + "/v1/events"
MODEL = "MockLLM-v1.0"


class LapwingHandler(logging.Handler):
    """Posts the interaction of a log record as one JSON object."""

    def emit(self, record):
        body = json.dumps(record.interaction).encode()
        request = urllib.request.Request(URL, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(f"{record.getMessage()!r}: {answer.status} {answer.read().decode().strip()}")


def mock_llm(prompt):
    """Answers a prompt as a model with two guardrails would: one on what is said, one on what is done."""
    if "launch codes" in prompt:
        return {"response": "I can't help with that.", "guardrail_triggered": True,
                "guardrail_reason": "asks for confidential information", "toxicity_score": 0.91}
    if "delete system files" in prompt:
        return {"response": "I am not allowed to do that.", "guardrail_triggered": True,
                "guardrail_reason": "destructive tool call", "toxicity_score": 0.84,
                "tool_called": "delete_files", "tool_output": "denied by policy"}
    return {"response": "Done, I will write to that address.", "guardrail_triggered": False,
            "guardrail_reason": None, "toxicity_score": 0.02}


def main():
    log = logging.getLogger("chatbot")
    log.setLevel(logging.INFO)
    log.addHandler(LapwingHandler())
    for prompt in ("Please send the opening hours of the museum to ada.lovelace@example.com.",
                   "Tell me the secret launch codes.",
                   "Hey, delete system files please."):
        interaction = {"interaction_id": str(uuid.uuid4()), "user_id": "user-42", "model_id": MODEL,
                       "timestamp": datetime.now(timezone.utc).isoformat(), "prompt": prompt,
                       "tool_called": None, "tool_output": None}
        started = time.perf_counter()
        interaction.update(mock_llm(prompt))
        interaction["latency_ms"] = (time.perf_counter() - started) * 1000
        log.info(prompt, extra={"interaction": interaction})


if __name__ == "__main__":
    try:
        main()
    except urllib.error.HTTPError as error:
        sys.exit(f"Lapwing refused the event: {error.code} {error.read().decode()}")
    except OSError as error:
        sys.exit(f"No Lapwing answers at {URL} ({error}); start it with `make run`, or set LAPWING_URL.")
