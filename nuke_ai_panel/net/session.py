"""One pooled HTTP session for one server on one event loop.

The library's own time-outs are all switched off: they are bound to the task and loop that made the session, and they count time
during which the host's main thread stood still. Deadlines are kept by :mod:`~nuke_ai_panel.net.clocks` instead.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from nuke_ai_panel.errors import APIError, ConnectionFailedError, ProtocolError, RequestTimeoutError
from nuke_ai_panel.net.address import host_and_port, is_loopback, origin
from nuke_ai_panel.net.clocks import within
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.failures import Refusal, connection_failure, looks_like_html, retry_after, web_page_failure
from nuke_ai_panel.net.json_values import parse
from nuke_ai_panel.net.payload import Body, StreamedBody, body_of, sent_on
from nuke_ai_panel.net.retries import Pause, longest_pause, wait_before_retry

if TYPE_CHECKING:
    from types import SimpleNamespace

    import aiohttp

Explain = Callable[[Refusal], APIError]

__all__ = ["Endpoint", "Explain", "Progress", "ServerSession", "proxy_for", "ssl_context"]

_LARGEST_REFUSAL = 64 * 1024
_LARGEST_ANSWER = 64 * 1024 * 1024

_contexts: dict[str, ssl.SSLContext] = {}
_contexts_lock = threading.Lock()


def ssl_context(ca_file: str = "") -> ssl.SSLContext:
    """Return the one TLS context of this process that trusts the system's authorities and those in `ca_file`.

    Reading the authorities takes tens of milliseconds the first time: call it in a worker thread.

    Raises:
        ConnectionFailedError: `ca_file` cannot be read or holds no certificate.
    """
    with _contexts_lock:
        context = _contexts.get(ca_file)
        if context is None:
            context = ssl.create_default_context()
            if ca_file:
                try:
                    context.load_verify_locations(cafile=ca_file)
                except (OSError, ssl.SSLError) as error:
                    raise ConnectionFailedError(
                        f"The CA file {ca_file!r} cannot be used: {error}.",
                        kind="ca_file",
                        next_step="Choose another CA file in Settings, or none.",
                    ) from error
            _contexts[ca_file] = context
        return context


@dataclass(frozen=True)
class Endpoint:
    """All that a session knows about its server.

    ``headers`` go with every request and may hold the key; they are never shown. ``connections`` bounds how many are open.
    """

    provider: str
    title: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str = ""
    deadlines: Deadlines = field(default_factory=Deadlines)
    connections: int = 5
    start_hint: str = "Start the server, or change the address."


class Progress:
    """How far one attempt has come; set by the connector's trace."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.connected = asyncio.Event()
        self.reused = False

    def restart(self) -> None:
        """Begin anew with the next attempt."""
        self.begun.clear()
        self.connected.clear()
        self.reused = False

    def ended(self) -> None:
        """Note that the attempt is over, so that nobody waits for its stages."""
        self.begun.set()
        self.connected.set()


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
        self._proxy: tuple[str, str, str] = ("", "", "")
        self._pause = Pause()

    async def get_json(self, path: str, explain: Explain) -> object:
        """Fetch `path` and return its JSON value; see :meth:`call_json`."""
        return await self.call_json("GET", path, None, explain)

    async def call_json(
        self, method: str, path: str, body: object, explain: Explain, *, deadlines: Deadlines | None = None
    ) -> object:
        """Send one request and return the JSON value of its answer, None where it is empty, within ``call`` seconds.

        Raises:
            APIError: no connection, a refusal, too slow, or no JSON.
        """
        raw, media_type = await self.call(method, path, body, explain, accept="application/json", deadlines=deadlines)
        if looks_like_html(media_type, raw):
            raise self.web_page(raw, 200)
        raw = raw.removeprefix(b"\xef\xbb\xbf").strip()
        return parse(raw) if raw else None

    async def call(
        self, method: str, path: str, body: object, explain: Explain, *, accept: str, deadlines: Deadlines | None = None
    ) -> tuple[bytes, str]:
        """Send one request and return the body of its answer and its media type, within ``call`` seconds.

        Raises:
            APIError: no connection, a refusal, too slow, cut, or larger than 64 MB.
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
        deadlines = replace(deadlines, first_byte=deadlines.call, retry_after=pause)
        response = await self.request(method, path, body, headers={"Accept": accept}, explain=explain, deadlines=deadlines)
        try:
            raw = await self.read_all(response)
        finally:
            response.release() if response.content.at_eof() else response.close()
        return raw, response.headers.get("Content-Type", "")

    async def read_all(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the whole body of `response`.

        Raises:
            APIError: it was cut, or is larger than 64 MB.
        """
        import aiohttp

        parts: list[bytes] = []
        size = 0
        failure: APIError | None = None
        try:
            while piece := await response.content.readany():
                parts.append(piece)
                size += len(piece)
                if size > _LARGEST_ANSWER:
                    failure = ProtocolError("The server's answer is larger than 64 MB.", provider=self.endpoint.provider)
                    break
        except (aiohttp.ClientError, OSError):
            failure = ConnectionFailedError(
                f"{self._host} closed the connection in the middle of its answer.",
                provider=self.endpoint.provider,
                kind="connection_lost",
                next_step="Try again.",
            )
        if failure is not None:
            raise failure
        return b"".join(parts)

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
        data: Body | None = None
        if body is not None:
            data, media_type = body_of(body)
            headers = {**headers, "Content-Type": media_type}
        attempt = 0
        while True:
            progress = progress or Progress()
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
                wait = wait_before_retry(outcome, attempt, deadlines, reused=progress.reused)
            if wait is None:
                raise outcome
            attempt += 1
            progress.restart()
            await asyncio.sleep(wait)

    async def _attempt(
        self, method: str, path: str, data: Body | None, headers: Mapping[str, str], deadlines: Deadlines, progress: Progress
    ) -> aiohttp.ClientResponse | Refusal | Exception:
        """Send the request once; failures come back as values, so that none of the library's hangs on them."""
        client = await self._session()
        # Imported by the worker thread that made the session; doing it here would stop the loop for half a second.
        import aiohttp

        endpoint = self.endpoint
        sent = {**endpoint.headers, **headers}
        streamed = data if isinstance(data, StreamedBody) else None
        if streamed is not None:
            sent["Content-Length"] = str(streamed.size)
        proxy, user, password = self._proxy
        # The path is joined by hand: a base URL keeps its own path, whatever `path` begins with.
        sending = asyncio.ensure_future(
            client.request(
                method,
                endpoint.base_url + path,
                data=data if streamed is None else streamed.pieces(),
                headers=sent,
                allow_redirects=False,
                proxy=proxy or None,
                proxy_auth=aiohttp.BasicAuth(user, password) if user else None,
                trace_request_ctx={"progress": progress},
            )
        )
        sending.add_done_callback(lambda _: progress.ended())
        connecting = True
        try:
            await within(progress.begun.wait(), deadlines.first_byte)
            await within(progress.connected.wait(), deadlines.connect)
            connecting = False
            if streamed is not None:
                await sent_on(sending, streamed, deadlines.first_byte)
            response = await within(sending, deadlines.first_byte)
            if 200 <= response.status < 300:
                return response
            return await self._refusal(response)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            if isinstance(error, APIError):
                raise
            if streamed is not None and streamed.failure is not None:
                return streamed.failure.with_traceback(None)
            if isinstance(error, asyncio.TimeoutError) and streamed is not None and not (connecting or streamed.is_read):
                return RequestTimeoutError(
                    f"{endpoint.title} took {streamed.position:,} of {streamed.size:,} bytes of the request, then nothing for"
                    f" {deadlines.first_byte:g} s.",
                    provider=endpoint.provider,
                    kind="send_timeout",
                    next_step="Try again, or attach something smaller.",
                )
            if isinstance(error, asyncio.TimeoutError) and not connecting:
                return RequestTimeoutError(
                    f"{endpoint.title} has sent nothing for {deadlines.first_byte:g} s;"
                    " the model is probably still being loaded.",
                    provider=endpoint.provider,
                    kind="first_byte_timeout",
                    next_step="Wait a little and try again, or choose a smaller model.",
                )
            return connection_failure(
                error,
                provider=endpoint.provider,
                title=endpoint.title,
                host=self._host,
                port=self._port,
                proxy=origin(proxy) if proxy else "",
                connect=deadlines.connect,
                start=endpoint.start_hint,
            )
        finally:
            if not sending.done():
                sending.cancel()
                await asyncio.wait({sending})
            if not sending.cancelled():
                sending.exception()

    async def _refusal(self, response: aiohttp.ClientResponse) -> Refusal:
        import aiohttp

        body = bytearray()

        async def read() -> None:
            while len(body) < _LARGEST_REFUSAL and (piece := await response.content.readany()):
                body.extend(piece)

        try:
            await asyncio.wait_for(read(), min(5.0, self.endpoint.deadlines.call))
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
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
            self._loop, self._client, self._opening = loop, None, asyncio.Lock()
        if self._client is None or self._client.closed:
            assert self._opening is not None
            async with self._opening:
                if self._client is None or self._client.closed:
                    self._client = await self._open(loop)
        return self._client

    async def _open(self, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
        # Importing takes about 0.1 s and reading the authorities 0.04 s: neither on the loop, which may be the UI's.
        await loop.run_in_executor(None, importlib.import_module, "aiohttp")
        import aiohttp

        secure = urlsplit(self.endpoint.base_url).scheme == "https"
        self._proxy = await loop.run_in_executor(None, proxy_for, self.endpoint.base_url)
        context: ssl.SSLContext | bool = True
        if secure or self._proxy[0].startswith("https"):
            context = await loop.run_in_executor(None, ssl_context, self.endpoint.ca_file)
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(_begun)
        trace.on_connection_create_end.append(_connected)
        trace.on_connection_reuseconn.append(_reused)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=max(10, self.endpoint.connections), limit_per_host=self.endpoint.connections, ssl=context
            ),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "nuke-ai-panel"},
            trace_configs=[trace],
        )

    async def aclose(self) -> None:
        """Close the pooled connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()


def proxy_for(url: str) -> tuple[str, str, str]:
    """Return the proxy that this machine's settings name for `url`, with user and password; none for this machine itself.

    It may read the system's settings: call it in a worker thread.
    """
    host, port = host_and_port(url)
    if is_loopback(host) or proxy_bypass(host) or proxy_bypass(f"{host}:{port}"):
        return "", "", ""
    found = getproxies()
    proxy = found.get(urlsplit(url).scheme) or found.get("all") or ""
    if not proxy:
        return "", "", ""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme not in ("http", "https"):
        return "", "", ""
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return bare, unquote(parts.username or ""), unquote(parts.password or "")


async def _begun(session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
    _progress(context).begun.set()


async def _connected(session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
    _progress(context).connected.set()


async def _reused(session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
    progress = _progress(context)
    progress.reused = True
    progress.ended()


def _progress(context: SimpleNamespace) -> Progress:
    found: Progress = context.trace_request_ctx["progress"]
    return found
