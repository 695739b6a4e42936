"""Cells and column widths of a Markdown table whose rows are still arriving. No Qt."""

from __future__ import annotations

import re

__all__ = ["MAX_COLUMNS", "Table", "split_cells"]

#: A wider "table" stays text: one row of a thousand cells would take longer to lay out than a whole conversation.
MAX_COLUMNS = 24

_WIDEST_CELL = 60
_WIDEST_WORD = 18
_STEP = 4
_MARKS = re.compile(r"[`*]|\]\([^)]*\)")
_CELL_BORDER = re.compile(r"(?<!\\)\|")


def split_cells(line: str) -> list[str]:
    """Return the cells of one row, unescaped and stripped."""
    line = line.strip()
    if line.startswith("|"):
        line = line[1:]
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _CELL_BORDER.split(line)]


def _round_up(count: int) -> int:
    return -(-count // _STEP) * _STEP


class Table:
    """What all parts of one table share: alignment and the widths its columns ask for.

    Widths are counted in characters and grow in steps, so that a few new rows seldom change the layout of the old ones;
    ``version`` changes when they did.
    """

    def __init__(self, head: str, delimiter: str) -> None:
        marks = split_cells(delimiter)
        self.alignments = [
            "center" if m.startswith(":") and m.endswith(":") else "right" if m.endswith(":") else "left" for m in marks
        ]
        self.columns = len(marks)
        self.version = 0
        self._natural = [_STEP] * self.columns
        self._longest_word = [_STEP] * self.columns
        self.add(head)

    def add(self, line: str) -> None:
        """Widen the columns for one more row."""
        for column, cell in enumerate(split_cells(line)[: self.columns]):
            shown = _MARKS.sub("", cell)
            natural = min(_WIDEST_CELL, _round_up(len(shown)))
            word = min(_WIDEST_WORD, _round_up(max((len(part) for part in shown.split()), default=0)))
            if natural > self._natural[column]:
                self._natural[column] = natural
                self.version += 1
            self._longest_word[column] = max(self._longest_word[column], word)

    def widths(self, available: float, character: float, padding: float = 16.0) -> list[int]:
        """Return a width in pixels for each column: what it asks for, or a fair share of `available`."""
        natural = [count * character + padding for count in self._natural]
        if sum(natural) <= available:
            return [int(width) for width in natural]
        least = [count * character + padding for count in self._longest_word]
        if sum(least) > available:
            return [int(available * width / sum(least)) for width in least]
        wanted = [max(0.0, a - b) for a, b in zip(natural, least)]
        spare = (available - sum(least)) / (sum(wanted) or 1.0)
        return [int(low + more * spare) for low, more in zip(least, wanted)]
