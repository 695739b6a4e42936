"""Blocking calls, off the loop and in nobody's way."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["in_daemon_thread", "in_worker"]

T = TypeVar("T")


def in_worker(work: Callable[[], T]) -> asyncio.Future[T]:
    """Start `work` in a worker thread of the running loop, and return the future of its result.

    Python ends its worker threads with the main thread, before the other threads that go on; then a daemon thread does it.
    """
    loop = asyncio.get_running_loop()
    try:
        return loop.run_in_executor(None, work)
    except RuntimeError:
        return loop.create_task(in_daemon_thread(work))


async def in_daemon_thread(work: Callable[[], T], name: str = "nuke-ai-panel-reader") -> T:
    """Return what `work` returns, or raise what it raises; it runs in a daemon thread of its own.

    A loop waits for its executor's threads before it is closed, and the interpreter before it ends; a keyring or a network
    drive that hangs would keep both. Cancelling leaves `work` to itself.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 (it is raised again where it is awaited)
            failure = error
        # Nobody waits where the loop was closed meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future
