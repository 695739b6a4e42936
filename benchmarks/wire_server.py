"""A model server for measuring clients: speaks Ollama's and OpenAI's protocol, and spends next to nothing on an answer.

Run it in a process of its own; it prints its ports as one JSON line. What it does is written in the name of the model, e.g.
``c2000-w64-d200``: 2000 chunks, 64 in one write, after 200 ms. With ``r`` the delay varies from request to request; with ``p``
the chunks come about one every millisecond, so that the client wakes up for each.

    plain  HTTP
    tls    HTTPS, with the certificate authority of ``--ca-out``
    slow   HTTPS behind 15 ms each way, as over a network with a round trip of 30 ms
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import ssl
import time

import trustme

WORDS = (" the", " Grade", " node", " sits", " below", " your", " Merge", " and", " lifts", " its", " blacks")
PACE = 0.0002
_NAME = re.compile(r"c(\d+)-w(\d+)-d(\d+)(r?)(p?)")


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Wire:
    """The records of one protocol."""

    def __init__(self, model: str, *, ollama: bool) -> None:
        self.model = model
        self.ollama = ollama
        self.media = b"application/x-ndjson" if ollama else b"text/event-stream"

    def piece(self, text: str) -> bytes:
        if self.ollama:
            message = {"role": "assistant", "content": text}
            return (
                json.dumps(
                    {"model": self.model, "created_at": "2026-08-01T10:00:00.000Z", "message": message, "done": False}
                ).encode()
                + b"\n"
            )
        choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
        return self._event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def end(self, count: int) -> bytes:
        if self.ollama:
            return json.dumps(self._ollama_end("", count)).encode() + b"\n"
        usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": count + 9}
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
        head = self._head("chat.completion.chunk")
        return (
            self._event({**head, "choices": [choice]})
            + self._event({**head, "choices": [], "usage": usage})
            + b"data: [DONE]\n\n"
        )

    def whole(self, text: str, count: int) -> bytes:
        if self.ollama:
            return json.dumps(self._ollama_end(text, count)).encode()
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": count + 9}
        return json.dumps({**self._head("chat.completion"), "choices": [choice], "usage": usage}).encode()

    def _ollama_end(self, text: str, count: int) -> dict[str, object]:
        return {
            "model": self.model,
            "created_at": "2026-08-01T10:00:00.000Z",
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": "stop",
            "total_duration": 5_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": 9,
            "prompt_eval_duration": 1_000_000,
            "eval_count": count,
            "eval_duration": 3_000_000,
        }

    def _head(self, kind: str) -> dict[str, object]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1785578400, "model": self.model}

    @staticmethod
    def _event(value: dict[str, object]) -> bytes:
        return b"data: " + json.dumps(value).encode() + b"\n\n"


class Server:
    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0

    async def on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                fields = {name.lower(): value for name, value in fields.items()}
                body = await self._body(reader, fields)
                path = head.split(" ", 2)[1].partition("?")[0]
                await self._answer(path, json.loads(body) if body else {}, writer)
        writer.close()

    @staticmethod
    async def _body(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
        if fields.get("transfer-encoding", "") != "chunked":
            return await reader.readexactly(int(fields.get("content-length", "0")))
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)

    async def _answer(self, path: str, body: dict[str, object], writer: asyncio.StreamWriter) -> None:
        model = str(body.get("model", ""))
        found = _NAME.search(model)
        if path == "/stats":
            self._whole(writer, json.dumps({"connections": self.connections, "requests": self.requests}).encode())
        elif path == "/api/show":
            about = {"capabilities": ["completion", "tools"], "model_info": {"llama.context_length": 131072}, "details": {}}
            self._whole(writer, json.dumps(about).encode())
        elif path in ("/api/tags", "/api/ps"):
            self._whole(writer, b'{"models":[]}')
        elif path.endswith("/models"):
            self._whole(writer, b'{"object":"list","data":[]}')
        elif found is None or not path.endswith(("/chat", "/chat/completions")):
            self._whole(writer, b'{"error":"not found"}', b"404 Not Found")
        else:
            self.requests += 1
            delay = int(found[3]) / 1000
            if found[4]:
                # The same uneven sequence for everyone: from half to twice the delay.
                delay *= 0.5 + 1.5 * ((self.requests * 7919) % 97) / 96
            if delay:
                await asyncio.sleep(delay)
            await self._chat(
                Wire(model, ollama=path == "/api/chat"), body, int(found[1]), int(found[2]), writer, PACE if found[5] else 0
            )
        await writer.drain()

    async def _chat(
        self, wire: Wire, body: dict[str, object], count: int, together: int, writer: asyncio.StreamWriter, pace: float
    ) -> None:
        if not body.get("stream", wire.ollama):
            self._whole(writer, wire.whole("".join(WORDS[:count]), count))
            return
        begin = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % wire.media
        # The first word is the moment of its sending, on the clock that all processes of the machine share.
        begin += chunked(wire.piece(f"{time.perf_counter():.6f}"))
        end = chunked(wire.end(count)) + b"0\r\n\r\n"
        # Clients watch out for a model that repeats itself, so the words change.
        pieces = [chunked(wire.piece(word)) for word in WORDS]
        if together >= count:
            writer.write(begin + b"".join(pieces[number % len(pieces)] for number in range(1, count)) + end)
            return
        writer.write(begin)
        if pace:
            await asyncio.sleep(pace)
        for sent in range(1, count, together):
            writer.write(b"".join(pieces[number % len(pieces)] for number in range(sent, min(sent + together, count))))
            await writer.drain()
            if together == 1:
                await asyncio.sleep(pace)
        writer.write(end)

    @staticmethod
    def _whole(writer: asyncio.StreamWriter, body: bytes, status: bytes = b"200 OK") -> None:
        writer.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
        )


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, seconds: float) -> None:
    """Pass bytes on to `port` and back, each `seconds` later, without holding back what follows."""
    loop = asyncio.get_running_loop()
    # A connection takes a round trip to open.
    await asyncio.sleep(2 * seconds)
    there, back = await asyncio.open_connection("127.0.0.1", port)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                loop.call_later(seconds, target.write, data)
        loop.call_later(seconds, target.close)

    await asyncio.gather(pump(reader, back), pump(there, writer))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ca-out", default="", metavar="FILE", help="write the certificate authority here and serve TLS too")
    ca_out = parser.parse_args().ca_out
    server = Server()
    plain = await asyncio.start_server(server.on_client, "127.0.0.1", 0, limit=2**20, backlog=1024)
    ports = {"plain": plain.sockets[0].getsockname()[1]}
    if ca_out:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(ca_out)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        secure = await asyncio.start_server(server.on_client, "127.0.0.1", 0, limit=2**20, backlog=1024, ssl=context)
        ports["tls"] = secure.sockets[0].getsockname()[1]
        slow = await asyncio.start_server(
            lambda reader, writer: forward(reader, writer, ports["tls"], 0.015), "127.0.0.1", 0, backlog=1024
        )
        ports["slow"] = slow.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
