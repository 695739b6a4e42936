"""A model server that does everything wrong on purpose, over plain sockets on loopback.

It speaks Ollama's protocol and OpenAI's, reads requests itself and writes every byte of an answer itself, so there is no
rule of HTTP that it could not break. What it does is chosen by each request's path: ``/chat/NAME/…`` plays the mode NAME for
the chat call, ``/list/NAME/…`` for the list of models; every other call under that path gets a healthy answer. A tally for
each mode tells how many requests came, over how many connections, and when the client has left.

``python -m tests.faults.fault_server`` starts one to point any client at.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["WIRES", "Exchange", "FaultServer", "Mode", "Received", "Tally", "Wire"]


# what the two protocols write


class Wire:
    """The records of one protocol. ``kept`` and ``ending`` together are a complete answer with the text ``kept``."""

    name = ""
    media = ""
    keep_alive = b""
    list_path = ""
    prefix = ""

    def word(self, text, **more) -> bytes:
        raise NotImplementedError

    def ending(self) -> bytes:
        raise NotImplementedError

    def record(self, value) -> bytes:
        """Return any JSON value, or text that is none, as one record."""
        raise NotImplementedError

    def failure(self, message) -> bytes:
        raise NotImplementedError

    def whole(self, text) -> bytes:
        """Return an answer that is not streamed."""
        raise NotImplementedError

    def models(self, *names) -> bytes:
        raise NotImplementedError

    def health(self, path) -> bytes:
        """Return a healthy answer to a call that is not the one under test."""
        raise NotImplementedError


def _json(value) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class OllamaWire(Wire):
    name = "ollama"
    media = "application/x-ndjson"
    keep_alive = b"\n"
    chat_path = "/api/chat"
    list_path = "/api/tags"

    def word(self, text, **more):
        return self.record({"model": "tiny", "message": {"role": "assistant", "content": text, **more}, "done": False})

    def ending(self):
        return self.record(
            {
                "model": "tiny",
                "message": {"role": "assistant", "content": ""},
                "done": True,
                "done_reason": "stop",
                "prompt_eval_count": 11,
                "eval_count": 3,
            }
        )

    def record(self, value):
        return _json(value) + b"\n"

    def failure(self, message):
        return self.record({"error": message})

    def whole(self, text):
        return self.record({"model": "tiny", "message": {"content": text}, "done": True, "done_reason": "stop"})

    def models(self, *names):
        return _json({"models": [{"name": name, "details": {}} for name in names]})

    def health(self, path):
        if path.endswith("/api/version"):
            return _json({"version": "0.33.0"})
        if path.endswith(("/api/tags", "/api/ps")):
            return self.models("tiny")
        return _json({"details": {}, "model_info": {}})


class OpenaiWire(Wire):
    name = "openai"
    media = "text/event-stream"
    keep_alive = b": still here\n\n"
    chat_path = "/chat/completions"
    list_path = "/models"
    prefix = "/v1"

    def chunk(self, delta, finish=None, **more):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self.record({"id": "c1", "object": "chat.completion.chunk", "model": "tiny", "choices": [choice], **more})

    def word(self, text, **more):
        return self.chunk({"role": "assistant", "content": text, **more})

    def reason(self):
        return self.chunk({}, "stop")

    def ending(self):
        usage = {"id": "c1", "model": "tiny", "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}}
        return self.reason() + self.record(usage) + b"data: [DONE]\n\n"

    def record(self, value):
        return b"data: " + _json(value) + b"\n\n"

    def failure(self, message):
        return self.record({"error": {"message": message, "code": 502}})

    def whole(self, text):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return _json({"id": "c1", "object": "chat.completion", "model": "tiny", "choices": [choice]})

    def models(self, *names):
        return _json({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})

    def health(self, path):
        return self.models("tiny")


WIRES: dict[str, Wire] = {wire.name: wire for wire in (OllamaWire(), OpenaiWire())}


# one connection


@dataclass
class Received:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    port: int = 0

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Tally:
    """What one mode has seen."""

    received: list[Received] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    sent: int = 0
    all_gone: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def requests(self):
        return len(self.received)

    async def until(self, requests: int) -> None:
        """Return when so many requests have come."""
        while self.requests < requests:
            self.arrived.clear()
            await asyncio.wait_for(self.arrived.wait(), 20)


class GoneError(Exception):
    """The client has left, or this side has closed the connection: nothing more can be said on it."""


class NoRequestError(Exception):
    """What came is no HTTP."""


class Exchange:
    """One request and what is answered to it. Modes are written in its verbs."""

    def __init__(self, server: FaultServer, wire: Wire, request: Received, tally: Tally, is_chat: bool, reader, writer) -> None:
        self.server = server
        self.wire = wire
        self.request = request
        self.tally = tally
        self.is_chat = is_chat
        self.count = tally.requests
        self.keeps_alive = True
        self._reader = reader
        self._writer = writer
        self._chunked = False

    # bytes

    async def raw(self, data: bytes) -> None:
        """Write `data` as it is."""
        try:
            self._writer.write(data)
            self.tally.sent += len(data)
            await self._writer.drain()
        except (ConnectionError, OSError):
            raise GoneError from None

    async def head(self, status="200 OK", *, media=None, framing="chunked", headers=()) -> None:
        """Write a status line and headers. `framing` is ``"chunked"``, ``"close"`` or a length."""
        self._chunked = framing == "chunked"
        media = (self.wire.media if self.is_chat else "application/json") if media is None else media
        lines = [f"HTTP/1.1 {status}", *headers]
        if media:
            lines.append(f"Content-Type: {media}")
        if framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        elif framing == "close":
            lines.append("Connection: close")
            self.keeps_alive = False
        else:
            lines.append(f"Content-Length: {framing}")
        await self.raw("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def piece(self, data: bytes) -> None:
        """Write a piece of the body."""
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    async def end(self) -> None:
        """End the body as its framing wants it."""
        if self._chunked:
            await self.raw(b"0\r\n\r\n")

    # records

    @property
    def kept(self) -> bytes:
        """The first part of a good answer: a word, or half a list."""
        return self.wire.word("kept") if self.is_chat else self.wire.models("tiny")[:12]

    @property
    def ending(self) -> bytes:
        """What makes :attr:`kept` a complete answer."""
        return self.wire.ending() if self.is_chat else self.wire.models("tiny")[12:]

    @property
    def good(self) -> bytes:
        """A complete answer."""
        return self.kept + self.ending

    async def begin(self, **head) -> None:
        """Write the headers and :attr:`kept`."""
        await self.head(**head)
        await self.piece(self.kept)

    async def answer(self, body: bytes | None = None, **head) -> None:
        """Write one whole answer; `body` is a good one unless given."""
        body = self.good if body is None else body
        await self.head(**{"framing": len(body), **head})
        await self.piece(body)
        await self.end()

    async def refuse(self, status, body: object = None, headers=()) -> None:
        """Write an answer with an error status."""
        raw = b"" if body is None else _json(body)
        await self.answer(raw, status=status, media="application/json" if raw else "", headers=headers)

    # manners

    async def stall(self) -> None:
        """Write nothing more and wait until the client leaves."""
        with contextlib.suppress(ConnectionError, OSError):
            while await self._reader.read(4096):
                pass
        raise GoneError

    async def forever(self, data: bytes, every: float = 0.02, framed: bool = True) -> None:
        """Write `data` again and again until the client leaves."""
        write = self.piece if framed else self.raw
        while True:
            await write(data)
            if self._reader.at_eof():
                raise GoneError
            await asyncio.sleep(every)

    async def drip(self, data: bytes, every: float = 0.02, framed: bool = True) -> None:
        """Write `data` byte by byte."""
        write = self.piece if framed else self.raw
        for at in range(len(data)):
            await write(data[at : at + 1])
            if self._reader.at_eof():
                raise GoneError
            await asyncio.sleep(every)

    async def close(self) -> None:
        """Close the connection in good order (FIN)."""
        self._writer.close()
        raise GoneError

    async def reset(self) -> None:
        """Break the connection (RST), once what was written has been taken."""
        await asyncio.sleep(0.03)
        plain = self._writer.transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise GoneError


Mode = Callable[[Exchange], Awaitable[None]]


# the server


class FaultServer:
    """Loopback server for one protocol. Use it as ``async with``.

    Args:
        wire: ``"ollama"`` or ``"openai"``.
        modes: name to mode.
        tls: server-side TLS context.
        on_accept: a mode that is played on every connection before anything is read from it.
        host: address of loopback to listen on.
        port: port, 0 for a free one.
    """

    def __init__(self, wire: str, modes: dict[str, Mode], *, tls=None, on_accept: Mode | None = None, host="127.0.0.1", port=0):
        self.wire = WIRES[wire]
        self.modes = modes
        self.tallies: dict[str, Tally] = {}
        self.accepted = Tally()
        self._tls = tls
        self._on_accept = on_accept
        self._host = host
        self._wanted_port = port
        self._server: asyncio.AbstractServer | None = None
        self._busy: set[asyncio.Task] = set()
        self.port = 0

    async def __aenter__(self) -> FaultServer:
        self._server = await asyncio.start_server(self._serve, self._host, self._wanted_port, ssl=self._tls, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_) -> None:
        self._server.close()
        for task in list(self._busy):
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=10)

    @property
    def origin(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def url(self, mode: str, call: str = "chat") -> str:
        """Return the base URL under which `call` (``"chat"`` or ``"list"``) plays `mode`."""
        return f"{self.origin}/{call}/{mode}{self.wire.prefix}"

    def tally(self, mode: str, call: str = "chat") -> Tally:
        return self.tallies.setdefault(f"{call}/{mode}", Tally())

    async def _serve(self, reader, writer) -> None:
        task = asyncio.current_task()
        self._busy.add(task)
        mine: list[Tally] = []
        self._enter(self.accepted, mine)
        try:
            if self._on_accept is not None:
                await self._on_accept(Exchange(self, self.wire, Received("", "", {}), self.accepted, True, reader, writer))
                return
            while (request := await read_request(reader)) is not None:
                request.port = writer.get_extra_info("peername")[1]
                if not await self._answer(request, mine, reader, writer):
                    return
        except NoRequestError:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        except (GoneError, ConnectionError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            if not writer.transport.is_closing():
                writer.close()
            with contextlib.suppress(ConnectionError, OSError, asyncio.CancelledError, asyncio.TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 2)
            for tally in mine:
                tally.open -= 1
                if not tally.open:
                    tally.all_gone.set()
            self._busy.discard(task)

    def _enter(self, tally: Tally, mine: list[Tally]) -> None:
        if tally not in mine:
            mine.append(tally)
            tally.connections += 1
            tally.open += 1
            tally.all_gone.clear()

    async def _answer(self, request: Received, mine, reader, writer) -> bool:
        """Answer one request; return whether the connection lives on."""
        path = request.target.partition("?")[0]
        if "://" in path:
            # As a proxy sees it.
            path = "/" + path.split("://", 1)[1].partition("/")[2]
        _, call, name, *_ = [*path.split("/"), "", "", ""]
        wanted = self.wire.chat_path if call == "chat" else self.wire.list_path
        if name not in self.modes or not path.endswith(wanted):
            exchange = Exchange(self, self.wire, request, Tally(), False, reader, writer)
            # Closed, so that the call under test always begins on a fresh connection.
            await exchange.answer(self.wire.health(path), framing="close")
            return False
        tally = self.tally(name, call)
        self._enter(tally, mine)
        tally.received.append(request)
        tally.arrived.set()
        exchange = Exchange(self, self.wire, request, tally, call == "chat", reader, writer)
        await self.modes[name](exchange)
        return exchange.keeps_alive


async def read_request(reader) -> Received | None:
    """Return the next request on a connection, None at its end."""
    first = await reader.read(1)
    if not first:
        return None
    if not first.isupper():
        raise NoRequestError
    head = first + await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, target, headers, body)


async def _main() -> None:
    from tests.faults.fault_modes import MODES

    async with contextlib.AsyncExitStack() as stack:
        for wire in WIRES:
            server = await stack.enter_async_context(FaultServer(wire, MODES))
            print(f"{wire}: {server.url('MODE')}", flush=True)
        print(f"modes: {', '.join(MODES)}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
