"""What Ollama tells of its models, completion, embeddings, and loading and deleting models."""

from __future__ import annotations

import asyncio
import json

import pytest

from nuke_ai_panel.errors import (
    APIError,
    AuthenticationError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UnsupportedFeatureError,
    ValidationError,
)
from nuke_ai_panel.messages import Finished, ImagePart, JsonSchema, Notice, StreamStarted, TextDelta
from nuke_ai_panel.operations import EmbeddingRequest
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.capabilities import Capabilities
from nuke_ai_panel.providers.ollama_provider import OllamaProvider

SHOW, CHAT, EMBED = "POST /api/show", "POST /api/chat", "POST /api/embed"


@pytest.fixture(scope="session")
def recorded(shared):
    """Exchanges with a real Ollama by name."""
    path = shared / "recordings" / "ollama-0.33.0-rc2.jsonl"
    if not path.is_file():
        pytest.skip("the folder 'shared' holds no recording of Ollama")
    exchanges = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    return {exchange["name"]: exchange for exchange in exchanges if "name" in exchange}


async def using(server, use, **more):
    """Return what `use` returns for a provider of `server`."""
    provider = OllamaProvider(Server(server.url, **more))
    try:
        return await use(provider)
    finally:
        await provider.aclose()


# Capabilities.


async def test_recorded_show_tells_what_the_model_can_do(recorded, scripted, reply):
    exchange = recorded["show-think"]
    async with scripted({SHOW: reply((exchange["body"].encode(),))}) as server:
        found = await using(server, lambda provider: provider.capabilities("tiny-think"))
        details = await using(server, lambda provider: provider.show_model("tiny-think"))
    assert server.received[0].body == exchange["request"]
    assert (found.chat, found.reasoning, found.tools, found.images) == (True, True, False, False)
    assert (found.embeddings, found.files, found.audio, found.image_output) == (False, False, False, False)
    assert (found.json_schema, found.context_length, found.source) == (True, 8192, "/api/show")
    assert (details.architecture, details.family, details.parameter_size) == ("llama", "llama", "3.69M")
    assert (details.embedding_length, details.quantization, details.default_context) == (768, "F16", None)
    assert "enable_thinking" in details.template
    assert details.modified == pytest.approx(1795222560.875, abs=0.01)


async def test_recorded_unknown_model_is_not_found(recorded, scripted, reply):
    exchange = recorded["show-unknown"]
    async with scripted({SHOW: reply((exchange["body"].encode(),), exchange["status"])}) as server:
        with pytest.raises(ModelNotFoundError, match="'nope' is not on this server"):
            await using(server, lambda provider: provider.capabilities("nope"))


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"404 page not found"), (405, b"405 method not allowed"), (501, b'{"error":"no"}')]
)
async def test_server_without_show_leaves_everything_unknown(scripted, reply, status, body):
    async with scripted({SHOW: reply((body,), status, content_type="text/plain")}) as server:
        assert await using(server, lambda provider: provider.capabilities("tiny")) == Capabilities()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"capabilities": [], "model_info": None},
        {"capabilities": None, "model_info": {"general.architecture": "llama"}},
        {"capabilities": "completion", "details": [], "parameters": 7},
        {"model_info": {"general.architecture": "llama", "llama.context_length": "big"}},
        {"model_info": {"general.architecture": ["llama"], "llama.context_length": 0}},
    ],
)
async def test_what_an_older_server_does_not_say_stays_unknown(scripted, reply, answer):
    async with scripted({SHOW: reply((json.dumps(answer).encode(),))}) as server:
        assert await using(server, lambda provider: provider.capabilities("tiny")) == Capabilities(source="/api/show")


async def test_context_is_known_without_a_list_of_abilities(scripted, reply):
    answer = {"model_info": {"general.architecture": "gemma3", "gemma3.context_length": 131072}}
    async with scripted({SHOW: reply((json.dumps(answer).encode(),))}) as server:
        found = await using(server, lambda provider: provider.capabilities("tiny"))
    assert found == Capabilities(context_length=131072, source="/api/show")


