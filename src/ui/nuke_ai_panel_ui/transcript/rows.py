"""The rows a conversation is painted from, and those of them that are not text blocks.

A row is a message's title, one Markdown block, a part of a code block or table, the line of a fold, or a real widget. It knows
how to estimate, lay out and paint itself. Only rows near the viewport own a document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.transcript import markdown_html
from nuke_ai_panel_ui.transcript.blocks import Block, BlockSplitter
from nuke_ai_panel_ui.transcript.look import Look
from nuke_ai_panel_ui.transcript.painting import Canvas

if TYPE_CHECKING:
    from nuke_ai_panel_ui.transcript.message import Message, Segment

__all__ = ["LAST", "BlockRow", "FoldRow", "FootRow", "HeadRow", "Key", "RawRow", "Row", "WidgetRow", "join_blocks"]

#: Where a row belongs: message, part of the message, block of the part … Rows are sorted by it.
Key = tuple[int, ...]
#: Sorts after every real number of a block or part.
LAST = 1 << 30

_FOOT_HEIGHT = 10
_WIDGET_GAP = 8
_FOLD_INDENT = 14
#: Above a fold that follows something else; folds stand close together.
_FOLD_GAP = 6


class Row:
    """One strip of the conversation.

    ``estimate`` is its height when it enters a list: a guess before the first layout, its height afterwards. ``version``
    changes whenever the row looks different at the same place.
    """

    #: Whether the height depends on the column width.
    wraps = False

    def __init__(self, key: Key, message: Message, estimate: int) -> None:
        self.key = key
        self.message = message
        self.estimate = estimate
        self.version = 0
        self.document: QtGui.QTextDocument | None = None
        self._laid_out_for = 0

    def needs_layout(self, width: int) -> bool:
        """Tell whether :meth:`lay_out` has to be called before the row is painted in a column of `width` pixels."""
        return self._laid_out_for != width

    def lay_out(self, look: Look, width: int) -> int:
        """Do what is needed to paint in a column of `width` pixels and return the height."""
        self._laid_out_for = width
        self.version += 1
        self.estimate = self._lay_out(look, width)
        return self.estimate

    def _lay_out(self, look: Look, width: int) -> int:
        return self.estimate

    def release(self) -> None:
        """Give the document back; the row is laid out again when it is needed."""
        self.document = None
        self._laid_out_for = 0

    def paint(self, canvas: Canvas, y: int, height: int, selected: tuple[int, int] | None) -> None:
        """Paint at `y`; `selected` is a range of the document's characters."""

    def text_origin(self, look: Look, x: int, y: int) -> QtCore.QPointF:
        """Return where the document begins when the row's column begins at `x`, `y`."""
        return QtCore.QPointF(x, y)

    def to_text(self) -> str:
        """Return what copying the whole row gives."""
        return ""


class HeadRow(Row):
    """The title of a message."""

    def __init__(self, message: Message, look: Look) -> None:
        super().__init__((message.number, 0), message, look.head_height)
        self.is_current = False

    def _lay_out(self, look: Look, width: int) -> int:
        return look.head_height

    def paint(self, canvas: Canvas, y: int, height: int, selected: tuple[int, int] | None) -> None:
        """Paint the title, in the accent colour for an answer."""
        painter, look = canvas.painter, canvas.look
        painter.setFont(look.bold)
        painter.setPen(look.colour("accent_text" if self.message.role == "assistant" else "text"))
        area = QtCore.QRect(canvas.x, y + 2, canvas.width, height - 2)
        title = QtGui.QFontMetrics(look.bold).elidedText(self.message.title, Qt.TextElideMode.ElideRight, canvas.width)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
        if self.is_current:
            painter.fillRect(canvas.x - 8, y + 7, 3, height - 11, look.colour("accent"))

    def to_text(self) -> str:
        """Return the title with a colon."""
        return f"{self.message.title}:"


class FootRow(Row):
    """The space below a message."""

    def __init__(self, message: Message) -> None:
        super().__init__((message.number, LAST), message, _FOOT_HEIGHT)


class RawRow(Row):
    """Text that nobody has looked at yet: one guessed height, split into blocks when it comes near the viewport."""

    wraps = True

    def __init__(self, segment: Segment, look: Look, width: int) -> None:
        text = segment.waiting
        lines = max(1.0, len(text) * look.char_width / width + text.count("\n") * 0.55)
        super().__init__((*segment.prefix, LAST), segment.message, int(lines * look.line_height) + 8)
        self.segment = segment

    def needs_layout(self, width: int) -> bool:
        """Never: it is replaced by other rows instead."""
        return False

    def paint(self, canvas: Canvas, y: int, height: int, selected: tuple[int, int] | None) -> None:
        """Paint two bars in the place of text, visible for a moment at most."""
        colour = canvas.look.colour("user_band")
        canvas.painter.fillRect(canvas.x, y + 6, int(canvas.width * 0.7), 8, colour)
        canvas.painter.fillRect(canvas.x, y + 22, int(canvas.width * 0.5), 8, colour)

    def to_text(self) -> str:
        """Return the blocks the text will have."""
        splitter = BlockSplitter(plain=self.segment.plain)
        splitter.feed(self.segment.waiting)
        splitter.finish()
        return join_blocks(splitter.blocks, plain=self.segment.plain)


