"""Nodes and scopes of a document: the graph as the script describes it, over the text it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Union

from nuke_ai_panel.nk.node_text import USER_KNOB, NodeText
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document

__all__ = ["GROUP_CLASSES", "Item", "Node", "Push", "Scope", "SetTop", "Verbatim"]

GROUP_CLASSES = frozenset({"Group", "Gizmo", "LiveGroup", "VariableGroup"})
_NOT_SETTINGS = frozenset({"inputs", "name", "selected", "xpos", "ypos", USER_KNOB})


class Verbatim:
    """Text that is no node and no stack command: header, comments, blank lines, ``add_layer``, what is damaged."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class SetTop:
    """``set NAME [stack 0]``: a name for what lies on top of the stack."""

    __slots__ = ("text", "variable")

    def __init__(self, text: str, variable: str) -> None:
        self.text = text
        self.variable = variable


class Push:
    """``push $NAME``, or ``push 0`` (`variable` None) for no node."""

    __slots__ = ("text", "variable")

    def __init__(self, text: str, variable: str | None) -> None:
        self.text = text
        self.variable = variable


class Node:
    """A node of a document.

    Read through its properties; change it through the :class:`~nuke_ai_panel.nk.document.Document`, which keeps the wiring,
    the names and the way back consistent. A node of a document that was deleted has `alive` False.
    """

    __slots__ = (
        "_inputs",
        "_selected",
        "alive",
        "children",
        "class_name",
        "clone_of",
        "end_text",
        "order",
        "scope",
        "text",
    )

    def __init__(self, scope: Scope, class_name: str, text: NodeText) -> None:
        self.scope = scope
        self.class_name = class_name
        self.text = text
        self.children: Scope | None = None
        self.end_text = ""
        self.clone_of: Node | None = None
        self.alive = True
        self.order = 0
        self._selected = False
        self._inputs: list[Node | None] = []

    def __repr__(self) -> str:
        return f"<nk.Node {self.path} ({self.class_name})>"

    @property
    def name(self) -> str:
        """The node's name; the class name where the script gives none. A clone bears the name of its original."""
        written = self.text.name
        if written:
            return written
        if self.clone_of is not None and self.clone_of is not self:
            return self.clone_of.name
        return self.class_name

    @property
    def selected(self) -> bool:
        """Whether the node is selected; the document's :meth:`select` changes it with a way back."""
        return self._selected

    @selected.setter
    def selected(self, selected: bool) -> None:
        self._selected = selected
        if selected:
            self.scope.selection[self] = None
        else:
            self.scope.selection.pop(self, None)

    @property
    def path(self) -> str:
        """The full name: ``"Group1.Grade1"`` for a node inside of a group."""
        owner = self.scope.owner
        if owner is None:
            return self.name
        names = [self.name]
        while owner is not None:
            names.append(owner.name)
            owner = owner.scope.owner
        return ".".join(reversed(names))

    @property
    def inputs(self) -> tuple[Node | None, ...]:
        """What the inputs read from, by number; open inputs at the end are left out."""
        found = list(self._inputs)
        while found and found[-1] is None:
            found.pop()
        return tuple(found)

    @property
    def knobs(self) -> Mapping[str, str]:
        """The written knobs with quotes undone and braces kept, without name, place, selection and user knob definitions."""
        source = {} if self.clone_of is None or self.clone_of is self else dict(self.clone_of.knobs)
        text = self.text
        for span in text.spans:
            if span.name not in _NOT_SETTINGS:
                source[span.name] = unquote(text.word(span))
        return source

    @property
    def user_knobs(self) -> Mapping[str, str]:
        """The definitions of the knobs a user added: name to ``addUserKnob`` word as written."""
        found: dict[str, str] = {}
        for span in self.text.spans:
            if span.name == USER_KNOB:
                word = self.text.word(span)
                try:
                    parts = list_words(word[1:-1]) if word[:1] == "{" else []
                except DamagedWordError:
                    # Matching braces are all that a script must have here; what cannot be read defines nothing.
                    continue
                if len(parts) > 1:
                    found[unquote(parts[1])] = word
        return found

    def knob(self, name: str) -> str | None:
        """Return a written knob's text with quotes undone, None where the script does not write it."""
        value = self.text.value(name)
        if value is None and self.clone_of is not None and self.clone_of is not self and name not in _NOT_SETTINGS:
            return self.clone_of.knob(name)
        return value

    @property
    def xpos(self) -> int:
        """Horizontal place in the node graph, in its units."""
        return _whole(self.text.value("xpos"))

    @property
    def ypos(self) -> int:
        """Vertical place in the node graph, in its units; larger is lower."""
        return _whole(self.text.value("ypos"))

    @property
    def is_group(self) -> bool:
        """Whether nodes can stand inside of it."""
        return self.children is not None

    @property
    def dependents(self) -> list[Node]:
        """The nodes of the same scope that read from this one, in file order."""
        return self.scope.readers_of(self)

    @property
    def clones(self) -> list[Node]:
        """The nodes that share this node's knobs and name, wherever they stand; none for a node that is a clone itself."""
        return self.document.clones_of(self)

    @property
    def pops(self) -> int:
        """How many inputs the node takes from the stack, as its ``inputs`` knob says; one where it is not written."""
        return self.text.pops

    @property
    def clone_variable(self) -> str:
        """The stack variable by which a clone names its original, "" for any other node."""
        head = self.text.head.split(None, 2)
        return head[1][1:] if len(head) > 1 and head[0] == "clone" and head[1].startswith("$") else ""

    @property
    def document(self) -> Document:
        """The document the node stands in."""
        return self.scope.document


Item = Union[Verbatim, SetTop, Push, Node]


