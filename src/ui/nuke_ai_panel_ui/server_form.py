"""One model server in the settings: whether it is used, its address, key and CA file, and a test of what is in the fields."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from nuke_ai_panel.credentials import Key
from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.providers import registry
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.diagnosis import Step, diagnose, report
from nuke_ai_panel.settings import Settings, Value
from nuke_ai_panel_ui.connection_view import ConnectionView
from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.labels import button, label, restyle, tool_button
from nuke_ai_panel_ui.qt import QtWidgets, is_valid
from nuke_ai_panel_ui.theme import Theme

if TYPE_CHECKING:
    from nuke_ai_panel_ui.controller import PanelController

__all__ = ["ServerForm"]


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
        reason = self._controller.store.fixed_by(key)
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
        restyle(self.address_note, "problem" if problem else "dim")

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
