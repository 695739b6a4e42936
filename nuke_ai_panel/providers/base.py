"""The seam every model server is driven through.

A provider is bound to one server (address and key) and to the loop that first uses it. Adding one is one file with a subclass
of :class:`Provider` and one line in ``registry.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from nuke_ai_panel.messages import (
    ChatRequest,
    Completion,
    Finished,
    ModelInfo,
    ReasoningDelta,
    StreamEvent,
    StreamStarted,
    TextDelta,
)

__all__ = ["Deadlines", "Provider", "Server", "collect"]


@dataclass(frozen=True)
class Deadlines:
    """Seconds. ``silence`` bounds both clocks of a stream (no bytes, no events), counted only while the loop was alive."""

    connect: float = 10.0
    first_byte: float = 300.0
    call: float = 30.0
    silence: float = 30.0


@dataclass(frozen=True)
class Server:
    """Where a provider talks to. ``key`` is never shown by ``repr`` and never leaves for another origin."""

    base_url: str
    key: str = field(default="", repr=False)
    ca_file: str = ""
    deadlines: Deadlines = field(default_factory=Deadlines)


class Provider(ABC):
    """One model server.

    Methods are coroutines of the loop that the provider is first used on; a provider is not shared between loops.
    Every failure is an :class:`~nuke_ai_panel.errors.APIError`; cancelling the calling task closes the connection.
    """

    #: Registry name, e.g. ``"ollama"``.
    name: str = ""
    #: What a person reads, e.g. ``"Ollama"``.
    title: str = ""
    #: Whether the server is useless without a key.
    needs_key: bool = False

    def __init__(self, server: Server) -> None:
        self.server = server

    @abstractmethod
    def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Send `request` and yield its events; the last one of a complete answer is ``Finished``.

        Raises:
            ValidationError: before anything is sent.
            APIError: connection, refusal, a stream that stalls or ends without its terminator (``partial_text`` keeps it).
        """

    @abstractmethod
    async def list_models(self) -> list[ModelInfo]:
        """Return the server's chat models, in the server's order.

        Raises:
            APIError: no connection, wrong key, or an answer that is no model list.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the pooled connections. May be called twice."""

    async def complete(self, request: ChatRequest) -> Completion:
        """Send `request` and return the whole answer; raises what :meth:`stream` raises."""
        return await collect(self.stream(request), request.model)


async def collect(events: AsyncIterator[StreamEvent], model: str = "") -> Completion:
    """Read `events` to their end and return the answer as one value."""
    text: list[str] = []
    reasoning: list[str] = []
    finished = Finished("unknown")
    async for event in events:
        if isinstance(event, TextDelta):
            text.append(event.text)
        elif isinstance(event, ReasoningDelta):
            reasoning.append(event.text)
        elif isinstance(event, StreamStarted):
            model = event.model or model
        elif isinstance(event, Finished):
            finished = event
    return Completion(
        text="".join(text),
        model=finished.model or model,
        finish_reason=finished.reason,
        usage=finished.usage,
        reasoning="".join(reasoning),
    )
