"""Questions about knobs: values at frames, keys, text anywhere in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from nuke_ai_panel.agent.tools.marking import neutral, quoted
from nuke_ai_panel.agent.tools.schemas import OFFSET, items, number, text, whole
from nuke_ai_panel.agent.tools.script_view import ScriptView
from nuke_ai_panel.agent.tools.values import Arguments, ReadTool, ToolProblem, ToolSpec
from nuke_ai_panel.nk import graph
from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.nk.curves import parse_value
from nuke_ai_panel.nk.expressions import Evaluation, knob_number, knob_text
from nuke_ai_panel.nk.node import Node
from nuke_ai_panel.nk.words import DamagedWordError

__all__ = ["TOOLS", "check_knob"]

#: Characters of a long value in one answer.
_PIECE = 3000
_AROUND = 60


def check_knob(view: ScriptView, node: Node, knob: str) -> None:
    """Return if the node may have the knob. Raises: ToolProblem with the knob that was meant."""
    if knob in node.user_knobs or node.knob(knob) is not None:
        return
    known = view.catalogue.class_info(node.class_name)
    problem = view.catalogue.check_knob(node.class_name, knob)
    if problem is not None:
        if problem.suggestion or known is None:
            raise ToolProblem(problem.message)
        shown = ", ".join(each.name for each in known.own_knobs()[:25])
        raise ToolProblem(f"{problem.message} It has {shown}.")
    if known is None and knob not in view.catalogue.common():
        near = closest(knob, (*node.user_knobs, *node.knobs))
        hint = f" Did you mean {', '.join(quoted(each, 60) for each in near)}?" if near else ""
        raise ToolProblem(f"{quoted(node.path)} writes no knob {quoted(knob, 60)}, and its class is not known here.{hint}")


def _knobs(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    node = view.node(cast(str, arguments["node"]))
    frames = cast("Sequence[float]", arguments.get("frames", ()))
    start = cast(int, arguments.get("start", 0))
    names = cast("Sequence[str]", arguments["knobs"])
    for name in names:
        check_knob(view, node, name)
    for name in names:
        written = node.knob(name)
        known = view.catalogue.knob_info(node.class_name, name)
        if written is None:
            default = known.default if known is not None and known.default is not None else None
            yield f"{quoted(name)}: at its default" + (f", {quoted(default)}" if default is not None else "")
        else:
            piece = written[start : start + _PIECE]
            left = len(written) - start - len(piece)
            more = f" [{left} more characters: ask with start={start + len(piece)}]" if left > 0 else ""
            yield f"{quoted(name)}: {quoted(piece, _PIECE)}{more}"
        for frame in frames:
            yield f"  at frame {frame:g}: {_at(view, node, name, frame)}"


def _at(view: ScriptView, node: Node, knob: str, frame: float) -> str:
    known = view.catalogue.knob_info(node.class_name, knob)
    size = known.size if known is not None else 1
    written = node.knob(knob)
    if written is not None and written.startswith("{"):
        try:
            size = max(size, len(parse_value(written).components()))
        except DamagedWordError:
            size = 1
    if known is not None and known.choices:
        return _told(knob_text(node, knob, frame=frame))
    values = []
    for component in range(min(size, 16)):
        found = knob_number(node, knob, component, frame=frame)
        if found.number is None and size == 1:
            found = knob_text(node, knob, frame=frame)
        values.append(_told(found))
    return ", ".join(values)


def _told(found: Evaluation) -> str:
    if found.problem is not None:
        return f"unknown ({neutral(found.problem.message, 200)})"
    return f"{found.value:g}" if isinstance(found.value, float) else quoted(str(found.value))


def _animation(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    node = view.node(cast(str, arguments["node"]))
    name = cast(str, arguments["knob"])
    check_knob(view, node, name)
    value = graph.animated_knobs(node).get(name)
    if value is None:
        animated = graph.animated_knobs(node)
        others = f" Animated here: {', '.join(quoted(each) for each in animated)}." if animated else ""
        yield f"{quoted(name)} has no keys.{others}"
        return
    for place, component in enumerate(value.components()):
        if component.has_expression:
            yield f"[{place}] expression {quoted(component.expression)}"
        for key in component.curve.keys:
            yield f"[{place}] frame {key.x:g}: {key.y:g} {key.interpolation}"


def _find_text(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    wanted = cast(str, arguments["text"]).casefold()
    if not wanted.strip():
        raise ToolProblem("The text to look for is empty.")
    empty = True
    for node in view.walk():
        # Names and values are parts of the body; a node that has the text nowhere in it need not be read.
        body = node.text.body.casefold()
        if wanted not in body and "\\" not in body and wanted not in node.name.casefold():
            continue
        if wanted in node.name.casefold():
            empty = False
            yield f"{quoted(node.path)} ({quoted(node.class_name)}), its name"
        for knob, value in _values(node):
            place = value.casefold().find(wanted)
            if place >= 0:
                empty = False
                yield f"{quoted(node.path)} ({quoted(node.class_name)}), {quoted(knob)}: {_shown(value, place, len(wanted))}"
    if empty:
        yield "(not found)"


def _values(node: Node) -> Iterator[tuple[str, str]]:
    yield from node.knobs.items()
    for knob in graph.user_knobs(node):
        if knob.name:
            yield f"label of user knob {knob.name}", knob.label
            yield f"tooltip of user knob {knob.name}", knob.tooltip


def _shown(value: str, place: int, length: int) -> str:
    begin, end = max(0, place - _AROUND), place + length + _AROUND
    before, after = ("..." if begin else ""), ("..." if end < len(value) else "")
    return before + quoted(value[begin:end]) + after


_NODE = text("Full name, such as Group1.Blur1.")
_KNOB = text("Name of a knob, such as size.", longest=100)

TOOLS = (
    ReadTool(
        ToolSpec(
            "get_knobs",
            "Read knobs of a node: the text as the script has it, and the values at frames.",
            {
                "node": _NODE,
                "knobs": items("Names of knobs.", _KNOB, most=40),
                "frames": items(
                    "Frames at which to read them, with expressions and keys.", number("A frame."), least=0, most=20
                ),
                "start": whole("Where to go on in a long value.", 0, 10_000_000),
                "offset": OFFSET,
            },
            ("node", "knobs"),
        ),
        _knobs,
    ),
    ReadTool(
        ToolSpec(
            "get_animation", "List the keys of a knob.", {"node": _NODE, "knob": _KNOB, "offset": OFFSET}, ("node", "knob")
        ),
        _animation,
    ),
    ReadTool(
        ToolSpec(
            "find_text",
            "Find a text in the names, knob values, expressions and labels of all nodes.",
            {"text": text("What to look for; case does not count.", longest=200), "offset": OFFSET},
            ("text",),
        ),
        _find_text,
    ),
)
