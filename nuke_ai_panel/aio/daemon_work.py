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

    Raises:
        RuntimeError: `work` ended with what is no error (``SystemExit``, a panic of a compiled library), which is its cause.
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
        except BaseException as error:  # noqa: BLE001 (it is raised again where it is awaited)
            failure = error if isinstance(error, Exception) and not isinstance(error, StopIteration) else _ended_with(error)
        # Nobody waits where the loop was closed meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future


def _ended_with(error: BaseException) -> RuntimeError:
    """Return what can be raised in a coroutine, where `error` would end the loop, or pass for the end of an iterator."""
    wrapped = RuntimeError(f"The work in a thread ended with {type(error).__name__}.")
    wrapped.__cause__ = error
    return wrapped
