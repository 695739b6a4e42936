"""How far the model may go on by itself within one prompt, and the account of what it has used."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from nuke_ai_panel.messages import Usage
from nuke_ai_panel.settings import Settings

__all__ = ["Ledger", "Limit", "Limits", "added"]

Limit = Literal["rounds", "tokens", "money", "time", "repeating", "refused"]

#: The setting that says where a limit is; the other limits are not for choice.
_SETTINGS = {
    "rounds": "limit_rounds",
    "tokens": "limit_tokens",
    "money": "limit_cost",
    "time": "limit_minutes",
    "conversation": "conversation_tokens",
}


@dataclass(frozen=True)
class Limits:
    """The most that one prompt may use; None is no limit.

    ``tokens`` counts what is sent and written in all rounds together, ``cost`` is US dollars as the server reports them,
    ``seconds`` are those in which the model works: the artist's time for a decision does not count. ``repeats`` is how often
    the same call may bring the same answer, ``calls`` how many calls one message may hold, ``refusals`` how many proposals in
    a row may be turned down. ``conversation`` is how many tokens of the conversation so far go along with a prompt. ``fixed``
    are the settings that cannot be changed in the panel, each with who has fixed it.
    """

    rounds: int = Settings.limit_rounds
    tokens: int | None = Settings.limit_tokens
    cost: float | None = Settings.limit_cost
    seconds: float | None = Settings.limit_minutes and Settings.limit_minutes * 60.0
    repeats: int = 3
    calls: int = 32
    refusals: int = 3
    conversation: int | None = Settings.conversation_tokens
    fixed: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, settings: Settings, fixed_by: Callable[[str], str] = lambda key: "") -> Limits:
        """Return the limits that `settings` ask for; `fixed_by` tells who has fixed a setting, "" for nobody."""
        fixed = {key: by for key in _SETTINGS.values() for by in (fixed_by(key),) if by}
        return cls(
            rounds=settings.limit_rounds,
            tokens=settings.limit_tokens,
            cost=settings.limit_cost,
            seconds=None if settings.limit_minutes is None else settings.limit_minutes * 60.0,
            conversation=settings.conversation_tokens,
            fixed=fixed,
        )

    def setting(self, limit: str) -> str:
        """Return the setting that an artist may change to move a limit, "" where there is none or somebody has fixed it.

        `limit` is a :data:`Limit` or ``"conversation"``.
        """
        key = _SETTINGS.get(limit, "")
        return "" if key in self.fixed else key

    def advice(self, limit: str) -> str:
        """Return a sentence on where `limit` is changed, or who has fixed it."""
        by = self.fixed.get(_SETTINGS.get(limit, ""), "")
        return f"{by}." if by else "You can change it in Settings, under Limits."


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
        used = usage.prompt_tokens + usage.completion_tokens
        limit: Limit
        if self.rounds >= limits.rounds:
            limit, said = "rounds", f"The limit of {_count(limits.rounds, 'round')} is reached."
        elif limits.tokens is not None and used >= limits.tokens:
            limit, said = "tokens", f"The limit of {limits.tokens:,} tokens is reached ({used:,} used)."
        elif limits.cost is not None and usage.cost is not None and usage.cost >= limits.cost:
            limit, said = "money", f"The limit of ${limits.cost:g} is reached (${usage.cost:.4g} spent)."
        elif limits.seconds is not None and self.is_out_of_time:
            limit, said = "time", f"The limit of {_duration(limits.seconds)} is reached."
        else:
            return None
        return limit, f"{said} {limits.advice(limit)}"


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}" + ("" if number == 1 else "s")


def _duration(seconds: float) -> str:
    return _count(seconds / 60, "minute") if seconds >= 60 else _count(seconds, "second")


def added(one: Usage, other: Usage) -> Usage:
    """Return what two answers cost together; what only one server tells counts as it is."""
    values: dict[str, int | float | None] = {}
    for each in fields(Usage):
        left, right = getattr(one, each.name), getattr(other, each.name)
        values[each.name] = left if right is None else right if left is None else left + right
    return Usage(**values)  # type: ignore[arg-type]
