"""Read JSON that a stranger sent: every accessor checks the type and answers with a neutral value instead of failing."""

from __future__ import annotations

import json
import math
import re

from nuke_ai_panel.errors import ProtocolError

__all__ = ["array", "integer", "number", "parse", "record", "text", "whole_characters"]

# More digits than any number here has; reading n digits takes n * n steps, and older Pythons set no limit.
_MOST_DIGITS = 4300
_HALF_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


def parse(source: str | bytes, *, halves: bool = False) -> object:
    """Return the JSON value of `source`.

    An escape can spell half a character (``"\\ud83d"``), which nothing can store or send. It becomes U+FFFD, or stays for the
    caller to join with what follows where `halves` is set; see :func:`whole_characters`.

    Raises:
        ProtocolError: it is not JSON, or is nested too deeply to be read.
    """
    value = _BROKEN
    if len(source) < _MOST_DIGITS and isinstance(source, str):
        # The way of nearly every piece of an answer; a little faster than json.loads.
        try:
            value, end = _decode(source)
        except (ValueError, RecursionError):
            end = 0
        if end != len(source):
            value = _read(source)
    else:
        value = _read(source)
    if value is _BROKEN:
        start = source[:200].decode("utf-8-sig", "replace") if isinstance(source, bytes) else source[:200]
        raise ProtocolError(
            f"The server sent something that is not JSON: {start.strip()[:60]!r}.",
            kind="broken_json",
            next_step="Check that the address is that of a model server, and that no proxy changes its answers.",
        )
    if halves:
        return value
    if isinstance(source, bytes):
        source = source.decode("utf-8", "replace")
    return _mended(value) if "\\u" in source and _HALF_ESCAPE.search(source) else value


def _read(source: str | bytes) -> object:
    decode = _decode if len(source) < _MOST_DIGITS else _decode_long
    try:
        if isinstance(source, bytes):
            source = source.decode("utf-8-sig")
        if source[:1].isspace():
            source = source.lstrip()
        value, end = decode(source)
        if end != len(source) and not source[end:].isspace():
            return _BROKEN
    except (ValueError, RecursionError):
        return _BROKEN
    return value


def _short_integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("the number is too long")
    return int(digits)


_BROKEN: object = object()
_decode = json.JSONDecoder().raw_decode
_decode_long = json.JSONDecoder(parse_int=_short_integer).raw_decode


def whole_characters(words: str) -> str:
    """Return `words` with the halves of a character joined, and U+FFFD for a half that is alone."""
    if words.isascii() or _HALF.search(words) is None:
        return words
    return words.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _mended(value: object) -> object:
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {whole_characters(name): _mended(each) for name, each in value.items()}
    return value


def record(value: object) -> dict[str, object]:
    """Return `value` where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def array(value: object) -> list[object]:
    """Return `value` where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """Return `value` where it is a string, else ""."""
    return value if isinstance(value, str) else ""


def integer(value: object) -> int | None:
    """Return `value` where it is a whole number (never a boolean), else None."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def number(value: object) -> float | None:
    """Return `value` where it is a finite number or a string that spells one (prices are sent so), else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
