"""Read one streamed answer, and notice when it falls silent."""

from __future__ import annotations

import asyncio
import contextlib
import math
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import APIError, ProtocolError, RequestTimeoutError, StreamInterruptedError, StreamStalledError
from nuke_ai_panel.net.body import Body, is_lost
from nuke_ai_panel.net.clocks import TICK, AliveClock, SilenceWatch, within
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.failures import looks_like_html
from nuke_ai_panel.net.session import Explain, Progress, ServerSession

if TYPE_CHECKING:
    import aiohttp

__all__ = ["AnswerStream"]

DRAIN = 0.1
"""Seconds. How long the rest of a finished answer is waited for, so that its connection can be used again."""

_LARGEST_REST = 256 * 1024


class AnswerStream:
    """One request and the body of its answer, piece by piece. Use it as ``async with``; leaving closes what is open.

    Two clocks watch the body once its first byte has come: silence of bytes, and silence of events, which the reader reports
    with :meth:`event_came`. Keep-alive comments reset the first only.
    """

    def __init__(
        self, session: ServerSession, path: str, body: object, accept: str, explain: Explain, deadlines: Deadlines
    ) -> None:
        self._session = session
        self._deadlines = deadlines
        self._path = path
        self._body = body
        self._explain = explain
        # A proxy that compresses a stream holds it back until a block is full.
        self._headers = {"Accept": accept, "Accept-Encoding": "identity"}
        self._progress = Progress()
        self._opening: asyncio.Task[bytes] | None = None
        self._look: asyncio.Future[None] | None = None
        self._first: bytes | None = None
        self._response: aiohttp.ClientResponse | None = None
        self._content: Body | None = None
        self._watch: SilenceWatch | None = None
        self._clock: AliveClock | None = None
        self._elapsed = 0.0
        self._silence = deadlines.silence
        self.pieces = 0

    async def __aenter__(self) -> AnswerStream:
        return self

    def _wake(self) -> None:
        """Let :meth:`opened` look."""
        if self._look is not None and not self._look.done():
            self._look.set_result(None)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.stop()
        opening = self._opening
        if opening is not None:
            if not opening.done():
                opening.cancel()
                await asyncio.wait({opening})
            if not opening.cancelled():
                opening.exception()
        if self._response is not None:
            self._response.close()

    async def opened(self, patience: float) -> float | None:
        """Wait for the first byte of the answer, at most `patience` seconds; ``math.inf`` costs no task.

        Return None once it is there. Otherwise return the seconds that the server has had the request for; call again.

        Raises:
            APIError: no connection, a refusal, no first byte in time, or a web page.
        """
        if self._opening is None and patience == math.inf and self._deadlines.total is None:
            self._first = await self._first_piece()
        else:
            if self._opening is None:
                self._opening = asyncio.ensure_future(self._open())
            clock = self._clock = self._clock or AliveClock()
            if not await self._is_open(self._opening, clock, patience):
                return clock.seconds
            self._first = self._opening.result()
        assert self._response is not None
        if self._deadlines.total is not None:
            self._begin_to_watch()
        if looks_like_html(self._response.headers.get("Content-Type", ""), self._first):
            raise self._session.web_page(await self._beginning(self._first), self._response.status)
        return None

    def _begin_to_watch(self) -> SilenceWatch:
        response = self._response
        assert response is not None
        total = self._deadlines.total
        left = None if total is None else total - self._elapsed
        lost = partial(is_lost, response)
        self._watch = SilenceWatch(self._session.pulse, self._silence, response.close, total=left, is_lost=lost)
        self._watch.start()
        return self._watch

    async def _beginning(self, piece: bytes) -> bytes:
        """Return `piece` and what follows it at once, up to 64 kB: enough to tell what a wrong answer is."""
        gathered = bytearray(piece)
        self._first = None

        async def more() -> None:
            while len(gathered) < 64 * 1024 and (rest := await self.read()):
                gathered.extend(rest)

        with contextlib.suppress(asyncio.TimeoutError, APIError):
            await asyncio.wait_for(more(), 1.0)
        return bytes(gathered)

    async def _is_open(self, opening: asyncio.Task[bytes], clock: AliveClock, patience: float) -> bool:
        waited = 0.0
        loop = asyncio.get_running_loop()
        while not opening.done():
            # What ends the opening wakes this up itself: that is sooner than what asyncio calls when a task has ended.
            self._look = loop.create_future()
            tick = loop.call_later(TICK, self._wake)
            try:
                await self._look
            finally:
                tick.cancel()
            step = clock.tick()
            waited += step
            self._elapsed += step
            if self._elapsed >= (self._deadlines.total or math.inf) and not opening.done():
                raise self._out_of_time()
            if not self._progress.connected:
                clock.seconds = waited = 0.0
            elif waited >= patience and not opening.done():
                return False
        return True

    async def _open(self) -> bytes:
        try:
            return await self._first_piece()
        finally:
            self._wake()

    async def _first_piece(self) -> bytes:
        endpoint, deadlines = self._session.endpoint, self._deadlines
        response = await self._session.request(
            "POST",
            self._path,
            self._body,
            headers=self._headers,
            explain=self._explain,
            deadlines=deadlines,
            progress=self._progress,
        )
        self._response = response
        self._content = Body(response, endpoint.provider)
        ready = self._content.ready()
        if ready:
            return ready
        try:
            return await within(self._read_first(self._content), deadlines.first_byte)
        except asyncio.TimeoutError as error:
            if isinstance(error, APIError):
                raise
        raise RequestTimeoutError(
            f"{endpoint.title} accepted the request, but has sent nothing for {deadlines.first_byte:g} s.",
            provider=endpoint.provider,
            status=response.status,
            kind="first_byte_timeout",
            next_step="The model is probably still being loaded. Wait a little and try again, or choose a smaller one.",
        )

    async def read(self) -> bytes:
        """Return the next piece of the body, b"" at its end.

        Raises:
            StreamStalledError: one of the clocks ran out.
            StreamInterruptedError: the connection broke.
        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        content = self._content
        assert content is not None
        # An answer that comes all at once needs none.
        watch = self._watch or self._begin_to_watch()
        watch.waiting = True
        try:
            piece = await content.piece()
            watch.byte_silence = 0.0
            return piece
        except ConnectionResetError:
            # What is raised instead is raised outside of this block.
            pass
        finally:
            watch.waiting = False
        return self._rescued(content)

    async def _read_first(self, content: Body) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            return await content.piece()
        return self._rescued(content)

    def _rescued(self, content: Body) -> bytes:
        """Return what had come when the connection broke.

        Raises:
            APIError: nothing is left of it.
        """
        rescued = content.rescue()
        if rescued:
            return rescued
        raise self._broken()

    def _broken(self) -> APIError:
        endpoint = self._session.endpoint
        if self._watch is not None and self._watch.silent == "total":
            return self._out_of_time()
        if self._watch is not None and self._watch.silent in ("bytes", "events"):
            return StreamStalledError(
                self._silence_words(endpoint.title, self._deadlines.silence, self._watch.silent == "events"),
                provider=endpoint.provider,
                status=200,
                next_step="What came is kept. Try again, or choose another model.",
            )
        return StreamInterruptedError(
            f"The connection to {endpoint.title} broke in the middle of the answer.",
            provider=endpoint.provider,
            status=200,
            next_step="What came is kept. Try again.",
        )

    def _out_of_time(self) -> RequestTimeoutError:
        endpoint = self._session.endpoint
        return RequestTimeoutError(
            f"{endpoint.title} did not finish its answer in the {self._deadlines.total:g} s that were allowed.",
            provider=endpoint.provider,
            kind="total_timeout",
            next_step="What came is kept. Allow more time, or ask for less.",
        )

    def _silence_words(self, title: str, seconds: float, only_signs_of_life: bool) -> str:
        nothing = "only signs of life" if only_signs_of_life else "nothing"
        if not self.pieces:
            return f"{title} began to answer, then sent {nothing} for {seconds:g} s."
        pieces = "1 piece" if self.pieces == 1 else f"{self.pieces} pieces"
        return f"{title} answered {pieces} of text, then {nothing} for {seconds:g} s."

    def event_came(self) -> None:
        """Note that what was read carried the answer on."""
        self.pieces += 1
        if self._watch is not None:
            self._watch.event_silence = 0.0

    def limit_silence(self, seconds: float) -> None:
        """Allow only `seconds` of silence from now on: all that matters has come."""
        self._silence = min(self._silence, seconds)
        if self._watch is not None:
            self._watch.limit_to(seconds)

    async def finish(self) -> None:
        """Read the little that may follow a complete answer, so that its connection can be used again.

        It takes at most 0.1 s; a server that goes on sending loses the connection instead.
        """
        response, self._response = self._response, None
        content = self._content
        if self._watch is not None:
            self._watch.stop()
        if response is None or content is None:
            return

        async def rest() -> None:
            size = 0
            while size < _LARGEST_REST and (piece := await content.piece()):
                size += len(piece)

        try:
            if not response.content.at_eof():
                await asyncio.wait_for(rest(), DRAIN)
        except (OSError, asyncio.TimeoutError, ProtocolError):
            # The answer is complete; only the connection is lost.
            pass
        finally:
            response.release() if response.content.at_eof() else response.close()
