"""Chats and bare prompts: ``ChatCompletion`` and ``Completion``, each with ``create`` and its async twin ``acreate``.

A streamed call returns when the server begins to answer, so that a refusal is raised by the call itself; what fails later is
raised by the iteration, with ``partial_text``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeVar, overload

from nuke_ai_panel.aio.loop_thread import background
from nuke_ai_panel.api.arguments import hide_key
from nuke_ai_panel.api.attachments import parts_of, with_attachments
from nuke_ai_panel.api.calling import on_server
from nuke_ai_panel.api.chunks import ChatChunk, Head, chat_chunk, text_chunk
from nuke_ai_panel.api.requests import ChatCall, read_chat, read_prompt
from nuke_ai_panel.api.responses import ChatMessage, ChatResponse, TextChoice, TextResponse
from nuke_ai_panel.api.servers import pool_of_this_loop
from nuke_ai_panel.api.streams import AsyncStream, Shape, Stream, open_stream
from nuke_ai_panel.errors import AuthenticationError
from nuke_ai_panel.messages import JsonObject, Message
from nuke_ai_panel.validators.values import refuse

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
            answer = await _asked(model, messages, arguments, stream, chat_chunk, "ChatCompletion.create")
            return await Stream.over(answer) if isinstance(answer, AsyncStream) else answer

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
        return await _asked(model, messages, arguments, stream, chat_chunk, "ChatCompletion.acreate")


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
            answer = await _asked(model, prompt, arguments, stream, text_chunk, "Completion.create")
            return await Stream.over(answer) if isinstance(answer, AsyncStream) else _as_text(answer)

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
        answer = await _asked(model, prompt, arguments, stream, text_chunk, "Completion.acreate")
        return answer if isinstance(answer, AsyncStream) else _as_text(answer)


async def _asked(
    model: str, messages: object, arguments: dict[str, object], stream: object, shape: Shape[C], name: str
) -> ChatResponse | AsyncStream[C]:
    """Read the arguments of the call `name`, and return the answer or its stream."""
    if not isinstance(stream, bool):
        refuse("stream", stream, "True or False")
    settings = await pool_of_this_loop().settings()
    # Files are taken apart from what is read without waiting, and stay open until the server answers.
    files = arguments.get("attachments")
    read = read_prompt if name.startswith("Completion") else read_chat
    call = read(model, messages, arguments, default_provider=settings.provider, call=name)
    async with parts_of(files, "attachments") as parts:
        call = replace(call, request=with_attachments(call.request, parts))
        return await (_streamed(call, shape) if stream else _answered(call))


async def _answered(call: ChatCall) -> ChatResponse:
    created = int(time.time())
    answer = await on_server(call.place, lambda provider: provider.complete(call.request, deadlines=call.place.deadlines))
    return ChatResponse.of(answer, id=_new_id(), created=created, provider=call.place.provider, notices=call.notices)


async def _streamed(call: ChatCall, shape: Shape[C]) -> AsyncStream[C]:
    pool = pool_of_this_loop()
    lease = await pool.lease(call.place)
    head = Head(_new_id(), call.request.model, int(time.time()), call.place.provider)
    events = lease.provider.stream(call.request, deadlines=call.place.deadlines)
    try:
        return await open_stream(lease, events, head, shape, call.notices)
    except AuthenticationError as error:
        pool.key_refused(lease, error)
        raise


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _as_text(answer: ChatResponse) -> TextResponse:
    choices = tuple(TextChoice(each.index, each.message.content or "", each.finish_reason) for each in answer.choices)
    return TextResponse(answer.id, answer.model, answer.created, choices, answer.usage, answer.provider, answer.notices)
