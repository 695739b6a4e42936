"""Who reads from a :class:`~nuke_ai_panel.aio.bridge.Bridge`: coroutines of a loop, or plain callbacks on one."""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nuke_ai_panel.errors import BridgeClosedError

if TYPE_CHECKING:
    from nuke_ai_panel.aio.bridge import Bridge

__all__ = ["LOOK_EVERY", "Listening", "Reader"]

T = TypeVar("T")

LOOK_EVERY = 0.1
"""Seconds between two looks of a waiting producer at its readers' loops, and of the silence clock at the time."""

_LONGEST_STEP = 0.2
"""Seconds that one look of the silence clock counts at most: a process that stood still was not silent."""

_ITEMS_A_TURN = 64
"""Callbacks that run in a row before their loop gets a turn."""

_ALL = 2**31

_numbers = itertools.count(1)


class Reader(Generic[T]):
    """One reader's place in a :class:`Bridge`: an async iterator for coroutines of one loop, one of them at a time.

    A cancelled wait loses nothing; the next one goes on at the same item. Leaving is :meth:`close`, the end of an
    ``async with`` block, or letting go of the last reference, as the end of an ``async for`` over the bridge does.

    Attributes:
        dropped: items that were lost to this reader before the one it got last.
    """

    def __init__(self, bridge: Bridge[T]) -> None:
        self.dropped = 0
        self._bridge = bridge
        self._number = next(_numbers)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._silent = 0.0
        self._clock: asyncio.TimerHandle | None = None
        self._is_over = False

    def __aiter__(self) -> Reader[T]:
        return self

    async def __anext__(self) -> T:
        if self._loop is None:
            self._settle(asyncio.get_running_loop())
        while True:
            taken = self._take_now(1)
            if taken:
                return taken[0]
            if self._is_over:
                raise StopAsyncIteration
            await self._wait()

    async def take(self, most: int = _ALL) -> list[T]:
        """Return everything that is there, at most `most` items; wait for the first one. [] is the end.

        Raises:
            Exception: what the producer failed with, after the items before it.
            StreamStalledError: the producer was silent for longer than allowed.
            BridgeClosedError: the bridge was closed before its end.
        """
        if self._loop is None:
            self._settle(asyncio.get_running_loop())
        while True:
            taken = self._take_now(most)
            if taken or self._is_over:
                return taken
            await self._wait()

    def close(self) -> None:
        """Leave. When this was the last reader, the producer's next ``feed`` raises. May be called from any thread, twice."""
        self._is_over = True
        bridge = self._bridge
        bridge._departed.append(self._number)
        with bridge._lock:
            sleeper = bridge._sleeping.pop(self._number, None)
            bridge._forget_departed()
        if sleeper is not None:
            bridge._ring({self._number: sleeper})

    async def aclose(self) -> None:
        """Leave, as :meth:`close` does."""
        self.close()

    async def __aenter__(self) -> Reader[T]:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        # The garbage collector may come here in a thread that holds the lock. Then the next feed looks at the row of departed.
        bridge = self._bridge
        bridge._departed.append(self._number)
        if bridge._lock.acquire(blocking=False):
            try:
                bridge._forget_departed()
            finally:
                bridge._lock.release()

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note where this reader lives: the producer looks whether that loop is closed, and never waits in its thread."""
        self._loop = loop
        self._thread = threading.get_ident()

    def _take_now(self, most: int) -> list[T]:
        """Return what is there. At the end of the row note that it is over, and raise its error."""
        if self._is_over:
            return []
        bridge = self._bridge
        with bridge._lock:
            taken = bridge._take(self, most)
            if taken or not (bridge._closed or bridge._ended):
                self._silent = 0.0 if taken else self._silent
                return taken
            error = bridge._error
            if bridge._closed and error is None:
                error = BridgeClosedError(f"The {bridge._name} was closed before its end.")
        self.close()
        if error is not None:
            raise error
        return []

    async def _wait(self) -> None:
        """Wait until there may be something to take."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        if self._sleep(loop, functools.partial(_set, woken)):
            try:
                await woken
            finally:
                self._stir()

    def _sleep(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> bool:
        """Have `wake` called on `loop` when something comes; return False where that has happened already."""
        bridge = self._bridge
        self._settle(loop)
        with bridge._lock:
            place = bridge._places.get(self._number)
            if place is None or bridge._closed or bridge._ended or place - bridge._first < len(bridge._items):
                return False
            bridge._sleeping[self._number] = (loop, wake)
        if bridge._silence is not None:
            self._clock = loop.call_later(LOOK_EVERY, self._look, loop.time())
        return True

    def _stir(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        if self._number in self._bridge._sleeping:
            with self._bridge._lock:
                self._bridge._sleeping.pop(self._number, None)

    def _look(self, last: float) -> None:
        bridge, loop = self._bridge, self._loop
        if loop is None or bridge._silence is None:
            return
        now = loop.time()
        if not bridge._waiting_producers:
            self._silent += min(now - last, _LONGEST_STEP)
        if self._silent >= bridge._silence:
            self._clock = None
            bridge._stall()
        else:
            left = bridge._silence - self._silent
            self._clock = loop.call_later(min(LOOK_EVERY, max(left, 0.001)), self._look, now)


def _set(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


class Listening(Generic[T]):
    """Callbacks on a loop that follow a bridge; made by :meth:`Bridge.listen`, which holds it until its end."""

    def __init__(
        self,
        reader: Reader[T],
        on_item: Callable[[T], object],
        on_end: Callable[[BaseException | None], object] | None,
        on_dropped: Callable[[int], object] | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._reader = reader
        self._on_item = on_item
        self._on_end = on_end
        self._on_dropped = on_dropped
        self._loop = loop
        self._has_left = False
        reader._loop = loop

    @property
    def dropped(self) -> int:
        """Items that were lost to these callbacks so far."""
        return self._reader.dropped

    def close(self) -> None:
        """Leave: nothing is called any more. May be called from any thread, twice."""
        self._has_left = True
        self._reader.close()

    def _turn(self) -> None:
        reader = self._reader
        reader._stir()
        before = reader.dropped
        try:
            taken = reader._take_now(_ITEMS_A_TURN)
        except Exception as error:  # noqa: BLE001 - it is what the producer failed with, and goes to the listener
            self._call(self._on_end, error)
            return
        if reader.dropped > before:
            self._call(self._on_dropped, reader.dropped - before)
        for item in taken:
            self._call(self._on_item, item)
        if reader._is_over:
            self._call(self._on_end, None)
        elif taken or not reader._sleep(self._loop, self._turn):
            self._loop.call_soon(self._turn)

    def _call(self, callback: Callable[[Any], object] | None, value: object) -> None:
        if callback is None or self._has_left:
            return
        try:
            callback(value)
        except Exception as error:  # noqa: BLE001 - one view's defect must not end the answer for the others
            self._loop.call_exception_handler({"message": "A listener of a bridge failed.", "exception": error})
