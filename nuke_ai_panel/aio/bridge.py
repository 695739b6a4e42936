"""From a synchronous producer in any thread to readers on event loops.

A producer is a generator (:meth:`Bridge.run`, :meth:`Bridge.pump`) or anything that calls :meth:`Bridge.feed` and then
:meth:`Bridge.finish` or :meth:`Bridge.fail`: a local model's binding, a render callback. It needs no event loop and meets none.
Each reader has a place of its own in the one row of items, on whichever loop it lives::

    bridge = Bridge(limit=256)
    bridge.run(model.generate(prompt))                   # a daemon thread
    async for token in bridge: ...                       # any coroutine, on any loop

    bridge.listen(show_token, show_end, loop=host_loop)  # plain callbacks on a loop, e.g. for a widget

A reader that has run dry is woken once and then finds everything that has come meanwhile: handing over costs one wake-up a
batch and not one an item.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Generic, Literal, TypeVar

from nuke_ai_panel.aio.bridge_readers import LOOK_EVERY, Listening, Reader
from nuke_ai_panel.errors import BridgeClosedError, StreamStalledError

__all__ = ["Bridge", "Listening", "Policy", "Reader"]

Policy = Literal["wait", "drop_oldest"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_numbers = itertools.count(1)


class Bridge(Generic[T]):
    """One row of items from producers in threads to readers on loops, in order and bounded.

    Items that come before the first reader are kept for it, within `limit`; a later reader begins at the oldest item that some
    reader has not read yet. When the last reader leaves (closed, garbage collected, or its loop closed), the next ``feed``
    raises :class:`~nuke_ai_panel.errors.BridgeClosedError`. All methods may be called from any thread.

    Args:
        policy: what happens when the slowest reader is `limit` items behind. ``"wait"`` makes ``feed`` wait for it;
            ``"drop_oldest"`` forgets the oldest item, and each reader that has lost one counts it in ``dropped``.
        limit: items that are kept at most.
        silence: seconds that a reader may wait for an item before the row ends with a ``StreamStalledError`` for all readers,
            not counting time in which the process stood still or the producer waited for a slow reader; None is no limit.
        name: what the producer is called in messages and in the name of its thread.
    """

    def __init__(
        self, *, policy: Policy = "wait", limit: int = 1024, silence: float | None = None, name: str = "producer"
    ) -> None:
        if policy not in ("wait", "drop_oldest"):
            raise ValueError(f"policy must be 'wait' or 'drop_oldest', not {policy!r}.")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ValueError(f"limit must be a whole number of items from 1, not {limit!r}.")
        if silence is not None and not silence > 0:
            raise ValueError(f"silence must be a number of seconds above 0, or None, not {silence!r}.")
        self._policy = policy
        self._limit = limit
        self._silence = silence
        self._name = name
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._items: deque[T] = deque()
        # Items are numbered from 0; this is the number of the first one that is still kept.
        self._first = 0
        self._had_reader = False
        # A reader is held weakly: one that nobody holds any more has left. Its number outlives it.
        self._readers: dict[int, weakref.ref[Reader[T]]] = {}
        self._places: dict[int, int] = {}
        self._departed: deque[int] = deque()
        self._sleeping: dict[int, tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = {}
        self._listening: set[Listening[T]] = set()
        self._waiting_producers = 0
        self._closed = False
        self._ended = False
        self._stalled = False
        self._error: BaseException | None = None

    # the producer's side

    def feed(self, item: T) -> None:
        """Append `item`; under ``"wait"`` this blocks while the slowest reader is `limit` items behind.

        Raises:
            BridgeClosedError: nobody reads any more, or the readers took the producer for dead; stop producing.
            RuntimeError: called after the end, or where waiting would stop the event loop that reads.
        """
        with self._lock:
            if self._departed:
                self._forget_departed()
            if self._closed or self._ended:
                self._refuse()
            if len(self._items) >= self._limit:
                self._make_room()
            self._items.append(item)
            if not self._sleeping:
                return
            sleepers, self._sleeping = self._sleeping, {}
        self._ring(sleepers)

    def finish(self) -> None:
        """End the row: readers get what is left and then their end. Further calls do nothing."""
        self._end(None)

    def fail(self, error: BaseException) -> None:
        """End the row with `error`: each reader gets what is left and then this error. After the end it does nothing."""
        if not isinstance(error, Exception) or isinstance(error, (StopIteration, StopAsyncIteration)):
            # Raised in a coroutine these would pass for a regular end or for a cancellation.
            wrapped = RuntimeError(f"The {self._name} ended with {type(error).__name__}.")
            wrapped.__cause__ = error
            error = wrapped
        self._end(error)

    def pump(self, items: Iterable[T]) -> None:
        """Feed all `items` in the calling thread, then finish; or fail with what they raise. It raises nothing itself.

        When nobody reads any more, a generator is closed here, in its own thread. For a thread pool:
        ``pool.submit(bridge.pump, generator)``.
        """
        try:
            try:
                for item in items:
                    self.feed(item)
            finally:
                if isinstance(items, Generator):
                    items.close()
        except BaseException as error:  # noqa: BLE001 - the readers get it; a thread has nobody else to tell
            if not self.is_closed:
                self.fail(error)
            elif not isinstance(error, BridgeClosedError):
                _log.warning("The %s failed with %s when its readers had left.", self._name, type(error).__name__)
        else:
            self.finish()

    def run(self, items: Iterable[T]) -> threading.Thread:
        """Start a daemon thread that feeds all `items`, and return it. See :meth:`pump`."""
        thread = threading.Thread(
            target=self.pump, args=(items,), name=f"nuke-ai-panel-{self._name}-{next(_numbers)}", daemon=True
        )
        thread.start()
        return thread

    def __enter__(self) -> Bridge[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Finish, or fail with what the block raised. That nobody reads any more ends the block without an error."""
        is_deserted = isinstance(error, BridgeClosedError) and self.is_closed
        if error is None:
            self.finish()
        elif not is_deserted:
            self.fail(error)
        return is_deserted

    def _refuse(self) -> None:
        if self._stalled:
            raise BridgeClosedError(f"The {self._name} was silent for too long, and its readers have left.")
        if self._closed:
            raise BridgeClosedError(f"Nobody reads from this {self._name} any more.")
        raise RuntimeError(f"The {self._name} fed an item after its end.")

    def _make_room(self) -> None:
        if self._policy == "drop_oldest":
            self._items.popleft()
            self._first += 1
            if self._first % self._limit == 0:
                self._look_for_closed_loops()
            return
        self._refuse_to_stop_a_reader()
        # The producer goes on when half of the row has been read, so that the two threads do not take turns item by item.
        enough = self._limit // 2
        self._waiting_producers += 1
        try:
            while len(self._items) > enough:
                if not self._room.wait(LOOK_EVERY):
                    self._look_for_closed_loops()
                if self._departed:
                    self._forget_departed()
                if self._closed or self._ended:
                    self._refuse()
        finally:
            self._waiting_producers -= 1

    def _refuse_to_stop_a_reader(self) -> None:
        here = threading.get_ident()
        readers = [reference() for reference in self._readers.values()]
        # A host's loop is the running one only inside its callbacks, so the reader's thread is asked too.
        if asyncio._get_running_loop() is not None or any(reader is not None and reader._thread == here for reader in readers):
            raise RuntimeError(
                "feed() would have to wait here for a reader, and stop its event loop."
                " Feed from a worker thread, or use the policy 'drop_oldest'."
            )

    def _look_for_closed_loops(self) -> None:
        for number, reference in list(self._readers.items()):
            reader = reference()
            if reader is not None and reader._loop is not None and reader._loop.is_closed():
                self._departed.append(number)

    def _end(self, error: BaseException | None, *, stalled: bool = False) -> None:
        with self._lock:
            if self._ended or self._closed:
                return
            self._ended = True
            self._error = error
            self._stalled = stalled
            sleepers, self._sleeping = self._sleeping, {}
            self._room.notify_all()
        self._ring(sleepers)

    def _stall(self) -> None:
        self._end(
            StreamStalledError(
                f"The {self._name} has sent nothing for {self._silence:g} s.", next_step="What came is kept. Try again."
            ),
            stalled=True,
        )

    # the readers' side

    def reader(self) -> Reader[T]:
        """Return a new reader: an async iterator for coroutines of one loop. It may be made on any thread, without a loop."""
        made: Reader[T] = Reader(self)
        with self._lock:
            self._readers[made._number] = weakref.ref(made)
            self._places[made._number] = self._first if self._had_reader else 0
            self._had_reader = True
        return made

    def __aiter__(self) -> Reader[T]:
        return self.reader()

    def listen(
        self,
        on_item: Callable[[T], object],
        on_end: Callable[[BaseException | None], object] | None = None,
        *,
        on_dropped: Callable[[int], object] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> Listening[T]:
        """Call `on_item` with each item, then `on_end` with the error or None, on `loop`, in order.

        `on_dropped` gets the number of items that were lost at this place. `loop` defaults to the running one and has to be
        given where there is none, as in a Qt slot. What a callback raises is reported to the loop's exception handler and does
        not end the listening; :meth:`Listening.close` does.

        Raises:
            ValueError: no loop was given, and none is running here.
            RuntimeError: the loop is closed.
        """
        loop = loop or asyncio._get_running_loop()
        if loop is None:
            raise ValueError("Say on which event loop to call back: listen(..., loop=...).")
        listening = Listening(self.reader(), on_item, on_end, on_dropped, loop)
        loop.call_soon_threadsafe(listening._turn)
        with self._lock:
            self._listening.add(listening)
        return listening

    def close(self) -> None:
        """Leave for all readers: the producer's next ``feed`` raises, and readers get a :class:`BridgeClosedError`."""
        with self._lock:
            self._close()
            sleepers, self._sleeping = self._sleeping, {}
        self._ring(sleepers)

    @property
    def is_closed(self) -> bool:
        """Whether nobody reads any more; a producer that works long on one item may look, and stop."""
        with self._lock:
            self._forget_departed()
            return self._closed or self._stalled

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._first += len(self._items)
            self._items.clear()
            self._room.notify_all()

    def _ring(self, sleepers: dict[int, tuple[asyncio.AbstractEventLoop, Callable[[], None]]]) -> None:
        for number, (loop, wake) in sleepers.items():
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:
                # The loop is closed. Whoever read there will not come back.
                self._departed.append(number)

    def _forget_departed(self) -> None:
        """Take the readers that have left out of the reckoning. The lock is held."""
        while self._departed:
            number = self._departed.popleft()
            if self._readers.pop(number, None) is None:
                continue
            del self._places[number]
            self._sleeping.pop(number, None)
            self._listening = {each for each in self._listening if each._reader._number != number}
            if self._readers:
                self._trim()
            elif not self._ended or self._items:
                self._close()

    def _trim(self) -> None:
        """Forget what every reader has read. The lock is held."""
        read = min(self._places.values()) - self._first
        if read <= 0:
            return
        for _ in range(read):
            self._items.popleft()
        self._first += read
        if self._waiting_producers and len(self._items) <= self._limit // 2:
            self._room.notify_all()

    def _take(self, reader: Reader[T], most: int) -> list[T]:
        """Move `reader` past at most `most` items and return them; [] where there are none. The lock is held."""
        place = self._places.get(reader._number)
        if place is None:
            return []
        first = self._first
        if place < first:
            reader.dropped += first - place
            place = first
        start = place - first
        taken = list(itertools.islice(self._items, start, start + most))
        self._places[reader._number] = place + len(taken)
        if start == 0 and taken:
            self._trim()
        return taken
