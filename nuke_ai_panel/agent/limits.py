"""How far the model may go on by itself within one prompt, and the account of what it has used."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from nuke_ai_panel.messages import Usage

__all__ = ["Ledger", "Limit", "Limits", "added"]

Limit = Literal["rounds", "tokens", "money", "time", "repeating", "refused"]


@dataclass(frozen=True)
class Limits:
    """The most that one prompt may use; None is no limit.

    ``tokens`` counts what is sent and written in all rounds together, ``cost`` is US dollars as the server reports them,
    ``seconds`` are those in which the model works: the artist's time for a decision does not count. ``repeats`` is how often
    the same call may bring the same answer, ``calls`` how many calls one message may hold, ``refusals`` how many proposals in
    a row may be turned down. ``conversation`` is how many tokens of the conversation so far go along with a prompt.
    """

    rounds: int = 12
    tokens: int | None = 400_000
    cost: float | None = 2.0
    seconds: float | None = 900.0
    repeats: int = 3
    calls: int = 32
    refusals: int = 3
    conversation: int | None = 32_000


@dataclass
class Ledger:
    """What one run has used so far. ``clock`` tells seconds that never go back."""

    limits: Limits
    clock: Callable[[], float] = time.monotonic
    usage: Usage = field(default_factory=Usage)
    rounds: int = 0
    refusals: int = 0
    _seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _began: float = 0.0
    _waited: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.clock()

    def add(self, usage: Usage, *, characters: int = 0) -> None:
        """Add what a round used; where the server does not count, `characters` of text stand for a quarter as many tokens."""
        if not usage.prompt_tokens and not usage.completion_tokens and characters:
            usage = replace(usage, prompt_tokens=characters // 4)
        self.usage = added(self.usage, usage)

    def wait(self, seconds: float) -> None:
        """Take seconds off that somebody was waited for."""
        self._waited += seconds

    @property
    def seconds(self) -> float:
        """The seconds of work so far."""
        return self.clock() - self._began - self._waited

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time is used up."""
        return self.limits.seconds is not None and self.seconds >= self.limits.seconds

    def seen(self, name: str, arguments: str, answer: str) -> int:
        """Note a call with its answer; return how often this very pair has come now."""
        key = (name, arguments, answer)
        self._seen[key] += 1
        return self._seen[key]

    @property
    def is_repeating(self) -> bool:
        """Whether one call brought the same answer as often as is allowed."""
        return any(count >= self.limits.repeats for count in self._seen.values())

    def reached(self) -> tuple[Limit, str] | None:
        """Return the limit that is reached with a sentence about it, None while there is room."""
        limits, usage = self.limits, self.usage
        if self.is_repeating:
            return "repeating", "The model asked the same again and again, and got the same answer each time."
        if self.refusals >= limits.refusals:
            return "refused", f"{self.refusals} proposals in a row were not run."
        if self.rounds >= limits.rounds:
            return "rounds", f"The limit of {limits.rounds} rounds is reached."
        used = usage.prompt_tokens + usage.completion_tokens
        if limits.tokens is not None and used >= limits.tokens:
            return "tokens", f"The limit of {limits.tokens:,} tokens is reached ({used:,} used)."
        if limits.cost is not None and usage.cost is not None and usage.cost >= limits.cost:
            return "money", f"The limit of ${limits.cost:g} is reached (${usage.cost:.4g} spent)."
        if self.is_out_of_time:
            return "time", f"The limit of {limits.seconds:g} seconds is reached."
        return None


def added(one: Usage, other: Usage) -> Usage:
    """Return what two answers cost together; what only one server tells counts as it is."""
    values: dict[str, int | float | None] = {}
    for each in fields(Usage):
        left, right = getattr(one, each.name), getattr(other, each.name)
        values[each.name] = left if right is None else right if left is None else left + right
    return Usage(**values)  # type: ignore[arg-type]
