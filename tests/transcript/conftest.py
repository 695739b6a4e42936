"""A transcript in a window of a size, in Nuke's colours, and Markdown to fill it with."""

from __future__ import annotations

import pathlib
import random

import pytest

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.theme import nuke_palette
from nuke_ai_panel_ui.transcript.view import TranscriptView

#: What the offscreen platform says of windows; it is about the platform, not about us.
_PLATFORM_TALK = "This plugin does not support"

_PIECES = (
    "A **bold** word, `code` and a [link](https://example.com/a) in a paragraph that is long enough to wrap at least once.\n\n",
    "## A heading\n\n",
    "- one\n- two *slanted*\n  - deep\n- three\n\n",
    "1. first\n2. second\n\n   ```python\n   x = 1\n   ```\n\n3. third\n\n",
    "```python\nimport nuke\n\nfor node in nuke.allNodes():\n    print(node.name())\n```\n\n",
    "| Node | Before |\n|---|:-:|\n| `Grade1` | 1 |\n| Blur1 | 2 |\n\n",
    "> A quote of two\n> lines.\n\n",
    "---\n\n",
    "A title\n=======\n\n",
    "See [this][ref] and that.\n\n[ref]: https://example.com/ref\n\n",
    "Line one\nline two with ~~old~~ new text\n\n",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if pathlib.Path(str(item.fspath)).parent == pathlib.Path(__file__).parent:
            item.add_marker(pytest.mark.qt_log_ignore(_PLATFORM_TALK, extend=True))


def sample(seed: int, count: int = 24) -> str:
    chance = random.Random(seed)
    return "".join(chance.choice(_PIECES) for _ in range(count))


def cut(text: str, seed: int) -> list[str]:
    """Cut `text` into pieces of random sizes, mostly small ones."""
    chance = random.Random(seed)
    pieces = []
    start = 0
    while start < len(text):
        size = chance.choice((1, 2, 3, 7, 40))
        pieces.append(text[start : start + size])
        start += size
    return pieces


class Reader:
    """A person in front of a transcript: sees, clicks, drags and types."""

    def __init__(self, qtbot, view: TranscriptView) -> None:
        self.qtbot = qtbot
        self.view = view
        self.viewport = view.viewport()

    def settle(self) -> None:
        """Wait until everything that has arrived is laid out and painted."""
        self.qtbot.waitUntil(lambda: self.view.is_up_to_date, timeout=5000)
        self.qtbot.wait(1)

    def picture(self) -> QtGui.QImage:
        self.settle()
        return self.viewport.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB32)

    def rows(self, kind: type) -> list:
        self.settle()
        return [item for item in self.view.seen_rows() if isinstance(item.row, kind)]

    def everything(self) -> str:
        self.settle()
        self.view.select_all()
        return self.view.selected_text()

    def button(self, name: str) -> QtWidgets.QToolButton:
        """Return the visible button with this accessible name."""
        self.settle()
        found = [b for b in self.viewport.findChildren(QtWidgets.QToolButton) if b.accessibleName() == name and b.isVisible()]
        assert len(found) == 1, [b.accessibleName() for b in self.viewport.findChildren(QtWidgets.QToolButton)]
        return found[0]

    def buttons(self) -> set[str]:
        self.settle()
        return {b.accessibleName() for b in self.viewport.findChildren(QtWidgets.QToolButton) if b.isVisible()}

    def click(self, x: int, y: int) -> None:
        self.qtbot.mouseClick(self.viewport, Qt.MouseButton.LeftButton, pos=QtCore.QPoint(int(x), int(y)))

    def move(self, x: int, y: int, *, pressed: bool = False) -> None:
        """Move the mouse; QTest's own mouseMove sends no buttons."""
        point = QtCore.QPointF(x, y)
        buttons = Qt.MouseButton.LeftButton if pressed else Qt.MouseButton.NoButton
        everywhere = QtCore.QPointF(self.viewport.mapToGlobal(point.toPoint()))
        modifiers = Qt.KeyboardModifier.NoModifier
        kind = QtCore.QEvent.Type.MouseMove
        event = QtGui.QMouseEvent(kind, point, everywhere, Qt.MouseButton.NoButton, buttons, modifiers)
        QtWidgets.QApplication.sendEvent(self.viewport, event)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        first, last = QtCore.QPoint(*map(int, start)), QtCore.QPoint(*map(int, end))
        self.qtbot.mousePress(self.viewport, Qt.MouseButton.LeftButton, pos=first)
        for step in range(1, 9):
            between = first + (last - first) * step / 8
            self.move(between.x(), between.y(), pressed=True)
        self.qtbot.mouseRelease(self.viewport, Qt.MouseButton.LeftButton, pos=last)

    def copy(self) -> str:
        QtWidgets.QApplication.clipboard().clear()
        self.qtbot.keyClick(self.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        return QtWidgets.QApplication.clipboard().text()


@pytest.fixture
def make_reader(qtbot, qapp):
    def make(width: int = 420, height: int = 700) -> Reader:
        view = TranscriptView()
        view.setPalette(nuke_palette())
        qtbot.addWidget(view)
        view.resize(width, height)
        view.show()
        qtbot.waitExposed(view)
        return Reader(qtbot, view)

    return make


@pytest.fixture
def reader(make_reader) -> Reader:
    return make_reader()


@pytest.fixture
def samples():
    return sample


@pytest.fixture
def cuts():
    return cut
