"""What is selected in a transcript, and the text that copying it gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nuke_ai_panel_ui.qt import QtGui
from nuke_ai_panel_ui.transcript.block_rows import TableRow
from nuke_ai_panel_ui.transcript.rows import BlockRow, HeadRow, Key, RawRow, Row

__all__ = ["END", "Position", "Selection", "copied_text", "document_text"]

#: An offset behind the last character of any row.
END = 1 << 30


class Position(NamedTuple):
    """A place between two characters: a row's key and an offset in its document. Positions sort in reading order."""

    key: Key
    offset: int


class Selection:
    """A range of the conversation. It names rows by key, so that it outlives their documents."""

    def __init__(self) -> None:
        self._anchor: Position | None = None
        self._end: Position | None = None

    @property
    def is_started(self) -> bool:
        """Whether there is an anchor to extend from."""
        return self._anchor is not None

    def clear(self) -> None:
        """Select nothing."""
        self._anchor = self._end = None

    def begin(self, position: Position) -> None:
        """Put the anchor down."""
        self._anchor = self._end = position

    def extend(self, position: Position) -> None:
        """Select from the anchor to `position`."""
        if self._anchor is not None:
            self._end = position

    def ordered(self) -> tuple[Position, Position] | None:
        """Return the first and the last position in reading order, or None when nothing is selected."""
        if self._anchor is None or self._end is None or self._anchor == self._end:
            return None
        return min(self._anchor, self._end), max(self._anchor, self._end)

    def range_in(self, row: Row) -> tuple[int, int] | None:
        """Return which characters of a row's document are selected, or None."""
        ends = self.ordered()
        if ends is None or row.document is None:
            return None
        first, last = ends
        if not first.key <= row.key <= last.key:
            return None
        count = row.document.characterCount() - 1
        start = min(first.offset, count) if row.key == first.key else 0
        end = min(last.offset, count) if row.key == last.key else count
        return start, end


def copied_text(selection: Selection, rows: Iterable[Row]) -> str:
    """Return the selected part of `rows` (those between the ends of `selection`) as plain text.

    Whole blocks come from their source, with list marks and with tables as Markdown; the first and last one, cut by the
    selection, from what is seen.
    """
    pieces: list[str] = []
    for row in rows:
        if not isinstance(row, (BlockRow, RawRow, HeadRow)) or (isinstance(row, HeadRow) and not pieces):
            continue
        span = selection.range_in(row)
        is_cut = False
        if span is not None and row.document is not None and not isinstance(row, TableRow):
            is_cut = span != (0, row.document.characterCount() - 1)
        if is_cut and span is not None and row.document is not None:
            text = document_text(row.document, span[0], span[1])
        else:
            text = row.to_text()
        if not text and not (isinstance(row, BlockRow) and row.block.kind == "code"):
            continue
        pieces.append("" if not pieces else "\n" if isinstance(row, BlockRow) and row.continues else "\n\n")
        pieces.append(text)
    return "".join(pieces)


def document_text(document: QtGui.QTextDocument, start: int, end: int) -> str:
    """Return the characters from `start` to `end`, with the marks of lists, which Qt leaves out of copied text."""
    lines: list[str] = []
    pending_number = ""
    block = document.findBlock(start)
    while block.isValid() and block.position() <= end:
        first = max(0, start - block.position())
        text = block.text()[first : end - block.position()].replace("\u2028", "\n").replace("\xa0", " ")
        numbered = block.textList()
        if numbered is not None and first == 0:
            mark = numbered.itemText(block)
            text = "  " * (numbered.format().indent() - 1) + (f"{mark} " if mark[:1].isdigit() else "- ") + text
        elif _is_number_cell(block):
            pending_number = f"{text} "
            block = block.next()
            continue
        lines.append(pending_number + text)
        pending_number = ""
        block = block.next()
    return "\n".join(lines).strip("\n") if len(lines) > 1 else "".join(lines)


def _is_number_cell(block: QtGui.QTextBlock) -> bool:
    """Tell whether a paragraph is the number of a list that does not begin with 1, which is laid out as a table."""
    if QtGui.QTextCursor(block).currentTable() is None:
        return False
    text = block.text()
    return text.endswith(".") and text[:-1].isdigit()
