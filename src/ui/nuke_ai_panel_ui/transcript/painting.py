"""Drawing of documents with a selection laid over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui
from nuke_ai_panel_ui.transcript.look import Look

__all__ = ["Canvas", "draw_document", "draw_fade"]

_FADE_WIDTH = 32
_EMPTY_LINE_WIDTH = 4


class Canvas(NamedTuple):
    """Where rows paint: the text column begins at `x` and is `width` wide, in a viewport of `full_width` by `full_height`."""

    painter: QtGui.QPainter
    look: Look
    x: int
    width: int
    full_width: int
    full_height: int


def draw_document(
    canvas: Canvas,
    document: QtGui.QTextDocument,
    origin: QtCore.QPointF,
    *,
    clip: QtCore.QRect | None = None,
    selected: tuple[int, int] | None = None,
    ink: str = "text",
    marks_empty_lines: bool = False,
) -> None:
    """Draw `document` at `origin`, inside `clip`, in the theme's colour `ink`.

    The characters from `selected[0]` to `selected[1]` look selected, with `marks_empty_lines` also lines without any.
    """
    painter = canvas.painter
    painter.save()
    if clip is not None:
        painter.setClipRect(clip, Qt.ClipOperation.IntersectClip)
    painter.translate(origin)
    area = QtCore.QRectF(clip) if clip is not None else QtCore.QRectF(0, 0, canvas.full_width, canvas.full_height)
    area.translate(-origin.x(), -origin.y())
    context: Any = QtGui.QAbstractTextDocumentLayout.PaintContext()
    palette = QtGui.QPalette()
    palette.setColor(QtGui.QPalette.ColorRole.Text, canvas.look.colour(ink))
    context.palette = palette
    context.clip = area
    document.documentLayout().draw(painter, context)
    if selected is not None:
        # Not PaintContext.selections: PySide2 5.15 ignores it and PySide6 6.5 returns cursors that are gone. Laid over the
        # text, so that code with a background of its own shows its selection too.
        veil = QtGui.QColor(canvas.look.colour("accent"))
        veil.setAlpha(95)
        for rectangle in _line_rectangles(document, selected[0], selected[1], area):
            if rectangle.width() > 0:
                painter.fillRect(rectangle, veil)
            elif marks_empty_lines:
                painter.fillRect(rectangle.adjusted(0, 0, _EMPTY_LINE_WIDTH, 0), veil)
    painter.restore()


def draw_fade(canvas: Canvas, area: QtCore.QRect, colour: QtGui.QColor, *, to_right: bool) -> None:
    """Let the right (or left) end of `area` fade into `colour`: there is more behind the edge."""
    width = min(_FADE_WIDTH, area.width() // 3)
    left = area.right() + 1 - width if to_right else area.left()
    clear = QtGui.QColor(colour)
    clear.setAlpha(0)
    gradient = QtGui.QLinearGradient(left, 0, left + width, 0)
    gradient.setColorAt(0, clear if to_right else colour)
    gradient.setColorAt(1, colour if to_right else clear)
    canvas.painter.fillRect(QtCore.QRect(left, area.top(), width, area.height()), QtGui.QBrush(gradient))


def _line_rectangles(document: QtGui.QTextDocument, start: int, end: int, area: QtCore.QRectF) -> Iterator[QtCore.QRectF]:
    layout = document.documentLayout()
    block = document.findBlock(start)
    while block.isValid() and block.position() <= end and start < end:
        text = block.layout()
        origin = layout.blockBoundingRect(block).topLeft()
        if origin.y() > area.bottom():
            return
        first = max(0, start - block.position())
        last = min(block.length() - 1, end - block.position())
        for number in range(text.lineCount()):
            line = text.lineAt(number)
            line_start, line_end = line.textStart(), line.textStart() + line.textLength()
            if line_end < first or line_start > last:
                continue
            left = _cursor_x(line, max(first, line_start))
            right = _cursor_x(line, min(last, line_end))
            yield QtCore.QRectF(origin.x() + left, origin.y() + line.y(), right - left, line.height())
        block = block.next()


def _cursor_x(line: QtGui.QTextLine, position: int) -> float:
    # PySide2 returns the position it took as well.
    x: Any = line.cursorToX(position)
    return float(x[0] if isinstance(x, tuple) else x)
