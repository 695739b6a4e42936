"""Open the panel on a small script, with Ollama where it answers and with the demo model (no AI) where it does not.

With a display it is yours to use. Without one (or with ``--job``) it runs under a virtual display and does one job by itself
through the real widgets: types a prompt, waits for the answer and its review card, presses Run, saves, takes a picture, quits.

Needs the package installed with its extra ``qt``: ``make run`` sees to that.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Callable
from urllib.parse import urlsplit

from nuke_ai_panel.cli.commands import DEMO_PROMPT, DEMO_SCRIPT
from nuke_ai_panel.cli.demo_server import MODEL, DemoServer
from nuke_ai_panel.providers.registry import default_address

if TYPE_CHECKING:
    from nuke_ai_panel_ui.standalone import StandaloneWindow

SCREEN = "1280x1024x24"
#: Seconds for the whole job: the demo model needs a few, a local model may have to be loaded first.
PATIENCE = 600.0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ollama_models() -> list[str]:
    """Return the models of the Ollama at its default address, none where nothing answers."""
    address = urlsplit(default_address("ollama"))
    if address.scheme != "http" or not address.hostname:
        return []
    connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=2)
    try:
        connection.request("GET", "/api/tags")
        answer = json.loads(connection.getresponse().read())
        return [str(model["name"]) for model in answer["models"]]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return []
    finally:
        connection.close()


def has_display() -> bool:
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def under_virtual_display(out: Path) -> int:
    """Run this script's job again with a display and return its exit code."""
    command = [sys.executable, __file__, "--job", "--out", str(out)]
    environment = dict(os.environ)
    if shutil.which("xvfb-run"):
        environment["QT_QPA_PLATFORM"] = "xcb"
        command = ["xvfb-run", "-a", "-s", f"-screen 0 {SCREEN}", *command]
    else:
        say("There is no display and no xvfb-run; drawing off screen.")
        environment["QT_QPA_PLATFORM"] = "offscreen"
    return subprocess.run(command, env=environment, check=False).returncode


class Job:
    """One job, done the way a person would: `steps` yields what has to come true before it goes on."""

    def __init__(self, window: StandaloneWindow, picture: Path) -> None:
        from nuke_ai_panel_ui.qt import QtCore

        self.window = window
        self.picture = picture
        self.problem = "The job did not end."
        self._limit = time.monotonic() + PATIENCE
        self._steps = self.steps()
        self._awaited: Callable[[], object] = lambda: True
        self._timer = QtCore.QTimer(window)
        self._timer.timeout.connect(self._look)
        self._timer.start(50)

    def _look(self) -> None:
        try:
            if self._awaited():
                self._awaited = next(self._steps)
            elif time.monotonic() > self._limit:
                self._end(f"Nothing happened any more after {PATIENCE:.0f} s.")
        except StopIteration:
            self._end("")

    def _end(self, problem: str) -> None:
        from nuke_ai_panel_ui.qt import QtWidgets

        self.problem = self.problem if not problem and self.problem != "The job did not end." else problem
        self._timer.stop()
        if self.window.grab().save(str(self.picture)):
            say(f"Picture: {self.picture}")
        QtWidgets.QApplication.exit(0)

    def steps(self) -> Iterator[Callable[[], object]]:
        """Do the job."""
        from nuke_ai_panel_ui.controller import controller
        from nuke_ai_panel_ui.review import ReviewCard

        panel, mine = self.window.panel, controller()
        yield lambda: mine.models and mine.model[1]
        say(f"Model:   {mine.model[1]}")
        say(f"Prompt:  {DEMO_PROMPT}")
        panel.composer.prompt.setFocus()
        for letter in DEMO_PROMPT:
            self._press(0, letter)
            yield lambda: True
        self._press_enter()
        yield lambda: mine.state.kind == "busy"
        yield lambda: mine.state.kind != "busy"
        cards = panel.findChildren(ReviewCard)
        if not cards or not cards[0].run.isEnabled():
            self.problem = "The model proposed no script that can run. Look at the picture, and try another model."
            return
        say(f"Review:  {cards[0].summary.text()}")
        cards[0].run.click()
        yield lambda: any(record.state != "open" for record in mine.record.proposals.values())
        say(f"Run:     {cards[0].title.text()}: {cards[0].summary.text()}")
        self.problem = "" if mine.record.proposals[min(mine.record.proposals)].state == "applied" else cards[0].summary.text()
        self.window.saved.connect(lambda path: say(f"Script:  {path}"))
        self.window.save_action.trigger()
        # One more turn, so that the picture shows the end.
        end = time.monotonic() + 0.5
        yield lambda: time.monotonic() > end

    def _press(self, key: int, text: str) -> None:
        from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets

        for kind in (QtCore.QEvent.Type.KeyPress, QtCore.QEvent.Type.KeyRelease):
            event = QtGui.QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, text)
            QtWidgets.QApplication.sendEvent(self.window.panel.composer.prompt, event)

    def _press_enter(self) -> None:
        from nuke_ai_panel_ui.qt import Qt

        self._press(int(Qt.Key.Key_Return), "\r")


def open_window(script: Path, *, by_itself: bool) -> int:
    from nuke_ai_panel_ui import standalone
    from nuke_ai_panel_ui.qt import QtCore, QtWidgets

    standalone.prepare_application()
    jobs: list[Job] = []

    def begin() -> None:
        windows = QtWidgets.QApplication.topLevelWidgets()
        jobs.append(
            Job(next(each for each in windows if isinstance(each, standalone.StandaloneWindow)), script.with_name("panel.png"))
        )

    if by_itself:
        QtCore.QTimer.singleShot(0, begin)
    code = standalone.main(str(script))
    if not by_itself:
        return code
    problem = jobs[0].problem if jobs else "The window did not open."
    if problem:
        say(problem)
    return 1 if problem else code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", action="store_true", help="do the job without a person, even with a display")
    here = Path(__file__).resolve().parent.parent / "out"
    parser.add_argument("--out", type=Path, default=here, help="folder of the script and the picture; default: %(default)s")
    arguments = parser.parse_args()
    out: Path = arguments.out
    if not arguments.job and not has_display():
        return under_virtual_display(out)
    out.mkdir(exist_ok=True)
    script = out / "demo.nk"
    shutil.copyfile(DEMO_SCRIPT, script)
    if ollama_models():
        say("Ollama answers at its default address; using its models.")
        return open_window(script, by_itself=arguments.job)
    with DemoServer() as server:
        say("No Ollama found; using the demo model (no AI, fixed answers).")
        # Settings of its own: what is picked here must not become the user's choice.
        os.environ.update(
            OLLAMA_HOST=server.url,
            NUKE_AI_PANEL_PROVIDER="ollama",
            NUKE_AI_PANEL_MODEL=MODEL,
            NUKE_AI_PANEL_CONFIG_DIR=str(out / "settings"),
        )
        return open_window(script, by_itself=arguments.job)


if __name__ == "__main__":
    sys.exit(main())
