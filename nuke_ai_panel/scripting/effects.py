"""What a script does to the world, read off its syntax tree and told in plain words.

A label informs, it protects from nothing: names can be computed and calls hidden. What protects is the dry run on a copy, the
artist's consent and the undo step.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional, Union

from nuke_ai_panel.scripting.effect_names import CALLS, METHODS, MODULES, EffectKind

__all__ = ["Effect", "EffectKind", "find_effects"]


#: Kinds that a graph diff shows already; all others are told as warnings.
_SHOWN_BY_THE_DIFF: frozenset[str] = frozenset({"creates nodes", "changes knobs", "connects"})

_WORDS: dict[str, str] = {
    "creates nodes": "Creates nodes",
    "changes knobs": "Changes knobs",
    "connects": "Changes connections",
    "deletes nodes": "Deletes nodes",
    "renders": "Renders, which can take long and overwrite files",
    "replaces the script": "Closes or replaces the open script, which undo cannot take back",
    "saves the script": "Saves the script to disk",
    "reads files": "Reads files",
    "writes files": "Writes files or folders",
    "deletes files": "Deletes or moves files",
    "starts a process": "Starts another program",
    "network": "Uses the network",
    "exits": "Closes Nuke",
    "waits for the artist": "Opens a dialog and waits",
    "runs hidden code": "Runs code that is put together at run time and cannot be checked here",
    "stays in the session": "Leaves a callback, menu or default in the session, which undo cannot take back",
    "may not end": "Has a loop without an end that can be seen",
}


@dataclass(frozen=True)
class Effect:
    """One thing a script does, and the lines (from 1) where it does so."""

    kind: EffectKind
    lines: tuple[int, ...]
    call: str = ""

    @property
    def is_warning(self) -> bool:
        """Whether the artist should be told although a graph diff is shown."""
        return self.kind not in _SHOWN_BY_THE_DIFF

    def __str__(self) -> str:
        shown = ", ".join(str(line) for line in self.lines[:3])
        more = f" and {len(self.lines) - 3} more" if len(self.lines) > 3 else ""
        noun = "line" if len(self.lines) == 1 else "lines"
        return f"{_WORDS[self.kind]} ({noun} {shown}{more}{': ' + self.call if self.call else ''})"


def find_effects(tree: ast.AST) -> list[Effect]:
    """Return the effects of a syntax tree, one entry a kind, those that undo cannot take back first."""
    reader = _Reader()
    reader.visit(tree)
    order = {kind: number for number, kind in enumerate(_SEVERITY)}
    effects = [
        Effect(kind, tuple(sorted({line for line, _ in found})), min(found)[1]) for kind, found in reader.found.items() if found
    ]
    return sorted(effects, key=lambda effect: order[effect.kind])


_SEVERITY: tuple[EffectKind, ...] = (
    "exits",
    "replaces the script",
    "deletes files",
    "starts a process",
    "network",
    "writes files",
    "saves the script",
    "renders",
    "runs hidden code",
    "may not end",
    "stays in the session",
    "waits for the artist",
    "reads files",
    "deletes nodes",
    "creates nodes",
    "connects",
    "changes knobs",
)

_Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: dict[EffectKind, list[tuple[int, str]]] = {}
        self._aliases: dict[str, str] = {}
        self._own: set[str] = set()

    def _add(self, kind: EffectKind, node: Union[ast.expr, ast.stmt], call: str) -> None:
        self.found.setdefault(kind, []).append((node.lineno, call))

    def visit_Module(self, node: ast.Module) -> None:
        # A script's own `def exit()` is not the built-in of that name, wherever it stands.
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        self._own = {each.name for each in ast.walk(node) if isinstance(each, functions)}
        self.generic_visit(node)

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

    def visit_While(self, node: ast.While) -> None:
        forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
        if (
            forever
            and not any(isinstance(each, (ast.Return, ast.Raise, ast.Yield)) for each in ast.walk(node))
            and not _breaks(node)
        ):
            self._add("may not end", node, "while True")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = self._dotted(node.func)
        if name:
            self._named(name, node)
        if isinstance(node.func, ast.Attribute):
            kind = METHODS.get(node.func.attr)
            if node.func.attr == "open" and name not in ("io.open", "codecs.open") and _is_write_mode(node.args[:1]):
                kind = "writes files"
            if kind and name not in CALLS:
                self._add(kind, node, f".{node.func.attr}()")
        self.generic_visit(node)

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
