"""Code in JSON: answers that are an object with code in it, and the calls of tools, whole or cut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from nuke_ai_panel.messages import ToolCall

__all__ = ["called_code", "code_in_json"]

#: The names under which models put code, and the language a name says.
_CODE_KEYS = {
    "code": "",
    "script": "",
    "source": "",
    "source_code": "",
    "snippet": "",
    "python": "python",
    "python_code": "python",
    "python_script": "python",
    "nuke_script": "",
    "nuke_code": "",
    "nk": "nk",
    "tcl": "tcl",
    "expression": "expression",
    "kernel": "blink",
    "blink": "blink",
    "blinkscript": "blink",
}
_LANGUAGE_KEYS = ("language", "lang", "kind", "type", "format")
_CALL = re.compile(r"<(tool_call|function_call|function)\b[^>\n]{0,200}>(.*?)</\1>", re.DOTALL)
_FENCE = re.compile(
    r"\A\s*(?:`{3,}|~{3,})[ \t]*(?:json|jsonc)?[ \t]*\n(.*?)\n?(?:`{3,}|~{3,})?\s*\Z", re.DOTALL | re.IGNORECASE
)
_PIECE = re.compile(r'"(\w{1,40})"\s*:\s*"')
_STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_DEEPEST = 6
_MOST = 40
_HALF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")


def code_in_json(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the code in JSON or in a tool call written out: code, language ("" for not said), whether it is cut."""
    if "<tool_call" in text or "<function" in text:
        for match in list(_CALL.finditer(text))[:_MOST]:
            yield from code_in_json(match.group(2))
    body = text.strip()
    if body.startswith(("```", "~~~")):
        fenced = _FENCE.match(body)
        body = fenced.group(1).strip() if fenced else body
    if body[:1] not in ("{", "[") or '"' not in body:
        return
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        yield from _of_cut(body)
        return
    yield from list(_codes(value, 0))[:_MOST]


def called_code(call: ToolCall) -> Iterator[tuple[str, str, bool]]:
    """Yield the code in the arguments of a tool call, as :func:`code_in_json` does."""
    yield from code_in_json(call.arguments)


def _codes(value: object, depth: int) -> Iterator[tuple[str, str, bool]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for each in value[:_MOST]:
            yield from _codes(each, depth + 1)
    if not isinstance(value, dict):
        return
    language = ""
    for key in _LANGUAGE_KEYS:
        said = value.get(key)
        if isinstance(said, str) and len(said) < 30:
            language = said.lower()
            break
    for key, each in value.items():
        tag = _CODE_KEYS.get(str(key).lower())
        if isinstance(each, str) and tag is not None:
            yield each, tag or language, False
        elif isinstance(each, str) and key in ("arguments", "parameters", "input") and each.lstrip()[:1] == "{":
            # The arguments of a call are often JSON inside of JSON.
            yield from code_in_json(each)
        elif isinstance(each, (dict, list)):
            yield from _codes(each, depth + 1)


def _of_cut(body: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the code of JSON that cannot be read because it was cut."""
    at = count = 0
    while count < _MOST:
        key = _PIECE.search(body, at)
        if key is None:
            return
        text = _STRING.match(body, key.end())
        at = text.end() if text else key.end()
        count += 1
        tag = _CODE_KEYS.get(key.group(1).lower())
        if text is None or tag is None:
            continue
        is_cut = at >= len(body)
        raw = _HALF_ESCAPE.sub("", text.group()) if is_cut else text.group()
        try:
            code = json.loads(f'"{raw}"', strict=False)
        except ValueError:
            code = raw
        yield code, tag, True
