"""The checks of the graph: which nodes there are, how they are connected, what is inside of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from nuke_ai_panel import nk
from nuke_ai_panel.cli.tasks_check_arguments import (
    Check,
    fits,
    names_in,
    node_of,
    nodes_of,
    number_of,
    of_class,
    shown,
    source_of,
    text_of,
    wanted_by,
)
from nuke_ai_panel.cli.tasks_outcome import Outcome, is_same_value, names_of
from nuke_ai_panel.nk import graph

__all__ = ["GRAPH_CHECKS"]

# Counting


def _count(check: Check, outcome: Outcome) -> str:
    found = len(outcome.of_class(text_of(check, "class")))
    wanted = number_of(check, "n")
    return "" if found == wanted else f"there are {found} {check['class']}, wanted {wanted:g}"


def _count_min(check: Check, outcome: Outcome) -> str:
    found = len(outcome.of_class(text_of(check, "class")))
    wanted = number_of(check, "min", number_of(check, "n", 1))
    return "" if found >= wanted else f"there are {found} {check['class']}, wanted {wanted:g} or more"


def _count_where(check: Check, outcome: Outcome) -> str:
    knob, pattern = text_of(check, "knob"), str(check.get("eq", check.get("matches")))
    values = [outcome.value(node, knob) for node in outcome.of_class(text_of(check, "class"))]
    found = sum(
        1
        for value in values
        if is_same_value(value, pattern) or (value is not None and re.fullmatch(pattern, value) is not None)
    )
    wanted = number_of(check, "n")
    return "" if found == wanted else f"{found} {check['class']} have {knob} {pattern!r}, wanted {wanted:g}"


def _exists(check: Check, outcome: Outcome) -> str:
    nodes_of(check, outcome)
    return ""


def _absent(check: Check, outcome: Outcome) -> str:
    names = names_in(check, "nodes") or names_in(check, "node")
    there = [name for name in names if outcome.node(name) is not None]
    return f"{', '.join(there)} is there" if there else ""


# Connections


def _input(check: Check, outcome: Outcome) -> str:
    node, number = node_of(check, outcome), int(number_of(check, "i"))
    source = source_of(node, number)
    wanted = check.get("is")
    found = None if source is None else source.name
    return "" if wanted in (found, source and source.path) else f"input {number} of {node.name} is {found}, wanted {wanted}"


def _input_class(check: Check, outcome: Outcome) -> str:
    node, number = node_of(check, outcome), int(number_of(check, "i"))
    source = source_of(node, number)
    if source is None or source.class_name not in names_in(check, "class"):
        found = "open" if source is None else f"a {source.class_name}"
        return f"input {number} of {node.name} is {found}, wanted {' or '.join(names_in(check, 'class'))}"
    if "knob" not in check:
        return ""
    value = outcome.value(source, text_of(check, "knob"))
    return "" if fits(check, value) else f"{source.name}.{check['knob']} is {shown(value)}, wanted {wanted_by(check)}"


def _chain(check: Check, outcome: Outcome) -> str:
    start, end = node_of(check, outcome, "from"), node_of(check, outcome, "to")
    number = int(number_of(check, "input", 0))
    passed: list[nk.Node] = []
    here = source_of(start, number)
    while here is not None and here is not end and here not in passed:
        passed.append(here)
        here = source_of(here, number) or source_of(here, 0)
    if here is not end:
        return f"input {number} of {start.name} does not lead to {end.name}, but to {names_of(passed)}"
    wanted = names_in(check, "has_class")
    if wanted and not any(node.class_name in wanted for node in passed):
        return f"between {start.name} and {end.name} there is no {' or '.join(wanted)}, but {names_of(passed)}"
    return ""


def _lacks(check: Check, nodes: Sequence[nk.Node], where: str) -> str:
    names, classes = {node.name for node in nodes}, {node.class_name for node in nodes}
    missing = [name for name in names_in(check, "nodes") if name not in names]
    missing += [f"any {name}" for name in names_in(check, "classes") if name not in classes]
    return f"{where} there is not {', '.join(missing)}" if missing else ""


def _upstream_has(check: Check, outcome: Outcome) -> str:
    node = node_of(check, outcome)
    return _lacks(check, graph.upstream(node), f"upstream of {node.name}")


def _upstream_has_via(check: Check, outcome: Outcome) -> str:
    node, number = node_of(check, outcome), int(number_of(check, "i"))
    source = source_of(node, number)
    if source is None:
        return f"input {number} of {node.name} is open"
    return _lacks(check, [source, *graph.upstream(source)], f"upstream of input {number} of {node.name}")


# Groups, layers, backdrops


def _group_has(check: Check, outcome: Outcome) -> str:
    group = node_of(check, outcome, "group")
    classes = {node.class_name for node in graph.inside(group, recurse=True)}
    missing = [name for name in names_in(check, "classes") if name not in classes]
    return f"in {group.name} there is no {', '.join(missing)}" if missing else ""


def _layers_used(check: Check, outcome: Outcome) -> str:
    texts = " ".join(value for node in of_class(check, outcome) for value in node.knobs.values())
    missing = [layer for layer in names_in(check, "layers") if not re.search(rf"\b{re.escape(layer)}\b", texts)]
    return f"no {check.get('class')} uses {', '.join(missing)}" if missing else ""


def _encloses(check: Check, outcome: Outcome) -> str:
    wanted, unwanted = set(names_in(check, "nodes")), set(names_in(check, "not"))
    said: list[str] = []
    for node in of_class(check, outcome):
        inside = {each.name for each in graph.enclosed(node)}
        if wanted <= inside and not unwanted & inside:
            return ""
        said.append(f"{node.name} encloses {', '.join(sorted(inside)) or 'nothing'}")
    return "; ".join(said)


#: The checks of this module by their names.
GRAPH_CHECKS: Mapping[str, Callable[[Check, Outcome], str]] = {
    "absent": _absent,
    "chain": _chain,
    "count": _count,
    "count_min": _count_min,
    "count_where": _count_where,
    "encloses": _encloses,
    "exists": _exists,
    "exists_class": _count_min,
    "group_has": _group_has,
    "input": _input,
    "input_class": _input_class,
    "layers_used": _layers_used,
    "upstream_has": _upstream_has,
    "upstream_has_via": _upstream_has_via,
}