class FoldRow(Row):
    """The line of a fold. What is seen is a real button that the view puts over it; `segment` is what it hides."""

    def __init__(self, number: int, title: str, segment: Segment, look: Look, *, is_apart: bool) -> None:
        part = segment.prefix[1]
        is_apart = is_apart or any(text.prefix[1] == part - 1 for text in segment.message.segments)
        self.gap = _FOLD_GAP if is_apart else 0
        super().__init__(segment.prefix[:2], segment.message, look.fold_height + self.gap)
        self.number = number
        self.title = title
        self.segment = segment
        self.is_open = False

    def _lay_out(self, look: Look, width: int) -> int:
        return look.fold_height + self.gap


class WidgetRow(Row):
    """A real widget (a card) among the text."""

    wraps = True

    def __init__(self, key: Key, message: Message, widget: QtWidgets.QWidget) -> None:
        super().__init__(key, message, widget.sizeHint().height() + _WIDGET_GAP)
        self.widget = widget
        self._stale = True

    def needs_layout(self, width: int) -> bool:
        """Tell whether the column or the widget's own wish has changed."""
        return self._stale or super().needs_layout(width)

    def resize(self) -> None:
        """Ask the widget for its height again."""
        self._stale = True

    def _lay_out(self, look: Look, width: int) -> int:
        self._stale = False
        self.widget.ensurePolished()
        height = self.widget.heightForWidth(width) if self.widget.hasHeightForWidth() else -1
        if height < 0:
            height = self.widget.sizeHint().height()
        return max(height, self.widget.minimumHeight()) + _WIDGET_GAP

    def geometry(self, x: int, y: int, width: int, height: int) -> QtCore.QRect:
        """Return where the widget goes when the row begins at `x`, `y`."""
        return QtCore.QRect(x, y + _WIDGET_GAP, width, height - _WIDGET_GAP)


class BlockRow(Row):
    """A row for one :class:`Block` of a segment."""

    def __init__(self, segment: Segment, index: int, block: Block, gap: int, estimate: int) -> None:
        super().__init__((*segment.prefix, index), segment.message, estimate + gap)
        self.segment = segment
        self.block = block
        self.gap = gap
        # Kept apart from the block: a paragraph becomes a table when the line below its first one has arrived.
        self._kind = block.kind
        self._signature = block.signature

    def fits(self, block: Block) -> bool:
        """Tell whether the row can show `block` instead of the one it has."""
        return block.kind == self._kind and block.part == self.block.part

    def adopt(self, block: Block, gap: int) -> None:
        """Show `block`, which may be the same one with more text."""
        signature = block.signature
        self.block = block
        if signature != self._signature or gap != self.gap:
            self._signature = signature
            self.gap = gap
            self.invalidate()

    def guess_height(self, look: Look, width: int) -> int:
        """Return the height to expect while the row is out of sight."""
        return self.estimate

    def invalidate(self) -> None:
        """Render the block again at the next layout."""
        self._laid_out_for = 0
        self.version += 1

    @property
    def _ink(self) -> str:
        return "dim" if self.segment.dim else "text"

    def indent(self, look: Look, width: int) -> int:
        """Return how far right the block begins, in pixels.

        What belongs to a list item sits below the item's text, but never so far right that no room is left.
        """
        fold = _FOLD_INDENT if self.segment.dim else 0
        return fold + min(int(self.block.indent * look.char_width * 1.2), width // 4)

    def to_text(self) -> str:
        """Return the block without its Markdown marks."""
        return markdown_html.plain_text(self.block, plain=self.segment.plain)

    @property
    def continues(self) -> bool:
        """Whether it goes on where the block before it was cut."""
        return self.block.part > 0


def join_blocks(blocks: list[Block], *, plain: bool) -> str:
    """Return blocks as text, with an empty line between those that are not parts of one."""
    pieces: list[str] = []
    for block in blocks:
        pieces.append("\n" if block.part and pieces else "\n\n" if pieces else "")
        pieces.append(markdown_html.plain_text(block, plain=plain))
    return "".join(pieces)
