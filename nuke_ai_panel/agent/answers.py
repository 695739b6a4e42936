"""One answer of a model, read from its stream: what listeners are told of it, and whether the model works with tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from nuke_ai_panel.agent.prompts import Mode
from nuke_ai_panel.agent.session_events import ModelIsLoading, NoticeArrived, ReasoningArrived, SessionEvent, TextArrived
from nuke_ai_panel.errors import APIError, StreamInterruptedError
from nuke_ai_panel.messages import ChatRequest, Finished, ModelLoading, Notice, ReasoningDelta, StreamEvent, TextDelta
from nuke_ai_panel.providers.base import Provider
from nuke_ai_panel.providers.capabilities import Capabilities

__all__ = ["abilities", "close", "read_answer", "room_for_conversation", "told", "works_with_tools"]

#: Tokens that are left for an answer, and how far a guess of tokens may be off.
_ANSWER = 4096
_MARGIN = 1.15


def told(event: StreamEvent) -> SessionEvent | None:
    """Return what listeners are told of an event of the first answer; None for what concerns nobody."""
    if isinstance(event, TextDelta) and event.choice == 0:
        return TextArrived(event.text)
    if isinstance(event, ReasoningDelta) and event.choice == 0:
        return ReasoningArrived(event.text)
    if isinstance(event, ModelLoading):
        return ModelIsLoading(event.seconds)
    if isinstance(event, Notice):
        return NoticeArrived(event.kind, event.text)
    return None


async def read_answer(
    provider: Provider, request: ChatRequest, emit: Callable[[SessionEvent], None], parts: list[str]
) -> Finished:
    """Read one answer to its end; `parts` collects its text, and has what came when this raises.

    Raises:
        ValidationError: before anything is sent.
        APIError: what :meth:`~nuke_ai_panel.providers.base.Provider.stream` raises.
    """
    finished: Finished | None = None
    stream = provider.stream(request)
    try:
        async for event in stream:
            said = told(event)
            if isinstance(said, TextArrived):
                parts.append(said.text)
            if said is not None:
                emit(said)
            if isinstance(event, Finished):
                finished = event
    finally:
        await close(stream)
    if finished is None:
        raise StreamInterruptedError(
            "The answer ended early.", provider=provider.name, partial_text="".join(parts), next_step="Ask again."
        )
    return finished


async def close(stream: AsyncIterator[StreamEvent]) -> None:
    """End a stream that may not be at its end, and give its connection back."""
    end: Any = getattr(stream, "aclose", None)
    if end is not None:
        with suppress(APIError):
            await end()


def works_with_tools(capabilities: Capabilities | None, mode: Mode) -> bool:
    """Return whether the model gets tools: always to plan and to act; to answer only where it knows tools by itself."""
    if mode in ("plan", "act"):
        return True
    return mode == "ask" and capabilities is not None and capabilities.tools is True


async def abilities(provider: Provider, model: str) -> Capabilities | None:
    """Return what the model can do, None where the server does not say now."""
    try:
        return await provider.capabilities(model)
    except APIError:
        # The request itself will tell what is wrong, in better words.
        return None


def room_for_conversation(capabilities: Capabilities | None, limit: int | None, taken: int) -> int | None:
    """Return how many tokens of the conversation may go along with a prompt that takes `taken`, None for no limit."""
    window = capabilities.context_length if capabilities is not None else None
    if window is None:
        return limit
    # The rest is for the answer; and tokens are guessed.
    room = max(0, round((window - min(_ANSWER, window // 4)) / _MARGIN) - taken)
    return room if limit is None else min(room, limit)
