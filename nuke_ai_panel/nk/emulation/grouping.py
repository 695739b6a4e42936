"""Making groups of nodes and taking groups apart, as ``nuke.collapseToGroup`` and its kin do."""

from __future__ import annotations

from typing import Any

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.document import loads
from nuke_ai_panel.nk.emulation.clipboard import copy_into
from nuke_ai_panel.nk.emulation.finding import Finding
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.node import Node

__all__ = ["Grouping", "expand", "group_from_gizmo", "group_of"]

_GAP = 50
_PLACE = frozenset({"name", "xpos", "ypos", "inputs", "selected"})


class Grouping:
    """Groups from the selection."""

    def __init__(self, session: Session, finding: Finding) -> None:
        self.session = session
        self.finding = finding

    def table(self) -> dict[str, object]:
        """Return the functions by the names Nuke gives them."""
        return {
            "collapseToGroup": self.collapse,
            "makeGroup": self.make_group,
            "expandSelectedGroup": self.expand_selected,
        }

    def collapse(self, show: bool = True) -> Any:
        """Put the selected nodes into a new group that takes their place, select it and return it; None without a selection."""
        del show
        chosen = [node for node in self.finding.scope().nodes if node.selected]
        return self.session.hand_out(group_of(self.session, chosen, keep=False)) if chosen else None

    def make_group(self, show: bool = True) -> Any:
        """Put copies of the selected nodes into a new group beside them, select it and return it; None without a selection."""
        del show
        chosen = [node for node in self.finding.scope().nodes if node.selected]
        return self.session.hand_out(group_of(self.session, chosen, keep=True)) if chosen else None

    def expand_selected(self) -> None:
        """Take the selected groups apart. Raises: RuntimeError where one is no group."""
        for node in [node for node in self.finding.scope().nodes if node.selected]:
            if node.children is None:
                raise RuntimeError(f"{node.name} is no group")
            expand(self.session, node)


def group_of(session: Session, chosen: list[Node], *, keep: bool) -> Node:
    """Return a new group with copies of nodes, an Input for each node they read from and an Output; it replaces them or not."""
    document = session.document
    outer = chosen[0].scope
    members = set(chosen)
    feeds = list(dict.fromkeys(s for node in chosen for s in node.inputs if s is not None and s not in members))
    used = {source for node in chosen for source in node.inputs if source in members}
    outward = [node for node in chosen if any(reader not in members for reader in node.dependents)]
    sinks = [node for node in chosen if node not in used and node.class_name not in ("BackdropNode", "StickyNote", "Viewer")]
    ends = outward or sinks
    group = document.create("Group", group=outer.owner)
    if group.children is None:
        raise RuntimeError("a new group has no inside")
    copies = copy_into(session, chosen, group.children)
    left = min(node.xpos for node in chosen)
    top = min(node.ypos for node in chosen)
    bottom = max(node.ypos for node in chosen)
    doors: dict[Node, Node] = {}
    for place, feed in enumerate(feeds):
        knobs = {"xpos": str(left + 110 * place), "ypos": str(top - _GAP)}
        if place:
            knobs["number"] = str(place)
        doors[feed] = document.create("Input", knobs=knobs, group=group)
    for node in chosen:
        for index, source in enumerate(node.inputs):
            if source in doors:
                document.connect(copies[node], index, doors[source])
    end = copies[ends[-1]] if ends else None
    document.create("Output", knobs={"xpos": str(left), "ypos": str(bottom + _GAP)}, inputs=[end], group=group)
    for index, feed in enumerate(feeds):
        document.connect(group, index, feed)
    document.set_knob(group, "xpos", str(ends[-1].xpos if ends else left))
    document.set_knob(group, "ypos", str(ends[-1].ypos if ends else top))
    for node in chosen:
        document.select(node, False)
    if not keep:
        for node in outward:
            for reader in [reader for reader in node.dependents if reader not in members]:
                for index, source in enumerate(reader.inputs):
                    if source is node:
                        document.connect(reader, index, group)
        for node in reversed(chosen):
            for index in range(len(node.inputs)):
                document.connect(node, index, None)
        for node in chosen:
            document.delete(node)
    for node in group.children.nodes:
        document.select(node, False)
    document.select(group)
    return group


def group_from_gizmo(session: Session, gizmo: Node) -> Node:
    """Return a new group beside a gizmo, a copy of it with its settings. Raises: NotSimulatedError without its file."""
    document = gizmo.document
    source, outer = document, gizmo
    if gizmo.children is None:
        path = session.catalogue.gizmo_path(gizmo.class_name)
        if path is None:
            raise NotSimulatedError(f"Gizmo.makeGroup of {gizmo.name} is not simulated: the gizmo's file is not known here.")
        try:
            source = loads(path.read_bytes())
        except (OSError, NkError) as error:
            raise NotSimulatedError(f"Gizmo.makeGroup: the file {str(path)!r} cannot be read: {error}") from error
        found = next((node for node in source.nodes() if node.children is not None), None)
        if found is None:
            raise NotSimulatedError(f"Gizmo.makeGroup of {gizmo.name} is not simulated: its file holds no group.")
        outer = found
    text = source.text_of(outer).lstrip()
    head, _, body = text.partition("{")
    owner = session.group if session.group is not document.root_node else None
    (made,) = document.paste("push 0\n" * outer.pops + head.replace(outer.class_name, "Group", 1) + "{" + body, group=owner)
    document.rename(made, document.free_name(gizmo.name, group=owner))
    handle = session.handle(made)
    for name, value in gizmo.knobs.items() if outer is not gizmo else ():
        if name not in _PLACE:
            handle[name].fromScript(value)
    document.set_knob(made, "xpos", str(gizmo.xpos + _GAP))
    document.set_knob(made, "ypos", str(gizmo.ypos + _GAP))
    return made


def expand(session: Session, group: Node) -> list[Node]:
    """Put what is inside of a group in its place, select it, and return it. Inputs and Outputs become connections."""
    document = session.document
    if group.children is None:
        raise RuntimeError(f"{group.name} is no group")
    inner = [node for node in group.children.nodes if node.class_name not in ("Input", "Output")]
    doors = sorted(
        (node for node in group.children.nodes if node.class_name == "Input"),
        key=lambda node: int(float(node.knob("number") or 0)),
    )
    feeds = {door: group.inputs[index] if index < len(group.inputs) else None for index, door in enumerate(doors)}
    output = next((node for node in group.children.nodes if node.class_name == "Output"), None)
    end = output.inputs[0] if output is not None and output.inputs else None
    copies = copy_into(session, inner, group.scope)
    for node, copy in copies.items():
        for index, source in enumerate(node.inputs):
            if source in feeds:
                document.connect(copy, index, feeds[source])
    through = feeds[end] if end in feeds else copies.get(end) if end is not None else None
    for reader in group.dependents:
        for index, source in enumerate(reader.inputs):
            if source is group:
                document.connect(reader, index, through)
    try:
        document.delete(group)
    except NkError as error:
        raise RuntimeError(str(error)) from error
    for copy in copies.values():
        document.select(copy)
    return list(copies.values())
