"""What a script prints, kept within bounds: a loop that prints for ever must not fill the memory of the host."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import Optional, TextIO

__all__ = ["ScriptOutput", "captured"]

#: Characters that are kept at the begin, and as many at the end.
_KEPT = 100_000


class ScriptOutput:
    """Text that is written piece by piece; of more than 200,000 characters the middle is left out."""

    def __init__(self) -> None:
        self._begin: list[str] = []
        self._room = _KEPT
        self._end: deque[str] = deque()
        self._in_end = 0
        self._left_out = 0

    def write(self, text: str) -> int:
        """Take a piece; return its length."""
        length = len(text)
        if self._room:
            first = text[: self._room]
            self._begin.append(first)
            self._room -= len(first)
            text = text[len(first) :]
        if text:
            self._left_out += max(0, len(text) - _KEPT)
            self._end.append(text[-_KEPT:])
            self._in_end += len(self._end[-1])
            while self._in_end - len(self._end[0]) >= _KEPT:
                gone = len(self._end.popleft())
                self._in_end -= gone
                self._left_out += gone
        return length

    def text(self) -> str:
        """Return what was written."""
        end = "".join(self._end)
        left_out = self._left_out + max(0, len(end) - _KEPT)
        gap = f"\n[{left_out} characters left out]\n" if left_out else ""
        return "".join(self._begin) + gap + end[-_KEPT:]


class _ThreadStream(io.TextIOBase):
    """A standard stream that takes what one thread writes; the others still write where they did."""

    def __init__(self, output: ScriptOutput, stream: Optional[TextIO]) -> None:
        super().__init__()
        self._output = output
        self._stream = stream
        self._thread = threading.get_ident()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if threading.get_ident() == self._thread:
            return self._output.write(text)
        return self._stream.write(text) if self._stream is not None else len(text)


@contextlib.contextmanager
def captured(output: ScriptOutput) -> Iterator[None]:
    """Let `output` take what this thread prints within the block."""
    with contextlib.redirect_stdout(_ThreadStream(output, sys.stdout)):  # noqa: SIM117  one line each
        with contextlib.redirect_stderr(_ThreadStream(output, sys.stderr)):
            yield
