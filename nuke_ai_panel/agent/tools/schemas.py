"""The schemas of arguments, and the check of what a model wrote against them, in words that help it to do better."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import cast

from nuke_ai_panel.agent.tools.marking import quoted
from nuke_ai_panel.agent.tools.values import ToolProblem, ToolSpec
from nuke_ai_panel.messages import JsonObject
from nuke_ai_panel.nk.catalogue_suggest import closest

__all__ = ["OFFSET", "VALUE", "checked", "flag", "items", "number", "parsed", "text", "whole"]

_NAMES = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
_NAMES.update({"array": "a list", "object": "an object", "null": "null"})


def text(description: str, *, choices: Sequence[str] = (), longest: int = 400) -> JsonObject:
    """Return the schema of a text of at most `longest` characters."""
    schema: dict[str, object] = {"type": "string", "description": description, "maxLength": longest}
    if choices:
        schema = {"type": "string", "description": description, "enum": list(choices)}
    return schema


def whole(description: str, least: int = 0, most: int = 1_000_000) -> JsonObject:
    """Return the schema of a whole number."""
    return {"type": "integer", "description": description, "minimum": least, "maximum": most}


def number(description: str) -> JsonObject:
    """Return the schema of a number."""
    return {"type": "number", "description": description}


def flag(description: str) -> JsonObject:
    """Return the schema of true or false."""
    return {"type": "boolean", "description": description}


def items(description: str, of: JsonObject, *, least: int = 1, most: int = 100) -> JsonObject:
    """Return the schema of a list."""
    return {"type": "array", "description": description, "items": dict(of), "minItems": least, "maxItems": most}


OFFSET = whole("Where to go on, as a long answer says.")
VALUE: JsonObject = {
    "type": ["number", "boolean", "string", "array"],
    "description": "Number, true/false, text, or a list of numbers.",
    "items": {"type": "number"},
}


def parsed(arguments: str) -> dict[str, object]:
    """Return the arguments of a call as the model wrote them. Raises: ToolProblem."""
    try:
        value = json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ToolProblem(
            f"The arguments are not valid JSON ({error}). Send the call again with a complete JSON object."
        ) from None
    if value is None:
        return {}
    if isinstance(value, str):
        # Some models write the object as a text.
        return parsed(value) if value.strip().startswith("{") else _no_object(value)
    return value if isinstance(value, dict) else _no_object(value)


def _no_object(value: object) -> dict[str, object]:
    raise ToolProblem(f"The arguments are {_kind(value)}, not a JSON object. Send the call again with an object.")


def checked(spec: ToolSpec, arguments: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a call, numbers and truth values in quotes put right. Raises: ToolProblem."""
    return _object(cast(JsonObject, spec.schema), arguments, f"{spec.name}: ")


def _object(schema: JsonObject, value: Mapping[str, object], place: str) -> dict[str, object]:
    properties = cast(Mapping[str, JsonObject], schema.get("properties", {}))
    found: dict[str, object] = {}
    for name, each in value.items():
        if name not in properties:
            if schema.get("additionalProperties", True) is not False:
                found[name] = each
                continue
            near = closest(name, properties)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(properties)}."
            raise ToolProblem(f"{place}there is no argument {quoted(name, 60)}{hint}")
        # Models fill what they leave out with null or "".
        if each is None and name not in cast(Sequence[str], schema.get("required", ())):
            continue
        found[name] = _value(properties[name], each, f"{place}{name} ")
    for name in cast(Sequence[str], schema.get("required", ())):
        if name not in found:
            described = properties[name].get("description", "")
            raise ToolProblem(f"{place}the argument {name!r} is missing. {described}".strip())
    return found


def _value(schema: JsonObject, value: object, place: str) -> object:
    kinds = schema.get("type", ())
    allowed = (kinds,) if isinstance(kinds, str) else cast(Sequence[str], kinds)
    if allowed and not any(_is(kind, value) for kind in allowed):
        value = _put_right(allowed, value, place)
    if isinstance(value, str):
        choices = cast(Sequence[str], schema.get("enum", ()))
        if choices and value not in choices:
            near = closest(value, choices)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ToolProblem(f"{place}is one of {', '.join(choices[:20])}, not {quoted(value, 60)}{hint}")
        longest = cast(int, schema.get("maxLength", 1 << 30))
        if len(value) > longest:
            raise ToolProblem(f"{place}has {len(value)} characters; {longest} are allowed.")
        if "\0" in value:
            raise ToolProblem(f"{place}holds a zero character.")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise ToolProblem(f"{place}is a number that is not finite.")
        least, most = cast(float, schema.get("minimum", -math.inf)), cast(float, schema.get("maximum", math.inf))
        if not least <= value <= most:
            raise ToolProblem(f"{place}is from {least:g} to {most:g}, not {value}.")
    elif isinstance(value, list):
        least, most = cast(int, schema.get("minItems", 0)), cast(int, schema.get("maxItems", 10_000))
        if not least <= len(value) <= most:
            raise ToolProblem(f"{place}holds {least} to {most} entries, not {len(value)}.")
        inner = cast(JsonObject, schema.get("items", {}))
        return [_value(inner, each, f"{place}[{index}] ") for index, each in enumerate(value)]
    elif isinstance(value, dict) and "properties" in schema:
        return _object(schema, value, place)
    return value


def _is(kind: str, value: object) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    types: Mapping[str, type] = {"string": str, "array": list, "object": dict, "null": type(None)}
    return isinstance(value, types[kind])


def _put_right(allowed: Sequence[str], value: object, place: str) -> object:
    """Return what was plainly meant by a value of another type: ``"12"`` for 12, one entry for a list of one."""
    if "integer" in allowed and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        word = value.strip()
        if "boolean" in allowed and word.lower() in ("true", "false"):
            return word.lower() == "true"
        for kind, make in (("integer", int), ("number", float)):
            if kind in allowed:
                try:
                    return make(word)
                except ValueError:
                    continue
        if ("array" in allowed or "object" in allowed) and word[:1] in ("[", "{"):
            try:
                inner = json.loads(word)
            except (ValueError, RecursionError):
                inner = None
            if (isinstance(inner, list) and "array" in allowed) or (isinstance(inner, dict) and "object" in allowed):
                return inner
    if "array" in allowed and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return [value]
    if "string" in allowed and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    wanted = " or ".join(_NAMES[kind] for kind in allowed)
    raise ToolProblem(f"{place}is {wanted}, not {_kind(value)}.")


def _kind(value: object) -> str:
    for kind in ("boolean", "integer", "number", "string", "array", "object"):
        if _is(kind, value):
            return _NAMES[kind]
    return "null"
