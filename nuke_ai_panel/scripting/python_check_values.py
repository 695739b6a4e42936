"""What the check of Python knows of a value without running anything: this node is a Blur, that knob is its size."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Optional, Union

from nuke_ai_panel.nk import Node
from nuke_ai_panel.scripting.findings import Finding

__all__ = [
    "Bound",
    "ClassOf",
    "Constant",
    "Function",
    "Given",
    "Instance",
    "KnobOf",
    "Mapped",
    "Named",
    "NodeOf",
    "Own",
    "OwnClass",
    "Pending",
    "Pieced",
    "Several",
    "Value",
    "joined",
    "joined_all",
    "without_cover",
]


@dataclass(eq=False)
class Pending:
    """A finding that counts once its value is used, unless the code asks first whether there is one."""

    finding: Finding
    place: ast.AST
    guarded: Optional[Finding] = None
    #: None as long as it was not used, see :class:`~nuke_ai_panel.scripting.python_check_notes.Notes`.
    softness: Optional[int] = None
    is_asked: bool = False


@dataclass(frozen=True)
class Constant:
    """One of a few known texts, numbers, truth values or None."""

    values: tuple[object, ...]

    def texts(self) -> tuple[str, ...]:
        """The values, where all of them are texts."""
        found = tuple(value for value in self.values if isinstance(value, str))
        return found if len(found) == len(self.values) else ()


@dataclass(frozen=True)
class Pieced:
    """A text of which the pieces are known, and not what stands between them."""

    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """A module, function or class under its full dotted name, such as ``nuke`` or ``nuke.createNode``."""

    name: str


@dataclass(frozen=True)
class NodeOf:
    """A node. `classes` is None where nothing is known of them.

    `is_sure`: it is of one of these classes whatever happened before. `covers`: a loop meets all of these classes, so that each
    of them counts; elsewhere one that fits is enough. `node` is the node of the open script, where it is one.
    """

    classes: Optional[frozenset[str]] = None
    is_sure: bool = False
    covers: bool = False
    node: Optional[Node] = None
    pending: Optional[Pending] = None
    takes_any_knob: bool = False


@dataclass(frozen=True)
class KnobOf:
    """A knob of a node: `name` is "" where it is not known, `kind` Nuke's Python class of it where that is known."""

    owner: Optional[NodeOf] = None
    name: str = ""
    kind: str = ""
    pending: Optional[Pending] = None


@dataclass(eq=False)
class Several:
    """A list, tuple, set or what else is gone through. It changes as the code puts things into it."""

    items: Optional[list[Optional[Value]]] = None
    element: Optional[Value] = None

    def each(self) -> Optional[Value]:
        """What one of its elements may be."""
        return joined_all(self.items) if self.items is not None else self.element

    def put(self, value: Optional[Value]) -> None:
        """Add an element at a place that need not be known."""
        self.element = value if self.items is not None and not self.items else joined(self.each(), value)
        self.items = None

    def forget(self) -> None:
        """Take its elements for unknown."""
        self.items, self.element = None, None


@dataclass(eq=False)
class Mapped:
    """A dictionary; `entries` None where its keys are not texts and numbers that are known, `key` is one of them then."""

    entries: Optional[dict[object, Optional[Value]]] = field(default_factory=dict)
    element: Optional[Value] = None
    is_plain: bool = True
    key: Optional[Value] = None

    def each(self) -> Optional[Value]:
        """What one of its values may be."""
        return joined_all(self.entries.values()) if self.entries is not None else self.element

    def put(self, key: Optional[Value], value: Optional[Value]) -> None:
        """Set an entry."""
        if self.entries is not None and isinstance(key, Constant) and len(key.values) == 1:
            self.entries[key.values[0]] = value
            return
        is_first = self.entries is not None and not self.entries
        key = without_cover(key) if isinstance(key, NodeOf) else None
        self.key = key if is_first else joined(self.key, key)
        self.element = value if is_first else joined(self.each(), value)
        self.entries = None


@dataclass(frozen=True)
class ClassOf:
    """The text that ``node.Class()`` gave, and the variable that held the node."""

    variable: str
    node: NodeOf


@dataclass(frozen=True)
class Instance:
    """An object of another class of Nuke's module, such as ``Menu`` or ``AnimationCurve``."""

    kind: str


@dataclass(frozen=True)
class Bound:
    """A method that was named and not called."""

    owner: Value
    name: str


@dataclass(eq=False)
class Function:
    """A function the code defines; `calls` counts how often it was followed."""

    definition: Union[ast.FunctionDef, ast.AsyncFunctionDef]
    scope: dict[str, Optional[Value]] = field(default_factory=dict)
    calls: int = 0
    #: The object whose method it is.
    of: Optional[Own] = None
    #: Whether it asked its object for what was not known yet.
    missed: bool = False


