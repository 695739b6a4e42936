"""Ollama's own protocol: the bodies of ``/api/chat`` and ``/api/generate``, and the lines of their answers. As of Ollama 0.33.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.messages import (
    ChatRequest,
    FinishReason,
    ImageArrived,
    ImagePart,
    JsonSchema,
    Message,
    Notice,
    StreamEvent,
    TextPart,
    Tool,
    ToolCall,
    Usage,
)
from nuke_ai_panel.net.decoders import NdjsonDecoder, WholeDecoder
from nuke_ai_panel.net.json_values import array, integer, parse, record, text
from nuke_ai_panel.net.payload import Base64
from nuke_ai_panel.providers.answer_reader import AnswerReader, Decoder, not_an_object
from nuke_ai_panel.providers.ollama_refusals import explain_line
from nuke_ai_panel.providers.refusals import Speaker

__all__ = ["OllamaReader", "chat_body", "generate_body", "offered_tools", "tool_body", "usage_of"]

_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length", "load": "stop", "unload": "stop"}
_NANO = 1e-9
_LARGEST = 2**53
_SPREAD = re.compile(rb"(?:\xef\xbb\xbf)?\{[ \t]*\r?\n")
_SIGNATURES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def chat_body(request: ChatRequest) -> dict[str, object]:
    """Return the body of ``/api/chat`` for `request`.

    Raises:
        ValidationError: a part of a message cannot be sent in this protocol.
    """
    names = {call.id: call.name for message in request.messages for call in message.tool_calls if call.id}
    body: dict[str, object] = {
        "model": request.model,
        "messages": [_message(place, message, names) for place, message in enumerate(request.messages)],
        "stream": True,
    }
    tools = offered_tools(request)
    if tools:
        body["tools"] = [tool_body(tool) for tool in tools]
    return _with_options(body, request)


def generate_body(request: ChatRequest, *, suffix: str = "", raw: bool = False) -> dict[str, object]:
    """Return the body of ``/api/generate`` for the one prompt of `request`: its user message, after its system message.

    Raises:
        ValidationError: a part of the prompt cannot be sent in this protocol.
    """
    body: dict[str, object] = {"model": request.model, "stream": True}
    for place, message in enumerate(request.messages):
        sent = _message(place, message, {})
        body["system" if message.role == "system" else "prompt"] = sent["content"]
        if "images" in sent:
            body["images"] = sent["images"]
    if suffix:
        body["suffix"] = suffix
    if raw:
        body["raw"] = True
    return _with_options(body, request)


def offered_tools(request: ChatRequest) -> tuple[Tool, ...]:
    """Return the tools that are sent. Ollama has no ``tool_choice``: for "none" they are held back, for a name all others."""
    if request.tool_choice == "none":
        return ()
    named = tuple(tool for tool in request.tools if tool.name == request.tool_choice)
    return named or request.tools


def tool_body(tool: Tool) -> dict[str, object]:
    """Return `tool` as it is sent."""
    function: dict[str, object] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _with_options(body: dict[str, object], request: ChatRequest) -> dict[str, object]:
    if request.response_format is not None:
        wanted = request.response_format
        body["format"] = wanted.schema if isinstance(wanted, JsonSchema) else wanted
    if request.reasoning is not None:
        body["think"] = request.reasoning if request.reasoning != "none" else False
    if request.keep_alive is not None:
        body["keep_alive"] = request.keep_alive
    options: dict[str, object] = {
        name: value
        for name, value in (
            ("temperature", request.temperature),
            ("top_p", request.top_p),
            ("seed", request.seed),
            ("stop", list(request.stop) or None),
            ("num_predict", request.max_tokens),
            ("presence_penalty", request.presence_penalty),
            ("frequency_penalty", request.frequency_penalty),
            ("num_ctx", request.context_length),
        )
        if value is not None
    }
    more = dict(request.extra)
    own_options = more.get("options")
    if isinstance(own_options, Mapping):
        more["options"] = {**options, **own_options}
    if options:
        body["options"] = options
    body.update(more)
    return body


def _message(place: int, message: Message, names: Mapping[str, str]) -> dict[str, object]:
    words = [message.text] if message.text else []
    images: list[object] = []
    for number, part in enumerate(message.parts):
        if isinstance(part, TextPart):
            words.append(part.text)
        elif isinstance(part, ImagePart):
            if not part.data:
                raise ValidationError(
                    f"Ollama fetches no picture from an address; attach the picture itself (message {place + 1}).",
                    field=f"messages[{place}].parts[{number}].url",
                    value=repr(part.url)[:80],
                    allowed="a picture with its bytes",
                )
            images.append(Base64(part.data))
        else:
            raise ValidationError(
                f"Ollama takes text and pictures only, not what is attached to message {place + 1}.",
                field=f"messages[{place}].parts[{number}]",
                value=type(part).__name__,
                allowed="TextPart or ImagePart",
            )
    sent: dict[str, object] = {"role": message.role, "content": "\n".join(words)}
    if images:
        sent["images"] = images
    if message.reasoning and message.role == "assistant":
        sent["thinking"] = message.reasoning
    if message.tool_calls:
        sent["tool_calls"] = [_call(number, call) for number, call in enumerate(message.tool_calls)]
    if message.role == "tool":
        name = message.tool_name or names.get(message.tool_call_id, "")
        if name:
            sent["tool_name"] = name
        if message.tool_call_id:
            sent["tool_call_id"] = message.tool_call_id
    return sent


def _call(number: int, call: ToolCall) -> dict[str, object]:
    function: dict[str, object] = {"index": number, "name": call.name, "arguments": _arguments(call.arguments)}
    return {"id": call.id, "function": function} if call.id else {"function": function}


def _arguments(written: str) -> dict[str, object]:
    """Return arguments as the object that Ollama insists on. A model's broken JSON goes back as text under one name."""
    if not written.strip():
        return {}
    try:
        value: object = json.loads(written, parse_constant=_refuse)
        # An escape can spell half a character, which no request can carry.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        value = written
    return value if isinstance(value, dict) else {"arguments": value}


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def usage_of(line: dict[str, object]) -> Usage:
    """Return the counts and durations of an answer's last line; a count that is 0 is left out there."""
    return Usage(
        _count(line.get("prompt_eval_count")),
        _count(line.get("eval_count")),
        load_seconds=_seconds(line.get("load_duration")),
        answer_seconds=_seconds(line.get("eval_duration")),
    )


