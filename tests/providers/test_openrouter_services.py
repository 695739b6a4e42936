"""OpenRouter besides plain talk: what is sent, checked against its published description, and what is made of its answers."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import warnings

import pytest

from nuke_ai_panel.errors import APIError, BadRequestError, PermissionDeniedError, UnsupportedFeatureError, ValidationError
from nuke_ai_panel.messages import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    JsonSchema,
    Message,
    TextPart,
    Tool,
    ToolCall,
)
from nuke_ai_panel.operations import EmbeddingRequest, ImageRequest, SpeechRequest, TranscriptionRequest, UploadRequest
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.openrouter_provider import OpenrouterProvider

PNG = b"\x89PNG\r\n\x1a\n\x00"
CHAT = "POST /v1/chat/completions"
DONE = b'data: {"model":"m","choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
DETAILS = ({"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},)
SCHEMA = {"type": "object", "properties": {"size": {"type": "number"}}, "required": ["size"], "additionalProperties": False}


@pytest.fixture(scope="session")
def description(shared):
    """The published description of OpenRouter's interface, read once."""
    for needed in ("jsonschema", "yaml"):
        pytest.importorskip(needed)
    tool, path = shared / "tools" / "validate_wire.py", shared / "specs" / "openrouter-openapi.yaml"
    if not tool.is_file() or not path.is_file():
        pytest.skip("the folder 'shared' holds no interface descriptions")
    loaded = importlib.util.spec_from_file_location("validate_wire", tool)
    module = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        return module.Spec(str(path))


async def using(server, act, key="local-key"):
    provider = OpenrouterProvider(Server(server.url, key))
    try:
        return await act(provider)
    finally:
        await provider.aclose()


async def sent_for(request, scripted, reply):
    async with scripted({CHAT: reply((DONE,), content_type="text/event-stream")}) as server:
        await using(server, lambda provider: provider.complete(request))
    return server.received[-1].body


def ask(**more):
    return ChatRequest("a/b", (Message("user", "Hello"),), **more)


EVERYTHING = ChatRequest(
    "a/b",
    (
        Message("system", "Be short."),
        Message(
            "user",
            "Look:",
            parts=(
                ImagePart(PNG, "image/png"),
                TextPart("and"),
                ImagePart(url="https://127.0.0.1/a.png"),
                AudioPart(b"RIFF", "wav"),
                FilePart("a.pdf", b"%PDF", "application/pdf"),
                FilePart("b.pdf", file_id="or_file_1"),
            ),
        ),
        Message("assistant", tool_calls=(ToolCall("c1", "blur", '{"size":1}'),), reasoning_details=DETAILS),
        Message("tool", "ok", tool_call_id="c1", tool_name="blur"),
        Message("assistant", "Done.", reasoning="Hm."),
        Message("user", "Again."),
    ),
    temperature=0.5,
    max_tokens=100,
    stop=("END",),
    top_p=0.9,
    seed=7,
    presence_penalty=0.5,
    frequency_penalty=-0.5,
    user="artist-1",
    tools=(Tool("blur", "Blur.", SCHEMA, strict=True), Tool("list_nodes")),
    tool_choice="blur",
    response_format=JsonSchema(SCHEMA, "size"),
    reasoning="high",
    fallback_models=("c/d", "e/f"),
    extra={
        "provider": {"order": ["x"], "data_collection": "deny", "zdr": True},
        "plugins": [{"id": "file-parser"}],
        "session_id": "s",
        "parallel_tool_calls": True,
    },
)


# chat


async def test_request_with_everything_follows_the_published_description(description, scripted, reply):
    body = await sent_for(EVERYTHING, scripted, reply)
    assert description.request("POST", "/chat/completions", body) == []
    assert description.request("POST", "/chat/completions", dict(body, tools="none")) != []


