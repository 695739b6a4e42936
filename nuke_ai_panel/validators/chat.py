"""Check a request for chat, field by field."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter, is_

from nuke_ai_panel.messages import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    JsonSchema,
    Message,
    TextPart,
    Tool,
    ToolCall,
)
from nuke_ai_panel.validators.json_schema import check_parameters, check_schema
from nuke_ai_panel.validators.limits import DEFAULT_LIMITS, RequestLimits
from nuke_ai_panel.validators.values import (
    check_choice,
    check_content,
    check_file_name,
    check_flag,
    check_json,
    check_media_type,
    check_model,
    check_number,
    check_pattern,
    check_sequence,
    check_text,
    check_whole,
    refuse,
    shown,
)

__all__ = ["check_extra", "check_image", "validate"]

_MOST_TOKENS = 2**31 - 1
_TOOL_CHOICES = ("auto", "none", "required")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TOOL_NAME_WORDS = "1 to 64 letters from a to z, digits, _ or -"
_AUDIO_FORMAT = re.compile(r"[a-z0-9]{2,16}")
_IMAGE_ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s]*|data:image/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=]+", re.IGNORECASE)
# https://pkg.go.dev/time#ParseDuration
_DURATION = re.compile(r"-?(?:0|(?:\d{1,9}(?:\.\d{0,9})?(?:ns|us|µs|ms|s|m|h)){1,6})")
#: What decides how an answer is read, and so cannot be set past the request's own fields.
_RESERVED = ("messages", "model", "n", "stream")


# Most requests hold little but a model and messages, and most messages little but a text. To see that what is left out is the
# very default takes less than to check each of the defaults.
_REST_OF_REQUEST = attrgetter(*(each.name for each in fields(ChatRequest) if each.name not in ("model", "messages", "extra")))
_NO_REST_OF_REQUEST = _REST_OF_REQUEST(ChatRequest("", ()))
_REST_OF_MESSAGE = attrgetter(*(each.name for each in fields(Message) if each.name not in ("role", "text")))
_NO_REST_OF_MESSAGE = _REST_OF_MESSAGE(Message("user"))


def validate(request: ChatRequest, limits: RequestLimits = DEFAULT_LIMITS) -> None:
    """Return if `request` can be sent to a server of these `limits`.

    Raises:
        ValidationError: it cannot; the error names the field, its value and what is allowed.
    """
    if not isinstance(request, ChatRequest):
        refuse("request", request, "a ChatRequest", f"A ChatRequest is needed, not {type(request).__name__}.")
    check_model("model", request.model)
    _check_messages(request.messages, limits)
    if all(map(is_, _REST_OF_REQUEST(request), _NO_REST_OF_REQUEST)) and type(request.extra) is dict and not request.extra:
        return
    _check_sampling(request, limits)
    _check_tools(request, limits)
    _check_response_format(request.response_format)
    _check_reasoning(request.reasoning, limits)
    check_flag("carry_features", request.carry_features)
    check_text("user", request.user)
    _check_fallbacks(request.fallback_models, limits)
    if request.context_length is not None:
        check_whole("context_length", request.context_length, 1, _MOST_TOKENS, " tokens")
    _check_keep_alive(request.keep_alive)
    check_extra(request.extra)


def _check_messages(messages: object, limits: RequestLimits) -> None:
    found = check_sequence("messages", messages, "messages")
    if not found:
        refuse("messages", messages, "at least one message", "There is no message to send: messages must hold at least one.")
    called: set[str] = set()
    asks = False
    for place, message in enumerate(found):
        if type(message) is Message and _is_plain(message, limits):
            asks = asks or (message.role == "user" and not message.text.isspace())
            continue
        field = f"messages[{place}]"
        if not isinstance(message, Message):
            refuse(field, message, "a Message", f"{field} is {shown(message)}, not a Message.")
        _check_message(field, message, limits)
        if message.role == "tool":
            _check_answers_call(field, message, called)
        for call in message.tool_calls:
            called.update((f"id {call.id}", f"name {call.name}"))
        asks = asks or (message.role == "user" and (bool(message.text.strip()) or _says_something(message.parts)))
    if not asks:
        refuse(
            "messages",
            messages,
            "a conversation with a message of the user",
            "There is nothing to ask: messages must hold one of the user with a text, a picture, a recording or a document.",
        )


def _is_plain(message: Message, limits: RequestLimits) -> bool:
    """Return whether `message` is a text that nothing is wrong with. Where that takes a closer look, it says no."""
    return (
        type(message.role) is str
        and message.role != "tool"
        and message.role in limits.roles
        and type(message.text) is str
        and message.text.isascii()
        and message.text != ""
        and all(map(is_, _REST_OF_MESSAGE(message), _NO_REST_OF_MESSAGE))
    )


def _says_something(parts: Sequence[object]) -> bool:
    return any(not isinstance(part, TextPart) or part.text.strip() for part in parts)


def _check_message(field: str, message: Message, limits: RequestLimits) -> None:
    if not isinstance(message.role, str) or message.role not in limits.roles:
        known = ", ".join(limits.roles)
        refuse(
            f"{field}.role",
            message.role,
            f"one of {known}",
            f"{field}.role must be one of {known}: it has the role {shown(message.role)}.",
        )
    check_text(f"{field}.text", message.text)
    for place, part in enumerate(check_sequence(f"{field}.parts", message.parts, "parts")):
        _check_part(f"{field}.parts[{place}]", part, message.role, limits)
    for place, call in enumerate(check_sequence(f"{field}.tool_calls", message.tool_calls, "calls")):
        _check_call(f"{field}.tool_calls[{place}]", call)
    if message.tool_calls and message.role != "assistant":
        refuse(f"{field}.tool_calls", message.tool_calls, "empty unless the role is assistant")
    for name in ("tool_call_id", "tool_name", "reasoning"):
        check_text(f"{field}.{name}", getattr(message, name))
    for place, detail in enumerate(check_sequence(f"{field}.reasoning_details", message.reasoning_details, "dicts")):
        _check_record(f"{field}.reasoning_details[{place}]", detail)


def _check_answers_call(field: str, message: Message, called: set[str]) -> None:
    by_id = bool(message.tool_call_id)
    given = f"id {message.tool_call_id}" if by_id else f"name {message.tool_name}"
    if given not in called:
        name = "tool_call_id" if by_id else "tool_name"
        refuse(
            f"{field}.{name}",
            getattr(message, name),
            "that of a call in an earlier message of the assistant",
            f"{field}.{name} is {shown(getattr(message, name))}, and must be that of a call in an earlier message of the"
            " assistant: this message answers no call.",
        )


def _check_part(field: str, part: object, role: str, limits: RequestLimits) -> None:
    if isinstance(part, TextPart):
        check_text(f"{field}.text", part.text)
        return
    if not isinstance(part, (ImagePart, AudioPart, FilePart)):
        refuse(field, part, "a TextPart, ImagePart, AudioPart or FilePart")
    if role not in ("user", "tool"):
        refuse(field, part, f"a TextPart in a message of the role {role}")
    if isinstance(part, ImagePart):
        check_image(field, part, limits)
    elif isinstance(part, AudioPart):
        check_content(f"{field}.data", part.data)
        check_pattern(f"{field}.format", part.format, _AUDIO_FORMAT, "the name of an audio format, e.g. wav or mp3")
    else:
        check_file_name(f"{field}.name", part.name)
        check_text(f"{field}.file_id", part.file_id)
        if part.file_id and part.data != b"":
            refuse(f"{field}.file_id", part.file_id, "empty where the bytes are given")
        if not part.file_id:
            check_content(f"{field}.data", part.data)
        if part.media_type != "":
            check_media_type(f"{field}.media_type", part.media_type)


def check_image(field: str, part: object, limits: RequestLimits) -> None:
    """Return if `part` is a picture that a server of these `limits` takes.

    Raises:
        ValidationError: it is none.
    """
    if not isinstance(part, ImagePart):
        refuse(field, part, "an ImagePart")
    check_text(f"{field}.url", part.url)
    if not part.url:
        check_content(f"{field}.data", part.data)
        check_media_type(f"{field}.media_type", part.media_type, family="image")
        return
    if part.data != b"":
        refuse(f"{field}.data", part.data, "empty where an address is given")
    if part.media_type != "":
        check_media_type(f"{field}.media_type", part.media_type, family="image")
    # Addresses may hold a signature that opens the picture to whoever has it.
    seen = part.url.split("?")[0].split("#")[0] if "@" not in part.url else "an address with a password"
    if not limits.image_addresses:
        refuse(f"{field}.url", seen, "empty: this server takes the bytes of a picture only")
    if _IMAGE_ADDRESS.fullmatch(part.url) is None:
        refuse(f"{field}.url", seen, "an address that begins with http:// or https://")


def _check_call(field: str, call: object) -> None:
    if not isinstance(call, ToolCall):
        refuse(field, call, "a ToolCall")
    check_text(f"{field}.id", call.id)
    check_text(f"{field}.name", call.name, needed=True, allowed="the name of a tool")
    check_text(f"{field}.arguments", call.arguments, allowed="JSON text")


def _check_sampling(request: ChatRequest, limits: RequestLimits) -> None:
    if request.temperature is not None:
        check_number("temperature", request.temperature, *limits.temperature)
    if request.top_p is not None:
        check_number("top_p", request.top_p, *limits.top_p)
    for name in ("presence_penalty", "frequency_penalty"):
        if getattr(request, name) is not None:
            check_number(name, getattr(request, name), *limits.penalty)
    if request.max_tokens is not None:
        check_whole("max_tokens", request.max_tokens, limits.min_tokens, _MOST_TOKENS)
    if request.seed is not None:
        check_whole("seed", request.seed, *limits.seed)
    check_whole("n", request.n, 1, limits.answers)
    stop = check_sequence("stop", request.stop, "texts")
    if limits.stop_texts is not None and len(stop) > limits.stop_texts:
        refuse(
            "stop",
            stop,
            f"at most {limits.stop_texts} texts",
            f"stop holds {len(stop)} texts; {limits.stop_texts} are allowed.",
        )
    for place, word in enumerate(stop):
        if not isinstance(word, str) or not word:
            refuse(
                f"stop[{place}]",
                word,
                "a text that is not empty",
                f"A stop text must be a text that is not empty; stop[{place}] is {shown(word)}.",
            )
        check_text(f"stop[{place}]", word)


def _check_tools(request: ChatRequest, limits: RequestLimits) -> None:
    names: dict[str, int] = {}
    tools = check_sequence("tools", request.tools, "tools")
    if len(tools) > limits.tools:
        refuse("tools", tools, f"at most {limits.tools} tools", f"tools holds {len(tools)} tools; {limits.tools} are allowed.")
    for place, tool in enumerate(tools):
        field = f"tools[{place}]"
        if not isinstance(tool, Tool):
            refuse(field, tool, "a Tool")
        check_pattern(f"{field}.name", tool.name, _TOOL_NAME, _TOOL_NAME_WORDS)
        if tool.name in names:
            refuse(f"{field}.name", tool.name, f"another name than that of tools[{names[tool.name]}]")
        names[tool.name] = place
        check_text(f"{field}.description", tool.description)
        check_flag(f"{field}.strict", tool.strict)
        check_parameters(f"{field}.parameters", tool.parameters)
    if request.tool_choice == "" or (request.tool_choice in ("auto", "none") and not tools):
        return
    if not tools:
        refuse("tool_choice", request.tool_choice, "empty where there are no tools")
    check_choice("tool_choice", request.tool_choice, (*_TOOL_CHOICES, *names))


def _check_response_format(value: object) -> None:
    if value is None or value == "json":
        return
    if not isinstance(value, JsonSchema):
        refuse("response_format", value, "'json', a JsonSchema or None")
    check_pattern("response_format.name", value.name, _TOOL_NAME, _TOOL_NAME_WORDS)
    check_flag("response_format.strict", value.strict)
    check_schema("response_format.schema", value.schema)


def _check_reasoning(value: object, limits: RequestLimits) -> None:
    if value is None or isinstance(value, bool):
        return
    if not isinstance(value, str) or value not in limits.efforts:
        refuse("reasoning", value, f"True, False or one of {', '.join(limits.efforts)}")


def _check_fallbacks(value: object, limits: RequestLimits) -> None:
    models = check_sequence("fallback_models", value, "names of models")
    for place, model in enumerate(models):
        check_model(f"fallback_models[{place}]", model)
    if models and not limits.routes:
        refuse(
            "fallback_models",
            value,
            "empty",
            f"fallback_models must be empty, not {len(models)} names: a server of this kind takes one model, and no others to"
            " fall back on.",
        )


def _check_keep_alive(value: object) -> None:
    allowed = "a number of seconds, or a text such as '10m' or '1h30m'"
    if value is None:
        return
    if isinstance(value, str):
        check_pattern("keep_alive", value, _DURATION, allowed)
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e9 <= value <= 1e9 or math.isnan(value):
        refuse("keep_alive", value, allowed)


def check_extra(value: object, reserved: tuple[str, ...] = _RESERVED) -> None:
    """Return if `value` can go into a body beside the fields of the request, none of which is `reserved`.

    Raises:
        ValidationError: it cannot.
    """
    _check_record("extra", value)
    assert isinstance(value, dict)
    for name in reserved:
        if name in value:
            refuse(
                f"extra[{name!r}]",
                value[name],
                "absent",
                f"extra[{name!r}] must be absent, not {shown(value[name])}: the request's own fields set it.",
            )


def _check_record(field: str, value: object) -> None:
    if not isinstance(value, dict):
        refuse(field, value, "a dict whose keys are texts")
    check_json(field, value)
