"""Check a request before a byte of it is sent."""

from __future__ import annotations

import math
from typing import get_args

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import ChatRequest, Message, Role
from nuke_ai_panel.validators.limits import DEFAULT_LIMITS, RequestLimits

__all__ = ["validate"]

_ROLES = get_args(Role)


def validate(request: ChatRequest, limits: RequestLimits = DEFAULT_LIMITS) -> None:
    """Return if `request` can be sent to a server of these `limits`.

    Raises:
        ValidationError: it cannot; the message says which part and why.
    """
    if not isinstance(request, ChatRequest):
        raise ValidationError(f"A ChatRequest is needed, not {type(request).__name__}.")
    _validate_model(request.model)
    if not request.messages:
        raise ValidationError("There is no message to send.")
    for place, message in enumerate(request.messages, 1):
        _validate_message(place, message)
    if not any(message.role == "user" and message.text.strip() for message in request.messages):
        raise ValidationError("There is nothing to ask: the conversation has no message of the user with text in it.")
    _validate_temperature(request.temperature)
    limit = request.max_tokens
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValidationError(f"max_tokens must be a whole number of at least 1, not {limit!r}.")
    if isinstance(request.stop, str):
        raise ValidationError("stop must be a tuple of texts, not one text.")
    for word in request.stop:
        if not isinstance(word, str) or not word:
            raise ValidationError(f"A stop text must be a text that is not empty, not {word!r}.")
        _validate_text("A stop text", word)


def _validate_model(model: str) -> None:
    if not isinstance(model, str) or not model.strip():
        raise ValidationError("No model is chosen. Choose one first.")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in model):
        raise ValidationError(f"{model!r} is not the name of a model: it holds control characters.")
    _validate_text("The model's name", model)


def _validate_message(place: int, message: Message) -> None:
    if not isinstance(message, Message):
        raise ValidationError(f"Message {place} is a {type(message).__name__}, not a Message.")
    if message.role not in _ROLES:
        raise ValidationError(f"Message {place} has the role {message.role!r}; known are {', '.join(_ROLES)}.")
    if not isinstance(message.text, str):
        raise ValidationError(f"The text of message {place} is a {type(message.text).__name__}, not a text.")
    _validate_text(f"Message {place}", message.text)


def _validate_text(what: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValidationError(f"{what} holds half a character at position {error.start}, which cannot be sent.") from None


def _validate_temperature(temperature: float | None) -> None:
    if temperature is None:
        return
    right_type = isinstance(temperature, (int, float)) and not isinstance(temperature, bool)
    if not right_type or not math.isfinite(temperature) or not 0 <= temperature <= 2:
        raise ValidationError(f"temperature must be a number from 0 to 2, not {temperature!r}.")
