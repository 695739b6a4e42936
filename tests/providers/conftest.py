"""A scriptable server on loopback."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from aiohttp import web


@dataclass
class Received:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict
    raw: bytes
    peer: object

    @property
    def body(self):
        return json.loads(self.raw)


@dataclass
class Reply:
    """What is sent back: the steps are bytes, an event to wait for, an awaitable function, or one of the endings below."""

    steps: tuple = ()
    status: int = 200
    headers: dict = field(default_factory=dict)
    content_type: str = "application/json"


class ScriptedServer:
    """A real HTTP server whose every answer is written down beforehand.

    ``routes`` maps ``"METHOD /path"`` to replies, given one after the other; the last one repeats. What no route is written for
    (a question beside the chat, for example) gets a plain 404; ``asked`` and ``wanted`` tell of the others only.
    """

    ABORT = "abort"  # reset the connection
    CUT = "cut"  # close it in the middle of a chunked body
    FOREVER = "forever"  # send nothing more and never end

    def __init__(self, routes, tls: ssl.SSLContext | None = None):
        self.routes = {name: list(replies) if isinstance(replies, list) else [replies] for name, replies in routes.items()}
        self.received = []
        self.asked = []
        self.wanted = asyncio.Event()
        self.arrived = asyncio.Event()
        self.gone = asyncio.Event()
        self._tls = tls
        self._runner = None
        self.url = ""

    @property
    def port(self):
        return urlsplit(self.url).port

    @property
    def connections(self):
        return len({request.peer for request in self.received})

    async def __aenter__(self):
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _handle(self, request):
        self.received.append(
            Received(
                request.method,
                request.path_qs,
                dict(request.headers),
                await request.read(),
                request.transport.get_extra_info("peername"),
            )
        )
        self.arrived.set()
        replies = self.routes.get(f"{request.method} {request.path}")
        if not replies:
            return web.Response(status=404, text="404 page not found")
        self.asked.append(self.received[-1])
        self.wanted.set()
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        if reply.content_type:
            response.headers["Content-Type"] = reply.content_type
        try:
            return await self._play(request, response, list(reply.steps))
        except (asyncio.CancelledError, ConnectionResetError):
            self.gone.set()
            raise

    async def _play(self, request, response, steps):
        while steps and isinstance(steps[0], asyncio.Event):
            await steps.pop(0).wait()
        if steps and steps[0] == self.ABORT:
            request.transport.abort()
            return response
        await response.prepare(request)
        for step in steps:
            if isinstance(step, bytes):
                await response.write(step)
            elif isinstance(step, asyncio.Event):
                await step.wait()
            elif step == self.ABORT:
                request.transport.abort()
                return response
            elif step == self.CUT:
                request.transport.close()
                return response
            elif step == self.FOREVER:
                await asyncio.Event().wait()
            else:
                await step(response)
        await response.write_eof()
        return response


@pytest.fixture
def scripted():
    """The class of the scriptable server; its constructor takes the routes."""
    return ScriptedServer


@pytest.fixture
def reply():
    """The class of one scripted answer."""
    return Reply


@pytest.fixture
def unused_port():
    """A port of loopback on which nothing listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
