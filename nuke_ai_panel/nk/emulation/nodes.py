"""Emulated nodes: Nuke's Python face of a document's nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Union

from nuke_ai_panel.errors import KnobNotFoundError, NkError, NotSimulatedError
from nuke_ai_panel.nk.emulation.knobs import Format, Knob, String_Knob, make_knob
from nuke_ai_panel.nk.emulation.session import DETACHED
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.node_text import USER_KNOB
from nuke_ai_panel.nk.words import quote

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.session import Session

__all__ = [
    "EXPRESSIONS",
    "HIDDEN_INPUTS",
    "INPUTS",
    "TO_SCRIPT",
    "TO_VALUE",
    "WRITE_ALL",
    "WRITE_NON_DEFAULT_ONLY",
    "WRITE_USER_KNOB_DEFS",
    "Group",
    "Node",
    "Root",
]

EXPRESSIONS = 1
INPUTS = 2
HIDDEN_INPUTS = 4
TO_SCRIPT = 1
TO_VALUE = 2
WRITE_USER_KNOB_DEFS = 4
WRITE_ALL = 8
WRITE_NON_DEFAULT_ONLY = 16
_NO_SETTINGS = frozenset({"inputs", "name", "selected", "xpos", "ypos", USER_KNOB})
_WIDTH, _HEIGHT = 80, 18
_DOT = 12
_PICTURE_HEIGHT = 78
_WITH_PICTURE = frozenset({"Read", "Constant", "CheckerBoard2", "ColorBars", "ColorWheel", "DeepRead"})
_REFERENCE = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\.")


class Node:
    """A node as Nuke's Python shows it. One whose node is gone raises ValueError, as in Nuke."""

    def __init__(self, session: Session, node: ScriptNode) -> None:
        self._session = session
        self._script_node = node
        self._knobs: dict[str, Knob] = {}

    def __repr__(self) -> str:
        if not self._script_node.alive:
            return "<Node: detached>"
        return f"<{self.Class()} {self.fullName()}>"

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotSimulatedError(f"Node.{name} is not simulated.")

    def _attached(self) -> ScriptNode:
        if not self._script_node.alive:
            raise ValueError(DETACHED)
        return self._script_node

    # What it is

    def Class(self) -> str:  # noqa: N802  Nuke's name
        """Return the class name."""
        return self._attached().class_name

    def name(self) -> str:
        """Return the name, without the groups before it."""
        return self._attached().name

    def fullName(self) -> str:  # noqa: N802  Nuke's name
        """Return the name with the groups before it."""
        return self._attached().path

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:  # noqa: N802, N803
        """Rename the node; a name that is taken gets another number unless `uncollide` is off.

        Raises: ValueError for what is no name or is taken.
        """
        node = self._attached()
        if updateExpressions:
            raise NotSimulatedError("Node.setName with updateExpressions is not simulated.")
        other = node.scope.find(name)
        if other is not None and other is not node and uncollide:
            name = node.document.free_name(name, group=node.scope.owner, bearer=node)
        try:
            node.document.rename(node, name)
        except NkError as error:
            raise ValueError(str(error)) from error

    def parent(self) -> Node:
        """Return the group the node stands in, the root for the others."""
        owner = self._attached().scope.owner
        return self._session.handle(owner) if owner is not None else _root(self._session)

    # Inputs

    def input(self, index: int) -> Node | None:
        """Return what input `index` reads from."""
        inputs = self._attached().inputs
        source = inputs[index] if 0 <= index < len(inputs) else None
        return None if source is None else self._session.handle(source)

    def inputs(self) -> int:
        """Return the number of the highest connected input plus one."""
        return len(self._attached().inputs)

    def setInput(self, index: int, source: Node | None) -> bool:  # noqa: N802  Nuke's name
        """Connect an input, or open it with None; False where that cannot be."""
        node = self._attached()
        if source is not None and not isinstance(source, Node):
            raise TypeError(f"setInput() argument 2 must be a Node or None, not {type(source).__name__}")
        if index < 0 or index >= self.maxInputs():
            return False
        try:
            node.document.connect(node, int(index), None if source is None else source._attached())
        except NkError:
            return False
        return True

    def connectInput(self, index: int, source: Node | None) -> bool:  # noqa: N802  Nuke's name
        """Connect an input; the first free one where `index` is taken."""
        inputs = self._attached().inputs
        while index < len(inputs) and inputs[index] is not None:
            index += 1
        return self.setInput(index, source)

    def maxInputs(self) -> int:  # noqa: N802  Nuke's name
        """Return how many inputs the node can have."""
        node = self._attached()
        if node.children is not None:
            return sum(1 for inner in node.children.nodes if inner.class_name == "Input")
        known = self._session.facts(node.class_name)
        if known is None or not known.complete:
            return max(len(node.inputs), 100)
        return known.max_inputs

    def minInputs(self) -> int:  # noqa: N802  Nuke's name
        """Return how many inputs the node shows at least. Raises: NotSimulatedError for a class that is not known."""
        node = self._attached()
        known = self._session.facts(node.class_name)
        if node.children is not None or (known is not None and known.complete):
            return self.maxInputs() if known is None or node.children is not None else known.min_inputs
        raise NotSimulatedError(f"How many inputs {node.class_name} has is not known here.")

    def optionalInput(self) -> int:  # noqa: N802  Nuke's name
        """Return the number of the mask input, -1 where the node has none."""
        known = self._session.facts(self._attached().class_name)
        return known.mask_input if known is not None and known.mask_input is not None else -1

    def dependencies(self, what: int = EXPRESSIONS | INPUTS | HIDDEN_INPUTS) -> list[Node]:
        """Return the nodes this one reads from, by inputs and by names in its expressions."""
        node = self._attached()
        found: list[ScriptNode] = []
        if what & EXPRESSIONS:
            found.extend(_referenced(node))
        if what & (INPUTS | HIDDEN_INPUTS):
            found.extend(source for source in node.inputs if source is not None and _counts(node, what))
        return [self._session.handle(source) for source in dict.fromkeys(found)]

    def dependent(self, what: int = EXPRESSIONS | INPUTS | HIDDEN_INPUTS, *_args: object) -> list[Node]:
        """Return the nodes that read from this one."""
        node = self._attached()
        found: list[ScriptNode] = []
        if what & (INPUTS | HIDDEN_INPUTS):
            found.extend(reader for reader in node.dependents if _counts(reader, what))
        if what & EXPRESSIONS:
            found.extend(other for other in node.scope.nodes if other is not node and node in _referenced(other))
        return [self._session.handle(reader) for reader in dict.fromkeys(found)]

    # Knobs

    def knob(self, name: str, *_args: object) -> Knob | None:
        """Return a knob, None where the node has none of that name.

        Raises: NotSimulatedError for a class whose knobs are not known here.
        """
        node = self._attached()
        facts = self._session.knob_facts(node, name)
        if facts is None:
            if self._session.knows_all_knobs(node):
                return None
            raise NotSimulatedError(f"Whether {node.class_name} has a knob {name!r} is not known here.")
        found = self._knobs.get(name)
        if found is None or found._facts != facts:
            found = self._knobs[name] = make_knob(self, facts)
        return found

    def __getitem__(self, name: str) -> Knob:
        found = self.knob(name)
        if found is None:
            raise KnobNotFoundError(f"knob {name} does not exist")
        return found

    def knobs(self) -> dict[str, Knob]:
        """Return the knobs by name. Raises: NotSimulatedError for a class whose knobs are not known here."""
        node = self._attached()
        known = self._session.facts(node.class_name)
        if known is None or not known.complete:
            raise NotSimulatedError(f"The knobs of {node.class_name} are not all known here.")
        names = dict.fromkeys([*known.knobs, *node.knobs, *node.user_knobs])
        return {name: self[name] for name in names}

    allKnobs = knobs  # noqa: N815  Nuke's name

    def writeKnobs(self, flags: int = 0) -> str:  # noqa: N802  Nuke's name
        """Return the knobs that are not at their default: their names, or ``name value`` lines with TO_SCRIPT or TO_VALUE."""
        node = self._attached()
        if flags & WRITE_ALL:
            raise NotSimulatedError("Node.writeKnobs with WRITE_ALL is not simulated.")
        if not flags & (TO_SCRIPT | TO_VALUE):
            return " ".join(node.knobs)
        text = (node.clone_of or node).text
        lines: list[str] = []
        for span in text.spans:
            if span.name == USER_KNOB and flags & WRITE_USER_KNOB_DEFS:
                lines.append(f"{USER_KNOB} {text.word(span)}")
            elif span.name not in _NO_SETTINGS:
                lines.append(f"{quote(span.name)} {text.word(span) or quote('')}")
        return "\n".join(lines)

    # Place and selection

    def xpos(self) -> int:
        """Return the horizontal place."""
        return self._attached().xpos

    def ypos(self) -> int:
        """Return the vertical place."""
        return self._attached().ypos

    def setXpos(self, x: int) -> None:  # noqa: N802  Nuke's name
        """Move the node."""
        self._place("xpos", x)

    def setYpos(self, y: int) -> None:  # noqa: N802  Nuke's name
        """Move the node."""
        self._place("ypos", y)

    def setXYpos(self, x: int, y: int) -> None:  # noqa: N802  Nuke's name
        """Move the node."""
        self._place("xpos", x)
        self._place("ypos", y)

    def _place(self, axis: str, value: int) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"a place is a number, not {type(value).__name__}")
        node = self._attached()
        node.document.set_knob(node, axis, str(int(value)))

    def screenWidth(self) -> int:  # noqa: N802  Nuke's name
        """Return the width in the node graph."""
        node = self._attached()
        if node.class_name == "BackdropNode":
            return int(float(node.knob("bdwidth") or _WIDTH))
        return _DOT if node.class_name == "Dot" else _WIDTH

    def screenHeight(self) -> int:  # noqa: N802  Nuke's name
        """Return the height in the node graph, of a node with one line of text."""
        node = self._attached()
        if node.class_name == "BackdropNode":
            return int(float(node.knob("bdheight") or 50))
        if node.class_name == "Dot":
            return _DOT
        return _PICTURE_HEIGHT if node.class_name in _WITH_PICTURE else _HEIGHT

    def setSelected(self, selected: bool = True) -> None:  # noqa: N802  Nuke's signature
        """Select the node, or take it out of the selection."""
        node = self._attached()
        node.document.select(node, bool(selected))

    def isSelected(self) -> bool:  # noqa: N802  Nuke's name
        """Return whether the node is selected."""
        return self._attached().selected

    def hideControlPanel(self) -> None:  # noqa: N802  Nuke's name
        """Close the node's panel: there is none here."""
        self._attached()

    def showControlPanel(self, *_args: object) -> None:  # noqa: N802  Nuke's name
        """Open the node's panel: there is none here."""
        self._attached()

    def _format_size(self) -> tuple[int, int]:
        form = self._root_format()
        return form.width(), form.height()

    def _root_format(self) -> Format:
        root = self._session.document.root_node
        text = root.knob("format") if root is not None else None
        if text is None:
            known = self._session.facts("Root")
            facts = known.knobs.get("format") if known is not None else None
            text = facts.default if facts is not None else None
        return Format(text or "")


