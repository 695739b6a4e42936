"""The emulated ``nuke`` module: its functions over one document."""

from __future__ import annotations

import os
import traceback
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from nuke_ai_panel.errors import HostError, NkError, NotSimulatedError
from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.emulation import knobs as knob_module
from nuke_ai_panel.nk.emulation.nodes import (
    EXPRESSIONS,
    HIDDEN_INPUTS,
    INPUTS,
    TO_SCRIPT,
    TO_VALUE,
    WRITE_ALL,
    WRITE_NON_DEFAULT_ONLY,
    WRITE_USER_KNOB_DEFS,
    Group,
    Node,
    Root,
    _root,
)
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.emulation.undo import undo_class
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.node import Scope
from nuke_ai_panel.nk.node_text import NodeText
from nuke_ai_panel.nk.words import DamagedWordError, unquote

__all__ = ["emulate", "session_of"]

_GAP = 26
_ENV = {
    "gui": False,
    "interactive": False,
    "nc": False,
    "indie": False,
    "nukex": False,
    "studio": False,
    "assist": False,
    "NukeVersionMajor": 17,
    "NukeVersionMinor": 0,
    "NukeVersionRelease": 3,
    "NukeVersionString": "17.0v3",
}
_LAYERS = {
    "rgba": ("red", "green", "blue", "alpha"),
    "depth": ("Z",),
    "forward": ("u", "v"),
    "backward": ("u", "v"),
    "mask": ("a",),
}
_COLUMN = 110


def emulate(document: Document, *, write: Callable[[str], object] | None = None) -> types.ModuleType:
    """Return a module named ``nuke`` that reads and changes `document` as Nuke's own would the open script.

    ``write`` gets what the script shows or prints through ``nuke`` (``nuke.tprint``, ``nuke.message``). What is not simulated
    raises NotSimulatedError naming the call. The module is not put into ``sys.modules``.
    """
    session = Session(document)
    if write is not None:
        session.write = write
    module = types.ModuleType("nuke", "An emulation of Foundry Nuke's Python module over a .nk document.")
    module.__dict__.update(_Commands(session).table())
    module.__dict__["__getattr__"] = _not_simulated
    module.__dict__["_session"] = session
    return module


def session_of(module: types.ModuleType) -> Session:
    """Return the session behind an emulated module."""
    return cast(Session, module.__dict__["_session"])


