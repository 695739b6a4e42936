"""Values of a conversation: messages, requests, stream events. Frozen, no I/O, no provider names.

Every provider takes a :class:`ChatRequest` and yields :data:`StreamEvent` values; everything above (session, panel, command
line, batch) reads only these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Union

__all__ = [
    "ChatRequest",
    "Completion",
    "FinishReason",
    "Finished",
    "Message",
    "ModelInfo",
    "ModelLoading",
    "ReasoningDelta",
    "Role",
    "StreamEvent",
    "StreamStarted",
    "TextDelta",
    "Usage",
]

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error", "unknown"]


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True)
class Usage:
    """What an answer cost. Counts are tokens; ``cost`` is US dollars, None where the server does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True)
class ChatRequest:
    """What is asked of a model. ``temperature`` and ``max_tokens`` None leave the server's default."""

    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamStarted:
    """The server accepted the request and began to answer. ``model`` is the name the server gave."""

    model: str


@dataclass(frozen=True)
class ModelLoading:
    """Nothing has come for ``seconds``; a local server is most likely loading the model. Informs, ends nothing."""

    seconds: float


@dataclass(frozen=True)
class TextDelta:
    """A piece of the answer's text, in order; never empty."""

    text: str


@dataclass(frozen=True)
class ReasoningDelta:
    """A piece of the model's reasoning, in order; never empty."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The last event of a stream that ended as its protocol says a complete answer ends."""

    reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    model: str = ""


StreamEvent = Union[StreamStarted, ModelLoading, TextDelta, ReasoningDelta, Finished]


@dataclass(frozen=True)
class Completion:
    """A collected answer."""

    text: str
    model: str
    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    reasoning: str = ""


@dataclass(frozen=True)
class ModelInfo:
    """A model as its server lists it. Unknown is None, never a guess.

    ``size`` is bytes on disk; ``prompt_price`` and ``completion_price`` are US dollars per million tokens.
    """

    name: str
    title: str = ""
    context_length: int | None = None
    size: int | None = None
    prompt_price: float | None = None
    completion_price: float | None = None
