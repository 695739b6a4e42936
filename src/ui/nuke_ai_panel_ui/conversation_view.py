"""A conversation as it is seen: each event of the session becomes a message, a line, a fold or a card of the transcript."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Union

from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    CheckResumed,
    CheckStopped,
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
from nuke_ai_panel_ui.cards import Card, ErrorCard, NoticeRow, PlanCard, StoppedCard
from nuke_ai_panel_ui.controller import PanelController, plan_prompt
from nuke_ai_panel_ui.labels import announce, label
from nuke_ai_panel_ui.qt import QtCore, QtWidgets, Signal
from nuke_ai_panel_ui.review import ReviewCard
from nuke_ai_panel_ui.saving import save_forms
from nuke_ai_panel_ui.stop_card import CheckStoppedCard
from nuke_ai_panel_ui.theme import Theme
from nuke_ai_panel_ui.tool_words import call_title
from nuke_ai_panel_ui.transcript.view import TranscriptView

__all__ = ["ConversationView"]

_EndCard = Union[ErrorCard, StoppedCard]


class ConversationView(QtCore.QObject):
    """Writes the events of `controller` into `transcript`, as they come or all at once from its record.

    Signals: ``grown`` says that there is something more to see, ``cleared`` that there is nothing any more, ``finished``
    carries the usage of a complete answer, ``notice`` is one sentence to show for a moment. ``left`` says that the keyboard has
    nothing more to do at a card, ``settings_requested`` and ``models_requested`` name buttons that were pressed, and
    ``setting_requested`` carries the key of a setting to be shown.
    """

    grown = Signal()
    cleared = Signal()
    finished = Signal(object)
    notice = Signal(str)
    left = Signal()
    settings_requested = Signal()
    setting_requested = Signal(str)
    models_requested = Signal()

    def __init__(self, controller: PanelController, transcript: TranscriptView, theme: Callable[[], Theme]) -> None:
        super().__init__(transcript)
        self._controller = controller
        self._view = transcript
        self._theme = theme
        #: The review cards by the number of their proposal, and the card that the last answer has ended with.
        self.cards: dict[int, ReviewCard] = {}
        self.end_card: _EndCard | None = None
        #: The artist's messages with their numbers in the transcript.
        self.prompts: list[tuple[int, str]] = []
        #: What was left out of the context of the last answer, "" for nothing.
        self.context_note = ""
        self._is_answer_open = False
        self._thought: tuple[int, datetime.datetime] | None = None
        self._calls: dict[str, tuple[int, ToolCalled]] = {}
        self._plans: list[PlanCard] = []
        self._stopped: dict[int, CheckStoppedCard] = {}

    def replay(self) -> None:
        """Show what was said so far."""
        for entry in self._controller.record.entries():
            self._show(entry.event, entry.at, is_replay=True)

    def show_event(self, event: SessionEvent) -> None:
        """Show an event that comes now."""
        self._show(event, datetime.datetime.now(), is_replay=False)

    def refresh(self, proposal_id: int) -> None:
        """Show what became of a proposal."""
        card = self.cards.get(proposal_id)
        if card is not None:
            card.show_record()

    def next_question(self) -> ReviewCard | None:
        """Return the first card in sight that waits for a decision."""
        for number, card in self.cards.items():
            if self._controller.record.proposals[number].state == "open" and card.isVisible():
                return card
        return None

    def _show(self, event: SessionEvent, at: datetime.datetime, *, is_replay: bool) -> None:
        view = self._view
        if isinstance(event, TextArrived):
            self._end_thought(at)
            view.feed(event.text)
        elif isinstance(event, ReasoningArrived):
            if self._thought is None:
                self._thought = (view.add_fold("Thinking\u2026"), at)
            view.append_to_fold(self._thought[0], event.text)
        elif isinstance(event, PromptAdded):
            self._show_prompt(event.text)
        elif isinstance(event, AnswerStarted):
            self._let_go_of_end_card(is_retry=True)
            self._is_answer_open = True
            view.begin_answer(f"{event.model} \u00b7 {at:%H:%M}")
        elif isinstance(event, AnswerFinished):
            self._end_answer(at)
            self._show_end(event, is_replay)
        elif isinstance(event, NoticeArrived):
            if event.kind == "context":
                self.context_note = event.text
            elif event.setting:
                row = NoticeRow(event.text, event.setting)
                row.settings_requested.connect(self.setting_requested)
                view.add_widget(row)
            else:
                view.add_widget(label(event.text, dim=True, wrap=True))
        elif isinstance(event, AnswerFailed):
            self._end_answer(at)
            self._show_end_card(ErrorCard(event, self._theme()))
        elif isinstance(event, AnswerCancelled):
            self._end_answer(at)
            self._show_end_card(StoppedCard(bool(event.partial_text)))
        elif isinstance(event, ProposalReviewed):
            self._show_review(event.proposal_id, is_replay)
        elif isinstance(event, CheckStopped):
            self._show_stopped_check(event, is_replay)
        elif isinstance(event, CheckResumed):
            self._take_away(self._stopped.pop(event.check_id, None))
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

    def _show_prompt(self, text: str) -> None:
        self._let_go_of_end_card(is_retry=False)
        for plan in self._plans:
            if text == plan_prompt(plan.steps):
                plan.set_begun()
        self.prompts.append((self._view.add_message("user", text, "You"), text))
        self.grown.emit()

    def _show_end(self, event: AnswerFinished, is_replay: bool) -> None:
        self.finished.emit(event.usage)
        if event.steps:
            plan = PlanCard(event.steps)
            plan.agreed.connect(self._controller.work_off)
            self._plans.append(plan)
            self._view.add_widget(plan)
        if event.reason == "length" and not is_replay:
            self.notice.emit("The answer was cut: the model reached its longest answer. Ask it to go on.")

    def _end_answer(self, at: datetime.datetime) -> None:
        self._end_thought(at)
        if self._is_answer_open:
            self._is_answer_open = False
            self._view.end_answer()

    def _end_thought(self, at: datetime.datetime) -> None:
        if self._thought is None:
            return
        fold, began = self._thought
        self._thought = None
        self._view.set_fold_title(fold, f"Thought for {max(1, round((at - began).total_seconds()))} s")

    def _let_go_of_end_card(self, *, is_retry: bool) -> None:
        """A retry replaces the card it came from; after a new prompt the card stays, without its buttons."""
        card, self.end_card = self.end_card, None
        if is_retry:
            self._take_away(card)
        elif card is not None:
            card.set_past()

    def _show_end_card(self, card: _EndCard) -> None:
        self._let_go_of_end_card(is_retry=True)
        self.end_card = card
        card.retry_requested.connect(lambda: self._controller.retry())
        if isinstance(card, ErrorCard):
            card.settings_requested.connect(self.settings_requested)
            card.switch_requested.connect(self.models_requested)
        self._view.add_widget(card)

    def _show_review(self, proposal_id: int, is_replay: bool) -> None:
        record = self._controller.record.proposals[proposal_id]
        # Other kinds than Python mean nothing to the Script Editor.
        can_insert = self._controller.is_in_nuke and record.review.proposal.kind in ("python", "tool")
        card = ReviewCard(
            record,
            self._controller.place(),
            self._theme(),
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
        card.copy_requested.connect(_copy)
        card.left.connect(self.left)
        self.cards[proposal_id] = card
        self._add_card(card, is_replay)

    def _show_stopped_check(self, event: CheckStopped, is_replay: bool) -> None:
        card = CheckStoppedCard(event, self._theme())
        card.again_requested.connect(self._controller.check_again)
        self._stopped[event.check_id] = card
        self._add_card(card, is_replay)

    def _add_card(self, card: Card, is_replay: bool) -> None:
        self._view.add_widget(card)
        self.grown.emit()
        if not is_replay:
            announce(card)

    def _take_away(self, card: Card | None) -> None:
        if card is None:
            return
        focused = QtWidgets.QApplication.focusWidget()
        had_keyboard = focused is not None and card.isAncestorOf(focused)
        self._view.remove_widget(card)
        card.deleteLater()
        if had_keyboard:
            self.left.emit()

    def _clear(self) -> None:
        self.cards.clear()
        self.end_card = None
        self.prompts.clear()
        self._is_answer_open = False
        self._thought = None
        self._calls.clear()
        self._plans.clear()
        self._stopped.clear()
        self._view.clear()
        self.cleared.emit()


def _copy(text: str) -> None:
    QtWidgets.QApplication.clipboard().setText(text)
