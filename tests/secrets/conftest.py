"""A server that answers with every fault and repeats the key it was given, and a search through all that comes out."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import json
import logging
import pickle
import threading
import traceback
import urllib.parse

import pytest

#: Of no form that a pattern would find: only what knows the key can keep it out.
KEY = "Zq7MarkedKeyThatNobodyMaySee42x"
PROMPT = "Wq9MarkedPromptThatNoLogMayHold"
PASSWORD = "Pq5MarkedPasswordOfTheProxy"


def spellings(secret):
    """`secret` as it would look in headers, addresses, JSON and base64 (at each of the three places in a longer text)."""
    found = {secret, urllib.parse.quote(secret), secret[:20], secret[8:]}
    for before in ("", "a", "ab"):
        found.add(base64.b64encode((before + secret).encode()).decode()[4:-6])
    return found


def holds(text, secret):
    return any(each in text for each in spellings(secret))


def assert_free(text, *secrets, where=""):
    for secret in secrets:
        for each in spellings(secret):
            found = text.find(each)
            assert found < 0, f"{where} shows a secret: …{text[max(0, found - 200) : found + 60]}…"


def words_of(error):
    """What is shown of an exception, logged and pickled, and everything that hangs on it."""
    found = [str(error), repr(error), repr(error.args), repr(vars(error))]
    found += traceback.format_exception(type(error), error, error.__traceback__)
    with contextlib.suppress(TypeError, AttributeError, pickle.PicklingError):
        raw = pickle.dumps(error)
        found += [repr(raw), repr(vars(pickle.loads(raw)))]
    found.append(repr(vars(copy.copy(error))))
    for other in (error.__cause__, error.__context__):
        if other is not None:
            found.append(words_of(other))
    return "\n".join(found)


def everything_of(error):
    """Its words, and the variables of every frame that it came through."""
    found = [words_of(error), *traceback.TracebackException.from_exception(error, capture_locals=True).format()]
    for other in (error.__cause__, error.__context__):
        if other is not None:
            found.append(everything_of(other))
    return "\n".join(found)


class RepeatingServer:
    """Answers each request with the fault that its path begins with, in a thread of its own, and repeats the key in it."""

    def __init__(self):
        self.requests = []
        self.fault = "401"
        #: What is repeated.
        self.word = KEY
        self.other = ""
        self._ready = threading.Event()
        self.came = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="repeating-server")

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _main(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._open = set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._open.add(task)
        try:
            while True:
                first = await reader.readexactly(1)
                if first == b"\x16":
                    # Somebody speaks TLS; it is answered in plain text.
                    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lengths = [line.partition(":")[2] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
                body = await reader.readexactly(int(lengths[0])) if lengths else b""
                self.requests.append(head + body.decode("utf-8", "replace"))
                self.came.set()
                await self._answer(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, head, writer):
        said = f"Incorrect API key provided: {self.word}. Authorization: Bearer {self.word}"
        headers, status, body = "Content-Type: application/json", 200, ""
        fault = self.fault
        if fault.isdigit():
            status, body = int(fault), json.dumps({"error": {"message": said, "type": "invalid_request_error", "code": fault}})
        elif fault == "plain":
            status, body, headers = 401, said, "Content-Type: text/plain"
        elif fault == "page":
            body, headers = (
                f"<!doctype html><html><title>Log in {self.word}</title>{self.word}</html>",
                "Content-Type: text/html",
            )
        elif fault == "redirect":
            status, headers = 307, f"Location: {self.other}/v1/next?key={self.word}"
        elif fault == "broken json":
            body = f'{{"data": [ {self.word} "models": oops'
        elif fault == "other json":
            body = json.dumps([self.word, {"x": self.word}])
        elif fault == "error in 200":
            body = json.dumps({"error": {"message": said, "code": 500}})
        elif fault == "reset":
            writer.transport.abort()
            return
        elif fault == "close":
            raise ConnectionError
        elif fault == "stall":
            await asyncio.Event().wait()
        elif fault == "no http":
            writer.write(f"SSH-2.0-{self.word}\r\n\r\n".encode())
            raise ConnectionError
        elif fault in ("cut", "stalled stream", "broken stream", "error in stream", "reset in stream"):
            await self._stream(fault, said, head, writer)
            return
        raw = body.encode()
        headers += f"\r\nX-Echo: {self.word}\r\nContent-Length: {len(raw)}"
        writer.write(f"HTTP/1.1 {status} X-{self.word}\r\n{headers}\r\n\r\n".encode() + raw)
        await writer.drain()

    async def _stream(self, fault, said, head, writer):
        is_ollama = "/api/" in head
        kind = "application/x-ndjson" if is_ollama else "text/event-stream"
        chunk = (
            {"model": "m", "message": {"role": "assistant", "content": "words"}, "done": False}
            if is_ollama
            else {"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "words"}}]}
        )

        def line(value):
            return f"{value}\n" if is_ollama else f"data: {value}\n\n"

        text = line(json.dumps(chunk))
        if fault == "broken stream":
            text += line(f"{{oops {self.word}")
        elif fault == "error in stream":
            text += line(json.dumps({"error": said if is_ollama else {"message": said, "code": 502}}))
        raw = text.encode()
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
        await writer.drain()
        if fault == "stalled stream":
            await asyncio.Event().wait()
        if fault == "reset in stream":
            writer.transport.abort()
        raise ConnectionError


@pytest.fixture
def repeating():
    with RepeatingServer() as server:
        yield server


@pytest.fixture
def elsewhere():
    """Another origin, which must never see the key."""
    with RepeatingServer() as server:
        server.fault = "500"
        yield server


class Kept(logging.Handler):
    def __init__(self):
        super().__init__(logging.NOTSET)
        self.lines = []

    def emit(self, record):
        shown = self.format(record)
        extra = {name: value for name, value in vars(record).items() if name not in ("exc_info",)}
        self.lines.append(f"{record.name}: {shown} {extra!r}")
        if record.exc_info and record.exc_info[1] is not None:
            self.lines.append(everything_of(record.exc_info[1]))


@pytest.fixture
def logs():
    """Every record of every logger at every level; yields a function that returns them as one text."""
    handler = Kept()
    root = logging.getLogger()
    before = root.level
    names = [None, *logging.root.manager.loggerDict]
    levels = {name: logging.getLogger(name).level for name in names if name}
    root.addHandler(handler)
    root.setLevel(1)
    for name in levels:
        logging.getLogger(name).setLevel(1)
    yield lambda: "\n".join(handler.lines)
    root.removeHandler(handler)
    root.setLevel(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