@dataclass(eq=False)
class OwnClass:
    """A class the code defines: its functions by name (None for one that is decorated), and what its objects hold.

    `held` is what each place of the code gives to an attribute, by that place; classes that are derived share it.
    """

    functions: dict[str, Optional[Function]] = field(default_factory=dict)
    constants: dict[str, Optional[Value]] = field(default_factory=dict)
    held: dict[str, dict[ast.AST, Optional[Value]]] = field(default_factory=dict)
    bases: list[OwnClass] = field(default_factory=list)
    derived: list[OwnClass] = field(default_factory=list)

    def derive(self, base: OwnClass) -> None:
        """Take what a class it is derived from has."""
        self.bases.append(base)
        base.derived.append(self)
        base.held.update(self.held)
        self.held = base.held

    def has(self, name: str) -> bool:
        """Whether it defines a name itself, or a class that is derived from it does."""
        return name in self.functions or name in self.constants or any(each.has(name) for each in self.derived)

    def function(self, name: str) -> Optional[Function]:
        """The function of that name, its own or one it is derived from; None where another class may have its own instead."""
        if any(each.has(name) for each in self.derived):
            return None
        if name in self.functions or name in self.constants:
            return self.functions.get(name)
        return next((found for found in (base.inherited(name) for base in self.bases) if found is not None), None)

    def inherited(self, name: str) -> Optional[Function]:
        """The function of that name for a class that has none of its own."""
        if name in self.functions or name in self.constants:
            return self.functions.get(name)
        return next((found for found in (base.inherited(name) for base in self.bases) if found is not None), None)

    def constant(self, name: str) -> Optional[Value]:
        """What the body of the class gives a name, None where another class may give it something else."""
        if name in self.functions or any(each.has(name) for each in self.derived):
            return None
        return self.constants[name] if name in self.constants else _only([base.constants.get(name) for base in self.bases])


def _only(found: Sequence[Optional[Value]]) -> Optional[Value]:
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Own:
    """An object of a class the code defines."""

    kind: OwnClass


Value = Union[Constant, Pieced, Named, NodeOf, KnobOf, Several, Mapped, ClassOf, Instance, Bound, Function, OwnClass, Own]


def joined(one: Optional[Value], other: Optional[Value]) -> Optional[Value]:
    """Return what is known of a value that is one or the other; None for nothing."""
    if one is None or other is None:
        return None
    if one is other or one == other:
        return one
    if isinstance(one, Constant) and isinstance(other, Constant):
        values = dict.fromkeys((*one.values, *other.values))
        return Constant(tuple(values)) if len(values) <= 40 else None
    nothing = Constant((None,))
    if isinstance(one, NodeOf) and other == nothing:
        return one
    if isinstance(other, NodeOf) and one == nothing:
        return other
    if isinstance(one, NodeOf) and isinstance(other, NodeOf):
        if one.classes is None or other.classes is None:
            return NodeOf(takes_any_knob=one.takes_any_knob or other.takes_any_knob)
        return NodeOf(
            one.classes | other.classes,
            one.is_sure and other.is_sure,
            pending=one.pending if one.pending is other.pending else None,
            takes_any_knob=one.takes_any_knob or other.takes_any_knob,
        )
    if isinstance(one, KnobOf) and isinstance(other, KnobOf):
        return KnobOf(kind=one.kind if one.kind == other.kind else "")
    if isinstance(one, Several) and isinstance(other, Several):
        if one.items is not None and not one.items:
            return other
        if other.items is not None and not other.items:
            return one
        if one.items is not None and other.items is not None and len(one.items) == len(other.items):
            # The rows of a table: what stands at one place of each.
            return Several([joined(left, right) for left, right in zip(one.items, other.items)])
        return Several(None, joined(one.each(), other.each()))
    if isinstance(one, Mapped) and isinstance(other, Mapped):
        return Mapped(None, joined(one.each(), other.each()), one.is_plain and other.is_plain, _joined_keys(one, other))
    return None


def _joined_keys(one: Mapped, other: Mapped) -> Optional[Value]:
    if one.entries is not None and not one.entries:
        return other.key
    return one.key if other.entries is not None and not other.entries else joined(one.key, other.key)


def joined_all(values: Iterable[Optional[Value]]) -> Optional[Value]:
    """Return what is known of a value that is one of these."""
    found: Optional[Value] = None
    for number, value in enumerate(values):
        found = value if number == 0 else joined(found, value)
        if found is None:
            return None
    return found


def without_cover(value: Optional[Value]) -> Optional[Value]:
    """Return the value where only some of what it may be is met: behind a condition, or at one place of a list."""
    return replace(value, covers=False) if isinstance(value, NodeOf) and value.covers else value


@dataclass(frozen=True)
class Given:
    """What a call was given: values by place and by name; `has_more` where ``*args`` or ``**kwargs`` stand in it."""

    places: Sequence[Optional[Value]]
    named: Mapping[str, Optional[Value]]
    nodes: Mapping[str, ast.expr]
    has_more: bool = False

    def get(self, place: int, name: str = "") -> Optional[Value]:
        """Return the value of an argument, None where it is not given or not known."""
        return self.places[place] if place < len(self.places) else self.named.get(name)
