"""A panel on a real document, and a server of the Ollama protocol that a test drives piece by piece."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.settings import SettingsStore
from nuke_ai_panel_ui.controller import PanelController
from nuke_ai_panel_ui.host_loop import attach
from nuke_ai_panel_ui.qt import Qt, QtCore, is_valid
from nuke_ai_panel_ui.settings_dialog import SettingsDialog

SCRIPT = b"""version 15.1 v3
Root {
 name /shots/hero_v012.nk
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

#: What the offscreen platform says of windows; it is about the platform, not about us.
_PLATFORM_TALK = "This plugin does not support"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == pathlib.Path(__file__).parent:
            item.add_marker(pytest.mark.qt_log_ignore(_PLATFORM_TALK, extend=True))


#: Milliseconds that anything may take; a loaded machine needs some.
LIMIT = 20_000


class ScriptedOllama:
    """An Ollama on loopback whose answer is the pieces of `answer`, once the ones in `answers` were given.

    A piece is text, or a list of tool calls.

    Where ``gate`` is an event, it waits for it after the first piece; ``left`` is set when the client went away meanwhile.
    """

    def __init__(self) -> None:
        self.answer: list[str] = ["Hello ", "there."]
        self.answers: list[list] = []
        self.capabilities = ["completion"]
        self.models = ["scripted:1b", "scripted:7b"]
        self.gate: threading.Event | None = None
        self.hang_on_tags = threading.Event()
        self.hanging = threading.Event()
        self.left = threading.Event()
        self.asked: list[dict] = []
        self.keys: list[str] = []
        self._open: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer._open.add(self.connection)

            def log_message(self, format, *args) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                outer.keys.append(self.headers.get("Authorization", ""))
                if self.path == "/api/tags":
                    if outer.hang_on_tags.is_set():
                        outer._wait_for_end(self.connection)
                        self.close_connection = True
                        return
                    self._json({"models": [_model(name) for name in outer.models]})
                elif self.path == "/api/version":
                    self._json({"version": "0.33.0"})
                else:
                    self._send(b"Ollama is running", "text/plain")

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path != "/api/chat":
                    self._json({"capabilities": outer.capabilities, "details": {}, "model_info": {}})
                    return
                outer.asked.append(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-ndjson")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                answer = outer.answers.pop(0) if outer.answers else outer.answer
                for number, piece in enumerate(answer):
                    if number == 1 and outer.gate is not None and not outer._pass_gate(self.connection):
                        self.close_connection = True
                        return
                    said = {"content": piece} if isinstance(piece, str) else {"content": "", "tool_calls": piece}
                    self._chunk({"model": body["model"], "message": {"role": "assistant", **said}, "done": False})
                self._chunk(
                    {
                        "model": body["model"],
                        "message": {"role": "assistant", "content": ""},
                        "done": True,
                        "done_reason": "stop",
                        "prompt_eval_count": 1200,
                        "eval_count": 34,
                    }
                )
                self.wfile.write(b"0\r\n\r\n")

            def _chunk(self, value: dict) -> None:
                data = json.dumps(value).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

            def _json(self, value: dict) -> None:
                self._send(json.dumps(value).encode(), "application/json")

            def _send(self, data: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        class Listener(ThreadingHTTPServer):
            daemon_threads = False
            allow_reuse_address = True

            def handle_error(self, request, client_address) -> None:
                """A client that goes away is what these tests are about."""

        self._server = Listener(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="scripted-ollama")
        self._thread.start()

    def stop(self) -> None:
        if self._server is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        self._thread.join()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()
        server.server_close()

    def _wait_for_end(self, connection: socket.socket) -> None:
        self.hanging.set()
        try:
            while connection.recv(1024):
                pass
        except OSError:
            pass
        self.left.set()

    def _pass_gate(self, connection: socket.socket) -> bool:
        connection.settimeout(0.02)
        while not self.gate.is_set():
            try:
                if not connection.recv(1024):
                    self.left.set()
                    return False
            except socket.timeout:
                continue
            except OSError:
                self.left.set()
                return False
        connection.settimeout(None)
        return True


def _model(name: str) -> dict:
    return {
        "name": name,
        "model": name,
        "size": 4_000_000_000,
        "modified_at": "2026-01-01T00:00:00Z",
        "digest": "0",
        "details": {},
    }


@pytest.fixture
def server():
    made = ScriptedOllama()
    made.start()
    yield made
    if made.gate is not None:
        made.gate.set()
    made.stop()


@pytest.fixture
def store(tmp_path, server):
    """Settings whose Ollama is the scripted server; OpenRouter is off, so that nothing leaves this machine."""
    made = SettingsStore(tmp_path / "settings.json", environ={})
    made.save({"servers.ollama.base_url": server.url, "servers.openrouter.enabled": False})
    return made


@pytest.fixture
def host(tmp_path):
    path = tmp_path / "hero_v012.nk"
    path.write_bytes(SCRIPT)
    return DocumentHost.open(path)


@pytest.fixture
def controller(qtbot, store, host):
    """A controller on the document and the server; the loop is let go at the end, as when the application quits."""
    loop = attach()
    made = PanelController()
    made.configure(host, store=store, credentials=Credentials(environ={}))
    yield made
    loop.shutdown()


@pytest.fixture
def open_panel(qtbot, controller):
    """Return a function that builds and shows a panel; a test may destroy it, as Nuke does."""
    from nuke_ai_panel_ui.panel import Panel

    made = []

    def build():
        panel = Panel(controller)
        made.append(panel)
        panel.resize(420, 900)
        panel.show()
        qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
        return panel

    yield build
    for each in made:
        if is_valid(each):
            each.close()
            each.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete))


@pytest.fixture
def panel(open_panel):
    """A shown panel that has found its models."""
    return open_panel()


@pytest.fixture
def open_settings(qtbot, controller):
    """Return a function that opens the settings as they are on disk now, with their keys looked up."""

    def build() -> SettingsDialog:
        controller.refresh_models()
        qtbot.waitUntil(lambda: not controller.is_looking, timeout=LIMIT)
        made = SettingsDialog(controller)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        qtbot.addWidget(made)
        made.show()
        qtbot.waitUntil(lambda: all("Asking" not in form.key_note.text() for form in made.servers.values()), timeout=LIMIT)
        return made

    return build
