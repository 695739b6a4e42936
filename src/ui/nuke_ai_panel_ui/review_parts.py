"""Parts of the review card: the code that can be edited, the picture of the graph, and the reason of a rejection."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from nuke_ai_panel_ui.cards import Fold
from nuke_ai_panel_ui.flow_layout import FlowLayout
from nuke_ai_panel_ui.labels import button
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal
from nuke_ai_panel_ui.theme import Theme
from nuke_ai_panel_ui.transcript.code_highlighter import CodeHighlighter

__all__ = ["CodeFold", "GraphPicture", "ReasonField"]

_log = logging.getLogger(__name__)

#: A picture of more bytes takes longer than a frame to paint; it is shown when it is asked for.
_SHOWN_AT_ONCE = 40_000
_SIZE = re.compile(r'<svg\b[^>]{0,400}?\bwidth="([\d.]+)"[^>]{0,200}?\bheight="([\d.]+)"')
_MOST_HEIGHT = 300
#: Smaller than this no name can be read.
_SMALLEST = 0.5
#: Lower than this, in pixels, a picture has room to be larger.
_LOW = 60
#: Where it is cut, so many pixels run out.
_FADE = 36

_LANGUAGES = {"tcl": "tcl", "nk": "nk", "gizmo": "nk", "expression": "text", "blink": "cpp"}


class CodeFold(Fold):
    """The proposed code behind a one-line button, editable. ``edited`` says that it was changed by hand or changed back."""

    edited = Signal()

    def __init__(self, code: str, kind: str, theme: Theme) -> None:
        # The end of the last line would be shown as an empty line below it.
        super().__init__("Show code", code[:-1] if code.endswith("\n") else code, theme)
        self._code = code
        self.lines.setReadOnly(False)
        self.lines.setAccessibleName("The proposed code")
        colours = {
            "keyword": theme.syntax_keyword,
            "string": theme.syntax_string,
            "number": theme.syntax_number,
            "comment": theme.syntax_comment,
            "call": theme.syntax_call,
        }
        self._highlighter = CodeHighlighter(self.lines.document(), _LANGUAGES.get(kind, "python"), colours)
        self.lines.textChanged.connect(self.edited.emit)
        self.toggled.connect(self._name_switch)

    @property
    def code(self) -> str:
        """The code as it stands in the field."""
        text = self.lines.toPlainText()
        return text if text.endswith("\n") or not self._code.endswith("\n") else text + "\n"

    @property
    def is_edited(self) -> bool:
        """Whether the field holds something else than was proposed."""
        return self.code != self._code

    def set_editable(self, editable: bool) -> None:
        """Let the code be changed, or not any more."""
        self.lines.setReadOnly(not editable)

    def _name_switch(self, opened: bool) -> None:
        self.switch.setText("Hide code" if opened else "Show code")
        self.switch.setAccessibleName(self.switch.text())


class GraphPicture(QtWidgets.QWidget):
    """A picture of the changed part of the node graph, as large as it can be read; a click shows it in full.

    A large graph is cut and not made small: names of six pixels help nobody. A very large one is drawn when it is asked for.
    ``opened`` says that it was, or could not be.
    """

    opened = Signal()

    def __init__(self, svg: str, words: str, theme: Theme) -> None:
        super().__init__()
        self._svg = svg
        self._image = QtGui.QImage()
        self._size = _size_of(svg)
        self._is_wanted = bool(svg) and len(svg) <= _SHOWN_AT_ONCE
        self._drawn = QtGui.QPixmap()
        self._dim = QtGui.QColor(theme.dim)
        self._edge = QtGui.QColor(theme.line)
        self._focus = QtGui.QColor(theme.accent)
        self._window: QtWidgets.QScrollArea | None = None
        self.setAccessibleName(f"Picture of the change: {words}")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setToolTip("Click to see it in full" if self._is_wanted else "Click to draw it")

    @property
    def has_picture(self) -> bool:
        """Whether there is a picture, drawn already or not."""
        return bool(self._svg)

    @property
    def is_loaded(self) -> bool:
        """Whether it is drawn."""
        return not self._image.isNull()

    def load(self) -> bool:
        """Draw the picture; False where this Qt has no plug-in for SVG."""
        if not self.is_loaded and self._svg:
            if self._image.loadFromData(QtCore.QByteArray(self._svg.encode()), "SVG"):
                self._size = self._image.size()
            else:
                _log.info("This Qt cannot show SVG; the change is told in words only")
                self._svg = ""
        return self.is_loaded

    def _load_wanted(self) -> None:
        """Draw it after its card is seen: both in one turn would take longer than a frame."""
        if not self.is_loaded and self._svg:
            height = self.height()
            self.load()
            self._fit()
            self.update()
            if self.height() != height or not self._svg:
                self.opened.emit()

    def _fit(self) -> None:
        height = self.heightForWidth(self.width())
        if self.maximumHeight() != height or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def hasHeightForWidth(self) -> bool:
        """Keep the proportions."""
        return True

    def _scale(self, width: int) -> float:
        """Return how large it is drawn: so that all of it fits, but never too small to read."""
        height = max(1, self._size.height())
        fits = min((width - 2) / max(1, self._size.width()), _MOST_HEIGHT / height)
        # A low picture that is cut anyway need not be small as well.
        least = 1.0 if height * _SMALLEST < _LOW else _SMALLEST
        return min(1.0, max(least, fits))

    def heightForWidth(self, width: int) -> int:
        """Return the height at a width, in pixels."""
        if not self.is_loaded and not self._is_wanted:
            return self.fontMetrics().lineSpacing() + 14 if self._svg else 0
        return min(_MOST_HEIGHT, int(self._size.height() * self._scale(width))) + 2

    def sizeHint(self) -> QtCore.QSize:
        """Fill the width that there is."""
        return QtCore.QSize(200, self.heightForWidth(max(200, self.width())))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Ask for another height at another width."""
        super().resizeEvent(event)
        self._drawn = QtGui.QPixmap()
        self._fit()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the picture on a band of its own colour, and a ring where it has the focus."""
        painter = QtGui.QPainter(self)
        inner = self.rect().adjusted(0, 0, -1, -1)
        if self.is_loaded:
            if self._drawn.isNull():
                self._draw()
            painter.fillRect(inner, self._image.pixelColor(0, 0))
            ratio = self._drawn.devicePixelRatio()
            size = QtCore.QSize(round(self._drawn.width() / ratio), round(self._drawn.height() / ratio))
            painter.drawPixmap(max(1, (self.width() - size.width()) // 2), 1, self._drawn)
        elif self._is_wanted:
            QtCore.QTimer.singleShot(0, self._load_wanted)
        else:
            painter.setPen(self._dim)
            painter.drawText(inner, int(Qt.AlignmentFlag.AlignCenter), "Show the change as a picture")
        painter.setPen(self._focus if self.hasFocus() else self._edge)
        painter.drawRect(inner)
        painter.end()

    def _draw(self) -> None:
        """Bring the picture to the size it is seen in, once: scaling it at every paint would cost as much as drawing it."""
        ratio, scale = self.devicePixelRatioF(), self._scale(self.width())
        room = QtCore.QSize(int((self.width() - 2) / scale), int((self.height() - 2) / scale))
        left = max(0, (self._image.width() - room.width()) // 2)
        seen = self._image.copy(QtCore.QRect(QtCore.QPoint(left, 0), room.boundedTo(self._image.size())))
        drawn = seen.scaled(
            seen.size() * scale * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        drawn.setDevicePixelRatio(ratio)
        self._drawn = QtGui.QPixmap.fromImage(drawn)
        # A pixel or two are lost to rounding.
        if seen.height() < self._image.height() - 4:
            self._fade(drawn.size() / ratio, ((0, -1),))
        if seen.width() < self._image.width() - 4:
            self._fade(drawn.size() / ratio, ((1, 0), (-1, 0)))

    def _fade(self, size: QtCore.QSize, towards: Iterable[tuple[int, int]]) -> None:
        """Let the cut edges run out, so that it is seen that there is more; `towards` are the ways from them inwards."""
        colour = self._image.pixelColor(0, 0)
        clear = QtGui.QColor(colour)
        clear.setAlpha(0)
        painter = QtGui.QPainter(self._drawn)
        for across, down in towards:
            begin = QtCore.QPoint(size.width() if across < 0 else 0, size.height() if down < 0 else 0)
            end = begin + QtCore.QPoint(across, down) * _FADE
            shade = QtGui.QLinearGradient(QtCore.QPointF(begin), QtCore.QPointF(end))
            shade.setColorAt(0, colour)
            shade.setColorAt(1, clear)
            corner = QtCore.QPoint(0 if across else size.width(), 0 if down else size.height())
            painter.fillRect(QtCore.QRect(begin, end + corner).normalized(), shade)
        painter.end()

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        """Show the picture in full."""
        super().mouseReleaseEvent(event)
        self._press()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Show the picture in full with the keys that press a button."""
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._press()
            return
        super().keyPressEvent(event)

    def _press(self) -> None:
        if self.is_loaded:
            self.show_in_full()
            return
        self.load()
        self.setToolTip("Click to see it in full")
        self._fit()
        self.update()
        self.opened.emit()

    def show_in_full(self) -> None:
        """Open the picture in a window of its own."""
        window = QtWidgets.QScrollArea(self.window())
        window.setWindowFlag(Qt.WindowType.Window)
        window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        window.setWindowTitle(self.accessibleName())
        shown = QtWidgets.QLabel()
        shown.setPixmap(QtGui.QPixmap.fromImage(self._image))
        shown.setAccessibleName(self.accessibleName())
        window.setWidget(shown)
        room = self.screen().availableSize() if hasattr(self, "screen") else QtCore.QSize(1200, 800)
        window.resize(min(self._image.width() + 24, room.width() - 100), min(self._image.height() + 24, room.height() - 100))
        window.show()
        self._window = window


