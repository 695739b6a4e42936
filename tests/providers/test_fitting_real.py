"""Carried tools on a real server: llama.cpp with a model whose template knows none."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace

import pytest

from nuke_ai_panel.messages import ChatRequest, JsonSchema, Message, Notice, TextDelta, Tool, ToolCallDelta
from nuke_ai_panel.providers.base import Server, collect
from nuke_ai_panel.providers.openai_provider import OpenaiProvider
from nuke_ai_panel.validators.json_schema import problem_with

ADDRESS = "http://127.0.0.1:18080/v1"
SCHEMA = {
    "type": "object",
    "properties": {"node": {"type": "string", "enum": ["Blur1", "Grade1"]}, "value": {"type": "integer"}},
    "required": ["node", "value"],
}
ASK = ChatRequest("tiny-chat", (Message("user", "Set the blur."),), max_tokens=400, carry_features=True)


@pytest.fixture
def provider():
    try:
        with urllib.request.urlopen(f"{ADDRESS}/models", timeout=2):
            pass
    except OSError:
        pytest.skip("no llama.cpp listens on port 18080; tools/start_llamacpp.sh of the shared material starts it")
    return OpenaiProvider(Server(ADDRESS))


@pytest.mark.parametrize("seed", range(3))
async def test_real_server_holds_a_model_without_tools_to_a_call(provider, seed):
    request = replace(ASK, tools=(Tool("set_knob", "Set a knob.", SCHEMA),), tool_choice="required", seed=seed)
    events = [event async for event in provider.stream(request)]
    await provider.aclose()
    assert [event.kind for event in events if isinstance(event, Notice)] == ["tools_carried"]
    assert not any(isinstance(event, TextDelta) for event in events)
    assert sum(isinstance(event, ToolCallDelta) for event in events) == 1
    (call,) = events[-1].tool_calls
    assert events[-1].reason == "tool_calls"
    assert call.name == "set_knob"
    assert problem_with(json.loads(call.arguments), SCHEMA) == ""


@pytest.mark.parametrize("seed", range(6))
async def test_real_server_calls_or_answers_in_the_form(provider, seed):
    request = replace(ASK, tools=(Tool("set_knob", "Set a knob.", SCHEMA),), response_format=JsonSchema(SCHEMA), seed=seed)
    answer = await collect(provider.stream(request))
    await provider.aclose()
    if answer.tool_calls:
        assert answer.text == ""
        value = answer.tool_calls[0].arguments
    else:
        value = answer.text
    assert problem_with(json.loads(value), SCHEMA) == ""
