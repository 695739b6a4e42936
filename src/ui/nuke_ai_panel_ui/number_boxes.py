"""Boxes for numbers: the wheel scrolls the page and changes no number by accident, and a limit may be none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nuke_ai_panel.settings import Range
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets

__all__ = ["LimitBox", "NumberBox"]

_NONE = "No limit"


class NumberBox(QtWidgets.QSpinBox):
    """A whole number. The wheel turns it only while it has the keyboard."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        """Leave the wheel to the page while the keyboard is elsewhere."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class LimitBox(QtWidgets.QDoubleSpinBox):
    """A limit. Steps go from rung to rung of `rungs`; above the highest, and by typing 0, there is none where that is allowed.

    "No limit" stands above the highest number and not below the lowest: whoever turns it down wants less, not everything.
    `units` are the words after one and after more.
    """

    def __init__(
        self, allowed: Range, rungs: Sequence[float], *, prefix: str = "", units: tuple[str, str] = ("", ""), decimals: int = 0
    ) -> None:
        super().__init__()
        self._allowed = allowed
        self._rungs = sorted({*(rung for rung in rungs if allowed.low < rung < allowed.high), allowed.low, allowed.high})
        self._units = units
        # The value that was set, and how it is shown: a file may say more digits than there is room for.
        self._set: tuple[float, float | None] = (math.nan, None)
        if QtCore.QLocale().language() == QtCore.QLocale.Language.C:
            # It would leave out the marks between thousands.
            self.setLocale(QtCore.QLocale(QtCore.QLocale.Language.English))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setDecimals(decimals)
        self.setGroupSeparatorShown(not decimals)
        self.setRange(0 if allowed.may_be_none else allowed.low, allowed.high)
        self.setPrefix(prefix)
        if allowed.may_be_none:
            self.setSpecialValueText(_NONE)
        self.valueChanged.connect(lambda *_: self._show_unit())
        self.editingFinished.connect(self._lift)
        self._show_unit()

    def limit(self) -> float | None:
        """Return the limit, None for no limit; a whole number is an int."""
        value = self.value()
        if value == self._set[0]:
            return self._set[1]
        if self._allowed.may_be_none and value == 0:
            return None
        value = max(self._allowed.low, value)
        return value if self.decimals() else round(value)

    def set_limit(self, limit: float | None) -> None:
        """Show `limit`, None for no limit."""
        self.setValue(0 if limit is None else limit)
        self._set = (self.value(), limit)

    def stepBy(self, steps: int) -> None:
        """Go `steps` rungs up, or down where it is negative."""
        limit = self.limit()
        now = math.inf if limit is None else limit
        for _ in range(abs(steps)):
            if steps > 0:
                now = next((rung for rung in self._rungs if rung > now), math.inf if self._allowed.may_be_none else now)
            else:
                now = next((rung for rung in reversed(self._rungs) if rung < now), now)
        self.setValue(0 if now == math.inf else now)
        self.selectAll()

    def stepEnabled(self) -> QtWidgets.QAbstractSpinBox.StepEnabled:
        """Say which arrow does something."""
        flags = QtWidgets.QAbstractSpinBox.StepEnabledFlag
        limit = self.limit()
        enabled = flags.StepNone | flags.StepNone
        if limit is not None and (limit < self._allowed.high or self._allowed.may_be_none):
            enabled |= flags.StepUpEnabled
        if limit is None or limit > self._allowed.low:
            enabled |= flags.StepDownEnabled
        return enabled

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        """Leave the wheel to the page while the keyboard is elsewhere."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _lift(self) -> None:
        """Show the lowest number that is allowed in place of a lower one that was typed."""
        if 0 < self.value() < self._allowed.low:
            self.setValue(self._allowed.low)

    def _show_unit(self) -> None:
        unit = self._units[0] if self.value() == 1 else self._units[1]
        if unit and self.suffix() != f" {unit}":
            self.setSuffix(f" {unit}")
