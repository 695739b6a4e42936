"""The widgets that lie over the painted rows: code bars, fold buttons, cards, the message bar and the way back down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.transcript.block_rows import CodeRow
from nuke_ai_panel_ui.transcript.code_bar import CodeBar, FoldButton, MessageBar
from nuke_ai_panel_ui.transcript.look import Look
from nuke_ai_panel_ui.transcript.message import Message
from nuke_ai_panel_ui.transcript.rows import FoldRow, HeadRow, Row, WidgetRow

__all__ = ["Overlays", "SeenRow"]


class SeenRow(NamedTuple):
    """A row in the viewport: its upper edge and height, in the viewport's pixels."""

    row: Row
    y: int
    height: int


class _MessageLabel(QtWidgets.QLabel):
    """An unpainted label over a visible message, which gives screen readers something with a name on Qt 5 and 6 alike."""

    def __init__(self, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.shown: tuple[int, int] | None = None

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint nothing."""


class Overlays:
    """Keep the widgets over the rows in place; hidden ones are used again for other rows."""

    def __init__(self, viewport: QtWidgets.QWidget) -> None:
        self._viewport = viewport
        self.code_bars: list[CodeBar] = []
        self.fold_buttons: list[FoldButton] = []
        self._labels: list[_MessageLabel] = []
        self._shown_cards: set[WidgetRow] = set()
        self.code_action: Callable[[CodeBar, str], None] = lambda bar, action: None
        self.fold_toggled: Callable[[FoldRow], None] = lambda row: None
        # Children of the viewport, not siblings: a widget beside it makes Qt 6 repaint everything on every scroll step.
        self.message_bar = MessageBar(viewport)
        self.message_bar.hide()
        self.pill = QtWidgets.QToolButton(viewport)
        self.pill.setObjectName("pill")
        self.pill.setText("↓ Latest")
        self.pill.setAccessibleName("Jump to the latest message")
        self.pill.setCursor(Qt.CursorShape.PointingHandCursor)
        self.pill.hide()

    def place(self, seen: Sequence[SeenRow], look: Look, x: int, width: int, code_actions: Sequence[str]) -> None:
        """Put every widget where its row is; the text column begins at `x`."""
        self._place_code_bars(seen, look, x, width, code_actions)
        self._place_folds(seen, look, x, width)
        self._place_cards(seen, x, width)
        if QtGui.QAccessible.isActive():
            self._place_labels(seen)
        for floating in (self.message_bar, self.pill):
            if not floating.isHidden():
                floating.raise_()

    def _place_code_bars(self, seen: Sequence[SeenRow], look: Look, x: int, width: int, actions: Sequence[str]) -> None:
        heads = [item for item in seen if isinstance(item.row, CodeRow) and item.row.is_first]
        wanted = {item.row for item in heads}
        bars = {bar.row: bar for bar in self.code_bars if bar.row in wanted}
        spare = [bar for bar in self.code_bars if bar.row not in wanted]
        for row, y, height in heads:
            assert isinstance(row, CodeRow)
            bar = bars.get(row)
            if bar is None:
                bar = spare.pop() if spare else self._new_code_bar()
            bar.show_row(row, look, actions)
            frame = row.frame(x, width, y, height)
            _show_at(bar, QtCore.QRect(frame.left() + 1, frame.top() + 1, frame.width() - 2, look.bar_height - 1))
        for bar in spare:
            self._retire(bar)
            bar.row = None

    def _new_code_bar(self) -> CodeBar:
        bar = CodeBar(self._viewport)
        bar.action_requested.connect(lambda action: self.code_action(bar, action))
        self.code_bars.append(bar)
        return bar

    def _place_folds(self, seen: Sequence[SeenRow], look: Look, x: int, width: int) -> None:
        folds = [item for item in seen if isinstance(item.row, FoldRow)]
        wanted = {item.row for item in folds}
        buttons = {button.row: button for button in self.fold_buttons if button.row in wanted}
        spare = [button for button in self.fold_buttons if button.row not in wanted]
        for row, y, height in folds:
            assert isinstance(row, FoldRow)
            button = buttons.get(row)
            if button is None:
                button = spare.pop() if spare else self._new_fold_button()
            button.show_row(row, look, width)
            place = QtCore.QRect(x - 6, y + row.gap + 1, min(width, button.sizeHint().width()), height - row.gap - 2)
            _show_at(button, place)
        for button in spare:
            self._retire(button)
            button.row = None

    def _new_fold_button(self) -> FoldButton:
        button = FoldButton(self._viewport)
        button.clicked.connect(lambda: button.row is not None and self.fold_toggled(button.row))
        self.fold_buttons.append(button)
        return button

    def _place_cards(self, seen: Sequence[SeenRow], x: int, width: int) -> None:
        shown: set[WidgetRow] = set()
        for row, y, height in seen:
            if isinstance(row, WidgetRow):
                _show_at(row.widget, row.geometry(x, y, width, height))
                shown.add(row)
        for row in self._shown_cards - shown:
            self._retire(row.widget)
        self._shown_cards = shown

    def _retire(self, widget: QtWidgets.QWidget) -> None:
        """Hide a widget; the keyboard stays in the transcript instead of wandering to the next widget of the window."""
        if not widget.isHidden():
            focused = widget.focusWidget()
            if focused is not None and focused.hasFocus():
                self._viewport.parentWidget().setFocus()
            widget.hide()

    def forget(self, row: WidgetRow) -> None:
        """Stop placing a card that has been removed."""
        self._shown_cards.discard(row)

    def place_pill(self, visible: bool) -> None:
        """Show or hide the way back to the newest message, at the right, where it covers no buttons of cards."""
        if visible:
            self.pill.adjustSize()
            area = self._viewport.rect()
            self.pill.move(area.right() - self.pill.width() - 10, area.bottom() - self.pill.height() - 8)
        self.pill.setVisible(visible)

    def place_message_bar(
        self, seen: Sequence[SeenRow], message: Message | None, look: Look, right: int, *, streaming: bool
    ) -> None:
        """Show the actions of `message` beside its title, if that is seen; `right` is the column's right edge."""
        for row, y, height in seen:
            if isinstance(row, HeadRow) and row.message is message:
                is_user = row.message.role == "user"
                actions = ("copy", "edit") if is_user else ("copy",) if streaming else ("copy", "retry")
                self.message_bar.show_actions(actions, look, "user_band" if is_user else "background")
                size = self.message_bar.size()
                self.message_bar.move(right - size.width(), y + max(1, (height - size.height()) // 2 + 1))
                self.message_bar.show()
                return
        self._retire(self.message_bar)

    def _place_labels(self, seen: Sequence[SeenRow]) -> None:
        spans: dict[Message, tuple[int, int]] = {}
        for row, y, height in seen:
            top, _ = spans.get(row.message, (y, y))
            spans[row.message] = (top, y + height)
        while len(self._labels) < len(spans):
            self._labels.append(_MessageLabel(self._viewport))
        for label, (message, (top, bottom)) in zip(self._labels, spans.items()):
            text = message.text
            if label.shown != (message.number, len(text)):
                label.shown = (message.number, len(text))
                label.setAccessibleName(f"{message.title}: {text[:2000]}")
            label.setGeometry(0, top, self._viewport.width(), bottom - top)
            label.lower()
            label.show()
        for label in self._labels[len(spans) :]:
            label.hide()


def _show_at(widget: QtWidgets.QWidget, geometry: QtCore.QRect) -> None:
    if widget.geometry() != geometry:
        widget.setGeometry(geometry)
    if widget.isHidden():
        widget.show()
