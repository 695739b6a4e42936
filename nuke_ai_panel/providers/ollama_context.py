"""How much context a conversation needs on an Ollama server, and what of it the server would cut without a word.

Ollama sets aside ``num_ctx`` tokens when it loads a model, 4096 on most machines, and drops the oldest messages of a longer
conversation silently. Another ``num_ctx`` makes it load the model again, so a size that suffices is kept. Facts as of 0.33.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from nuke_ai_panel.messages import ChatRequest, FinishReason, JsonSchema, Notice, TextPart, Usage
from nuke_ai_panel.net.json_values import integer
from nuke_ai_panel.providers.ollama_wire import offered_tools, tool_body
from nuke_ai_panel.tokens import PER_IMAGE, estimate, estimate_messages

__all__ = ["SMALLEST", "ContextChooser", "bucket_for", "explicit_context", "sizes_context"]

SMALLEST = 4096
"""Tokens. The smallest size that is asked for, and what a server sets aside by itself at least."""

_ROOM = 2048
_MOST_ROOM = 16384
# A tokenizer nobody has measured yet; the estimate is within 0.84 to 1.19 for a common one.
_MARGIN_AT_FIRST = 1.2
_MARGIN = 1.1
_PRIOR = 200.0
_MEMORY = 20_000.0
_CLEARLY_FEWER = 0.7
_AT_THE_LIMIT = 0.85


@dataclass
class _Learned:
    """What earlier answers of one model have shown: token counts, and the sizes asked for and shown."""

    real: float = _PRIOR
    estimated: float = _PRIOR
    answers: int = 0
    chosen: int = 0
    shown: int = 0
    floor: int = 0


def bucket_for(tokens: int) -> int:
    """Return the smallest of 4096, 8192, 16384 … that holds `tokens`."""
    size = SMALLEST
    while size < tokens:
        size *= 2
    return size


def sizes_context(request: ChatRequest) -> bool:
    """Return whether `request` itself says how much context to set aside."""
    options = request.extra.get("options")
    return request.context_length is not None or (isinstance(options, Mapping) and "num_ctx" in options)


def explicit_context(request: ChatRequest) -> int | None:
    """Return the context that will be asked for with `request`, in tokens; the protocol's own words win."""
    options = request.extra.get("options")
    own = options.get("num_ctx") if isinstance(options, Mapping) else None
    return request.context_length if own is None else integer(own)


class ContextChooser:
    """Choose ``num_ctx`` for the models of one server, and learn from their answers how long a prompt really was. No I/O."""

    def __init__(self) -> None:
        self._models: dict[str, _Learned] = {}

    def _of(self, model: str) -> _Learned:
        return self._models.setdefault(model, _Learned())

    def expected(self, request: ChatRequest) -> int:
        """Return about how many tokens the prompt of `request` has for its model."""
        words, pictures = _estimated(request)
        learned = self._of(request.model)
        return round(words * learned.real / learned.estimated) + pictures

    def choose(self, request: ChatRequest, *, limit: int | None, allocated: int | None, floor: int | None = None) -> int:
        """Return the context for `request` in tokens; within one object it never becomes smaller for a model.

        `limit` is the model's own, `allocated` what the server holds ready for it now, `floor` what its model file asks for.
        """
        learned = self._of(request.model)
        margin = _MARGIN if learned.answers else _MARGIN_AT_FIRST
        room = request.max_tokens or _ROOM
        if limit is None:
            # Nobody knows whether so much is of use, and memory is set aside for all of it.
            room = min(room, _MOST_ROOM)
        size = bucket_for(math.ceil(self.expected(request) * margin) + room)
        size = max(size, floor or 0, learned.floor)
        if limit is not None:
            size = min(size, limit)
        learned.chosen = max(size, allocated or 0, learned.chosen)
        return learned.chosen

    def shown(self, model: str, size: int, limit: int | None) -> list[Notice]:
        """Return the notice on the size that was chosen for `model`, where it is new."""
        learned = self._of(model)
        if learned.shown == size:
            return []
        learned.shown = size
        most = f", of {limit} that it can read" if limit is not None and limit > size else ""
        return [Notice("context", f"{size} tokens of context are set aside for {model}{most}.")]

    def check(self, request: ChatRequest, limit: int | None) -> list[Notice]:
        """Return the warning that the prompt of `request` is longer than `limit` tokens, where it is."""
        if limit is None:
            return []
        expected = self.expected(request)
        if expected <= limit:
            return []
        return [
            Notice(
                "context_cut",
                f"The conversation has about {expected} tokens, but {request.model} reads only {limit} here: the oldest"
                " messages will be dropped. Start a new conversation, or send less of the script.",
            )
        ]

    def learn(self, request: ChatRequest, limit: int | None, usage: Usage, reason: FinishReason) -> list[Notice]:
        """Take in what an answer to `request` says of its prompt, and return what the user should know.

        `limit` is the context that `request` had, in tokens, None where nobody knows.
        """
        real = usage.prompt_tokens
        if real <= 0:
            return []
        learned = self._of(request.model)
        words, pictures = _estimated(request)
        expected = round(words * learned.real / learned.estimated)
        warned = limit is not None and expected + pictures > limit
        if real < _CLEARLY_FEWER * expected and (warned or _is_at_a_limit(real, limit)):
            # What is missing was dropped, so the counts tell nothing about the tokenizer.
            return [] if warned else [_was_cut(request.model, real, expected)]
        # Some versions count only what was not in their cache.
        if not pictures and real >= expected / 2:
            learned.real += real
            learned.estimated += words
            learned.answers += 1
            if learned.estimated > _MEMORY:
                learned.real, learned.estimated = learned.real / 2, learned.estimated / 2
        full = limit is not None and real + usage.completion_tokens >= limit - 1
        if reason == "length" and full and usage.completion_tokens < (request.max_tokens or math.inf):
            learned.floor = max(learned.floor, bucket_for((limit or 0) + 1))
            return [Notice("context_cut", f"The answer stopped early: the {limit} tokens of context are full.")]
        return []


def _estimated(request: ChatRequest) -> tuple[int, int]:
    """Return the tokens of the words and of the pictures in `request`."""
    pictures = sum(not isinstance(part, TextPart) for message in request.messages for part in message.parts) * PER_IMAGE
    words = estimate_messages(request.messages) - pictures
    for tool in offered_tools(request):
        words += estimate(_spelled(tool_body(tool)))
    if isinstance(request.response_format, JsonSchema):
        words += estimate(_spelled(request.response_format.schema))
    return words, pictures


def _spelled(value: object) -> str:
    return json.dumps(value, default=str)


def _is_at_a_limit(real: int, limit: int | None) -> bool:
    """Return whether `real` is what a cut leaves: close to the size asked for, or to a smaller one that the server took."""
    sizes = [2048]
    while sizes[-1] < real:
        sizes.append(sizes[-1] * 2)
    if limit is not None:
        sizes.append(limit)
    return any(_AT_THE_LIMIT * size <= real <= size for size in sizes)


def _was_cut(model: str, real: int, expected: int) -> Notice:
    return Notice(
        "context_cut",
        f"{model} read only {real} of about {expected} tokens: the server dropped the oldest messages. Start a new"
        " conversation, or send less of the script.",
    )
