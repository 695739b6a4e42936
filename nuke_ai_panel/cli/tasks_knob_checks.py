"""The checks of knobs: their values, expressions and keys, and the knobs that users added."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from nuke_ai_panel import nk
from nuke_ai_panel.cli.tasks_check_arguments import (
    Check,
    fits,
    is_like,
    names_in,
    node_of,
    nodes_of,
    number_of,
    of_class,
    shown,
    text_of,
    unreadable,
    wanted_by,
)
from nuke_ai_panel.cli.tasks_outcome import Outcome, is_same_value, names_of, plain
from nuke_ai_panel.nk import graph
from nuke_ai_panel.nk.curves import INTERPOLATIONS, Key
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

__all__ = ["KNOB_CHECKS"]

# Values


def _knob(check: Check, outcome: Outcome) -> str:
    node, knob = node_of(check, outcome), text_of(check, "knob")
    found = outcome.value(node, knob)
    return "" if fits(check, found) else f"{check['node']}.{knob} is {shown(found)}, wanted {wanted_by(check)}"


def _knob_all(check: Check, outcome: Outcome) -> str:
    nodes = outcome.of_class(text_of(check, "class"))
    knob = text_of(check, "knob")
    for node in nodes:
        found = outcome.value(node, knob)
        if not fits(check, found):
            return f"{node.name}.{knob} is {shown(found)}, wanted {wanted_by(check)}"
    return "" if nodes else f"there is no {check['class']}"


def _knob_none_matches(check: Check, outcome: Outcome) -> str:
    knob, pattern = text_of(check, "knob"), text_of(check, "matches")
    for node in outcome.document.nodes(recurse=True):
        if ("class" in check and node.class_name != check["class"]) or node is outcome.document.root_node:
            continue
        found = node.knob(knob)
        if is_like(pattern, found):
            return f"{node.name}.{knob} is {shown(found)}"
    return ""


def _knob_nonempty(check: Check, outcome: Outcome) -> str:
    knob = text_of(check, "knob")
    empty = [node for node in nodes_of(check, outcome) if not (outcome.value(node, knob) or "").strip()]
    return f"{knob} is empty on {names_of(empty)}" if empty else ""


def _knob_code_parses(check: Check, outcome: Outcome) -> str:
    node, knob = node_of(check, outcome), text_of(check, "knob")
    code = outcome.value(node, knob) or ""
    return unreadable(plain(code)) if code.strip() else f"{node.name}.{knob} is empty"


def _same_value(check: Check, outcome: Outcome) -> str:
    knob = text_of(check, "knob")
    values = [(node.name, outcome.value(node, knob)) for node in nodes_of(check, outcome)]
    if all(is_same_value(value, values[0][1]) for _, value in values):
        return ""
    return f"{knob} differs: {', '.join(f'{name} {shown(value)}' for name, value in values)}"


# Expressions and keys


def _has_expression(check: Check, outcome: Outcome, node: nk.Node) -> bool:
    parts = outcome.parts(node, text_of(check, "knob"), check.get("ch"))
    pattern = str(check.get("matches") or "")
    return any(part.has_expression and re.search(pattern, part.expression) for part in parts)


def _expr(check: Check, outcome: Outcome) -> str:
    node, knob = node_of(check, outcome), text_of(check, "knob")
    if _has_expression(check, outcome, node):
        return ""
    return f"{node.name}.{knob} is {shown(outcome.value(node, knob))}, wanted an expression like {check.get('matches')!r}"


def _no_expr(check: Check, outcome: Outcome) -> str:
    node, knob = node_of(check, outcome), text_of(check, "knob")
    parts = [part for part in outcome.parts(node, knob, check.get("ch")) if part.has_expression]
    return f"{node.name}.{knob} still has the expression {parts[0].expression!r}" if parts else ""


def _key_reason(check: Check, outcome: Outcome, node: nk.Node) -> str:
    knob, frame = text_of(check, "knob"), number_of(check, "frame")
    channel = check.get("ch")
    keys = [key for part in outcome.parts(node, knob, channel) for key in part.curve.keys]
    there = [key for key in keys if abs(key.x - frame) < 1e-6]
    if not there:
        return f"{node.name}.{knob} has no key at {frame:g}, but {len(keys)} others"
    if check.get("t") == "interp":
        return _interpolation_reason(check, node, there)
    if "value" in check:
        wanted, tolerance = number_of(check, "value"), number_of(check, "tol", 1e-4)
        if all(abs(key.y - wanted) > tolerance for key in there):
            return f"{node.name}.{knob} is {there[0].y:g} at {frame:g}, wanted {wanted:g}"
    return ""


def _interpolation_reason(check: Check, node: nk.Node, keys: Sequence[Key]) -> str:
    names = (check.get(name) for name in ("is", "eq", "interp", "interpolation", "value"))
    wanted = next((name for name in names if isinstance(name, str)), "")
    kind = INTERPOLATIONS.get(wanted.upper(), wanted.lower())
    if any(key.interpolation == kind for key in keys):
        return ""
    return f"{node.name}.{check['knob']} is {keys[0].interpolation} at {keys[0].x:g}, wanted {kind}"


def _key(check: Check, outcome: Outcome) -> str:
    return _key_reason(check, outcome, node_of(check, outcome))


# Some node of a class


def _class_knob(check: Check, outcome: Outcome) -> str:
    knob = text_of(check, "knob")
    values = [outcome.value(node, knob) for node in of_class(check, outcome)]
    if any(fits(check, value) for value in values):
        return ""
    return f"no {check['class']}.{knob} is as wanted ({wanted_by(check)}): {', '.join(map(shown, values))}"


def _class_expr(check: Check, outcome: Outcome) -> str:
    nodes = of_class(check, outcome)
    if any(_has_expression(check, outcome, node) for node in nodes):
        return ""
    return f"no {check['class']}.{check['knob']} has an expression like {check.get('matches')!r}"


def _class_key(check: Check, outcome: Outcome) -> str:
    reasons = [_key_reason(check, outcome, node) for node in of_class(check, outcome)]
    return "" if "" in reasons else reasons[0]


# User knobs


def _user_knob_type(check: Check, outcome: Outcome) -> str:
    wanted = int(number_of(check, "type"))
    types = {knob.type for node in of_class(check, outcome) for knob in graph.user_knobs(node)}
    return "" if wanted in types else f"no user knob is of type {wanted}, only {sorted(types)}"


def _user_knobs(check: Check, outcome: Outcome) -> str:
    node, wanted = node_of(check, outcome), int(number_of(check, "type"))
    links = {knob.link for knob in graph.user_knobs(node) if knob.type == wanted}
    missing = [name for name in names_in(check, "targets") if name not in links]
    return f"{node.name} has no user knob of type {wanted} for {', '.join(missing)}" if missing else ""


def _user_knob_code(check: Check, outcome: Outcome) -> str:
    codes = list(_knob_codes(of_class(check, outcome), int(number_of(check, "type"))))
    fitting = [code for code in codes if is_like(str(check.get("matches") or ""), code)]
    if not fitting:
        return f"no user knob's code is like {check.get('matches')!r}: {', '.join(map(shown, codes)) or 'there is none'}"
    reasons = [unreadable(plain(code)) for code in fitting] if check.get("parses") else [""]
    return "" if "" in reasons else reasons[0]


def _knob_codes(nodes: Iterable[nk.Node], wanted: int) -> Iterator[str]:
    for node in nodes:
        for name, word in node.user_knobs.items():
            try:
                words = [unquote(each) for each in list_words(word[1:-1])]
            except DamagedWordError:
                continue
            if words[0] == str(wanted):
                yield words[words.index("T") + 1] if "T" in words[2:-1] else node.knob(name) or ""


#: The checks of this module by their names.
KNOB_CHECKS: Mapping[str, Callable[[Check, Outcome], str]] = {
    "class_expr": _class_expr,
    "class_key": _class_key,
    "class_knob": _class_knob,
    "expr": _expr,
    "interp": _key,
    "key": _key,
    "knob": _knob,
    "knob_all": _knob_all,
    "knob_code_parses": _knob_code_parses,
    "knob_in": _knob,
    "knob_matches": _knob,
    "knob_matches_all": _knob_all,
    "knob_none_matches": _knob_none_matches,
    "knob_nonempty": _knob_nonempty,
    "no_expr": _no_expr,
    "same_value": _same_value,
    "user_knob_code": _user_knob_code,
    "user_knob_type": _user_knob_type,
    "user_knobs": _user_knobs,
}
