"""Between threads and event loops: one background loop for ordinary code, and a bridge from worker threads to any loop."""

from nuke_ai_panel.aio.bridge import Bridge
from nuke_ai_panel.aio.daemon_work import in_daemon_thread, in_worker
from nuke_ai_panel.aio.loop_thread import LoopThread, background, maybe_await, refuse_in_coroutine, run_async

__all__ = [
    "Bridge",
    "LoopThread",
    "background",
    "in_daemon_thread",
    "in_worker",
    "maybe_await",
    "refuse_in_coroutine",
    "run_async",
]
