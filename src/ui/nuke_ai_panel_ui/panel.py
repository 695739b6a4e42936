"""The panel: header, conversation, review and error cards, composer. It shows a controller and keeps nothing of its own."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING, Union

from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    NoticeArrived,
    PromptAdded,
    ProposalReviewed,
    ReasoningArrived,
    RoundBegan,
    SessionCleared,
    SessionEvent,
    TextArrived,
    ToolAnswered,
    ToolCalled,
)
from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.messages import Usage
from nuke_ai_panel_ui.cards import EmptyPage, ErrorCard, OnboardingPage, PlanCard, StoppedCard
from nuke_ai_panel_ui.composer import Composer
from nuke_ai_panel_ui.context_popup import ContextPopup
from nuke_ai_panel_ui.controller import PanelController, plan_prompt
from nuke_ai_panel_ui.icons import icon
from nuke_ai_panel_ui.labels import ElidedLabel, announce, label, tool_button
from nuke_ai_panel_ui.model_picker import ModelPicker
from nuke_ai_panel_ui.panel_style import panel_style_sheet
from nuke_ai_panel_ui.qt import QAction, Qt, QtCore, QtGui, QtWidgets, is_valid
from nuke_ai_panel_ui.review import ReviewCard
from nuke_ai_panel_ui.saving import save_forms
from nuke_ai_panel_ui.tab_order import tab_step, tab_stops
from nuke_ai_panel_ui.theme import Theme
from nuke_ai_panel_ui.tool_words import call_title
from nuke_ai_panel_ui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from nuke_ai_panel.agent.prompts import Mode

__all__ = ["Header", "Panel"]

#: How long a notice is shown, and how long where another one waits, in milliseconds.
_NOTICE_MS = 8000
_BRIEF_MS = 3000
#: States of the script that the menu lists; a menu that is longer than the screen helps nobody.
_MOST_RESTORED = 30

_EndCard = Union[ErrorCard, StoppedCard]


class Header(QtWidgets.QWidget):
    """State dot with its words, the conversation's title, and the panel's own buttons."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(12, 6, 6, 6)
        row.setSpacing(8)
        self.dot = QtWidgets.QLabel()
        row.addWidget(self.dot)
        column = QtWidgets.QVBoxLayout()
        column.setSpacing(0)
        self.title = ElidedLabel("New conversation")
        self.title.setObjectName("title")
        self.words = ElidedLabel()
        self.words.setObjectName("small")
        column.addWidget(self.title)
        column.addWidget(self.words)
        row.addLayout(column, 1)
        self.new = tool_button("New conversation")
        self.settings = tool_button("Settings")
        self.more = tool_button("More")
        self.more.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        buttons = QtWidgets.QHBoxLayout()
        buttons.setSpacing(2)
        for each in (self.new, self.settings, self.more):
            buttons.addWidget(each)
        row.addLayout(buttons)
        self._theme = theme
        self._kind = "checking"
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the theme's colours."""
        self._theme = theme
        for each, name in ((self.new, "add"), (self.settings, "settings"), (self.more, "more")):
            each.setIcon(icon(name, theme.text))
            each.setIconSize(QtCore.QSize(theme.font_px + 4, theme.font_px + 4))
        self._draw_dot()

    def show_state(self, kind: str, words: str) -> None:
        """Show a state; ``kind`` is that of :class:`~nuke_ai_panel_ui.controller.PanelState`."""
        self.words.setText(words)
        self.dot.setAccessibleName(words)
        self.dot.setToolTip(words)
        if kind != self._kind:
            self._kind = kind
            self._draw_dot()

    def _draw_dot(self) -> None:
        theme = self._theme
        colour = {"ready": theme.ok, "busy": theme.accent, "offline": theme.error}.get(self._kind, theme.dim)
        ratio = self.devicePixelRatioF()
        image = QtGui.QPixmap(round(10 * ratio), round(10 * ratio))
        image.setDevicePixelRatio(ratio)
        image.fill(QtGui.QColor(0, 0, 0, 0))
        painter = QtGui.QPainter(image)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QtGui.QColor(colour))
        painter.drawEllipse(QtCore.QRectF(0.5, 0.5, 9, 9))
        painter.end()
        self.dot.setPixmap(image)


