"""A flat button that opens a list: its words, and an arrow right behind them."""

from __future__ import annotations

from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets
from nuke_ai_panel_ui.theme import Theme

__all__ = ["ArrowButton"]


class ArrowButton(QtWidgets.QToolButton):
    """Shows words and an arrow; the words are cut in the middle where there is no room."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        # No wider than its words: what stands beside it belongs to it.
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Maximum, QtWidgets.QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._theme = theme
        self._words = ""

    def set_theme(self, theme: Theme) -> None:
        """Use the theme's colours."""
        self._theme = theme
        self.update()

    def show_words(self, words: str) -> None:
        """Show `words`."""
        self._words = words
        self.setText(words)
        self.updateGeometry()
        self.update()

    @property
    def _arrow(self) -> int:
        """The side of the arrow in pixels; it grows with the font."""
        return max(12, self.fontMetrics().ascent() - 2)

    def sizeHint(self) -> QtCore.QSize:
        """Return room for all words and the arrow."""
        metrics = self.fontMetrics()
        return QtCore.QSize(metrics.horizontalAdvance(self._words) + self._arrow + 22, metrics.lineSpacing() + 10)

    def minimumSizeHint(self) -> QtCore.QSize:
        """Shrink to a few letters."""
        return QtCore.QSize(min(64, self.sizeHint().width()), self.sizeHint().height())

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the frame of the style, the cut words and the arrow."""
        option = QtWidgets.QStyleOptionToolButton()
        self.initStyleOption(option)
        option.text = ""
        # The arrow of a menu that the style would paint is the one below.
        option.features = QtWidgets.QStyleOptionToolButton.ToolButtonFeature.None_
        painter = QtWidgets.QStylePainter(self)
        painter.drawComplexControl(QtWidgets.QStyle.ComplexControl.CC_ToolButton, option)
        side = self._arrow
        box = self.rect().adjusted(8, 0, -side - 10, 0)
        words = self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideMiddle, box.width())
        painter.setPen(QtGui.QColor(self._theme.text))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), words)
        taken = min(self.fontMetrics().horizontalAdvance(words), box.width())
        arrow = QtCore.QRect(box.left() + taken + 3, (self.height() - side) // 2, side, side)
        icon("down", self._theme.dim).paint(painter, arrow)
        painter.end()
