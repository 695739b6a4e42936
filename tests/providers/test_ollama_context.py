"""The context that is set aside for a conversation, and the warnings where the server would cut it without a word."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from nuke_ai_panel.errors import AuthenticationError, ConnectionFailedError, ModelNotFoundError
from nuke_ai_panel.messages import ChatRequest, Finished, ImagePart, JsonSchema, Message, Notice, Tool, Usage
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.ollama_context import ContextChooser, bucket_for
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.tokens import estimate_messages

CHAT, SHOW, PS = "POST /api/chat", "POST /api/show", "GET /api/ps"
WORDS = "add a blur to the selected node and lift it. "


def ask(text="Hello", model="tiny", **more):
    return ChatRequest(model, (Message("user", text),), **more)


def of_about(tokens, **more):
    """A request of about so many tokens, as the estimate counts them."""
    per_sentence = estimate_messages((Message("user", WORDS * 100),)) / 100
    return ask(WORDS * round(tokens / per_sentence), **more)


def done(prompt=11, answer=3, reason="stop", **more):
    line = {"model": "tiny", "message": {"role": "assistant", "content": "ok"}, "done": True, "done_reason": reason}
    return json.dumps({**line, "prompt_eval_count": prompt, "eval_count": answer, **more}).encode() + b"\n"


def shown(context=32768, **more):
    info = {"general.architecture": "llama", "llama.context_length": context}
    return json.dumps({"capabilities": ["completion", "vision", "tools"], "model_info": info, **more}).encode()


def running(*models):
    return json.dumps({"models": [{"name": name, "context_length": size} for name, size in models]}).encode()


async def chat(provider, request):
    """Ask, and return the notices."""
    events = [event async for event in provider.stream(request)]
    assert isinstance(events[-1], Finished)
    return [event for event in events if isinstance(event, Notice)]


def chats(server):
    return [request.body for request in server.received if request.path == "/api/chat"]


def sizes(server):
    return [body.get("options", {}).get("num_ctx") for body in chats(server)]


@pytest.fixture
def made():
    """A function that makes a provider for an address; every one is closed in the test's own loop by the test."""
    return lambda server, **more: OllamaProvider(Server(server.url, **more))


