"""Values of a conversation: messages, requests, stream events. Frozen, no I/O, no provider names.

Every provider takes a :class:`ChatRequest` and yields :data:`StreamEvent` values; everything above (session, panel, command
line, batch) reads only these. What a server can do besides chat is asked with the values of
:mod:`nuke_ai_panel.operations`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, Union

__all__ = [
    "AudioPart",
    "ChatRequest",
    "Completion",
    "Content",
    "FilePart",
    "FinishReason",
    "Finished",
    "ImageArrived",
    "ImagePart",
    "JsonObject",
    "JsonSchema",
    "Message",
    "ModelInfo",
    "ModelLoading",
    "Notice",
    "NoticeKind",
    "Outcome",
    "Part",
    "ReasoningDelta",
    "Role",
    "StreamEvent",
    "StreamStarted",
    "TextDelta",
    "TextPart",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "Usage",
]

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error", "unknown"]
NoticeKind = Literal[
    "context", "context_cut", "other_model", "tools_carried", "schema_carried", "ignored", "fix", "limit", "not_run"
]
JsonObject = Mapping[str, object]


class Content(Protocol):
    """Bytes that lie somewhere else, a checked file for example, and are read when they are sent."""

    @property
    def size(self) -> int:
        """Bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the first one on, in pieces. It blocks: call it in a worker thread."""


@dataclass(frozen=True)
class TextPart:
    """Text between other parts of a message."""

    text: str


@dataclass(frozen=True)
class ImagePart:
    """A picture: its bytes with their media type (``image/png``), or an address that the server fetches itself."""

    data: bytes | Content = field(default=b"", repr=False)
    media_type: str = ""
    url: str = ""


@dataclass(frozen=True)
class AudioPart:
    """A recording; ``format`` is ``"wav"``, ``"mp3"`` or what else the model takes."""

    data: bytes | Content = field(repr=False)
    format: str = "wav"


@dataclass(frozen=True)
class FilePart:
    """A document that the model reads, e.g. a PDF: its bytes, or the identifier of an uploaded file."""

    name: str
    data: bytes | Content = field(default=b"", repr=False)
    media_type: str = ""
    file_id: str = ""


Part = Union[TextPart, ImagePart, AudioPart, FilePart]


@dataclass(frozen=True)
class Tool:
    """A function the model may ask for. ``parameters`` is a JSON schema of type ``object``."""

    name: str
    description: str = ""
    parameters: JsonObject = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool = False


@dataclass(frozen=True)
class ToolCall:
    """The model's wish to call a function. ``arguments`` is JSON text as the model wrote it; nothing proves it valid."""

    id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True)
class JsonSchema:
    """The form an answer must have."""

    schema: JsonObject
    name: str = "answer"
    strict: bool = True


@dataclass(frozen=True)
class Message:
    """One message of a conversation: ``text`` first, then ``parts`` in their order.

    An assistant's message may hold ``tool_calls``; the answer to one is a message of the role ``tool`` with ``tool_call_id``
    and ``tool_name``. ``reasoning`` and ``reasoning_details`` (opaque) go back to the models that want their former thoughts.
    """

    role: Role
    text: str = ""
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    tool_name: str = ""
    reasoning: str = ""
    reasoning_details: tuple[JsonObject, ...] = ()


