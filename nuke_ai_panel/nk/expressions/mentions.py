"""Which nodes mention which words in their expressions: read once, then kept as texts change.

A mention is a word, not yet a reference: what it leads to depends on where it stands. The index only says which nodes are worth
asking, so that the cost of a question is that of its answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nuke_ai_panel.nk.node import Node, Scope

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document

__all__ = ["Mentions"]

_WORD = re.compile(r"\w+")
_INPUT_WORD = "input"
_OTHERS_TOP_NODE = ".topnode"
_BY_WIRE = (_INPUT_WORD, "topnode")
_INPUTS_IN_A_ROW = re.compile(r"\binput\d*(?:\.input\d*)+\b")


class Mentions:
    """The words in the expressions of a document's nodes. One belongs to a document, see :meth:`Document.keep`."""

    def __init__(self) -> None:
        self._top: Scope | None = None
        self._changed: dict[Node, None] = {}
        self._words: dict[Node, set[str]] = {}
        self._nodes: dict[str, dict[Node, None]] = {}
        self._longest_row = 1

    def changed(self, node: Node) -> None:
        """Read a node's text anew when something is next asked."""
        if self._top is not None:
            self._changed[node] = None

    def refresh(self, document: Document, text_of: Callable[[Node], str]) -> Mentions:
        """Bring the index up to date and return it; `text_of` gives the text of a node that its names stand in."""
        if self._top is not document.top:
            self._top = document.top
            self._words, self._nodes = {}, {}
            self._longest_row = 1
            self._changed = dict.fromkeys(document.walk())
        if document.root_node is not None and document.root_node not in self._words:
            self._changed[document.root_node] = None
        for node in self._changed:
            for word in self._words.pop(node, ()):
                self._nodes[word].pop(node, None)
            if node.alive:
                self._read(node, text_of(node))
        self._changed = {}
        return self

    def _read(self, node: Node, text: str) -> None:
        if not text and node is not node.document.root_node:
            return
        words = set(_WORD.findall(text))
        if _OTHERS_TOP_NODE in text:
            words.add(_OTHERS_TOP_NODE)
        if "input" in text:
            words = set(map(_plain, words))
            for row in _INPUTS_IN_A_ROW.findall(text):
                self._longest_row = max(self._longest_row, row.count("input"))
        self._words[node] = words
        for word in words:
            self._nodes.setdefault(word, {})[node] = None

    def by_name(self, node: Node) -> set[Node]:
        """Return the nodes whose texts may lead to `node` by its name."""
        owner = node.scope.owner
        found: set[Node] = set()
        for other in self._nodes.get(_plain(node.name), ()):
            # A name is found from inside of its scope; from elsewhere a path has to lead there.
            words = self._words[other]
            if owner is None or _stands_in(other, node.scope) or not words.isdisjoint((_plain(owner.name), *_BY_WIRE)):
                found.add(other)
        return found

    def may_mean(self, node: Node) -> set[Node]:
        """Return the nodes whose texts may lead to `node`: by its name, from inside of it, or by wire."""
        level = {node, node.clone_of or node}
        found = set().union(*map(self._without_wire, level))
        by_input = self._nodes.get(_INPUT_WORD, {})
        for _ in range(self._longest_row if by_input else 0):
            # Whoever means a reader of the node may mean the node as the reader's input.
            level = {reader for each in level for reader in _readers(each)}
            found.update(reader for reader in level if reader in by_input)
            found.update(other for each in level for other in self._without_wire(each) if other in by_input)
        return found

    def _without_wire(self, node: Node) -> set[Node]:
        found = self.by_name(node)
        if node.children is not None:
            found.update(inner for inner in node.document.walk(node.children) if inner in self._words)
        if node is node.document.root_node:
            found.update(self._nodes.get("root", ()), self._nodes.get("parent", ()))
        elif not node.inputs or node.inputs[0] is None:
            found.update(self._nodes.get(_OTHERS_TOP_NODE, ()), self._with_top_node(node))
        return found

    def _with_top_node(self, node: Node) -> Iterable[Node]:
        """Return who may mean `node` as its own ``topnode``: all that say so, or fewer, whichever takes less to find."""
        saying = self._nodes.get("topnode", {})
        found: list[Node] = []
        todo, seen = [node], {node}
        while todo:
            source = todo.pop()
            if source in saying:
                found.append(source)
            if len(seen) > len(saying):
                return saying
            fed = [reader for reader in source.dependents if reader._inputs[0] is source and reader not in seen]
            seen.update(fed)
            todo.extend(fed)
        return found


def _plain(word: str) -> str:
    """Return what a word is kept under: ``input1`` with all that lead to an input."""
    return _INPUT_WORD if word.startswith("input") and (len(word) == 5 or word[5:].isdecimal()) else word


def _readers(node: Node) -> list[Node]:
    """Return what may call a node its input: its readers, and the Input nodes inside of those that are groups."""
    readers = node.dependents
    return [*readers, *(inner for each in readers if each.children is not None for inner in each.children.of_class("Input"))]


def _stands_in(node: Node, scope: Scope) -> bool:
    at: Scope | None = node.scope
    while at is not None and at is not scope:
        at = at.owner.scope if at.owner is not None else None
    # The group itself finds what is inside of it, too.
    return at is scope or node is scope.owner
