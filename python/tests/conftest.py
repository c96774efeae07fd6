"""A real `lapwing up` for the tests, and the SDK in front of it."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lapwing

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "lapwing"

# How long anything may take that a test waits for.
PATIENCE = 60.0


def wait_for(look: Any, what: str) -> Any:
    """Looks again and again until there is something."""
    deadline = time.monotonic() + PATIENCE
    pace = threading.Event()
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        pace.wait(0.05)
    raise AssertionError(f"{what} did not come within {PATIENCE} s")


class Server:
    """A `lapwing up` with its data in a folder; it can be killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = {
            **os.environ,
            "LAPWING__DATA__DIR": str(self.folder),
            "LAPWING__SERVER__LISTEN": self.address,
            "LAPWING__TELEMETRY__FORMAT": "json",
        }
        self.process = subprocess.Popen([BINARY, "up"], env=environment, stderr=subprocess.PIPE, text=True)
        lines: queue.Queue[str] = queue.Queue()
        log: list[str] = []

        def read(stream: Any) -> None:
            with stream:
                for line in stream:
                    log.append(line)
                    if '"ready"' in line:
                        lines.put(line)
            lines.put("")

        threading.Thread(target=read, args=(self.process.stderr,), daemon=True).start()
        if not lines.get(timeout=PATIENCE):
            raise AssertionError("lapwing up ended:\n" + "".join(log))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def search(self, query: str) -> list[dict[str, Any]]:
        """The events that a query finds, oldest first; at most 1000."""
        parameters = urllib.parse.urlencode({"q": query, "size": 1000, "from": "0"})
        with urllib.request.urlopen(f"{self.url}/v1/search?{parameters}", timeout=PATIENCE) as answer:
            hits = json.load(answer)["hits"]
        return [hit["event"] for hit in reversed(hits)]

    def find(self, query: str, count: int) -> list[dict[str, Any]]:
        """The events that a query finds, once there are at least so many."""
        return wait_for(lambda: len(found := self.search(query)) >= count and found, f"{count} of {query}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("lapwing"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that the test may kill."""
    server = Server(tmp_path / "server")
    yield server
    if server.process is not None:
        server.kill()


class App:
    """The SDK as an application of its own name has it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.name = f"app{uuid.uuid4().hex}"

    def events(self, count: int, query: str = "*") -> list[dict[str, Any]]:
        """What the store has of this application, once it has so much; no more may be there."""
        assert lapwing.flush(PATIENCE)
        return self.found(count, query)

    def found(self, count: int, query: str = "*") -> list[dict[str, Any]]:
        events = self.server.find(f"service.name:{self.name} AND {query}", count)
        assert len(events) == count, [event["kind"] for event in events]
        return events


@pytest.fixture
def app(server: Server) -> Iterator[App]:
    app = App(server)
    lapwing.init(server.url, service=app.name, environment="test", strict=True)
    yield app
    lapwing.shutdown(PATIENCE)


def run_script(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
