"""Calls in generated Python: the code's own functions and objects are followed, and so is code that is kept as text."""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Optional

from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.python_check_containers import TEXT_FUNCTIONS, built_in_call, container_call, text_call
from nuke_ai_panel.scripting.python_check_names import ScriptNames
from nuke_ai_panel.scripting.python_check_notes import Notes
from nuke_ai_panel.scripting.python_check_reading import Reading, Scope, assigned_once, parameters_of
from nuke_ai_panel.scripting.python_check_texts import PIECE, marked_texts, of_marked
from nuke_ai_panel.scripting.python_check_values import (
    Bound,
    ClassOf,
    Constant,
    Function,
    Given,
    KnobOf,
    Mapped,
    Named,
    NodeOf,
    Own,
    OwnClass,
    Pieced,
    Several,
    Value,
    joined_all,
)

__all__ = ["Calls"]

_DEEPEST_CALL = 4
_DEEPEST_TEXT = 2
#: Methods that take Python as text, and at which place.
_TAKE_CODE = {"setCommand": 0, "addCommand": 1, "setScript": 0}


class Calls(Reading):
    """The calls of one script."""

    def __init__(self, names: ScriptNames, notes: Notes, tree: ast.Module, nodes: Sequence[ast.AST]) -> None:
        super().__init__(names, notes, tree, nodes)
        #: The functions and classes of the code by name, and how often a name is used.
        self._own: dict[str, list[ast.AST]] = {}
        self._uses: dict[str, int] = {}
        self._defining: Optional[OwnClass] = None
        self._makers: dict[ast.AST, bool] = {}
        self._generators_seen: dict[ast.AST, bool] = {}
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self._own.setdefault(node.name, []).append(node)
        for node in nodes if self._own else ():
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if name in self._own:
                self._uses[name] = self._uses.get(name, 0) + 1

    def _on_call(self, node: ast.Call) -> Optional[Value]:
        callee = self._callee(node)
        places = [self.value(each) for each in node.args]
        named = {_argument(each): self.value(each.value) for each in node.keywords}
        nodes: dict[str, ast.expr] = {str(number): each for number, each in enumerate(node.args)}
        nodes.update((_argument(each), each.value) for each in node.keywords)
        more = "**" in named or any(isinstance(each, ast.Starred) for each in node.args)
        named.pop("**", None)
        given = Given(places, named, nodes, more)
        for value in (*places, *named.values()):
            if isinstance(value, Function) and not (isinstance(callee, Function)):
                self._handed_over(value)
        if node in self._names.code.makers and not isinstance(callee, (Function, OwnClass)):
            self._notes.made_any = self._notes.made_any or not self._nuke.names_made(callee, given)
        if isinstance(callee, Function):
            return self._own_call(callee, given)
        if isinstance(callee, OwnClass):
            return self._made_of(callee, given)
        if isinstance(callee, Bound) and isinstance(callee.owner, Own):
            function = callee.owner.kind.function(callee.name)
            return None if function is None else self._own_call(function, given)
        if isinstance(callee, Named):
            made = TEXT_FUNCTIONS.get(callee.name)
            first = given.get(0)
            texts = marked_texts(first)
            if made is not None and texts:
                return of_marked(made(texts[0])) if len(texts) == 1 else Constant(tuple(made(each) for each in texts))
            return self._nuke.call(node, callee.name, given)
        if isinstance(callee, Bound):
            owner = callee.owner
            if isinstance(owner, (Several, Mapped)):
                return container_call(owner, callee.name, given)
            if isinstance(owner, (Constant, Pieced)):
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
        self._unknown_call(node, given)
        return NodeOf() if self._is_any_class(node.func) else None

    def _is_any_class(self, func: ast.expr) -> bool:
        """Return whether this is ``getattr(nuke.nodes, name)``, whatever that name is."""
        if not isinstance(func, ast.Call) or not func.args or not isinstance(func.func, ast.Name):
            return False
        return func.func.id == "getattr" and self.value(func.args[0]) == Named("nuke.nodes")

    def _unknown_call(self, node: ast.Call, given: Given) -> None:
        """Reckon with one of the code's own functions being behind a call, and with a button behind an object."""
        func = node.func
        if not isinstance(func, ast.Attribute) or func.attr in self._own:
            self._made_unseen()
        elif func.attr in _TAKE_CODE:
            place = _TAKE_CODE[func.attr]
            for text in marked_texts(given.get(place, "command")):
                self.code_in_text(given.nodes.get(str(place), node), text, sure=False)

    def _made_unseen(self) -> None:
        self._notes.made_any = self._notes.made_any or self._names.code.any_node

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
            self._made_unseen()
            return None
        function.calls += 1
        definition = function.definition
        arguments = definition.args
        order = [each.arg for each in (*arguments.posonlyargs, *arguments.args)][function.of is not None :]
        scope: Scope = dict.fromkeys(parameters_of(arguments))
        for name, default in zip(order[len(order) - len(arguments.defaults) :], arguments.defaults):
            scope[name] = Constant((default.value,)) if isinstance(default, ast.Constant) else None
        for each, default_or_none in zip(arguments.kwonlyargs, arguments.kw_defaults):
            scope[each.arg] = Constant((default_or_none.value,)) if isinstance(default_or_none, ast.Constant) else None
        if not given.has_more:
            scope.update(zip(order, given.places))
            scope.update((name, value) for name, value in given.named.items() if name in scope)
        else:
            scope = dict.fromkeys(scope)
        if function.of is not None:
            scope.update(zip(parameters_of(arguments), [function.of]))
        return self._body(function, scope)

    def _made_of(self, kind: OwnClass, given: Given) -> Own:
        """Return a new object, with what is done as it is made followed."""
        start = kind.function("__init__")
        if start is not None:
            self._own_call(start, given)
        for name, function in kind.functions.items():
            # What Python calls by itself: __enter__, __del__, __getitem__.
            if name.startswith("__") and name != "__init__" and function is not None and self._makes(function.definition):
                self._made_unseen()
        return Own(kind)

    def _makes(self, node: ast.AST) -> bool:
        """Return whether running this may make nodes of whatever name."""
        if not self._names.code.any_node:
            return False
        if node not in self._makers:
            calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
            self._makers[node] = any(each in self._names.code.makers or _called(each) in self._own_makers for each in calls)
        return self._makers[node]

    @functools.cached_property
    def _own_makers(self) -> set[str]:
        """The names of the code's own functions and classes that may make nodes of whatever name, by whatever way."""
        makers = self._names.code.makers
        called: dict[str, set[str]] = {}
        found: set[str] = set()
        for name, definitions in self._own.items():
            calls = [each for one in definitions for each in ast.walk(one) if isinstance(each, ast.Call)]
            called[name] = {_called(each) for each in calls} & self._own.keys()
            if not makers.isdisjoint(calls):
                found.add(name)
        while True:
            more = {name for name, names in called.items() if name not in found and not names.isdisjoint(found)}
            if not more:
                return found
            found |= more

    def _may_come_back(self, node: ast.AST) -> AbstractContextManager[None]:
        return self._notes.coming_back(self._makes(node))

    def _body(self, function: Function, given: Scope) -> Optional[Value]:
        outside = self._scope
        known = {
            name: value
            for name, value in function.scope.items()
            if isinstance(value, (Named, Function, Own, OwnClass)) or name in self._once or function.scope is outside
        }
        definition = function.definition
        parameters: Scope = dict.fromkeys(parameters_of(definition.args))
        if function.of is not None:
            parameters.update(zip(parameters_of(definition.args), [function.of]))
        self._scope = {**known, **parameters, **given}
        self._returned.append([])
        depth, self._loops = self._loops, 0
        group = self._notes.in_group
        function.missed = False
        self._running.append(function)
        defining, self._defining = self._defining, None
        several = self._uses.get(definition.name, 0) > 1 and self._makes(definition)
        with self._notes.coming_back(several):
            falls_through = not self._block(definition.body)
        self._running.pop()
        self._defining = defining
        self._notes.in_group = group
        self._loops = depth
        returned = self._returned.pop()
        self._scope = outside
        if self._is_generator(definition):
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

    def code_in_text(self, place: ast.AST, text: str, sure: bool = True) -> None:
        """Look at Python that stands in a knob or a menu entry; it runs later and in a namespace of its own."""
        if self._texts >= _DEEPEST_TEXT or len(text) > 100_000 or (text.strip().isidentifier() and PIECE in text):
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text)
        except SyntaxError as error:
            # What is put in may be any part of the code, and what is no button may take any text.
            if PIECE not in text and sure:
                said = f"The code in this text cannot be read as Python ({error.msg}, line {error.lineno or 1} of it)."
                self._notes.report(place, Finding(said, "warning", "syntax"))
            return
        except (ValueError, RecursionError, MemoryError):
            return
        nodes = list(ast.walk(tree))
        if not sure and not any(isinstance(each, ast.Name) and each.id in ("nuke", "nukescripts") for each in nodes):
            return
        self._notes.keep(place, text, tree)
        if any(isinstance(each, ast.Expr) and _is_piece(each.value) for each in nodes):
            # Whole lines are put in, which may give any name another meaning.
            return
        outside, self._scope = self._scope, {"nuke": Named("nuke"), "nukescripts": Named("nukescripts")}
        functions, self._functions = self._functions, []
        once, self._once = self._once, assigned_once(nodes)
        code, self._names.code = self._names.code, self._names.code.with_more(nodes)
        self._texts += 1
        with self._notes.beside(), self._notes.later(place):
            self._block(tree.body)
            self._uncalled()
        self._texts -= 1
        self._scope, self._functions, self._once, self._names.code = outside, functions, once, code

    def _uncalled(self) -> None:
        """Read the functions that nothing calls: what they are given is not known."""
        for function in self._functions:
            if not function.calls:
                self._body(function, {})
        # What an object holds may be known only now.
        for function in self._functions:
            if function.missed:
                self._body(function, {})


def _argument(node: ast.keyword) -> str:
    return "**" if node.arg is None or PIECE in node.arg else node.arg


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_piece(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == PIECE
