"""What a check found so far, and what it knows of the moment the code is at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Optional

from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.python_check_values import KnobOf, NodeOf, Pending, Value

__all__ = ["Notes", "excerpt_of"]

_MOST = 200
#: Rules that depend on the version.
_OF_A_VERSION = frozenset({"host-version", "obsolete", "unknown-class"})


class Notes:
    """Findings by their place.

    `softness` is 0 in plain code; 1 inside of a ``try`` whose handler only tells, where an error is no more than a doubt; 2
    where the handler does it in another way, so that an error is what the code reckons with.
    """

    def __init__(self, code: str) -> None:
        self._lines = code.splitlines()
        self._found: dict[tuple[int, str, str], Finding] = {}
        self._pending: dict[tuple[int, int, str], Pending] = {}
        self._place: Optional[ast.AST] = None
        self.softness = 0
        #: Whether the nodes, and which of them are selected, are still those of the open script.
        self.selection_known = True
        self.script_known = True
        #: Whether names are looked up inside of a group now.
        self.in_group = 0
        #: Whether nodes of whatever name may have been made by now.
        self.made_any = False
        #: How many loops and functions the code is in that come back to what stands before in them.
        self.returning = 0
        #: Whether the code is behind a question for the version.
        self.other_version = 0
        #: Code that is kept as text, by the line it stands in and what it is.
        self.kept: dict[tuple[int, str], ast.Module] = {}

    def report(self, node: ast.AST, finding: Optional[Finding]) -> None:
        """Keep a finding about this place of the code."""
        if finding is None or self.softness > 1 or len(self._found) >= _MOST:
            return
        if self.other_version and finding.rule in _OF_A_VERSION:
            return
        if self.softness and finding.severity == "problem":
            finding = replace(finding, severity="warning")
        placed = self._placed(self._place or node, finding)
        key = (placed.line, placed.rule, placed.name)
        before = self._found.get(key)
        if before is None or (before.severity == "warning" and placed.severity == "problem"):
            self._found[key] = placed

    def pend(self, node: ast.AST, finding: Optional[Finding], guarded: Optional[Finding] = None) -> Optional[Pending]:
        """Keep a finding that counts once the value of this place is used, and `guarded` where it is asked for before."""
        if finding is None:
            return None
        key = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0), finding.name)
        return self._pending.setdefault(key, Pending(finding, self._place or node, guarded))

    def use(self, value: Optional[Value]) -> None:
        """Note that a value is used as if it were there."""
        pending = value.pending if isinstance(value, (NodeOf, KnobOf)) else None
        if pending is not None and (pending.softness is None or self.softness < pending.softness):
            pending.softness = self.softness

    @staticmethod
    def ask(value: Optional[Value]) -> None:
        """Note that the code asks whether a value is there."""
        if isinstance(value, (NodeOf, KnobOf)) and value.pending is not None:
            value.pending.is_asked = True

    @contextmanager
    def softened(self, softness: int) -> Iterator[None]:
        """Take what is found meanwhile for no more than that."""
        before, self.softness = self.softness, max(self.softness, softness)
        try:
            yield
        finally:
            self.softness = before

    @contextmanager
    def later(self, place: Optional[ast.AST] = None) -> Iterator[None]:
        """Read code that runs at another time, when other nodes may be there; `place` is where its text stands."""
        before = self.selection_known, self.script_known, self._place, self.softness
        self.selection_known = self.script_known = False
        self.softness = 0
        self._place = place or self._place
        try:
            yield
        finally:
            self.selection_known, self.script_known, self._place, self.softness = before

    @contextmanager
    def for_versions(self, asked: bool) -> Iterator[None]:
        """Read code that is meant for some versions only, if `asked`."""
        self.other_version += asked
        try:
            yield
        finally:
            self.other_version -= asked

    @contextmanager
    def coming_back(self, again: bool) -> Iterator[None]:
        """Read code that may run again after what follows it, if `again`."""
        self.returning += again
        try:
            yield
        finally:
            self.returning -= again

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Read code that is not run now, so that it makes nothing here."""
        before = self.made_any, self.in_group
        self.in_group = 0
        try:
            yield
        finally:
            self.made_any, self.in_group = before

    def keep(self, node: ast.AST, text: str, tree: ast.Module) -> None:
        """Keep code that stands in a text."""
        self.kept[int(getattr(self._place or node, "lineno", 0)), text] = tree

    def text_at(self, node: ast.AST) -> str:
        """Return the text of an expression from where it begins to the end of its first line."""
        line, offset = int(getattr(node, "lineno", 0)), int(getattr(node, "col_offset", 0))
        if not 0 < line <= len(self._lines):
            return ""
        return self._lines[line - 1].encode("utf-8", "surrogatepass")[offset:].decode("utf-8", "replace")

    def findings(self) -> list[Finding]:
        """Return everything in the order of the lines."""
        for pending in self._pending.values():
            finding: Optional[Finding] = pending.finding
            if pending.is_asked:
                finding = pending.guarded
            elif pending.softness is None:
                finding = None
            with self.softened(pending.softness or 0):
                self.report(pending.place, finding)
        self._pending.clear()
        return sorted(self._found.values(), key=lambda each: (each.line, each.column, each.rule))

    def _placed(self, node: ast.AST, finding: Finding) -> Finding:
        line, offset = _mark(node)
        if not 0 < line <= len(self._lines):
            return replace(finding, line=line)
        text = self._lines[line - 1]
        column = len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "replace"))
        return replace(finding, line=line, column=column + 1, excerpt=excerpt_of(text, column))


def _mark(node: ast.AST) -> tuple[int, int]:
    """Return line and byte of the name that a finding is about: the end of ``a.b.c``, the key of ``a[key]``."""
    if isinstance(node, ast.Call):
        key = node.args[0] if node.args and isinstance(node.args[0], ast.Constant) else None
        node = key if key is not None and isinstance(node.func, ast.Attribute) and node.func.attr == "knob" else node.func
    if isinstance(node, ast.Subscript):
        node = node.slice
    if isinstance(node, ast.Attribute) and node.end_lineno and node.end_col_offset:
        return node.end_lineno, node.end_col_offset - len(node.attr.encode())
    return int(getattr(node, "lineno", 0)), int(getattr(node, "col_offset", 0))


def excerpt_of(text: str, column: int) -> str:
    """Return a line of code and a caret under a column (from 0), cut to what can be read in a panel."""
    start = len(text) - len(text.lstrip())
    shown = text.strip()
    place = max(0, min(column - start, len(shown)))
    if len(shown) > 100:
        cut = max(0, min(place - 40, len(shown) - 97))
        shown = ("…" if cut else "") + shown[cut : cut + 96] + ("…" if cut + 96 < len(shown) else "")
        place = place - cut + (1 if cut else 0)
    return f"{shown}\n{' ' * place}^"