async def test_capabilities_are_asked_for_once_and_again_after_a_pull_or_a_deletion(scripted, reply):
    routes = {
        SHOW: reply((b'{"capabilities":["completion"]}',)),
        "DELETE /api/delete": reply((), content_type=""),
        "POST /api/pull": reply((b'{"status":"success"}\n',)),
    }
    async with scripted(routes) as server:

        async def use(provider):
            for _ in range(3):
                await provider.capabilities("tiny")
            await provider.delete_model("tiny:latest")
            await provider.capabilities("tiny")
            async for _ in provider.pull("tiny"):
                pass
            await provider.capabilities("tiny")

        await using(server, use)
    assert [request.path.rpartition("/")[2] for request in server.received] == ["show", "delete", "show", "pull", "show"]


# Lists.


async def test_recorded_running_models_are_read(recorded, scripted, reply):
    async with scripted({"GET /api/ps": reply((recorded["ps"]["body"].encode(),))}) as server:
        models = await using(server, lambda provider: provider.running_models())
    assert [model.name for model in models] == ["tiny-chat:latest", "tiny-tools:latest", "tiny-think:latest"]
    assert (models[0].size, models[0].size_vram, models[0].context_length) == (68220354, 0, 8192)
    assert models[0].expires == pytest.approx(1795224093.142, abs=0.01)


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("2026-11-21T01:21:33Z", 1795224093.0),
        ("2026-11-21T03:21:33.5+02:00", 1795224093.5),
        ("2026-11-20T20:21:33-05:00", 1795224093.0),
        ("2026-13-21T01:21:33Z", None),
        ("soon", None),
        (7, None),
    ],
)
async def test_times_of_any_offset_are_read(scripted, reply, spelled, expected):
    body = json.dumps({"models": [{"name": "tiny", "expires_at": spelled}, {"size": 3}, None]}).encode()
    async with scripted({"GET /api/ps": reply((body,))}) as server:
        (model,) = await using(server, lambda provider: provider.running_models())
    assert model.expires == expected


async def test_recorded_tags_and_version_are_read(recorded, scripted, reply):
    routes = {f"GET {recorded[name]['path']}": reply((recorded[name]["body"].encode(),)) for name in ("tags", "version")}
    async with scripted(routes) as server:
        models = await using(server, lambda provider: provider.list_models())
        version = await using(server, lambda provider: provider.version())
    assert [model.name for model in models][:2] == ["tiny-vision:latest", "tiny-tools:latest"]
    assert (models[0].title, models[0].context_length, models[0].size) == ("3.69M F16", 8192, 10257286)
    assert version == "0.33.0-rc2"


# Completion.


async def test_completion_streams_like_a_chat(scripted, reply):
    lines = (
        b'{"model":"tiny","response":"size","done":false}\n',
        b'{"model":"tiny","response":" 10","done":true,"done_reason":"stop","prompt_eval_count":4,"eval_count":2}\n',
    )
    routes = {
        "POST /api/generate": reply(lines, content_type="application/x-ndjson"),
        SHOW: reply((b'{"capabilities":["completion","vision"],"model_info":{}}',)),
        "GET /api/ps": reply((b'{"models":[]}',)),
    }
    async with scripted(routes) as server:

        async def use(provider):
            events = provider.generate(
                "tiny",
                "set the",
                system="Be short.",
                suffix="of Blur1",
                raw=True,
                images=(ImagePart(b"\x89PNG", "image/png"),),
                response_format=JsonSchema({"type": "object"}),
                max_tokens=5,
                stop=("END",),
            )
            return [event async for event in events]

        events = await using(server, use)
    assert [type(event) for event in events] == [Notice, StreamStarted, TextDelta, TextDelta, Finished]
    assert events[-1].usage.completion_tokens == 2
    assert server.received[-1].body == {
        "model": "tiny",
        "system": "Be short.",
        "prompt": "set the",
        "images": ["iVBORw=="],
        "suffix": "of Blur1",
        "raw": True,
        "stream": True,
        "format": {"type": "object"},
        "options": {"num_predict": 5, "stop": ["END"], "num_ctx": 4096},
    }


