"""Check what is asked of a server besides chat, and how long it may take."""

from __future__ import annotations

import re
from typing import Protocol

from nuke_ai_panel.operations import EmbeddingRequest, ImageRequest, SpeechRequest, TranscriptionRequest, UploadRequest
from nuke_ai_panel.validators.chat import check_extra, check_image
from nuke_ai_panel.validators.limits import DEFAULT_LIMITS, RequestLimits
from nuke_ai_panel.validators.values import (
    LONGEST_SECONDS,
    check_content,
    check_file_name,
    check_media_type,
    check_model,
    check_number,
    check_pattern,
    check_seconds,
    check_sequence,
    check_text,
    check_whole,
    refuse,
)

__all__ = [
    "validate_deadlines",
    "validate_embedding",
    "validate_image",
    "validate_speech",
    "validate_transcription",
    "validate_upload",
]

_RESERVED = ("model", "n", "stream")
_WORD = re.compile(r"[A-Za-z0-9:._x*-]{0,64}")
_FORMAT = re.compile(r"[a-z0-9_]{2,24}")
_LANGUAGE = re.compile(r"(?:[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8}){0,3})?")


class _Deadlines(Protocol):
    @property
    def connect(self) -> float: ...
    @property
    def first_byte(self) -> float: ...
    @property
    def call(self) -> float: ...
    @property
    def silence(self) -> float: ...
    @property
    def total(self) -> float | None: ...
    @property
    def retries(self) -> int: ...
    @property
    def retry_after(self) -> float: ...


def validate_deadlines(deadlines: _Deadlines) -> None:
    """Return if every one of `deadlines` can be kept.

    Raises:
        ValidationError: one cannot; its field is e.g. ``"deadlines.connect"``.
    """
    for name in ("connect", "first_byte", "call", "silence"):
        check_seconds(f"deadlines.{name}", getattr(deadlines, name, None))
    if getattr(deadlines, "total", 0) is not None:
        check_seconds("deadlines.total", getattr(deadlines, "total", "no such field"))
    check_whole("deadlines.retries", getattr(deadlines, "retries", None), 0, 100)
    check_number("deadlines.retry_after", getattr(deadlines, "retry_after", None), 0, LONGEST_SECONDS, " seconds")


def validate_embedding(request: EmbeddingRequest, limits: RequestLimits = DEFAULT_LIMITS) -> None:
    """Return if `request` can be sent to a server of these `limits`.

    Raises:
        ValidationError: it cannot; the error names the field, its value and what is allowed.
    """
    _check_kind(request, EmbeddingRequest)
    check_model("model", request.model)
    texts = check_sequence("texts", request.texts, "texts")
    if not 1 <= len(texts) <= limits.texts:
        refuse(
            "texts", texts, f"1 to {limits.texts} texts", f"texts holds {len(texts)} texts; 1 to {limits.texts} are allowed."
        )
    for place, text in enumerate(texts):
        if check_text(f"texts[{place}]", text) == "":
            refuse(f"texts[{place}]", text, "a text that is not empty")
    if request.dimensions is not None:
        check_whole("dimensions", request.dimensions, 1, 65536)
    check_extra(request.extra, (*_RESERVED, "input"))


def validate_image(request: ImageRequest, limits: RequestLimits = DEFAULT_LIMITS) -> None:
    """Return if `request` can be sent; see :func:`validate_embedding`."""
    _check_kind(request, ImageRequest)
    check_model("model", request.model)
    check_text("prompt", request.prompt, needed=True)
    check_whole("n", request.n, 1, limits.pictures)
    check_pattern("size", request.size, _WORD, "a size such as 1024x1024, or empty")
    check_pattern("quality", request.quality, _WORD, "a word such as high, or empty")
    for place, part in enumerate(check_sequence("references", request.references, "pictures")):
        check_image(f"references[{place}]", part, limits)
    check_extra(request.extra, _RESERVED)


def validate_transcription(request: TranscriptionRequest, limits: RequestLimits = DEFAULT_LIMITS) -> None:
    """Return if `request` can be sent; see :func:`validate_embedding`."""
    _check_kind(request, TranscriptionRequest)
    check_model("model", request.model)
    check_content("data", request.data)
    check_file_name("name", request.name)
    if "." not in request.name.strip("."):
        refuse("name", request.name, "the name of a file whose ending tells the format, e.g. audio.wav")
    check_pattern("language", request.language, _LANGUAGE, "the code of a language such as en, or empty")
    check_text("prompt", request.prompt)
    check_extra(request.extra, _RESERVED)


def validate_speech(request: SpeechRequest, limits: RequestLimits = DEFAULT_LIMITS) -> None:
    """Return if `request` can be sent; see :func:`validate_embedding`."""
    _check_kind(request, SpeechRequest)
    check_model("model", request.model)
    check_text("text", request.text, needed=True)
    check_text("voice", request.voice)
    check_pattern("format", request.format, _FORMAT, "the name of an audio format, e.g. mp3")
    if request.speed is not None:
        check_number("speed", request.speed, *limits.speed)
    check_extra(request.extra, _RESERVED)


def validate_upload(request: UploadRequest, limits: RequestLimits = DEFAULT_LIMITS) -> None:
    """Return if `request` can be sent; see :func:`validate_embedding`."""
    _check_kind(request, UploadRequest)
    check_file_name("name", request.name)
    check_content("data", request.data)
    check_media_type("media_type", request.media_type)
    check_text("purpose", request.purpose, needed=True)


def _check_kind(request: object, kind: type) -> None:
    if not isinstance(request, kind):
        refuse("request", request, f"a value of the type {kind.__name__}")
