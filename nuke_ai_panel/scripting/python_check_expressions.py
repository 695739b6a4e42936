"""Expressions and Tcl text that generated Python puts into knobs: can they be read, and does what they name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.expressions import syntax
from nuke_ai_panel.nk.expressions.functions import CONSTANTS, FUNCTIONS, NOT_SIMULATED
from nuke_ai_panel.nk.expressions.names import Lost, knob_shape, resolve
from nuke_ai_panel.nk.expressions.results import ExpressionStopped, SyntaxProblem
from nuke_ai_panel.nk.expressions.tcl_words import commands, parts
from nuke_ai_panel.nk.words import DamagedWordError
from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.python_check_names import ScriptNames, stem_of
from nuke_ai_panel.scripting.python_check_values import NodeOf

__all__ = ["expression_findings", "tcl_findings"]

_VARIABLES = frozenset({"frame", "t", "x", "y", "curve", "value", "keys"})
#: Words that lead from a node somewhere else, or that every node answers to.
_STEPS = frozenset(
    [
        "this",
        "root",
        "parent",
        "topnode",
        "input",
        "inputs",
        "name",
        "Class",
        "width",
        "height",
        "format",
        "bbox",
        "pixel_aspect",
        "actual_format",
        "first_frame",
        "last_frame",
        "channels",
        "error",
        "proxy",
        "main",
        "left",
        "right",
        "cx",
        "cy",
    ]
)
_LONGEST = 20_000


def expression_findings(names: ScriptNames, owner: Optional[NodeOf], knob: str, text: str, in_group: bool) -> Iterator[Finding]:
    """Yield what is wrong with an expression for a knob of `owner` (None for an unknown node)."""
    if not text.strip() or len(text) > _LONGEST:
        return
    try:
        program = syntax.parse(text)
    except ExpressionStopped as stopped:
        if isinstance(stopped.problem, SyntaxProblem):
            yield Finding(f"The expression {_short(text)!r} cannot be read: {_said(stopped.problem)}", "problem", "syntax")
        return
    for name in program.names:
        word = name.text
        if name.is_composed or word.startswith("$") or word in _VARIABLES or word in CONSTANTS:
            continue
        if name.called and "." not in word:
            if word not in FUNCTIONS and word not in NOT_SIMULATED:
                near = closest(word, FUNCTIONS, limit=1)
                hint = f"; did you mean {near[0]}?" if near else "."
                message = f"Expressions have no function {word!r}{hint}"
                yield Finding(message, "problem", "unknown-function", name=word, suggestion=near[0] if near else "")
            continue
        found = _reference(names, owner, knob, word, in_group)
        if found is not None:
            yield found
    for script in program.scripts:
        if f"[{script}]" in text:
            yield from tcl_findings(names, owner, knob, f"[{script}]", in_group)


def tcl_findings(names: ScriptNames, owner: Optional[NodeOf], knob: str, text: str, in_group: bool) -> Iterator[Finding]:
    """Yield what is wrong with the names in the ``[value …]`` of a text."""
    if "[" not in text or len(text) > _LONGEST:
        return
    try:
        waiting = [part.text for part in parts(text) if part.kind == "script"]
        for _ in range(100):
            if not waiting:
                return
            for words in commands(waiting.pop()):
                command, given = words[0].text, words[1:]
                if command in ("python", "pyrs", "py", "pyexec"):
                    continue
                if command in ("value", "numvalue") and given and given[0].is_static:
                    word = given[0].text.strip('"{}')
                    if re.fullmatch(r"[\w.]+", word):
                        found = _reference(names, owner, "", word, in_group)
                        if found is not None:
                            yield found
                for each in given:
                    if not each.is_verbatim:
                        waiting.extend(part.text for part in parts(each.text) if part.kind == "script")
    except (ExpressionStopped, DamagedWordError, IndexError, ValueError):
        return


def _reference(names: ScriptNames, owner: Optional[NodeOf], knob: str, word: str, in_group: bool) -> Optional[Finding]:
    steps = [each for each in word.split(".") if each]
    document, code = names.document, names.code
    if document is None or not steps or in_group:
        return None
    first = steps[0]
    if first in _VARIABLES or first in CONSTANTS or first in code.nodes or any(each in code.knobs for each in steps):
        return None
    if any(re.fullmatch(re.escape(stem_of(each)) + r"\d*", first) for each in code.classes):
        return None
    if code.any_knob and len(steps) > 1:
        return None
    node = owner.node if owner is not None else None
    if node is not None:
        place = resolve(node, word, knob=knob_shape(node, knob) if knob else None)
        if not isinstance(place, Lost) or not _is_missing(names, place.message):
            return None
    else:
        root = document.root_node
        target = root if first == "root" else document.top.find(first)
        if target is None or len(steps) == 1:
            if target is not None or first in _STEPS or re.fullmatch(r"input\d*", first) or _is_own(names, owner, first):
                return None
        else:
            place = resolve(target, ".".join(steps[1:]))
            if not isinstance(place, Lost):
                return None
    known = document.top.find(first)
    if known is None and code.any_node:
        return None
    if known is not None and len(steps) > 1:
        info = names.catalogue.class_info((known.clone_of or known).class_name)
        offered = [*(info.knobs if info is not None else ()), *known.user_knobs]
        near = closest(steps[1], offered, limit=1)
        suggestion = ".".join([first, *near, *steps[2:]]) if near else ""
        said = f"{first} has no knob {steps[1]!r}" if len(steps) == 2 else f"{word!r} leads to nothing"
    else:
        near = closest(first, [each.name for each in document.nodes()], limit=1)
        suggestion = ".".join([*near, *steps[1:]]) if near else ""
        said = f"the expression names {word!r}, which is neither a knob nor a node here"
    hint = f"; did you mean {suggestion}?" if suggestion else "."
    return Finding(said[0].upper() + said[1:] + hint, "problem", "unknown-reference", name=word, suggestion=suggestion)


def _is_missing(names: ScriptNames, message: str) -> bool:
    # An open input is no wrong name: it may be connected by the same code.
    return "is not connected" not in message and "has no value" not in message


def _is_own(names: ScriptNames, owner: Optional[NodeOf], word: str) -> bool:
    """Return whether a word may be a knob of the node itself."""
    if owner is None or owner.classes is None or owner.takes_any_knob or len(word) == 1:
        return True
    for name in owner.classes:
        info = names.catalogue.class_info(name)
        if info is None or not info.complete or info.dynamic:
            return True
        if word in info.knobs or word in info.file_type_knobs or word in info.obsolete_knobs:
            return True
    return False


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _said(problem: SyntaxProblem) -> str:
    said = str(problem.message).rstrip(".")
    return f"{said[:1].lower()}{said[1:]}."