async def test_completion_is_checked_and_can_be_left(scripted, reply):
    line = b'{"model":"tiny","response":"a","done":false}\n'
    async with scripted({"POST /api/generate": reply((line, scripted.FOREVER))}) as server:

        async def use(provider):
            with pytest.raises(ValidationError):
                async for _ in provider.generate("tiny", "x", temperature=9):
                    pass
            assert server.received == []
            events = provider.generate("tiny", "x")
            async for event in events:
                if isinstance(event, TextDelta):
                    break
            await events.aclose()
            await asyncio.wait_for(server.gone.wait(), 10)

        await using(server, use)


# Embeddings.


async def test_texts_become_vectors_in_their_order(scripted, reply):
    body = json.dumps({"model": "embed", "embeddings": [[0.5, 1], [0, -0.25]], "prompt_eval_count": 7, "load_duration": 10**9})
    async with scripted({EMBED: reply((body.encode(),))}) as server:
        request = EmbeddingRequest("embed", ("a", "b"), dimensions=2, extra={"truncate": False, "keep_alive": "1m"})
        found = await using(server, lambda provider: provider.embed(request))
    assert found.vectors == ((0.5, 1.0), (0.0, -0.25))
    assert (found.model, found.usage.prompt_tokens, found.usage.load_seconds) == ("embed", 7, 1.0)
    sent = {"model": "embed", "input": ["a", "b"], "dimensions": 2, "truncate": False, "keep_alive": "1m"}
    assert server.received[0].body == sent


async def test_embedding_waits_for_the_model_to_be_loaded(scripted, reply):
    loaded = asyncio.Event()
    async with scripted({EMBED: reply((loaded, b'{"embeddings":[[1]]}'))}) as server:
        asyncio.get_running_loop().call_later(0.5, loaded.set)
        deadlines = Deadlines(call=0.2, first_byte=20)
        found = await using(server, lambda provider: provider.embed(EmbeddingRequest("e", ("a",))), deadlines=deadlines)
    assert found.vectors == ((1.0,),)


@pytest.mark.parametrize(
    "answer",
    [{}, {"embeddings": [[1.0]]}, {"embeddings": [[1.0], []]}, {"embeddings": [[1.0], ["x"]]}, {"embeddings": [[1], 3]}],
)
async def test_vectors_that_are_missing_or_broken_are_an_error(scripted, reply, answer):
    async with scripted({EMBED: reply((json.dumps(answer).encode(),))}) as server:
        with pytest.raises(ProtocolError):
            await using(server, lambda provider: provider.embed(EmbeddingRequest("e", ("a", "b"))))


async def test_chat_model_that_makes_no_vectors_says_so(scripted, reply):
    async with scripted({EMBED: reply((b'{"error":"this model does not support embeddings"}',), 501)}) as server:
        with pytest.raises(UnsupportedFeatureError, match="makes no embeddings") as caught:
            await using(server, lambda provider: provider.embed(EmbeddingRequest("tiny", ("a",))))
    assert caught.value.status == 501


async def test_no_text_is_refused_before_anything_is_sent(scripted):
    async with scripted({}) as server:
        with pytest.raises(ValidationError):
            await using(server, lambda provider: provider.embed(EmbeddingRequest("tiny", ())))
    assert server.received == []


# Loading and deleting.


async def test_recorded_load_and_unload(recorded, scripted, reply):
    answer = {"model": "tiny-chat", "message": {}, "done": True, "done_reason": "load", "load_duration": 1_200_000_000}
    unloaded = recorded["unload"]
    async with scripted({CHAT: [reply((json.dumps(answer).encode(),)), reply((unloaded["body"].encode(),))]}) as server:

        async def use(provider):
            assert await provider.load("tiny-chat", keep_alive="10m", context_length=8192) == pytest.approx(1.2)
            await provider.unload("tiny-chat")

        await using(server, use)
    first, second = (request.body for request in server.received)
    loading = {"keep_alive": "10m", "options": {"num_ctx": 8192}}
    assert first == {"model": "tiny-chat", "messages": [], "stream": False, **loading}
    assert second == {**unloaded["request"], "stream": False}


