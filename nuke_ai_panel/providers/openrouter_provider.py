"""OpenRouter, and every server that speaks the same: ``/chat/completions``, ``/models``, ``/key``. Facts as of August 2026.

The base URL can be any OpenAI-compatible one (llama.cpp, LiteLLM, vLLM); what only OpenRouter has may be missing there.
Source: https://openrouter.ai/docs/api-reference/overview
"""

from __future__ import annotations

from urllib.parse import urlsplit

from nuke_ai_panel.errors import APIError, AuthenticationError, ProtocolError, ServerError
from nuke_ai_panel.messages import ChatRequest, FinishReason, ModelInfo, ReasoningDelta, StreamEvent, Usage
from nuke_ai_panel.net.decoders import SseDecoder
from nuke_ai_panel.net.json_values import array, integer, number, parse, record, text
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.http_provider import AnswerReader, HttpProvider
from nuke_ai_panel.providers.refusals import Speaker, failure_in_answer

__all__ = ["OpenrouterProvider"]

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_LARGEST_WHOLE_ANSWER = 32 * 1024 * 1024


class OpenrouterProvider(HttpProvider):
    """OpenRouter, or a server of the same protocol under another base URL."""

    name = "openrouter"
    title = "OpenRouter"
    chat_path = "/chat/completions"
    accept = "text/event-stream"
    needs_key = True

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.needs_key = self._is_openrouter

    @property
    def _is_openrouter(self) -> bool:
        host = urlsplit(self.base_url).hostname or ""
        return host == "openrouter.ai" or host.endswith(".openrouter.ai")

    def _headers(self) -> dict[str, str]:
        return {**super()._headers(), "X-OpenRouter-Title": "Nuke AI Panel"}

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

    async def check_access(self) -> str:
        """Prove the key with ``/key``, because OpenRouter's list of models is public; return its label and what is left.

        A server without that path proves nothing and returns "".
        """
        try:
            answer = await self._get("/key", "key")
        except (ProtocolError, AuthenticationError) as error:
            # Other servers answer an unknown path in many ways; their list of models is behind the key.
            if self._is_openrouter:
                raise
            if isinstance(error, AuthenticationError):
                raise
            return ""
        except APIError as error:
            if self._is_openrouter or error.status is None or error.status >= 500:
                raise
            return ""
        return _key_words(record(record(answer).get("data")))

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
        return _OpenaiReader(self._speaker, request.model)


def _key_words(data: dict[str, object]) -> str:
    label, left = text(data.get("label")), number(data.get("limit_remaining"))
    # OpenRouter's own label of a key is the key's ends with dots between; it is no secret, but says little.
    words = [f"key {label!r}"] if label and not label.startswith("sk-") else ["the key works"]
    if left is not None:
        words.append(f"{left:.2f} USD left")
    return ", ".join(words) if data else ""


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


class _OpenaiReader(AnswerReader):
    """Server-sent events with one JSON object each.

    What proves that an answer is complete: the event ``[DONE]``, or a ``finish_reason`` in the first choice. Some gateways
    leave out ``[DONE]``; every server that died in the middle leaves out both. After a ``finish_reason`` only the usage is
    still read, whatever else comes.
    """

    def __init__(self, speaker: Speaker, model: str) -> None:
        super().__init__(speaker, model)
        self._decoder = SseDecoder()
        self._whole: bytearray | None = None

    def expect(self, content_type: str) -> None:
        # A gateway that does not stream, or an error with status 200, comes as one JSON text.
        if content_type == "application/json":
            self._whole = bytearray()

    def feed(self, piece: bytes) -> list[StreamEvent]:
        if self._whole is None:
            return self._take(lambda: [event.data for event in self._decoder.feed(piece)], at_end=False)
        self._whole += piece
        self.progressed = True
        if len(self._whole) > _LARGEST_WHOLE_ANSWER:
            self.failure = ProtocolError("The server's answer is longer than 32 MB.", kind="too_long")
        return []

    def close(self) -> list[StreamEvent]:
        if self._whole is None:
            return self._take(lambda: [event.data for event in self._decoder.close()], at_end=True)
        source = self._whole.decode("utf-8", "replace").lstrip("\ufeff").strip()
        return self._take(lambda: [source] if source else [], at_end=False)

    def read_record(self, source: str) -> list[StreamEvent]:
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
            events.extend(self.start(text(chunk.get("model"))))
            for choice in array(chunk["choices"]):
                events.extend(self._read_choice(record(choice)))
        return events

    def _read_choice(self, choice: dict[str, object]) -> list[StreamEvent]:
        if choice.get("error"):
            raise failure_in_answer(choice, self.speaker, model=self.asked_model)
        if self.reason is not None or (integer(choice.get("index")) or 0) != 0:
            return []
        events: list[StreamEvent] = []
        # An answer that is not streamed has a message where a streamed one has a delta.
        delta = record(choice.get("delta")) or record(choice.get("message"))
        reasoning = text(delta.get("reasoning")) or text(delta.get("reasoning_content"))
        words = text(delta.get("content"))
        if reasoning:
            events.append(ReasoningDelta(reasoning))
        events.extend(self.say(words))
        self.progressed = self.progressed or bool(reasoning or words or delta.get("tool_calls"))
        finish = text(choice.get("finish_reason"))
        if finish == "error":
            raise ServerError("The model's server failed in the middle of the answer.", status=200, next_step="Try again.")
        if finish:
            self.reason = _REASONS.get(finish, "unknown")
        return events


def _usage(fields: dict[str, object]) -> Usage:
    return Usage(
        integer(fields.get("prompt_tokens")) or 0, integer(fields.get("completion_tokens")) or 0, number(fields.get("cost"))
    )
