"""Files that a call takes: checked, read off the loop, and closed when the call has been answered."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from nuke_ai_panel.aio import in_daemon_thread
from nuke_ai_panel.errors import FileRefusedError, ValidationError
from nuke_ai_panel.files import CheckedFile, FileValidator, NamedFile
from nuke_ai_panel.files.validator import LARGEST_FILE
from nuke_ai_panel.messages import AudioPart, ChatRequest, Content, FilePart, ImagePart, Part, TextPart
from nuke_ai_panel.validators.values import shown

__all__ = ["NamedContent", "open_file", "parts_of", "with_attachments"]

_PARTS = (TextPart, ImagePart, AudioPart, FilePart)

_PIECE = 1 << 20

ANYTHING = frozenset({"*"})
SOUND = frozenset({"audio", "movie"})


@dataclass(frozen=True)
class NamedContent:
    """What a file holds, with its name and media type ("" where only its bytes were given)."""

    name: str
    data: bytes | Content = field(repr=False)
    media_type: str = ""


def _refuse(field: str, value: object, allowed: str) -> NoReturn:
    raise ValidationError(f"{field} must be {allowed}.", field=field, value=shown(value), allowed=allowed)


@contextlib.asynccontextmanager
async def parts_of(given: object, field: str) -> AsyncIterator[tuple[Part, ...]]:
    """Open the files in `given`, and give the parts of a message that show them; they stay open inside.

    Raises:
        FileRefusedError: a file cannot be attached.
        ValidationError: `given` is no list of files.
    """
    if given is None:
        yield ()
        return
    allowed = "a list of paths, checked files or parts of a message"
    if isinstance(given, (str, bytes, Mapping, os.PathLike)) or not isinstance(given, Sequence):
        _refuse(field, given, allowed)
    validator = FileValidator()
    with contextlib.ExitStack() as opened:
        parts: list[Part] = []
        for place, each in enumerate(given):
            if isinstance(each, _PARTS):
                parts.append(each)
            elif isinstance(each, CheckedFile):
                parts.append(await each.ato_part())
            elif isinstance(each, NamedFile):
                checked = opened.enter_context(await each.aopen())
                parts.append(await checked.ato_part())
            elif isinstance(each, (str, os.PathLike)):
                checked = opened.enter_context(await validator.aopen_chosen(each))
                parts.append(await checked.ato_part())
            else:
                _refuse(f"{field}[{place}]", each, "a path, a checked file or a part of a message")
        yield tuple(parts)


def with_attachments(request: ChatRequest, parts: tuple[Part, ...]) -> ChatRequest:
    """Return `request` with `parts` behind its last message of the user. Raises: ValidationError where there is none."""
    if not parts:
        return request
    messages = list(request.messages)
    for place in reversed(range(len(messages))):
        if messages[place].role == "user":
            messages[place] = replace(messages[place], parts=(*messages[place].parts, *parts))
            return replace(request, messages=tuple(messages))
    raise ValidationError(
        "attachments go with a message of the user, and there is none.", field="attachments", allowed="a message of the user"
    )


@contextlib.asynccontextmanager
async def open_file(given: object, field: str, *, name: str, allowed: frozenset[str]) -> AsyncIterator[NamedContent]:
    """Open the one file that `given` means: a path, a checked file, ``(name, bytes)``, or bytes that are called `name`.

    So may be a file that the caller has opened for reading bytes; it is read to its end, in a thread, and not closed.

    Raises:
        FileRefusedError: the file cannot be sent.
        ValidationError: `given` is none of these.
    """
    if isinstance(given, (bytes, bytearray)):
        yield NamedContent(name, bytes(given))
    elif (
        isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str) and isinstance(given[1], (bytes, bytearray))
    ):
        yield NamedContent(given[0], bytes(given[1]))
    elif isinstance(given, CheckedFile):
        yield NamedContent(given.name, given, given.media_type)
    elif isinstance(given, (str, os.PathLike)):
        with await FileValidator(allowed=allowed).aopen_chosen(given) as checked:
            yield NamedContent(checked.name, checked, checked.media_type)
    elif callable(getattr(given, "read", None)):
        yield await in_daemon_thread(lambda: _read(given, field, name))
    else:
        _refuse(field, given, "a path, a checked file, bytes, (name, bytes) or a file that is open for reading bytes")


def _read(given: object, field: str, name: str) -> NamedContent:
    read: Callable[[int], object] = given.read  # type: ignore[attr-defined]
    pieces: list[bytes] = []
    left = LARGEST_FILE + 1
    while left > 0:
        try:
            piece = read(min(left, _PIECE))
        except (OSError, ValueError) as error:
            # A closed file raises the latter.
            raise FileRefusedError(f"{field} cannot be read: {error}. Open it for reading bytes.", field=field) from error
        if not isinstance(piece, (bytes, bytearray)):
            _refuse(field, piece, 'open for reading bytes (mode "rb")')
        if not piece:
            called = getattr(given, "name", None)
            return NamedContent(os.path.basename(called) if isinstance(called, str) and called else name, b"".join(pieces))
        pieces.append(bytes(piece))
        left -= len(piece)
    raise FileRefusedError(f"{field} holds more than {LARGEST_FILE / 1_000_000:,.1f} MB. Send a smaller one.", field=field)
