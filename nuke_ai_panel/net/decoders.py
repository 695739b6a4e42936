"""Cut a body that arrives in arbitrary pieces into its records: server-sent events, one JSON text a line, or one in all.

The decoders take bytes and do no I/O. Lines of JSON end at the byte ``\\n`` only (a ``\\r`` before it is dropped), because JSON
may hold U+2028 or U+0085 unescaped, which every "split into lines" of text would cut at.

Memory is bounded whatever is sent: a record has a longest length, and a long one must be of the kind that long records are
(a picture in base64, say): a megabyte of tiny values would grow fifty times when it is read as JSON.
"""

from __future__ import annotations

from nuke_ai_panel.errors import ProtocolError

__all__ = ["LONGEST_LINE", "NdjsonDecoder", "SseDecoder", "WholeDecoder"]

LONGEST_LINE = 8 * 1024 * 1024
"""Bytes. A server that sends more without a line end is not speaking the protocol."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONG = 1024 * 1024
_MOST_VALUES = 300_000


def _too_long(longest: int) -> ProtocolError:
    return ProtocolError(
        f"The server sent a line longer than {longest // (1024 * 1024) or 1} MB.",
        kind="line_too_long",
        next_step="Check that the address is that of a model server.",
    )


def _is_costly(record: bytearray, longest: int) -> bool:
    """Return whether `record` could grow beyond all bounds when it is read."""
    if len(record) <= _LONG:
        return len(record) > longest
    # One wide character makes every character of its text four bytes wide.
    if len(record) > (longest if record.isascii() else longest // 4):
        return True
    return record.count(b",") + record.count(b"[") + record.count(b"{") > _MOST_VALUES


class _Lines:
    """Whole lines out of pieces, each at most `longest` bytes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._short = min(longest, _LONG)
        self._pending = bytearray()
        self._at_start = True
        self._too_long = False

    def begins_with(self, piece: bytes, mark: bytes) -> bool:
        """Return whether `piece` begins a new line with `mark`; the body has begun then, and with no byte order mark."""
        if self._pending or self._too_long or not piece.startswith(mark):
            return False
        self._at_start = False
        return True

    def feed(self, piece: bytes) -> list[str]:
        """Return the lines that `piece` completes, without their ends.

        Lines before one that is too long are returned first; the next call raises.

        Raises:
            ProtocolError: a line is longer than allowed.
        """
        if self._too_long:
            raise _too_long(self._longest)
        pending = self._pending
        end = piece.rfind(b"\n") + 1
        if not end:
            pending += piece
            if len(pending) > self._longest:
                pending.clear()
                self._too_long = True
                raise _too_long(self._longest)
            return []
        whole: bytes | bytearray = piece
        if pending:
            # The buffer is handed over instead of being copied: it may be large.
            pending += piece[:end]
            whole, self._pending = pending, bytearray(piece[end:])
        elif end != len(piece):
            whole = piece[:end]
            pending += piece[end:]
        if self._at_start or len(whole) > self._short:
            return self._one_by_one(bytearray(whole) if isinstance(whole, bytes) else whole)
        lines = whole.decode("utf-8", "replace").split("\n")
        lines.pop()
        return lines

    def _one_by_one(self, whole: bytearray) -> list[str]:
        """Return the lines of `whole`, each looked at before it is read."""
        if self._at_start:
            self._at_start = False
            if whole.startswith(_BYTE_ORDER_MARK):
                del whole[: len(_BYTE_ORDER_MARK)]
        lines: list[str] = []
        while whole:
            end = whole.find(b"\n")
            line, whole = whole, whole[end + 1 :]
            del line[end:]
            if _is_costly(line, self._longest):
                self._too_long = True
                self._pending.clear()
                break
            lines.append(line.decode("utf-8", "replace"))
            if len(whole) <= self._short:
                lines.extend(whole.decode("utf-8", "replace").split("\n")[:-1])
                break
        if self._too_long and not lines:
            raise _too_long(self._longest)
        return lines

    def give_up(self, records: list[str]) -> list[str]:
        """Return `records`, which came before what is too long; the next call raises, or this one where there are none.

        Raises:
            ProtocolError: there are none.
        """
        self._too_long = True
        self._pending.clear()
        if not records:
            raise _too_long(self._longest)
        return records

    def close(self) -> list[str]:
        """Return what is left when the body has ended without a line end: no line, or one."""
        if self._too_long:
            raise _too_long(self._longest)
        rest, self._pending = self._pending, bytearray()
        return self._one_by_one(rest + b"\n") if rest else []


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


