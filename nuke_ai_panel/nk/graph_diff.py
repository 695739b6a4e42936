"""The difference of two scripts as a graph: nodes, knobs, connections."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nuke_ai_panel.nk.node_text import NodeText

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document
    from nuke_ai_panel.nk.node import Node, Scope

__all__ = ["ConnectionChange", "GraphDiff", "KnobChange", "NodeChange", "NodeRename", "diff", "same_nodes", "settings"]


@dataclass(frozen=True)
class NodeChange:
    """A node that was added or removed."""

    path: str
    class_name: str


@dataclass(frozen=True)
class NodeRename:
    """A node that bears another name; `path` is its full name now, `before` the one it had."""

    before: str
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
    ``moved`` names the nodes that stand elsewhere. Positions, selection and names are not among ``knobs``. A renamed node is
    in ``renamed`` only, with everything else about it under its new name; what is inside of a renamed group, and what reads
    from a renamed node, did not change by that.
    """

    added: tuple[NodeChange, ...] = ()
    removed: tuple[NodeChange, ...] = ()
    knobs: tuple[KnobChange, ...] = ()
    connections: tuple[ConnectionChange, ...] = ()
    moved: tuple[str, ...] = ()
    renamed: tuple[NodeRename, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.knobs or self.connections or self.moved or self.renamed)

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
        if self.renamed:
            parts.append(f"renames {_count(len(self.renamed), 'node')}")
        if knobs:
            parts.append(f"changes {_count(knobs, 'knob')}")
        if wires:
            parts.append(f"changes {_count(wires, 'connection')}")
        if self.moved:
            parts.append(f"moves {_count(len(self.moved), 'node')}")
        text = ", ".join(parts) or "changes nothing"
        return text[0].upper() + text[1:]

    def lines(self) -> list[str]:
        """Return the difference as readable lines, grouped by node.

        They begin with ``+`` for an added node, ``-`` removed, ``~`` changed, ``=`` renamed and ``>`` moved.
        """
        knobs: dict[str, list[KnobChange]] = {}
        for change in self.knobs:
            knobs.setdefault(change.path, []).append(change)
        wires: dict[str, list[ConnectionChange]] = {}
        for wire in self.connections:
            wires.setdefault(wire.path, []).append(wire)
        marks = {node.path: ("+", node.class_name) for node in self.added}
        marks.update({node.path: ("-", node.class_name) for node in self.removed})
        names = {node.path: node.before for node in self.renamed}
        marks.update(dict.fromkeys(names, ("=", "")))
        order = list(marks) + [path for path in (*knobs, *wires) if path not in marks]
        out: list[str] = []
        for path in dict.fromkeys(order):
            mark, class_name = marks.get(path, ("~", ""))
            if mark == "=":
                out.append(f"= {names[path]} is now {path}")
            else:
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
    """Compare two scripts by full node name, their Roots too; a node of another class is removed and added.

    A name that is gone and one that is new are one renamed node where class, connections and either the whole text or the
    place in the node graph are the same, and no other node could be meant.
    """
    same = same_nodes(before, after)
    kept = set(same.values())
    added: list[NodeChange] = []
    renamed: list[NodeRename] = []
    knobs: list[KnobChange] = []
    wires: list[ConnectionChange] = []
    moved: list[str] = []
    removed = [NodeChange(path, node.class_name) for path, node in _paths(before) if node not in kept]
    # What Root is called is the path of the file.
    old_names = {node: was.name for node, was in same.items() if node.name != was.name and node is not after.root_node}
    for path, node in _paths(after):
        was = same.get(node)
        if was is None:
            added.append(NodeChange(path, node.class_name))
        elif node in old_names and not _is_clone(node):
            renamed.append(NodeRename(was.path, path, node.class_name))
        if was is not None and node.text.body == was.text.body and not _rewired(was, node, same):
            continue
        knobs.extend(_knob_changes(path, was, node))
        wires.extend(_wire_changes(path, was, node, same))
        if was is not None and (was.xpos, was.ypos) != (node.xpos, node.ypos):
            moved.append(path)
    return GraphDiff(tuple(added), tuple(removed), tuple(knobs), tuple(wires), tuple(moved), tuple(renamed))


def same_nodes(before: Document, after: Document) -> dict[Node, Node]:
    """Return which node of `before` each node of `after` is, by name or as a renamed one; new nodes are left out."""
    same: dict[Node, Node] = {}
    if before.root_node is not None and after.root_node is not None:
        same[after.root_node] = before.root_node
    todo = [(before.top, after.top)]
    while todo:
        old_scope, new_scope = todo.pop()
        old, new = _by_name(old_scope), _by_name(new_scope)
        gone: list[Node] = []
        fresh: list[Node] = []
        for key, node in new.items():
            was = old.get(key)
            if was is not None and was.class_name == node.class_name:
                same[node] = was
                if node.children is not None and was.children is not None:
                    todo.append((was.children, node.children))
            else:
                fresh.append(node)
        if fresh:
            gone = [node for key, node in old.items() if key not in new or new[key].class_name != node.class_name]
        if not gone:
            continue
        for tell in (_by_text, _by_place):
            for was, node in _only_ones(gone, fresh, same, tell):
                same[node] = was
                if node.children is not None and was.children is not None:
                    todo.append((was.children, node.children))
            found = set(same.values())
            gone = [node for node in gone if node not in found]
            fresh = [node for node in fresh if node not in same]
        same.update(_clones_of_renamed(gone, fresh, same))
    return same