async def test_request_with_everything_is_spelled_as_openrouter_wants_it(scripted, reply):
    body = await sent_for(EVERYTHING, scripted, reply)
    _, user, asked, answered, said, _ = body["messages"]
    assert user["content"] == [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()}},
        {"type": "text", "text": "and"},
        {"type": "image_url", "image_url": {"url": "https://127.0.0.1/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        {"type": "file", "file": {"file_id": "or_file_1"}},
    ]
    assert asked["content"] is None
    assert asked["tool_calls"] == [{"id": "c1", "type": "function", "function": {"name": "blur", "arguments": '{"size":1}'}}]
    assert asked["reasoning_details"] == list(DETAILS)
    assert answered == {"role": "tool", "content": "ok", "tool_call_id": "c1"}
    assert said["reasoning"] == "Hm."
    assert body["model"] == "a/b"
    assert body["models"] == ["a/b", "c/d", "e/f"]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "blur"}}
    assert body["response_format"]["json_schema"] == {"name": "size", "schema": SCHEMA, "strict": True}
    assert body["reasoning"] == {"effort": "high"}
    assert body["provider"]["zdr"] is True


@pytest.mark.parametrize(
    ("wanted", "spelled"),
    [(None, None), (True, {"enabled": True}), (False, {"effort": "none"}), ("low", {"effort": "low"})],
)
async def test_reasoning_is_spelled(description, scripted, reply, wanted, spelled):
    body = await sent_for(ask(reasoning=wanted), scripted, reply)
    assert body.get("reasoning") == spelled
    assert description.request("POST", "/chat/completions", body) == []


async def test_extra_fields_win(scripted, reply):
    body = await sent_for(ask(reasoning="low", extra={"reasoning": {"max_tokens": 2000}, "models": ["x/y"]}), scripted, reply)
    assert body["reasoning"] == {"max_tokens": 2000}
    assert body["models"] == ["x/y"]


async def test_json_without_a_schema_is_asked_for(scripted, reply):
    assert (await sent_for(ask(response_format="json"), scripted, reply))["response_format"] == {"type": "json_object"}


def test_openrouter_itself_is_told_the_limit_by_its_new_name():
    assert OpenrouterProvider(Server("https://openrouter.ai")).limit_field == "max_completion_tokens"
    assert OpenrouterProvider(Server("http://127.0.0.1:4000")).limit_field == "max_tokens"


async def test_answer_of_another_model_is_told(scripted, reply):
    chunk = DONE.replace(b'"m"', b'"c/d"')
    async with scripted({CHAT: reply((chunk,), content_type="text/event-stream")}) as server:
        completion = await using(server, lambda provider: provider.complete(ask(fallback_models=("c/d",))))
    assert [notice.kind for notice in completion.notices] == ["other_model"]
    assert completion.model == "c/d"


# models


def listed(identifier, **more):
    return {
        "id": identifier,
        "name": identifier.title(),
        "context_length": 128000,
        "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.00000125", "completion": "0.00001"},
        "top_provider": {"context_length": 128000, "max_completion_tokens": 16384, "is_moderated": False},
        "supported_parameters": ["tools", "structured_outputs", "max_tokens"],
        **more,
    }


async def test_list_tells_what_a_model_takes_gives_and_costs(scripted, reply):
    router = listed("openrouter/auto", pricing={"prompt": "-1", "completion": "-1"})
    body = json.dumps({"data": [listed("a/b"), router]}).encode()
    async with scripted({"GET /v1/models": reply((body,))}) as server:
        first, second = await using(server, lambda provider: provider.list_models())
    assert (first.max_output, first.prompt_price, first.completion_price) == (16384, 1.25, 10.0)
    assert first.inputs == {"text", "image", "file"}
    assert first.outputs == {"text"}
    assert first.parameters == {"tools", "structured_outputs", "max_tokens"}
    assert (second.inputs, second.parameters, second.context_length, second.prompt_price) == (None, None, None, None)


