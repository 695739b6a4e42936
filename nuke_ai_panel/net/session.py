"""One pooled HTTP session for one server on one event loop.

The library's own time-outs are not used: they are bound to the task and loop that made the session, and they count time during
which the host's main thread stood still. Deadlines are kept by :mod:`~nuke_ai_panel.net.clocks` instead.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import APIError, ConnectionFailedError, ProtocolError, RequestTimeoutError
from nuke_ai_panel.net.address import host_and_port, origin
from nuke_ai_panel.net.body import Body, is_lost
from nuke_ai_panel.net.clocks import Pulse, SilenceWatch
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.failures import (
    Refusal,
    connection_failure,
    looks_like_html,
    no_http_failure,
    proxy_login_failure,
    retry_after,
    web_page_failure,
)
from nuke_ai_panel.net.json_values import parse
from nuke_ai_panel.net.payload import Body as Payload
from nuke_ai_panel.net.payload import StreamedBody, body_of
from nuke_ai_panel.net.pool import Progress, open_pool, proxy_for, ssl_context
from nuke_ai_panel.net.retries import Pause, is_stale, longest_pause, wait_before_retry
from nuke_ai_panel.net.secret import Secret

if TYPE_CHECKING:
    import aiohttp

Explain = Callable[[Refusal], APIError]

__all__ = ["Endpoint", "Explain", "Progress", "ServerSession", "proxy_for", "ssl_context"]

_LARGEST_REFUSAL = 64 * 1024
_LARGEST_ANSWER = 64 * 1024 * 1024
_LARGEST_LIST = 16 * 1024 * 1024
_BLANK = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True)
class Endpoint:
    """All that a session knows about its server.

    ``headers`` go with every request and may hold the key; they are never shown. ``connections`` bounds how many are open.
    """

    provider: str
    title: str
    base_url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str = ""
    deadlines: Deadlines = field(default_factory=Deadlines)
    connections: int = 5
    start_hint: str = "Start the server, or change the address."

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", {name: Secret(value) for name, value in self.headers.items()})


class ServerSession:
    """Requests to one server over pooled connections (five unless told otherwise, kept alive).

    It is made anywhere, and bound to the loop on which it is first used. The `explain` of each request turns a refusal into the
    error to raise. Redirects are never followed: they would carry the prompt, and perhaps the key, to another server.

    A server that refuses with 429 or 503 and says how long to wait (``Retry-After``) is left alone for so long: every other
    request of the session waits too, at most its own ``Deadlines.retry_after`` seconds; where the server asked for more, it is
    sent as if nothing had been said. The first answer after that ends the pause.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._host, self._port = host_and_port(endpoint.base_url)
        self._client: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None
        self._pulse: Pulse | None = None
        self._proxy: tuple[str, str, str] = ("", "", "")
        self._pause = Pause()

    @property
    def pulse(self) -> Pulse:
        """What beats for the watches over this session's connections; there once a request has been sent."""
        assert self._pulse is not None
        return self._pulse

    async def get_json(self, path: str, explain: Explain) -> object:
        """Fetch `path` and return its JSON value; see :meth:`call_json`."""
        return await self.call_json("GET", path, None, explain)

    async def call_json(
        self, method: str, path: str, body: object, explain: Explain, *, deadlines: Deadlines | None = None
    ) -> object:
        """Send one request and return the JSON value of its answer, None where it is empty, within ``call`` seconds.

        Raises:
            APIError: no connection, a refusal, too slow, no JSON, or larger than 64 MB (16 MB where it is only fetched).
        """
        raw, media_type = await self.call(method, path, body, explain, accept="application/json", deadlines=deadlines)
        if looks_like_html(media_type, raw):
            raise self.web_page(raw, 200)
        return parse(raw) if raw.strip(_BLANK) else None

    async def call(
        self, method: str, path: str, body: object, explain: Explain, *, accept: str, deadlines: Deadlines | None = None
    ) -> tuple[bytes, str]:
        """Send one request and return the body of its answer and its media type, within ``call`` seconds.

        Raises:
            APIError: no connection, a refusal, too slow, cut, or larger than 64 MB (16 MB where JSON is only fetched).
        """
        allowed = deadlines or self.endpoint.deadlines
        failure: APIError
        try:
            return await asyncio.wait_for(self._fetch(method, path, body, explain, accept, allowed), allowed.call)
        except asyncio.TimeoutError as error:
            if isinstance(error, APIError):
                raise
            failure = RequestTimeoutError(
                f"{self._host} did not finish its answer in {allowed.call:g} s.",
                provider=self.endpoint.provider,
                next_step="Try again; if it stays, check the server's load.",
            )
        raise failure

    async def _fetch(
        self, method: str, path: str, body: object, explain: Explain, accept: str, deadlines: Deadlines
    ) -> tuple[bytes, str]:
        # A pause that would fill the whole call would end in a time-out that says less than the server did.
        pause = min(deadlines.retry_after, deadlines.call / 2)
        # The call's own deadline bounds every part of it but the connection.
        deadlines = replace(deadlines, first_byte=math.inf, retry_after=pause)
        response = await self.request(method, path, body, headers={"Accept": accept}, explain=explain, deadlines=deadlines)
        fetched = method == "GET" and accept == "application/json"
        try:
            raw = await self.read_all(response, _LARGEST_LIST if fetched else _LARGEST_ANSWER)
        finally:
            response.release() if response.content.at_eof() else response.close()
        return raw, response.headers.get("Content-Type", "")

    async def read_all(self, response: aiohttp.ClientResponse, longest: int = _LARGEST_ANSWER) -> bytes:
        """Return the whole body of `response`.

        Raises:
            APIError: it was cut, cannot be decoded, or is larger than `longest` bytes.
        """
        gathered = bytearray()
        failure: APIError | None = None
        body = Body(response, self.endpoint.provider)
        watch = SilenceWatch(self.pulse, math.inf, response.close, is_lost=partial(is_lost, response))
        watch.waiting = True
        watch.start()
        try:
            while piece := await body.piece():
                gathered += piece
                if len(gathered) > longest:
                    failure = ProtocolError(
                        f"The server's answer is larger than {longest // (1024 * 1024)} MB.",
                        provider=self.endpoint.provider,
                        kind="too_long",
                        next_step="Check that the address is that of a model server.",
                    )
                    break
        except ConnectionResetError:
            failure = ConnectionFailedError(
                f"{self._host} closed the connection in the middle of its answer.",
                provider=self.endpoint.provider,
                kind="connection_lost",
                next_step="Try again.",
            )
        finally:
            watch.stop()
        if failure is not None:
            raise failure
        return bytes(gathered)

    async def request(
        self,
        method: str,
        path: str,
        body: object,
        *,
        headers: Mapping[str, str],
        explain: Explain,
        deadlines: Deadlines,
        progress: Progress | None = None,
    ) -> aiohttp.ClientResponse:
        """Send one request, again where that is safe, and return its answer with status 2xx as soon as the headers are in.

        `body` is None, a :class:`~nuke_ai_panel.net.payload.FormFile`, or a value to be sent as JSON. The caller closes or
        drains the answer.

        Raises:
            APIError: no connection in time, a large body that is not taken, no headers within ``first_byte`` seconds, or a
                refusal.
            FileRefusedError: a file in the body cannot be read any more, or changed while it was being sent.
        """
        data: Payload | None = None
        if body is not None:
            data, media_type = body_of(body)
            headers = {**headers, "Content-Type": media_type}
        progress = progress or Progress()
        attempt = stale = 0
        while True:
            await self._pause.wait(longest_pause(deadlines))
            sent = asyncio.get_running_loop().time()
            outcome = await self._attempt(method, path, data, headers, deadlines, progress)
            if isinstance(outcome, Refusal):
                outcome = explain(outcome)
            if not isinstance(outcome, Exception):
                self._pause.lift(sent)
                return outcome
            wait: float | None = None
            if isinstance(outcome, APIError):
                self._pause.note(outcome)
                if is_stale(outcome, progress, deadlines) and stale < self.endpoint.connections:
                    stale += 1
                    progress.restart()
                    continue
                wait = wait_before_retry(outcome, attempt, deadlines)
            if wait is None:
                raise outcome
            attempt += 1
            progress.restart()
            await asyncio.sleep(wait)

    async def _attempt(
        self, method: str, path: str, data: Payload | None, headers: Mapping[str, str], deadlines: Deadlines, progress: Progress
    ) -> aiohttp.ClientResponse | Refusal | Exception:
        """Send the request once; failures come back as values, so that none of the library's hangs on them."""
        client = await self._session()
        # Imported by the worker thread that made the session; doing it here would stop the loop for half a second.
        import aiohttp

        from nuke_ai_panel.net.exchange import exchange

        endpoint = self.endpoint
        sent = {**endpoint.headers, **headers}
        streamed = data if isinstance(data, StreamedBody) else None
        if streamed is not None:
            sent["Content-Length"] = str(streamed.size)
        try:
            # The path is joined by hand: a base URL keeps its own path, whatever `path` begins with.
            response = await exchange(
                client,
                method,
                endpoint.base_url + path,
                headers=sent,
                data=data,
                proxy=self._proxy,
                progress=progress,
                deadlines=deadlines,
                pulse=self.pulse,
            )
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, APIError):
                raise
            if progress.late:
                return self._too_slow(progress.late, streamed, deadlines)
            if streamed is not None and streamed.failure is not None:
                return streamed.failure.with_traceback(None)
            if isinstance(error, aiohttp.ServerDisconnectedError):
                # Otherwise it holds the part of the headers that came.
                progress.answered = not isinstance(error.message, str)
            at_proxy = bool(self._proxy[0]) and not progress.connected
            if isinstance(error, aiohttp.ClientResponseError) and not at_proxy:
                return self._no_http()
            return self._no_connection(error, deadlines, at_proxy=at_proxy)
        if 200 <= response.status < 300:
            return response
        if response.status < 200:
            response.close()
            return self._no_http()
        if response.status == 407 and self._proxy[0]:
            response.close()
            return proxy_login_failure(origin(self._proxy[0]), endpoint.provider)
        return await self._refusal(response, deadlines)

    def _too_slow(self, stage: str, streamed: StreamedBody | None, deadlines: Deadlines) -> APIError:
        """Return the error for an attempt that did not get beyond `stage` in time."""
        endpoint = self.endpoint
        if stage == "connecting":
            return self._no_connection(asyncio.TimeoutError(), deadlines)
        if stage == "sending" and streamed is not None:
            return RequestTimeoutError(
                f"{endpoint.title} took {streamed.position:,} of {streamed.size:,} bytes of the request, then nothing for"
                f" {deadlines.first_byte:g} s.",
                provider=endpoint.provider,
                kind="send_timeout",
                next_step="Try again, or attach something smaller.",
            )
        if stage == "waiting":
            return RequestTimeoutError(
                f"{endpoint.connections} requests to {endpoint.title} are on their way, and none has ended for"
                f" {deadlines.first_byte:g} s.",
                provider=endpoint.provider,
                kind="first_byte_timeout",
                next_step="Send fewer at a time, or allow more connections.",
            )
        return RequestTimeoutError(
            f"{endpoint.title} has sent nothing for {deadlines.first_byte:g} s; the model is probably still being loaded.",
            provider=endpoint.provider,
            kind="first_byte_timeout",
            next_step="Wait a little and try again, or choose a smaller model.",
        )

    def _no_http(self) -> ProtocolError:
        return no_http_failure(provider=self.endpoint.provider, address=origin(self.endpoint.base_url))

    def _no_connection(self, error: BaseException, deadlines: Deadlines, *, at_proxy: bool = False) -> APIError:
        endpoint, proxy = self.endpoint, self._proxy[0]
        return connection_failure(
            error,
            provider=endpoint.provider,
            title=endpoint.title,
            host=self._host,
            port=self._port,
            proxy=origin(proxy) if proxy else "",
            connect=deadlines.connect,
            at_proxy=at_proxy,
            start=endpoint.start_hint,
        )

    async def _refusal(self, response: aiohttp.ClientResponse, deadlines: Deadlines) -> Refusal:
        body = bytearray()

        async def read() -> None:
            source = Body(response)
            while len(body) < _LARGEST_REFUSAL and (piece := await source.piece()):
                body.extend(piece)

        try:
            await asyncio.wait_for(read(), min(5.0, deadlines.call / 2))
        except (OSError, asyncio.TimeoutError, ProtocolError):
            # The status says enough; what came of the body is used.
            pass
        finally:
            response.release() if response.content.at_eof() else response.close()
        location = response.headers.get("Location", "")
        return Refusal(
            response.status,
            response.headers.get("Content-Type", ""),
            bytes(body),
            retry_after(response.headers.get("Retry-After", ""), time.time()),
            origin(location) if "://" in location else location.partition("?")[0],
        )

    def web_page(self, body: bytes, status: int | None = None) -> ProtocolError:
        """Return the error for an answer that is a web page."""
        return web_page_failure(body, provider=self.endpoint.provider, address=origin(self.endpoint.base_url), status=status)

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                raise RuntimeError("This provider belongs to another event loop. Make one provider for each loop.")
            self._loop, self._client, self._opening, self._pulse = loop, None, asyncio.Lock(), Pulse()
        if self._client is None or self._client.closed:
            assert self._opening is not None
            async with self._opening:
                if self._client is None or self._client.closed:
                    endpoint = self.endpoint
                    self._client, self._proxy = await open_pool(
                        loop, endpoint.base_url, ca_file=endpoint.ca_file, connections=endpoint.connections
                    )
        return self._client

    async def aclose(self) -> None:
        """Close the pooled connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()
