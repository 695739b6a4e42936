"""An event loop in a thread of its own, for callers that have none: scripts, the command line, notebooks, worker threads."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import inspect
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, Generic, Protocol, TypeVar, Union

__all__ = ["LoopThread", "background", "is_exiting", "maybe_await", "refuse_in_coroutine", "run_async", "wait_for_bell"]

T = TypeVar("T")

Work = Union[Coroutine[Any, Any, T], Callable[[], Awaitable[T]]]

# Windows does not interrupt a wait for a lock, so Ctrl+C gets through between two slices only.
_SLICE = 0.2 if sys.platform == "win32" else None

_SHELLS = ("IPython", "ipykernel")


class LoopThread:
    """One event loop running in one daemon thread, started when first needed and again after a fork.

    Methods may be called from any thread but the loop's own.
    """

    def __init__(self, name: str = "nuke-ai-panel-loop") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._submitted: set[asyncio.Task[Any] | None] = set()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop; reading it starts the thread where there is none."""
        if self._process != os.getpid():
            # A fork copies the loop's objects but not its thread, and perhaps a lock that nobody will release.
            self._lock = threading.Lock()
            # Kept for ever: closing the copies could end what the parent still has registered for its own sockets.
            _of_former_processes.append(self._loop)
            self._loop = self._thread = None
            self._process = os.getpid()
        with self._lock:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop, self._thread = self._start()
            return self._loop

    def _start(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        loop = asyncio.new_event_loop()
        ready = threading.Event()

        def run() -> None:
            asyncio.set_event_loop(loop)
            loop.call_soon(ready.set)
            try:
                loop.run_forever()
            finally:
                _finish(loop)
                asyncio.set_event_loop(None)
                loop.close()

        thread = threading.Thread(target=run, name=self._name, daemon=True)
        thread.start()
        ready.wait()
        return loop, thread

    def submit(self, work: Work[T]) -> concurrent.futures.Future[T]:
        """Start `work` (a coroutine, or a function that returns an awaitable and is called on the loop); do not wait for it.

        Cancelling the returned future cancels the work.
        """
        return asyncio.run_coroutine_threadsafe(self._kept(work), self.loop)

    async def _kept(self, work: Work[T]) -> T:
        # A loop holds its tasks weakly, and whoever submits work may forget the future.
        own_task = asyncio.current_task()
        self._submitted.add(own_task)
        try:
            return await _awaited(work)
        finally:
            self._submitted.discard(own_task)

    def run(self, work: Work[T], timeout: float | None = None, *, twin: str = "") -> T:
        """Run `work` to its end and return its result, or raise what it raises.

        `timeout` is seconds, None for no limit; when it is over, and also on Ctrl+C, the work is cancelled. `twin` is what a
        coroutine should await instead; "" takes the name of `work`.

        Raises:
            RuntimeError: called from a coroutine, which must await instead: waiting here would stop its own loop.
            TimeoutError: the time is over.
        """
        try:
            refuse_in_coroutine(twin or getattr(work, "__qualname__", "") or "the async function")
        except RuntimeError:
            if inspect.iscoroutine(work):
                work.close()
            raise
        errand = _Errand(work)
        try:
            errand.send(self.loop)
            if errand.wait(timeout):
                return errand.result()
        finally:
            # The wait may have been cut short, by the time-out or by Ctrl+C.
            errand.cancel()
        raise TimeoutError(f"The call did not end in {timeout:g} s.")

    def stop(self) -> None:
        """Cancel what runs, close the loop and end the thread. A later call starts a new one."""
        if self._process != os.getpid():
            return
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or not thread.is_alive():
            return
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join(5.0)


_of_former_processes: list[asyncio.AbstractEventLoop | None] = []


class _Errand(Generic[T]):
    """Work that one thread sends to the loop and waits for; its last step wakes that thread itself.

    A future of :mod:`concurrent.futures` takes two more turns of the loop for that.
    """

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_cancelled = self._has_ended = False
        self._results: list[T] = []
        self._failure: BaseException | None = None
        # Locked until the work has ended.
        self._end = threading.Lock()
        self._end.acquire()

    def send(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand the work to `loop`. Raises: RuntimeError: the loop is closed."""
        self._loop = loop
        try:
            loop.call_soon_threadsafe(self._begin)
        except RuntimeError:
            self._drop()
            raise

    def _begin(self) -> None:
        assert self._loop is not None
        self._task = self._loop.create_task(self._do())

    def _drop(self) -> None:
        if inspect.iscoroutine(self._work):
            self._work.close()

    async def _do(self) -> None:
        # From here on cancel() finds the task; what it said before is seen here.
        if self._is_cancelled:
            self._drop()
            return
        try:
            self._results.append(await _awaited(self._work))
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits; here it would end the loop for everybody
            self._failure = error
        finally:
            self._has_ended = True
            if not is_exiting():
                self._end.release()

    def wait(self, timeout: float | None) -> bool:
        """Wait for the work's end, at most `timeout` seconds; return whether it has ended."""
        if timeout is not None:
            return self._end.acquire(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX))
        while not self._end.acquire(timeout=_SLICE or -1):
            pass
        return True

    def result(self) -> T:
        """Return what the ended work has returned, or raise what it has raised."""
        failure, self._failure = self._failure, None
        if failure is None:
            return self._results.pop()
        try:
            if isinstance(failure, asyncio.CancelledError):
                # For the caller, which is no task, it is not a cancellation of its own.
                raise concurrent.futures.CancelledError from failure
            raise failure
        finally:
            # Its traceback holds this frame.
            del failure

    def cancel(self) -> None:
        """End the work if it has not ended, from any thread: Ctrl+C may come at any moment of the sending and waiting."""
        self._is_cancelled = True
        if self._task is not None and self._loop is not None and not self._has_ended:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)


