"""Ollama over its own protocol: ``/api/chat``, ``/api/tags``, ``/api/version``. Facts as of Ollama 0.33.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

from nuke_ai_panel.errors import ProtocolError
from nuke_ai_panel.messages import ChatRequest, FinishReason, ModelInfo, StreamEvent, Usage
from nuke_ai_panel.net.address import OLLAMA_DEFAULT, heal_ollama
from nuke_ai_panel.net.decoders import NdjsonDecoder
from nuke_ai_panel.net.json_values import array, integer, parse, record, text
from nuke_ai_panel.providers.answer_reader import AnswerReader
from nuke_ai_panel.providers.http_provider import HttpProvider
from nuke_ai_panel.providers.refusals import Speaker, failure_in_answer
from nuke_ai_panel.validators import RequestLimits

__all__ = ["OllamaProvider"]

_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length", "load": "stop", "unload": "stop"}


class OllamaProvider(HttpProvider):
    """A local Ollama, or Ollama's cloud with a key."""

    name = "ollama"
    title = "Ollama"
    # Pictures are sent as bytes only; other words for how much to think are a 400.
    limits = RequestLimits(answers=1, image_addresses=False, efforts=("low", "medium", "high", "max"))
    asks_before_chat = True
    chat_path = "/api/chat"
    accept = "application/x-ndjson"
    default_address = OLLAMA_DEFAULT
    address_variable = "OLLAMA_HOST"
    key_variable = "OLLAMA_API_KEY"
    get_model_hint = "Pull it, or choose another."
    no_model_hint = "Pull a model first: ollama pull NAME."
    start_hint = "Start Ollama, or change the address."
    host_name_hint = "Set OLLAMA_ORIGINS on the server, or let the proxy send its Host header as localhost."

    @classmethod
    def heal_address(cls, address: str) -> tuple[str, str]:
        """Return the base URL that any form of ``OLLAMA_HOST`` means."""
        return heal_ollama(address)

    @classmethod
    def is_same_model(cls, asked: str, listed: str) -> bool:
        """Return whether both name one model: a name without a tag has the tag ``latest``."""
        return listed in (asked, f"{asked}:latest")

    async def list_models(self) -> list[ModelInfo]:
        """Return the models that are pulled; see :meth:`Provider.list_models`."""
        answer = await self._get("/api/tags", "models")
        models = record(answer).get("models")
        if not isinstance(models, list):
            raise ProtocolError(
                f"{self._speaker.address} answers, but not as Ollama does.",
                provider=self.name,
                kind="no_model_list",
                next_step="Check the address. For another kind of server choose its provider.",
            )
        return [model for model in (_model(record(item)) for item in models) if model is not None]

    async def check_access(self) -> str:
        """Return the server's name and version."""
        version = text(record(await self._get("/api/version", "models")).get("version"))
        return f"Ollama {version}" if version else ""

    def _body(self, request: ChatRequest) -> dict[str, object]:
        options: dict[str, object] = {}
        if request.temperature is not None:
            options["temperature"] = request.temperature
        if request.max_tokens is not None:
            options["num_predict"] = request.max_tokens
        if request.stop:
            options["stop"] = list(request.stop)
        body: dict[str, object] = {
            "model": request.model,
            "messages": [{"role": message.role, "content": message.text} for message in request.messages],
            "stream": True,
        }
        if options:
            body["options"] = options
        return body

    def _reader(self, request: ChatRequest) -> AnswerReader:
        return _OllamaReader(self._speaker, request.model)


def _model(item: dict[str, object]) -> ModelInfo | None:
    name = text(item.get("name")) or text(item.get("model"))
    abilities = array(item.get("capabilities"))
    if not name or (abilities and "completion" not in abilities):
        return None
    details = record(item.get("details"))
    return ModelInfo(
        name=name,
        title=" ".join(part for part in (text(details.get("parameter_size")), text(details.get("quantization_level"))) if part),
        context_length=integer(details.get("context_length")),
        size=integer(item.get("size")),
    )


class _OllamaReader(AnswerReader):
    """Lines of JSON; the one with ``"done": true`` is the last, and what follows it is not part of the answer."""

    def __init__(self, speaker: Speaker, model: str) -> None:
        super().__init__(speaker, model)
        self._decoder = NdjsonDecoder()

    def feed(self, piece: bytes) -> list[StreamEvent]:
        return self._take(lambda: self._decoder.feed(piece), at_end=False)

    def close(self) -> list[StreamEvent]:
        return self._take(self._decoder.close, at_end=True)

    def read_record(self, source: str) -> list[StreamEvent]:
        value = parse(source)
        if not isinstance(value, dict):
            raise ProtocolError("The server sent JSON that is no part of an answer.", kind="not_an_object")
        line: dict[str, object] = value
        if line.get("error"):
            raise failure_in_answer(line, self.speaker, model=self.asked_model)
        message = record(line.get("message"))
        events = self.start(text(line.get("model")))
        events.extend(self.think(text(message.get("thinking"))))
        events.extend(self.say(text(message.get("content"))))
        if line.get("done") is True:
            self.end(_REASONS.get(text(line.get("done_reason")) or "stop", "unknown"))
            self.usage = Usage(integer(line.get("prompt_eval_count")) or 0, integer(line.get("eval_count")) or 0)
            self.terminated = True
        return events
