"""What ``ChatCompletion`` and ``Completion`` do: read the arguments, find the server, ask it, and shape the answer."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from functools import partial
from typing import TypeVar

from nuke_ai_panel.aio.loop_thread import background
from nuke_ai_panel.api.arguments import hide_key
from nuke_ai_panel.api.attachments import parts_of, with_attachments
from nuke_ai_panel.api.calling import on_server
from nuke_ai_panel.api.chunks import ChatChunk, Head, chat_chunk, text_chunk
from nuke_ai_panel.api.naming import name_in_messages
from nuke_ai_panel.api.requests import ChatCall, read_chat, read_prompt
from nuke_ai_panel.api.responses import ChatResponse, TextChoice, TextResponse
from nuke_ai_panel.api.servers import Pool, pool_of_this_loop
from nuke_ai_panel.api.streams import AsyncStream, Shape, Stream, open_stream
from nuke_ai_panel.errors import AuthenticationError, ValidationError
from nuke_ai_panel.validators.values import refuse

__all__ = ["chat", "chat_in_background", "text", "text_in_background"]

C = TypeVar("C")


def chat_in_background(
    model: str, messages: object, stream: bool, arguments: dict[str, object]
) -> ChatResponse | Stream[ChatChunk]:
    """Run :func:`chat` on the background loop and wait for it."""
    hide_key(arguments)

    async def call() -> ChatResponse | Stream[ChatChunk]:
        answer = await _asked(model, messages, arguments, stream, chat_chunk, "ChatCompletion.create")
        return await Stream.over(answer) if isinstance(answer, AsyncStream) else answer

    return background().run(call, twin="ChatCompletion.acreate")


async def chat(
    model: str, messages: object, stream: bool, arguments: dict[str, object]
) -> ChatResponse | AsyncStream[ChatChunk]:
    """Return the answer to a conversation, or its stream."""
    hide_key(arguments)
    return await _asked(model, messages, arguments, stream, chat_chunk, "ChatCompletion.acreate")


def text_in_background(
    model: str, prompt: str, stream: bool, arguments: dict[str, object]
) -> TextResponse | Stream[TextResponse]:
    """Run :func:`text` on the background loop and wait for it."""
    hide_key(arguments)

    async def call() -> TextResponse | Stream[TextResponse]:
        answer = await _asked(model, prompt, arguments, stream, text_chunk, "Completion.create")
        return await Stream.over(answer, "Completion.acreate") if isinstance(answer, AsyncStream) else _as_text(answer)

    return background().run(call, twin="Completion.acreate")


async def text(model: str, prompt: str, stream: bool, arguments: dict[str, object]) -> TextResponse | AsyncStream[TextResponse]:
    """Return the answer to a bare prompt, or its stream."""
    hide_key(arguments)
    answer = await _asked(model, prompt, arguments, stream, text_chunk, "Completion.acreate")
    return answer if isinstance(answer, AsyncStream) else _as_text(answer)


async def _asked(
    model: str, messages: object, arguments: dict[str, object], stream: object, shape: Shape[C], name: str
) -> ChatResponse | AsyncStream[C]:
    """Read the arguments of the call `name`, and return the answer or its stream."""
    if not isinstance(stream, bool):
        refuse("stream", stream, "True or False")
    pool = pool_of_this_loop()
    settings = await pool.settings()
    # Files are taken apart from what is read without waiting, and stay open until the server answers.
    files = arguments.get("attachments")
    read = read_prompt if name.startswith("Completion") else read_chat
    call = read(model, messages, arguments, default_provider=settings.provider, call=name)
    ask = partial(_streamed, shape=shape) if stream else _answered
    try:
        if files is None:
            return await ask(pool, call)
        async with parts_of(files, "attachments") as parts:
            return await ask(pool, replace(call, request=with_attachments(call.request, parts)))
    except ValidationError as error:
        name_in_messages(error, messages)
        raise


async def _answered(pool: Pool, call: ChatCall) -> ChatResponse:
    created = int(time.time())
    answer = await on_server(pool, call.place, lambda provider: provider.complete(call.request, deadlines=call.place.deadlines))
    identifier = answer.id or _new_id()
    return ChatResponse.of(answer, id=identifier, created=created, provider=call.place.provider, notices=call.notices)


async def _streamed(pool: Pool, call: ChatCall, shape: Shape[C]) -> AsyncStream[C]:
    lease = await pool.lease(call.place, after_settings=True)
    head = Head(_new_id(), call.request.model, int(time.time()), call.place.provider)
    events = lease.provider.stream_answer(call.request, deadlines=call.place.deadlines)
    try:
        return await open_stream(lease, events, head, shape, call.notices)
    except AuthenticationError as error:
        pool.key_refused(lease, error)
        raise


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(16)}"


def _as_text(answer: ChatResponse) -> TextResponse:
    choices = tuple(TextChoice(each.index, each.message.content or "", each.finish_reason) for each in answer.choices)
    return TextResponse(answer.id, answer.model, answer.created, choices, answer.usage, answer.provider, answer.notices)
