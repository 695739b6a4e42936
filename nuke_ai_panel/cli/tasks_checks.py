"""The vocabulary of a task's machine checks. A check is a JSON object: ``t`` names it, the rest are its arguments.

Every check gives "" where it holds, and otherwise one sentence that says what stands there instead.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from nuke_ai_panel import nk
from nuke_ai_panel.cli.tasks_outcome import Outcome, bare_text, is_same_value, names_of, plain
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.nk import graph
from nuke_ai_panel.nk.curves import INTERPOLATIONS
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

__all__ = ["CHECKS", "Check", "CheckResult", "run_checks"]

Check = Mapping[str, object]
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class CheckResult:
    """How one check came out; ``reason`` is "" where it holds."""

    name: str
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the check holds."""
        return not self.reason


def run_checks(checks: Iterable[Check], outcome: Outcome) -> list[CheckResult]:
    """Return the result of every check, in their order. Raises: ValidationError for a check that is no check."""
    return [CheckResult(str(check.get("t")), _reason(check, outcome)) for check in checks]


def _reason(check: Check, outcome: Outcome) -> str:
    run = CHECKS.get(str(check.get("t")))
    if run is None:
        raise ValidationError(f"There is no check {check.get('t')!r}. Known: {', '.join(sorted(CHECKS))}.")
    try:
        return run(check, outcome)
    except _NotThereError as error:
        return str(error)


class _NotThereError(Exception):
    """What a check asks about is not in the script."""


# Arguments


def _text(check: Check, name: str) -> str:
    value = check.get(name)
    if not isinstance(value, str):
        raise ValidationError(f"The check {check.get('t')!r} needs {name!r} as text.")
    return value


def _number(check: Check, name: str, default: Optional[float] = None) -> float:
    value = check.get(name, default)
    if not isinstance(value, (int, float)):
        raise ValidationError(f"The check {check.get('t')!r} needs {name!r} as a number.")
    return value


def _list(check: Check, name: str) -> list[object]:
    value = check.get(name)
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _names(check: Check, name: str) -> list[str]:
    return [str(each) for each in _list(check, name)]


def _nested(value: object) -> list[Check]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _node(check: Check, outcome: Outcome, name: str = "node") -> nk.Node:
    wanted = _text(check, name)
    node = outcome.node(wanted)
    if node is None:
        raise _NotThereError(f"there is no node {wanted}")
    return node


def _nodes(check: Check, outcome: Outcome) -> list[nk.Node]:
    """Return the nodes of ``nodes`` or ``node``, which must be there."""
    names = _names(check, "nodes") or _names(check, "node")
    found = [(name, outcome.node(name)) for name in names]
    missing = [name for name, node in found if node is None]
    if missing:
        raise _NotThereError(f"there is no node {', '.join(missing)}")
    return [node for _, node in found if node is not None]


def _source(node: nk.Node, number: int) -> Optional[nk.Node]:
    return node.inputs[number] if 0 <= number < len(node.inputs) else None


def _matches(pattern: str, text: Optional[str]) -> bool:
    return text is not None and (re.search(pattern, text) is not None or re.search(pattern, plain(text)) is not None)


def _cut(text: Optional[str]) -> str:
    if text is None:
        return "nothing"
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _fits(check: Check, text: Optional[str]) -> bool:
    """Return whether a value is as ``eq``, ``in`` or ``matches`` say; all of them that are given."""
    if "eq" in check and not is_same_value(text, check["eq"]):
        return False
    if "in" in check and not any(is_same_value(text or None, each or None) for each in _list(check, "in")):
        return False
    return "matches" not in check or _matches(_text(check, "matches"), text)


def _wanted(check: Check) -> str:
    for word in ("eq", "in", "matches"):
        if word in check:
            return f"{word} {check[word]!r}"
    return "anything"


# Knobs


def _knob(check: Check, outcome: Outcome) -> str:
    node, knob = _node(check, outcome), _text(check, "knob")
    found = outcome.value(node, knob)
    return "" if _fits(check, found) else f"{check['node']}.{knob} is {_cut(found)}, wanted {_wanted(check)}"


