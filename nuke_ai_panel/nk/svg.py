"""A small SVG writer for pictures of the node graph: boxes, discs, wires, text; nothing that a simple renderer lacks."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence

from nuke_ai_panel.nk.graph import Rectangle
from nuke_ai_panel.nk.tile_look import Colour, ink_on

__all__ = ["Canvas", "Point", "hex_colour", "plain_label"]

Point = tuple[float, float]

_FONT = "Verdana, 'DejaVu Sans', Arial, sans-serif"
# The width of an average letter of Verdana and DejaVu Sans, in shares of the font size.
_LETTER = 0.62
_TAG = re.compile(r"<(?:br|/p|/div|hr)\s*/?>", re.IGNORECASE)
_OTHER_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,400}>")
# XML 1.0 has no form for these, not even an escaped one.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def hex_colour(colour: Colour) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def plain_label(text: str) -> str:
    """Return the words of a label: the HTML that Nuke allows in it is taken off, line ends are kept."""
    if "<" in text:
        text = _OTHER_TAG.sub("", _TAG.sub("\n", text[:10_000]))
    return "\n".join(line.strip() for line in html.unescape(text[:10_000]).strip().splitlines())


class Canvas:
    """A picture of an area of the node graph. Coordinates are those of the node graph; :meth:`text` gives the SVG."""

    def __init__(self, left: float, top: float, right: float, bottom: float, *, width: float, background: Colour) -> None:
        across, down = max(right - left, 1), max(bottom - top, 1)
        height = width * down / across
        self._parts = [
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_short(width)}" height="{_short(height)}"'
            f' viewBox="{_short(left)} {_short(top)} {_short(across)} {_short(down)}" font-family="{_FONT}">\n'
            f'<rect x="{_short(left)}" y="{_short(top)}" width="{_short(across)}" height="{_short(down)}"'
            f' fill="{hex_colour(background)}"/>\n'
        ]
        self._background = background

    def text(self) -> str:
        """Return the whole picture."""
        return "".join(self._parts) + "</svg>\n"

    def open_group(self, title: str, opacity: float = 1.0) -> None:
        """Begin what belongs together under a title that a viewer shows on hover."""
        faded = f' opacity="{_short(opacity)}"' if opacity < 1 else ""
        self._parts.append(f"<g{faded}><title>{_escaped(title)}</title>\n")

    def close_group(self) -> None:
        """End what :meth:`open_group` began."""
        self._parts.append("</g>\n")

    def box(
        self,
        area: Rectangle,
        fill: Colour | None,
        *,
        edge: Colour | None = None,
        edge_width: float = 1,
        radius: float = 0,
        opacity: float = 1.0,
        dashed: bool = False,
    ) -> None:
        """Draw a rectangle."""
        self._parts.append(
            f'<rect x="{area.left}" y="{area.top}" width="{area.right - area.left}" height="{area.bottom - area.top}"'
            + (f' rx="{_short(radius)}"' if radius else "")
            + (f' fill="{hex_colour(fill)}"' if fill is not None else ' fill="none"')
            + (f' fill-opacity="{_short(opacity)}"' if opacity < 1 else "")
            + _stroke(edge, edge_width, dashed)
            + "/>\n"
        )

    def disc(self, area: Rectangle, fill: Colour, *, edge: Colour, edge_width: float) -> None:
        """Draw the largest circle in an area."""
        radius = min(area.right - area.left, area.bottom - area.top) / 2
        self._parts.append(
            f'<circle cx="{_short((area.left + area.right) / 2)}" cy="{_short((area.top + area.bottom) / 2)}"'
            f' r="{_short(radius)}" fill="{hex_colour(fill)}"{_stroke(edge, edge_width, False)}/>\n'
        )

    def line(self, start: Point, end: Point, colour: Colour, *, width: float = 1, dashed: bool = False) -> None:
        """Draw a line."""
        self._parts.append(f'<path d="M{_at(start)}L{_at(end)}" fill="none"{_stroke(colour, width, dashed)}/>\n')

    def arrow(self, start: Point, end: Point, colour: Colour, *, width: float = 1, dashed: bool = False) -> None:
        """Draw a line with a head at `end`."""
        length = math.hypot(end[0] - start[0], end[1] - start[1])
        self.line(start, end, colour, width=width, dashed=dashed)
        if length < 1:
            return
        size = min(7.0, max(length * 0.6, 3.0))
        across, down = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        back = end[0] - across * size, end[1] - down * size
        side = size * 0.42
        corners = [end, (back[0] - down * side, back[1] + across * side), (back[0] + down * side, back[1] - across * side)]
        points = " ".join(_at(corner) for corner in corners)
        self._parts.append(f'<polygon points="{points}" fill="{hex_colour(colour)}"/>\n')

    def wire_name(self, name: str, start: Point, end: Point, colour: Colour) -> None:
        """Write the name of an input beside its arrow, near the head."""
        length = max(math.hypot(end[0] - start[0], end[1] - start[1]), 1)
        share = min(14 / length, 0.5)
        x, y = end[0] + (start[0] - end[0]) * share, end[1] + (start[1] - end[1]) * share
        lighter: Colour = (min(colour[0] + 60, 255), min(colour[1] + 60, 255), min(colour[2] + 60, 255))
        slanted = abs(start[0] - end[0]) > abs(start[1] - end[1])
        y += -3 if slanted else 3
        self._text(name[:12], x + (0 if slanted else 4), y, 8, lighter, middle=slanted)

    def name(self, name: str, area: Rectangle, ink: Colour) -> None:
        """Write a node's name into the middle of its tile, smaller or shortened where it does not fit."""
        room = area.right - area.left - 4
        size = 11.0
        while size > 8.5 and len(name) * size * _LETTER > room:
            size -= 0.5
        letters = max(int(room / (size * _LETTER)), 3)
        if len(name) > letters:
            # Nodes differ in their numbers, so both ends of a name stay.
            name = name[: letters - 1 - letters // 3] + "\u2026" + name[len(name) - letters // 3 :]
        self._text(name, (area.left + area.right) / 2, (area.top + area.bottom) / 2 + size * 0.36, size, ink, middle=True)

    def lines(self, text: str, x: float, y: float, size: float, ink: Colour, *, room: float, most: int) -> None:
        """Write lines of text below each other from their upper left corner, each cut to `room`."""
        letters = max(int(room / (size * _LETTER)), 2)
        for number, line in enumerate(text.splitlines()[:most]):
            shown = line if len(line) <= letters else line[: letters - 1].rstrip() + "\u2026"
            self._text(shown, x, y + size * (0.95 + 1.25 * number), size, ink)

    def badge(self, sign: str, x: float, y: float, colour: Colour, *, scale: float = 1.0) -> None:
        """Draw a small round mark with a sign in it."""
        self._parts.append(f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{_short(6 * scale)}" fill="{hex_colour(colour)}"/>\n')
        self._text(sign, x, y + 3.6 * scale, 10 * scale, ink_on(colour), middle=True, bold=True)

    def cross(self, area: Rectangle, colour: Colour) -> None:
        """Cross an area out, as Nuke does with a disabled node."""
        self._parts.append(
            f'<path d="M{area.left} {area.top}L{area.right} {area.bottom}M{area.right} {area.top}L{area.left} {area.bottom}"'
            f' fill="none"{_stroke(colour, 1.2, False)}/>\n'
        )

    def many_lines(self, wires: Sequence[tuple[Point, Point]], colour: Colour) -> None:
        """Draw thin lines as one shape."""
        if wires:
            path = "".join(f"M{_at(start)}L{_at(end)}" for start, end in wires)
            self._parts.append(f'<path d="{path}" fill="none"{_stroke(colour, 1, False)}/>\n')

    def many_boxes(self, areas: Iterable[Rectangle], colour: Colour) -> None:
        """Draw rectangles of one colour as one shape."""
        path = "".join(f"M{a.left} {a.top}H{a.right}V{a.bottom}H{a.left}z" for a in areas)
        self._parts.append(f'<path d="{path}" fill="{hex_colour(colour)}"/>\n')

    def _text(
        self, text: str, x: float, y: float, size: float, ink: Colour, *, middle: bool = False, bold: bool = False
    ) -> None:
        self._parts.append(
            f'<text x="{_short(x)}" y="{_short(y)}" font-size="{_short(size)}" fill="{hex_colour(ink)}"'
            + (' text-anchor="middle"' if middle else "")
            + (' font-weight="bold"' if bold else "")
            + f">{_escaped(text)}</text>\n"
        )


def _escaped(text: str) -> str:
    return html.escape(_NOT_XML.sub("\ufffd", text), quote=True)


def _stroke(colour: Colour | None, width: float, dashed: bool) -> str:
    if colour is None:
        return ""
    return f' stroke="{hex_colour(colour)}" stroke-width="{_short(width)}"' + (' stroke-dasharray="5 4"' if dashed else "")


def _at(point: Point) -> str:
    return f"{_short(point[0])} {_short(point[1])}"


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") if number != int(number) else str(int(number))
