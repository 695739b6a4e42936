"""The checks that are under way: stopping them loses nothing, for what a stop has left unchecked can be checked again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from nuke_ai_panel.agent.session_events import CheckResumed, CheckStopped, SessionEvent
from nuke_ai_panel.errors import ProposalError
from nuke_ai_panel.scripting.proposal import ScriptProposal

__all__ = ["Checks"]


class Checks:
    """The tasks of one conversation that review proposals, and what stopped ones have left. Main thread only."""

    def __init__(self, emit: Callable[[SessionEvent], None]) -> None:
        self._emit = emit
        self._tasks: set[asyncio.Task[object]] = set()
        self._stopping: set[asyncio.Task[object]] = set()
        self._stopped: dict[int, CheckStopped] = {}
        self._next = 1

    @property
    def tasks(self) -> frozenset[asyncio.Task[object]]:
        """The tasks that review now."""
        return frozenset(self._tasks)

    @contextlib.contextmanager
    def at_work(
        self, left: list[ScriptProposal], is_wanted: Callable[[], bool], *, revises: int | None = None
    ) -> Iterator[None]:
        """Mark the running task as one that reviews. Meanwhile the artist may ask something else.

        The block takes from `left` what is done. What is in there when the task is cancelled is kept, and told with a
        ``CheckStopped``, unless nobody wants to know any more. `revises` is the proposal that an edited one takes the place of.
        """
        own_task = asyncio.current_task()
        if own_task is None or own_task in self._tasks:
            yield
            return
        self._tasks.add(own_task)
        was_stopped = False
        try:
            yield
        except asyncio.CancelledError:
            was_stopped = True
            raise
        finally:
            self._tasks.discard(own_task)
            self._stopping.discard(own_task)
            if was_stopped and left and is_wanted():
                event = CheckStopped(self._next, tuple(left), revises)
                self._next += 1
                self._stopped[event.check_id] = event
                self._emit(event)

    def stop(self) -> bool:
        """End every review; False when there is none."""
        # A second cancellation would reach a task that is at ending its process.
        for task in self._tasks - self._stopping:
            self._stopping.add(task)
            task.cancel()
        return bool(self._tasks)

    def find(self, check_id: int) -> CheckStopped:
        """Return a check that was stopped and not taken up again. Raises: ProposalError."""
        stopped = self._stopped.get(check_id)
        if stopped is None:
            raise ProposalError("This check was already taken up again, or belongs to an earlier conversation.")
        return stopped

    def take_up(self, check_id: int) -> CheckStopped:
        """Return a check that was stopped, and tell that it goes on. Raises: ProposalError."""
        stopped = self.find(check_id)
        del self._stopped[check_id]
        self._emit(CheckResumed(check_id))
        return stopped

    def clear(self) -> None:
        """End every review and forget what is left: a new conversation begins."""
        self.stop()
        self._stopped.clear()
