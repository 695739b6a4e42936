"""A server of the Ollama protocol whose answers a test writes down: text, or calls of tools."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Union

import pytest

Answer = Union[str, list[dict[str, Any]]]


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """One call as a model sends it."""
    return {"function": {"name": tool, "arguments": arguments}}


class ScriptedModel:
    """Gives `answers` one after the other, the last one again and again; ``asked`` are the bodies it was sent."""

    def __init__(self, *answers: Answer, capabilities: tuple[str, ...] = ("completion", "tools"), context: int = 32768) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.before_answer: Callable[[dict[str, Any]], None] = lambda body: None
        self.before_list: Callable[[], None] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                outer.before_list()
                self._json({"models": [{"name": "scripted", "model": "scripted", "details": {}}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/api/show":
                    self._json(
                        {
                            "capabilities": list(capabilities),
                            "details": {},
                            "model_info": {"general.architecture": "x", "x.context_length": context},
                            "template": "",
                        }
                    )
                    return
                outer.asked.append(body)
                outer.before_answer(body)
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                message = {"role": "assistant", "content": answer} if isinstance(answer, str) else None
                message = message or {"role": "assistant", "content": "", "tool_calls": answer}
                lines = [
                    {"model": "scripted", "message": message, "done": False},
                    {
                        "model": "scripted",
                        "message": {"role": "assistant", "content": ""},
                        "done": True,
                        "done_reason": "stop",
                        "prompt_eval_count": 10,
                        "eval_count": 5,
                    },
                ]
                data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-ndjson")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _json(self, value: object) -> None:
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def scripted():
    """Make servers; they are closed at the end."""
    made: list[ScriptedModel] = []

    def make(*answers: Answer, **options: Any) -> ScriptedModel:
        made.append(ScriptedModel(*answers, **options))
        return made[-1]

    make.call = call  # type: ignore[attr-defined]
    yield make
    for each in made:
        each.close()
