"""Nodes and scopes of a document: the graph as the script describes it, over the text it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from nuke_ai_panel.nk.node_text import USER_KNOB, NodeText
from nuke_ai_panel.nk.words import list_words, unquote

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document

__all__ = ["GROUP_CLASSES", "Item", "Node", "Push", "Scope", "SetTop", "Verbatim"]

GROUP_CLASSES = frozenset({"Group", "Gizmo", "LiveGroup", "VariableGroup"})
_NOT_SETTINGS = frozenset({"inputs", "name", "selected", "xpos", "ypos", USER_KNOB})


@dataclass(frozen=True)
class Verbatim:
    """Text that is no node and no stack command: header, comments, blank lines, ``add_layer``."""

    text: str


@dataclass(frozen=True)
class SetTop:
    """``set NAME [stack 0]``: a name for what lies on top of the stack."""

    text: str
    variable: str


@dataclass(frozen=True)
class Push:
    """``push $NAME``, or ``push 0`` (`variable` None) for no node."""

    text: str
    variable: str | None


class Node:
    """A node of a document.

    Read through its properties; change it through the :class:`~nuke_ai_panel.nk.document.Document`, which keeps the wiring,
    the names and the way back consistent. A node of a document that was deleted has `alive` False.
    """

    __slots__ = ("_inputs", "alive", "children", "class_name", "clone_of", "end_text", "scope", "selected", "text")

    def __init__(self, scope: Scope, class_name: str, text: NodeText) -> None:
        self.scope = scope
        self.class_name = class_name
        self.text = text
        self.children: Scope | None = None
        self.end_text = ""
        self.clone_of: Node | None = None
        self.alive = True
        self.selected = False
        self._inputs: list[Node | None] = []

    def __repr__(self) -> str:
        return f"<nk.Node {self.path} ({self.class_name})>"

    @property
    def name(self) -> str:
        """The node's name; the class name where the script gives none. A clone bears the name of its original."""
        written = self.text.value("name")
        if written:
            return written
        if self.clone_of is not None and self.clone_of is not self:
            return self.clone_of.name
        return self.class_name

    @property
    def path(self) -> str:
        """The full name: ``"Group1.Grade1"`` for a node inside of a group."""
        owner = self.scope.owner
        return f"{owner.path}.{self.name}" if owner is not None else self.name

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
                parts = list_words(word[1:-1]) if word[:1] == "{" else []
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
        return [node for node in self.scope.nodes if any(source is self for source in node._inputs)]

    @property
    def pops(self) -> int:
        """How many inputs the node takes from the stack, as its ``inputs`` knob says; one where it is not written."""
        written = self.text.value("inputs")
        if written is None:
            return 1
        try:
            return sum(int(part) for part in written.split("+"))
        except ValueError:
            return 1

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
    """The nodes of the script or of one group. ``base`` is the text as read, item by item; ``nodes`` what stands now."""

    __slots__ = ("_index", "base", "document", "nodes", "owner", "rewired")

    def __init__(self, document: Document, owner: Node | None) -> None:
        self.document = document
        self.owner = owner
        self.base: list[Item] = []
        self.nodes: list[Node] = []
        self.rewired = False
        self._index: dict[str, Node] | None = None

    def find(self, name: str) -> Node | None:
        """Return the node of that name; of clones the original."""
        if self._index is None:
            self._index = {}
            for node in self.nodes:
                self._index.setdefault(node.name, node)
        return self._index.get(name)

    def forget_names(self) -> None:
        """Build the index of names anew when it is next asked for."""
        self._index = None

    @property
    def depth(self) -> int:
        """How many groups enclose the scope; Nuke indents by as many blanks."""
        return 0 if self.owner is None else self.owner.scope.depth + 1


def _whole(text: str | None) -> int:
    try:
        return int(float(text)) if text else 0
    except ValueError:
        return 0
