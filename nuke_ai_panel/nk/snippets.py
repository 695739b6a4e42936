"""Snippets: some nodes of one scope as the text that Nuke puts on the clipboard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.node_text import NodeText

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document
    from nuke_ai_panel.nk.node import Node

__all__ = ["placed_as", "snippet_of"]

_INPUT = "cut_paste_input"
_PLACE = ("inputs", "selected", "xpos", "ypos")


def snippet_of(document: Document, nodes: Iterable[Node]) -> str:
    """Return nodes of one scope as a snippet: in Nuke's order, their texts as they are, connected among themselves.

    An input that reads from a node outside reads from whatever the snippet is pasted after. Clones of one original stay
    clones of each other. Raises: NkError.
    """
    chosen = dict.fromkeys(sorted(nodes, key=lambda node: node.order))
    if not chosen:
        raise NkError("There is no node to copy.")
    if len({id(node.scope) for node in chosen}) != 1:
        raise NkError("Nodes of different groups cannot be copied together.")
    if document.root_node in chosen:
        raise NkError("The script's Root cannot be copied.")
    newline = document.newline
    order = _order(list(chosen))
    variables = _Variables(document, order)
    parts = [f"set {_INPUT} [stack 0]{newline}", variables.version(), f"push ${_INPUT}{newline}"]
    # What the next node finds on the stack; the first one finds what is pushed above.
    stack: list[Node | None] = [None]
    written: dict[Node, Node] = {}
    for node in order:
        wanted = _wanted(node)
        if wanted and not _lies_ready(stack, wanted, chosen):
            for source in reversed(wanted):
                parts.append(variables.push(source, chosen))
        else:
            del stack[len(stack) - min(len(wanted), len(stack)) :]
        family = node.clone_of or node
        first = written.setdefault(family, node)
        parts.append(_text(document, node, first, variables))
        if first is node and variables.clone.get(family):
            parts.append(f"set {variables.clone[family]} [stack 0]{newline}")
        if node in variables.named:
            parts.append(f"set {variables.named[node]} [stack 0]{newline}")
        stack.append(node)
    return "".join(parts)


def placed_as(text: NodeText, place: NodeText, class_name: str, newline: str) -> NodeText:
    """Return a node's text with another node's inputs, selection and place."""
    made = NodeText(text.head, text.body, text.tail)
    for knob in _PLACE:
        value = place.value(knob)
        if value is None:
            made.put(made.without(knob))
        else:
            made.put(made.with_value(knob, value, class_name=class_name, newline=newline))
    return made


class _Variables:
    """The names that a snippet gives to what lies on the stack."""

    def __init__(self, document: Document, order: list[Node]) -> None:
        self.document = document
        self.newline = document.newline
        self.named: dict[Node, str] = {}
        inside = set(order)
        read: dict[Node, int] = {}
        before: Node | None = None
        for node in order:
            wanted = _wanted(node)
            for source in wanted:
                if source in inside and source is not None:
                    read[source] = read.get(source, 0) + (1 if wanted == [before] else 2)
            before = node
        for node, count in read.items():
            if count > 1:
                self.named[node] = document.variable_for(node)
        families: dict[Node, int] = {}
        for node in order:
            family = node.clone_of or node
            families[family] = families.get(family, 0) + 1
        self.clone = {family: "C" + document.variable_for(family)[1:] for family, count in families.items() if count > 1}

    def version(self) -> str:
        found = self.document.version_line()
        return found + self.newline if found else ""

    def push(self, source: Node | None, chosen: dict[Node, None]) -> str:
        if source is None:
            return f"push 0{self.newline}"
        return f"push ${self.named[source] if source in chosen else _INPUT}{self.newline}"


def _wanted(node: Node) -> list[Node | None]:
    count = node.pops
    return [*node._inputs, *([None] * count)][:count]


def _lies_ready(stack: list[Node | None], wanted: list[Node | None], chosen: dict[Node, None]) -> bool:
    """Return whether the one input that is wanted lies on the stack: the node before, or for the first what was pushed."""
    if len(wanted) != 1 or not stack:
        return False
    source = wanted[0]
    if source in chosen:
        return stack[-1] is source
    return source is not None and len(stack) == 1 and stack[0] is None


def _order(nodes: list[Node]) -> list[Node]:
    """Return backdrops first, then depth first from the sinks, inputs last to first."""
    inside = set(nodes)
    read = {source for node in nodes for source in node._inputs if source is not None}
    backdrops = [node for node in nodes if node.class_name == "BackdropNode"]
    sinks = [node for node in nodes if node not in read]
    order: dict[Node, None] = {}
    seen: set[Node] = set()
    for root in [*backdrops, *sinks, *nodes]:
        todo = [(root, False)]
        while todo:
            node, ready = todo.pop()
            if ready:
                order[node] = None
            elif node not in seen:
                seen.add(node)
                todo.append((node, True))
                todo.extend((source, False) for source in _wanted(node) if source is not None and source in inside)
    return list(order)


def _text(document: Document, node: Node, first: Node, variables: _Variables) -> str:
    newline = document.newline
    family = node.clone_of or node
    for inner in document.walk(node.children) if node.children is not None else ():
        if inner.clone_of is not None and not _stands_in(inner.clone_of, node):
            raise NkError(f"{inner.path} is a clone of a node outside of {node.path}; declone it to copy its group.")
    if first is not node:
        place = placed_as(NodeText("", newline, ""), node.text, node.class_name, newline)
        return f"clone ${variables.clone[family]} {{{place.body}}}{newline}"
    if node.clone_of is None:
        text = document.text_of(node)
    else:
        # A clone whose original is not written before it takes the original's text.
        original = placed_as(node.clone_of.text, node.text, node.class_name, newline)
        text = original.head + original.body + original.tail
    return text if text.endswith(("\n", ";")) else text + newline


def _stands_in(node: Node, group: Node) -> bool:
    owner = node.scope.owner
    while owner is not None and owner is not group:
        owner = owner.scope.owner
    return owner is group
