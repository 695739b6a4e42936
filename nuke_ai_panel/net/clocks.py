"""Time that counts only while the event loop was alive.

A loop that lives in an application's main thread stands still whenever the application does (a render, a script that loads).
Afterwards every timer is due, although the answers may have been waiting in the sockets all along. Here a standstill of any
length counts as one short step, so it never makes a time-out by itself.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

__all__ = ["TICK", "AliveClock", "Pulse", "SilenceWatch", "within"]

TICK = 0.1
"""Seconds between two looks at the clock."""

_LONGEST_STEP = 0.2

T = TypeVar("T")

Look = Callable[[float], float]


class AliveClock:
    """Seconds since it was made, without those in which the loop stood still. Call :meth:`tick` about every ``TICK``."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self.seconds = 0.0

    def tick(self) -> float:
        """Look at the clock and return the step to add: the time since the last look, at most 0.2 s."""
        now = self._loop.time()
        step = min(now - self._last, _LONGEST_STEP)
        self._last = now
        self.seconds += step
        return step


def _keep(_: object) -> None:
    """Do nothing with a result that nobody takes."""


async def within(
    awaitable: Awaitable[T],
    seconds: float,
    *,
    counts: Callable[[], bool] = lambda: True,
    discard: Callable[[T], object] = _keep,
) -> T:
    """Await `awaitable` for at most `seconds` of the loop's living time; while `counts` is false the time begins anew.

    For the opening of a stream, which may take minutes and which *Stop* must end: a loop that stood still makes no time-out,
    and a cancellation that arrives together with the result is never lost (``asyncio.wait_for`` of Python 3.9 to 3.11 then
    returns the result); `discard` is called with that result. Short calls, where neither matters, use
    :func:`asyncio.wait_for`. Nothing waits like this per token.

    Raises:
        asyncio.TimeoutError: the time is over; `awaitable` has been cancelled and has ended.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(awaitable)
    clock = AliveClock()
    is_taken = False
    try:
        while not task.done():
            left = seconds - clock.seconds
            if left <= 0:
                raise asyncio.TimeoutError
            await asyncio.wait({task}, timeout=min(TICK, left))
            clock.tick()
            if not counts():
                clock.seconds = 0.0
        is_taken = True
        return task.result()
    finally:
        # One that is thrown away after its loop was closed can end nothing any more.
        if not task.done() and not loop.is_closed():
            task.cancel()
            await asyncio.wait({task})
        if task.done() and not task.cancelled() and task.exception() is None and not is_taken:
            discard(task.result())


class Pulse:
    """The one timer of all that watches over connections on a loop; it runs only while there is something to watch over.

    A look is called with the seconds since the last one (those of a standstill count as one short step), and returns in how
    many seconds it wants to be called again at the latest.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        #: When each was called last, and in how many seconds it wants to be called.
        self._looks: dict[Look, list[float]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf

    def begin(self, look: Look, soon: float = TICK) -> None:
        """Call `look` from now on, in at most `soon` seconds for the first time."""
        now = self._loop.time()
        self._looks[look] = [now, soon]
        if now + soon < self._due:
            self._arm(now + soon)

    def end(self, look: Look) -> None:
        """Do not call `look` any more. The timer goes on to its next beat: another one has mostly begun by then."""
        self._looks.pop(look, None)

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self._beat)

    def _beat(self) -> None:
        self._timer, self._due = None, math.inf
        now = self._loop.time()
        try:
            for look, times in tuple(self._looks.items()):
                # One before it may have ended it, or the garbage collection in another thread.
                if self._looks.get(look) is not times:
                    continue
                try:
                    times[1] = look(min(now - times[0], _LONGEST_STEP))
                    times[0] = now
                except Exception as error:  # noqa: BLE001 - the others are to be called all the same
                    self.end(look)
                    self._loop.call_exception_handler({"message": "A watch over a connection failed.", "exception": error})
        finally:
            # Ctrl+C can come here too, and the others are watched over all the same.
            soon = min((soon for _, soon in tuple(self._looks.values())), default=math.inf)
            if soon < math.inf:
                self._arm(now + soon)


class SilenceWatch:
    """Two clocks over one stream: how long no byte came, and how long no event.

    Time counts only while the reader is waiting (:attr:`waiting`), so that a slow consumer is not taken for a silent server,
    and only while the loop was alive. The reader sets :attr:`byte_silence` to 0 when something came and :attr:`event_silence`
    when that carried the answer on; it does so for every piece, so they are no methods.

    `on_silence` is called once, on the loop. `total` is the seconds that are left for the whole stream, waiting or not; None is
    no limit. `is_lost` tells whether the connection is gone, in case nobody else says so: aiohttp 3.13 closes it over a broken
    chunk without waking the reader.
    """

    def __init__(
        self,
        pulse: Pulse,
        limit: float,
        on_silence: Callable[[], None],
        *,
        total: float | None = None,
        is_lost: Callable[[], bool] = lambda: False,
    ) -> None:
        self._pulse = pulse
        self._limit = limit
        self._total = math.inf if total is None else total
        self._on_silence = on_silence
        self._is_lost = is_lost
        self._was_lost = False
        self.byte_silence = 0.0
        self.event_silence = 0.0
        self.waiting = False
        self.silent: Literal["", "bytes", "events", "total", "lost"] = ""

    def start(self) -> None:
        """Begin to count."""
        self._pulse.begin(self._look, self._soon())

    def stop(self) -> None:
        """Stop counting for good."""
        self._pulse.end(self._look)

    def limit_to(self, seconds: float) -> None:
        """Allow only `seconds` of silence from now on, where that is less than before. It may be called again and again."""
        if seconds < self._limit:
            self._limit = seconds
            self.byte_silence = self.event_silence = 0.0

    def _soon(self) -> float:
        return min(TICK, self._limit / 2, max(self._total, 0.01))

    def _look(self, step: float) -> float:
        self._total -= step
        if self._total <= 0:
            return self._run_out("total")
        if self.waiting:
            self.byte_silence += step
            self.event_silence += step
            if max(self.byte_silence, self.event_silence) >= self._limit:
                return self._run_out("bytes" if self.byte_silence >= self._limit else "events")
        lost = self.waiting and self._is_lost()
        # What tells the reader in good order may be under way, so it is looked at twice.
        if lost and self._was_lost:
            return self._run_out("lost")
        self._was_lost = lost
        return self._soon()

    def _run_out(self, clock: Literal["bytes", "events", "total", "lost"]) -> float:
        self.silent = clock
        self.stop()
        self._on_silence()
        return TICK
