"""The names of Nuke's module and the attributes of its objects: what they are, and which of them there are not."""

from __future__ import annotations

import ast
import functools
from typing import Optional

from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.emulation.api import api
from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.nukescripts_names import NUKESCRIPTS
from nuke_ai_panel.scripting.python_check_containers import without_texts
from nuke_ai_panel.scripting.python_check_names import ScriptNames
from nuke_ai_panel.scripting.python_check_notes import Notes
from nuke_ai_panel.scripting.python_check_values import Bound, Constant, Instance, KnobOf, Mapped, Named, NodeOf, Value

__all__ = ["NukeMembers"]

#: Modules inside of ``nuke`` and what it has from its own imports.
_INSIDE_NUKE = frozenset(
    [
        "math",
        "geo",
        "rotopaint",
        "splinewarp",
        "curvelib",
        "curveknob",
        "callbacks",
        "executeInMain",
        "utils",
        "localization",
        "overrides",
        "colorspaces",
        "assist",
        "scripts",
        "memory",
        "usg",
        "os",
        "sys",
        "re",
        "types",
        "threading",
        "traceback",
        "nodes",
        "env",
        "logging",
    ]
)
_NODE_CLASSES = ("Group", "Root", "Viewer", "BackdropNode", "Gizmo", "LiveGroup", "VariableGroup", "Precomp")
_OF_CURVES = frozenset({"rootLayer", "toElement", "changed"})
_CALLBACKS = ("on", "before", "after", "update", "knobChanged", "autolabel", "filenameFilter", "validate", "autoSave", "render")


@functools.lru_cache(maxsize=1)
def _knob_methods() -> frozenset[str]:
    known = api()
    return frozenset().union(*(known.methods(name) for name in known.classes if name.endswith("Knob")))


@functools.lru_cache(maxsize=64)
def _node_methods(kinds: frozenset[str]) -> frozenset[str]:
    known = api()
    return known.methods("Node").union(*(known.methods(kind) for kind in kinds))


