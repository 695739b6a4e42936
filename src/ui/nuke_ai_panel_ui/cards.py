"""Cards in the transcript and whole pages: a failure with what helps, connecting a model, and where to begin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from nuke_ai_panel.agent.session import ModelChoice
from nuke_ai_panel.agent.session_events import AnswerFailed
from nuke_ai_panel.errors import APIError
from nuke_ai_panel_ui.flow_layout import FlowLayout
from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.labels import button, heading, label
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal
from nuke_ai_panel_ui.theme import Theme

__all__ = ["Card", "EmptyPage", "ErrorCard", "Fold", "NoticeRow", "OnboardingPage", "PlanCard", "StoppedCard"]

#: Text wider than this is hard to read.
_PAGE_WIDTH = 520


class Card(QtWidgets.QFrame):
    """A framed block with a title, a body of rows, and buttons that wrap. ``kind`` picks the colour of its bar."""

    def __init__(self, kind: Literal["ask", "error", "done", "plain"], title: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setProperty("kind", kind)
        self.setAccessibleName(title)
        self.rows = QtWidgets.QVBoxLayout(self)
        self.rows.setContentsMargins(12, 9, 10, 10)
        self.rows.setSpacing(6)
        self.title = label(title, wrap=True)
        self.title.setObjectName("title")
        self.rows.addWidget(self.title)
        self.buttons = FlowLayout()

    def set_kind(self, kind: Literal["ask", "error", "done", "plain"]) -> None:
        """Change the colour of the bar."""
        if self.property("kind") != kind:
            self.setProperty("kind", kind)
            self.style().unpolish(self)
            self.style().polish(self)

    def add_buttons(self, *buttons: QtWidgets.QWidget) -> None:
        """Append the row of buttons, in the order of consequence."""
        for each in buttons:
            self.buttons.addWidget(each)
        self.rows.addLayout(self.buttons)

    def set_past(self) -> None:
        """Keep the words and take the buttons away: the conversation has gone on."""
        for number in range(self.buttons.count()):
            item = self.buttons.itemAt(number)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
        self.set_kind("plain")
        self.updateGeometry()


class Fold(QtWidgets.QWidget):
    """Lines of text behind a one-line button. ``toggled`` says that the height has changed."""

    toggled = Signal(bool)

    #: Lines shown at once; more scroll inside.
    MAX_LINES = 14

    def __init__(self, title: str, text: str, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        self.switch = QtWidgets.QPushButton()
        self.switch.setObjectName("fold")
        self.switch.setText(title)
        self.switch.setAccessibleName(title)
        self.switch.setCheckable(True)
        self.switch.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.switch.setAutoDefault(False)
        self.switch.setIconSize(QtCore.QSize(theme.font_px, theme.font_px))
        self.switch.setIcon(icon("right", theme.dim))
        self.switch.toggled.connect(self._toggle)
        rows.addWidget(self.switch, 0, Qt.AlignmentFlag.AlignLeft)
        self.lines = QtWidgets.QPlainTextEdit()
        self.lines.setObjectName("lines")
        self.lines.setReadOnly(True)
        self.lines.setTabChangesFocus(True)
        self.lines.setLineWrapMode(QtWidgets.QPlainTextEdit.LineWrapMode.NoWrap)
        self.lines.setAccessibleName(title)
        self.lines.hide()
        self.lines.blockCountChanged.connect(lambda *_: self._fit())
        rows.addWidget(self.lines)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Replace the folded text."""
        self.lines.setPlainText(text)
        self._fit()

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        """Measure again: the style sheet's font is known from here on."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        count = min(self.MAX_LINES, self.lines.blockCount())
        policy = Qt.ScrollBarPolicy
        self.lines.setVerticalScrollBarPolicy(
            policy.ScrollBarAsNeeded if self.lines.blockCount() > self.MAX_LINES else policy.ScrollBarAlwaysOff
        )
        # The bar is counted when a line is too long, and not by whether it shows now: its showing depends on this height.
        longest = self.lines.document().size().width() if self.lines.isVisible() else 0
        bar = self.lines.horizontalScrollBar().sizeHint().height() if longest > self.lines.viewport().width() else 0
        # Qt 5 makes a line higher than the font's spacing, by less than a pixel.
        document = self.lines.document()
        first = document.documentLayout().blockBoundingRect(document.begin())
        line = max(float(self.lines.fontMetrics().lineSpacing()), first.height())
        height = math.ceil(line * count + 2 * document.documentMargin()) + bar + 4
        if self.lines.height() != height or self.lines.minimumHeight() != height:
            self.lines.setFixedHeight(height)

    def _toggle(self, opened: bool) -> None:
        self.switch.setIcon(icon("down" if opened else "right", self._theme.dim))
        self.lines.setVisible(opened)
        self._fit()
        self.updateGeometry()
        self.toggled.emit(opened)


class ErrorCard(Card):
    """A failed answer: what happened, what is kept, what to do. Signals name the button that was pressed."""

    retry_requested = Signal()
    settings_requested = Signal()
    switch_requested = Signal()

    def __init__(self, event: AnswerFailed, theme: Theme) -> None:
        error = event.error
        said = error.message if isinstance(error, APIError) else str(error)
        super().__init__("error", said or "The answer failed.")
        rest = []
        if event.next_step:
            rest.append(event.next_step)
        rest.append("What had arrived is kept." if event.partial_text else "Your message is kept.")
        self.body = label(" ".join(rest), dim=True, wrap=True, selectable=True)
        self.rows.addWidget(self.body)
        self.retry = button("Retry", self.retry_requested.emit, name="Ask again", primary=True)
        self.switch = button("Switch model", self.switch_requested.emit)
        self.settings = button("Settings\u2026", self.settings_requested.emit, name="Open settings")
        self.add_buttons(self.retry, self.switch, self.settings)
        self.details: Fold | None = None
        if isinstance(error, APIError) and error.details:
            self.details = Fold("Details", error.details, theme)
            self.rows.addWidget(self.details)


class StoppedCard(Card):
    """An answer that the artist stopped."""

    retry_requested = Signal()

    def __init__(self, has_text: bool) -> None:
        super().__init__("plain", "Stopped")
        if has_text:
            self.rows.addWidget(label("What had arrived is kept.", dim=True, wrap=True))
        self.retry = button("Ask again", self.retry_requested.emit)
        self.add_buttons(self.retry)


class NoticeRow(QtWidgets.QWidget):
    """A sentence about an answer, and a way to the setting that decides it, whose key ``settings_requested`` carries."""

    settings_requested = Signal(str)

    def __init__(self, text: str, setting: str) -> None:
        super().__init__()
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        self.words = label(text, dim=True, wrap=True)
        rows.addWidget(self.words)
        self.settings = button(
            "Change the limit\u2026", lambda: self.settings_requested.emit(setting), name="Change this limit in the settings"
        )
        row = FlowLayout()
        row.addWidget(self.settings)
        rows.addLayout(row)


class PlanCard(Card):
    """The steps of a plan, to be agreed to. ``agreed`` carries them as text."""

    agreed = Signal(str)

    def __init__(self, steps: Sequence[str]) -> None:
        super().__init__("ask", "Work off this plan?")
        noun = "step" if len(steps) == 1 else "steps"
        self.body = label(f"{len(steps)} {noun}. You are asked before each change.", dim=True, wrap=True)
        self.rows.addWidget(self.body)
        self.steps = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
        self.begin = button("Begin", lambda: self.agreed.emit(self.steps), name="Work off this plan", primary=True)
        self.add_buttons(self.begin)

    def set_begun(self) -> None:
        """Say that it is worked off; there is nothing more to agree to."""
        self.title.setText("This plan was begun")
        self.setAccessibleName(self.title.text())
        self.body.setText(self.body.text().split(".")[0] + ".")
        self.set_past()


class _Page(QtWidgets.QScrollArea):
    """A page of the panel's middle: centred in height, scrolling where the panel is too low."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inner = QtWidgets.QWidget()
        # A scroll area's viewport has the role Base, which would show as a darker field.
        self.viewport().setBackgroundRole(QtGui.QPalette.ColorRole.Window)
        inner.setBackgroundRole(QtGui.QPalette.ColorRole.Window)
        outer = QtWidgets.QHBoxLayout(inner)
        outer.setContentsMargins(20, 20, 20, 20)
        column = QtWidgets.QWidget()
        column.setMaximumWidth(_PAGE_WIDTH)
        outer.addStretch(1)
        outer.addWidget(column, 1000)
        outer.addStretch(1)
        self.rows = QtWidgets.QVBoxLayout(column)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(8)
        self.setWidget(inner)

    def minimumSizeHint(self) -> QtCore.QSize:
        """Shrink: the page scrolls."""
        return QtCore.QSize(120, 60)


