"""The transcript: messages, an answer that streams, code to use, and cards.

Text that arrives is collected and shown at 30 Hz. Everything here belongs to the user interface's thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets, Signal
from nuke_ai_panel_ui.transcript import markdown_html
from nuke_ai_panel_ui.transcript.blocks import code_of
from nuke_ai_panel_ui.transcript.code_bar import CodeBar
from nuke_ai_panel_ui.transcript.message import Role
from nuke_ai_panel_ui.transcript.reading import ReadingArea
from nuke_ai_panel_ui.transcript.rows import FoldRow, WidgetRow

__all__ = ["TranscriptView"]


class TranscriptView(ReadingArea):
    """Show messages, stream an answer, and hold cards.

    Messages are known by number, from 0. Text is Markdown for answers and plain text with fenced code for what a person wrote.
    """

    #: action (copy, insert or run), code, language. Copy has already been done.
    code_action = Signal(str, str, str)
    #: action (copy, edit or retry), number of the message. Copy has already been done.
    message_action = Signal(str, int)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("transcript")
        self.setAccessibleName("Conversation")
        self._cards: dict[QtWidgets.QWidget, WidgetRow] = {}
        self._overlays.code_action = self._act_on_code
        self._overlays.fold_toggled = self._toggle_fold
        self._overlays.message_bar.action_requested.connect(self._act_on_message)
        markdown_html.warm_up()

    # Messages -----------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Remove everything; cards are deleted."""
        self.set_messages([])

    def set_messages(self, messages: Sequence[tuple[Role, str, str]]) -> None:
        """Show stored messages (role, text, title) from the newest on. The cost does not grow with what is not seen."""
        for widget in list(self._cards):
            self.remove_widget(widget)
            widget.deleteLater()
        self._show_conversation(messages)

    def add_message(self, role: Role, text: str = "", title: str = "") -> int:
        """Add a message at the end and return its number."""
        message = self._conversation.add_message(role, text, title)
        self._refresh_soon()
        return message.number

    def message_text(self, number: int) -> str:
        """Return a message's Markdown as it came, without folds and cards."""
        return self._conversation.messages[number].text

    def markdown(self) -> str:
        """Return the conversation as Markdown, a heading for each message."""
        return self._conversation.markdown()

    # Streaming ----------------------------------------------------------------------------------------------------------

    @property
    def is_streaming(self) -> bool:
        """Whether an answer has begun and not ended."""
        return self._conversation.answer is not None

    def begin_answer(self, title: str = "") -> int:
        """Add a message for :meth:`feed` to write to and return its number."""
        message = self._conversation.begin_answer(title)
        self._refresh_soon()
        return message.number

    def feed(self, text: str) -> None:
        """Append text to the answer. It is seen within a frame; the first text after a pause at once.

        Raises:
            RuntimeError: when no answer has begun.
        """
        self._conversation.feed(text)
        self._flush_soon()

    def end_answer(self) -> None:
        """Finish the answer. Text that has not been shown yet still will be."""
        self._conversation.end_answer()
        self._flush_soon()

    # Cards and folds ----------------------------------------------------------------------------------------------------

    def add_widget(self, widget: QtWidgets.QWidget, message: int | None = None) -> None:
        """Put a card below what a message has; without `message`, below the answer that streams or the newest message.

        The view owns the widget until :meth:`remove_widget`. Text of the answer that comes later goes below the card.
        """
        widget.setParent(self.viewport())
        widget.setCursor(Qt.CursorShape.ArrowCursor)
        widget.installEventFilter(self)
        self._cards[widget] = self._conversation.add_widget(widget, message)
        self._refresh_soon()

    def remove_widget(self, widget: QtWidgets.QWidget) -> None:
        """Take a card out, hidden and without a parent; the caller owns it again."""
        row = self._cards.pop(widget, None)
        if row is None:
            return
        widget.removeEventFilter(self)
        self._overlays.forget(row)
        self._conversation.remove(row)
        widget.hide()
        widget.setParent(None)
        self._refresh_soon()

    def widget_resized(self, widget: QtWidgets.QWidget) -> None:
        """Ask a card for its height again. Cards with a layout need not be announced: their layout requests are seen."""
        row = self._cards.get(widget)
        if row is not None:
            row.resize()
            self._refresh_soon()

    def add_fold(self, title: str, text: str = "", message: int | None = None) -> int:
        """Add a closed line that hides `text` (reasoning, a tool's output) and return the fold's number."""
        fold = self._conversation.add_fold(title, text, message)
        self._refresh_soon()
        return fold.number

    def append_to_fold(self, fold: int, text: str) -> None:
        """Append text to a fold."""
        self._conversation.append_to_fold(fold, text)
        if self._conversation.fold(fold).is_open:
            self._flush_soon()

    def set_fold_title(self, fold: int, title: str) -> None:
        """Change the line of a fold."""
        row = self._conversation.fold(fold)
        row.title = title
        row.version += 1
        self._refresh_soon()

    def toggle_fold(self, fold: int) -> None:
        """Open a closed fold, close an open one."""
        self._toggle_fold(self._conversation.fold(fold))

    def _toggle_fold(self, row: FoldRow) -> None:
        # Whoever opens a fold reads it: its line stays where it is, also when the view was following the answer.
        index = self._conversation.rows.index_of(row)
        if index is not None and not row.is_open:
            self._at_bottom = False
        self._realiser.forget(self._conversation.toggle(row))
        self._flush()

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Notice when a card wants another height (called by Qt)."""
        if event.type() == QtCore.QEvent.Type.LayoutRequest and isinstance(watched, QtWidgets.QWidget):
            self.widget_resized(watched)
        return False

    # Buttons ------------------------------------------------------------------------------------------------------------

    def set_code_actions(self, actions: Sequence[str]) -> None:
        """Choose the buttons of code blocks: any of copy, insert and run. Each is offered where it means something."""
        self._code_actions = tuple(actions)
        self._refresh_soon()

    def _act_on_code(self, bar: CodeBar, action: str) -> None:
        if bar.row is None:
            return
        block = bar.row.block
        blocks = bar.row.segment.splitter.blocks
        code = code_of(blocks, blocks.index(block))
        if action == "copy":
            QtWidgets.QApplication.clipboard().setText(code)
        self.code_action.emit(action, code, block.language)

    def _act_on_message(self, action: str) -> None:
        message = self._marked_message
        if message is None:
            return
        if action == "copy":
            QtWidgets.QApplication.clipboard().setText(message.text)
        self.message_action.emit(action, message.number)