class NukeMembers:
    """What can be reached by a name or a key, without anything being called."""

    def __init__(self, names: ScriptNames, notes: Notes) -> None:
        self.names = names
        self.notes = notes

    def member(self, node: ast.AST, owner: Named, name: str) -> Optional[Value]:
        """Return what a name in a module or class is."""
        code = self.names.code
        full = f"{owner.name}.{name}"
        if name.startswith("_") or name in code.nuke_attributes or name in code.asked_attributes:
            return None
        if owner.name == "nuke":
            if name == "nuke":
                return owner
            if name in _INSIDE_NUKE or _is_registry(name):
                return Named(full)
            self._function(node, full)
        elif owner.name == "nukescripts":
            if name not in NUKESCRIPTS:
                near = closest(name, NUKESCRIPTS, limit=1, loose=False)
                hint = f"; did you mean nukescripts.{near[0]}?" if near else "."
                suggestion = f"nukescripts.{near[0]}" if near else ""
                message = f"No nukescripts.{name} is known{hint}"
                self.notes.report(node, Finding(message, "warning", "unknown-function", name=full, suggestion=suggestion))
        elif owner.name.startswith("nuke.") and owner.name[5:] in api().classes and api().methods(owner.name[5:]):
            self._function(node, f"{owner.name[5:]}.{name}")
        return Named(full)

    def _function(self, node: ast.AST, name: str) -> None:
        problem = self.names.catalogue.check_function(name)
        if problem is not None:
            rule = "host-version" if problem.reason == "not_yet" else "unknown-function"
            suggestion = problem.suggestion or ""
            self.notes.report(node, Finding(problem.message, "problem", rule, name=name, suggestion=suggestion))

    def attribute(self, node: ast.AST, owner: Value, name: str) -> Optional[Value]:
        """Return what an attribute of a node, a knob or another object of Nuke's is."""
        code = self.names.code
        self.notes.use(owner)
        if name.startswith("_") or name in code.asked_attributes or name in code.nuke_attributes:
            return None
        if isinstance(owner, NodeOf):
            return self._node_attribute(node, owner, name)
        if isinstance(owner, KnobOf):
            if _is_of_its_own(owner) or name in _OF_CURVES:
                return None
            if name in api().methods("Knob") or name not in _knob_methods():
                self._function(node, f"Knob.{name}")
            return Bound(owner, name)
        if isinstance(owner, Instance):
            if api().methods(owner.kind):
                self._function(node, f"{owner.kind}.{name}")
            return Bound(owner, name)
        return None

    def _node_attribute(self, node: ast.AST, owner: NodeOf, name: str) -> Optional[Value]:
        kinds = frozenset(_NODE_CLASSES)
        if owner.classes is not None and all(self.names.catalogue.is_known(each) for each in owner.classes):
            kinds = frozenset(each for each in owner.classes if each in _NODE_CLASSES)
        if name in _node_methods(kinds):
            if name in api().methods("Node"):
                self._function(node, f"Node.{name}")
            return Bound(owner, name)
        if name in _node_methods(frozenset(_NODE_CLASSES)):
            shown = " and ".join(sorted(owner.classes or ())[:2])
            message = f"Only groups and a few other classes have {name}(), {shown} nodes do not."
            self.notes.report(node, Finding(message, "problem", "unknown-function", name=f"Node.{name}"))
            return None
        info = [self.names.catalogue.knob_info(each, name) for each in owner.classes or ()]
        if any(each is not None for each in info) or (owner.node is not None and name in owner.node.user_knobs):
            message = f"A node has no attribute {name!r}; its knobs are reached as node[{name!r}]."
            found = Finding(message, "problem", "unknown-function", name=f"Node.{name}", suggestion=f"[{name!r}]")
            self.notes.report(node, found)
            return None
        self._function(node, f"Node.{name}")
        return None

    def misused(self, node: ast.AST, bound: Optional[Value]) -> None:
        """Say that a method is used where its result was meant."""
        if isinstance(bound, Bound) and isinstance(bound.owner, (NodeOf, KnobOf, Instance)):
            message = f"{bound.name} is a method and is used without being called; write {bound.name}()."
            found = Finding(message, "problem", "unknown-function", name=bound.name, suggestion=f"{bound.name}()")
            self.notes.report(node, found)

    def entry(self, node: ast.AST, owner: Mapped, key: Optional[Value]) -> Optional[Value]:
        """Return what ``node.knobs()["size"]`` or another dictionary holds under a key."""
        value = owner.each()
        if isinstance(value, KnobOf) and value.owner is not None and not value.name:
            return self._knob(node, value.owner, key, raises=True)
        return without_texts(value)

    def item(self, node: ast.AST, owner: Value, key: Optional[Value]) -> Optional[Value]:
        """Return what ``owner[key]`` is for a node or a knob."""
        self.notes.use(owner)
        if isinstance(owner, NodeOf):
            return self._knob(node, owner, key, raises=True)
        return None

    def set_item(self, node: ast.AST, owner: Value, key: Optional[Value]) -> None:
        """Look at ``node[key] = …``, which sets nothing."""
        texts = key.texts() if isinstance(key, Constant) else ()
        if isinstance(owner, NodeOf) and texts:
            self._knob(node, owner, key, raises=True)
            message = f"Assigning to node[{texts[0]!r}] sets nothing; write node[{texts[0]!r}].setValue(...)."
            self.notes.report(node, Finding(message, "problem", "unknown-function", name=texts[0], suggestion="setValue"))

    def _knob(self, node: ast.AST, owner: NodeOf, key: Optional[Value], *, raises: bool) -> KnobOf:
        texts = key.texts() if isinstance(key, Constant) else ()
        if not texts:
            return KnobOf(owner)
        pending = None
        for name in texts:
            finding = None
            if not owner.takes_any_knob:
                finding = self.names.knob_finding(owner.classes, name, covers=owner.covers, node=owner.node)
            if raises:
                self.notes.report(node, finding)
            else:
                pending = self.notes.pend(node, finding)
        if len(texts) > 1:
            return KnobOf(owner)
        return KnobOf(owner, texts[0], self.names.knob_kind(owner.classes, texts[0]), pending)


def _is_registry(name: str) -> bool:
    """Return whether a name is one of the dictionaries that hold callbacks: ``nuke.onCreates`` beside ``nuke.onCreate``."""
    return name.endswith("s") and name[:-1] in api().functions and name.startswith(_CALLBACKS)


def _is_of_its_own(knob: KnobOf) -> bool:
    """Return whether a knob is of a type that has more in Python than the types of the module: curves, tracks, tables."""
    return knob.name in ("curves", "tracks") or (bool(knob.kind) and knob.kind not in api().classes)
