"""Messages, content parts, tools and response formats: from the form the field writes them in to our values.

Only the *shape* is judged here. Ranges, roles and everything that depends on the model are the validators' matter.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn, cast
from urllib.parse import unquote_to_bytes

from nuke_ai_panel.api.responses import ChatMessage, ChatToolCall
from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    JsonObject,
    JsonSchema,
    Message,
    Notice,
    Part,
    Role,
    TextPart,
    Tool,
    ToolCall,
)
from nuke_ai_panel.validators.values import shown

__all__ = ["read_messages", "read_reasoning", "read_response_format", "read_tool_choice", "read_tools"]

_ROLES = {"developer": "system", "function": "tool"}
_SILENT = frozenset({"refusal", "annotations", "audio", "function_call", "images", "logprobs"})
"""Fields of an answer that do not go back to the model."""

_OF_A_QUESTION = {
    "images": 'write a picture as a part of content, {"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}},'
    " or give its file to the call as attachments=[path].",
    "audio": 'write a recording as a part of content, {"type": "input_audio", "input_audio": {"data": …, "format": "wav"}},'
    " or give its file to the call as attachments=[path].",
}
"""Fields that an answer may hold, and that would be lost in any other message."""

_PARTS = "text, image_url, input_audio, file"


def _refuse(field: str, why: str, value: object, allowed: str = "") -> NoReturn:
    raise ValidationError(f"{field} {why}", field=field, value=shown(value), allowed=allowed)


def read_messages(messages: object, notices: list[Notice]) -> tuple[Message, ...]:
    """Return `messages` (dicts in the OpenAI form, our values, answers of former calls) as our values.

    What a message holds that no server is told is added to `notices`.

    Raises:
        ValidationError: the shape is not one that can be read; ``field`` says where, e.g. ``"messages[2].content[0]"``.
    """
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable):
        _refuse("messages", 'must be a list such as [{"role": "user", "content": "…"}].', messages, "a list of messages")
    found: list[Message] = []
    for place, each in enumerate(messages):
        found.append(_message(each, f"messages[{place}]", notices))
    return tuple(found)


def _message(given: object, where: str, notices: list[Notice]) -> Message:
    if type(given) is dict and len(given) == 2:
        # Nearly every message is this one.
        role, content = given.get("role"), given.get("content")
        if type(role) is str and type(content) is str:
            return Message(cast(Role, _ROLES.get(role, role)), content)
    if isinstance(given, Message):
        return given
    if isinstance(given, ChatMessage):
        given = given.to_dict()
    if not isinstance(given, Mapping):
        _refuse(where, "must be a dict with role and content.", given, "a dict")
    fields: dict[str, object] = {str(name): value for name, value in given.items()}
    role = fields.pop("role", None)
    if not isinstance(role, str):
        _refuse(f"{where}.role", "must be a text.", role, "system, user, assistant or tool")
    role = _ROLES.get(role, role)
    text, parts = _content(fields.pop("content", None), f"{where}.content", notices)
    calls = _calls(fields.pop("tool_calls", None), f"{where}.tool_calls")
    call_id = _text(fields.pop("tool_call_id", None), f"{where}.tool_call_id")
    name = _text(fields.pop("name", None), f"{where}.name")
    thought = fields.pop("reasoning", None) or fields.pop("reasoning_content", None)
    fields.pop("reasoning_content", None)
    reasoning = _text(thought, f"{where}.reasoning")
    details = fields.pop("reasoning_details", None) or ()
    if isinstance(details, (str, Mapping)) or not isinstance(details, Sequence) or not all(map(_is_object, details)):
        _refuse(f"{where}.reasoning_details", "must be a list of dicts.", details, "a list of dicts")
    for field, value in fields.items():
        if value in (None, "", [], (), {}):
            continue
        if field in _OF_A_QUESTION and role != "assistant":
            _refuse(f"{where}.{field}", f"is not read here: {_OF_A_QUESTION[field]}", value, "parts in content")
        if field not in _SILENT:
            _refuse(f"{where}.{field}", "is no field of a message.", value, "role, content, tool_calls, tool_call_id, name")
        notices.append(Notice("ignored", f"{where}.{field} is not sent: it does not go back to a model."))
    if name and role != "tool":
        notices.append(Notice("ignored", f"The name {name!r} in {where} is not sent: no server is told who of several speaks."))
    return Message(
        cast(Role, role), text, parts, calls, call_id, name if role == "tool" else "", reasoning, tuple(map(dict, details))
    )


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)


def _text(value: object, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        _refuse(where, "must be a text.", value, "a text")
    return value


def _content(given: object, where: str, notices: list[Notice]) -> tuple[str, tuple[Part, ...]]:
    if given is None or isinstance(given, str):
        return given or "", ()
    if not isinstance(given, (list, tuple)):
        _refuse(where, "must be a text or a list of parts.", given, "a text or a list")
    parts = [_part(each, f"{where}[{place}]", notices) for place, each in enumerate(given)]
    if parts and isinstance(parts[0], TextPart):
        return parts[0].text, tuple(parts[1:])
    return "", tuple(parts)


def _part(given: object, where: str, notices: list[Notice]) -> Part:
    if isinstance(given, (TextPart, ImagePart, AudioPart, FilePart)):
        return given
    if not isinstance(given, Mapping):
        _refuse(where, "must be a dict with a type.", given, _PARTS)
    kind = given.get("type")
    for field in given:
        # A mark for a cache, say. Without it the answer is the same.
        if field not in ("type", kind) and given[field] not in (None, "", [], (), {}):
            notices.append(Notice("ignored", f"{where}.{field} is not sent: no server is told of it."))
    if kind == "text":
        text = given.get("text")
        if not isinstance(text, str):
            _refuse(f"{where}.text", "must be a text.", text, "a text")
        return TextPart(text)
    if kind == "image_url":
        return _image(given.get("image_url"), f"{where}.image_url", notices)
    if kind == "input_audio":
        sound = _record(given.get("input_audio"), f"{where}.input_audio")
        data = _decoded(sound.get("data"), f"{where}.input_audio.data")
        return AudioPart(data, _text(sound.get("format"), f"{where}.input_audio.format") or "wav")
    if kind == "file":
        return _file(_record(given.get("file"), f"{where}.file"), f"{where}.file")
    _refuse(f"{where}.type", f"is {kind!r}; known are {_PARTS}.", kind, _PARTS)


def _record(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        _refuse(where, "must be a dict.", value, "a dict")
    return value


def _image(given: object, where: str, notices: list[Notice]) -> ImagePart:
    url = given if isinstance(given, str) else _record(given, where).get("url")
    if not isinstance(url, str) or not url.strip():
        _refuse(f"{where}.url", "must be an address or a data: URI.", url, "http(s): or data:")
    detail = given.get("detail") if isinstance(given, Mapping) else None
    if detail not in (None, "", "auto"):
        notices.append(Notice("ignored", f"{where}.detail is not sent: the server chooses how closely it looks."))
    url = url.strip()
    if url[:5].lower() == "data:":
        media_type, data = _data_uri(url, f"{where}.url")
        return ImagePart(data, media_type or "image/png")
    if not url.lower().startswith(("http://", "https://")):
        _refuse(f"{where}.url", "must begin with http://, https:// or data:.", url, "http(s): or data:")
    return ImagePart(url=url)


def _file(given: Mapping[str, object], where: str) -> FilePart:
    name = _text(given.get("filename"), f"{where}.filename")
    file_id = _text(given.get("file_id"), f"{where}.file_id")
    held = given.get("file_data")
    if held is None:
        if not file_id:
            _refuse(where, "must hold file_data or file_id.", dict(given), "file_data or file_id")
        return FilePart(name, file_id=file_id)
    if isinstance(held, str) and held[:5].lower() == "data:":
        media_type, data = _data_uri(held, f"{where}.file_data")
        return FilePart(name or "file", data, media_type, file_id)
    return FilePart(name or "file", _decoded(held, f"{where}.file_data"), "", file_id)


def _data_uri(uri: str, where: str) -> tuple[str, bytes]:
    head, comma, body = uri[5:].partition(",")
    if not comma:
        _refuse(where, "is a data: URI without a comma.", uri, "data:<type>;base64,<data>")
    media_type, *options = [option.strip() for option in head.split(";")]
    if "base64" in (option.lower() for option in options):
        return media_type.lower(), _decoded(body, where)
    return media_type.lower(), unquote_to_bytes(body)


def _decoded(value: object, where: str) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if not isinstance(value, str):
        _refuse(where, "must be base64 text.", value, "base64")
    try:
        data = base64.b64decode("".join(value.split()).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = b""
    if not data:
        _refuse(where, "holds no valid base64.", value, "base64")
    return data


def _calls(given: object, where: str) -> tuple[ToolCall, ...]:
    if given is None:
        return ()
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence):
        _refuse(where, "must be a list of calls.", given, "a list")
    return tuple(_call(each, f"{where}[{place}]") for place, each in enumerate(given))


def _call(given: object, where: str) -> ToolCall:
    if isinstance(given, ToolCall):
        return given
    if isinstance(given, ChatToolCall):
        return ToolCall(given.id, given.function.name, given.function.arguments)
    fields = _record(given, where)
    function = _record(fields.get("function"), f"{where}.function")
    name = _text(function.get("name"), f"{where}.function.name")
    if not name:
        _refuse(f"{where}.function.name", "is missing.", None, "a name")
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        arguments = _written(arguments, f"{where}.function.arguments")
    words = _text(arguments, f"{where}.function.arguments")
    return ToolCall(_text(fields.get("id"), f"{where}.id"), name, words or "{}")


def _written(value: Mapping[Any, Any], where: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        _refuse(where, "cannot be written as JSON.", value, "JSON")


def read_tools(given: object) -> tuple[Tool, ...]:
    """Return `tools` as our values. Raises: ValidationError."""
    if given is None:
        return ()
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence):
        _refuse("tools", "must be a list of tools.", given, "a list")
    return tuple(_tool(each, f"tools[{place}]") for place, each in enumerate(given))


def _tool(given: object, where: str) -> Tool:
    if isinstance(given, Tool):
        return given
    fields = _record(given, where)
    kind = fields.get("type", "function")
    if kind != "function":
        _refuse(f"{where}.type", f"is {kind!r}; only functions can be carried out here.", kind, "function")
    function = _record(fields.get("function"), f"{where}.function")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        _refuse(f"{where}.function.name", "must be a text.", name, "a name")
    description = _text(function.get("description"), f"{where}.function.description")
    strict = function.get("strict")
    if strict is not None and not isinstance(strict, bool):
        _refuse(f"{where}.function.strict", "must be True or False.", strict, "True or False")
    parameters = function.get("parameters")
    if parameters is None:
        return Tool(name, description, strict=bool(strict))
    return Tool(name, description, cast(JsonObject, parameters), bool(strict))


def read_tool_choice(given: object) -> str:
    """Return which tool must be called: "auto", "none", "required" or a name. Raises: ValidationError."""
    if given is None:
        return ""
    if isinstance(given, str):
        return given
    fields = _record(given, "tool_choice")
    function = fields.get("function")
    name = function.get("name") if isinstance(function, Mapping) else fields.get("name")
    if fields.get("type") != "function" or not isinstance(name, str) or not name:
        allowed = 'auto, none, required or {"type": "function", "function": {"name": …}}'
        _refuse("tool_choice", f"must be {allowed}.", given, allowed)
    return name


def read_response_format(given: object) -> Literal["json"] | JsonSchema | None:
    """Return the form that the answer must have. Raises: ValidationError."""
    if given is None or isinstance(given, JsonSchema):
        return given
    if given == "json":
        return "json"
    allowed = '{"type": "json_object"} or {"type": "json_schema", "json_schema": {"name": …, "schema": …}}'
    kind = given.get("type") if isinstance(given, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return "json"
    if kind != "json_schema" or not isinstance(given, Mapping):
        _refuse("response_format", f"must be {allowed}.", given, allowed)
    held = _record(given.get("json_schema"), "response_format.json_schema")
    schema = _record(held.get("schema"), "response_format.json_schema.schema")
    name = _text(held.get("name"), "response_format.json_schema.name") or "answer"
    strict = held.get("strict")
    if strict is not None and not isinstance(strict, bool):
        _refuse("response_format.json_schema.strict", "must be True or False.", strict, "True or False")
    return JsonSchema(schema, name, True if strict is None else strict)


def read_reasoning(given: object, effort: object) -> bool | str | None:
    """Return how much the model is to think: True, False, an amount such as "low", or None. Raises: ValidationError."""
    if isinstance(given, Mapping):
        unknown = sorted(set(map(str, given)) - {"effort", "enabled"})
        if unknown:
            _refuse(f"reasoning.{unknown[0]}", "is not known here; put it into extra_body.", given, "effort, enabled")
        given = given.get("effort") if given.get("effort") is not None else given.get("enabled")
    if given is not None and effort is not None and given != effort:
        _refuse("reasoning_effort", "and reasoning differ.", effort)
    found = given if given is not None else effort
    if found is None or isinstance(found, (bool, str)):
        return found
    _refuse("reasoning", 'must be True, False or an amount such as "low".', found, 'True, False, "low", "medium", "high"')
