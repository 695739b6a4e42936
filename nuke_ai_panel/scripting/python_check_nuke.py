"""What the names of Nuke's Python module give, and what is wrong with the way generated code uses them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Optional

from nuke_ai_panel.nk.emulation.api import api
from nuke_ai_panel.nk.knob_kinds import CALLBACK_KNOBS
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote
from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.python_check_expressions import (
    expression_findings,
    python_in,
    reference_finding,
    tcl_findings,
    word_findings,
)
from nuke_ai_panel.scripting.python_check_made import stem_of
from nuke_ai_panel.scripting.python_check_members import NukeMembers
from nuke_ai_panel.scripting.python_check_names import ScriptNames
from nuke_ai_panel.scripting.python_check_notes import Notes
from nuke_ai_panel.scripting.python_check_texts import PIECE, marked_texts
from nuke_ai_panel.scripting.python_check_values import (
    Bound,
    Constant,
    Given,
    Instance,
    KnobOf,
    Mapped,
    Named,
    NodeOf,
    Several,
    Value,
    joined,
)

__all__ = ["NukeNames"]

_CHANGE_SELECTION = frozenset(
    [
        "createNode",
        "selectAll",
        "selectPattern",
        "selectSimilar",
        "selectConnectedNodes",
        "invertSelection",
        "nodePaste",
        "clone",
        "cloneSelected",
        "makeGroup",
        "collapseToGroup",
        "expandSelectedGroup",
        "duplicateSelectedNodes",
        "scriptReadText",
        "scriptReadFile",
        "scriptSource",
        "loadToolset",
    ]
)
_CHANGE_SCRIPT = frozenset(
    [
        "nodePaste",
        "scriptReadText",
        "scriptReadFile",
        "scriptSource",
        "loadToolset",
        "scriptClear",
        "scriptOpen",
        "scriptNew",
        "scriptClose",
        "scriptSaveAndClear",
        "expandSelectedGroup",
        "collapseToGroup",
        "makeGroup",
        "tcl",
    ]
)
#: What functions take by name, where a wrong name is a usual mistake.
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "createNode": ("node", "knobs", "args", "inpanel"),
    "allNodes": ("filter", "group", "recurseGroups"),
    "selectedNodes": ("filter",),
}
_TCL_TEXTS = frozenset({"EvalString_Knob", "File_Knob", "Multiline_Eval_String_Knob"})
#: Knobs that are of such a type wherever they are.
_TCL_KNOBS = frozenset({"label", "message", "file", "proxy"})
#: So many of the texts that a button may be given are read.
_MOST_CODE = 8
_LISTS_OF_NODES = frozenset({"dependencies", "dependent", "nodes", "selectedNodes", "getNodes", "clones"})
_KINDS: Mapping[str, str] = {"root": "Root", "thisRoot": "Root"}
_INSTANCES: Mapping[str, str] = {"menu": "Menu", "toolbar": "ToolBar", "Undo": "Undo", "ProgressTask": "ProgressTask"}


class NukeNames(NukeMembers):
    """Nuke's module as the check knows it. `read_code` is told of Python that is handed over as text."""

    def __init__(self, names: ScriptNames, notes: Notes, read_code: Callable[[ast.AST, str], None]) -> None:
        super().__init__(names, notes)
        self._read_code = read_code
        self._made: dict[str, NodeOf] = {}

    # calls

    def names_made(self, callee: Optional[Value], given: Given) -> bool:
        """Return whether the names of the nodes that a call makes are known, with those names noted."""
        code = self.names.code
        if given.has_more:
            return False
        if isinstance(callee, Bound) and isinstance(callee.owner, (NodeOf, KnobOf)):
            is_name = callee.name == "setName" or (isinstance(callee.owner, KnobOf) and callee.owner.name == "name")
            return is_name and self._read_all(given.get(0, "name"), code.read_name)
        if not isinstance(callee, Named):
            return False
        if callee.name == "nuke.scriptReadText":
            return self._read_all(given.get(0), code.read_script)
        if callee.name == "nuke.createNode":
            wanted = given.get(0, "node")
            if not isinstance(wanted, Constant) or not wanted.texts():
                return False
            code.classes.update(wanted.texts())
            has_knobs = len(given.places) > 1 or "knobs" in given.named
            return not has_knobs or self._read_all(given.get(1, "knobs"), code.read_knobs)
        if callee.name.startswith("nuke.nodes."):
            return "name" not in given.named or self._read_all(given.named["name"], code.read_name)
        return False

    @staticmethod
    def _read_all(value: Optional[Value], read: Callable[[str], bool]) -> bool:
        """Return whether something was found in every text that a value can be."""
        texts = marked_texts(value)
        return bool(texts) and all(list(map(read, texts)))

    def _code(self, node: ast.AST, value: Optional[Value]) -> None:
        """Look at a value that is code."""
        for text in marked_texts(value)[:_MOST_CODE]:
            self._read_code(node, text)

    def call(self, node: ast.Call, name: str, given: Given) -> Optional[Value]:
        """Return what calling a function of Nuke's gives, its full name being known."""
        if name.startswith("nuke.nodes."):
            return self._node_made(node, name[len("nuke.nodes.") :], given)
        if not name.startswith("nuke."):
            return None
        short = name[len("nuke.") :]
        self._arguments(node, short, given)
        if short in _CHANGE_SELECTION:
            self.notes.selection_known = False
        if short in _CHANGE_SCRIPT and (short != "scriptReadText" or self.notes.made_any):
            self.notes.script_known = False
        if short == "createNode":
            return self._created(node, given)
        if short in ("delete", "show", "zoomToFitSelected", "clone", "execute"):
            self.notes.use(given.get(0))
        if short == "clone":
            return replace(given.places[0], pending=None) if given.places and isinstance(given.places[0], NodeOf) else NodeOf()
        if short in ("toNode",):
            return self._node_named(node, given)
        if short in ("allNodes", "selectedNodes"):
            return self._nodes_found(node, short, given)
        if short == "selectedNode":
            return NodeOf(self._selected(), pending=None)
        if short in _KINDS:
            root = self.names.document.root_node if self.names.document is not None else None
            return NodeOf(frozenset({_KINDS[short]}), True, node=root)
        if short in ("collapseToGroup", "makeGroup"):
            return NodeOf(frozenset({"Group"}), True, takes_any_knob=True)
        if short in ("thisNode", "thisGroup", "thisParent", "nodePaste", "activeViewerNode"):
            return NodeOf()
        if short == "thisKnob":
            return KnobOf()
        if short in ("dependentNodes", "dependencies"):
            return Several(None, NodeOf())
        if short in _INSTANCES:
            return Instance(_INSTANCES[short])
        if short.endswith("_Knob") and short in api().classes:
            return self._knob_made(node, short, given)
        if short == "expression":
            for text in marked_texts(given.get(0)):
                self._found(given.nodes.get("0", node), expression_findings(self.names, None, "", text, self._in_group()))
        elif short in ("value", "numvalue") and len(given.places) == 1 and not given.named:
            for text in marked_texts(given.get(0)):
                found = reference_finding(self.names, None, "", text, self._in_group()) if "." in text else None
                self._found(node, [found] if found is not None else [])
        return None

    def _arguments(self, node: ast.Call, short: str, given: Given) -> None:
        """Look for arguments that a function does not take."""
        known = _ARGUMENTS.get(short)
        for name in given.named if known is not None else ():
            if name not in (known or ()):
                message = f"nuke.{short} takes no argument {name!r}; it takes {', '.join(known or ())}."
                found = Finding(message, "problem", "unknown-function", name=f"nuke.{short}({name}=)")
                self.notes.report(given.nodes.get(name, node), found)
        first = given.get(0)
        if short == "delete" and (isinstance(first, Several) or (isinstance(first, Constant) and first.texts())):
            what = "a name" if isinstance(first, Constant) else "a list"
            message = f"nuke.delete takes a node, not {what}; call it for each node."
            if what == "a name":
                message = "nuke.delete takes a node, not a name; write nuke.delete(nuke.toNode(name))."
            self.notes.report(node, Finding(message, "problem", "unknown-function", name="nuke.delete"))

    def _knob_made(self, node: ast.Call, kind: str, given: Given) -> KnobOf:
        if kind == "PyScript_Knob":
            self._code(node, given.get(2, "command"))
        name = given.get(0, "name")
        texts = name.texts() if isinstance(name, Constant) else ()
        self.names.code.knobs.update(texts)
        return KnobOf(None, texts[0] if len(texts) == 1 else "", kind)

    def _of_class(self, node: ast.AST, names: Sequence[str]) -> NodeOf:
        classes = set()
        for name in names:
            self.notes.report(node, self.names.class_finding(name))
            if self.names.catalogue.is_known(name):
                classes.add(name.removesuffix(".gizmo"))
        if len(classes) < len(names):
            return NodeOf(None, True, takes_any_knob=True)
        return NodeOf(frozenset(classes), True)

    def _created(self, node: ast.Call, given: Given) -> NodeOf:
        wanted = given.get(0, "node")
        texts = wanted.texts() if isinstance(wanted, Constant) else ()
        if not texts:
            return NodeOf()
        made = self._of_class(given.nodes.get("0", node), texts)
        knobs = marked_texts(given.get(1, "knobs"))
        if len(knobs) == 1:
            self._knob_text(given.nodes.get("1", node), made, knobs[0])
        return made

    def _knob_text(self, node: ast.AST, made: NodeOf, text: str) -> None:
        """Look at the ``size 10 mix 0.5`` of createNode."""
        try:
            words = list_words(text)
        except DamagedWordError:
            return
        for name, value in zip(words[::2], words[1::2]):
            name = unquote(name)
            if not name.replace(".", "").replace("_", "").isalnum():
                return
            if name == "addUserKnob" or PIECE in name:
                continue
            self.notes.report(node, self.names.knob_finding(made.classes, name, covers=False, node=None))
            knob = KnobOf(made, name, self.names.knob_kind(made.classes, name))
            if name == "name":
                self._made[unquote(value)] = made
            elif name in CALLBACK_KNOBS:
                self._read_code(node, value[1:-1] if value.startswith("{") else unquote(value))
            elif not value.startswith("{") and "[" not in value and PIECE not in value:
                self.notes.report(node, self.names.value_finding(made.classes, name, unquote(value), as_script=True))
            self._expressions(node, knob, value if value.startswith("{") else unquote(value), as_script=True)

    def _node_made(self, node: ast.Call, class_name: str, given: Given) -> NodeOf:
        made = self._of_class(node, [class_name])
        for name, value in given.named.items():
            place = given.nodes.get(name, node)
            if name == "inputs":
                items = value.items if isinstance(value, Several) and value.items is not None else []
                for each in items:
                    self.notes.use(each)
                connected = [number for number, each in enumerate(items) if each != Constant((None,))]
                if connected:
                    self.notes.report(place, self.names.input_finding(made.classes, connected[-1]))
                continue
            if name == "name":
                for text in value.texts() if isinstance(value, Constant) else ():
                    self._made[text] = made
                continue
            self.notes.report(place, self.names.knob_finding(made.classes, name, covers=False, node=None))
            self._set(place, KnobOf(made, name, self.names.knob_kind(made.classes, name)), value, as_script=True)
        return made

    def _node_named(self, node: ast.Call, given: Given) -> NodeOf:
        wanted = given.get(0, "name")
        texts = wanted.texts() if isinstance(wanted, Constant) else ()
        document = self.names.document
        if not texts or self.notes.in_group:
            return NodeOf()
        found: list[NodeOf] = []
        pending = None
        more = self.notes.made_any or (self.notes.returning > 0 and self.names.code.any_node)
        for name in texts:
            there = document.find(name) if document is not None and self.notes.script_known else None
            if there is not None and more and self.names.code.frees:
                # It may be another node by now that took its name.
                found.append(NodeOf())
                continue
            if name in self._made:
                found.append(self._made[name])
            elif there is not None:
                of = (there.clone_of or there).class_name
                found.append(NodeOf(frozenset({of}), True, node=there.clone_of or there))
            elif name in self.names.code.read:
                found.append(NodeOf(self.names.code.read[name], True))
            elif name == "root":
                found.append(NodeOf(frozenset({"Root"}), True))
            elif name == "preferences":
                found.append(NodeOf(takes_any_knob=True))
            else:
                found.append(NodeOf())
                if self.notes.script_known:
                    finding = self.names.node_finding(name, more=more)
                    guarded = replace(finding, severity="warning") if finding is not None and finding.suggestion else None
                    pending = self.notes.pend(given.nodes.get("0", node), finding, guarded) or pending
                    likely = [each for each in self.names.code.classes if stem_of(each) == name.rstrip("0123456789")]
                    if len(likely) == 1 and finding is None and self.names.catalogue.is_known(likely[0]):
                        found[-1] = NodeOf(frozenset(likely))
        one = found[0]
        for each in found[1:]:
            merged = joined(one, each)
            one = merged if isinstance(merged, NodeOf) else NodeOf()
        return replace(one, pending=pending)

    def _nodes_found(self, node: ast.Call, short: str, given: Given) -> Several:
        wanted = given.get(0, "filter")
        if isinstance(wanted, Constant) and wanted.texts():
            texts = wanted.texts()
            for text in texts:
                self.notes.report(given.nodes.get("0", node), self.names.filter_finding([text]))
            known = [text for text in texts if self.names.catalogue.is_known(text)]
            return Several(None, NodeOf(frozenset(known) if len(known) == len(texts) else None, True, covers=len(texts) == 1))
        nothing = wanted is None and not given.places and "filter" not in given.named
        if not (nothing or wanted == Constant((None,))) or given.has_more:
            return Several(None, NodeOf())
        if short == "selectedNodes":
            return Several(None, NodeOf(self._selected(), covers=True))
        names = self.names
        if names.document is None or not self.notes.script_known or self.notes.in_group or "group" in given.named:
            return Several(None, NodeOf())
        inner = "recurseGroups" in given.named or len(given.places) > 2
        classes = (names.inner_classes() if inner else names.document_classes) | frozenset(names.code.classes)
        return Several(None, NodeOf(classes or None, covers=True))

    def _selected(self) -> Optional[frozenset[str]]:
        document = self.names.document
        if document is None or not self.notes.selection_known or self.notes.in_group:
            return None
        return frozenset((node.clone_of or node).class_name for node in document.selected()) or None

    def method(self, node: ast.Call, bound: Bound, given: Given) -> Optional[Value]:
        """Return what calling a method of a node, a knob or another object of Nuke's gives."""
        if isinstance(bound.owner, NodeOf):
            return self._node_method(node, bound.owner, bound.name, given)
        if isinstance(bound.owner, KnobOf):
            return self._knob_method(node, bound.owner, bound.name, given)
        if isinstance(bound.owner, Instance):
            if bound.name == "addCommand":
                self._code(given.nodes.get("1", given.nodes.get("command", node)), given.get(1, "command"))
            elif bound.name == "setScript":
                self._code(given.nodes.get("0", node), given.get(0))
            if bound.owner.kind in ("Menu", "ToolBar") and bound.name == "addMenu":
                return Instance("Menu")
        return None

    def _node_method(self, node: ast.Call, owner: NodeOf, name: str, given: Given) -> Optional[Value]:
        if name == "knob":
            return self._knob(node, owner, given.get(0, "p"), raises=False)
        if name == "knobs":
            return Mapped(None, KnobOf(owner))
        if name == "allKnobs":
            return Several(None, KnobOf(owner))
        if name in ("setInput", "connectInput"):
            self.notes.use(given.get(1))
            number, source = given.get(0), given.get(1)
            if isinstance(number, NodeOf) or (isinstance(source, Constant) and source.texts()):
                message = f"{name} takes the number of the input first and then a node: node.{name}(0, other)."
                self.notes.report(node, Finding(message, "problem", "unknown-input", name=name))
            for each in number.values if isinstance(number, Constant) else ():
                if isinstance(each, int) and not isinstance(each, bool) and given.get(1) != Constant((None,)):
                    self.notes.report(node, self.names.input_finding(owner.classes if owner.is_sure else None, each))
            return None
        if name in ("setSelected", "selectOnly"):
            self.notes.selection_known = False
            return None
        if name in _LISTS_OF_NODES:
            return Several(None, NodeOf())
        if name == "setName":
            given_name = given.get(0, "name")
            for text in given_name.texts() if isinstance(given_name, Constant) else ():
                self._made[text] = replace(owner, covers=False, pending=None)
            return None
        if name in ("begin", "end"):
            self.notes.in_group = int(name == "begin" and owner.classes != frozenset({"Root"}))
            return owner if name == "begin" else None
        if name == "input":
            return self._connected(owner, given.get(0))
        if name in ("output", "parent", "rootNode", "selectedNode", "node"):
            return NodeOf()
        if name == "makeGroup":
            return NodeOf(frozenset({"Group"}), True, takes_any_knob=True)
        if name == "format":
            return Instance("Format")
        if name == "metadata":
            return None
        return None

    def _connected(self, owner: NodeOf, number: Optional[Value]) -> NodeOf:
        """Return what an input of a node of the open script reads from, as long as the code connects nothing anew."""
        index = number.values[0] if isinstance(number, Constant) and len(number.values) == 1 else None
        if owner.node is None or self.names.code.rewires or not self.notes.script_known or not isinstance(index, int):
            return NodeOf()
        inputs = owner.node.inputs
        found = inputs[index] if 0 <= index < len(inputs) else None
        if found is None:
            return NodeOf()
        return NodeOf(frozenset({(found.clone_of or found).class_name}), node=found.clone_of or found)

    def _knob_method(self, node: ast.Call, owner: KnobOf, name: str, given: Given) -> Optional[Value]:
        if name in ("setValue", "setText"):
            self._set(given.nodes.get("0", node), owner, given.get(0))
            place = given.places[1] if len(given.places) > 1 else None
            index = place.values[0] if isinstance(place, Constant) and len(place.values) == 1 else None
            if owner.owner is not None and isinstance(index, int) and name == "setValue":
                self.notes.report(node, self.names.index_finding(owner.owner.classes, owner.name, index))
        elif name == "setExpression":
            for each in marked_texts(given.get(0)):
                found = expression_findings(self.names, owner.owner, owner.name, each, self._in_group())
                self._found(given.nodes.get("0", node), found)
        elif name == "fromScript":
            for each in marked_texts(given.get(0)):
                self._expressions(given.nodes.get("0", node), owner, each, as_script=True)
        elif name == "setCommand":
            self._code(given.nodes.get("0", node), given.get(0))
        elif name == "animation":
            return Instance("AnimationCurve")
        elif name == "animations":
            return Several(None, Instance("AnimationCurve"))
        elif name == "node":
            return owner.owner or NodeOf()
        elif name == "getLinkedKnob":
            return KnobOf()
        return None

    def _found(self, node: ast.AST, findings: Iterable[Finding]) -> None:
        """Report what the open script lacks, unless the code runs at another time or made another script of it."""
        for finding in findings:
            if self.notes.script_known or finding.rule in ("syntax", "unknown-function"):
                self.notes.report(node, finding)

    def _in_group(self) -> bool:
        return bool(self.notes.in_group)

    def _expressions(self, node: ast.AST, knob: KnobOf, text: str, *, as_script: bool) -> None:
        """Look at the expressions in a text that a knob is given; `as_script` where ``{{...}}`` is one."""
        owner, in_group = knob.owner, self._in_group()
        if knob.kind in _TCL_TEXTS or knob.name in _TCL_KNOBS:
            self._found(node, tcl_findings(self.names, owner, knob.name, text, in_group))
            for code in python_in(text):
                self._read_code(node, code)
        elif not knob.kind and "[" in text:
            # A text knob may not evaluate what stands in it.
            found = tcl_findings(self.names, owner, knob.name, text, in_group)
            self._found(node, [replace(each, severity="warning") for each in found if each.severity == "problem"])
        elif as_script:
            self._found(node, word_findings(self.names, owner, knob.name, knob.kind, text, in_group))

    def _set(self, node: ast.AST, knob: KnobOf, value: Optional[Value], *, as_script: bool = False) -> None:
        owner = knob.owner
        if knob.name == "selected":
            self.notes.selection_known = False
        for text in marked_texts(value):
            if knob.name in CALLBACK_KNOBS or knob.kind in ("PythonKnob", "PyScript_Knob"):
                self._read_code(node, text)
            else:
                self._expressions(node, knob, text, as_script=as_script)
        if owner is None or not knob.name or not isinstance(value, Constant):
            return
        for each in value.values:
            if isinstance(each, str) and knob.name == "name":
                self._made[each] = replace(owner, covers=False, pending=None)
            elif isinstance(each, str) and (knob.name in CALLBACK_KNOBS or knob.kind in ("PythonKnob", "PyScript_Knob")):
                continue
            elif not (owner.node is not None and knob.name in owner.node.user_knobs):
                self.notes.report(node, self.names.value_finding(owner.classes, knob.name, each, as_script=as_script))
