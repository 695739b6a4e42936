"""Chats and bare prompts: ``ChatCompletion`` and ``Completion``, each with ``create`` and its async twin ``acreate``.

A streamed call returns when the server begins to answer, so that a refusal is raised by the call itself; what fails later is
raised by the iteration, with ``partial_text``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, overload

if TYPE_CHECKING:
    from types import ModuleType

    from typing_extensions import Unpack

    from nuke_ai_panel.api.arguments import ChatArguments, TextArguments
    from nuke_ai_panel.api.chunks import ChatChunk
    from nuke_ai_panel.api.responses import ChatMessage, ChatResponse, TextResponse
    from nuke_ai_panel.api.streams import AsyncStream, Stream
    from nuke_ai_panel.messages import JsonObject, Message

    Messages = Iterable[JsonObject | Message | ChatMessage]

__all__ = ["ChatCompletion", "Completion"]


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
        found: ChatResponse | Stream[ChatChunk] = (_loaded or _asking()).chat_in_background(model, messages, stream, arguments)
        return found

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
        found: ChatResponse | AsyncStream[ChatChunk]
        found = await (_loaded or await _asking_soon()).chat(model, messages, stream, arguments)
        return found


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
        found: TextResponse | Stream[TextResponse] = (_loaded or _asking()).text_in_background(model, prompt, stream, arguments)
        return found

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
        found: TextResponse | AsyncStream[TextResponse]
        found = await (_loaded or await _asking_soon()).text(model, prompt, stream, arguments)
        return found


_loaded: ModuleType | None = None
"""The module that does the work, once it is there; loading it takes some 0.1 s."""


def _asking() -> ModuleType:
    global _loaded
    _loaded = importlib.import_module("nuke_ai_panel.api.asking")
    return _loaded


async def _asking_soon() -> ModuleType:
    from nuke_ai_panel.aio.daemon_work import in_worker

    # The loop may be that of a window.
    return await in_worker(_asking)
