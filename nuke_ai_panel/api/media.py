"""Vectors, pictures and speech: ``Embedding``, ``Image``, ``AudioTranscription``, ``AudioTranslation``, ``Speech``.

Each has ``create`` and its async twin ``acreate``. Models are named ``provider/model``. What a server does not offer is an
``UnsupportedFeatureError`` that names those that do. All raise what :class:`~nuke_ai_panel.api.chat.ChatCompletion` raises.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from nuke_ai_panel.aio.loop_thread import background
from nuke_ai_panel.api.arguments import (
    EmbeddingArguments,
    ImageArguments,
    SpeechArguments,
    TranscriptionArguments,
    extra_of,
    hide_key,
    text_of,
)
from nuke_ai_panel.api.attachments import SOUND, open_file, parts_of
from nuke_ai_panel.api.calling import ask, call_of
from nuke_ai_panel.api.responses import EmbeddingResponse, ImageResponse, SpeechResponse, TranscriptionResponse
from nuke_ai_panel.messages import ImagePart
from nuke_ai_panel.operations import EmbeddingRequest, ImageRequest, SpeechRequest, TranscriptionRequest
from nuke_ai_panel.providers.base import Provider
from nuke_ai_panel.validators.values import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Unpack

    from nuke_ai_panel.api.arguments import FileInput

__all__ = ["AudioTranscription", "AudioTranslation", "Embedding", "Image", "Speech"]

_EMBEDDING = frozenset(EmbeddingArguments.__annotations__)
_IMAGE = frozenset(ImageArguments.__annotations__)
_SPEECH = frozenset(SpeechArguments.__annotations__)
_TRANSCRIPTION = frozenset(TranscriptionArguments.__annotations__)


class Embedding:
    """Turn texts into vectors: ``response.data[0].embedding``."""

    @staticmethod
    def create(model: str, input: str | Sequence[str], **arguments: Unpack[EmbeddingArguments]) -> EmbeddingResponse:  # noqa: A002
        """Return one vector for each text, in their order."""
        given = hide_key(arguments)
        return background().run(lambda: _embedding(model, input, given), twin="Embedding.acreate")

    @staticmethod
    async def acreate(model: str, input: str | Sequence[str], **arguments: Unpack[EmbeddingArguments]) -> EmbeddingResponse:  # noqa: A002
        """Return one vector for each text, in their order."""
        return await _embedding(model, input, hide_key(arguments))


async def _embedding(model: str, texts: object, arguments: Mapping[str, object]) -> EmbeddingResponse:
    call = await call_of(model, arguments, _EMBEDDING, "Embedding.create")
    if not isinstance(texts, (str, list, tuple)):
        refuse("input", texts, "a text or a list of texts")
    request = EmbeddingRequest(
        call.asked.model,
        (texts,) if isinstance(texts, str) else tuple(texts),
        cast(Any, arguments.get("dimensions")),
        extra_of(arguments),
    )
    found = await ask(call.place, Provider.embed, request, names={"texts": "input"})
    return EmbeddingResponse.of(found, call.asked.provider)


class Image:
    """Make pictures: ``response.data[0].data`` or ``.b64_json``; where the server gives only an address, ``.url``."""

    @staticmethod
    def create(model: str, prompt: str, **arguments: Unpack[ImageArguments]) -> ImageResponse:
        """Return the pictures that `prompt` asks for."""
        given = hide_key(arguments)
        return background().run(lambda: _image(model, prompt, given), twin="Image.acreate")

    @staticmethod
    async def acreate(model: str, prompt: str, **arguments: Unpack[ImageArguments]) -> ImageResponse:
        """Return the pictures that `prompt` asks for."""
        return await _image(model, prompt, hide_key(arguments))


async def _image(model: str, prompt: str, arguments: Mapping[str, object]) -> ImageResponse:
    call = await call_of(model, arguments, _IMAGE, "Image.create")
    n = arguments.get("n")
    async with parts_of(arguments.get("references"), "references") as parts:
        for place, part in enumerate(parts):
            if not isinstance(part, ImagePart):
                refuse(f"references[{place}]", part, "a picture")
        request = ImageRequest(
            call.asked.model,
            prompt,
            1 if n is None else cast(int, n),
            text_of(arguments, "size") or "",
            text_of(arguments, "quality") or "",
            cast("tuple[ImagePart, ...]", parts),
            extra_of(arguments),
        )
        created = int(time.time())
        return ImageResponse.of(await ask(call.place, Provider.generate_images, request), call.asked.provider, created)


class AudioTranscription:
    """Write down what is said in a recording: ``response.text``."""

    @staticmethod
    def create(model: str, file: FileInput, **arguments: Unpack[TranscriptionArguments]) -> TranscriptionResponse:
        """Return the words in `file`: a path, a checked file, bytes, ``(name, bytes)``, or a file open for reading bytes."""
        given = hide_key(arguments)
        return background().run(lambda: _transcription(model, file, given), twin="AudioTranscription.acreate")

    @staticmethod
    async def acreate(model: str, file: FileInput, **arguments: Unpack[TranscriptionArguments]) -> TranscriptionResponse:
        """Return the words in `file`; see :meth:`create`."""
        return await _transcription(model, file, hide_key(arguments))


class AudioTranslation:
    """Write down in English what is said in a recording: ``response.text``."""

    @staticmethod
    def create(model: str, file: FileInput, **arguments: Unpack[TranscriptionArguments]) -> TranscriptionResponse:
        """Return the words in `file` in English; see :meth:`AudioTranscription.create`."""
        given = hide_key(arguments)
        return background().run(lambda: _transcription(model, file, given, translate=True), twin="AudioTranslation.acreate")

    @staticmethod
    async def acreate(model: str, file: FileInput, **arguments: Unpack[TranscriptionArguments]) -> TranscriptionResponse:
        """Return the words in `file` in English; see :meth:`AudioTranscription.acreate`."""
        return await _transcription(model, file, hide_key(arguments), translate=True)


async def _transcription(
    model: str, file: object, arguments: Mapping[str, object], *, translate: bool = False
) -> TranscriptionResponse:
    name = "AudioTranslation.create" if translate else "AudioTranscription.create"
    call = await call_of(model, arguments, _TRANSCRIPTION, name)
    called = text_of(arguments, "filename") or "audio.wav"
    async with open_file(file, "file", name=called, allowed=SOUND) as recording:
        request = TranscriptionRequest(
            call.asked.model,
            recording.data,
            recording.name,
            text_of(arguments, "language") or "",
            text_of(arguments, "prompt") or "",
            extra_of(arguments),
        )
        operation = Provider.translate if translate else Provider.transcribe
        found = await ask(call.place, operation, request, names={"data": "file", "name": "filename"})
        return TranscriptionResponse.of(found, call.asked.provider)


class Speech:
    """Speak a text: ``response.content`` is an audio file."""

    @staticmethod
    def create(model: str, input: str, voice: str = "", **arguments: Unpack[SpeechArguments]) -> SpeechResponse:  # noqa: A002
        """Return `input` as it is spoken by `voice`, "" for the server's usual one."""
        given = hide_key(arguments)
        return background().run(lambda: _speech(model, input, voice, given), twin="Speech.acreate")

    @staticmethod
    async def acreate(model: str, input: str, voice: str = "", **arguments: Unpack[SpeechArguments]) -> SpeechResponse:  # noqa: A002
        """Return `input` as it is spoken by `voice`, "" for the server's usual one."""
        return await _speech(model, input, voice, hide_key(arguments))


async def _speech(model: str, text: str, voice: str, arguments: Mapping[str, object]) -> SpeechResponse:
    call = await call_of(model, arguments, _SPEECH, "Speech.create")
    request = SpeechRequest(
        call.asked.model,
        text,
        voice,
        text_of(arguments, "response_format") or "mp3",
        cast(Any, arguments.get("speed")),
        extra_of(arguments),
    )
    found = await ask(call.place, Provider.speak, request, names={"text": "input", "format": "response_format"})
    return SpeechResponse.of(found, call.asked.provider)
