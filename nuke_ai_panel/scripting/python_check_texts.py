"""Texts that generated code puts together: what is known of ``f"{node}_grade"``, ``"%s.size" % name`` and ``"a" + b``.

A piece that is only known when the code runs stands in the text as :data:`PIECE`, which reads as a name wherever it falls.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Optional

from nuke_ai_panel.scripting.python_check_values import Constant, Given, Mapped, Pieced, Several, Value

__all__ = ["PIECE", "as_pattern", "formatted", "marked_texts", "of_marked", "percent", "pieces_of", "put_together", "shape_of"]

#: What stands for a piece of a text that is not known.
PIECE = "__piece__"
_LONGEST = 100_000
_MOST = 40
_MOST_PIECES = 8
_CONVERSION = re.compile(r"%(?:\((?P<name>[^)]*)\))?[#0\- +]*(?:\d+)?(?:\.\d+)?[hlL]?(?P<kind>[diouxXeEfFgGcrsa%])")
#: What one place of a text can be; none where that is not known.
_Hole = tuple[str, ...]


def marked_texts(value: Optional[Value]) -> tuple[str, ...]:
    """Return the texts a value can be, with :data:`PIECE` for what is not known of them; none where it need not be a text."""
    if isinstance(value, Constant):
        return value.texts()
    if isinstance(value, Pieced):
        return (PIECE.join(value.pieces),)
    return ()


def of_marked(text: str) -> Value:
    """Return the value that a text with :data:`PIECE` in it stands for."""
    return Pieced(tuple(text.split(PIECE))) if PIECE in text else Constant((text,))


def as_pattern(text: str) -> Optional[re.Pattern[str]]:
    """Return what matches every text that a marked one can become; None where that is every text."""
    known = text.replace(PIECE, "").strip() if text.count(PIECE) <= _MOST_PIECES else ""
    return re.compile(".*".join(map(re.escape, text.split(PIECE)))) if known else None


def put_together(parts: Sequence[_Hole]) -> Optional[Value]:
    """Return the text of these parts one after the other; an empty part is not known.

    Where two of them can be several texts, which of them belong together is not known.
    """
    several = sum(len(part) > 1 for part in parts)
    if several > 1 or (several and not all(parts)):
        parts = [part if len(part) < 2 else () for part in parts]
    if sum(max(map(len, part), default=0) for part in parts) > _LONGEST or max(map(len, parts), default=0) > _MOST:
        return None
    made = ["".join(words) for words in product(*(part or (PIECE,) for part in parts))]
    return of_marked(made[0]) if len(made) == 1 else Constant(tuple(made))


def _words(value: Optional[Value]) -> _Hole:
    """Return what a value is written as by ``%s``."""
    if isinstance(value, Constant):
        if all(isinstance(each, (str, int)) and not isinstance(each, bool) for each in value.values):
            return tuple(str(each) for each in value.values)
        return ()
    texts = marked_texts(value)
    return texts if len(texts) == 1 else ()


def pieces_of(values: Iterable[tuple[Optional[Value], bool]]) -> Optional[Value]:
    """Return the text of an f-string: each value, and whether it is written as it is (no ``:03d``, no ``!r``)."""
    return put_together([_words(value) if plain else () for value, plain in values])


def percent(text: str, right: Optional[Value]) -> Optional[Value]:
    """Return ``text % right``, None where it cannot be read."""
    parts: list[_Hole] = []
    given: list[Optional[Value]] = list(right.items) if isinstance(right, Several) and right.items is not None else [right]
    is_list = isinstance(right, Several) and right.items is not None
    end = taken = 0
    for match in _CONVERSION.finditer(text):
        if "%" in text[end : match.start()]:
            return None
        parts.append((text[end : match.start()],))
        end = match.end()
        name, kind = match["name"], match["kind"]
        if kind == "%":
            parts.append(("%",))
            continue
        value: Optional[Value] = None
        if name is not None:
            value = right.entries.get(name) if isinstance(right, Mapped) and right.entries is not None else None
        elif is_list or (taken == 0 and not isinstance(right, (Several, Mapped))):
            value = given[taken] if taken < len(given) else None
        taken += 1
        parts.append(_converted(match.group(), kind, value))
    if "%" in text[end:] or (is_list and taken != len(given)):
        return None
    parts.append((text[end:],))
    return put_together(parts)


def _converted(conversion: str, kind: str, value: Optional[Value]) -> _Hole:
    if conversion == "%s":
        return _words(value)
    # A longer one may ask for more blanks than there is room for.
    if kind in "diouxX" and len(conversion) < 6 and isinstance(value, Constant) and "(" not in conversion:
        numbers = [each for each in value.values if isinstance(each, int)]
        if len(numbers) == len(value.values):
            return tuple(conversion % each for each in numbers)
    return ()


def formatted(text: str, given: Given) -> Optional[Value]:
    """Return ``text.format(...)``, None where it cannot be read."""
    parts: list[_Hole] = []
    automatic = 0
    named: Mapping[str, Optional[Value]] = given.named
    try:
        for literal, field, spec, conversion in string.Formatter().parse(text):
            parts.append((literal,))
            if field is None:
                continue
            value: Optional[Value] = None
            if not given.has_more:
                if field == "":
                    value = given.places[automatic] if automatic < len(given.places) else None
                    automatic += 1
                elif field.isdecimal():
                    value = given.places[int(field)] if int(field) < len(given.places) else None
                else:
                    value = named.get(field)
            parts.append(_words(value) if not spec and not conversion else ())
    except ValueError:
        return None
    return put_together(parts)


def shape_of(node: Optional[ast.AST]) -> str:
    """Return a text as it stands in the code, with :data:`PIECE` for what is put in; "" for what need not be a text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(shape_of(each) if isinstance(each, ast.Constant) else PIECE for each in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = shape_of(node.left), shape_of(node.right)
        return (left or PIECE) + (right or PIECE) if left or right else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        found = percent(shape_of(node.left), None)
        return PIECE.join(found.pieces) if isinstance(found, Pieced) else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = shape_of(node.func.value)
        found = formatted(text, Given((), {}, {}, True)) if text else None
        return PIECE.join(found.pieces) if isinstance(found, Pieced) else ""
    return ""
