"""What the emulated objects of one ``nuke`` module share: the document, their identity, the current group, the output."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nuke_ai_panel.nk.catalogue import Catalogue, KnobFacts, NodeClass
from nuke_ai_panel.nk.catalogue_gizmos import user_knob_info
from nuke_ai_panel.nk.curves import Component
from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.emulation.formats import STANDARD_FORMATS, Format
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.node import Node as ScriptNode

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.knob import Knob
    from nuke_ai_panel.nk.emulation.nodes import Node
    from nuke_ai_panel.nk.expressions import Evaluation

__all__ = ["DETACHED", "Callback", "MenuChange", "NotRun", "PanelRecord", "Session", "TclState", "UndoStep", "UndoneStep"]

DETACHED = "A PythonObject is not attached to a node"


_TYPE_OF_ENDING = {"jpg": "jpeg", "tif": "tiff", "ftif": "tiff", "sxr": "exr", "tga": "targa"}

#: Node objects that Python gets of a script in a non-commercial Nuke.
TEN_NODES = 10


@dataclass(frozen=True)
class NotRun:
    """Code that the script or the text it read carries, and that Nuke would have run: where it stands, and its text."""

    where: str
    code: str


@dataclass(frozen=True)
class Callback:
    """A callback that was registered: its kind (``"OnCreate"``), what to call, and for which class of nodes. Never called."""

    kind: str
    call: Callable[..., object]
    args: tuple[object, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    node_class: str = "*"


@dataclass
class UndoStep:
    """A group of changes that ended: its name, and the document's marks at its begin and end."""

    name: str
    begin: int
    end: int


@dataclass(frozen=True)
class UndoneStep:
    """A group that was taken back: its name, the script after it, what was selected then, and the document's mark now."""

    name: str
    content: bytes
    selected: list[str]
    mark: int


@dataclass(frozen=True)
class MenuChange:
    """Something a script did to the menus; nothing of it was run.

    `kind` is ``"command"``, ``"menu"``, ``"separator"``, ``"changed"``, ``"removed"`` or ``"cleared"``. `menu` is Nuke's name
    of the menu (``"Nuke"``), `path` what leads to the item in it (``"Tools/Publish"``), `command` the text or the function.
    `details` hold what was given besides: ``shortcut``, ``icon``, ``tooltip``, ``index``, ``readonly``, ``shortcutContext``.
    """

    kind: str
    menu: str
    path: str
    command: str | Callable[..., object] | None = None
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class PanelRecord:
    """A panel that was registered: its id, its name in the Pane menu ("" for none), and what would make it."""

    id: str
    name: str
    maker: object


@dataclass
class TclState:
    """What Tcl keeps from one call to the next: variables, the node stack, the nodes it spoke of, the selection it left."""

    variables: dict[str, str] = field(default_factory=dict)
    stack: list[ScriptNode | None] = field(default_factory=list)
    named: dict[str, ScriptNode] = field(default_factory=dict)
    selected: tuple[ScriptNode, ...] = ()


