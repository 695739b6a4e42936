"""Chats and bare prompts: ``ChatCompletion`` and ``Completion``, each with ``create`` and its async twin ``acreate``.

A streamed call returns when the server begins to answer, so that a refusal is raised by the call itself; what fails later is
raised by the iteration, with ``partial_text``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TypeVar, overload

from nuke_ai_panel.aio.loop_thread import background
from nuke_ai_panel.api.arguments import hide_key, shown
from nuke_ai_panel.api.chunks import ChatChunk, Head, chat_chunk, text_chunk
from nuke_ai_panel.api.requests import ChatCall, read_chat, read_prompt
from nuke_ai_panel.api.responses import ChatMessage, ChatResponse, TextChoice, TextResponse
from nuke_ai_panel.api.servers import forget_key, pool_of_this_loop
from nuke_ai_panel.api.streams import AsyncStream, Shape, Stream, open_stream
from nuke_ai_panel.errors import AuthenticationError, ValidationError
from nuke_ai_panel.messages import JsonObject, Message

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from nuke_ai_panel.api.arguments import ChatArguments, TextArguments

__all__ = ["ChatCompletion", "Completion"]

C = TypeVar("C")

Messages = Iterable["JsonObject | Message | ChatMessage"]


class ChatCompletion:
    """Ask a model that is named ``provider/model``, e.g. ``ollama/qwen3-coder:30b``.

    ``messages`` are dicts in the OpenAI form or our own values; the further arguments are those of
    :class:`~nuke_ai_panel.api.arguments.ChatArguments`.

    Raises:
        ValidationError: an argument cannot be sent; nothing has been.
        APIError: what else fails, see :mod:`nuke_ai_panel.errors`.
        RuntimeError: ``create`` in a coroutine; the message names ``acreate``.
    """

    @overload
    @staticmethod
    def create(
        model: str, messages: Messages, *, stream: Literal[False] = False, **arguments: Unpack[ChatArguments]
    ) -> ChatResponse: ...

    @overload
    @staticmethod
    def create(
        model: str, messages: Messages, *, stream: Literal[True], **arguments: Unpack[ChatArguments]
    ) -> Stream[ChatChunk]: ...

    @overload
    @staticmethod
    def create(
        model: str, messages: Messages, *, stream: bool, **arguments: Unpack[ChatArguments]
    ) -> ChatResponse | Stream[ChatChunk]: ...

    @staticmethod
    def create(
        model: str = "", messages: Messages = (), *, stream: bool = False, **arguments: object
    ) -> ChatResponse | Stream[ChatChunk]:
        """Return the whole answer, or with `stream` an iterator over its pieces; it blocks, but never on a loop's thread."""
        hide_key(arguments)

        async def call() -> ChatResponse | Stream[ChatChunk]:
            asked = await _chat_call(model, messages, arguments, stream, "ChatCompletion.create")
            return await Stream.over(await _streamed(asked, chat_chunk)) if stream else await _answered(asked)

        return background().run(call, twin="ChatCompletion.acreate")

    @overload
    @staticmethod
    async def acreate(
        model: str, messages: Messages, *, stream: Literal[False] = False, **arguments: Unpack[ChatArguments]
    ) -> ChatResponse: ...

    @overload
    @staticmethod
    async def acreate(
        model: str, messages: Messages, *, stream: Literal[True], **arguments: Unpack[ChatArguments]
    ) -> AsyncStream[ChatChunk]: ...

    @overload
    @staticmethod
    async def acreate(
        model: str, messages: Messages, *, stream: bool, **arguments: Unpack[ChatArguments]
    ) -> ChatResponse | AsyncStream[ChatChunk]: ...

    @staticmethod
    async def acreate(
        model: str = "", messages: Messages = (), *, stream: bool = False, **arguments: object
    ) -> ChatResponse | AsyncStream[ChatChunk]:
        """Return the whole answer, or with `stream` an async iterator over its pieces."""
        hide_key(arguments)
        asked = await _chat_call(model, messages, arguments, stream, "ChatCompletion.acreate")
        return await _streamed(asked, chat_chunk) if stream else await _answered(asked)


