"""Streamed answers for readers: an async iterator, and an ordinary one that is fed from the background loop.

Both may be left at any time, by ``break``, an exception or by being forgotten: the connection is closed then. To be certain of
the moment, use them as ``with``/``async with``, or call ``close``/``aclose``.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Generic, NoReturn, TypeVar

from nuke_ai_panel.aio.loop_thread import is_exiting, refuse_in_coroutine, wait_for_bell
from nuke_ai_panel.api.chunks import Head
from nuke_ai_panel.api.responses import TokenUsage, token_usage
from nuke_ai_panel.api.servers import Lease
from nuke_ai_panel.errors import StreamInterruptedError
from nuke_ai_panel.messages import Finished, ModelLoading, Notice, StreamEvent, StreamStarted, TextDelta

__all__ = ["AsyncStream", "Stream", "open_stream"]

AHEAD = 1024
"""Pieces that a sync stream takes from the server before its reader does; then the server has to wait."""

C = TypeVar("C")

Shape = Callable[[Head, StreamEvent], "C | None"]


class _Progress:
    """What is known of an answer so far; shared by the stream and the generator that feeds it."""

    __slots__ = ("head", "is_cut", "notices", "texts", "usage")

    def __init__(self, head: Head, notices: tuple[Notice, ...]) -> None:
        self.head = head
        self.notices = list(notices)
        self.texts: list[str] = []
        self.usage: TokenUsage | None = None
        #: Whether the answer was given up before its end, and not because its reader has closed it.
        self.is_cut = False

    @property
    def text(self) -> str:
        if len(self.texts) > 1:
            self.texts[:] = ["".join(self.texts)]
        return self.texts[0] if self.texts else ""


async def open_stream(
    lease: Lease, events: AsyncIterator[StreamEvent], head: Head, shape: Shape[C], notices: tuple[Notice, ...]
) -> AsyncStream[C]:
    """Wait until the server begins to answer, and return the stream; raises what the server refuses with."""
    progress = _Progress(head, notices)
    early: list[StreamEvent] = []
    async for event in events:
        early.append(event)
        if not isinstance(event, (Notice, ModelLoading)):
            break
    for event in early:
        _note(progress, event)
    return AsyncStream(_pieces(lease, early, events, progress, shape), events, progress)


def _note(progress: _Progress, event: StreamEvent) -> None:
    if isinstance(event, Notice):
        progress.notices.append(event)
    elif isinstance(event, StreamStarted):
        progress.head.model = event.model or progress.head.model
        progress.head.id = event.id or progress.head.id
    elif isinstance(event, Finished):
        progress.usage = token_usage(event.usage)


async def _pieces(
    lease: Lease, early: list[StreamEvent], events: AsyncIterator[StreamEvent], progress: _Progress, shape: Shape[C]
) -> AsyncGenerator[C, None]:
    head, texts = progress.head, progress.texts
    try:
        for event in early:
            if isinstance(event, TextDelta) and not event.choice:
                texts.append(event.text)
            piece = shape(head, event)
            if piece is not None:
                yield piece
        async for event in events:
            if type(event) is TextDelta:
                if not event.choice:
                    texts.append(event.text)
            else:
                _note(progress, event)
            piece = shape(head, event)
            if piece is not None:
                yield piece
    except (asyncio.CancelledError, GeneratorExit):
        progress.is_cut = True
        raise
    finally:
        await _close(events)
        # Whoever holds the lease keeps its connections open.
        del lease
    if progress.usage is None:
        raise StreamInterruptedError(
            "The answer ended early.", provider=head.provider, partial_text=progress.text, next_step="Ask again."
        )


def _given_up(progress: _Progress) -> StreamInterruptedError:
    return StreamInterruptedError(
        "Waiting for this answer was given up before its end, which closed its connection.",
        provider=progress.head.provider,
        partial_text=progress.text,
        next_step="What came is kept. Ask again.",
    )


async def _close(events: AsyncIterator[StreamEvent]) -> None:
    closing: Callable[[], Awaitable[None]] | None = getattr(events, "aclose", None)
    if closing is not None:
        await closing()


class _Told:
    """What both kinds of stream tell about the answer."""

    _progress: _Progress

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        # A copy would end the answer of the original when it is forgotten.
        raise TypeError("A stream can be neither copied nor pickled: it is read once. Keep its pieces, or its text.")

    @property
    def id(self) -> str:
        """The answer's identifier."""
        return self._progress.head.id

    @property
    def model(self) -> str:
        """What the server calls the model."""
        return self._progress.head.model

    @property
    def provider(self) -> str:
        """Registry name of the provider."""
        return self._progress.head.provider

    @property
    def text(self) -> str:
        """The text that has come so far (of the first answer, where there are several); it stays after a failure."""
        return self._progress.text

    @property
    def usage(self) -> TokenUsage | None:
        """What the answer cost, None before its end."""
        return self._progress.usage

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the user should know about this answer."""
        return tuple(self._progress.notices)


class AsyncStream(_Told, Generic[C]):
    """The pieces of an answer as they come: ``async for piece in stream``. For one reader, on the loop that made it.

    A wait that is cancelled, by a time-out for example, ends the answer and closes its connection. Reading on raises
    :class:`~nuke_ai_panel.errors.StreamInterruptedError` then, so that what has come is not taken for the whole; to try again
    after a time-out, shield the wait (``asyncio.shield``).
    """

    def __init__(self, pieces: AsyncGenerator[C, None], events: AsyncIterator[StreamEvent], progress: _Progress) -> None:
        self._pieces = pieces
        self._events = events
        self._progress = progress

    def __aiter__(self) -> AsyncIterator[C]:
        return self

    def __anext__(self) -> Awaitable[C]:
        if self._progress.is_cut:
            raise _given_up(self._progress)
        return self._pieces.__anext__()

    async def aclose(self) -> None:
        """Close the connection; may be called twice, and after the end."""
        await self._pieces.aclose()
        # Where nothing was read, the generator above has never begun and so closes nothing.
        await _close(self._events)
        self._progress.is_cut = False

    async def __aenter__(self) -> AsyncStream[C]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncStream of {self.provider}/{self.model}, {len(self.text)} characters so far>"


class _Feed(Generic[C]):
    """Where the loop's thread puts pieces and the reader takes them. It knows neither, so a forgotten reader is noticed."""

    def __init__(self) -> None:
        self.pieces: deque[C] = deque()
        self.bell = threading.Event()
        self.is_hungry = False
        self.has_ended = False
        self.is_left = False
        self.is_full = False
        self.failure: BaseException | None = None
        self.room = asyncio.Event()

    def ring(self) -> None:
        if self.is_hungry:
            self.is_hungry = False
            self.bell.set()


