"""Run blocking calls in daemon threads that never hold up the host's exit.

``ThreadPoolExecutor`` joins its threads when the interpreter ends, so one hanging name lookup or one keyring prompt that nobody
answers would keep the host from quitting; qasync's own executor aborts the process when a running ``QThread`` is destroyed.
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

if TYPE_CHECKING:
    _Job = tuple["concurrent.futures.Future[Any]", Callable[[], Any]]

__all__ = ["DaemonExecutor"]

_R = TypeVar("_R")


class DaemonExecutor(concurrent.futures.Executor):
    """Start up to ``max_workers`` daemon threads, one at a time and only while no started thread is free."""

    def __init__(self, max_workers: int = 8, *, name: str = "nuke-ai-panel") -> None:
        self._max_workers = max_workers
        self._name = name
        self._jobs: queue.SimpleQueue[Optional[_Job]] = queue.SimpleQueue()
        self._free = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._started = 0
        self._is_shut_down = False

    def submit(self, fn: Callable[..., _R], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[_R]:
        """Queue a call and return its future. Any thread may call this.

        Raises:
            RuntimeError: the executor is shut down.
        """
        future: concurrent.futures.Future[_R] = concurrent.futures.Future()
        with self._lock:
            if self._is_shut_down:
                raise RuntimeError("The executor is shut down and takes no more calls.")
            self._jobs.put((future, lambda: fn(*args, **kwargs)))
            if not self._free.acquire(blocking=False) and self._started < self._max_workers:
                self._started += 1
                threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = True) -> None:
        """Take no more calls and let the threads end. It never waits: ``wait`` is here for the interface.

        With ``cancel_futures`` (the default here) calls that no thread has begun are cancelled; without, they still run.
        """
        with self._lock:
            if self._is_shut_down:
                return
            self._is_shut_down = True
            if cancel_futures:
                self._cancel_waiting()
            for _ in range(self._started):
                self._jobs.put(None)

    def _cancel_waiting(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                job[0].cancel()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:  # noqa: BLE001 (it belongs to whoever awaits)
                    future.set_exception(error)
                else:
                    future.set_result(result)
                    del result
            # A thread that waits for its next call must not keep the last one's arguments alive.
            del job, future, call
            self._free.release()
