"""The settings: both model servers with their keys and a connection test each, the default model, the look, and local-only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from nuke_ai_panel.credentials import Key
from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.diagnosis import Step, diagnose, report
from nuke_ai_panel.settings import Settings, SettingsStore, Value
from nuke_ai_panel_ui.connection_view import ConnectionView
from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.labels import button, label, tool_button
from nuke_ai_panel_ui.model_picker import ModelButton, ModelPicker
from nuke_ai_panel_ui.panel_style import panel_style_sheet
from nuke_ai_panel_ui.qt import Qt, QtCore, QtGui, QtWidgets, is_valid
from nuke_ai_panel_ui.theme import Theme

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


class ServerForm(QtWidgets.QWidget):
    """One provider: whether it is used, its address, key and CA file, and a test of exactly what is in these fields."""

    def __init__(self, controller: PanelController, provider: str, is_local_only: QtWidgets.QCheckBox, theme: Theme) -> None:
        super().__init__()
        self.provider = provider
        self._controller = controller
        self._is_local_only = is_local_only
        self._stored = Key("", "none")
        self._is_removed = False
        self._fixed: set[str] = set()
        self._reading: asyncio.Task[None] | None = None
        title = registry.PROVIDERS[provider].title
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(6)
        self.enabled = QtWidgets.QCheckBox(title)
        self.enabled.setObjectName("section")
        self.enabled.setAccessibleName(f"Use {title}")
        self.enabled.setToolTip(f"Use {title}")
        rows.addWidget(self.enabled)
        self._body = QtWidgets.QWidget()
        form = QtWidgets.QGridLayout(self._body)
        form.setContentsMargins(22, 0, 0, 0)
        form.setHorizontalSpacing(10)
        form.setVerticalSpacing(5)
        form.setColumnStretch(1, 1)
        rows.addWidget(self._body)

        self.address = QtWidgets.QLineEdit()
        self.address.setAccessibleName(f"{title} address")
        self.address.setPlaceholderText(registry.default_address(provider))
        self.address.textChanged.connect(lambda *_: self._show_address())
        self.address_note = label("", dim=True, wrap=True)
        self._row(form, 0, "Address", self.address)
        form.addWidget(self.address_note, 1, 1)

        self.key = QtWidgets.QLineEdit()
        self.key.setAccessibleName(f"{title} key")
        self.key.setEchoMode(QtWidgets.QLineEdit.EchoMode.Password)
        self.key.textChanged.connect(lambda *_: self._show_key())
        self.reveal = tool_button("Show the typed key")
        self.reveal.setCheckable(True)
        self.reveal.setIcon(icon("eye", theme.dim))
        self.reveal.toggled.connect(self._reveal)
        self.remove = button("Remove", self._remove, name=f"Remove the stored {title} key")
        keys = QtWidgets.QHBoxLayout()
        keys.setSpacing(4)
        keys.addWidget(self.key, 1)
        keys.addWidget(self.reveal)
        keys.addWidget(self.remove)
        self.key_note = label("Asking the keyring\u2026", dim=True, wrap=True)
        self._row(form, 2, "Key", keys, self.key)
        form.addWidget(self.key_note, 3, 1)

        self.ca_file = QtWidgets.QLineEdit()
        self.ca_file.setAccessibleName(f"{title} CA file")
        self.ca_file.setPlaceholderText("Only for a studio's own certificates")
        browse = tool_button("Choose a CA file", self._browse)
        browse.setIcon(icon("folder", theme.dim))
        files = QtWidgets.QHBoxLayout()
        files.setSpacing(4)
        files.addWidget(self.ca_file, 1)
        files.addWidget(browse)
        self._row(form, 4, "CA file", files, self.ca_file)
        self.browse = browse

        self.test = ConnectionView(controller.loop, self._begin_test, lambda steps: report(list(steps)), theme)
        form.addWidget(self.test, 5, 0, 1, 2)
        self.enabled.toggled.connect(self._body.setVisible)
        self._theme = theme

    @staticmethod
    def _row(
        form: QtWidgets.QGridLayout,
        row: int,
        words: str,
        field: QtWidgets.QWidget | QtWidgets.QLayout,
        buddy: QtWidgets.QWidget | None = None,
    ) -> None:
        name = label(words)
        form.addWidget(name, row, 0)
        if isinstance(field, QtWidgets.QWidget):
            form.addWidget(field, row, 1)
            name.setBuddy(field)
        else:
            form.addLayout(field, row, 1)
            if buddy is not None:
                name.setBuddy(buddy)

    # what is in the form

    def show_settings(self, settings: Settings) -> None:
        """Fill the fields and ask the keyring for its key, in a worker."""
        server = settings.server(self.provider)
        self.enabled.setChecked(server.enabled)
        self._body.setVisible(server.enabled)
        self.address.setText(server.base_url)
        self.ca_file.setText(server.ca_file)
        for field, name in ((self.enabled, "enabled"), (self.address, "base_url"), (self.ca_file, "ca_file")):
            self._lock(field, f"servers.{self.provider}.{name}")
        self.browse.setEnabled(self.ca_file.isEnabled())
        self._reading = self._controller.loop.spawn(self._read_key())
        self._show_address()
        self._show_key()

    def _lock(self, field: QtWidgets.QWidget, key: str) -> None:
        reason = _why_fixed(self._controller.store, key)
        if reason:
            self._fixed.add(key)
            field.setEnabled(False)
            field.setToolTip(reason)

    async def _read_key(self) -> None:
        stored = await self._controller.loop.run_in_executor(None, self._controller.credentials.read, self.provider)
        self._reading = None
        if is_valid(self):
            self._stored = stored
            self._show_key()

    def changes(self, settings: Settings) -> dict[str, Value]:
        """Return what differs from `settings` and may be changed."""
        server = settings.server(self.provider)
        prefix = f"servers.{self.provider}."
        wanted: dict[str, tuple[Value, Value]] = {
            prefix + "enabled": (self.enabled.isChecked(), server.enabled),
            prefix + "base_url": (self.address.text().strip(), server.base_url),
            prefix + "ca_file": (self.ca_file.text().strip(), server.ca_file),
        }
        return {key: new for key, (new, old) in wanted.items() if new != old and key not in self._fixed}

    def key_change(self) -> dict[str, str | None]:
        """Return the key to write, None to delete the stored one, or nothing."""
        typed = self.key.text().strip()
        if typed:
            return {self.provider: typed}
        return {self.provider: None} if self._is_removed else {}

    def problem(self) -> str:
        """Return what is wrong with the address, "" when it can be used."""
        try:
            registry.resolve_address(self.provider, self.address.text())
        except NukeAIPanelError as error:
            return str(error)
        return ""

    # the test

    def _begin_test(self) -> AsyncIterator[Step]:
        address = self.address.text().strip() or registry.default_address(self.provider)
        settings = self._controller.settings
        model = settings.model if settings.provider in ("", self.provider) else ""
        return self._test(address, self.key.text().strip(), self.ca_file.text().strip(), model, self._is_local_only.isChecked())

    async def _test(self, address: str, typed: str, ca_file: str, model: str, is_local_only: bool) -> AsyncIterator[Step]:
        if is_local_only and self._leaves_machine(address):
            said = "'Local only' is on, and this address is not on this machine. Nothing was sent."
            yield Step("address", "failed", said, "Use an address on this machine, or switch 'Local only' off.", 0.0)
            return
        key = typed
        if not key and not self._is_removed:
            if self._reading is not None:
                await asyncio.wait({self._reading})
            key = self._stored.value
        async for step in diagnose(self.provider, Server(base_url=address, key=key, ca_file=ca_file), model):
            yield step

    def _leaves_machine(self, address: str) -> bool:
        try:
            return not registry.is_on_this_machine(registry.resolve_address(self.provider, address))
        except NukeAIPanelError:
            # No address at all: the test itself says what is wrong with it.
            return False

    # what the fields show

    def _show_address(self) -> None:
        typed = self.address.text().strip()
        problem = self.problem()
        used = "" if problem or not typed else registry.resolve_address(self.provider, typed)
        self.address_note.setText(problem or (f"Used as {used}" if used and used != typed.rstrip("/") else ""))
        self.address_note.setVisible(bool(self.address_note.text()))
        self._name(self.address_note, "problem" if problem else "dim")

    def _show_key(self) -> None:
        stored = bool(self._stored.value) and not self._is_removed
        needed = registry.PROVIDERS[self.provider].needs_key
        if self.key.text().strip():
            note = "Is put into the keyring when you save." + (" It replaces the stored key." if stored else "")
        elif self._is_removed:
            note = "The stored key is removed when you save."
        elif self._reading is not None:
            note = "Asking the keyring\u2026"
        else:
            note = self._stored.explanation if self._stored.value or needed else ""
        self.key_note.setText(note)
        self.key_note.setVisible(bool(note))
        hint = "Stored; type to replace it" if stored else "Needed" if needed else "Not needed for a server on this machine"
        self.key.setPlaceholderText(hint)
        self.remove.setVisible(stored and self._stored.source != "environment")
        self.reveal.setEnabled(bool(self.key.text()))

    def _reveal(self, shown: bool) -> None:
        modes = QtWidgets.QLineEdit.EchoMode
        self.key.setEchoMode(modes.Normal if shown else modes.Password)
        self.reveal.setIcon(icon("eye-off" if shown else "eye", self._theme.dim))
        words = "Hide the typed key" if shown else "Show the typed key"
        self.reveal.setToolTip(words)
        self.reveal.setAccessibleName(words)

    def _remove(self) -> None:
        self._is_removed = True
        self.key.clear()
        self._show_key()

    def _browse(self) -> None:
        name, _ = QtWidgets.QFileDialog.getOpenFileName(
            self, "Choose a CA file", self.ca_file.text(), "Certificates (*.pem *.crt *.cer);;All files (*)"
        )
        if name:
            self.ca_file.setText(name)

    @staticmethod
    def _name(widget: QtWidgets.QWidget, name: str) -> None:
        if widget.objectName() != name:
            widget.setObjectName(name)
            widget.style().unpolish(widget)
            widget.style().polish(widget)


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

        self.local_only = QtWidgets.QCheckBox("Local only: never use a server that is not on this machine")
        self.local_only.setAccessibleName("Local only")
        self.servers = {name: ServerForm(controller, name, self.local_only, theme) for name in registry.PROVIDERS}
        for form in self.servers.values():
            rows.addWidget(form)
            rows.addWidget(_rule())
        rows.addLayout(self._general())
        rows.addStretch(1)
        outer.addWidget(_rule())
        outer.addLayout(self._footer())
        self._show_settings()
        self.resize(self._first_size())

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
        self.font_size = QtWidgets.QSpinBox()
        self.font_size.setRange(8, 40)
        self.font_size.setSuffix(" px")
        self.font_size.setAccessibleName("Font size in pixels")
        self.font_size.setFixedWidth(90)
        form.addWidget(label("Font size"), 1, 0)
        form.addWidget(self.font_size, 1, 1)
        form.addWidget(self.local_only, 2, 0, 1, 2)
        self.auto_fix = QtWidgets.QCheckBox("Let the model fix its own scripts when a check fails")
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
        return QtCore.QSize(min(round(580 * scale), room.width() - 40), min(round(720 * scale), room.height() - 60))

    def _show_settings(self) -> None:
        store = self._controller.store
        for form in self.servers.values():
            form.show_settings(self._settings)
        self._set_default(*self._default)
        self.font_size.setValue(self._settings.font_size)
        self.local_only.setChecked(self._settings.local_only)
        self.auto_fix.setChecked(self._settings.auto_fix)
        for key, path in self.paths.items():
            path.setText(getattr(self._settings, key))
            reason = _why_fixed(store, key)
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
            reason = _why_fixed(store, key)
            if reason:
                field.setEnabled(False)
                field.setToolTip(reason)
        self.clear_model.setEnabled(self.model.isEnabled())

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
        self._saving = self._controller.loop.spawn(self._write(self._changes(), keys))

    async def _write(self, changes: dict[str, Value], keys: dict[str, str | None]) -> None:
        problem = ""
        try:
            await self._controller.save_settings(changes, keys)
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
        self.message.setObjectName(name)
        self.message.style().unpolish(self.message)
        self.message.style().polish(self.message)

    def done(self, result: int) -> None:
        """Stop running tests and close."""
        for form in self.servers.values():
            form.test.stop()
        super().done(result)


def _why_fixed(store: SettingsStore, key: str) -> str:
    """Return who has fixed a setting, "" when the artist may change it."""
    if key in store.locked_keys:
        return "Set by your studio"
    return "Set by an environment variable" if store.source(key) == "environment" else ""


def _rule() -> QtWidgets.QFrame:
    made = QtWidgets.QFrame()
    made.setObjectName("rule")
    made.setFixedHeight(1)
    return made