class Group(Node):
    """A node with nodes inside of it."""

    def nodes(self) -> list[Node]:
        """Return the nodes inside."""
        children = self._attached().children
        return [self._session.handle(node) for node in children.nodes] if children is not None else []

    def node(self, name: str) -> Node | None:
        """Return the node of that name inside, None where there is none."""
        children = self._attached().children
        found = children.find(name) if children is not None else None
        return None if found is None else self._session.handle(found)

    def output(self) -> Node | None:
        """Return the group's Output node."""
        return next((node for node in self.nodes() if node.Class() == "Output"), None)

    def numNodes(self) -> int:  # noqa: N802  Nuke's name
        """Return how many nodes are inside."""
        return len(self.nodes())

    def begin(self) -> Group:
        """Let commands work inside of the group until :meth:`end`."""
        self._session.groups.append(self._attached())
        return self

    def end(self) -> None:
        """Let commands work where they did before :meth:`begin`."""
        if self._session.groups:
            self._session.groups.pop()

    def run(self, function: object) -> object:
        """Call `function` with the group as where commands work."""
        if not callable(function):
            raise TypeError("run() takes something to call")
        with self:
            return function()

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, *_error: object) -> None:
        self.end()


class Root(Group):
    """The script's own node: its settings, and the outermost nodes."""

    def name(self) -> str:
        """Return the script's path, ``"Root"`` for one that was never saved."""
        return self._session.document.path or self._attached().knob("name") or "Root"

    def fullName(self) -> str:  # noqa: N802  Nuke's name
        """Return ``"root"``."""
        return "root"

    def setName(self, name: str, *_args: object, **_kwargs: object) -> None:  # noqa: N802  Nuke's name
        """Refuse: the script's path is where it is saved. Raises: NotSimulatedError."""
        raise NotSimulatedError("Renaming the root is not simulated; save the script under another path.")

    def nodes(self) -> list[Node]:
        """Return the outermost nodes."""
        self._attached()
        return [self._session.handle(node) for node in self._session.document.top.nodes]

    def node(self, name: str) -> Node | None:
        """Return the outermost node of that name."""
        found = self._session.document.top.find(name)
        return None if found is None else self._session.handle(found)

    def begin(self) -> Group:
        """Let commands work in the root until :meth:`end`."""
        self._session.groups.append(self._attached())
        return self

    def firstFrame(self) -> int:  # noqa: N802  Nuke's name
        """Return the first frame of the script's range."""
        return _whole(self["first_frame"])

    def lastFrame(self) -> int:  # noqa: N802  Nuke's name
        """Return the last frame of the script's range."""
        return _whole(self["last_frame"])

    def fps(self) -> float:
        """Return the frames in a second."""
        value = self["fps"].value()
        return float(value) if isinstance(value, (int, float)) else 24.0

    def format(self) -> Format:
        """Return the script's format."""
        return self._root_format()

    def knob(self, name: str, *_args: object) -> Knob | None:
        """Return a setting of the script, None where there is none of that name."""
        found = super().knob(name)
        return _RootName(self, found._facts) if name == "name" and found is not None else found


