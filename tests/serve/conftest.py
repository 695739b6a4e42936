"""A task server on loopback with its client, and a model server that waits to be told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web


@dataclass
class Event:
    """A Server-Sent Event as its reader understands it."""

    id: str
    name: str
    data: dict


class Client:
    """A front end: it knows the address and the token."""

    def __init__(self, url, token):
        self.url = url
        self.session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"}, timeout=aiohttp.ClientTimeout(total=30)
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    async def call(self, method, path, **options):
        """Return status and JSON of one request."""
        async with self.session.request(method, self.url + path, **options) as response:
            return response.status, await response.json()

    async def submit(self, text="hello", **more):
        status, task = await self.call(
            "POST", "/tasks", json={"model": "ollama/demo", "messages": [{"role": "user", "content": text}], **more}
        )
        assert status == 202, task
        return task["id"]

    def follow(self, task_id, after=None, **headers):
        """Open the stream of a task: ``async with client.follow(…) as response``."""
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        return self.session.get(f"{self.url}/tasks/{task_id}/events", headers=headers)

    @staticmethod
    def read(response, comments=None):
        """Iterate over the events of an open stream; its comments are added to `comments`."""
        return read_events(response, comments)

    async def events(self, task_id, after=None):
        """Return all events up to the end of the stream."""
        async with self.follow(task_id, after) as response:
            return [event async for event in read_events(response)]

    async def until(self, task_id, *states):
        """Wait until the task is in one of `states`, and return it."""
        while True:
            _, task = await self.call("GET", f"/tasks/{task_id}")
            if task["state"] in states:
                return task
            await asyncio.sleep(0.01)


async def read_events(response, comments=None):
    """Yield the events of a stream as https://html.spec.whatwg.org/multipage/server-sent-events.html says they are read."""
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/event-stream")
    fields = {}
    async for raw in response.content:
        line = raw.decode().rstrip("\n")
        if not line:
            if "data" in fields:
                yield Event(fields.get("id", ""), fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}
        elif line.startswith(":"):
            if comments is not None:
                comments.append(line)
        else:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


class OllamaServer:
    """A model server whose one answer goes on piece by piece as the test says."""

    def __init__(self):
        self.pieces = asyncio.Queue()
        self.asked = asyncio.Event()
        self.gone = asyncio.Event()
        self.questions = []
        self.refusal = None
        self.url = ""

    async def __aenter__(self):
        application = web.Application()
        application.router.add_post("/api/chat", self._chat)
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    def say(self, *texts, done=False):
        """Send pieces of the answer, and with `done` its end."""
        for text in texts:
            self.pieces.put_nowait({"message": {"role": "assistant", "content": text}, "done": False})
        if done:
            self.pieces.put_nowait(
                {
                    "message": {"role": "assistant", "content": ""},
                    "done": True,
                    "done_reason": "stop",
                    "prompt_eval_count": 7,
                    "eval_count": 3,
                }
            )

    async def _chat(self, request):
        self.questions.append(await request.json())
        self.asked.set()
        if self.refusal is not None:
            status, words = self.refusal
            return web.json_response({"error": words}, status=status)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        try:
            await response.prepare(request)
            while True:
                piece = await self.pieces.get()
                await response.write(json.dumps({"model": "demo", **piece}).encode() + b"\n")
                if piece["done"]:
                    return response
        except (asyncio.CancelledError, ConnectionResetError):
            self.gone.set()
            raise


@pytest.fixture
def model():
    """The class of the model server."""
    return OllamaServer


@pytest.fixture
def client():
    """The class of the client; its constructor takes address and token."""
    return Client
