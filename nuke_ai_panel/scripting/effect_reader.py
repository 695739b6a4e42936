"""Reading what a script does off its syntax tree: which calls, on which lines, and how often where that can be counted."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional, Union

from nuke_ai_panel.scripting.effect_names import CALLS, DIALOGS, METHODS, MODULES, EffectKind

__all__ = ["Reading", "read_effects"]


@dataclass(frozen=True)
class Reading:
    """Where a script does one kind of thing, as line and call, and how often; `count` 0 where that is not known."""

    kind: EffectKind
    places: tuple[tuple[int, str], ...]
    count: int


def read_effects(tree: ast.AST) -> list[Reading]:
    """Return what a script does, one entry a kind, in the order it was met."""
    reader = _Reader()
    try:
        reader.visit(tree)
        reader.visit_uncalled()
    except RecursionError:
        # Nested deeper than it can be followed: what is done is still found, how often is not.
        reader = _Reader()
        reader.visit_flat(tree)
    return [Reading(kind, tuple(found), reader.count(kind)) for kind, found in reader.found.items()]


_Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


class _Reader(ast.NodeVisitor):
    """Collects effects. `_times` is how often the place at hand runs, None where that is not known."""

    def __init__(self) -> None:
        self.found: dict[EffectKind, list[tuple[int, str]]] = {}
        self._counts: dict[EffectKind, Optional[int]] = {}
        self._aliases: dict[str, str] = {}
        self._own: set[str] = set()
        self._functions: dict[str, _Function] = {}
        self._called: set[str] = set()
        self._calling: list[str] = []
        self._times: Optional[int] = 1

    def count(self, kind: EffectKind) -> int:
        """Return how often it is done, 0 where that is not known."""
        return self._counts.get(kind) or 0

    def _add(self, kind: EffectKind, node: Union[ast.expr, ast.stmt], call: str) -> None:
        self.found.setdefault(kind, []).append((node.lineno, call))
        before = self._counts.get(kind, 0)
        self._counts[kind] = None if before is None or self._times is None else before + self._times

    def visit_Module(self, node: ast.Module) -> None:
        # A script's own `def exit()` is not the built-in of that name, wherever it stands.
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        self._own = {each.name for each in ast.walk(node) if isinstance(each, functions)}
        self._functions = {each.name: each for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))}
        self.generic_visit(node)

    def _visit_function(self, node: _Function) -> None:
        if self._functions.get(node.name) is not node:
            self._visit_times(node, None)
        else:
            for each in (*node.decorator_list, *node.args.defaults):
                self.visit(each)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_uncalled(self) -> None:
        """Read the functions that nothing calls by name: how often they run is not known."""
        for name, function in self._functions.items():
            if name not in self._called:
                self._visit_times(function, None)

    def _follow(self, name: str) -> None:
        """Read one of the script's own functions where it is called."""
        function = self._functions[name]
        if name in self._calling or len(self._calling) > 4:
            self._counts.update(dict.fromkeys(self._counts))
            return
        seen_twice = name in self._called and len(self._called) > 20
        self._called.add(name)
        self._calling.append(name)
        if not seen_twice:
            self._visit_times(function, self._times)
        self._calling.pop()

    def _visit_times(self, node: ast.AST, times: Optional[int]) -> None:
        before, self._times = self._times, times
        self.generic_visit(node)
        self._times = before

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_times(node, None)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_times(node, None)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        is_main = (
            isinstance(node.test, ast.Compare) and isinstance(node.test.left, ast.Name) and node.test.left.id == "__name__"
        )
        before = self._times
        for part in (*node.body, *node.orelse):
            self._times = before if is_main else None
            self.visit(part)
        self._times = before

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._visit_times(node, None)

    def visit_Try(self, node: ast.Try) -> None:
        for part in (*node.body, *node.orelse, *node.finalbody):
            self.visit(part)
        for handler in node.handlers:
            self._visit_times(handler, None)

    def _visit_for(self, node: Union[ast.For, ast.AsyncFor]) -> None:
        self.visit(node.iter)
        turns = (
            None
            if any(isinstance(each, (ast.Break, ast.Continue, ast.Return)) for each in ast.walk(node))
            else _turns(node.iter)
        )
        before = self._times
        self._times = None if turns is None or before is None else before * turns
        for part in node.body:
            self.visit(part)
        self._times = before
        for part in node.orelse:
            self.visit(part)

    def visit_For(self, node: ast.For) -> None:
        self._visit_for(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._visit_for(node)

    def _visit_comprehension(self, node: Union[ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp]) -> None:
        times = self._times
        for each in node.generators:
            turns = None if each.ifs else _turns(each.iter)
            times = None if turns is None or times is None else times * turns
        self._visit_times(node, times)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._visit_comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._visit_comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._visit_comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._visit_comprehension(node)

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            self._aliases[name.asname or name.name.split(".")[0]] = name.name if name.asname else name.name.split(".")[0]
            self._module(name.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for name in node.names:
            self._aliases[name.asname or name.name] = f"{module}.{name.name}"
            if not self._module(module, node):
                self._module(f"{module}.{name.name}", node)

    def _module(self, name: str, node: ast.stmt) -> bool:
        for prefix in _prefixes(name):
            kind = MODULES.get(prefix)
            if kind:
                self._add(kind, node, f"import {name}")
                return True
        return False

    def visit_flat(self, tree: ast.AST) -> None:
        """Read a tree without going down into it node by node."""
        self._times = None
        nodes = list(ast.walk(tree))
        self._own = {each.name for each in nodes if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
        # Imports come first: they say what the names in calls mean.
        for node in nodes:
            if isinstance(node, ast.Import):
                self.visit_Import(node)
            elif isinstance(node, ast.ImportFrom):
                self.visit_ImportFrom(node)
        for node in nodes:
            if isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.While):
                self._loop(node)

    def visit_While(self, node: ast.While) -> None:
        self._loop(node)
        self._visit_times(node, None)

    def _loop(self, node: ast.While) -> None:
        forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
        if (
            forever
            and not any(isinstance(each, (ast.Return, ast.Raise, ast.Yield)) for each in ast.walk(node))
            and not _breaks(node)
        ):
            self._add("may not end", node, "while True")

    def visit_Call(self, node: ast.Call) -> None:
        self._call(node)
        if isinstance(node.func, ast.Name) and node.func.id in self._functions and node.func.id not in self._aliases:
            self._follow(node.func.id)
        self.generic_visit(node)

    def _call(self, node: ast.Call) -> None:
        name = self._dotted(node.func)
        if name:
            self._named(name, node)
        if isinstance(node.func, ast.Attribute):
            kind = METHODS.get(node.func.attr)
            if node.func.attr == "open" and name not in ("io.open", "codecs.open") and _is_write_mode(node.args[:1]):
                kind = "writes files"
            if (
                kind == "connects"
                and len(node.args) > 1
                and isinstance(node.args[1], ast.Constant)
                and node.args[1].value is None
            ):
                kind = "disconnects"
            if kind and name not in CALLS:
                self._add(kind, node, f".{node.func.attr}()")

    def _named(self, name: str, node: ast.Call) -> None:
        if name.startswith("nuke.nodes."):
            self._add("creates nodes", node, name)
        elif name.startswith("nuke.add") and name[8:9].isupper():
            # addOnCreate, addKnobChanged, addUpdateUI … are callbacks; addFormat and the others change the session too.
            self._add("stays in the session", node, name)
        elif name in ("open", "io.open", "codecs.open"):
            kind = _open_kind(node)
            self._add(kind, node, "open")
        elif name in ("nuke.Undo.disable", "nuke.Undo().disable"):
            self._add("stays in the session", node, name)
        elif name in CALLS:
            self._add(CALLS[name], node, name)
        elif not DIALOGS.isdisjoint(name.split(".")[:-1]):
            self._add("waits for the artist", node, name)

    def _dotted(self, node: ast.expr) -> str:
        """Return the full dotted name of a name or attribute chain with imports resolved, "" for anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        if node.id in self._own and node.id not in self._aliases:
            return ""
        return ".".join([self._aliases.get(node.id, node.id), *reversed(parts)])


def _turns(iterable: ast.expr) -> Optional[int]:
    """Return how many turns a loop has, None where that is not known."""
    if isinstance(iterable, (ast.Tuple, ast.List)):
        return None if any(isinstance(each, ast.Starred) for each in iterable.elts) else len(iterable.elts)
    if isinstance(iterable, ast.Constant) and isinstance(iterable.value, str):
        return len(iterable.value)
    if isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name) and not iterable.keywords:
        if iterable.func.id == "enumerate" and iterable.args:
            return _turns(iterable.args[0])
        numbers = [each.value for each in iterable.args if isinstance(each, ast.Constant) and isinstance(each.value, int)]
        if iterable.func.id == "range" and 0 < len(numbers) == len(iterable.args) < 4 and (len(numbers) < 3 or numbers[2]):
            return len(range(*numbers))
    return None


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _open_kind(node: ast.Call) -> EffectKind:
    mode: Optional[ast.expr] = node.args[1] if len(node.args) > 1 else None
    for keyword in node.keywords:
        if keyword.arg == "mode":
            mode = keyword.value
    if mode is None:
        return "reads files"
    if isinstance(mode, ast.Constant) and isinstance(mode.value, str) and not set(mode.value) & set("wax+"):
        return "reads files"
    return "writes files"


def _is_write_mode(arguments: list[ast.expr]) -> bool:
    """Return whether ``pathlib.Path.open`` is called to write; its mode comes first."""
    mode = arguments[0] if arguments else None
    if not (isinstance(mode, ast.Constant) and isinstance(mode.value, str)):
        return False
    return len(mode.value) <= 3 and bool(set(mode.value) & set("wax+"))


def _breaks(loop: ast.While) -> bool:
    """Return whether a ``break`` ends this loop, and not only one inside of it."""
    waiting: list[ast.AST] = list(loop.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Break):
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            waiting.extend(node.orelse)
            continue
        waiting.extend(ast.iter_child_nodes(node))
    return False
