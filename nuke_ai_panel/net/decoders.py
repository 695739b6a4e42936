"""Cut a body that arrives in arbitrary pieces into its records: server-sent events, or one JSON text a line.

Both decoders take bytes and do no I/O. Lines end at the byte ``\\n`` only (a ``\\r`` before it is dropped), because JSON may
hold U+2028 or U+0085 unescaped, which every "split into lines" of text would cut at.
"""

from __future__ import annotations

from typing import NamedTuple

from nuke_ai_panel.errors import ProtocolError

__all__ = ["LONGEST_LINE", "NdjsonDecoder", "SseDecoder", "SseEvent"]

LONGEST_LINE = 8 * 1024 * 1024
"""Bytes. A server that sends more without a line end is not speaking the protocol."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Lines:
    """Whole lines out of pieces, each at most `longest` bytes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._pending = bytearray()
        self._searched = 0
        self._at_start = True
        self._too_long = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that `piece` completes, without their ends.

        Lines before one that is too long are returned first; the next call raises.

        Raises:
            ProtocolError: a line is longer than allowed.
        """
        self._refuse_too_long()
        pending = self._pending
        pending += piece
        lines: list[bytes] = []
        begin = 0
        while not self._too_long:
            end = pending.find(b"\n", max(begin, self._searched))
            if end < 0:
                break
            line = bytes(pending[begin:end])
            begin = end + 1
            if len(line) > self._longest:
                self._too_long = True
            else:
                lines.append(self._clean(line))
        del pending[:begin]
        # A long line that arrives in small pieces is searched once, not once a piece.
        self._searched = len(pending)
        if len(pending) > self._longest:
            self._too_long = True
        if not lines:
            self._refuse_too_long()
        return lines

    def close(self) -> list[bytes]:
        """Return what is left when the body has ended without a line end: no line, or one."""
        self._refuse_too_long()
        rest = bytes(self._pending)
        self._pending.clear()
        self._searched = 0
        return [self._clean(rest)] if rest else []

    def _clean(self, line: bytes) -> bytes:
        if self._at_start:
            self._at_start = False
            if line.startswith(_BYTE_ORDER_MARK):
                line = line[len(_BYTE_ORDER_MARK) :]
        return line[:-1] if line.endswith(b"\r") else line

    def _refuse_too_long(self) -> None:
        if self._too_long:
            raise ProtocolError(
                f"The server sent a line longer than {self._longest // (1024 * 1024) or 1} MB.",
                kind="line_too_long",
                next_step="Check that the address is that of a model server.",
            )


class NdjsonDecoder:
    """One record a line; blank lines are legal and dropped."""

    def __init__(self, longest_line: int = LONGEST_LINE) -> None:
        self._lines = _Lines(longest_line)

    def feed(self, piece: bytes) -> list[str]:
        """Return the records that `piece` (any number of bytes) completes.

        Raises:
            ProtocolError: a line is longer than allowed.
        """
        return _records(self._lines.feed(piece))

    def close(self) -> list[str]:
        """Return the record that the end of the body completes, if any: the last line may lack its end."""
        return _records(self._lines.close())


def _records(lines: list[bytes]) -> list[str]:
    return [line.decode("utf-8", "replace") for line in lines if line.strip()]


class SseEvent(NamedTuple):
    """One server-sent event: its data lines joined by a line break, and its name ("" where it has none)."""

    data: str
    name: str = ""


class SseDecoder:
    """Server-sent events as browsers read them, with lines that end at ``\\n``.

    Comments, ``id`` and ``retry`` carry nothing for a model's answer and are dropped.
    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    def __init__(self, longest_line: int = LONGEST_LINE) -> None:
        self._lines = _Lines(longest_line)
        self._longest = longest_line
        self._data: list[str] = []
        self._size = 0
        self._name = ""

    def feed(self, piece: bytes) -> list[SseEvent]:
        """Return the events that `piece` (any number of bytes) completes.

        Raises:
            ProtocolError: a line, or the lines of one event together, are longer than allowed.
        """
        return self._events(self._lines.feed(piece))

    def close(self) -> list[SseEvent]:
        """Return the event that the end of the body completes, if any.

        Browsers drop an event without its blank line; here it is returned, because servers exist that end right after
        ``data: [DONE]``. Whether half an event is worth anything is for the caller to judge.
        """
        events = self._events(self._lines.close())
        events.extend(self._dispatch())
        return events

    def _events(self, lines: list[bytes]) -> list[SseEvent]:
        events: list[SseEvent] = []
        for line in lines:
            if not line:
                events.extend(self._dispatch())
                continue
            field, _, value = line.partition(b":")
            if value.startswith(b" "):
                value = value[1:]
            if field == b"data":
                self._size += len(value)
                if self._size > self._longest:
                    raise ProtocolError("The server sent an event that is too long.", kind="line_too_long")
                self._data.append(value.decode("utf-8", "replace"))
            elif field == b"event":
                self._name = value.decode("utf-8", "replace")
        return events

    def _dispatch(self) -> list[SseEvent]:
        data, name = self._data, self._name
        self._data, self._size, self._name = [], 0, ""
        return [SseEvent("\n".join(data), name)] if data else []
