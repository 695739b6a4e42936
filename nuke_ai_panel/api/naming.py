"""Let an error of a check name what the caller gave, and not the field of ours that was made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import JsonObject

__all__ = ["name_argument", "name_in_messages"]

_IN_MESSAGE = re.compile(r"messages\[(\d+)\]\.(?:text|parts\[(\d+)\])")

_IN_PART: Mapping[object, Mapping[str, str]] = {
    "image_url": {"url": "image_url.url", "data": "image_url.url", "media_type": "image_url.url"},
    "input_audio": {"data": "input_audio.data", "format": "input_audio.format"},
    "file": {"name": "file.filename", "file_id": "file.file_id", "data": "file.file_data", "media_type": "file.file_data"},
}
"""By the type of a part of a message: the names of our fields in the form it was given in."""


def name_argument(error: ValidationError, names: Mapping[str, str]) -> None:
    """Call the field of `error` by the name in `names` of the argument that it was made of, in the message too."""
    name = re.split(r"[.\[]", error.field, maxsplit=1)[0]
    if name in names:
        _rename(error, names[name] + error.field[len(name) :], name, names[name])


def name_in_messages(error: ValidationError, messages: object) -> None:
    """Call the field of `error` as it was given in `messages` (in the OpenAI form), or ``prompt`` where they are one text."""
    found = _IN_MESSAGE.match(error.field)
    if found is None:
        return
    place = int(found[1])
    if isinstance(messages, str):
        _rename(error, "prompt")
    elif isinstance(messages, Sequence) and place < len(messages) and isinstance(messages[place], Mapping):
        rest = error.field[found.end() :].lstrip(".")
        field = _in_message(place, messages[place], found[2], rest)
        _rename(error, field)


def _in_message(place: int, message: JsonObject, part: str | None, rest: str) -> str:
    where, content = f"messages[{place}].content", message.get("content")
    if not isinstance(content, Sequence) or isinstance(content, str):
        # Its parts can only be attachments.
        return where if part is None else f"attachments[{part}]"
    # A text at the beginning is no part of ours.
    begins_with_text = bool(content) and isinstance(content[0], Mapping) and content[0].get("type") == "text"
    number = 0 if part is None else int(part) + begins_with_text
    if number >= len(content):
        return f"attachments[{number - len(content)}]"
    given = content[number]
    names = _IN_PART.get(given.get("type"), {}) if isinstance(given, Mapping) else {}
    inner = "text" if part is None else names.get(rest, rest)
    return f"{where}[{number}].{inner}" if inner else f"{where}[{number}]"


def _rename(error: ValidationError, field: str, *former_and_new: str) -> None:
    """Give `error` another field; its message names that, or begins with the former one of `former_and_new`."""
    message = str(error)
    if error.field in message:
        message = message.replace(error.field, field, 1)
    elif former_and_new and message.startswith(f"{former_and_new[0]} "):
        message = former_and_new[1] + message[len(former_and_new[0]) :]
    error.args, error.message = (message,), message
    error.field = field
