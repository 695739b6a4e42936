"""Emulated nodes: Nuke's Python face of a document's nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.emulation.api import absent_method
from nuke_ai_panel.nk.emulation.formats import Format
from nuke_ai_panel.nk.emulation.node_knobs import NodeKnobs
from nuke_ai_panel.nk.emulation.picture_sizes import format_of
from nuke_ai_panel.nk.emulation.placing import size
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.expressions import Reference, references, referring_nodes, rename_edits
from nuke_ai_panel.nk.layout import place
from nuke_ai_panel.nk.node import Node as ScriptNode

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.session import Session

__all__ = [
    "EXPRESSIONS",
    "HIDDEN_INPUTS",
    "INPUTS",
    "LINKINPUTS",
    "Node",
    "root_of",
]

EXPRESSIONS = 1
INPUTS = 2
HIDDEN_INPUTS = 4
LINKINPUTS = 8
_GAP = 26
_COLUMN = 110
# In a group with more nodes a new one goes right below its input, whatever stands there: looking takes too long.
_MOST_LOOKED_AT = 2000
_WITHOUT_OUTPUT = frozenset({"BackdropNode", "StickyNote", "Viewer", "Root"})


class Node(NodeKnobs):
    """A node as Nuke's Python shows it. One whose node is gone raises ValueError, as in Nuke."""

    _API_CLASS = "Node"

    def __repr__(self) -> str:
        if not self._script_node.alive:
            return "<Node: detached>"
        return f"<{self.Class()} {self.fullName()}>"

    def __getattr__(self, name: str) -> Any:
        return absent_method("Node", self._API_CLASS, name)

    def __len__(self) -> int:
        return self.numKnobs()

    def __bool__(self) -> bool:
        return True

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
        if not isinstance(name, str):
            raise TypeError(f"setName() argument 1 must be str, not {type(name).__name__}")
        other = node.scope.find(name)
        if other is not None and other is not node and uncollide:
            name = node.document.free_name(name, group=node.scope.owner, bearer=node)
        mark = node.document.mark()
        try:
            for reader, body in rename_edits(node, name) if updateExpressions else ():
                node.document.set_body(reader, body)
            node.document.rename(node, name)
        except NkError as error:
            node.document.roll_back(mark)
            raise ValueError(str(error)) from error

    def parent(self) -> Node:
        """Return the group the node stands in, the root for the others."""
        owner = self._attached().scope.owner
        return self._session.handle(owner) if owner is not None else root_of(self._session)

    # Inputs

    def input(self, index: int) -> Node | None:
        """Return what input `index` reads from."""
        inputs = self._attached().inputs
        found: Node | None = self._session.hand_out(inputs[index] if 0 <= index < len(inputs) else None)
        return found

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

    def canSetInput(self, index: int, source: Node | None) -> bool:  # noqa: N802  Nuke's name
        """Return whether :meth:`setInput` would connect; changes nothing."""
        document = self._attached().document
        mark = document.mark()
        try:
            return self.setInput(index, source)
        finally:
            document.roll_back(mark)

    def connectInput(self, index: int, source: Node | None) -> bool:  # noqa: N802  Nuke's name
        """Connect an input; the first free one where `index` is taken."""
        inputs = self._attached().inputs
        while index < len(inputs) and inputs[index] is not None:
            index += 1
        return self.setInput(index, source)

    def maxInputs(self) -> int:  # noqa: N802  Nuke's name
        """Return how many inputs the node can have; at least those that the script has connected."""
        node = self._attached()
        return max(len(node.inputs), self._inputs_of_kind(node))

    def _inputs_of_kind(self, node: ScriptNode) -> int:
        if node.children is not None:
            return sum(1 for inner in node.children.nodes if inner.class_name == "Input")
        known = self._session.facts(node.class_name)
        return 100 if known is None or not known.complete else known.max_inputs

    def minInputs(self) -> int:  # noqa: N802  Nuke's name
        """Return how many inputs the node shows at least. Raises: NotSimulatedError for a class that is not known."""
        node = self._attached()
        known = self._session.facts(node.class_name)
        if node.children is not None or (known is not None and known.complete):
            return self._inputs_of_kind(node) if known is None or node.children is not None else known.min_inputs
        raise NotSimulatedError(f"How many inputs {node.class_name} has is not known here.")

    maximumInputs = maxInputs  # noqa: N815  Nuke's name
    minimumInputs = minInputs  # noqa: N815  Nuke's name

    def optionalInput(self) -> int:  # noqa: N802  Nuke's name
        """Return the number of the mask input, -1 where the node has none."""
        known = self._session.facts(self._attached().class_name)
        return known.mask_input if known is not None and known.mask_input is not None else -1

    def dependencies(self, what: int = EXPRESSIONS | INPUTS | HIDDEN_INPUTS) -> list[Node]:
        """Return the nodes this one reads from, by inputs and by names in its expressions."""
        node = self._attached()
        found: list[ScriptNode] = []
        if what & (EXPRESSIONS | LINKINPUTS):
            found.extend(_referenced(node, what))
        if what & (INPUTS | HIDDEN_INPUTS):
            found.extend(source for source in node.inputs if source is not None and _counts(node, what))
        return [self._session.handle(source) for source in dict.fromkeys(found)]

    def dependent(
        self,
        what: int = EXPRESSIONS | INPUTS | HIDDEN_INPUTS,
        forceEvaluate: bool = True,  # noqa: N803  Nuke's name
    ) -> list[Node]:
        """Return the nodes that read from this one."""
        del forceEvaluate
        node = self._attached()
        found: list[ScriptNode] = []
        if what & (INPUTS | HIDDEN_INPUTS):
            found.extend(reader for reader in node.dependents if _counts(reader, what))
        if what & (EXPRESSIONS | LINKINPUTS):
            found.extend(other for other in referring_nodes(node) if node in _referenced(other, what))
        return [self._session.handle(reader) for reader in dict.fromkeys(found)]

    # Small facts

    def format(self) -> Format:
        """Return the format of the node's picture, where the text of the script says it. Raises: NotSimulatedError."""
        return format_of(self._attached(), self._root_format())

    def width(self) -> int:
        """Return the width of the node's picture in pixels, as :meth:`format`."""
        return self.format().width()

    def height(self) -> int:
        """Return the height of the node's picture in pixels, as :meth:`format`."""
        return self.format().height()

    def pixelAspect(self) -> float:  # noqa: N802  Nuke's name
        """Return the shape of the picture's pixels, width by height, as :meth:`format`."""
        return self.format().pixelAspect()

    def help(self) -> str:
        """Return the node's own help text, "" where it has none; that of the class is not known here."""
        return self._attached().knob("help") or ""

    def clones(self) -> int:
        """Return how many clones the node has."""
        node = self._attached()
        family = node.clone_of or node
        return sum(1 for other in node.document.walk() if other is not node and (other is family or other.clone_of is family))

    def isCloneable(self) -> bool:  # noqa: N802  Nuke's name
        """Return whether the node can be cloned."""
        return self._attached().children is None

    def rootNode(self) -> Node:  # noqa: N802  Nuke's name
        """Return the root."""
        return root_of(self._session)

    def maxOutputs(self) -> int:  # noqa: N802  Nuke's name
        """Return whether the node has an output, as 1 or 0."""
        return 0 if self._attached().class_name in _WITHOUT_OUTPUT else 1

    maximumOutputs = maxOutputs  # noqa: N815  Nuke's name

    def shown(self) -> bool:
        """Return whether the node's panel is open: never here."""
        self._attached()
        return False

    def redraw(self) -> None:
        """Draw the node anew: nothing is drawn here."""
        self._attached()

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
        return size(self._attached())[0]

    def screenHeight(self) -> int:  # noqa: N802  Nuke's name
        """Return the height in the node graph, of a node with one line of text."""
        return size(self._attached())[1]

    def autoplace(self) -> None:
        """Move the node below its inputs, or beside the others where it has none, to where nothing stands."""
        self._place_itself()

    def _place_itself(self) -> None:
        node = self._attached()
        if len(node.scope.nodes) <= _MOST_LOOKED_AT:
            # A backdrop does not grow in Nuke when a node is made on it.
            place(node.document, [node], grows_backdrops=False)
            return
        source = next((self._session.handle(each) for each in node.inputs if each is not None), None)
        if source is not None:
            x = source.xpos() + (source.screenWidth() - self.screenWidth()) // 2
            self.setXYpos(x, source.ypos() + source.screenHeight() + _GAP)
        else:
            others = [other for other in node.scope.nodes if other is not node and other.class_name != "BackdropNode"]
            self.setXYpos(max(other.xpos for other in others) + _COLUMN, min(other.ypos for other in others))

    def selectOnly(self) -> None:  # noqa: N802  Nuke's name
        """Select this node and no other of its group."""
        node = self._attached()
        for other in node.scope.nodes:
            node.document.select(other, other is node)

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


def root_of(session: Session) -> Node:
    """Return the emulated root. Raises: NotSimulatedError for a gizmo or a snippet, which has none."""
    root = session.document.root_node
    if root is None:
        raise NotSimulatedError("This script has no Root (it is a gizmo or a snippet), so nuke.root() is not simulated.")
    return session.handle(root)


def _counts(reader: ScriptNode, what: int) -> bool:
    hidden = reader.knob("hide_input") == "true"
    return bool(what & (HIDDEN_INPUTS if hidden else INPUTS))


def _referenced(node: ScriptNode, what: int) -> list[ScriptNode]:
    """Return the other nodes that the expressions of a node lead to, and with LINKINPUTS those its links stand for."""
    targets = [
        each.target
        for each in references(node)
        if isinstance(each, Reference) and what & (LINKINPUTS if each.source.kind == "link" else EXPRESSIONS)
    ]
    return [target for target in dict.fromkeys(targets) if target is not None and target is not node]
