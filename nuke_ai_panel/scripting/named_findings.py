"""Findings about names and values of nodes, as the checks of nodes, Tcl, gizmos and tools share them."""

from __future__ import annotations

from collections.abc import Iterable

from nuke_ai_panel.nk.catalogue import Catalogue, CatalogueProblem
from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.scripting.findings import Finding, Severity
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["class_finding", "found_node", "knob_finding", "node_finding", "ordered", "value_finding"]

_WRONG_VALUES = ("not_a_choice", "not_a_number", "not_a_truth_value")


def _finding(problem: CatalogueProblem, rule: str, line: int, column: int) -> Finding:
    severity: Severity = "problem" if problem.certain else "warning"
    if problem.reason == "obsolete":
        # Nuke reads an old name and goes on; the new one is good to know.
        severity, rule = "note", "obsolete"
    elif problem.reason == "not_yet":
        rule = "host-version"
    elif problem.reason in _WRONG_VALUES:
        rule = "unknown-value"
    return Finding(problem.message, severity, rule, line, column, problem.name, problem.suggestion or "")


def class_finding(surroundings: Surroundings, name: str, line: int, column: int) -> Finding | None:
    """Return what is to be said of a node class; None for a known one, and for one the open script has nodes of."""
    catalogue = surroundings.catalogue
    document = surroundings.document
    if document is not None and document.nodes_of_class(name, recurse=True):
        return None
    problem = catalogue.check_class(name)
    if problem is not None:
        return _finding(problem, "unknown-class", line, column)
    if catalogue.is_known(name):
        return None
    text = f"Nuke {catalogue.version} has no class {name!r} of its own; a gizmo or a plug-in must bring it."
    return Finding(text, "warning", "unknown-class", line, column, name)


def knob_finding(catalogue: Catalogue, class_name: str, knob: str, line: int, column: int) -> Finding | None:
    """Return what is wrong with a knob of a class, None where nothing is or it cannot be known."""
    problem = catalogue.check_knob(class_name, knob)
    return None if problem is None else _finding(problem, "unknown-knob", line, column)


def value_finding(catalogue: Catalogue, class_name: str, knob: str, text: str, line: int, column: int) -> Finding | None:
    """Return what is wrong with the text of a knob, None where nothing is or it cannot be known."""
    problem = catalogue.check_value(class_name, knob, text)
    return None if problem is None else _finding(problem, "unknown-value", line, column)


def found_node(surroundings: Surroundings, path: str) -> Node | None:
    """Return the node of the open script with a full name, None where there is none or no script."""
    document = surroundings.document
    if document is None:
        return None
    return document.root_node if path == "root" else document.find(path)


def node_finding(surroundings: Surroundings, path: str, line: int, column: int, *, certain: bool = True) -> Finding | None:
    """Return what is wrong with the name of a node; None where it is there, or no script is open to look in."""
    document = surroundings.document
    if document is None or found_node(surroundings, path) is not None:
        return None
    near = closest(path, _names(surroundings), loose=False, limit=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    severity: Severity = "problem" if certain else "warning"
    text = f"The script has no node {path!r}{hint}"
    return Finding(text, severity, "unknown-node", line, column, path, near[0] if near else "")


def _names(surroundings: Surroundings) -> Iterable[str]:
    return () if surroundings.document is None else (path for path, _ in surroundings.document.paths())


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order of their places, each said once."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda each: (each.line, each.column)))
