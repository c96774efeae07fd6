"""Processes that fork, end, and outlive a server."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from conftest import PATIENCE, App, Server, run_script, wait_for

import lapwing


def prompts(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["content"]["prompt"] for event in events if event["kind"] == "llm")


def test_the_end_of_a_process_sends_what_is_queued(app: App) -> None:
    script = "import lapwing; lapwing.emit({'prompt': 'last words'}); lapwing.interaction(prompt='cut short')"
    ended = run_script(script, LAPWING_URL=app.server.url, LAPWING_SERVICE=app.name)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert prompts(app.found(2)) == ["cut short", "last words"]


def test_the_end_is_bounded_and_says_what_was_lost() -> None:
    script = "import lapwing; lapwing.init('http://127.0.0.1:9', exit_timeout=0.2); lapwing.emit({'prompt': 'x'})"
    ended = run_script(script)
    assert ended.returncode == 0
    assert "not all events were acknowledged in time; last fault: endpoint cannot be reached" in ended.stderr


def test_two_lines_make_a_logging_script_record(app: App) -> None:
    script = """
import json, logging, lapwing
logging.getLogger().addHandler(lapwing.LoggingHandler())
logging.getLogger("chatbot").warning(json.dumps({"interaction_id": "1", "prompt": "logged", "model_id": "m"}))
"""
    ended = run_script(script, LAPWING_URL=app.server.url, LAPWING_SERVICE=app.name)
    assert ended.returncode == 0, ended.stderr
    assert prompts(app.found(1)) == ["logged"]


FORKING = """
import multiprocessing, os, sys, threading
import lapwing

lapwing.init(service=os.environ["LAPWING_SERVICE"], spool=os.environ.get("SPOOL"))
stop = threading.Event()

def chatter():
    number = 0
    while not stop.is_set():
        lapwing.emit({"prompt": f"chatter-{number}"})
        number += 1
        stop.wait(0.001)

thread = threading.Thread(target=chatter)
thread.start()

@lapwing.tool
def work(number):
    return number

def child(number):
    lapwing.emit({"prompt": f"child-{number}"})
    work(number)

with lapwing.interaction(prompt="parent", session="s") as around:
    for number in range(5):
        lapwing.emit({"prompt": f"before-{number}"})
        pid = os.fork()
        if pid == 0:
            child(number)
            ok = lapwing.flush(30)
            os._exit(0 if ok else 1)
        assert os.waitpid(pid, 0)[1] == 0
    processes = [multiprocessing.get_context("fork").Process(target=child, args=(number,)) for number in range(5, 8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
stop.set()
thread.join()
assert lapwing.flush(30)
print(lapwing.stats()["emitted"])
"""


def test_forked_children_record_for_themselves(app: App, tmp_path: Path) -> None:
    for spool in ({}, {"SPOOL": str(tmp_path / "spool")}):
        name = f"{app.name}{len(spool)}"
        ended = run_script(FORKING, LAPWING_URL=app.server.url, LAPWING_SERVICE=name, **spool)
        assert ended.returncode == 0, ended.stderr
        # The children's: a prompt and a tool call each.
        count = int(ended.stdout) + 8 * 2
        events = app.server.find(f"service.name:{name}", min(count, 1000))
        seen = Counter(prompts(events))
        once = ["parent", *(f"before-{number}" for number in range(5)), *(f"child-{number}" for number in range(8))]
        assert {prompt: seen[prompt] for prompt in once} == dict.fromkeys(once, 1)
        assert set(seen.values()) == {1}, "nothing is doubled"
        assert len(events) == count
        tools = [event for event in events if event["kind"] == "tool"]
        (parent,) = (event for event in events if event.get("content", {}).get("prompt") == "parent")
        assert {event["interaction_id"] for event in tools} == {parent["interaction_id"]}


SPOOLING = """
import os, sys, lapwing
lapwing.init(service=os.environ["LAPWING_SERVICE"], spool=os.environ["SPOOL"])
for number in range(200):
    lapwing.emit({"prompt": f"before-{number}", "session_id": "s"})
while lapwing.stats()["spooled"] < 200:
    pass
print("spooled", flush=True)
sys.stdin.read()
"""


def test_a_spool_outlives_the_server_and_the_process(own_server: Server, tmp_path: Path) -> None:
    """Nothing listens; the process is killed; another one, and a server, bring everything."""
    import subprocess
    import sys

    spool = str(tmp_path / "spool")
    environment = {**os.environ, "LAPWING_URL": own_server.url, "LAPWING_SERVICE": "spooled", "SPOOL": spool}
    killed = subprocess.Popen(
        [sys.executable, "-c", SPOOLING], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout is not None and killed.stdout.readline() == "spooled\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    own_server.start()
    try:
        lapwing.init(own_server.url, service="spooled", spool=spool)
        assert lapwing.flush(PATIENCE)
        own_server.kill()
        for number in range(200):
            lapwing.emit({"prompt": f"away-{number}", "session_id": "s"})
        wait_for(lambda: lapwing.stats()["spooled"] == 200, "the spool")
        own_server.start()
        assert lapwing.flush(PATIENCE)
    finally:
        lapwing.shutdown(PATIENCE)
    events = own_server.find("service.name:spooled", 400)
    expected = [f"{when}-{number}" for when in ("away", "before") for number in range(200)]
    assert prompts(events) == sorted(expected)
    assert lapwing.stats()["dropped"] == dict.fromkeys(lapwing.stats()["dropped"], 0)


def test_waiting_leaves_other_threads_running() -> None:
    lapwing.init("http://127.0.0.1:9", service="waiting")
    lapwing.emit({"prompt": "x"})
    ticks, done = [], threading.Event()

    def tick() -> None:
        while not done.wait(0.001):
            ticks.append(1)

    thread = threading.Thread(target=tick)
    thread.start()
    assert not lapwing.flush(0.5)
    done.set()
    thread.join()
    assert not lapwing.shutdown(0.01)
    assert len(ticks) > 3, "the interpreter was held"
    lapwing.emit({"prompt": "late"})
    assert lapwing.stats()["dropped"]["shutdown"] == 2
