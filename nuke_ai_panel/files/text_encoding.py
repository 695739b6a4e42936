"""Whether bytes are text, and in which encoding."""

from __future__ import annotations

import codecs
import re

__all__ = ["text_encoding"]

# The longer marks first: UTF-32 in little endian begins like UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Tab, line feed, form feed, carriage return and escape (coloured logs) occur in text; the others do not.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_FOREIGN = 0.3


def text_encoding(head: bytes, *, is_whole: bool = False) -> str:
    """Return the encoding of the text that begins with `head`, as ``bytes.decode`` calls it, or "" where it is no text.

    `is_whole` says that nothing follows; otherwise the last character may be cut. Nothing at all is UTF-8.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            decoded = _decoded(head, encoding, is_whole)
            return encoding if decoded is not None and not _CONTROL_TEXT.search(decoded) else ""
    if b"\0" in head:
        return _wide(head, is_whole)
    if _decoded(head, "utf-8", is_whole) is not None:
        # One or two control characters do not make a log binary.
        return "utf-8" if len(_CONTROL.findall(head)) <= len(head) // 500 else ""
    foreign = sum(1 for byte in head if byte >= 0x80)
    if _CONTROL.search(head) or foreign > len(head) * _MOST_FOREIGN:
        return ""
    # The superset of Latin-1 that Windows writes; five of its bytes mean nothing.
    return "cp1252" if _decoded(head, "cp1252", True) is not None else "latin-1"


def _wide(head: bytes, is_whole: bool) -> str:
    """Return which UTF-16 without a mark it is: mostly Latin letters have every second byte empty."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    for encoding, empty, full in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if empty >= half * 0.6 and full == 0:
            decoded = _decoded(head, encoding, is_whole)
            if decoded is not None and not _CONTROL_TEXT.search(decoded):
                return encoding
    return ""


def _decoded(head: bytes, encoding: str, is_whole: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head, is_whole)
    except UnicodeDecodeError:
        return None
