"""Any OpenAI-compatible server: vLLM, llama.cpp, LM Studio, a LiteLLM gateway, or OpenAI itself.

This is how a studio outgrows one machine: the engine that serves many artists is theirs, the panel only points at it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from nuke_ai_panel.errors import UnsupportedFeatureError
from nuke_ai_panel.messages import ChatRequest
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.payload import FormFile
from nuke_ai_panel.operations import ImageRequest, Images, Transcription, TranscriptionRequest
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.openai_wire_media import OpenaiMedia
from nuke_ai_panel.validators import validate_image, validate_transcription

__all__ = ["OpenaiProvider"]

#: Ending of a file's name to the media type that servers expect of it.
_AUDIO_TYPES = {
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "mp4": "audio/mp4",
    "mpeg": "audio/mpeg",
    "mpga": "audio/mpeg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "webm": "audio/webm",
}


class OpenaiProvider(OpenaiMedia):
    """A server of the OpenAI protocol at any base URL."""

    name = "openai"
    title = "OpenAI-compatible"
    default_address = "https://api.openai.com/v1"
    address_variable = "OPENAI_BASE_URL"
    key_variable = "OPENAI_API_KEY"
    is_offered = False
    has_vendors = True

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        # Regions have a name before it.
        self._is_openai = f".{urlsplit(self.base_url).hostname}".endswith(".api.openai.com")
        self.needs_key = self._is_openai
        # OpenAI's reasoning models refuse the old name; the others know it best.
        self.limit_field = "max_completion_tokens" if self._is_openai else "max_tokens"

    def _reasoning_fields(self, reasoning: bool | str) -> Mapping[str, object]:
        """Return ``reasoning_effort`` for how much to reason, and for yes or no what the servers of one's own take.

        llama.cpp and vLLM switch a model's thinking with a variable of its chat template, Ollama and OpenAI with the effort
        ``none``. OpenAI refuses fields that it does not know, the others pass over them.
        """
        if isinstance(reasoning, str):
            return super()._reasoning_fields(reasoning)
        effort = {} if reasoning else {"reasoning_effort": "none"}
        if self._is_openai:
            return effort or {"reasoning_effort": "medium"}
        return {**effort, "chat_template_kwargs": {"enable_thinking": reasoning}}

    def _body(self, request: ChatRequest) -> dict[str, object]:
        body = super()._body(request)
        messages = body["messages"]
        if not self._is_openai and isinstance(messages, list):
            for spelled, message in zip(messages, request.messages):
                # Models that think between their calls want to read why they made them; nothing else asks for it back.
                if message.role == "assistant" and message.tool_calls and message.reasoning:
                    spelled["reasoning_content"] = message.reasoning
        return body

    async def generate_images(self, request: ImageRequest, *, deadlines: Deadlines | None = None) -> Images:
        """Make pictures, or change the one that is given; see :meth:`Provider.generate_images`."""
        validate_image(request, self.limits)
        fields: dict[str, object] = {"model": request.model, "prompt": request.prompt}
        body: object
        if request.n > 1:
            fields["n"] = request.n
        if request.size:
            fields["size"] = request.size
        if request.quality:
            fields["quality"] = request.quality
        fields.update(request.extra)
        path, body = "/images/generations", fields
        if request.references:
            path, body = "/images/edits", self._edit(request, fields)
        answer = await self._answered(
            "POST", path, body, what="generate_images", model=request.model, deadlines=self._patient(deadlines)
        )
        return self._images(answer, request.model)

    def _edit(self, request: ImageRequest, fields: Mapping[str, object]) -> FormFile:
        first, *others = request.references
        if others or first.url:
            raise UnsupportedFeatureError(
                "A server of this kind starts from one picture, given as a file.",
                provider=self.name,
                next_step="Give one picture, or use OpenRouter, which takes several and addresses.",
            )
        media_type = first.media_type or "image/png"
        name = f"picture.{media_type.partition('/')[2].partition('+')[0]}"
        return FormFile("image", name, first.data, media_type, _as_text(fields))

    async def transcribe(self, request: TranscriptionRequest, *, deadlines: Deadlines | None = None) -> Transcription:
        """Write down what is said in a recording; see :meth:`Provider.transcribe`."""
        language = {"language": request.language} if request.language else {}
        return await self._listen("/audio/transcriptions", "transcribe", request, language, deadlines)

    async def translate(self, request: TranscriptionRequest, *, deadlines: Deadlines | None = None) -> Transcription:
        """Write down in English what is said in a recording; see :meth:`Provider.translate`."""
        return await self._listen("/audio/translations", "translate", request, {}, deadlines)

    async def _listen(
        self, path: str, what: str, request: TranscriptionRequest, language: Mapping[str, object], deadlines: Deadlines | None
    ) -> Transcription:
        validate_transcription(request, self.limits)
        fields: dict[str, object] = {"model": request.model, "response_format": "json", **language}
        if request.prompt:
            fields["prompt"] = request.prompt
        fields.update(request.extra)
        form = FormFile("file", request.name, request.data, _audio_type(request.name), _as_text(fields))
        raw, media_type = await self._fetch_typed(
            "POST", path, form, what=what, model=request.model, accept="*/*", deadlines=self._patient(deadlines)
        )
        return self._transcription(raw, media_type, request)


def _as_text(fields: Mapping[str, object]) -> dict[str, str]:
    """Return the fields of a form, whose values are texts."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}


def _audio_type(name: str) -> str:
    ending = name.rpartition(".")[2].lower()
    return _AUDIO_TYPES.get(ending, "application/octet-stream")
