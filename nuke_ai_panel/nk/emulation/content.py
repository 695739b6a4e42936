"""Replacing all that a document holds, so that the document itself, and its way back, stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.node import Node, Scope

__all__ = ["replace_content"]


def replace_content(document: Document, data: bytes, *, path: str | None = None, selected: Iterable[str] | None = None) -> None:
    """Let the document hold what `data` says, with the nodes of the paths in `selected` selected, or those it says itself.

    Nodes from before are no longer alive; rolling back brings them back. `path` is where the document is read from and saved
    to after this; it is kept where none is given.
    """
    fresh = Document(data, document.path if path is None else path)
    before = {name: getattr(document, name) for name in _FIELDS}
    gone = [node for node in document.walk() if node.alive]
    for scope in _scopes(fresh.top):
        scope.document = document
    if fresh.root_node is not None:
        fresh.root_node.scope.document = document
    after = {name: getattr(fresh, name) for name in _FIELDS}
    if path is None:
        after["path"], after["_known_on_disk"] = before["path"], before["_known_on_disk"]
    came = list(fresh.walk())
    if selected is not None:
        wanted = set(selected)
        for node in came:
            node.selected = node.path in wanted
    root_before = document.root_node

    def put(fields: dict[str, object], living: list[Node], dead: list[Node]) -> None:
        for node in dead:
            node.alive = False
        for node in living:
            node.alive = True
        for name, value in fields.items():
            setattr(document, name, value)

    def back() -> None:
        put(before, gone, came)
        if root_before is not None:
            root_before.alive = True

    put(after, came, gone)
    if root_before is not None and root_before is not document.root_node:
        root_before.alive = False
    document._log.append(back)


_FIELDS = ("top", "root_node", "names_read", "cloned", "newline", "_ends_with_cr", "path", "_known_on_disk")


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for node in scope.nodes:
        if node.children is not None:
            yield from _scopes(node.children)
