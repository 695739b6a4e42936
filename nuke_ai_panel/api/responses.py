"""What the public calls return, in the shape that the field knows: ``response.choices[0].message.content``.

Everything here is data that has already come. ``to_dict()`` gives the JSON form of the OpenAI interface; what that has no place
for (provider, notices, cost) stands beside it under its own name.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from nuke_ai_panel.api.field_shape import FieldShape, Json
from nuke_ai_panel.messages import (
    Completion,
    FinishReason,
    ImagePart,
    JsonObject,
    Notice,
    ToolCall,
    Usage,
)
from nuke_ai_panel.operations import Embeddings, Images, RemoteFile, Speech, Transcription

__all__ = [
    "ChatChoice",
    "ChatMessage",
    "ChatResponse",
    "ChatToolCall",
    "CompletionTokens",
    "EmbeddingItem",
    "EmbeddingResponse",
    "FieldReason",
    "FileDeleted",
    "FileObject",
    "FunctionCall",
    "ImageResponse",
    "Json",
    "OutputImage",
    "PromptTokens",
    "SpeechResponse",
    "TextChoice",
    "TextResponse",
    "TokenUsage",
    "TranscriptionResponse",
    "field_reason",
    "token_usage",
    "tool_calls_of",
]

FieldReason = Literal["stop", "length", "tool_calls", "content_filter", "error"]


def field_reason(reason: FinishReason) -> FieldReason:
    """Return `reason` in the field's words; an answer that its server calls complete without a reason we know has stopped."""
    return "stop" if reason == "unknown" else reason


class PromptTokens(NamedTuple):
    """A part of the prompt's tokens; None where the server does not say."""

    cached_tokens: int | None


class CompletionTokens(NamedTuple):
    """A part of the answer's tokens; None where the server does not say."""

    reasoning_tokens: int | None


