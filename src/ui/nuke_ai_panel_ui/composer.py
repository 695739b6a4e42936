"""Where the artist writes: the prompt field, the model, what the model will see, what an answer cost, Send and Stop."""

from __future__ import annotations

from nuke_ai_panel_ui.arrow_button import ArrowButton
from nuke_ai_panel_ui.draft import Draft
from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.labels import ElidedButton, ElidedLabel, button
from nuke_ai_panel_ui.model_picker import ModelButton
from nuke_ai_panel_ui.qt import QAction, Qt, QtCore, QtGui, QtWidgets, Signal
from nuke_ai_panel_ui.theme import Theme

__all__ = ["Composer", "ModeButton", "Prompt"]

_MAX_LINES = 8
_MARGIN = 3


class Prompt(QtWidgets.QPlainTextEdit):
    """The prompt field, one view of a draft. Enter emits ``submitted``, Shift+Enter breaks the line, Esc emits ``escaped``.

    Up at the very start of the text walks back through what was sent, Down at its end forward to the unsent draft again.
    """

    submitted = Signal()
    escaped = Signal()
    focused = Signal(bool)

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self.setObjectName("prompt")
        self.setAccessibleName("Message")
        self.setPlaceholderText("Ask about this script")
        self.setTabChangesFocus(True)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().setDocumentMargin(_MARGIN)
        self.show_draft()
        self.textChanged.connect(self._write)
        draft.changed.connect(self._follow)
        self.document().documentLayout().documentSizeChanged.connect(lambda *_: self._fit())
        self._fit()

    def show_draft(self) -> None:
        """Show the draft as it is, with the caret at its end."""
        self.setPlainText(self._draft.text)
        self.moveCursor(QtGui.QTextCursor.MoveOperation.End)

    def _write(self) -> None:
        self._draft.write(self.toPlainText())

    def _follow(self) -> None:
        """Show what was written elsewhere; the caret stays with the words that it stands at."""
        old, new = self.toPlainText(), self._draft.text
        if old == new:
            return
        if new:
            _replace_difference(self.document(), old, new)
        else:
            # Also what could be undone goes: a message that was sent does not come back with Ctrl+Z.
            self.clear()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Send, break the line, walk through the history, or let the editor handle the key."""
        key, modifiers = event.key(), event.modifiers()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if modifiers & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier):
                self.textCursor().insertBlock()
                self.ensureCursorVisible()
            else:
                self.submitted.emit()
            return
        if key == Qt.Key.Key_Escape:
            self.escaped.emit()
            return
        plain = not modifiers & ~Qt.KeyboardModifier.KeypadModifier
        if key == Qt.Key.Key_Up and plain and self.textCursor().atStart() and self._draft.can_walk(-1):
            self._walk(-1)
            return
        at_end = self.textCursor().atEnd() or self.textCursor().atStart()
        if key == Qt.Key.Key_Down and plain and at_end and self._draft.can_walk(1):
            self._walk(1)
            return
        super().keyPressEvent(event)

    def _walk(self, step: int) -> None:
        self._draft.walk(step)
        self.setPlainText(self._draft.text)
        # Back: the caret stays at the start, so that Up goes on. Forward: at the end, so that Down does.
        if step > 0:
            self.moveCursor(QtGui.QTextCursor.MoveOperation.End)

    def insertFromMimeData(self, source: QtCore.QMimeData) -> None:
        """Paste plain text only: what the model gets is what is seen."""
        if source.hasText():
            self.insertPlainText(source.text())

    def focusInEvent(self, event: QtGui.QFocusEvent) -> None:
        """Tell the frame around, which shows the focus."""
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QtGui.QFocusEvent) -> None:
        """Tell the frame around, which shows the focus."""
        super().focusOutEvent(event)
        self.focused.emit(False)

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Measure again when the font changes."""
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.Type.FontChange, QtCore.QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        lines = max(1, int(self.document().size().height()))
        height = int(min(_MAX_LINES, lines) * self.fontMetrics().lineSpacing()) + 2 * _MARGIN + 2
        bar = Qt.ScrollBarPolicy.ScrollBarAsNeeded if lines > _MAX_LINES else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if self.verticalScrollBarPolicy() != bar:
            self.setVerticalScrollBarPolicy(bar)
        if self.minimumHeight() != height or self.maximumHeight() != height:
            self.setFixedHeight(height)


