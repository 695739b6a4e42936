"""What goes over the wire: the events of an answer and the errors, as JSON values of one shape."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from nuke_ai_panel.errors import APIError, NukeAIPanelError, ValidationError
from nuke_ai_panel.messages import (
    Finished,
    ImageArrived,
    ImagePart,
    JsonObject,
    ModelLoading,
    Notice,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)

__all__ = ["error_value", "event_value", "texts_of", "usage_value"]

_LONGEST_ECHO = 32
"""Characters of a prompt in a row that may not stand in an error."""

_STEP = 8


def event_value(event: StreamEvent) -> tuple[str, JsonObject] | None:
    """Return the name and the data of `event`, None where readers have nothing of it."""
    if isinstance(event, TextDelta):
        return "text", {"text": event.text, "choice": event.choice}
    if isinstance(event, ReasoningDelta):
        return "reasoning", {"text": event.text, "choice": event.choice}
    if isinstance(event, ToolCallDelta):
        value: dict[str, object] = {"index": event.index, "choice": event.choice, "arguments": event.arguments}
        if event.id or event.name:
            value.update(id=event.id, name=event.name)
        return "tool_call", value
    if isinstance(event, ImageArrived):
        return "image", {**_image_value(event.image), "choice": event.choice}
    if isinstance(event, ModelLoading):
        return "loading", {"seconds": round(event.seconds, 1)}
    if isinstance(event, Notice):
        return "notice", {"kind": event.kind, "text": event.text}
    if isinstance(event, Finished):
        return "finished", _finished_value(event)
    return None


def _image_value(image: ImagePart) -> dict[str, object]:
    if image.url:
        return {"url": image.url}
    data = image.data if isinstance(image.data, bytes) else b""
    return {"media_type": image.media_type, "data": base64.b64encode(data).decode("ascii")}


def _finished_value(event: Finished) -> dict[str, object]:
    return {
        "reason": event.reason,
        "model": event.model,
        "usage": usage_value(event.usage),
        "tool_calls": _calls(event.tool_calls),
        "others": [{"reason": outcome.reason, "tool_calls": _calls(outcome.tool_calls)} for outcome in event.others],
    }


def _calls(calls: Iterable[ToolCall]) -> list[dict[str, object]]:
    return [asdict(call) for call in calls]


def usage_value(usage: Usage) -> dict[str, object]:
    """Return what an answer cost as JSON values; what the server does not say is left out."""
    return {name: value for name, value in asdict(usage).items() if value is not None}


def error_value(error: Exception, prompts: Iterable[str] = ()) -> dict[str, object]:
    """Return `error` as JSON values. None of `prompts` shows in it, also where a server's words repeat one.

    The text that had arrived is not in it: it is in the task.
    """
    name, kind, message = type(error).__name__, "internal", "The server failed; its log says where."
    value: dict[str, object] = {}
    if isinstance(error, ValidationError):
        kind = error.kind
        # What was given may be the prompt itself.
        message = str(error).replace(error.value, "what was given") if len(error.value) > 2 else str(error)
        value = {"field": error.field, "allowed": error.allowed}
    elif isinstance(error, APIError):
        kind, message = error.kind, error.message
        value = {
            "next_step": error.next_step,
            "provider": error.provider,
            "status": error.status,
            "retry_after": error.retry_after,
        }
    elif isinstance(error, NukeAIPanelError):
        kind, message = "failed", str(error)
    else:
        name = "InternalError"
    words = [message, *(text for text in value.values() if isinstance(text, str))]
    if any(_repeats(text, prompt) for text in words for prompt in prompts):
        message = "The request failed. What was said about it is left out here, because it repeats the prompt."
        value = {key: "" if isinstance(text, str) and key != "provider" else text for key, text in value.items()}
    return {"type": name, "kind": kind, "message": message, **value}


def _repeats(text: str, prompt: str) -> bool:
    if not prompt.strip():
        return False
    if len(prompt) <= _LONGEST_ECHO:
        return len(prompt) >= _STEP and prompt in text
    # Any run of the prompt that is longer than window and step together holds one of these windows whole.
    window = _LONGEST_ECHO - _STEP
    return any(text[place : place + window] in prompt for place in range(0, len(text) - window + 1, _STEP))


def texts_of(value: object, depth: int = 20) -> list[str]:
    """Return the texts in JSON `value` that a person may have written: those of its ``messages`` and its ``prompt``."""
    if isinstance(value, str):
        return [value]
    if depth and isinstance(value, Mapping):
        return [text for key, each in value.items() if key not in _NO_PROSE for text in texts_of(each, depth - 1)]
    if depth and isinstance(value, (list, tuple)):
        return [text for each in value for text in texts_of(each, depth - 1)]
    return []


_NO_PROSE = frozenset({"role", "type", "model", "media_type", "mime_type", "detail", "format", "tool_choice"})
