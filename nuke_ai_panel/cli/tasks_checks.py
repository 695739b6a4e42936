"""The vocabulary of a task's machine checks. A check is a JSON object: ``t`` names it, the rest are its arguments.

Every check gives "" where it holds, and otherwise one sentence that says what stands there instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from nuke_ai_panel import nk
from nuke_ai_panel.cli.tasks_check_arguments import (
    Check,
    NotThereError,
    is_like,
    list_of,
    names_in,
    nested_in,
    nodes_of,
    number_of,
    of_class,
    shown,
    text_of,
    unreadable,
)
from nuke_ai_panel.cli.tasks_graph_checks import GRAPH_CHECKS
from nuke_ai_panel.cli.tasks_knob_checks import KNOB_CHECKS
from nuke_ai_panel.cli.tasks_outcome import Outcome, bare_text
from nuke_ai_panel.errors import ValidationError

__all__ = ["CHECKS", "Check", "CheckResult", "run_checks"]

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
    except NotThereError as error:
        return str(error)


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
    changed = _changed(outcome, names_in(check, "nodes") or names_in(check, "node"))
    return f"changed: {', '.join(changed)}" if changed else ""


def _same_except(check: Check, outcome: Outcome) -> str:
    free = set(names_in(check, "nodes"))
    changed = _changed(outcome, (node.path for node in outcome.original.nodes() if node.path not in free))
    return f"changed too: {', '.join(changed)}" if changed else ""


def _same_knob(check: Check, outcome: Outcome) -> str:
    knob = text_of(check, "knob")
    for node in nodes_of(check, outcome):
        was = outcome.was(node.path)
        if was is None or was.knob(knob) != node.knob(knob):
            return f"{node.name}.{knob} is {shown(node.knob(knob))} and was {shown(was.knob(knob) if was else None)}"
    return ""


def _no_change(_: Check, outcome: Outcome) -> str:
    if outcome.after == outcome.before:
        return ""
    return f"the script changed: {nk.diff(outcome.original, outcome.document).summary()}"


def _text_absent(check: Check, outcome: Outcome) -> str:
    found = re.search(text_of(check, "matches"), outcome.text)
    return f"the script holds {shown(found.group())}" if found else ""


def _text_union(check: Check, outcome: Outcome) -> str:
    knob = text_of(check, "knob")
    text = "\n".join(outcome.value(node, knob) or "" for node in of_class(check, outcome))
    missing = [pattern for pattern in names_in(check, "matches_all") if not is_like(pattern, text)]
    return f"no {check['class']}.{knob} is like {', '.join(missing)}" if missing else ""


def _undo(_: Check, outcome: Outcome) -> str:
    if outcome.undone is None:
        return "nothing was applied that could be undone"
    return "" if outcome.undone == outcome.before else "one undo does not give the script back as it was"


# What was said and done


def _reply(check: Check, outcome: Outcome) -> str:
    missing = [words for words in names_in(check, "contains_all") if words not in outcome.reply]
    return f"the answer does not name {', '.join(missing)}" if missing else ""


def _code_block_parses(_: Check, outcome: Outcome) -> str:
    codes = [code for _, language, code in _FENCE.findall(outcome.reply) if language.lower() in ("", "py", "python", "python3")]
    if not codes:
        return "the answer holds no block of Python"
    reasons = [unreadable(code) for code in codes]
    return "" if "" in reasons else reasons[0]


def _asks(_: Check, outcome: Outcome) -> str:
    return "" if outcome.asked_first else "the script was changed before anybody agreed"


def _file_absent(check: Check, _: Outcome) -> str:
    path = text_of(check, "path")
    return f"there is a file {path}" if os.path.lexists(path) else ""


def _any_of(check: Check, outcome: Outcome) -> str:
    said: list[str] = []
    for option in list_of(check, "options"):
        reasons = [_reason(each, outcome) for each in nested_in(option)]
        if not any(reasons):
            return ""
        said.append("; ".join(reason for reason in reasons if reason))
    return "none of the ways: " + " | ".join(said)


def _by_version(check: Check, outcome: Outcome) -> str:
    reached = outcome.version[0] >= number_of(check, "min")
    reasons = [_reason(each, outcome) for each in nested_in(check.get("checks" if reached else "else"))]
    return "; ".join(reason for reason in reasons if reason)


#: Every check by its name.
CHECKS: Mapping[str, Callable[[Check, Outcome], str]] = {
    **KNOB_CHECKS,
    **GRAPH_CHECKS,
    "any_of": _any_of,
    "asks": _asks,
    "by_version": _by_version,
    "code_block_parses": _code_block_parses,
    "equals_fixture": _no_change,
    "file_absent": _file_absent,
    "no_change": _no_change,
    "reply": _reply,
    "same": _same,
    "same_except": _same_except,
    "same_knob": _same_knob,
    "text_absent": _text_absent,
    "text_union": _text_union,
    "undo": _undo,
}
