"""OpenAI-compatible servers besides plain talk: what is sent, and what is made of their answers."""

from __future__ import annotations

import base64
import json

import pytest

from nuke_ai_panel.errors import (
    APIError,
    BadRequestError,
    PaymentRequiredError,
    ProtocolError,
    UnsupportedFeatureError,
    ValidationError,
)
from nuke_ai_panel.messages import ChatRequest, ImagePart, Message, ToolCall
from nuke_ai_panel.operations import EmbeddingRequest, ImageRequest, SpeechRequest, TranscriptionRequest, UploadRequest
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.openai_provider import OpenaiProvider

PNG = b"\x89PNG\r\n\x1a\n\x00"
CHAT = "POST /v1/chat/completions"
DONE = b'data: {"model":"m","choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


async def using(server, act, key="local-key"):
    provider = OpenaiProvider(Server(server.url, key))
    try:
        return await act(provider)
    finally:
        await provider.aclose()


def ask(**more):
    return ChatRequest("tiny", (Message("user", "Hello"),), **more)


async def twice(act):
    return [await act(), await act()]


async def sent_for(request, scripted, reply):
    async with scripted({CHAT: reply((DONE,), content_type="text/event-stream")}) as server:
        await using(server, lambda provider: provider.complete(request))
    return server.received[-1].body


# chat


async def test_plain_talk_holds_no_field_that_was_not_asked_for(scripted, reply):
    assert await sent_for(ask(), scripted, reply) == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ("low", {"reasoning_effort": "low"}),
        (True, {"chat_template_kwargs": {"enable_thinking": True}}),
        (False, {"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": False}}),
    ],
)
async def test_reasoning_is_spelled(scripted, reply, wanted, fields):
    body = await sent_for(ask(reasoning=wanted), scripted, reply)
    assert {name: body[name] for name in ("reasoning_effort", "chat_template_kwargs") if name in body} == fields


@pytest.mark.parametrize("address", ["", "https://eu.api.openai.com/v1"])
def test_openai_itself_is_asked_in_its_own_words(address):
    openai = OpenaiProvider(Server(address, "sk-0123456789abcdef"))
    assert openai.needs_key
    body = openai._body(ask(reasoning=False, max_tokens=9))
    assert (body["reasoning_effort"], body["max_completion_tokens"]) == ("none", 9)
    assert not {"chat_template_kwargs", "max_tokens"} & set(body)
    assert openai._body(ask(reasoning=True))["reasoning_effort"] == "medium"


async def test_former_thoughts_go_back_with_the_calls_they_led_to_only(scripted, reply):
    messages = (
        Message("user", "x"),
        Message("assistant", "Plain.", reasoning="Hm."),
        Message("user", "y"),
        Message("assistant", tool_calls=(ToolCall("c", "f"),), reasoning="So."),
        Message("tool", "ok", tool_call_id="c", tool_name="f"),
    )
    body = await sent_for(ChatRequest("tiny", messages), scripted, reply)
    assert [message.get("reasoning_content") for message in body["messages"]] == [None, None, None, "So.", None]


async def test_models_to_fall_back_on_are_refused_before_anything_is_sent(scripted):
    async with scripted({}) as server:
        with pytest.raises(ValidationError) as caught:
            await using(server, lambda provider: provider.complete(ask(fallback_models=("other",))))
    assert caught.value.field == "fallback_models"
    assert server.received == []


async def test_several_answers_come_apart(scripted, reply):
    chunks = [
        {"model": "m", "choices": [{"index": place, "delta": {"content": words}, "finish_reason": finish}]}
        for place, words, finish in ((0, "a", None), (1, "x", None), (1, "y", "length"), (0, "b", "stop"))
    ]
    steps = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    async with scripted({CHAT: reply((*steps, b"data: [DONE]\n\n"), content_type="text/event-stream")}) as server:
        completion = await using(server, lambda provider: provider.complete(ask(n=2)))
    assert server.received[-1].body["n"] == 2
    assert (completion.text, completion.finish_reason) == ("ab", "stop")
    assert [(other.text, other.finish_reason) for other in completion.others] == [("xy", "length")]


async def test_answer_of_another_name_is_not_taken_for_another_model(scripted, reply):
    # One model is all that such a server was asked for: the name is an alias, or that of a version.
    async with scripted({CHAT: reply((DONE,), content_type="text/event-stream")}) as server:
        completion = await using(server, lambda provider: provider.complete(ask()))
    assert completion.notices == ()
    assert completion.model == "m"


# models


