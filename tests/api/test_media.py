from __future__ import annotations

import io
import json
import os

import pytest

from nuke_ai_panel import (
    AudioTranscription,
    AudioTranslation,
    Embedding,
    File,
    FileRefusedError,
    FileValidator,
    Image,
    Speech,
    UnsupportedFeatureError,
    ValidationError,
)

WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\0\0\0"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")


def as_json(response):
    return json.loads(json.dumps(response.to_dict()))


def test_embedding(server):
    response = Embedding.create(model="openai/small", input=["a", "b"], dimensions=2)
    assert [item.embedding for item in response.data] == [(0.5, 0.0), (0.5, 1.0)]
    assert (response.model, response.provider, response.usage.prompt_tokens) == ("small", "openai", 4)
    assert as_json(response)["data"][1] == {"object": "embedding", "index": 1, "embedding": [0.5, 1.0]}
    sent = server.of("/v1/embeddings")[-1]
    assert (sent["input"], sent["dimensions"]) == (["a", "b"], 2)


async def test_async_twins(server):
    assert (await Embedding.acreate("openai/small", "a")).data[0].index == 0
    assert (await Image.acreate("openai/painter", "a cat")).data[0].data
    assert (await AudioTranscription.acreate("openai/ear", ("a.wav", WAV))).text == "transcriptions"
    assert (await AudioTranslation.acreate("openai/ear", ("a.wav", WAV))).text == "translations"
    assert (await Speech.acreate("openai/voice", "hello", "alloy")).content == b"sound"
    assert (await File.aupload(("a.txt", b"abc"), provider="openai")).id == "file-1"
    assert await File.adownload("file-1", provider="openai") == b"abc"
    assert [each.id for each in await File.alist(provider="openai")] == ["file-1"]
    assert (await File.adelete("file-1", provider="openai")).deleted


def test_image(server):
    response = Image.create("openai/painter", "a cat", n=1, size="512x512")
    image = response.data[0]
    assert image.data == b"\x89PNG\r\n\x1a\n"
    assert image.url == "data:image/png;base64,iVBORw0KGgo="
    assert as_json(response)["data"] == [{"b64_json": "iVBORw0KGgo="}]
    assert server.of("/v1/images/generations")[-1]["size"] == "512x512"


def test_recordings_come_as_paths_bytes_and_checked_files(server, tmp_path):
    path = tmp_path / "take.wav"
    path.write_bytes(WAV)
    with FileValidator().open_chosen(path) as checked:
        for file in (path, str(path), WAV, ("take.wav", WAV), checked):
            assert AudioTranscription.create("openai/ear", file, language="en").text == "transcriptions"
    bodies = server.of("/v1/audio/transcriptions")
    assert all(WAV in body for body in bodies)
    assert sum(b'filename="take.wav"' in body for body in bodies) == 4
    assert as_json(AudioTranslation.create("openai/ear", path))["text"] == "translations"
    before = len(server.requests)
    with pytest.raises(FileRefusedError):
        AudioTranscription.create("openai/ear", tmp_path / "gone.wav")
    (tmp_path / "words.txt").write_text("no sound", encoding="utf-8")
    with pytest.raises(FileRefusedError):
        AudioTranscription.create("openai/ear", tmp_path / "words.txt")
    with pytest.raises(ValidationError):
        AudioTranscription.create("openai/ear", 5)
    assert len(server.requests) == before


async def test_open_files_are_sent_under_their_name_and_stay_open(server, tmp_path):
    path = tmp_path / "take.wav"
    path.write_bytes(WAV)
    with path.open("rb") as file:
        assert (await AudioTranscription.acreate("openai/ear", file)).text == "transcriptions"
        assert not file.closed
    sent = server.of("/v1/audio/transcriptions")[-1]
    assert b'filename="take.wav"' in sent
    assert WAV in sent
    await AudioTranscription.acreate("openai/ear", io.BytesIO(WAV), filename="bare.wav")
    assert b'filename="bare.wav"' in server.of("/v1/audio/transcriptions")[-1]
    assert (await File.aupload(io.BytesIO(b"abc"), provider="openai", filename="b.txt")).filename == "a.txt"
    assert b'filename="b.txt"' in server.of("/v1/files")[-1]


def test_open_files_that_cannot_be_sent_are_refused(server, tmp_path):
    path = tmp_path / "take.wav"
    path.write_bytes(WAV)
    with path.open(encoding="latin-1") as text, pytest.raises(ValidationError, match='"rb"'):
        AudioTranscription.create("openai/ear", text)
    with pytest.raises(FileRefusedError, match="closed file"):
        AudioTranscription.create("openai/ear", text)
    with pytest.raises(ValidationError, match="file must be bytes"):
        AudioTranscription.create("openai/ear", io.BytesIO())
    with open(os.devnull, "wb") as writing, pytest.raises(FileRefusedError):
        File.upload(writing, provider="openai")
    with open("/dev/zero" if os.path.exists("/dev/zero") else path, "rb") as endless:
        if endless.name == "/dev/zero":
            with pytest.raises(FileRefusedError, match="more than 104"):
                File.upload(endless, provider="openai")
    assert server.requests == []


