"""The difference of two scripts as a graph: nodes, knobs, connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document
    from nuke_ai_panel.nk.node import Node

__all__ = ["ConnectionChange", "GraphDiff", "KnobChange", "NodeChange", "diff"]


@dataclass(frozen=True)
class NodeChange:
    """A node that was added or removed."""

    path: str
    class_name: str


@dataclass(frozen=True)
class KnobChange:
    """A knob's .nk text before and after; None stands for the default, which a script does not write."""

    path: str
    knob: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class ConnectionChange:
    """What input `input_index` of a node reads from, before and after; None is an open input."""

    path: str
    input_index: int
    before: str | None
    after: str | None


@dataclass(frozen=True)
class GraphDiff:
    """What differs between two scripts, by full node name.

    ``knobs`` and ``connections`` list those of added nodes too (``before`` None), so that a reader sees how a new node is set.
    ``moved`` names nodes that only changed their place. Positions, selection and names are not among ``knobs``.
    """

    added: tuple[NodeChange, ...] = ()
    removed: tuple[NodeChange, ...] = ()
    knobs: tuple[KnobChange, ...] = ()
    connections: tuple[ConnectionChange, ...] = ()
    moved: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.knobs or self.connections or self.moved)

    def summary(self) -> str:
        """Return one line such as ``"Creates 1 node, changes 2 knobs, 1 connection"``; ``"Changes nothing"`` when empty."""
        new = {node.path for node in self.added}
        gone = {node.path for node in self.removed}
        knobs = sum(1 for change in self.knobs if change.path not in new and change.path not in gone)
        wires = sum(1 for change in self.connections if change.path not in new and change.path not in gone)
        parts: list[str] = []
        if self.added:
            parts.append(f"creates {_count(len(self.added), 'node')}")
        if self.removed:
            parts.append(f"deletes {_count(len(self.removed), 'node')}")
        if knobs:
            parts.append(f"changes {_count(knobs, 'knob')}")
        if wires:
            parts.append(f"changes {_count(wires, 'connection')}")
        if self.moved:
            parts.append(f"moves {_count(len(self.moved), 'node')}")
        text = ", ".join(parts) or "changes nothing"
        return text[0].upper() + text[1:]

    def lines(self) -> list[str]:
        """Return the difference as readable lines: ``+`` added, ``-`` removed, ``~`` changed, grouped by node."""
        knobs: dict[str, list[KnobChange]] = {}
        for change in self.knobs:
            knobs.setdefault(change.path, []).append(change)
        wires: dict[str, list[ConnectionChange]] = {}
        for wire in self.connections:
            wires.setdefault(wire.path, []).append(wire)
        marks = {node.path: ("+", node.class_name) for node in self.added}
        marks.update({node.path: ("-", node.class_name) for node in self.removed})
        order = list(marks) + [path for path in (*knobs, *wires) if path not in marks]
        out: list[str] = []
        for path in dict.fromkeys(order):
            mark, class_name = marks.get(path, ("~", ""))
            out.append(f"{mark} {path}" + (f" ({class_name})" if class_name else ""))
            if mark == "-":
                continue
            for change in knobs.get(path, []):
                before = "" if mark == "+" else f"{_shown(change.before)} -> "
                out.append(f"    {change.knob}: {before}{_shown(change.after)}")
            for wire in wires.get(path, []):
                before = "" if mark == "+" else f"{wire.before or 'open'} -> "
                out.append(f"    input {wire.input_index}: {before}{wire.after or 'open'}")
        out.extend(f"> {path} moved" for path in self.moved)
        return out


def diff(before: Document, after: Document) -> GraphDiff:
    """Compare two scripts by full node name, their Roots too; a node of another class is removed and added."""
    old, new = _by_path(before), _by_path(after)
    added: list[NodeChange] = []
    removed: list[NodeChange] = []
    knobs: list[KnobChange] = []
    wires: list[ConnectionChange] = []
    moved: list[str] = []
    for key, node in old.items():
        other = new.get(key)
        if other is None or other.class_name != node.class_name:
            removed.append(NodeChange(key[0], node.class_name))
    for key, node in new.items():
        path = key[0]
        was = old.get(key)
        if was is not None and was.class_name != node.class_name:
            was = None
        if was is None:
            added.append(NodeChange(path, node.class_name))
        elif node.text.body == was.text.body and _sources(was) == _sources(node):
            continue
        knobs.extend(_knob_changes(path, was, node))
        wires.extend(_wire_changes(path, was, node))
        if was is not None and (was.xpos, was.ypos) != (node.xpos, node.ypos):
            moved.append(path)
    return GraphDiff(tuple(added), tuple(removed), tuple(knobs), tuple(wires), tuple(moved))


def _by_path(document: Document) -> dict[tuple[str, int], Node]:
    """Return the nodes by full name; clones share a name, so the count tells them apart."""
    found: dict[tuple[str, int], Node] = {}
    counts: dict[str, int] = {}
    if document.root_node is not None:
        found["Root", -1] = document.root_node
    for path, node in document.paths():
        number = counts.get(path, 0)
        counts[path] = number + 1
        found[path, number] = node
    return found


def _knob_changes(path: str, was: Node | None, node: Node) -> list[KnobChange]:
    before, after = _settings(was), _settings(node)
    names = dict.fromkeys([*after, *before])
    return [KnobChange(path, name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _settings(node: Node | None) -> dict[str, str]:
    if node is None:
        return {}
    own = {f"addUserKnob {name}": word for name, word in node.user_knobs.items()}
    return {**own, **node.knobs}


def _wire_changes(path: str, was: Node | None, node: Node) -> list[ConnectionChange]:
    before = _sources(was) if was is not None else []
    after = _sources(node)
    changes: list[ConnectionChange] = []
    for index in range(max(len(before), len(after))):
        old = before[index] if index < len(before) else None
        new = after[index] if index < len(after) else None
        if old != new:
            changes.append(ConnectionChange(path, index, old, new))
    return changes


def _sources(node: Node) -> list[str | None]:
    # Sources stand in the node's own group, so their plain names tell them apart.
    return [None if source is None else source.name for source in node.inputs]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(value: str | None) -> str:
    if value is None:
        return "default"
    flat = " ".join(value.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."