def _knob_all(check: Check, outcome: Outcome) -> str:
    nodes = outcome.of_class(_text(check, "class"))
    knob = _text(check, "knob")
    for node in nodes:
        found = outcome.value(node, knob)
        if not _fits(check, found):
            return f"{node.name}.{knob} is {_cut(found)}, wanted {_wanted(check)}"
    return "" if nodes else f"there is no {check['class']}"


def _knob_none_matches(check: Check, outcome: Outcome) -> str:
    knob, pattern = _text(check, "knob"), _text(check, "matches")
    for node in outcome.document.nodes(recurse=True):
        if ("class" in check and node.class_name != check["class"]) or node is outcome.document.root_node:
            continue
        found = node.knob(knob)
        if _matches(pattern, found):
            return f"{node.name}.{knob} is {_cut(found)}"
    return ""


def _knob_nonempty(check: Check, outcome: Outcome) -> str:
    knob = _text(check, "knob")
    empty = [node for node in _nodes(check, outcome) if not (outcome.value(node, knob) or "").strip()]
    return f"{knob} is empty on {names_of(empty)}" if empty else ""


def _knob_code_parses(check: Check, outcome: Outcome) -> str:
    node, knob = _node(check, outcome), _text(check, "knob")
    code = outcome.value(node, knob) or ""
    return _unreadable(plain(code)) if code.strip() else f"{node.name}.{knob} is empty"


def _unreadable(code: str) -> str:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError) as error:
        return f"the code cannot be read: {error}"
    return ""


def _same_value(check: Check, outcome: Outcome) -> str:
    knob = _text(check, "knob")
    values = [(node.name, outcome.value(node, knob)) for node in _nodes(check, outcome)]
    if all(is_same_value(value, values[0][1]) for _, value in values):
        return ""
    return f"{knob} differs: {', '.join(f'{name} {_cut(value)}' for name, value in values)}"


# Expressions and keys


def _has_expression(check: Check, outcome: Outcome, node: nk.Node) -> bool:
    parts = outcome.parts(node, _text(check, "knob"), check.get("ch"))
    pattern = str(check.get("matches") or "")
    return any(part.has_expression and re.search(pattern, part.expression) for part in parts)


def _expr(check: Check, outcome: Outcome) -> str:
    node, knob = _node(check, outcome), _text(check, "knob")
    if _has_expression(check, outcome, node):
        return ""
    return f"{node.name}.{knob} is {_cut(outcome.value(node, knob))}, wanted an expression like {check.get('matches')!r}"


def _no_expr(check: Check, outcome: Outcome) -> str:
    node, knob = _node(check, outcome), _text(check, "knob")
    parts = [part for part in outcome.parts(node, knob, check.get("ch")) if part.has_expression]
    return f"{node.name}.{knob} still has the expression {parts[0].expression!r}" if parts else ""


def _key_reason(check: Check, outcome: Outcome, node: nk.Node) -> str:
    knob, frame = _text(check, "knob"), _number(check, "frame")
    channel = check.get("ch")
    keys = [key for part in outcome.parts(node, knob, channel) for key in part.curve.keys]
    there = [key for key in keys if abs(key.x - frame) < 1e-6]
    if not there:
        return f"{node.name}.{knob} has no key at {frame:g}, but {len(keys)} others"
    if "value" in check:
        wanted, tolerance = _number(check, "value"), _number(check, "tol", 1e-4)
        if all(abs(key.y - wanted) > tolerance for key in there):
            return f"{node.name}.{knob} is {there[0].y:g} at {frame:g}, wanted {wanted:g}"
    kind = check.get("interp", check.get("is", check.get("eq"))) if check.get("t") == "interp" else None
    if kind is not None and all(key.interpolation != INTERPOLATIONS.get(str(kind), kind) for key in there):
        return f"{node.name}.{knob} is {there[0].interpolation} at {frame:g}, wanted {kind}"
    return ""


def _key(check: Check, outcome: Outcome) -> str:
    return _key_reason(check, outcome, _node(check, outcome))


# Counting


def _count(check: Check, outcome: Outcome) -> str:
    found = len(outcome.of_class(_text(check, "class")))
    wanted = _number(check, "n")
    return "" if found == wanted else f"there are {found} {check['class']}, wanted {wanted:g}"


