"""The body of a chat request in OpenAI's protocol. Facts as of August 2026.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from nuke_ai_panel.messages import AudioPart, ChatRequest, ImagePart, JsonObject, JsonSchema, Message, Part, TextPart, Tool
from nuke_ai_panel.net.payload import Base64

__all__ = ["chat_body", "chat_message", "image_part"]


def chat_body(request: ChatRequest, *, limit_field: str = "max_tokens") -> dict[str, object]:
    """Return `request` without how to reason, which every kind of server is told in its own words, and without ``extra``.

    `limit_field` is the server's name for the most tokens that the answer may have.
    """
    body: dict[str, object] = {
        "model": request.model,
        "messages": [chat_message(message) for message in request.messages],
        "stream": True,
        # OpenRouter always sends the usage; the others only when asked.
        "stream_options": {"include_usage": True},
    }
    for name, value in (
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("seed", request.seed),
        (limit_field, request.max_tokens),
        ("presence_penalty", request.presence_penalty),
        ("frequency_penalty", request.frequency_penalty),
        ("stop", list(request.stop) or None),
        ("n", request.n if request.n > 1 else None),
        ("user", request.user or None),
    ):
        if value is not None:
            body[name] = value
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if request.tool_choice:
            body["tool_choice"] = _tool_choice(request.tool_choice)
    if isinstance(request.response_format, JsonSchema):
        form = request.response_format
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": form.name, "schema": form.schema, "strict": form.strict},
        }
    elif request.response_format is not None:
        body["response_format"] = {"type": "json_object"}
    return body


def _tool(tool: Tool) -> JsonObject:
    function: dict[str, object] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _tool_choice(choice: str) -> object:
    return choice if choice in ("auto", "none", "required") else {"type": "function", "function": {"name": choice}}


def chat_message(message: Message) -> dict[str, object]:
    """Return `message` without its reasoning, for which there is no field that all servers share."""
    content: object = message.text
    if message.parts:
        content = [_part(part) for part in ((TextPart(message.text),) if message.text else ()) + message.parts]
    spelled: dict[str, object] = {"role": message.role, "content": content}
    if message.role == "tool":
        spelled["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        spelled["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
            for call in message.tool_calls
        ]
        if not content:
            # An empty text beside calls is refused by some of the servers that gateways translate for.
            spelled["content"] = None
    return spelled


def _part(part: Part) -> JsonObject:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, ImagePart):
        return image_part(part)
    if isinstance(part, AudioPart):
        return {"type": "input_audio", "input_audio": {"data": Base64(part.data), "format": part.format}}
    if part.file_id:
        return {"type": "file", "file": {"file_id": part.file_id}}
    media_type = part.media_type or "application/octet-stream"
    return {"type": "file", "file": {"filename": part.name, "file_data": Base64(part.data, f"data:{media_type};base64,")}}


def image_part(image: ImagePart) -> JsonObject:
    """Return a picture as a part of a message: its address, or its bytes as a data URI."""
    url: object = image.url or Base64(image.data, f"data:{image.media_type or 'image/png'};base64,")
    return {"type": "image_url", "image_url": {"url": url}}
