"""Changes of the graph: make, connect, delete, rename, move, enclose and group nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from nuke_ai_panel.agent.tools.drafting import Draft, literal, lookup, shown_names
from nuke_ai_panel.agent.tools.marking import quoted
from nuke_ai_panel.agent.tools.schemas import items, number, text
from nuke_ai_panel.agent.tools.values import Arguments, ToolProblem, ToolSpec, WriteTool
from nuke_ai_panel.agent.tools.writing_values import setting, settings
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.messages import JsonObject
from nuke_ai_panel.nk import emulate, graph
from nuke_ai_panel.nk.node import Node

__all__ = ["TOOLS"]

_MARGIN = 50
_HEADER = 80
_NOT_MADE = frozenset({"Root", "Gizmo", "LiveGroup", "Precomp"})


def _create(draft: Draft, arguments: Arguments) -> str:
    class_name = _class(draft, cast(str, arguments["class"]))
    group = draft.view.group(cast(str, arguments["group"])) if arguments.get("group") else None
    node = draft.create(class_name, cast(str, arguments.get("name", "")), group)
    sources = [_source(draft, node, each) for each in cast("Sequence[str]", arguments.get("inputs", ()))]
    draft.make(node)
    for place, source in enumerate(sources):
        if source is not None:
            draft.connect(node, place, source)
            draft.add(f"node.setInput({place}, {lookup(source.path)})")
    draft.add(*settings(draft.view, node, "node", cast("dict[str, object]", arguments.get("knobs", {}))))
    _put(draft, node, arguments)
    return f"create {quoted(node.path)} ({quoted(class_name)})"


def _class(draft: Draft, wanted: str) -> str:
    class_name = wanted.strip()
    known = draft.view.catalogue.class_info(class_name)
    if known is None or known.origin == "older":
        # "Merge" is what the menu says, and what models say; the node that Nuke makes of it is a Merge2.
        class_name = draft.view.catalogue.resolve(class_name) or class_name
    problem = draft.view.class_problem(class_name)
    if problem:
        raise ToolProblem(problem)
    if class_name in _NOT_MADE:
        raise ToolProblem(f"{class_name} is not made with create_node.")
    return class_name


def _source(draft: Draft, node: Node, path: str) -> Node | None:
    if not path.strip() or path.strip().casefold() in ("none", "null"):
        return None
    source = draft.node(path)
    if source.scope is not node.scope:
        raise ToolProblem(f"{quoted(source.path)} and {quoted(node.path)} stand in different groups and cannot be connected.")
    return source


def _put(draft: Draft, node: Node, arguments: Arguments) -> None:
    x, y = arguments.get("x"), arguments.get("y")
    if x is None or y is None:
        draft.place_later(node)
        return
    _move(draft, node, round(cast(float, x)), round(cast(float, y)))
    draft.add(f"node.setXYpos({node.xpos}, {node.ypos})")


def _move(draft: Draft, node: Node, x: int, y: int) -> None:
    draft.document.set_knob(node, "xpos", str(x))
    draft.document.set_knob(node, "ypos", str(y))


def _connect(draft: Draft, arguments: Arguments) -> str:
    node = draft.node(cast(str, arguments["node"]))
    source = draft.node(cast(str, arguments["source"]))
    place = _input(draft, node, arguments.get("input", 0))
    draft.connect(node, place, source)
    draft.add(f"{lookup(node.path)}.setInput({place}, {lookup(source.path)})")
    return f"connect input {place} of {quoted(node.path)} to {quoted(source.path)}"


def _input(draft: Draft, node: Node, wanted: object) -> int:
    word = str(wanted).strip()
    if word.isdecimal() and len(word) < 5:
        return int(word)
    names = {slot.number: slot.name for slot in graph.input_slots(node) if slot.name}
    known = draft.view.catalogue.class_info(node.class_name)
    if known is not None:
        names.update({place: known.input_name(place) for place in range(min(known.max_inputs, 64)) if known.input_name(place)})
    for place, name in names.items():
        if name.casefold() == word.casefold():
            return place
    shown = ", ".join(f"{place} ({quoted(name)})" for place, name in list(names.items())[:6]) or "numbers from 0"
    more = " and more" if len(names) > 6 else ""
    raise ToolProblem(f"{quoted(node.path)} has no input {quoted(word, 40)}; its inputs are {shown}{more}.")


def _disconnect(draft: Draft, arguments: Arguments) -> str:
    node = draft.node(cast(str, arguments["node"]))
    place = _input(draft, node, arguments.get("input", 0))
    if place >= len(node.inputs) or node.inputs[place] is None:
        raise ToolProblem(f"Input {place} of {quoted(node.path)} is not connected.")
    draft.connect(node, place, None)
    draft.add(f"{lookup(node.path)}.setInput({place}, None)")
    return f"disconnect input {place} of {quoted(node.path)}"


def _insert(draft: Draft, arguments: Arguments) -> str:
    source, target = draft.node(cast(str, arguments["source"])), draft.node(cast(str, arguments["target"]))
    places = [place for place, each in enumerate(target.inputs) if each is source]
    if not places:
        raise ToolProblem(f"{quoted(target.path)} does not read from {quoted(source.path)}, so nothing can go between them.")
    if arguments.get("class"):
        class_name = _class(draft, cast(str, arguments["class"]))
        node = draft.create(class_name, cast(str, arguments.get("name", "")), source.scope.owner)
        draft.make(node)
        finder = "node"
    elif arguments.get("node"):
        node = draft.node(cast(str, arguments["node"]))
        finder = lookup(node.path)
    else:
        raise ToolProblem("Give the class of a new node, or the name of one to put between.")
    draft.connect(node, 0, source)
    draft.add(f"{finder}.setInput(0, {lookup(source.path)})")
    for place in places:
        draft.connect(target, place, node)
        draft.add(f"{lookup(target.path)}.setInput({place}, {finder if finder == 'node' else lookup(node.path)})")
    draft.add(*settings(draft.view, node, finder, cast("dict[str, object]", arguments.get("knobs", {}))))
    if finder == "node":
        draft.place_later(node)
    return f"put {quoted(node.path)} between {quoted(source.path)} and {quoted(target.path)}"


def _delete(draft: Draft, arguments: Arguments) -> str:
    node = draft.node(cast(str, arguments["node"]))
    path = node.path
    try:
        draft.document.delete(node)
    except NkError as error:
        raise ToolProblem(str(error)) from error
    draft.add(f"nuke.delete({lookup(path)})")
    return f"delete {quoted(path)}"


def _rename(draft: Draft, arguments: Arguments) -> str:
    node, name = draft.node(cast(str, arguments["node"])), cast(str, arguments["name"]).strip()
    before = node.path
    draft.check_name(name, node.scope.owner)
    try:
        draft.document.rename(node, name)
    except NkError as error:
        raise ToolProblem(str(error)) from error
    draft.add(f"{lookup(before)}.setName({literal(name)}, updateExpressions=True)")
    return f"rename {quoted(before)} to {quoted(name)}"


def _move_nodes(draft: Draft, arguments: Arguments) -> str:
    nodes = [draft.node(path) for path in cast("Sequence[str]", arguments["nodes"])]
    dx, dy = cast(float, arguments.get("dx", 0)), cast(float, arguments.get("dy", 0))
    if arguments.get("x") is not None:
        dx = cast(float, arguments["x"]) - nodes[0].xpos
    if arguments.get("y") is not None:
        dy = cast(float, arguments["y"]) - nodes[0].ypos
    for node in dict.fromkeys(nodes):
        _move(draft, node, round(node.xpos + dx), round(node.ypos + dy))
        draft.add(f"{lookup(node.path)}.setXYpos({node.xpos}, {node.ypos})")
    return f"move {shown_names(nodes)}"


def _backdrop(draft: Draft, arguments: Arguments) -> str:
    nodes = [draft.node(path) for path in cast("Sequence[str]", arguments["nodes"])]
    if len({id(node.scope) for node in nodes}) != 1:
        raise ToolProblem("The nodes stand in different groups; a backdrop encloses nodes of one.")
    area = graph.bounding_box(nodes)
    if area is None:
        raise ToolProblem("Give at least one node to enclose.")
    node = draft.create("BackdropNode", cast(str, arguments.get("name", "")), nodes[0].scope.owner)
    left, top = area.left - _MARGIN, area.top - _HEADER
    sizes = {"bdwidth": area.right + _MARGIN - left, "bdheight": area.bottom + _MARGIN - top}
    behind = [each for each in graph.backdrops_around(nodes[0]) if each is not node]
    order = min((int(float(each.knob("z_order") or 0)) for each in nodes if each.class_name == "BackdropNode"), default=1) - 1
    if behind:
        order = max(int(float(each.knob("z_order") or 0)) for each in behind) + 1
    _move(draft, node, left, top)
    for knob, size in sizes.items():
        draft.document.set_knob(node, knob, str(size))
    draft.make(node)
    draft.add(f"node.setXYpos({left}, {top})", *(f"node[{literal(knob)}].setValue({size})" for knob, size in sizes.items()))
    draft.add(f"node['z_order'].setValue({order})")
    for knob in ("label", "tile_color"):
        value = arguments.get("color" if knob == "tile_color" else knob)
        if value is not None:
            draft.add(setting(draft.view, node, "node", knob, value))
    return f"add the backdrop {quoted(node.path)} around {shown_names(nodes)}"


def _group(draft: Draft, arguments: Arguments) -> str:
    nodes = list(dict.fromkeys(draft.node(path) for path in cast("Sequence[str]", arguments["nodes"])))
    if any(node.scope is not draft.document.top for node in nodes):
        raise ToolProblem("Only nodes of the root can be put into a group here; use run_script for those inside of groups.")
    name = cast(str, arguments.get("name", "")).strip()
    if name:
        draft.check_name(name, None)
    paths = [node.path for node in nodes]
    for node in draft.document.selected():
        draft.document.select(node, False)
    for node in nodes:
        draft.document.select(node)
    try:
        made = emulate(draft.document).collapseToGroup(show=False)
    except (NkError, RuntimeError, ValueError) as error:
        raise ToolProblem(f"These nodes cannot be grouped: {error}") from error
    group = draft.document.node(str(made.fullName()))
    if name:
        draft.document.rename(group, name)
    draft.add(
        "for each in nuke.allNodes():",
        "    each.setSelected(False)",
        f"for name in {literal(paths)}:",
        "    nuke.toNode(name).setSelected(True)",
        "group = nuke.collapseToGroup(show=False)",
        f"group.setName({literal(group.name)})",
    )
    more = f" and {len(paths) - 4} more" if len(paths) > 4 else ""
    return f"put {', '.join(quoted(path, 60) for path in paths[:4])}{more} into {quoted(group.path)}"


_NODE = text("Full name, such as Group1.Blur1.")
_CLASS = text("Node class, such as Merge2.", longest=100)
_NAME = text("Name; left out, the next free one.", longest=100)
_KNOBS: JsonObject = {"type": "object", "description": "Knobs to set: name to value.", "additionalProperties": True}
_INPUT: JsonObject = {
    "type": ["integer", "string"],
    "description": "Number or name. Of Merge2 0 is B, 1 is A, 2 the mask.",
    "minimum": 0,
    "maximum": 999,
    "maxLength": 40,
}
_NODES = items("Full names.", _NODE, most=500)

TOOLS = (
    WriteTool(
        ToolSpec(
            "create_node",
            "Create a node, connect its inputs and set its knobs.",
            {
                "class": _CLASS,
                "name": _NAME,
                "inputs": items('Names of the nodes it reads from, by input number; "" for none.', _NODE, least=0, most=64),
                "knobs": _KNOBS,
                "group": text("Full name of the group to create it in; left out, the root."),
                "x": number("Place in the node graph; left out, a free place is found."),
                "y": number("Place in the node graph; larger is lower."),
            },
            ("class",),
        ),
        _create,
    ),
    WriteTool(
        ToolSpec(
            "connect",
            "Connect an input of a node to another node.",
            {"node": _NODE, "input": _INPUT, "source": text("Full name of the node to read from.")},
            ("node", "input", "source"),
        ),
        _connect,
    ),
    WriteTool(
        ToolSpec("disconnect", "Open an input of a node.", {"node": _NODE, "input": _INPUT}, ("node", "input")), _disconnect
    ),
    WriteTool(
        ToolSpec(
            "insert_between",
            "Put a new or an existing node between two connected nodes.",
            {
                "source": text("The upper node."),
                "target": text("The lower node, which reads from the upper one."),
                "class": _CLASS,
                "node": text("An existing node to put there instead of a new one."),
                "name": _NAME,
                "knobs": _KNOBS,
            },
            ("source", "target"),
        ),
        _insert,
    ),
    WriteTool(
        ToolSpec("delete_node", "Delete a node; what read from it reads from its first input.", {"node": _NODE}, ("node",)),
        _delete,
    ),
    WriteTool(
        ToolSpec(
            "rename_node", "Rename a node.", {"node": _NODE, "name": text("The new name.", longest=100)}, ("node", "name")
        ),
        _rename,
    ),
    WriteTool(
        ToolSpec(
            "move_nodes",
            "Move nodes in the node graph, by dx and dy or so that the first stands at x and y.",
            {
                "nodes": _NODES,
                "dx": number("To the right."),
                "dy": number("Down."),
                "x": number("Where the first node goes."),
                "y": number("Where the first node goes."),
            },
            ("nodes",),
        ),
        _move_nodes,
    ),
    WriteTool(
        ToolSpec(
            "add_backdrop",
            "Put a backdrop behind nodes.",
            {
                "nodes": _NODES,
                "label": text("What stands on it.", longest=1000),
                "color": text("Colour such as #335577.", longest=20),
                "name": _NAME,
            },
            ("nodes",),
        ),
        _backdrop,
    ),
    WriteTool(
        ToolSpec(
            "group_nodes", "Put nodes into a new group that takes their place.", {"nodes": _NODES, "name": _NAME}, ("nodes",)
        ),
        _group,
    ),
)
