"""Calls into the main thread of the emulated module, with what Nuke does to exceptions: printed, and the result None."""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import Session

__all__ = ["MainThread"]


class MainThread:
    """The queue of calls that other threads hand to the main one, which is the thread that made the module."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {
            "executeInMainThread": self.execute,
            "executeInMainThreadWithResult": self.execute_with_result,
        }

    def execute(self, call: Callable[..., object], args: Any = (), kwargs: Mapping[str, Any] | None = None) -> None:
        """Call on the main thread some time later; on the main thread itself at once. An exception is printed."""
        if self._is_main():
            self._made(call, args, kwargs)
        else:
            self._calls.put(lambda: self._forget(call, args, kwargs))

    def execute_with_result(
        self, call: Callable[..., object], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        """Call on the main thread, wait, and return the result; an exception is printed there and the result is None.

        Raises: NotSimulatedError where Nuke would wait for ever: from the main thread of a session with a window, which would
            wait for itself, and from another thread of a session without one, which serves no calls.
        """
        if self._is_main():
            if self.session.has_window:
                raise NotSimulatedError(
                    "nuke.executeInMainThreadWithResult on the main thread is not simulated: Nuke hangs there. Call it."
                )
            return self._made(call, args, kwargs)
        if not self.session.has_window:
            raise NotSimulatedError(
                "nuke.executeInMainThreadWithResult from another thread is not simulated without a window: nothing serves it."
            )
        done = threading.Event()
        results: list[object] = [None]

        def serve() -> None:
            try:
                results[0] = self._made(call, args, kwargs)
            finally:
                done.set()

        self._calls.put(serve)
        done.wait()
        return results[0]

    def serve(self, seconds: float = 0.0) -> bool:
        """Make one call that waits, as a turn of Nuke's own loop does; wait up to `seconds` for one. False where none came."""
        try:
            call = self._calls.get(timeout=seconds) if seconds > 0 else self._calls.get_nowait()
        except queue.Empty:
            return False
        call()
        return True

    def _is_main(self) -> bool:
        return threading.get_ident() == self.session.main_thread

    def _forget(self, call: Callable[..., object], args: Any, kwargs: Mapping[str, Any] | None) -> None:
        self._made(call, args, kwargs)

    def _made(self, call: Callable[..., object], args: Any, kwargs: Mapping[str, Any] | None) -> object:
        try:
            return call(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
        except Exception:  # noqa: BLE001  Nuke prints what the call raises and goes on
            self.session.write(traceback.format_exc())
            return None
