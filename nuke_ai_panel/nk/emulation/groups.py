"""Emulated nodes that hold nodes: groups, the root; and backdrops, which enclose them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nuke_ai_panel.nk.emulation.formats import Format
from nuke_ai_panel.nk.emulation.knob import Knob
from nuke_ai_panel.nk.emulation.nodes import Node
from nuke_ai_panel.nk.emulation.placing import enclosed
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.text_knobs import String_Knob
from nuke_ai_panel.nk.node import Node as ScriptNode

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.session import Session

__all__ = ["BackdropNode", "Gizmo", "Group", "LiveGroup", "Precomp", "Root", "Viewer", "node_class"]


class Group(Node):
    """A node with nodes inside of it."""

    _API_CLASS = "Group"

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

    def selectedNodes(self, filter: str | None = None) -> list[Node]:  # noqa: A002, N802  Nuke's name
        """Return the selected nodes inside, of one class with `filter`."""
        return [node for node in self.nodes() if node.isSelected() and filter in (None, "", node.Class())]

    def selectedNode(self) -> Node:  # noqa: N802  Nuke's name
        """Return the selected node inside. Raises: ValueError where none is."""
        found = self.selectedNodes()
        if not found:
            raise ValueError("no node selected")
        return found[-1]

    def expand(self) -> list[Node]:
        """Put the nodes inside in the place of the group, and return them."""
        from nuke_ai_panel.nk.emulation.grouping import expand

        return [self._session.handle(node) for node in expand(self._session, self._attached())]

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


class Gizmo(Group):
    """A group that is defined in a file of its own."""

    _API_CLASS = "Gizmo"

    def command(self) -> str:
        """Return the name of the gizmo's file."""
        return self.Class()

    def filename(self) -> str:
        """Return the path of the gizmo's file, "" where it is not known."""
        path = self._session.catalogue.gizmo_path(self.Class())
        return "" if path is None else str(path)

    def nodes(self) -> list[Node]:
        """Return the nodes inside. Raises: NotSimulatedError for a gizmo whose inside stands in its file only."""
        if self._attached().children is None:
            raise NotSimulatedError(f"The nodes inside of the gizmo {self.name()} stand in its file; call makeGroup() first.")
        return super().nodes()

    def makeGroup(self) -> Node:  # noqa: N802  Nuke's name
        """Make a group that is a copy of the gizmo, with its knobs as they are set and its inputs open, and return it.

        Raises: NotSimulatedError where the gizmo's file is not known or cannot be read.
        """
        from nuke_ai_panel.nk.emulation.grouping import group_from_gizmo

        made: Node = self._session.hand_out(group_from_gizmo(self._session, self._attached()))
        return made


class Precomp(Group):
    """A script that stands in another."""

    _API_CLASS = "Precomp"


class LiveGroup(Precomp):
    """A group that is kept in a file of its own."""

    _API_CLASS = "LiveGroup"


class Viewer(Node):
    """A viewer. It shows nothing here."""

    _API_CLASS = "Viewer"


class BackdropNode(Node):
    """A backdrop."""

    _API_CLASS = "BackdropNode"

    def getNodes(self) -> list[Node]:  # noqa: N802  Nuke's name
        """Return the nodes that stand on the backdrop as a whole."""
        return [self._session.handle(node) for node in enclosed(self._attached())]

    def selectNodes(self, selected: bool = True) -> None:  # noqa: N802  Nuke's name
        """Select the nodes that stand on the backdrop."""
        for node in self.getNodes():
            node.setSelected(selected)


class Root(Group):
    """The script's own node: its settings, and the outermost nodes."""

    _API_CLASS = "Root"

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

    realFps = fps  # noqa: N815  Nuke's name

    def setFrame(self, frame: int) -> None:  # noqa: N802  Nuke's name
        """Go to a frame."""
        self["frame"].setValue(int(frame))

    def modified(self) -> bool:
        """Return whether the script changed since it was read or saved, as far as this session knows."""
        return self._session.document.mark() != self._session.saved_mark

    def setModified(self, modified: bool = True) -> None:  # noqa: N802  Nuke's name
        """Say that the script changed, or that it did not."""
        self._session.saved_mark = -1 if modified else self._session.document.mark()

    def proxy(self) -> bool:
        """Return whether proxy mode is on."""
        return bool(self["proxy"].value())

    def setProxy(self, proxy: bool) -> None:  # noqa: N802  Nuke's name
        """Switch proxy mode."""
        self["proxy"].setValue(bool(proxy))

    def input(self, index: int) -> Node | None:
        """Return None: the root has no inputs."""
        del index
        return None

    def inputs(self) -> int:
        """Return 0: the root has no inputs."""
        return 0

    def maxInputs(self) -> int:  # noqa: N802  Nuke's name
        """Return 0: the root has no inputs."""
        return 0

    maximumInputs = minInputs = minimumInputs = maxInputs  # noqa: N815  Nuke's names

    def format(self) -> Format:
        """Return the script's format."""
        return self._root_format()

    def knob(self, name: str, *_args: object) -> Knob | None:
        """Return a setting of the script, None where there is none of that name."""
        found = super().knob(name)
        return _RootName._of(self, found._facts) if name == "name" and found is not None else found


class _RootName(String_Knob):
    def _text(self) -> str:
        return self._node._session.document.path or self._node._attached().knob("name") or ""

    def _put(self, text: str, *, scalar: bool = False) -> None:
        node = self._node._attached()
        node.document.set_knob(node, "name", text, scalar=scalar)


def _whole(knob: Knob) -> int:
    value = knob.value()
    return int(value) if isinstance(value, (int, float)) else 0


_CLASSES: dict[str, type[Node]] = {
    "Group": Group,
    "VariableGroup": Group,
    "LiveGroup": LiveGroup,
    "Precomp": Precomp,
    "Gizmo": Gizmo,
    "BackdropNode": BackdropNode,
    "Viewer": Viewer,
}


def node_class(session: Session, node: ScriptNode) -> type[Node]:
    """Return the class of the object that stands for a node."""
    if node is session.document.root_node:
        return Root
    found = _CLASSES.get(node.class_name)
    known = session.facts(node.class_name) if found is None and not node.is_group else None
    if known is not None and known.origin == "gizmo":
        return Gizmo
    return found if found is not None else Group if node.is_group else Node
