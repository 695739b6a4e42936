"""The pieces of a streamed answer: ``chunk.choices[0].delta.content``.

One is made for every token, so these are plain classes with slots: a frozen dataclass takes three times as long to make. What
is the same for all pieces of an answer lies once in a :class:`Head`. Treat them as values: nobody changes a piece.
"""

from __future__ import annotations

from nuke_ai_panel.api.field_shape import FieldShape, Json
from nuke_ai_panel.api.responses import (
    FieldReason,
    OutputImage,
    TextChoice,
    TextResponse,
    TokenUsage,
    field_reason,
    token_usage,
)
from nuke_ai_panel.messages import Finished, ImageArrived, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta

__all__ = ["ChatChunk", "ChunkChoice", "Delta", "Head", "ToolCallPiece", "chat_chunk", "text_chunk"]


class Head:
    """What all pieces of one answer share."""

    __slots__ = ("created", "id", "model", "provider", "spoke")

    def __init__(self, id: str, model: str, created: int, provider: str) -> None:  # noqa: A002
        self.id = id
        self.model = model
        self.created = created
        self.provider = provider
        self.spoke: set[int] = set()


class FunctionPiece:
    """A piece of a function call; ``name`` comes with the first, ``arguments`` is JSON text to be joined."""

    __slots__ = ("arguments", "name")

    def __init__(self, name: str | None, arguments: str) -> None:
        self.name = name
        self.arguments = arguments

    def __repr__(self) -> str:
        return f"FunctionPiece(name={self.name!r}, arguments={self.arguments!r})"


class ToolCallPiece(FieldShape):
    """A piece of the call number ``index`` of an answer; ``id`` comes with the first."""

    __slots__ = ("function", "id", "index")

    type = "function"

    def __init__(self, index: int, id: str | None, function: FunctionPiece) -> None:  # noqa: A002
        self.index = index
        self.id = id
        self.function = function

    def __repr__(self) -> str:
        return f"ToolCallPiece(index={self.index}, id={self.id!r}, function={self.function!r})"

    def to_dict(self) -> Json:
        """Return the piece in its JSON form."""
        function: Json = {"arguments": self.function.arguments}
        found: Json = {"index": self.index, "type": self.type, "function": function}
        if self.function.name is not None:
            function["name"] = self.function.name
        if self.id is not None:
            found["id"] = self.id
        return found


class Delta(FieldShape):
    """What a piece adds to the answer; None is nothing."""

    __slots__ = ("content", "images", "reasoning", "role", "tool_calls")

    def __init__(
        self,
        content: str | None = None,
        role: str | None = None,
        reasoning: str | None = None,
        tool_calls: tuple[ToolCallPiece, ...] | None = None,
        images: tuple[OutputImage, ...] = (),
    ) -> None:
        self.content = content
        self.role = role
        self.reasoning = reasoning
        self.tool_calls = tool_calls
        self.images = images

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__ if getattr(self, name))
        return f"Delta({shown})"

    def to_dict(self) -> Json:
        """Return the delta in its JSON form: what it adds, and nothing else."""
        found: Json = {}
        if self.role is not None:
            found["role"] = self.role
        if self.content is not None:
            found["content"] = self.content
        if self.reasoning is not None:
            found["reasoning"] = self.reasoning
        if self.tool_calls:
            found["tool_calls"] = [piece.to_dict() for piece in self.tool_calls]
        if self.images:
            found["images"] = [image.to_dict() for image in self.images]
        return found


class ChunkChoice(FieldShape):
    """What a piece adds to the answer number ``index``; ``finish_reason`` is on its last piece."""

    __slots__ = ("delta", "finish_reason", "index")

    def __init__(self, index: int, delta: Delta, finish_reason: FieldReason | None = None) -> None:
        self.index = index
        self.delta = delta
        self.finish_reason = finish_reason

    def __repr__(self) -> str:
        return f"ChunkChoice(index={self.index}, delta={self.delta!r}, finish_reason={self.finish_reason!r})"

    def to_dict(self) -> Json:
        """Return the choice in its JSON form."""
        return {"index": self.index, "delta": self.delta.to_dict(), "finish_reason": self.finish_reason}


