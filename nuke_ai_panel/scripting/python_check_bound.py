"""Names that nothing in the code gives a meaning to: a module that is not imported, a function of Nuke's without ``nuke.``."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.emulation.api import api
from nuke_ai_panel.scripting.findings import Finding, Severity
from nuke_ai_panel.scripting.python_check_notes import Notes
from nuke_ai_panel.scripting.python_check_versions import OLD_BUILT_INS, bound_names, tolerated

__all__ = ["check_bound"]

_ALWAYS = frozenset({"nuke", "__name__", "__file__", "__builtins__", "__doc__", "__annotations__", "__spec__", "__loader__"})
_MODULES = frozenset(
    {
        *("os", "sys", "re", "math", "json", "time", "datetime", "random", "glob", "shutil", "subprocess", "collections"),
        *("itertools", "functools", "threading", "traceback", "string", "copy", "tempfile", "pathlib", "platform", "getpass"),
        *("socket", "urllib", "logging", "operator", "uuid", "csv", "hashlib", "struct", "base64", "io", "webbrowser"),
        *("textwrap", "fnmatch", "statistics", "decimal", "pprint", "types", "inspect", "importlib", "nukescripts"),
    }
)
#: What puts names into the code that cannot be read off it.
_HIDDEN = frozenset({"exec", "eval", "globals", "locals", "vars", "execfile", "setattr"})


def check_bound(nodes: Sequence[ast.AST], notes: Notes, severity: Severity = "problem") -> None:
    """Report each name that has no meaning where it is first used; the code runs with ``nuke`` and nothing else."""
    bound = bound_names(nodes)
    used = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in bound]
    missing = [node for node in used if node.id not in _ALWAYS and not hasattr(builtins, node.id)]
    if not missing or any(node.id in _HIDDEN for node in used):
        return
    if any(isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names) for node in nodes):
        return
    passed_over = set(tolerated(nodes)) | set(_in_annotations(nodes))
    told: set[str] = set()
    for node in missing:
        if id(node) in passed_over or node.id in told or node.id in OLD_BUILT_INS:
            continue
        told.add(node.id)
        notes.report(node, _finding(node.id, bound, severity))


def _finding(name: str, bound: set[str], severity: Severity) -> Finding:
    known = api()
    if name in _MODULES:
        suggestion = f"import {name}"
        message = f"{name} is used and never imported; add {suggestion}."
    elif name in known.functions or name in known.classes or name in ("nodes", "env"):
        suggestion = f"nuke.{name}"
        message = f"{name} is a name of Nuke's module; write {suggestion}."
    else:
        near = closest(name, sorted(bound), limit=1, loose=False)
        suggestion = near[0] if near else ""
        message = f"Nothing in the script is called {name!r}" + (f"; did you mean {suggestion}?" if suggestion else ".")
    return Finding(message, severity, "unknown-function", name=name, suggestion=suggestion)


def _in_annotations(nodes: Sequence[ast.AST]) -> Iterator[int]:
    """Yield what stands in annotations, which need not be evaluated."""
    for node in nodes:
        if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
            yield from (id(each) for each in ast.walk(node.annotation))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
            yield from (id(each) for each in ast.walk(node.returns))