def _records(lines: list[str]) -> list[str]:
    return [line[:-1] if line[-1] == "\r" else line for line in lines if line and not line.isspace()]


class SseDecoder:
    """The data of server-sent events, as browsers read them; what else an event holds means nothing to a model's answer.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    def __init__(self, longest_line: int = LONGEST_LINE) -> None:
        self._lines = _Lines(longest_line)
        self._longest = longest_line
        self._fast = min(longest_line, _LONG)
        self._data: list[str] = []
        self._size = 0
        self._after_return = False

    def feed(self, piece: bytes) -> list[str]:
        """Return the data of the events that `piece` (any number of bytes) completes, lines of one joined by a line break.

        Raises:
            ProtocolError: a line, or the lines of one event together, are longer than allowed.
        """
        if b"\r" in piece or self._after_return:
            piece = self._with_line_feeds(piece)
        if piece.endswith(b"\n\n") and not self._data and len(piece) < self._fast and self._lines.begins_with(piece, b"data: "):
            # Nearly every piece of a stream is made of whole events of one line each.
            events = piece[6:-2].decode("utf-8", "replace").split("\n\ndata: ")
            if piece.count(b"\n") == 2 * len(events):
                return events
        return self._events(self._lines.feed(piece))

    def close(self) -> list[str]:
        """Return the data of the event that the end of the body completes, if any.

        Browsers drop an event without its blank line; here it is returned, because servers exist that end right after
        ``data: [DONE]``. Whether half an event is worth anything is for the caller to judge.
        """
        events = self._events(self._lines.close())
        events.extend(self._events([""]))
        return events

    def _with_line_feeds(self, piece: bytes) -> bytes:
        """Return `piece` with every line end as ``\\n``: an event stream may also use ``\\r`` alone."""
        if self._after_return and piece.startswith(b"\n"):
            # The second half of a line end that was cut in two.
            piece = piece[1:]
            self._after_return = False
        if piece:
            self._after_return = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _events(self, lines: list[str]) -> list[str]:
        events: list[str] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    events.append(data[0] if len(data) == 1 else "\n".join(data))
                    data.clear()
                    self._size = 0
            elif line.startswith("data: "):
                if data and self._is_too_much(line):
                    return self._lines.give_up(events)
                data.append(line[6:])
            elif line == "data" or line.startswith("data:"):
                if self._is_too_much(line):
                    return self._lines.give_up(events)
                data.append(line[5:])
        return events

    def _is_too_much(self, line: str) -> bool:
        # A short line takes more room as an object than as text.
        self._size += len(line) + 64
        return self._size > self._longest


class WholeDecoder:
    """One JSON text that is the whole body."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._body = bytearray()

    def feed(self, piece: bytes) -> list[str]:
        """Keep `piece`.

        Raises:
            ProtocolError: the body is longer than allowed.
        """
        self._body += piece
        if len(self._body) > self._longest:
            raise _too_long(self._longest)
        return []

    def close(self) -> list[str]:
        """Return the one record, none where there was nothing but blanks."""
        body, self._body = self._body, bytearray()
        if _is_costly(body, self._longest):
            raise _too_long(self._longest)
        if body.startswith(_BYTE_ORDER_MARK):
            del body[: len(_BYTE_ORDER_MARK)]
        return _records([body.decode("utf-8", "replace")])
