"""When the next request to a server may be sent: its rate, and the pauses that it asks for, kept by all workers together.

A single call keeps short pauses by itself, together with every other call to its server (:mod:`nuke_ai_panel.net.retries`).
What comes out of it as an error is what it did not want to wait for. A batch has time, so here the waiting goes on.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from nuke_ai_panel.errors import APIError, RateLimitError, ValidationError
from nuke_ai_panel.providers.registry import PROVIDERS

__all__ = ["MAX_WAIT", "Gate", "Gates", "Rates"]

MAX_WAIT = 600.0
"""Seconds that one request of a batch may wait, in all, because a server asked for it."""

_BUSY_STATUS = frozenset({429, 503})
_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 60.0

Rates = Union[float, Mapping[str, float], None]
"""Requests per minute: one number for every provider, or one for each provider's name."""


@dataclass
class Waited:
    """The seconds of pauses that one request has waited."""

    seconds: float = 0.0


@dataclass
class _Closed:
    until: float
    error: APIError


class Gate:
    """The gate to one server. For one loop."""

    def __init__(self, rate: float | None = None) -> None:
        self._interval = 60.0 / rate if rate else 0.0
        self._next = 0.0
        self._paused_until = 0.0
        self._steps = 0
        self._closed: dict[str, _Closed] = {}

    async def turn(self, model: str, waited: Waited) -> None:
        """Return when the next request for `model` may be sent; the seconds of a pause are added to `waited`.

        Raises:
            APIError: the server has asked for a pause that is longer than this batch waits; nothing is sent.
        """
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            self._raise_if_closed(model, now)
            if now < self._paused_until:
                left = self._paused_until - now
                waited.seconds += left
                await asyncio.sleep(left)
                continue
            slot = max(now, self._next)
            self._next = slot + self._interval
            if slot <= now:
                return
            await asyncio.sleep(slot - now)
            if loop.time() >= self._paused_until:
                self._raise_if_closed(model, loop.time())
                return

    def _raise_if_closed(self, model: str, now: float) -> None:
        closed = self._closed.get(model)
        if closed is None:
            return
        if now >= closed.until:
            del self._closed[model]
            return
        error = copy.copy(closed.error)
        error.retry_after = round(closed.until - now, 3)
        error.message = f"Not sent: the server has asked for a pause of {error.retry_after:.0f} s for {model!r}."
        error.next_step = "Go on with what failed after that."
        raise error

    def answered(self) -> None:
        """Take in that the server does its work."""
        self._steps = 0

    def refused(self, model: str, error: APIError, waited: Waited, longest: float) -> bool:
        """Take in `error` of a request, and return whether it should be sent again, after another :meth:`turn`.

        `longest` is the seconds that a request may wait in all. A server that asks for more is not asked for `model` again
        until then.
        """
        if not (isinstance(error, RateLimitError) or error.status in _BUSY_STATUS) or error.partial_text:
            # What has begun to be answered is paid for; a single call does not ask for it again either.
            return False
        now = asyncio.get_running_loop().time()
        pause = error.retry_after
        if pause is not None and pause > longest:
            self._closed[model] = _Closed(now + pause, error)
            return False
        if now >= self._paused_until:
            # Refusals that come while everybody waits already are answers to what was sent before.
            self._steps += 1
        # A server that says "at once" and refuses has said nothing.
        pause = pause or min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(self._steps - 1, 10))
        if waited.seconds + pause > longest:
            return False
        self._paused_until = max(self._paused_until, now + pause)
        # Turns that were handed out for the time of the pause are not taken: those who hold them come back for another.
        self._next = self._paused_until
        return True


@dataclass
class Gates:
    """The gates of one batch, one for each server. `rates` is requests per minute.

    Raises:
        ValidationError: a rate is not above 0, or for a provider that does not exist.
    """

    rates: Rates = None
    _gates: dict[tuple[str, str], Gate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.rates if isinstance(self.rates, Mapping) else ():
            if name not in PROVIDERS:
                raise ValidationError(
                    f"The rate is for a provider {name!r}, which does not exist. Known are {', '.join(PROVIDERS)}.",
                    field="rate",
                    value=repr(name)[:80],
                    allowed=", ".join(PROVIDERS),
                )
        for rate in self.rates.values() if isinstance(self.rates, Mapping) else (self.rates,):
            if rate is not None and (isinstance(rate, bool) or not isinstance(rate, (int, float)) or not rate > 0):
                raise ValidationError(
                    f"The rate is {rate!r}; it must be a number of requests per minute above 0.",
                    field="rate",
                    value=repr(rate)[:80],
                    allowed="above 0",
                )

    def to(self, model: str, base_url: str) -> Gate:
        """Return the gate to the server that `model` lies on."""
        provider = model.partition("/")[0]
        gate = self._gates.get((provider, base_url))
        if gate is None:
            rate = self.rates.get(provider) if isinstance(self.rates, Mapping) else self.rates
            gate = self._gates[provider, base_url] = Gate(rate)
        return gate
