"""Where a popup opens: above what it belongs to, on its screen."""

from __future__ import annotations

from nuke_ai_panel_ui.qt import QtCore, QtWidgets

__all__ = ["show_above"]

_GAP = 4


def show_above(popup: QtWidgets.QWidget, anchor: QtWidgets.QWidget) -> None:
    """Show `popup`, in the size it has, with its bottom edge at the top of `anchor`; below it where there is no room above."""
    top = anchor.mapToGlobal(QtCore.QPoint(0, 0))
    screen = anchor.screen() if hasattr(anchor, "screen") else None
    area = screen.availableGeometry() if screen is not None else QtCore.QRect(0, 0, 100000, 100000)
    y = top.y() - popup.height() - _GAP
    if y < area.top():
        y = min(top.y() + anchor.height() + _GAP, area.bottom() - popup.height())
    x = max(area.left(), min(top.x(), area.right() - popup.width()))
    popup.move(x, y)
    popup.show()
