"""Lay out the rows that are seen, within a time budget, and let go of documents nobody has looked at for long."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from nuke_ai_panel_ui.transcript.block_rows import TextRow
from nuke_ai_panel_ui.transcript.conversation import Conversation
from nuke_ai_panel_ui.transcript.rows import RawRow, Row

__all__ = ["Place", "Realiser"]

#: Documents kept: some screens full, so that scrolling back and forth renders nothing again.
_KEPT_DOCUMENTS = 160


class Place(NamedTuple):
    """A position in the conversation that survives changes above it: pixels below the top of a row."""

    row: int
    offset: int


class Realiser:
    """Turn guessed rows into laid-out ones where they are seen."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._documents: OrderedDict[Row, None] = OrderedDict()
        #: Whether the last pass left a row for later because rendering it again so soon is too dear.
        self.has_resting_rows = False

    @property
    def document_count(self) -> int:
        """How many rows own a document."""
        return len(self._documents)

    def upwards(self, room: int, deadline: float) -> bool:
        """Lay out the last `room` pixels of the conversation; False when `deadline` (``perf_counter``) came first."""
        conversation = self._conversation
        rows = conversation.rows
        self.has_resting_rows = False
        index = len(rows) - 1
        filled = 0
        while index >= 0 and filled < room:
            row = rows[index]
            if isinstance(row, RawRow):
                before = len(rows)
                conversation.split(row)
                index += len(rows) - before
            else:
                self._lay_out(index, row)
                filled += rows.height(index)
                index -= 1
            if time.perf_counter() > deadline:
                return index < 0 or filled >= room
        return True

    def downwards(self, place: Place, room: int, deadline: float) -> tuple[bool, Place]:
        """Lay out `room` pixels from `place` on.

        Returns whether it was finished before `deadline` (``perf_counter``), and where `place` is now: the text that was at the
        top stays there when the heights turn out different.
        """
        conversation = self._conversation
        rows = conversation.rows
        self.has_resting_rows = False
        index = top = place.row
        offset = place.offset
        filled = -offset
        while index < len(rows) and filled < room:
            row = rows[index]
            if isinstance(row, RawRow):
                height, before = max(1, rows.height(index)), len(rows)
                conversation.split(row)
                if index == top:
                    count = len(rows) - before + 1
                    heights = [rows.height(i) for i in range(top, top + count)]
                    offset = int(offset * sum(heights) / height)
                    while len(heights) > 1 and offset >= heights[0]:
                        offset -= heights.pop(0)
                        top += 1
                    index, filled = top, -offset
            else:
                height = rows.height(index)
                self._lay_out(index, row)
                if index == top and height != rows.height(index):
                    offset = int(offset * rows.height(index) / max(1, height))
                    filled = -offset
                filled += rows.height(index)
                index += 1
            if time.perf_counter() > deadline:
                return index >= len(rows) or filled >= room, Place(top, offset)
        return True, Place(top, offset)

    def _lay_out(self, index: int, row: Row) -> None:
        width = self._conversation.width
        if row.needs_layout(width):
            self._conversation.rows.set_height(index, row.lay_out(self._conversation.look, width))
        elif isinstance(row, TextRow) and row.is_resting:
            self.has_resting_rows = True
        if row.document is not None:
            self._documents[row] = None
            self._documents.move_to_end(row)

    def evict(self) -> None:
        """Release the documents that have not been seen for longest."""
        while len(self._documents) > _KEPT_DOCUMENTS:
            row, _ = self._documents.popitem(last=False)
            row.release()

    def forget(self, rows: Iterable[Row]) -> None:
        """Release the documents of rows that are gone."""
        for row in rows:
            self._documents.pop(row, None)
            row.release()

    def forget_all(self) -> None:
        """Forget which rows own documents; they have been released or are gone."""
        self._documents.clear()
