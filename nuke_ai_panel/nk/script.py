"""What a script holds, and how its nodes are found: the reading half of a document."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Union, cast

from nuke_ai_panel.errors import NkSyntaxError, NodeNotFoundError
from nuke_ai_panel.nk.node import GROUP_CLASSES, Node, Scope, Verbatim
from nuke_ai_panel.nk.parser import parse
from nuke_ai_panel.nk.saving import fingerprint
from nuke_ai_panel.nk.wiring import arranged
from nuke_ai_panel.nk.words import DamagedWordError, list_words
from nuke_ai_panel.nk.writing import written_items

if TYPE_CHECKING:
    from nuke_ai_panel.nk.changes import Keeper
    from nuke_ai_panel.nk.document import Document

__all__ = ["Script", "place_in_file"]

_FIRST_VARIABLE = 0x7F0A1C00
# Old scripts and converted ones have nodes such as "S-Gamut3.Cine"; a path of thousands of words names none of them.
_DIVIDING_DOT = re.compile(r"(?<!\\)\.")
_MOST_DOTS = 16


class Script:
    """The nodes of a script as it was read, and as it is written. :class:`~nuke_ai_panel.nk.document.Document` changes it."""

    def __init__(self, data: bytes = b"", path: str = "", *, recover: bool = False) -> None:
        self.path = path
        #: What could not be read, in file order; only a document that was loaded to `recover` has any.
        self.damage: list[NkSyntaxError] = []
        self.root_node: Node | None = None
        # Undecodable bytes of old files survive as lone surrogates and are written back as they were.
        text = data.decode("utf-8", "surrogateescape")
        self.newline = "\r\n" if "\r\n" in text else "\n"
        # Files of a classic Mac end their lines with CR alone. They are read and changed with LF and written with CR.
        self._ends_with_cr = "\r" in text and "\n" not in text
        if self._ends_with_cr:
            text = text.replace("\r", "\n")
        self.names_read: dict[str, Node | None] = {}
        #: The nodes that have clones, each with its clones.
        self.cloned: dict[Node, dict[Node, None]] = {}
        self._variables: dict[Node, str] = {}
        self._next_variable = _FIRST_VARIABLE
        self._log: list[Callable[[], None]] = []
        self._kept: dict[type, Keeper] = {}
        self._known_on_disk = fingerprint(data) if path else b""
        # A script is many objects that all stay; looking for garbage among them at every few thousand costs as much as reading.
        collects = gc.isenabled()
        gc.disable()
        try:
            self.top = parse(cast("Document", self), text, self.damage if recover else None)
        finally:
            if collects:
                gc.enable()

    def __repr__(self) -> str:
        return f"<nk.Document {self.path or 'unsaved'}: {len(self.top.nodes)} nodes>"

    # Reading

    def nodes(self, *, recurse: bool = False) -> list[Node]:
        """Return the nodes in file order, new ones last; with `recurse` those inside groups too, each after its group."""
        return list(self.walk()) if recurse else list(self.top.nodes)

    def nodes_of_class(self, class_name: str, *, recurse: bool = False) -> list[Node]:
        """Return the nodes of a class in file order; with `recurse` those inside groups too."""
        found = self.top.of_class(class_name)
        if recurse:
            scopes = self._group_scopes(self.top)
            for scope in scopes:
                found.extend(scope.of_class(class_name))
                scopes.extend(self._group_scopes(scope))
        return found

    @staticmethod
    def _group_scopes(scope: Scope) -> list[Scope]:
        groups = [node for name in GROUP_CLASSES for node in scope.of_class(name)]
        return [node.children for node in groups if node.children is not None]

    def clones_of(self, node: Node) -> list[Node]:
        """Return the nodes that share the knobs of `node`, in file order; none for a node that is a clone itself."""
        clones = self.cloned.get(node)
        return sorted(clones, key=place_in_file) if clones else []

    def walk(self, scope: Scope | None = None) -> Iterator[Node]:
        """Yield every node of a scope (the script's by default) and of the groups in it."""
        todo = [iter((scope or self.top).nodes)]
        while todo:
            for node in todo[-1]:
                yield node
                if node.children is not None:
                    todo.append(iter(node.children.nodes))
                    break
            else:
                todo.pop()

    def paths(self) -> Iterator[tuple[str, Node]]:
        """Yield every node with its full name, in the order of :meth:`walk`."""
        todo: list[tuple[str, Iterator[Node]]] = [("", iter(self.top.nodes))]
        while todo:
            prefix, nodes = todo[-1]
            node = next(nodes, None)
            if node is None:
                todo.pop()
                continue
            path = prefix + node.name
            yield path, node
            if node.children is not None:
                todo.append((path + ".", iter(node.children.nodes)))

    def find(self, path: str) -> Node | None:
        """Return the node of a full name such as ``"Group1.Grade1"``, or None.

        Names that hold a dot themselves are found too, after those that the dots of the path divide; ``\\.`` divides nothing.
        """
        parts = [part.replace("\\.", ".") for part in _DIVIDING_DOT.split(path)]
        if parts[0] == "root" and len(parts) > 1:
            parts = parts[1:]
        return _found(self.top, parts)

    def node(self, path: str) -> Node:
        """Return the node of a full name. Raises: NodeNotFoundError."""
        found = self.find(path)
        if found is None:
            raise NodeNotFoundError(f"The script has no node {path!r}.")
        return found

    def selected(self) -> list[Node]:
        """Return the selected nodes of the root in file order."""
        return self.top.selected()

    def layer_channels(self) -> list[str]:
        """Return the channels that ``add_layer`` declares, e.g. ``"id.red"``, in file order."""
        found: list[str] = []
        scopes = [self.top, *(node.children for node in self.walk() if node.children is not None)]
        for item in (item for scope in scopes for item in scope.base):
            if isinstance(item, Verbatim) and item.text.lstrip().startswith("add_layer"):
                try:
                    words = list_words(item.text)[1:]
                    inner = list_words(words[0][1:-1]) if words and words[0].startswith("{") else words
                except DamagedWordError:
                    continue
                found.extend(word for word in inner[1:] if "." in word)
        return found

    def version_line(self) -> str:
        """Return the line that names the Nuke that wrote the script, such as ``version 15.1 v3``, or ""."""
        for item in self.top.base:
            if isinstance(item, Node):
                break
            if isinstance(item, Verbatim) and item.text.lstrip().startswith("version "):
                return item.text.strip(" \t\r\n;")
        return ""

    def to_bytes(self, *, with_selection: bool = False) -> bytes:
        """Return the script as bytes: what did not change as it was read, the rest as Nuke would write it.

        Selecting a node is not a change of the script; `with_selection` writes the present selection all the same, for a
        copy of the session that code is tried on.
        """
        text = written_items(arranged(self.top), self.top, self.newline, with_selection=with_selection)
        if self._ends_with_cr:
            text = text.replace("\n", "\r")
        return text.encode("utf-8", "surrogateescape")

    def text_of(self, node: Node, *, with_selection: bool = False) -> str:
        """Return one node's text with all that is inside of it."""
        return written_items([node], None, self.newline, with_selection=with_selection)


def _found(scope: Scope, parts: list[str]) -> Node | None:
    """Return the node that the parts of a path lead to, joining those that make one name where they do not divide."""
    todo: list[tuple[Union[Scope, Node], int]] = [(scope, 0)]
    while todo:
        at, start = todo.pop()
        if isinstance(at, Node):
            return at
        for count in range(min(len(parts) - start, _MOST_DOTS), 0, -1):
            node = at.find(".".join(parts[start : start + count]))
            if node is not None and start + count == len(parts):
                todo.append((node, 0))
            elif node is not None and node.children is not None:
                todo.append((node.children, start + count))
    return None


def place_in_file(node: Node) -> tuple[int, ...]:
    """Return what sorts nodes as :meth:`Script.walk` yields them."""
    places = [node.order]
    owner = node.scope.owner
    while owner is not None:
        places.append(owner.order)
        owner = owner.scope.owner
    return tuple(reversed(places))
