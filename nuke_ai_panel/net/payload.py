"""The body of a request: JSON, also with large contents in it, or a form with a file.

A small body is one ``bytes`` object. Contents that lie in files, and large ones in memory, are read and encoded piece by piece
in a worker thread while they are sent, with a length that is known beforehand, so that memory stays flat whatever their size.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Union

from nuke_ai_panel.aio.daemon_work import in_worker
from nuke_ai_panel.errors import FileRefusedError, ValidationError
from nuke_ai_panel.messages import Content

__all__ = ["Base64", "Body", "FormFile", "StreamedBody", "body_of", "encode_json"]

_SMALL = 256 * 1024
"""Bytes. What lies in memory and is not larger goes into the body at once."""

# A multiple of three, so that every piece of base64 but the last ends without padding.
_PIECE = 192 * 1024


@dataclass(frozen=True)
class Base64:
    """Stands in a JSON body for the text ``prefix`` followed by the base64 of ``data``."""

    data: bytes | Content = field(repr=False)
    prefix: str = ""


@dataclass(frozen=True)
class FormFile:
    """A form (``multipart/form-data``) with one file in its field ``field_name``, and text fields beside it."""

    field_name: str
    file_name: str
    data: bytes | Content = field(repr=False)
    media_type: str = "application/octet-stream"
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Encoded:
    """``data`` as it lies in the body: as it is, or as base64."""

    data: bytes | Content
    as_base64: bool

    @property
    def size(self) -> int:
        plain = _size(self.data)
        return (plain + 2) // 3 * 4 if self.as_base64 else plain

    def pieces(self) -> Iterator[bytes]:
        for piece in _even(self.data):
            yield base64.b64encode(piece) if self.as_base64 else piece


class StreamedBody:
    """A body that is read while it is sent. Every :meth:`pieces` begins it anew, so that a request can be repeated.

    Attributes:
        size: bytes of the whole body.
        position: bytes that the current sending has read so far.
        failure: why the current sending broke off, where that was the content's fault and not the connection's.
    """

    def __init__(self, segments: list[bytes | _Encoded]) -> None:
        self._segments = segments
        self.size = sum(segment.size if isinstance(segment, _Encoded) else len(segment) for segment in segments)
        self.position = 0
        self.failure: Exception | None = None

    @property
    def is_read(self) -> bool:
        """Whether the current sending has read the body to its end."""
        return self.position >= self.size

    def pieces(self) -> BodyPieces:
        """Return the pieces of the whole body, from its first byte on."""
        self.position = 0
        self.failure = None
        return BodyPieces(self, self._read())

    def _read(self) -> Iterator[bytes]:
        for segment in self._segments:
            if isinstance(segment, _Encoded):
                yield from segment.pieces()
            else:
                yield segment


class BodyPieces:
    """One sending of a :class:`StreamedBody`: an asynchronous iterator whose every step runs in a worker thread.

    It is no asynchronous generator, because one that is given up half-way needs its loop once more to be closed.
    """

    def __init__(self, body: StreamedBody, pieces: Iterator[bytes]) -> None:
        self._body = body
        self._pieces = pieces

    def __aiter__(self) -> BodyPieces:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await in_worker(lambda: next(self._pieces, None))
        # A content may be anybody's; whatever it raises is the reason why the request is not sent.
        except Exception as error:  # noqa: BLE001
            self._body.failure = error
        else:
            if piece is None:
                raise StopAsyncIteration
            self._body.position += len(piece)
            return piece
        # The HTTP library hangs what comes out of here on errors of its own; it gets one that says nothing.
        raise ConnectionAbortedError("the body could not be read")


Body = Union[bytes, StreamedBody]


def body_of(value: object) -> tuple[Body, str]:
    """Return the body for `value`, a :class:`FormFile` or what is to be sent as JSON, and its media type.

    Raises:
        ValidationError: a form's names or types hold line breaks.
        TypeError: something in `value` has no place in JSON.
    """
    if isinstance(value, FormFile):
        return _form(value)
    return _json(value), "application/json"


def encode_json(value: object) -> bytes:
    """Return `value` as compact JSON in UTF-8, contents of files and all: it reads them, and so it may block."""

    def spelled(part: object) -> str:
        return _spelled(_base64_of(part))

    return _dumps(value, spelled)


def _json(value: object) -> Body:
    try:
        return _PLAIN.encode(value).encode("utf-8")
    except TypeError:
        # There is more in it than text and numbers.
        pass
    marker = ""
    streamed: list[_Encoded] = []

    def spelled(part: object) -> str:
        nonlocal marker
        found = _base64_of(part)
        if isinstance(found.data, bytes) and len(found.data) <= _SMALL:
            return _spelled(found)
        # Nobody can have written it into a prompt: it is made here and now.
        marker = marker or f"[{secrets.token_hex(24)}]"
        streamed.append(_Encoded(found.data, as_base64=True))
        return found.prefix + marker

    whole = _dumps(value, spelled)
    if not streamed:
        return whole
    fixed = whole.split(marker.encode("ascii"))
    segments: list[bytes | _Encoded] = [fixed[0]]
    for content, after in zip(streamed, fixed[1:]):
        segments += (content, after)
    return StreamedBody(segments)


_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _dumps(value: object, spelled: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=spelled).encode("utf-8")  # type: ignore[arg-type]


def _base64_of(part: object) -> Base64:
    if isinstance(part, Base64):
        return part
    raise TypeError(f"{type(part).__name__} has no place in a request")


def _spelled(part: Base64) -> str:
    return part.prefix + b"".join(_Encoded(part.data, as_base64=True).pieces()).decode("ascii")


def _form(form: FormFile) -> tuple[Body, str]:
    boundary = f"panel-{secrets.token_hex(16)}"
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+(?:; ?[\w.+-]+=[\w.+-]+)*", form.media_type, re.ASCII):
        raise ValidationError(
            f"{form.media_type!r} is no media type; one looks like audio/wav.",
            field="media_type",
            value=repr(form.media_type)[:80],
            allowed="type/subtype",
        )
    head = bytearray()
    for name, text in form.fields.items():
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'.encode()
        head += text.encode("utf-8", "replace") + b"\r\n"
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(form.field_name)}";'
        f' filename="{_quoted(_bare(form.file_name))}"\r\nContent-Type: {form.media_type}\r\n\r\n'
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    if isinstance(form.data, bytes) and len(form.data) <= _SMALL:
        return bytes(head) + form.data + tail, kind
    return StreamedBody([bytes(head), _Encoded(form.data, as_base64=False), tail]), kind


def _bare(file_name: str) -> str:
    """Return the last part of a path: the folders of this machine are nobody's business."""
    return re.split(r"[/\\]", file_name)[-1] or "file"


