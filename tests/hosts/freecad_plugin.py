"""Dock the panel in FreeCAD and use it as an artist would: with the keyboard and the mouse, while the host does its own things.

FreeCAD imports this file from its start script. What was seen is written as JSON to the file named by PANEL_TEST_REPORT,
also when something goes wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
import traceback

import FreeCAD
import FreeCADGui
import Part

from nuke_ai_panel_ui.qt import BINDING, Qt, QtCore, QtGui, QtWidgets

WAIT_SECONDS = 30.0
BLOCK_SECONDS = 3.0
DIALOG_SECONDS = 1.0

REPORT: dict[str, object] = {"python": list(sys.version_info[:2]), "binding": BINDING, "qt": QtCore.qVersion()}
application = QtWidgets.QApplication.instance()
window = FreeCADGui.getMainWindow()
asked: list[str] = []


def write_report() -> None:
    with open(os.environ["PANEL_TEST_REPORT"], "w", encoding="utf-8") as file:
        json.dump(REPORT, file, indent=1)


# The artist's hands and eyes


def type_text(widget, text: str) -> None:
    for letter in text:
        press(widget, Qt.Key_unknown, letter)


def press(widget, key, letter: str = "") -> None:
    for kind in (QtCore.QEvent.KeyPress, QtCore.QEvent.KeyRelease):
        QtWidgets.QApplication.sendEvent(widget, QtGui.QKeyEvent(kind, key, Qt.NoModifier, letter))


def click(widget) -> None:
    place = QtCore.QPointF(widget.rect().center())
    for kind, buttons in ((QtCore.QEvent.MouseButtonPress, Qt.LeftButton), (QtCore.QEvent.MouseButtonRelease, Qt.NoButton)):
        event = QtGui.QMouseEvent(kind, place, widget.mapToGlobal(place.toPoint()), Qt.LeftButton, buttons, Qt.NoModifier)
        QtWidgets.QApplication.sendEvent(widget, event)


def labels(panel) -> list[str]:
    return [label.text() for label in panel.findChildren(QtWidgets.QLabel) if label.isVisible()]


def numbers(panel) -> list[int]:
    """Return the numbers in the answer to the last prompt, as far as the transcript shows them."""
    _, shown, answer = panel.transcript.markdown().rpartition(asked[-1] + "\n")
    # A prompt is in the transcript a turn of the loop later; before that its end is another answer's.
    return [int(number) for number in re.findall(r"number (\d+)\.", answer)] if shown else []


def is_answering(panel) -> bool:
    return panel.composer.send.text() == "Stop"


def ask(panel, prompt: str) -> None:
    assert prompt not in asked, "numbers() tells answers apart by their prompts"
    asked.append(prompt)
    type_text(panel.composer.prompt, prompt)
    press(panel.composer.prompt, Qt.Key_Return, "\r")


# The host's own doings


def open_about_box(panel) -> dict[str, object]:
    """Open FreeCAD's own modal dialog, written in C++, and close it a little later."""
    seen: dict[str, object] = {"before": len(numbers(panel))}

    def close() -> None:
        dialog = application.activeModalWidget()
        seen.update(dialog=dialog.metaObject().className(), levels=QtCore.QThread.currentThread().loopLevel())
        seen["inside"] = len(numbers(panel))
        dialog.close()

    QtCore.QTimer.singleShot(int(DIALOG_SECONDS * 1000), close)
    FreeCADGui.runCommand("Std_About")
    return seen


def block_main_thread(panel) -> dict[str, object]:
    """Cut solids in FreeCAD's kernel for some seconds."""
    before, started, cuts = len(numbers(panel)), time.monotonic(), 0
    while time.monotonic() - started < BLOCK_SECONDS:
        Part.makeTorus(10, 3).cut(Part.makeBox(8, 8, 8, FreeCAD.Vector(cuts % 5, 0, 0)))
        cuts += 1
    return {"before": before, "right after": len(numbers(panel)), "seconds": time.monotonic() - started, "cuts": cuts}