def _count_min(check: Check, outcome: Outcome) -> str:
    found = len(outcome.of_class(_text(check, "class")))
    wanted = _number(check, "min", _number(check, "n", 1))
    return "" if found >= wanted else f"there are {found} {check['class']}, wanted {wanted:g} or more"


def _count_where(check: Check, outcome: Outcome) -> str:
    knob, pattern = _text(check, "knob"), str(check.get("eq", check.get("matches")))
    values = [outcome.value(node, knob) for node in outcome.of_class(_text(check, "class"))]
    found = sum(
        1
        for value in values
        if is_same_value(value, pattern) or (value is not None and re.fullmatch(pattern, value) is not None)
    )
    wanted = _number(check, "n")
    return "" if found == wanted else f"{found} {check['class']} have {knob} {pattern!r}, wanted {wanted:g}"


def _exists(check: Check, outcome: Outcome) -> str:
    _nodes(check, outcome)
    return ""


def _absent(check: Check, outcome: Outcome) -> str:
    names = _names(check, "nodes") or _names(check, "node")
    there = [name for name in names if outcome.node(name) is not None]
    return f"{', '.join(there)} is there" if there else ""


# Connections


def _input(check: Check, outcome: Outcome) -> str:
    node, number = _node(check, outcome), int(_number(check, "i"))
    source = _source(node, number)
    wanted = check.get("is")
    found = None if source is None else source.name
    return "" if wanted in (found, source and source.path) else f"input {number} of {node.name} is {found}, wanted {wanted}"


def _input_class(check: Check, outcome: Outcome) -> str:
    node, number = _node(check, outcome), int(_number(check, "i"))
    source = _source(node, number)
    if source is None or source.class_name not in _names(check, "class"):
        found = "open" if source is None else f"a {source.class_name}"
        return f"input {number} of {node.name} is {found}, wanted {' or '.join(_names(check, 'class'))}"
    if "knob" not in check:
        return ""
    value = outcome.value(source, _text(check, "knob"))
    return "" if _fits(check, value) else f"{source.name}.{check['knob']} is {_cut(value)}, wanted {_wanted(check)}"


def _chain(check: Check, outcome: Outcome) -> str:
    start, end = _node(check, outcome, "from"), _node(check, outcome, "to")
    number = int(_number(check, "input", 0))
    passed: list[nk.Node] = []
    here = _source(start, number)
    while here is not None and here is not end and here not in passed:
        passed.append(here)
        here = _source(here, number) or _source(here, 0)
    if here is not end:
        return f"input {number} of {start.name} does not lead to {end.name}, but to {names_of(passed)}"
    wanted = _names(check, "has_class")
    if wanted and not any(node.class_name in wanted for node in passed):
        return f"between {start.name} and {end.name} there is no {' or '.join(wanted)}, but {names_of(passed)}"
    return ""


def _lacks(check: Check, nodes: Sequence[nk.Node], where: str) -> str:
    names, classes = {node.name for node in nodes}, {node.class_name for node in nodes}
    missing = [name for name in _names(check, "nodes") if name not in names]
    missing += [f"any {name}" for name in _names(check, "classes") if name not in classes]
    return f"{where} there is not {', '.join(missing)}" if missing else ""


def _upstream_has(check: Check, outcome: Outcome) -> str:
    node = _node(check, outcome)
    return _lacks(check, graph.upstream(node), f"upstream of {node.name}")


def _upstream_has_via(check: Check, outcome: Outcome) -> str:
    node, number = _node(check, outcome), int(_number(check, "i"))
    source = _source(node, number)
    if source is None:
        return f"input {number} of {node.name} is open"
    return _lacks(check, [source, *graph.upstream(source)], f"upstream of input {number} of {node.name}")


# Some node of a class


def _of_class(check: Check, outcome: Outcome) -> list[nk.Node]:
    if "node" in check:
        return [_node(check, outcome)]
    nodes = outcome.of_class(_text(check, "class"))
    if not nodes:
        raise _NotThereError(f"there is no {check['class']}")
    return nodes


