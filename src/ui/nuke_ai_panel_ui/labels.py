"""Labels and buttons in the panel's manner: plain text only, accessible names, cut with dots where there is no room."""

from __future__ import annotations

from collections.abc import Callable

from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets

__all__ = [
    "ElidedButton",
    "ElidedCheckBox",
    "ElidedLabel",
    "announce",
    "button",
    "fit_height",
    "heading",
    "label",
    "restyle",
    "tool_button",
]


def label(text: str = "", *, dim: bool = False, wrap: bool = False, selectable: bool = False) -> QtWidgets.QLabel:
    """Return a label that shows `text` as it is, never as rich text: most of what it shows comes from outside."""
    made = QtWidgets.QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    if wrap:
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    if dim:
        made.setObjectName("dim")
    if selectable:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def heading(text: str) -> QtWidgets.QLabel:
    """Return a large label that wraps."""
    made = label(text, wrap=True)
    made.setObjectName("heading")
    return made


class ElidedLabel(QtWidgets.QLabel):
    """One line of plain text that is cut with dots; the whole text is its tool tip then, else what :attr:`tip` says."""

    def __init__(self, text: str = "", *, dim: bool = False) -> None:
        super().__init__()
        self.tip = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        if dim:
            self.setObjectName("dim")
        self.setText(text)

    def minimumSizeHint(self) -> QtCore.QSize:
        """Shrink to a few letters."""
        return QtCore.QSize(20, super().minimumSizeHint().height())

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the text, cut to the width."""
        text = " ".join(self.text().split())
        shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, self.contentsRect().width())
        self.setToolTip(self.tip or (text if shown != text else ""))
        painter = QtGui.QPainter(self)
        self.style().drawItemText(
            painter,
            self.contentsRect(),
            int(self.alignment()),
            self.palette(),
            self.isEnabled(),
            shown,
            self.foregroundRole(),
        )
        painter.end()


class ElidedButton(QtWidgets.QPushButton):
    """A push button whose words are cut with dots when it gets less room than it asks for."""

    def minimumSizeHint(self) -> QtCore.QSize:
        """Shrink to a few letters."""
        return QtCore.QSize(48, super().minimumSizeHint().height())

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Let Enter press the button that has the focus, and not the one that its window would press."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self.click()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the button with its words cut to the width."""
        option = QtWidgets.QStyleOptionButton()
        self.initStyleOption(option)
        room = self.style().subElementRect(QtWidgets.QStyle.SubElement.SE_PushButtonContents, option, self).width()
        if not option.icon.isNull():
            room -= option.iconSize.width() + 4
        # Two pixels: the text is measured in whole pixels but drawn in fractions of them.
        option.text = option.fontMetrics.elidedText(option.text, Qt.TextElideMode.ElideRight, room + 2)
        painter = QtWidgets.QStylePainter(self)
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButton, option)
        painter.end()


class ElidedCheckBox(QtWidgets.QCheckBox):
    """A check box whose words are cut with dots when it gets less room than it asks for; its tool tip has them all then."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setAccessibleName(text)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QtCore.QSize:
        """Shrink to a few letters."""
        return QtCore.QSize(48, super().minimumSizeHint().height())

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Tell in the tool tip what there is no room for."""
        super().resizeEvent(event)
        if not self.toolTip() or self.toolTip() == self.text():
            self.setToolTip(self.text() if self.width() < self.sizeHint().width() else "")

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the box with its words cut to the width."""
        option = QtWidgets.QStyleOptionButton()
        self.initStyleOption(option)
        room = self.style().subElementRect(QtWidgets.QStyle.SubElement.SE_CheckBoxContents, option, self).width()
        option.text = option.fontMetrics.elidedText(option.text, Qt.TextElideMode.ElideRight, room + 2)
        painter = QtWidgets.QStylePainter(self)
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_CheckBox, option)
        painter.end()


def button(text: str, clicked: Callable[[], object], *, name: str = "", primary: bool = False) -> ElidedButton:
    """Return a push button; `name` is what a screen reader says where the words alone do not tell."""
    made = ElidedButton(text)
    made.setAccessibleName(name or text)
    made.setAutoDefault(False)
    if primary:
        made.setObjectName("primary")
    made.clicked.connect(lambda *_: clicked())
    return made


def tool_button(name: str, clicked: Callable[[], object] | None = None) -> QtWidgets.QToolButton:
    """Return a flat button for an icon; `name` is its tool tip and what a screen reader says."""
    made = QtWidgets.QToolButton()
    made.setAccessibleName(name)
    made.setToolTip(name)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    if clicked is not None:
        made.clicked.connect(lambda *_: clicked())
    return made


def restyle(widget: QtWidgets.QWidget, name: str) -> None:
    """Give `widget` the look that the style sheet has for `name`."""
    if widget.objectName() != name:
        widget.setObjectName(name)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def announce(widget: QtWidgets.QWidget) -> None:
    """Have a screen reader say the name of `widget` now, without moving the keyboard; PySide2 has no way to."""
    event = getattr(QtGui, "QAccessibleEvent", None)
    if event is not None and QtGui.QAccessible.isActive():
        QtGui.QAccessible.updateAccessibility(event(widget, QtGui.QAccessible.Event.Alert))


def fit_height(window: QtWidgets.QWidget, width: int) -> None:
    """Make a window `width` pixels wide and as high as its wrapped words need at that width, no higher."""
    window.ensurePolished()
    layout = window.layout()
    if layout is None:
        return
    layout.activate()
    height = layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else layout.totalSizeHint().height()
    window.resize(width, max(height, layout.totalMinimumSize().height()))
