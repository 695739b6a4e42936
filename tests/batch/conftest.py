"""A model server on loopback, in a thread of its own, whose answer follows from what is asked."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from dataclasses import dataclass, field

import pytest
from aiohttp import web

#: Seconds that anything may take before a test gives up.
LIMIT = 60.0


@dataclass
class Asked:
    """One chat request as the server saw it."""

    prompt: str
    at: float
    body: dict = field(repr=False)


def words(prompt):
    """The answer to `prompt`, in pieces."""
    return [f"{word} " for word in prompt.split()][::-1] or ["nothing "]


class AnsweringServer:
    """Speaks the Ollama and the OpenAI wire. What it does with a request is told by the last message:

    ``wait=0.2`` answers late; ``status=500`` refuses; ``cut`` ends the answer in the middle; ``call`` asks for a tool; ``hold``
    waits until :attr:`held` is set. Everything else is said back, last word first.
    """

    def __init__(self):
        self.asked = []
        self.running = self.most = 0
        self.held = threading.Event()
        #: Given to every request as (status, headers) until there are no more.
        self.refusals = []
        #: Called with the loop's time; returns a refusal or None.
        self.rule = None
        self.changed = threading.Condition()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="answering-server")

    # from the test's thread

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(LIMIT)
        return self

    def __exit__(self, *_):
        self.held.set()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(LIMIT)

    def wait_until(self, condition):
        """Return once `condition` of the requests seen so far holds."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.asked), LIMIT), "the server has not seen it in time"

    @property
    def prompts(self):
        return [each.prompt for each in self.asked]

    # on the server's own loop

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/api/chat", self._ollama)
        application.router.add_post("/v1/chat/completions", self._openai)
        application.router.add_post("/api/show", self._show)
        application.router.add_get("/api/tags", self._tags)
        application.router.add_get("/v1/models", self._models)
        runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()

    async def _show(self, request):
        shown = {"general.architecture": "toy", "toy.context_length": 8192}
        capabilities = ["completion", "tools", "vision", "thinking"]
        return web.json_response({"model_info": shown, "capabilities": capabilities, "details": {}, "template": ""})

    async def _tags(self, request):
        return web.json_response({"models": [{"name": "toy:latest", "model": "toy:latest"}]})

    async def _models(self, request):
        return web.json_response({"object": "list", "data": [{"id": "toy", "object": "model"}]})

    async def _ollama(self, request):
        return await self._answer(request, self._ollama_lines, "application/x-ndjson")

    async def _openai(self, request):
        return await self._answer(request, self._openai_lines, "text/event-stream")

    async def _answer(self, request, lines, content_type):
        body = await request.json()
        content = body["messages"][-1]["content"]
        prompt = content if isinstance(content, str) else content[0]["text"]
        with self.changed:
            self.asked.append(Asked(prompt, time.monotonic(), body))
            self.running += 1
            self.most = max(self.most, self.running)
            self.changed.notify_all()
        try:
            return await self._play(request, body, prompt.split(), lines, content_type)
        finally:
            with self.changed:
                self.running -= 1
                self.changed.notify_all()

    async def _play(self, request, body, asked, lines, content_type):
        refusal = self.refusals.pop(0) if self.refusals else self.rule and self.rule(self._loop.time())
        if refusal:
            return web.json_response({"error": "busy"}, status=refusal[0], headers=refusal[1])
        if "hold" in asked:
            await asyncio.get_running_loop().run_in_executor(None, self.held.wait, LIMIT)
        for word in asked:
            name, _, value = word.partition("=")
            if name == "wait":
                await asyncio.sleep(float(value))
            elif name == "status":
                return web.json_response({"error": f"refused with {value}"}, status=int(value))
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(request)
        for line in lines(body, asked):
            await response.write(line)
            if "cut" in asked:
                request.transport.close()
                return response
        await response.write_eof()
        return response

    @staticmethod
    def _ollama_lines(body, asked):
        def line(message, **more):
            return json.dumps({"model": body["model"], "message": {"role": "assistant", **message}, **more}).encode() + b"\n"

        for word in words(" ".join(asked)):
            yield line({"content": word}, done=False)
        if "call" in asked:
            call = {"id": "call_1", "function": {"index": 0, "name": "look", "arguments": {"at": "Blur1"}}}
            yield line({"content": "", "tool_calls": [call]}, done=False)
        yield line({"content": ""}, done=True, done_reason="stop", prompt_eval_count=7, eval_count=len(asked))

    @staticmethod
    def _openai_lines(body, asked):
        def event(**more):
            return b"data: " + json.dumps({"id": "chat-1", "model": body["model"], **more}).encode() + b"\n\n"

        def choice(delta, reason=None):
            return [{"index": 0, "delta": delta, "finish_reason": reason}]

        for word in words(" ".join(asked)):
            yield event(choices=choice({"content": word}))
        if "call" in asked:
            function = {"name": "look", "arguments": '{"at": "Blur1"}'}
            yield event(
                choices=choice({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
            )
        yield event(choices=choice({}, "tool_calls" if "call" in asked else "stop"))
        usage = {"prompt_tokens": 7, "completion_tokens": len(asked), "total_tokens": 7 + len(asked), "cost": 0.25}
        yield event(choices=[], usage=usage)
        yield b"data: [DONE]\n\n"


@pytest.fixture
def server(monkeypatch):
    """The server; Ollama and OpenAI models are asked for there."""
    with AnsweringServer() as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        yield server


@pytest.fixture(params=["ollama", "openai"])
def model(request, server):
    """A model behind each of the two wires."""
    return f"{request.param}/toy"


@pytest.fixture
def ask():
    """Make a request from a model and a prompt."""

    def made(model, prompt, **more):
        return {"model": model, "messages": [{"role": "user", "content": prompt}], **more}

    return made


@pytest.fixture
def unused_url():
    """An address of loopback where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
