"""The emulated ``nuke.FrameRange`` and ``nuke.FrameRanges``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Union

from nuke_ai_panel.nk.emulation.api import absent_method

__all__ = ["FrameRange", "FrameRanges"]

_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+))?(?:x(-?\d+))?\Z")


class FrameRange:
    """Frames from one to another with a step: made of three numbers, or of a text such as ``"1-100x2"``."""

    def __init__(self, first: Union[int, str] = 0, last: int = 0, increment: int = 1) -> None:
        if isinstance(first, str):
            match = _RANGE.match(first.strip())
            if match is None:
                raise ValueError(f"{first!r} is no frame range")
            begin = int(match[1])
            self._first, self._last, self._step = begin, int(match[2] or begin), int(match[3] or 1)
        else:
            self._first, self._last, self._step = int(first), int(last), int(increment)

    def __getattr__(self, name: str) -> Any:
        return absent_method("FrameRange", "FrameRange", name)

    def __str__(self) -> str:
        if self._first == self._last:
            return str(self._first)
        return f"{self._first}-{self._last}" + (f"x{self._step}" if self._step != 1 else "")

    def __iter__(self) -> Iterator[int]:
        return iter(self._all())

    def _all(self) -> range:
        step = self._step or 1
        return range(self._first, self._last + (1 if step > 0 else -1), step)

    def first(self) -> int:
        """Return the first frame."""
        return self._first

    def last(self) -> int:
        """Return the last frame."""
        return self._last

    def increment(self) -> int:
        """Return the step."""
        return self._step

    def frames(self) -> int:
        """Return how many frames there are."""
        return len(self._all())

    def getFrame(self, n: int) -> int:  # noqa: N802  Nuke's name
        """Return frame number `n`, from 0."""
        return self._first + n * self._step

    def isInRange(self, n: int) -> bool:  # noqa: N802  Nuke's name
        """Return whether a frame is one of them."""
        return n in self._all()

    def minFrame(self) -> int:  # noqa: N802  Nuke's name
        """Return the lower end."""
        return min(self._first, self._last)

    def maxFrame(self) -> int:  # noqa: N802  Nuke's name
        """Return the upper end."""
        return max(self._first, self._last)

    def setFirst(self, n: int) -> None:  # noqa: N802  Nuke's name
        """Begin at another frame."""
        self._first = int(n)

    def setLast(self, n: int) -> None:  # noqa: N802  Nuke's name
        """End at another frame."""
        self._last = int(n)

    def setIncrement(self, n: int) -> None:  # noqa: N802  Nuke's name
        """Take another step."""
        self._step = int(n)


class FrameRanges:
    """Several ranges: of a text such as ``"1-5 10 20-30x2"``, or of ranges."""

    def __init__(self, ranges: Union[str, Iterable[Union[FrameRange, int]]] = ()) -> None:
        words: Iterable[Union[FrameRange, int, str]] = (
            re.split(r"[\s,]+", ranges.strip()) if isinstance(ranges, str) else ranges
        )
        self._ranges = [
            each if isinstance(each, FrameRange) else FrameRange(str(each))
            for each in words
            if not isinstance(each, str) or each
        ]

    def __getattr__(self, name: str) -> Any:
        return absent_method("FrameRanges", "FrameRanges", name)

    def __str__(self) -> str:
        return " ".join(map(str, self._ranges))

    def __iter__(self) -> Iterator[FrameRange]:
        return iter(self._ranges)

    def add(self, frame_range: FrameRange) -> None:
        """Add a range."""
        self._ranges.append(frame_range)

    def clear(self) -> None:
        """Remove all ranges."""
        self._ranges.clear()

    def size(self) -> int:
        """Return how many ranges there are."""
        return len(self._ranges)

    def getRange(self, n: int) -> FrameRange:  # noqa: N802  Nuke's name
        """Return range number `n`, from 0."""
        return self._ranges[n]

    def toFrameList(self) -> list[int]:  # noqa: N802  Nuke's name
        """Return every frame of them, in order."""
        return sorted({frame for each in self._ranges for frame in each})

    def minFrame(self) -> int:  # noqa: N802  Nuke's name
        """Return the lowest frame."""
        return min(each.minFrame() for each in self._ranges)

    def maxFrame(self) -> int:  # noqa: N802  Nuke's name
        """Return the highest frame."""
        return max(each.maxFrame() for each in self._ranges)
