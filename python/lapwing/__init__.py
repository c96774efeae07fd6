"""The Python SDK of Lapwing: tells it what an application's models, agents and tools do.

    import lapwing

    with lapwing.interaction(model="gpt-x", user="u-17", session="s-4", prompt="Where is my order?") as i:
        i.tool_call("order_status", {"order": 17}, "shipped")
        i.respond("It ships today.")

Nothing here blocks the application or raises into it, and nothing has to be configured: without `init`, events go to
the server on this machine. What cannot be sent waits in a bounded queue; what is lost is counted, see `stats`.
"""

from ._client import emit, flush, init, shutdown, stats
from ._interaction import Interaction, current_interaction, interaction
from ._logging import LoggingHandler
from ._openai import instrument_openai, uninstrument_openai
from ._tools import tool

__version__ = "0.1.0"

__all__ = [
    "Interaction",
    "LoggingHandler",
    "current_interaction",
    "emit",
    "flush",
    "init",
    "instrument_openai",
    "interaction",
    "shutdown",
    "stats",
    "tool",
    "uninstrument_openai",
]
