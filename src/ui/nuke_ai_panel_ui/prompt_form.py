"""A small window that asks for what a prompt still needs: what a menu command opens. And a list to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nuke_ai_panel.agent.prompt_library import PromptTemplate
from nuke_ai_panel_ui.labels import button, label
from nuke_ai_panel_ui.panel_style import window_style_sheet
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, Signal
from nuke_ai_panel_ui.theme import Theme

__all__ = ["EntryList", "ListEntry", "PromptForm", "PromptList"]

#: What is written in sentences gets a field of several lines.
_LONG = frozenset({"request", "error"})
#: An example for a blank of a shipped prompt.
_PLACEHOLDERS = {
    "generate_script.request": "Add a Grade after every Read, named after its file",
    "generate_expression.request": "Drift slowly between 0.9 and 1.1",
    "generate_blink.request": "Soft clip above a threshold, with a knee",
    "explain_error.error": "Paste the message or the traceback",
}


class PromptForm(QtWidgets.QDialog):
    """Ask for the blanks of one prompt. It blocks nothing: ``filled`` carries the prompt's name and the values.

    Enter sends, Shift+Enter breaks the line in a long field, Escape closes. What was typed and not sent is kept.
    """

    filled = Signal(str, object)

    def __init__(
        self, template: PromptTemplate, parent: QtWidgets.QWidget | None = None, *, theme: Theme | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("promptForm")
        self.setStyleSheet(window_style_sheet(theme))
        self.setWindowTitle(template.title)
        self._template = template
        self.fields: dict[str, QtWidgets.QPlainTextEdit | QtWidgets.QLineEdit] = {}
        rows = QtWidgets.QVBoxLayout(self)
        for variable in template.variables:
            name = label(variable.question, wrap=True)
            field: QtWidgets.QPlainTextEdit | QtWidgets.QLineEdit
            if variable.name in _LONG:
                field = QtWidgets.QPlainTextEdit()
                field.setTabChangesFocus(True)
                field.setPlaceholderText(_PLACEHOLDERS.get(f"{template.name}.{variable.name}", ""))
            else:
                field = QtWidgets.QLineEdit()
                may_stay_empty = "May stay empty" if variable.default is not None else ""
                field.setPlaceholderText(variable.default or may_stay_empty)
            field.setAccessibleName(variable.question)
            field.textChanged.connect(self._show_state)
            field.installEventFilter(self)
            name.setBuddy(field)
            rows.addWidget(name)
            rows.addWidget(field, 1 if variable.name in _LONG else 0)
            self.fields[variable.name] = field
        self.send_button = button("Generate" if template.mode == "generate" else "Ask", self.send, primary=True)
        self.send_button.setDefault(True)
        self.cancel_button = button("Cancel", self.reject)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(label("Nothing runs before you have seen it.", dim=True), 1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.send_button)
        rows.addLayout(buttons)
        self._show_state()
        self.resize(440, self.sizeHint().height() if not _LONG & set(self.fields) else 170 + 56 * (len(self.fields) - 1))

    def ask(self, values: Mapping[str, str] | None = None) -> None:
        """Show the window with the cursor in the first empty field, filled in with `values`. Returns at once."""
        for name, value in (values or {}).items():
            field = self.fields.get(name)
            if isinstance(field, QtWidgets.QPlainTextEdit):
                field.setPlainText(value)
            elif field is not None:
                field.setText(value)
        self.show()
        self.raise_()
        self.activateWindow()
        empty = [name for name in self.fields if not self.value(name)]
        first = self.fields[empty[0] if empty else next(iter(self.fields))]
        first.setFocus()
        if not empty:
            first.selectAll()

    def value(self, name: str) -> str:
        """Return what stands in a field."""
        field = self.fields[name]
        return (field.toPlainText() if isinstance(field, QtWidgets.QPlainTextEdit) else field.text()).strip()

    def send(self) -> None:
        """Close the window and hand out the values; nothing happens while something is missing."""
        if not self._is_complete():
            return
        values = {name: self.value(name) for name in self.fields}
        for field in self.fields.values():
            field.clear()
        self.accept()
        self.filled.emit(self._template.name, values)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Let Enter send; a text field would take it as a new line."""
        if event.type() == QtCore.QEvent.Type.KeyPress and watched in self.fields.values():
            assert isinstance(event, QtGui.QKeyEvent)
            is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.send()
                return True
        return bool(super().eventFilter(watched, event))

    def _is_complete(self) -> bool:
        return all(self.value(each.name) or each.default is not None for each in self._template.variables)

    def _show_state(self) -> None:
        self.send_button.setEnabled(self._is_complete())


