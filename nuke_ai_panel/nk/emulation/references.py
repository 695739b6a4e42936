"""Names of nodes in expressions, and giving them a new one when a node is renamed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.node import Node, Scope
from nuke_ai_panel.nk.node_text import USER_KNOB
from nuke_ai_panel.nk.words import unquote

__all__ = ["rename_references"]

_BRACKETS = re.compile(r"\[(?:[^\[\]\\]|\\.)*\]", re.DOTALL)


def rename_references(document: Document, node: Node, before: str) -> None:
    """Let the expressions, ``[...]`` texts and links that named `node` by its name `before` name it by its present one."""
    own = re.compile(rf"(?<![\w.])((?:parent\.|root\.|this\.parent\.)*){re.escape(before)}(?=\.[A-Za-z_])")

    def put(text: str) -> str:
        return own.sub(lambda match: match.group(1) + node.name, text)

    for reader in list(_readers(node.scope, before)):
        if reader.clone_of is not None:
            continue
        body = reader.text.body
        for span in reversed(reader.text.spans):
            word = reader.text.word(span)
            if before not in word:
                continue
            if span.name == USER_KNOB:
                changed = re.sub(rf"(?<=\sT ){re.escape(before)}(?=\.)", lambda match: node.name, word)
            elif unquote(word).startswith("{"):
                changed = put(word)
            else:
                changed = _BRACKETS.sub(lambda match: put(match.group()), word)
            if changed != word:
                body = body[: span.value_start] + changed + body[span.value_end :]
        if body != reader.text.body:
            document.set_body(reader, body)


def _readers(scope: Scope, name: str) -> Iterator[Node]:
    """Yield the nodes from which `name` leads to a node of `scope`: those in it and, where nothing hides it, inside of them."""
    for node in scope.nodes:
        yield node
        if node.children is not None:
            yield from _readers(node.children, name)
