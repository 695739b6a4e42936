"""Expressions and Tcl text that generated Python puts into knobs: can they be read, and does what they name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.curves import parse_value
from nuke_ai_panel.nk.expressions import syntax
from nuke_ai_panel.nk.expressions.functions import CONSTANTS, FUNCTIONS, NOT_SIMULATED
from nuke_ai_panel.nk.expressions.names import Lost, Unknown, knob_shape, resolve
from nuke_ai_panel.nk.expressions.results import ExpressionStopped, SyntaxProblem
from nuke_ai_panel.nk.expressions.tcl_words import commands, parts
from nuke_ai_panel.nk.knob_kinds import NUMBER_TYPES, SWITCH_TYPES
from nuke_ai_panel.nk.words import DamagedWordError, list_words
from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.python_check_names import ScriptNames
from nuke_ai_panel.scripting.python_check_texts import PIECE
from nuke_ai_panel.scripting.python_check_values import NodeOf

__all__ = ["expression_findings", "python_in", "reference_finding", "tcl_findings", "word_findings"]

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
_NAMES = re.compile(r"[A-Za-z_(!-]")


def expression_findings(names: ScriptNames, owner: Optional[NodeOf], knob: str, text: str, in_group: bool) -> Iterator[Finding]:
    """Yield what is wrong with an expression for a knob of `owner` (None for an unknown node)."""
    if not text.strip() or len(text) > _LONGEST:
        return
    try:
        program = syntax.parse(text)
    except ExpressionStopped as stopped:
        if isinstance(stopped.problem, SyntaxProblem) and PIECE not in text:
            yield Finding(f"The expression {_short(text)!r} cannot be read: {_said(stopped.problem)}", "problem", "syntax")
        return
    for name in program.names:
        word = name.text
        if name.is_composed or PIECE in word or word.startswith("$") or word in _VARIABLES or word in CONSTANTS:
            continue
        if name.called and "." not in word:
            if word not in FUNCTIONS and word not in NOT_SIMULATED:
                near = closest(word, FUNCTIONS, limit=1)
                hint = f"; did you mean {near[0]}?" if near else "."
                message = f"Expressions have no function {word!r}{hint}"
                yield Finding(message, "problem", "unknown-function", name=word, suggestion=near[0] if near else "")
            continue
        found = reference_finding(names, owner, knob, word, in_group)
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
                # With a second word `value` gives that where there is no such knob.
                if command in ("value", "numvalue", "knob") and len(given) == 1 and given[0].is_static:
                    word = given[0].text.strip('"{}')
                    if re.fullmatch(r"[\w.]+", word):
                        found = reference_finding(names, owner, "", word, in_group)
                        if found is not None:
                            yield found
                elif command == "expression" and len(given) == 1 and given[0].is_static:
                    yield from expression_findings(names, owner, knob, given[0].text.strip('"{}'), in_group)
                for each in given:
                    if not each.is_verbatim:
                        waiting.extend(part.text for part in parts(each.text) if part.kind == "script")
    except (ExpressionStopped, DamagedWordError, IndexError, ValueError):
        return


def python_in(text: str) -> Iterator[str]:
    """Yield the Python in the ``[python {...}]`` of a text."""
    if "[py" not in text or len(text) > _LONGEST:
        return
    try:
        for part in parts(text):
            for words in commands(part.text) if part.kind == "script" else ():
                if words[0].text in ("python", "pyrs") and len(words) > 1 and words[-1].is_verbatim:
                    yield words[-1].text
    except (ExpressionStopped, DamagedWordError, IndexError, ValueError):
        return


def word_findings(
    names: ScriptNames, owner: Optional[NodeOf], knob: str, kind: str, text: str, in_group: bool
) -> Iterator[Finding]:
    """Yield what is wrong with the expressions in the text of a knob as a script has it: ``{{frame / 10}}``."""
    if kind not in NUMBER_TYPES and kind not in SWITCH_TYPES:
        return
    try:
        for values in parse_value(text).views.values():
            for value in values:
                if value.has_expression and not value.expression.startswith("curve "):
                    yield from expression_findings(names, owner, knob, value.expression, in_group)
        inner = list_words(text[1:-1]) if text[:1] == "{" and text[-1:] == "}" else []
    except DamagedWordError:
        return
    # One word in single braces; of several it is not known where an expression begins.
    if len(inner) == 1 and _NAMES.match(inner[0]) and inner[0].split()[0] not in ("curve", "default"):
        yield from expression_findings(names, owner, knob, inner[0], in_group)


def reference_finding(names: ScriptNames, owner: Optional[NodeOf], knob: str, word: str, in_group: bool) -> Optional[Finding]:
    """Return what is wrong with a name in an expression for a knob of `owner` (None for an unknown node)."""
    steps = [each for each in word.split(".") if each]
    document, code = names.document, names.code
    if document is None or not steps or in_group or PIECE in word:
        return None
    first = steps[0]
    if first in _VARIABLES or first in CONSTANTS or code.makes(first) or any(each in code.knobs for each in steps):
        return None
    if (code.any_knob and len(steps) > 1) or (code.any_node and code.frees):
        return None
    node = owner.node if owner is not None else None
    if node is not None:
        place = resolve(node, word, knob=knob_shape(node, knob) if knob else None)
        if isinstance(place, Unknown) and len(steps) > 1 and _is_no_step(names, first):
            return _near_node(names, word)
        if not isinstance(place, Lost) or not _is_missing(names, place.message):
            return None
    else:
        root = document.root_node
        target = root if first == "root" else document.top.find(first)
        if target is None or len(steps) == 1:
            if target is not None or first in _STEPS or re.fullmatch(r"input\d*", first):
                return None
            if _is_own(names, owner, first):
                return _near_node(names, word) if len(steps) > 1 and _is_no_step(names, first) else None
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


def _is_no_step(names: ScriptNames, first: str) -> bool:
    """Return whether a word is neither a way to another node nor a knob that any node is known to have, nor a node."""
    is_step = first in _STEPS or re.fullmatch(r"input\d*", first) is not None
    return not is_step and names.document is not None and names.document.top.find(first) is None and not names.has_anyone(first)


def _near_node(names: ScriptNames, word: str) -> Optional[Finding]:
    """Say that a word looks like a node of the script; a node of which nothing is known may have such a knob."""
    first, _, rest = word.partition(".")
    document = names.document
    if document is None or names.code.any_node:
        return None
    near = closest(first, [each.name for each in document.nodes()], limit=1, loose=False)
    if not near:
        return None
    message = f"The expression names {word!r}; did you mean {near[0]}.{rest}?"
    return Finding(message, "warning", "unknown-reference", name=word, suggestion=f"{near[0]}.{rest}")


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
