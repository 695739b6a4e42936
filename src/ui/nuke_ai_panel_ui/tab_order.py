"""The order of the Tab key: as things are seen, from top to bottom, whatever was built or shown first."""

from __future__ import annotations

from collections.abc import Sequence

from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets

__all__ = ["tab_step", "tab_stops"]


def tab_stops(area: QtWidgets.QWidget) -> list[QtWidgets.QWidget]:
    """Return what inside `area` is seen and takes the keyboard, from top to bottom and from left to right."""
    found = [each for each in area.findChildren(QtWidgets.QWidget) if _takes_tab(each)]
    origin = QtCore.QPoint(0, 0)
    places = {each: each.mapTo(area, origin) for each in found}
    return sorted(found, key=lambda each: (places[each].y(), places[each].x()))


def tab_step(panel: QtWidgets.QWidget, stops: Sequence[QtWidgets.QWidget], forward: bool) -> bool:
    """Give the keyboard to the stop after the present one; False where something outside of `panel` is next."""
    order = [each for each in stops if _takes_tab(each)]
    if not order:
        return False
    reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
    now = QtWidgets.QApplication.focusWidget()
    if now in order:
        place = order.index(now) + (1 if forward else -1)
        if 0 <= place < len(order):
            _focus(order[place], reason)
            return True
        outside = _outside(panel, forward)
        _focus(outside or order[0 if forward else -1], reason)
        return True
    return False


def _takes_tab(widget: QtWidgets.QWidget) -> bool:
    policy = Qt.FocusPolicy.TabFocus
    takes = widget.focusPolicy() in (policy, Qt.FocusPolicy.StrongFocus, Qt.FocusPolicy.WheelFocus)
    return takes and widget.isEnabled() and widget.isVisible() and widget.focusProxy() is None and not widget.isWindow()


def _outside(panel: QtWidgets.QWidget, forward: bool) -> QtWidgets.QWidget | None:
    """Return the next stop of the window that the panel is docked in; None where the panel is all there is."""
    widget: QtWidgets.QWidget | None = panel
    for _ in range(10_000):
        widget = widget.nextInFocusChain() if forward else widget.previousInFocusChain()  # type: ignore[union-attr]
        if widget is None or widget is panel:
            return None
        if not panel.isAncestorOf(widget) and _takes_tab(widget) and widget.window() is panel.window():
            return widget
    return None


def _focus(widget: QtWidgets.QWidget, reason: Qt.FocusReason) -> None:
    widget.setFocus(reason)
    area = widget.parentWidget()
    while area is not None and not isinstance(area, QtWidgets.QAbstractScrollArea):
        area = area.parentWidget()
    if area is None or not area.viewport().isAncestorOf(widget):
        return
    top = widget.mapTo(area.viewport(), QtCore.QPoint(0, 0)).y()
    bar, room = area.verticalScrollBar(), area.viewport().height()
    if top + widget.height() > room:
        bar.setValue(bar.value() + min(top, top + widget.height() - room + 8))
    elif top < 0:
        bar.setValue(bar.value() + top - 8)