class Session:
    """The state behind one emulated module."""

    def __init__(self, document: Document, catalogue: Catalogue | None = None, *, non_commercial: bool = False) -> None:
        self.document = document
        self.catalogue = catalogue or Catalogue.for_document(document)
        self.non_commercial = non_commercial
        self.groups: list[ScriptNode] = []
        self.undo_marks: list[int] = []
        self.undo_names: list[str] = []
        self.finished: list[UndoStep] = []
        self.undone: list[UndoneStep] = []
        self.undo_disabled = 0
        self.callbacks: list[Callback] = []
        self.menu_changes: list[MenuChange] = []
        self.panels: list[PanelRecord] = []
        self.plugin_paths: list[str] = []
        self.kernels_from_files: set[ScriptNode] = set()
        self.not_run: list[NotRun] = []
        self.knob_defaults: dict[tuple[str, str], object] = {}
        self.formats = [Format(text) for text in STANDARD_FORMATS]
        self.clipboard = ""
        self.tcl = TclState()
        self.has_window = False
        self.saved_mark = document.mark()
        self.main_thread = threading.get_ident()
        self.main_calls: Any = None
        self.library: Any = None
        self.write: Callable[[str], object] = lambda text: None
        self._handles: dict[ScriptNode, Node] = {}
        self._handed_out = 0

    def handle(self, node: ScriptNode) -> Node:
        """Return the emulated object of a node, the same each time."""
        found = self._handles.get(node)
        if found is None:
            from nuke_ai_panel.nk.emulation.groups import node_class

            found = self._handles[node] = node_class(self, node)(self, node)
        return found

    def hand_out(self, node: ScriptNode | None) -> Any:
        """Return the object of a node for Python, None for no node.

        In non-commercial mode each object counts, also one that Python has already, and after ten there is None.
        """
        if node is None:
            return None
        if self.non_commercial:
            if self._handed_out >= TEN_NODES:
                return None
            self._handed_out += 1
        return self.handle(node)

    def forget_handed_out(self) -> None:
        """Begin to count anew: the script was cleared."""
        self._handed_out = 0

    def frame(self) -> int:
        """Return the current frame."""
        root = self.document.root_node
        try:
            return int(float((root.knob("frame") if root is not None else None) or "1"))
        except ValueError:
            return 1

    def format_named(self, text: str) -> Format | None:
        """Return the format of a name, None where there is none: one of the session's, or one that the script's text holds."""
        for known in reversed(self.formats):
            if known.name() == text:
                return known
        root = self.document.root_node
        own = root.knob("format") if root is not None else None
        return Format(own) if own is not None and own.split()[-1:] == [text] and len(own.split()) in (4, 8) else None

    def relative(self, node: ScriptNode, path: str) -> ScriptNode | None:
        """Return the node that a path in one of `node`'s knobs names: inside of it, beside it or further out."""
        words = path.split(".")
        if words[0] in ("this", ""):
            words.pop(0)
        if not words:
            return node
        if words[0] == "parent":
            owner = node.scope.owner or self.document.root_node
            return None if owner is None else self.relative(owner, ".".join(words[1:]))
        if words[0] == "root":
            return self.document.find(".".join(words[1:])) if words[1:] else self.document.root_node
        scope = node.children if node.children is not None and node.children.find(words[0]) else node.scope
        while True:
            found = scope.find(words[0])
            if found is not None or scope.owner is None:
                break
            scope = scope.owner.scope
        for word in words[1:]:
            found = found.children.find(word) if found is not None and found.children is not None else None
        return found

    def evaluate_number(self, knob: Knob, part: Component, frame: float | None, index: int) -> float:
        """Return the value of an expression. Raises: NotSimulatedError where it cannot be told without Nuke."""
        del part
        from nuke_ai_panel.nk.expressions import knob_number

        found = knob_number(knob._node._attached(), knob.name(), index, frame=frame)
        if found.problem is None and found.number is not None:
            return found.number
        message = found.problem.message if found.problem is not None else "it is no number"
        raise NotSimulatedError(f"The value of the expression on {knob._full_name()} is not simulated: {message}")

    def evaluate_text(self, knob: Knob, text: str, frame: float | None) -> str:
        """Return a text with its Tcl evaluated. Raises: NotSimulatedError where it cannot be told without Nuke."""
        del text
        from nuke_ai_panel.nk.expressions import knob_text

        return str(self.outcome(f"Evaluating {knob._full_name()}", knob_text(knob._node._attached(), knob.name(), frame=frame)))

    def outcome(self, call: str, found: Evaluation) -> str | float:
        """Return the value of an evaluation.

        Raises: RuntimeError for a mistake in the text, NotSimulatedError for what cannot be told without Nuke.
        """
        if found.problem is None and found.value is not None:
            return found.value
        message = found.problem.message if found.problem is not None else "there is no value"
        if type(found.problem).__name__ in ("NotSimulated", "LimitReached"):
            raise NotSimulatedError(f"{call} is not simulated: {message}")
        raise RuntimeError(message)

    @property
    def group(self) -> ScriptNode | None:
        """The group that commands work in, None for the root."""
        return self.groups[-1] if self.groups else None

    def facts(self, class_name: str) -> NodeClass | None:
        """Return what is known of a class."""
        return self.catalogue.find(class_name)

    def knob_facts(self, node: ScriptNode, name: str) -> KnobFacts | None:
        """Return what is known of a node's knob, None where the node has none of that name as far as is known."""
        source = node.clone_of or node
        definition = source.user_knobs.get(name)
        if definition is not None:
            return user_knob_info(name, definition)
        known = self.facts(source.class_name)
        facts = known.knobs.get(name) if known is not None else self.catalogue.common().get(name)
        if facts is None and known is not None:
            facts = self._of_file_type(source, known, name)
        if facts is None and source.knob(name) is not None and name != "inputs":
            return KnobFacts(name, "")
        return facts

    def _of_file_type(self, node: ScriptNode, known: NodeClass, name: str) -> KnobFacts | None:
        """Return a knob that a node has for the sake of its file type, None where it has none of that name now."""
        facts = known.file_type_knobs.get(name)
        if facts is None:
            # What scripts were found to write, but nobody knows with which type: it may be there.
            is_open = known.dynamic and name in known.order and name not in known.obsolete_knobs and "file_type" in known.knobs
            return KnobFacts(name, "") if is_open else None
        shown = (node.knob("file_type") or "").strip().lower()
        ending = os.path.splitext((node.knob("file") or "").strip())[1].lstrip(".").lower()
        file_type = shown or _TYPE_OF_ENDING.get(ending, ending)
        told = {each for knob in known.file_type_knobs.values() for each in knob.file_types}
        # Of a type that nothing is told of, any of these knobs may be one.
        if file_type not in facts.file_types and (not file_type or file_type in told):
            return None
        default = self.knob_defaults.get((f"{node.class_name}.{file_type}", name))
        return facts if default is None else replace(facts, default=str(default))

    def knows_all_knobs(self, node: ScriptNode) -> bool:
        """Return whether a knob that is not known surely does not exist. A kernel of one's own brings knobs of its own."""
        source = node.clone_of or node
        known = self.facts(source.class_name)
        has_kernel = known is not None and "kernelSource" in known.knobs and source.knob("kernelSource") is not None
        return known is not None and known.complete and not has_kernel
