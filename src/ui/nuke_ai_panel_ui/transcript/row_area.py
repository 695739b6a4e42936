"""The scroll area below the transcript: which rows are seen, laying them out in time, and painting them.

Every operation costs what is visible, never what the conversation holds. Each turn of the event loop does a bounded amount of
work, and the rest follows in the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.theme import Theme
from nuke_ai_panel_ui.transcript.conversation import Conversation
from nuke_ai_panel_ui.transcript.look import COLUMN_LIMIT, MARGIN, Look
from nuke_ai_panel_ui.transcript.message import Message, Role
from nuke_ai_panel_ui.transcript.overlays import Overlays, SeenRow
from nuke_ai_panel_ui.transcript.painting import Canvas
from nuke_ai_panel_ui.transcript.realising import Place, Realiser
from nuke_ai_panel_ui.transcript.rows import Key, Row
from nuke_ai_panel_ui.transcript.selection import Selection

__all__ = ["RowArea"]

#: Milliseconds between two updates while text arrives, and when more has arrived than one update may take in.
_FRAME = 33
_CATCH_UP = 8
#: Seconds one turn of the event loop may spend on splitting text, on laying rows out, and on rows for older messages.
_TAKE_IN_BUDGET = 0.002
_LAY_OUT_BUDGET = 0.004
_FILL_BUDGET = 0.003
#: Pixels beyond the viewport that are laid out when nothing else happens, and milliseconds of quiet before that.
_AHEAD = 300
_QUIET = 60
_FONT_SIZES = (9, 32)


class RowArea(QtWidgets.QAbstractScrollArea):
    """Paint a conversation of any length, follow its end, and keep the reader's place otherwise."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._theme = Theme.from_palette(self.palette(), self.font())
        self._font_size: int | None = None
        self._conversation = Conversation(Look(self._theme, self._theme.font_px), self._column_width())
        self._realiser = Realiser(self._conversation)
        self._selection = Selection()
        self._marked_message: Message | None = None
        self._code_actions: tuple[str, ...] = ("copy", "insert", "run")
        self._overlays = Overlays(self.viewport())
        self._overlays.pill.clicked.connect(self.to_bottom)
        self._at_bottom = True
        self._anchor: tuple[Key, int] = ((0,), 0)
        self._moving_scroll_bar = False
        self._looks_ahead = False
        self._painted: dict[Row, tuple[int, int, int]] = {}
        self._last_flush = 0.0
        self._flush_timer = self._single_shot(self._flush)
        self._refresh_timer = self._single_shot(self._refresh)
        self._quiet_timer = self._single_shot(self._look_ahead)
        self._fill_timer = self._single_shot(self._fill)
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        # It keeps its place, so that the text does not jump; but where nothing can be scrolled nothing is shown.
        bar.rangeChanged.connect(lambda least, most: bar.setEnabled(most > least))
        bar.setEnabled(False)

    def _single_shot(self, slot: Callable[[], None]) -> QtCore.QTimer:
        timer = QtCore.QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(slot)
        return timer

    def _show_conversation(self, messages: Sequence[tuple[Role, str, str]]) -> None:
        """Begin a new conversation, seen from its end."""
        for timer in (self._flush_timer, self._refresh_timer, self._quiet_timer, self._fill_timer):
            timer.stop()
        self._selection.clear()
        self._marked_message = None
        self._conversation = Conversation(self._conversation.look, self._column_width())
        self._realiser = Realiser(self._conversation)
        self._conversation.set_messages(messages)
        self._at_bottom = True
        self._fill_timer.start(0)
        self._refresh()

    # Time --------------------------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if not self._flush_timer.isActive():
            since = (time.perf_counter() - self._last_flush) * 1000
            self._flush_timer.start(max(0, int(_FRAME - since)))

    def _flush(self) -> None:
        self._last_flush = time.perf_counter()
        self._realiser.forget(self._conversation.take_in(self._last_flush + _TAKE_IN_BUDGET))
        self._refresh()
        if self._conversation.is_behind:
            self._flush_timer.start(_CATCH_UP)

    # Appearance ---------------------------------------------------------------------------------------------------------

    def set_font_size(self, px: int) -> None:
        """Set the size of text in pixels, from 9 to 32."""
        self._font_size = max(_FONT_SIZES[0], min(_FONT_SIZES[1], px))
        self._set_look()

    def set_theme(self, theme: Theme) -> None:
        """Paint with `theme` instead of the colours of the widget's palette."""
        if theme != self._theme:
            self._theme = theme
            self._set_look()

    def _set_look(self) -> None:
        self._conversation.set_look(Look(self._theme, self._font_size or self._theme.font_px))
        self._realiser.forget_all()
        self._painted.clear()
        self.viewport().update()
        self._refresh()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's palette and font (called by Qt)."""
        super().changeEvent(event)
        if event.type() in (QtCore.QEvent.Type.PaletteChange, QtCore.QEvent.Type.FontChange):
            self.set_theme(Theme.from_palette(self.palette(), self.font()))

    # Layout -------------------------------------------------------------------------------------------------------------

    def _column_width(self) -> int:
        return max(80, min(COLUMN_LIMIT, self.viewport().width() - 2 * MARGIN))

    @property
    def _column_x(self) -> int:
        return max(MARGIN, (self.viewport().width() - self._conversation.width) // 2)

    def to_bottom(self) -> None:
        """Show the end of the conversation and follow it from now on."""
        self._at_bottom = True
        self._refresh()

    def _refresh_soon(self) -> None:
        self._refresh_timer.start(0)

    def _refresh(self) -> None:
        """Lay out what is seen, within the budget, and bring scroll bar, overlays and picture up to date."""
        self._refresh_timer.stop()
        conversation, viewport = self._conversation, self.viewport()
        conversation.set_width(self._column_width())
        deadline = time.perf_counter() + _LAY_OUT_BUDGET
        room = viewport.height() + (_AHEAD if self._looks_ahead else 0)
        rows = conversation.rows
        if self._at_bottom:
            is_complete = self._realiser.upwards(room, deadline)
            value = wanted = max(0, rows.total - viewport.height())
        else:
            is_complete, place = self._realiser.downwards(self._anchor_place(), room, deadline)
            wanted = rows.top(place.row) + place.offset
            value = max(0, min(wanted, rows.total - viewport.height()))
        self._move_scroll_bar(rows.total, value)
        self._remember_anchor()
        self._realiser.evict()
        seen = self.seen_rows()
        self._overlays.place_pill(visible=not self._at_bottom and bool(rows))
        self._place_message_bar(seen)
        self._overlays.place(seen, conversation.look, self._column_x, conversation.width, self._code_actions)
        self._repaint_changes(seen)
        if not is_complete or value != wanted:
            self._refresh_timer.start(0)
        elif self._realiser.has_resting_rows or (not self._looks_ahead and not conversation.is_behind):
            self._quiet_timer.start(_QUIET)
        self._looks_ahead = False

    def _place_message_bar(self, seen: Sequence[SeenRow]) -> None:
        conversation = self._conversation
        self._overlays.place_message_bar(
            seen,
            self._marked_message,
            conversation.look,
            self._column_x + conversation.width,
            streaming=conversation.answer is not None and conversation.answer is self._marked_message,
        )

    def _look_ahead(self) -> None:
        self._looks_ahead = True
        self._refresh()

    def _fill(self) -> None:
        if self._conversation.fill(deadline=time.perf_counter() + _FILL_BUDGET):
            self._fill_timer.start(_CATCH_UP)
        self._refresh()

    def _anchor_place(self) -> Place:
        rows = self._conversation.rows
        key, offset = self._anchor
        index = min(rows.position(key), max(0, len(rows) - 1))
        is_same = bool(rows) and rows[index].key == key
        return Place(index, offset if is_same else 0)

    def _remember_anchor(self) -> None:
        rows = self._conversation.rows
        if rows:
            y = self.verticalScrollBar().value()
            index = rows.index_at(y)
            self._anchor = (rows[index].key, y - rows.top(index))

    def _move_scroll_bar(self, total: int, value: int) -> None:
        bar, height = self.verticalScrollBar(), self.viewport().height()
        self._moving_scroll_bar = True
        bar.setRange(0, max(0, total - height))
        bar.setPageStep(height)
        bar.setSingleStep(int(self._conversation.look.line_height * 2))
        bar.setValue(value)
        self._moving_scroll_bar = False

    def _on_scrolled(self, value: int) -> None:
        if self._moving_scroll_bar:
            return
        self._at_bottom = value >= self.verticalScrollBar().maximum() - 4
        self._remember_anchor()
        self._refresh()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Lay out what is seen for the new size (called by Qt)."""
        super().resizeEvent(event)
        self._refresh()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Leave the picture alone: :meth:`_refresh` repaints what changed (called by Qt)."""

    @property
    def is_up_to_date(self) -> bool:
        """Whether all that has arrived is in rows, and what is seen is laid out."""
        waiting = self._flush_timer.isActive() or self._refresh_timer.isActive()
        return not (waiting or self._realiser.has_resting_rows or self._conversation.is_behind)

    @property
    def document_count(self) -> int:
        """How many rows are laid out with a text document; bounded, however long the conversation is."""
        return self._realiser.document_count

    # Painting -----------------------------------------------------------------------------------------------------------

    def seen_rows(self) -> list[SeenRow]:
        """Return the rows in the viewport with their places, from the top."""
        rows = self._conversation.rows
        if not rows:
            return []
        top = self.verticalScrollBar().value()
        bottom = top + self.viewport().height()
        index = rows.index_at(top)
        seen = []
        while index < len(rows) and rows.top(index) < bottom:
            seen.append(SeenRow(rows[index], rows.top(index) - top, rows.height(index)))
            index += 1
        return seen

    def _repaint_changes(self, seen: Sequence[SeenRow]) -> None:
        """Repaint the rows that moved or look different since they were painted last."""
        viewport = self.viewport()
        before, now = self._painted, {row: (y, height, row.version) for row, y, height in seen}
        self._painted = now
        dirty = QtGui.QRegion()
        for row, (y, height, version) in now.items():
            if before.get(row) != (y, height, version):
                dirty += QtCore.QRect(0, y, viewport.width(), height)
        for row, (y, height, _) in before.items():
            if row not in now or now[row][:2] != (y, height):
                dirty += QtCore.QRect(0, y, viewport.width(), height)
        if not dirty.isEmpty():
            viewport.update(dirty)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the rows in the part of the viewport that is asked for (called by Qt)."""
        viewport, look = self.viewport(), self._conversation.look
        region = event.region()
        painter = QtGui.QPainter(viewport)
        painter.fillRect(event.rect(), look.colour("background"))
        canvas = Canvas(painter, look, self._column_x, self._conversation.width, viewport.width(), viewport.height())
        for row, y, height in self.seen_rows():
            strip = QtCore.QRect(0, y, viewport.width(), height)
            if not region.intersects(strip):
                continue
            if row.message.role == "user":
                painter.fillRect(strip, look.colour("user_band"))
            row.paint(canvas, y, height, self._selection.range_in(row))
        painter.end()
