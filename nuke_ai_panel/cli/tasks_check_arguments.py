"""What the checks of tasks share: their arguments, and how a value is held against them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Optional

from nuke_ai_panel import nk
from nuke_ai_panel.cli.tasks_outcome import Outcome, is_same_value, plain
from nuke_ai_panel.errors import ValidationError

__all__ = [
    "Check",
    "NotThereError",
    "fits",
    "is_like",
    "list_of",
    "names_in",
    "nested_in",
    "node_of",
    "nodes_of",
    "number_of",
    "of_class",
    "shown",
    "source_of",
    "text_of",
    "unreadable",
    "wanted_by",
]

Check = Mapping[str, object]


class NotThereError(Exception):
    """What a check asks about is not in the script."""


def text_of(check: Check, name: str) -> str:
    """Return an argument that is text. Raises: ValidationError."""
    value = check.get(name)
    if not isinstance(value, str):
        raise ValidationError(f"The check {check.get('t')!r} needs {name!r} as text.")
    return value


def number_of(check: Check, name: str, default: Optional[float] = None) -> float:
    """Return an argument that is a number. Raises: ValidationError."""
    value = check.get(name, default)
    if not isinstance(value, (int, float)):
        raise ValidationError(f"The check {check.get('t')!r} needs {name!r} as a number.")
    return value


def list_of(check: Check, name: str) -> list[object]:
    """Return an argument as a list: one value alone is a list of one."""
    value = check.get(name)
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def names_in(check: Check, name: str) -> list[str]:
    """Return an argument as a list of texts."""
    return [str(each) for each in list_of(check, name)]


def nested_in(value: object) -> list[Check]:
    """Return the checks in a list of them."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def node_of(check: Check, outcome: Outcome, name: str = "node") -> nk.Node:
    """Return the node that an argument names. Raises: NotThereError."""
    wanted = text_of(check, name)
    node = outcome.node(wanted)
    if node is None:
        raise NotThereError(f"there is no node {wanted}")
    return node


def nodes_of(check: Check, outcome: Outcome) -> list[nk.Node]:
    """Return the nodes of ``nodes`` or ``node``, which must be there."""
    names = names_in(check, "nodes") or names_in(check, "node")
    found = [(name, outcome.node(name)) for name in names]
    missing = [name for name, node in found if node is None]
    if missing:
        raise NotThereError(f"there is no node {', '.join(missing)}")
    return [node for _, node in found if node is not None]


def source_of(node: nk.Node, number: int) -> Optional[nk.Node]:
    """Return what an input reads from."""
    return node.inputs[number] if 0 <= number < len(node.inputs) else None


def is_like(pattern: str, text: Optional[str]) -> bool:
    """Return whether a pattern is found in a text, as it is written or without the marks before brackets."""
    return text is not None and (re.search(pattern, text) is not None or re.search(pattern, plain(text)) is not None)


def shown(text: Optional[str]) -> str:
    """Return a value for a sentence."""
    if text is None:
        return "nothing"
    return repr(text if len(text) <= 60 else text[:57] + "...")


def fits(check: Check, text: Optional[str]) -> bool:
    """Return whether a value is as ``eq``, ``in`` or ``matches`` say; all of them that are given."""
    if "eq" in check and not is_same_value(text, check["eq"]):
        return False
    if "in" in check and not any(is_same_value(text or None, each or None) for each in list_of(check, "in")):
        return False
    return "matches" not in check or is_like(text_of(check, "matches"), text)


def wanted_by(check: Check) -> str:
    """Return what a check wants of a value, for a sentence."""
    for word in ("eq", "in", "matches"):
        if word in check:
            return f"{word} {check[word]!r}"
    return "anything"


def of_class(check: Check, outcome: Outcome) -> list[nk.Node]:
    """Return the nodes a check is about: the one it names, or those of its class. Raises: NotThereError for none."""
    if "node" in check:
        return [node_of(check, outcome)]
    nodes = outcome.of_class(text_of(check, "class"))
    if not nodes:
        raise NotThereError(f"there is no {check['class']}")
    return nodes


def unreadable(code: str) -> str:
    """Return why code cannot be read as Python, "" where it can."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError) as error:
        return f"the code cannot be read: {error}"
    return ""
