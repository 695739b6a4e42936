"""What the model is told of the open script: only what the question needs, within a budget of tokens that can be seen.

The size of a prompt depends on the question and not on the script: selected nodes first, then what they read from, then what
the question is about, and of everything else the numbers. What does not fit is counted, so that the model knows there is more
and can ask for it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from nuke_ai_panel.agent.tools.marking import marked, neutral, quoted
from nuke_ai_panel.agent.topics import topics_of
from nuke_ai_panel.errors import HostError, NodeNotFoundError, NukeAIPanelError
from nuke_ai_panel.hosts.base import NodeInfo, ReadsGraph
from nuke_ai_panel.settings import Settings
from nuke_ai_panel.tokens import estimate

__all__ = ["BUDGET", "Context", "ContextPart", "context_steps", "describe", "describe_nodes", "gather", "outline", "unreadable"]

_log = logging.getLogger(__name__)

#: Seconds of reading the script after which the loop gets its turn; a frame has 16 ms.
_STEP = 0.006

#: Tokens of script text in a prompt, where the settings say nothing else. Enough for some thirty nodes with their knobs.
BUDGET = Settings.script_tokens
_KNOB_LENGTH = 160
#: Tokens of the words that say how many knobs are left out, and of a node without any.
_MORE_KNOBS = 12
_SMALLEST = 20
_NEAREST = 12
#: Tokens of one node in an answer to a question about a few.
_ONE_NODE = 300
#: Nodes upstream that are looked at in all; a question about speed may want one that stands far up.
_LOOKED_AT = 400
_MOST_OF_TOPIC = 24
_MOST_LISTED = 48
#: Selected nodes that are looked at.
_MOST_SELECTED = 100
#: Settings of the script that answers depend on.
_SETTINGS = (
    "format",
    "fps",
    "first_frame",
    "last_frame",
    "frame",
    "proxy",
    "colorManagement",
    "OCIO_config",
    "workingSpaceLUT",
)
_MOST_OUTPUTS = 4
#: Of one node: problems that are told, and knobs that its expressions refer to.
_PROBLEMS = 3
_REFERRED = 4
_REFERENCE = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\.([A-Za-z_]\w*)")
_LAYOUT_KNOBS = frozenset({"name", "inputs", "xpos", "ypos", "selected"})


@dataclass(frozen=True)
class ContextPart:
    """One piece of what is told. ``name`` is constant (``"selection"``), ``title`` for people; ``left_out`` counts nodes."""

    name: str
    title: str
    lines: tuple[str, ...]
    tokens: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Context:
    """What goes to the model, in parts. ``line`` is shown to the artist beside the prompt; counts are tokens, guessed."""

    parts: tuple[ContextPart, ...]
    line: str
    budget: int = BUDGET

    @property
    def text(self) -> str:
        """What the model reads: every part between the marks that make it data."""
        return marked(line for part in self.parts for line in part.lines)

    @property
    def tokens(self) -> int:
        """About how many tokens it takes."""
        return sum(part.tokens for part in self.parts)

    @property
    def left_out(self) -> int:
        """How many nodes did not fit."""
        return sum(part.left_out for part in self.parts)


def describe(host: ReadsGraph, question: str = "", *, budget: int = BUDGET, without: Iterable[str] = ()) -> Context:
    """Return what the model is told about the script for `question`, in about `budget` tokens. Main thread.

    `without` names parts that the artist has taken away.
    """
    found: Context | None = None
    for step in context_steps(host, question, budget=budget, without=without):
        found = step or found
    assert found is not None
    return found


def context_steps(
    host: ReadsGraph, question: str = "", *, budget: int = BUDGET, without: Iterable[str] = ()
) -> Iterator[Context | None]:
    """Do the work of :func:`describe` in small steps of a few milliseconds; the last one is the context, the others None."""
    away = frozenset(without)
    counts = host.class_counts()
    selected = list(host.selected_paths())
    yield None
    topics = topics_of(question)
    purse = _Purse(host, budget)
    parts = [purse.spend("script", "the script", _overview(host, counts))]
    # Everything may be selected; what does not fit is not even looked at.
    start_nodes: list[NodeInfo] = []
    for path in selected[:_MOST_SELECTED]:
        with suppress(NodeNotFoundError):
            # Between two steps the artist may delete it.
            start_nodes.append(host.node(path))
        yield None
    if selected and "selection" not in away:
        rest = max(0, len(selected) - _MOST_SELECTED)
        told = purse.spend_on_nodes("selection", "Selected nodes:", start_nodes, rest=rest, with_values=True)
        parts.append((yield from told))
    nearest: list[NodeInfo] = []
    wanted: list[NodeInfo] = []
    if not selected and "outputs" not in away:
        # Nothing is selected: what the script is for tells more about it than any other node.
        start_nodes = list(host.nodes(class_name="Write", most=_MOST_OUTPUTS))
        parts.append((yield from purse.spend_on_nodes("outputs", "Nothing is selected. Written out by:", start_nodes)))
    if start_nodes and "upstream" not in away:
        start = {node.path for node in start_nodes}
        for node in _upstream(host, start_nodes):
            if node is not None and node.path not in start:
                if len(nearest) < _NEAREST:
                    nearest.append(node)
                elif len(wanted) < _MOST_OF_TOPIC and any(topic.is_about(node) for topic in topics):
                    wanted.append(node)
            yield None
        parts.append((yield from purse.spend_on_nodes("upstream", "Upstream of these:", nearest)))
    if wanted:
        parts.append((yield from purse.spend_on_nodes("question", "Further up, and of matter for the question:", wanted)))
    if "whole" not in away:
        known = {node.path for node in (*start_nodes, *nearest, *wanted)}
        for topic in topics:
            for class_name in topic.whole_script:
                if counts.get(class_name):
                    listed = [node for node in host.nodes(class_name=class_name, most=_MOST_LISTED) if node.path not in known]
                    rest = max(0, counts[class_name] - _MOST_LISTED)
                    parts.append((yield from purse.spend_on_nodes("whole", f"Of class {class_name}:", listed, rest=rest)))
                    yield None
    yield Context(tuple(part for part in parts if part.lines), outline(counts, selected), budget)


async def gather(host: ReadsGraph, question: str, *, budget: int = BUDGET, without: Iterable[str] = ()) -> Context:
    """Do the work of :func:`describe` in steps, between which the loop goes on.

    Where the host does not let us read it (a non-commercial Nuke), that is what is told.
    """
    found: Context | None = None
    try:
        rested = time.perf_counter()
        for step in context_steps(host, question, budget=budget, without=without):
            found = step or found
            if time.perf_counter() - rested > _STEP:
                await asyncio.sleep(0)
                rested = time.perf_counter()
    except HostError as error:
        _log.info("The script cannot be described: %s", error)
        return unreadable(error)
    assert found is not None
    return found


def unreadable(error: HostError) -> Context:
    """Return what the model is told where the script cannot be read."""
    said = f"The script cannot be read here: {neutral(str(error))}"
    return Context((ContextPart("script", "no script", (said,), estimate(said)),), f"No script: {error}")


def outline(counts: Mapping[str, int], selected: Sequence[str]) -> str:
    """Return one line on what the model is told: what is selected, and how large the script is."""
    names = selected
    total = sum(counts.values())
    line = f"{total} node" + ("" if total == 1 else "s")
    if not names:
        return line
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} selected, {line}"


def describe_nodes(nodes: Iterable[NodeInfo]) -> str:
    """Return a few nodes with their inputs and changed knobs, marked as data."""
    lines = ((node, _node_line(node)) for node in nodes)
    return marked(line if estimate(line) <= _ONE_NODE else _cut_line(node, _ONE_NODE) for node, line in lines)


class _Purse:
    """Tokens that are left to be spent."""

    def __init__(self, host: ReadsGraph, tokens: int) -> None:
        self._host = host
        self._left = tokens

    def spend(self, name: str, title: str, lines: list[str]) -> ContextPart:
        cost = sum(map(estimate, lines))
        self._left -= cost
        return ContextPart(name, title, tuple(lines), cost)

    def spend_on_nodes(
        self, name: str, title: str, nodes: list[NodeInfo], *, rest: int = 0, with_values: bool = False
    ) -> Generator[None, None, ContextPart]:
        """Take as many nodes as fit, with as many of their knobs as fit; count what is left. One step for each node.

        `rest` are further ones that were not looked at. What is wrong with a node stands beside it, and `with_values` adds what
        its expressions refer to.
        """
        if not nodes:
            return ContextPart(name, "0 nodes", ())
        lines = [title]
        cost = estimate(title)
        left_out = rest
        for number, node in enumerate(nodes):
            if self._left - cost < _SMALLEST:
                left_out += len(nodes) - number
                break
            more = [*_wrong(self._host, node), *(_referred(self._host, node) if with_values else ())]
            line = " | ".join([_node_line(node), *more])
            price = estimate(line)
            if cost + price > self._left:
                # What is wrong with it matters more than its knobs.
                line = _cut_line(node, self._left - cost, more) or _cut_line(node, self._left - cost)
                price = estimate(line)
            yield None
            if not line or cost + price > self._left:
                left_out += 1
                continue
            lines.append(line)
            cost += price
        if left_out:
            lines.append(f"... and {left_out} more that did not fit")
            cost += estimate(lines[-1])
        self._left -= cost
        count = len(nodes) + rest
        return ContextPart(name, f"{count} node" + ("" if count == 1 else "s"), tuple(lines), cost, left_out)


def _wrong(host: ReadsGraph, node: NodeInfo) -> list[str]:
    """Return what is wrong with a node, as one piece of its line."""
    try:
        problems = host.problems(node.path)
    except NukeAIPanelError:
        return []
    if not problems:
        return []
    more = [f"and {len(problems) - _PROBLEMS} more"] if len(problems) > _PROBLEMS else []
    return ["wrong: " + "; ".join([*(neutral(each, _KNOB_LENGTH * 2) for each in problems[:_PROBLEMS]), *more])]


def _referred(host: ReadsGraph, node: NodeInfo) -> list[str]:
    """Return the knobs that the expressions of a node name, with their values, as one piece of its line."""
    group = node.path.rpartition(".")[0]
    found: list[str] = []
    text = " ".join(value[: 4 * _KNOB_LENGTH] for value in node.knobs.values() if "{" in value)
    for name in islice(dict.fromkeys(_REFERENCE.findall(text)), 2 * _REFERRED):
        for path in dict.fromkeys((f"{group}.{name[0]}" if group else name[0], name[0])):
            try:
                value = host.node(path).knobs.get(name[1])
            except NukeAIPanelError:
                continue
            # What is at its default is not written anywhere.
            found.append(f"{quoted(f'{path}.{name[1]}')} {_short(value) if value is not None else 'at its default'}")
            break
        if len(found) == _REFERRED:
            break
    return ["refers to: " + "; ".join(found)] if found else []


def _overview(host: ReadsGraph, counts: Mapping[str, int]) -> list[str]:
    lines = [
        f"Script: {quoted(host.script_name()) if host.script_name() else 'not saved yet'}",
        f"Nodes: {sum(counts.values())}",
    ]
    if counts:
        common = Counter(dict(counts)).most_common(30)
        lines.append("By class: " + ", ".join(f"{quoted(name)} {count}" for name, count in common))
    settings = host.settings()
    told = [f"{name} {_short(settings[name])}" for name in _SETTINGS if settings.get(name)]
    if told:
        lines.append("Settings: " + "; ".join(told))
    return lines


def _node_line(node: NodeInfo) -> str:
    return " | ".join([*_head(node), *_knobs(node, _told_knobs(node))])


def _head(node: NodeInfo) -> list[str]:
    inputs = ", ".join(f"{index}={quoted(name)}" for index, name in enumerate(node.inputs) if name)
    parts = [f"- {quoted(node.path)} ({quoted(node.class_name)})", f"at {node.xpos},{node.ypos}"]
    return [*parts, f"inputs {inputs}"] if inputs else parts


def _told_knobs(node: NodeInfo) -> list[str]:
    return [f"{name} {_short(value)}" for name, value in node.knobs.items() if name not in _LAYOUT_KNOBS]


def _knobs(node: NodeInfo, told: list[str]) -> list[str]:
    more = sum(name not in _LAYOUT_KNOBS for name in node.knobs) - len(told)
    rest = [f"... and {more} more knobs"] if more else []
    return ["knobs: " + "; ".join([*told, *rest])] if told or rest else []


def _cut_line(node: NodeInfo, tokens: int, more: Iterable[str] = ()) -> str:
    """Return a node with `more` and as many of its knobs as fit into `tokens`, "" where not even its name does."""
    head = " | ".join([*_head(node), *more])
    left = tokens - estimate(head) - _MORE_KNOBS
    if left < 0:
        return ""
    told: list[str] = []
    for knob in _told_knobs(node):
        left -= estimate(knob) + 1
        if left < 0:
            break
        told.append(knob)
    return " | ".join([head, *_knobs(node, told)])


def _short(value: str) -> str:
    # A curve or a roto shape may be megabytes long.
    flat = " ".join(value[: 4 * _KNOB_LENGTH].split())
    return quoted(flat if len(flat) <= _KNOB_LENGTH else flat[: _KNOB_LENGTH - 3] + "...")


def _upstream(host: ReadsGraph, start: Iterable[NodeInfo]) -> Iterator[NodeInfo | None]:
    """Yield the nodes upstream of `start`, breadth first, each once; None where the host does not know a name."""
    queue = deque(name for node in start for name in node.inputs if name)
    seen = {node.path for node in start}
    for _ in range(_LOOKED_AT):
        while queue and queue[0] in seen:
            queue.popleft()
        if not queue:
            return
        name = queue.popleft()
        seen.add(name)
        try:
            node = host.node(name)
        except NukeAIPanelError:
            yield None
            continue
        queue.extend(source for source in node.inputs if source)
        yield node
