"""Take the pictures of the documents from the real panel: prompts are sent, a demo server answers, nothing is painted.

Writes into ``docs``: ``panel-420.png`` and ``panel-800.png`` (an answer with its review card), ``act-420.png`` (the model works
with tools and asks), ``ran-420.png`` (after the run) and ``settings.png``. Runs off screen where there is no display.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuke_ai_panel.cli.commands import DEMO_SCRIPT
from nuke_ai_panel.cli.demo_server import DemoServer

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

#: Seconds that one step may take.
PATIENCE = 60.0

_MODEL = "demo-tools"


def _call(tool: str, **arguments: object) -> dict[str, object]:
    return {"function": {"name": tool, "arguments": arguments}}


#: What the server answers to a model at work, request by request: text and tool calls.
_ACTING: list[tuple[str, list[dict[str, object]]]] = [
    ("", [_call("graph_outline"), _call("get_node", node="MergeGround")]),
    (
        "The ground is mixed in at 0.85, so the sky shines through it. I set the mix to 1 and put a Grade before the Write.",
        [
            _call("set_knob", node="MergeGround", knob="mix", value="1"),
            _call(
                "insert_between",
                source="MergeGround",
                target="WriteDemo",
                **{"class": "Grade"},
                name="Balance",
                knobs={"white": "0.9"},
            ),
        ],
    ),
    ("The ground covers the sky now, and Balance stands before the Write.", []),
]


class ActingServer:
    """A server of the Ollama protocol on 127.0.0.1 whose model asks for tools: the answers of `_ACTING`, one after another."""

    def __enter__(self) -> ActingServer:
        left = list(_ACTING)

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
                return

            def do_GET(self) -> None:
                models = [{"name": _MODEL, "model": _MODEL, "size": 1, "digest": "0", "details": {}}]
                self._send({"models": models} if self.path == "/api/tags" else {"version": "0.33.0"})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.path != "/api/chat":
                    self._send({"capabilities": ["completion", "tools"], "details": {}, "model_info": {}})
                    return
                text, calls = left.pop(0) if left else ("Done.", [])
                said = {"role": "assistant", "content": text, "tool_calls": calls}
                counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 5840, "eval_count": 96}
                self._send({"model": _MODEL, "message": said, **counts})

            def _send(self, value: dict[str, Any]) -> None:
                data = json.dumps(value).encode() + b"\n"
                self.send_response(200)
                self.send_header("Content-Type", "application/x-ndjson")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Photographer:
    """Walks through the panel: each step of a scene yields what has to come true before the next."""

    def __init__(self, folder: Path, script: Path, url: str, scene: str) -> None:
        from nuke_ai_panel.credentials import Credentials
        from nuke_ai_panel.hosts.document_host import DocumentHost
        from nuke_ai_panel.settings import SettingsStore
        from nuke_ai_panel_ui.controller import PanelController
        from nuke_ai_panel_ui.panel import Panel
        from nuke_ai_panel_ui.qt import QtCore

        store = SettingsStore(script.parent / "settings.json", environ={})
        store.save({"servers.ollama.base_url": url, "servers.openrouter.enabled": False})
        self.folder = folder
        self.is_done = False
        self.controller = PanelController()
        credentials = Credentials(environ={}, backend=_empty_keyring())
        self.controller.configure(DocumentHost.open(script), store=store, credentials=credentials)
        self.panel = Panel(self.controller)
        self.panel.resize(420, 900)
        self.panel.show()
        self._steps = self.acting() if scene == "act" else self.asking()
        self._awaited: Callable[[], object] = lambda: True
        self._limit = time.monotonic() + PATIENCE
        self._timer = QtCore.QTimer(self.panel)
        self._timer.timeout.connect(self._look)
        self._timer.start(30)

    def acting(self) -> Iterator[Callable[[], object]]:
        """Have the model work with tools, and take pictures of its question and of what came of it."""
        panel, controller = self.panel, self.controller
        yield lambda: controller.model[1]
        controller.mode = "act"
        panel.composer.set_text("The sky shines through the ground, and the whole is too bright.")
        panel.composer.send.click()
        yield lambda: 1 in controller.record.proposals
        yield self._settled()
        self._save(panel, "act-420.png")
        panel.conversation.cards[1].run.click()
        yield lambda: not controller.is_busy
        panel.conversation.cards[1].fold.switch.click()
        yield self._settled()
        self._save(panel, "ran-420.png")
        self.is_done = True

    def asking(self) -> Iterator[Callable[[], object]]:
        """Ask twice, have a proposal reviewed and a connection tested, and take the pictures."""
        panel, controller = self.panel, self.controller
        yield lambda: controller.model[1]
        yield from self._ask("Explain the selected nodes")
        yield from self._ask("Put a blur behind the selection, 10 pixels")
        yield lambda: 1 in controller.record.proposals
        yield self._settled()
        self._save(panel, "panel-420.png")
        panel.resize(800, 900)
        yield self._settled()
        self._save(panel, "panel-800.png")
        dialog = controller.show_settings(panel)
        yield self._settled()
        dialog.servers["ollama"].test.start()
        yield lambda: not dialog.servers["ollama"].test.is_running
        yield self._settled()
        self._save(dialog, "settings.png")
        dialog.close()
        self.is_done = True

    def _ask(self, text: str) -> Iterator[Callable[[], object]]:
        self.panel.composer.set_text(text)
        self.panel.composer.send.click()
        yield lambda: self.controller.state.kind == "ready"

    def _settled(self) -> Callable[[], bool]:
        """Wait a moment: text is shown within a frame, and cards are laid out in the turn after."""
        end = time.monotonic() + 0.7
        return lambda: time.monotonic() > end

    def _save(self, widget: object, name: str) -> None:
        path = self.folder / name
        widget.grab().save(str(path))  # type: ignore[attr-defined]
        sys.stdout.write(f"{path}\n")

    def _look(self) -> None:
        from nuke_ai_panel_ui.qt import QtWidgets

        try:
            if self._awaited():
                self._awaited = next(self._steps)
                self._limit = time.monotonic() + PATIENCE
                return
            if time.monotonic() < self._limit:
                return
        except StopIteration:
            pass
        self._timer.stop()
        self.panel.close()
        QtWidgets.QApplication.exit(0 if self.is_done else 1)


def _empty_keyring() -> KeyringBackend:
    """Return a keyring that holds nothing: the pictures show no key of whoever takes them."""
    from keyring.backends.null import Keyring

    return Keyring()


def main() -> int:
    """Take the pictures and return 0, or 1 when a step did not come true."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parent.parent / "docs", help="folder for the pictures"
    )
    parser.add_argument("--scene", choices=("ask", "act"), help="take the pictures of one scene; by default of all")
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    if not arguments.scene:
        # A loop that was let go is not begun again in one process.
        command = [sys.executable, __file__, "--out", str(arguments.out), "--scene"]
        return max(subprocess.run([*command, scene], check=False).returncode for scene in ("ask", "act"))

    from nuke_ai_panel_ui.host_loop import attach
    from nuke_ai_panel_ui.qt import exec_app
    from nuke_ai_panel_ui.standalone import prepare_application

    application = prepare_application()
    made = DemoServer(pause=0.0) if arguments.scene == "ask" else ActingServer()
    with tempfile.TemporaryDirectory() as folder, made as server:
        os.environ["NUKE_AI_PANEL_CONFIG_DIR"] = str(Path(folder) / "config")
        script = Path(folder) / "hero_comp_v012.nk"
        shutil.copyfile(DEMO_SCRIPT, script)
        loop = attach()
        photographer = Photographer(arguments.out, script, server.url, arguments.scene)
        code = exec_app(application)
        loop.shutdown()
        del photographer
    return code


if __name__ == "__main__":
    sys.exit(main())
