"""Clones as ``nuke.clone`` makes them: nodes that share all knobs but their place."""

from __future__ import annotations

from typing import Any

from nuke_ai_panel.nk.emulation.creating import Creating, knob_pairs
from nuke_ai_panel.nk.emulation.nodes import Node
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.layout import place
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.node_text import NodeText

__all__ = ["Cloning"]


class Cloning:
    """Making clones."""

    def __init__(self, session: Session, creating: Creating) -> None:
        self.session = session
        self.creating = creating

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {"clone": self.clone, "cloneSelected": self.clone_selected}

    def clone(self, node: Node, args: str = "", inpanel: bool = True) -> Any:
        """Clone a node into the stream of the selected one, as ``createNode`` makes one, and select the clone alone.

        `args` are knobs, which all of its clones get; no panel opens. Raises: TypeError; RuntimeError for a group.
        """
        del inpanel
        if not isinstance(node, Node):
            raise TypeError(f"clone() argument 1 must be Node, not {type(node).__name__}")
        made = self.clone_of(node._attached())
        handle = self.session.handle(made)
        for name, value in knob_pairs(args or ""):
            handle[name].fromScript(value)
        return self.session.hand_out(made)

    def clone_selected(self, action: str = "") -> bool:
        """Clone the selected nodes, connected among themselves as they are, and select the clones; False without a selection.

        Raises: RuntimeError where one cannot be cloned, NotSimulatedError for an `action`.
        """
        if action:
            raise NotSimulatedError(f"nuke.cloneSelected({action!r}) is not simulated.")
        document = self.session.document
        chosen = self.creating.selected()
        for node in chosen:
            _check(node)
        clones = {node: self._new(node) for node in chosen}
        for node, clone in clones.items():
            for index, source in enumerate(node.inputs):
                document.connect(clone, index, clones.get(source, source) if source is not None else None)
            document.select(node, False)
        for clone in clones.values():
            document.select(clone)
        place(document, clones.values(), grows_backdrops=False)
        return bool(chosen)

    def clone_of(self, node: ScriptNode) -> ScriptNode:
        """Return a new clone of a node, in the stream of the selected one. Raises: RuntimeError for what cannot be cloned."""
        _check(node)
        chosen = self.creating.selected()
        made = self._new(node)
        self.creating.join_stream(self.session.handle(made), chosen)
        return made

    def _new(self, node: ScriptNode) -> ScriptNode:
        document = node.document
        original = node.clone_of or node
        family = document.clones_of(original)
        variable = family[0].clone_variable if family else document._fresh_variable("C")
        scope = self.creating.finding.scope()
        indent = " " * scope.depth
        text = NodeText(f"clone ${variable} {{", document.newline + indent, "}" + document.newline)
        made = ScriptNode(scope, original.class_name, text)
        document.note_clone(made, original)
        document._put(made, None)
        return made


def _check(node: ScriptNode) -> None:
    if (node.clone_of or node).children is not None or node is node.document.root_node:
        raise RuntimeError(f"{node.name} cannot be cloned")