LLAMACPP = {
    "models": [{"name": "tiny-vision", "capabilities": ["completion", "multimodal"]}],
    "object": "list",
    "data": [{"id": "tiny-vision", "owned_by": "llamacpp", "meta": {"n_ctx": 8192, "n_ctx_train": 131072, "size": 7382016}}],
}


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (LLAMACPP, {"images": True, "context_length": 8192, "tools": None, "embeddings": None}),
        (
            {"data": [{"id": "m", "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]}}]},
            {"images": False, "chat": True, "embeddings": None},
        ),
        ({"data": [{"id": "m", "object": "model", "max_model_len": 32768}]}, {"context_length": 32768, "images": None}),
        ({"data": [{"id": "m", "mode": "embedding"}]}, {"embeddings": True, "chat": False}),
        ({"data": [{"id": "m", "mode": "chat"}]}, {"embeddings": False, "chat": True, "tools": None}),
        ({"data": [{"id": "m", "mode": "image_generation"}]}, {"image_output": True, "chat": False}),
        ({"data": [{"id": "m", "owned_by": "openai"}]}, {"chat": None, "tools": None, "context_length": None}),
        ({"data": []}, {"chat": None, "tools": None}),
    ],
)
async def test_capabilities_are_what_each_kind_of_server_tells(scripted, reply, listed, expected):
    name = listed["data"][0]["id"] if listed["data"] else "m"
    async with scripted({"GET /v1/models": reply((json.dumps(listed).encode(),))}) as server:
        found = await using(server, lambda provider: provider.capabilities(name))
    assert {field: getattr(found, field) for field in expected} == expected


@pytest.mark.parametrize(
    ("properties", "tools"),
    [
        (b'{"chat_template_caps": {"supports_tools": true}}', True),
        (b'{"chat_template_caps": {"supports_tools": false}}', False),
        (b'{"chat_template_caps": {}}', None),
        (b"<html></html>", None),
    ],
)
async def test_tools_of_llamacpp_are_what_its_template_knows(scripted, reply, properties, tools):
    routes = {"GET /v1/models": reply((json.dumps(LLAMACPP).encode(),)), "GET /props": reply((properties,))}
    async with scripted(routes) as server:
        found = await using(server, lambda provider: provider.capabilities("tiny-vision"))
    assert (found.tools, found.images) == (tools, True)


async def test_models_for_other_work_are_not_listed_for_chat(scripted, reply):
    listed = {"data": [{"id": "e", "mode": "embedding"}, {"id": "c", "mode": "chat"}, {"id": "u"}, {"id": "p", "mode": "new"}]}
    async with scripted({"GET /v1/models": reply((json.dumps(listed).encode(),))}) as server:
        models = await using(server, lambda provider: provider.list_models())
    assert [model.name for model in models] == ["c", "u"]


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b'{"error":{"message":"Insufficient credits","code":402}}', PaymentRequiredError, "no credit left"),
        (b'{"error":"Unexpected endpoint or method. (GET /models)"}', ProtocolError, "not with a list of models"),
    ],
)
async def test_error_in_place_of_the_list_is_told(scripted, reply, body, error, words):
    async with scripted({"GET /v1/models": reply((body,))}) as server:
        with pytest.raises(error, match=words) as caught:
            await using(server, lambda provider: provider.list_models())
    assert caught.value.provider == "openai"


# vectors


async def test_vectors_are_asked_for_in_short_form_and_read_in_both(scripted, reply):
    floats = {"data": [{"embedding": [1, 0.5], "index": 1}, {"embedding": [2, 0.25], "index": 0}], "model": "m"}
    async with scripted({"POST /v1/embeddings": reply((json.dumps(floats).encode(),))}) as server:
        found = await using(server, lambda provider: provider.embed(EmbeddingRequest("e", ("a", "b"))))
    assert server.received[-1].body == {"model": "e", "input": ["a", "b"], "encoding_format": "base64"}
    assert found.vectors == ((2.0, 0.25), (1.0, 0.5))


REFUSED_FORM = (
    "litellm.UnsupportedParamsError: bedrock does not support parameters: {'encoding_format': 'base64'}, for model=e.",
    "Setting encoding_format is not allowed for this model.",
)


@pytest.mark.parametrize("words", REFUSED_FORM)
async def test_vectors_come_from_a_gateway_that_refuses_to_hear_of_their_form(scripted, reply, words):
    refusal = reply((json.dumps({"error": {"message": words, "code": "400"}}).encode(),), 400)
    floats = reply((b'{"data":[{"embedding":[1,0.5],"index":0}]}',))
    ask = EmbeddingRequest("e", ("a",))
    async with scripted({"POST /v1/embeddings": [refusal, floats]}) as server:
        found = await using(server, lambda provider: twice(lambda: provider.embed(ask)))
    assert [each.vectors for each in found] == [((1.0, 0.5),), ((1.0, 0.5),)]
    assert [request.body.get("encoding_format") for request in server.received] == ["base64", None, None]


