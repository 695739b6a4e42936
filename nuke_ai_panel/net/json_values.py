"""Read JSON that a stranger sent: every accessor checks the type and answers with a neutral value instead of failing."""

from __future__ import annotations

import json
import math

from nuke_ai_panel.errors import ProtocolError

__all__ = ["array", "integer", "number", "parse", "record", "text"]


def parse(source: str | bytes) -> object:
    """Return the JSON value of `source`.

    Raises:
        ProtocolError: it is not JSON, or is nested too deeply to be read.
    """
    try:
        value: object = json.loads(source)
    except (ValueError, RecursionError):
        value = _BROKEN
    if value is _BROKEN:
        start = source[:60] if isinstance(source, str) else source[:60].decode("utf-8", "replace")
        raise ProtocolError(
            f"The server sent something that is not JSON: {start!r}.",
            kind="broken_json",
            next_step="Check that the address is that of a model server, and that no proxy changes its answers.",
        )
    return value


_BROKEN = object()


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
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
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
