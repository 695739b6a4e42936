"""What only Ollama does."""

from __future__ import annotations

import json

import pytest

from nuke_ai_panel.errors import BadRequestError, PermissionDeniedError, ServerError
from nuke_ai_panel.messages import ChatRequest, Finished, Message, TextDelta
from nuke_ai_panel.providers.base import Deadlines, Server
from nuke_ai_panel.providers.ollama_provider import OllamaProvider
from nuke_ai_panel.providers.registry import default_address

CHAT = "POST /api/chat"
ASK = ChatRequest("tiny", (Message("user", "Hello"),))


async def answer(server):
    provider = OllamaProvider(Server(server.url, deadlines=Deadlines(silence=1)))
    try:
        return [event async for event in provider.stream(ASK)]
    finally:
        await provider.aclose()


async def test_foreign_host_name_is_explained(scripted, reply):
    async with scripted({CHAT: reply((), 403, content_type="")}) as server:
        with pytest.raises(PermissionDeniedError, match="does not accept this host name") as caught:
            await answer(server)
    assert "OLLAMA_ORIGINS" in caught.value.next_step


async def test_error_of_the_runner_is_unwrapped(scripted, reply):
    inner = {"error": {"code": 400, "message": "request (27015 tokens) exceeds the available context size (8192 tokens)"}}
    async with scripted({CHAT: reply((json.dumps({"error": json.dumps(inner)}).encode(),), 400)}) as server:
        with pytest.raises(BadRequestError) as caught:
            await answer(server)
    assert caught.value.kind == "context_length"
    assert "{" not in caught.value.message


async def test_runner_that_dies_is_an_error_with_the_text_so_far(scripted, reply):
    lines = (
        b'{"model":"tiny","message":{"role":"assistant","content":"half"},"done":false}\n',
        b'{"error":"an error was encountered while running the model: unexpected EOF"}\n',
    )
    async with scripted({CHAT: reply(lines, content_type="application/x-ndjson")}) as server:
        with pytest.raises(ServerError, match="unexpected EOF") as caught:
            await answer(server)
    assert caught.value.partial_text == "half"


async def test_text_in_the_last_line_counts_and_the_line_needs_no_end(scripted, reply):
    line = b'{"model":"tiny","message":{"content":"all"},"done":true,"done_reason":"length","eval_count":1}'
    async with scripted({CHAT: reply((line,), content_type="application/x-ndjson")}) as server:
        events = await answer(server)
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["all"]
    assert events[-1].reason == "length"


async def test_check_access_names_the_version(scripted, reply):
    async with scripted({"GET /api/version": reply((b'{"version":"0.33.0"}',))}) as server:
        provider = OllamaProvider(Server(server.url))
        assert await provider.check_access() == "Ollama 0.33.0"
        await provider.aclose()


@pytest.mark.parametrize(
    ("status", "more"),
    [
        (b'{"cloud":{"disabled":true,"source":"env"}}', ", cloud models switched off"),
        (b'{"cloud":{"disabled":false}}', ""),
        (b'{"cloud":"off"}', ""),
        (b"[]", ""),
        (b"nothing", ""),
    ],
)
async def test_check_access_tells_that_no_prompt_leaves_the_server(scripted, reply, status, more):
    routes = {"GET /api/version": reply((b'{"version":"0.33.0"}',)), "GET /api/status": reply((status,))}
    async with scripted(routes) as server:
        provider = OllamaProvider(Server(server.url))
        assert await provider.check_access() == f"Ollama 0.33.0{more}"
        await provider.aclose()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", "http://127.0.0.1:11434"), ("0.0.0.0:99", "http://127.0.0.1:99"), ("a b", "http://127.0.0.1:11434")],
)
def test_default_address_follows_ollama_host(monkeypatch, value, expected):
    monkeypatch.setenv("OLLAMA_HOST", value)
    assert default_address("ollama") == expected


async def test_recorded_exchanges_are_read(shared, scripted, reply):
    path = shared / "recordings" / "ollama-0.33.0-rc2.jsonl"
    if not path.is_file():
        pytest.skip("the folder 'shared' holds no recording of Ollama")
    tried = 0
    for line in path.read_text(encoding="utf-8").split("\n"):
        exchange = json.loads(line) if line.strip() else {}
        if exchange.get("path") != "/api/chat" or not exchange.get("body"):
            continue
        body, kind = exchange["body"].encode(), dict(exchange["headers"])["content-type"].split(";")[0]
        async with scripted({CHAT: reply((body,), exchange["status"], content_type=kind)}) as server:
            if exchange["status"] == 200 and '"error"' not in exchange["body"]:
                assert isinstance((await answer(server))[-1], Finished), exchange["name"]
            else:
                with pytest.raises(Exception) as caught:  # noqa: PT011
                    await answer(server)
                assert caught.value.next_step, exchange["name"]
                assert '{"error' not in caught.value.message, exchange["name"]
        tried += 1
    assert tried >= 10


# On Python 3.9 aioresponses leaves half-made loops behind, whose end is noisy.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_short_calls_go_to_the_documented_paths():
    from aioresponses import aioresponses

    provider = OllamaProvider(Server("http://workstation:11434"))
    with aioresponses() as answers:
        answers.get("http://workstation:11434/api/tags", payload={"models": [{"name": "qwen3:8b", "size": 5}]})
        answers.get("http://workstation:11434/api/version", payload={"version": "1.0"})
        assert [model.name for model in await provider.list_models()] == ["qwen3:8b"]
        assert await provider.check_access() == "Ollama 1.0"
    await provider.aclose()