class Completion:
    """Continue or answer a bare prompt: the older interface, ``response.choices[0].text``.

    The prompt is sent as the one message of a chat, so the server puts it into the model's template. That is what today's
    instruction models need; none of the servers completes raw text by the same means. Arguments are those of
    :class:`~nuke_ai_panel.api.arguments.TextArguments`; it raises what :class:`ChatCompletion` raises.
    """

    @overload
    @staticmethod
    def create(
        model: str, prompt: str, *, stream: Literal[False] = False, **arguments: Unpack[TextArguments]
    ) -> TextResponse: ...

    @overload
    @staticmethod
    def create(
        model: str, prompt: str, *, stream: Literal[True], **arguments: Unpack[TextArguments]
    ) -> Stream[TextResponse]: ...

    @overload
    @staticmethod
    def create(
        model: str, prompt: str, *, stream: bool, **arguments: Unpack[TextArguments]
    ) -> TextResponse | Stream[TextResponse]: ...

    @staticmethod
    def create(
        model: str = "", prompt: str = "", *, stream: bool = False, **arguments: object
    ) -> TextResponse | Stream[TextResponse]:
        """Return the whole text, or with `stream` an iterator over its pieces; it blocks, but never on a loop's thread."""
        hide_key(arguments)

        async def call() -> TextResponse | Stream[TextResponse]:
            asked = await _prompt_call(model, prompt, arguments, stream, "Completion.create")
            return await Stream.over(await _streamed(asked, text_chunk)) if stream else _as_text(await _answered(asked))

        return background().run(call, twin="Completion.acreate")

    @overload
    @staticmethod
    async def acreate(
        model: str, prompt: str, *, stream: Literal[False] = False, **arguments: Unpack[TextArguments]
    ) -> TextResponse: ...

    @overload
    @staticmethod
    async def acreate(
        model: str, prompt: str, *, stream: Literal[True], **arguments: Unpack[TextArguments]
    ) -> AsyncStream[TextResponse]: ...

    @overload
    @staticmethod
    async def acreate(
        model: str, prompt: str, *, stream: bool, **arguments: Unpack[TextArguments]
    ) -> TextResponse | AsyncStream[TextResponse]: ...

    @staticmethod
    async def acreate(
        model: str = "", prompt: str = "", *, stream: bool = False, **arguments: object
    ) -> TextResponse | AsyncStream[TextResponse]:
        """Return the whole text, or with `stream` an async iterator over its pieces."""
        hide_key(arguments)
        asked = await _prompt_call(model, prompt, arguments, stream, "Completion.acreate")
        return await _streamed(asked, text_chunk) if stream else _as_text(await _answered(asked))


async def _chat_call(model: str, messages: object, arguments: dict[str, object], stream: object, call: str) -> ChatCall:
    _check_stream(stream)
    settings = await pool_of_this_loop().settings()
    return read_chat(model, messages, arguments, default_provider=settings.provider, call=call)


async def _prompt_call(model: str, prompt: str, arguments: dict[str, object], stream: object, call: str) -> ChatCall:
    _check_stream(stream)
    settings = await pool_of_this_loop().settings()
    return read_prompt(model, prompt, arguments, default_provider=settings.provider, call=call)


def _check_stream(stream: object) -> None:
    if not isinstance(stream, bool):
        raise ValidationError(
            f"stream must be True or False, not {shown(stream)}.", field="stream", value=shown(stream), allowed="True or False"
        )


async def _answered(call: ChatCall) -> ChatResponse:
    lease = await pool_of_this_loop().lease(call.place)
    created = int(time.time())
    try:
        answer = await lease.provider.complete(call.request, deadlines=call.place.deadlines)
    except AuthenticationError:
        forget_key(call.place.provider)
        raise
    return ChatResponse.of(answer, id=_new_id(), created=created, provider=lease.provider.name, notices=call.notices)


async def _streamed(call: ChatCall, shape: Shape[C]) -> AsyncStream[C]:
    lease = await pool_of_this_loop().lease(call.place)
    head = Head(_new_id(), call.request.model, int(time.time()), lease.provider.name)
    events = lease.provider.stream(call.request, deadlines=call.place.deadlines)
    try:
        return await open_stream(lease, events, head, shape, call.notices)
    except AuthenticationError:
        forget_key(call.place.provider)
        raise


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _as_text(answer: ChatResponse) -> TextResponse:
    choices = tuple(TextChoice(each.index, each.message.content or "", each.finish_reason) for each in answer.choices)
    return TextResponse(answer.id, answer.model, answer.created, choices, answer.usage, answer.provider, answer.notices)