@dataclass(frozen=True)
class TokenUsage(FieldShape):
    """What an answer cost. Counts are tokens, ``cost`` US dollars; None where the server does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost: float | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    load_seconds: float | None = None
    answer_seconds: float | None = None

    @property
    def prompt_tokens_details(self) -> PromptTokens:
        """Which of the prompt's tokens the server did not have to read again."""
        return PromptTokens(self.cached_tokens)

    @property
    def completion_tokens_details(self) -> CompletionTokens:
        """Which of the answer's tokens went into thinking."""
        return CompletionTokens(self.reasoning_tokens)

    def to_dict(self) -> Json:
        """Return the usage in its JSON form."""
        found: Json = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total_tokens,
        }
        if self.cost is not None:
            found["cost"] = self.cost
        if self.cached_tokens is not None:
            found["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        if self.reasoning_tokens is not None:
            found["completion_tokens_details"] = {"reasoning_tokens": self.reasoning_tokens}
        if self.load_seconds is not None:
            found["load_seconds"] = self.load_seconds
        if self.answer_seconds is not None:
            found["answer_seconds"] = self.answer_seconds
        return found


def token_usage(usage: Usage) -> TokenUsage:
    """Return `usage` with its total."""
    return TokenUsage(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens + usage.completion_tokens,
        usage.cost,
        usage.cached_tokens,
        usage.reasoning_tokens,
        usage.load_seconds,
        usage.answer_seconds,
    )


@dataclass(frozen=True)
class FunctionCall:
    """Which function the model asks for. ``arguments`` is JSON text as the model wrote it; nothing proves it valid."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True)
class ChatToolCall(FieldShape):
    """The model's wish to call a function; answer it with a message of the role ``tool`` and its ``id``."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"

    def to_dict(self) -> Json:
        """Return the call in its JSON form."""
        function = {"name": self.function.name, "arguments": self.function.arguments}
        return {"id": self.id, "type": self.type, "function": function}


def tool_calls_of(calls: tuple[ToolCall, ...]) -> tuple[ChatToolCall, ...] | None:
    """Return `calls` in the field's shape, None where there are none."""
    return tuple(ChatToolCall(call.id, FunctionCall(call.name, call.arguments)) for call in calls) or None


@dataclass(frozen=True)
class OutputImage(FieldShape):
    """A picture: ``data`` with its media type, or the address it lies at. ``url`` is always there, as data where need be."""

    data: bytes = field(default=b"", repr=False)
    media_type: str = ""
    address: str = field(default="", repr=False)

    @property
    def b64_json(self) -> str | None:
        """The bytes as base64 text, None where only an address came."""
        return base64.b64encode(self.data).decode("ascii") if self.data else None

    @property
    def url(self) -> str:
        """The picture's address; a ``data:`` one where its bytes came."""
        return f"data:{self.media_type or 'image/png'};base64,{self.b64_json}" if self.data else self.address

    def to_dict(self) -> Json:
        """Return the picture as a part of a message."""
        return {"type": "image_url", "image_url": {"url": self.url}}


def _image(part: ImagePart) -> OutputImage:
    data = part.data if isinstance(part.data, bytes) else b"".join(part.data.chunks())
    return OutputImage(data, part.media_type, part.url)


@dataclass(frozen=True)
class ChatMessage(FieldShape):
    """The model's answer. It can stand in the ``messages`` of the next call as it is."""

    content: str | None
    tool_calls: tuple[ChatToolCall, ...] | None = None
    reasoning: str | None = None
    images: tuple[OutputImage, ...] = ()
    reasoning_details: tuple[JsonObject, ...] = ()
    role: Literal["assistant"] = "assistant"

    def to_dict(self) -> Json:
        """Return the message in its JSON form."""
        found: Json = {"role": self.role, "content": self.content}
        if self.tool_calls:
            found["tool_calls"] = [call.to_dict() for call in self.tool_calls]
        if self.reasoning is not None:
            found["reasoning"] = self.reasoning
        if self.reasoning_details:
            found["reasoning_details"] = [dict(detail) for detail in self.reasoning_details]
        if self.images:
            found["images"] = [image.to_dict() for image in self.images]
        return found


@dataclass(frozen=True)
class ChatChoice(FieldShape):
    """One of the answers to a request."""

    index: int
    message: ChatMessage
    finish_reason: FieldReason

    def to_dict(self) -> Json:
        """Return the choice in its JSON form."""
        return {"index": self.index, "message": self.message.to_dict(), "finish_reason": self.finish_reason}


def _notices(notices: tuple[Notice, ...]) -> list[Json]:
    return [{"kind": notice.kind, "text": notice.text} for notice in notices]


@dataclass(frozen=True)
class ChatResponse(FieldShape):
    """A whole answer. ``created`` is seconds since the epoch; ``model`` is what the server calls it, without the provider."""

    id: str
    model: str
    created: int
    choices: tuple[ChatChoice, ...]
    usage: TokenUsage
    provider: str
    notices: tuple[Notice, ...] = ()
    object: Literal["chat.completion"] = "chat.completion"

    def to_dict(self) -> Json:
        """Return the answer in its JSON form."""
        found: Json = {
            "id": self.id,
            "object": self.object,
            "created": self.created,
            "model": self.model,
            "choices": [choice.to_dict() for choice in self.choices],
            "usage": self.usage.to_dict(),
            "provider": self.provider,
        }
        if self.notices:
            found["notices"] = _notices(self.notices)
        return found

    @classmethod
    def of(cls, answer: Completion, *, id: str, created: int, provider: str, notices: tuple[Notice, ...]) -> ChatResponse:  # noqa: A002
        """Return the collected `answer` in this shape."""
        return cls(
            id,
            answer.model,
            created,
            tuple([_choice(number, each) for number, each in enumerate((answer, *answer.others))]),
            token_usage(answer.usage),
            provider,
            (*notices, *answer.notices),
        )


def _choice(number: int, answer: Completion) -> ChatChoice:
    calls = tool_calls_of(answer.tool_calls) if answer.tool_calls else None
    message = ChatMessage(
        answer.text if answer.text or not calls else None,
        calls,
        answer.reasoning or None,
        tuple(map(_image, answer.images)) if answer.images else (),
        answer.reasoning_details,
    )
    return ChatChoice(number, message, field_reason(answer.finish_reason))


@dataclass(frozen=True)
class TextChoice(FieldShape):
    """One of the texts that continue or answer a prompt."""

    index: int
    text: str
    finish_reason: FieldReason | None

    def to_dict(self) -> Json:
        """Return the choice in its JSON form."""
        return {"index": self.index, "text": self.text, "logprobs": None, "finish_reason": self.finish_reason}


@dataclass(frozen=True)
class TextResponse(FieldShape):
    """The answer to a bare prompt, and each piece of it while it is streamed; ``usage`` is on the last piece only."""

    id: str
    model: str
    created: int
    choices: tuple[TextChoice, ...]
    usage: TokenUsage | None
    provider: str
    notices: tuple[Notice, ...] = ()
    object: Literal["text_completion"] = "text_completion"

    def to_dict(self) -> Json:
        """Return the answer in its JSON form."""
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
        if self.notices:
            found["notices"] = _notices(self.notices)
        return found


@dataclass(frozen=True)
class EmbeddingItem(FieldShape):
    """The vector of the text number ``index``."""

    index: int
    embedding: tuple[float, ...]
    object: Literal["embedding"] = "embedding"

    def to_dict(self) -> Json:
        """Return the vector in its JSON form."""
        return {"object": self.object, "index": self.index, "embedding": list(self.embedding)}


@dataclass(frozen=True)
class EmbeddingResponse(FieldShape):
    """One vector for each text, in the order of the texts."""

    data: tuple[EmbeddingItem, ...]
    model: str
    usage: TokenUsage
    provider: str
    object: Literal["list"] = "list"

    def to_dict(self) -> Json:
        """Return the vectors in their JSON form."""
        return {
            "object": self.object,
            "data": [item.to_dict() for item in self.data],
            "model": self.model,
            "usage": self.usage.to_dict(),
            "provider": self.provider,
        }

    @classmethod
    def of(cls, found: Embeddings, provider: str) -> EmbeddingResponse:
        """Return `found` in this shape."""
        data = tuple(EmbeddingItem(index, vector) for index, vector in enumerate(found.vectors))
        return cls(data, found.model, token_usage(found.usage), provider)


@dataclass(frozen=True)
class ImageResponse(FieldShape):
    """The pictures of one request."""

    created: int
    data: tuple[OutputImage, ...]
    model: str
    usage: TokenUsage
    provider: str

    def to_dict(self) -> Json:
        """Return the pictures in their JSON form."""
        return {
            "created": self.created,
            "data": [{"b64_json": each.b64_json} if each.data else {"url": each.address} for each in self.data],
            "model": self.model,
            "usage": self.usage.to_dict(),
            "provider": self.provider,
        }

    @classmethod
    def of(cls, found: Images, provider: str, created: int) -> ImageResponse:
        """Return `found` in this shape."""
        return cls(created, tuple(map(_image, found.images)), found.model, token_usage(found.usage), provider)


@dataclass(frozen=True)
class TranscriptionResponse(FieldShape):
    """What was said in a recording. ``duration`` is seconds, None where the server does not say."""

    text: str
    model: str
    language: str
    duration: float | None
    usage: TokenUsage
    provider: str

    def to_dict(self) -> Json:
        """Return the text in its JSON form."""
        found: Json = {"text": self.text, "model": self.model, "provider": self.provider}
        if self.language:
            found["language"] = self.language
        if self.duration is not None:
            found["duration"] = self.duration
        found["usage"] = self.usage.to_dict()
        return found

    @classmethod
    def of(cls, found: Transcription, provider: str) -> TranscriptionResponse:
        """Return `found` in this shape."""
        return cls(found.text, found.model, found.language, found.duration, token_usage(found.usage), provider)


@dataclass(frozen=True)
class SpeechResponse(FieldShape):
    """A spoken text: ``content`` is the bytes of an audio file."""

    content: bytes = field(repr=False)
    media_type: str
    model: str
    provider: str

    def to_dict(self) -> Json:
        """Return the recording in a JSON form, its bytes as base64."""
        data = base64.b64encode(self.content).decode("ascii")
        return {"content": data, "media_type": self.media_type, "model": self.model, "provider": self.provider}

    @classmethod
    def of(cls, found: Speech, provider: str) -> SpeechResponse:
        """Return `found` in this shape."""
        return cls(found.data, found.media_type, found.model, provider)


@dataclass(frozen=True)
class FileObject(FieldShape):
    """A file that a server keeps. ``bytes`` is its size, ``created_at`` seconds since the epoch; None where unknown."""

    id: str
    filename: str
    bytes: int | None
    created_at: float | None
    purpose: str
    provider: str
    object: Literal["file"] = "file"

    def to_dict(self) -> Json:
        """Return the file's entry in its JSON form."""
        return {
            "id": self.id,
            "object": self.object,
            "filename": self.filename,
            "bytes": self.bytes,
            "created_at": self.created_at,
            "purpose": self.purpose,
            "provider": self.provider,
        }

    @classmethod
    def of(cls, found: RemoteFile, provider: str) -> FileObject:
        """Return `found` in this shape."""
        return cls(found.id, found.name, found.size, found.created, found.purpose, provider)


@dataclass(frozen=True)
class FileDeleted(FieldShape):
    """The server has deleted a file."""

    id: str
    provider: str
    deleted: bool = True

    def to_dict(self) -> Json:
        """Return the confirmation in its JSON form."""
        return {"id": self.id, "object": "file", "deleted": self.deleted, "provider": self.provider}
