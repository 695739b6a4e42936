"""Another provider is one file and one line: shown with one that the package has never heard of, in a process of its own.

The other modules read the registry while they are imported, so the line has to come first, as it does in ``registry.py``.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import subprocess
import sys

FILE = '''
from nuke_ai_panel.providers.openai_wire import OpenaiWire


class FourthProvider(OpenaiWire):
    """A server of the studio's own."""

    name = "fourth"
    title = "Fourth"
    default_address = "http://127.0.0.1:7444/v1"
    address_variable = "FOURTH_BASE_URL"
    key_variable = "FOURTH_API_KEY"
    no_model_hint = "Load one with the fourth tool."
'''

PROGRAM = """
import asyncio, json, os, sys
from fourth_provider import FourthProvider
from nuke_ai_panel.providers.registry import PROVIDERS, create, default_address, provider_class

PROVIDERS[FourthProvider.name] = FourthProvider

from nuke_ai_panel.credentials import Credentials
from nuke_ai_panel.errors import NukeAIPanelError, UnsupportedFeatureError
from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.operations import SpeechRequest
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.diagnosis import diagnose
from nuke_ai_panel.settings import SettingsStore


async def main(url):
    found = {"default": default_address("fourth")}
    os.environ["FOURTH_BASE_URL"] = url
    settings = SettingsStore().load()
    found["address"] = settings.address("fourth")
    found["model"] = [settings.provider, settings.model]
    key = Credentials().read("fourth")
    found["key"] = [key.value, key.source]
    server = Server(found["address"], key.value)
    found["steps"] = [[step.name, step.state] async for step in diagnose("fourth", server, "tiny") if step.state != "running"]
    provider = create("fourth", server)
    found["answer"] = (await provider.complete(ChatRequest("tiny", (Message("user", "Hello"),)))).text
    try:
        await provider.speak(SpeechRequest("tiny", "Hello"))
    except UnsupportedFeatureError as error:
        found["lacks"] = str(error)
    await provider.aclose()
    found["class"] = provider_class("fourth").__name__
    print(json.dumps(found))


asyncio.run(main(sys.argv[1]))
"""


async def test_fourth_provider_is_one_file_and_one_line(scripted, reply, root, tmp_path, monkeypatch):
    (tmp_path / "fourth_provider.py").write_text(FILE, encoding="utf-8")
    for name, value in {
        "FOURTH_API_KEY": "sk-fourth-0123456789",
        "NUKE_AI_PANEL_MODEL": "fourth/tiny",
        "PYTHONPATH": os.pathsep.join((str(root), str(tmp_path))),
    }.items():
        monkeypatch.setenv(name, value)
    chunks = b"".join(
        b"data: " + json.dumps({"model": "tiny", "choices": [choice]}).encode() + b"\n\n"
        for choice in ({"delta": {"content": "Hi"}}, {"delta": {}, "finish_reason": "stop"})
    )
    routes = {
        "GET /v1/models": reply((b'{"data":[{"id":"tiny"}]}',)),
        "POST /v1/chat/completions": reply((chunks, b"data: [DONE]\n\n"), content_type="text/event-stream"),
    }
    async with scripted(routes) as server:
        command = [sys.executable, "-c", PROGRAM, f"{server.url}/v1"]
        run = functools.partial(subprocess.run, command, capture_output=True, text=True, timeout=50, check=False)
        child = await asyncio.get_running_loop().run_in_executor(None, run)
    assert child.returncode == 0, child.stderr
    found = json.loads(child.stdout)
    assert found["default"] == "http://127.0.0.1:7444/v1"
    assert found["address"] == f"{server.url}/v1"
    assert found["model"] == ["fourth", "tiny"]
    assert found["key"] == ["sk-fourth-0123456789", "environment"]
    assert [state for _, state in found["steps"]] == ["passed"] * len(found["steps"])
    assert found["answer"] == "Hi"
    assert "Fourth has no speech." in found["lacks"]
    assert "OpenRouter" in found["lacks"]
    assert found["class"] == "FourthProvider"
    assert all(request.headers.get("Authorization") == "Bearer sk-fourth-0123456789" for request in server.received)
