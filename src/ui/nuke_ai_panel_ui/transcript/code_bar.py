"""Real buttons over the painted rows: they take the focus, have tool tips and names for screen readers, and are recycled."""

from __future__ import annotations

from collections.abc import Sequence

from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal
from nuke_ai_panel_ui.transcript.block_rows import CodeRow
from nuke_ai_panel_ui.transcript.look import Look
from nuke_ai_panel_ui.transcript.rows import FoldRow

__all__ = ["CodeBar", "FoldButton", "MessageBar", "runs_in_nuke"]

_CODE_ACTIONS = {
    "copy": ("Copy", "Copy this code"),
    "insert": ("Insert", "Insert into the Script Editor"),
    "run": ("Run…", "Review this code, then run it"),
}
_MESSAGE_ACTIONS = {
    "copy": ("Copy", "Copy this message as Markdown"),
    "edit": ("Edit", "Change this message and send it again"),
    "retry": ("Retry", "Answer again"),
}


_PYTHON = frozenset({"python", "py", "python3"})
_OTHER_WORK = frozenset({"tcl", "nk", "nuke", "gizmo", "blink", "blinkscript", "expression", "expr"})


def runs_in_nuke(language: str) -> bool:
    """Tell whether code of `language` can be run from the transcript; what it really is, its review finds out."""
    return language.lower() in _PYTHON | _OTHER_WORK


def _button(parent: QtWidgets.QWidget, text: str, tip: str) -> QtWidgets.QToolButton:
    button = QtWidgets.QToolButton(parent)
    button.setText(text)
    button.setToolTip(tip)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button


def _is_offered(action: str, language: str) -> bool:
    if action == "insert":
        # The Script Editor takes Python and nothing else.
        return language.lower() in _PYTHON
    return action != "run" or runs_in_nuke(language)


class _Bar(QtWidgets.QWidget):
    """A strip of buttons on a background of its own."""

    def __init__(self, parent: QtWidgets.QWidget, margins: tuple[int, int, int, int]) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._background = QtGui.QColor()
        self._row = QtWidgets.QHBoxLayout(self)
        self._row.setContentsMargins(*margins)
        self._row.setSpacing(2)
        self.buttons: dict[str, QtWidgets.QToolButton] = {}

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Fill the background."""
        QtGui.QPainter(self).fillRect(event.rect(), self._background)


class CodeBar(_Bar):
    """The header of a code block: its language, and Copy, Insert (Python) and Run (what Nuke runs)."""

    #: Emits the action's name.
    action_requested = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent, (8, 1, 4, 1))
        self.row: CodeRow | None = None
        self._language = QtWidgets.QLabel(self)
        self._language.setObjectName("dim")
        self._language.setTextFormat(Qt.TextFormat.PlainText)
        self._row.addWidget(self._language)
        self._row.addStretch()
        for action, (text, tip) in _CODE_ACTIONS.items():
            button = _button(self, text, tip)
            button.clicked.connect(lambda _=False, name=action: self.action_requested.emit(name))
            self._row.addWidget(button)
            self.buttons[action] = button

    def show_row(self, row: CodeRow, look: Look, actions: Sequence[str]) -> None:
        """Stand for the code block that begins with `row`."""
        self.row = row
        language = row.block.language
        self._background = look.colour("code_header")
        if self._language.text() != (language or "text") or self._language.font() != look.small:
            self._language.setFont(look.small)
            self._language.setText(language or "text")
            palette = self._language.palette()
            palette.setColor(QtGui.QPalette.ColorRole.WindowText, look.colour("dim"))
            self._language.setPalette(palette)
        is_whole = row.block.closed
        for action, button in self.buttons.items():
            button.setFont(look.small)
            button.setVisible(action in actions and _is_offered(action, language))
            # Half a script is not to be run or inserted.
            button.setEnabled(is_whole or action == "copy")
            button.setAccessibleName(f"{button.text().rstrip('…')} {language or 'text'} code block")


class MessageBar(_Bar):
    """Copy, and Edit or Retry, for the message under the mouse or the keyboard's mark."""

    #: Emits the action's name.
    action_requested = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent, (0, 0, 0, 0))
        for action, (text, tip) in _MESSAGE_ACTIONS.items():
            button = _button(self, text, tip)
            button.setAccessibleName(f"{text} message")
            button.clicked.connect(lambda _=False, name=action: self.action_requested.emit(name))
            self._row.addWidget(button)
            self.buttons[action] = button

    def show_actions(self, actions: Sequence[str], look: Look, background: str) -> None:
        """Show the buttons named in `actions`."""
        self._background = look.colour(background)
        for action, button in self.buttons.items():
            button.setFont(look.small)
            button.setVisible(action in actions)
        self.adjustSize()


class FoldButton(QtWidgets.QToolButton):
    """The line that opens and closes a fold."""

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.row: FoldRow | None = None
        self.setObjectName("fold")
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._drawn: object = None

    def show_row(self, row: FoldRow, look: Look, width: int) -> None:
        """Stand for `row`, in at most `width` pixels."""
        self.row = row
        self.setFont(look.small)
        room = max(20, width - look.pixels - 20)
        self.setText(self.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideRight, room))
        drawn = (row.is_open, look.theme.dim, look.pixels)
        if self._drawn != drawn:
            self._drawn = drawn
            self.setIconSize(QtCore.QSize(look.pixels, look.pixels))
            self.setIcon(icon("down" if row.is_open else "right", look.theme.dim))
        self.setAccessibleName(f"{'Hide' if row.is_open else 'Show'} {row.title}")
        self.adjustSize()
