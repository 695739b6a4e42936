"""An answer that is put together at once is the one that its events make, whatever comes of it."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuke_ai_panel.errors import APIError, RequestTimeoutError, StreamStalledError
from nuke_ai_panel.messages import ChatRequest, Completion, ImagePart, JsonSchema, Message, Tool
from nuke_ai_panel.providers import http_provider
from nuke_ai_panel.providers.base import Deadlines, Server, collect
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.providers.openai_provider import OpenaiProvider
from nuke_ai_panel.providers.openrouter_provider import OpenrouterProvider

PROVIDERS = {"ollama": OllamaProvider, "openai": OpenaiProvider, "openrouter": OpenrouterProvider}
DONE = b"data: [DONE]\n\n"
PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
TOOL = Tool("set_knob", "Set a knob.", {"type": "object", "properties": {"node": {"type": "string"}}})
SCHEMA = JsonSchema({"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]})
CALL = {"id": "call-1", "type": "function", "function": {"name": "set_knob", "arguments": '{"node": '}}
REST = {"function": {"arguments": '"Blur1"}'}}


def chat_of(name):
    return "POST /api/chat" if name == "ollama" else "POST /v1/chat/completions"


def events(*choices, usage=None):
    """A body of server-sent events; a choice is its number, its delta and perhaps why it ended."""
    found = []
    for place, delta, *reason in choices:
        choice = {"index": place, "delta": delta, "finish_reason": reason[0] if reason else None}
        found.append({"id": "c-1", "model": "served", "choices": [choice]})
    if usage:
        found.append({"id": "c-1", "model": "served", "choices": [], "usage": usage})
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in found)


def lines(*records):
    return b"".join(json.dumps({"model": "served", **record}).encode() + b"\n" for record in records)


def said(content="", **more):
    return {"message": {"role": "assistant", "content": content, **more}, "done": False}


RICH = events(
    (0, {"role": "assistant", "content": "Hel"}),
    (1, {"role": "assistant", "content": "Good "}),
    (1, {"reasoning": "second thoughts"}),
    (0, {"reasoning": "first ", "content": "lo"}),
    (0, {"reasoning_details": [{"type": "reasoning.text", "text": "thought", "index": 0}]}),
    (0, {"images": [{"type": "image_url", "image_url": {"url": PICTURE}}]}),
    (1, {"tool_calls": [{"index": 0, **CALL}]}),
    (1, {"content": "morning", "tool_calls": [{"index": 0, **REST}]}),
    (1, {}, "stop"),
    (0, {"content": " \U0001f600 there"}, "length"),
    usage={"prompt_tokens": 5, "completion_tokens": 7, "cost": 0.25, "prompt_tokens_details": {"cached_tokens": 2}},
)
TWO = [
    {"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
    {"message": {"content": "a"}, "finish_reason": "stop"},
]
WHOLE = json.dumps({"id": "c-2", "model": "served", "choices": TWO, "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
ERROR = b'data: {"error": {"message": "the engine stumbled", "code": 502}}\n\n'
THOUGHT = lines(
    said(thinking="hm "),
    said("Hel", thinking="yes"),
    said("lo"),
    said(tool_calls=[{"function": {"name": "set_knob", "arguments": {"node": "Blur1"}}}]),
    {**said(), "done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 3},
)

BODIES = {
    "rich": ("openai", RICH + DONE),
    "routed": ("openrouter", RICH + DONE),
    "one asked, two sent": ("openai", RICH + DONE),
    "whole": ("openai", WHOLE.encode()),
    "no end mark": ("openai", RICH),
    "cut": ("openai", events((0, {"content": "half an "}), (1, {"content": "other"}))),
    "error in the middle": ("openai", events((0, {"content": "half an "}), (1, {"content": "other"})) + ERROR),
    "error at once": ("openrouter", ERROR),
    "junk in the middle": ("openai", events((0, {"content": "half an "})) + b"data: {nothing\n\n" + DONE),
    "empty": ("openai", b""),
    "end mark only": ("openai", DONE),
    "page": ("openai", b"<!DOCTYPE html><html><title>Sign in</title></html>"),
    "thoughts and calls": ("ollama", THOUGHT),
    "cut line": ("ollama", THOUGHT[:-20]),
    "error line": ("ollama", lines(said("half an ")) + b'{"error": "model runner has stopped"}\n'),
}


async def outcomes(name, server, request, deadlines=None):
    """What comes of the request both ways: the answer, or all that the error says."""
    found = []
    for at_once in (True, False):
        # Each has to learn by itself what the server refuses.
        provider = PROVIDERS[name](Server(f"{server.url}/v1" if name != "ollama" else server.url, "local-key"))
        try:
            if at_once:
                answer = await provider.complete(request, deadlines=deadlines)
            else:
                answer = await collect(provider.stream_answer(request, deadlines=deadlines), request.model)
            found.append(answer)
        except APIError as error:
            found.append(
                (type(error), str(error), error.kind, error.status, error.provider, error.partial_text, error.next_step)
            )
        finally:
            await provider.aclose()
    return found


def ask(n=2, **more):
    return ChatRequest("tiny", (Message("user", "Hello"),), n=n, **more)


@pytest.mark.parametrize("pieces", [1, 3, 40])
@pytest.mark.parametrize("case", BODIES)
async def test_both_ways_come_to_the_same(scripted, reply, case, pieces):
    name, body = BODIES[case]
    size = max(1, len(body) // pieces + 1)
    steps = tuple(body[at : at + size] for at in range(0, len(body), size))
    media_type = "application/x-ndjson" if name == "ollama" else "text/event-stream"
    async with scripted({chat_of(name): reply(steps, content_type=media_type)}) as server:
        request = ask(2 if name == "openai" and case != "one asked, two sent" else 1)
        at_once, by_events = await outcomes(name, server, request, Deadlines(retries=0))
    assert at_once == by_events
    assert "ValidationError" not in repr(at_once)
    if case in ("cut", "error in the middle", "junk in the middle", "error line"):
        assert at_once[5] == "half an "


async def test_all_that_an_answer_holds_is_there(scripted, reply):
    async with scripted({chat_of("openai"): reply((RICH, DONE), content_type="text/event-stream")}) as server:
        answer, _ = await outcomes("openai", server, ask())
    assert isinstance(answer, Completion)
    (other,) = answer.others
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("Hello \U0001f600 there", "first thought", "length")
    assert answer.images == (ImagePart(b"\x89PNG", "image/png"),)
    assert (answer.id, answer.model, answer.tool_calls) == ("c-1", "served", ())
    assert (other.text, other.reasoning, other.images) == ("Good morning", "second thoughts", ())
    assert [(call.id, call.name, call.arguments) for call in other.tool_calls] == [("call-1", "set_knob", '{"node": "Blur1"}')]
    assert (other.finish_reason, other.id, other.model) == ("tool_calls", "c-1", "served")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.cost) == (5, 7, 0.25)


@pytest.mark.parametrize("wanted", [{"tools": (TOOL,)}, {"response_format": SCHEMA}], ids=["tools", "schema"])
async def test_what_is_carried_after_a_refusal_is_told_and_counted_once(scripted, reply, wanted):
    words = "tiny does not support tools" if "tools" in wanted else "this model does not support response_format json_schema"
    refused = reply((json.dumps({"error": {"message": words}}).encode(),), status=400)
    text = '{"tool": "set_knob", "arguments": {"node": "Blur1"}}' if "tools" in wanted else '{"size": 3}'
    body = (events((0, {"content": text}), (0, {}, "stop")), DONE)
    answered = reply(body, content_type="text/event-stream")
    async with scripted({chat_of("openai"): [refused, answered, refused, answered]}) as server:
        at_once, by_events = await outcomes("openai", server, ask(1, carry_features=True, **wanted))
        assert len(server.asked) == 4
    assert isinstance(at_once, Completion)
    assert at_once == by_events
    assert [notice.kind for notice in at_once.notices] == ["tools_carried" if "tools" in wanted else "schema_carried"]
    if "tools" in wanted:
        assert [call.name for call in at_once.tool_calls] == ["set_knob"]
    else:
        assert at_once.text == text


@pytest.mark.parametrize(
    ("deadlines", "kind"), [(Deadlines(silence=0.3), StreamStalledError), (Deadlines(total=0.5), RequestTimeoutError)]
)
async def test_what_came_before_a_deadline_is_kept(scripted, reply, deadlines, kind):
    steps = (events((0, {"content": "half "})), events((0, {"content": "an "})), scripted.FOREVER)
    async with scripted({chat_of("openai"): reply(steps, content_type="text/event-stream")}) as server:
        at_once, by_events = await outcomes("openai", server, ask(1), deadlines)
    assert at_once == by_events
    assert (at_once[0], at_once[5]) == (kind, "half an ")


@pytest.mark.parametrize("first", [b"", events((0, {"content": "half "}))], ids=["all at once", "in two pieces"])
async def test_an_answer_that_has_ended_is_not_waited_for_as_long_as_one_that_has_not(scripted, reply, monkeypatch, first):
    monkeypatch.setattr(http_provider, "_AFTER_LAST_WORD", 0.3)
    pause = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, pause.set)
    last = events((0, {"content": "an end"}), (0, {}, "stop"))
    steps = (first, pause, last, scripted.FOREVER) if first else (last, scripted.FOREVER)
    async with scripted({chat_of("openai"): reply(steps, content_type="text/event-stream")}) as server:
        answers = await asyncio.wait_for(outcomes("openai", server, ask(1), Deadlines(silence=3600)), 40)
    assert [answer.text for answer in answers] == [f"{'half ' if first else ''}an end"] * 2


async def test_a_whole_answer_that_is_given_up_closes_its_connection(scripted, reply):
    steps = (events((0, {"content": "half "})), scripted.FOREVER)
    async with scripted({chat_of("openai"): reply(steps, content_type="text/event-stream")}) as server:
        provider = OpenaiProvider(Server(f"{server.url}/v1", "local-key"))
        asking = asyncio.ensure_future(provider.complete(ask(1)))
        await asyncio.wait_for(server.wanted.wait(), 30)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(server.gone.wait(), 30)
        await provider.aclose()


PIECE = st.tuples(
    st.integers(0, 2),
    st.fixed_dictionaries(
        {},
        optional={
            "content": st.sampled_from(["a", "", "é\U0001f600", None, [{"type": "text", "text": "part"}]]),
            "reasoning": st.sampled_from(["r", "", None]),
            "reasoning_content": st.sampled_from(["c", None]),
            "reasoning_details": st.just([{"type": "reasoning.text", "text": "d", "index": 0}]),
            "images": st.just([{"type": "image_url", "image_url": {"url": PICTURE}}]),
            "tool_calls": st.sampled_from([[{"index": 0, **CALL}], [{"index": 0, **REST}], [{"index": 1, **CALL}], []]),
            "refusal": st.sampled_from(["no", None]),
        },
    ),
    st.sampled_from([None, None, None, "stop", "length", "tool_calls", "error"]),
)


@settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(PIECE, max_size=8), ends=st.booleans(), cut=st.integers(0, 400))
def test_any_answer_is_the_one_that_its_events_make(scripted, reply, pieces, ends, cut):
    body = events((0, {"role": "assistant", "content": ""}), *pieces)
    body += events((0, {}, "stop"), (1, {}, "stop")) + DONE if ends else b""

    async def main():
        steps = tuple(step for step in (body[:cut], body[cut:]) if step)
        async with scripted({chat_of("openai"): reply(steps, content_type="text/event-stream")}) as server:
            return await outcomes("openai", server, ask(), Deadlines(retries=0))

    at_once, by_events = asyncio.run(main())
    assert at_once == by_events