def _empty(rows: QtWidgets.QLayout) -> None:
    while rows.count():
        item = rows.takeAt(0)
        widget = item.widget() if item is not None else None
        if widget is not None:
            widget.hide()
            widget.deleteLater()


class OnboardingPage(_Page):
    """Shown while no provider answers: what was tried, what came of it, and what to do."""

    retry_requested = Signal()
    settings_requested = Signal()

    def __init__(self) -> None:
        super().__init__("Connect a model to start")
        self.rows.addStretch(1)
        self.rows.addWidget(heading("Connect a model to start"))
        self.rows.addWidget(
            label(
                "No model server answers yet. Your script and your words stay on this machine until one does.",
                dim=True,
                wrap=True,
            )
        )
        self.rows.addWidget(
            label(
                "Ollama (ollama.com) runs models on your machine or in your studio. OpenRouter (openrouter.ai) runs them "
                "elsewhere, for a key.",
                dim=True,
                wrap=True,
            )
        )
        self.rows.addSpacing(8)
        self._tried = QtWidgets.QVBoxLayout()
        self._tried.setSpacing(2)
        self.rows.addLayout(self._tried)
        self.rows.addSpacing(8)
        self.retry = button("Try again", self.retry_requested.emit, name="Look for models again", primary=True)
        self.settings = button("Settings\u2026", self.settings_requested.emit, name="Open settings")
        row = FlowLayout(spacing=8)
        row.addWidget(self.retry)
        row.addWidget(self.settings)
        self.rows.addLayout(row)
        self.rows.addStretch(1)
        self._shown: list[tuple[str, str]] = []

    def show_tried(self, choices: Sequence[ModelChoice], problem: str = "") -> None:
        """List what was tried: one entry a provider, or the one `problem` that kept all of them from being asked."""
        shown = [(choice.title, choice.error) for choice in choices if choice.error]
        if problem:
            shown.insert(0, ("Settings", problem))
        if shown == self._shown:
            return
        self._shown = shown
        _empty(self._tried)
        for title, error in shown:
            name = label(title, wrap=True)
            name.setObjectName("title")
            self._tried.addWidget(name)
            said = label(error, dim=True, wrap=True, selectable=True)
            said.setContentsMargins(0, 0, 0, 6)
            self._tried.addWidget(said)

    def set_busy(self, is_busy: bool) -> None:
        """Show that the servers are being asked."""
        self.retry.setEnabled(not is_busy)
        self.retry.setText("Looking\u2026" if is_busy else "Try again")

    def tried_text(self) -> str:
        """Return what is listed, as text."""
        return "\n".join(f"{title}: {error}" for title, error in self._shown)


