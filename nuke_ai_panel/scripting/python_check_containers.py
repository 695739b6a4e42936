"""Texts, lists and dictionaries as the check of Python follows them, and the built-in functions that hand them on."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Optional, Union

from nuke_ai_panel.scripting.python_check_notes import Notes
from nuke_ai_panel.scripting.python_check_texts import PIECE, formatted, marked_texts, of_marked
from nuke_ai_panel.scripting.python_check_values import (
    Constant,
    Given,
    KnobOf,
    Mapped,
    NodeOf,
    Pieced,
    Several,
    Value,
    without_cover,
)

__all__ = ["TEXT_FUNCTIONS", "built_in_call", "container_call", "element_of", "text_call", "without_texts"]

#: Functions that make a text of one.
TEXT_FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "textwrap.dedent": textwrap.dedent,
    "inspect.cleandoc": lambda text: textwrap.dedent(text).strip(),
}
_SAME_KIND: Mapping[str, Callable[..., str]] = {
    "strip": str.strip,
    "lstrip": str.lstrip,
    "rstrip": str.rstrip,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "capitalize": str.capitalize,
    "replace": str.replace,
}
_KEEP_PIECES = frozenset({"strip", "lstrip", "rstrip", "replace"})
_LONGEST = 100_000

_SAME_ELEMENTS = frozenset({"list", "tuple", "set", "sorted", "reversed", "iter", "frozenset", "filter"})


def element_of(value: Optional[Value]) -> Optional[Value]:
    """Return what a loop over a value meets."""
    if isinstance(value, Several):
        return value.each()
    if isinstance(value, Mapped) and value.entries:
        keys = tuple(value.entries)
        return Constant(keys)
    if isinstance(value, Mapped):
        return value.key
    if isinstance(value, Constant) and len(value.values) == 1 and isinstance(value.values[0], str):
        letters = tuple(dict.fromkeys(value.values[0]))
        return Constant(letters) if 0 < len(letters) <= 40 else None
    return None


def container_call(owner: Union[Several, Mapped], name: str, given: Given) -> Optional[Value]:
    """Return what a method of a list or dictionary gives, with what it does to it done."""
    first = given.places[0] if given.places else None
    if isinstance(owner, Several):
        if name in ("append", "add", "insert"):
            owner.put(without_cover(given.places[-1] if given.places else None))
        elif name in ("extend", "update"):
            owner.put(without_cover(first.each()) if isinstance(first, Several) else None)
        elif name == "pop":
            return without_cover(owner.each())
        elif name == "copy":
            return Several(None, owner.each())
        elif name in ("union", "intersection", "difference"):
            return Several(None, None)
        return None
    if name == "values":
        return Several(None, owner.each())
    if name == "items":
        keys = Constant(tuple(owner.entries)) if owner.entries else owner.key
        if owner.entries and all(isinstance(key, str) for key in owner.entries) and len(owner.entries) <= 40:
            return Several([Several([Constant((key,)), value]) for key, value in owner.entries.items()])
        return Several(None, Several([keys, owner.each()]))
    if name == "keys":
        return Several([Constant((key,)) for key in owner.entries]) if owner.entries else Several(None, owner.key)
    if name in ("get", "pop", "setdefault"):
        if name == "setdefault":
            owner.put(first, given.places[1] if len(given.places) > 1 else None)
        found = owner.each() if _is_one_key(first) else without_texts(owner.each())
        return found if isinstance(found, (KnobOf, NodeOf, Several)) else None
    if name == "update":
        owner.put(None, None)
    return None


def text_call(owner: Union[Constant, Pieced], name: str, given: Given) -> Optional[Value]:
    """Return what a method of a text gives."""
    texts = marked_texts(owner)
    if not texts or sum(map(len, texts)) > _LONGEST:
        return None
    if name == "format" and len(texts) == 1 and isinstance(owner, Constant):
        return formatted(texts[0], given)
    if given.has_more or given.named:
        return None
    if name == "join":
        parts = given.places[0] if len(given.places) == 1 else None
        items = parts.items if isinstance(parts, Several) else None
        if items is None or len(texts) != 1:
            return None
        words = [marked_texts(each) for each in items]
        if sum(map(len, (word for each in words for word in each))) + len(texts[0]) * len(items) > _LONGEST:
            return None
        return of_marked(texts[0].join(each[0] if len(each) == 1 else PIECE for each in words))
    wanted = [marked_texts(each) for each in given.places]
    if name == "replace" and len(wanted) == 2 and len(wanted[0]) == 1 and len(wanted[1]) != 1:
        wanted[1] = (PIECE,)
    if any(len(each) != 1 for each in wanted):
        return None
    arguments = [each[0] for each in wanted]
    try:
        if name == "split" and len(texts) == 1 and isinstance(owner, Constant) and len(arguments) < 2:
            parted = texts[0].split(arguments[0] if arguments else None)
            return Several([Constant((each,)) for each in parted]) if len(parted) <= 60 else None
        if name in _SAME_KIND and not (name == "replace" and _grows(texts, arguments)):
            if isinstance(owner, Pieced) or any(PIECE in each for each in arguments):
                made = {_SAME_KIND[name](each, *arguments) for each in texts} if name in _KEEP_PIECES else set()
                return of_marked(made.pop()) if len(made) == 1 else None
            return Constant(tuple(_SAME_KIND[name](each, *arguments) for each in texts))
    except (TypeError, ValueError):
        return None
    return None


def _is_one_key(value: Optional[Value]) -> bool:
    return isinstance(value, Constant) and len(value.values) == 1


def without_texts(value: Optional[Value]) -> Optional[Value]:
    """Return what is found under a key that is not known: which text belongs to which node cannot be told."""
    if isinstance(value, Several):
        return Several(None, without_texts(value.each()))
    return None if isinstance(value, (Constant, Pieced)) else value


def _grows(texts: Sequence[str], arguments: Sequence[str]) -> bool:
    """Return whether replacing makes more text than is looked at."""
    if len(arguments) != 2 or not arguments[0]:
        return True
    return any(len(each) + each.count(arguments[0]) * len(arguments[1]) > _LONGEST for each in texts)


def built_in_call(name: str, given: Given) -> Optional[Value]:
    """Return what a built-in function gives."""
    first = given.places[0] if given.places else None
    if name in ("any", "all", "filter") and given.places:
        last = given.places[-1]
        for each in (last.items or [last.element]) if isinstance(last, Several) else ():
            Notes.ask(each)
    if name == "filter":
        last = given.places[-1] if given.places else None
        return Several(None, without_cover(last.each())) if isinstance(last, Several) else None
    if name in _SAME_ELEMENTS:
        if first is None and not given.places:
            return Several([])
        if isinstance(first, Several):
            return Several(list(first.items) if first.items is not None and name in ("list", "tuple") else None, first.each())
        return None
    if name == "dict":
        return Mapped() if not given.places and not given.named else Mapped(None, None)
    if name == "enumerate":
        items = first.items if isinstance(first, Several) else None
        if items is not None:
            return Several([Several([None, each]) for each in items])
        return Several(None, Several([None, element_of(first)]))
    if name == "zip":
        return Several(None, Several([element_of(each) for each in given.places]))
    if name in ("next", "min", "max"):
        found = without_cover(first.each()) if isinstance(first, Several) else None
        return found if isinstance(found, NodeOf) else None
    if name == "range":
        return Several(None, None)
    return None