async def test_loading_may_take_as_long_as_a_first_byte(scripted, reply):
    async with scripted({CHAT: reply((scripted.FOREVER,))}) as server:
        with pytest.raises(RequestTimeoutError):
            await using(server, lambda provider: provider.load("tiny"), deadlines=Deadlines(call=0.1, first_byte=0.4))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"keep_alive": "soon"}, "keep_alive"),
        ({"context_length": 0}, "context_length"),
        ({"context_length": 8.5}, "context_length"),
    ],
)
async def test_wrong_load_is_refused_before_anything_is_sent(scripted, wrong, field):
    async with scripted({}) as server:
        with pytest.raises(ValidationError) as caught:
            await using(server, lambda provider: provider.load("tiny", **wrong))
    assert caught.value.field == field
    assert server.received == []


async def test_delete_names_the_model(scripted, reply):
    gone = reply((b'{"error":"model \'tiny\' not found"}',), 404)
    async with scripted({"DELETE /api/delete": [reply((), content_type=""), gone]}) as server:

        async def use(provider):
            await provider.delete_model("tiny")
            with pytest.raises(ModelNotFoundError):
                await provider.delete_model("tiny")
            with pytest.raises(ValidationError):
                await provider.delete_model(" ")

        await using(server, use)
    assert [request.body for request in server.received] == [{"model": "tiny"}] * 2


# Cloud.


async def test_used_up_cloud_is_not_asked_again_in_a_minute(scripted, reply):
    said = "you (ws01) have reached your weekly usage limit, upgrade for higher limits: https://ollama.com/upgrade"
    async with scripted({SHOW: reply((json.dumps({"error": said}).encode(),), 429, {"Retry-After": "3600"})}) as server:
        with pytest.raises(RateLimitError) as caught:
            await using(server, lambda provider: provider.show_model("big:cloud"))
    assert caught.value.kind == "usage_limit"
    assert "weekly limit" in caught.value.message
    assert "a model that is pulled" in caught.value.next_step


async def test_signed_out_server_says_how_to_sign_in(scripted, reply):
    link = "https://ollama.com/connect?name=ws01&key=abc"
    body = json.dumps({"error": "unauthorized", "signin_url": link}).encode()
    async with scripted({SHOW: reply((body,), 401)}) as server:
        with pytest.raises(AuthenticationError) as caught:
            await using(server, lambda provider: provider.capabilities("big:cloud"))
    assert "ollama signin" in caught.value.next_step
    assert link in caught.value.next_step
    assert caught.value.kind == "signed_out"


@pytest.mark.parametrize("link", ["https://ollama.com.evil.example/x", "http://ollama.com/x", "javascript:alert(1)", 7])
async def test_link_to_a_stranger_is_not_passed_on(scripted, reply, link):
    async with scripted({SHOW: reply((json.dumps({"error": "unauthorized", "signin_url": link}).encode(),), 401)}) as server:
        with pytest.raises(AuthenticationError) as caught:
            await using(server, lambda provider: provider.capabilities("big:cloud"))
    assert str(link) not in str(caught.value)


async def test_cloud_that_is_switched_off_is_explained(scripted, reply):
    body = b'{"error":"ollama cloud is disabled: remote model is unavailable"}'
    async with scripted({CHAT: reply((body,), 403)}) as server:
        with pytest.raises(PermissionDeniedError, match="switched off") as caught:
            await using(server, lambda provider: provider.load("big:cloud"))
    assert "OLLAMA_NO_CLOUD" in caught.value.next_step


async def test_ollama_com_needs_a_key_and_gets_it_as_a_bearer_token(scripted, reply):
    with pytest.raises(AuthenticationError, match="none is set"):
        await OllamaProvider(Server("https://ollama.com")).capabilities("gpt-oss:120b")
    async with scripted({"GET /api/version": reply((b'{"version":"1"}',))}) as server:
        await using(server, lambda provider: provider.version(), key="key-0123456789")
    assert server.received[0].headers["Authorization"] == "Bearer key-0123456789"


async def test_every_failure_names_the_provider(scripted, reply):
    async with scripted({"GET /api/version": reply((b'{"error":"boom"}',), 500)}) as server:
        with pytest.raises(ServerError) as caught:
            await using(server, lambda provider: provider.version())
    assert isinstance(caught.value, APIError)
    assert caught.value.provider == "ollama"
