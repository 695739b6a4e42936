"""The panel: header, conversation, review and error cards, composer. It shows a controller and keeps nothing of its own."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.messages import Usage
from nuke_ai_panel_ui.cards import EmptyPage, OnboardingPage
from nuke_ai_panel_ui.composer import Composer
from nuke_ai_panel_ui.context_popup import ContextPopup
from nuke_ai_panel_ui.controller import PanelController
from nuke_ai_panel_ui.conversation_view import ConversationView
from nuke_ai_panel_ui.header import Header
from nuke_ai_panel_ui.model_picker import ModelPicker
from nuke_ai_panel_ui.notice_bar import NoticeBar
from nuke_ai_panel_ui.panel_style import panel_style_sheet
from nuke_ai_panel_ui.qt import QAction, Qt, QtCore, QtGui, QtWidgets, is_valid
from nuke_ai_panel_ui.tab_order import tab_step, tab_stops
from nuke_ai_panel_ui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from nuke_ai_panel.agent.prompts import Mode

__all__ = ["Panel"]

#: States of the script that the menu lists; a menu that is longer than the screen helps nobody.
_MOST_RESTORED = 30


class Panel(QtWidgets.QWidget):
    """The dockable widget. It may be destroyed and built anew at any time: the controller keeps what was said."""

    def __init__(self, controller: PanelController, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._theme = controller.theme()
        self._picker: ModelPicker | None = None
        self._context: ContextPopup | None = None
        self._preview: asyncio.Task[None] | None = None
        self.setObjectName("nukeAIPanel")
        self.setWindowTitle("AI Panel")
        self.setAccessibleName("AI Panel")
        self.setMinimumWidth(280)
        self._build()
        self._apply_theme()
        self._connect()
        self.composer.mode.show_mode(controller.mode)
        self.conversation.replay()
        self._show_page()
        self._show_state()
        self._show_models()

    # building

    def _build(self) -> None:
        rows = QtWidgets.QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        self.header = Header(self._theme)
        rows.addWidget(self.header)
        rule = QtWidgets.QFrame()
        rule.setObjectName("rule")
        rule.setFixedHeight(1)
        rows.addWidget(rule)
        self.pages = QtWidgets.QStackedWidget()
        self.transcript = TranscriptView()
        # Insert goes to Nuke's Script Editor, which a window of our own has not.
        self.transcript.set_code_actions(("copy", "insert", "run") if self._controller.is_in_nuke else ("copy", "run"))
        self.conversation = ConversationView(self._controller, self.transcript, lambda: self._theme)
        self.empty = EmptyPage()
        self.onboarding = OnboardingPage()
        for page in (self.empty, self.onboarding, self.transcript):
            self.pages.addWidget(page)
        rows.addWidget(self.pages, 1)
        bottom = QtWidgets.QVBoxLayout()
        bottom.setContentsMargins(8, 6, 8, 8)
        bottom.setSpacing(6)
        self.notice = NoticeBar()
        bottom.addWidget(self.notice)
        self.composer = Composer(self._theme, self._controller.draft)
        bottom.addWidget(self.composer)
        rows.addLayout(bottom)
        menu = QtWidgets.QMenu(self.header.more)
        self.copy_conversation = QAction("Copy conversation", menu)
        self.copy_conversation.triggered.connect(lambda *_: self._copy(self.transcript.markdown()))
        menu.addAction(self.copy_conversation)
        self._restore = QtWidgets.QMenu("Restore the script", menu)
        menu.addMenu(self._restore)
        self._restore.setEnabled(False)
        menu.aboutToShow.connect(lambda: self._controller.loop.spawn(self._list_checkpoints()) and None)
        self.header.more.setMenu(menu)
        self.setFocusProxy(self.composer.prompt)

    def _connect(self) -> None:
        controller, composer, conversation = self._controller, self.composer, self.conversation
        controller.session_event.connect(conversation.show_event)
        controller.proposal_changed.connect(conversation.refresh)
        controller.models_changed.connect(self._show_models)
        controller.state_changed.connect(self._show_state)
        controller.settings_changed.connect(self._apply_theme)
        controller.host_changed.connect(self._show_context)
        controller.notice.connect(self.notice.say)
        controller.mode_changed.connect(lambda: composer.mode.show_mode(controller.mode))
        composer.sent.connect(self._send)
        conversation.grown.connect(self._show_page)
        conversation.cleared.connect(self._on_cleared)
        conversation.finished.connect(self._show_meter)
        conversation.notice.connect(self.notice.say)
        conversation.left.connect(self._focus_next_question)
        conversation.settings_requested.connect(self._open_settings)
        conversation.setting_requested.connect(self._open_settings)
        conversation.models_requested.connect(self._open_models)
        composer.stop_requested.connect(self._stop)
        composer.focused.connect(self._show_context)
        composer.sees.clicked.connect(lambda *_: self._open_context())
        composer.mode.chosen.connect(self._choose_mode)
        composer.model.clicked.connect(lambda *_: self._open_models())
        self.header.stop_requested.connect(self._stop)
        self.header.new.clicked.connect(lambda *_: controller.new_conversation())
        self.header.settings.clicked.connect(lambda *_: self._open_settings())
        self.empty.suggestion_chosen.connect(self._send)
        self.onboarding.retry_requested.connect(controller.refresh_models)
        self.onboarding.settings_requested.connect(self._open_settings)
        self.transcript.code_action.connect(self._on_code_action)
        self.transcript.message_action.connect(self._on_message_action)
        self.transcript.link_activated.connect(_open_link)

    def _apply_theme(self) -> None:
        self._theme = self._controller.theme()
        self.setStyleSheet(panel_style_sheet(self._theme))
        self.header.set_theme(self._theme)
        self.composer.set_theme(self._theme)
        self.transcript.set_font_size(self._theme.font_px)

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        """Look for models when the panel is first shown, not before: Nuke builds panels it may never show."""
        super().showEvent(event)
        self._controller.start()
        self._show_context()
        self._show_page()

    def enterEvent(self, event: QtCore.QEvent) -> None:
        """Look at the script again: the selection may have changed while the pointer was elsewhere."""
        super().enterEvent(event)
        self._show_context()

    # doing

    def _send(self, text: str) -> None:
        if self._controller.send(text):
            self.composer.accept(text)
            self.composer.prompt.setFocus()

    def _stop(self) -> None:
        self._controller.cancel()
        # The button may go away under the keyboard.
        self.composer.prompt.setFocus()

    def _choose_mode(self, mode: Mode) -> None:
        self._controller.mode = mode

    def _open_settings(self, setting: str = "") -> None:
        self._controller.show_settings(self.window(), setting)

    def _open_models(self) -> None:
        if self._picker is None:
            self._picker = ModelPicker(self._theme, self)
            self._picker.chosen.connect(self._controller.select_model)
            self._picker.refresh_requested.connect(self._controller.refresh_models)
            self._picker.settings_requested.connect(self._open_settings)
        self._show_models()
        self._picker.open_above(self.composer.model, min(420, max(260, self.width() - 16)))

    def _open_context(self) -> None:
        if self._context is None:
            self._context = ContextPopup(self)
            self._context.changed.connect(self._take_context_away)
        self._context.begin()
        self._show_preview()
        self._context.open_above(self.composer, min(520, max(260, self.width() - 16)))

    def _take_context_away(self, parts: frozenset[str]) -> None:
        self._controller.session.context_without = parts
        self._show_preview()

    def _show_preview(self) -> None:
        if self._preview is not None:
            self._preview.cancel()
        self._preview = self._controller.loop.spawn(self._describe())

    async def _describe(self) -> None:
        try:
            found = await self._controller.context(self.composer.text)
        except NukeAIPanelError as error:
            if is_valid(self) and self._context is not None:
                self._context.show_problem(str(error))
            return
        if is_valid(self) and self._context is not None:
            self._context.show_context(found, self._controller.session.context_without)

    def _on_code_action(self, action: str, code: str, language: str) -> None:
        if action == "run":
            self._controller.desk.propose(code, language)
        elif action == "insert":
            self._controller.desk.insert(code)

    def _on_message_action(self, action: str, number: int) -> None:
        prompts = self.conversation.prompts
        asked = [text for at, text in prompts if at <= number]
        if action == "edit" and asked:
            self.composer.recall(asked[-1])
            self.composer.prompt.setFocus()
        elif action == "retry" and asked:
            is_last = len(asked) == len(prompts)
            if is_last:
                self._controller.retry()
            else:
                self._controller.send(asked[-1])

    @staticmethod
    def _copy(text: str) -> None:
        QtWidgets.QApplication.clipboard().setText(text)

    # showing

    async def _list_checkpoints(self) -> None:
        """List the states that this conversation's changes began from."""
        desk = self._controller.desk
        found = await desk.checkpoints(_MOST_RESTORED)
        if not is_valid(self):
            return
        self._restore.clear()
        for checkpoint in found:
            at = datetime.datetime.fromtimestamp(checkpoint.time)
            title = checkpoint.title.replace("AI: ", "", 1).replace("&", "&&")
            action = QAction(f"{at:%H:%M}  before \u201c{title}\u201d", self._restore)
            action.triggered.connect(lambda *_, number=checkpoint.id: desk.restore(number))
            self._restore.addAction(action)
        self._restore.setEnabled(bool(self._restore.actions()))

    def _focus_next_question(self) -> None:
        """Give the keyboard to the next script that waits for a decision, or else to the message field."""
        card = self.conversation.next_question()
        if card is not None:
            card.focus_first()
            return
        self.composer.prompt.setFocus()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Go through the panel as it is seen, from top to bottom, and leave it at the ends (called by Qt for Tab)."""
        return tab_step(self, self._stops(), forward) or super().focusNextPrevChild(forward)

    def _stops(self) -> list[QtWidgets.QWidget]:
        page = self.pages.currentWidget()
        composer = self.composer
        bottom = (composer.prompt, composer.send, composer.model, composer.mode, composer.sees)
        return [*tab_stops(self.header), *([page] if page is self.transcript else []), *tab_stops(page), *bottom]

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Go back to the message field with Esc, from wherever nothing else takes it."""
        if event.key() == Qt.Key.Key_Escape and not self.composer.prompt.hasFocus():
            self.composer.prompt.setFocus()
            return
        super().keyPressEvent(event)

    def _on_cleared(self) -> None:
        self.composer.show_meter("")
        self._show_page()
        self.composer.prompt.setFocus()

    def _show_page(self) -> None:
        controller = self._controller
        self.header.title.setText(controller.record.title or "New conversation")
        if len(controller.record):
            page: QtWidgets.QWidget = self.transcript
        elif controller.is_offline:
            page = self.onboarding
        else:
            page = self.empty
            if self.isVisible():
                self.empty.show_suggestions(controller.suggestions())
        self.pages.setCurrentWidget(page)

    def _show_state(self) -> None:
        controller = self._controller
        state = controller.state
        # The composer's button stays with the message: while scripts are checked, the next one can be sent.
        can_stop_check = controller.is_checking and not controller.is_busy
        if self.header.stop.hasFocus() and not can_stop_check:
            self.composer.prompt.setFocus()
        self.header.show_state(state.kind, state.words, can_stop=can_stop_check)
        self.composer.set_busy(controller.is_busy, can_stop_check=can_stop_check)
        self.onboarding.set_busy(controller.is_looking)

    def _show_models(self) -> None:
        controller = self._controller
        provider, model = controller.model
        self.composer.model.show_model(controller.provider_title(provider), model)
        if self._picker is not None:
            self._picker.show_choices(controller.models, controller.model, is_looking=controller.is_looking)
        self.onboarding.show_tried(controller.models, controller.problem)
        self._show_page()

    def _show_context(self) -> None:
        if self.isVisible():
            self.composer.show_context(self._controller.context_line())

    def _show_meter(self, usage: Usage) -> None:
        total = usage.prompt_tokens + usage.completion_tokens
        parts = []
        if total:
            parts.append(f"{total:,} tokens" if total < 10_000 else f"{total / 1000:.1f}k tokens")
        if usage.cost is not None:
            parts.append(f"${usage.cost:.4f}" if usage.cost < 0.1 else f"${usage.cost:.2f}")
        tip = f"{usage.prompt_tokens:,} tokens read, {usage.completion_tokens:,} written." if total else ""
        self.composer.show_meter(" \u00b7 ".join(parts), f"{tip} {self.conversation.context_note}".strip())


def _open_link(url: str) -> None:
    """Open a web page; other schemes could start programs or reach file servers."""
    target = QtCore.QUrl(url)
    if target.scheme() in ("http", "https"):
        QtGui.QDesktopServices.openUrl(target)
