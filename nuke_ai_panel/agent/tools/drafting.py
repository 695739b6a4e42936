"""Write calls on their way to one proposal: the Python they become, and the script as it would be after each of them.

The draft changes a document of its own, so that a later call of the same message may use what an earlier one makes, and a
loop or a taken name is found before anybody is asked. Nothing is run; values come into the code as Python literals only.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Sequence

from nuke_ai_panel.agent.tools.marking import quoted
from nuke_ai_panel.agent.tools.script_view import ScriptView
from nuke_ai_panel.agent.tools.values import ToolProblem
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.layout import place
from nuke_ai_panel.nk.node import Node

__all__ = ["Draft", "literal", "lookup"]


def literal(value: object) -> str:
    """Return `value` as a Python literal: a text, number, truth value, None, or a list of them.

    ``repr`` writes whatever cannot be seen (line breaks, bidirectional marks, surrogates) as an escape, so that the code on
    the card is the code that runs.
    """
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, str):
        return repr(str(value))
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ToolProblem("A number must be finite.")
        return repr(float(value))
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    raise ToolProblem("Values are texts, numbers, true or false, or lists of them.")


def lookup(path: str) -> str:
    """Return the Python that finds a node."""
    return "nuke.root()" if path == "root" else f"nuke.toNode({literal(path)})"


class Draft:
    """The calls of one message so far. `view` is used up by it: its document changes."""

    def __init__(self, view: ScriptView) -> None:
        self.view = view
        self.document = view.document
        self.code: list[str] = []
        #: The whole of a script that the model wrote itself, which is the last call.
        self.script = ""
        self._unplaced: dict[Node, int] = {}

    def add(self, *lines: str) -> None:
        """Add lines of Python."""
        if self.script:
            raise ToolProblem("run_script must be the last change of a message; send this one with the next message.")
        self.code.extend(lines)

    def find(self, path: str) -> str:
        """Return the Python that finds a node that the script has or an earlier call makes. Raises: ToolProblem."""
        node = self.view.node(path)
        return lookup("root" if node is self.document.root_node else node.path)

    def node(self, path: str) -> Node:
        """Return a node other than the Root. Raises: ToolProblem."""
        node = self.view.node(path)
        if node is self.document.root_node:
            raise ToolProblem("The Root is no node of the graph.")
        return node

    def create(self, class_name: str, name: str, group: Node | None) -> Node:
        """Create a node in the draft. Raises: ToolProblem."""
        if name:
            self.check_name(name, group)
        try:
            return self.document.create(class_name, name=name, group=group)
        except NkError as error:
            raise ToolProblem(str(error)) from error

    def check_name(self, name: str, group: Node | None) -> None:
        """Return if a node may be called `name`. Raises: ToolProblem."""
        if not name.isidentifier() and not (name.replace("_", "a").isalnum() and not name[:1].isdigit()):
            raise ToolProblem(f"{quoted(name, 80)} is no node name: letters, digits and _ only, and no digit first.")
        if not name.isascii():
            raise ToolProblem(f"{quoted(name, 80)} is no node name in Nuke: letters from a to z, digits and _ only.")
        scope = self.document.top if group is None else group.children
        if scope is not None and scope.find(name) is not None:
            raise ToolProblem(f"There is a node {quoted(name, 80)} already; choose another name or leave it out.")

    def make(self, node: Node, *, variable: str = "node") -> None:
        """Add the Python that makes a node of the draft, as the variable `variable`."""
        maker = (
            f"nuke.nodes.{node.class_name}"
            if node.class_name.isidentifier() and not keyword.iskeyword(node.class_name)
            else f"getattr(nuke.nodes, {literal(node.class_name)})"
        )
        line = f"{variable} = {maker}(name={literal(node.name)})"
        owner = node.scope.owner
        if owner is None:
            self.add(line)
        else:
            self.add(f"with {lookup(owner.path)}:", f"    {line}")

    def connect(self, node: Node, number: int, source: Node | None) -> None:
        """Connect an input in the draft. Raises: ToolProblem for a loop, another group, or an input that is not there."""
        known = self.view.catalogue.class_info(node.class_name)
        most = None if known is None or not known.complete or node.children is not None else known.max_inputs
        if node.children is not None:
            most = sum(1 for each in node.children.nodes if each.class_name == "Input")
        if most is not None and number >= most:
            takes = f"inputs 0 to {most - 1}" if most else "no input"
            raise ToolProblem(f"{quoted(node.path)} ({quoted(node.class_name)}) has {takes}, not an input {number}.")
        try:
            self.document.connect(node, number, source)
        except NkError as error:
            raise ToolProblem(str(error)) from error

    def place_later(self, node: Node, *, variable: str = "node") -> None:
        """Find a place for a new node once all calls are known, and put its line where the code is now."""
        self.add("")
        self._unplaced[node] = len(self.code) - 1
        self.code[-1] = variable

    def finished(self) -> str:
        """Return the Python of all calls."""
        waiting = {node: line for node, line in self._unplaced.items() if node.alive}
        if waiting:
            place(self.document, waiting)
        for node, line in self._unplaced.items():
            variable = self.code[line]
            self.code[line] = f"{variable}.setXYpos({node.xpos}, {node.ypos})" if node.alive else ""
        parts = [line for line in self.code if line]
        if self.script and not parts:
            return self.script
        return "\n".join(("import nuke", "", *parts, self.script or ""))


def shown_names(nodes: Sequence[Node], limit: int = 4) -> str:
    """Return the names of nodes for a sentence."""
    names = ", ".join(quoted(node.path, 60) for node in nodes[:limit])
    return names + (f" and {len(nodes) - limit} more" if len(nodes) > limit else "")
