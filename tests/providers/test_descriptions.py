"""What we send, checked against the servers' published descriptions of their interfaces."""

from __future__ import annotations

import importlib.util

import pytest

from nuke_ai_panel.messages import ChatRequest, Message
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.registry import create

REQUESTS = [
    ChatRequest("tiny", (Message("user", "Hello"),)),
    ChatRequest(
        "tiny",
        (Message("system", "Be short."), Message("user", "a"), Message("assistant", "b"), Message("user", "c")),
        temperature=0.2,
        max_tokens=50,
        stop=("END",),
    ),
]


@pytest.mark.parametrize(
    ("name", "address", "description", "prefix", "path"),
    [
        ("ollama", "", "ollama-openapi.yaml", "", "/api/chat"),
        ("openrouter", "http://127.0.0.1:9/v1", "openrouter-openapi.yaml", "", "/chat/completions"),
    ],
)
async def test_requests_follow_the_published_description(shared, scripted, reply, name, address, description, prefix, path):
    for needed in ("jsonschema", "yaml"):
        pytest.importorskip(needed)
    tool, description_path = shared / "tools" / "validate_wire.py", shared / "specs" / description
    if not tool.is_file() or not description_path.is_file():
        pytest.skip("the folder 'shared' holds no interface descriptions")
    loaded = importlib.util.spec_from_file_location("validate_wire", tool)
    module = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(module)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        spec = module.Spec(str(description_path), prefix)
    route = "POST " + ("/v1" if name == "openrouter" else "") + path
    async with scripted({route: reply((b"{}",), 400)}) as server:
        provider = create(name, Server(server.url))
        for request in REQUESTS:
            with pytest.raises(Exception):  # noqa: B017, PT011 - only what was sent matters here
                await provider.complete(request)
        await provider.aclose()
        assert len(server.asked) == len(REQUESTS)
        for received in server.asked:
            assert spec.request("POST", path, received.body) == []
    broken = dict(server.asked[0].body, messages="none")
    assert spec.request("POST", path, broken) != []