class Panel(QtWidgets.QWidget):
    """The dockable widget. It may be destroyed and built anew at any time: the controller keeps what was said."""

    def __init__(self, controller: PanelController, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._theme = controller.theme()
        self._cards: dict[int, ReviewCard] = {}
        self._end_card: _EndCard | None = None
        self._is_answer_open = False
        self._thought: tuple[int, datetime.datetime] | None = None
        self._prompts: list[tuple[int, str]] = []
        self._calls: dict[str, tuple[int, ToolCalled]] = {}
        self._context_note = ""
        self._picker: ModelPicker | None = None
        self._context: ContextPopup | None = None
        self._preview: asyncio.Task[None] | None = None
        self._plans: list[PlanCard] = []
        self.setObjectName("nukeAIPanel")
        self.setWindowTitle("AI Panel")
        self.setAccessibleName("AI Panel")
        self.setMinimumWidth(280)
        self._build()
        self._apply_theme()
        self._connect()
        self._replay()
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
        self.empty = EmptyPage()
        self.onboarding = OnboardingPage()
        for page in (self.empty, self.onboarding, self.transcript):
            self.pages.addWidget(page)
        rows.addWidget(self.pages, 1)
        bottom = QtWidgets.QVBoxLayout()
        bottom.setContentsMargins(8, 6, 8, 8)
        bottom.setSpacing(6)
        self.notice = label("", wrap=True)
        self.notice.setObjectName("notice")
        self.notice.setAccessibleName("Notice")
        self.notice.hide()
        bottom.addWidget(self.notice)
        self.composer = Composer(self._theme)
        bottom.addWidget(self.composer)
        rows.addLayout(bottom)
        self._notices: list[str] = []
        self._notice_timer = QtCore.QTimer(self)
        self._notice_timer.setSingleShot(True)
        self._notice_timer.timeout.connect(self._next_notice)
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
        controller, composer = self._controller, self.composer
        controller.session_event.connect(self._on_event)
        controller.proposal_changed.connect(self._on_proposal_changed)
        controller.models_changed.connect(self._show_models)
        controller.state_changed.connect(self._show_state)
        controller.settings_changed.connect(self._apply_theme)
        controller.host_changed.connect(self._show_context)
        controller.notice.connect(self._show_notice)
        controller.mode_changed.connect(lambda: composer.mode.show_mode(controller.mode))
        composer.sent.connect(self._send)
        composer.stop_requested.connect(lambda: controller.cancel())
        composer.focused.connect(self._show_context)
        composer.prompt.textChanged.connect(self._keep_draft)
        composer.sees.clicked.connect(lambda *_: self._open_context())
        composer.mode.chosen.connect(self._choose_mode)
        composer.model.clicked.connect(lambda *_: self._open_models())
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

    def _choose_mode(self, mode: Mode) -> None:
        self._controller.mode = mode

    def _keep_draft(self) -> None:
        self._controller.drafted = self.composer.text

    def _open_settings(self) -> None:
        self._controller.show_settings(self.window())

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
        asked = [text for at, text in self._prompts if at <= number]
        if action == "edit" and asked:
            self.composer.set_text(asked[-1])
            self.composer.prompt.setFocus()
        elif action == "retry" and asked:
            is_last = len(asked) == len(self._prompts)
            if is_last:
                self._controller.retry()
            else:
                self._controller.send(asked[-1])

    @staticmethod
    def _copy(text: str) -> None:
        QtWidgets.QApplication.clipboard().setText(text)

    # showing

    def _replay(self) -> None:
        for entry in self._controller.record.entries():
            self._show_event(entry.event, entry.at, is_replay=True)
        self.composer.mode.show_mode(self._controller.mode)
        if self._controller.drafted:
            self.composer.set_text(self._controller.drafted)
        self._show_page()

    def _on_event(self, event: SessionEvent) -> None:
        self._show_event(event, datetime.datetime.now())

    def _show_event(self, event: SessionEvent, at: datetime.datetime, *, is_replay: bool = False) -> None:
        view = self.transcript
        if isinstance(event, TextArrived):
            self._end_thought(at)
            view.feed(event.text)
        elif isinstance(event, ReasoningArrived):
            if self._thought is None:
                self._thought = (view.add_fold("Thinking\u2026"), at)
            view.append_to_fold(self._thought[0], event.text)
        elif isinstance(event, PromptAdded):
            self._let_go_of_end_card(is_retry=False)
            for plan in self._plans:
                if event.text == plan_prompt(plan.steps):
                    plan.set_begun()
            self._prompts.append((view.add_message("user", event.text, "You"), event.text))
            self.composer.prompt.remember(event.text)
            self._show_page()
        elif isinstance(event, AnswerStarted):
            self._let_go_of_end_card(is_retry=True)
            self._is_answer_open = True
            view.begin_answer(f"{event.model} \u00b7 {at:%H:%M}")
        elif isinstance(event, AnswerFinished):
            self._end_answer(at)
            self._show_meter(event.usage)
            if event.steps:
                plan = PlanCard(event.steps)
                plan.agreed.connect(self._controller.work_off)
                self._plans.append(plan)
                view.add_widget(plan)
            if event.reason == "length" and not is_replay:
                self._show_notice("The answer was cut: the model reached its longest answer. Ask it to go on.")
        elif isinstance(event, NoticeArrived):
            if event.kind == "context":
                self._context_note = event.text
            else:
                view.add_widget(label(event.text, dim=True, wrap=True))
        elif isinstance(event, AnswerFailed):
            self._end_answer(at)
            self._show_end_card(ErrorCard(event, self._theme))
        elif isinstance(event, AnswerCancelled):
            self._end_answer(at)
            self._show_end_card(StoppedCard(bool(event.partial_text)))
        elif isinstance(event, ProposalReviewed):
            self._show_review(event.proposal_id, is_replay)
        elif isinstance(event, ToolCalled):
            self._end_thought(at)
            self._calls[event.call_id] = (view.add_fold(call_title(event)), event)
        elif isinstance(event, ToolAnswered) and event.call_id in self._calls:
            fold, called = self._calls.pop(event.call_id)
            view.append_to_fold(fold, event.text)
            view.set_fold_title(fold, call_title(called, event))
        elif isinstance(event, RoundBegan) and event.reason == "fix":
            view.add_widget(label(f"Fixing it, try {event.number} of {event.limit}: {event.detail}", dim=True, wrap=True))
        elif isinstance(event, SessionCleared):
            self._clear()

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

    def _end_answer(self, at: datetime.datetime) -> None:
        self._end_thought(at)
        if self._is_answer_open:
            self._is_answer_open = False
            self.transcript.end_answer()

    def _end_thought(self, at: datetime.datetime) -> None:
        if self._thought is None:
            return
        fold, began = self._thought
        self._thought = None
        self.transcript.set_fold_title(fold, f"Thought for {max(1, round((at - began).total_seconds()))} s")

    def _let_go_of_end_card(self, *, is_retry: bool) -> None:
        """A retry replaces the card it came from; after a new prompt the card stays, without its buttons."""
        card, self._end_card = self._end_card, None
        if card is None:
            return
        if is_retry:
            self.transcript.remove_widget(card)
            card.deleteLater()
        else:
            card.set_past()

    def _show_end_card(self, card: _EndCard) -> None:
        self._let_go_of_end_card(is_retry=True)
        self._end_card = card
        card.retry_requested.connect(lambda: self._controller.retry())
        if isinstance(card, ErrorCard):
            card.settings_requested.connect(self._open_settings)
            card.switch_requested.connect(self._open_models)
        self.transcript.add_widget(card)

    def _show_review(self, proposal_id: int, is_replay: bool) -> None:
        record = self._controller.record.proposals[proposal_id]
        # Other kinds than Python mean nothing to the Script Editor.
        can_insert = self._controller.is_in_nuke and record.review.proposal.kind in ("python", "tool")
        card = ReviewCard(
            record,
            self._controller.place(),
            self._theme,
            can_insert=can_insert,
            saves_as=save_forms(record.review.proposal.kind),
        )
        desk = self._controller.desk
        card.run_requested.connect(desk.apply)
        card.undo_requested.connect(desk.undo)
        card.reject_requested.connect(desk.reject)
        card.fix_requested.connect(desk.fix)
        card.insert_requested.connect(desk.insert)
        card.save_requested.connect(desk.save)
        card.revise_requested.connect(desk.revise)
        card.copy_requested.connect(self._copy)
        card.left.connect(self._focus_next_question)
        self._cards[proposal_id] = card
        self.transcript.add_widget(card)
        self._show_page()
        if not is_replay:
            announce(card)

    def _on_proposal_changed(self, proposal_id: int) -> None:
        card = self._cards.get(proposal_id)
        if card is not None:
            card.show_record()

    def _focus_next_question(self) -> None:
        """Give the keyboard to the next script that waits for a decision, or else to the message field."""
        for number, card in self._cards.items():
            if self._controller.record.proposals[number].state == "open" and card.isVisible():
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

    def _clear(self) -> None:
        self._cards.clear()
        self._end_card = None
        self._is_answer_open = False
        self._thought = None
        self._prompts.clear()
        self._calls.clear()
        self._plans.clear()
        self.transcript.clear()
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
        state = self._controller.state
        self.header.show_state(state.kind, state.words)
        self.composer.set_busy(self._controller.is_busy)
        self.onboarding.set_busy(self._controller.is_looking)

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

    def _show_notice(self, text: str) -> None:
        """Show a sentence for a moment; one that is shown already has its time first."""
        if self.notice.isVisibleTo(self) and self._notice_timer.isActive():
            if text not in (self.notice.text(), *self._notices):
                self._notices.append(text)
                self._notice_timer.start(min(_BRIEF_MS, self._notice_timer.remainingTime()))
            return
        self._put_notice(text)

    def _next_notice(self) -> None:
        if self._notices:
            self._put_notice(self._notices.pop(0))
        else:
            self.notice.hide()

    def _put_notice(self, text: str) -> None:
        self.notice.setText(text)
        self.notice.setAccessibleName(f"Notice: {text}")
        self.notice.show()
        announce(self.notice)
        self._notice_timer.start(_BRIEF_MS if self._notices else _NOTICE_MS)

    def _show_meter(self, usage: Usage) -> None:
        total = usage.prompt_tokens + usage.completion_tokens
        parts = []
        if total:
            parts.append(f"{total:,} tokens" if total < 10_000 else f"{total / 1000:.1f}k tokens")
        if usage.cost is not None:
            parts.append(f"${usage.cost:.4f}" if usage.cost < 0.1 else f"${usage.cost:.2f}")
        tip = f"{usage.prompt_tokens:,} tokens read, {usage.completion_tokens:,} written." if total else ""
        self.composer.show_meter(" \u00b7 ".join(parts), f"{tip} {self._context_note}".strip())


def _open_link(url: str) -> None:
    """Open a web page; other schemes could start programs or reach file servers."""
    target = QtCore.QUrl(url)
    if target.scheme() in ("http", "https"):
        QtGui.QDesktopServices.openUrl(target)
