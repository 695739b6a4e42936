"""A small window that asks for one request: what a menu command opens."""

from __future__ import annotations

from nuke_ai_panel_ui.labels import button, label
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal

__all__ = ["PromptDialog"]


class PromptDialog(QtWidgets.QDialog):
    """Ask what a script should do. It blocks nothing: ``accepted_prompt`` carries the text when the artist agrees.

    Enter sends, Shift+Enter breaks the line, Escape closes. What was typed and not sent is kept until the next time.
    """

    accepted_prompt = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("promptDialog")
        self.setWindowTitle("Generate script")
        self.prompt = QtWidgets.QPlainTextEdit()
        self.prompt.setAccessibleName("What should the script do?")
        self.prompt.setPlaceholderText("Add a Grade after every Read, named after its file")
        self.prompt.setTabChangesFocus(True)
        self.prompt.installEventFilter(self)
        self.generate_button = button("Generate", self.send, primary=True)
        self.generate_button.setDefault(True)
        self.cancel_button = button("Cancel", self.reject)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(label("Nothing runs before you have seen it.", dim=True), 1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.generate_button)
        rows = QtWidgets.QVBoxLayout(self)
        rows.addWidget(label("What should the script do?"))
        rows.addWidget(self.prompt, 1)
        rows.addLayout(buttons)
        self.prompt.textChanged.connect(self._show_state)
        self._show_state()
        self.resize(440, 170)

    def ask(self) -> None:
        """Show the window with the cursor in its field, what stands in it selected. Returns at once."""
        self.prompt.selectAll()
        self.show()
        self.raise_()
        self.activateWindow()
        self.prompt.setFocus()

    def send(self) -> None:
        """Close the window and hand out the text; nothing happens while it is empty."""
        text = self.prompt.toPlainText().strip()
        if not text:
            return
        self.prompt.clear()
        self.accept()
        self.accepted_prompt.emit(text)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Let Enter send; a text field would take it as a new line."""
        if watched is self.prompt and event.type() == QtCore.QEvent.Type.KeyPress:
            assert isinstance(event, QtGui.QKeyEvent)
            is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.send()
                return True
        return super().eventFilter(watched, event)

    def _show_state(self) -> None:
        self.generate_button.setEnabled(bool(self.prompt.toPlainText().strip()))
