"""Write a request so that a model without tools or schemas can follow it: what is missing is told in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from nuke_ai_panel.messages import ChatRequest, JsonObject, JsonSchema, Message, Tool, ToolCall

__all__ = ["ask_for_answer", "ask_for_calls", "form_of_answers", "has_calls", "tell", "tell_calls"]

_DEEPEST_REFERENCE = 12

_BLOCKS = """\
You can use the tools listed below. To use one, end your answer with a block of exactly this form and write nothing after it:

```tool_call
{"name": "NAME OF THE TOOL", "arguments": {"NAME": "VALUE"}}
```

Write one block for each call. The arguments are JSON and follow the schema of the tool. Results come with the next message."""

_FORM = """\
Answer with one JSON object and nothing else. To use one of the tools listed below:
{"tool": "NAME OF THE TOOL", "arguments": {"NAME": "VALUE"}}
The arguments follow the schema of the tool; the result comes with the next message."""

_CHOICES = {
    "required": "You must use one of the tools now.",
    "": "Where no tool is needed, answer {without}.",
}


def has_calls(messages: Iterable[Message]) -> bool:
    """Return whether a tool was called or answered in `messages`."""
    return any(message.role == "tool" or message.tool_calls for message in messages)


def tell(messages: Sequence[Message], words: str) -> tuple[Message, ...]:
    """Return `messages` with `words` in the system message; there is at most one, and the templates of models know only it."""
    if messages and messages[0].role == "system":
        first = messages[0]
        return (replace(first, text=f"{first.text}\n\n{words}" if first.text.strip() else words), *messages[1:])
    return (Message("system", words), *messages)


def tell_calls(messages: Sequence[Message], *, as_form: bool) -> tuple[Message, ...]:
    """Return `messages` with calls as the model would write them, and their results as messages of the user."""
    told: list[Message] = []
    after_result = False
    for message in messages:
        if message.role == "tool":
            text = _result(message)
            if after_result:
                before = told.pop()
                told.append(replace(before, text=f"{before.text}\n\n{text}", parts=before.parts + message.parts))
            else:
                told.append(Message("user", text, message.parts))
            after_result = True
            continue
        after_result = False
        if message.tool_calls:
            calls = [_form(call) if as_form else _block(call) for call in message.tool_calls]
            words = [message.text] if message.text.strip() else []
            message = replace(message, text="\n\n".join((*words, *calls)), tool_calls=())
        told.append(message)
    return tuple(told)


def _block(call: ToolCall) -> str:
    return f'```tool_call\n{{"name": {_spelled(call.name)}, "arguments": {call.arguments.strip() or "{}"}}}\n```'


def _form(call: ToolCall) -> str:
    return f'{{"tool": {_spelled(call.name)}, "arguments": {call.arguments.strip() or "{}"}}}'


def _result(message: Message) -> str:
    # A longer fence than any in the result, so that it cannot be closed from inside.
    longest = max((len(run) for run in re.findall(r"`+", message.text)), default=0)
    fence = "`" * max(3, longest + 1)
    name = f" {message.tool_name}" if message.tool_name else ""
    return f"Result of the tool{name}:\n{fence}tool_result\n{message.text}\n{fence}"


def ask_for_calls(request: ChatRequest, *, as_form: bool) -> str:
    """Return the words that describe the tools of `request` and how to call them."""
    tools = offered(request)
    if request.tool_choice in ("required", *(tool.name for tool in tools)):
        choice = _CHOICES["required"]
    elif not as_form:
        choice = _CHOICES[""].format(without="without a block")
    else:
        choice = _CHOICES[""].format(without='with {"answer": YOUR ANSWER}')
        if request.response_format is None:
            choice += " The answer is a text."
    lines = [_FORM if as_form else _BLOCKS, choice, "The tools:"]
    for tool in tools:
        described = f": {tool.description.strip()}" if tool.description.strip() else ""
        lines.append(f"- {tool.name}{described}\n  arguments: {_spelled(tool.parameters)}")
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:])


def offered(request: ChatRequest) -> tuple[Tool, ...]:
    """Return the tools that the model may call."""
    if request.tool_choice in ("", "auto", "required"):
        return request.tools
    return tuple(tool for tool in request.tools if tool.name == request.tool_choice)


def ask_for_answer(schema: JsonObject, *, after_calls: bool) -> str:
    """Return the words that ask for JSON of `schema`."""
    when = "When you answer without using a tool, write" if after_calls else "Answer with"
    return (
        f"{when} JSON that follows the schema below, in one block and nothing outside of it:\n\n```json\n…\n```\n\n"
        f"The schema: {_spelled(schema)}"
    )


def form_of_answers(request: ChatRequest) -> JsonSchema | None:
    """Return the schema of an answer that is a call or an answer; None where it cannot be written as one."""
    branches: list[JsonObject] = []
    for tool in offered(request):
        parameters = _without_references(tool.parameters, tool.parameters)
        if parameters is None:
            return None
        branches.append(_object(tool={"type": "string", "enum": [tool.name]}, arguments=parameters))
    if request.tool_choice in ("", "auto"):
        answer: object = {"type": "string"}
        if request.response_format is not None:
            wanted = request.response_format
            answer = {"type": "object"} if wanted == "json" else _without_references(wanted.schema, wanted.schema)
        if answer is None:
            return None
        branches.append(_object(answer=answer))
    return JsonSchema(branches[0] if len(branches) == 1 else {"anyOf": branches}, name="call_or_answer", strict=False)


def _object(**properties: object) -> JsonObject:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _without_references(schema: object, root: JsonObject, depth: int = 0) -> object:
    """Return `schema` with what its references point to in their place; None where it refers to itself."""
    if depth > _DEEPEST_REFERENCE:
        return None
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            target: object = root
            for step in schema["$ref"][1:].split("/")[1:]:
                target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
            beside = {name: inner for name, inner in schema.items() if name != "$ref"}
            if not isinstance(target, dict):
                return None
            return _without_references({**target, **beside}, root, depth + 1)
        found: dict[str, object] = {}
        for name, inner in schema.items():
            if schema is root and name in ("$defs", "definitions"):
                continue
            found[name] = _without_references(inner, root, depth)
            if found[name] is None and inner is not None:
                return None
        return found
    if isinstance(schema, (list, tuple)):
        items = [_without_references(inner, root, depth) for inner in schema]
        return None if any(item is None and inner is not None for item, inner in zip(items, schema)) else items
    return schema


def _spelled(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
