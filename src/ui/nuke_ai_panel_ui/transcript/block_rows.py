"""Rows of Markdown blocks: text, tables, code and rules, and how they follow a segment that grows."""

from __future__ import annotations

import math
import time

from nuke_ai_panel_ui.qt import QtCore, QtGui
from nuke_ai_panel_ui.transcript.blocks import Block
from nuke_ai_panel_ui.transcript.code_highlighter import CodeHighlighter
from nuke_ai_panel_ui.transcript.look import Look
from nuke_ai_panel_ui.transcript.markdown_html import render_block
from nuke_ai_panel_ui.transcript.message import Segment
from nuke_ai_panel_ui.transcript.painting import Canvas, draw_document, draw_fade
from nuke_ai_panel_ui.transcript.row_list import RowList
from nuke_ai_panel_ui.transcript.rows import LAST, BlockRow, RawRow, Row

__all__ = ["CodeRow", "RuleRow", "TableRow", "TextRow", "follow_segment"]

_CODE_PADDING = 8
_LINE_LIMIT = 1000
_QUOTE_BAR = 2
#: An open block that is dear to render is rendered again only after this many times its own cost.
_REST_FACTOR = 8


class TextRow(BlockRow):
    """A paragraph, heading, quote or (part of a) list."""

    wraps = True

    def __init__(self, segment: Segment, index: int, block: Block, gap: int, look: Look, width: int) -> None:
        super().__init__(segment, index, block, gap, 0)
        self.estimate = self.guess_height(look, width)
        self._inset = 0
        self._is_stale = True
        self._rest_until = 0.0

    def invalidate(self) -> None:
        """Render the block again at the next layout."""
        self._is_stale = True
        super().invalidate()

    def needs_layout(self, width: int) -> bool:
        """Tell whether the text or the column has changed; a dear block that is still growing may rest first."""
        if not super().needs_layout(width):
            return False
        resting = not self.block.closed and self.document is not None and time.perf_counter() < self._rest_until
        return not resting

    def guess_height(self, look: Look, width: int) -> int:
        """Return the height of the number of characters and lines."""
        block = self.block
        lines = max(1.0, block.size * look.char_width / max(1, width) + (len(block.lines) - 1) * 0.55)
        return self.gap + int(lines * look.line_height) + 2

    @property
    def is_resting(self) -> bool:
        """Whether newer text waits until the last rendering has paid off."""
        return self._is_stale and self.document is not None

    def _lay_out(self, look: Look, width: int) -> int:
        started = time.perf_counter()
        self._inset = self.indent(look, width)
        if self.document is None:
            self.document = look.text_document(dim=self.segment.dim)
            self._is_stale = True
        if self._is_stale:
            self.document.setHtml(self._html(look.list_indent))
            self._is_stale = False
        self.document.setTextWidth(width - self._inset)
        self._rest_until = started + (1 + _REST_FACTOR) * min(0.02, time.perf_counter() - started)
        if self.document.isEmpty():
            return 0
        return self.gap + math.ceil(self.document.size().height())

    def _html(self, list_indent: int) -> str:
        return render_block(
            self.block,
            references=self.segment.splitter.references,
            streaming=not self.block.closed,
            plain=self.segment.plain,
            list_indent=list_indent,
        )

    def paint(self, canvas: Canvas, y: int, height: int, selected: tuple[int, int] | None) -> None:
        """Paint the document, and a bar beside a quote."""
        if self.document is None or not height:
            return
        if self.block.is_quote:
            bar = QtCore.QRect(canvas.x + self._inset, y + self.gap + 1, _QUOTE_BAR, height - self.gap - 2)
            canvas.painter.fillRect(bar, canvas.look.colour("accent"))
        draw_document(canvas, self.document, self.text_origin(canvas.look, canvas.x, y), selected=selected, ink=self._ink)

    def text_origin(self, look: Look, x: int, y: int) -> QtCore.QPointF:
        """Return where the document begins."""
        return QtCore.QPointF(x + self._inset, y + self.gap)

    def release(self) -> None:
        """Give the document back."""
        self._is_stale = True
        super().release()

    @property
    def continues(self) -> bool:
        """Whether it goes on with the list above."""
        return self.block.is_list and self.gap < 4