def _not_simulated(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotSimulatedError(f"nuke.{name} is not simulated.")


class _Commands:
    """The functions of the module, by the names Nuke gives them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.document = session.document

    def table(self) -> dict[str, object]:
        session = self.session
        undo = undo_class(session)
        return {
            "Node": Node,
            "Group": Group,
            "Root": Root,
            "Knob": knob_module.Knob,
            "Array_Knob": knob_module.Array_Knob,
            "Boolean_Knob": knob_module.Boolean_Knob,
            "Enumeration_Knob": knob_module.Enumeration_Knob,
            "Format": knob_module.Format,
            "Undo": undo,
            "EXPRESSIONS": EXPRESSIONS,
            "INPUTS": INPUTS,
            "HIDDEN_INPUTS": HIDDEN_INPUTS,
            "TO_SCRIPT": TO_SCRIPT,
            "TO_VALUE": TO_VALUE,
            "WRITE_ALL": WRITE_ALL,
            "WRITE_NON_DEFAULT_ONLY": WRITE_NON_DEFAULT_ONLY,
            "WRITE_USER_KNOB_DEFS": WRITE_USER_KNOB_DEFS,
            "GUI": False,
            "NUKE_VERSION_MAJOR": 17,
            "NUKE_VERSION_MINOR": 0,
            "NUKE_VERSION_RELEASE": 3,
            "NUKE_VERSION_STRING": "17.0v3",
            "env": dict(_ENV),
            "nodes": _NodeFactories(self),
            "allNodes": self.all_nodes,
            "channels": self.channels,
            "createNode": self.create_node,
            "delete": self.delete,
            "dependencies": self.dependencies,
            "dependentNodes": self.dependent_nodes,
            "endGroup": self.end_group,
            "executeInMainThread": self.execute_in_main_thread,
            "executeInMainThreadWithResult": self.execute_in_main_thread,
            "exists": self.exists,
            "frame": self.frame,
            "message": self.message,
            "root": lambda: _root(session),
            "scriptSave": self.script_save,
            "scriptSaveAs": self.script_save_as,
            "selectAll": self.select_all,
            "selectedNode": self.selected_node,
            "selectedNodes": self.selected_nodes,
            "thisGroup": self.this_group,
            "toNode": self.to_node,
            "tprint": self.tprint,
            "undo": undo.undo,  # type: ignore[attr-defined]
        }

    # Finding

    def scope(self) -> Scope:
        group = self.session.group
        return group.children if group is not None and group.children is not None else self.document.top

    def all_nodes(self, filter: str | None = None, group: Node | None = None, recurseGroups: bool = False) -> list[Node]:  # noqa: A002, N803
        """Return the nodes of a group (the current one by default), of one class with `filter`."""
        scope: Scope | None = self.scope()
        if group is not None:
            inner = group._attached()
            scope = self.document.top if inner is self.document.root_node else inner.children
        if scope is None:
            raise ValueError(f"{group!r} is no group")
        found: Iterable[ScriptNode] = self.document.walk(scope) if recurseGroups else scope.nodes
        return [self.session.handle(node) for node in found if filter in (None, "", node.class_name)]

    def to_node(self, name: str) -> Node | None:
        """Return the node of a name in the current group or of a full name, None where there is none."""
        if not isinstance(name, str):
            raise TypeError(f"toNode() argument 1 must be str, not {type(name).__name__}")
        if name in ("root", "Root") and self.document.root_node is not None:
            return _root(self.session)
        scope = self.scope()
        first, _, rest = name.partition(".")
        found = scope.find(first)
        for part in rest.split(".") if rest and found is not None else []:
            found = found.children.find(part) if found is not None and found.children is not None else None
        if found is None:
            found = self.document.find(name)
        return None if found is None else self.session.handle(found)

    def selected_nodes(self, filter: str | None = None) -> list[Node]:  # noqa: A002  Nuke's name
        """Return the selected nodes of the current group, of one class with `filter`."""
        chosen = [node for node in self.scope().nodes if node.selected]
        return [self.session.handle(node) for node in chosen if filter in (None, "", node.class_name)]

    def selected_node(self) -> Node:
        """Return the selected node. Raises: ValueError where none is."""
        chosen = self.selected_nodes()
        if not chosen:
            raise ValueError("no node selected")
        return chosen[-1]

    def select_all(self) -> None:
        """Select every node of the current group."""
        for node in self.scope().nodes:
            self.document.select(node)

    def exists(self, name: str) -> bool:
        """Return whether a node, or a knob named ``Node.knob``, exists."""
        if self.to_node(name) is not None:
            return True
        owner, _, knob = name.rpartition(".")
        node = self.to_node(owner) if owner else None
        return node is not None and node.knob(knob) is not None

    def dependencies(self, nodes: object, what: int = EXPRESSIONS | INPUTS | HIDDEN_INPUTS) -> list[Node]:
        """Return the nodes that the given ones read from."""
        return list(dict.fromkeys(found for node in _listed(nodes) for found in node.dependencies(what)))

    def dependent_nodes(
        self, what: int = EXPRESSIONS | INPUTS | HIDDEN_INPUTS, nodes: object = (), *_args: object
    ) -> list[Node]:
        """Return the nodes that read from the given ones."""
        return list(dict.fromkeys(found for node in _listed(nodes) for found in node.dependent(what)))

    def this_group(self) -> Node:
        """Return the group that commands work in."""
        group = self.session.group
        return _root(self.session) if group is None else self.session.handle(group)

    def end_group(self) -> None:
        """Let commands work in the group around the current one."""
        if self.session.groups:
            self.session.groups.pop()

    def frame(self, frame: int | None = None) -> int | None:
        """Return the current frame, or go to one."""
        knob = _root(self.session)["frame"]
        if frame is not None:
            knob.setValue(int(frame))
            return None
        value = knob.value()
        return int(value) if isinstance(value, (int, float)) else 1

    # Changing

    def create_node(self, node: str, knobs: str = "", inpanel: bool = True, *_args: object) -> Node:
        """Create a node below the selected one and in its stream, and select it."""
        del inpanel
        chosen = [one for one in self.scope().nodes if one.selected]
        made = self._make(node)
        script_node = made._attached()
        room = made.maxInputs()
        sources = chosen[:room] if len(chosen) > 1 else chosen if room else []
        readers: list[tuple[ScriptNode, int]] = []
        if len(sources) == 1:
            readers = [(other, i) for other in sources[0].dependents for i, one in enumerate(other.inputs) if one is sources[0]]
        for index, source in enumerate(sources):
            self.document.connect(script_node, index, source)
        for reader, index in readers:
            self.document.connect(reader, index, script_node)
        for one in chosen:
            self.document.select(one, False)
        self._place(made, sources)
        self.document.select(script_node)
        for name, value in _knob_pairs(knobs):
            made[name].fromScript(value)
        return made

    def make_with_knobs(self, class_name: str, settings: Mapping[str, Any]) -> Node:
        """Create a node for ``nuke.nodes.X``: connected to its ``inputs`` only."""
        settings = dict(settings)
        wanted = settings.pop("inputs", [])
        made = self._make(class_name)
        for index, source in enumerate(wanted):
            if source is not None and not made.setInput(index, source):
                raise RuntimeError(f"{class_name}: input {index} cannot be connected to {source.name()}")
        sources = [node for node in made._attached().inputs if node is not None]
        if not ("xpos" in settings and "ypos" in settings):
            self._place(made, sources)
        for name, value in settings.items():
            knob = made[name]
            if isinstance(value, str) and not isinstance(knob, knob_module.String_Knob):
                knob.fromScript(value)
            else:
                knob.setValue(value)
        return made

    def _make(self, class_name: str) -> Node:
        if not isinstance(class_name, str):
            raise TypeError(f"a node class is a string, not {type(class_name).__name__}")
        known = self.session.facts(class_name)
        in_script = any(node.class_name == class_name for node in self.document.walk())
        if (known is None and not in_script) or class_name == "Root":
            raise RuntimeError(f"{class_name}: Unknown command")
        try:
            made = self.document.create(class_name, group=self.session.group)
        except NkError as error:
            raise RuntimeError(str(error)) from error
        return self.session.handle(made)

    def _place(self, made: Node, sources: list[ScriptNode]) -> None:
        node = made._attached()
        if sources:
            above = [self.session.handle(source) for source in sources]
            first = above[0]
            x = first.xpos() + (first.screenWidth() - made.screenWidth()) // 2
            y = max(one.ypos() + one.screenHeight() for one in above) + _GAP
        else:
            others = [other for other in node.scope.nodes if other is not node and other.class_name != "BackdropNode"]
            x = max((other.xpos for other in others), default=-_COLUMN) + _COLUMN
            y = min((other.ypos for other in others), default=0)
        made.setXYpos(x, y)

    def delete(self, nodes: object) -> None:
        """Delete a node, or each of a list; what read from it reads from its first input."""
        for node in _listed(nodes):
            try:
                self.document.delete(node._attached())
            except NkError as error:
                raise ValueError(str(error)) from error

    # The script

    def channels(self, node: Node | None = None) -> list[str]:
        """Return the channels of the script. Raises: NotSimulatedError for those of one node."""
        if node is not None:
            raise NotSimulatedError("nuke.channels of a node is not simulated.")
        found = [f"{layer}.{channel}" for layer, channels in _LAYERS.items() for channel in channels]
        for channel in self.document.layer_channels():
            if channel not in found:
                found.append(channel)
        return found

    def script_save(self, filename: str = "") -> bool:
        """Save the script to where it was read from, or to `filename`. Raises: RuntimeError."""
        try:
            self.document.save(filename)
        except (NkError, HostError, OSError) as error:
            raise RuntimeError(str(error)) from error
        return True

    def script_save_as(self, filename: str = "", overwrite: int = -1) -> bool:
        """Save the script to `filename`; an existing file only with `overwrite` 1. Raises: RuntimeError."""
        if not filename:
            raise NotSimulatedError("nuke.scriptSaveAs without a file name is not simulated: there is no file browser here.")
        if os.path.exists(filename) and overwrite != 1:
            raise RuntimeError(f"{filename} exists already")
        return self.script_save(filename)

    def execute_in_main_thread(
        self, call: Callable[..., object], args: object = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        """Call on this thread, which is the main one here. An exception is printed and the result None, as in Nuke."""
        try:
            return call(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
        except Exception:  # noqa: BLE001  Nuke prints what the call raises and goes on
            self.session.write(traceback.format_exc())
            return None

    # Talking

    def message(self, text: object = "") -> None:
        """Show a message: here it goes to the output."""
        self.session.write(f"{text}\n")

    def tprint(self, *values: object, sep: str = " ", end: str = "\n", **_kwargs: object) -> None:
        """Print to the terminal: here to the output."""
        self.session.write(sep.join(str(value) for value in values) + end)


class _NodeFactories:
    """``nuke.nodes``: one function for each class."""

    def __init__(self, commands: _Commands) -> None:
        self._commands = commands

    def __getattr__(self, class_name: str) -> Callable[..., Node]:
        if class_name.startswith("__"):
            raise AttributeError(class_name)

        def make(**knobs: Any) -> Node:
            return self._commands.make_with_knobs(class_name, knobs)

        make.__name__ = class_name
        return make


def _listed(nodes: object) -> list[Node]:
    if isinstance(nodes, Node):
        return [nodes]
    if isinstance(nodes, Iterable) and not isinstance(nodes, str):
        found = list(nodes)
        if all(isinstance(node, Node) for node in found):
            return found
    raise TypeError("a node or a list of nodes is wanted")


def _knob_pairs(text: str) -> list[tuple[str, str]]:
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
