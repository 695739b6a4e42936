"""What a condition says of the variables in it: ``n.Class() == "Blur"`` makes a Blur of ``n`` for as long as it holds."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Optional

from nuke_ai_panel.scripting.python_check_notes import Notes
from nuke_ai_panel.scripting.python_check_values import ClassOf, Constant, NodeOf, Several, Value

__all__ = ["asked_knobs", "guards_of", "narrowed"]

Scope = dict[str, Optional[Value]]
Peek = Callable[[ast.expr], Optional[Value]]


def guards_of(test: ast.expr, peek: Peek) -> None:
    """Note which variables a condition asks for whether they are there at all."""
    for node in _parts(test):
        Notes.ask(peek(node))
        if isinstance(node, ast.NamedExpr):
            Notes.ask(peek(node.target))


@functools.lru_cache(maxsize=1024)
def asked_knobs(test: ast.expr) -> tuple[ast.expr, ...]:
    """Return the names of the knobs that a condition asks for: ``if node.knob(name)``, not ``if node.knob(name).value()``."""
    nodes = list(ast.walk(test))
    used = [node.value for node in nodes if isinstance(node, ast.Attribute)]
    return tuple(
        node.args[0]
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("knob", "get", "exists")
        and node.args
        and node not in used
    )


def _parts(test: ast.expr) -> list[ast.expr]:
    if isinstance(test, ast.BoolOp):
        return [part for each in test.values for part in _parts(each)]
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _parts(test.operand)
    return [test]


def narrowed(test: ast.expr, scope: Scope, holds: bool, peek: Peek) -> Scope:
    """Return the variables where a condition holds, or where it does not."""
    found = dict(scope)
    _narrow(test, found, holds, peek)
    return found


def _narrow(test: ast.expr, scope: Scope, holds: bool, peek: Peek) -> None:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        _narrow(test.operand, scope, not holds, peek)
        return
    if isinstance(test, ast.BoolOp):
        if isinstance(test.op, ast.And) == holds:
            for each in test.values:
                _narrow(each, scope, holds, peek)
            return
        if isinstance(test.op, ast.Or) and holds and _one_of_classes(test, scope, peek):
            return
        for each in test.values:
            _blur(each, scope)
        return
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        found = _class_test(test, scope, peek)
        if found is not None:
            name, classes, says = found
            node = scope.get(name)
            if isinstance(node, NodeOf):
                scope[name] = _with_classes(node, classes, says == holds)
            return
    if holds and isinstance(test, ast.Call) and _is_of_another_kind(test):
        scope.update((each.id, None) for each in test.args[:1] if isinstance(each, ast.Name))
    _blur(test, scope)


def _is_of_another_kind(test: ast.Call) -> bool:
    """Return whether ``isinstance`` asks for a class that is none of Nuke's."""
    asked = test.args[1] if len(test.args) == 2 and getattr(test.func, "id", "") == "isinstance" else None
    return asked is not None and not (isinstance(asked, ast.Attribute) and getattr(asked.value, "id", "") == "nuke")


def _one_of_classes(test: ast.BoolOp, scope: Scope, peek: Peek) -> bool:
    """Narrow for ``n.Class() == "A" or n.Class() == "B"``."""
    found = [_class_test(each, scope, peek) for each in test.values if isinstance(each, ast.Compare) and len(each.ops) == 1]
    known = [each for each in found if each is not None and each[2]]
    if len(known) != len(test.values) or len({each[0] for each in known}) != 1:
        return False
    node = scope.get(known[0][0])
    if isinstance(node, NodeOf):
        scope[known[0][0]] = _with_classes(node, frozenset().union(*(each[1] for each in known)), True)
    return True


def _with_classes(node: NodeOf, classes: frozenset[str], is_one: bool) -> NodeOf:
    if is_one:
        # A loop meets all of these classes, as far as the script has them.
        met = classes if node.classes is None else (classes & node.classes) or classes
        return replace(node, classes=met, is_sure=True, covers=node.covers and node.classes is not None)
    if node.classes is None:
        return node
    left = node.classes - classes
    return replace(node, classes=left or None, covers=node.covers and bool(left))


def _class_test(test: ast.Compare, scope: Scope, peek: Peek) -> Optional[tuple[str, frozenset[str], bool]]:
    """Return the variable, the classes and whether the condition says it is one of them."""
    operator = test.ops[0]
    sides = (test.left, test.comparators[0])
    name = _asked_variable(sides[0], peek)
    other = sides[1]
    if not name and isinstance(operator, (ast.Eq, ast.NotEq)):
        name, other = _asked_variable(sides[1], peek), sides[0]
    if not name or not isinstance(operator, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)):
        return None
    classes = _texts(other, peek, many=isinstance(operator, (ast.In, ast.NotIn)))
    return None if classes is None else (name, classes, isinstance(operator, (ast.Eq, ast.In)))


def _asked_variable(node: ast.expr, peek: Peek) -> str:
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "Class"
        and isinstance(node.func.value, ast.Name)
    ):
        return node.func.value.id
    value = peek(node)
    return value.variable if isinstance(value, ClassOf) else ""


def _texts(node: ast.expr, peek: Peek, *, many: bool) -> Optional[frozenset[str]]:
    if isinstance(node, ast.Constant):
        return frozenset({node.value}) if isinstance(node.value, str) and not many else None
    if many and isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        found = {each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)}
        return frozenset(found) if len(found) == len(node.elts) else None
    value = peek(node)
    each = value.each() if many and isinstance(value, Several) else value if not many else None
    texts = each.texts() if isinstance(each, Constant) else ()
    return frozenset(texts) if texts and (many or len(texts) == 1) else None


def _blur(test: ast.expr, scope: Scope) -> None:
    """Take a variable for one of its kind only: which of them pass the condition is not known."""
    names, asks_class = _asked_of(test)
    for name in names:
        value = scope.get(name)
        if isinstance(value, NodeOf) and value.covers:
            scope[name] = replace(value, covers=False)
        elif isinstance(value, NodeOf) and asks_class:
            scope[name] = replace(value, classes=None)
        elif isinstance(value, ClassOf):
            held = scope.get(value.variable)
            if isinstance(held, NodeOf):
                scope[value.variable] = NodeOf(node=held.node)


@functools.lru_cache(maxsize=1024)
def _asked_of(test: ast.expr) -> tuple[tuple[str, ...], bool]:
    """Return the variables in a condition, and whether it asks for the class of something."""
    nodes = list(ast.walk(test))
    names = tuple(dict.fromkeys(node.id for node in nodes if isinstance(node, ast.Name)))
    is_asked = isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance"
    return names, is_asked or any(isinstance(node, ast.Attribute) and node.attr == "Class" for node in nodes)
