"""What happened to one answer, in order, for any number of readers that come, go and come back.

Every event has a place: the number of steps up to its end, where a piece of text counts one step for each character and any
other event one step. A reader says up to which place it has read and gets exactly what follows, however pieces of text have
been joined meanwhile, and even from the middle of one.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from nuke_ai_panel.messages import JsonObject

__all__ = ["EventLog", "LogEvent"]

#: Field that holds the text of an event which is joined with its neighbours, by the event's name.
_GROWING = {"text": "text", "reasoning": "text", "tool_call": "arguments"}
#: Events of which only the newest of a row matters.
_REPLACED = ("queued", "loading")
#: Events after which nothing comes.
_LAST = ("finished", "failed", "cancelled")

_LONGEST_PIECE = 16_000
"""Characters of an event's text as it is read: at 6 bytes a character, readers that bound a line at 128 KiB can take it."""

_READ_AT_ONCE = 64_000

_OVERHEAD = 200
"""Bytes that an event costs besides its texts, about."""


@dataclass(frozen=True)
class LogEvent:
    """One event. ``id`` is the place after it: give it back to go on from there. ``data`` can be written as JSON."""

    id: int
    name: str
    data: JsonObject = field(repr=False)

    @property
    def is_last(self) -> bool:
        """Whether the answer ended with it."""
        return self.name in _LAST


@dataclass(frozen=True)
class _Entry:
    start: int
    end: int
    name: str
    data: JsonObject

    @property
    def text(self) -> str:
        return str(self.data[_GROWING[self.name]])

    @property
    def size(self) -> int:
        """Bytes, about."""
        return _OVERHEAD + sum(len(value) for value in self.data.values() if isinstance(value, str))

    def after(self, place: int) -> _Entry:
        """Return what follows `place`, which lies inside of this."""
        if self.name not in _GROWING:
            return self
        text = self.text
        data = {key: value for key, value in self.data.items() if key not in ("id", "name")}
        return _Entry(place, self.end, self.name, {**data, _GROWING[self.name]: text[len(text) - (self.end - place) :]})

    def pieces(self) -> list[_Entry]:
        """Return this in pieces that are not too long."""
        if self.name not in _GROWING or len(self.text) <= _LONGEST_PIECE:
            return [self]
        found: list[_Entry] = []
        rest = self
        while len(rest.text) > _LONGEST_PIECE:
            text = rest.text
            place = rest.end - len(text) + _LONGEST_PIECE
            found.append(_Entry(rest.start, place, rest.name, {**rest.data, _GROWING[rest.name]: text[:_LONGEST_PIECE]}))
            rest = rest.after(place)
        return [*found, rest]

    def follows(self, other: _Entry) -> bool:
        """Whether this can be joined to the end of `other`."""
        if self.name != other.name:
            return False
        if self.name in _REPLACED:
            return True
        if self.name not in _GROWING or self.data.get("choice") != other.data.get("choice"):
            return False
        # A step more than its text has is the beginning of a tool call, with its name.
        return self.data.get("index") == other.data.get("index") and self.end - self.start == len(self.text)


class EventLog:
    """The events of one answer, kept in memory. It belongs to one event loop, and so do its readers.

    More than `limit` events make it join neighbouring pieces of text, reasoning or one tool call; nothing is ever lost of them.
    Waiting places and loading times are the exception: of a row of these the newest is kept.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._join_at = limit
        self._entries: list[_Entry] = []
        self._ends: list[int] = []
        self._listening: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Future[None]] = set()
        self._is_over = False
        #: About how many bytes are kept.
        self.size = 0

    @property
    def end(self) -> int:
        """The place after the newest event."""
        return self._ends[-1] if self._ends else 0

    @property
    def is_over(self) -> bool:
        """Whether the last event has come."""
        return self._is_over

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, name: str, data: JsonObject) -> None:
        """Append an event and wake the readers. A piece without text is left out, and so is anything after the last event."""
        steps = 1
        if name in _GROWING:
            steps = len(str(data[_GROWING[name]])) + bool(data.get("id") or data.get("name"))
        if not steps or self._is_over:
            return
        start = self.end
        entry = _Entry(start, start + steps, name, data)
        self._entries.append(entry)
        self._ends.append(entry.end)
        self.size += entry.size
        self._is_over = name in _LAST
        if len(self._entries) > self._join_at:
            self._join()
        waiting, self._waiting = self._waiting, set()
        for reader in waiting:
            _set(reader)

    def _join(self) -> None:
        self._entries = _joined(self._entries)
        # What cannot be joined must not make every further event look at the whole log again.
        self._join_at = max(self._limit, 2 * len(self._entries))
        self._ends = [entry.end for entry in self._entries]
        self.size = sum(entry.size for entry in self._entries)

    def read(self, after: int = 0, steps: int = _READ_AT_ONCE) -> list[LogEvent]:
        """Return what follows the place `after` and begins within `steps`; neighbouring pieces are joined.

        A place that the log has not reached yet gets [].
        """
        first = bisect_right(self._ends, after)
        found = self._entries[first : bisect_right(self._ends, after + steps) + 1]
        if found and found[0].start < after:
            found[0] = found[0].after(after)
        return [LogEvent(piece.end, piece.name, piece.data) for entry in _joined(found) for piece in entry.pieces()]

    async def wait(self, after: int, seconds: float | None = None) -> bool:
        """Wait until something follows the place `after`, or nothing can; return False when `seconds` went by first."""
        loop = asyncio.get_running_loop()
        until = None if seconds is None else loop.time() + seconds
        while self.end <= after and not self._is_over:
            if until is not None and loop.time() >= until:
                return False
            ready: asyncio.Future[None] = loop.create_future()
            self._waiting.add(ready)
            timer = None if until is None else loop.call_at(until, _set, ready)
            try:
                await ready
            finally:
                self._waiting.discard(ready)
                if timer is not None:
                    timer.cancel()
        return True

    async def follow(self, after: int = 0) -> AsyncIterator[LogEvent]:
        """Yield what follows the place `after`, as it comes, to the last event."""
        while True:
            await self.wait(after)
            found = self.read(after)
            for event in found:
                yield event
                after = event.id
            if not found and self._is_over:
                return

    def listen(self, listener: Callable[[LogEvent], object], after: int = 0) -> Callable[[], None]:
        """Call `listener` on this loop with what follows the place `after`, as it comes; the returned function ends that."""

        async def call() -> None:
            async for event in self.follow(after):
                try:
                    listener(event)
                except Exception as error:  # noqa: BLE001 - one view's defect must not end the answer for the others
                    asyncio.get_running_loop().call_exception_handler(
                        {"message": "A listener of an event log failed.", "exception": error}
                    )

        task = asyncio.ensure_future(call())
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)

        def stop() -> None:
            task.cancel()

        return stop


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _joined(entries: list[_Entry]) -> list[_Entry]:
    """Return `entries` with the pieces joined that follow each other."""
    found: list[_Entry] = []
    texts: list[str] = []

    def close() -> None:
        if len(texts) > 1:
            last = found[-1]
            field_name = _GROWING[last.name]
            found[-1] = _Entry(last.start, last.end, last.name, {**last.data, field_name: "".join(texts)})
        texts.clear()

    for entry in entries:
        if found and entry.follows(found[-1]):
            last = found[-1]
            data = entry.data if entry.name in _REPLACED else last.data
            found[-1] = _Entry(last.start, entry.end, entry.name, data)
        else:
            close()
            found.append(entry)
        if entry.name in _GROWING:
            texts.append(entry.text)
    close()
    return found
