"""What outlives a panel widget: the loop, the session, the settings, and the conversation as it looked.

Nuke destroys and re-creates docked widgets at will (closing a tab, changing the workspace), so nothing worth keeping lives in
one. There is one controller a process, `controller`; every method is for the main thread and is called from Qt, never inside a
task.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nuke_ai_panel.agent.context import Context, gather
from nuke_ai_panel.agent.session import ChatSession, ModelChoice
from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    CheckResumed,
    CheckStopped,
    PromptAdded,
    ProposalApplied,
    ProposalCompared,
    ProposalRejected,
    RoundBegan,
    SessionEvent,
)
from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.hosts.base import Host
from nuke_ai_panel.nk.catalogue import use_index_folder
from nuke_ai_panel.providers import registry
from nuke_ai_panel.settings import Settings, SettingsStore, Value, config_folder
from nuke_ai_panel_ui.conversation import ConversationRecord
from nuke_ai_panel_ui.draft import Draft
from nuke_ai_panel_ui.host_loop import HostLoop, attach
from nuke_ai_panel_ui.models import Models
from nuke_ai_panel_ui.panel_style import panel_theme
from nuke_ai_panel_ui.phases import PanelState, Phases
from nuke_ai_panel_ui.proposal_desk import ProposalDesk
from nuke_ai_panel_ui.qt import QtCore, QtWidgets, Signal, is_valid
from nuke_ai_panel_ui.suggestions import suggestions
from nuke_ai_panel_ui.theme import Theme

if TYPE_CHECKING:
    from nuke_ai_panel.agent.prompts import Mode
    from nuke_ai_panel_ui.settings_dialog import SettingsDialog

__all__ = ["PanelController", "controller", "plan_prompt"]

_log = logging.getLogger(__name__)


class PanelController(QtCore.QObject):
    """Drives one conversation for whichever widgets show it.

    Signals: ``session_event`` carries each :data:`SessionEvent` after it was recorded; ``proposal_changed`` a proposal whose
    record changed; ``notice`` one sentence to show for a moment; ``host_changed`` says that we changed the script.
    """

    session_event = Signal(object)
    proposal_changed = Signal(int)
    models_changed = Signal()
    state_changed = Signal()
    settings_changed = Signal()
    host_changed = Signal()
    mode_changed = Signal()
    notice = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.record = ConversationRecord()
        self.draft = Draft()
        self._mode: Mode = "ask"
        self._host: Host | None = None
        self._is_in_nuke = True
        self._store: SettingsStore | None = None
        self._credentials: Credentials | None = None
        self._loop: HostLoop | None = None
        self._session: ChatSession | None = None
        self._asking: asyncio.Task[None] | None = None
        self._is_starting = False
        self._is_retry = False
        self._phases = Phases()
        self._dialog: SettingsDialog | None = None
        self._desk: ProposalDesk | None = None
        self._models = Models(lambda: self.session, lambda: self.loop, lambda: self.store, lambda: self.credentials)
        self._models.begun.connect(self.state_changed)
        self._models.changed.connect(self.models_changed)
        self._models.changed.connect(self.state_changed)
        self._models.settings_changed.connect(self.settings_changed)
        self._models.notice.connect(self.notice)

    # what it is made of

    def configure(
        self,
        host: Host,
        *,
        store: SettingsStore | None = None,
        credentials: Credentials | None = None,
        is_in_nuke: bool = False,
    ) -> None:
        """Work on `host`; call it before anything else. Without it the first use takes the running Nuke.

        Raises:
            RuntimeError: the session was already begun.
        """
        if self._session is not None:
            raise RuntimeError("The panel's host is chosen before the conversation begins, and not changed after.")
        self._host, self._store, self._credentials, self._is_in_nuke = host, store, credentials, is_in_nuke

    @property
    def host(self) -> Host:
        """What the conversation is about: the running Nuke, or what `configure` was given."""
        if self._host is None:
            from nuke_ai_panel.hosts.nuke_host import NukeHost

            self._host = NukeHost()
        return self._host

    @property
    def loop(self) -> HostLoop:
        """The loop that the session's coroutines run on."""
        if self._loop is None or self._loop.is_closed():
            self._loop = attach()
        return self._loop

    @property
    def store(self) -> SettingsStore:
        """The settings' files."""
        if self._store is None:
            self._store = SettingsStore()
        return self._store

    @property
    def credentials(self) -> Credentials:
        """Where keys are kept. Its methods block: run them in a worker."""
        if self._credentials is None:
            self._credentials = Credentials()
        return self._credentials

    @property
    def session(self) -> ChatSession:
        """The conversation; begun at the first use."""
        if self._session is None:
            use_index_folder(config_folder() / "catalogue")
            self._session = ChatSession(self.host, self.store, self.credentials, records_folder=config_folder() / "records")
            self._session.subscribe(self._on_event)
            self.loop.add_closer(self._session.aclose)
        return self._session

    @property
    def is_in_nuke(self) -> bool:
        """Whether the host is the running Nuke."""
        return self._is_in_nuke

    def place(self) -> str:
        """Return where a script would run, to be read after "Run this": ``in Nuke`` or ``on shot.nk``."""
        if self._is_in_nuke:
            return "in Nuke"
        name = os.path.basename(self.host.script_name())
        return f"on {name}" if name else "on this script"

    # asking

    @property
    def is_busy(self) -> bool:
        """Whether an answer is on its way."""
        return self._is_starting or (self._session is not None and self._session.is_busy)

    @property
    def is_checking(self) -> bool:
        """Whether proposals are being checked on a copy. The artist may ask something else meanwhile."""
        return self._session is not None and self._session.is_checking

    def send(self, text: str, *, mode: Mode | None = None, target: str = "") -> bool:
        """Ask `text` in a mode, by default the chosen one; False (and a notice) when it cannot be sent now.

        The field keeps its text then.
        """
        if not text.strip():
            return False
        if self.is_busy:
            self.notice.emit("An answer is still on its way. Wait for it, or press Esc to stop it.")
            return False
        self._begin(self.session.send(text, mode=mode or self.mode, target=target))
        return True

    @property
    def mode(self) -> Mode:
        """How far the model may go with the next prompt; ``mode_changed`` tells every view."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self.mode_changed.emit()

    def work_off(self, steps: str) -> bool:
        """Have the model work off a plan that the artist agreed to; every change is asked about."""
        return self.send(plan_prompt(steps), mode="act")

    def generate(self, text: str) -> bool:
        """Ask for a script that does `text`."""
        return self.send(text, mode="generate")

    def retry(self) -> bool:
        """Ask the last prompt again; what its answer proposed and nobody has decided on is withdrawn."""
        if self.is_busy:
            self.notice.emit("An answer is still on its way. Wait for it, or press Esc to stop it.")
            return False
        if self.is_checking:
            self.session.cancel()
        for number in self.record.open_in_last_turn():
            self.session.proposals.reject(number, "The question was asked again.", by="model")
        self._is_retry = True
        self._begin(self.session.retry())
        return True

    def cancel(self) -> bool:
        """Stop the answer on its way and keep what came, or else what is being checked; False when there is neither."""
        session = self._session
        if self._is_starting and self._asking is not None and not (session is not None and session.is_busy):
            # After its first step, which puts the prompt into the conversation.
            self.loop.call_soon(self._asking.cancel)
            return True
        return session is not None and session.cancel()

    def new_conversation(self) -> None:
        """Begin anew; an answer on its way is stopped."""
        self.session.clear()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._is_starting = True
        self._phases.begin()
        self._asking = self.loop.spawn(self._ask(work))
        # A task that is cancelled before its first step runs none of its own lines.
        self._asking.add_done_callback(self._ended)
        self._asking.add_done_callback(lambda _: work.close())
        self.state_changed.emit()

    async def _ask(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except NukeAIPanelError as error:
            self.notice.emit(str(error))
        except Exception:  # noqa: BLE001 - the top of a worker; the artist must see that it ended
            _log.exception("The conversation failed")
            self._on_event(AnswerFailed(NukeAIPanelError("The panel itself failed. The log holds the details.")))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task is self._asking:
            self._asking = None
            self._is_starting = self._is_retry = False
            if not self.is_busy:
                self._phases.end()
        # Also without other words: a check is over, or a conversation that streamed was cleared and ends without an event.
        self.state_changed.emit()

    # proposals

    @property
    def desk(self) -> ProposalDesk:
        """What the artist does with the proposals."""
        if self._desk is None:
            self._desk = ProposalDesk(
                lambda: self.session,
                self.record,
                begin=self._begin,
                check=self._begin_check,
                undo_hint=self._undo_hint,
                loop=lambda: self.loop,
            )
            self._desk.changed.connect(self.proposal_changed)
            self._desk.host_changed.connect(self.host_changed)
            self._desk.notice.connect(self.notice)
        return self._desk

    def _undo_hint(self) -> str:
        return "Use Edit > Undo in Nuke." if self._is_in_nuke else "Undo the later changes first."

    def check_again(self, check_id: int) -> None:
        """Check what a stopped check has left; a review card follows for each."""
        self._begin_check(self.session.check_again(check_id))

    def _begin_check(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.spawn(self._check(work))
        task.add_done_callback(self._ended)
        task.add_done_callback(lambda _: work.close())
        # After its first step, with which the check begins.
        self.loop.call_soon(self.state_changed.emit)

    async def _check(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except NukeAIPanelError as error:
            self.notice.emit(str(error))

    # models and settings

    def start(self) -> None:
        """Read the settings and look for models, once; a panel calls it when it is shown."""
        if not self._models.has_looked:
            self.refresh_models()

    def refresh_models(self) -> None:
        """Ask every enabled provider for its models, live; ``models_changed`` follows."""
        self._models.refresh()

    @property
    def is_looking(self) -> bool:
        """Whether providers are being asked for their models."""
        return self._models.is_looking

    @property
    def is_offline(self) -> bool:
        """Whether every provider was asked and none has a model."""
        return self._models.is_offline

    @property
    def models(self) -> Sequence[ModelChoice]:
        """What the last search has found; a provider that failed is one entry with ``error``."""
        return self._models.choices

    @property
    def problem(self) -> str:
        """What kept every provider from being asked, "" for nothing."""
        return self._models.problem

    @property
    def settings(self) -> Settings:
        """The settings as they were last read or written."""
        return self._models.settings

    @property
    def model(self) -> tuple[str, str]:
        """Provider and model in use, "" where none is chosen yet."""
        return (self._session.provider, self._session.model) if self._session is not None else ("", "")

    def provider_title(self, provider: str) -> str:
        """Return a provider's name for people."""
        known = registry.PROVIDERS.get(provider)
        return known.title if known is not None else provider

    def select_model(self, provider: str, model: str) -> None:
        """Use `model` from the next prompt on and remember it as the default."""
        self._models.select(provider, model)

    async def save_settings(
        self, changes: Mapping[str, Value], keys: Mapping[str, str | None], forget: Collection[str] = ()
    ) -> None:
        """Write `keys` (None deletes) to the keyring and `changes` to the settings file, then look for models with them.

        Settings to `forget` are the studio's again, else the defaults.

        Raises:
            CredentialError: the keyring refused; nothing was written to the file then.
            SettingsError: the file cannot be written, or a key is locked.
        """
        await self._models.save_settings(changes, keys, forget)

    async def load_settings(self) -> None:
        """Read the settings as they are now; ``settings_changed`` follows where they have changed.

        Raises:
            SettingsError: they cannot be read.
        """
        await self._models.load_settings()

    def show_settings(self, parent: QtWidgets.QWidget | None = None, setting: str = "") -> SettingsDialog:
        """Open the settings dialog, or bring the open one to the front, at a limit where one is named. It does not block."""
        from nuke_ai_panel_ui.settings_dialog import SettingsDialog

        if self._dialog is None or not is_valid(self._dialog):
            self._dialog = SettingsDialog(self, parent)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()
        if setting:
            self._dialog.show_setting(setting)
        return self._dialog

    # what views read

    def theme(self) -> Theme:
        """Return the theme of the host's palette with the artist's font size."""
        application = QtWidgets.QApplication
        return panel_theme(application.palette(), application.font(), self.settings.font_size)

    @property
    def state(self) -> PanelState:
        """What the header's dot says now."""
        if self.is_busy or self._phases.words:
            return PanelState("busy", self._phases.words or "Answering")
        if self.is_checking:
            return PanelState("busy", "Checking the script on a copy")
        if self.is_offline:
            return PanelState("offline", "No model server answers")
        if self.is_looking or not self._models.has_looked:
            return PanelState("checking", "Looking for models")
        provider = self.model[0]
        title = self.provider_title(provider)
        failed = [choice for choice in self.models if choice.provider == provider and choice.error]
        if failed:
            return PanelState("offline", f"{title} does not answer")
        words = f"{title} is ready" if title else "Ready"
        return PanelState("ready", f"{words}, local only" if self.settings.local_only else words)

    async def context(self, question: str) -> Context:
        """Return what the model would be told with `question`; works in steps, between which the interface goes on.

        Raises:
            SettingsError: the settings, which say how much it may be, cannot be read.
        """
        # As the next prompt will: the settings may have changed on disk.
        await self.load_settings()
        without = self.session.context_without
        return await gather(self.host, question, budget=self.settings.script_tokens, without=without)

    def context_line(self) -> str:
        """Return one line on what the model would be told of the script now, "" when the host cannot say."""
        try:
            return self.session.context_line()
        except NukeAIPanelError as error:
            _log.warning("The script could not be described: %s", error)
            return ""

    def suggestions(self) -> Sequence[str]:
        """Return a few things to ask about the open script as it is now."""
        try:
            return suggestions(self.host)
        except NukeAIPanelError as error:
            _log.warning("The script could not be read for suggestions: %s", error)
            return ()

    def _on_event(self, event: SessionEvent) -> None:
        if isinstance(event, (PromptAdded, RoundBegan)):
            self._is_starting = False
        if isinstance(event, PromptAdded):
            self.draft.remember(event.text)
            if self._is_retry:
                self._is_retry = False
                self.state_changed.emit()
                return
        self._follow(event)
        if isinstance(event, AnswerCancelled) and not len(self.record):
            # The end of an answer that a new conversation has stopped; nothing of it is shown any more.
            return
        self.record.add(event)
        self.session_event.emit(event)
        if isinstance(event, (ProposalApplied, ProposalCompared, ProposalRejected)):
            self.proposal_changed.emit(event.proposal_id)

    def _follow(self, event: SessionEvent) -> None:
        if self._phases.follow(event):
            self.state_changed.emit()
        # What is on its way changes right after these, when the session lets go of the task or takes up a check.
        if isinstance(event, (AnswerFinished, AnswerFailed, AnswerCancelled, CheckStopped, CheckResumed)):
            self.loop.call_soon(self.state_changed.emit)


def plan_prompt(steps: str) -> str:
    """Return the message that has a plan worked off."""
    return f"Work off this plan, step by step:\n{steps}"


_controller: PanelController | None = None


def controller() -> PanelController:
    """Return this process's controller; the first call makes it."""
    global _controller
    if _controller is None:
        _controller = PanelController()
    return _controller
