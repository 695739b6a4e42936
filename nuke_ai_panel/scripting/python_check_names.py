"""What a script's names are held against: the node classes and knobs of this Nuke, the open script, and what the code makes."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Optional

from nuke_ai_panel import nk
from nuke_ai_panel.nk.catalogue import Catalogue, CatalogueProblem
from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.scripting.findings import Finding, Severity
from nuke_ai_panel.scripting.python_check_made import CodeNames, stem_of

__all__ = ["ScriptNames"]

# A toolset on the plug-in path can be created as a node too.
_IS_A_FILE = re.compile(r"\.nk\Z|[/\\]")
#: Knobs whose lack on a class is no fact to build on: which classes have them changed, and setting them does no harm.
_DOUBTFUL_KNOBS = frozenset(
    {"disable", "postage_stamp", "hide_input", "cached", "dope_sheet", "bookmark", "gl_color", "selected"}
)
_BUILT_IN_LAYERS = frozenset(
    [
        "rgba",
        "rgb",
        "alpha",
        "red",
        "green",
        "blue",
        "all",
        "none",
        "depth",
        "forward",
        "backward",
        "motion",
        "mask",
        "rotopaint_mask",
        "mask_splinewarp",
        "mask_planartrack",
        "disparity",
        "disparityL",
        "disparityR",
        "deep",
        "cam_motion",
    ]
)
_RGBA = frozenset({"red", "green", "blue", "alpha", "Z", "u", "v", "x", "y", "z", "a", "front", "back"})
_SIZED = frozenset(
    {"AColor_Knob", "Color_Knob", "XY_Knob", "XYZ_Knob", "WH_Knob", "UV_Knob", "BBox_Knob", "Box3_Knob", "Array_Knob"}
)


class ScriptNames:
    """Answers about classes, knobs, values, inputs, layers and nodes; every answer is a finding without a place, or None."""

    def __init__(self, catalogue: Catalogue, document: Optional[nk.Document], code: CodeNames) -> None:
        self.catalogue = catalogue
        self.document = document
        self.code = code

    # the open script

    @functools.cached_property
    def document_classes(self) -> frozenset[str]:
        """The classes of the nodes at the top of the open script."""
        nodes = self.document.nodes() if self.document is not None else []
        return frozenset(_class_of(node) for node in nodes) - {"Root"}

    @functools.cached_property
    def _by_class(self) -> dict[str, list[nk.Node]]:
        """The nodes of the open script by class, those inside of groups too."""
        found: dict[str, list[nk.Node]] = {}
        for node in self.document.nodes(recurse=True) if self.document is not None else ():
            found.setdefault(_class_of(node), []).append(node)
        return found

    def inner_classes(self) -> frozenset[str]:
        """Return the classes of all nodes of the open script, those inside of groups too."""
        return frozenset(self._by_class)

    def _is_written(self, class_name: str, knob: str) -> bool:
        """Return whether a node of that class has the knob in the open script, added by a user or otherwise."""
        for node in self._by_class.get(class_name, ()):
            text = (node.clone_of or node).text
            if knob in text.body and (text.find(knob) is not None or knob in node.user_knobs):
                return True
        return False

    @functools.cached_property
    def channels(self) -> frozenset[str]:
        """The channels the open script declares."""
        return frozenset() if self.document is None else frozenset(self.document.layer_channels())

    def node_finding(self, name: str, *, more: bool) -> Optional[Finding]:
        """Return what is wrong with asking for a node by that name; `more` where there may be nodes of whatever name."""
        code = self.code
        if self.document is None or more or name in ("preferences", "root", "this", "parent", ""):
            return None
        if self.document.find(name) is not None or code.makes(name) or code.makes(name.split(".")[0]):
            return None
        paths = [path for path, _ in self.document.paths()]
        if name in (path.rpartition(".")[2] for path in paths):
            inside = next(path for path in paths if path.rpartition(".")[2] == name)
            message = f"The script has no node {name!r} outside of groups; it is inside of {inside.rpartition('.')[0]}."
            return Finding(message, "warning", "unknown-node", name=name, suggestion=inside)
        near = closest(name, (*paths, *code.nodes), limit=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        return Finding(
            f"The script has no node {name!r}{hint}", "problem", "unknown-node", name=name, suggestion=near[0] if near else ""
        )

    # classes

    def class_finding(self, name: str) -> Optional[Finding]:
        """Return what is wrong with making a node of that class."""
        if name in self.inner_classes() or name.startswith("OFX") or not name or _IS_A_FILE.search(name):
            return None
        problem = self.catalogue.check_class(name)
        if problem is not None:
            return _class_finding(problem)
        if self.catalogue.is_known(name):
            return None
        message = f"Nuke has no class {name!r} unless a plug-in or gizmo brings it."
        return Finding(message, "warning", "unknown-class", name=name)

    def filter_finding(self, names: Iterable[str]) -> Optional[Finding]:
        """Return what is wrong with asking for nodes of one of these classes: none of them can be met."""
        wanted = list(names)
        there = self.inner_classes() | self.code.classes
        found: list[Finding] = []
        for name in wanted:
            problem = None if name in there or name.startswith("OFX") else self.catalogue.check_class(name)
            if problem is None:
                if name in there or self.catalogue.is_known(name):
                    return None
                message = f"No node of class {name!r} is known, in Nuke or in the script."
                found.append(Finding(message, "warning", "unknown-class", name=name))
                continue
            if problem.reason == "obsolete" and not (self.document is not None and problem.suggestion in there):
                return None
            found.append(_class_finding(problem))
        return found[0] if found else None

    # knobs

    def knob_finding(
        self, classes: Optional[frozenset[str]], knob: str, *, covers: bool, node: Optional[nk.Node]
    ) -> Optional[Finding]:
        """Return what is wrong with a knob on a node of one of these classes (None for nothing known)."""
        code = self.code
        if not knob or knob in code.knobs or knob in code.asked or knob in _DOUBTFUL_KNOBS:
            return None
        if node is not None and (knob in node.user_knobs or knob in node.knobs):
            return None
        if classes is None or not classes:
            return self._knob_of_nothing(knob)
        found: list[Finding] = []
        for name in sorted(classes):
            one = self._knob_of(name, knob, node)
            if one is None and not covers:
                return None
            if one is not None:
                found.append(one)
        if not found:
            return None
        if len(found) < len(classes):
            # A loop meets nodes with and without that knob.
            certain = [each for each in found if each.severity == "problem"]
            if not certain:
                return None
            lacking = certain[0].text.split(" has no knob")[0]
            message = f"Not every node here has a knob {knob!r}; {lacking} has none."
            return Finding(message, "warning", "unknown-knob", name=knob)
        worst = next((each for each in found if each.severity != "problem"), found[0])
        if code.any_knob and worst.severity == "problem":
            return Finding(worst.text, "warning", worst.rule, name=worst.name, suggestion=worst.suggestion)
        return worst

    def _knob_of(self, class_name: str, knob: str, node: Optional[nk.Node]) -> Optional[Finding]:
        info = self.catalogue.class_info(class_name)
        if info is None or knob in info.knobs:
            return None
        problem = self.catalogue.check_knob(class_name, knob)
        if (problem is not None or class_name == "Group") and self._is_written(class_name, knob):
            return None
        users = list(node.user_knobs) if node is not None else []
        if problem is not None and users and not problem.suggestion:
            near = closest(knob, users, limit=1)
            if near:
                message = f"{node.name if node is not None else class_name} has no knob {knob!r}; did you mean {near[0]}?"
                severity: Severity = "problem" if problem.certain else "warning"
                return Finding(message, severity, "unknown-knob", name=knob, suggestion=near[0])
        if problem is not None:
            return _finding(problem, "unknown-knob", "obsolete" if problem.reason == "obsolete" else "")
        if node is not None and class_name == "Group" and knob not in info.knobs:
            near = closest(knob, (*users, *info.knobs), limit=1)
            if near:
                message = f"{node.name} has no knob {knob!r}; did you mean {near[0]}?"
                return Finding(message, "warning", "unknown-knob", name=knob, suggestion=near[0])
        return None

    def _knob_of_nothing(self, knob: str) -> Optional[Finding]:
        """Say that no class at all has a knob of that name; a gizmo may have it."""
        if self.has_anyone(knob.partition(".")[0]):
            return None
        return Finding(f"No node class that is known here has a knob {knob!r}.", "warning", "unknown-knob", name=knob)

    def has_anyone(self, knob: str) -> bool:
        """Return whether a known class or a node of the open script has a knob of that name, or the code may add one."""
        if knob in self.catalogue.common() or self.code.any_knob or self.catalogue.mentions_knob(knob):
            return True
        return any(self._is_written(name, knob) for name in self._by_class)

    def knob_kind(self, classes: Optional[frozenset[str]], knob: str) -> str:
        """Return the type of a knob, where all these classes agree on it; "" where it is not known."""
        kinds = set()
        for name in classes or ():
            facts = self.catalogue.knob_info(name, knob)
            kinds.add(facts.type if facts is not None and knob not in self.code.knobs else "")
        return kinds.pop() if len(kinds) == 1 else ""

    # values, inputs, layers

    def value_finding(
        self, classes: Optional[frozenset[str]], knob: str, value: object, *, as_script: bool = False
    ) -> Optional[Finding]:
        """Return what is wrong with setting a knob to a constant; `as_script` where a text for a number is an expression."""
        if not classes or knob in self.code.knobs or isinstance(value, bool) or value is None:
            return None
        found: list[Finding] = []
        for name in sorted(classes):
            facts = self.catalogue.knob_info(name, knob)
            if facts is None:
                return None
            if facts.type in ("Channel_Knob", "ChannelMask_Knob"):
                one = self._channel_finding(value) if isinstance(value, str) else None
            elif isinstance(value, str) and facts.type not in ("Boolean_Knob", "Disable_Knob"):
                problem = self.catalogue.check_value(name, knob, value)
                is_expression = as_script and problem is not None and problem.reason == "not_a_number"
                one = None if problem is None or is_expression else _finding(problem, "unknown-value")
            else:
                one = None
            if one is None:
                return None
            found.append(one)
        if any(knob in node.user_knobs for name in classes for node in self._by_class.get(name, ()) if found):
            # A user's own knob of that name may hold what Nuke's does not.
            return None
        return found[0] if found else None

    def index_finding(self, classes: Optional[frozenset[str]], knob: str, index: int) -> Optional[Finding]:
        """Return what is wrong with setting one value of a knob by its number."""
        sizes = []
        for name in classes or ():
            facts = self.catalogue.knob_info(name, knob)
            if facts is None or knob in self.code.knobs or facts.type not in _SIZED:
                return None
            sizes.append(facts.size)
        if not sizes or index < max(sizes):
            return None
        size = max(sizes)
        values = "1 value" if size == 1 else f"{size} values, numbers 0 to {size - 1}"
        message = f"{knob} has {values}; setValue(value, {index}) sets none of them."
        return Finding(message, "warning" if size == 1 else "problem", "unknown-value", name=str(index))

    def _channel_finding(self, text: str) -> Optional[Finding]:
        code = self.code
        if not text or code.any_layer or re.search(r"[\[{$%\s]", text):
            return None
        layer, _, channel = text.partition(".")
        declared = {each.partition(".")[0] for each in self.channels}
        if layer in code.layers or text in self.channels or (not channel and layer in declared):
            return None
        if layer in _BUILT_IN_LAYERS:
            if not channel or layer not in ("rgba", "depth", "rgb") or channel in _RGBA:
                return None
            near = closest(channel, ("red", "green", "blue", "alpha") if layer != "depth" else ("Z",), limit=1)
            hint = f"; did you mean {layer}.{near[0]}?" if near else "."
            message = f"The layer {layer} has no channel {channel!r}{hint}"
            suggestion = f"{layer}.{near[0]}" if near else ""
            return Finding(message, "problem" if near else "warning", "unknown-channel", name=text, suggestion=suggestion)
        if self.document is None:
            return None
        names = (*self.channels, *declared, *_BUILT_IN_LAYERS, "rgba.red", "rgba.green", "rgba.blue", "rgba.alpha", "depth.Z")
        near = closest(text, names, limit=1, loose=False)
        hint = f"; did you mean {near[0]}?" if near else "."
        message = f"The script has no layer or channel {text!r}{hint}"
        return Finding(message, "warning", "unknown-channel", name=text, suggestion=near[0] if near else "")

    def input_finding(self, classes: Optional[frozenset[str]], number: int) -> Optional[Finding]:
        """Return what is wrong with connecting an input by number."""
        for name in sorted(classes or ()):
            info = self.catalogue.class_info(name)
            if info is None or not info.complete or info.dynamic or info.origin != "nuke" or 0 <= number < info.max_inputs:
                return None
        if not classes:
            return None
        name = sorted(classes)[0]
        info = self.catalogue.class_info(name)
        most = 0 if info is None else info.max_inputs
        inputs = "no inputs" if not most else "1 input, number 0" if most == 1 else f"{most} inputs, numbers 0 to {most - 1}"
        return Finding(f"{name} has no input {number}; it has {inputs}.", "problem", "unknown-input", name=str(number))


def _class_of(node: nk.Node) -> str:
    return (node.clone_of or node).class_name


def _class_finding(problem: CatalogueProblem) -> Finding:
    found = _finding(problem, "unknown-class", "obsolete" if problem.reason == "obsolete" else "")
    if problem.reason == "menu_name" and stem_of(problem.suggestion or "").startswith(problem.name):
        # Nuke may take the name without its number for the class.
        return replace(found, severity="warning")
    return found


def _finding(problem: CatalogueProblem, rule: str, other_rule: str = "") -> Finding:
    severity: Severity = "problem" if problem.certain else "warning"
    if problem.reason == "not_yet":
        other_rule = "host-version"
    return Finding(problem.message, severity, other_rule or rule, name=problem.name, suggestion=problem.suggestion or "")
