"""Choosing a model: a button that names the one in use, and a list with a search field that opens above it."""

from __future__ import annotations

from collections.abc import Sequence

from nuke_ai_panel.agent.session import ModelChoice
from nuke_ai_panel_ui.arrow_button import ArrowButton
from nuke_ai_panel_ui.labels import button, label
from nuke_ai_panel_ui.popups import show_above
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal
from nuke_ai_panel_ui.theme import Theme

__all__ = ["ModelButton", "ModelPicker"]

_CHOICE = int(Qt.ItemDataRole.UserRole)
_DETAIL = _CHOICE + 1
_KIND = _CHOICE + 2


class ModelButton(ArrowButton):
    """Names the model in use; pressing it asks for the list. The name is cut in the middle where there is no room."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.show_model("", "")

    def show_model(self, title: str, model: str) -> None:
        """Name `model` of the provider with `title`; "" says that none is chosen."""
        self.show_words(model or "Choose a model")
        self.setAccessibleName(f"Model: {model}" if model else "Choose a model")
        self.setToolTip(f"{model} \u00b7 {title}" if model else "No model is chosen")


class _RowPainter(QtWidgets.QStyledItemDelegate):
    """Paints a provider's name, a model with its detail at the right, or what is wrong with a provider."""

    def __init__(self, theme: Theme, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self.theme = theme

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: QtCore.QModelIndex) -> QtCore.QSize:
        """Return one line with some air."""
        return QtCore.QSize(80, option.fontMetrics.lineSpacing() + (10 if index.data(_KIND) == "provider" else 8))

    def paint(self, painter: QtGui.QPainter, option: QtWidgets.QStyleOptionViewItem, index: QtCore.QModelIndex) -> None:
        """Paint one row."""
        theme, kind = self.theme, index.data(_KIND)
        box = QtCore.QRect(option.rect)
        painter.save()
        selected = bool(option.state & QtWidgets.QStyle.StateFlag.State_Selected)
        if kind == "model" and selected:
            painter.fillRect(box, QtGui.QColor(theme.accent))
        ink = theme.on_accent if selected and kind == "model" else theme.text
        centre = int(Qt.AlignmentFlag.AlignVCenter)
        metrics = option.fontMetrics
        inner = box.adjusted(8 if kind == "provider" else 18, 0, -8, 0)
        font = QtGui.QFont(option.font)
        if kind == "provider":
            font.setBold(True)
            painter.setFont(font)
            painter.setPen(QtGui.QColor(theme.dim))
            painter.drawText(inner, centre | int(Qt.AlignmentFlag.AlignLeft), str(index.data()))
        else:
            painter.setFont(font)
            detail = str(index.data(_DETAIL) or "") if kind == "model" else ""
            name_width = metrics.horizontalAdvance(str(index.data()))
            room = inner.width() - name_width - 14
            if detail and room > 40:
                shown = metrics.elidedText(detail, Qt.TextElideMode.ElideRight, room)
                painter.setPen(QtGui.QColor(ink if selected else theme.dim))
                painter.drawText(inner, centre | int(Qt.AlignmentFlag.AlignRight), shown)
            painter.setPen(QtGui.QColor(theme.dim if kind == "error" else ink))
            mode = Qt.TextElideMode.ElideRight if kind == "error" else Qt.TextElideMode.ElideMiddle
            text = metrics.elidedText(str(index.data()), mode, inner.width())
            painter.drawText(inner, centre | int(Qt.AlignmentFlag.AlignLeft), text)
        painter.restore()


