"""The panel's head: the state dot with its words, the conversation's title, and the panel's own buttons."""

from __future__ import annotations

from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.labels import ElidedLabel, button, tool_button
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal
from nuke_ai_panel_ui.theme import Theme

__all__ = ["Header"]


class Header(QtWidgets.QWidget):
    """Shows a state and offers what is always there. ``stop_requested`` says that what the words tell of is to end."""

    stop_requested = Signal()

    #: Milliseconds after which *Stop* is shown: most checks are over by then, and a button that flickers helps nobody.
    STOP_AFTER = 700

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.setSpacing(8)
        self.dot = QtWidgets.QLabel()
        row.addWidget(self.dot)
        column = QtWidgets.QVBoxLayout()
        column.setSpacing(0)
        self.title = ElidedLabel("New conversation")
        self.title.setObjectName("title")
        self.words = ElidedLabel()
        self.words.setObjectName("small")
        column.addWidget(self.title)
        # As wide as the words, so that Stop stands right behind what it stops.
        self.words.setSizePolicy(QtWidgets.QSizePolicy.Policy.Maximum, QtWidgets.QSizePolicy.Policy.Preferred)
        phase = QtWidgets.QHBoxLayout()
        phase.setSpacing(6)
        phase.addWidget(self.words)
        column.addLayout(phase)
        row.addLayout(column, 1)
        self.stop = button("Stop", self.stop_requested.emit, name="Stop the check")
        self.stop.setToolTip("Stop the check (Esc)")
        self.stop.setSizePolicy(QtWidgets.QSizePolicy.Policy.Fixed, QtWidgets.QSizePolicy.Policy.Fixed)
        self.stop.setObjectName("stopSmall")
        self.stop.hide()
        self._stop_timer = QtCore.QTimer(self)
        self._stop_timer.setSingleShot(True)
        self._stop_timer.timeout.connect(self.stop.show)
        phase.addWidget(self.stop)
        phase.addStretch(1)
        self.new = tool_button("New conversation")
        self.settings = tool_button("Settings")
        self.more = tool_button("More")
        self.more.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        buttons = QtWidgets.QHBoxLayout()
        buttons.setSpacing(2)
        for each in (self.new, self.settings, self.more):
            buttons.addWidget(each)
        row.addLayout(buttons)
        self._theme = theme
        self._kind = "checking"
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the theme's colours."""
        self._theme = theme
        for each, name in ((self.new, "add"), (self.settings, "settings"), (self.more, "more")):
            each.setIcon(icon(name, theme.text))
            each.setIconSize(QtCore.QSize(theme.font_px + 4, theme.font_px + 4))
        # The line is as high without Stop as with it, or the conversation below would jump.
        self.stop.ensurePolished()
        self.words.setMinimumHeight(self.stop.sizeHint().height())
        self._draw_dot()

    def show_state(self, kind: str, words: str, *, can_stop: bool = False) -> None:
        """Show a state; ``kind`` is that of :class:`~nuke_ai_panel_ui.phases.PanelState`. `can_stop` offers to end it."""
        self.words.setText(words)
        self.dot.setAccessibleName(words)
        self.dot.setToolTip(words)
        if not can_stop:
            self._stop_timer.stop()
            self.stop.hide()
        elif not self.stop.isVisibleTo(self) and not self._stop_timer.isActive():
            self._stop_timer.start(self.STOP_AFTER)
        if kind != self._kind:
            self._kind = kind
            self._draw_dot()

    def _draw_dot(self) -> None:
        theme = self._theme
        colour = {"ready": theme.ok, "busy": theme.accent, "offline": theme.error}.get(self._kind, theme.dim)
        ratio = self.devicePixelRatioF()
        image = QtGui.QPixmap(round(10 * ratio), round(10 * ratio))
        image.setDevicePixelRatio(ratio)
        image.fill(QtGui.QColor(0, 0, 0, 0))
        painter = QtGui.QPainter(image)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QtGui.QColor(colour))
        painter.drawEllipse(QtCore.QRectF(0.5, 0.5, 9, 9))
        painter.end()
        self.dot.setPixmap(image)
