"""Questions about the graph: an outline, one node, nodes by what they are, backdrops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import cast

from nuke_ai_panel.agent.tools.marking import quoted
from nuke_ai_panel.agent.tools.schemas import OFFSET, flag, text, whole
from nuke_ai_panel.agent.tools.script_view import ScriptView, matcher
from nuke_ai_panel.agent.tools.values import Arguments, ReadTool, ToolSpec
from nuke_ai_panel.nk import graph
from nuke_ai_panel.nk.curves import KnobValue
from nuke_ai_panel.nk.node import Node

__all__ = ["TOOLS", "animation_line", "of_class", "outline_line"]

#: Nodes that a walk along the connections takes at most.
_MOST_WALKED = 2000
_ENDS = 12


def outline_line(node: Node) -> str:
    """Return one line: name, class, what it reads from."""
    sources = [f"{number}={quoted(source.path)}" for number, source in enumerate(node.inputs) if source is not None]
    parts = [f"{quoted(node.path)} ({quoted(node.class_name)})"]
    if sources:
        parts.append("reads " + " ".join(sources))
    if node.knob("disable") == "true":
        parts.append("disabled")
    if node.selected:
        parts.append("selected")
    label = node.knob("label")
    if label:
        parts.append(f"label {quoted(label, 80)}")
    if node.children is not None:
        parts.append(f"holds {len(node.children.nodes)} nodes")
    return ", ".join(parts)


def of_class(view: ScriptView, wanted: str) -> list[Node]:
    """Return the nodes of a class; a pattern, a menu name and another case are understood."""
    if any(mark in wanted for mark in "*?"):
        test = matcher(wanted)
        return [node for node in view.walk() if test(node.class_name)]
    found = view.document.nodes_of_class(wanted, recurse=True)
    if not found:
        resolved = view.catalogue.resolve(wanted)
        found = view.document.nodes_of_class(resolved, recurse=True) if resolved else []
    return found or [node for node in view.walk() if node.class_name.casefold() == wanted.casefold()]


def _outline(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    start = cast(str, arguments.get("node", ""))
    nodes: Iterable[Node]
    if start:
        node = view.node(start)
        direction = cast(str, arguments.get("direction", "upstream"))
        depth = cast("int | None", arguments.get("depth"))
        if direction == "connected":
            nodes = graph.connected(node, limit=_MOST_WALKED)
        else:
            walk = graph.upstream if direction == "upstream" else graph.downstream
            nodes = walk(node, limit=_MOST_WALKED, depth=depth)
        nodes = [node, *nodes]
    elif arguments.get("selected"):
        nodes = view.document.selected()
    elif arguments.get("group"):
        nodes = graph.inside(view.group(cast(str, arguments["group"])))
    elif arguments.get("class"):
        nodes = of_class(view, cast(str, arguments["class"]))
    else:
        nodes = view.document.top.nodes
    if arguments.get("name"):
        test = matcher(cast(str, arguments["name"]))
        nodes = (each for each in nodes if test(each.name))
    if arguments.get("class") and (start or arguments.get("selected") or arguments.get("group")):
        wanted = cast(str, arguments["class"]).casefold()
        nodes = (each for each in nodes if each.class_name.casefold() == wanted)
    empty = True
    for each in nodes:
        empty = False
        yield outline_line(each)
    if empty:
        yield "(no node)"


def animation_line(knob: str, value: KnobValue) -> str:
    """Return one line on the keys of a knob."""
    parts = []
    for number, component in enumerate(value.components()):
        keys = component.curve.keys
        if keys:
            frames = f"{keys[0].x:g} to {keys[-1].x:g}"
            parts.append(f"[{number}] {len(keys)} keys, frames {frames}, {keys[0].y:g} to {keys[-1].y:g}")
    return f"{quoted(knob)}: {'; '.join(parts)}"


def _node(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    node = view.node(cast(str, arguments["node"]))
    yield f"name: {quoted(node.path)}"
    yield f"class: {quoted(node.class_name)}"
    yield f"place: {node.xpos}, {node.ypos}" + ("; selected" if node.selected else "")
    problem = view.class_problem(node.class_name)
    if problem:
        yield f"about the class: {problem}"
    if node.clone_of is not None:
        yield f"clone of: {quoted(node.clone_of.path)}"
    for slot in graph.input_slots(node) if node is not view.document.root_node else ():
        name = f" ({slot.name})" if slot.name else ""
        yield f"input {slot.number}{name}: {quoted(slot.source.path) if slot.source is not None else 'open'}"
    readers = node.dependents if node is not view.document.root_node else []
    if readers:
        shown = ", ".join(quoted(each.path) for each in readers[:_ENDS])
        yield f"read by: {shown}" + (f" and {len(readers) - _ENDS} more" if len(readers) > _ENDS else "")
    animated = graph.animated_knobs(node)
    knobs = [(name, value) for name, value in node.knobs.items() if name not in animated]
    yield "knobs that differ from their default:" if knobs else "no knob differs from its default"
    for name, value in knobs:
        yield f"  {quoted(name)}: {quoted(value)}"
    for name, curve in animated.items():
        yield f"  animated {animation_line(name, curve)}"
    for source in graph.expressions(node):
        kind = {"tcl": "Tcl in", "link": "link of"}.get(source.kind, "expression of")
        yield f"  {kind} {quoted(source.knob)}[{source.component}]: {quoted(source.text)}"
    for knob in graph.user_knobs(node):
        if knob.name:
            yield f"  user knob {quoted(knob.name)}, label {quoted(knob.label, 80)}"
    around = graph.backdrops_around(node) if node is not view.document.root_node else []
    if around:
        yield "in backdrop: " + ", ".join(f"{quoted(each.path)} {quoted(each.knob('label') or '', 60)}" for each in around[:4])
    if node.children is not None:
        inner = graph.inside(node)
        yield f"holds {len(inner)} nodes: " + ", ".join(quoted(each.name) for each in inner[:20])


def _find(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    nodes: Iterable[Node] = of_class(view, cast(str, arguments["class"])) if arguments.get("class") else view.walk()
    if arguments.get("name"):
        test = matcher(cast(str, arguments["name"]))
        nodes = (node for node in nodes if test(node.name))
    if arguments.get("selected"):
        nodes = (node for node in nodes if node.selected)
    knob, wanted = cast(str, arguments.get("knob", "")), cast(str, arguments.get("value", ""))
    empty = True
    for node in nodes:
        if knob:
            written = node.knob(knob)
            if written is None or (wanted and wanted.casefold() not in written.casefold()):
                continue
            line = f"{quoted(node.path)} ({quoted(node.class_name)}), {quoted(knob)}: {quoted(written, 120)}"
        else:
            line = f"{quoted(node.path)} ({quoted(node.class_name)})"
        empty = False
        yield line
    if empty:
        yield "(no node)"


def _backdrops(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    found = view.document.nodes_of_class("BackdropNode", recurse=True)
    for each in found:
        area = graph.rectangle(each)
        inside = graph.enclosed(each)
        names = ", ".join(quoted(node.name) for node in islice(inside, 12))
        more = f" and {len(inside) - 12} more" if len(inside) > 12 else ""
        yield (
            f"{quoted(each.path)} label {quoted(each.knob('label') or '', 120)}, at {area.left},{area.top}, "
            f"{area.right - area.left} x {area.bottom - area.top}, encloses: {names or 'nothing'}{more}"
        )
    if not found:
        yield "(no backdrop)"


_NODE = text("Full name, such as Group1.Blur1.")
_NAME = text("Part of the name, or a pattern with *.", longest=100)
_CLASS = text("Node class, such as Merge2.", longest=100)

TOOLS = (
    ReadTool(
        ToolSpec(
            "graph_outline",
            "List nodes with class and inputs: all of the script, or those upstream or downstream of a node, selected, of a "
            "class, or inside a group.",
            {
                "node": _NODE,
                "direction": text("Which way from the node.", choices=("upstream", "downstream", "connected")),
                "depth": whole("How many connections away from the node.", 1, 1000),
                "class": _CLASS,
                "name": _NAME,
                "selected": flag("Selected nodes only."),
                "group": text("Full name of a group to look into."),
                "offset": OFFSET,
            },
        ),
        _outline,
    ),
    ReadTool(
        ToolSpec(
            "get_node",
            "Tell all about one node: inputs, who reads from it, knobs that differ from their default, expressions, animation.",
            {"node": _NODE, "offset": OFFSET},
            ("node",),
        ),
        _node,
    ),
    ReadTool(
        ToolSpec(
            "find_nodes",
            "Find nodes anywhere in the script by class, name, or the value of a knob.",
            {
                "class": _CLASS,
                "name": _NAME,
                "knob": text("Knob that differs from its default.", longest=100),
                "value": text("Part of that knob's value."),
                "selected": flag("Selected nodes only."),
                "offset": OFFSET,
            },
        ),
        _find,
    ),
    ReadTool(
        ToolSpec("list_backdrops", "List the backdrops with label and what they enclose.", {"offset": OFFSET}), _backdrops
    ),
)
