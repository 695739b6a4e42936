"""JSON schemas: whether one is well formed, and whether a value follows it. The keywords that models and their servers know."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.validators.values import check_flag, check_json, check_number, check_text, check_whole, refuse, shown

__all__ = ["check_parameters", "check_schema", "problem_with"]

_TYPES: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
_DEEPEST = 32
_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("not", "if", "then", "else", "contains", "propertyNames", "additionalProperties", "additionalItems")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_BOUNDS = ("minimum", "maximum")
_OPEN_BOUNDS = ("exclusiveMinimum", "exclusiveMaximum")
_PAIRS = (
    *(("min" + word, "max" + word) for word in ("Length", "Items", "Properties")),
    _BOUNDS,
)
#: What of a schema judges the same value as the schema itself.
_SAME_VALUE = ("not", "if", "then", "else")
_WORDS = ("title", "description", "pattern", "format", "$schema", "$id", "$comment")


def check_parameters(field: str, value: object) -> None:
    """Return if `value` is a schema of the type ``object``, which is what a tool's parameters are.

    Raises:
        ValidationError: it is none; the field names the place inside of it.
    """
    check_schema(field, value)
    kind = cast(Mapping[str, object], value).get("type")
    if kind != "object":
        refuse(f"{field}.type", kind, "'object'")


def check_schema(field: str, value: object) -> None:
    """Return if `value` is a well-formed JSON schema, written as a dict.

    Raises:
        ValidationError: it is none; the field names the place inside of it.
    """
    if not isinstance(value, dict):
        refuse(field, value, "a JSON schema, as a dict")
    check_json(field, value)
    _check(field, value, value, 1)


def _check(field: str, schema: object, root: object, depth: int) -> None:
    if isinstance(schema, bool) and depth > 1:
        return
    if not isinstance(schema, dict):
        refuse(field, schema, "a JSON schema")
    if depth > _DEEPEST:
        refuse(field, schema, f"nested at most {_DEEPEST} deep")
    _check_type(f"{field}.type", schema)
    for word in _BY_NAME:
        if word in schema:
            if not isinstance(schema[word], dict):
                refuse(f"{field}.{word}", schema[word], "a dict of schemas by name")
            for name, inner in schema[word].items():
                _check(f"{field}.{word}.{name[:64]}", inner, root, depth + 1)
    for word in _LISTS:
        if word in schema:
            if not isinstance(schema[word], (list, tuple)) or not schema[word]:
                refuse(f"{field}.{word}", schema[word], "a list of schemas that is not empty")
            for place, inner in enumerate(schema[word]):
                _check(f"{field}.{word}[{place}]", inner, root, depth + 1)
    for word in _SINGLE:
        if word in schema:
            _check(f"{field}.{word}", schema[word], root, depth + 1)
    if "items" in schema:
        items = schema["items"]
        for place, inner in enumerate(items) if isinstance(items, (list, tuple)) else ():
            _check(f"{field}.items[{place}]", inner, root, depth + 1)
        if not isinstance(items, (list, tuple)):
            _check(f"{field}.items", items, root, depth + 1)
    _check_words(field, schema, root)


def _check_type(field: str, schema: Mapping[str, object]) -> None:
    if "type" not in schema:
        return
    kind = schema["type"]
    kinds = kind if isinstance(kind, (list, tuple)) else (kind,)
    if not kinds or any(not isinstance(each, str) or each not in _TYPES for each in kinds):
        wrong = next((each for each in kinds if not isinstance(each, str) or each not in _TYPES), kind)
        refuse(field, wrong, f"one of {', '.join(_TYPES)}")


def _check_words(field: str, schema: Mapping[str, object], root: object) -> None:
    if "required" in schema:
        names = schema["required"]
        if not isinstance(names, (list, tuple)) or any(not isinstance(name, str) for name in names):
            refuse(f"{field}.required", names, "a list of the names of properties")
        if len(set(names)) != len(names):
            refuse(f"{field}.required", names, "a list in which no name stands twice")
    if "enum" in schema:
        values = schema["enum"]
        if not isinstance(values, (list, tuple)) or not values:
            refuse(f"{field}.enum", values, "a list of values that is not empty")
    for word in _COUNTS:
        if word in schema:
            check_whole(f"{field}.{word}", schema[word], 0, 2**31 - 1)
    for word in _BOUNDS:
        if word in schema:
            check_number(f"{field}.{word}", schema[word], -math.inf, math.inf)
    for word in _OPEN_BOUNDS:
        # True or False in older drafts.
        if not isinstance(schema.get(word, False), bool):
            check_number(f"{field}.{word}", schema[word], -math.inf, math.inf)
    if "multipleOf" in schema:
        check_number(f"{field}.multipleOf", schema["multipleOf"], -math.inf, math.inf)
        if cast(float, schema["multipleOf"]) <= 0:
            refuse(f"{field}.multipleOf", schema["multipleOf"], "a number above 0")
    for lowest, highest in _PAIRS:
        if lowest in schema and highest in schema and cast(float, schema[lowest]) > cast(float, schema[highest]):
            refuse(f"{field}.{highest}", schema[highest], f"at least {lowest}, which is {shown(schema[lowest])}")
    for word in _WORDS:
        if word in schema:
            check_text(f"{field}.{word}", schema[word])
    if "uniqueItems" in schema:
        check_flag(f"{field}.uniqueItems", schema["uniqueItems"])
    if "$ref" in schema:
        reference = schema["$ref"]
        if not isinstance(reference, str) or not reference.startswith("#") or _target(reference, root) is None:
            refuse(f"{field}.$ref", reference, "the place of a schema inside this one, e.g. '#/$defs/name'")
        if _leads_back(schema, root):
            refuse(
                f"{field}.$ref", reference, "the place of a schema that does not lead back here without a step into the value"
            )


def _leads_back(schema: Mapping[str, object], root: object) -> bool:
    """Return whether judging a value by `schema` means to judge the very same value by it again, and so never ends."""
    seen: set[int] = set()
    left: list[object] = [schema]
    while left:
        current = left.pop()
        if not isinstance(current, dict) or id(current) in seen:
            continue
        seen.add(id(current))
        reference = current.get("$ref")
        following = [_target(reference, root)] if isinstance(reference, str) else []
        following.extend(current[word] for word in _SAME_VALUE if word in current)
        for word in ("allOf", "anyOf", "oneOf"):
            choices = current.get(word)
            following.extend(choices if isinstance(choices, (list, tuple)) else ())
        if any(each is schema for each in following):
            return True
        left.extend(following)
    return False


def _target(reference: str, root: object) -> object:
    """Return what `reference` points to inside `root`, None where that is nothing."""
    found = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, (list, tuple)) and name.isascii() and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def problem_with(value: object, schema: Mapping[str, object]) -> str:
    """Return what keeps the JSON `value` from following `schema`, e.g. ``"$.size must be one of 1, 2"``, or "".

    Keywords that this module does not know hold nothing back.
    """
    try:
        _compare("$", value, schema, schema, 0)
    except ValidationError as error:
        return str(error).rstrip(".")
    return ""


def _compare(place: str, value: object, schema: object, root: object, depth: int) -> None:
    if schema is False or depth > 4 * _DEEPEST:
        refuse(place, value, "absent")
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        _compare(place, value, _target(reference, root), root, depth + 1)
    kind = schema.get("type")
    kinds = [kind] if isinstance(kind, str) else list(kind) if isinstance(kind, (list, tuple)) else []
    if kinds and not any(_TYPES[each](value) for each in kinds if each in _TYPES):
        refuse(place, value, f"of the type {' or '.join(map(str, kinds))}")
    if "const" in schema and not _same(value, schema["const"]):
        refuse(place, value, shown(schema["const"]))
    if "enum" in schema and not any(_same(value, each) for each in schema["enum"]):
        refuse(place, value, f"one of {', '.join(shown(each) for each in schema['enum'])}")
    _compare_several(place, value, schema, root, depth)
    if isinstance(value, dict):
        _compare_object(place, value, schema, root, depth)
    elif isinstance(value, list):
        _compare_array(place, value, schema, root, depth)
    elif isinstance(value, str):
        _compare_count(place, len(value), schema, "Length", "characters")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        lowest, highest = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if not lowest <= value <= highest:
            refuse(place, value, f"from {lowest} to {highest}")
        above, below = schema.get("exclusiveMinimum", -math.inf), schema.get("exclusiveMaximum", math.inf)
        if not isinstance(above, bool) and value <= above:
            refuse(place, value, f"above {above}")
        if not isinstance(below, bool) and value >= below:
            refuse(place, value, f"below {below}")


def _compare_several(place: str, value: object, schema: Mapping[str, object], root: object, depth: int) -> None:
    for inner in cast(Iterable[object], schema.get("allOf", ())):
        _compare(place, value, inner, root, depth + 1)
    for word in ("anyOf", "oneOf"):
        choices = list(cast(Iterable[object], schema.get(word, ())))
        fitting = sum(_follows(place, value, inner, root, depth + 1) for inner in choices)
        if choices and (fitting == 0 or (word == "oneOf" and fitting > 1)):
            refuse(place, value, "one of the forms that the schema allows")


def _follows(place: str, value: object, schema: object, root: object, depth: int) -> bool:
    try:
        _compare(place, value, schema, root, depth)
    except ValidationError:
        return False
    return True


def _compare_object(place: str, value: dict[str, object], schema: Mapping[str, object], root: object, depth: int) -> None:
    properties = cast(Mapping[str, object], schema.get("properties", {}))
    for name in cast(Iterable[str], schema.get("required", ())):
        if name not in value:
            refuse(f"{place}.{name}", None, "there", f"{place}.{name} is missing.")
    others = True if "patternProperties" in schema else schema.get("additionalProperties", True)
    for name, item in value.items():
        _compare(f"{place}.{name[:64]}", item, properties.get(name, others), root, depth + 1)
    _compare_count(place, len(value), schema, "Properties", "properties")


def _compare_array(place: str, value: list[object], schema: Mapping[str, object], root: object, depth: int) -> None:
    items = schema.get("items", True)
    first = schema.get("prefixItems", items if isinstance(items, (list, tuple)) else ())
    leading = list(cast(Iterable[object], first))
    rest = schema.get("additionalItems", True) if isinstance(items, (list, tuple)) else items
    for number, item in enumerate(value):
        _compare(f"{place}[{number}]", item, leading[number] if number < len(leading) else rest, root, depth + 1)
    _compare_count(place, len(value), schema, "Items", "items")


def _compare_count(place: str, count: int, schema: Mapping[str, object], word: str, unit: str) -> None:
    lowest, highest = schema.get(f"min{word}", 0), schema.get(f"max{word}", math.inf)
    if not cast(float, lowest) <= count <= cast(float, highest):
        refuse(
            place, count, f"of {lowest} to {highest} {unit}", f"{place} has {count} {unit}; {lowest} to {highest} are allowed."
        )


def _same(one: object, other: object) -> bool:
    # True == 1 in Python, but not in JSON.
    return isinstance(one, bool) == isinstance(other, bool) and one == other
