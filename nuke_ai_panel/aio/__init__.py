"""Run coroutines from ordinary code: one background event loop, kept for the life of the process."""

from nuke_ai_panel.aio.loop_thread import LoopThread, run_async

__all__ = ["LoopThread", "run_async"]
