"""Between knob texts of the .nk format and the values Nuke's Python gives and takes."""

from __future__ import annotations

from collections.abc import Sequence

from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.words import list_words, quote, unquote, word_end, written

__all__ = [
    "array_text",
    "elements",
    "expression_element",
    "expression_of",
    "is_curve",
    "matrix_text",
    "number_text",
    "plain_text",
    "same_elements",
]


#: How many rows an array of so many numbers has, where it is a matrix.
_MATRICES = {9: 3, 16: 4}


def number_text(value: float) -> str:
    """Return a number as Nuke writes it: at most ten significant digits, no point where it is whole."""
    return f"{value:.10g}"


def elements(text: str, size: int) -> list[str]:
    """Split an array knob's text into one word for each value: a number, or ``{...}`` with an expression or a curve."""
    text = text.strip()
    is_list = text.startswith("{") and word_end(text, 0, in_list=True) == len(text)
    words = list_words(text[1:-1] if is_list else text)
    if size in _MATRICES and len(words) == _MATRICES[size]:
        # A matrix is written row by row.
        rows = [list_words(word[1:-1]) for word in words if word.startswith("{")]
        words = [word for row in rows for word in row] if sum(map(len, rows)) == size else words
    if len(words) == 1 and size > 1:
        words = words * size
    return [*words, *["0"] * (size - len(words))]


def array_text(words: Sequence[str], *, folded: bool) -> str:
    """Return the text of an array; `folded` writes one number where all values are the same, as colours do."""
    if len(words) == 1 or (folded and len(set(words)) == 1):
        return "{" + words[0] + "}" if words[0].startswith("{") else words[0]
    return "{" + " ".join(words) + "}"


def matrix_text(words: Sequence[str]) -> str | None:
    """Return the text of a matrix, row by row; None for as many values as no matrix has."""
    rows = _MATRICES.get(len(words))
    if rows is None:
        return None
    size = len(words) // rows
    return "{" + " ".join("{" + " ".join(words[at : at + size]) + "}" for at in range(0, len(words), size)) + "}"


def same_elements(left: Sequence[str], right: Sequence[str]) -> bool:
    """Return whether two arrays hold the same numbers or the very same expressions."""
    return len(left) == len(right) and all(_same(one, other) for one, other in zip(left, right))


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def is_curve(word: str) -> bool:
    """Return whether an element holds animation keys."""
    return word.startswith("{") and (list_words(word[1:-1]) or [""])[0] == "curve"


def expression_of(word: str) -> str | None:
    """Return an element's expression, None where it is a number or a curve."""
    if not word.startswith("{") or is_curve(word):
        return None
    words = list_words(word[1:-1])
    return unquote(words[0]) if words else ""


def expression_element(expression: str) -> str:
    """Return the element that holds an expression."""
    return "{" + quote(expression) + "}"


def plain_text(value: object) -> str:
    """Return the text of a value for a knob whose type is not known. Raises: TypeError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "{" + " ".join(written(plain_text(item)) for item in value) + "}"
    raise TypeError(f"a knob cannot take a {type(value).__name__}")


def curve_value(word: str, knob: str) -> float:
    """Return the value of a curve that has one value at all times. Raises: NotSimulatedError."""
    values: set[float] = set()
    for token in list_words(word[1:-1])[1:]:
        try:
            values.add(float(token))
        except ValueError:
            if token[:1] in "stuv" and token[1:2].lstrip("-").isdigit():
                raise NotSimulatedError(f"The value of the animated knob {knob} is not simulated.") from None
    if len(values) == 1:
        return values.pop()
    raise NotSimulatedError(f"The value of the animated knob {knob} is not simulated.")
