"""What servers do besides chat: embeddings, pictures, speech, files. Frozen values, no I/O, no provider names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nuke_ai_panel.messages import Content, ImagePart, JsonObject, Usage

__all__ = [
    "OPERATIONS",
    "EmbeddingRequest",
    "Embeddings",
    "ImageRequest",
    "Images",
    "RemoteFile",
    "Speech",
    "SpeechRequest",
    "Transcription",
    "TranscriptionRequest",
    "UploadRequest",
]

OPERATIONS: Mapping[str, str] = {
    "embed": "embeddings",
    "generate_images": "picture generation",
    "transcribe": "transcription",
    "translate": "translation of speech",
    "speak": "speech",
    "upload_file": "file storage",
    "list_files": "file storage",
    "download_file": "file storage",
    "delete_file": "file storage",
}
"""Method of a provider to what a person calls it."""


@dataclass(frozen=True)
class EmbeddingRequest:
    """Texts to be turned into vectors. ``dimensions`` shortens them where the model can."""

    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Embeddings:
    """One vector for each text, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class ImageRequest:
    """A picture to be made. ``size`` is e.g. ``"1024x1024"``; ``references`` are pictures to start from."""

    model: str
    prompt: str
    n: int = 1
    size: str = ""
    quality: str = ""
    references: tuple[ImagePart, ...] = ()
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Images:
    """The pictures of one request, each with its bytes or its address."""

    images: tuple[ImagePart, ...]
    model: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class TranscriptionRequest:
    """A recording to be written down, or translated into English. ``name`` is a file name whose ending tells the format."""

    model: str
    data: bytes | Content = field(repr=False)
    name: str = "audio.wav"
    language: str = ""
    prompt: str = ""
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Transcription:
    """What was said. ``duration`` is seconds, None where the server does not say."""

    text: str
    model: str
    language: str = ""
    duration: float | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class SpeechRequest:
    """A text to be spoken. ``format`` is e.g. ``"mp3"`` or ``"wav"``; ``speed`` 1.0 is normal."""

    model: str
    text: str
    voice: str = ""
    format: str = "mp3"
    speed: float | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Speech:
    """A spoken text: the bytes of an audio file."""

    data: bytes = field(repr=False)
    media_type: str
    model: str


@dataclass(frozen=True)
class UploadRequest:
    """A file to be stored at the server. ``purpose`` is in the server's words, e.g. ``"user_data"``."""

    name: str
    data: bytes | Content = field(repr=False)
    media_type: str = "application/octet-stream"
    purpose: str = "user_data"


@dataclass(frozen=True)
class RemoteFile:
    """A file that a server keeps. ``size`` is bytes, ``created`` seconds since the epoch; None where it does not say."""

    id: str
    name: str
    size: int | None = None
    created: float | None = None
    purpose: str = ""
