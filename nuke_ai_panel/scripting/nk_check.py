"""Preflight of nodes as text: can it be read, do its names exist, which code does it carry, and what does pasting it do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError, NkError, NkSyntaxError
from nuke_ai_panel.nk.catalogue import parse_version
from nuke_ai_panel.nk.expressions import Broken, expressions, references
from nuke_ai_panel.nk.node import Node, Push
from nuke_ai_panel.nk.node_text import KnobSpan
from nuke_ai_panel.nk.words import DamagedWordError, unquote
from nuke_ai_panel.scripting.effects import Effect
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.named_findings import class_finding, found_node, knob_finding, ordered, value_finding
from nuke_ai_panel.scripting.pasted_text import PastedText
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["check", "nk_findings", "read_nodes"]

_NOT_CHECKED = frozenset({"addUserKnob", "inputs", "name", "selected", "xpos", "ypos"})
_VERSION = re.compile(r"\s*version\s+(\d+\.\d+)")
_SHOWN = 60
_MOST_DAMAGE = 5


def check(proposal: ScriptProposal, surroundings: Surroundings) -> Preflight:
    """Read pasted nodes against the script and the Nuke in `surroundings`. No code in them is run."""
    pasted = read_nodes(proposal.code)
    if not isinstance(pasted, PastedText):
        return Preflight(pasted)
    return Preflight(ordered(nk_findings(pasted, surroundings)), tuple(nk_effects(pasted)))


def read_nodes(code: str) -> PastedText | tuple[Finding, ...]:
    """Return the text of nodes, or why it cannot be read."""
    try:
        pasted = PastedText(code)
    except EncryptedScriptError as error:
        return (Finding(str(error), "fatal", "syntax", 1, 1),)
    except NkSyntaxError as error:
        return _damage(code, error)
    except NkError as error:
        return (Finding(f"The nodes cannot be read: {error}.", "fatal", "syntax"),)
    if not pasted.document.nodes():
        return (Finding("There is no node in the text.", "fatal", "empty"),)
    return pasted


def _damage(code: str, first: NkSyntaxError) -> tuple[Finding, ...]:
    try:
        found = nk.loads(code.replace("\r\n", "\n").encode("utf-8", "replace"), recover=True).damage or [first]
    except NkError:
        found = [first]
    return tuple(_damage_finding(code, error) for error in found[:_MOST_DAMAGE])


def _damage_finding(code: str, error: NkSyntaxError) -> Finding:
    words = str(error).split(": ", 1)[-1]
    lines = code.splitlines()
    line = lines[error.line - 1].strip() if error.line <= len(lines) else ""
    shown = f": {line if len(line) <= _SHOWN else line[: _SHOWN - 3] + '...'}" if line else ""
    return Finding(f"This cannot be read as nodes ({words}){shown}", "fatal", "syntax", error.line, error.column)


def nk_findings(pasted: PastedText, surroundings: Surroundings) -> Iterator[Finding]:
    """Yield what is to be said of the nodes in a text."""
    yield from _header(pasted, surroundings)
    known = set(pasted.document.names_read)
    for item, offset in pasted.commands():
        if isinstance(item, Push) and item.variable is not None and item.variable not in known | {"cut_paste_input"}:
            line, column = pasted.place_of(offset)
            text = f"push ${item.variable}: nothing was called so with 'set {item.variable} [stack 0]' before."
            yield Finding(text, "problem", "unknown-input", line, column, item.variable)
    for place in pasted.code():
        words = " ".join(place.text.split())
        shown = words if len(words) <= _SHOWN else words[: _SHOWN - 3] + "..."
        text = f"{place.where} holds code that runs {place.when}: {shown}"
        yield Finding(text, "warning", "structure", place.line, 0, place.where)
    told: set[str] = set()
    for node, offset in pasted.nodes():
        for found in _of_node(pasted, node, offset, surroundings):
            # What is said of a class is said once, of the first of its nodes.
            about_class = found.rule == "obsolete" or found.rule == "unknown-class"
            if not about_class or found.text not in told:
                yield found
            if about_class:
                told.add(found.text)


def _header(pasted: PastedText, surroundings: Surroundings) -> Iterator[Finding]:
    if pasted.document.root_node is not None:
        text = "This is a whole script. Its nodes are pasted; its settings (frame range, format, colour) are left out."
        yield Finding(text, "note", "structure")
    written = _VERSION.match(pasted.document.version_line())
    if written is not None and parse_version(written.group(1)) > parse_version(surroundings.catalogue.version):
        text = f"It was written for Nuke {written.group(1)}; this is Nuke {surroundings.catalogue.version}."
        yield Finding(text, "note", "host-version")


def _of_node(pasted: PastedText, node: Node, offset: int, surroundings: Surroundings) -> Iterator[Finding]:
    if node.clone_of is not None or node is pasted.document.root_node:
        return
    line, column = pasted.place_of(offset - len(node.text.head.lstrip()))
    if node.class_name == "clone":
        yield Finding("A clone of a node that is not in the text.", "problem", "unknown-node", line, column)
        return
    if "/" in node.class_name or "\\" in node.class_name:
        text = f"{node.class_name} is read from a file that must be there on every machine that opens the script."
        yield Finding(text, "warning", "structure", line, column, node.class_name)
    wrong = class_finding(surroundings, node.class_name, line, column)
    if wrong is not None:
        yield wrong
    yield from _inputs(node, line, column, surroundings)
    user_knobs = node.user_knobs
    for span in node.text.spans:
        if span.name not in _NOT_CHECKED and span.name not in user_knobs:
            yield from _knob(pasted, node, offset, span, surroundings)
    yield from _expressions(pasted, node, offset, surroundings)


def _inputs(node: Node, line: int, column: int, surroundings: Surroundings) -> Iterator[Finding]:
    info = surroundings.catalogue.class_info(node.class_name)
    if info is None or node.children is not None or info.dynamic or not info.complete or node.pops <= info.max_inputs:
        return
    if sum(1 for source in node.inputs if source is not None) <= info.max_inputs:
        return
    has = "no input" if not info.max_inputs else f"{info.max_inputs} input{'s' if info.max_inputs > 1 else ''}"
    text = f"{node.path} reads from {len(node.inputs)} nodes; {node.class_name} has {has}."
    yield Finding(text, "problem" if surroundings.catalogue.is_profile else "warning", "unknown-input", line, column, node.path)


def _knob(pasted: PastedText, node: Node, offset: int, span: KnobSpan, surroundings: Surroundings) -> Iterator[Finding]:
    line, column = pasted.place_of(offset + span.start)
    wrong = knob_finding(surroundings.catalogue, node.class_name, span.name, line, column)
    if wrong is not None:
        yield wrong
        return
    try:
        text = unquote(node.text.word(span))
    except DamagedWordError:
        return
    bad = value_finding(surroundings.catalogue, node.class_name, span.name, text, line, column)
    if bad is not None:
        yield bad


def _expressions(pasted: PastedText, node: Node, offset: int, surroundings: Surroundings) -> Iterator[Finding]:
    """Yield expressions that cannot be read, and names in them that lead nowhere, in the text and in the open script."""
    if not any(True for _ in expressions(node)):
        return
    places = {span.name: offset + span.start for span in node.text.spans}
    for each in references(node):
        line, column = pasted.place_of(places.get(each.source.knob, offset))
        where = f"{node.path}.{each.source.knob}"
        if isinstance(each, Broken):
            text = f"The expression in {where} cannot be read: {each.problem.message.rstrip('.')}."
            yield Finding(text, "problem", "syntax", line, column, where)
        elif each.status == "missing" and each.source.kind != "link" and not _stands_outside(node, each.name, surroundings):
            text = f"The expression in {where} leads nowhere: {each.message}"
            yield Finding(text, "warning", "unknown-reference", line, column, each.name)


def _stands_outside(node: Node, name: str, surroundings: Surroundings) -> bool:
    """Return whether a name may be found only once the nodes stand in the open script."""
    words = name.split(".")
    if any(word.startswith("input") for word in words):
        return True
    if node.scope.owner is not None and "parent" not in words and words[0] != "root":
        return False
    if surroundings.document is None or words[0] in ("root", "parent", "this", "topnode"):
        return True
    return found_node(surroundings, words[0]) is not None


def nk_effects(pasted: PastedText) -> Iterator[Effect]:
    """Yield what pasting the nodes does."""
    top = [
        (node, offset) for node, offset in pasted.nodes() if node.scope.owner is None and node is not pasted.document.root_node
    ]
    lines = tuple(dict.fromkeys(pasted.line_of(offset) for _, offset in top))
    classes = list(dict.fromkeys(node.class_name for node, _ in top))
    shown = ", ".join(classes[:3]) + (f" and {len(classes) - 3} more" if len(classes) > 3 else "")
    # A button's code runs when the artist presses it, not because of this; the findings tell of it.
    code = tuple(dict.fromkeys(place.line for place in pasted.code() if "button" not in place.when))
    if code:
        yield Effect("runs hidden code", code, "code in the nodes")
    if lines:
        yield Effect("creates nodes", lines, shown)