def _class_knob(check: Check, outcome: Outcome) -> str:
    knob = _text(check, "knob")
    values = [outcome.value(node, knob) for node in _of_class(check, outcome)]
    if any(_fits(check, value) for value in values):
        return ""
    return f"no {check['class']}.{knob} is as wanted ({_wanted(check)}): {', '.join(map(_cut, values))}"


def _class_expr(check: Check, outcome: Outcome) -> str:
    nodes = _of_class(check, outcome)
    if any(_has_expression(check, outcome, node) for node in nodes):
        return ""
    return f"no {check['class']}.{check['knob']} has an expression like {check.get('matches')!r}"


def _class_key(check: Check, outcome: Outcome) -> str:
    reasons = [_key_reason(check, outcome, node) for node in _of_class(check, outcome)]
    return "" if "" in reasons else reasons[0]


# User knobs and groups


def _user_knob_type(check: Check, outcome: Outcome) -> str:
    wanted = int(_number(check, "type"))
    types = {knob.type for node in _of_class(check, outcome) for knob in graph.user_knobs(node)}
    return "" if wanted in types else f"no user knob is of type {wanted}, only {sorted(types)}"


def _user_knobs(check: Check, outcome: Outcome) -> str:
    node, wanted = _node(check, outcome), int(_number(check, "type"))
    links = {knob.link for knob in graph.user_knobs(node) if knob.type == wanted}
    missing = [name for name in _names(check, "targets") if name not in links]
    return f"{node.name} has no user knob of type {wanted} for {', '.join(missing)}" if missing else ""


def _user_knob_code(check: Check, outcome: Outcome) -> str:
    codes = list(_knob_codes(_of_class(check, outcome), int(_number(check, "type"))))
    fitting = [code for code in codes if _matches(str(check.get("matches") or ""), code)]
    if not fitting:
        return f"no user knob's code is like {check.get('matches')!r}: {', '.join(map(_cut, codes)) or 'there is none'}"
    reasons = [_unreadable(plain(code)) for code in fitting] if check.get("parses") else [""]
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


def _group_has(check: Check, outcome: Outcome) -> str:
    group = _node(check, outcome, "group")
    classes = {node.class_name for node in graph.inside(group, recurse=True)}
    missing = [name for name in _names(check, "classes") if name not in classes]
    return f"in {group.name} there is no {', '.join(missing)}" if missing else ""


def _layers_used(check: Check, outcome: Outcome) -> str:
    texts = " ".join(value for node in _of_class(check, outcome) for value in node.knobs.values())
    missing = [layer for layer in _names(check, "layers") if not re.search(rf"\b{re.escape(layer)}\b", texts)]
    return f"no {check.get('class')} uses {', '.join(missing)}" if missing else ""


def _encloses(check: Check, outcome: Outcome) -> str:
    wanted, unwanted = set(_names(check, "nodes")), set(_names(check, "not"))
    said: list[str] = []
    for node in _of_class(check, outcome):
        inside = {each.name for each in graph.enclosed(node)}
        if wanted <= inside and not unwanted & inside:
            return ""
        said.append(f"{node.name} encloses {', '.join(sorted(inside)) or 'nothing'}")
    return "; ".join(said)


# The whole script


def _changed(outcome: Outcome, names: Iterable[str]) -> list[str]:
    """Return which nodes of the script as it was, out of `names`, have another text now."""
    texts: dict[str, list[str]] = {}
    for node in outcome.document.nodes():
        texts.setdefault(node.path, []).append(bare_text(node))
    wanted = set(names)
    return [
        node.path
        for node in outcome.original.nodes()
        if node.path in wanted and bare_text(node) not in texts.get(node.path, [])
    ]


def _same(check: Check, outcome: Outcome) -> str:
    changed = _changed(outcome, _names(check, "nodes") or _names(check, "node"))
    return f"changed: {', '.join(changed)}" if changed else ""


def _same_except(check: Check, outcome: Outcome) -> str:
    free = set(_names(check, "nodes"))
    changed = _changed(outcome, (node.path for node in outcome.original.nodes() if node.path not in free))
    return f"changed too: {', '.join(changed)}" if changed else ""


