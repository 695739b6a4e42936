"""Text from the script as data: one line each, without anything that could pass for markup, and between markers.

A label may say whatever its author liked. What the model reads of it stands inside of a marker that the label cannot close, on
a line that does not begin with it, and without characters that no reader sees.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

__all__ = ["BEGIN", "END", "cut", "marked", "neutral", "neutral_lines", "quoted"]

BEGIN = "<script-data>"
END = "</script-data>"

_BARE = re.compile(r"[A-Za-z0-9_.+\-/:%#*]{1,80}")
# A tag, a comment, a special token of a chat template; lookalikes of "<" are never needed.
_OPENS = re.compile(r"<(?=\s*[^\W\d_]|\s*[/!?|<\\\[])|[\uFF1C\uFE64\u2039\u27E8\u3008\u2329\u276E\u1438]")
_CLOSES = re.compile(r"[|/]>")
_FENCE = re.compile(r"`{3,}|~{3,}")
#: Characters of one value in a list; the rest is counted.
_LONGEST = 300


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in match.group())


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    # Bidirectional marks, zero-width and tag characters can hide words or turn them round.
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def _defused(text: str) -> str:
    return _FENCE.sub(_escape, _CLOSES.sub(_escape, _OPENS.sub(_escape, _visible(text))))


def cut(text: str, limit: int = _LONGEST) -> str:
    """Return at most `limit` characters of `text`; what is left out is counted."""
    return text if len(text) <= limit else f"{text[:limit]} [{len(text) - limit} more characters]"


def quoted(text: str, limit: int = _LONGEST) -> str:
    """Return text of the script as one word: a plain name as it is, everything else as a JSON string."""
    if _BARE.fullmatch(text):
        return text
    rest = f" [{len(text) - limit} more characters]" if len(text) > limit else ""
    return _defused(json.dumps(text[:limit], ensure_ascii=False)) + rest


def neutral(text: str, limit: int = 2000) -> str:
    """Return a sentence that may hold words of the script or of the model, as one line without markup."""
    return cut(_defused(" ".join(text.split())), limit)


def neutral_lines(text: str, limit: int = 4000) -> list[str]:
    """Return the lines of a longer text, such as a traceback, each without markup: its last `limit` characters."""
    shown = text.strip("\r\n")
    if len(shown) > limit:
        shown = f"[{len(shown) - limit} characters before this]\n{shown[-limit:]}"
    # The bar keeps a line from beginning with what the script says.
    return [f"| {_defused(line)}" for line in shown.splitlines()]


def marked(lines: Iterable[str]) -> str:
    """Return lines that were made with the functions above, between the markers."""
    return "\n".join((BEGIN, *lines, END))
