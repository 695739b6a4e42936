"""Snippets: some nodes of one scope as the text that Nuke puts on the clipboard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Optional

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
    steps = _steps(list(chosen))
    pushed = {step.node for step in steps if not step.written and step.node in chosen}
    written = [step.node for step in steps if step.written and step.node is not None]
    families: dict[Node, list[Node]] = {}
    for one in written:
        families.setdefault(one.clone_of or one, []).append(one)
    clones = {family: "C" + document.variable_for(family)[1:] for family, members in families.items() if len(members) > 1}
    version = document.version_line()
    parts = [f"set {_INPUT} [stack 0]{newline}", version + newline if version else ""]
    if not steps[0].is_outside(chosen):
        parts.append(f"push ${_INPUT}{newline}")
    for step in steps:
        node = step.node
        if node is None:
            parts.append(f"push 0{newline}")
        elif step.is_outside(chosen):
            parts.append(f"push ${_INPUT}{newline}")
        elif not step.written:
            parts.append(f"push ${document.variable_for(node)}{newline}")
        else:
            family = node.clone_of or node
            variable = clones.get(family, "")
            first = families[family][0]
            parts.append(_text(document, node, "" if first is node else variable))
            if first is node and variable:
                parts.append(f"set {variable} [stack 0]{newline}")
            if node in pushed:
                parts.append(f"set {document.variable_for(node)} [stack 0]{newline}")
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


class _Step(NamedTuple):
    """A node that is written, or one (None for no node) that is pushed."""

    node: Optional[Node]
    written: bool = False

    def is_outside(self, chosen: dict[Node, None]) -> bool:
        return self.node is not None and self.node not in chosen


def _steps(nodes: list[Node]) -> list[_Step]:
    """Return backdrops first, then depth first from the sinks, inputs last to first, so that each finds its inputs ready."""
    inside = set(nodes)
    read = {source for node in nodes for source in node._inputs if source is not None}
    backdrops = [node for node in nodes if node.class_name == "BackdropNode"]
    sinks = [node for node in nodes if node not in read]
    steps: list[_Step] = []
    seen: set[Node] = set()
    for root in [*backdrops, *sinks, *nodes]:
        if root in seen:
            continue
        todo: list[_Step] = [_Step(root)]
        while todo:
            step = todo.pop()
            node = step.node
            if node is None or step.written or node not in inside or node in seen:
                steps.append(step)
                continue
            seen.add(node)
            todo.append(_Step(node, written=True))
            # The last input is written first, and a list used as a stack gives back what was put on it last.
            todo.extend(_Step(source) for source in [*node._inputs, *([None] * node.pops)][: node.pops])
    return steps


def _text(document: Document, node: Node, variable: str) -> str:
    """Return a node's text, as a clone of what `variable` names if there is one."""
    newline = document.newline
    for inner in document.walk(node.children) if node.children is not None else ():
        if inner.clone_of is not None and not _stands_in(inner.clone_of, node):
            raise NkError(f"{inner.path} is a clone of a node outside of {node.path}; declone it to copy its group.")
    if variable:
        place = placed_as(NodeText("", newline, ""), node.text, node.class_name, newline)
        return f"clone ${variable} {{{place.body}}}{newline}"
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
