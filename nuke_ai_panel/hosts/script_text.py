"""Writing a whole script as .nk text from nodes that were read off a host, in the order in which Nuke writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Optional

__all__ = ["WrittenNode", "write_nodes"]


@dataclass(eq=False)
class WrittenNode:
    """A node to write. ``knobs`` and ``place`` are name and value words as the format writes them.

    ``inputs`` are nodes of the same scope; ``mask`` is the number of the mask input (the format counts it apart), None where
    there is none. ``original`` is the node that this one is a clone of: clones share all but place and inputs. ``children``
    are those of a group.
    """

    class_name: str
    knobs: Sequence[tuple[str, str]] = ()
    place: Sequence[tuple[str, str]] = ()
    inputs: list[Optional[WrittenNode]] = field(default_factory=list)
    mask: Optional[int] = None
    original: Optional[WrittenNode] = None
    children: Optional[Sequence[WrittenNode]] = None


def write_nodes(nodes: Sequence[WrittenNode], *, depth: int = 0, names: Optional[Iterator[str]] = None) -> Iterator[str]:
    """Yield the lines of a scope: backdrops first, then depth first from the nodes that nothing reads, inputs last to first."""
    names = names or _names()
    readers: dict[WrittenNode, int] = dict.fromkeys(nodes, 0)
    for node in nodes:
        for source in node.inputs:
            if source is not None:
                readers[source] += 1
    cloned = {node.original for node in nodes if node.original is not None}
    variables: dict[WrittenNode, str] = {}
    families: dict[WrittenNode, str] = {}
    for node_or_none in _order(nodes, readers):
        if node_or_none is None:
            yield "push 0"
            continue
        node = node_or_none
        if node in variables:
            yield f"push ${variables[node]}"
            continue
        # Of clones, the one written first carries the knobs; which one that is, is of no matter to Nuke.
        family = node.original or node
        yield from _node_lines(node, family, families.get(family), depth, names)
        variables[node] = next(names)
        if readers[node] > 1:
            yield f"set {variables[node]} [stack 0]"
        if family in cloned and family not in families:
            families[family] = next(names).replace("N", "C")
            yield f"set {families[family]} [stack 0]"


def _names() -> Iterator[str]:
    number = 0x10000
    while True:
        yield f"N{number:x}"
        number += 0x400


def _order(nodes: Sequence[WrittenNode], readers: dict[WrittenNode, int]) -> Iterator[Optional[WrittenNode]]:
    """Yield nodes so that each comes after what it reads; None for an open input, a node again where it is pushed again."""
    backdrops = [node for node in nodes if node.class_name == "BackdropNode"]
    sinks = [node for node in nodes if not readers[node] and node.class_name != "BackdropNode"]
    begun: set[WrittenNode] = set()
    for root in (*backdrops, *sinks):
        todo: list[tuple[Optional[WrittenNode], bool]] = [(root, False)]
        while todo:
            node, is_ready = todo.pop()
            if node is None or is_ready or node in begun:
                yield node
                continue
            begun.add(node)
            todo.append((node, True))
            # What is put on this list last is written first: the last input first, so that input 0 lies on top of the stack.
            todo.extend((source, False) for source in node.inputs)


def _node_lines(
    node: WrittenNode, family: WrittenNode, original: Optional[str], depth: int, names: Iterator[str]
) -> Iterator[str]:
    indent = " " * depth
    inputs = [] if len(node.inputs) == 1 else [("inputs", _count(node))]
    if original is not None:
        yield f"clone ${original} {{"
        knobs: list[tuple[str, str]] = [*inputs, *node.place]
    else:
        yield f"{indent}{node.class_name} {{"
        knobs = [*inputs, *family.knobs, *node.place]
    for name, value in knobs:
        yield f"{indent} {name} {value}"
    yield f"{indent}}}"
    if family.children is not None and original is None:
        yield from write_nodes(family.children, depth=depth + 1, names=names)
        yield f"{indent}end_group"


def _count(node: WrittenNode) -> str:
    count = len(node.inputs)
    return f"{count - 1}+1" if node.mask is not None and count > node.mask else str(count)
