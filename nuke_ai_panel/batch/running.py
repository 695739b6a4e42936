"""Send many requests, a bounded number at a time, each through exactly the call that one alone would go through."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nuke_ai_panel.aio import background, refuse_in_coroutine
from nuke_ai_panel.aio.loop_thread import is_exiting
from nuke_ai_panel.batch.pacing import MAX_WAIT, Gates, Rates, Waited
from nuke_ai_panel.batch.records import BatchProgress, BatchRecord, without_traces
from nuke_ai_panel.errors import APIError, NukeAIPanelError, ValidationError

if TYPE_CHECKING:
    from nuke_ai_panel.api.responses import ChatResponse

__all__ = ["CONCURRENCY", "BatchItem", "Request", "acompletions", "acompletions_as_finished", "run_batch", "work_through"]

CONCURRENCY = 8
"""Requests that run at the same time unless told otherwise."""

Request = Mapping[str, Any]
"""The arguments of ``nuke_ai_panel.ChatCompletion.acreate`` by name, and an ``"id"`` (or ``"custom_id"``) where wanted."""

ProgressListener = Callable[[BatchProgress], object]

_SLICE = 0.2 if sys.platform == "win32" else None

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchItem:
    """A request on its way, or the `error` for which it cannot be one."""

    index: int
    request: Request = field(default_factory=dict, repr=False)
    id: str = ""
    error: NukeAIPanelError | None = None


Deliver = Callable[[BatchRecord], Awaitable[None]]


def run_batch(
    requests: Iterable[Request],
    *,
    concurrency: int = CONCURRENCY,
    progress: ProgressListener | None = None,
    rate: Rates = None,
    max_wait: float = MAX_WAIT,
) -> list[BatchRecord]:
    """Send all `requests` and return one record for each, in their order, whatever became of them.

    For ordinary code in any thread; the work is done on the process's background loop. `progress` is called after every record,
    in the caller's own thread, so it may draw. Ctrl+C ends what is running and leaves with ``KeyboardInterrupt``; what was
    finished until then has been shown to `progress`.

    Args:
        requests: mappings with the arguments of ``ChatCompletion.acreate``, and an ``"id"`` where wanted.
        concurrency: how many requests run at the same time.
        progress: listens to how the batch comes along; an error in it is logged and ends nothing.
        rate: requests per minute and server, evenly spread; a mapping gives one to each provider that it names.
        max_wait: seconds that a request may wait, in all, because its server asks for it with a 429 or 503.

    Raises:
        RuntimeError: called from a coroutine; await ``nuke_ai_panel.acompletions(...)`` there.
        ValidationError: an argument of the batch itself is wrong. What is wrong in a request is in its record.
    """
    refuse_in_coroutine("nuke_ai_panel.acompletions")
    check_requests(requests)
    if isinstance(requests, AsyncIterable):
        raise ValidationError(
            "run_batch takes requests from an ordinary iterable; await nuke_ai_panel.acompletions(...) with an async one.",
            field="requests",
            value=type(requests).__name__,
            allowed="a list of mappings",
        )
    # Read here and not on the loop: an iterator of the caller's may block, or make calls of its own.
    listed = list(requests)
    told: queue.SimpleQueue[BatchProgress | None] = queue.SimpleQueue()
    tell = told.put if progress is not None else None
    future = background().submit(
        lambda: acompletions(listed, concurrency=concurrency, progress=tell, rate=rate, max_wait=max_wait)
    )
    # A program that ends leaves its daemon threads waiting.
    future.add_done_callback(lambda _: None if is_exiting() else told.put(None))
    try:
        while (state := _taken(told)) is not None:
            if progress is not None:
                _show(progress, state)
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _taken(told: queue.SimpleQueue[BatchProgress | None]) -> BatchProgress | None:
    while True:
        # Windows does not interrupt a wait, so Ctrl+C gets through between two slices only.
        with contextlib.suppress(queue.Empty):
            return told.get(timeout=_SLICE)


async def acompletions(
    requests: Iterable[Request] | AsyncIterable[Request],
    *,
    concurrency: int = CONCURRENCY,
    progress: ProgressListener | None = None,
    rate: Rates = None,
    max_wait: float = MAX_WAIT,
) -> list[BatchRecord]:
    """Send all `requests` and return one record for each, in their order; the async twin of :func:`run_batch`.

    It works on the loop it is awaited on, where `progress` is called too. Cancelling it ends the running calls and closes
    their connections.

    Raises:
        ValidationError: an argument of the batch itself is wrong.
    """
    records: list[BatchRecord] = []
    finished = acompletions_as_finished(requests, concurrency=concurrency, progress=progress, rate=rate, max_wait=max_wait)
    try:
        async for record in finished:
            records.append(record)
    finally:
        await finished.aclose()
    return sorted(records, key=lambda record: record.index)


async def acompletions_as_finished(
    requests: Iterable[Request] | AsyncIterable[Request],
    *,
    concurrency: int = CONCURRENCY,
    progress: ProgressListener | None = None,
    rate: Rates = None,
    max_wait: float = MAX_WAIT,
) -> AsyncGenerator[BatchRecord, None]:
    """Send `requests` and yield each record as soon as it is finished; arguments as for :func:`run_batch`.

    `requests` are taken one by one, no faster than they can be sent, and no more than twice `concurrency` records wait for a
    slow reader: memory stays flat for an endless input. Closing the iterator ends the running calls.

    Raises:
        ValidationError: an argument of the batch itself is wrong.
    """
    check_requests(requests)
    check_concurrency(concurrency)
    check_wait(max_wait)
    gates = Gates(rate)
    finished: asyncio.Queue[BatchRecord | None] = asyncio.Queue(concurrency)
    total = len(requests) if isinstance(requests, Sized) else None

    async def work() -> None:
        try:
            await work_through(
                _items(requests),
                finished.put,
                concurrency=min(concurrency, total or concurrency),
                gates=gates,
                max_wait=max_wait,
            )
        finally:
            # Nobody may read any more when the work is cancelled, so this must not wait for a place.
            if not finished.full():
                finished.put_nowait(None)

    start = asyncio.get_running_loop().time()
    state = BatchProgress(total=total)
    working = asyncio.ensure_future(work())
    try:
        while True:
            if finished.empty() and working.done():
                break
            record = await finished.get()
            if record is None:
                break
            if progress is not None:
                state = state.after(record, asyncio.get_running_loop().time() - start)
                _show(progress, state)
            yield record
        await working
    finally:
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
        if not working.cancelled():
            working.exception()


async def work_through(
    items: AsyncGenerator[BatchItem, None],
    deliver: Deliver,
    *,
    concurrency: int = CONCURRENCY,
    gates: Gates | None = None,
    max_wait: float = MAX_WAIT,
) -> None:
    """Send every one of `items` and hand its record to `deliver`, `concurrency` at a time and without any group waiting.

    An item is taken when a worker is free for it. What `items` or `deliver` raises ends the work: nothing more is taken, what
    runs is finished and delivered where that is still possible, then it is raised. Cancelling ends the running calls at once;
    a record that is being delivered is the matter of `deliver`.
    """
    check_concurrency(concurrency)
    pool = _Pool(items, deliver, gates or Gates(), max_wait)
    workers = [asyncio.ensure_future(pool.work()) for _ in range(concurrency)]
    try:
        await asyncio.wait(workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await items.aclose()
    for worker in workers:
        worker.result()


class _Pool:
    """What the workers of one batch share."""

    def __init__(self, items: AsyncGenerator[BatchItem, None], deliver: Deliver, gates: Gates, max_wait: float) -> None:
        self._items = items
        self._deliver = deliver
        self._gates = gates
        self._max_wait = max_wait
        self._taking = asyncio.Lock()
        self._is_over = False

    async def work(self) -> None:
        """Take one item after the other until there are no more."""
        try:
            while (item := await self._next()) is not None:
                await self._deliver(await self._record(item))
        except BaseException:
            self._is_over = True
            raise

    async def _next(self) -> BatchItem | None:
        async with self._taking:
            if not self._is_over:
                try:
                    return await self._items.__anext__()
                except StopAsyncIteration:
                    self._is_over = True
            return None

    async def _record(self, item: BatchItem) -> BatchRecord:
        loop = asyncio.get_running_loop()
        start = loop.time()
        if item.error is not None:
            return BatchRecord(item.index, item.id, error=item.error)
        try:
            response = await self._response(item.request)
        except NukeAIPanelError as error:
            failure: Exception = without_traces(error)
        # One request that meets a defect of ours must not take the others with it.
        except Exception as error:  # noqa: BLE001
            _log.exception("Request %d of a batch met a defect", item.index)
            failure = without_traces(error)
        else:
            return BatchRecord(item.index, item.id, response, seconds=loop.time() - start)
        return BatchRecord(item.index, item.id, error=failure, seconds=loop.time() - start)

    async def _response(self, request: Request) -> ChatResponse:
        from nuke_ai_panel.api.chat import ChatCompletion

        if request.get("stream") is True:
            raise ValidationError(
                "A batch collects whole answers; leave out stream.", field="stream", value="True", allowed="False"
            )
        model, base_url = request.get("model"), request.get("base_url")
        model = model if isinstance(model, str) else ""
        gate = self._gates.to(model, base_url if isinstance(base_url, str) else "")
        waited = Waited()
        while True:
            await gate.turn(model, waited)
            try:
                response: ChatResponse = await ChatCompletion.acreate(**request)
            except APIError as error:
                if not gate.refused(model, error, waited, self._max_wait):
                    raise
            else:
                gate.answered()
                return response


async def _items(requests: Iterable[Request] | AsyncIterable[Request]) -> AsyncGenerator[BatchItem, None]:
    index = 0
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            yield item_of(index, request)
            index += 1
    else:
        for request in requests:
            yield item_of(index, request)
            index += 1


def item_of(index: int, request: object) -> BatchItem:
    """Return `request` as an item: its id apart, and the error where it is no mapping of names."""
    if not isinstance(request, Mapping) or not all(isinstance(name, str) for name in request):
        error = ValidationError(
            f"Request {index} of the batch must be a mapping from argument names to values, not {type(request).__name__}.",
            field=f"requests[{index}]",
            value=type(request).__name__,
            allowed="a mapping",
        )
        return BatchItem(index, error=error)
    arguments = dict(request)
    names = [arguments.pop(name) for name in ("custom_id", "id") if name in arguments]
    return BatchItem(index, arguments, next((str(name) for name in names if name is not None), ""))


def check_concurrency(concurrency: object) -> None:
    """Refuse a number of workers that is none.

    Raises:
        ValidationError: it is not a whole number from 1.
    """
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise _refusal("concurrency", concurrency, "a whole number from 1", "1 or more")


def check_wait(max_wait: object) -> None:
    """Refuse a longest wait that is none.

    Raises:
        ValidationError: it is not a number of seconds from 0.
    """
    if isinstance(max_wait, bool) or not isinstance(max_wait, (int, float)) or not max_wait >= 0:
        raise _refusal("max_wait", max_wait, "a number of seconds from 0", "0 or more seconds")


def _refusal(field: str, value: object, must: str, allowed: str) -> ValidationError:
    return ValidationError(f"{field} is {value!r}; it must be {must}.", field=field, value=repr(value)[:80], allowed=allowed)


def check_requests(requests: object) -> None:
    """Refuse what is one request, or a text, and no row of requests.

    Raises:
        ValidationError: it is.
    """
    is_row = isinstance(requests, (Iterable, AsyncIterable))
    if not is_row or isinstance(requests, (str, bytes, Mapping)):
        raise ValidationError(
            f"requests must be a list (or an iterable) of mappings of arguments, not one {type(requests).__name__}.",
            field="requests",
            value=type(requests).__name__,
            allowed="a list of mappings",
        )


def _show(progress: ProgressListener, state: BatchProgress) -> None:
    # The batch is worth more than a line on the screen.
    try:
        progress(state)
    except Exception:  # noqa: BLE001
        _log.exception("The listener to a batch's progress failed")
