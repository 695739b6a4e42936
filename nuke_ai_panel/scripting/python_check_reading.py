"""What expressions of generated Python give, with the calls in them followed and what is wrong in them noted."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Literal, Optional, Union

from nuke_ai_panel.scripting.python_check_conditions import asked_knobs, guards_of, narrowed
from nuke_ai_panel.scripting.python_check_containers import element_of
from nuke_ai_panel.scripting.python_check_names import ScriptNames
from nuke_ai_panel.scripting.python_check_notes import Notes
from nuke_ai_panel.scripting.python_check_nuke import NukeNames
from nuke_ai_panel.scripting.python_check_texts import PIECE, marked_texts, of_marked, percent, pieces_of, put_together
from nuke_ai_panel.scripting.python_check_values import (
    Bound,
    ClassOf,
    Constant,
    Function,
    Instance,
    KnobOf,
    Mapped,
    Named,
    NodeOf,
    Own,
    OwnClass,
    Pieced,
    Several,
    Value,
    joined,
    joined_all,
    without_cover,
)
from nuke_ai_panel.scripting.python_check_versions import asks_version

__all__ = ["Reading", "Scope", "assigned_in", "assigned_once", "parameters_of"]

Scope = dict[str, Optional[Value]]


#: What gives objects attributes that cannot be read off the code.
_STORE_UNSEEN = frozenset({"setattr", "vars", "__dict__", "__setattr__"})


class Reading:
    """The expressions of one script; what walks through its statements is built on it."""

    def __init__(self, names: ScriptNames, notes: Notes, tree: ast.Module, nodes: Sequence[ast.AST]) -> None:
        self._names = names
        self._notes = notes
        self._nuke = NukeNames(names, notes, self.code_in_text)
        self._scope: Scope = {"nuke": Named("nuke"), "nukescripts": Named("nukescripts")}
        self._functions: list[Function] = []
        self._returned: list[list[Optional[Value]]] = []
        self._running: list[Function] = []
        self._kinds: list[OwnClass] = []
        self._loops = 0
        self._texts = 0
        self._once = assigned_once(nodes)
        self._tree = tree
        self._steps = 0
        self._most_steps = 3 * len(nodes) + 1_000
        self._stores: dict[str, set[ast.AST]] = {}
        self._stores_hidden = False
        for node in nodes:
            if isinstance(node, ast.Attribute):
                if not isinstance(node.ctx, ast.Load):
                    self._stores.setdefault(node.attr, set()).add(node)
                if node.attr in _STORE_UNSEEN:
                    self._stores_hidden = True
            elif isinstance(node, ast.Name) and node.id in _STORE_UNSEEN:
                self._stores_hidden = True

    def _reader_of(self, node: ast.AST) -> Optional[Callable[[Any], Any]]:
        return getattr(self, _method_of(type(node).__name__), None)

    def _met(self, value: Optional[Value]) -> Optional[Value]:
        """Return what a loop over a value meets."""
        self._notes.use(value)
        return element_of(value)

    def _block(self, statements: Sequence[ast.stmt]) -> bool:
        """Walk through statements; return whether what follows them is not reached."""
        raise NotImplementedError

    def _may_come_back(self, node: ast.AST) -> AbstractContextManager[None]:
        """Read what may run several times: nodes that it makes later may be there already."""
        raise NotImplementedError

    def code_in_text(self, place: ast.AST, text: str, sure: bool = True) -> None:
        """Look at Python that stands in a knob or a menu entry; `sure` where it certainly is Python."""
        raise NotImplementedError

    @contextmanager
    def _inner(self) -> Iterator[None]:
        """Give the variables of a comprehension a scope of their own."""
        outside, self._scope = self._scope, dict(self._scope)
        try:
            yield
        finally:
            self._scope = outside

    # targets

    def _assign(self, target: ast.expr, value: Optional[Value]) -> None:
        if isinstance(target, ast.Name):
            self._scope[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, None)
        elif isinstance(target, ast.Subscript):
            owner, key = self.value(target.value), self.value(target.slice)
            if isinstance(owner, Mapped):
                owner.put(key, without_cover(value))
            elif isinstance(owner, Several):
                owner.put(without_cover(value))
            elif isinstance(owner, (NodeOf, KnobOf)):
                self._nuke.set_item(target, owner, key)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value)
            if isinstance(owner, Own):
                self._hold(owner.kind, target, value)

    def _hold(self, kind: OwnClass, target: ast.Attribute, value: Optional[Value]) -> None:
        """Keep what an object is given: only what nobody can change under way."""
        if isinstance(value, NodeOf):
            value = replace(value, covers=False, pending=None)
        elif isinstance(value, KnobOf):
            value = replace(value, pending=None)
        elif not isinstance(value, (Constant, Named, Instance)):
            value = None
        held = kind.held.setdefault(target.attr, {})
        held[target] = joined(held[target], value) if target in held else value

    def _held(self, owner: Own, name: str) -> Optional[Value]:
        """Return what an object of the code's own holds, as far as all places that give it something are known."""
        function = owner.kind.function(name)
        if name not in self._stores:
            return owner.kind.constant(name) if function is None else Bound(owner, name)
        held = owner.kind.held.get(name, {})
        reached = {place for kind in self._kinds for place in kind.held.get(name, ())}
        if function is not None or self._stores_hidden or not self._stores[name] <= reached:
            if self._running:
                self._running[-1].missed = True
            return None
        values = [*held.values(), *([owner.kind.constants[name]] if name in owner.kind.constants else [])]
        return joined_all(values)

    def _unpack(self, targets: Sequence[ast.expr], value: Optional[Value]) -> None:
        items: Sequence[Optional[Value]] = ()
        if isinstance(value, Several) and value.items is not None and len(value.items) == len(targets):
            items = value.items
        elif isinstance(value, Constant) and len(value.values) == 1 and isinstance(value.values[0], tuple):
            if len(value.values[0]) == len(targets):
                items = [Constant((each,)) for each in value.values[0]]
        elif isinstance(value, Several):
            each = value.each()
            items = [None if isinstance(each, (Constant, Pieced)) else without_cover(each)] * len(targets)
        starred = any(isinstance(each, ast.Starred) for each in targets)
        for number, target in enumerate(targets):
            self._assign(target, items[number] if items and not starred else None)

    # expressions

    def _guard(self, test: ast.expr) -> None:
        """Note what a condition asks for: variables that may hold nothing, knobs that a node may not have."""
        guards_of(test, self._peek)
        for knob in asked_knobs(test):
            self._names.code.asked.update(marked_texts(self._peek(knob)))

    def _peek(self, node: ast.expr) -> Optional[Value]:
        """Return what a plain name holds, without looking at anything."""
        return self._scope.get(node.id) if isinstance(node, ast.Name) else None

    def value(self, node: ast.expr) -> Optional[Value]:
        """Return what is known of an expression, with everything in it looked at once."""
        read = self._reader_of(node)
        self._steps += 1
        if read is not None:
            found: Optional[Value] = read(node)
            return found
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return None

    def _on_constant(self, node: ast.Constant) -> Optional[Value]:
        value = node.value
        if self._texts and isinstance(value, str) and PIECE in value:
            return of_marked(value)
        return Constant((value,)) if value is None or isinstance(value, (str, int, float, bool)) else None

    def _on_name(self, node: ast.Name) -> Optional[Value]:
        return self._scope.get(node.id)

    def _on_named_expr(self, node: ast.NamedExpr) -> Optional[Value]:
        value = self.value(node.value)
        self._assign(node.target, value)
        return value

    def _on_unary_op(self, node: ast.UnaryOp) -> Optional[Value]:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            self._notes.ask(value)
        if isinstance(node.op, ast.USub) and isinstance(value, Constant):
            numbers = [each for each in value.values if isinstance(each, (int, float)) and not isinstance(each, bool)]
            return Constant(tuple(-each for each in numbers)) if len(numbers) == len(value.values) else None
        return None

    def _on_bin_op(self, node: ast.BinOp) -> Optional[Value]:
        left, right = self.value(node.left), self.value(node.right)
        for place, side in ((node.left, left), (node.right, right)):
            self._nuke.misused(place, side)
        if isinstance(node.op, ast.Add):
            if isinstance(left, Several) and isinstance(right, Several):
                return joined(Several(None, left.each()), Several(None, right.each()))
            sides = marked_texts(left), marked_texts(right)
            if any(sides) and all(each is None or marked_texts(each) for each in (left, right)):
                return put_together(sides)
        if isinstance(node.op, ast.Mod) and len(texts := marked_texts(left)) == 1:
            return percent(texts[0], right)
        if isinstance(node.op, ast.Mult) and isinstance(left, Several):
            return Several(None, left.each())
        return None

    def _on_bool_op(self, node: ast.BoolOp) -> Optional[Value]:
        before = self._scope
        found: list[Optional[Value]] = []
        for number, each in enumerate(node.values):
            value = self.value(each)
            found.append(value)
            if number < len(node.values) - 1:
                self._notes.ask(value)
                self._guard(each)
                self._scope = narrowed(each, self._scope, isinstance(node.op, ast.And), self._peek)
        self._scope = before
        return joined_all(found) if isinstance(node.op, ast.Or) else None

    def _on_if_exp(self, node: ast.IfExp) -> Optional[Value]:
        self.value(node.test)
        self._guard(node.test)
        before = self._scope
        is_asked = asks_version(node.test)
        with self._notes.for_versions(is_asked):
            self._scope = narrowed(node.test, before, True, self._peek)
            then = self.value(node.body)
            self._scope = narrowed(node.test, before, False, self._peek)
            other = self.value(node.orelse)
        self._scope = before
        return None if is_asked else joined(then, other)

    def _on_compare(self, node: ast.Compare) -> Optional[Value]:
        left = self.value(node.left)
        for operator, right_node in zip(node.ops, node.comparators):
            right = self.value(right_node)
            self._nuke.misused(node.left, left)
            self._nuke.misused(right_node, right)
            if isinstance(operator, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)):
                if isinstance(left, ClassOf):
                    self._compared(right_node, right)
                elif isinstance(right, ClassOf) and isinstance(operator, (ast.Eq, ast.NotEq)):
                    self._compared(node.left, left)
            nothing = Constant((None,))
            if left == nothing or right == nothing:
                self._notes.ask(left)
                self._notes.ask(right)
            if isinstance(operator, (ast.In, ast.NotIn)) and isinstance(right, Several):
                for each in right.items or ():
                    self._notes.ask(each)
            if isinstance(operator, (ast.In, ast.NotIn)):
                self._names.code.asked.update(marked_texts(left))
            left = right
        return None

    def _compared(self, node: ast.AST, value: Optional[Value]) -> None:
        each = value.each() if isinstance(value, Several) else value
        if isinstance(each, Constant) and each.texts():
            self._notes.report(node, self._names.filter_finding(each.texts()))

    def _on_tuple(self, node: Union[ast.Tuple, ast.List, ast.Set]) -> Value:
        items = [self.value(each) for each in node.elts]
        if any(isinstance(each, ast.Starred) for each in node.elts) or len(items) > 60:
            return Several(None, None)
        return Several(items)

    _on_list = _on_tuple
    _on_set = _on_tuple

    def _on_starred(self, node: ast.Starred) -> Optional[Value]:
        self.value(node.value)
        return None

    def _on_dict(self, node: ast.Dict) -> Value:
        made = Mapped()
        for key, each in zip(node.keys, node.values):
            value = self.value(each)
            if key is None:
                made.put(None, None)
            else:
                made.put(self.value(key), value)
        return made

    def _on_joined_str(self, node: ast.JoinedStr) -> Optional[Value]:
        found: list[tuple[Optional[Value], bool]] = []
        for each in node.values:
            inner = each.value if isinstance(each, ast.FormattedValue) else each
            value = self.value(inner)
            found.append((value, not isinstance(each, ast.FormattedValue) or _is_plain(each)))
            if isinstance(each, ast.FormattedValue):
                self._nuke.misused(inner, value)
                if each.format_spec is not None:
                    self.value(each.format_spec)
        return pieces_of(found)

    def _on_lambda(self, node: ast.Lambda) -> Optional[Value]:
        outside, self._scope = self._scope, dict(self._scope)
        known = self._notes.selection_known
        self._notes.selection_known = False
        for name in parameters_of(node.args):
            self._scope[name] = None
        self.value(node.body)
        self._scope, self._notes.selection_known = outside, known
        return None

    def _on_list_comp(self, node: Union[ast.ListComp, ast.SetComp, ast.GeneratorExp]) -> Value:
        with self._inner(), self._may_come_back(node):
            self._generators(node.generators)
            value = self.value(node.elt)
            return Several(None, value)

    _on_set_comp = _on_list_comp
    _on_generator_exp = _on_list_comp

    def _on_dict_comp(self, node: ast.DictComp) -> Value:
        with self._inner(), self._may_come_back(node):
            self._generators(node.generators)
            key = self.value(node.key)
            key = without_cover(key) if isinstance(key, NodeOf) else None
            return Mapped(None, without_cover(self.value(node.value)), key=key)

    def _generators(self, generators: Sequence[ast.comprehension]) -> None:
        for each in generators:
            self._assign(each.target, self._met(self.value(each.iter)))
            for test in each.ifs:
                self.value(test)
                self._guard(test)
                self._scope = narrowed(test, self._scope, True, self._peek)

    def _on_attribute(self, node: ast.Attribute) -> Optional[Value]:
        owner = self.value(node.value)
        if self._texts and PIECE in node.attr:
            return None
        if isinstance(owner, Own):
            return self._held(owner, node.attr)
        if isinstance(owner, Named):
            if owner.name in ("nuke", "nukescripts") or owner.name.startswith("nuke."):
                return self._nuke.member(node, owner, node.attr)
            return Named(f"{owner.name}.{node.attr}")
        if isinstance(owner, (NodeOf, KnobOf, Instance)):
            return self._nuke.attribute(node, owner, node.attr)
        if isinstance(owner, Bound):
            self._nuke.misused(node.value, owner)
            return None
        if isinstance(owner, (Several, Mapped, Pieced)) or (isinstance(owner, Constant) and owner.texts()):
            return Bound(owner, node.attr)
        return None

    def _on_subscript(self, node: ast.Subscript) -> Optional[Value]:
        owner = self.value(node.value)
        key = self.value(node.slice)
        if isinstance(owner, (NodeOf, KnobOf)):
            return self._nuke.item(node, owner, key)
        if isinstance(owner, Bound):
            self._nuke.misused(node.value, owner)
            return None
        if isinstance(owner, Several):
            if isinstance(node.slice, ast.Slice):
                return _part_of(owner, node.slice)
            number = key.values[0] if isinstance(key, Constant) and len(key.values) == 1 else None
            items = owner.items
            if items is not None and isinstance(number, int) and -len(items) <= number < len(items):
                return items[number]
            each = owner.each()
            # Texts of rows of several lengths are not of one kind.
            return None if items is None and isinstance(each, (Constant, Pieced)) else without_cover(each)
        if isinstance(owner, Mapped):
            if owner.entries is not None and isinstance(key, Constant) and len(key.values) == 1:
                return owner.entries.get(key.values[0])
            return self._nuke.entry(node, owner, key)
        return None


