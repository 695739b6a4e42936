"""Ending a script that does not end by itself, and staying in touch with the window while it runs.

A script runs on the host's main thread, which it holds. :class:`Interruption` lets a thread of its own look at the clock and at
a :class:`StopSwitch`; when it is time, :class:`ScriptStopped` is raised *inside of the script*, by a signal whose handler runs
on the main thread between two steps of the script. The handler looks at the stack first: it raises only while the script is on
it, so that nothing is ever raised in the host's own work before or after it, and not in the middle of the panel's own code that
a script has called. Until then the script runs at its full speed; nothing is traced.

A script that catches it is given a moment to tidy up; then it is raised again at every line and turn of a loop, so that no
``except`` can hold it. What cannot be ended is one long call of native code, such as a render, a sum over a billion numbers or
a search by a pattern that goes astray: it ends first. A script that was started on another thread than the main one, which the
panel never does, is ended only if it does not catch everything: there Python itself can raise, and nothing can insist. Threads
that a script has started are not ended. Waiting for a pipe or a socket is ended on Linux and macOS only.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, Optional

__all__ = ["Interruption", "ScriptStopped", "StopSwitch"]

_log = logging.getLogger(__name__)

#: Seconds between two ticks while the script runs, and between two attempts once it is to end.
_TICK = 0.05
_INSISTENT = 0.005

#: Seconds that a script which caught the stop may go on to tidy up.
_GRACE = 0.5

#: Seconds for which the panel's own code, when the script is inside of it, is waited for.
_PATIENCE = 2.0

#: Signals that end nothing when one comes late: their default is to be ignored.
_HARMLESS = ("SIGURG", "SIGWINCH")

_OWN = "nuke_ai_panel"


class ScriptStopped(BaseException):
    """Raised inside of a script that is to end. Not an Exception, so that ``except Exception`` lets it through."""


class StopSwitch:
    """A switch that ends the script it was given to. Any thread may press it; once pressed it stays so."""

    def __init__(self) -> None:
        self._pressed = threading.Event()

    def press(self) -> None:
        """End the script as soon as it can be."""
        self._pressed.set()

    @property
    def is_pressed(self) -> bool:
        """Whether it was pressed."""
        return self._pressed.is_set()


class Interruption:
    """Watch over one script: end it after `deadline` seconds (None: never) or when `stop` is pressed.

    ``on_tick`` is called about every 50 ms, on the main thread, between two steps of the script, wherever it is: it may look
    after a button, and must not touch the host. On another thread than the main one there are no ticks.
    """

    def __init__(
        self,
        *,
        stop: Optional[StopSwitch] = None,
        deadline: Optional[float] = 300.0,
        on_tick: Optional[Callable[[], None]] = None,
    ) -> None:
        self.was_stopped = False
        self._stop = stop or StopSwitch()
        self._deadline = deadline
        self._on_tick = on_tick
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._code: Optional[CodeType] = None
        self._ends: Optional[float] = None
        self._asked = self._raised = 0.0
        self._is_ticking = False
        self._nudge: Callable[[], None] = lambda: None
        self._called: Optional[Callable[..., object]] = None
        self._has_asked = False
        self._signal = 0
        self._handler: Any = None
        self._is_nudged = False

    @property
    def reason(self) -> str:
        """Why the script was ended, in words; "" where it was not."""
        if not self.was_stopped:
            return ""
        if self._stop.is_pressed:
            return "Stopped."
        return f"Stopped: it did not end within {self._deadline:g} s."

    @contextlib.contextmanager
    def running(self, code: CodeType) -> Iterator[None]:
        """Watch while the block executes `code`; in the thread of the caller. Puts back what it changed of the process."""
        self._code = code
        self._over.clear()
        self._ends = None if self._deadline is None else time.monotonic() + self._deadline
        traced = sys.gettrace()
        awake = -1
        by_signal = False
        if threading.current_thread() is threading.main_thread():
            by_signal = self._take_signal()
            if by_signal:
                # Each signal would wake an event loop whose turn it is not.
                awake = signal.set_wakeup_fd(-1)
        if not by_signal:
            self._nudge = _async_nudge(self, threading.get_ident())
        watchdog = threading.Thread(target=self._watch, name="nuke-ai-panel-watch", daemon=True)
        watchdog.start()
        try:
            yield
        finally:
            with self._lock:
                self._over.set()
            if self._called is not None:
                sys.settrace(traced)
            if self._has_asked:
                _absorb(threading.get_ident())
            if by_signal:
                signal.signal(self._signal, self._handler)
                if awake != -1:
                    signal.set_wakeup_fd(awake)
            watchdog.join()

    def close(self) -> None:
        """End the watch, if an exception kept it from ending by itself."""
        self._over.set()

    # the thread beside

    def _watch(self) -> None:
        is_due = False
        while not self._over.wait(_INSISTENT if is_due else _TICK):
            if not is_due and self._is_due():
                is_due = True
                with self._lock:
                    if not self._over.is_set() and self._signal and hasattr(signal, "siginterrupt"):
                        # From now on a call that waits for the system gives way; a tick does not disturb it.
                        signal.siginterrupt(self._signal, True)
            if is_due or self._on_tick is not None:
                with self._lock:
                    if not self._over.is_set():
                        self._is_nudged = True
                        self._nudge()

    def _is_due(self) -> bool:
        return self._stop.is_pressed or (self._ends is not None and time.monotonic() >= self._ends)

    # the main thread

    def _take_signal(self) -> bool:
        """Handle a signal that nobody uses; False where there is none."""
        if os.name == "posix":
            thread = threading.get_ident()
            for name in _HARMLESS:
                number = getattr(signal, name, None)
                if number is None or signal.getsignal(number) not in (signal.SIG_DFL, signal.SIG_IGN):
                    continue
                self._handle(number)
                # A tick lets the calls that wait for the system go on by themselves, as native code expects it.
                signal.siginterrupt(number, False)
                self._nudge = functools.partial(signal.pthread_kill, thread, number)
                return True
            return False
        if not callable(signal.getsignal(signal.SIGINT)):
            return False
        import _thread

        self._handle(signal.SIGINT)
        self._nudge = _thread.interrupt_main
        return True

    def _handle(self, number: int) -> None:
        self._signal = number
        self._handler = signal.getsignal(number)
        signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        if number == signal.SIGINT and not self._is_nudged:
            # Somebody pressed Ctrl+C.
            self._handler(number, frame)
            return
        self._is_nudged = False
        if self._is_ticking or frame is None or not self._is_inside(frame):
            return
        if self._on_tick is not None:
            self._is_ticking = True
            try:
                self._on_tick()
            except Exception:  # noqa: BLE001
                # Raised here it would come out of the middle of the script.
                _log.exception("What watches the script failed")
                self._on_tick = None
            finally:
                self._is_ticking = False
        if self._is_due():
            self._interrupt(frame)

    def _is_inside(self, frame: FrameType) -> bool:
        """Whether the script is on the stack."""
        each: Optional[FrameType] = frame
        while each is not None:
            if each.f_code is self._code:
                return True
            each = each.f_back
        return False

    def _is_in_own_code(self, frame: FrameType) -> bool:
        """Whether the script has called into the panel's own code, which is not left half way."""
        each: Optional[FrameType] = frame
        while each is not None and not self._is_of_script(each):
            if str(each.f_globals.get("__name__", "")).startswith(_OWN):
                return True
            each = each.f_back
        return False

    def _is_of_script(self, frame: FrameType) -> bool:
        return self._code is not None and frame.f_code.co_filename == self._code.co_filename

    def _interrupt(self, frame: FrameType) -> None:
        now = time.monotonic()
        if not self._asked:
            self._asked = now
        if self._raised and now - self._raised < _GRACE:
            return
        is_again = bool(self._raised)
        if self._is_in_own_code(frame) and now - self._asked < _PATIENCE:
            self._trace_lines(frame, self._raise_at_line)
            return
        if is_again:
            self._trace_lines(frame, self._insistent())
        else:
            self._raised = now
        self.was_stopped = True
        raise ScriptStopped

    def _trace_lines(self, frame: FrameType, trace: Callable[..., object]) -> None:
        """Let `trace` be called at the next lines of the script, in the functions that are running and in those it calls."""

        def called(frame: FrameType, event: str, _: object) -> Any:
            return trace if self._is_of_script(frame) and not self._over.is_set() else None

        each: Optional[FrameType] = frame
        while each is not None:
            if self._is_of_script(each):
                each.f_trace = trace
            each = each.f_back
        self._called = called
        sys.settrace(called)

    def _raise_at_line(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and not self._raised and not self._over.is_set():
            self._raised = time.monotonic()
            self.was_stopped = True
            raise ScriptStopped
        return self._raise_at_line

    def _insistent(self) -> Callable[..., object]:
        """Return what lets every line raise.

        Python takes a trace function away that raises itself. This one is native, and asks for an exception that comes right
        after it, so that it stays.
        """
        import ctypes

        self._has_asked = True
        kind = ctypes.PYFUNCTYPE(None, ctypes.c_ulong, *[ctypes.py_object] * 4)
        ask: Callable[..., object] = kind(("PyThreadState_SetAsyncExc", ctypes.pythonapi))
        return functools.partial(ask, threading.get_ident(), ScriptStopped)


def _async_nudge(watch: Interruption, thread: int) -> Callable[[], None]:
    """Return what raises in a thread that no signal reaches: Python's own way, which works between two steps only."""
    import ctypes

    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def nudge() -> None:
        frame = sys._current_frames().get(thread)
        if frame is None or not watch._is_due() or not watch._is_inside(frame):
            return
        now = time.monotonic()
        watch._asked = watch._asked or now
        if watch._raised and now - watch._raised < _GRACE:
            return
        if watch._is_in_own_code(frame) and now - watch._asked < _PATIENCE:
            return
        watch.was_stopped = watch._has_asked = True
        watch._raised = watch._raised or now
        raise_in(ctypes.c_ulong(thread), ctypes.py_object(ScriptStopped))

    return nudge


def _absorb(thread: int) -> None:
    """Let what was to be raised in this thread, and did not come to it before the script ended, be raised here.

    Taking it back instead would leave Python looking for it at every step from then on, and Python 3.11 hanging when it traces.
    """
    import ctypes

    with contextlib.suppress(ScriptStopped):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(ScriptStopped))
        for _ in range(10_000):
            pass
