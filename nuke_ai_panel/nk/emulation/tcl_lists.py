"""Tcl commands that keep variables and put lists together, as a script uses them; in knobs they have no use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nuke_ai_panel.nk.expressions.tcl_commands import COMMANDS, number_or_none, split_list

__all__ = ["LIST_COMMANDS"]

_MOST_TEXT = 1_000_000
_Variables = dict[str, str]


def _joined(items: Sequence[str]) -> str:
    make, _ = COMMANDS["list"]
    return make(items)


def _lappend(args: Sequence[str], variables: _Variables) -> str:
    text = " ".join(part for part in (variables.get(args[0], ""), _joined(args[1:])) if part)
    if len(text) > _MOST_TEXT:
        raise ValueError("the list gets too long")
    variables[args[0]] = text
    return text


def _incr(args: Sequence[str], variables: _Variables) -> str:
    now = number_or_none(variables.get(args[0], "0"))
    step = number_or_none(args[1]) if len(args) > 1 else 1
    if not isinstance(now, int) or not isinstance(step, int):
        raise ValueError("'incr' counts in whole numbers")
    variables[args[0]] = str(now + step)
    return variables[args[0]]


def _unset(args: Sequence[str], variables: _Variables) -> str:
    for name in args:
        if variables.pop(name, None) is None:
            raise ValueError(f"there is no variable {name!r}")
    return ""


def _lreverse(args: Sequence[str], variables: _Variables) -> str:
    del variables
    return _joined(split_list(args[0])[::-1])


#: Name to the command, which gets its arguments and the variables, and the fewest arguments it takes.
LIST_COMMANDS: Mapping[str, tuple[Callable[[Sequence[str], _Variables], str], int]] = {
    "lappend": (_lappend, 1),
    "incr": (_incr, 1),
    "unset": (_unset, 1),
    "lreverse": (_lreverse, 1),
}
