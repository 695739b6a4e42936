"""A bounded row of questions to models, some of which are answered at a time, and what became of them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Union

from nuke_ai_panel.aio.bridge import Bridge
from nuke_ai_panel.errors import APIError, NukeAIPanelError, QueueFullError, StreamInterruptedError
from nuke_ai_panel.messages import Finished, JsonObject, StreamEvent, StreamStarted, TextDelta
from nuke_ai_panel.serve.event_log import EventLog
from nuke_ai_panel.serve.wire import error_value, event_value, texts_of

__all__ = ["Answer", "Limits", "ServedTask", "TaskQueue", "TaskState"]

TaskState = Literal["queued", "running", "finished", "failed", "cancelled"]

Answer = Callable[[JsonObject], Union[AsyncIterable[StreamEvent], Iterable[Union[StreamEvent, str]]]]
"""Takes the arguments of a question and returns its events. What is no async iterable is run in a thread of its own, as a local
model's binding needs; its texts may be bare, and its regular end is the end of the answer."""

_log = logging.getLogger(__name__)

_CANCEL_PATIENCE = 5.0
"""Seconds that a cancelled answer may take to close its connection."""

_THREAD_LEAD = 256
"""Events that an answer in a thread may be ahead."""


@dataclass(frozen=True)
class Limits:
    """What a server does at most.

    Args:
        concurrency: questions that are answered at the same time.
        waiting: questions that wait for their turn.
        waiting_size: bytes of all waiting questions together.
        body: bytes of one question.
        answer: bytes of one answer, about.
        kept: ended tasks that can still be read.
        kept_seconds: how long they can.
        kept_size: bytes of their answers together, about.
        readers: connections that follow tasks.
        log: events of one task before pieces of text are joined.
        keep_alive: seconds of silence after which a reader is sent a sign of life.
        write: seconds that a reader may take no byte before it is cut off; it may come back.
    """

    concurrency: int = 4
    waiting: int = 100
    waiting_size: int = 128 * 2**20
    body: int = 32 * 2**20
    answer: int = 64 * 2**20
    kept: int = 200
    kept_seconds: float = 3600.0
    kept_size: int = 256 * 2**20
    readers: int = 64
    log: int = 1000
    keep_alive: float = 15.0
    write: float = 60.0


class ServedTask:
    """One question and its answer. Times are seconds since the epoch, None where that has not happened."""

    def __init__(self, arguments: JsonObject, size: int, log_limit: int) -> None:
        self.id = secrets.token_hex(12)
        self.model = str(arguments.get("model", ""))
        self.state: TaskState = "queued"
        self.created = time.time()
        self.started: float | None = None
        self.ended: float | None = None
        self.usage: JsonObject | None = None
        self.error: JsonObject | None = None
        self.log = EventLog(log_limit)
        self.size = size
        self.ended_at = 0.0
        self._arguments: JsonObject = arguments
        self._cancel_reason = ""
        self._has_texts = False

    def __repr__(self) -> str:
        return f"ServedTask({self.id!r}, {self.model!r}, {self.state!r})"

    @property
    def is_over(self) -> bool:
        """Whether the task has ended, in whatever way."""
        return self.state in ("finished", "failed", "cancelled")

    def text(self) -> str:
        """Return the answer's text so far."""
        events = self.log.read(0, self.log.end)
        return "".join(str(each.data["text"]) for each in events if each.name == "text" and not each.data.get("choice"))

    def end(self, state: TaskState, data: JsonObject) -> None:
        """Note how it ended, and forget what was asked."""
        self.state = state
        self.ended = time.time()
        self._arguments = {}
        self.size = 0
        self.log.add(state, data)

    def value(self, position: int = 0, *, with_text: bool = True) -> dict[str, object]:
        """Return the task as JSON values."""
        found: dict[str, object] = {
            "id": self.id,
            "state": self.state,
            "model": self.model,
            "position": position,
            "created": self.created,
            "started": self.started,
            "ended": self.ended,
            "usage": self.usage,
            "error": self.error,
            "last_event_id": self.log.end,
        }
        if with_text:
            found["text"] = self.text()
        return found