def _count(value: object) -> int:
    found = integer(value)
    return found if found is not None and 0 < found <= _LARGEST else 0


def _seconds(nanoseconds: object) -> float | None:
    found = integer(nanoseconds)
    return found * _NANO if found is not None and 0 <= found <= _LARGEST else None


class OllamaReader(AnswerReader):
    """Lines of JSON; the one with ``"done": true`` is the last, and what follows it is not part of the answer.

    `at_end` is called with the usage and the reason of a complete answer and returns what the user should know about it;
    `remote` with the name and host of the model that a local server passed the request on to.
    """

    def __init__(
        self,
        speaker: Speaker,
        model: str,
        *,
        at_end: Callable[[Usage, FinishReason], list[Notice]] | None = None,
        remote: Callable[[str, str], list[Notice]] | None = None,
    ) -> None:
        super().__init__(speaker, model)
        self._at_end = at_end
        self._remote = remote
        self._calls = 0

    def decoder_for(self, piece: bytes) -> Decoder:
        """Return the decoder for lines, or for an object that a gateway spread over several lines (an error, mostly)."""
        return WholeDecoder() if _SPREAD.match(piece) else NdjsonDecoder()

    def read_record(self, source: str, events: list[StreamEvent]) -> None:
        """Append the events of one line; see :meth:`AnswerReader.read_record`."""
        line = parse(source, halves=True)
        if not isinstance(line, dict):
            raise not_an_object()
        if line.get("error"):
            raise explain_line(line, self.speaker, model=self.asked_model)
        if not (self.started and self.model):
            self.start(events, text(line.get("model")))
        # A chat's line holds a message; that of a completion has the text itself.
        message = line.get("message")
        if isinstance(message, dict):
            words = message.get("content")
            if message.get("tool_calls") or message.get("images"):
                self._read_more(message, events)
        else:
            message, words = line, line.get("response")
        if "thinking" in message:
            self.think(events, text(message["thinking"]))
        if words and isinstance(words, str):
            self.say(events, words)
        if line.get("done") is True:
            self._read_end(line, events)

    def _read_more(self, message: dict[str, object], events: list[StreamEvent]) -> None:
        for item in array(message.get("tool_calls")):
            call = record(item)
            function = record(call.get("function"))
            name = text(function.get("name"))
            if not name:
                continue
            # Numbered here: some versions give every call the index 0, or none.
            self.call(events, self._calls, text(call.get("id")), name, _spelled(function.get("arguments")))
            self._calls += 1
        for picture in array(message.get("images")):
            image = _picture(text(picture))
            if image is not None:
                self.progressed = True
                events.append(ImageArrived(image))

    def _read_end(self, line: dict[str, object], events: list[StreamEvent]) -> None:
        reason = _REASONS.get(text(line.get("done_reason")) or "stop", "unknown")
        self.end(reason)
        self.usage = usage_of(line)
        self.terminated = True
        if self._remote is not None and line.get("remote_model"):
            events.extend(self._remote(text(line.get("remote_model")), text(line.get("remote_host"))))
        if self._at_end is not None:
            events.extend(self._at_end(self.usage, reason))


def _spelled(arguments: object) -> str:
    if isinstance(arguments, str):
        return arguments or "{}"
    if arguments is None:
        return "{}"
    spelled = json.dumps(arguments, ensure_ascii=False)
    try:
        spelled.encode("utf-8")
    except UnicodeEncodeError:
        spelled = json.dumps(arguments)
    return spelled


def _picture(encoded: str) -> ImagePart | None:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    found = next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), "")
    return ImagePart(data, found) if data else None
