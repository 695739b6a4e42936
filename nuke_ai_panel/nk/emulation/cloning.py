"""Clones as ``nuke.clone`` makes them: nodes that share all knobs but their place."""

from __future__ import annotations

from typing import Any

from nuke_ai_panel.nk.emulation.creating import Creating, knob_pairs
from nuke_ai_panel.nk.emulation.nodes import Node
from nuke_ai_panel.nk.emulation.session import Session
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
        return {"clone": self.clone}

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

    def clone_of(self, node: ScriptNode) -> ScriptNode:
        """Return a new clone of a node, in the stream of the selected one. Raises: RuntimeError for what cannot be cloned."""
        document = node.document
        original = node.clone_of or node
        if original.children is not None or original is document.root_node:
            raise RuntimeError(f"{original.name} cannot be cloned")
        chosen = self.creating.selected()
        family = document.clones_of(original)
        variable = family[0].clone_variable if family else document._fresh_variable("C")
        scope = self.creating.finding.scope()
        indent = " " * scope.depth
        text = NodeText(f"clone ${variable} {{", document.newline + indent, "}" + document.newline)
        made = ScriptNode(scope, original.class_name, text)
        document.note_clone(made, original)
        document._put(made, None)
        self.creating.join_stream(self.session.handle(made), chosen)
        return made
