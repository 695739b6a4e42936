"""One answer of a model, read from its stream: what listeners are told of it, and whether the model works with tools."""

from __future__ import annotations

from collections.abc import Callable

from nuke_ai_panel.agent.prompts import Mode
from nuke_ai_panel.agent.session_events import ModelIsLoading, NoticeArrived, ReasoningArrived, SessionEvent, TextArrived
from nuke_ai_panel.errors import APIError, StreamInterruptedError
from nuke_ai_panel.messages import ChatRequest, Finished, ModelLoading, Notice, ReasoningDelta, StreamEvent, TextDelta
from nuke_ai_panel.providers.base import Provider

__all__ = ["has_tools", "read_answer", "told"]


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
    async for event in provider.stream(request):
        said = told(event)
        if isinstance(said, TextArrived):
            parts.append(said.text)
        if said is not None:
            emit(said)
        if isinstance(event, Finished):
            finished = event
    if finished is None:
        raise StreamInterruptedError(
            "The answer ended early.", provider=provider.name, partial_text="".join(parts), next_step="Ask again."
        )
    return finished


async def has_tools(provider: Provider, model: str, mode: Mode) -> bool:
    """Return whether the model gets tools: always to plan and to act; to answer only where it knows tools by itself."""
    if mode in ("plan", "act"):
        return True
    if mode != "ask":
        return False
    try:
        return (await provider.capabilities(model)).tools is True
    except APIError:
        # The request itself will tell what is wrong, in better words.
        return False
