"""The node graph of a document, or what differs between two, as an SVG picture.

The text of a script is data here: labels are escaped, their HTML is taken off, and nothing in them is evaluated. The same
document gives the same bytes. Only plain shapes and text are used, so that every SVG renderer, Qt's among them, draws it alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from nuke_ai_panel.nk.document import Document
from nuke_ai_panel.nk.graph import Rectangle, backdrops_around, input_slots, rectangle
from nuke_ai_panel.nk.graph_diff import same_nodes
from nuke_ai_panel.nk.node import Node, Scope
from nuke_ai_panel.nk.svg import Canvas, Point, plain_label
from nuke_ai_panel.nk.tile_look import Colour, colour_knob, ink_on, shape, tile_colour

__all__ = ["MOST_NODES", "MOST_WITH_NAMES", "draw", "draw_diff"]

#: So many nodes of a scope are drawn, in file order; what is left out is said below the picture.
MOST_NODES = 20_000
#: A picture of more nodes than this has no names, and all tiles of a colour are one shape.
MOST_WITH_NAMES = 600

_BACKGROUND: Colour = (50, 50, 50)
_WIRE: Colour = (150, 150, 150)
_SELECTED: Colour = (255, 184, 60)
_CHANGES: dict[str, tuple[Colour, str]] = {
    "added": ((79, 195, 107), "+"),
    "removed": ((240, 98, 86), "\u2212"),
    "changed": ((246, 182, 64), "~"),
    "renamed": ((216, 140, 240), "="),
    "rewired": ((84, 174, 255), "\u2192"),
    "moved": ((176, 176, 176), "\u2194"),
}
_MARGIN = 26
#: In the picture of a difference, empty space between tiles is at most so wide and high.
_MOST_GAP = (44, 40)
_WIDEST = 1600
#: A graph that is much wider than high becomes wider than that, until its height is this or nothing is made small any more.
_LOWEST = 240
_MOST_WIDE = 16_000
#: About what a word of the legend takes with its mark.
_WORD = 80

Change = Literal["added", "removed", "changed", "renamed", "rewired", "moved"]


@dataclass
class _Picture:
    """What is to be drawn: nodes with their areas, how they changed, and wires that are gone."""

    areas: dict[Node, Rectangle] = field(default_factory=dict)
    changes: dict[Node, Change] = field(default_factory=dict)
    was_called: dict[Node, str] = field(default_factory=dict)
    new_wires: set[tuple[Node, int]] = field(default_factory=set)
    lost_wires: list[tuple[Node, Node]] = field(default_factory=list)
    note: str = ""


def draw(document: Document, *, group: Node | None = None, width: int | None = None) -> str:
    """Return the node graph of the root, or of the inside of `group`, as SVG text.

    `width` is that of the picture in pixels; without it a unit of the node graph is a pixel, up to 1600 pixels in all,
    or more where a long row of nodes would become a line. At most ``MOST_NODES`` nodes are drawn, and names only where there
    are at most ``MOST_WITH_NAMES``.
    """
    scope = _scope(document, group)
    picture = _Picture({node: rectangle(node) for node in scope.nodes[:MOST_NODES]})
    if len(scope.nodes) > MOST_NODES:
        picture.note = f"{MOST_NODES} of {len(scope.nodes)} nodes"
    return _drawn(picture, width)


def draw_diff(before: Document, after: Document, *, group: str = "", width: int | None = None) -> str:
    """Return what differs between two scripts as SVG text: the nodes concerned and their neighbours, in colours with a legend.

    Shows the root, or the group of the full name `group` in `after`; a change inside of a group that is not shown counts as a
    change of the group. Wide empty space between the tiles is taken out. `width` as for :func:`draw`.
    """
    same = same_nodes(before, after)
    now = {was: node for node, was in same.items()}
    new_scope = _scope(after, after.node(group) if group else None)
    owner = same.get(new_scope.owner) if new_scope.owner is not None else None
    old_scope = owner.children if owner is not None else before.top if new_scope.owner is None else None
    picture = _Picture()
    for node in new_scope.nodes:
        was = same.get(node)
        if was is None:
            picture.changes[node] = "added"
            picture.new_wires.update((node, index) for index, source in enumerate(node.inputs) if source is not None)
        else:
            _compare(was, node, same, now, picture)
    kept = set(same.values())
    removed = [was for was in old_scope.nodes if was not in kept] if old_scope is not None else []
    for was in removed:
        picture.changes[was] = "removed"
        for reader, source in [(was, each) for each in was.inputs] + [(each, was) for each in was.dependents]:
            if source is not None:
                picture.lost_wires.append((now.get(reader, reader), now.get(source, source)))
    picture.lost_wires = list(dict.fromkeys(picture.lost_wires))
    shown = dict.fromkeys(picture.changes)
    for node in list(shown):
        if node not in removed:
            shown.update(dict.fromkeys(each for each in (*node.inputs, *node.dependents) if each is not None))
    shown.update(dict.fromkeys(node for wire in picture.lost_wires for node in wire))
    nodes = list(shown)[:MOST_NODES]
    around = dict.fromkeys(drop for node in nodes[:MOST_WITH_NAMES] for drop in backdrops_around(node) if node.alive)
    tiles = [node for node in nodes if shape(node) != "backdrop"]
    picture.areas = _pushed_together(tiles, [*around, *(node for node in nodes if shape(node) == "backdrop")])
    if not picture.areas:
        picture.note = "No difference"
    return _drawn(picture, width)


def _compare(was: Node, node: Node, same: dict[Node, Node], now: dict[Node, Node], picture: _Picture) -> None:
    old = was.inputs
    wires = [
        index
        for index in range(max(len(old), len(node.inputs)))
        if (old[index] if index < len(old) else None)
        is not (same.get(source) if (source := node.inputs[index] if index < len(node.inputs) else None) else None)
    ]
    for index in wires:
        if index < len(node.inputs) and node.inputs[index] is not None:
            picture.new_wires.add((node, index))
        source = old[index] if index < len(old) else None
        if source is not None:
            picture.lost_wires.append((node, now.get(source, source)))
    inside = node.children is not None and was.children is not None
    if inside and node.document.text_of(node) != was.document.text_of(was):
        picture.changes[node] = "changed"
    if node.text.body != was.text.body:
        if node.name != was.name:
            picture.was_called[node] = was.name
            picture.changes[node] = "renamed"
        if dict(node.knobs) != dict(was.knobs) or node.user_knobs != was.user_knobs:
            picture.changes[node] = "changed"
    if wires:
        picture.changes.setdefault(node, "rewired")
    # A place is part of the text, which is quicker to compare than to read.
    if node.text.body != was.text.body and (node.xpos, node.ypos) != (was.xpos, was.ypos):
        picture.changes.setdefault(node, "moved")


def _scope(document: Document, group: Node | None) -> Scope:
    if group is None or group.children is None:
        return document.top
    return group.children


# Places


def _pushed_together(tiles: list[Node], backdrops: Iterable[Node]) -> dict[Node, Rectangle]:
    """Return the areas of nodes with wide empty space between the tiles taken out; backdrops shrink with it."""
    areas = {node: rectangle(node) for node in tiles}
    across = _Squeeze([(area.left, area.right) for area in areas.values()], _MOST_GAP[0])
    down = _Squeeze([(area.top, area.bottom) for area in areas.values()], _MOST_GAP[1])
    areas.update({node: rectangle(node) for node in backdrops})
    return {
        node: Rectangle(across(area.left), down(area.top), across(area.right), down(area.bottom))
        for node, area in areas.items()
    }


class _Squeeze:
    """Maps one axis of the node graph so that no gap between the given spans is wider than `most`."""

    def __init__(self, spans: list[tuple[int, int]], most: int) -> None:
        self._most = most
        self._spans: list[tuple[int, int, int]] = []
        for start, end in sorted(spans):
            if self._spans and start <= self._spans[-1][1]:
                first, last, place = self._spans[-1]
                self._spans[-1] = (first, max(last, end), place)
                continue
            place = start
            if self._spans:
                first, last, before = self._spans[-1]
                place = before + last - first + min(start - last, most)
            self._spans.append((start, end, place))

    def __call__(self, value: int) -> int:
        if not self._spans:
            return value
        start, end, place = self._spans[0]
        if value < start:
            return place - min(start - value, self._most // 2)
        low, high = 0, len(self._spans)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._spans[middle][0] <= value else (low, middle)
        start, end, place = self._spans[low]
        if value <= end:
            return place + value - start
        after = place + end - start
        if low + 1 == len(self._spans):
            return after + min(value - end, self._most // 2)
        next_start, _, next_place = self._spans[low + 1]
        room = (next_place - after) // 2
        # What lies near a tile stays as near to it: the edge of a backdrop, for one.
        return (
            after + min(value - end, room) if value - end < next_start - value else next_place - min(next_start - value, room)
        )


# Drawing


def _width(natural: int, height: int) -> int:
    """Return how wide a picture is made of what is `natural` by `height` units."""
    wanted = max(_WIDEST, _LOWEST * natural // max(1, height))
    return min(natural, wanted, _MOST_WIDE)


def _drawn(picture: _Picture, width: int | None) -> str:
    areas = picture.areas
    legend = [kind for kind in _CHANGES if kind in picture.changes.values()]
    left = min((area.left for area in areas.values()), default=0) - _MARGIN
    top = min((area.top for area in areas.values()), default=0) - _MARGIN
    right = max((area.right for area in areas.values()), default=120) + _MARGIN
    bottom = max((area.bottom for area in areas.values()), default=20) + _MARGIN
    if legend:
        # What is narrower than the words below it stays in the middle.
        short = max(0, 2 * _MARGIN + min(240, _WORD * len(legend)) - (right - left))
        left, right = left - short // 2, right + short - short // 2
    # A row of the legend holds as many words as fit; the scale of its text follows the width of the picture.
    natural = right - left
    room = width or _width(natural, bottom - top)
    unit = max(natural / room, 1.0)
    rows = _legend_rows(legend, picture.note, natural / unit - _MARGIN)
    bottom += round(len(rows) * 20 * unit)
    canvas = Canvas(left, top, right, bottom, width=room, background=_BACKGROUND)
    ordered = sorted((node for node in areas if shape(node) == "backdrop"), key=_depth)
    for node in ordered:
        _draw_backdrop(canvas, node, areas[node], picture)
    if len(areas) > MOST_WITH_NAMES:
        _draw_many(canvas, picture)
    else:
        _draw_wires(canvas, picture)
        for node in areas:
            if shape(node) != "backdrop":
                _draw_node(canvas, node, areas[node], picture)
    for number, row in enumerate(rows):
        _draw_legend(canvas, row, left + _MARGIN * unit, bottom - ((len(rows) - number) * 20 - 4) * unit, unit)
    return canvas.text()


def _depth(node: Node) -> tuple[float, int, int]:
    area = rectangle(node)
    try:
        z_order = float(node.knob("z_order") or 0)
    except ValueError:
        z_order = 0.0
    return z_order, -(area.right - area.left) * (area.bottom - area.top), node.order


def _draw_backdrop(canvas: Canvas, node: Node, area: Rectangle, picture: _Picture) -> None:
    fill = tile_colour(node)
    edge = _CHANGES[picture.changes[node]][0] if node in picture.changes else None
    canvas.box(area, fill, edge=edge, edge_width=3, opacity=0.75)
    if node.selected:
        canvas.box(area, None, edge=_SELECTED, edge_width=3)
    label = plain_label(node.knob("label") or "")
    if label:
        try:
            size = min(max(float(node.knob("note_font_size") or 11), 8), 96)
        except ValueError:
            size = 11.0
        if picture.changes:
            size = min(size, 13)
        size = min(size, max((area.bottom - area.top) / 2, 8))
        ink = colour_knob(node, "note_font_color") or ink_on(fill)
        canvas.lines(label, area.left + 6, area.top + 4, size, ink, room=area.right - area.left - 12, most=2)


def _draw_many(canvas: Canvas, picture: _Picture) -> None:
    wires: list[tuple[Point, Point]] = []
    tiles: dict[Colour, list[Rectangle]] = {}
    for node, area in picture.areas.items():
        if shape(node) == "backdrop":
            continue
        colour = _CHANGES[picture.changes[node]][0] if node in picture.changes else tile_colour(node)
        tiles.setdefault(_SELECTED if node.selected else colour, []).append(area)
        if not _hides_inputs(node):
            wires.extend(
                (_middle(picture.areas[source]), _middle(area)) for source in node.inputs if source in picture.areas and source
            )
    canvas.many_lines(wires, _WIRE)
    for colour, areas in tiles.items():
        canvas.many_boxes(areas, colour)


def _draw_wires(canvas: Canvas, picture: _Picture) -> None:
    areas = picture.areas
    for reader, source in picture.lost_wires:
        if reader in areas and source in areas:
            start, end = _clipped(areas[source], areas[reader], -7.0)
            canvas.line(start, end, _CHANGES["removed"][0], width=1.6, dashed=True)
    for node, area in areas.items():
        if shape(node) == "backdrop" or not node.inputs:
            continue
        if _hides_inputs(node):
            continue
        slots = input_slots(node)
        uses = [slot for slot in slots if slot.source is not None]
        named = len(uses) > 1 or any(slot.is_mask for slot in uses)
        for slot in uses:
            if slot.source not in areas or slot.source is None:
                continue
            twins = [each for each in uses if each.source is slot.source]
            offset = (twins.index(slot) - (len(twins) - 1) / 2) * 14
            start, end = _clipped(areas[slot.source], area, offset)
            if slot.is_mask and areas[slot.source].left >= area.right:
                end = (area.right, (area.top + area.bottom) / 2)
                start = _edge(areas[slot.source], end)
            is_new = (node, slot.number) in picture.new_wires
            kind = "added" if picture.changes.get(node) == "added" else "rewired"
            colour = _CHANGES[kind][0] if is_new else _WIRE
            canvas.arrow(start, end, colour, width=2 if is_new else 1.1, dashed=node.class_name == "Viewer")
            if named and slot.name and shape(node) != "dot":
                canvas.wire_name(slot.name, start, end, colour)


def _draw_node(canvas: Canvas, node: Node, area: Rectangle, picture: _Picture) -> None:
    fill = tile_colour(node)
    ink = colour_knob(node, "note_font_color") or ink_on(fill)
    change = picture.changes.get(node)
    mark = _CHANGES[change] if change is not None else None
    gone = change == "removed"
    canvas.open_group(f"{node.path} ({node.class_name})" + (f", {change}" if change else ""), 0.62 if gone else 1.0)
    edge, edge_width = (20, 20, 20), 1.0
    if node.selected:
        edge, edge_width = _SELECTED, 2.4
    kind = shape(node)
    if kind in ("dot", "round"):
        canvas.disc(area, fill, edge=edge, edge_width=edge_width)
    else:
        if node.children is not None or node.class_name in ("LiveGroup", "VariableGroup"):
            canvas.box(_moved(area, 3, 3), _darker(fill), edge=edge, edge_width=1, radius=2)
        canvas.box(area, fill, edge=edge, edge_width=edge_width, radius=0 if kind == "note" else 2.5)
    if kind == "dot":
        label = plain_label(node.knob("label") or "")
        if label:
            canvas.lines(label, area.right + 5, area.top - 1, 9, (220, 220, 220), room=120, most=1)
    elif kind == "note":
        canvas.lines(plain_label(node.knob("label") or "") or node.name, area.left + 4, area.top + 3, 9, ink, room=200, most=4)
    elif kind == "round":
        canvas.name(node.name, area, ink)
    elif area.bottom - area.top > 40:
        picture_area = Rectangle(area.left + 4, area.top + 4, area.right - 4, area.bottom - 20)
        canvas.box(picture_area, (24, 24, 24))
        canvas.name(node.name, Rectangle(area.left, area.bottom - 19, area.right, area.bottom), ink)
    else:
        canvas.name(node.name, area, ink)
    if node.knob("disable") == "true":
        canvas.cross(area, (30, 30, 30))
    if node.clone_of is not None or node.clones:
        canvas.box(Rectangle(area.right - 9, area.top, area.right, area.top + 5), (255, 120, 30))
    if mark is not None:
        canvas.box(_moved(area, 0, 0, 3), None, edge=mark[0], edge_width=2.6, radius=4, dashed=gone)
        canvas.badge(mark[1], area.left - 3, area.top - 3, mark[0])
    if node in picture.was_called:
        was = f"was {picture.was_called[node]}"
        canvas.lines(was, area.left, area.bottom + 5, 8.5, _CHANGES["renamed"][0], room=110, most=1)
    canvas.close_group()


def _legend_rows(kinds: list[str], note: str, room: float) -> list[list[str]]:
    rows: list[list[str]] = []
    used = room
    for word in [*kinds, *([note] if note else [])]:
        size = 30 + 7 * len(word)
        if used + size > room:
            rows.append([])
            used = 0
        rows[-1].append(word)
        used += size
    return rows


def _draw_legend(canvas: Canvas, row: list[str], x: float, y: float, unit: float) -> None:
    for word in row:
        if word in _CHANGES:
            colour, sign = _CHANGES[word]
            canvas.badge(sign, x, y, colour, scale=unit)
            canvas.lines(word, x + 11 * unit, y - 6 * unit, 11 * unit, (225, 225, 225), room=1e6, most=1)
        else:
            canvas.lines(word, x, y - 6 * unit, 11 * unit, (225, 225, 225), room=1e6, most=1)
        x += (30 + 7 * len(word)) * unit


def _hides_inputs(node: Node) -> bool:
    return "hide_input" in node.text.body and node.knob("hide_input") == "true"


def _darker(colour: Colour) -> Colour:
    return colour[0] * 2 // 3, colour[1] * 2 // 3, colour[2] * 2 // 3


def _moved(area: Rectangle, across: int, down: int, more: int = 0) -> Rectangle:
    return Rectangle(area.left + across - more, area.top + down - more, area.right + across + more, area.bottom + down + more)


def _middle(area: Rectangle) -> Point:
    return (area.left + area.right) / 2, (area.top + area.bottom) / 2


def _clipped(source: Rectangle, reader: Rectangle, offset: float) -> tuple[Point, Point]:
    """Return where a wire leaves one tile and meets the other, on the line between their middles, `offset` to the side."""
    (x1, y1), (x2, y2) = _middle(source), _middle(reader)
    most = min((reader.right - reader.left) / 2, (source.right - source.left) / 2) - 2
    shift = max(-most, min(offset, most))
    x1, x2 = x1 + shift, x2 + shift
    return _edge(source, (x2, y2), (x1, y1)), _edge(reader, (x1, y1), (x2, y2))


def _edge(area: Rectangle, towards: Point, inside: Point | None = None) -> Point:
    x, y = inside or _middle(area)
    across, down = towards[0] - x, towards[1] - y
    shares = [1.0]
    if across:
        shares.append(((area.right if across > 0 else area.left) - x) / across)
    if down:
        shares.append(((area.bottom if down > 0 else area.top) - y) / down)
    share = min(shares)
    return x + across * share, y + down * share