class TableRow(BlockRow):
    """A few rows of a table; all parts share their column widths."""

    wraps = True

    def __init__(self, segment: Segment, index: int, block: Block, gap: int, look: Look) -> None:
        super().__init__(segment, index, block, gap, int(len(block.lines) * (look.line_height + 8)))
        self._widths: list[int] = []
        self._inset = 0
        self._shown: object = None

    def needs_layout(self, width: int) -> bool:
        """Tell whether the rows, the column or another part's widths have changed."""
        table = self.block.table
        assert table is not None
        return super().needs_layout(width) or self._shown != (self.block.size, table.version)

    def _lay_out(self, look: Look, width: int) -> int:
        table = self.block.table
        assert table is not None
        self._inset = self.indent(look, width)
        self._widths = table.widths(width - self._inset - 4, look.char_width + 1)
        self._shown = (self.block.size, table.version)
        if self.document is None:
            self.document = look.text_document(dim=self.segment.dim)
        self.document.setHtml(render_block(self.block, column_widths=self._widths))
        self.document.setTextWidth(width - self._inset)
        # The parts of one table share a border.
        return self.gap + math.ceil(self.document.size().height()) - 1

    def paint(self, canvas: Canvas, y: int, height: int, selected: tuple[int, int] | None) -> None:
        """Paint the cells."""
        if self.document is not None:
            origin = self.text_origin(canvas.look, canvas.x, y)
            clip = QtCore.QRect(canvas.x, y, canvas.width, height + 1)
            draw_document(canvas, self.document, origin, clip=clip, selected=selected, ink=self._ink)

    def text_origin(self, look: Look, x: int, y: int) -> QtCore.QPointF:
        """Return where the document begins."""
        return QtCore.QPointF(x + self._inset, y + self.gap)


class _CodeBox:
    """What the parts of one code block share: how far it is scrolled, and how wide its longest line is, in pixels."""

    def __init__(self) -> None:
        self.scroll = 0
        self.widest = 0.0

    def limit(self, room: int) -> int:
        return max(0, math.ceil(self.widest) - room)


class CodeRow(BlockRow):
    """Up to 120 lines of a code block. The first part leaves room for the bar with the buttons."""

    def __init__(self, segment: Segment, index: int, block: Block, gap: int, look: Look, above: BlockRow | None) -> None:
        super().__init__(segment, index, block, gap, 0)
        self.box: _CodeBox = above.box if block.part and isinstance(above, CodeRow) else _CodeBox()
        self.is_last = True
        self._highlighter: CodeHighlighter | None = None
        self._lines_shown = 0
        self._inset = 0
        self._room = 1
        self.estimate = self.guess_height(look, 0)

    @property
    def is_first(self) -> bool:
        """Whether this part carries the bar with the buttons."""
        return self.block.part == 0

    def scroll_by(self, pixels: int) -> bool:
        """Scroll the whole code block sideways and tell whether it moved."""
        before = self.box.scroll
        self.box.scroll = max(0, min(self.box.limit(self._room), before + pixels))
        return self.box.scroll != before

    def frame(self, canvas_x: int, width: int, y: int, height: int) -> QtCore.QRect:
        """Return the box without the gap above it."""
        return QtCore.QRect(canvas_x + self._inset, y + self.gap, width - self._inset, height - self.gap)

    def guess_height(self, look: Look, width: int) -> int:
        """Return the height, which is known without any layout: code does not wrap."""
        top = look.bar_height + _CODE_PADDING - 2 if self.is_first else 0
        lines = max(1, len(self.block.lines))
        return self.gap + top + math.ceil(lines * look.mono_line_height) + (_CODE_PADDING if self.is_last else 0)

    def _lay_out(self, look: Look, width: int) -> int:
        self._inset = self.indent(look, width)
        self._room = width - self._inset - 2 * _CODE_PADDING
        if self.document is None:
            self.document = look.code_document()
            self._highlighter = CodeHighlighter(self.document, self.block.language, look.syntax)
            self._lines_shown = 0
            self._show_lines(look)
            # Qt highlights a new document only in the next turn of the event loop: it would be seen without colours first.
            self._highlighter.rehighlight()
        else:
            self._show_lines(look)
        return self.guess_height(look, width)

    def _show_lines(self, look: Look) -> None:
        """Bring the document up to date. Lines are only ever added; the last one may have been unfinished."""
        assert self.document is not None
        lines = self.block.lines
        first = max(0, min(self._lines_shown, len(lines)) - 1)
        cursor = QtGui.QTextCursor(self.document)
        start = self.document.findBlockByNumber(first)
        cursor.setPosition(start.position())
        cursor.movePosition(QtGui.QTextCursor.MoveOperation.End, QtGui.QTextCursor.MoveMode.KeepAnchor)
        shown = [_shorten(line) for line in lines[first:]]
        cursor.insertText("\n".join(shown))
        self._lines_shown = len(lines)
        columns = max((len(line.expandtabs(4)) for line in shown), default=0)
        self.box.widest = max(self.box.widest, columns * look.mono_char_width)

    def paint(self, canvas: Canvas, y: int, height: int, selected: tuple[int, int] | None) -> None:
        """Paint the box, the visible part of the code, and what hints at more of it sideways."""
        painter, look = canvas.painter, canvas.look
        frame = self.frame(canvas.x, canvas.width, y, height)
        painter.fillRect(frame, look.colour("code_background"))
        line = look.colour("line")
        painter.fillRect(frame.left(), frame.top(), 1, frame.height(), line)
        painter.fillRect(frame.right(), frame.top(), 1, frame.height(), line)
        if self.is_first:
            painter.fillRect(frame.left(), frame.top(), frame.width(), 1, line)
        if self.is_last:
            painter.fillRect(frame.left(), frame.bottom(), frame.width(), 1, line)
        if self.document is None:
            return
        inner = frame.adjusted(1, look.bar_height if self.is_first else 0, -1, -1 if self.is_last else 0)
        origin = self.text_origin(look, canvas.x, y)
        draw_document(canvas, self.document, origin, clip=inner, selected=selected, marks_empty_lines=True)
        limit = self.box.limit(self._room)
        if self.box.scroll < limit:
            draw_fade(canvas, inner, look.colour("code_background"), to_right=True)
        if self.box.scroll > 0:
            draw_fade(canvas, inner, look.colour("code_background"), to_right=False)
        if limit and self.is_last:
            share = self._room / (self._room + limit)
            left = inner.left() + inner.width() * (1 - share) * self.box.scroll / limit
            painter.fillRect(QtCore.QRectF(left, inner.bottom() - 2, inner.width() * share, 3), look.colour("handle"))

    def text_origin(self, look: Look, x: int, y: int) -> QtCore.QPointF:
        """Return where the document begins, which is left of the box when the code is scrolled."""
        top = look.bar_height + _CODE_PADDING - 2 if self.is_first else 0
        return QtCore.QPointF(x + self._inset + _CODE_PADDING - self.box.scroll, y + self.gap + top)

    def release(self) -> None:
        """Give the document back."""
        self._highlighter = None
        self._lines_shown = 0
        super().release()


