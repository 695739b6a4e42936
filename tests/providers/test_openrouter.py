"""What only OpenRouter and its kin do."""

from __future__ import annotations

import asyncio
import json

import pytest

from nuke_ai_panel.errors import AuthenticationError, PaymentRequiredError, RateLimitError, ServerError, StreamInterruptedError
from nuke_ai_panel.messages import ChatRequest, Finished, Message, TextDelta
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.openrouter_provider import OpenrouterProvider

CHAT = "POST /v1/chat/completions"
ASK = ChatRequest("tiny", (Message("user", "Hello"),))


def chunk(**fields):
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(text, finish=None):
    return chunk(model="tiny", choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


async def answer(server, deadlines=None):
    provider = OpenrouterProvider(Server(server.url, "local-key", deadlines=deadlines or Deadlines(silence=1)))
    try:
        return [event async for event in provider.stream(ASK)]
    finally:
        await provider.aclose()


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_finish_reason_without_done_is_complete(scripted, reply):
    async with scripted({CHAT: reply((delta("a"), delta("b", "length")), content_type="text/event-stream")}) as server:
        events = await answer(server)
    assert text_of(events) == "ab"
    assert events[-1].reason == "length"


async def test_text_after_the_finish_reason_is_not_part_of_the_answer(scripted, reply):
    steps = (delta("a", "stop"), delta("b"), b"data: [DONE]\n\n")
    async with scripted({CHAT: reply(steps, content_type="text/event-stream")}) as server:
        assert text_of(await answer(server)) == "a"


async def test_done_without_finish_reason_is_complete(scripted, reply):
    async with scripted({CHAT: reply((delta("a"), b"data: [DONE]"), content_type="text/event-stream")}) as server:
        events = await answer(server)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "unknown"


async def test_done_alone_is_no_answer(scripted, reply):
    async with scripted({CHAT: reply((b"data: [DONE]\n\n",), content_type="text/event-stream")}) as server:
        with pytest.raises(StreamInterruptedError):
            await answer(server)


@pytest.mark.parametrize("ending", ["ABORT", "FOREVER"])
async def test_fault_after_the_finish_reason_loses_nothing(scripted, reply, ending):
    async with scripted(
        {CHAT: reply((delta("a", "stop"), getattr(scripted, ending)), content_type="text/event-stream")}
    ) as server:
        events = await asyncio.wait_for(answer(server, Deadlines(silence=0.5)), 20)
    assert text_of(events) == "a"
    assert events[-1].reason == "stop"


async def test_cost_and_usage_are_read_from_the_last_chunk(scripted, reply):
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.0012}
    async with scripted(
        {
            CHAT: reply(
                (delta("a", "stop"), chunk(choices=[], usage=usage), b"data: [DONE]\n\n"), content_type="text/event-stream"
            )
        }
    ) as server:
        events = await answer(server)
    assert (events[-1].usage.prompt_tokens, events[-1].usage.completion_tokens, events[-1].usage.cost) == (5, 2, 0.0012)


async def test_answer_that_was_not_streamed_is_read_whole(scripted, reply):
    body = json.dumps({"model": "m", "choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}).encode()
    async with scripted({CHAT: reply((body[:20], body[20:]))}) as server:
        events = await answer(server)
    assert text_of(events) == "whole"
    assert events[-1].model == "m"


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"error": {"code": 502, "message": "Provider fell over"}, "delta": {"content": ""}}]},
        {"choices": [{"delta": {}, "finish_reason": "error"}]},
    ],
)
async def test_error_inside_a_choice_is_an_error(scripted, reply, body):
    async with scripted({CHAT: reply((delta("kept"), chunk(**body)), content_type="text/event-stream")}) as server:
        with pytest.raises(ServerError) as caught:
            await answer(server)
    assert caught.value.partial_text == "kept"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 402, "message": "Insufficient credits"}, PaymentRequiredError),
        ({"code": "429", "message": "slow down", "metadata": {"error_type": "rate_limit_exceeded"}}, RateLimitError),
    ],
)
async def test_error_object_in_the_stream_is_typed_by_its_code(scripted, reply, error, kind):
    async with scripted({CHAT: reply((delta("kept"), chunk(error=error)), content_type="text/event-stream")}) as server:
        with pytest.raises(kind) as caught:
            await answer(server)
    assert caught.value.partial_text == "kept"


async def test_openrouter_itself_needs_a_key_and_says_so_without_a_request():
    provider = OpenrouterProvider(Server(""))
    assert provider.needs_key
    with pytest.raises(AuthenticationError, match="needs a key"):
        [event async for event in provider.stream(ASK)]
    with pytest.raises(AuthenticationError, match="needs a key"):
        await provider.check_access()
    await provider.aclose()


def test_another_server_needs_no_key():
    assert not OpenrouterProvider(Server("http://127.0.0.1:8080")).needs_key
    assert OpenrouterProvider(Server("https://openrouter.ai")).needs_key


async def test_check_access_proves_the_key_or_admits_that_it_cannot(scripted, reply):
    data = {"data": {"label": "studio", "limit_remaining": 4.2, "usage": 1}}
    routes = {"GET /v1/key": [reply((json.dumps(data).encode(),)), reply((b"{}",), 404), reply((b'{"error":"x"}',), 401)]}
    async with scripted(routes) as server:
        provider = OpenrouterProvider(Server(server.url, "local-key"))
        assert await provider.check_access() == "key 'studio', 4.20 USD left"
        assert await provider.check_access() == ""
        with pytest.raises(AuthenticationError):
            await provider.check_access()
        await provider.aclose()


async def test_model_list_keeps_chat_models_with_prices_per_million(scripted, reply):
    listed = {
        "data": [
            {
                "id": "a/b",
                "name": "A: B",
                "context_length": 128000,
                "pricing": {"prompt": "0.00000125", "completion": "0.00001"},
                "architecture": {"output_modalities": ["text"]},
            },
            {"id": "a/picture", "architecture": {"output_modalities": ["image"]}},
            {"id": "embed", "mode": "embedding"},
            {"id": "router", "pricing": {"prompt": "-1", "completion": "-1"}, "context_length": None},
            {"id": ""},
            None,
        ]
    }
    async with scripted({"GET /v1/models": reply((json.dumps(listed).encode(),))}) as server:
        provider = OpenrouterProvider(Server(server.url))
        models = await provider.list_models()
        await provider.aclose()
    assert [
        (model.name, model.title, model.context_length, model.prompt_price, model.completion_price) for model in models
    ] == [
        ("a/b", "A: B", 128000, 1.25, 10.0),
        ("router", "", None, None, None),
    ]


async def test_recorded_streams_are_read_to_their_end(shared, scripted, reply):
    folder = shared / "recordings"
    if not folder.is_dir():
        pytest.skip("the folder 'shared' holds no recordings")
    tried = 0
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            exchange = json.loads(line) if line.strip() else {}
            body = (exchange.get("body") or "").encode()
            if exchange.get("path") != "/v1/chat/completions" or exchange.get("status") != 200 or not body:
                continue
            kind = dict(exchange["headers"]).get("content-type", "").split(";")[0]
            async with scripted({CHAT: reply((body[: len(body) // 2], body[len(body) // 2 :]), content_type=kind)}) as server:
                events = await answer(server)
            assert isinstance(events[-1], Finished), exchange["name"]
            assert events[-1].reason != "unknown", exchange["name"]
            if "tools" not in exchange["name"]:
                assert text_of(events) or events[-1].reason == "length", exchange["name"]
            tried += 1
    assert tried >= 20
