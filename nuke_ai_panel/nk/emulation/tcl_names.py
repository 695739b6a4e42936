"""The names by which Tcl speaks of nodes, and what a command gives back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.expressions.names import Lost, Unknown, resolve
from nuke_ai_panel.nk.expressions.operators import stop
from nuke_ai_panel.nk.expressions.results import MissingReference
from nuke_ai_panel.nk.expressions.working import Context, Running
from nuke_ai_panel.nk.node import Node

__all__ = ["Found", "TclNames"]

Found = Union[str, int, float, None]


class TclNames:
    """Finding nodes by what a script calls them, and calling them by what it will find again."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def node(self, name: str, context: Context) -> Node:
        """Return the node of a name. Raises: ExpressionStopped."""
        if name in ("", "this"):
            return context.node
        kept = self.session.tcl.named.get(name)
        if kept is not None and kept.alive:
            return kept
        place = resolve(context.node, name)
        if isinstance(place, Node):
            return place
        raise self.lost(place, name)

    def optional(self, name: str, context: Context) -> Node | None:
        """Return the node of a name, None for ``0``."""
        return None if name == "0" else self.node(name, context)

    def lost(self, place: object, name: str) -> Exception:
        """Return the problem of a name that leads to no node or knob."""
        # What knobs a Root may have is no reason to doubt that a node of that name is not there.
        if isinstance(place, Unknown) and place.node is self.session.document.root_node and name.startswith(place.missing):
            return stop(MissingReference(name, name, f"There is no node or knob {name!r}."))
        if isinstance(place, (Lost, Unknown)):
            return Running.nowhere(place, name)
        return stop(MissingReference(name, name, f"{name!r} is no node."))

    def told_name(self, node: Node | None) -> str:
        """Return the name by which the script can go on to speak of a node, ``"0"`` for none."""
        if node is None:
            return "0"
        self.session.tcl.named[node.path] = node
        return node.path

    def listed(self, nodes: Sequence[Node]) -> str:
        """Return the names of nodes as a list."""
        return " ".join(self.told_name(node) for node in nodes)
