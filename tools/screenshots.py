"""Take the pictures of the documents from the real panel: a prompt is sent, the demo model answers, nothing is painted.

Writes ``docs/panel-420.png``, ``docs/panel-800.png`` and ``docs/settings.png``. Runs off screen where there is no display.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nuke_ai_panel.cli.commands import DEMO_SCRIPT
from nuke_ai_panel.cli.demo_server import DemoServer

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

#: Seconds that one step may take.
PATIENCE = 60.0


class Photographer:
    """Walks through the panel: each step of `steps` yields what has to come true before the next."""

    def __init__(self, folder: Path, script: Path, server: DemoServer) -> None:
        from nuke_ai_panel.credentials import Credentials
        from nuke_ai_panel.hosts.document_host import DocumentHost
        from nuke_ai_panel.settings import SettingsStore
        from nuke_ai_panel_ui.controller import PanelController
        from nuke_ai_panel_ui.panel import Panel
        from nuke_ai_panel_ui.qt import QtCore

        store = SettingsStore(script.parent / "settings.json", environ={})
        store.save({"servers.ollama.base_url": server.url})
        self.folder = folder
        self.is_done = False
        self.controller = PanelController()
        credentials = Credentials(environ={}, backend=_empty_keyring())
        self.controller.configure(DocumentHost.open(script), store=store, credentials=credentials)
        self.panel = Panel(self.controller)
        self.panel.resize(420, 900)
        self.panel.show()
        self._steps = self.steps()
        self._awaited: Callable[[], object] = lambda: True
        self._limit = time.monotonic() + PATIENCE
        self._timer = QtCore.QTimer(self.panel)
        self._timer.timeout.connect(self._look)
        self._timer.start(30)

    def steps(self) -> Iterator[Callable[[], object]]:
        """Do what the pictures show, and take them."""
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
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)

    from nuke_ai_panel_ui.host_loop import attach
    from nuke_ai_panel_ui.qt import exec_app
    from nuke_ai_panel_ui.standalone import prepare_application

    application = prepare_application()
    with tempfile.TemporaryDirectory() as folder, DemoServer(pause=0.0) as server:
        script = Path(folder) / "hero_comp_v012.nk"
        shutil.copyfile(DEMO_SCRIPT, script)
        loop = attach()
        photographer = Photographer(arguments.out, script, server)
        code = exec_app(application)
        loop.shutdown()
        del photographer
    return code


if __name__ == "__main__":
    sys.exit(main())
