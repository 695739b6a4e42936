"""What expressions of generated Python give, with the calls in them followed and what is wrong in them noted."""

from __future__ import annotations

import ast
import functools
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Optional, Union

from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.python_check_conditions import guards_of, narrowed
from nuke_ai_panel.scripting.python_check_containers import (
    TEXT_FUNCTIONS,
    built_in_call,
    container_call,
    element_of,
    text_call,
)
from nuke_ai_panel.scripting.python_check_names import ScriptNames
from nuke_ai_panel.scripting.python_check_notes import Notes
from nuke_ai_panel.scripting.python_check_nuke import NukeNames
from nuke_ai_panel.scripting.python_check_values import (
    Bound,
    ClassOf,
    Constant,
    Function,
    Given,
    Instance,
    KnobOf,
    Mapped,
    Named,
    NodeOf,
    Several,
    Value,
    joined,
    joined_all,
    without_cover,
)

__all__ = ["Reading", "Scope", "assigned_in"]

Scope = dict[str, Optional[Value]]
_DEEPEST_CALL = 4
_DEEPEST_TEXT = 2


class Reading:
    """The expressions of one script; what walks through its statements is built on it."""

    def __init__(self, names: ScriptNames, notes: Notes, tree: ast.Module, nodes: Sequence[ast.AST]) -> None:
        self._names = names
        self._notes = notes
        self._nuke = NukeNames(names, notes, self._code_in_text)
        self._scope: Scope = {"nuke": Named("nuke"), "nukescripts": Named("nukescripts")}
        self._functions: list[Function] = []
        self._returned: list[list[Optional[Value]]] = []
        self._loops = 0
        self._texts = 0
        self._once = _assigned_once(nodes)
        self._tree = tree
        self._steps = 0
        self._most_steps = 2 * len(nodes) + 1_000
        self._generators_seen: dict[ast.AST, bool] = {}

    def _reader_of(self, node: ast.AST) -> Optional[Callable[[Any], Any]]:
        return getattr(self, _method_of(type(node).__name__), None)

    def _met(self, value: Optional[Value]) -> Optional[Value]:
        """Return what a loop over a value meets."""
        self._notes.use(value)
        return element_of(value)

    def _block(self, statements: Sequence[ast.stmt]) -> bool:
        """Walk through statements; return whether what follows them is not reached."""
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
            self.value(target.value)

    def _unpack(self, targets: Sequence[ast.expr], value: Optional[Value]) -> None:
        items: Sequence[Optional[Value]] = ()
        if isinstance(value, Several) and value.items is not None and len(value.items) == len(targets):
            items = value.items
        elif isinstance(value, Constant) and len(value.values) == 1 and isinstance(value.values[0], tuple):
            if len(value.values[0]) == len(targets):
                items = [Constant((each,)) for each in value.values[0]]
        elif isinstance(value, Several):
            items = [without_cover(value.each())] * len(targets)
        starred = any(isinstance(each, ast.Starred) for each in targets)
        for number, target in enumerate(targets):
            self._assign(target, items[number] if items and not starred else None)

    # expressions

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
            if isinstance(left, Constant) and isinstance(right, Constant) and left.texts() and right.texts():
                made = tuple(one + other for one in left.texts() for other in right.texts())
                return Constant(made) if len(made) <= 40 else None
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
                guards_of(each, self._peek)
                self._scope = narrowed(each, self._scope, isinstance(node.op, ast.And), self._peek)
        self._scope = before
        return joined_all(found) if isinstance(node.op, ast.Or) else None

    def _on_if_exp(self, node: ast.IfExp) -> Optional[Value]:
        self.value(node.test)
        guards_of(node.test, self._peek)
        before = self._scope
        self._scope = narrowed(node.test, before, True, self._peek)
        then = self.value(node.body)
        self._scope = narrowed(node.test, before, False, self._peek)
        other = self.value(node.orelse)
        self._scope = before
        return joined(then, other)

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
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                value = self.value(each.value)
                self._nuke.misused(each.value, value)
        return None

    def _on_lambda(self, node: ast.Lambda) -> Optional[Value]:
        outside, self._scope = self._scope, dict(self._scope)
        known = self._notes.selection_known
        self._notes.selection_known = False
        for name in _parameters(node.args):
            self._scope[name] = None
        self.value(node.body)
        self._scope, self._notes.selection_known = outside, known
        return None

    def _on_list_comp(self, node: Union[ast.ListComp, ast.SetComp, ast.GeneratorExp]) -> Value:
        with self._inner():
            self._generators(node.generators)
            value = self.value(node.elt)
            return Several(None, value)

    _on_set_comp = _on_list_comp
    _on_generator_exp = _on_list_comp

    def _on_dict_comp(self, node: ast.DictComp) -> Value:
        with self._inner():
            self._generators(node.generators)
            self.value(node.key)
            return Mapped(None, without_cover(self.value(node.value)))

    def _generators(self, generators: Sequence[ast.comprehension]) -> None:
        for each in generators:
            self._assign(each.target, self._met(self.value(each.iter)))
            for test in each.ifs:
                self.value(test)
                guards_of(test, self._peek)
                self._scope = narrowed(test, self._scope, True, self._peek)

    def _on_attribute(self, node: ast.Attribute) -> Optional[Value]:
        owner = self.value(node.value)
        if isinstance(owner, Named):
            if owner.name in ("nuke", "nukescripts") or owner.name.startswith("nuke."):
                return self._nuke.member(node, owner, node.attr)
            return Named(f"{owner.name}.{node.attr}")
        if isinstance(owner, (NodeOf, KnobOf, Instance)):
            return self._nuke.attribute(node, owner, node.attr)
        if isinstance(owner, Bound):
            self._nuke.misused(node.value, owner)
            return None
        if isinstance(owner, (Several, Mapped)) or (isinstance(owner, Constant) and owner.texts()):
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
                return Several(None, without_cover(owner.each()))
            number = key.values[0] if isinstance(key, Constant) and len(key.values) == 1 else None
            items = owner.items
            if items is not None and isinstance(number, int) and -len(items) <= number < len(items):
                return items[number]
            return without_cover(owner.each())
        if isinstance(owner, Mapped):
            if owner.entries is not None and isinstance(key, Constant) and len(key.values) == 1:
                return owner.entries.get(key.values[0])
            return self._nuke.entry(node, owner, key)
        return None

    # calls

    def _on_call(self, node: ast.Call) -> Optional[Value]:
        callee = self._callee(node)
        places = [self.value(each) for each in node.args]
        named = {each.arg or "**": self.value(each.value) for each in node.keywords}
        nodes: dict[str, ast.expr] = {str(number): each for number, each in enumerate(node.args)}
        nodes.update((each.arg or "**", each.value) for each in node.keywords)
        more = "**" in named or any(isinstance(each, ast.Starred) for each in node.args)
        named.pop("**", None)
        given = Given(places, named, nodes, more)
        for value in (*places, *named.values()):
            if isinstance(value, Function) and not (isinstance(callee, Function)):
                self._handed_over(value)
        if isinstance(callee, Function):
            return self._own_call(callee, given)
        if isinstance(callee, Named):
            made = TEXT_FUNCTIONS.get(callee.name)
            first = given.get(0)
            if made is not None and isinstance(first, Constant) and first.texts():
                return Constant(tuple(made(each) for each in first.texts()))
            return self._nuke.call(node, callee.name, given)
        if isinstance(callee, Bound):
            owner = callee.owner
            if isinstance(owner, (Several, Mapped)):
                return container_call(owner, callee.name, given)
            if isinstance(owner, Constant):
                return text_call(owner, callee.name, given)
            found = self._nuke.method(node, callee, given)
            if callee.name == "Class" and isinstance(owner, NodeOf) and isinstance(node.func, ast.Attribute):
                holder = node.func.value
                return ClassOf(holder.id if isinstance(holder, ast.Name) else "", owner)
            return found
        if isinstance(callee, (KnobOf, NodeOf)):
            return None
        if isinstance(node.func, ast.Name) and node.func.id not in self._scope:
            return built_in_call(node.func.id, given)
        return None

    def _callee(self, node: ast.Call) -> Optional[Value]:
        func = node.func
        if isinstance(func, ast.Call) and isinstance(func.func, ast.Name) and func.func.id == "getattr" and len(func.args) > 1:
            owner, name = self.value(func.args[0]), self.value(func.args[1])
            if isinstance(owner, Named) and isinstance(name, Constant) and len(name.texts()) == 1:
                return Named(f"{owner.name}.{name.texts()[0]}")
            return None
        return self.value(func)

    def _own_call(self, function: Function, given: Given) -> Optional[Value]:
        if function.calls < 0 or self._steps > self._most_steps or len(self._returned) >= _DEEPEST_CALL:
            return None
        function.calls += 1
        definition = function.definition
        arguments = definition.args
        order = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
        scope: Scope = dict.fromkeys(_parameters(arguments))
        for name, default in zip(order[len(order) - len(arguments.defaults) :], arguments.defaults):
            scope[name] = Constant((default.value,)) if isinstance(default, ast.Constant) else None
        for each, default_or_none in zip(arguments.kwonlyargs, arguments.kw_defaults):
            scope[each.arg] = Constant((default_or_none.value,)) if isinstance(default_or_none, ast.Constant) else None
        if not given.has_more:
            scope.update(zip(order, given.places))
            scope.update((name, value) for name, value in given.named.items() if name in scope)
        else:
            scope = dict.fromkeys(scope)
        return self._body(function, scope)

    def _body(self, function: Function, given: Scope) -> Optional[Value]:
        outside = self._scope
        known = {
            name: value
            for name, value in function.scope.items()
            if isinstance(value, (Named, Function)) or name in self._once or function.scope is outside
        }
        parameters: Scope = dict.fromkeys(_parameters(function.definition.args))
        self._scope = {**known, **parameters, **given}
        self._returned.append([])
        depth, self._loops = self._loops, 0
        group = self._notes.in_group
        falls_through = not self._block(function.definition.body)
        self._notes.in_group = group
        self._loops = depth
        returned = self._returned.pop()
        self._scope = outside
        if self._is_generator(function.definition):
            return None
        if falls_through:
            returned.append(Constant((None,)))
        return joined_all(returned)

    def _is_generator(self, definition: ast.AST) -> bool:
        if definition not in self._generators_seen:
            yields = (ast.Yield, ast.YieldFrom)
            self._generators_seen[definition] = any(isinstance(each, yields) for each in ast.walk(definition))
        return self._generators_seen[definition]

    def _handed_over(self, function: Function) -> None:
        if function.calls == 0:
            function.calls = 1
            with self._notes.later():
                self._body(function, {})

    # code in texts

    def _code_in_text(self, place: ast.AST, text: str) -> None:
        """Look at Python that stands in a knob or a menu entry; it runs later and in a namespace of its own."""
        if self._texts >= _DEEPEST_TEXT or len(text) > 100_000:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text)
        except SyntaxError as error:
            said = f"The code in this text cannot be read as Python ({error.msg}, line {error.lineno or 1} of it)."
            self._notes.report(place, Finding(said, "warning", "syntax"))
            return
        except (ValueError, RecursionError, MemoryError):
            return
        outside, self._scope = self._scope, {"nuke": Named("nuke"), "nukescripts": Named("nukescripts")}
        functions, self._functions = self._functions, []
        self._texts += 1
        with self._notes.later(place):
            self._block(tree.body)
            for function in self._functions:
                if not function.calls:
                    self._body(function, {})
        self._texts -= 1
        self._scope, self._functions = outside, functions


def _parameters(arguments: ast.arguments) -> Iterator[str]:
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


def _assigned_once(nodes: Sequence[ast.AST]) -> set[str]:
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
