"""What will be sent: the parts of the script that the model is told about, each of which can be taken away."""

from __future__ import annotations

from nuke_ai_panel.agent.context import Context
from nuke_ai_panel_ui.labels import label
from nuke_ai_panel_ui.popups import show_above
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal

__all__ = ["ContextPopup"]

_TITLES = {
    "script": "The script",
    "selection": "Selected",
    "outputs": "Written out",
    "upstream": "Upstream",
    "question": "For this question",
    "whole": "All over the script",
}
_HEIGHT = 320


class ContextPopup(QtWidgets.QFrame):
    """Lists the parts with their tokens, and the text as the model gets it. ``changed`` carries the parts taken away."""

    changed = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self.setAccessibleName("What will be sent")
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(10, 8, 10, 10)
        rows.setSpacing(6)
        self.title = label("", wrap=True)
        self.title.setObjectName("title")
        rows.addWidget(self.title)
        self._boxes = QtWidgets.QVBoxLayout()
        self._boxes.setSpacing(2)
        rows.addLayout(self._boxes)
        self.text = QtWidgets.QPlainTextEdit()
        self.text.setObjectName("lines")
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setLineWrapMode(QtWidgets.QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.text.setAccessibleName("The text as the model gets it")
        rows.addWidget(self.text, 1)
        self.parts: dict[str, QtWidgets.QCheckBox] = {}
        self._is_fresh = True

    def open_above(self, anchor: QtWidgets.QWidget, width: int) -> None:
        """Open above `anchor`, `width` pixels wide."""
        self.resize(width, _HEIGHT)
        show_above(self, anchor)
        self._focus_first()

    def begin(self) -> None:
        """Say that the script is being read."""
        if not self.parts:
            self.title.setText("Reading the script\u2026")

    def show_problem(self, text: str) -> None:
        """Say why the script cannot be read."""
        self.title.setText(text)
        self.text.clear()

    def show_context(self, context: Context, away: frozenset[str]) -> None:
        """Show what would be sent; `away` are the parts that the artist has taken away."""
        noun = "1 node does" if context.left_out == 1 else f"{context.left_out:,} nodes do"
        left = f" {noun} not fit: Settings, under Limits, say how much may be sent." if context.left_out else ""
        self.title.setText(f"Sent with your message: about {context.tokens:,} of at most {context.budget:,} tokens.{left}")
        tokens: dict[str, int] = {}
        titles: dict[str, str] = {}
        for part in context.parts:
            tokens[part.name] = tokens.get(part.name, 0) + part.tokens
            titles.setdefault(part.name, part.title)
        for name in (*tokens, *(name for name in sorted(away) if name not in tokens)):
            box = self.parts.get(name) or self._add(name)
            title = _TITLES.get(name, name)
            if name in tokens:
                what = titles[name].rstrip(":")
                title += f", {tokens[name]:,} tokens" if what.lower() == title.lower() else f": {what}, {tokens[name]:,} tokens"
            box.setText(title)
            box.blockSignals(True)
            box.setChecked(name not in away)
            box.blockSignals(False)
        for name, box in self.parts.items():
            box.setVisible(name in tokens or name in away)
        self.text.setPlainText(context.text)
        if self.text.hasFocus() and self._is_fresh:
            self._focus_first()
        self._is_fresh = False

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Close with Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QtCore.QSize:
        """Leave room for a few nodes."""
        return QtCore.QSize(400, _HEIGHT)

    def _focus_first(self) -> None:
        boxes = [box for box in self.parts.values() if box.isEnabled() and box.isVisibleTo(self)]
        (boxes[0] if boxes else self.text).setFocus(Qt.FocusReason.PopupFocusReason)

    def _add(self, name: str) -> QtWidgets.QCheckBox:
        box = QtWidgets.QCheckBox()
        # The counts and the settings of the script are what every answer needs.
        box.setEnabled(name != "script")
        box.setToolTip("" if name != "script" else "Every answer needs this")
        box.toggled.connect(lambda *_: self.changed.emit(self._away()))
        self._boxes.addWidget(box)
        self.parts[name] = box
        return box

    def _away(self) -> frozenset[str]:
        return frozenset(name for name, box in self.parts.items() if not box.isChecked())
