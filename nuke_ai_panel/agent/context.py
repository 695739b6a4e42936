"""What the model is told of the open script: the selection with its settings, what it reads from, an outline of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from nuke_ai_panel.hosts.base import NodeInfo, ReadsGraph

__all__ = ["Context", "describe", "describe_nodes"]

#: Characters of script text in a prompt, about 2,000 tokens. Enough for some thirty nodes with their knobs.
BUDGET = 8000
_KNOB_LENGTH = 160
_UPSTREAM = 12
_LAYOUT_KNOBS = frozenset({"name", "inputs", "xpos", "ypos", "selected"})


@dataclass(frozen=True)
class Context:
    """``text`` goes to the model; ``line`` is shown to the artist beside the prompt."""

    text: str
    line: str


def describe(host: ReadsGraph, *, budget: int = BUDGET) -> Context:
    """Return what the model is told about the script, in at most about `budget` characters.

    Selected nodes come first, then up to a dozen nodes upstream of them, then counts by class. What does not fit is counted,
    so that the model knows that there is more.
    """
    classes = host.class_counts()
    total = sum(classes.values())
    selected = list(host.selected())
    upstream = _upstream(host, selected)
    lines = [f"Script: {host.script_name() or 'not saved yet'}", f"Nodes: {total}"]
    if classes:
        lines.append("By class: " + ", ".join(f"{name} {count}" for name, count in Counter(classes).most_common(30)))
    used = sum(map(len, lines))
    used = _add(lines, "Selected nodes:", selected, used, budget)
    _add(lines, "Upstream of the selection:", upstream, used, budget)
    line = f"{total} node" + ("" if total == 1 else "s")
    if selected:
        names = ", ".join(node.path for node in selected[:3])
        more = f" and {len(selected) - 3} more" if len(selected) > 3 else ""
        line = f"{names}{more} selected, {line}"
    return Context(text=_as_data("\n".join(lines)), line=line)


def describe_nodes(nodes: Iterable[NodeInfo]) -> str:
    """Return a few nodes with their inputs and changed knobs, marked as data."""
    return _as_data("\n".join(map(_node_text, nodes)))


def _as_data(text: str) -> str:
    """Mark text from a script as data, whatever it says and however it tries to end the mark."""
    body = text.replace("</script-data>", "<\\/script-data>")
    return f"<script-data>\n{body}\n</script-data>"


def _add(lines: list[str], title: str, nodes: list[NodeInfo], used: int, budget: int) -> int:
    if not nodes:
        return used
    lines.append(title)
    for number, node in enumerate(nodes):
        text = _node_text(node)
        if used + len(text) > budget:
            lines.append(f"... and {len(nodes) - number} more that did not fit")
            break
        lines.append(text)
        used += len(text)
    return used


def _node_text(node: NodeInfo) -> str:
    inputs = ", ".join(f"{index}={name}" for index, name in enumerate(node.inputs) if name)
    knobs = "; ".join(f"{name} {_short(value)}" for name, value in node.knobs.items() if name not in _LAYOUT_KNOBS)
    parts = [f"- {node.path} ({node.class_name})", f"at {node.xpos},{node.ypos}"]
    if inputs:
        parts.append(f"inputs {inputs}")
    if knobs:
        parts.append(f"knobs: {knobs}")
    return " | ".join(parts)


def _short(value: str) -> str:
    flat = " ".join(value.split())
    return flat if len(flat) <= _KNOB_LENGTH else flat[: _KNOB_LENGTH - 3] + "..."


def _upstream(host: ReadsGraph, start: Iterable[NodeInfo]) -> list[NodeInfo]:
    """Return the nearest nodes upstream of `start`, breadth first, each once."""
    queue = [name for node in start for name in node.inputs if name]
    seen = {node.path for node in start}
    found: list[NodeInfo] = []
    while queue and len(found) < _UPSTREAM:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        node = host.node(name)
        found.append(node)
        queue.extend(source for source in node.inputs if source)
    return found
