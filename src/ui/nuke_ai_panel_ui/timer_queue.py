"""The timers of an event loop in the order of their times, most of which are cancelled before they ring."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Optional

__all__ = ["Timer", "TimerQueue"]


class Timer(asyncio.TimerHandle):
    """A timer handle that remembers that it has been put off once."""

    # The mark sits on the handle: a set of ids would mistake a new handle for a dead one at the same address.
    __slots__ = ("is_put_off",)

    is_put_off: bool


class TimerQueue:
    """A heap of timers; equal times keep their order. Times are the loop's, in seconds. One thread at a time."""

    def __init__(self) -> None:
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._timers)

    def add(self, timer: Timer) -> None:
        """Take in a timer that was not cancelled."""
        timer._scheduled = True  # type: ignore[attr-defined]
        heapq.heappush(self._timers, (timer.when(), next(self._order), timer))

    def note_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Let go of cancelled timers once they are many; to be called for each, after it was cancelled."""
        # Clients re-arm a read timeout at every chunk, so most timers die unused.
        if not handle._scheduled:  # type: ignore[attr-defined]
            return
        self._cancelled += 1
        if self._cancelled > 100 and self._cancelled > len(self._timers) // 2:
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def next_time(self) -> Optional[float]:
        """Return when the first timer is due, None where there is none."""
        while self._timers and self._timers[0][2].cancelled():
            self._drop_first()
        return self._timers[0][0] if self._timers else None

    def take_due(self, until: float) -> list[Timer]:
        """Take out the timers that are due by `until` and were not cancelled, in order."""
        due: list[Timer] = []
        while self._timers and self._timers[0][0] <= until:
            timer = self._drop_first()
            if not timer.cancelled():
                due.append(timer)
        return due

    def put_off_late(self, now: float, *, late: float, grace: float) -> None:
        """If a timer is late for the first time, put off all that are due until the grace ends, so that their order stays.

        `late` and `grace` are seconds.
        """
        if not self._timers or now - self._timers[0][0] <= late:
            return
        grace_ends = now + grace
        due: list[tuple[float, Timer]] = []
        while self._timers and self._timers[0][0] <= grace_ends:
            when, _, timer = heapq.heappop(self._timers)
            if timer.cancelled():
                self._cancelled -= 1
            else:
                due.append((when, timer))
        was_blocked = any(now - when > late and not timer.is_put_off for when, timer in due)
        for when, timer in due:
            if was_blocked and not timer.is_put_off:
                timer.is_put_off = True
                when = grace_ends
            heapq.heappush(self._timers, (when, next(self._order), timer))

    def clear(self) -> None:
        """Forget every timer."""
        self._timers.clear()

    def _drop_first(self) -> Timer:
        timer = heapq.heappop(self._timers)[2]
        timer._scheduled = False  # type: ignore[attr-defined]
        if timer.cancelled():
            self._cancelled -= 1
        return timer
