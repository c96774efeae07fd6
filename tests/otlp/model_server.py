"""A server that answers as OpenAI's chat completions do: a tool call, a stream, an error, a refusal, or a sentence."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 7,
    "total_tokens": 19,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = [m["content"] for m in request["messages"] if m["role"] == "user"][-1]
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request["model"] + "-mini"}
        if "fail" in said:
            error = {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded", "param": None}
            self.answer(429, {"error": error})
        elif request.get("stream"):
            self.stream(answer)
        else:
            message, reason = self.turn(request, said)
            choices = [{"index": 0, "message": message, "finish_reason": reason}]
            self.answer(200, {**answer, "choices": choices, "usage": USAGE})

    @staticmethod
    def turn(request, said):
        if "bomb" in said:
            return {"role": "assistant", "content": None, "refusal": "I cannot help with that."}, "stop"
        if request.get("tools"):
            return {"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"
        return {"role": "assistant", "content": "It ships today."}, "stop"

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, answer):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        deltas = [{"role": "assistant", "content": ""}] + [{"content": word} for word in ("It ", "ships ", "today.")]
        chunks = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
        chunks.append([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        for choices in chunks:
            self.chunk({**answer, "object": "chat.completion.chunk", "choices": choices})
        self.chunk({**answer, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def chunk(self, body):
        self.wfile.write(b"data: " + json.dumps(body).encode() + b"\n\n")


def start():
    """Starts it on a free port of this machine and returns its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"
