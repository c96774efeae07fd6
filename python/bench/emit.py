"""What `lapwing.emit` and a whole interaction cost the application, with no server there and with one.

python emit.py [URL]
"""

from __future__ import annotations

import sys
import time

import lapwing

CALLS = 20_000
EVENT = {
    "interaction_id": "42",
    "user_id": "user-42",
    "session_id": "session-1",
    "prompt": "p" * 700,
    "response": "r" * 900,
    "latency_ms": 3.5,
    "model_id": "MockLLM-v1.0",
    "guardrail_triggered": False,
    "toxicity_score": 0.3,
    "tool_called": "search",
    "tool_output": "o" * 200,
}


def emit() -> None:
    lapwing.emit(EVENT)


def interaction() -> None:
    with lapwing.interaction(model="m", user="u", session="s", prompt="p" * 700) as i:
        i.respond("r" * 900)


def measure(name: str, target_us: float, run: object) -> None:
    clock, times = time.perf_counter_ns, []
    for _ in range(CALLS):
        began = clock()
        run()  # type: ignore[operator]
        times.append(clock() - began)
    times.sort()
    p50, p99 = (times[int(share * (CALLS - 1))] / 1000 for share in (0.5, 0.99))
    print(f"| Python {name}, p50 | <= {target_us:g} us | {p50:.1f} us (p99 {p99:.1f} us) |")


url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:9"
lapwing.init(url, service="bench", queue_events=4 * CALLS, queue_bytes=1 << 30, exit_timeout=0)
measure("emit of 2 KB", 10, emit)
measure("interaction", 20, interaction)
