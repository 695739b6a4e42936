"""The HTTP face of a task queue.

=========================== ==========================================================================================
``POST /tasks``             the arguments of ``ChatCompletion.acreate`` as JSON; 202 with id, state and position
``GET /tasks``              all tasks without their texts, the newest first
``GET /tasks/{id}``         one task, with its text so far
``GET /tasks/{id}/events``  Server-Sent Events from the beginning, or after ``Last-Event-ID`` or ``?after=``
``POST /tasks/{id}/cancel`` end a task; nothing happens after its end
``DELETE /tasks/{id}``      end a task, or forget one that has ended
``GET /health``             that the server is alive, and how many tasks it has
=========================== ==========================================================================================

Every error is ``{"error": {"type", "kind", "message", …}}``. The format of the events is that of
https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

from nuke_ai_panel.errors import QueueFullError, ValidationError
from nuke_ai_panel.messages import JsonObject
from nuke_ai_panel.serve.event_log import LogEvent
from nuke_ai_panel.serve.guard import AccessDeniedError, check_access
from nuke_ai_panel.serve.tasks import ServedTask, TaskQueue
from nuke_ai_panel.serve.wire import error_value

if TYPE_CHECKING:
    from aiohttp import web

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

__all__ = ["make_application"]

_log = logging.getLogger(__name__)

_RETRY_MS = 1000


def make_application(queue: TaskQueue, token: str, check: Callable[[JsonObject], None]) -> web.Application:
    """Return the application that serves `queue` to those who know `token`; `check` raises for a question that is wrong."""
    from aiohttp import web

    endpoints = _Endpoints(queue, check)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await _guarded(request, handler, token)

    application = web.Application(client_max_size=queue.limits.body, middlewares=[guarded])
    application.router.add_post("/tasks", endpoints.submit)
    application.router.add_get("/tasks", endpoints.all_tasks)
    application.router.add_get("/tasks/{id}", endpoints.one_task)
    application.router.add_delete("/tasks/{id}", endpoints.delete)
    application.router.add_get("/tasks/{id}/events", endpoints.events, allow_head=False)
    application.router.add_post("/tasks/{id}/cancel", endpoints.cancel)
    application.router.add_get("/health", endpoints.health)
    application.on_response_prepare.append(_finish_headers)
    return application


async def _finish_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Which library answers is nobody's business.
    response.headers["Server"] = "nuke-ai-panel"


async def _guarded(request: web.Request, handler: Handler, token: str) -> web.StreamResponse:
    from aiohttp import web

    try:
        check_access(request.headers, token)
        return await handler(request)
    except AccessDeniedError as error:
        more = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
        return _refusal(error.status, {"type": "AccessDeniedError", "kind": error.kind, "message": str(error)}, more)
    except ValidationError as error:
        return _refusal(400, error_value(error))
    except QueueFullError as error:
        wait = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:.0f}"}
        value = {"type": "QueueFullError", "kind": "queue_full", "message": str(error), "retry_after": error.retry_after}
        return _refusal(429 if wait else 503, value, wait)
    except web.HTTPException as error:
        return _refusal(error.status, _http_error(error, request), {k: v for k, v in error.headers.items() if k == "Allow"})
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - the top of a request
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
        _log.error("A request failed with %s at %s", type(error).__name__, where)
        return _refusal(500, error_value(RuntimeError()))


def _http_error(error: web.HTTPException, request: web.Request) -> dict[str, object]:
    words = {
        404: ("not_found", "There is no such address, or no such task (any more)."),
        405: ("method_not_allowed", f"{request.method} cannot be used here."),
        413: ("too_large", "The request is too large."),
        415: ("media_type", "The body must be JSON, with the header Content-Type: application/json."),
        503: ("busy", "Too many connections follow tasks already. Try again later."),
    }
    kind, message = words.get(error.status, ("http", error.reason))
    return {"type": "RequestError", "kind": kind, "message": message}


def _refusal(status: int, value: Mapping[str, object], headers: Mapping[str, str] | None = None) -> web.Response:
    return _json({"error": value}, status, headers)


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    from aiohttp import web

    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


class _Endpoints:
    def __init__(self, queue: TaskQueue, check: Callable[[JsonObject], None]) -> None:
        self._queue = queue
        self._check = check
        self._readers = 0

    async def submit(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        raw = await request.read()
        question = _question(raw)
        self._check(question)
        task = self._queue.submit(question, len(raw))
        position = self._queue.position(task)
        value = {"id": task.id, "state": task.state, "position": position}
        return _json(value, 202, {"Location": f"/tasks/{task.id}"})

    async def all_tasks(self, request: web.Request) -> web.StreamResponse:
        queue = self._queue
        return _json({"tasks": [task.value(queue.position(task), with_text=False) for task in queue.tasks()]})

    async def one_task(self, request: web.Request) -> web.StreamResponse:
        return self._shown(self._task(request))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        task = self._task(request)
        await self._queue.cancel(task)
        return self._shown(task)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        task = self._task(request)
        if task.is_over:
            self._queue.forget(task)
        else:
            await self._queue.cancel(task)
        return self._shown(task)

    async def health(self, request: web.Request) -> web.StreamResponse:
        return _json({"status": "ok", "tasks": self._queue.counts, "readers": self._readers})

    def _task(self, request: web.Request) -> ServedTask:
        from aiohttp import web

        task = self._queue.find(request.match_info["id"])
        if task is None:
            raise web.HTTPNotFound
        return task

    def _shown(self, task: ServedTask) -> web.Response:
        return _json(task.value(self._queue.position(task)))

    async def events(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        task = self._task(request)
        after = _resume_place(request, task)
        if task.log.is_over and after >= task.log.end:
            # It tells an EventSource that there is nothing more to come back for.
            return web.Response(status=204)
        if self._readers >= self._queue.limits.readers:
            raise web.HTTPServiceUnavailable
        self._readers += 1
        try:
            return await self._follow(request, task, after)
        finally:
            self._readers -= 1

    async def _follow(self, request: web.Request, task: ServedTask, after: int) -> web.StreamResponse:
        from aiohttp import web

        limits, log = self._queue.limits, task.log
        response = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        response.charset = "utf-8"
        await response.prepare(request)
        loop = asyncio.get_running_loop()

        async def write(data: bytes) -> None:
            # A reader that takes nothing would hold what is meant for it in memory for ever.
            patience = loop.call_later(limits.write, _abort, request)
            try:
                await response.write(data)
            finally:
                patience.cancel()

        try:
            await write(b"retry: %d\n\n" % _RETRY_MS)
            while True:
                found = log.read(after)
                if found:
                    after = found[-1].id
                    await write(b"".join(map(_record, found)))
                elif log.is_over:
                    break
                elif not await log.wait(after, limits.keep_alive):
                    await write(b": keep-alive\n\n")
            await response.write_eof()
        except ConnectionError:
            # The reader has gone. It may come back with the last identifier it has seen.
            pass
        return response


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _record(event: LogEvent) -> bytes:
    data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.name}\ndata: {data}\n\n".encode("utf-8", "replace")


def _resume_place(request: web.Request, task: ServedTask) -> int:
    given = request.query.get("after") or request.headers.get("Last-Event-ID") or "0"
    if not (given.isascii() and given.isdigit() and len(given) < 20) or int(given) > task.log.end:
        raise ValidationError(
            "after and Last-Event-ID take the id of an event that was sent.",
            field="after",
            allowed=f"0 to {task.log.end}",
        )
    return int(given)


def _question(raw: bytes) -> JsonObject:
    try:
        question = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        question = None
    if not isinstance(question, dict):
        raise ValidationError("The body must be one JSON object in UTF-8.", field="body", allowed="a JSON object")
    return question


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
