"""Functions of the emulated module that find and select nodes."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from typing import Any

from nuke_ai_panel.nk.emulation.nodes import EXPRESSIONS, HIDDEN_INPUTS, INPUTS, Node, root_of
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.node import Scope

__all__ = ["Finding", "listed"]

_MATCH_CLASS, _MATCH_LABEL, _MATCH_COLOR = 0, 1, 2


class Finding:
    """Finding nodes by name, by class, by selection."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {
            "allNodes": self.all_nodes,
            "toNode": self.to_node,
            "exists": self.exists,
            "selectedNode": self.selected_node,
            "selectedNodes": self.selected_nodes,
            "nodesSelected": lambda: any(node.selected for node in self.scope().nodes),
            "selectAll": self.select_all,
            "invertSelection": self.invert_selection,
            "selectSimilar": self.select_similar,
            "selectPattern": self.select_pattern,
            "selectConnectedNodes": self.select_connected,
            "dependencies": self.dependencies,
            "dependentNodes": self.dependent_nodes,
            "inputs": self.inputs,
            "root": lambda: root_of(self.session),
            "thisRoot": lambda: root_of(self.session),
            "thisGroup": self.this_group,
            "thisNode": self.this_group,
            "thisParent": self.this_parent,
            "endGroup": self.end_group,
        }

    def scope(self) -> Scope:
        """Return the scope of the group that commands work in."""
        group = self.session.group
        return group.children if group is not None and group.children is not None else self.session.document.top

    def handed(self, nodes: Iterable[ScriptNode]) -> list[Any]:
        """Return the objects of nodes for Python."""
        return [self.session.hand_out(node) for node in nodes]

    def all_nodes(self, filter: str | None = None, group: Node | None = None, recurseGroups: bool = False) -> list[Any]:  # noqa: A002, N803
        """Return the nodes of a group (the current one by default), of one class with `filter`; the newest first."""
        scope: Scope | None = self.scope()
        if group is not None:
            inner = group._attached()
            scope = self.session.document.top if inner is self.session.document.root_node else inner.children
        if scope is None:
            raise ValueError(f"{group!r} is no group")
        found: Iterable[ScriptNode] = self.session.document.walk(scope) if recurseGroups else scope.nodes
        return self.handed(reversed([node for node in found if filter in (None, "", node.class_name)]))

    def to_node(self, name: str) -> Any:
        """Return the node of a name in the current group or of a full name, None where there is none."""
        if not isinstance(name, str):
            raise TypeError(f"toNode() argument 1 must be str, not {type(name).__name__}")
        return self.session.hand_out(self._found(name))

    def _found(self, name: str) -> ScriptNode | None:
        document = self.session.document
        if name in ("root", "Root") and document.root_node is not None:
            return document.root_node
        words = name.split(".")
        owner = self.session.group
        if words[0] == "this":
            words.pop(0)
            if not words:
                return owner or document.root_node
        while words[0] == "parent":
            words.pop(0)
            owner = owner.scope.owner if owner is not None else None
            if not words:
                return owner or document.root_node
        scope = owner.children if owner is not None and owner.children is not None else document.top
        found = scope.find(words[0])
        for part in words[1:] if found is not None else []:
            found = found.children.find(part) if found is not None and found.children is not None else None
        return found if found is not None else document.find(name)

    def exists(self, name: str) -> bool:
        """Return whether a node, or a knob named ``Node.knob``, exists."""
        if not isinstance(name, str):
            raise TypeError(f"exists() argument 1 must be str, not {type(name).__name__}")
        if self._found(name) is not None:
            return True
        owner, _, knob = name.rpartition(".")
        if not owner:
            here = self.session.group or self.session.document.root_node
            return here is not None and self.session.knob_facts(here, name) is not None
        node = self._found(owner)
        if node is not None:
            return self.session.handle(node).knob(knob) is not None
        # Node.knob.x names one value of a knob.
        first, _, whole = owner.rpartition(".")
        above = self._found(first) if first else None
        return above is not None and self.session.handle(above).knob(whole) is not None

    # Selection

    def selected_nodes(self, filter: str | None = None) -> list[Any]:  # noqa: A002  Nuke's name
        """Return the selected nodes of the current group, of one class with `filter`; the newest first."""
        chosen = [node for node in self.scope().nodes if node.selected]
        return self.handed(reversed([node for node in chosen if filter in (None, "", node.class_name)]))

    def selected_node(self) -> Any:
        """Return the selected node. Raises: ValueError where none is."""
        chosen = [node for node in self.scope().nodes if node.selected]
        if not chosen:
            raise ValueError("no node selected")
        return self.session.hand_out(chosen[-1])

    def select_all(self) -> None:
        """Select every node of the current group."""
        for node in self.scope().nodes:
            self.session.document.select(node)

    def invert_selection(self) -> None:
        """Select what is not selected, and the other way round."""
        for node in self.scope().nodes:
            self.session.document.select(node, not node.selected)

    def select_similar(self, matchType: int) -> None:  # noqa: N803  Nuke's name
        """Add the nodes that are like a selected one: in class, label or colour."""
        knob = {_MATCH_LABEL: "label", _MATCH_COLOR: "tile_color"}.get(matchType)

        def look(node: ScriptNode) -> str | None:
            return node.class_name if knob is None else node.knob(knob)

        nodes = self.scope().nodes
        wanted = {look(node) for node in nodes if node.selected}
        for node in nodes:
            if look(node) in wanted:
                self.session.document.select(node)

    def select_pattern(self, pattern: str = "*") -> None:
        """Select the nodes whose name fits a pattern with ``*`` and ``?``, and no others."""
        for node in self.scope().nodes:
            self.session.document.select(node, fnmatch.fnmatchcase(node.name, pattern))

    def select_connected(self) -> None:
        """Add all nodes that are connected with a selected one, directly or through others."""
        todo = [node for node in self.scope().nodes if node.selected]
        seen = set(todo)
        while todo:
            node = todo.pop()
            self.session.document.select(node)
            for other in (*node.inputs, *node.dependents):
                if other is not None and other not in seen:
                    seen.add(other)
                    todo.append(other)

    # Relations

    def dependencies(self, nodes: object, what: int = EXPRESSIONS | INPUTS | HIDDEN_INPUTS) -> list[Node]:
        """Return the nodes that the given ones read from."""
        return list(dict.fromkeys(found for node in listed(nodes) for found in node.dependencies(what)))

    def dependent_nodes(
        self, what: int = EXPRESSIONS | INPUTS | HIDDEN_INPUTS, nodes: object = (), *_args: object
    ) -> list[Node]:
        """Return the nodes that read from the given ones."""
        return list(dict.fromkeys(found for node in listed(nodes) for found in node.dependent(what)))

    def inputs(self, node: Node, count: int | None = None) -> int:
        """Return the number of a node's inputs."""
        del count
        return node.inputs()

    # Where commands work

    def this_group(self) -> Node:
        """Return the group that commands work in."""
        group = self.session.group
        return root_of(self.session) if group is None else self.session.handle(group)

    def this_parent(self) -> Node:
        """Return the group around the one that commands work in."""
        group = self.session.group
        owner = group.scope.owner if group is not None else None
        return root_of(self.session) if owner is None else self.session.handle(owner)

    def end_group(self) -> None:
        """Let commands work in the group around the current one."""
        if self.session.groups:
            self.session.groups.pop()


def listed(nodes: object) -> list[Node]:
    """Return the nodes that a call was given, one or several. Raises: TypeError."""
    if isinstance(nodes, Node):
        return [nodes]
    if isinstance(nodes, Iterable) and not isinstance(nodes, str):
        found = list(nodes)
        if all(isinstance(node, Node) for node in found):
            return found
    raise TypeError("a node or a list of nodes is wanted")
