"""Mouse and keyboard in the transcript: selecting, copying, links, moving from message to message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal, event_position, exec_menu
from nuke_ai_panel_ui.transcript.block_rows import CodeRow
from nuke_ai_panel_ui.transcript.markdown_html import is_web_address
from nuke_ai_panel_ui.transcript.message import Role
from nuke_ai_panel_ui.transcript.overlays import SeenRow
from nuke_ai_panel_ui.transcript.row_area import RowArea
from nuke_ai_panel_ui.transcript.rows import HeadRow
from nuke_ai_panel_ui.transcript.selection import END, Position, copied_text

__all__ = ["ReadingArea"]

_CLICK_SLACK = 4
_AUTO_SCROLL_MS = 30
_AUTO_SCROLL_LIMIT = 60
_PAGE_OVERLAP = 40


class ReadingArea(RowArea):
    """Answer the reader's mouse and keys."""

    #: An http or https address that was clicked.
    link_activated = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self._pressed_at: QtCore.QPoint | None = None
        self._mouse = QtCore.QPoint()
        self._current: HeadRow | None = None
        self._auto_scroll = QtCore.QTimer(self)
        self._auto_scroll.setInterval(_AUTO_SCROLL_MS)
        self._auto_scroll.timeout.connect(self._scroll_towards_mouse)

    def _show_conversation(self, messages: Sequence[tuple[Role, str, str]]) -> None:
        self._pressed_at = self._current = None
        self._auto_scroll.stop()
        super()._show_conversation(messages)

    # Selection ----------------------------------------------------------------------------------------------------------

    def selected_text(self) -> str:
        """Return the selected text without Markdown marks; tables stay Markdown, lists keep their marks."""
        ends = self._selection.ordered()
        if ends is None:
            return ""
        while self._conversation.fill(count=len(self._conversation.messages)):
            pass
        return copied_text(self._selection, self._conversation.rows.between(ends[0].key, ends[1].key))

    def select_all(self) -> None:
        """Select the whole conversation."""
        rows = self._conversation.rows
        if rows:
            self._selection.begin(Position((0,), 0))
            self._selection.extend(Position(rows[len(rows) - 1].key, END))
            self.viewport().update()

    def copy(self) -> None:
        """Put the selected text on the clipboard, if there is any."""
        text = self.selected_text()
        if text:
            QtWidgets.QApplication.clipboard().setText(text)

    def _position_at(self, point: QtCore.QPoint) -> Position | None:
        seen: Sequence[SeenRow] = self.seen_rows()
        for index, (row, y, height) in enumerate(seen):
            if point.y() < y + height or index == len(seen) - 1:
                if row.document is None:
                    return Position(row.key, 0 if point.y() < y + height else END)
                origin = row.text_origin(self._conversation.look, self._column_x, y)
                offset = row.document.documentLayout().hitTest(QtCore.QPointF(point) - origin, Qt.HitTestAccuracy.FuzzyHit)
                return Position(row.key, max(0, offset))
        return None

    def _link_at(self, point: QtCore.QPoint) -> str:
        for row, y, height in self.seen_rows():
            if y <= point.y() < y + height and row.document is not None and not isinstance(row, CodeRow):
                origin = row.text_origin(self._conversation.look, self._column_x, y)
                return str(row.document.documentLayout().anchorAt(QtCore.QPointF(point) - origin))
        return ""

    # Mouse --------------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        """Begin a selection, or extend it with Shift (called by Qt)."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed_at = event_position(event).toPoint()
        position = self._position_at(self._pressed_at)
        if position is not None:
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._selection.is_started:
                self._selection.extend(position)
            else:
                self._selection.begin(position)
            self.viewport().update()

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:
        """Select a word (called by Qt)."""
        position = self._position_at(event_position(event).toPoint())
        if position is None:
            return
        for row, _, _ in self.seen_rows():
            if row.key == position.key and row.document is not None:
                cursor = QtGui.QTextCursor(row.document)
                cursor.setPosition(min(position.offset, row.document.characterCount() - 1))
                cursor.select(QtGui.QTextCursor.SelectionType.WordUnderCursor)
                self._selection.begin(Position(row.key, cursor.selectionStart()))
                self._selection.extend(Position(row.key, cursor.selectionEnd()))
                self.viewport().update()

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        """Extend the selection, or show what is under the mouse (called by Qt)."""
        point = event_position(event).toPoint()
        if event.buttons() & Qt.MouseButton.LeftButton and self._pressed_at is not None:
            self._mouse = point
            self._extend_to(point)
            if 0 <= point.y() < self.viewport().height():
                self._auto_scroll.stop()
            elif not self._auto_scroll.isActive():
                self._auto_scroll.start()
            return
        is_link = is_web_address(self._link_at(point))
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if is_link else Qt.CursorShape.IBeamCursor)
        for row, y, height in self.seen_rows():
            if y <= point.y() < y + height and row.message is not self._marked_message:
                self._marked_message = row.message
                self._place_message_bar(self.seen_rows())

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        """Open a link that was clicked (called by Qt)."""
        self._auto_scroll.stop()
        pressed, self._pressed_at = self._pressed_at, None
        point = event_position(event).toPoint()
        if pressed is None or (point - pressed).manhattanLength() > _CLICK_SLACK:
            return
        url = self._link_at(point)
        if is_web_address(url):
            self.link_activated.emit(url)

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        """Hide the message's buttons, unless the keyboard is on that message (called by Qt)."""
        self._marked_message = self._current.message if self._current is not None else None
        self._place_message_bar(self.seen_rows())

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        """Scroll; sideways or with Shift, scroll the code under the mouse (called by Qt)."""
        delta = event.angleDelta()
        sideways = delta.x() or (delta.y() if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0)
        if sideways:
            point = event_position(event).toPoint()
            for row, y, height in self.seen_rows():
                if y <= point.y() < y + height and isinstance(row, CodeRow) and row.scroll_by(-sideways // 2):
                    self.viewport().update()
                    event.accept()
                    return
        super().wheelEvent(event)

    def _extend_to(self, point: QtCore.QPoint) -> None:
        position = self._position_at(point)
        if position is not None:
            self._selection.extend(position)
            self.viewport().update()

    def _scroll_towards_mouse(self) -> None:
        height = self.viewport().height()
        distance = self._mouse.y() if self._mouse.y() < 0 else self._mouse.y() - height
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + max(-_AUTO_SCROLL_LIMIT, min(_AUTO_SCROLL_LIMIT, distance)))
        self._extend_to(QtCore.QPoint(self._mouse.x(), max(0, min(height - 1, self._mouse.y()))))

    def contextMenuEvent(self, event: QtGui.QContextMenuEvent) -> None:
        """Offer what can be copied (called by Qt)."""
        menu: Any = QtWidgets.QMenu(self.viewport())
        clipboard = QtWidgets.QApplication.clipboard()
        copy = menu.addAction("Copy")
        copy.setEnabled(self._selection.ordered() is not None)
        copy.triggered.connect(lambda: self.copy())
        url = self._link_at(event.pos())
        if is_web_address(url):
            menu.addAction("Copy link address").triggered.connect(lambda: clipboard.setText(url))
        message = next((s.row.message for s in self.seen_rows() if s.y <= event.pos().y() < s.y + s.height), None)
        if message is not None:
            text = message.text
            menu.addAction("Copy message as Markdown").triggered.connect(lambda: clipboard.setText(text))
        conversation = self._conversation
        menu.addAction("Copy conversation as Markdown").triggered.connect(lambda: clipboard.setText(conversation.markdown()))
        menu.addSeparator()
        menu.addAction("Select all").triggered.connect(lambda: self.select_all())
        exec_menu(menu, event.globalPos())
        menu.deleteLater()

    # Keyboard -----------------------------------------------------------------------------------------------------------

    def event(self, event: Any) -> bool:
        """Keep Copy and Select all from the host's menus, which mean nodes (called by Qt)."""
        if event.type() == QtCore.QEvent.Type.ShortcutOverride and (
            event.matches(QtGui.QKeySequence.StandardKey.Copy) or event.matches(QtGui.QKeySequence.StandardKey.SelectAll)
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Copy, scroll, and with Ctrl+Up and Ctrl+Down go from message to message (called by Qt)."""
        key, bar = event.key(), self.verticalScrollBar()
        if event.matches(QtGui.QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QtGui.QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = -1 if key == Qt.Key.Key_Up else 1
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._go_to_message(step)
            else:
                bar.setValue(bar.value() + step * bar.singleStep())
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            step = bar.pageStep() - _PAGE_OVERLAP
            bar.setValue(bar.value() + (step if key == Qt.Key.Key_PageDown else -step))
        elif key == Qt.Key.Key_Home:
            bar.setValue(0)
        elif key == Qt.Key.Key_End:
            self.to_bottom()
        else:
            super().keyPressEvent(event)

    def _go_to_message(self, step: int) -> None:
        conversation = self._conversation
        if not conversation.messages:
            return
        if self._current is not None:
            number = self._current.message.number + step
        else:
            seen = [item.row for item in self.seen_rows() if isinstance(item.row, HeadRow)]
            number = seen[0].message.number if seen else len(conversation.messages) - 1
        number = max(0, min(len(conversation.messages) - 1, number))
        message = conversation.message(number)
        head = conversation.rows[conversation.rows.position((number, 0))]
        assert isinstance(head, HeadRow)
        if self._current is not None:
            self._current.is_current = False
            self._current.version += 1
        self._current = head
        head.is_current = True
        head.version += 1
        self._marked_message = message
        self._at_bottom = False
        self._anchor = (head.key, 0)
        self._refresh()
        self.setAccessibleDescription(f"{message.title}: {message.text[:4000]}")