def parameters_of(arguments: ast.arguments) -> Iterator[str]:
    """Yield the names of the parameters of a function."""
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield each.arg
    for more in (arguments.vararg, arguments.kwarg):
        if more is not None:
            yield more.arg


def assigned_in(statements: Sequence[ast.stmt]) -> set[str]:
    """Return the names that statements give something to."""
    found: set[str] = set()
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


def assigned_once(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names that hold one thing throughout: only one place of the code assigns them."""
    counts: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] = counts.get(node.id, 0) + 1
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            for name in node.names:
                counts[name] = counts.get(name, 0) + 2
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            counts[node.target.id] = counts.get(node.target.id, 0) + 1
    return {name for name, count in counts.items() if count == 1}


@functools.lru_cache(maxsize=256)
def _method_of(kind: str) -> str:
    """Return the name of the method for a kind of syntax: ``AnnAssign`` is read by ``_on_ann_assign``."""
    return "_on_" + re.sub(r"(?<!^)([A-Z])", r"_\1", kind).lower()


def _part_of(owner: Several, part: ast.Slice) -> Several:
    """Return some of a list."""
    bounds = [_number(each) for each in (part.lower, part.upper, part.step)]
    if owner.items is not None and False not in bounds:
        return Several(owner.items[slice(*bounds)])
    each = owner.each()
    # Texts of rows of several lengths are not of one kind.
    return Several(None, None if isinstance(each, (Constant, Pieced)) else without_cover(each))


def _number(node: Optional[ast.expr]) -> Union[int, Literal[False], None]:
    """Return the number of a bound, None where there is no bound, False where it is not known."""
    if node is None:
        return None
    sign = -1 if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else 1
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    value = inner.value if isinstance(inner, ast.Constant) else None
    return sign * value if isinstance(value, int) and not isinstance(value, bool) and value else False


def _is_plain(node: ast.FormattedValue) -> bool:
    """Return whether a value is put into a text as it is."""
    return node.conversion == -1 and node.format_spec is None
