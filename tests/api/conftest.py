"""A model server on loopback that counts its connections.

It runs in threads and has no event loop, so it stands beside any loop of a test, and processes that a test starts can use it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

LIMIT = 60.0
"""Seconds for one test or process; reaching it is a failure, so it is generous."""

ROOT = Path(__file__).resolve().parents[2]


class WireServer:
    """Speaks enough of Ollama and of OpenAI. What it answers is decided by the model's name:

    ``words-N`` streams N words, ``burst-N`` writes them at once, ``endless`` goes on until the client leaves, ``silent`` never
    answers, ``cut`` breaks off, ``tools`` asks for a call; any other says *Hello there*.
    """

    def __init__(self, tls=None):
        self.requests = []
        self.connections = 0
        self.open = set()
        self.sent = 0
        self.gone = threading.Event()
        self.began = threading.Event()
        self.release = threading.Event()
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        owner = self

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                return

        class Handler(_Handler):
            server_of_test = owner

        self._server = Listener(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="wire-server")
        self._thread.start()

    def note(self, peer, is_open):
        with self._changed:
            (self.open.add if is_open else self.open.discard)(peer)
            self.connections += is_open
            self._changed.notify_all()

    def wait_until_closed(self, limit=LIMIT):
        """Wait until no client is connected any more."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self.open, limit), f"still connected: {self.open}"

    def stop(self):
        self.stopping.set()
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def of(self, path):
        """The bodies of the requests to `path`."""
        return [body for asked, _, body in self.requests if asked == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of_test: WireServer

    def log_message(self, *_):
        return

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server_of_test.note(self.client_address, True)

    def finish(self):
        try:
            with contextlib.suppress(OSError):
                super().finish()
        finally:
            self.server_of_test.note(self.client_address, False)

    def do_GET(self):
        self._take(b"")
        if self.path == "/v1/files":
            self._json({"object": "list", "data": [{"id": "file-1", "object": "file", "bytes": 3, "filename": "a.txt"}]})
        elif self.path == "/v1/files/file-1/content":
            self._send(200, b"abc", "application/octet-stream")
        else:
            self._json({"data": []})

    def do_DELETE(self):
        self._take(b"")
        self._json({"id": "file-1", "object": "file", "deleted": True})

    def do_POST(self):
        raw = self._read()
        body = self._take(raw)
        if self.path == "/api/show":
            self._json({"details": {}, "model_info": {}, "capabilities": ["completion", "tools", "vision", "thinking"]})
        elif self.path == "/api/chat":
            self._chat(body, _NDJSON)
        elif self.path == "/v1/chat/completions":
            self._chat(body, _SSE)
        elif self.path == "/v1/embeddings":
            texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
            data = [{"object": "embedding", "index": n, "embedding": [0.5, float(n)]} for n in range(len(texts))]
            self._json(
                {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 4, "total_tokens": 4}}
            )
        elif self.path == "/v1/images/generations":
            self._json({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}]})
        elif self.path in ("/v1/audio/transcriptions", "/v1/audio/translations"):
            self._json({"text": self.path.rpartition("/")[2]})
        elif self.path == "/v1/audio/speech":
            self._send(200, b"sound", "audio/mpeg")
        elif self.path == "/v1/files":
            self._json({"id": "file-1", "object": "file", "bytes": 3, "filename": "a.txt", "purpose": "user_data"})
        else:
            self._send(404, b'{"error": "no such path"}', "application/json")

    def _read(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _take(self, raw):
        body = json.loads(raw) if raw[:1] == b"{" else raw
        self.server_of_test.requests.append((self.path, dict(self.headers), body))
        return body

    def _chat(self, body, wire):
        server, model = self.server_of_test, body["model"]
        if model == "missing":
            self._send(404, json.dumps({"error": f"model '{model}' not found"}).encode(), "application/json")
            return
        if model == "refused":
            self._send(401, b'{"error": {"message": "invalid api key"}}', "application/json")
            return
        server.began.set()
        if model == "silent":
            server.release.wait()
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Type", wire.media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        kind, _, count = model.partition("-")
        try:
            if kind == "words":
                for number in range(int(count)):
                    self._chunk(wire.word(model, f"w{number} "))
            elif kind == "burst":
                self._chunk(b"".join(wire.word(model, f"w{number} ") for number in range(int(count))))
            elif kind == "endless":
                self._go_on(wire, model)
            elif kind == "cut":
                self._chunk(wire.word(model, "half an "))
                server.release.wait()
                self.close_connection = True
                return
            elif kind == "tools":
                self._chunk(wire.call(model))
            else:
                for word in ("Hello", " ", "there"):
                    self._chunk(wire.word(model, word))
            self._chunk(wire.end(model, "tool_calls" if kind == "tools" else "stop"))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            server.gone.set()
            self.close_connection = True

    def _go_on(self, wire, model):
        server = self.server_of_test
        while not server.stopping.is_set():
            self._chunk(wire.word(model, "on and "))
            server.sent += 1
            # A client that has left is seen by what it does not send any more, too.
            self.connection.settimeout(0.005)
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    raise ConnectionResetError
            except (socket.timeout, TimeoutError):
                pass
            finally:
                self.connection.settimeout(None)

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _json(self, value):
        self._send(200, json.dumps(value).encode(), "application/json")

    def _send(self, status, body, media_type):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _NDJSON:
    media_type = "application/x-ndjson"

    @staticmethod
    def _line(model, message, **more):
        return json.dumps({"model": model, "message": {"role": "assistant", **message}, "done": False, **more}).encode() + b"\n"

    @classmethod
    def word(cls, model, text):
        return cls._line(model, {"content": text})

    @classmethod
    def call(cls, model):
        return cls._line(model, {"content": "", "tool_calls": [{"function": {"name": "blur", "arguments": {"size": 3}}}]})

    @classmethod
    def end(cls, model, reason):
        reason = "stop" if reason == "tool_calls" else reason
        return cls._line(model, {"content": ""}, done=True, done_reason=reason, prompt_eval_count=5, eval_count=3)


class _SSE:
    media_type = "text/event-stream"

    @staticmethod
    def _event(model, delta, reason=None, **more):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return b"data: " + json.dumps({"id": "c-1", "model": model, "choices": [choice], **more}).encode() + b"\n\n"

    @classmethod
    def word(cls, model, text):
        return cls._event(model, {"content": text})

    @classmethod
    def call(cls, model):
        call = {"index": 0, "id": "call-9", "type": "function", "function": {"name": "blur", "arguments": '{"size": 3}'}}
        return cls._event(model, {"tool_calls": [call]})

    @classmethod
    def end(cls, model, reason):
        usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "cost": 0.25}
        return cls._event(model, {}, reason, usage=usage) + b"data: [DONE]\n\n"


@pytest.fixture
def start_server():
    """Start a server; its argument is a TLS context or nothing."""
    started = []

    def start(tls=None):
        started.append(WireServer(tls))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(start_server, monkeypatch):
    """A running server, found through the environment by the prefixes ``ollama/`` and ``openai/``."""
    running = start_server()
    monkeypatch.setenv("OLLAMA_HOST", running.url)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{running.url}/v1")
    yield running
    close_background()


def close_background():
    """End the loop of the sync calls, and with it every connection."""
    from nuke_ai_panel.aio import background

    background().stop()


@pytest.fixture
def hello():
    """The messages of a conversation that says hello."""
    return [{"role": "user", "content": "hi"}]


@pytest.fixture
def run_script(tmp_path):
    """Run a program in a process of its own, with every warning an error; return what it printed."""

    def run(program, *options, arguments=(), limit=LIMIT):
        path = tmp_path / "program.py"
        path.write_text(program, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src" / "ui")))}
        done = subprocess.run(
            [sys.executable, *options, str(path), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def wait_until():
    """Wait for something to come true, with a limit."""

    def wait(is_true, limit=LIMIT):
        end = time.monotonic() + limit
        while not is_true():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.01)

    return wait
