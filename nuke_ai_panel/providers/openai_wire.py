"""The protocol of OpenAI's chat completions, which most servers speak. Facts as of August 2026.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from nuke_ai_panel.errors import ProtocolError, ServerError
from nuke_ai_panel.messages import ChatRequest, FinishReason, ModelInfo, StreamEvent, Usage
from nuke_ai_panel.net.address import heal_openai
from nuke_ai_panel.net.decoders import SseDecoder
from nuke_ai_panel.net.json_values import array, integer, number, parse, record, text
from nuke_ai_panel.providers.answer_reader import AnswerReader
from nuke_ai_panel.providers.http_provider import HttpProvider
from nuke_ai_panel.providers.refusals import Speaker, failure_in_answer

__all__ = ["OpenaiReader", "OpenaiWire"]

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_LARGEST_WHOLE_ANSWER = 32 * 1024 * 1024


class OpenaiWire(HttpProvider):
    """What every server of this protocol shares."""

    chat_path = "/chat/completions"
    accept = "text/event-stream"
    address_hint = "Check the address; try …/v1."

    @classmethod
    def heal_address(cls, address: str) -> tuple[str, str]:
        """Return the base URL; ``/v1`` is added where there is no path."""
        return heal_openai(address)

    async def list_models(self) -> list[ModelInfo]:
        """Return the server's chat models; see :meth:`Provider.list_models`."""
        answer = await self._get("/models", "models")
        models = answer if isinstance(answer, list) else record(answer).get("data")
        if not isinstance(models, list):
            raise ProtocolError(
                f"{self._speaker.address} answers, but not with a list of models.",
                provider=self.name,
                kind="no_model_list",
                next_step="Check the address; it usually ends in /v1.",
            )
        return [model for model in (_model(record(item)) for item in models) if model is not None]

    def _body(self, request: ChatRequest) -> dict[str, object]:
        body: dict[str, object] = {
            "model": request.model,
            "messages": [{"role": message.role, "content": message.text} for message in request.messages],
            "stream": True,
            # OpenRouter always sends the usage; the others only when asked.
            "stream_options": {"include_usage": True},
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.max_tokens is not None:
            body["max_tokens"] = request.max_tokens
        if request.stop:
            body["stop"] = list(request.stop)
        return body

    def _reader(self, request: ChatRequest) -> AnswerReader:
        return OpenaiReader(self._speaker, request.model, request.n)


def _model(item: dict[str, object]) -> ModelInfo | None:
    name = text(item.get("id"))
    outputs = array(record(item.get("architecture")).get("output_modalities"))
    mode = text(item.get("mode"))
    if not name or (outputs and "text" not in outputs) or (mode and mode not in ("chat", "completion", "responses")):
        return None
    pricing = record(item.get("pricing"))
    context = integer(item.get("context_length")) or integer(item.get("max_model_len"))
    return ModelInfo(
        name=name,
        title=text(item.get("name")),
        context_length=context or integer(record(item.get("meta")).get("n_ctx")),
        size=integer(record(item.get("meta")).get("size")),
        prompt_price=_per_million(pricing.get("prompt")),
        completion_price=_per_million(pricing.get("completion")),
    )


def _per_million(price: object) -> float | None:
    found = number(price)
    # Routers that choose a model later are listed with a price of -1.
    return None if found is None or found < 0 else round(found * 1_000_000, 6)


class OpenaiReader(AnswerReader):
    """Server-sent events with one JSON object each.

    What proves that an answer is complete: the event ``[DONE]``, or a ``finish_reason`` in the first choice. Some gateways
    leave out ``[DONE]``; every server that died in the middle leaves out both. After a ``finish_reason`` only the usage is
    still read, whatever else comes.
    """

    def __init__(self, speaker: Speaker, model: str, choices: int = 1) -> None:
        super().__init__(speaker, model, choices)
        self._decoder = SseDecoder()
        self._whole: bytearray | None = None

    def expect(self, content_type: str) -> None:
        """Take note of the media type of the body to come."""
        # A gateway that does not stream, or an error with status 200, comes as one JSON text.
        if content_type == "application/json":
            self._whole = bytearray()

    def feed(self, piece: bytes) -> list[StreamEvent]:
        """Return the events that `piece` completes."""
        if self._whole is None:
            return self._take(lambda: [event.data for event in self._decoder.feed(piece)], at_end=False)
        self._whole += piece
        self.progressed = True
        if len(self._whole) > _LARGEST_WHOLE_ANSWER:
            self.failure = ProtocolError("The server's answer is longer than 32 MB.", kind="too_long")
        return []

    def close(self) -> list[StreamEvent]:
        """Return the events that the end of the body completes."""
        if self._whole is None:
            return self._take(lambda: [event.data for event in self._decoder.close()], at_end=True)
        source = self._whole.decode("utf-8", "replace").lstrip("\ufeff").strip()
        return self._take(lambda: [source] if source else [], at_end=False)

    def read_record(self, source: str) -> list[StreamEvent]:
        """Return the events of one record; see :meth:`AnswerReader.read_record`."""
        source = source.strip()
        if source == "[DONE]":
            # On its own it is the end of an answer that never began.
            self.terminated = self.started
            return []
        if not source:
            return []
        value = parse(source)
        if not isinstance(value, dict):
            raise ProtocolError("The server sent JSON that is no part of an answer.", kind="not_an_object")
        chunk: dict[str, object] = value
        if chunk.get("error"):
            raise failure_in_answer(chunk, self.speaker, model=self.asked_model)
        if isinstance(chunk.get("usage"), dict):
            self.usage = _usage(record(chunk["usage"]))
        events: list[StreamEvent] = []
        if isinstance(chunk.get("choices"), list):
            events.extend(self.start(text(chunk.get("model")), text(chunk.get("id"))))
            for choice in array(chunk["choices"]):
                events.extend(self._read_choice(record(choice)))
        return events

    def _read_choice(self, choice: dict[str, object]) -> list[StreamEvent]:
        if choice.get("error"):
            raise failure_in_answer(choice, self.speaker, model=self.asked_model)
        number = integer(choice.get("index")) or 0
        if not self.is_open(number):
            return []
        events: list[StreamEvent] = []
        # An answer that is not streamed has a message where a streamed one has a delta.
        delta = record(choice.get("delta")) or record(choice.get("message"))
        events.extend(self.think(text(delta.get("reasoning")) or text(delta.get("reasoning_content")), number))
        events.extend(self.say(text(delta.get("content")), number))
        finish = text(choice.get("finish_reason"))
        if finish == "error":
            raise ServerError("The model's server failed in the middle of the answer.", status=200, next_step="Try again.")
        if finish:
            self.end(_REASONS.get(finish, "unknown"), number)
        return events


def _usage(fields: dict[str, object]) -> Usage:
    return Usage(
        integer(fields.get("prompt_tokens")) or 0, integer(fields.get("completion_tokens")) or 0, number(fields.get("cost"))
    )