async def _pump(stream: AsyncStream[C], feed: _Feed[C]) -> None:
    """Put the pieces of `stream` into `feed` until its end, or until the reader has left."""
    pieces = feed.pieces
    try:
        async for piece in stream:
            pieces.append(piece)
            if feed.is_hungry:
                feed.ring()
            if len(pieces) >= AHEAD:
                feed.room.clear()
                feed.is_full = True
                # The reader may have emptied the feed between the two looks, and would never say so.
                if len(pieces) >= AHEAD:
                    await feed.room.wait()
                feed.is_full = False
    except asyncio.CancelledError:
        if not feed.is_left:
            feed.failure = StreamInterruptedError(
                "The background loop was stopped in the middle of the answer.",
                provider=stream.provider,
                partial_text=stream.text,
                next_step="What came is kept. Try again.",
            )
        raise
    except BaseException as error:  # noqa: BLE001 (the reader raises it)
        feed.failure = error
    finally:
        try:
            await stream.aclose()
        finally:
            if not is_exiting():
                feed.has_ended = True
                feed.is_hungry = False
                feed.bell.set()


class Stream(_Told, Generic[C]):
    """The pieces of an answer as they come: ``for piece in stream``. For one reader, in any thread but a coroutine's.

    The connection lives on the background loop; pieces that have come meanwhile are handed over together. At most 1024 are kept
    ahead of the reader.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None], feed: _Feed[C], progress: _Progress, twin: str
    ) -> None:
        self._loop = loop
        self._task = task
        self._feed = feed
        self._pieces = feed.pieces
        self._progress = progress
        self._twin = twin
        self._process = os.getpid()

    @classmethod
    async def over(cls, stream: AsyncStream[C], twin: str = "ChatCompletion.acreate") -> Stream[C]:
        """Return an ordinary iterator over `stream`; called on the loop that `stream` lives on. Coroutines await `twin`."""
        feed: _Feed[C] = _Feed()
        task = asyncio.ensure_future(_pump(stream, feed))
        found = cls(asyncio.get_running_loop(), task, feed, stream._progress, twin)
        try:
            # What has come already is there when the caller's thread wakes up, and does not have to wake it once more.
            await asyncio.sleep(0)
        except BaseException:
            # Nobody gets it, and the traceback may be kept for long.
            found.close()
            raise
        return found

    def __iter__(self) -> Iterator[C]:
        return self

    def __next__(self) -> C:
        try:
            piece = self._pieces.popleft()
        except IndexError:
            piece = self._wait()
        if self._feed.is_full and len(self._pieces) <= AHEAD // 2:
            self._feed.is_full = False
            self._call(self._feed.room.set)
        return piece

    def _wait(self) -> C:
        feed = self._feed
        refuse_in_coroutine(self._twin)
        if self._process != os.getpid():
            raise StreamInterruptedError(
                "This stream belongs to the process that opened it, and cannot be read after a fork.",
                provider=self.provider,
                partial_text=self.text,
            )
        try:
            while True:
                feed.bell.clear()
                feed.is_hungry = True
                has_ended = feed.has_ended
                if self._pieces:
                    feed.is_hungry = False
                    return self._pieces.popleft()
                if has_ended or feed.is_left:
                    break
                wait_for_bell(feed.bell)
        except BaseException:
            # Ctrl+C. A shell keeps the traceback, and with it this stream, so it would not be forgotten.
            self.close()
            feed.failure = _given_up(self._progress)
            raise
        failure, feed.failure = feed.failure, None
        if failure is not None:
            raise failure
        raise StopIteration

    def close(self) -> None:
        """Close the connection, at once and without waiting for it; may be called twice, and after the end."""
        feed = self._feed
        if feed.is_left:
            return
        feed.is_left = True
        self._pieces.clear()
        if not feed.has_ended:
            self._call(self._task.cancel)

    def _call(self, function: Callable[[], object]) -> None:
        if self._process == os.getpid():
            # The loop is closed where the program is ending; its connections are closed then.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(function)

    def __enter__(self) -> Stream[C]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        # A constructor that failed leaves no feed.
        if getattr(self, "_feed", None) is not None:
            self.close()

    def __repr__(self) -> str:
        return f"<Stream of {self.provider}/{self.model}, {len(self.text)} characters so far>"