class EmptyPage(_Page):
    """A new conversation: what the assistant can do, and suggestions from the open script."""

    suggestion_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("New conversation")
        self.rows.addStretch(1)
        self.rows.addWidget(heading("What are we comping?"))
        self.rows.addWidget(
            label(
                "I read the node graph, explain it, and write Python that builds nodes. Nothing changes before you say Run.",
                dim=True,
                wrap=True,
            )
        )
        self.rows.addSpacing(8)
        self._suggestions = QtWidgets.QVBoxLayout()
        self._suggestions.setSpacing(8)
        self.rows.addLayout(self._suggestions)
        self.rows.addStretch(1)
        self._shown: tuple[str, ...] = ()

    def show_suggestions(self, texts: Sequence[str]) -> None:
        """Replace the suggestions; pressing one emits ``suggestion_chosen`` with its words."""
        if tuple(texts) == self._shown:
            return
        self._shown = tuple(texts)
        _empty(self._suggestions)
        for text in texts:
            made = button(text, lambda text=text: self.suggestion_chosen.emit(text))  # type: ignore[misc]
            made.setObjectName("suggestion")
            # A button asks for room for all its words, more than a narrow panel or a large font leaves.
            made.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)
            made.setToolTip(text)
            self._suggestions.addWidget(made)
