"""What the emulated objects of one ``nuke`` module share: the document, their identity, the current group, the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nuke_ai_panel.nk.catalogue import Catalogue, KnobFacts, NodeClass, default_catalogue
from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.words import list_words, unquote

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.nodes import Node

__all__ = ["DETACHED", "Session"]

DETACHED = "A PythonObject is not attached to a node"

_USER_KNOB_TYPES = {
    "1": ("String_Knob", 1),
    "2": ("File_Knob", 1),
    "3": ("Int_Knob", 1),
    "4": ("Enumeration_Knob", 1),
    "6": ("Boolean_Knob", 1),
    "7": ("Double_Knob", 1),
    "8": ("Double_Knob", 1),
    "10": ("ChannelMask_Knob", 1),
    "11": ("Channel_Knob", 1),
    "12": ("XY_Knob", 2),
    "13": ("XYZ_Knob", 3),
    "14": ("WH_Knob", 2),
    "15": ("BBox_Knob", 4),
    "16": ("Scale_Knob", 2),
    "17": ("Format_Knob", 1),
    "18": ("Color_Knob", 3),
    "19": ("AColor_Knob", 4),
    "20": ("Tab_Knob", 1),
    "22": ("PyScript_Knob", 1),
    "26": ("Text_Knob", 1),
    "30": ("UV_Knob", 2),
    "31": ("Box3_Knob", 6),
    "32": ("Script_Knob", 1),
    "35": ("Pulldown_Knob", 1),
    "36": ("Eyedropper_Knob", 1),
    "40": ("ColorChip_Knob", 1),
    "41": ("Link_Knob", 1),
    "43": ("Multiline_Eval_String_Knob", 1),
    "68": ("CascadingEnumeration_Knob", 1),
    "80": ("Disable_Knob", 1),
    "83": ("Radio_Knob", 1),
}
_NUMBERS = frozenset({"Double_Knob", "Int_Knob", "XY_Knob", "XYZ_Knob", "WH_Knob", "BBox_Knob", "Scale_Knob", "UV_Knob"})
_PER_FILE_TYPE = frozenset({"Read", "Write", "DeepRead", "DeepWrite", "ReadGeo", "ReadGeo2", "WriteGeo"})


class Session:
    """The state behind one emulated module."""

    def __init__(self, document: Document, catalogue: Catalogue | None = None) -> None:
        self.document = document
        self.catalogue = catalogue or default_catalogue()
        self.groups: list[ScriptNode] = []
        self.undo_marks: list[int] = []
        self.undo_names: list[str] = []
        self.finished: list[int] = []
        self.write: Callable[[str], object] = lambda text: None
        self._handles: dict[ScriptNode, Node] = {}

    def handle(self, node: ScriptNode) -> Node:
        """Return the emulated object of a node, the same each time."""
        found = self._handles.get(node)
        if found is None:
            from nuke_ai_panel.nk.emulation.nodes import Group, Node, Root

            kind = Root if node is self.document.root_node else Group if node.is_group else Node
            found = self._handles[node] = kind(self, node)
        return found

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
            return _user_knob(name, definition)
        known = self.facts(source.class_name)
        facts = known.knobs.get(name) if known is not None else self.catalogue.common().get(name)
        if facts is None and source.knob(name) is not None and name != "inputs":
            return KnobFacts(name, "")
        if facts is None and known is not None and name in known.order and source.class_name in _PER_FILE_TYPE:
            return KnobFacts(name, "")
        return facts

    def knows_all_knobs(self, node: ScriptNode) -> bool:
        """Return whether a knob that is not known surely does not exist."""
        known = self.facts((node.clone_of or node).class_name)
        return known is not None and known.complete


def _user_knob(name: str, definition: str) -> KnobFacts:
    words = list_words(definition[1:-1])
    kind, size = _USER_KNOB_TYPES.get(words[0], ("", 1))
    choices: tuple[str, ...] = ()
    if "M" in words[2:]:
        menu = words[words.index("M", 2) + 1]
        choices = tuple(unquote(word).split("\t")[0] for word in list_words(menu[1:-1] if menu.startswith("{") else menu))
    if kind in _NUMBERS:
        default: str | None = "0"
    elif kind in ("Boolean_Knob", "Disable_Knob"):
        default = "false"
    elif kind in ("Enumeration_Knob", "Pulldown_Knob", "Radio_Knob"):
        default = choices[0] if choices else None
    elif kind in ("String_Knob", "File_Knob", "Multiline_Eval_String_Knob", "Text_Knob", "Tab_Knob"):
        default = ""
    else:
        default = None
    return KnobFacts(name, kind, default, size, choices)