def run_asyncio_in_the_console() -> object:
    FreeCADGui.doCommand("import asyncio")
    FreeCADGui.doCommand("panel_test = asyncio.run(asyncio.sleep(0.05, 42))")
    return sys.modules["__main__"].panel_test


def dock_panel():
    from nuke_ai_panel.hosts.document_host import DocumentHost
    from nuke_ai_panel_ui.controller import controller
    from nuke_ai_panel_ui.panel import Panel

    controller().configure(DocumentHost())
    dock = QtWidgets.QDockWidget("AI Panel", window)
    dock.setObjectName("NukeAIPanelDock")
    panel = Panel(controller())
    dock.setWidget(panel)
    window.addDockWidget(Qt.RightDockWidgetArea, dock)
    return dock, panel


def story():
    """Yield what has to come true before the story goes on: a function and what it waits for."""
    yield lambda: window.isVisible(), "the main window"
    dock, panel = dock_panel()
    REPORT["loop level"] = QtCore.QThread.currentThread().loopLevel()
    yield lambda: panel.isVisible() and "ready" in panel.header.words.text(), "the model"
    REPORT["docked in"] = dock.parentWidget().metaObject().className()
    REPORT["words"] = panel.header.words.text()
    REPORT["running loop between events"] = repr(asyncio._get_running_loop())

    ask(panel, "count to 40")
    yield lambda: 5 < len(numbers(panel)) < 40, "the middle of the first answer"
    REPORT["button while answering"] = panel.composer.send.text()
    yield lambda: not is_answering(panel), "the end of the first answer"
    REPORT["first answer"] = numbers(panel)

    ask(panel, "count to 400")
    yield lambda: len(numbers(panel)) > 10, "the beginning of the second answer"
    REPORT["dialog"] = open_about_box(panel)
    REPORT["console"] = run_asyncio_in_the_console()
    REPORT["block"] = block_main_thread(panel)
    window.grab().save(os.environ["PANEL_TEST_REPORT"] + ".png")
    yield lambda: not is_answering(panel), "the end of the second answer"
    REPORT["second answer"] = numbers(panel)

    ask(panel, "count to 100000")
    yield lambda: len(numbers(panel)) > 10, "the beginning of the third answer"
    click(panel.composer.send)
    yield lambda: not is_answering(panel) and "Stopped" in labels(panel), "the card of the stopped answer"
    stopped = numbers(panel)
    later = time.monotonic() + 0.5
    yield lambda: time.monotonic() > later, "nothing"
    REPORT["stopped answer"] = [len(stopped), len(numbers(panel))]

    ask(panel, "count to 99999")
    yield lambda: len(numbers(panel)) > 10, "the beginning of the last answer"
    from nuke_ai_panel_ui.controller import controller

    loop = controller().loop

    def look() -> None:
        REPORT["at quit"] = {"loop is closed": loop.is_closed(), "tasks": len(asyncio.all_tasks(loop))}
        write_report()

    application.aboutToQuit.connect(look)
    write_report()
    window.close()


class Teller(QtCore.QObject):
    """Go through the story, step by step, between the host's own events."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = story()
        self.is_busy = False
        self.advance()
        self.timer = QtCore.QTimer(self)
        self.timer.timeout.connect(self.look)
        self.timer.start(20)

    def advance(self) -> None:
        self.condition, self.goal = next(self.steps)
        self.until = time.monotonic() + WAIT_SECONDS

    def look(self) -> None:
        # A step that opens a dialog must not be entered again from under it.
        if self.is_busy:
            return
        self.is_busy = True
        try:
            if self.condition():
                self.advance()
            elif time.monotonic() > self.until:
                window.grab().save(os.environ["PANEL_TEST_REPORT"] + ".png")
                raise TimeoutError(f"waited {WAIT_SECONDS:g} s for {self.goal}; the window shows {labels(window)}")
        except StopIteration:
            self.timer.stop()
        except BaseException:
            self.timer.stop()
            REPORT["error"] = traceback.format_exc()
            write_report()
            os._exit(9)
        finally:
            self.is_busy = False


teller = Teller()
