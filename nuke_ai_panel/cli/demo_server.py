"""A small server that speaks the Ollama protocol and answers with fixed texts: its own, or those it is given.

It lets the whole way of a prompt be seen on a machine without a model: same requests, same stream, no AI. It listens on
127.0.0.1 only, in threads of its own and without an event loop, so it can stand beside any loop of the program.

Protocol: https://github.com/ollama/ollama/blob/main/docs/api.md, answers shaped as Ollama 0.33 gives them.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nuke_ai_panel.cli.demo_answers import answer_to, pieces

__all__ = ["MODEL", "VERSION", "DemoServer"]

MODEL = "demo"
VERSION = "0.33.0-demo"

_CONTEXT_LENGTH = 32768
_MODIFIED = "2026-01-01T00:00:00Z"
_DETAILS = {
    "format": "fixed text",
    "family": "demo",
    "families": ["demo"],
    "parameter_size": "0B",
    "quantization_level": "none",
}
_MAX_BODY = 32 * 1024 * 1024


class DemoServer:
    """The demo model behind an Ollama address.

    ``start`` and ``stop`` may be called from any thread, ``stop`` twice. Used as a context manager it is running inside.

    Args:
        pause: seconds between two pieces of an answer.
        port: TCP port on 127.0.0.1; 0 takes a free one.
        answer: gives the answer to a prompt, in place of the demo's own answers; it is called in a thread of the server.
    """

    def __init__(self, *, pause: float = 0.02, port: int = 0, answer: Callable[[str], str] = answer_to) -> None:
        self._pause = pause
        self._answer = answer
        self._port = port
        self._server: _Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL, ``http://127.0.0.1:<port>``; "" while not started."""
        return f"http://127.0.0.1:{self._server.server_address[1]}" if self._server else ""

    def start(self) -> str:
        """Listen and return the base URL. Raises: OSError when the port is taken."""
        if self._server is None:
            self._server = _Listener(("127.0.0.1", self._port), self._pause, self._answer)
            self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="demo-server", daemon=True)
            self._thread.start()
        return self.url

    def stop(self) -> None:
        """Close every connection, even in the middle of an answer, and wait for the threads."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is None or thread is None:
            return
        server.shutdown()
        thread.join()
        server.close_connections()
        server.server_close()

    def join(self) -> None:
        """Wait until another thread stops the server; Ctrl+C gets through."""
        while self._thread is not None:
            self._thread.join(0.5)

    def __enter__(self) -> DemoServer:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], pause: float, answer: Callable[[str], str]) -> None:
        super().__init__(address, _Handler)
        self.pause = pause
        self.answer = answer
        self.stopping = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away in the middle of an answer is how a cancelled prompt looks from here.
        return

    def close_connections(self) -> None:
        self.stopping.set()
        with self._lock:
            connections = dict(self._open)
        for connection in connections.values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections:
            thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it so)
        return

    def setup(self) -> None:
        super().setup()
        # Every piece is its own small segment; Nagle's algorithm would hold it back for the client's acknowledgement.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path == "/":
            self._send(200, b"Ollama is running", "text/plain; charset=utf-8")
        elif self.path == "/api/version":
            self._json(200, {"version": VERSION})
        elif self.path == "/api/tags":
            self._json(200, {"models": [_model()]})
        elif self.path == "/api/ps":
            self._json(200, {"models": []})
        else:
            self._send(404, b"404 page not found", "text/plain")

    def do_POST(self) -> None:
        if self.path not in ("/api/show", "/api/chat", "/api/pull"):
            self.close_connection = True
            self._send(404, b"404 page not found", "text/plain")
            return
        body = self._body()
        if body is None:
            return
        name = body.get("model")
        if not isinstance(name, str) or not name:
            self._json(400, {"error": "model is required"})
        elif self.path == "/api/pull":
            self._pull(name)
        elif name not in (MODEL, f"{MODEL}:latest"):
            self._json(404, {"error": f"model '{name}' not found"})
        elif self.path == "/api/show":
            self._json(200, _shown())
        else:
            self._chat(name, body)

    def _body(self) -> Mapping[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if length.isdigit() and int(length) <= _MAX_BODY:
            raw = self.rfile.read(int(length))
        elif "chunked" in self.headers.get("Transfer-Encoding", ""):
            raw = self._chunked_body()
        else:
            raw = b""
            self.close_connection = True
        if not raw:
            self._json(400, {"error": "missing request body"})
            return None
        try:
            body = json.loads(raw)
        except ValueError as error:
            self._json(400, {"error": str(error)})
            return None
        if not isinstance(body, dict):
            self._json(400, {"error": "the request body is not a JSON object"})
            return None
        return body

    def _chunked_body(self) -> bytes:
        parts: list[bytes] = []
        while sum(map(len, parts)) <= _MAX_BODY:
            size = int(self.rfile.readline(32).split(b";")[0] or b"0", 16)
            part = self.rfile.read(size)
            self.rfile.readline(8)
            if not size:
                break
            parts.append(part)
        return b"".join(parts)

    def _pull(self, name: str) -> None:
        last = {"status": "success"}
        if name not in (MODEL, f"{MODEL}:latest"):
            last = {"error": f"the demo has no models to download but {MODEL!r}; start Ollama for that"}
        lines = b"".join(json.dumps(each).encode() + b"\n" for each in ({"status": "pulling manifest"}, last))
        self._send(200, lines, "application/x-ndjson")

    def _chat(self, name: str, body: Mapping[str, Any]) -> None:
        messages = body.get("messages")
        messages = messages if isinstance(messages, list) else []
        prompt = _last_prompt(messages)
        words = pieces(self.server.answer(prompt)) if messages else []
        options = body.get("options")
        limit = options.get("num_predict") if isinstance(options, dict) else None
        reason = "stop" if messages else "load"
        if isinstance(limit, int) and 0 <= limit < len(words):
            words, reason = words[:limit], "length"
        last = {
            "done": True,
            "done_reason": reason,
            "total_duration": 1_000_000 * (1 + len(words)),
            "load_duration": 1_000_000,
            "prompt_eval_count": sum(len(pieces(_text(message))) for message in messages),
            "eval_count": len(words),
        }
        if body.get("stream") is False:
            self._json(200, {**_line(name, "".join(words)), **last})
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in words:
            self._chunk(_line(name, word))
            if self.server.stopping.wait(self.server.pause):
                self.close_connection = True
                return
        self._chunk({**_line(name, ""), **last})
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, value: Mapping[str, Any]) -> None:
        line = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def _json(self, status: int, value: Mapping[str, Any]) -> None:
        self._send(status, json.dumps(value).encode(), "application/json; charset=utf-8")

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _text(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""


def _last_prompt(messages: Sequence[object]) -> str:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            return _text(message)
    return ""


def _line(name: str, content: str) -> dict[str, Any]:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"model": name, "created_at": now, "message": {"role": "assistant", "content": content}, "done": False}


def _model() -> dict[str, Any]:
    return {
        "name": MODEL,
        "model": MODEL,
        "modified_at": _MODIFIED,
        "size": 0,
        "digest": "0" * 64,
        "details": _DETAILS,
        "capabilities": ["completion"],
    }


def _shown() -> dict[str, Any]:
    return {
        "modelfile": "# Demo model, no AI: fixed answers, nothing is computed",
        "template": "{{ .Prompt }}",
        "details": _DETAILS,
        "model_info": {"general.architecture": "demo", "demo.context_length": _CONTEXT_LENGTH},
        "capabilities": ["completion"],
        "modified_at": _MODIFIED,
    }