@pytest.mark.parametrize(
    ("call", "field", "words"),
    [
        (lambda: Embedding.create("openai/m", []), "input", "input holds 0 texts"),
        (lambda: Embedding.create("openai/m", ["a", ""]), "input[1]", "input[1] must be a text that is not empty"),
        (lambda: Speech.create("openai/m", ""), "input", "input must be"),
        (lambda: Speech.create("openai/m", "x", response_format="M P 3"), "response_format", "response_format must be"),
        (lambda: AudioTranscription.create("openai/m", b""), "file", "file must be bytes"),
        (lambda: AudioTranscription.create("openai/m", ("take", WAV)), "filename", "filename must be the name of a file"),
        (lambda: File.upload(("a/b", b"x"), provider="openai"), "filename", "filename must be the name of a file"),
    ],
)
def test_what_is_refused_is_called_as_it_was_given(server, call, field, words):
    with pytest.raises(ValidationError) as caught:
        call()
    assert caught.value.field == field
    assert str(caught.value).startswith(words)
    assert server.requests == []


def test_speech(server):
    response = Speech.create("openai/voice", "hello", "alloy", response_format="wav", speed=1.5)
    assert response.content == b"sound"
    assert as_json(response)["content"] == "c291bmQ="
    sent = server.of("/v1/audio/speech")[-1]
    assert (sent["input"], sent["voice"], sent["response_format"], sent["speed"]) == ("hello", "alloy", "wav", 1.5)


def test_stored_files(server, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    stored = File.upload(path, provider="openai", purpose="batch")
    assert (stored.id, stored.filename, stored.bytes, stored.provider) == ("file-1", "a.txt", 3, "openai")
    assert b"abc" in server.of("/v1/files")[-1]
    assert b"batch" in server.of("/v1/files")[-1]
    assert as_json(stored)["object"] == "file"
    assert [each.filename for each in File.list(provider="openai")] == ["a.txt"]
    assert File.download("file-1", provider="openai") == b"abc"
    assert as_json(File.delete("file-1", provider="openai")) == {
        "id": "file-1",
        "object": "file",
        "deleted": True,
        "provider": "openai",
    }


def test_what_a_server_does_not_offer_names_those_that_do(server):
    with pytest.raises(UnsupportedFeatureError, match="OpenAI"):
        Speech.create("ollama/tiny", "hello")
    with pytest.raises(UnsupportedFeatureError, match="OpenAI"):
        File.list(provider="ollama")
    assert server.requests == []


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: Embedding.create("openai/x", 5), "input"),
        (lambda: Embedding.create("openai/x", "a", size=5), "size"),
        (lambda: Embedding.create("x", "a"), "model"),
        (lambda: Image.create("openai/x", "a", n=0), "n"),
        (lambda: Image.create("openai/x", "a", references=["gone.png"]), "file"),
        (lambda: Speech.create("openai/x", ""), "input"),
        (lambda: File.upload(b"abc", provider="nowhere"), "provider"),
        (lambda: File.upload(b"abc", provider="openai", extra={}), "extra"),
        (lambda: File.download(" ", provider="openai"), "file_id"),
        (lambda: File.delete(None, provider="openai"), "file_id"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(server, call, field):
    with pytest.raises(ValidationError) as caught:
        call()
    assert caught.value.field == field
    assert server.requests == []


async def test_sync_calls_in_a_coroutine_name_their_twins(server):
    for call, twin in (
        (lambda: Embedding.create("openai/x", "a"), "Embedding.acreate"),
        (lambda: Image.create("openai/x", "a"), "Image.acreate"),
        (lambda: AudioTranscription.create("openai/x", b"a"), "AudioTranscription.acreate"),
        (lambda: AudioTranslation.create("openai/x", b"a"), "AudioTranslation.acreate"),
        (lambda: Speech.create("openai/x", "a"), "Speech.acreate"),
        (lambda: File.upload(b"a", provider="openai"), "File.aupload"),
        (lambda: File.download("a", provider="openai"), "File.adownload"),
        (lambda: File.list(provider="openai"), "File.alist"),
        (lambda: File.delete("a", provider="openai"), "File.adelete"),
    ):
        with pytest.raises(RuntimeError) as caught:
            call()
        assert f"await {twin}(...)" in str(caught.value)
