"""Check single values, and say in plain words what is wrong with one: never with file bytes, a key or a prompt in it."""

from __future__ import annotations

import math
import re
from typing import NoReturn, cast

from nuke_ai_panel.errors import ValidationError

__all__ = [
    "LONGEST_SECONDS",
    "check_choice",
    "check_content",
    "check_file_name",
    "check_flag",
    "check_json",
    "check_media_type",
    "check_model",
    "check_number",
    "check_pattern",
    "check_seconds",
    "check_sequence",
    "check_text",
    "check_whole",
    "refuse",
    "shown",
]

LONGEST_SECONDS = 1e9
_LONGEST_SHOWN = 80
_LONGEST_FIELD = 200
_DEEPEST = 64
_LARGEST_NUMBER = 2**64 - 1
_KEY = re.compile(r"(?i)\b(?:sk|pk|gsk|xai|hf|key)[-_][A-Za-z0-9_\-.*]{6,}|\bbearer\s+\S+")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9*][a-z0-9!#$&^_.+-]{0,126}")


def shown(value: object) -> str:
    """Return what a message may say of `value`: plain values as they are spelled, of everything else only its type."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        if value.startswith("data:"):
            return "a data: address"
        text = repr(_KEY.sub("[key]", value[: 4 * _LONGEST_SHOWN]))
    elif value is None or isinstance(value, (bool, float)):
        text = repr(value)
    elif isinstance(value, int):
        # A number of some thousand digits cannot be spelled since Python 3.11.
        text = repr(value) if -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER else f"a number of {value.bit_length()} bits"
    elif isinstance(value, (tuple, list, dict, set, frozenset)):
        return f"a {type(value).__name__} of {len(value)}" if value else f"an empty {type(value).__name__}"
    else:
        return f"a value of the type {type(value).__name__}"[:_LONGEST_SHOWN]
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def refuse(field: str, value: object, allowed: str, message: str = "") -> NoReturn:
    """Raise the error for `value` in `field`; without a `message` it says that the field must be `allowed`.

    Raises:
        ValidationError: always.
    """
    seen = shown(value)
    if len(field) > _LONGEST_FIELD:
        field = field[: _LONGEST_FIELD - 1] + "…"
    raise ValidationError(message or f"{field} must be {allowed}, not {seen}.", field=field, value=seen, allowed=allowed)


def check_text(field: str, value: object, *, needed: bool = False, allowed: str = "a text") -> str:
    """Return `value` if it is a text that can be sent, and not blank where it is `needed`. The text itself is never shown."""
    if not isinstance(value, str):
        refuse(field, value, allowed, f"{field} must be {allowed}, not {shown(value)}, of the type {type(value).__name__}.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        place = error.start
    else:
        place = -1
    if place >= 0:
        refuse(
            field,
            value[place],
            "a text of whole characters",
            f"{field} must be a text of whole characters: it holds half a character at position {place}, {value[place]!r}, "
            "which cannot be sent.",
        )
    if needed and not value.strip():
        refuse(field, value[:_LONGEST_SHOWN], f"{allowed}, and not empty")
    return value


def check_pattern(field: str, value: object, pattern: re.Pattern[str], allowed: str) -> str:
    """Return `value` if it is a text that `pattern` matches as a whole."""
    text = check_text(field, value, allowed=allowed)
    if pattern.fullmatch(text) is None:
        refuse(field, value, allowed)
    return text


def check_choice(field: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`."""
    allowed = f"one of {', '.join(choices)}"
    if not isinstance(value, str) or value not in choices:
        refuse(field, value, allowed)
    return value


def check_flag(field: str, value: object) -> None:
    """Return if `value` is True or False."""
    if not isinstance(value, bool):
        refuse(field, value, "True or False")


def check_number(field: str, value: object, lowest: float, highest: float, unit: str = "") -> None:
    """Return if `value` is a finite number from `lowest` to `highest`."""
    right_type = isinstance(value, (int, float)) and not isinstance(value, bool)
    number = cast(float, value)
    # NaN is in no range; a whole number too large for a float compares all the same.
    if not right_type or not lowest <= number <= highest or number in (math.inf, -math.inf):
        refuse(field, value, "a finite number" if highest == math.inf else f"a number from {lowest:g} to {highest:g}{unit}")


def check_whole(field: str, value: object, lowest: int, highest: int, unit: str = "") -> None:
    """Return if `value` is a whole number from `lowest` to `highest`."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        refuse(field, value, f"a whole number from {lowest} to {highest}{unit}")


def check_seconds(field: str, value: object) -> float:
    """Return `value` if it is a number of seconds that can be waited for."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST_SECONDS:
        refuse(field, value, f"a number of seconds above 0, at most {LONGEST_SECONDS:g}")
    return float(value)


def check_sequence(field: str, value: object, of: str) -> tuple[object, ...]:
    """Return the items of `value` if it is a tuple (or a list)."""
    if isinstance(value, str):
        # It may be anything, a prompt for example.
        refuse(field, value[:0], f"a tuple of {of}", f"{field} must be a tuple of {of}, not one text.")
    if not isinstance(value, (tuple, list)):
        refuse(field, value, f"a tuple of {of}")
    return tuple(value)


def check_model(field: str, value: object) -> None:
    """Return if `value` can be the name of a model."""
    if type(value) is str and value.isascii() and value.isprintable() and not value.isspace() and value:
        return
    allowed = "the name of a model"
    if not isinstance(value, str) or not value.strip():
        refuse(field, value, allowed, f"No model is chosen: {field} must be {allowed}, not {shown(value)}. Choose one first.")
    check_text(field, value, allowed=allowed)
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        refuse(field, value, allowed, f"{field} must be {allowed}, and {shown(value)} is none: it holds control characters.")


def check_media_type(field: str, value: object, *, family: str = "") -> None:
    """Return if `value` is a media type, of the `family` ``image`` for example."""
    example = {"image": "image/png", "audio": "audio/wav"}.get(family, "application/pdf")
    allowed = f"the media type of {'a picture' if family == 'image' else 'the content'}, e.g. {example}"
    text = check_pattern(field, value, _MEDIA_TYPE, allowed)
    if family and not text.startswith(f"{family}/"):
        refuse(field, value, allowed)


def check_file_name(field: str, value: object) -> None:
    """Return if `value` is a file's name without a folder."""
    allowed = "the name of a file, without a folder"
    text = check_text(field, value, needed=True, allowed=allowed)
    if len(text) > 255 or any(letter in '/\\"' or ord(letter) < 0x20 or ord(letter) == 0x7F for letter in text):
        refuse(field, value, allowed)


def check_content(field: str, value: object) -> None:
    """Return if `value` is bytes, or content that is read when it is sent, and not empty."""
    allowed = "bytes, or content that is read when it is sent, and not empty"
    if isinstance(value, bytes):
        if not value:
            refuse(field, value, allowed)
        return
    size = getattr(value, "size", None)
    is_content = callable(getattr(value, "chunks", None)) and isinstance(size, int) and not isinstance(value, type)
    if not is_content or cast(int, size) <= 0:
        refuse(field, value, allowed)


def check_json(field: str, value: object) -> None:
    """Return if `value` can be written as JSON as it is: dicts with text keys, lists, texts, finite numbers, no circle."""
    _check_json(field, value, ())


def _check_json(field: str, value: object, above: tuple[int, ...]) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        check_text(field, value)
    elif isinstance(value, int):
        check_whole(field, value, -_LARGEST_NUMBER, _LARGEST_NUMBER)
    elif isinstance(value, float):
        if not math.isfinite(value):
            refuse(field, value, "a finite number")
    elif isinstance(value, (dict, list, tuple)):
        if id(value) in above or len(above) >= _DEEPEST:
            refuse(field, value, f"at most {_DEEPEST} levels deep, and not a part of itself")
        above = (*above, id(value))
        if isinstance(value, dict):
            for key, item in value.items():
                if not isinstance(key, str):
                    refuse(field, key, "a dict whose keys are texts")
                check_text(f"a key of {field}", key)
                _check_json(f"{field}[{shown(key)}]", item, above)
        else:
            for place, item in enumerate(value):
                _check_json(f"{field}[{place}]", item, above)
    else:
        refuse(field, value, "a value that JSON knows: a dict, list, text, number, True, False or None")
