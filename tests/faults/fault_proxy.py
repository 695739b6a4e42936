"""A forward proxy on loopback that leads every request to one place, or fails in a way of its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib

from tests.faults.fault_server import Received, read_request

__all__ = ["FaultProxy"]


_LOGIN = b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class FaultProxy:
    """Use it as ``async with``.

    Args:
        target: port of loopback that every tunnel and every request leads to, whatever host it names.
        login: ``"user:password"`` that it wants, or "".
        fault: bytes that answer every request instead, or a coroutine function that gets the writer.
    """

    def __init__(self, target: int = 0, *, login: str = "", fault=None):
        self.target = target
        self.received: list[Received] = []
        self.open = 0
        self._wanted = "Basic " + base64.b64encode(login.encode()).decode() if login else ""
        self._fault = fault
        self._busy: set[asyncio.Task] = set()
        self._server = None
        self.port = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._busy):
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=10)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._busy.add(task)
        self.open += 1
        with contextlib.suppress(ConnectionError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (request := await read_request(reader)) is not None:
                self.received.append(request)
                if self._fault is not None:
                    writer.write(self._fault)
                    await writer.drain()
                    if not self._fault:
                        # Silence, until the client leaves.
                        await reader.read()
                    break
                if self._wanted and request.headers.get("proxy-authorization") != self._wanted:
                    writer.write(_LOGIN)
                    break
                await self._lead(request, reader, writer)
                break
        writer.close()
        with contextlib.suppress(ConnectionError, OSError, asyncio.CancelledError):
            await writer.wait_closed()
        self.open -= 1
        self._busy.discard(task)

    async def _lead(self, request: Received, reader, writer):
        onward_reader, onward = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            if request.method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
                onward.write(f"{request.method} {request.target} HTTP/1.1\r\n{headers}\r\n".encode() + request.body)
            ways = [asyncio.ensure_future(_copy(reader, onward)), asyncio.ensure_future(_copy(onward_reader, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.wait(ways)
        finally:
            onward.close()


async def _copy(reader, writer):
    with contextlib.suppress(ConnectionError, OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
