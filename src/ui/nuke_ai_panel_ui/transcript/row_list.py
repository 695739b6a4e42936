"""The rows of a conversation in order, with their heights and positions in pixels."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from nuke_ai_panel_ui.transcript.rows import Key, Row

__all__ = ["RowList"]


class RowList:
    """Keep rows sorted by key.

    Positions are sums of heights and are brought up to date from the first changed row on, when somebody asks: a change near
    the end of a long conversation, where answers grow, costs next to nothing.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._keys: list[Key] = []
        self._heights: list[int] = []
        self._tops: list[int] = [0]
        self._valid = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    def clear(self) -> None:
        """Forget all rows."""
        self.replace(0, len(self.rows), [])

    def replace(self, start: int, stop: int, rows: Sequence[Row]) -> None:
        """Put `rows` in the place of those from `start` to before `stop`; the keys must stay in order."""
        self.rows[start:stop] = rows
        self._keys[start:stop] = [row.key for row in rows]
        self._heights[start:stop] = [row.estimate for row in rows]
        self._valid = min(self._valid, start)

    def insert(self, rows: Sequence[Row]) -> int:
        """Insert neighbouring `rows` where their keys belong and return the index of the first."""
        index = self.position(rows[0].key)
        self.replace(index, index, rows)
        return index

    def position(self, key: Key) -> int:
        """Return the index of the first row whose key is not below `key`."""
        return bisect_left(self._keys, key)

    def index_of(self, row: Row) -> int | None:
        """Return where `row` is, or None if it is not in the list."""
        index = bisect_left(self._keys, row.key)
        return index if index < len(self.rows) and self.rows[index] is row else None

    def between(self, first: Key, last: Key) -> Iterator[Row]:
        """Yield the rows whose keys lie from `first` to `last`, both included."""
        index = self.position(first)
        while index < len(self.rows) and self._keys[index] <= last:
            yield self.rows[index]
            index += 1

    def height(self, index: int) -> int:
        """Return the height of a row: laid out, or estimated."""
        return self._heights[index]

    def set_height(self, index: int, height: int) -> None:
        """Change the height of a row."""
        if self._heights[index] != height:
            self._heights[index] = height
            self._valid = min(self._valid, index)

    def scale_texts(self, factor: float, least: int) -> None:
        """Multiply the heights of rows that wrap: a guess for a new column width, without any layout."""
        for index, row in enumerate(self.rows):
            if row.wraps:
                self._heights[index] = max(least, int(self._heights[index] * factor))
        self._valid = 0

    def top(self, index: int) -> int:
        """Return the position of a row's upper edge; ``top(len(rows))`` is the height of the conversation."""
        self._bring_up_to_date()
        return self._tops[index]

    @property
    def total(self) -> int:
        """The height of the whole conversation."""
        return self.top(len(self.rows))

    def index_at(self, y: int) -> int:
        """Return the index of the row that covers the position `y`, clamped to the first and last row."""
        self._bring_up_to_date()
        return max(0, min(len(self.rows) - 1, bisect_right(self._tops, y) - 1))

    def _bring_up_to_date(self) -> None:
        if self._valid < len(self.rows) or len(self._tops) != len(self.rows) + 1:
            start = min(self._valid, len(self._tops) - 1)
            self._tops[start:] = accumulate([self._tops[start], *self._heights[start:]])
            self._valid = len(self.rows)
