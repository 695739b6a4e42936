"""Against the real llama.cpp server of the shared tools: where one listens already, or started by the test on request."""

from __future__ import annotations

import asyncio
import os
import subprocess
import urllib.request

import pytest

from nuke_ai_panel.messages import ChatRequest, Finished, Message, ReasoningDelta, TextDelta
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.diagnosis import diagnose
from nuke_ai_panel.providers.registry import create

# Read when the module is imported: a fixture of every test hides these variables.
_START = os.environ.get("NUKE_AI_PANEL_REAL_SERVERS") == "1"
_HOME = os.environ.get("HOME", "")


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def real(shared):
    script = shared / "tools" / "start_llamacpp.sh"
    if not script.is_file():
        pytest.skip("the folder 'shared' holds no tools to start a real server with")
    if all(_answers(port) for port in (18080, 18081)):
        yield
        return
    if not _START:
        pytest.skip("no llama.cpp server on ports 18080 and 18081; NUKE_AI_PANEL_REAL_SERVERS=1 starts them")
    environment = {**os.environ, "HOME": _HOME}
    subprocess.run([str(script), "chat", "think"], check=True, env=environment, timeout=600)
    yield
    subprocess.run([str(script), "stop"], check=True, env=environment, timeout=60)


async def test_real_chat_streams_to_its_end(real):
    provider = create("openrouter", Server("127.0.0.1:18080"))
    events = [event async for event in provider.stream(ChatRequest("tiny-chat", (Message("user", "blur"),), max_tokens=40))]
    models = await provider.list_models()
    await provider.aclose()
    assert sum(isinstance(event, TextDelta) for event in events) > 3
    assert isinstance(events[-1], Finished)
    assert events[-1].usage.completion_tokens > 3
    assert [model.name for model in models] == ["tiny-chat"]
    assert models[0].context_length


async def test_real_reasoning_is_kept_apart(real):
    provider = create("openrouter", Server("127.0.0.1:18081"))
    events = [event async for event in provider.stream(ChatRequest("tiny-think", (Message("user", "blur"),), max_tokens=60))]
    await provider.aclose()
    assert any(isinstance(event, ReasoningDelta) for event in events)
    assert "<think>" not in "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_real_stream_can_be_cancelled_and_the_next_one_works(real):
    provider = create("openrouter", Server("127.0.0.1:18080"))
    for _ in range(3):
        events = provider.stream(ChatRequest("tiny-chat", (Message("user", "blur"),), max_tokens=2000))
        async for event in events:
            if isinstance(event, TextDelta):
                break
        await events.aclose()
    completion = await asyncio.wait_for(provider.complete(ChatRequest("tiny-chat", (Message("user", "x"),), max_tokens=5)), 30)
    await provider.aclose()
    assert completion.text


async def test_real_server_passes_the_connection_test(real):
    steps = [step async for step in diagnose("openrouter", Server("127.0.0.1:18080"), "tiny-chat")]
    outcome = {step.name: step.state for step in steps}
    assert set(outcome.values()) == {"passed"}
