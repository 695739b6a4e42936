"""Placing nodes in the node graph as an artist would. Units are those of the node graph; larger `y` is lower.

A node stands below what it reads from by input 0, middle under middle, a chain in one column. What feeds an input 0 stands
straight above; what feeds another input stands to the left, what feeds a mask to the right. No tile covers another or a wire of
others where a free place is near. A backdrop that holds what a new node reads from grows with it. Nodes that are not named stay
where they are. Every change can be taken back by the document's mark.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.graph import Rectangle, backdrops_around, bounding_box, input_slots, rectangle
from nuke_ai_panel.nk.node import Node, Scope

__all__ = ["COLUMN", "ROW", "place", "tidy"]

#: Nuke's grid as it comes, ``GridWidth`` and ``GridHeight`` of the preferences.
COLUMN, ROW = 110, 24
_LEAST_GAP = 6
_MARGIN = 24
_CELL = 128
_MOST_COLUMNS = 40
_NEAR_COLUMNS = 4
_MOST_ROWS = 12
# Wires are looked at in scopes up to this many nodes; beyond, only tiles are kept clear.
_MOST_WIRES = 4000

_Wire = tuple[Node, Node, float, float, float, float]


def place(document: Document, nodes: Iterable[Node], *, grows_backdrops: bool = True) -> None:
    """Give new nodes places among those that stand already; wherever `nodes` stand now does not count.

    Each goes below what it reads from, or above what reads from it; nodes connected to nothing that stands go beside the
    rest. A backdrop among `nodes` keeps its place, and with `grows_backdrops` those round what the nodes read from grow.
    Raises: NkError for a node that was deleted or of another script.
    """
    for scope, new in _by_scope(document, nodes).items():
        _Placing(document, scope, new, grows_backdrops=grows_backdrops).run()


def tidy(document: Document, nodes: Iterable[Node]) -> None:
    """Set nodes in columns and rows: what is read stands above its readers, chains straight.

    The lowest node of each connected part stays where it is, and nodes outside of `nodes` do not move. Raises: NkError.
    """
    for scope, chosen in _by_scope(document, nodes).items():
        for part in _parts(chosen):
            _Placing(document, scope, part, keeps=_lowest(part)).run()


def _by_scope(document: Document, nodes: Iterable[Node]) -> dict[Scope, dict[Node, None]]:
    found: dict[Scope, dict[Node, None]] = {}
    for node in nodes:
        if not node.alive or node.document is not document:
            raise NkError("A node to place was deleted, or belongs to another script.")
        if node.class_name != "BackdropNode" and node is not document.root_node:
            found.setdefault(node.scope, {})[node] = None
    return found


def _parts(nodes: Iterable[Node]) -> Iterator[dict[Node, None]]:
    """Yield nodes in groups that wires among them connect."""
    left = dict.fromkeys(nodes)
    while left:
        start = next(iter(left))
        part = {start: None}
        todo = [start]
        while todo:
            node = todo.pop()
            for other in (*node.inputs, *node.dependents):
                if other is not None and other in left and other not in part:
                    part[other] = None
                    todo.append(other)
        for node in part:
            del left[node]
        yield part


def _ends(nodes: Iterable[Node]) -> list[Node]:
    """Return those of `nodes` that no other of them reads from; a viewer reads from anywhere and counts for nobody."""
    chosen = dict.fromkeys(nodes)
    ends = [node for node in chosen if not any(other in chosen and other.class_name != "Viewer" for other in node.dependents)]
    return [node for node in ends if node.class_name != "Viewer"] or ends


def _lowest(nodes: Iterable[Node]) -> Node:
    """Return the node that stays: the lowest end."""
    return max(_ends(nodes), key=lambda node: (node.ypos, -node.xpos, -node.order))


class _Placing:
    """One scope, the nodes of it that look for places, and what stands in the way."""

    def __init__(
        self,
        document: Document,
        scope: Scope,
        new: dict[Node, None],
        *,
        keeps: Node | None = None,
        grows_backdrops: bool = True,
    ) -> None:
        self._document = document
        self._new = new
        self._waiting = dict.fromkeys(node for node in new if node is not keeps)
        self._keeps = keeps
        self._grows_backdrops = grows_backdrops
        self._tidies = keeps is not None
        self._tiles: dict[tuple[int, int], list[Rectangle]] = {}
        self._standing = [n for n in scope.nodes if n not in self._waiting and n.class_name != "BackdropNode"]
        for node in self._standing:
            self._take(rectangle(node))
        self._wires: list[_Wire] = []
        #: How many branches lie between a placed node and the trunk.
        self._aside: dict[Node, int] = {}
        self._sees_wires = len(scope.nodes) <= _MOST_WIRES
        for node in self._standing:
            for source in node.inputs:
                if source is not None and source not in self._waiting:
                    self._draw_wire(source, node)

    def run(self) -> None:
        """Place all that waits."""
        placed = [self._keeps] if self._keeps is not None else self._standing
        self._follow(placed)
        while self._waiting:
            if self._tidies:
                placed = [node for node in self._new if node not in self._waiting]
            joined = self._join(placed)
            if joined is None:
                end = _ends(next(_parts(self._waiting)))[0]
                self._put(end, *self._beside_all(end))
                joined = end
            self._follow([joined])

    def _follow(self, start: list[Node]) -> None:
        """Place what hangs together with nodes that stand: behind them first, then the branches that only feed."""
        if self._tidies:
            start = [*start, *self._go_up(start)]
        while start:
            added = self._go_down(start)
            start = [*added, *self._go_up([*start, *added])]
            if not any(other in self._waiting for node in start for other in node.dependents):
                break

    def _join(self, placed: list[Node]) -> Node | None:
        """Place one node that reads from a placed one by another input than its first."""
        for source in placed:
            for reader in source.dependents:
                if reader in self._waiting:
                    self._put(reader, *self._below(source, reader))
                    return reader
        return None

    def _go_down(self, start: list[Node]) -> list[Node]:
        added: list[Node] = []
        todo = deque(start)
        while todo:
            source = todo.popleft()
            for reader in source.dependents:
                if reader in self._waiting and _main_source(reader) is source:
                    self._put(reader, *self._below(source, reader))
                    added.append(reader)
                    todo.append(reader)
        return added

    def _go_up(self, start: list[Node]) -> list[Node]:
        # What feeds several nodes stands above them all, so it waits until each that will be placed here has its place.
        coming: set[Node] = set()
        todo = deque(start)
        while todo:
            for source in todo.popleft().inputs:
                if source is not None and source in self._waiting and source not in coming:
                    coming.add(source)
                    todo.append(source)
        added: list[Node] = []
        todo = deque(start)
        while todo:
            for source in todo.popleft().inputs:
                if source is None or source not in self._waiting or any(other in coming for other in source.dependents):
                    continue
                self._put_above(source)
                coming.discard(source)
                added.append(source)
                todo.append(source)
        return added

    def _put_above(self, node: Node) -> None:
        uses = [
            (
                slot.number != 0,
                self._aside.get(reader, 0),
                -rectangle(reader).top,
                slot.number,
                reader.order,
                slot.is_mask,
                reader,
            )
            for reader in node.dependents
            if reader not in self._waiting
            for slot in input_slots(reader)
            if slot.source is node
        ]
        # A first input of the trunk, the lowest one, makes the straight column.
        from_side, aside, _, _, _, is_mask, reader = min(uses, key=lambda use: use[:6])
        highest = min(-use[2] for use in uses)
        self._aside[node] = aside + from_side
        if from_side:
            self._put(node, *self._at_the_side(reader, node, 1 if is_mask else -1, highest))
        else:
            self._put(node, *self._above(reader, node, highest))

    # Places to try

    def _below(self, source: Node, node: Node) -> tuple[int, int]:
        above = rectangle(source)
        width, height = _size(node)
        x = (above.left + above.right - width) // 2
        first = _rows_under(above, height, 1)
        readers = [rectangle(each).top for each in node.dependents if each not in self._waiting]
        floor = min(readers) if readers else None
        if floor is not None and floor > above.bottom:
            # Between two that stand: in the middle where there is room, in the grid of the upper one.
            middle = (above.bottom + floor - height) // 2
            rows = [middle, *(first - ROW + step * ROW for step in range(_MOST_ROWS))]
            rows = [y for y in rows if y >= above.bottom + _LEAST_GAP and y + height + _LEAST_GAP <= floor]
        else:
            rows = [first + step * ROW for step in range(_MOST_ROWS)]
        return self._first_free(node, x, rows or [first], (1, -1))

    def _above(self, reader: Node, node: Node, lowest: int) -> tuple[int, int]:
        below = rectangle(reader)
        width, height = _size(node)
        x = (below.left + below.right - width) // 2
        first = min(below.top, lowest) - 2 * ROW + 18 - height
        return self._first_free(node, x, [first - step * ROW for step in range(_MOST_ROWS)], (-1, 1))

    def _at_the_side(self, reader: Node, node: Node, step: int, lowest: int) -> tuple[int, int]:
        beside = rectangle(reader)
        width, height = _size(node)
        x = (beside.left + beside.right - width) // 2 + step * COLUMN
        middle = (beside.top + beside.bottom - height) // 2
        if lowest < beside.top:
            middle = min(middle, lowest - 2 * ROW + 18 - height)
        return self._first_free(node, x, [middle], (step,))

    def _beside_all(self, node: Node) -> tuple[int, int]:
        standing = [each for each in self._standing if each.class_name != "Viewer"] or self._standing
        box = bounding_box([*standing, *(each for each in self._new if each not in self._waiting)])
        if box is None:
            return 0, 0
        rows = 0
        source = _main_source(node)
        while source in self._waiting and source is not None and rows < 1000:
            rows, source = rows + 2, _main_source(source)
        return self._first_free(node, box.right + COLUMN - _size(node)[0] // 2, [box.top + rows * ROW], (1,))

    def _first_free(self, node: Node, x: int, rows: list[int], sides: tuple[int, ...]) -> tuple[int, int]:
        """Return the first free place: the column of `x` down the rows, then the columns beside it."""
        width, height = _size(node)
        own = {node, *node.inputs, *node.dependents}
        top, bottom = min(rows), max(rows) + height
        near = [
            wire
            for wire in self._wires
            if max(wire[3], wire[5]) > top and min(wire[3], wire[5]) < bottom and not (wire[0] in own and wire[1] in own)
        ]
        # First a place near by to which a straight wire leads, then any that is clear of wires, then any.
        for straight, clear_of_wires in ((True, True), (False, True), (False, False)):
            for distance in range(_NEAR_COLUMNS if straight else _MOST_COLUMNS):
                for side in sides if distance else (0,):
                    left = x + side * distance * COLUMN
                    # Only these can run through a place in this column.
                    column: list[_Wire] | None = None
                    for y in rows:
                        area = Rectangle(left, y, left + width, y + height)
                        if not self._is_free(area):
                            continue
                        if column is None:
                            column = [
                                wire for wire in near if max(wire[2], wire[4]) > left and min(wire[2], wire[4]) < left + width
                            ]
                        if clear_of_wires and any(_crosses(wire, area) for wire in column):
                            continue
                        if straight and self._hides(node, area):
                            continue
                        return area.left, area.top
        return x, rows[0]

    def _hides(self, node: Node, area: Rectangle) -> bool:
        """Return whether a wire between `node`, would it stand at an area, and its main source would run across a tile."""
        source = _main_source(node)
        if not self._sees_wires or source is None or source in self._waiting or node.class_name == "Viewer":
            return False
        start = rectangle(source)
        wire = (
            source,
            node,
            (start.left + start.right) / 2,
            (start.top + start.bottom) / 2,
            (area.left + area.right) / 2,
            (area.top + area.bottom) / 2,
        )
        way = Rectangle(
            min(start.left, area.left), min(start.top, area.top), max(start.right, area.right), max(start.bottom, area.bottom)
        )
        return any(_crosses(wire, tile) for cell in _cells(way) for tile in self._tiles.get(cell, ()) if tile != start)

    def _is_free(self, area: Rectangle) -> bool:
        wide = Rectangle(area.left - _LEAST_GAP, area.top - 4, area.right + _LEAST_GAP, area.bottom + 4)
        return not any(_touch(wide, other) for cell in _cells(wide) for other in self._tiles.get(cell, ()))

    def _take(self, area: Rectangle) -> None:
        for cell in _cells(area):
            self._tiles.setdefault(cell, []).append(area)

    def _put(self, node: Node, x: int, y: int) -> None:
        around = _homes(node, self._waiting) if self._grows_backdrops else ()
        self._waiting.pop(node, None)
        if (node.xpos, node.ypos) != (x, y) or node.text.value("xpos") is None:
            self._document.set_knob(node, "xpos", str(x))
            self._document.set_knob(node, "ypos", str(y))
        area = rectangle(node)
        self._take(area)
        for source in node.inputs:
            if source is not None and source not in self._waiting:
                self._draw_wire(source, node)
        for reader in node.dependents:
            if reader not in self._waiting:
                self._draw_wire(node, reader)
        for backdrop in around:
            _grow(self._document, backdrop, area)

    def _draw_wire(self, source: Node, reader: Node) -> None:
        if self._sees_wires and reader.class_name != "Viewer" and reader.knob("hide_input") != "true":
            start, end = rectangle(source), rectangle(reader)
            x1, y1 = (start.left + start.right) / 2, (start.top + start.bottom) / 2
            self._wires.append((source, reader, x1, y1, (end.left + end.right) / 2, (end.top + end.bottom) / 2))


def _main_source(node: Node) -> Node | None:
    """Return what `node` goes below: what input 0 reads from, else the first connected input's source that is no mask."""
    slots = [slot for slot in input_slots(node) if slot.source is not None]
    slots.sort(key=lambda slot: (slot.is_mask, slot.number))
    return slots[0].source if slots else None


