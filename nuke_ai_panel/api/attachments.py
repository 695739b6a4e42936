"""Files that a call takes: checked, read off the loop, and closed when the call has been answered."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.files import CheckedFile, FileValidator
from nuke_ai_panel.messages import AudioPart, ChatRequest, Content, FilePart, ImagePart, Part, TextPart
from nuke_ai_panel.validators.values import shown

__all__ = ["NamedContent", "open_file", "parts_of", "with_attachments"]

_PARTS = (TextPart, ImagePart, AudioPart, FilePart)

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
    else:
        _refuse(field, given, "a path, a checked file, bytes or (name, bytes)")