async def test_a_document_is_sent_for_a_model_that_takes_only_text(scripted, reply):
    words = listed("a/b", architecture={"input_modalities": ["text"], "output_modalities": ["text"]})
    routes = {
        "GET /v1/models": reply((json.dumps({"data": [words]}).encode(),)),
        CHAT: reply((DONE,), content_type="text/event-stream"),
    }
    parts = (FilePart("shots.pdf", b"%PDF-", "application/pdf"),)
    ask = ChatRequest("a/b", (Message("user", "Which shots?", parts=parts),), extra={"plugins": [{"id": "file-parser"}]})
    picture = ChatRequest("a/b", (Message("user", "Look", parts=(ImagePart(PNG, "image/png"),)),))
    async with scripted(routes) as server:
        answer = await using(server, lambda provider: provider.complete(ask))
        with pytest.raises(UnsupportedFeatureError):
            await using(server, lambda provider: provider.complete(picture))
    assert answer.text == "ok"
    sent = next(request.body for request in server.received if request.method == "POST")
    assert sent["plugins"] == [{"id": "file-parser"}]
    assert sent["messages"][0]["content"][1]["file"]["filename"] == "shots.pdf"


async def test_capabilities_come_from_one_list_for_all_models(scripted, reply):
    router = listed("openrouter/auto", pricing={"prompt": "-1", "completion": "-1"})
    body = json.dumps({"data": [listed("a/b"), router, {"id": "plain"}]}).encode()
    async with scripted({"GET /v1/models": reply((body,))}) as server:

        async def ask_all(provider):
            names = ("a/b", "a/b:nitro", "a/b:free", "openrouter/auto", "plain", "nobody/knows")
            return await asyncio.gather(*(provider.capabilities(name) for name in names))

        known, routed, other, router, plain, nobody = await using(server, ask_all)
    assert len(server.received) == 1
    assert (known.tools, known.images, known.files, known.audio, known.json_schema) == (True, True, True, False, True)
    assert (known.reasoning, known.embeddings, known.max_output) == (False, False, 16384)
    assert routed == known
    assert plain.files is None
    for unknown in (other, router, plain, nobody):
        assert (unknown.tools, unknown.images, unknown.reasoning) == (None, None, None)


# the key and the account

KEY_DATA = {
    "label": "studio",
    "limit": 100,
    "limit_remaining": 74.5,
    "limit_reset": "monthly",
    "usage": 25.5,
    "usage_daily": 1,
    "usage_weekly": 2,
    "usage_monthly": 3,
    "is_free_tier": False,
    "is_management_key": False,
    "expires_at": None,
}


async def test_key_tells_its_limit_and_what_is_spent(scripted, reply):
    async with scripted({"GET /v1/key": reply((json.dumps({"data": KEY_DATA}).encode(),))}) as server:
        info = await using(server, lambda provider: provider.key_info())
    assert (info.limit, info.remaining, info.limit_reset, info.usage, info.usage_daily) == (100, 74.5, "monthly", 25.5, 1)
    assert (info.is_free_tier, info.is_management_key, info.expires_at) == (False, False, "")
    assert info.words() == "key 'studio', 74.50 USD left"


async def test_key_without_a_limit_is_told_apart_from_an_empty_one(scripted, reply):
    data = {**KEY_DATA, "limit": None, "limit_remaining": None, "is_free_tier": True, "label": "sk-or-v1-abc...def"}
    async with scripted({"GET /v1/key": reply((json.dumps({"data": data}).encode(),))}) as server:
        info = await using(server, lambda provider: provider.key_info())
    assert (info.limit, info.remaining) == (None, None)
    assert info.words() == "the key works, free tier"
    assert "sk-or" not in repr(info)


async def test_credits_are_bought_minus_used(scripted, reply):
    body = b'{"data":{"total_credits":100.5,"total_usage":25.75}}'
    async with scripted({"GET /v1/credits": reply((body,))}) as server:
        found = await using(server, lambda provider: provider.credits())
    assert (found.bought, found.used, found.left) == (100.5, 25.75, 74.75)


async def test_credits_want_a_management_key(scripted, reply):
    refusal = b'{"error":{"code":403,"message":"Only management keys can perform this operation"}}'
    async with scripted({"GET /v1/credits": reply((refusal,), 403)}) as server:
        with pytest.raises(PermissionDeniedError, match="management key") as caught:
            await using(server, lambda provider: provider.credits())
    assert caught.value.kind == "management_key"
    assert "what this key has left" in caught.value.next_step