async def test_context_fits_prompt_and_answer_and_is_told_once(scripted, reply, made):
    async with scripted({CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        provider = made(server)
        (notice,) = await chat(provider, ask())
        assert notice.kind == "context"
        assert "4096" in notice.text
        assert "32768" in notice.text
        assert await chat(provider, ask("again")) == []
        (notice,) = await chat(provider, of_about(6000))
        assert "16384" in notice.text
        # Another size would make the server load the model again.
        assert await chat(provider, ask()) == []
        await provider.aclose()
    assert sizes(server) == [4096, 4096, 16384, 16384]


async def test_room_for_the_answer_counts(scripted, reply, made):
    async with scripted({CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        provider = made(server)
        await chat(provider, ask(max_tokens=8000))
        await provider.aclose()
    assert sizes(server) == [8192]


async def test_tools_and_schemas_count(scripted, reply, made):
    tool = Tool("f", WORDS * 500)
    schema = JsonSchema({"type": "object", "description": WORDS * 500})
    async with scripted({CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        for request in (ask(tools=(tool,)), ask(response_format=schema)):
            provider = made(server)
            await chat(provider, request)
            await provider.aclose()
    assert sizes(server) == [8192, 8192]


async def test_context_that_the_server_holds_ready_is_kept(scripted, reply, made):
    loaded = running(("other", 4096), ("tiny:latest", 20000))
    async with scripted({CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((loaded,))}) as server:
        provider = made(server)
        await chat(provider, ask())
        await provider.aclose()
    assert sizes(server) == [20000]


async def test_context_that_the_server_holds_ready_grows_when_it_is_too_small(scripted, reply, made):
    async with scripted(
        {CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(("tiny:latest", 4096)),))}
    ) as server:
        provider = made(server)
        await chat(provider, of_about(5000))
        await provider.aclose()
    assert sizes(server) == [8192]


async def test_context_of_the_model_file_is_the_least(scripted, reply, made):
    parameters = 'stop                           "END"\nnum_ctx                        16384'
    async with scripted(
        {CHAT: reply((done(),)), SHOW: reply((shown(parameters=parameters),)), PS: reply((running(),))}
    ) as server:
        provider = made(server)
        await chat(provider, ask())
        await provider.aclose()
    assert sizes(server) == [16384]


async def test_prompt_beyond_the_models_limit_is_warned_of_before_the_answer(scripted, reply, made):
    async with scripted({CHAT: reply((done(8000),)), SHOW: reply((shown(8192),)), PS: reply((running(),))}) as server:
        provider = made(server)
        events = [event async for event in provider.stream(of_about(12_000))]
        await provider.aclose()
    context, cut = events[:2]
    assert (context.kind, cut.kind) == ("context", "context_cut")
    assert "8192" in cut.text
    assert any(word.isdigit() and 11_000 < int(word) < 13_000 for word in cut.text.split())
    assert sum(isinstance(event, Notice) for event in events) == 2
    assert sizes(server) == [8192]


async def test_cut_that_only_the_count_shows_is_told_before_finished(scripted, reply, made):
    # The server took less than it was asked for.
    async with scripted({CHAT: reply((done(4090),)), SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        provider = made(server)
        events = [event async for event in provider.stream(of_about(10_000))]
        await provider.aclose()
    assert isinstance(events[-1], Finished)
    assert isinstance(events[-2], Notice)
    assert events[-2].kind == "context_cut"
    assert "4090" in events[-2].text


async def test_answer_that_fills_the_context_is_told_and_gets_more_room_next_time(scripted, reply, made):
    full = done(1000, 3096, "length")
    async with scripted({CHAT: [reply((full,)), reply((done(),))], SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        provider = made(server)
        notices = await chat(provider, of_about(1000))
        assert notices[-1].kind == "context_cut"
        assert "stopped early" in notices[-1].text
        await chat(provider, of_about(1000))
        await provider.aclose()
    assert sizes(server) == [4096, 8192]


async def test_count_of_a_short_answer_that_was_asked_for_is_no_full_context(scripted, reply, made):
    async with scripted({CHAT: reply((done(4000, 96, "length"),)), SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        provider = made(server)
        notices = await chat(provider, of_about(3000, max_tokens=96))
        await provider.aclose()
    assert [notice.kind for notice in notices] == ["context"]


async def test_tokenizer_of_the_model_is_learned_from_its_answers(scripted, reply, made):
    request = of_about(2500)
    async with scripted({CHAT: reply((done(10_000),)), SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        provider = made(server)
        for _ in range(3):
            await chat(provider, request)
        await provider.aclose()
    first, second, _ = sizes(server)
    assert first == 8192
    assert second == 16384


@pytest.mark.parametrize("request_", [ask(context_length=2048), ask(extra={"options": {"num_ctx": 2048}})])
async def test_explicit_size_wins_and_nobody_is_asked_what_is_loaded(scripted, reply, made, request_):
    async with scripted({CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(("tiny", 8192)),))}) as server:
        provider = made(server)
        assert await chat(provider, request_) == []
        await provider.aclose()
    assert sizes(server) == [2048]
    assert [request.path for request in server.received] == ["/api/show", "/api/chat"]


async def test_explicit_size_that_is_too_small_is_warned_of(scripted, reply, made):
    async with scripted({CHAT: reply((done(500),)), SHOW: reply((shown(),))}) as server:
        provider = made(server)
        (notice,) = await chat(provider, of_about(3000, context_length=1024))
        await provider.aclose()
    assert notice.kind == "context_cut"
    assert "1024" in notice.text


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "glm-4.6:cloud"])
async def test_cloud_models_get_no_context(scripted, reply, made, model):
    async with scripted({CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        provider = made(server)
        assert await chat(provider, ask(model=model)) == []
        assert await chat(provider, ask(model=model, context_length=9000)) == []
        (notice,) = await chat(provider, of_about(50_000, model=model))
        assert notice.kind == "context_cut"
        await provider.aclose()
    assert sizes(server) == [None, None, None]
    assert "/api/ps" not in {request.path for request in server.received}


async def test_model_that_turns_out_to_be_remote_is_told_and_gets_no_context(scripted, reply, made):
    remote = {"remote_model": "gpt-oss:120b", "remote_host": "https://ollama.com:443"}
    routes = {CHAT: reply((done(**remote),)), SHOW: reply((shown(),)), PS: reply((running(),))}
    async with scripted(routes) as server:
        provider = made(server)
        notices = await chat(provider, ask())
        assert [notice.kind for notice in notices] == ["context", "other_model"]
        assert "https://ollama.com" in notices[1].text
        assert await chat(provider, ask()) == []
        await provider.aclose()
    async with scripted({**routes, SHOW: reply((shown(**remote),))}) as other:
        provider = made(other)
        assert await chat(provider, ask()) == []
        await provider.aclose()
    assert sizes(server) == [4096, None]
    assert sizes(other) == [None]


async def test_server_that_tells_nothing_keeps_its_own_context_while_that_suffices(scripted, reply, made):
    async with scripted({CHAT: reply((done(),))}) as server:
        provider = made(server)
        assert await chat(provider, ask()) == []
        (notice,) = await chat(provider, of_about(6000))
        assert notice.kind == "context"
        await provider.aclose()
    assert sizes(server) == [None, 16384]
    assert [request.path for request in server.received].count("/api/show") == 1


async def test_answers_about_models_are_kept_for_a_while(scripted, reply, made):
    async with scripted({CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(),))}) as server:
        provider = made(server)
        await asyncio.gather(*(chat(provider, ask()) for _ in range(8)))
        await provider.aclose()
    paths = [request.path for request in server.received]
    assert (paths.count("/api/show"), paths.count("/api/ps"), paths.count("/api/chat")) == (1, 1, 8)


@pytest.mark.parametrize("mute", [SHOW, PS])
async def test_server_that_is_mute_beside_the_chat_delays_it_only_once_and_a_little(scripted, reply, made, mute):
    routes = {CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(),))}
    async with scripted({**routes, mute: reply((scripted.FOREVER,))}) as server:
        provider = made(server)
        began = time.monotonic()
        for _ in range(5):
            await chat(provider, ask())
        # Once 2 s; asking every time would take 10.
        assert time.monotonic() - began < 8
        await provider.aclose()
    assert len(chats(server)) == 5


@pytest.mark.parametrize("broken", [SHOW, PS])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{", b'{"models": 3, "capabilities": 7, "model_info": []}'])
async def test_nonsense_beside_the_chat_does_not_break_it(scripted, reply, made, broken, body):
    routes = {CHAT: reply((done(),)), SHOW: reply((shown(),)), PS: reply((running(),))}
    async with scripted({**routes, broken: reply((body,))}) as server:
        provider = made(server)
        await chat(provider, ask())
        await provider.aclose()
    assert len(chats(server)) == 1


async def test_what_would_stop_the_chat_stops_it_at_once(scripted, reply, made, unused_port):
    async with scripted({SHOW: reply((b'{"error":"unauthorized"}',), 401)}) as server:
        provider = made(server)
        with pytest.raises(AuthenticationError):
            await chat(provider, ask())
        await provider.aclose()
    assert chats(server) == []
    async with scripted({SHOW: reply((b'{"error":"model \'tiny\' not found"}',), 404)}) as server:
        provider = made(server)
        with pytest.raises(ModelNotFoundError):
            await chat(provider, ask())
        await provider.aclose()
    assert chats(server) == []
    provider = OllamaProvider(Server(f"http://127.0.0.1:{unused_port}", deadlines=Deadlines(retries=0)))
    with pytest.raises(ConnectionFailedError, match="Nothing is listening"):
        await chat(provider, ask())
    await provider.aclose()


# The chooser alone.


def test_bucket_for_doubles_from_the_smallest():
    assert [bucket_for(tokens) for tokens in (1, 4096, 4097, 8193, 100_000)] == [4096, 4096, 8192, 16384, 131_072]


def test_unknown_limit_does_not_reserve_the_world_for_an_answer():
    chooser = ContextChooser()
    assert chooser.choose(ask(max_tokens=1_000_000), limit=None, allocated=None) <= 32_768
    assert chooser.choose(ask(model="b", max_tokens=1_000_000), limit=131_072, allocated=None) == 131_072


def test_counts_that_leave_out_the_cache_or_hold_pictures_teach_nothing():
    chooser = ContextChooser()
    request = of_about(3000)
    before = chooser.expected(request)
    assert chooser.learn(request, 32_768, Usage(30, 5), "stop") == []
    assert chooser.learn(request, 32_768, Usage(0, 5), "stop") == []
    picture = ChatRequest("tiny", (Message("user", "Look", parts=(ImagePart(b"\x89PNG", "image/png"),)),))
    assert chooser.learn(picture, 32_768, Usage(9000, 5), "stop") == []
    assert chooser.expected(request) == before
    chooser.learn(request, 32_768, Usage(6000, 5), "stop")
    assert chooser.expected(request) > before * 1.5


def test_picture_counts_towards_the_size_but_no_cut_is_inferred_from_it():
    chooser = ContextChooser()
    many = ChatRequest("tiny", (Message("user", "Look", parts=(ImagePart(b"\x89PNG", "image/png"),) * 10),))
    assert chooser.choose(many, limit=None, allocated=None) == 16384
    assert chooser.learn(many, 16384, Usage(200, 5), "stop") == []
