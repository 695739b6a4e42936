"""Preflight of a gizmo or a group as text: what :mod:`~nuke_ai_panel.scripting.nk_check` finds, and whether it works as one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nuke_ai_panel.nk.catalogue_types import USER_KNOB_TYPES
from nuke_ai_panel.nk.expressions import Broken, references
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.node_text import KnobSpan
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.named_findings import ordered
from nuke_ai_panel.scripting.nk_check import nk_effects, nk_findings, read_nodes
from nuke_ai_panel.scripting.pasted_text import PastedText
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["check"]

_ABSOLUTE = re.compile(r"(?:/(?!/)[\w.~-]+/|[A-Za-z]:[/\\]|\\\\\w)")
_KNOB_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_FILE_KNOBS = frozenset(
    {"file", "proxy", "vfield_file", "kernelSourceFile", "modelFile", "icon", "lut_file", "cdl_file", "grain"}
)


def check(proposal: ScriptProposal, surroundings: Surroundings) -> Preflight:
    """Read a group as text against the script and the Nuke in `surroundings`. No code in it is run."""
    pasted = read_nodes(proposal.code)
    if not isinstance(pasted, PastedText):
        return Preflight(pasted)
    found = [*nk_findings(pasted, surroundings), *_structure(pasted)]
    return Preflight(ordered(found), tuple(nk_effects(pasted)))


def _structure(pasted: PastedText) -> Iterator[Finding]:
    places = dict(pasted.nodes())
    groups = [node for node in pasted.document.nodes() if node.is_group]
    if not groups:
        yield Finding("There is no Group or Gizmo in it: as a gizmo it is one node.", "warning", "structure", 1, 1)
    if len(groups) > 1:
        line, column = pasted.place_of(places[groups[1]])
        yield Finding("There is more than one group in it; a gizmo is one.", "warning", "structure", line, column)
    for group in groups:
        yield from _of_group(pasted, group, places)
    for node, offset in pasted.nodes():
        yield from _paths(pasted, node, offset)


def _of_group(pasted: PastedText, group: Node, places: dict[Node, int]) -> Iterator[Finding]:
    line, column = pasted.place_of(places[group])
    inner = [] if group.children is None else group.children.nodes
    outputs = [node for node in inner if node.class_name == "Output"]
    inputs = [node for node in inner if node.class_name == "Input"]
    if not outputs and group.class_name != "LiveGroup":
        text = f"{group.path} has no Output node, so that nothing comes out of it."
        yield Finding(text, "problem", "structure", line, column, group.path)
    for extra in outputs[1:]:
        place = pasted.place_of(places[extra])
        yield Finding(
            f"{group.path} has more than one Output node; Nuke takes one.", "warning", "structure", *place, extra.path
        )
    for output in outputs[:1]:
        if not any(output.inputs):
            place = pasted.place_of(places[output])
            text = f"Nothing is connected to {output.path}, so that {group.path} gives nothing."
            yield Finding(text, "warning", "structure", *place, output.path)
    if not inputs and outputs and group.class_name != "LiveGroup":
        yield Finding(f"{group.path} has no Input node: it takes no picture.", "note", "structure", line, column, group.path)
    numbers: dict[str, Node] = {}
    for node in inputs:
        number = node.knob("number") or "0"
        if number in numbers:
            text = f"{node.path} and {numbers[number].path} are both input {number} of {group.path}."
            yield Finding(text, "warning", "structure", *pasted.place_of(places[node]), node.path)
        numbers.setdefault(number, node)
    yield from _user_knobs(pasted, group, places[group])


def _user_knobs(pasted: PastedText, group: Node, offset: int) -> Iterator[Finding]:
    seen: dict[str, KnobSpan] = {}
    places: dict[str, tuple[int, int]] = {}
    for span in group.text.spans:
        if span.name != "addUserKnob":
            continue
        line, column = pasted.place_of(offset + span.start)
        word = group.text.word(span)
        try:
            parts = list_words(word[1:-1]) if word[:1] == "{" else []
        except DamagedWordError:
            parts = []
        if not parts or (len(parts) < 2 and parts[0] not in ("20", "26")):
            yield Finding(f"This user knob is not well formed: {word[:60]}", "problem", "structure", line, column)
            continue
        if parts[0] not in USER_KNOB_TYPES:
            text = f"{parts[0]!r} is no known type of a user knob."
            yield Finding(text, "warning", "structure", line, column, parts[0])
        name = unquote(parts[1]) if len(parts) > 1 else ""
        if not name:
            continue
        places[name] = (line, column)
        if not _KNOB_NAME.fullmatch(name):
            yield Finding(f"{name!r} is no name that an expression can use.", "warning", "structure", line, column, name)
        if name in seen:
            text = f"{group.path} has two knobs {name!r}; the second takes the place of the first."
            yield Finding(text, "warning", "structure", line, column, name)
        seen[name] = span
    for each in references(group):
        if isinstance(each, Broken) or each.source.kind != "link":
            continue
        line, column = places.get(each.source.knob, pasted.place_of(offset))
        if each.status == "missing":
            text = f"The knob {group.path}.{each.source.knob} links to {each.name}, which is not there: {each.message}"
            yield Finding(text, "problem", "unknown-reference", line, column, each.name)


def _paths(pasted: PastedText, node: Node, offset: int) -> Iterator[Finding]:
    if node.scope.owner is None and not node.is_group:
        return
    for span in node.text.spans:
        if span.name not in _FILE_KNOBS:
            continue
        text = unquote(node.text.word(span))
        if _ABSOLUTE.match(text):
            line, column = pasted.place_of(offset + span.start)
            said = f"{node.path}.{span.name} names a place on one machine: {text[:60]}"
            yield Finding(said, "warning", "structure", line, column, text[:200])