@pytest.mark.parametrize(
    ("extra", "words"), [({"encoding_format": "float"}, REFUSED_FORM[0]), ({}, "The input is too long.")], ids=["own", "other"]
)
async def test_refused_vectors_are_not_asked_for_again(scripted, reply, extra, words):
    refusal = reply((json.dumps({"error": {"message": words, "code": "400"}}).encode(),), 400)
    async with scripted({"POST /v1/embeddings": refusal}) as server:
        with pytest.raises((BadRequestError, UnsupportedFeatureError)):
            await using(server, lambda provider: provider.embed(EmbeddingRequest("e", ("a",), extra=extra)))
    assert len(server.received) == 1


@pytest.mark.parametrize("broken", ["AAA", "!", [], ["x"], None, [None], {}])
async def test_broken_vectors_are_a_protocol_error(scripted, reply, broken):
    body = json.dumps({"data": [{"embedding": broken, "index": 0}]}).encode()
    async with scripted({"POST /v1/embeddings": reply((body,))}) as server:
        with pytest.raises(ProtocolError):
            await using(server, lambda provider: provider.embed(EmbeddingRequest("e", ("a",))))


# pictures


async def test_picture_is_made_from_words(scripted, reply):
    answer = {"created": 1, "output_format": "webp", "data": [{"b64_json": base64.b64encode(PNG).decode()}]}
    usage = {"input_tokens": 5, "output_tokens": 7}
    body = json.dumps({**answer, "usage": usage}).encode()
    async with scripted({"POST /v1/images/generations": reply((body,))}) as server:
        request = ImageRequest("gpt-image-1", "a plate", size="1024x1024", extra={"background": "opaque"})
        found = await using(server, lambda provider: provider.generate_images(request))
    assert server.received[-1].body == {
        "model": "gpt-image-1",
        "prompt": "a plate",
        "size": "1024x1024",
        "background": "opaque",
    }
    assert [(image.data, image.media_type) for image in found.images] == [(PNG, "image/webp")]
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (5, 7)


async def test_picture_that_comes_as_an_address_stays_one(scripted, reply):
    body = b'{"data":[{"url":"https://127.0.0.1/p.png"}]}'
    async with scripted({"POST /v1/images/generations": reply((body,))}) as server:
        found = await using(server, lambda provider: provider.generate_images(ImageRequest("m", "x")))
    assert found.images[0].url == "https://127.0.0.1/p.png"


async def test_picture_is_changed_as_a_form(scripted, reply):
    body = json.dumps({"data": [{"b64_json": base64.b64encode(PNG).decode()}]}).encode()
    request = ImageRequest("m", "bluer", n=2, references=(ImagePart(PNG, "image/png"),), extra={"transparent": True})
    async with scripted({"POST /v1/images/edits": reply((body,))}) as server:
        await using(server, lambda provider: provider.generate_images(request))
    raw = server.received[-1].raw
    assert b'name="image"; filename="picture.png"\r\nContent-Type: image/png\r\n\r\n' + PNG in raw
    for field in (b'"model"\r\n\r\nm\r\n', b'"prompt"\r\n\r\nbluer\r\n', b'"n"\r\n\r\n2\r\n', b'"transparent"\r\n\r\ntrue\r\n'):
        assert field in raw


@pytest.mark.parametrize(
    "references", [(ImagePart(PNG, "image/png"),) * 2, (ImagePart(url="https://127.0.0.1/a.png"),)], ids=["two", "address"]
)
async def test_more_than_such_a_server_starts_from_is_refused_before_it_is_sent(scripted, references):
    async with scripted({}) as server:
        with pytest.raises(UnsupportedFeatureError, match="one picture"):
            await using(server, lambda provider: provider.generate_images(ImageRequest("m", "x", references=references)))
    assert server.received == []


# sound


@pytest.mark.parametrize(("act", "path"), [("transcribe", "transcriptions"), ("translate", "translations")])
async def test_recording_is_sent_as_a_form(scripted, reply, act, path):
    body = (
        b'{"text":" Hello.","language":"english","duration":1.5,"usage":{"type":"tokens","input_tokens":3,"output_tokens":2}}'
    )
    request = TranscriptionRequest("whisper-1", b"RIFF\x00", "take.wav", language="de", prompt="Nuke, Grün")
    async with scripted({f"POST /v1/audio/{path}": reply((body,))}) as server:
        found = await using(server, lambda provider: getattr(provider, act)(request))
    raw = server.received[-1].raw
    assert b'name="file"; filename="take.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\x00\r\n' in raw
    assert 'name="prompt"\r\n\r\nNuke, Grün\r\n'.encode() in raw
    # The language of a translation is always English; there is no field for another.
    assert (b'name="language"\r\n\r\nde\r\n' in raw) is (act == "transcribe")
    assert (found.text, found.language, found.duration, found.usage.prompt_tokens) == (" Hello.", "english", 1.5, 3)