async def _awaited(work: Work[T]) -> T:
    return await (work() if callable(work) else work)


class _Bell(Protocol):
    def wait(self, timeout: float | None = None) -> bool: ...


def wait_for_bell(bell: _Bell) -> None:
    """Wait for a ``threading.Event`` in such a way that Ctrl+C gets through on every system."""
    while not bell.wait(_SLICE):
        pass


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    # What was handed over last begins, so that whoever waits for it learns of the end.
    loop.run_until_complete(asyncio.sleep(0))
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=3.0))
    loop.run_until_complete(loop.shutdown_asyncgens())


def refuse_in_coroutine(twin: str) -> None:
    """Return if this thread may wait for another one's work: no task or callback of an event loop is beneath the caller.

    The cell of a notebook may wait although its kernel runs it in a task of its own: it is the main program, and the kernel
    does nothing else before it ends. So may a slot of a Qt application that another tool has marked as a running loop.

    Raises:
        RuntimeError: the message names `twin`, e.g. ``"ChatCompletion.acreate"``, to be awaited instead.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    if _is_inside_a_step(sys._getframe(1)):
        raise RuntimeError(
            "This was called from a coroutine, where waiting would stop the event loop."
            f" Await the async twin instead: await {twin}(...)."
        )


def _is_inside_a_step(frame: FrameType | None) -> bool:
    is_cell = False
    while frame is not None:
        code, module = frame.f_code, str(frame.f_globals.get("__name__", ""))
        if is_cell and module.partition(".")[0] in _SHELLS:
            return False
        if module == "asyncio.events" and code.co_name == "_run":
            return True
        # A cell with an await in it is a coroutine too, but one without a name of its own.
        is_cell = code.co_name == "<module>" or code.co_name.startswith("<cell line")
        if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR) and not is_cell:
            return True
        frame = frame.f_back
    return False


async def maybe_await(value: Awaitable[T] | T) -> T:
    """Return `value`, awaited first where it can be: for code that takes the results of sync and async functions alike."""
    return await value if inspect.isawaitable(value) else value


_shared = LoopThread()
_is_exiting = False


def is_exiting() -> bool:
    """Return whether what runs on the background loop is cancelled because the program ends.

    Only daemon threads wait for it then, and are left waiting: woken, they would print tracebacks of an error that is none.
    """
    return _is_exiting


def _stop_at_exit() -> None:
    global _is_exiting
    _is_exiting = True
    try:
        _shared.stop()
    finally:
        # What is registered to be called after this may ask again.
        _is_exiting = False


atexit.register(_stop_at_exit)


def background() -> LoopThread:
    """Return the process's background loop, which all sync calls share."""
    return _shared


def run_async(work: Work[T], timeout: float | None = None) -> T:
    """Run a coroutine, or a function that makes one, on the process's background loop; return its result.

    All calls share one loop, so a provider's pooled connections live on from call to call. `timeout` is seconds.

    Raises:
        RuntimeError: called from a coroutine; the message names what to await instead.
        TimeoutError: the time is over; the work has been cancelled.
    """
    return _shared.run(work, timeout)
