"""Following generated Python without running it: which variable holds what, along every branch.

Branches are followed apart and joined, loops twice, and the code's own functions where they are called. What cannot be followed
is unknown, and of the unknown nothing is said.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Optional, Union

from nuke_ai_panel.scripting.python_check_calls import Calls
from nuke_ai_panel.scripting.python_check_conditions import narrowed
from nuke_ai_panel.scripting.python_check_reading import Scope, assigned_in
from nuke_ai_panel.scripting.python_check_values import (
    Constant,
    Function,
    Instance,
    Named,
    NodeOf,
    Own,
    OwnClass,
    Several,
    Value,
    joined,
)
from nuke_ai_panel.scripting.python_check_versions import asks_version

__all__ = ["Flow"]

_FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef]
_DEEPEST_LOOP = 3
_TELLS = frozenset(
    [
        "print",
        "message",
        "tprint",
        "warning",
        "error",
        "debug",
        "critical",
        "info",
        "exception",
        "print_exc",
        "format_exc",
        "append",
        "write",
        "log",
        "showerror",
    ]
)


class Flow(Calls):
    """The walk through one script."""

    def run(self) -> None:
        """Walk through the script, then through those of its functions that nothing called."""
        self._block(self._tree.body)
        with self._notes.later():
            self._uncalled()

    # statements

    def _block(self, statements: Sequence[ast.stmt]) -> bool:
        """Walk through statements; return whether what follows them is not reached."""
        return any(self._statement(statement) for statement in statements)

    def _statement(self, node: ast.stmt) -> bool:
        walk = self._reader_of(node)
        if walk is not None:
            return bool(walk(node))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
        return False

    def _on_expr(self, node: ast.Expr) -> None:
        self.value(node.value)

    def _on_assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self._assign(target, value)

    def _on_ann_assign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(node.target, self.value(node.value))

    def _on_aug_assign(self, node: ast.AugAssign) -> None:
        value = self.value(node.value)
        before = self.value(node.target) if isinstance(node.target, (ast.Name, ast.Subscript)) else None
        if isinstance(before, Several):
            elements = value.each() if isinstance(value, Several) else None
            before.put(elements)
            return
        if isinstance(node.target, ast.Name):
            self._scope[node.target.id] = None

    def _on_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._scope.pop(target.id, None)

    def _on_return(self, node: ast.Return) -> bool:
        value = self.value(node.value) if node.value is not None else Constant((None,))
        if self._returned:
            self._returned[-1].append(value)
        return True

    def _on_raise(self, node: ast.Raise) -> bool:
        for each in (node.exc, node.cause):
            if each is not None:
                self.value(each)
        return True

    def _on_break(self, node: ast.Break) -> bool:
        return True

    def _on_continue(self, node: ast.Continue) -> bool:
        return True

    def _on_global(self, node: Union[ast.Global, ast.Nonlocal]) -> None:
        for name in node.names:
            self._scope[name] = None

    _on_nonlocal = _on_global

    def _on_import(self, node: ast.Import) -> None:
        for each in node.names:
            if each.asname:
                self._scope[each.asname] = Named(each.name)
            else:
                top = each.name.split(".")[0]
                self._scope[top] = Named(top)

    def _on_import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for each in node.names:
            if each.name == "*":
                if module == "nuke":
                    self._star()
                continue
            value: Optional[Value] = Named(f"{module}.{each.name}")
            if module in ("nuke", "nukescripts"):
                value = self._nuke.member(node, Named(module), each.name)
            self._scope[each.asname or each.name] = value

    def _star(self) -> None:
        for name in ("createNode", "toNode", "allNodes", "selectedNode", "selectedNodes", "root", "nodes", "Undo", "delete"):
            self._scope.setdefault(name, Named(f"nuke.{name}"))

    def _on_function_def(self, node: _FunctionNode) -> None:
        for each in (*node.decorator_list, *node.args.defaults, *(each for each in node.args.kw_defaults if each)):
            self.value(each)
        kind = self._defining
        is_bound = kind is not None and not any(_named_as(each, "staticmethod", "classmethod") for each in node.decorator_list)
        function = Function(node, self._scope, of=Own(kind) if kind is not None and is_bound else None)
        self._functions.append(function)
        if kind is not None:
            kind.functions[node.name] = None if node.decorator_list or node.name in kind.functions else function
        if node.decorator_list:
            function.calls = -1
            self._scope[node.name] = None
            with self._notes.later():
                self._body(function, {})
        else:
            self._scope[node.name] = function

    _on_async_function_def = _on_function_def

    def _on_class_def(self, node: ast.ClassDef) -> None:
        for each in (*node.bases, *node.decorator_list, *(each.value for each in node.keywords)):
            self.value(each)
        kind = OwnClass()
        for base in (self._peek(each) for each in node.bases):
            if isinstance(base, OwnClass):
                kind.derive(base)
        self._kinds.append(kind)
        outside = self._scope
        self._scope = dict(outside)
        around, self._defining = self._defining, kind
        self._block(node.body)
        self._defining = around
        inside, self._scope = self._scope, outside
        for statement in node.body:
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                for name in assigned_in([statement]):
                    value = inside.get(name) if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
                    kind.constants[name] = value if isinstance(value, (Constant, Named)) else None
        self._scope[node.name] = None if node.decorator_list or node.keywords else kind

    def _on_if(self, node: ast.If) -> bool:
        self.value(node.test)
        self._guard(node.test)
        before = self._scope
        self._scope = narrowed(node.test, before, True, self._peek)
        is_asked = asks_version(node.test)
        with self._notes.for_versions(is_asked):
            left_then = self._block(node.body)
            after_then = self._scope
            self._scope = narrowed(node.test, before, False, self._peek)
            left_else = self._block(node.orelse)
            after_else = self._scope
        for name in assigned_in([node]) if is_asked else ():
            # Which of them it is depends on the version.
            after_then[name] = after_else[name] = None
        if left_then and left_else:
            self._scope = before
            return True
        self._merge(before, after_else if left_then else after_then if left_else else _joined_scopes(after_then, after_else))
        return False

    def _on_for(self, node: Union[ast.For, ast.AsyncFor]) -> None:
        element = self._met(self.value(node.iter))
        before = dict(self._scope)
        again = 1 if self._loops >= _DEEPEST_LOOP else 2
        self._loops += 1
        for _ in range(again):
            inside = dict(self._scope)
            outside, self._scope = self._scope, inside
            self._assign(node.target, element)
            with self._may_come_back(node):
                self._block(node.body)
            self._merge(outside, _joined_scopes(before, _with_all(self._scope, inside)))
        self._loops -= 1
        if again == 1:
            for name in assigned_in(node.body):
                self._scope[name] = None
        self._block(node.orelse)

    _on_async_for = _on_for

    def _on_while(self, node: ast.While) -> None:
        before = dict(self._scope)
        again = 1 if self._loops >= _DEEPEST_LOOP else 2
        self._loops += 1
        for _ in range(again):
            self.value(node.test)
            self._guard(node.test)
            outside = self._scope
            self._scope = narrowed(node.test, outside, True, self._peek)
            inside = self._scope
            with self._may_come_back(node):
                self._block(node.body)
            self._merge(outside, _joined_scopes(before, _with_all(self._scope, inside)))
        self._loops -= 1
        if again == 1:
            for name in assigned_in(node.body):
                self._scope[name] = None
        self._block(node.orelse)

    def _on_try(self, node: ast.Try) -> bool:
        before = dict(self._scope)
        softness = max((_softness(each) for each in node.handlers), default=0)
        with self._notes.softened(softness):
            left = self._block(node.body)
        after = self._scope if not left else None
        middle = _joined_scopes(before, self._scope)
        if not left:
            left = self._block(node.orelse)
            after = self._scope if not left else None
        ends = [] if after is None else [after]
        for handler in node.handlers:
            self._scope = dict(middle)
            if handler.name:
                self._scope[handler.name] = None
            # What is done instead is meant for another Nuke or another node.
            with self._notes.softened(2):
                left_handler = self._block(handler.body)
            if not left_handler:
                ends.append(self._scope)
        joined_end = ends[0] if ends else middle
        for each in ends[1:]:
            joined_end = _joined_scopes(joined_end, each)
        self._scope = dict(joined_end)
        left_last = self._block(node.finalbody)
        return left_last or not ends

    _on_try_star = _on_try

    def _on_with(self, node: Union[ast.With, ast.AsyncWith]) -> bool:
        before = self._notes.in_group
        for item in node.items:
            value = self.value(item.context_expr)
            self._notes.use(value)
            if isinstance(value, NodeOf):
                self._notes.in_group = int(value.classes != frozenset({"Root"}))
            if item.optional_vars is not None:
                self._assign(item.optional_vars, value if isinstance(value, (NodeOf, Instance)) else None)
        left = self._block(node.body)
        self._notes.in_group = before
        return left

    _on_async_with = _on_with

    def _on_assert(self, node: ast.Assert) -> None:
        self.value(node.test)
        self._guard(node.test)
        self._scope = narrowed(node.test, self._scope, True, self._peek)

    def _on_match(self, node: ast.stmt) -> None:
        self.value(node.subject)  # type: ignore[attr-defined]
        for case in node.cases:  # type: ignore[attr-defined]
            before = dict(self._scope)
            for each in ast.walk(case.pattern):
                name = getattr(each, "name", None) or getattr(each, "rest", None)
                if isinstance(name, str):
                    self._scope[name] = None
            self._block(case.body)
            self._scope = _joined_scopes(before, self._scope)

    def _merge(self, before: Scope, after: Scope) -> None:
        # The scope stays the same object where functions were made in it, so that they see what comes later.
        before.clear()
        before.update(after)
        self._scope = before


def _joined_scopes(one: Scope, other: Scope) -> Scope:
    return {name: joined(one[name], other[name]) if name in one and name in other else None for name in {**one, **other}}


def _with_all(one: Scope, other: Scope) -> Scope:
    return one if one is other else {**other, **one}


def _named_as(node: ast.expr, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _softness(handler: ast.ExceptHandler) -> int:
    """Return how much a handler takes out of an error: 1 where it only tells or passes on, 2 where it goes another way."""
    caught = [] if handler.type is None else [getattr(each, "id", "") for each in ast.walk(handler.type)]
    if "NameError" in caught:
        # What Nuke says of a knob that a node does not have.
        return 2
    for statement in handler.body:
        if isinstance(statement, (ast.Pass, ast.Continue, ast.Break, ast.Raise, ast.Return)):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, (ast.Call, ast.Constant)):
            call = statement.value
            name = ""
            if isinstance(call, ast.Call):
                name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if isinstance(call, ast.Constant) or name in _TELLS:
                continue
        return 2
    return 1