def _quoted(name: str) -> str:
    # As browsers quote names in a form: https://html.spec.whatwg.org/#multipart-form-data
    name = name.encode("utf-8", "replace").decode("utf-8")
    return "".join("_" if ord(letter) < 0x20 and letter not in "\r\n" else letter for letter in name).translate(
        {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}
    )


def _size(data: bytes | Content) -> int:
    return len(data) if isinstance(data, bytes) else data.size


def _even(data: bytes | Content) -> Iterator[bytes]:
    """Yield `data` in pieces of equal size but the last.

    Raises:
        FileRefusedError: it is longer or shorter than it said it is, or cannot be read.
    """
    if isinstance(data, bytes):
        for start in range(0, len(data), _PIECE):
            yield data[start : start + _PIECE]
        return
    announced, gathered, seen = data.size, bytearray(), 0
    try:
        for chunk in data.chunks():
            seen += len(chunk)
            if seen > announced:
                break
            with memoryview(chunk) as view:
                for start in range(0, len(chunk), _PIECE):
                    gathered += view[start : start + _PIECE]
                    while len(gathered) >= _PIECE:
                        yield bytes(gathered[:_PIECE])
                        del gathered[:_PIECE]
    except OSError as error:
        raise FileRefusedError(
            f"{_name(data)} cannot be read any more: {error.strerror or type(error).__name__}. Attach it again."
        ) from error
    if seen != announced:
        change = "longer" if seen > announced else "shorter"
        raise FileRefusedError(f"{_name(data)} became {change} while it was being sent. Attach it again when it is finished.")
    if gathered:
        yield bytes(gathered)


def _name(data: Content) -> str:
    name = getattr(data, "name", "")
    return repr(name) if isinstance(name, str) and name else "The attached file"