async def test_recording_can_be_written_down_as_subtitles(scripted, reply):
    request = TranscriptionRequest("whisper-1", b"RIFF", extra={"response_format": "srt"})
    srt = "1\n00:00:00,000 --> 00:00:01,000\nGrün\n\n"
    async with scripted({"POST /v1/audio/transcriptions": reply((srt.encode(),), content_type="text/plain")}) as server:
        found = await using(server, lambda provider: provider.transcribe(request))
    assert found.text == srt.rstrip("\n")
    assert b'name="response_format"\r\n\r\nsrt\r\n' in server.received[-1].raw


@pytest.mark.parametrize("body", [b'{"error":{"message":"no ears","code":500}}', b"{}", b'{"text":3}', b"[]"])
async def test_answer_that_is_no_transcription_is_an_error(scripted, reply, body):
    async with scripted({"POST /v1/audio/transcriptions": reply((body,))}) as server:
        with pytest.raises(APIError):
            await using(server, lambda provider: provider.transcribe(TranscriptionRequest("m", b"RIFF")))


async def test_text_is_spoken(scripted, reply):
    async with scripted({"POST /v1/audio/speech": reply((b"RIFF", b"\x00"), content_type="audio/wav")}) as server:
        request = SpeechRequest("tts-1", "Hello", voice="alloy", format="wav", speed=0.5)
        found = await using(server, lambda provider: provider.speak(request))
    assert server.received[-1].body == {
        "model": "tts-1",
        "input": "Hello",
        "response_format": "wav",
        "voice": "alloy",
        "speed": 0.5,
    }
    assert (found.data, found.media_type, found.model) == (b"RIFF\x00", "audio/wav", "tts-1")


async def test_silence_is_no_speech(scripted, reply):
    async with scripted({"POST /v1/audio/speech": reply((), content_type="audio/wav")}) as server:
        with pytest.raises(ProtocolError, match="without any sound"):
            await using(server, lambda provider: provider.speak(SpeechRequest("m", "Hello")))


# files


async def test_file_is_stored_with_its_purpose_listed_read_and_deleted(scripted, reply):
    stored = {
        "id": "file-1",
        "object": "file",
        "bytes": 4,
        "created_at": 1700000000,
        "filename": "a.pdf",
        "purpose": "user_data",
    }
    second = {**stored, "id": "file-2"}
    pages = [{"data": [stored], "has_more": True, "last_id": "file-1"}, {"data": [second], "has_more": False}]
    routes = {
        "POST /v1/files": reply((json.dumps(stored).encode(),)),
        "GET /v1/files": [reply((json.dumps(page).encode(),)) for page in pages],
        "GET /v1/files/file-1/content": reply((b"<html>kept as it is",), content_type="text/html"),
        "DELETE /v1/files/file-1": reply((b'{"id":"file-1","deleted":true}',)),
    }
    async with scripted(routes) as server:

        async def act(provider):
            made = await provider.upload_file(UploadRequest("a.pdf", b"%PDF", "application/pdf"))
            listed = await provider.list_files()
            read = await provider.download_file("file-1")
            await provider.delete_file("file-1")
            return made, listed, read

        made, listed, read = await using(server, act)
    assert (made.id, made.name, made.size, made.created, made.purpose) == ("file-1", "a.pdf", 4, 1700000000.0, "user_data")
    assert [file.id for file in listed] == ["file-1", "file-2"]
    assert read == b"<html>kept as it is"
    assert b'name="purpose"\r\n\r\nuser_data\r\n' in server.received[0].raw
    assert [request.path for request in server.received[1:3]] == ["/v1/files", "/v1/files?after=file-1"]


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"data":3}', b"x"])
async def test_list_of_files_that_is_none_is_a_protocol_error(scripted, reply, body):
    async with scripted({"GET /v1/files": reply((body,))}) as server:
        with pytest.raises(ProtocolError) as caught:
            await using(server, lambda provider: provider.list_files())
    assert caught.value.provider == "openai"


async def test_list_of_files_without_an_end_is_given_up(scripted, reply):
    page = json.dumps({"data": [{"id": "file-1"}], "has_more": True, "last_id": "file-1"}).encode()
    async with scripted({"GET /v1/files": reply((page,))}) as server:
        files = await using(server, lambda provider: provider.list_files())
    assert len(files) == 2
    assert len(server.received) == 2
