"""Messages, cards and folds as rows: what is in the transcript, without how much of it is seen.

Nothing here is laid out. Stored messages become one guessed row each; text that arrives is split in bounded pieces.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from nuke_ai_panel_ui.qt import QtWidgets
from nuke_ai_panel_ui.transcript.block_rows import follow_segment
from nuke_ai_panel_ui.transcript.look import Look
from nuke_ai_panel_ui.transcript.message import Message, Role, Segment
from nuke_ai_panel_ui.transcript.row_list import RowList
from nuke_ai_panel_ui.transcript.rows import FoldRow, FootRow, HeadRow, RawRow, Row, WidgetRow

__all__ = ["Conversation"]

_PIECE = 1500
_RAW_PIECE = 12000
_FIRST_FILL = 60


class Conversation:
    """Keep the messages and the rows they consist of. `width` is the text column's, in pixels."""

    def __init__(self, look: Look, width: int) -> None:
        self.look = look
        self.width = width
        self.rows = RowList()
        self.messages: list[Message] = []
        self.answer: Message | None = None
        self._live: Segment | None = None
        self._arriving: list[Segment] = []
        self._folds: dict[int, FoldRow] = {}
        self._next_fold = 1
        # Messages before this one have no rows yet.
        self._filled_from = 0

    # Messages -----------------------------------------------------------------------------------------------------------

    def set_messages(self, items: Sequence[tuple[Role, str, str]]) -> None:
        """Begin with stored messages. The newest have rows at once, :meth:`fill` makes those of older ones."""
        for number, (role, text, title) in enumerate(items):
            self.messages.append(Message(number, role, title, text))
        self._filled_from = len(items)
        self.fill(count=_FIRST_FILL)

    def fill(self, *, count: int = 0, deadline: float = 0.0) -> bool:
        """Make rows for older messages, `count` of them or until `deadline` (``perf_counter``); True while some are left."""
        new: list[Row] = []
        number = self._filled_from
        while number > 0 and (count > 0 or time.perf_counter() < deadline):
            number -= 1
            count -= 1
            message = self.messages[number]
            new.append(FootRow(message))
            new.extend(RawRow(segment, self.look, self.width) for segment in reversed(message.segments))
            new.append(HeadRow(message, self.look))
        self._filled_from = number
        if new:
            self.rows.insert(new[::-1])
        return number > 0

    def add_message(self, role: Role, text: str, title: str) -> Message:
        """Add a message at the end."""
        message = Message(len(self.messages), role, title, text)
        self.messages.append(message)
        texts = [RawRow(segment, self.look, self.width) for segment in message.segments]
        self.rows.insert([HeadRow(message, self.look), *texts, FootRow(message)])
        return message

    def message(self, number: int | None) -> Message:
        """Return a message by number; None means the answer that streams, else the newest one."""
        if number is not None:
            if number < self._filled_from:
                self.fill(count=len(self.messages))
            return self.messages[number]
        if self.answer is not None:
            return self.answer
        return self.messages[-1] if self.messages else self.add_message("assistant", "", "")

    # Streaming ----------------------------------------------------------------------------------------------------------

    @property
    def is_behind(self) -> bool:
        """Whether text has arrived that is not in rows yet."""
        return bool(self._arriving)

    def begin_answer(self, title: str) -> Message:
        """Add the message that :meth:`feed` writes to."""
        self.end_answer()
        self.answer = self.add_message("assistant", "", title)
        return self.answer

    def feed(self, text: str) -> None:
        """Append text to the answer; :meth:`take_in` makes rows of it."""
        if self.answer is None:
            raise RuntimeError("No answer is being written. Call begin_answer() first.")
        if self._live is None:
            self._live = self.answer.add_segment()
        self._live.append(text)
        self._expect(self._live)

    def end_answer(self) -> None:
        """Finish the answer; what is still waiting is taken in by the next calls of :meth:`take_in`."""
        self._end_segment()
        self.answer = None

    def _end_segment(self) -> None:
        if self._live is not None:
            self._live.is_complete = True
            self._expect(self._live)
            self._live = None

    def _expect(self, segment: Segment) -> None:
        if segment not in self._arriving:
            self._arriving.append(segment)

    def take_in(self, deadline: float) -> list[Row]:
        """Split what has arrived until `deadline` (``perf_counter``), at least one piece; return the rows that went."""
        gone: list[Row] = []
        while self._arriving:
            segment = self._arriving[0]
            if segment.needs_work and segment.is_shown:
                gone += self._advance(segment, _PIECE)
            if not (segment.needs_work and segment.is_shown):
                self._arriving.pop(0)
            if time.perf_counter() > deadline:
                break
        return gone

    def split(self, row: RawRow) -> None:
        """Turn the next part of a stored message into blocks."""
        self._advance(row.segment, _RAW_PIECE)

    def _advance(self, segment: Segment, limit: int) -> list[Row]:
        known = len(segment.splitter.references)
        first = segment.advance(limit)
        gone = follow_segment(segment, first, self.rows, self.look, self.width)
        if len(segment.splitter.references) > known:
            # A link may be defined below the place that uses it.
            for row in segment.rows:
                if "][" in row.block.text or row.block.text.count("[") > row.block.text.count("]("):
                    row.invalidate()
        return gone

    # Cards and folds ----------------------------------------------------------------------------------------------------

    def add_widget(self, widget: QtWidgets.QWidget, number: int | None) -> WidgetRow:
        """Add a widget below everything its message has; text that follows goes below it."""
        message = self._open_message(number)
        row = WidgetRow(message.part_key(), message, widget)
        self.rows.insert([row])
        return row

    def add_fold(self, title: str, text: str, number: int | None) -> FoldRow:
        """Add a closed fold below everything its message has."""
        message = self._open_message(number)
        segment = Segment(message, (*message.part_key(), 1), dim=True)
        segment.append(text)
        segment.is_shown = False
        above = self.rows.position(segment.prefix) - 1
        is_apart = above >= 0 and isinstance(self.rows[above], WidgetRow)
        row = FoldRow(self._next_fold, title, segment, self.look, is_apart=is_apart)
        self._folds[row.number] = row
        self._next_fold += 1
        self.rows.insert([row])
        return row

    def _open_message(self, number: int | None) -> Message:
        message = self.message(number)
        if self._live is not None and self._live.message is message:
            self._end_segment()
        return message

    def fold(self, number: int) -> FoldRow:
        """Return a fold by number."""
        return self._folds[number]

    def append_to_fold(self, number: int, text: str) -> None:
        """Append text to a fold; it costs nothing while the fold is closed."""
        segment = self._folds[number].segment
        segment.append(text)
        if segment.is_shown:
            self._expect(segment)

    def toggle(self, fold: FoldRow) -> list[Row]:
        """Open or close a fold and return the rows that went."""
        segment = fold.segment
        fold.is_open = segment.is_shown = not fold.is_open
        fold.version += 1
        index = self.rows.index_of(fold)
        if index is None:
            return []
        start = index + 1
        if fold.is_open:
            self.rows.replace(start, start, segment.rows)
            if segment.needs_work:
                self._expect(segment)
            return []
        stop = start + len(segment.rows)
        self.rows.replace(start, stop, [])
        return list(segment.rows)

    def remove(self, row: Row) -> None:
        """Take one row out."""
        index = self.rows.index_of(row)
        if index is not None:
            self.rows.replace(index, index + 1, [])

    # Geometry -----------------------------------------------------------------------------------------------------------

    def set_width(self, width: int) -> None:
        """Change the column's width: heights become guesses until their rows are laid out again."""
        if width != self.width:
            factor = self.width / width
            self.width = width
            self.rows.scale_texts(factor, int(self.look.line_height))

    def set_look(self, look: Look) -> None:
        """Change fonts and colours: every document is rendered again when it is seen."""
        factor = look.line_height / self.look.line_height
        self.look = look
        for message in self.messages:
            if message.number >= self._filled_from:
                for segment in message.segments:
                    for row in segment.rows:
                        row.release()
        for fold in self._folds.values():
            for row in fold.segment.rows:
                row.release()
        for listed in self.rows.rows:
            listed.release()
        self.rows.scale_texts(factor, int(look.line_height))

    def markdown(self) -> str:
        """Return the whole conversation as Markdown, a heading for each message."""
        return "\n\n".join(f"### {message.title}\n\n{message.text}" for message in self.messages)
