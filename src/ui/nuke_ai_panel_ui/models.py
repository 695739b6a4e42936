"""Which models there are and which one is used, with the settings that say so. Main thread, from Qt slots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from nuke_ai_panel.agent.session import ChatSession, ModelChoice
from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.settings import Settings, Value
from nuke_ai_panel_ui.qt import QtCore, Signal, is_valid

if TYPE_CHECKING:
    from nuke_ai_panel.credentials import Credentials
    from nuke_ai_panel.settings import SettingsStore
    from nuke_ai_panel_ui.host_loop import HostLoop

__all__ = ["Models"]


class Models(QtCore.QObject):
    """Asks the enabled providers for their models, and keeps the choice.

    ``begun`` says that a search began; ``changed`` that one has ended, or that another model is used. ``notice`` is one
    sentence to show for a moment.
    """

    begun = Signal()
    changed = Signal()
    settings_changed = Signal()
    notice = Signal(str)

    def __init__(
        self,
        session: Callable[[], ChatSession],
        loop: Callable[[], HostLoop],
        store: Callable[[], SettingsStore],
        credentials: Callable[[], Credentials],
    ) -> None:
        super().__init__()
        self.choices: list[ModelChoice] = []
        self.problem = ""
        self.settings = Settings()
        #: Whether the providers were asked at least once.
        self.has_looked = False
        self._session, self._loop, self._store, self._credentials = session, loop, store, credentials
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_looking(self) -> bool:
        """Whether providers are being asked for their models."""
        return self._looking is not None

    @property
    def is_offline(self) -> bool:
        """Whether every provider was asked and none has a model."""
        has_models = any(choice.name for choice in self.choices)
        return self.has_looked and not has_models and (bool(self.choices) or bool(self.problem))

    def refresh(self) -> None:
        """Ask every enabled provider for its models, live; ``changed`` follows."""
        self.has_looked = True
        if self._looking is not None:
            return
        self._looking = self._loop().spawn(self._look())
        self.begun.emit()

    async def _look(self) -> None:
        try:
            await self.load_settings()
            self.choices = await self._session().list_models()
            self.problem = "" if self.choices else "Every provider is switched off. Enable one in Settings."
            self._pick_default()
        except NukeAIPanelError as error:
            self.choices, self.problem = [], str(error)
        finally:
            self._looking = None
            # When the application quits, this ends after the object has gone.
            if is_valid(self):
                self.changed.emit()

    async def load_settings(self) -> None:
        """Read the settings as they are now.

        Raises:
            SettingsError: they cannot be read.
        """
        loaded = await self._loop().run_in_executor(None, self._store().load)
        if loaded != self.settings:
            self.settings = loaded
            self.settings_changed.emit()

    def _pick_default(self) -> None:
        session = self._session()
        if session.model:
            return
        if self.settings.provider and self.settings.model:
            session.select_model(self.settings.provider, self.settings.model)
            return
        for choice in self.choices:
            if choice.name and self.settings.provider in ("", choice.provider):
                session.select_model(choice.provider, choice.name)
                return

    def select(self, provider: str, model: str) -> None:
        """Use `model` from the next prompt on and remember it as the default."""
        self._session().select_model(provider, model)
        self.changed.emit()
        wanted = {"provider": provider, "model": model}
        if not self._store().locked_keys & set(wanted):
            self._loop().spawn(self._remember(wanted))

    async def _remember(self, changes: Mapping[str, Value]) -> None:
        try:
            self.settings = await self._loop().run_in_executor(None, self._store().save, changes)
        except NukeAIPanelError as error:
            self.notice.emit(f"The choice holds until Nuke is closed, but was not saved. {error}")

    async def save_settings(
        self, changes: Mapping[str, Value], keys: Mapping[str, str | None], forget: Collection[str] = ()
    ) -> None:
        """Write `keys` (None deletes) to the keyring and `changes` to the settings file, then look for models with them.

        Settings to `forget` are the studio's again, else the defaults.

        Raises:
            CredentialError: the keyring refused; nothing was written to the file then.
            SettingsError: the file cannot be written, or a key is locked.
        """
        store, credentials = self._store(), self._credentials()

        def write() -> Settings:
            for provider, key in keys.items():
                if key is None:
                    credentials.delete(provider)
                else:
                    credentials.write(provider, key)
            return store.save(changes, forget=forget) if changes or forget else store.load()

        before = (self.settings.provider, self.settings.model)
        self.settings = await self._loop().run_in_executor(None, write)
        if (self.settings.provider, self.settings.model) != before:
            self._session().select_model(self.settings.provider, self.settings.model)
        self.settings_changed.emit()
        self.refresh()