@dataclass(frozen=True)
class Usage:
    """What an answer cost. Counts are tokens; ``cost`` is US dollars; None where the server does not say.

    ``load_seconds`` is what the server spent on loading the model, ``answer_seconds`` on writing the answer.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    load_seconds: float | None = None
    answer_seconds: float | None = None


@dataclass(frozen=True)
class ChatRequest:
    """What is asked of a model. None and () leave the server's default.

    Args:
        reasoning: whether to think before answering: True, False, or how much, e.g. ``"low"``, ``"high"``.
        n: how many answers; the events and completions of the further ones carry their number.
        tool_choice: ``"auto"``, ``"none"``, ``"required"`` or the name of a tool.
        response_format: ``"json"``, or the schema that the answer must follow.
        carry_features: let tools and schemas that the model lacks be carried by other means instead of refusing the request.
        fallback_models: tried in their order by servers that route.
        context_length: tokens a local server sets aside for the conversation; None lets the provider choose.
        keep_alive: how long a local server keeps the model loaded: seconds, or a text such as ``"10m"``.
        extra: further fields of the body, in the words of the provider's own protocol; they win over everything else.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    top_p: float | None = None
    seed: int | None = None
    n: int = 1
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    user: str = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = ""
    response_format: Literal["json"] | JsonSchema | None = None
    reasoning: bool | str | None = None
    carry_features: bool = False
    fallback_models: tuple[str, ...] = ()
    context_length: int | None = None
    keep_alive: float | str | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class StreamStarted:
    """The server accepted the request and began to answer. ``model`` and ``id`` are what the server calls them."""

    model: str
    id: str = ""


@dataclass(frozen=True)
class ModelLoading:
    """Nothing has come for ``seconds``; a local server is most likely loading the model. Informs, ends nothing."""

    seconds: float


@dataclass(frozen=True)
class Notice:
    """Something the user should know about this answer, in one sentence. Informs, ends nothing."""

    kind: NoticeKind
    text: str


@dataclass(frozen=True)
class TextDelta:
    """A piece of the answer's text, in order; never empty."""

    text: str
    choice: int = 0


@dataclass(frozen=True)
class ReasoningDelta:
    """A piece of the model's reasoning, in order; never empty."""

    text: str
    choice: int = 0


@dataclass(frozen=True)
class ToolCallDelta:
    """A piece of call number ``index``: ``id`` and ``name`` come with the first, ``arguments`` is JSON text to be joined."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    choice: int = 0


@dataclass(frozen=True)
class ImageArrived:
    """The model answered with a picture."""

    image: ImagePart
    choice: int = 0


@dataclass(frozen=True)
class Outcome:
    """How one answer of a request ended. A call cut by the token limit is in ``tool_calls`` with the arguments so far."""

    reason: FinishReason
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning_details: tuple[JsonObject, ...] = ()


@dataclass(frozen=True)
class Finished:
    """The last event of a stream that ended as its protocol says a complete answer ends.

    ``others`` holds the outcomes of the answers after the first, where more than one was asked for.
    """

    reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning_details: tuple[JsonObject, ...] = ()
    others: tuple[Outcome, ...] = ()


StreamEvent = Union[StreamStarted, ModelLoading, Notice, TextDelta, ReasoningDelta, ToolCallDelta, ImageArrived, Finished]


@dataclass(frozen=True)
class Completion:
    """A collected answer. ``others`` holds the answers after the first, where more than one was asked for."""

    text: str
    model: str
    finish_reason: FinishReason
    usage: Usage = field(default_factory=Usage)
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    images: tuple[ImagePart, ...] = ()
    reasoning_details: tuple[JsonObject, ...] = ()
    notices: tuple[Notice, ...] = ()
    id: str = ""
    others: tuple[Completion, ...] = ()

    def as_message(self) -> Message:
        """Return the answer as it goes into the next request."""
        return Message(
            "assistant",
            self.text,
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
            reasoning_details=self.reasoning_details,
        )


@dataclass(frozen=True)
class ModelInfo:
    """A model as its server lists it. Unknown is None, never a guess.

    ``size`` is bytes on disk; ``prompt_price`` and ``completion_price`` are US dollars per million tokens; ``inputs`` and
    ``outputs`` name modalities (``text``, ``image``, ``audio``, ``file``, ``embeddings``); ``parameters`` are the request
    fields the model takes, in the server's words.
    """

    name: str
    title: str = ""
    context_length: int | None = None
    size: int | None = None
    prompt_price: float | None = None
    completion_price: float | None = None
    max_output: int | None = None
    inputs: frozenset[str] | None = None
    outputs: frozenset[str] | None = None
    parameters: frozenset[str] | None = None
