"""One request to a trial process, from any event loop: waited for in a worker thread, ended by cancelling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Optional, TypeVar

from nuke_ai_panel.nk.catalogue import gizmo_folders, index_folder
from nuke_ai_panel.scripting.trial import Trial, take_prepared

__all__ = ["TrialRequest"]

_T = TypeVar("_T")


class TrialRequest:
    """What is asked of a process: `request`, and `data` as its bytes, to be answered within `timeout` seconds."""

    def __init__(self, request: Mapping[str, object], data: bytes, timeout: float) -> None:
        self._request = {
            **request,
            "seconds": timeout,
            "index_folder": str(index_folder() or ""),
            "gizmo_folders": gizmo_folders(),
        }
        self._data = data
        self._timeout = timeout
        self._trial: Optional[Trial] = None
        self.was_ended = False

    async def wait_for(self, work: Callable[[], _T]) -> _T:
        """Return what `work` returns, which blocks in :meth:`asked`. Cancelling ends the process.

        A loop inside a host has no child watcher, so a worker thread waits.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(None, work)
        except asyncio.CancelledError:
            self.end()
            raise

    @contextlib.contextmanager
    def asked(self, python: str) -> Iterator[tuple[Trial, list[dict[str, object]]]]:
        """Ask a process of the interpreter `python`; give it and what it answered, nothing where it was ended before.

        Blocks. Raises: OSError where the interpreter does not start.
        """
        trial = take_prepared(python)
        self._trial = trial
        try:
            yield trial, [] if self.was_ended else trial.ask(self._request, self._data, timeout=self._timeout)
        finally:
            trial.close()

    def end(self) -> None:
        """End the process, from any thread."""
        self.was_ended = True
        trial = self._trial
        if trial is not None:
            trial.end()
