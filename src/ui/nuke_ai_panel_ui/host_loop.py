"""Run asyncio inside a Qt application that somebody else started and will stop.

``HostLoop`` is a ``qasync.QEventLoop``: qasync brings the sockets (notifiers on Unix, completion ports on Windows) and their
transports. What differs is how callbacks are run, because a host's event loop belongs to others:

* It is the *running* loop only while one of its own callbacks runs. Stock qasync marks the whole main thread for good; then
  every other tool's ``asyncio.run()`` fails, and a second such loop makes the tasks of the first one raise "Timeout context
  manager should be used inside a task".
* One queue, one heap and one precise Qt timer instead of a Qt timer per callback. A batch of callbacks is bounded in time, so
  Qt paints between batches; a cancelled timer costs nothing.
* A nested Qt event loop (a modal dialog, a progress bar) inside a task parks that task, and the others go on.
* A timer that is found late waits once more, briefly: the main thread was blocked, and data that came meanwhile lies unread in
  the sockets. So a blocked host causes no false timeout.
* It never quits the host, and leaves it on ``aboutToQuit`` without running the host's events.

Rules for code on top of it:

* From a Qt slot start a task with `spawn`. ``asyncio.create_task``, ``ensure_future``, ``gather`` and ``qasync.asyncSlot`` look
  for the running loop and find none, or a stranger's.
* Build ``aiohttp.ClientSession`` and, on Python 3.9, locks, events and queues inside a coroutine or under `HostLoop.entered`.
* Run host calls, user scripts and modal dialogs through `hop`, so that no task step is beneath them.
* Never call ``asyncio.set_event_loop``, ``run_forever``, ``run_until_complete`` or ``QApplication.exit``.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import math
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

from nuke_ai_panel_ui.daemon_executor import DaemonExecutor
from nuke_ai_panel_ui.qasync_loading import load_qasync
from nuke_ai_panel_ui.qt import BINDING, Qt, QtCore, QtWidgets, Signal, is_valid
from nuke_ai_panel_ui.timer_queue import Timer, TimerQueue

if TYPE_CHECKING:
    import concurrent.futures
    import contextvars
    from collections.abc import Awaitable, Coroutine, Iterator

    from qasync import QEventLoop

__all__ = ["HostLoop", "attach", "hop", "spawn"]

log = logging.getLogger(__name__)

_T = TypeVar("_T")

if not TYPE_CHECKING:
    QEventLoop = load_qasync().QEventLoop


class _Bell(QtCore.QObject):
    """Wake the main thread from any other, one of Qt's or not."""

    rung = Signal()