@pytest.mark.parametrize("act", [lambda provider: provider.key_info(), lambda provider: provider.credits()])
async def test_server_without_an_account_says_so(scripted, reply, act):
    async with scripted({"GET /v1/key": reply((b"{}",)), "GET /v1/credits": reply((b"[]",))}) as server:
        with pytest.raises(APIError, match="says nothing of the"):
            await using(server, act)


# vectors, pictures, sound, files


async def test_vectors_follow_the_published_description(description, scripted, reply):
    vectors = [{"object": "embedding", "embedding": [0.5, 1], "index": 0}]
    usage = {"prompt_tokens": 3, "total_tokens": 3, "cost": 0.1}
    body = json.dumps({"object": "list", "model": "m", "data": vectors, "usage": usage}).encode()
    assert description.response("POST", "/embeddings", 200, "application/json", body) == []
    async with scripted({"POST /v1/embeddings": reply((body,))}) as server:
        found = await using(server, lambda provider: provider.embed(EmbeddingRequest("e", ("a",), dimensions=2)))
    assert description.request("POST", "/embeddings", server.received[-1].body) == []
    assert found.vectors == ((0.5, 1.0),)
    assert (found.usage.prompt_tokens, found.usage.cost) == (3, 0.1)


async def test_pictures_are_made_from_others(description, scripted, reply):
    encoded = base64.b64encode(PNG).decode()
    answer = {
        "created": 1,
        "data": [{"b64_json": encoded, "media_type": "image/webp"}, {"b64_json": encoded}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13, "cost": 0.04},
    }
    body = json.dumps(answer).encode()
    assert description.response("POST", "/images", 200, "application/json", body) == []
    request = ImageRequest(
        "m/i",
        "a plate",
        n=2,
        size="1024x1024",
        quality="high",
        references=(ImagePart(PNG, "image/png"), ImagePart(url="https://127.0.0.1/a.png")),
        extra={"background": "transparent"},
    )
    async with scripted({"POST /v1/images": reply((body,))}) as server:
        found = await using(server, lambda provider: provider.generate_images(request))
    sent = server.received[-1].body
    assert description.request("POST", "/images", sent) == []
    assert sent["input_references"][0]["image_url"]["url"] == "data:image/png;base64," + encoded
    assert sent["background"] == "transparent"
    assert [(image.data, image.media_type) for image in found.images] == [(PNG, "image/webp"), (PNG, "image/png")]
    assert found.usage.cost == 0.04


async def test_answer_without_a_picture_is_no_answer(scripted, reply):
    async with scripted({"POST /v1/images": reply((b'{"created":1,"data":[]}',))}) as server:
        with pytest.raises(APIError, match="without a picture"):
            await using(server, lambda provider: provider.generate_images(ImageRequest("m", "x")))


async def test_recording_is_written_down(description, scripted, reply):
    usage = {"cost": 0.0005, "input_tokens": 83, "output_tokens": 30, "seconds": 9.2, "total_tokens": 113}
    body = json.dumps({"text": "Hello, this is a test.", "usage": usage}).encode()
    assert description.response("POST", "/audio/transcriptions", 200, "application/json", body) == []
    request = TranscriptionRequest("o/w", b"RIFF", "take_01.WAV", language="en")
    async with scripted({"POST /v1/audio/transcriptions": reply((body,))}) as server:
        found = await using(server, lambda provider: provider.transcribe(request))
    sent = server.received[-1].body
    assert description.request("POST", "/audio/transcriptions", sent) == []
    assert sent == {"model": "o/w", "input_audio": {"data": "UklGRg==", "format": "wav"}, "language": "en"}
    assert (found.text, found.duration, found.usage.prompt_tokens, found.usage.cost) == (
        "Hello, this is a test.",
        9.2,
        83,
        0.0005,
    )