def _replace_difference(document: QtGui.QTextDocument, old: str, new: str) -> None:
    """Make `new` of a document that holds `old`, and touch only what differs: carets elsewhere stay where they are."""
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    # Qt counts in UTF-16.
    cursor = QtGui.QTextCursor(document)
    cursor.setPosition(_utf16(old[:start]))
    cursor.setPosition(_utf16(old[: len(old) - end]), QtGui.QTextCursor.MoveMode.KeepAnchor)
    cursor.insertText(new[start : len(new) - end])


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    return next((place for place, (mine, theirs) in enumerate(zip(one, other)) if mine != theirs), min(len(one), len(other)))


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class ModeButton(ArrowButton):
    """Chooses how far the model may go with the next prompt. ``chosen`` carries the mode."""

    chosen = Signal(str)

    #: Mode, its word, and what it means.
    MODES = (
        ("ask", "Ask", "Reads the script and answers. Scripts in the answer wait for you."),
        ("plan", "Plan", "Reads the script and lists the steps first."),
        ("act", "Act", "Works in the script step by step. You agree to each change."),
    )

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.setObjectName("mode")
        self.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QtWidgets.QMenu(self)
        for mode, word, meaning in self.MODES:
            action = QAction(f"{word}: {meaning}", menu)
            action.setCheckable(True)
            action.triggered.connect(lambda *_, mode=mode: self.chosen.emit(mode))
            menu.addAction(action)
        self.setMenu(menu)
        self.show_mode("ask")

    def show_mode(self, mode: str) -> None:
        """Show a mode as the one in force."""
        for action, (each, word, meaning) in zip(self.menu().actions(), self.MODES):
            action.setChecked(each == mode)
            if each == mode:
                self.show_words(word)
                self.setToolTip(meaning)
                self.setAccessibleName(f"Mode: {word}")
                self.setAccessibleDescription(meaning)


