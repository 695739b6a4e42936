"""Applying a unified diff, as models write them, to the code it was made for: places are found by content, not by number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Hunk", "added_lines", "apply_patch", "is_patch", "read_patch"]

_AT = re.compile(r"@@(?:[ \t]*-(\d{1,7})(?:,\d{1,7})?[ \t]+\+\d{1,7}(?:,\d{1,7})?[ \t]*@@.*)?")
_HEAD = re.compile(r"(?:diff --git |index [0-9a-f]|--- |\+\+\+ |\\ No newline|new file|deleted file)")


@dataclass
class Hunk:
    """One place of a diff: the lines before and after, and where the model thinks it is (0 for not said)."""

    line: int = 0
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def is_patch(text: str, tag: str = "") -> bool:
    """Return whether text is a unified diff; with the tag ``diff`` one without heads and places will do."""
    lines = text.split("\n")
    heads = any(line.startswith("@@") for line in lines)
    files = any(line.startswith("--- ") for line in lines) and any(line.startswith("+++ ") for line in lines)
    changes = any(line[:1] in "+-" and not line.startswith(("+++", "---")) for line in lines if line)
    return changes and (heads or files or tag in ("diff", "patch", "udiff"))


def read_patch(text: str) -> list[Hunk]:
    """Return the places of a diff. Lines without a sign are taken for lines that stay: models forget the blank."""
    hunks: list[Hunk] = []
    current: Hunk | None = None
    for line in text.split("\n"):
        place = _AT.match(line)
        if place is not None:
            current = Hunk(int(place.group(1) or 0))
            hunks.append(current)
        elif _HEAD.match(line):
            if line.startswith("--- ") or line.startswith("+++ "):
                current = None
        else:
            if current is None:
                current = Hunk()
                hunks.append(current)
            if line[:1] == "+":
                current.after.append(line[1:])
            elif line[:1] == "-":
                current.before.append(line[1:])
            else:
                kept = line[1:] if line[:1] == " " else line
                current.before.append(kept)
                current.after.append(kept)
    for hunk in hunks:
        # Blank lines at the ends are those between the diff and its fence.
        while hunk.before and hunk.after and not hunk.before[-1].strip() and not hunk.after[-1].strip():
            hunk.before.pop()
            hunk.after.pop()
    return [hunk for hunk in hunks if hunk.before != hunk.after]


def added_lines(hunks: Sequence[Hunk]) -> str:
    """Return what the diff leaves standing, as text: enough to see what kind of code it is."""
    return "\n".join(line for hunk in hunks for line in hunk.after)


def apply_patch(code: str, hunks: Sequence[Hunk]) -> str | None:
    """Return `code` with all of the places changed, None where one of them is not found in it."""
    lines = code.split("\n")
    shown = [line.strip() for line in lines]
    start = 0
    made: list[str] = []
    for hunk in hunks:
        place = _find(shown, [line.strip() for line in hunk.before], start, hunk.line - 1)
        if place is None:
            return None
        made += lines[start:place]
        made += _indented(hunk, lines[place : place + len(hunk.before)])
        start = place + len(hunk.before)
    return "\n".join([*made, *lines[start:]])


def _find(lines: list[str], wanted: list[str], start: int, hint: int) -> int | None:
    if not wanted:
        # Lines to add and nothing to go by: at the place that is named, or at the end.
        return min(max(hint, start), len(lines)) if hint >= 0 else len(lines)
    first = wanted[0]
    places = [
        at for at in range(start, len(lines) - len(wanted) + 1) if lines[at] == first and lines[at : at + len(wanted)] == wanted
    ]
    if not places:
        return None
    return min(places, key=lambda at: abs(at - hint)) if hint >= 0 else places[0]


def _indented(hunk: Hunk, there: Sequence[str]) -> list[str]:
    """Return the new lines with the indentation of the code they go into, where the model left it out."""
    for old, real in zip(hunk.before, there):
        if old.strip():
            missing = (len(real) - len(real.lstrip())) - (len(old) - len(old.lstrip()))
            if missing > 0:
                pad = real[:missing]
                return [pad + line if line.strip() else line for line in hunk.after]
            break
    return list(hunk.after)
