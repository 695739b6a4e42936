"""Conversations on a small script, with a server of the Ollama protocol whose answers a test writes down: text, or calls."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Union

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.agent.session import ChatSession
from nuke_ai_panel.agent.session_events import ProposalReviewed
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.settings import SettingsStore

Answer = Union[str, list[dict[str, Any]]]

SCRIPT = b"""version 15.1 v3
Root {
 name /shots/a.nk
}
Constant {
 inputs 0
 name Constant1
}
Grade {
 white 1.5
 name Grade1
 selected true
}
"""


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


class Conversation:
    """A session on a real document and a real server, and the events it emitted."""

    def __init__(
        self,
        folder: Path,
        address: str,
        *,
        script: bytes = SCRIPT,
        records: bool = False,
        environ: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.store = SettingsStore(folder / "settings.json", environ=environ or {})
        self.store.save({"servers.ollama.base_url": address, "servers.openrouter.enabled": False, **settings})
        self.host = DocumentHost(nk.loads(script))
        self.session = ChatSession(self.host, self.store, Credentials(), records_folder=folder / "records" if records else None)
        self.model: ScriptedModel | None = None
        self.events: list[Any] = []
        self.session.subscribe(self.events.append)

    def run(self, work: Callable[[], Awaitable[object]]) -> None:
        async def main() -> None:
            try:
                await asyncio.wait_for(work(), 120)
            finally:
                await self.session.aclose()

        asyncio.run(main())

    def ask(self, text: str = "Make it brighter") -> None:
        self.run(lambda: self.session.send(text))

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def asked(self, number: int = -1) -> str:
        """What the model was sent last of all, in one of its requests."""
        assert self.model is not None
        return str(self.model.asked[number]["messages"][-1]["content"])

    def on(self, kind: type, act: Callable[[Any], object]) -> None:
        """Call `act` in the middle of the emission of an event of `kind`."""
        self.session.subscribe(lambda event: act(event) and None if isinstance(event, kind) else None)

    def soon_on(self, kind: type, act: Callable[[Any], object]) -> None:
        """Call `act` after an event of `kind`, in a turn of the loop of its own as a click would."""
        self.on(kind, lambda event: asyncio.get_running_loop().call_soon(act, event))

    def on_review(self, decide: Callable[[int], object]) -> None:
        """Let `decide` press a button of each review card."""
        self.soon_on(ProposalReviewed, lambda event: decide(event.proposal_id))


@pytest.fixture
def begin(tmp_path):
    """Begin a conversation with the server at an address."""
    return lambda address, **options: Conversation(tmp_path, address, **options)


@pytest.fixture
def converse(begin, scripted):
    """Begin a conversation with a model that gives these answers."""

    def start(*answers: Answer, capabilities: tuple[str, ...] = ("completion",), **options: Any) -> Conversation:
        model = scripted(*answers, capabilities=capabilities)
        talk = begin(model.url, **options)
        talk.model = model
        talk.session.select_model("ollama", "scripted")
        return talk

    return start
