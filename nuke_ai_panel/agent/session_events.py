"""What a :class:`~nuke_ai_panel.agent.session.ChatSession` tells its listeners: all that a view or a command reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

from nuke_ai_panel.errors import APIError, NukeAIPanelError
from nuke_ai_panel.messages import NoticeKind, Usage
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review

__all__ = [
    "AnswerCancelled",
    "AnswerFailed",
    "AnswerFinished",
    "AnswerStarted",
    "CheckResumed",
    "CheckStopped",
    "ModelIsLoading",
    "NoticeArrived",
    "PromptAdded",
    "ProposalApplied",
    "ProposalCompared",
    "ProposalRejected",
    "ProposalReviewed",
    "ReasoningArrived",
    "RoundBegan",
    "RoundReason",
    "SessionCleared",
    "SessionEvent",
    "TextArrived",
    "ToolAnswered",
    "ToolCalled",
]


RoundReason = Literal["tools", "fix"]


@dataclass(frozen=True)
class PromptAdded:
    """The artist's message was taken; the first event of every prompt."""

    text: str


@dataclass(frozen=True)
class AnswerStarted:
    """A request was sent to ``model``."""

    model: str


@dataclass(frozen=True)
class ModelIsLoading:
    """No byte for ``seconds``; the server is most likely loading the model."""

    seconds: float


@dataclass(frozen=True)
class NoticeArrived:
    """Something to know about the answer on its way: it was cut, another model answers, …

    ``setting`` is the key of the setting that decides it, where it is the artist's to change.
    """

    kind: NoticeKind
    text: str
    setting: str = ""


@dataclass(frozen=True)
class TextArrived:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True)
class ReasoningArrived:
    """A piece of the model's reasoning."""

    text: str


@dataclass(frozen=True)
class AnswerFinished:
    """The answer is complete. ``proposals`` counts the scripts found in it; a ``ProposalReviewed`` follows for each.

    ``steps`` are those of a plan, to be worked off when the artist agrees to it.
    """

    text: str
    model: str
    usage: Usage
    proposals: int = 0
    reason: str = "stop"
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnswerFailed:
    """The answer failed; what had arrived is kept in the conversation and in ``partial_text``."""

    error: NukeAIPanelError
    partial_text: str = ""

    @property
    def next_step(self) -> str:
        """One sentence on what to do, or ""."""
        return self.error.next_step if isinstance(self.error, APIError) else ""


@dataclass(frozen=True)
class AnswerCancelled:
    """The artist stopped the answer; ``partial_text`` is kept."""

    partial_text: str = ""


@dataclass(frozen=True)
class ProposalReviewed:
    """A script of the answer was checked and dry run on a copy; nothing has run in the host."""

    proposal_id: int
    review: Review


@dataclass(frozen=True)
class CheckStopped:
    """A review was stopped before ``proposals`` were through it: what they would do is not known, and nothing has run.

    ``ChatSession.check_again`` takes ``check_id``. ``revises`` is the proposal whose code the artist has edited into this one.
    """

    check_id: int
    proposals: tuple[ScriptProposal, ...]
    revises: int | None = None


@dataclass(frozen=True)
class CheckResumed:
    """What a stopped check has left is reviewed now; a ``ProposalReviewed`` follows for each."""

    check_id: int


@dataclass(frozen=True)
class ProposalApplied:
    """The artist ran a proposal. ``applied.result.ok`` says whether it went in.

    Where ``applied.is_compared`` is false, the script is large, and a ``ProposalCompared`` follows.
    """

    proposal_id: int
    applied: Applied


@dataclass(frozen=True)
class ProposalCompared:
    """What a proposal that ran has really changed in a large script: ``applied`` is complete now."""

    proposal_id: int
    applied: Applied


@dataclass(frozen=True)
class ProposalRejected:
    """A proposal was not run; ``reason`` goes back to the model, "" for none.

    ``by`` says who or what took its place: the artist's no, the studio's policy, a better one of the model, or one that the
    artist has edited.
    """

    proposal_id: int
    reason: str = ""
    by: Literal["artist", "studio", "model", "edit"] = "artist"


@dataclass(frozen=True)
class RoundBegan:
    """The model is asked again within one prompt: number ``number`` of at most ``limit``.

    ``reason`` says why: it may go on after tool calls, or it is to mend a proposal that failed (``"fix"``); ``detail`` is the
    error in one line.
    """

    number: int
    limit: int
    reason: RoundReason
    detail: str = ""


@dataclass(frozen=True)
class ToolCalled:
    """The model asked for a tool. ``arguments`` is JSON text; ``writes`` says whether it would change the script."""

    call_id: str
    name: str
    arguments: str = "{}"
    writes: bool = False


@dataclass(frozen=True)
class ToolAnswered:
    """What a tool call came to: the ``text`` the model is told, and after how many ``seconds``."""

    call_id: str
    text: str
    is_error: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class SessionCleared:
    """A new, empty conversation."""


SessionEvent = Union[
    PromptAdded,
    AnswerStarted,
    ModelIsLoading,
    NoticeArrived,
    TextArrived,
    ReasoningArrived,
    AnswerFinished,
    AnswerFailed,
    AnswerCancelled,
    ProposalReviewed,
    CheckStopped,
    CheckResumed,
    ProposalApplied,
    ProposalCompared,
    ProposalRejected,
    RoundBegan,
    ToolCalled,
    ToolAnswered,
    SessionCleared,
]