class TaskQueue:
    """Questions in the order of their arrival. Made and used on one event loop.

    Raises: nothing of an answer's failure; that is in the task and in its log.
    """

    def __init__(self, answer: Answer, limits: Limits) -> None:
        self.limits = limits
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[ServedTask] = deque()
        self._running: dict[str, tuple[ServedTask, asyncio.Task[None]]] = {}
        self._ended: OrderedDict[str, ServedTask] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    # what is asked of it

    @property
    def counts(self) -> dict[str, int]:
        """How many tasks wait, run, and are kept."""
        return {"queued": len(self._waiting), "running": len(self._running), "kept": len(self._ended)}

    def submit(self, arguments: JsonObject, size: int) -> ServedTask:
        """Add a question that takes `size` bytes; it begins as soon as its turn comes.

        Raises:
            QueueFullError: too many wait already, or the server is about to end.
        """
        if self._is_closed:
            raise QueueFullError("The server is about to end.")
        waits = len(self._running) >= self.limits.concurrency
        if waits and len(self._waiting) >= self.limits.waiting:
            raise QueueFullError(f"{len(self._waiting)} tasks are waiting already. Try again later.", 10.0)
        if waits and sum(each.size for each in self._waiting) + size > self.limits.waiting_size:
            raise QueueFullError("The waiting tasks are too large together. Try again later.", 10.0)
        task = ServedTask(arguments, size, self.limits.log)
        self._waiting.append(task)
        task.log.add("queued", {"position": self.position(task) if waits else 0})
        self._start_waiting()
        return task

    def find(self, task_id: str) -> ServedTask | None:
        """Return the task of that identifier, None where there is none (any more)."""
        return next((each for each in self.tasks() if each.id == task_id), None)

    def tasks(self) -> list[ServedTask]:
        """Return all tasks that can be read, the newest first."""
        self._forget_old()
        known = itertools.chain(self._ended.values(), (task for task, _ in self._running.values()), self._waiting)
        return sorted(known, key=lambda task: task.created, reverse=True)

    def position(self, task: ServedTask) -> int:
        """Return which one in the row `task` is, from 1; 0 where it does not wait."""
        return self._waiting.index(task) + 1 if task in self._waiting else 0

    async def cancel(self, task: ServedTask, reason: str = "requested") -> None:
        """End `task` and wait until the connection to its model server is closed, at most 5 s. Does nothing after its end."""
        if task in self._waiting:
            self._waiting.remove(task)
            self._end(task, "cancelled", {"reason": reason})
            self._tell_positions()
            return
        running = self._running.get(task.id)
        if running is not None:
            task._cancel_reason = reason
            running[1].cancel()
            await asyncio.wait({running[1]}, timeout=_CANCEL_PATIENCE)

    def forget(self, task: ServedTask) -> None:
        """Let go of an ended task. Who reads it now still gets its end."""
        self._ended.pop(task.id, None)

    async def aclose(self) -> None:
        """Take no more tasks and cancel all that have not ended."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._waiting):
            await self.cancel(task, "shutdown")
        running = [task for task, _ in self._running.values()]
        if running:
            await asyncio.gather(*(self.cancel(task, "shutdown") for task in running))

    # answering

    def _start_waiting(self) -> None:
        has_begun = False
        while self._waiting and len(self._running) < self.limits.concurrency and not self._is_closed:
            task = self._waiting.popleft()
            task.state = "running"
            task.started = time.time()
            task.log.add("started", {"model": task.model})
            runner = self._loop.create_task(self._run(task))
            self._running[task.id] = (task, runner)
            runner.add_done_callback(lambda _, task=task: self._has_ended(task))  # type: ignore[misc]
            has_begun = True
        if has_begun:
            self._tell_positions()

    def _tell_positions(self) -> None:
        for place, task in enumerate(self._waiting, 1):
            task.log.add("queued", {"position": place})

    def _has_ended(self, task: ServedTask) -> None:
        del self._running[task.id]
        if not task.is_over:
            # A task that is cancelled before its first step never comes to the end of its own code.
            self._end(task, "cancelled", {"reason": task._cancel_reason or "shutdown"})
        self._start_waiting()

    def _end(self, task: ServedTask, state: TaskState, data: JsonObject) -> None:
        task.end(state, data)
        task.ended_at = self._loop.time()
        self._ended[task.id] = task
        _log.info("Task %s %s.", task.id, state)
        self._forget_old()

    async def _run(self, task: ServedTask) -> None:
        prompts = texts_of({key: task._arguments.get(key) for key in ("messages", "prompt")})
        try:
            finished = await self._read(task)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the task's end, and not the server's
            if not isinstance(error, NukeAIPanelError):
                # Its words may hold the prompt.
                frames = traceback.extract_tb(error.__traceback__)
                where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
                _log.error("Task %s failed with %s at %s", task.id, type(error).__name__, where)
            value = error_value(error, prompts)
            task.error = value
            self._end(task, "failed", {"error": value})
        else:
            value = dict(finished)
            usage = value.get("usage")
            task.usage = usage if isinstance(usage, dict) else None
            self._end(task, "finished", value)

    async def _read(self, task: ServedTask) -> JsonObject:
        """Put the events of the answer into the log, and return what the last one says."""
        source = self._answer(task._arguments)
        if isinstance(source, AsyncIterable):
            events: AsyncIterator[Union[StreamEvent, str]] = source.__aiter__()
        else:
            bridge: Bridge[Union[StreamEvent, str]] = Bridge(limit=_THREAD_LEAD, name="answer")
            bridge.run(source)
            events = bridge.reader()
            task._has_texts = True
        try:
            async for event in events:
                if isinstance(event, Finished):
                    task.model = event.model or task.model
                    value = event_value(event)
                    assert value is not None
                    return value[1]
                self._note(task, event)
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()
        if not task._has_texts:
            raise StreamInterruptedError("The answer ended without its last event.", next_step="What came is kept. Try again.")
        value = event_value(Finished("stop", model=task.model))
        assert value is not None
        return value[1]

    def _note(self, task: ServedTask, event: StreamEvent | str) -> None:
        if isinstance(event, str):
            event = TextDelta(event)
        if isinstance(event, StreamStarted):
            task.model = event.model or task.model
        value = event_value(event)
        if value is not None:
            task.log.add(*value)
        if task.log.size > self.limits.answer:
            raise APIError(
                f"The answer grew beyond {self.limits.answer} bytes and was stopped.",
                kind="answer_too_large",
                next_step="Limit it with max_tokens.",
            )

    # keeping

    def _forget_old(self) -> None:
        limits, now = self.limits, self._loop.time()
        size = sum(task.log.size for task in self._ended.values())
        while self._ended:
            oldest = next(iter(self._ended.values()))
            if len(self._ended) <= limits.kept and size <= limits.kept_size and now - oldest.ended_at < limits.kept_seconds:
                break
            size -= oldest.log.size
            del self._ended[oldest.id]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ended and not self._is_closed:
            oldest = next(iter(self._ended.values()))
            self._timer = self._loop.call_at(oldest.ended_at + limits.kept_seconds, self._forget_old)