class HostLoop(QEventLoop):
    """Drive asyncio from a running ``QApplication``. Make it with `attach`, on the main thread.

    Everything here is for the main thread except `call_soon_threadsafe` (and so ``asyncio.run_coroutine_threadsafe``).
    """

    BATCH_SECONDS = 0.004
    """How long callbacks may run before Qt gets a turn."""
    LATE_SECONDS = 0.1
    """A timer later than this says that the main thread was blocked."""
    GRACE_SECONDS = 0.25
    """How long a late timer waits for the sockets to be read; once per timer."""
    CANCEL_SECONDS = 1.0
    """How long `shutdown` waits for cancelled tasks."""
    CLOSE_SECONDS = 2.0
    """How long `shutdown` waits for the closers."""

    def __init__(self, app: QtWidgets.QApplication) -> None:
        self._attached = False
        self._host = app
        self._home_thread = threading.get_ident()
        self._queue: collections.deque[asyncio.Handle] = collections.deque()
        self._timers = TimerQueue()
        self._held = 0
        self._wake_at = math.inf
        self._thread_called = threading.Event()
        self._ringing = threading.RLock()  # Reentrant: garbage collection in emit may make another call.
        self._bell = _Bell()
        self._bell.rung.connect(self._on_bell)
        self._executor: concurrent.futures.Executor = DaemonExecutor()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._blocking_calls: weakref.WeakSet[asyncio.Future[Any]] = weakref.WeakSet()
        self._closers: list[Callable[[], Awaitable[object]]] = []
        self._shutdown_is_due = False
        self._alarm = QtCore.QTimer()
        self._alarm.setSingleShot(True)
        self._alarm.setTimerType(Qt.TimerType.PreciseTimer)
        self._alarm.timeout.connect(self._on_alarm)
        before = asyncio._get_running_loop()
        try:
            super().__init__(app, already_running=True)
        finally:
            asyncio._set_running_loop(before)
        # On Windows this connection stops the completion port's thread before our own handler could close a connection.
        app.aboutToQuit.disconnect(self._after_run_forever)
        app.aboutToQuit.connect(self.shutdown)
        self._attached = True

    # What asyncio asks of a loop

    def is_running(self) -> bool:
        """Tell whether the loop is attached; between its callbacks it is not the thread's running loop all the same."""
        return self._attached

    def stop(self) -> None:
        """Do nothing: qasync would quit the host here. Use `shutdown` to let go of it."""

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Optional[contextvars.Context] = None
    ) -> asyncio.Handle:
        """Run a callback in one of the next batches, in order."""
        if threading.get_ident() != self._home_thread:
            # Garbage collection in a worker thread closes forgotten transports, and they call here.
            return self.call_soon_threadsafe(callback, *args, context=context)
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._queue.append(handle)
        self._wake_up_at(0.0)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Optional[contextvars.Context] = None
    ) -> asyncio.Handle:
        """Run a callback in one of the next batches, called from any thread, Qt's or not."""
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        # The signal only wakes the main thread. The handle is queued here, where shutdown finds it without Qt's event queue.
        self._queue.append(handle)
        if not self._thread_called.is_set():
            self._thread_called.set()
            with self._ringing:
                if self._attached:
                    self._bell.rung.emit()
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Optional[contextvars.Context] = None
    ) -> asyncio.TimerHandle:
        """Run a callback after ``delay`` seconds, never early."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Optional[contextvars.Context] = None
    ) -> asyncio.TimerHandle:
        """Run a callback when `time` reaches ``when`` (seconds), never early."""
        self._check_closed()
        timer = Timer(when, callback, args, self, context)
        timer.is_put_off = False
        if threading.get_ident() == self._home_thread:
            self._schedule(timer)
        else:
            self.call_soon_threadsafe(self._schedule, timer)
        return timer

    def run_in_executor(
        self, executor: Optional[concurrent.futures.Executor], func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """Run a blocking call in ``executor``, or in a daemon thread of ours when it is None."""
        # qasync wraps the future on "the current event loop", which in a slot is a stranger's.
        future = asyncio.wrap_future((executor or self._executor).submit(func, *args), loop=self)
        self._blocking_calls.add(future)
        return future

    def set_default_executor(self, executor: concurrent.futures.Executor) -> None:
        """Replace the daemon threads. An executor that joins its threads can hold up the host's exit."""
        self._executor = executor

    def close(self) -> None:
        """Let go of the host without waiting for anything; `shutdown` is the orderly way."""
        if self.is_closed():
            return
        # A call that ends later must find a future that needs no loop any more.
        for future in list(self._blocking_calls):
            future.cancel()
        self._attached = False
        # Leave no thread inside emit: on its way out PySide6 6.12 looks for a Python error, and crashes where Python has ended.
        with self._ringing:
            self._alarm.stop()
        if is_valid(self._host):
            self._host.aboutToQuit.disconnect(self.shutdown)
        self._after_run_forever()
        super().close()
        self._queue.clear()
        self._timers.clear()
        self._executor.shutdown(wait=False)

    # What the panel asks of it

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be the running loop for a few lines of a Qt slot, to build objects that look for it. Await nothing in there."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            yield
        finally:
            asyncio._set_running_loop(before)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no callback of this loop run inside of the block, although Qt's events may be handled in it."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if self._attached:
                self._wake_up_at(0.0)

    def spawn(self, coro: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Start a task from anywhere on the main thread, keep it alive until it ends, and log what it raises."""
        task: asyncio.Task[_T] = self.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def add_closer(self, closer: Callable[[], Awaitable[object]]) -> None:
        """Register a coroutine function to be run at `shutdown`, after all tasks were cancelled; the last one added runs first.

        A closer may use worker threads but not the network: sockets are not read any more.
        """
        self._closers.append(closer)

    def shutdown(self) -> None:
        """Cancel every task, run the closers, and let go of the host. Runs by itself on ``aboutToQuit``; more calls do nothing.

        Only callbacks of this loop are run, never Qt's event queue: the host is being torn down. Called while a step of a task
        is on the stack (Qt 6 sends ``aboutToQuit`` from within ``quit()``), it does its work as soon as that step ends.
        """
        if self.is_closed():
            return
        if asyncio.current_task(self) is not None:
            self._shutdown_is_due = True
            return
        self._shutdown_is_due = False
        pending = asyncio.all_tasks(self)
        for task in pending:
            task.cancel()
        self._drain(pending, self.CANCEL_SECONDS)
        closing = self.create_task(self._close_everything())
        self._drain({closing}, self.CLOSE_SECONDS)
        # A closed encrypted connection waits for the server's farewell, which nobody will read. Windows keeps no such list.
        for transport in list(getattr(self, "_transports", {}).values()):
            transport.abort()
        self._drain(set(), self.CLOSE_SECONDS)
        for task in asyncio.all_tasks(self):
            log.warning("%r did not end when it was cancelled, and is left behind.", task)
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.close()

    # Timers and batches

    def _schedule(self, timer: Timer) -> None:
        if timer.cancelled():
            return
        self._timers.add(timer)
        self._wake_up_at(timer.when())

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        # TimerHandle.cancel() calls this.
        self._timers.note_cancelled(handle)

    def _wake_up_at(self, when: float) -> None:
        if when >= self._wake_at:
            return
        self._wake_at = when
        # Qt counts whole milliseconds in 31 bits. Rounded up, because an alarm before its time would only be set again.
        self._alarm.start(math.ceil(min(max((when - self.time()) * 1000, 0), 2**31 - 1)) if when > 0 else 0)

    def _on_bell(self) -> None:
        self._thread_called.clear()
        # The bell may have been rung before the loop was closed, and be heard afterwards.
        if self._attached:
            self._wake_up_at(0.0)

    def _on_alarm(self) -> None:
        if not self._attached:
            return
        # Should a callback open a nested Qt event loop, the next alarm rings in there, and the other callbacks go on.
        self._wake_at = math.inf
        if self._held:
            return
        self._wake_up_at(0.0)
        self._timers.put_off_late(self.time(), late=self.LATE_SECONDS, grace=self.GRACE_SECONDS)
        self._run_batch()
        if self._shutdown_is_due:
            self.shutdown()
        if self._attached:
            self._set_alarm()

    def _set_alarm(self) -> None:
        next_time = self._timers.next_time()
        self._wake_at = math.inf
        if self._queue:
            self._wake_up_at(0.0)
        elif next_time is not None:
            self._wake_up_at(next_time)
        else:
            self._alarm.stop()

    def _run_batch(self) -> None:
        """Run due timers and queued callbacks, also those queued meanwhile, until the queue is empty or the time is spent."""
        started = self.time()
        self._queue.extend(self._timers.take_due(started + self._clock_resolution))
        running_before = asyncio._get_running_loop()
        hooks_before = sys.get_asyncgen_hooks()
        # A task of ours is on the stack when Qt's event loop runs nested inside one of its steps. It is parked meanwhile.
        parked = asyncio.current_task(self)
        asyncio._set_running_loop(self)
        if parked is not None:
            asyncio.tasks._leave_task(self, parked)
        sys.set_asyncgen_hooks(self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook)
        try:
            while self._queue:
                handle = self._queue.popleft()
                if not handle.cancelled():
                    self._run_handle(handle)
                # A local would keep the callback's arguments alive until the next batch.
                del handle
                if self.time() - started >= self.BATCH_SECONDS:
                    break
        finally:
            sys.set_asyncgen_hooks(*hooks_before)
            if parked is not None:
                asyncio.tasks._enter_task(self, parked)
            asyncio._set_running_loop(running_before)

    def _run_handle(self, handle: asyncio.Handle) -> None:
        try:
            handle._run()
        except (SystemExit, KeyboardInterrupt):
            # Everything else is caught in there. PySide would end the process: the host, with the artist's work.
            log.exception("A callback tried to end the process, which belongs to the host; it was ignored.")

    # Letting go

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("%r failed", task, exc_info=error)

    def _drain(self, tasks: set[asyncio.Task[Any]], seconds: float) -> None:
        """Run our own callbacks until the tasks are done or the time is up."""
        end = self.time() + seconds
        while not all(task.done() for task in tasks) and self.time() < end:
            self._thread_called.clear()
            self._run_batch()
            if not self._queue:
                # Nothing to run: only a worker thread or a timer can bring something.
                self._thread_called.wait(0.005)
        # What finished tasks have queued (their callbacks, closed transports) belongs to the same round.
        while self._queue and self.time() < end:
            self._run_batch()

    async def _close_everything(self) -> None:
        while self._closers:
            closer = self._closers.pop()
            try:
                await closer()
            except Exception:
                log.exception("%r failed while the panel was let go", closer)
        await self.shutdown_asyncgens()


_attached: Optional[HostLoop] = None


def attach() -> HostLoop:
    """Return this process's `HostLoop`; the first call makes it, before or while the application's event loop runs.

    Raises:
        RuntimeError: there is no ``QApplication`` (a render node, ``nuke -t``), or this is not the main thread.
    """
    global _attached
    if _attached is not None and not _attached.is_closed():
        return _attached
    app = QtCore.QCoreApplication.instance()
    if not isinstance(app, QtWidgets.QApplication):
        raise RuntimeError("There is no Qt application with windows here, so the panel's event loop has nothing to run in.")
    if QtCore.QThread.currentThread() != app.thread():
        raise RuntimeError("The panel's event loop must be attached on the application's main thread.")
    _attached = HostLoop(app)
    log.debug("Attached to %s (%s, Qt %s)", app.applicationName(), BINDING, QtCore.qVersion())
    return _attached


def spawn(coro: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """Start a task on this process's `HostLoop` from a Qt slot or from a coroutine; see `HostLoop.spawn`."""
    return attach().spawn(coro)


def hop(loop: HostLoop, fn: Callable[[], _T]) -> asyncio.Future[_T]:
    """Run ``fn`` on the main thread straight from Qt, with no task step beneath it and no running loop, and await its result.

    In there a host call, a user's script, ``asyncio.run``, a modal dialog and ``processEvents`` are all harmless to the tasks
    of this loop. Cancelling the await before ``fn`` has begun means that it never runs; afterwards its result is dropped.

    Raises:
        RuntimeError: ``fn`` raised SystemExit, KeyboardInterrupt or StopIteration, which a future cannot carry safely.
        Exception: whatever else ``fn`` raised.
    """
    future: asyncio.Future[_T] = loop.create_future()

    def run() -> None:
        if future.done() or loop.is_closed():
            return
        if asyncio._get_running_loop() is loop:
            # Qt's event loop runs nested inside one of our callbacks; wait until that has ended.
            QtCore.QTimer.singleShot(20, run)
            return
        try:
            result = fn()
        except BaseException as error:
            if future.done() or loop.is_closed():
                log.exception("%r failed after nobody waited for it any more", fn)
            elif isinstance(error, Exception) and not isinstance(error, (StopIteration, asyncio.CancelledError)):
                future.set_exception(error)
            else:
                wrapped = RuntimeError(f"The call was ended by {type(error).__name__}: {error}")
                wrapped.__cause__ = error
                future.set_exception(wrapped)
        else:
            if not future.done() and not loop.is_closed():
                future.set_result(result)

    QtCore.QTimer.singleShot(0, run)
    return future