class ChatChunk(FieldShape):
    """A piece of a streamed answer. ``usage`` is on the last one."""

    __slots__ = ("_head", "choices", "usage")

    object = "chat.completion.chunk"

    def __init__(self, head: Head, choices: tuple[ChunkChoice, ...], usage: TokenUsage | None = None) -> None:
        self._head = head
        self.choices = choices
        self.usage = usage

    @property
    def id(self) -> str:
        """The answer's identifier."""
        return self._head.id

    @property
    def model(self) -> str:
        """What the server calls the model, without the provider."""
        return self._head.model

    @property
    def created(self) -> int:
        """Seconds since the epoch at which the answer began."""
        return self._head.created

    @property
    def provider(self) -> str:
        """Registry name of the provider."""
        return self._head.provider

    def __repr__(self) -> str:
        usage = "" if self.usage is None else f", usage={self.usage!r}"
        return f"ChatChunk(id={self.id!r}, model={self.model!r}, choices={self.choices!r}{usage})"

    def to_dict(self) -> Json:
        """Return the piece in its JSON form."""
        found: Json = {
            "id": self.id,
            "object": self.object,
            "created": self.created,
            "model": self.model,
            "choices": [choice.to_dict() for choice in self.choices],
            "provider": self.provider,
        }
        if self.usage is not None:
            found["usage"] = self.usage.to_dict()
        return found


def chat_chunk(head: Head, event: StreamEvent) -> ChatChunk | None:
    """Return the piece that `event` makes, None where it makes none."""
    kind = type(event)
    if kind is TextDelta:
        number = event.choice  # type: ignore[union-attr]
        if number in head.spoke:
            return ChatChunk(head, (ChunkChoice(number, Delta(event.text)),))  # type: ignore[union-attr]
        return _of(head, number, Delta(event.text))  # type: ignore[union-attr]
    if isinstance(event, ReasoningDelta):
        return _of(head, event.choice, Delta(reasoning=event.text))
    if isinstance(event, ToolCallDelta):
        function = FunctionPiece(event.name or None, event.arguments)
        return _of(head, event.choice, Delta(tool_calls=(ToolCallPiece(event.index, event.id or None, function),)))
    if isinstance(event, ImageArrived):
        return _of(head, event.choice, Delta(images=(_output(event),)))
    if isinstance(event, Finished):
        head.model = event.model or head.model
        reasons = (event.reason, *(outcome.reason for outcome in event.others))
        choices = tuple(ChunkChoice(number, Delta(), field_reason(reason)) for number, reason in enumerate(reasons))
        return ChatChunk(head, choices, token_usage(event.usage))
    return None


def _of(head: Head, number: int, delta: Delta) -> ChatChunk:
    if number not in head.spoke:
        head.spoke.add(number)
        delta.role = "assistant"
    return ChatChunk(head, (ChunkChoice(number, delta),))


def _output(event: ImageArrived) -> OutputImage:
    image = event.image
    return OutputImage(image.data if isinstance(image.data, bytes) else b"", image.media_type, image.url)


def text_chunk(head: Head, event: StreamEvent) -> TextResponse | None:
    """Return the piece that `event` makes of the answer to a bare prompt, None where it makes none."""
    if isinstance(event, TextDelta):
        choice = TextChoice(event.choice, event.text, None)
        return TextResponse(head.id, head.model, head.created, (choice,), None, head.provider)
    if isinstance(event, Finished):
        head.model = event.model or head.model
        reasons = (event.reason, *(outcome.reason for outcome in event.others))
        choices = tuple(TextChoice(number, "", field_reason(reason)) for number, reason in enumerate(reasons))
        return TextResponse(head.id, head.model, head.created, choices, token_usage(event.usage), head.provider)
    return None
