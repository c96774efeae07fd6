"""A small server with the shapes of OpenAI's API. What the prompt says decides what it answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
RESPONSE_USAGE = {
    "input_tokens": 9,
    "output_tokens": 4,
    "total_tokens": 13,
    "input_tokens_details": {"cached_tokens": 2},
    "output_tokens_details": {"reasoning_tokens": 1},
}
CALL = {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"item":"umbrella"}'}}


def chat(body: dict[str, Any]) -> dict[str, Any]:
    prompt = str(body["messages"][-1]["content"])
    message: dict[str, Any] = {"role": "assistant", "content": "It rains.", "refusal": None}
    reason = "stop"
    if "tool" in prompt:
        message, reason = {"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"
    elif "refuse" in prompt:
        message["content"], message["refusal"] = None, "I will not."
    elif "json" in prompt:
        message["content"] = '{"item":"umbrella"}'
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-x-large",
        "choices": [choice],
        "usage": USAGE,
    }


def chat_chunks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    whole = chat(body)
    message = whole["choices"][0]["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for word in ("It ", "rains."):
        deltas.append({"content": word})
    if message.get("tool_calls"):
        deltas[1:] = [{"tool_calls": [{"index": 0, **CALL}]}]
    if message.get("refusal"):
        deltas[1:] = [{"refusal": "I will "}, {"refusal": "not."}]
    base = {"id": whole["id"], "object": "chat.completion.chunk", "created": 1, "model": whole["model"]}
    for delta in deltas:
        yield {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": whole["choices"][0]["finish_reason"]}]}
    yield {**base, "choices": [], "usage": USAGE}


def response(body: dict[str, Any]) -> dict[str, Any]:
    prompt = json.dumps(body["input"])
    part: dict[str, Any] = {"type": "output_text", "text": "It rains.", "annotations": []}
    output: list[dict[str, Any]] = []
    if "tool" in prompt:
        output = [{"type": "function_call", "id": "f-1", "call_id": "c-1", "name": "weather", "arguments": "{}"}]
    elif "refuse" in prompt:
        part = {"type": "refusal", "refusal": "I will not."}
    if not output:
        output = [{"type": "message", "id": "m-1", "role": "assistant", "status": "completed", "content": [part]}]
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-x-large",
        "status": "completed",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": RESPONSE_USAGE,
    }


def response_events(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    whole = response(body)
    started = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "sequence_number": 0, "response": started}
    item = {"type": "message", "id": "m-1", "role": "assistant", "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item}
    part = {"type": "output_text", "text": "", "annotations": []}
    place = {"item_id": "m-1", "output_index": 0, "content_index": 0}
    yield {"type": "response.content_part.added", "sequence_number": 2, "part": part, **place}
    for number, word in enumerate(("It ", "rains.")):
        place = {"item_id": "m-1", "output_index": 0, "content_index": 0, "logprobs": []}
        yield {"type": "response.output_text.delta", "sequence_number": 3 + number, "delta": word, **place}
    yield {"type": "response.completed", "sequence_number": 5, "response": whole}


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        is_chat = self.path.endswith("/chat/completions")
        if "broken" in json.dumps(body):
            return self._answer(500, {"error": {"message": "the model is away", "type": "server_error"}})
        if not body.get("stream"):
            return self._answer(200, chat(body) if is_chat else response(body))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in chat_chunks(body) if is_chat else response_events(body):
            name = "" if is_chat else f"event: {event['type']}\n"
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        if is_chat:
            self.wfile.write(b"data: [DONE]\n\n")

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def openai_server() -> Iterator[str]:
    """Serves on this machine; gives the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
