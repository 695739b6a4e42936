"""Finding the name that was meant, at a bounded cost: long names are not compared, most candidates are ruled out early."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["closest", "normal"]

_NO_WORD = re.compile(r"[\W_]+")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST = 64
_SHARED_WORD = 0.7
_MOST_COMPARED = 20_000


def normal(name: str) -> str:
    """Return a name without case, blanks and signs: what two spellings of it have in common."""
    return _NO_WORD.sub("", name).casefold()


def closest(
    name: str,
    candidates: Iterable[str],
    *,
    labels: Mapping[str, str] | None = None,
    mistakes: Mapping[str, str] | None = None,
    limit: int = 3,
    loose: bool = True,
) -> tuple[str, ...]:
    """Return the candidates that were probably meant, the likeliest first, none where nothing is near.

    ``labels`` maps what is shown to a candidate, ``mistakes`` a normal form to a candidate. Not `loose`: a word or a
    beginning in common is not enough.
    """
    wanted = normal(name)
    if not wanted or len(wanted) > _LONGEST:
        return ()
    known = list(candidates)[:_MOST_COMPARED]
    found: dict[str, float] = {}

    def take(candidate: str, distance: float) -> None:
        if distance < found.get(candidate, 9.0):
            found[candidate] = distance

    allowed = set(known)
    meant = (mistakes or {}).get(wanted)
    if meant is not None and meant in allowed:
        take(meant, 0.1)
    for shown, candidate in (labels or {}).items():
        if candidate in allowed and normal(shown) == wanted:
            take(candidate, 0.15)
    words = {word.casefold() for word in _WORDS.findall(name)}
    mask = _letters(wanted)
    most = 1 if len(wanted) < 5 else 2 if len(wanted) < 10 else 3
    if not loose:
        most = 1 if len(wanted) < 9 else 2
    for candidate in known:
        other = normal(candidate)
        distance = _nearness(wanted, other, words, mask, most)
        if distance is not None and (loose or distance < _SHARED_WORD):
            take(candidate, distance)
    return tuple(sorted(found, key=lambda each: (found[each], len(each), each))[:limit])


def _nearness(wanted: str, other: str, words: set[str], mask: int, most: int) -> float | None:
    if not other:
        return None
    if wanted == other:
        return 0.0
    if _singular(wanted) == _singular(other):
        return 0.2
    if wanted.rstrip("0123456789") == other.rstrip("0123456789") and wanted.rstrip("0123456789"):
        return 0.25
    if abs(len(wanted) - len(other)) <= most and bin(mask ^ _letters(other)).count("1") <= 2 * most:
        edits = _edits(wanted, other, most)
        if edits is not None and edits * 3 <= max(len(wanted), len(other)):
            return 0.3 + edits / max(len(wanted), len(other))
    if len(other) > 3 and other in words:
        return _SHARED_WORD
    if len(wanted) > 3 and len(other) > 3 and (other.startswith(wanted) or wanted.startswith(other)):
        return 0.75 + abs(len(wanted) - len(other)) / 100
    return None


def _singular(name: str) -> str:
    return name[:-1] if len(name) > 3 and name.endswith("s") else name


def _letters(name: str) -> int:
    mask = 0
    for letter in name:
        mask |= 1 << (ord(letter) & 63)
    return mask


def _edits(one: str, other: str, most: int) -> int | None:
    """Return how many letters are missing, added, wrong or swapped, None where it is more than `most`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != right))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None