def _homes(node: Node, waiting: dict[Node, None]) -> list[Node]:
    """Return the backdrops that a node shall lie in: those of what it reads from, else those of what reads from it."""
    for others in (node.inputs, node.dependents):
        for other in others:
            if other is not None and other not in waiting:
                return backdrops_around(other)
    return []


def _grow(document: Document, backdrop: Node, area: Rectangle) -> None:
    box = rectangle(backdrop)
    left, top = min(box.left, area.left - _MARGIN), min(box.top, area.top - _MARGIN)
    right, bottom = max(box.right, area.right + _MARGIN), max(box.bottom, area.bottom + _MARGIN)
    if box.holds(area):
        return
    for knob, value, before in (
        ("xpos", left, box.left),
        ("ypos", top, box.top),
        ("bdwidth", right - left, box.right - box.left),
        ("bdheight", bottom - top, box.bottom - box.top),
    ):
        if value != before:
            document.set_knob(backdrop, knob, str(value))


def _size(node: Node) -> tuple[int, int]:
    area = rectangle(node)
    return area.right - area.left, area.bottom - area.top


def _rows_under(above: Rectangle, height: int, rows: int) -> int:
    """Return the top of a tile whose middle lies on the grid of the tile above, `rows` clear rows below it."""
    step = -(-((above.bottom - above.top + height) // 2 + _LEAST_GAP) // ROW) + rows
    return (above.top + above.bottom) // 2 + step * ROW - height // 2


def _cells(area: Rectangle) -> list[tuple[int, int]]:
    return [
        (column, row)
        for column in range(area.left // _CELL, area.right // _CELL + 1)
        for row in range(area.top // _CELL, area.bottom // _CELL + 1)
    ]


def _touch(one: Rectangle, other: Rectangle) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


def _crosses(wire: _Wire, area: Rectangle) -> bool:
    """Return whether the wire between the middles of two tiles goes through an area."""
    _, _, x1, y1, x2, y2 = wire
    if max(x1, x2) <= area.left or min(x1, x2) >= area.right or max(y1, y2) <= area.top or min(y1, y2) >= area.bottom:
        return False
    low, high = 0.0, 1.0
    for begin, length, least, most in ((x1, x2 - x1, area.left, area.right), (y1, y2 - y1, area.top, area.bottom)):
        if length == 0:
            if not least < begin < most:
                return False
            continue
        first, last = sorted(((least - begin) / length, (most - begin) / length))
        low, high = max(low, first), min(high, last)
    return low < high
