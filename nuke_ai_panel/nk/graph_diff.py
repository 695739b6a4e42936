"""The difference of two scripts as a graph: nodes, knobs, connections."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ConnectionChange", "GraphDiff", "KnobChange", "NodeChange"]


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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(value: str | None) -> str:
    if value is None:
        return "default"
    flat = " ".join(value.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."
