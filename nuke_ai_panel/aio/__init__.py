"""Run coroutines from ordinary code: one background event loop, kept for the life of the process."""

from nuke_ai_panel.aio.daemon_work import in_daemon_thread
from nuke_ai_panel.aio.loop_thread import LoopThread, background, maybe_await, refuse_in_coroutine, run_async

__all__ = ["LoopThread", "background", "in_daemon_thread", "maybe_await", "refuse_in_coroutine", "run_async"]