def _size_of(svg: str) -> QtCore.QSize:
    """Return how large a picture says it is, so that its room is there before it is drawn."""
    found = _SIZE.search(svg[:2000])
    return QtCore.QSize(round(float(found.group(1))), round(float(found.group(2)))) if found else QtCore.QSize(264, 120)


class ReasonField(QtWidgets.QWidget):
    """One line for what should be different. Enter rejects with it, Esc goes back; both are emitted, neither decides.

    ``given`` carries the line, and whether the like of it is never wanted in this conversation.
    """

    given = Signal(str, bool)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        self.line = QtWidgets.QLineEdit()
        self.line.setPlaceholderText("What should be different? (may stay empty)")
        self.line.setAccessibleName("Why it is rejected")
        self.line.returnPressed.connect(self._give)
        rows.addWidget(self.line)
        self.never = QtWidgets.QCheckBox("Never here")
        self.never.setToolTip("Turn down what does the same by itself, in this conversation")
        self.never.setAccessibleDescription(self.never.toolTip())
        rows.addWidget(self.never)
        self.reject = button("Reject", self._give, name="Reject the script", primary=True)
        self.back = button("Back", self.left.emit, name="Do not reject it")
        row = FlowLayout()
        row.addWidget(self.reject)
        row.addWidget(self.back)
        rows.addLayout(row)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Leave the field with Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)

    def _give(self) -> None:
        self.given.emit(self.line.text().strip(), self.never.isChecked())
