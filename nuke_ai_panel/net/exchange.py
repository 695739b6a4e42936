"""One request over a pooled connection, in the task of its caller: each stage has its deadline, and a warm one costs no task.

Import it in a worker thread: the HTTP library takes about 0.1 s.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ClientResponse
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter

from nuke_ai_panel.net.clocks import TICK, Pulse, within
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.lookup import NameLookup
from nuke_ai_panel.net.payload import Body, StreamedBody
from nuke_ai_panel.net.pool import Progress

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver
    from aiohttp.tracing import Trace

__all__ = ["exchange", "open_session"]

T = TypeVar("T")

_AT_ONCE = 32 * 1024
"""Bytes. Below what a transport takes before it asks its writer to wait (64 kB)."""


class _Attempt:
    """What the parts of the HTTP library that a request passes through have to know about it."""

    def __init__(self, data: Body | None, progress: Progress, deadlines: Deadlines, pulse: Pulse) -> None:
        self.data = data
        self.progress = progress
        self.deadlines = deadlines
        self.pulse = pulse
        self.watch: _AnswerWatch | None = None


# The library makes the request, in the task of its caller, and passes nothing of ours on to it.
_current: ContextVar[_Attempt] = ContextVar("attempt")


class _Request(ClientRequest):
    """A request that knows its attempt, and goes out on a silent connection only."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.attempt = _current.get()
        super().__init__(*arguments, **options)

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        """Note the body; a small one goes out without the library's wrapping."""
        if isinstance(body, bytes) and len(body) <= _AT_ONCE:
            self.headers["Content-Length"] = str(len(body))
        else:
            super().update_body_from_data(body, _stacklevel)

    async def send(self, conn: Connection) -> ClientResponse:
        """Send the request.

        Whatever arrives on an idle connection would be taken for the answer to the next request: the library looks for a
        closed connection before it uses one again, but not for bytes that nobody asked for (aiohttp 3.13).
        """
        if conn.protocol is None or conn.protocol.should_close:
            raise aiohttp.ServerDisconnectedError
        attempt = self.attempt
        attempt.progress.sent = True
        attempt.watch = _AnswerWatch(conn, attempt)
        if isinstance(attempt.data, bytes) and len(attempt.data) <= _AT_ONCE:
            if not conn.protocol.writing_paused:
                return await self._send_at_once(conn.protocol, attempt.data)
            super().update_body_from_data(attempt.data)
        return await super().send(conn)

    async def _send_at_once(self, protocol: ResponseHandler, body: bytes) -> ClientResponse:
        """Send head and body in one piece that the transport takes without waiting.

        Before Python 3.12 the library starts a task that waits for its turn to do so.
        """
        writer = StreamWriter(protocol, self.loop)
        target = str(self.url) if self.proxy and not self.is_ssl() else self.url.raw_path_qs
        await writer.write_headers(f"{self.method} {target} HTTP/1.1", self.headers)
        await writer.write_eof(body)
        protocol.start_timeout()
        return ClientResponse(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=[],
            loop=self.loop,
            session=self.session,
        )


class _Connections(aiohttp.TCPConnector):
    """The connections to one server, at most `connections` of them at once; waiting for one and making it have deadlines."""

    def __init__(self, connections: int, context: ssl.SSLContext | bool) -> None:
        super().__init__(
            limit=max(10, connections),
            limit_per_host=connections,
            ssl=context,
            resolver=cast("AbstractResolver", NameLookup()),
        )

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        """Return a connection for `req`, after a while where too many are in use."""
        assert isinstance(req, _Request)
        progress = req.attempt.progress
        connecting = super().connect(req, traces, timeout)
        if self._available_connections(req.connection_key) > 0:
            connection = await connecting
        else:
            connection = await _unless_late(
                within(
                    connecting, req.attempt.deadlines.first_byte, counts=lambda: not progress.begun, discard=Connection.close
                ),
                progress,
                "waiting",
            )
        progress.reused = not progress.connected
        progress.begun = progress.connected = True
        return connection

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        assert isinstance(req, _Request)
        progress = req.attempt.progress
        progress.begun = True
        making = within(
            super()._create_connection(req, traces, timeout), req.attempt.deadlines.connect, discard=ResponseHandler.close
        )
        protocol = await _unless_late(making, progress, "connecting")
        progress.connected = True
        return protocol


async def _unless_late(waiting: Awaitable[T], progress: Progress, stage: str) -> T:
    try:
        return await waiting
    except asyncio.TimeoutError:
        progress.late = progress.late or stage
        raise


def open_session(connections: int, context: ssl.SSLContext | bool) -> aiohttp.ClientSession:
    """Return a session for :func:`exchange`, bound to the running loop."""
    session = aiohttp.ClientSession(
        connector=_Connections(connections, context),
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        # What else the library could undo depends on what happens to be installed.
        headers={"User-Agent": "nuke-ai-panel", "Accept-Encoding": "gzip, deflate"},
        auto_decompress=False,
        request_class=_Request,
    )
    # It would send a GET once more by itself; how often is for Deadlines.retries to say.
    session._retry_connection = False
    return session


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    data: Body | None,
    proxy: tuple[str, str, str],
    progress: Progress,
    deadlines: Deadlines,
    pulse: Pulse,
) -> ClientResponse:
    """Send one request and return its answer as soon as the headers are in; the caller closes it or reads it to its end.

    Raises:
        aiohttp.ClientError, OSError: it failed, with ``progress.late`` where a stage took too long.
    """
    address, user, password = proxy
    attempt = _Attempt(data, progress, deadlines, pulse)
    before = _current.set(attempt)
    try:
        # Without the wrapper that makes an ``async with`` of it.
        response = await session._request(
            method,
            url,
            data=data.pieces() if isinstance(data, StreamedBody) else data,
            headers=headers,
            allow_redirects=False,
            proxy=address or None,
            proxy_auth=aiohttp.BasicAuth(user, password) if user else None,
        )
    finally:
        try:  # noqa: SIM105 - suppress() costs more, and every request comes by here
            _current.reset(before)
        except ValueError:
            # One that is thrown away with its loop ends in another context, which has no value of ours.
            pass
        if attempt.watch is not None:
            attempt.watch.stop()
    if progress.late:
        response.close()
        raise aiohttp.ServerDisconnectedError
    return response


class _AnswerWatch:
    """Breaks a connection on which nothing happens for ``first_byte`` seconds of the loop's living time.

    It takes away the connection and cancels nobody, so a cancellation by somebody else can never be mistaken for its own.
    """

    def __init__(self, connection: Connection, attempt: _Attempt) -> None:
        self._connection = connection
        self._streamed = attempt.data if isinstance(attempt.data, StreamedBody) else None
        self._progress = attempt.progress
        self._limit = limit = attempt.deadlines.first_byte
        self._reached = self._stage()
        self._waited = 0.0
        self._pulse = attempt.pulse
        if limit < math.inf:
            self._pulse.begin(self._look, min(TICK, limit))

    def stop(self) -> None:
        self._pulse.end(self._look)

    def _stage(self) -> tuple[str, int]:
        streamed = self._streamed
        return ("answering", 0) if streamed is None or streamed.is_read else ("sending", streamed.position)

    def _look(self, step: float) -> float:
        self._waited += step
        reached = self._stage()
        if reached != self._reached:
            self._reached = reached
            self._waited = 0.0
        left = self._limit - self._waited
        if left > 0:
            return min(TICK, left)
        self.stop()
        self._progress.late = reached[0]
        transport = self._connection.transport
        if transport is not None:
            # An orderly end would wait until the server has taken what it does not take.
            transport.abort()
        return TICK
