"""Where nodes stand in the node graph: free places, the grid, what a backdrop encloses. Units are those of the node graph."""

from __future__ import annotations

from collections.abc import Iterable

from nuke_ai_panel.nk.node import Node

__all__ = ["GRID", "bounds", "enclosed", "on_grid", "size"]

#: Nuke's grid as it comes, ``GridWidth`` and ``GridHeight`` of the preferences.
GRID = (110, 24)
_WIDTH, _HEIGHT, _DOT, _WITH_PICTURE = 80, 18, 12, 78
_PICTURES = frozenset({"Read", "Constant", "CheckerBoard2", "ColorBars", "ColorWheel", "DeepRead"})


def size(node: Node) -> tuple[int, int]:
    """Return the width and height of a node with one line of text."""
    if node.class_name == "BackdropNode":
        return _whole(node.knob("bdwidth"), _WIDTH), _whole(node.knob("bdheight"), 50)
    if node.class_name == "Dot":
        return _DOT, _DOT
    return _WIDTH, _WITH_PICTURE if node.class_name in _PICTURES else _HEIGHT


def on_grid(x: int, y: int) -> tuple[int, int]:
    """Return the place of the grid that is nearest."""
    return round(x / GRID[0]) * GRID[0], round(y / GRID[1]) * GRID[1]


def bounds(nodes: Iterable[Node]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of nodes."""
    boxes = [(node.xpos, node.ypos, node.xpos + size(node)[0], node.ypos + size(node)[1]) for node in nodes]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def enclosed(backdrop: Node) -> list[Node]:
    """Return the nodes that stand on a backdrop as a whole, smaller backdrops among them."""
    left, top, right, bottom = bounds([backdrop])
    found: list[Node] = []
    for node in backdrop.scope.nodes:
        if node is backdrop:
            continue
        box = bounds([node])
        if left <= box[0] and top <= box[1] and box[2] <= right and box[3] <= bottom:
            found.append(node)
    return found


def _whole(text: str | None, default: int) -> int:
    try:
        return int(float(text)) if text else default
    except ValueError:
        return default
