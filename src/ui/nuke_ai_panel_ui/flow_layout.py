"""A layout that puts widgets side by side and begins a new row when the width is used up."""

from __future__ import annotations

from nuke_ai_panel_ui.qt import Qt, QtCore, QtWidgets

__all__ = ["FlowLayout"]


class FlowLayout(QtWidgets.QLayout):
    """Lay items out from left to right, in rows; one that is wider than a whole row is narrowed to it.

    A docked panel may be 300 pixels wide with an 18 pixel font: buttons must wrap, not be cut.
    """

    def __init__(self, parent: QtWidgets.QWidget | None = None, *, spacing: int = 6) -> None:
        super().__init__(parent)
        self._items: list[QtWidgets.QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)

    def addItem(self, item: QtWidgets.QLayoutItem) -> None:
        """Append `item`; called by ``addWidget``."""
        self._items.append(item)

    def count(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QtWidgets.QLayoutItem | None:
        """Return the item at `index`, or None."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QtWidgets.QLayoutItem | None:
        """Remove and return the item at `index`, or None."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Take no more than is needed."""
        return Qt.Orientations() if hasattr(Qt, "Orientations") else Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """Narrower means higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all rows at `width` pixels."""
        return self._place(QtCore.QRect(0, 0, width, 0), apply=False)

    def setGeometry(self, rect: QtCore.QRect) -> None:
        """Place the items inside `rect`."""
        super().setGeometry(rect)
        self._place(rect, apply=True)

    def sizeHint(self) -> QtCore.QSize:
        """Return the size of everything in one row."""
        shown = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(size.width() for size in shown) + self.spacing() * max(0, len(shown) - 1)
        return QtCore.QSize(width, max((size.height() for size in shown), default=0))

    def minimumSize(self) -> QtCore.QSize:
        """Return the size of the narrowest row that still shows something of every item."""
        shown = [item.minimumSize() for item in self._items if not item.isEmpty()]
        width = max((size.width() for size in shown), default=0)
        return QtCore.QSize(min(width, 120), max((size.height() for size in shown), default=0))

    def _place(self, rect: QtCore.QRect, *, apply: bool) -> int:
        x, y, row = rect.x(), rect.y(), 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = item.sizeHint()
            width = min(hint.width(), rect.width()) if rect.width() > 0 else hint.width()
            if x > rect.x() and x + width > rect.x() + rect.width():
                x, y, row = rect.x(), y + row + self.spacing(), 0
            if apply:
                item.setGeometry(QtCore.QRect(x, y, width, hint.height()))
            x += width + self.spacing()
            row = max(row, hint.height())
        return y + row - rect.y()