class Scope:
    """The nodes of the script or of one group. ``base`` is the text as read, item by item; ``nodes`` what stands now.

    What nodes are found by (name, class, who reads from them) is indexed when it is first asked for and kept under changes.
    """

    __slots__ = (
        "_classes",
        "_free_from",
        "_index",
        "_readers",
        "_shared_names",
        "base",
        "document",
        "nodes",
        "owner",
        "rewired",
        "selection",
    )

    def __init__(self, document: Document, owner: Node | None) -> None:
        self.document = document
        self.owner = owner
        self.base: list[Item] = []
        self.nodes: list[Node] = []
        self.rewired = False
        self.selection: dict[Node, None] = {}
        self._index: dict[str, Node] | None = None
        self._shared_names: set[str] = set()
        self._free_from: dict[str, int] = {}
        self._classes: dict[str, dict[Node, None]] | None = None
        self._readers: dict[Node, dict[Node, None]] | None = None

    # Finding

    def find(self, name: str) -> Node | None:
        """Return the node of that name; of clones the original."""
        if self._index is None:
            index: dict[str, Node] = {}
            self._index = index
            self._shared_names.clear()
            for node in self.nodes:
                own = node.name
                if index.setdefault(own, node) is not node:
                    self._shared_names.add(own)
        return self._index.get(name)

    def free_name(self, stem: str) -> str:
        """Return the first name made of `stem` and a number, from 1, that no node of the scope has."""
        number = self._free_from.get(stem, 1)
        while self.find(f"{stem}{number}") is not None:
            number += 1
        self._free_from[stem] = number
        return f"{stem}{number}"

    def of_class(self, class_name: str) -> list[Node]:
        """Return the nodes of a class in file order."""
        if self._classes is None:
            self._classes = {}
            for node in self.nodes:
                self._classes.setdefault(node.class_name, {})[node] = None
        return sorted(self._classes.get(class_name, ()), key=_order)

    def selected(self) -> list[Node]:
        """Return the selected nodes in file order."""
        return sorted(self.selection, key=_order)

    def readers_of(self, node: Node) -> list[Node]:
        """Return the nodes that read from `node` in file order."""
        if self._readers is None:
            readers: dict[Node, dict[Node, None]] = {}
            self._readers = readers
            for reader in self.nodes:
                for source in reader._inputs:
                    if source is not None:
                        readers.setdefault(source, {})[reader] = None
        return sorted(self._readers.get(node, ()), key=_order)

    @property
    def depth(self) -> int:
        """How many groups enclose the scope; Nuke indents by as many blanks."""
        depth, owner = 0, self.owner
        while owner is not None:
            depth, owner = depth + 1, owner.scope.owner
        return depth

    # Changing; the document calls these and keeps the way back

    def add(self, node: Node) -> None:
        """Put a new node after all others."""
        node.order = self.nodes[-1].order + 1 if self.nodes else 1
        self.nodes.append(node)
        self._enter(node)

    def put_back(self, node: Node) -> None:
        """Put a node back to where it stood."""
        self.nodes.insert(self._place_of(node), node)
        self._enter(node)

    def take_out(self, node: Node) -> None:
        """Take a node out; what its inputs read from stays noted in it."""
        place = self._place_of(node)
        if place >= len(self.nodes) or self.nodes[place] is not node:
            raise ValueError(f"{node!r} is not in its scope")
        del self.nodes[place]
        self.selection.pop(node, None)
        self._drop_name(node, node.name)
        if self._classes is not None:
            self._classes.get(node.class_name, {}).pop(node, None)
        if self._readers is not None:
            for source in node._inputs:
                if source is not None:
                    self._readers.get(source, {}).pop(node, None)

    def renamed(self, node: Node, before: str) -> None:
        """Note that a node's name is no longer `before`."""
        self._drop_name(node, before)
        self._enter_name(node)

    def rewire(self, node: Node, inputs: list[Node | None]) -> None:
        """Set what a node's inputs read from."""
        if self._readers is not None:
            for source in node._inputs:
                if source is not None:
                    self._readers.get(source, {}).pop(node, None)
            for source in inputs:
                if source is not None:
                    self._readers.setdefault(source, {})[node] = None
        node._inputs = inputs

    def forget_names(self) -> None:
        """Build the index of names anew when it is next asked for."""
        self._index = None
        self._free_from.clear()

    def _enter(self, node: Node) -> None:
        if node.selected:
            self.selection[node] = None
        self._enter_name(node)
        if self._classes is not None:
            self._classes.setdefault(node.class_name, {})[node] = None
        if self._readers is not None:
            for source in node._inputs:
                if source is not None:
                    self._readers.setdefault(source, {})[node] = None

    def _enter_name(self, node: Node) -> None:
        if self._index is None:
            return
        name = node.name
        other = self._index.setdefault(name, node)
        if other is not node:
            self._shared_names.add(name)
            if node.order < other.order:
                self._index[name] = node

    def _drop_name(self, node: Node, name: str) -> None:
        stem = name.rstrip("0123456789")
        number = name[len(stem) :]
        first_free = self._free_from.get(stem)
        if first_free is not None and 0 < len(number) < 10:
            self._free_from[stem] = max(min(int(number), first_free), 1)
        if name in self._shared_names:
            self.forget_names()
        elif self._index is not None:
            self._index.pop(name, None)

    def _place_of(self, node: Node) -> int:
        low, high = 0, len(self.nodes)
        while low < high:
            middle = (low + high) // 2
            if self.nodes[middle].order < node.order:
                low = middle + 1
            else:
                high = middle
        return low


def _order(node: Node) -> int:
    return node.order


def _whole(text: str | None) -> int:
    try:
        return int(float(text)) if text else 0
    except (ValueError, OverflowError):
        return 0
