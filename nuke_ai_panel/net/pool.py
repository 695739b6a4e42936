"""The pool of connections to one server: how it is opened, trusted, led through a proxy, and watched."""

from __future__ import annotations

import importlib
import ssl
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from nuke_ai_panel.errors import ConnectionFailedError
from nuke_ai_panel.net.address import host_and_port, is_loopback
from nuke_ai_panel.net.lookup import NameLookup
from nuke_ai_panel.net.secret import Secret

if TYPE_CHECKING:
    import asyncio
    from types import SimpleNamespace

    import aiohttp
    from aiohttp.abc import AbstractResolver

__all__ = ["Progress", "open_pool", "proxy_for", "ssl_context"]

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
            problem = ""
            if ca_file:
                try:
                    context.load_verify_locations(cafile=ca_file)
                except (OSError, ssl.SSLError) as error:
                    problem = error.strerror or str(error)
            if problem:
                raise ConnectionFailedError(
                    f"The CA file {ca_file!r} cannot be used: {problem}.",
                    kind="ca_file",
                    next_step="Choose another CA file in Settings, or none.",
                )
            _contexts[ca_file] = context
        return context


def proxy_for(url: str) -> tuple[str, str, str]:
    """Return the proxy that this machine's settings name for `url`, with user and password; none for this machine itself.

    It may read the system's settings: call it in a worker thread.

    Raises:
        ConnectionFailedError: what they name is no address.
    """
    host, port = host_and_port(url)
    if is_loopback(host) or proxy_bypass(host) or proxy_bypass(f"{host}:{port}"):
        return "", "", ""
    found = _proxy_of_system(urlsplit(url).scheme)
    if found is None:
        raise ConnectionFailedError(
            "The proxy in this machine's settings is no address.",
            kind="proxy",
            next_step="Correct HTTPS_PROXY (or HTTP_PROXY, ALL_PROXY), or the system's proxy settings.",
        )
    return found


def _proxy_of_system(scheme: str) -> tuple[str, str, str] | None:
    """Return what the system's settings name, None where it is no address. Raises nothing: its variables hold a password."""
    found = getproxies()
    proxy = found.get(scheme) or found.get("all") or ""
    if not proxy:
        return "", "", ""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.scheme not in ("http", "https"):
            return "", "", ""
        bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        return (bare, unquote(parts.username or ""), Secret(unquote(parts.password or ""))) if parts.port != 0 else None
    except ValueError:
        return None


class Progress:
    """How far one attempt has come; set by the trace of the HTTP library.

    Attributes:
        begun: it has a place in the pool.
        connected: it has a connection, TLS and all.
        reused: that connection had been idle in the pool.
        sent: something of the request has been written.
        answered: something of an answer has come.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew with the next attempt."""
        self.begun = self.connected = self.reused = self.sent = self.answered = False


async def open_pool(
    loop: asyncio.AbstractEventLoop, base_url: str, *, ca_file: str = "", connections: int = 5
) -> tuple[aiohttp.ClientSession, tuple[str, str, str]]:
    """Return a session for `base_url` bound to `loop`, and the proxy that its requests go through; see :func:`proxy_for`.

    Nothing is connected yet. A request says where it notes how far it has come: ``trace_request_ctx={"progress": Progress()}``.

    Raises:
        ConnectionFailedError: `ca_file` cannot be used.
    """
    # Importing takes about 0.1 s and reading the authorities 0.04 s: neither on the loop, which may be the UI's.
    await loop.run_in_executor(None, importlib.import_module, "aiohttp")
    import aiohttp

    proxy = await loop.run_in_executor(None, proxy_for, base_url)
    context: ssl.SSLContext | bool = True
    if base_url.startswith("https") or proxy[0].startswith("https"):
        context = await loop.run_in_executor(None, ssl_context, ca_file)
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(_noting("begun"))
    trace.on_connection_create_end.append(_noting("connected"))
    trace.on_connection_reuseconn.append(_noting("begun", "connected", "reused"))
    trace.on_request_headers_sent.append(_noting("sent"))
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=max(10, connections),
            limit_per_host=connections,
            ssl=context,
            resolver=cast("AbstractResolver", NameLookup()),
        ),
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        # What else the library could undo depends on what happens to be installed.
        headers={"User-Agent": "nuke-ai-panel", "Accept-Encoding": "gzip, deflate"},
        auto_decompress=False,
        trace_configs=[trace],
        request_class=_request_class(),
    )
    # It would send a GET once more by itself; how often is for Deadlines.retries to say.
    session._retry_connection = False
    return session, proxy


def _noting(*stages: str) -> Callable[[aiohttp.ClientSession, SimpleNamespace, object], Coroutine[None, None, None]]:
    async def note(session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
        progress: Progress = context.trace_request_ctx["progress"]
        for stage in stages:
            setattr(progress, stage, True)

    return note


def _request_class() -> type[aiohttp.ClientRequest]:
    import aiohttp
    from aiohttp.client_reqrep import ClientResponse
    from aiohttp.connector import Connection

    class CleanRequest(aiohttp.ClientRequest):
        """A request that goes out on a silent connection only.

        Whatever arrives on an idle connection would be taken for the answer to the next request: the library looks for a
        closed connection before it uses one again, but not for bytes that nobody asked for (aiohttp 3.13).
        """

        async def send(self, conn: Connection) -> ClientResponse:
            if conn.protocol is None or conn.protocol.should_close:
                raise aiohttp.ServerDisconnectedError
            return await super().send(conn)

    return CleanRequest
