"""OpenRouter: ``/chat/completions``, ``/models``, ``/key``, ``/credits``, ``/images`` and more. Facts as of August 2026.

Source: https://openrouter.ai/docs/api-reference/overview
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlsplit

from nuke_ai_panel.errors import APIError, AuthenticationError, PermissionDeniedError, ProtocolError, UnsupportedFeatureError
from nuke_ai_panel.messages import ChatRequest
from nuke_ai_panel.net.address import OPENROUTER_DEFAULT
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.json_values import text
from nuke_ai_panel.net.payload import Base64
from nuke_ai_panel.operations import ImageRequest, Images, RemoteFile, Transcription, TranscriptionRequest, UploadRequest
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.capabilities import Capabilities
from nuke_ai_panel.providers.openai_wire_body import image_part
from nuke_ai_panel.providers.openai_wire_media import OpenaiMedia
from nuke_ai_panel.providers.openai_wire_models import ListedModel
from nuke_ai_panel.providers.openrouter_account import Credits, KeyInfo, credits_of, key_info_of
from nuke_ai_panel.validators import RequestLimits, validate_image, validate_transcription

__all__ = ["OpenrouterProvider"]

#: Endings of a model's name that only choose who runs it: https://openrouter.ai/docs/guides/routing/model-variants
_ROUTING_VARIANTS = frozenset({"nitro", "floor", "online", "exacto"})


class OpenrouterProvider(OpenaiMedia):
    """OpenRouter, or a gateway that stands in for it under another base URL; what only OpenRouter has may be missing there."""

    name = "openrouter"
    title = "OpenRouter"
    has_vendors = True
    # Its published description has no ``n``.
    limits = RequestLimits(answers=1, stop_texts=4, routes=True)
    default_address = OPENROUTER_DEFAULT
    address_variable = "OPENROUTER_BASE_URL"
    key_variable = "OPENROUTER_API_KEY"
    needs_key = True
    files_query = "?limit=1000"

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.needs_key = self._is_openrouter
        self.limit_field = "max_completion_tokens" if self._is_openrouter else "max_tokens"

    @property
    def _is_openrouter(self) -> bool:
        host = urlsplit(self.base_url).hostname or ""
        return host == "openrouter.ai" or host.endswith(".openrouter.ai")

    def _headers(self) -> dict[str, str]:
        return {**super()._headers(), "X-OpenRouter-Title": "Nuke AI Panel"}

    @classmethod
    def is_same_model(cls, asked: str, listed: str) -> bool:
        """Return whether the server takes the name `asked` for its model `listed`."""
        return asked == listed or _without_routing(asked) == listed

    def _listed_name(self, model: str) -> str:
        return _without_routing(model)

    def _known_of(self, model: ListedModel) -> Capabilities:
        # A document is read by OpenRouter for a model that cannot do so itself, which the list does not say.
        return replace(model.capabilities, files=model.capabilities.files or None)

    # chat

    def _body(self, request: ChatRequest) -> dict[str, object]:
        body = super()._body(request)
        if request.fallback_models:
            body.setdefault("models", [request.model, *request.fallback_models])
        messages = body["messages"]
        if isinstance(messages, list):
            for spelled, message in zip(messages, request.messages):
                if message.role != "assistant":
                    continue
                # The signed and encrypted pieces must come back as they were; the plain text stands in where there are none.
                if message.reasoning_details:
                    spelled["reasoning_details"] = list(message.reasoning_details)
                elif message.reasoning:
                    spelled["reasoning"] = message.reasoning
        return body

    def _reasoning_fields(self, reasoning: bool | str) -> Mapping[str, object]:
        if reasoning is True:
            return {"reasoning": {"enabled": True}}
        effort = reasoning or "none"
        fields: dict[str, object] = {"reasoning": {"effort": effort}}
        if not self._is_openrouter:
            # What stands in for it may know only OpenAI's own word, which means the same here.
            fields["reasoning_effort"] = effort
        return fields

    # the key and the account

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
        found = key_info_of(answer)
        return found.words() if found else ""

    async def key_info(self) -> KeyInfo:
        """Return what the key may spend and has spent.

        Raises:
            APIError: no connection, a wrong key, or a server that knows nothing of keys.
        """
        found = key_info_of(await self._get("/key", "key"))
        if found is None:
            raise self._says_nothing("of the key")
        return found

    async def credits(self) -> Credits:
        """Return what the account has bought and used; that takes a management key.

        Raises:
            PermissionDeniedError: the key is no management key.
            APIError: no connection, a wrong key, or a server that knows nothing of credits.
        """
        denied: PermissionDeniedError | None = None
        try:
            found = credits_of(await self._get("/credits", "credits"))
        except PermissionDeniedError as error:
            denied = PermissionDeniedError(
                "The credits of an account are shown to a management key only.",
                provider=self.name,
                status=error.status,
                kind="management_key",
                next_step="Make one in OpenRouter's settings, or read what this key has left instead.",
                details=error.details,
            )
        if denied is not None:
            raise denied
        if found is None:
            raise self._says_nothing("of the credits")
        return found

    def _says_nothing(self, about: str) -> ProtocolError:
        return ProtocolError(
            f"{self._speaker.address} answers, but says nothing {about}.",
            provider=self.name,
            kind="no_account",
            next_step="Only OpenRouter itself does.",
        )

    # other calls

    async def generate_images(self, request: ImageRequest, *, deadlines: Deadlines | None = None) -> Images:
        """Make pictures, from others where they are given; see :meth:`Provider.generate_images`."""
        validate_image(request, self.limits)
        body: dict[str, object] = {"model": request.model, "prompt": request.prompt}
        if request.n > 1:
            body["n"] = request.n
        if request.size:
            body["size"] = request.size
        if request.quality:
            body["quality"] = request.quality
        if request.references:
            body["input_references"] = [image_part(image) for image in request.references]
        body.update(request.extra)
        answer = await self._answered(
            "POST", "/images", body, what="generate_images", model=request.model, deadlines=self._patient(deadlines)
        )
        return self._images(answer, request.model)

    async def transcribe(self, request: TranscriptionRequest, *, deadlines: Deadlines | None = None) -> Transcription:
        """Write down what is said in a recording; see :meth:`Provider.transcribe`."""
        validate_transcription(request, self.limits)
        if request.prompt:
            raise UnsupportedFeatureError(
                f"{self.title} takes no words along with a recording.",
                provider=self.name,
                next_step="Leave the prompt out.",
            )
        # As a form it takes 25 MB at most, as JSON more.
        recording = {"data": Base64(request.data), "format": request.name.rpartition(".")[2].lower() or "wav"}
        body: dict[str, object] = {"model": request.model, "input_audio": recording}
        if request.language:
            body["language"] = request.language
        body.update(request.extra)
        raw, media_type = await self._fetch_typed(
            "POST", "/audio/transcriptions", body, what="transcribe", model=request.model, deadlines=self._patient(deadlines)
        )
        return self._transcription(raw, media_type, request)

    def _form_fields(self, request: UploadRequest) -> Mapping[str, str]:
        # A file has no purpose here: its kind is read from its contents.
        return {}

    def _next_page(self, answer: Mapping[str, object], page: list[RemoteFile]) -> str:
        cursor = text(answer.get("cursor"))
        return f"{self.files_query}&cursor={quote(cursor, safe='')}" if cursor else super()._next_page(answer, page)


def _without_routing(model: str) -> str:
    name, _, variant = model.rpartition(":")
    return name if name and variant in _ROUTING_VARIANTS else model