def _same_knob(check: Check, outcome: Outcome) -> str:
    knob = _text(check, "knob")
    for node in _nodes(check, outcome):
        was = outcome.was(node.path)
        if was is None or was.knob(knob) != node.knob(knob):
            return f"{node.name}.{knob} is {_cut(node.knob(knob))} and was {_cut(was.knob(knob) if was else None)}"
    return ""


def _no_change(_: Check, outcome: Outcome) -> str:
    if outcome.after == outcome.before:
        return ""
    return f"the script changed: {nk.diff(outcome.original, outcome.document).summary()}"


def _text_absent(check: Check, outcome: Outcome) -> str:
    found = re.search(_text(check, "matches"), outcome.text)
    return f"the script holds {_cut(found.group())}" if found else ""


def _text_union(check: Check, outcome: Outcome) -> str:
    knob = _text(check, "knob")
    text = "\n".join(outcome.value(node, knob) or "" for node in _of_class(check, outcome))
    missing = [pattern for pattern in _names(check, "matches_all") if not _matches(pattern, text)]
    return f"no {check['class']}.{knob} is like {', '.join(missing)}" if missing else ""


def _undo(_: Check, outcome: Outcome) -> str:
    if outcome.undone is None:
        return "nothing was applied that could be undone"
    return "" if outcome.undone == outcome.before else "one undo does not give the script back as it was"


# What was said and done


def _reply(check: Check, outcome: Outcome) -> str:
    missing = [words for words in _names(check, "contains_all") if words not in outcome.reply]
    return f"the answer does not name {', '.join(missing)}" if missing else ""


def _code_block_parses(_: Check, outcome: Outcome) -> str:
    codes = [code for _, language, code in _FENCE.findall(outcome.reply) if language.lower() in ("", "py", "python", "python3")]
    if not codes:
        return "the answer holds no block of Python"
    reasons = [_unreadable(code) for code in codes]
    return "" if "" in reasons else reasons[0]


def _asks(_: Check, outcome: Outcome) -> str:
    return "" if outcome.asked_first else "the script was changed before anybody agreed"


def _file_absent(check: Check, _: Outcome) -> str:
    path = _text(check, "path")
    return f"there is a file {path}" if os.path.lexists(path) else ""


def _any_of(check: Check, outcome: Outcome) -> str:
    said: list[str] = []
    for option in _list(check, "options"):
        reasons = [_reason(each, outcome) for each in _nested(option)]
        if not any(reasons):
            return ""
        said.append("; ".join(reason for reason in reasons if reason))
    return "none of the ways: " + " | ".join(said)


def _by_version(check: Check, outcome: Outcome) -> str:
    reached = outcome.version[0] >= _number(check, "min")
    reasons = [_reason(each, outcome) for each in _nested(check.get("checks" if reached else "else"))]
    return "; ".join(reason for reason in reasons if reason)


#: Every check by its name.
CHECKS: Mapping[str, Callable[[Check, Outcome], str]] = {
    "absent": _absent,
    "any_of": _any_of,
    "asks": _asks,
    "by_version": _by_version,
    "chain": _chain,
    "class_expr": _class_expr,
    "class_key": _class_key,
    "class_knob": _class_knob,
    "code_block_parses": _code_block_parses,
    "count": _count,
    "count_min": _count_min,
    "count_where": _count_where,
    "encloses": _encloses,
    "equals_fixture": _no_change,
    "exists": _exists,
    "exists_class": _count_min,
    "expr": _expr,
    "file_absent": _file_absent,
    "group_has": _group_has,
    "input": _input,
    "input_class": _input_class,
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
    "layers_used": _layers_used,
    "no_change": _no_change,
    "no_expr": _no_expr,
    "reply": _reply,
    "same": _same,
    "same_except": _same_except,
    "same_knob": _same_knob,
    "same_value": _same_value,
    "text_absent": _text_absent,
    "text_union": _text_union,
    "undo": _undo,
    "upstream_has": _upstream_has,
    "upstream_has_via": _upstream_has_via,
    "user_knob_code": _user_knob_code,
    "user_knob_type": _user_knob_type,
    "user_knobs": _user_knobs,
}
