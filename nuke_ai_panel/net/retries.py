"""When a request is sent again, and the pause that a server asked for."""

from __future__ import annotations

import asyncio
import math
import random

from nuke_ai_panel.errors import APIError
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.pool import Progress

__all__ = ["Pause", "is_stale", "longest_pause", "wait_before_retry"]

_RETRY_STATUS = frozenset({429, 502, 503})
_PAUSE_STATUS = frozenset({429, 503})


def longest_pause(deadlines: Deadlines) -> float:
    """Return the seconds that a request under `deadlines` may wait because a server asked for it."""
    return min(deadlines.retry_after, math.inf if deadlines.total is None else deadlines.total)


def is_stale(error: APIError, progress: Progress, deadlines: Deadlines) -> bool:
    """Return whether a request failed because its pooled connection had died while it was idle.

    It may go out at once on the next one: nothing of an answer came, so nobody has read it. Where the request itself was
    already written, that is a repetition, which `deadlines` may rule out.
    """
    if error.kind != "connection_lost" or not progress.reused or progress.answered:
        return False
    return deadlines.retries > 0 or not progress.sent


def wait_before_retry(error: APIError, attempt: int, deadlines: Deadlines) -> float | None:
    """Return the seconds to wait before the request that failed with `error` is sent again, None where it must not be.

    `attempt` counts from 0.
    """
    if attempt >= deadlines.retries:
        return None
    if error.status in _RETRY_STATUS:
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= longest_pause(deadlines) else None
    elif error.kind not in ("connection_refused", "unreachable"):
        return None
    return float(0.2 * 2**attempt * random.uniform(0.75, 1.25))


class Pause:
    """The wait that a server asked for with a 429 or 503 and ``Retry-After``, kept by all requests of one session.

    Without it, one request would wait politely while the others run into the same refusal. For one loop.
    """

    def __init__(self) -> None:
        self._since = 0.0
        self._until = 0.0

    @property
    def left(self) -> float:
        """Seconds that the pause still lasts; 0.0 where there is none."""
        return max(0.0, self._until - asyncio.get_running_loop().time()) if self._until else 0.0

    def note(self, error: APIError) -> None:
        """Begin or lengthen the pause where `error` is a refusal that asks for one."""
        if error.status in _PAUSE_STATUS and error.retry_after:
            self._since = asyncio.get_running_loop().time()
            self._until = max(self._until, self._since + error.retry_after)

    def lift(self, sent: float) -> None:
        """End the pause: a request sent at loop time `sent`, after the pause was asked for, was taken."""
        if sent > self._since:
            self._until = 0.0

    async def wait(self, longest: float) -> None:
        """Return when the pause is over, or at once where that would take more than `longest` seconds in all.

        The end is spread over up to a second, so that those who waited do not all come at the same moment.
        """
        while 0.0 < (left := self.left) <= longest:
            left += random.uniform(0.0, min(1.0, 0.1 * left))
            longest -= left
            await asyncio.sleep(left)