class RuleRow(BlockRow):
    """A line across the column."""

    def __init__(self, segment: Segment, index: int, block: Block, gap: int) -> None:
        super().__init__(segment, index, block, gap, 5)

    def paint(self, canvas: Canvas, y: int, height: int, selected: tuple[int, int] | None) -> None:
        """Paint the line."""
        canvas.painter.fillRect(canvas.x, y + self.gap + 2, canvas.width, 1, canvas.look.colour("line"))

    def to_text(self) -> str:
        """Return the rule as Markdown."""
        return "---"


def _shorten(line: str) -> str:
    return line if len(line) <= _LINE_LIMIT else f"{line[:_LINE_LIMIT]} … ({len(line):,} characters)"


def _gap(segment: Segment, index: int) -> int:
    """Return the space above a block, in pixels."""
    block = segment.splitter.blocks[index]
    if block.part > 0:
        return 0
    if index == 0:
        return 2 if segment.is_first else 9
    above = segment.splitter.blocks[index - 1]
    if block.kind == "text":
        if block.is_list and above.kind == "text" and above.is_list and not block.indent:
            return 2
        if block.lines and block.lines[0].lstrip().startswith("#"):
            return 13
    return 9


def _new_row(segment: Segment, index: int, look: Look, width: int) -> BlockRow:
    blocks = segment.splitter.blocks
    block = blocks[index]
    gap = _gap(segment, index)
    if block.kind == "code":
        return CodeRow(segment, index, block, gap, look, segment.rows[index - 1] if index else None)
    if block.kind == "table":
        return TableRow(segment, index, block, gap, look)
    if block.kind == "rule":
        return RuleRow(segment, index, block, gap)
    return TextRow(segment, index, block, gap, look, width)


def follow_segment(segment: Segment, first: int, rows: RowList, look: Look, width: int) -> list[Row]:
    """Make the rows of `segment` those of its blocks, from block `first` on, and return the rows that went."""
    blocks = segment.splitter.blocks
    own = segment.rows
    base = rows.position((*segment.prefix, 0))
    keep = min(first, len(own))
    while keep < min(len(own), len(blocks)) and own[keep].fits(blocks[keep]):
        row = own[keep]
        row.adopt(blocks[keep], _gap(segment, keep))
        if row.document is None:
            rows.set_height(base + keep, row.guess_height(look, width))
        keep += 1
    gone: list[Row] = list(own[keep:])
    old_count = len(own)
    del own[keep:]
    for index in range(keep, len(blocks)):
        own.append(_new_row(segment, index, look, width))
    for index in range(max(0, min(first, keep) - 1), len(own)):
        row = own[index]
        if isinstance(row, CodeRow):
            is_last = index + 1 == len(own) or not own[index + 1].continues or not isinstance(own[index + 1], CodeRow)
            if is_last != row.is_last:
                row.is_last = is_last
                row.invalidate()
    rows.replace(base + keep, base + old_count, own[keep:])
    _follow_raw_row(segment, rows, look, width)
    return gone


def _follow_raw_row(segment: Segment, rows: RowList, look: Look, width: int) -> None:
    """Keep one guessed row for the text of a stored message that is not split yet."""
    index = rows.position((*segment.prefix, LAST))
    raw = rows[index] if index < len(rows) else None
    if not isinstance(raw, RawRow) or raw.segment is not segment:
        return
    rows.replace(index, index + 1, [RawRow(segment, look, width)] if segment.waiting_size else [])
