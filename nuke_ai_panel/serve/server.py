"""The task server as a whole: it listens, and ends in good order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from nuke_ai_panel.messages import JsonObject
from nuke_ai_panel.serve.application import make_application
from nuke_ai_panel.serve.guard import check_loopback, new_token
from nuke_ai_panel.serve.tasks import Answer, Limits, TaskQueue

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["TaskServer"]

_GOODBYE = 2.0
"""Seconds that readers get to take their last event."""


class TaskServer:
    """A queue of questions to models behind HTTP on this machine; ``async with`` it, on any loop.

    Args:
        token: what a client must know; "" makes one, which is then in :attr:`token`.
        host: a loopback address.
        port: 0 takes a free one.
        answer: who answers, see :data:`~nuke_ai_panel.serve.tasks.Answer`; by default the servers of the settings, by the
            pipeline of ``ChatCompletion.acreate``.
        check: raises a ``ValidationError`` for a question that cannot be answered; with an `answer` of one's own, none by
            default.

    Raises:
        ValidationError: `host` can be reached from other machines.
    """

    def __init__(
        self,
        token: str = "",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
        answer: Answer | None = None,
        check: Callable[[JsonObject], None] | None = None,
    ) -> None:
        self.token = token or new_token()
        self.url = ""
        self._host = check_loopback(host)
        self._port = port
        self._limits = limits or Limits()
        self._answer = answer
        self._check = check
        self._queue: TaskQueue | None = None
        self._runner: web.AppRunner | None = None

    def __repr__(self) -> str:
        return f"TaskServer({self.url!r})"

    @property
    def queue(self) -> TaskQueue:
        """The tasks, for readers in this process; there while the server runs."""
        if self._queue is None:
            raise RuntimeError("The server has not been started.")
        return self._queue

    async def start(self) -> str:
        """Listen, and return the address, e.g. ``http://127.0.0.1:8765``. Raises: OSError when the port is taken."""
        from aiohttp import web

        from nuke_ai_panel.serve.answering import check_question, public_answer

        answer, check = self._answer, self._check
        if answer is None:
            answer, check = public_answer, check or check_question
        queue = TaskQueue(answer, self._limits)
        application = make_application(queue, self.token, check or _accept)
        # The library's own log quotes requests that it cannot read, and with them what stands in their headers.
        silent = logging.Logger("nuke_ai_panel.serve.http")
        silent.addHandler(logging.NullHandler())
        runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, logger=silent, shutdown_timeout=_GOODBYE
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
        except BaseException:
            await runner.cleanup()
            raise
        self._queue, self._runner = queue, runner
        port = runner.addresses[0][1]
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{shown}:{port}"
        return self.url

    async def stop(self) -> None:
        """Cancel what has not ended, give readers their last event, and close every connection. May be called twice."""
        queue, self._queue = self._queue, None
        runner, self._runner = self._runner, None
        if queue is not None:
            await queue.aclose()
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> TaskServer:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.shield(self.stop())


def _accept(question: JsonObject) -> None:
    return
