"""Functions of the emulated module that make, clone and delete nodes: ``createNode``, ``nuke.nodes``, ``knobDefault``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.emulation.finding import Finding, listed
from nuke_ai_panel.nk.emulation.nodes import Node
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.emulation.text_knobs import String_Knob
from nuke_ai_panel.nk.layout import place, tidy
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.node_text import NodeText
from nuke_ai_panel.nk.words import DamagedWordError, unquote

__all__ = ["Creating", "knob_pairs"]


class Creating:
    """Making and deleting nodes."""

    def __init__(self, session: Session, finding: Finding) -> None:
        self.session = session
        self.finding = finding

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {
            "nodes": _NodeFactories(self),
            "createNode": self.create_node,
            "canCreateNode": self.can_create,
            "delete": self.delete,
            "nodeDelete": self.delete_selected,
            "knobDefault": self.knob_default,
            "connectNodes": self.connect_nodes,
            "extractSelected": self.extract_selected,
            "autoplace": self.autoplace,
            "autoplaceSnap": self.autoplace_snap,
            "autoplace_all": self.autoplace_all,
            "autoplaceAll": self.autoplace_all,
            "autoplace_snap_all": self.snap_all,
            "autoplaceSnapAll": self.snap_all,
            "autoplace_snap_selected": self.snap_selected,
            "autoplaceSnapSelected": self.snap_selected,
        }

    # Making

    def create_node(self, node: str, knobs: str = "", inpanel: bool = True, *_args: object) -> Any:
        """Create a node below the selected one and in its stream, and select it alone.

        With several nodes selected they become its inputs, as many as it takes. No panel opens.
        """
        del inpanel
        made = self.in_stream(node)
        for name, value in knob_pairs(knobs):
            made[name].fromScript(value)
        return self.session.hand_out(made._attached())

    def in_stream(self, class_name: str) -> Node:
        """Return a new node in the stream of the selected one, selected alone. Raises: TypeError, RuntimeError."""
        chosen = self.selected()
        made = self.make(class_name)
        self.join_stream(made, chosen)
        return made

    def selected(self) -> list[ScriptNode]:
        """Return the selected nodes of the group that commands work in."""
        return [one for one in self.finding.scope().nodes if one.selected]

    def join_stream(self, made: Node, chosen: list[ScriptNode]) -> None:
        """Connect a new node below the nodes that were selected, move it there and select it alone."""
        document = self.session.document
        script_node = made._attached()
        room = made.maxInputs()
        sources = chosen[:room] if len(chosen) > 1 else chosen if room else []
        readers: list[tuple[ScriptNode, int]] = []
        if len(sources) == 1:
            readers = [(other, i) for other in sources[0].dependents for i, one in enumerate(other.inputs) if one is sources[0]]
        if made.maxOutputs() == 0:
            readers = []
        for index, source in enumerate(sources):
            document.connect(script_node, index, source)
        for reader, index in readers:
            document.connect(reader, index, script_node)
        for one in chosen:
            document.select(one, False)
        self.place(made)
        document.select(script_node)

    def make_with_knobs(self, class_name: str, settings: Mapping[str, Any]) -> Any:
        """Create a node for ``nuke.nodes.X``: connected to its ``inputs`` only, nothing selected, no panel."""
        settings = dict(settings)
        wanted = settings.pop("inputs", [])
        made = self.make(class_name)
        for index, source in enumerate(wanted):
            if source is not None and not made.setInput(index, source):
                raise RuntimeError(f"{class_name}: input {index} cannot be connected to {source.name()}")
        if not ("xpos" in settings and "ypos" in settings):
            self.place(made)
        for name, value in settings.items():
            knob = made[name]
            if isinstance(value, str) and not isinstance(knob, String_Knob):
                knob.fromScript(value)
            else:
                knob.setValue(value)
        return self.session.hand_out(made._attached())

    def can_create(self, class_name: str) -> bool:
        """Return whether a node of the class can be made, as far as the class is known here."""
        return self._is_class(class_name)

    def _is_class(self, class_name: str) -> bool:
        if class_name == "Root":
            return False
        known = self.session.facts(class_name)
        if known is not None and (known.since is None or self.session.catalogue.has_reached(known.since)):
            return True
        return next(iter(self.session.document.nodes_of_class(class_name, recurse=True)), None) is not None

    def make(self, class_name: str) -> Node:
        """Return a new node that is connected to nothing. Raises: TypeError, RuntimeError for a class there is not."""
        if not isinstance(class_name, str):
            raise TypeError(f"a node class is a string, not {type(class_name).__name__}")
        if not self._is_class(class_name):
            raise RuntimeError(f"{class_name}: Unknown command")
        try:
            script_node = self.session.document.create(class_name, group=self.session.group)
        except NkError as error:
            raise RuntimeError(str(error)) from error
        made = self.session.handle(script_node)
        for (owner, name), value in self.session.knob_defaults.items():
            if owner in ("", class_name) and (knob := made.knob(name)) is not None:
                if isinstance(value, str):
                    knob.fromScript(value)
                else:
                    knob.setValue(value)  # type: ignore[arg-type]
        return made

    def knob_default(self, knob: str, value: object = None) -> object:
        """Set what new nodes have in a knob, or return it where no value is given.

        The knob is ``"Merge2.bbox"``, ``"Write.exr.compression"`` for one of a file type, or a name for all classes.
        """
        owner, _, name = knob.rpartition(".")
        if value is None:
            own = self.session.knob_defaults.get((owner, name))
            known = self.session.facts(owner)
            facts = known.knobs.get(name) if known is not None else None
            return own if own is not None else facts.default if facts is not None else None
        self.session.knob_defaults[owner, name] = value
        return None

    # Changing

    def delete(self, nodes: object) -> None:
        """Delete a node, or each of a list; what read from it reads from its first input."""
        for node in listed(nodes):
            try:
                self.session.document.delete(node._attached())
            except NkError as error:
                raise ValueError(str(error)) from error

    def delete_selected(self, *_args: object) -> bool:
        """Delete the selected nodes; False where there are none."""
        chosen = [node for node in self.finding.scope().nodes if node.selected]
        for node in chosen:
            self.session.document.delete(node)
        return bool(chosen)

    def connect_nodes(self, input_number: int, node: Node, source: Node | None = None) -> bool:
        """Connect an input of a node."""
        return node.setInput(input_number, source)

    def extract_selected(self) -> None:
        """Take the selected nodes out of their streams; what read from them reads from their first input."""
        document = self.session.document
        for node in [node for node in self.finding.scope().nodes if node.selected]:
            above = node.inputs[0] if node.inputs else None
            for reader in node.dependents:
                for index, source in enumerate(reader.inputs):
                    if source is node:
                        document.connect(reader, index, above)
            for index in range(len(node.inputs)):
                document.connect(node, index, None)

    # Placing

    def place(self, made: Node) -> None:
        """Move a new node to where Nuke would put it."""
        made._place_itself()

    def autoplace(self, node: Node | None = None) -> None:
        """Move a node, or the selected ones, below their inputs."""
        place(self.session.document, [node._attached()] if node is not None else self.selected(), grows_backdrops=False)

    def autoplace_snap(self, node: Node | None = None) -> None:
        """Move a node, or each selected one, onto the grid."""
        from nuke_ai_panel.nk.emulation.placing import on_grid

        for one in [node] if node is not None else self._selected():
            one.setXYpos(*on_grid(one.xpos(), one.ypos()))

    def autoplace_all(self) -> None:
        """Move the nodes of the current group into columns and rows; the lowest of each part that hangs together stays."""
        tidy(self.session.document, self.finding.scope().nodes)

    def snap_all(self) -> None:
        """Move every node of the current group onto the grid."""
        for node in list(self.finding.scope().nodes):
            self.autoplace_snap(self.session.handle(node))

    def snap_selected(self) -> None:
        """Move the selected nodes onto the grid."""
        self.autoplace_snap()

    def _selected(self) -> list[Node]:
        return [self.session.handle(node) for node in self.finding.scope().nodes if node.selected]


class _NodeFactories:
    """``nuke.nodes``: one function for each class."""

    def __init__(self, creating: Creating) -> None:
        self._creating = creating

    def __getattr__(self, class_name: str) -> Callable[..., Any]:
        if class_name.startswith("__"):
            raise AttributeError(class_name)

        def make(**knobs: Any) -> Any:
            return self._creating.make_with_knobs(class_name, knobs)

        make.__name__ = class_name
        return make


def knob_pairs(text: str) -> list[tuple[str, str]]:
    """Split ``"size 10 label {a b}"`` as createNode takes it."""
    if not text:
        return []
    body = NodeText("", text, "")
    try:
        return [(span.name, _plain(body.word(span))) for span in body.spans]
    except DamagedWordError as error:
        raise RuntimeError(f"the knobs {text!r} cannot be read: {error}") from error


def _plain(word: str) -> str:
    if word.startswith("{") and word.endswith("}"):
        inner = word[1:-1]
        # A list of numbers or expressions stays a list; braces round one text are only its quotes.
        if all(part.startswith("{") or _is_number(part) for part in inner.split()) and len(inner.split()) > 1:
            return word
        return word if inner.startswith("{") else inner
    return unquote(word)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