class _Meter(ElidedLabel):
    """What the last answer cost, as much of it as there is room for: half a number would be a wrong one."""

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint all of it, or the part before the first dot, or nothing."""
        area, whole = self.contentsRect(), self.text()
        advance = self.fontMetrics().horizontalAdvance
        shown = next((text for text in (whole, whole.partition(" \u00b7 ")[0]) if advance(text) <= area.width()), "")
        self.setToolTip(self.tip or whole)
        painter = QtGui.QPainter(self)
        alignment, ink = int(self.alignment()), self.foregroundRole()
        self.style().drawItemText(painter, area, alignment, self.palette(), self.isEnabled(), shown, ink)
        painter.end()


class Composer(QtWidgets.QFrame):
    """The field with its row of controls. ``sent`` carries the text; the field is emptied by `accept`, not before.

    So a text that could not be sent (an answer is still on its way) is still there.
    """

    sent = Signal(str)
    stop_requested = Signal()
    focused = Signal()

    def __init__(self, theme: Theme, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self.setObjectName("composer")
        self._is_busy = self._can_stop = False
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Maximum)
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(8, 6, 6, 6)
        rows.setSpacing(4)
        sees = QtWidgets.QHBoxLayout()
        sees.setSpacing(5)
        self._sees_icon = QtWidgets.QLabel()
        self.sees = ElidedButton()
        self.sees.setObjectName("sees")
        self.sees.setAutoDefault(False)
        self.sees.setAccessibleName("What the model will see")
        self.sees.setToolTip("Show what will be sent")
        sees.addWidget(self._sees_icon)
        sees.addWidget(self.sees, 1)
        rows.addLayout(sees)
        self.prompt = Prompt(draft)
        self.prompt.submitted.connect(self._submit)
        self.prompt.escaped.connect(self._escape)
        self.prompt.focused.connect(self._show_focus)
        self.prompt.textChanged.connect(self._show_button)
        rows.addWidget(self.prompt)
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(6)
        self.model = ModelButton(theme)
        row.addWidget(self.model)
        self.mode = ModeButton(theme)
        row.addWidget(self.mode)
        self.meter = _Meter()
        self.meter.setObjectName("small")
        self.meter.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.meter.setAccessibleName("Tokens and cost of the last answer")
        row.addWidget(self.meter, 1)
        self.send = button("Send", self._press, name="Send message", primary=True)
        self.send.setSizePolicy(QtWidgets.QSizePolicy.Policy.Fixed, QtWidgets.QSizePolicy.Policy.Fixed)
        row.addWidget(self.send)
        rows.addLayout(row)
        self.setTabOrder(self.prompt, self.send)
        self.setTabOrder(self.send, self.model)
        self.setTabOrder(self.model, self.mode)
        self.setTabOrder(self.mode, self.sees)
        self.set_theme(theme)
        self.show_context("")
        self._show_button()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Leave half of the row to what stands beside the model's name."""
        super().resizeEvent(event)
        self.model.setMaximumWidth(max(self.model.minimumSizeHint().width(), self.width() // 2))

    @property
    def text(self) -> str:
        """What is written and not yet sent."""
        return self.prompt.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace what is written and put the caret at its end."""
        self._draft.write(text)
        self.prompt.show_draft()

    def recall(self, text: str) -> None:
        """Show a sent text to be changed and sent again; Down at its end brings back what was written."""
        self._draft.recall(text)
        self.prompt.show_draft()

    def accept(self, text: str) -> None:
        """Let go of `text`: it was sent, and can be had back with the Up key. Other words that are written stay."""
        self._draft.accept(text)

    def set_busy(self, is_busy: bool, *, can_stop_check: bool = False) -> None:
        """Turn Send into Stop while an answer is on its way, and back. `can_stop_check` gives Esc a check."""
        self._is_busy = is_busy
        self._can_stop = is_busy or can_stop_check
        self._show_button()

    def show_context(self, line: str) -> None:
        """Show in one line what the model is told about the script; "" hides the line."""
        self.sees.setText(f"Sees {line}" if line else "")
        self.sees.setAccessibleDescription(self.sees.text())
        self.sees.setVisible(bool(line))
        self._sees_icon.setVisible(bool(line))

    def show_meter(self, text: str, tip: str = "") -> None:
        """Show what the last answer cost."""
        self.meter.setText(text)
        self.meter.tip = tip
        self.meter.setAccessibleDescription(tip or text)

    def set_theme(self, theme: Theme) -> None:
        """Redraw the icons in the theme's colours."""
        self._sees_icon.setPixmap(icon("node", theme.dim).pixmap(QtCore.QSize(12, 12)))
        self.model.set_theme(theme)
        self.mode.set_theme(theme)

    def _press(self) -> None:
        if self._is_busy:
            self.stop_requested.emit()
        else:
            self._submit()

    def _submit(self) -> None:
        text = self.prompt.toPlainText().strip()
        if text:
            self.sent.emit(text)

    def _escape(self) -> None:
        if self._can_stop:
            self.stop_requested.emit()

    def _show_button(self) -> None:
        name, words, spoken = ("stop", "Stop", "Stop the answer") if self._is_busy else ("primary", "Send", "Send message")
        can_press = self._is_busy or bool(self.prompt.toPlainText().strip())
        if not can_press and self.send.hasFocus():
            self.prompt.setFocus()
        self.send.setEnabled(can_press)
        if self.send.objectName() == name and self.send.text() == words:
            return
        self.send.setText(words)
        self.send.setAccessibleName(spoken)
        self.send.setToolTip("Esc" if self._is_busy else "Enter")
        self.send.setObjectName(name)
        self.send.style().unpolish(self.send)
        self.send.style().polish(self.send)

    def _show_focus(self, has_focus: bool) -> None:
        self.setProperty("focus", "true" if has_focus else "false")
        self.style().unpolish(self)
        self.style().polish(self)
        if has_focus:
            self.focused.emit()
