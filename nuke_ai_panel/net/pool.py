"""The pool of connections to one server: how it is opened, trusted, and led through a proxy."""

from __future__ import annotations

import importlib
import os
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from nuke_ai_panel.aio.daemon_work import in_worker
from nuke_ai_panel.errors import ConnectionFailedError
from nuke_ai_panel.net.address import host_and_port, is_loopback
from nuke_ai_panel.net.secret import Secret

if TYPE_CHECKING:
    import asyncio

    import aiohttp

__all__ = ["Progress", "open_pool", "proxy_for", "ssl_context"]

_contexts: dict[str, ssl.SSLContext] = {}
_contexts_lock = threading.Lock()


def _unlock() -> None:
    # A fork copies a lock as it is, but not the thread that would let it go.
    global _contexts_lock
    _contexts_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


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
                    context.load_verify_locations(cafile=os.path.expanduser(ca_file))
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
    """How far one attempt has come.

    Attributes:
        begun: it has a place in the pool.
        connected: it has a connection, TLS and all.
        reused: that connection had been idle in the pool.
        sent: something of the request has been written.
        answered: something of an answer has come.
        late: the stage that took too long: ``"waiting"`` for a place in the pool, ``"connecting"``, ``"sending"`` (of which
            every piece that is taken begins the time anew), ``"answering"``; "" where none did.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew with the next attempt."""
        self.begun = self.connected = self.reused = self.sent = self.answered = False
        self.late = ""


async def open_pool(
    loop: asyncio.AbstractEventLoop, base_url: str, *, ca_file: str = "", connections: int = 5
) -> tuple[aiohttp.ClientSession, tuple[str, str, str]]:
    """Return a session for `base_url` bound to `loop`, and the proxy that its requests go through; see :func:`proxy_for`.

    Nothing is connected yet.

    Raises:
        ConnectionFailedError: `ca_file` cannot be used.
    """
    # Importing takes about 0.1 s and reading the authorities 0.04 s: neither on the loop, which may be the UI's.
    await in_worker(lambda: importlib.import_module("nuke_ai_panel.net.exchange"))
    from nuke_ai_panel.net.exchange import open_session

    proxy = await in_worker(lambda: proxy_for(base_url))
    context: ssl.SSLContext | bool = True
    if base_url.startswith("https") or proxy[0].startswith("https"):
        context = await in_worker(lambda: ssl_context(ca_file))
    return open_session(connections, context), proxy