@dataclass(frozen=True)
class ListEntry:
    """One line of a list to choose from: its constant ``key``, and what is shown and searched."""

    key: str
    title: str
    group: str = ""
    detail: str = ""


class EntryList(QtWidgets.QDialog):
    """A list that is searched by typing. ``chosen`` carries the key of one entry; Enter chooses, Escape closes.

    Args:
        noun: what its entries are, in the plural.
        hint: how to come by the first one.
    """

    chosen = Signal(str)

    def __init__(
        self, title: str, noun: str, parent: QtWidgets.QWidget | None = None, *, hint: str = "", theme: Theme | None = None
    ) -> None:
        super().__init__(parent)
        self._hint = hint
        self.setObjectName("entryList")
        self.setStyleSheet(window_style_sheet(theme))
        self.setWindowTitle(title)
        self._noun = noun
        rows = QtWidgets.QVBoxLayout(self)
        self.search = QtWidgets.QLineEdit()
        self.search.setPlaceholderText(f"Search {noun}")
        self.search.setAccessibleName(f"Search {noun}")
        self.search.textChanged.connect(lambda *_: self._fill())
        self.search.returnPressed.connect(self._choose)
        self.search.installEventFilter(self)
        rows.addWidget(self.search)
        self.list = QtWidgets.QListWidget()
        self.list.setObjectName("entries")
        self.list.setAccessibleName(title)
        # A long title goes on in a second line: what is beside the window's edge is not read.
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemActivated.connect(lambda *_: self._choose())
        rows.addWidget(self.list, 1)
        self.status = label("", dim=True, wrap=True)
        rows.addWidget(self.status)
        self.problems = label("", wrap=True, selectable=True)
        self.problems.setObjectName("problem")
        rows.addWidget(self.problems)
        self._entries: tuple[ListEntry, ...] = ()
        self.resize(380, 420)

    def ask(self, entries: Sequence[ListEntry], problems: Sequence[str]) -> None:
        """Show the window with `entries`; `problems` name the files that cannot be used."""
        self._entries = tuple(entries)
        self.problems.setText("\n".join(problems))
        self.problems.setVisible(bool(problems))
        self.search.clear()
        self._fill()
        self.show()
        self.raise_()
        self.activateWindow()
        self.search.setFocus()

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Move through the list while the search field has the keys."""
        if watched is self.search and event.type() == QtCore.QEvent.Type.KeyPress:
            assert isinstance(event, QtGui.QKeyEvent)
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(event.key())
            if step is not None:
                row = self.list.currentRow() + step
                self.list.setCurrentRow(max(0, min(self.list.count() - 1, row)))
                return True
        return bool(super().eventFilter(watched, event))

    def _fill(self) -> None:
        words = self.search.text().casefold().split()
        self.list.clear()
        for each in self._entries:
            searched = f"{each.title} {each.group} {each.key}".casefold()
            if all(word in searched for word in words):
                item = QtWidgets.QListWidgetItem(f"{each.group} \u203a {each.title}" if each.group else each.title)
                item.setData(int(Qt.ItemDataRole.UserRole), each.key)
                item.setToolTip(each.detail)
                self.list.addItem(item)
        self.list.setCurrentRow(0)
        none = f"There are no {self._noun} yet. {self._hint}".strip() if not self._entries else f"No {self._noun} match."
        self.status.setText(none)
        self.status.setVisible(not self.list.count())

    def _choose(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.accept()
            self.chosen.emit(str(item.data(int(Qt.ItemDataRole.UserRole))))


class PromptList(EntryList):
    """All prompts of the library. ``chosen`` carries the name of one."""

    def __init__(self, parent: QtWidgets.QWidget | None = None, *, theme: Theme | None = None) -> None:
        super().__init__("Prompt library", "prompts", parent, theme=theme)
        self.setObjectName("promptList")

    def ask_for(self, templates: Sequence[PromptTemplate], problems: Sequence[str]) -> None:
        """Show the window with `templates`; `problems` name the files that cannot be used."""
        found = [ListEntry(each.name, each.title, each.menu, each.text[:600]) for each in templates]
        self.ask(sorted(found, key=lambda each: (each.group, each.title)), problems)