def _clones_of_renamed(gone: list[Node], fresh: list[Node], same: dict[Node, Node]) -> dict[Node, Node]:
    left: dict[Node, list[Node]] = {}
    for was in gone:
        if was.clone_of is not None:
            left.setdefault(was.clone_of, []).append(was)
    found: dict[Node, Node] = {}
    for node in fresh:
        others = left.get(same[node.clone_of]) if node.clone_of in same else None
        if others:
            found[node] = others.pop(0)
    return found


def _by_name(scope: Scope) -> dict[tuple[str, int], Node]:
    """Return the nodes by name; clones share a name, so the count tells them apart."""
    found: dict[tuple[str, int], Node] = {}
    counts: dict[str, int] = {}
    for node in scope.nodes:
        name = node.name
        number = counts.get(name, 0)
        counts[name] = number + 1
        found[name, number] = node
    return found


def _paths(document: Document) -> list[tuple[str, Node]]:
    root = document.root_node
    return [*([("Root", root)] if root is not None else []), *document.paths()]


Tell = Callable[["Node"], "Hashable | None"]


def _only_ones(gone: list[Node], fresh: list[Node], same: dict[Node, Node], tell: Tell) -> list[tuple[Node, Node]]:
    """Return the pairs that agree in what `tell` says of them and in what they read from, and that nobody else agrees with."""
    numbers = {was: number for number, was in enumerate(same.values())}
    numbers.update({node: numbers[was] for node, was in same.items()})

    def key_of(node: Node) -> Hashable | None:
        told = tell(node)
        # What it reads from may be renamed as well; then it does not count.
        sources = tuple(None if source is None else numbers.get(source, -1) for source in node.inputs)
        return None if told is None else (told, node.class_name, sources)

    def alone(nodes: list[Node]) -> dict[Hashable, Node]:
        found: dict[Hashable, Node | None] = {}
        for node in nodes:
            key = key_of(node)
            if key is not None:
                found[key] = None if key in found else node
        return {key: node for key, node in found.items() if node is not None}

    old = alone(gone)
    return [(old[key], node) for key, node in alone(fresh).items() if key in old]


def _by_text(node: Node) -> Hashable | None:
    if node.clone_of is not None:
        return None
    text = node.text.body
    return NodeText("", text, "").without("name") + (
        node.document.text_of(node)[len(str(node.text)) :] if node.children else ""
    )


def _by_place(node: Node) -> Hashable | None:
    if node.clone_of is not None or node.text.value("xpos") is None or node.text.value("ypos") is None:
        return None
    return node.xpos, node.ypos


def _is_clone(node: Node) -> bool:
    return node.clone_of is not None


def _rewired(was: Node, node: Node, same: dict[Node, Node]) -> bool:
    before, after = was.inputs, node.inputs
    return len(before) != len(after) or any(not _is_same(old, new, same) for old, new in zip(before, after))


def _is_same(old: Node | None, new: Node | None, same: dict[Node, Node]) -> bool:
    if old is None or new is None:
        return old is new
    # Clones share their name; which of them is meant may only differ in the order of the file.
    return same.get(new) is old or (old.name == new.name and (new not in same or _is_clone(old) or _is_clone(new)))


def _knob_changes(path: str, was: Node | None, node: Node) -> list[KnobChange]:
    before, after = settings(was), settings(node)
    names = dict.fromkeys([*after, *before])
    return [KnobChange(path, name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def settings(node: Node | None) -> dict[str, str]:
    """Return the knobs of a node as a difference counts them, definitions of user knobs among them; none for None."""
    if node is None:
        return {}
    own = {f"addUserKnob {name}": word for name, word in node.user_knobs.items()}
    return {**own, **node.knobs}


def _wire_changes(path: str, was: Node | None, node: Node, same: dict[Node, Node]) -> list[ConnectionChange]:
    before = was.inputs if was is not None else ()
    after = node.inputs
    changes: list[ConnectionChange] = []
    for index in range(max(len(before), len(after))):
        old = before[index] if index < len(before) else None
        new = after[index] if index < len(after) else None
        if not _is_same(old, new, same):
            changes.append(ConnectionChange(path, index, _name(old), _name(new)))
    return changes


def _name(node: Node | None) -> str | None:
    # Sources stand in the node's own group, so their plain names tell them apart.
    return None if node is None else node.name


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(value: str | None) -> str:
    if value is None:
        return "default"
    flat = " ".join(value.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."