class ModelPicker(QtWidgets.QFrame):
    """The list that opens: typing filters, Up and Down move, Enter chooses, Esc closes.

    ``chosen`` carries provider and model; ``refresh_requested`` and ``settings_requested`` are the two buttons below the list.
    """

    chosen = Signal(str, str)
    refresh_requested = Signal()
    settings_requested = Signal()

    def __init__(self, theme: Theme, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self.setAccessibleName("Models")
        self._choices: tuple[ModelChoice, ...] = ()
        self._current = ("", "")
        self._is_looking = False
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(6, 6, 6, 6)
        rows.setSpacing(6)
        self.search = QtWidgets.QLineEdit()
        self.search.setPlaceholderText("Search models")
        self.search.setAccessibleName("Search models")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda *_: self._fill())
        self.search.installEventFilter(self)
        rows.addWidget(self.search)
        self.list = QtWidgets.QListWidget()
        self.list.setAccessibleName("Models")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(False)
        self.list.setMouseTracking(True)
        self.list.itemEntered.connect(self._hover)
        self.list.itemClicked.connect(self._choose)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._painter = _RowPainter(theme, self.list)
        self.list.setItemDelegate(self._painter)
        rows.addWidget(self.list, 1)
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(6)
        self.status = label("", dim=True)
        row.addWidget(self.status, 1)
        self.refresh = button("Refresh", self.refresh_requested.emit, name="Read the lists of models again")
        self.settings = button("Settings\u2026", self._open_settings, name="Open settings")
        row.addWidget(self.refresh)
        row.addWidget(self.settings)
        rows.addLayout(row)

    def show_choices(self, choices: Sequence[ModelChoice], current: tuple[str, str], *, is_looking: bool = False) -> None:
        """List `choices`; `current` is (provider, model) in use. While `is_looking`, the lists are being read."""
        self._choices, self._current, self._is_looking = tuple(choices), current, is_looking
        self.refresh.setEnabled(not is_looking)
        self._fill()

    def open_above(self, anchor: QtWidgets.QWidget, width: int) -> None:
        """Open with the bottom edge at the top of `anchor`, or below it where the screen has no room above."""
        self.search.clear()
        self._fill()
        rows = min(self.list.count(), 14)
        line = self.list.sizeHintForRow(0) if self.list.count() else 24
        chrome = self.sizeHint().height() - self.list.sizeHint().height()
        self.resize(width, max(160, chrome + rows * line + 8))
        show_above(self, anchor)
        self.search.setFocus(Qt.FocusReason.PopupFocusReason)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Move through the list and choose while the search field has the keys."""
        if watched is self.search and event.type() == QtCore.QEvent.Type.KeyPress:
            key = event.key()
            steps = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: 10,
                Qt.Key.Key_PageUp: -10,
            }
            if key in steps:
                self._move(steps[key])
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                item = self.list.currentItem()
                if item is not None:
                    self._choose(item)
                return True
        return bool(super().eventFilter(watched, event))

    def _fill(self) -> None:
        words = self.search.text().lower().split()
        self.list.clear()
        current: QtWidgets.QListWidgetItem | None = None
        first: QtWidgets.QListWidgetItem | None = None
        models = 0
        provider = ""
        for choice in self._choices:
            if choice.name and not all(word in f"{choice.title} {choice.name}".lower() for word in words):
                continue
            if choice.error and words:
                continue
            if choice.provider != provider:
                provider = choice.provider
                self._add("provider", choice.title, None)
            if choice.error:
                self._add("error", choice.error, None).setToolTip(choice.error)
                continue
            models += 1
            item = self._add("model", choice.name, choice)
            first = first or item
            if (choice.provider, choice.name) == self._current:
                current = item
        chosen = current if current is not None and not words else first
        if chosen is not None:
            self.list.setCurrentItem(chosen)
        if self._is_looking:
            self.status.setText("Looking\u2026")
        elif words and not models:
            self.status.setText("No model matches")
        else:
            self.status.setText("1 model" if models == 1 else f"{models} models")

    def _add(self, kind: str, text: str, choice: ModelChoice | None) -> QtWidgets.QListWidgetItem:
        item = QtWidgets.QListWidgetItem(text)
        item.setData(_KIND, kind)
        if choice is None:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        else:
            item.setData(_CHOICE, (choice.provider, choice.name))
            item.setData(_DETAIL, choice.detail)
            item.setToolTip(f"{choice.name} \u00b7 {choice.detail}" if choice.detail else choice.name)
        self.list.addItem(item)
        return item

    def _move(self, step: int) -> None:
        models = [row for row in range(self.list.count()) if self.list.item(row).data(_KIND) == "model"]
        if not models:
            return
        row = self.list.currentRow()
        place = models.index(row) if row in models else 0
        self.list.setCurrentRow(models[max(0, min(len(models) - 1, place + step))])

    def _hover(self, item: QtWidgets.QListWidgetItem) -> None:
        if item.data(_KIND) == "model":
            self.list.setCurrentItem(item)

    def _choose(self, item: QtWidgets.QListWidgetItem) -> None:
        if item.data(_KIND) != "model":
            return
        provider, model = item.data(_CHOICE)
        self.hide()
        self.chosen.emit(provider, model)

    def _open_settings(self) -> None:
        self.hide()
        self.settings_requested.emit()
