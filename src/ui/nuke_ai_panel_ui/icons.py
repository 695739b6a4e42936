"""The panel's icons, drawn from strokes on a 16 x 16 grid.

They are painted in code, not loaded: which Qt modules and image plug-ins a host ships is not certain (QtSvg may be missing),
and a drawing has neither a file to find in a wheel nor a colour that a palette could make unreadable.
"""

from __future__ import annotations

from functools import lru_cache

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui

__all__ = ["ICON_NAMES", "icon", "pixmap"]

# One string per stroke: "M x y L x y ..." a polyline, "Z" closes it, "C" a cubic curve (three points), "O x y r" a ring,
# "A x y r start span" an arc in degrees, "D x y r" a filled dot.
_STROKES: dict[str, tuple[str, ...]] = {
    "add": ("M 8 3 L 8 13", "M 3 8 L 13 8"),
    "settings": (
        "M 2 4.5 L 8.4 4.5",
        "M 12 4.5 L 14 4.5",
        "O 10.2 4.5 1.8",
        "M 2 11.5 L 4 11.5",
        "M 7.6 11.5 L 14 11.5",
        "O 5.8 11.5 1.8",
    ),
    "more": ("D 3 8 1.2", "D 8 8 1.2", "D 13 8 1.2"),
    "check": ("M 3 8.5 L 6.5 12 L 13 4.5",),
    "cross": ("M 4 4 L 12 12", "M 12 4 L 4 12"),
    "dash": ("M 5 8 L 11 8",),
    "warning": ("M 8 2.2 L 14.4 13.4 L 1.6 13.4 Z", "M 8 6.2 L 8 9.4", "D 8 11.4 0.8"),
    "spinner": ("A 8 8 5 90 270",),
    "down": ("M 4.5 6.5 L 8 10 L 11.5 6.5",),
    "right": ("M 6.5 4.5 L 10 8 L 6.5 11.5",),
    "search": ("O 6.8 6.8 4.2", "M 10 10 L 14 14"),
    "eye": ("M 1.5 8 C 4.5 3 11.5 3 14.5 8 C 11.5 13 4.5 13 1.5 8", "O 8 8 2"),
    "eye-off": ("M 1.5 8 C 4.5 3 11.5 3 14.5 8 C 11.5 13 4.5 13 1.5 8", "M 3 14 L 13 2"),
    "refresh": ("A 8 8 5 60 290", "M 12.8 2.2 L 12.8 5.6 L 9.4 5.6"),
    "folder": ("M 2 4 L 6.5 4 L 8 5.8 L 14 5.8 L 14 13 L 2 13 Z",),
    "node": ("M 3 5.5 L 13 5.5 L 13 10.5 L 3 10.5 Z", "M 8 2 L 8 5.5", "M 8 10.5 L 8 14"),
    "stop": ("M 4.5 4.5 L 11.5 4.5 L 11.5 11.5 L 4.5 11.5 Z",),
}

#: Every name that :func:`icon` knows.
ICON_NAMES = tuple(_STROKES)

_SIZES = (16, 20, 24, 32, 48, 64)


def _path(strokes: tuple[str, ...]) -> tuple[QtGui.QPainterPath, QtGui.QPainterPath]:
    """Return what is stroked and what is filled."""
    lines, dots = QtGui.QPainterPath(), QtGui.QPainterPath()
    for stroke in strokes:
        words = stroke.split()
        while words:
            kind = words.pop(0)
            if kind == "Z":
                lines.closeSubpath()
                continue
            count = {"M": 2, "L": 2, "C": 6, "O": 3, "D": 3, "A": 5}[kind]
            values = [float(word) for word in words[:count]]
            del words[:count]
            if kind == "M":
                lines.moveTo(*values)
            elif kind == "L":
                lines.lineTo(*values)
            elif kind == "C":
                lines.cubicTo(*values)
            elif kind == "O":
                lines.addEllipse(QtCore.QPointF(values[0], values[1]), values[2], values[2])
            elif kind == "D":
                dots.addEllipse(QtCore.QPointF(values[0], values[1]), values[2], values[2])
            else:
                x, y, radius, start, span = values
                box = QtCore.QRectF(x - radius, y - radius, 2 * radius, 2 * radius)
                lines.arcMoveTo(box, start)
                lines.arcTo(box, start, span)
    return lines, dots


def pixmap(name: str, colour: str, size: int, *, turn: float = 0.0) -> QtGui.QPixmap:
    """Return icon `name` in `colour`, `size` device pixels square, turned clockwise by `turn` degrees."""
    lines, dots = _path(_STROKES[name])
    image = QtGui.QPixmap(size, size)
    image.fill(QtGui.QColor(0, 0, 0, 0))
    painter = QtGui.QPainter(image)
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    painter.scale(size / 16, size / 16)
    if turn:
        painter.translate(8, 8)
        painter.rotate(turn)
        painter.translate(-8, -8)
    pen = QtGui.QPen(QtGui.QColor(colour), 1.4)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.drawPath(lines)
    painter.fillPath(dots, QtGui.QColor(colour))
    painter.end()
    return image


@lru_cache(maxsize=128)
def icon(name: str, colour: str) -> QtGui.QIcon:
    """Return icon `name` in `colour` (``#rrggbb``), sharp from 16 to 64 pixels. Needs a QGuiApplication."""
    made = QtGui.QIcon()
    for size in _SIZES:
        made.addPixmap(pixmap(name, colour, size))
    return made