async def test_words_beside_a_recording_are_refused_before_it_is_sent(scripted):
    async with scripted({}) as server:
        with pytest.raises(UnsupportedFeatureError):
            await using(server, lambda provider: provider.transcribe(TranscriptionRequest("m", b"RIFF", prompt="Nuke")))
    assert server.received == []


async def test_text_is_spoken(description, scripted, reply):
    async with scripted({"POST /v1/audio/speech": reply((b"ID3\x00",), content_type="audio/mpeg")}) as server:
        request = SpeechRequest("m/tts", "Hello", voice="v", speed=1.5)
        found = await using(server, lambda provider: provider.speak(request))
    assert description.request("POST", "/audio/speech", server.received[-1].body) == []
    assert (found.data, found.media_type) == (b"ID3\x00", "audio/mpeg")


async def test_error_in_place_of_sound_is_explained(scripted, reply):
    body = b'{"error":{"code":402,"message":"Insufficient credits"}}'
    async with scripted({"POST /v1/audio/speech": reply((body,))}) as server:
        with pytest.raises(APIError, match="no credit left"):
            await using(server, lambda provider: provider.speak(SpeechRequest("m", "Hello")))


FILE = {
    "id": "or_file_1",
    "filename": "a.pdf",
    "mime_type": "application/pdf",
    "size_bytes": 4,
    "created_at": "2025-01-01T00:00:00Z",
    "downloadable": False,
    "type": "file",
    "_shape": "openrouter",
}


async def test_file_is_stored_as_a_form_without_a_purpose(scripted, reply):
    async with scripted({"POST /v1/files": reply((json.dumps(FILE).encode(),))}) as server:
        stored = await using(server, lambda provider: provider.upload_file(UploadRequest("a.pdf", b"%PDF", "application/pdf")))
    sent = server.received[-1]
    assert sent.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n' in sent.raw
    assert b'name="purpose"' not in sent.raw
    assert (stored.id, stored.name, stored.size, stored.created) == ("or_file_1", "a.pdf", 4, 1735689600.0)


async def test_files_are_listed_page_after_page(scripted, reply):
    pages = [
        {"data": [FILE, None], "cursor": "x&y", "has_more": True, "first_id": None, "last_id": None},
        {"data": [{**FILE, "id": "or_file_2"}], "cursor": None, "has_more": False, "first_id": None, "last_id": None},
    ]
    async with scripted({"GET /v1/files": [reply((json.dumps(page).encode(),)) for page in pages]}) as server:
        files = await using(server, lambda provider: provider.list_files())
    assert [file.id for file in files] == ["or_file_1", "or_file_2"]
    assert [request.path for request in server.received] == ["/v1/files?limit=1000", "/v1/files?limit=1000&cursor=x%26y"]


async def test_file_is_read_and_deleted(scripted, reply):
    routes = {
        "GET /v1/files/or_file_1/content": reply((b"\x00\x01",), content_type="application/octet-stream"),
        "DELETE /v1/files/or_file_1": reply((b'{"id":"or_file_1","type":"file_deleted"}',)),
    }
    async with scripted(routes) as server:

        async def act(provider):
            raw = await provider.download_file("or_file_1")
            await provider.delete_file("or_file_1")
            return raw

        assert await using(server, act) == b"\x00\x01"


async def test_file_that_is_not_there_is_named_as_such(scripted, reply):
    async with scripted({"DELETE /v1/files/x": reply((b'{"error":{"code":404,"message":"Not found"}}',), 404)}) as server:
        with pytest.raises(BadRequestError) as caught:
            await using(server, lambda provider: provider.delete_file("x"))
    assert caught.value.kind == "file_not_found"


@pytest.mark.parametrize("name", ["", " ", 3, "..", "../key", "a?b", "a%2Fb"])
async def test_what_names_no_file_is_refused_before_anything_is_sent(scripted, name):
    async with scripted({}) as server:
        for act in (lambda provider: provider.delete_file(name), lambda provider: provider.download_file(name)):
            with pytest.raises(ValidationError):
                await using(server, act)
    assert server.received == []