class _RootName(String_Knob):
    def _text(self) -> str:
        return self._node._session.document.path or self._node._attached().knob("name") or ""

    def _put(self, text: str, *, scalar: bool = False) -> None:
        node = self._node._attached()
        node.document.set_knob(node, "name", text, scalar=scalar)


def _whole(knob: Knob) -> int:
    value = knob.value()
    return int(value) if isinstance(value, (int, float)) else 0


def _root(session: Session) -> Node:
    root = session.document.root_node
    if root is None:
        raise NotSimulatedError("This script has no Root (it is a gizmo or a snippet), so nuke.root() is not simulated.")
    return session.handle(root)


def _counts(reader: ScriptNode, what: int) -> bool:
    hidden = reader.knob("hide_input") == "true"
    return bool(what & (HIDDEN_INPUTS if hidden else INPUTS))


def _referenced(node: ScriptNode) -> Iterable[ScriptNode]:
    """Return the nodes of the same group that the node's expressions name."""
    found: dict[ScriptNode, None] = {}
    for text in node.knobs.values():
        if "{" not in text and "[" not in text:
            continue
        for name in _REFERENCE.findall(text):
            other = node.scope.find(name)
            if other is not None and other is not node:
                found[other] = None
    return list(found)


Nodes = Union[Node, Iterable[Node]]
