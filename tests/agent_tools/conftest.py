"""A model server on loopback whose answers a function makes from the request, and a script to work on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from nuke_ai_panel import nk
from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.tool_loop import run_tools
from nuke_ai_panel.agent.tools import Toolbox
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.openai_provider import OpenaiProvider
from nuke_ai_panel.scripting.applying import apply

SCRIPT = b"""version 15.1 v3
Root {
 name /shots/sh010/comp_v002.nk
 format "1920 1080 0 0 1920 1080 1 HD_1080"
 first_frame 1001
 last_frame 1100
 fps 24
 colorManagement OCIO
}
BackdropNode {
 inputs 0
 name Backdrop1
 label "the plate"
 xpos -100
 ypos -100
 bdwidth 300
 bdheight 250
}
Read {
 inputs 0
 file /nowhere/plates/sh010_v003.%04d.exr
 first 1001
 last 1100
 name Plate
 label "as scanned"
 xpos 0
 ypos 0
}
set N1 [stack 0]
Blur {
 size {{frame/10}}
 name Soft
 xpos 0
 ypos 60
}
Grade {
 white {{curve x1001 0 x1010 5}}
 name Look
 selected true
 xpos 0
 ypos 120
}
push $N1
Merge2 {
 inputs 2
 operation screen
 name Comp
 xpos 0
 ypos 180
}
Write {
 file /nowhere/out/sh010.%04d.exr
 name Out
 xpos 0
 ypos 240
}
Group {
 inputs 0
 name Tools
 xpos 300
 ypos 0
}
 Input {
  inputs 0
  name Input1
 }
 Saturation {
  saturation 0.5
  name Inner
 }
 Output {
  name Output1
 }
end_group
"""


@dataclass
class Says:
    """One answer: text, calls as (name, arguments) with arguments as a dict or as raw text, or a refusal."""

    text: str = ""
    calls: tuple = ()
    reason: str = ""
    usage: dict = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 10})
    status: int = 200
    error: str = ""
    ids: tuple = ()
    cut: bool = False
    wait: asyncio.Event | None = None
    thoughts: str = ""


class ModelServer:
    """An OpenAI-compatible server; `model` is called with the body of each request and returns a :class:`Says`."""

    def __init__(self, model, about=None):
        self.model = model
        self.about = about
        self.bodies = []
        self.arrived = asyncio.Event()
        self.gone = asyncio.Event()

    async def __aenter__(self):
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/v1/chat/completions", self._chat)
        application.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _models(self, _):
        if self.about is None:
            return web.Response(status=404)
        entry = {
            "id": "tiny",
            "context_length": 8192,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "supported_parameters": ["temperature", *self.about],
        }
        return web.json_response({"data": [entry]})

    async def _chat(self, request):
        body = await request.json()
        self.bodies.append(body)
        answer = self.model(body)
        self.arrived.set()
        try:
            return await self._say(request, answer)
        except (asyncio.CancelledError, ConnectionResetError):
            self.gone.set()
            raise

    async def _say(self, request, answer):
        if answer.status != 200:
            return web.json_response({"error": {"message": answer.error, "code": answer.status}}, status=answer.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def chunk(delta, reason=None):
            data = {"id": "x", "model": "tiny", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            await response.write(b"data: " + json.dumps(data).encode() + b"\n\n")

        if answer.thoughts:
            await chunk({"reasoning_content": answer.thoughts})
        half = len(answer.text) // 2
        for piece in (answer.text[:half], answer.text[half:]):
            if piece:
                await chunk({"content": piece})
        for place, (name, arguments) in enumerate(answer.calls):
            raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
            identifier = answer.ids[place] if place < len(answer.ids) else f"id{len(self.bodies)}_{place}"
            function = {"name": name, "arguments": raw}
            await chunk({"tool_calls": [{"index": place, "id": identifier, "type": "function", "function": function}]})
        if answer.wait is not None:
            await answer.wait.wait()
        if answer.cut:
            request.transport.close()
            return response
        await chunk({}, answer.reason or ("tool_calls" if answer.calls else "stop"))
        tail = json.dumps({"id": "x", "model": "tiny", "choices": [], "usage": answer.usage})
        await response.write(f"data: {tail}\n\ndata: [DONE]\n\n".encode())
        await response.write_eof()
        return response


class Bench:
    """A host, a toolbox and everything that a run tells, against a scripted model."""

    def __init__(self, script=SCRIPT, mode="act"):
        self.host = DocumentHost(nk.loads(script))
        self.before = self.host.snapshot()
        self.box = Toolbox(self.host, mode=mode)
        self.events = []
        self.proposals = []
        self.kept = []
        self.consent = True

    async def propose(self, proposal):
        self.proposals.append(proposal)
        if self.consent is True:
            return Decision(apply(proposal, self.host))
        return self.consent if isinstance(self.consent, Decision) else Decision(reason="not now")

    async def run(self, model, *, about=None, limits=None, **fields):
        answers = iter(model) if isinstance(model, (list, tuple)) else None
        async with ModelServer((lambda _: next(answers)) if answers is not None else model, about) as server:
            self.server = server
            provider = OpenaiProvider(Server(server.url))
            try:
                messages = fields.pop("messages", (Message("system", "You work in Nuke."), Message("user", "Do it.")))
                return await run_tools(
                    provider,
                    ChatRequest("tiny", messages, **fields),
                    self.box,
                    limits=limits,
                    emit=self.events.append,
                    propose=self.propose,
                    kept=self.kept,
                )
            finally:
                await provider.aclose()

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def told(self):
        """The results of tools as the server was sent them, in order, of the last request."""
        return [message["content"] for message in self.server.bodies[-1]["messages"] if message["role"] == "tool"]

    @property
    def is_untouched(self):
        return self.host.snapshot() == self.before


@pytest.fixture
def bench():
    """The class of a workbench; its arguments are a script and a mode."""
    return Bench


@pytest.fixture
def says():
    """The class of one scripted answer."""
    return Says


@pytest.fixture
def model_server():
    """The class of the loopback server."""
    return ModelServer


@pytest.fixture
def script():
    """The script that the tests work on."""
    return SCRIPT
