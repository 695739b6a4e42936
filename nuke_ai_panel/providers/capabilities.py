"""What a model can do, as its server says; kept for a while, because asking takes a round trip."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nuke_ai_panel.messages import ModelInfo

__all__ = ["MAX_AGE", "Capabilities", "CapabilityCache", "capabilities_of"]

MAX_AGE = 300.0
"""Seconds after which a server is asked again."""


@dataclass(frozen=True)
class Capabilities:
    """What one model can do. None is unknown: the request is sent, and the server decides.

    ``context_length`` and ``max_output`` are tokens; ``parameters`` are the request fields the model takes, in the server's
    words; ``source`` says who told, e.g. ``"/api/show"``.
    """

    chat: bool | None = None
    tools: bool | None = None
    images: bool | None = None
    audio: bool | None = None
    files: bool | None = None
    reasoning: bool | None = None
    json_schema: bool | None = None
    embeddings: bool | None = None
    image_output: bool | None = None
    context_length: int | None = None
    max_output: int | None = None
    parameters: frozenset[str] | None = None
    source: str = ""


def capabilities_of(model: ModelInfo, source: str) -> Capabilities:
    """Return what an entry of a model list tells about its model."""

    def among(names: frozenset[str] | None, *wanted: str) -> bool | None:
        return None if names is None else bool(names.intersection(wanted))

    return Capabilities(
        chat=among(model.outputs, "text"),
        tools=among(model.parameters, "tools"),
        images=among(model.inputs, "image"),
        audio=among(model.inputs, "audio"),
        files=among(model.inputs, "file"),
        reasoning=among(model.parameters, "reasoning", "include_reasoning"),
        json_schema=among(model.parameters, "structured_outputs"),
        embeddings=among(model.outputs, "embeddings"),
        image_output=among(model.outputs, "image"),
        context_length=model.context_length,
        max_output=model.max_output,
        parameters=model.parameters,
        source=source,
    )


class CapabilityCache:
    """Capabilities by model name, each at most `max_age` seconds old. For one loop; answers nobody gave are not kept."""

    def __init__(self, max_age: float = MAX_AGE) -> None:
        self._max_age = max_age
        self._known: dict[str, tuple[float, Capabilities]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    def age(self, model: str) -> float | None:
        """Return the seconds since `model` was asked about, or None."""
        known = self._known.get(model)
        return None if known is None else time.monotonic() - known[0]

    def put(self, model: str, found: Capabilities) -> None:
        """Keep what a server has said just now."""
        self._known[model] = (time.monotonic(), found)

    def forget(self, model: str = "") -> None:
        """Forget about `model`, or about all."""
        if model:
            self._known.pop(model, None)
        else:
            self._known.clear()

    def peek(self, model: str) -> Capabilities | None:
        """Return what is known of `model` without asking anyone, None where it is nothing or too old."""
        known = self._known.get(model)
        return known[1] if known is not None and time.monotonic() - known[0] < self._max_age else None

    async def get(self, model: str, ask: Callable[[], Awaitable[Capabilities]]) -> Capabilities:
        """Return what is known of `model`, and `ask` where it is nothing or too old; raises what `ask` raises.

        Callers that want to know of the same model at once ask one after the other, so that one answer serves them all.
        """
        found = self.peek(model)
        if found is None:
            async with self._asking.setdefault(model, asyncio.Lock()):
                found = self.peek(model)
                if found is None:
                    found = await ask()
                    self.put(model, found)
        return found
