"""The settings: the model servers, the default model, the look, local-only, and how far the model goes by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.providers import registry
from nuke_ai_panel.settings import RANGES, Value
from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.labels import ElidedCheckBox, button, label, restyle, tool_button
from nuke_ai_panel_ui.limits_form import LimitsForm
from nuke_ai_panel_ui.model_picker import ModelButton, ModelPicker
from nuke_ai_panel_ui.number_boxes import NumberBox
from nuke_ai_panel_ui.panel_style import panel_style_sheet
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, is_valid
from nuke_ai_panel_ui.server_form import ServerForm

if TYPE_CHECKING:
    from nuke_ai_panel_ui.controller import PanelController

__all__ = ["ServerForm", "SettingsDialog"]

_FIRST = "The first that answers"
#: Setting, its words, and what it is for.
_PATHS = (
    ("prompts_folder", "Prompts folder", "A folder of prompts beside your own"),
    ("tools_folder", "Tools folder", "A folder of saved tools beside your own"),
    ("policy_file", "Studio rules", "A file of rules for generated scripts"),
)


class SettingsDialog(QtWidgets.QDialog):
    """Edits a copy of the settings; nothing is written before *Save*. Shown with ``show()``: it never blocks the host."""

    def __init__(self, controller: PanelController, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._settings = controller.settings
        self._saving: asyncio.Task[None] | None = None
        self._default = (self._settings.provider, self._settings.model)
        theme = self._theme = controller.theme()
        self.setWindowTitle("Nuke AI Panel settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setStyleSheet(panel_style_sheet(theme))
        outer = QtWidgets.QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        scroll = QtWidgets.QScrollArea()
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.viewport().setBackgroundRole(QtGui.QPalette.ColorRole.Window)
        inner = QtWidgets.QWidget()
        inner.setBackgroundRole(QtGui.QPalette.ColorRole.Window)
        rows = QtWidgets.QVBoxLayout(inner)
        rows.setContentsMargins(16, 14, 16, 14)
        rows.setSpacing(12)
        scroll.setWidget(inner)
        outer.addWidget(scroll, 1)

        self.local_only = ElidedCheckBox("Local only: use no server beyond this machine")
        self.local_only.setAccessibleName("Local only")
        self.servers = {name: ServerForm(controller, name, self.local_only, theme) for name in registry.PROVIDERS}
        for form in self.servers.values():
            rows.addWidget(form)
            rows.addWidget(_rule())
        rows.addLayout(self._general())
        rows.addWidget(_rule())
        self.limits = LimitsForm(theme)
        self.limits.opened.connect(self._show_limits)
        rows.addWidget(self.limits)
        rows.addStretch(1)
        self._scroll = scroll
        outer.addWidget(_rule())
        outer.addLayout(self._footer())
        self._show_settings()
        self.resize(self._first_size())
        self._reading = controller.loop.spawn(self._read_again())

    def _general(self) -> QtWidgets.QGridLayout:
        form = QtWidgets.QGridLayout()
        form.setHorizontalSpacing(10)
        form.setVerticalSpacing(8)
        form.setColumnStretch(1, 1)
        self.model = ModelButton(self._theme)
        self.model.setObjectName("pill")
        self.model.clicked.connect(lambda *_: self._open_models())
        self.clear_model = button("Clear", lambda: self._set_default("", ""), name="Use the first model that answers")
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.model)
        row.addWidget(self.clear_model)
        row.addStretch(1)
        form.addWidget(label("Default model"), 0, 0)
        form.addLayout(row, 0, 1)
        self.font_size = NumberBox()
        self.font_size.setRange(round(RANGES["font_size"].low), round(RANGES["font_size"].high))
        self.font_size.setSuffix(" px")
        self.font_size.setAccessibleName("Font size in pixels")
        self.font_size.setFixedWidth(90)
        form.addWidget(label("Font size"), 1, 0)
        form.addWidget(self.font_size, 1, 1)
        form.addWidget(self.local_only, 2, 0, 1, 2)
        self.auto_fix = ElidedCheckBox("Let the model fix its own scripts when a check fails")
        self.auto_fix.setToolTip("At most three tries for each script; you see every one, and nothing runs")
        self.auto_fix.setAccessibleName("Let the model fix its own scripts")
        self.auto_fix.setAccessibleDescription(self.auto_fix.toolTip())
        form.addWidget(self.auto_fix, 3, 0, 1, 2)
        self.paths: dict[str, QtWidgets.QLineEdit] = {}
        self._browse: dict[str, QtWidgets.QToolButton] = {}
        for number, (key, words, hint) in enumerate(_PATHS):
            form.addWidget(label(words), 4 + number, 0)
            form.addLayout(self._path_row(key, words, hint), 4 + number, 1)
        return form

    def _path_row(self, key: str, words: str, hint: str) -> QtWidgets.QHBoxLayout:
        field = self.paths[key] = QtWidgets.QLineEdit()
        field.setAccessibleName(words)
        field.setPlaceholderText(hint)
        field.setToolTip(hint)
        browse = self._browse[key] = tool_button(f"Choose: {words.lower()}", lambda: self._choose_path(key, words))
        browse.setIcon(icon("folder", self._theme.dim))
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(field, 1)
        row.addWidget(browse)
        return row

    def _choose_path(self, key: str, words: str) -> None:
        dialog = QtWidgets.QFileDialog(self, words, self.paths[key].text())
        modes = QtWidgets.QFileDialog.FileMode
        dialog.setFileMode(modes.ExistingFile if key == "policy_file" else modes.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.paths[key].setText)
        dialog.open()

    def _footer(self) -> QtWidgets.QHBoxLayout:
        footer = QtWidgets.QHBoxLayout()
        footer.setContentsMargins(16, 10, 16, 10)
        footer.setSpacing(8)
        self.message = label("Keys are kept in the system's keyring, never in a file.", dim=True, wrap=True)
        footer.addWidget(self.message, 1)
        self.cancel = button("Cancel", self.close, name="Close without saving")
        self.save = button("Save", self._save, primary=True)
        footer.addWidget(self.cancel)
        footer.addWidget(self.save)
        return footer

    def _first_size(self) -> QtCore.QSize:
        screen = QtWidgets.QApplication.primaryScreen()
        room = screen.availableGeometry().size() if screen is not None else QtCore.QSize(1280, 900)
        scale = self._theme.font_px / 13
        return QtCore.QSize(min(round(580 * scale), room.width() - 40), min(round(770 * scale), room.height() - 60))

    def _show_settings(self) -> None:
        store = self._controller.store
        for form in self.servers.values():
            form.show_settings(self._settings)
        self.limits.show_settings(self._settings, store)
        self._set_default(*self._default)
        self.font_size.setValue(self._settings.font_size)
        self.local_only.setChecked(self._settings.local_only)
        self.auto_fix.setChecked(self._settings.auto_fix)
        for key, path in self.paths.items():
            path.setText(getattr(self._settings, key))
            reason = store.fixed_by(key)
            if reason:
                # It can be read and copied, and not changed.
                path.setReadOnly(True)
                path.setToolTip(reason)
                path.setPlaceholderText(reason)
                path.setAccessibleDescription(reason)
            self._browse[key].setEnabled(not reason)
        fixed: tuple[tuple[QtWidgets.QWidget, str], ...] = (
            (self.font_size, "font_size"),
            (self.local_only, "local_only"),
            (self.auto_fix, "auto_fix"),
            (self.model, "model"),
            (self.model, "provider"),
        )
        for field, key in fixed:
            reason = store.fixed_by(key)
            if reason:
                field.setEnabled(False)
                field.setToolTip(reason)
        self.clear_model.setEnabled(self.model.isEnabled())

    async def _read_again(self) -> None:
        """Show the settings as they are on disk now, unless something was changed here meanwhile."""
        try:
            await self._controller.load_settings()
        except NukeAIPanelError as error:
            if is_valid(self):
                self._say(str(error))
            return
        if is_valid(self) and self._controller.settings != self._settings and not self._is_changed():
            self._settings = self._controller.settings
            self._default = (self._settings.provider, self._settings.model)
            self._show_settings()

    def _is_changed(self) -> bool:
        keys = [form.key_change() for form in self.servers.values()]
        return bool(self._changes() or self.limits.forgotten() or any(keys))

    # the limits

    def show_setting(self, key: str) -> None:
        """Show the box of a limit and give it the keyboard."""
        self.limits.open_at(key)

    def _show_limits(self) -> None:
        # Its height is known in the turn after.
        QtCore.QTimer.singleShot(0, self._scroll_to_limits)

    def _scroll_to_limits(self) -> None:
        if not is_valid(self):
            return
        bar, room = self._scroll.verticalScrollBar(), self._scroll.viewport().height()
        top = self.limits.mapTo(self._scroll.widget(), QtCore.QPoint(0, 0)).y()
        wanted = min(top - 8, top + self.limits.height() + 14 - room)
        bar.setValue(max(bar.value(), wanted))

    # the default model

    def _open_models(self) -> None:
        picker = ModelPicker(self._theme, self)
        picker.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        picker.settings.hide()
        picker.refresh.hide()
        picker.chosen.connect(self._set_default)
        picker.show_choices(self._controller.models, self._default, is_looking=self._controller.is_looking)
        picker.open_above(self.model, 380)

    def _set_default(self, provider: str, model: str) -> None:
        self._default = (provider, model)
        self.model.show_model(self._controller.provider_title(provider), model or _FIRST)
        self.model.setAccessibleName(f"Default model: {model or _FIRST}")
        self.clear_model.setVisible(bool(model))

    # saving

    def _changes(self) -> dict[str, Value]:
        now = self._settings
        changes: dict[str, Value] = {}
        if self.font_size.isEnabled() and self.font_size.value() != now.font_size:
            changes["font_size"] = self.font_size.value()
        if self.local_only.isEnabled() and self.local_only.isChecked() != now.local_only:
            changes["local_only"] = self.local_only.isChecked()
        if self.auto_fix.isEnabled() and self.auto_fix.isChecked() != now.auto_fix:
            changes["auto_fix"] = self.auto_fix.isChecked()
        for key, path in self.paths.items():
            if not path.isReadOnly() and path.text().strip() != getattr(now, key):
                changes[key] = path.text().strip()
        if self.model.isEnabled() and self._default != (now.provider, now.model):
            changes["provider"], changes["model"] = self._default
        for form in self.servers.values():
            changes.update(form.changes(now))
        changes.update(self.limits.changes())
        return changes

    def _save(self) -> None:
        if self._saving is not None:
            return
        for form in self.servers.values():
            problem = form.problem() if form.enabled.isChecked() else ""
            if problem:
                self._say(problem)
                form.address.setFocus()
                return
        keys: dict[str, str | None] = {}
        for form in self.servers.values():
            keys.update(form.key_change())
        self.save.setEnabled(False)
        self._say("Saving\u2026", "dim")
        self._saving = self._controller.loop.spawn(self._write(self._changes(), keys, self.limits.forgotten()))

    async def _write(self, changes: dict[str, Value], keys: dict[str, str | None], forget: tuple[str, ...]) -> None:
        problem = ""
        try:
            await self._controller.save_settings(changes, keys, forget)
        except NukeAIPanelError as error:
            problem = str(error)
        self._saving = None
        if not is_valid(self):
            return
        self.save.setEnabled(True)
        if problem:
            self._say(problem)
        else:
            self.accept()

    def _say(self, text: str, name: str = "problem") -> None:
        self.message.setText(text)
        restyle(self.message, name)

    def done(self, result: int) -> None:
        """Stop running tests and close."""
        self._reading.cancel()
        for form in self.servers.values():
            form.test.stop()
        super().done(result)


def _rule() -> QtWidgets.QFrame:
    made = QtWidgets.QFrame()
    made.setObjectName("rule")
    made.setFixedHeight(1)
    return made
