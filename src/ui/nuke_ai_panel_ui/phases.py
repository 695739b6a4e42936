"""What is going on just now, in the few words that the header has room for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    ModelIsLoading,
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

__all__ = ["PanelState", "Phases"]


@dataclass(frozen=True)
class PanelState:
    """What the dot in the header says. ``kind`` is for colours, ``words`` for people."""

    kind: Literal["checking", "ready", "busy", "offline"]
    words: str


class Phases:
    """Follows the events of a conversation. ``words`` are "" while no answer is on its way."""

    def __init__(self) -> None:
        self.words = ""
        self._changes: set[str] = set()

    def begin(self) -> None:
        """A prompt was taken; nothing was heard of it yet."""
        self.words = "Asking"

    def end(self) -> None:
        """No answer is on its way any more."""
        self.words = ""
        self._changes.clear()

    def follow(self, event: SessionEvent) -> bool:
        """Take one event; return whether the words are others now."""
        before = self.words
        if isinstance(event, (AnswerFinished, AnswerFailed, AnswerCancelled, SessionCleared)):
            self.end()
        elif isinstance(event, ToolCalled) and event.writes:
            self._changes.add(event.call_id)
            self.words = "Preparing a change"
        elif isinstance(event, ToolAnswered):
            self._changes.discard(event.call_id)
            self.words = "Waiting for the model"
        elif isinstance(event, ProposalReviewed):
            # Of a model at work; what an earlier answer proposed is checked while the next one is on its way, too.
            if self._changes:
                self.words = "Waiting for your decision"
        else:
            self.words = _words(event) or self.words
        return self.words != before


def _words(event: SessionEvent) -> str:
    if isinstance(event, (PromptAdded, AnswerStarted)):
        return "Waiting for the model"
    if isinstance(event, ModelIsLoading):
        return f"Loading the model, {event.seconds:.0f} s so far"
    if isinstance(event, RoundBegan):
        return f"Fixing the script, try {event.number} of {event.limit}" if event.reason == "fix" else "Going on"
    if isinstance(event, ToolCalled):
        return "Reading the script"
    if isinstance(event, ReasoningArrived):
        return "Thinking"
    return "Answering" if isinstance(event, TextArrived) else ""
