"""Ollama over its own protocol: chat, completion, embeddings, and the models of the server. Facts as of Ollama 0.33.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Literal

from nuke_ai_panel.errors import (
    APIError,
    AuthenticationError,
    ConnectionFailedError,
    ModelNotFoundError,
    ProtocolError,
    StreamInterruptedError,
    StreamStalledError,
    UnsupportedFeatureError,
    ValidationError,
)
from nuke_ai_panel.messages import (
    ChatRequest,
    FinishReason,
    ImagePart,
    JsonObject,
    JsonSchema,
    Message,
    ModelInfo,
    Notice,
    StreamEvent,
    Usage,
)
from nuke_ai_panel.net.address import OLLAMA_DEFAULT, heal_ollama
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.failures import Refusal
from nuke_ai_panel.net.json_values import array, number, record, text
from nuke_ai_panel.net.streaming import AnswerStream
from nuke_ai_panel.operations import EmbeddingRequest, Embeddings
from nuke_ai_panel.providers.answer_reader import AnswerReader
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.capabilities import Capabilities
from nuke_ai_panel.providers.http_provider import HttpProvider
from nuke_ai_panel.providers.ollama_context import SMALLEST, ContextChooser, explicit_context, sizes_context
from nuke_ai_panel.providers.ollama_models import (
    ModelDetails,
    PullProgress,
    RunningModel,
    capabilities_in,
    details_in,
    listed_model,
    running_model,
)
from nuke_ai_panel.providers.ollama_pull import PullReader
from nuke_ai_panel.providers.ollama_refusals import explain_answer, is_ollama_com
from nuke_ai_panel.providers.ollama_wire import OllamaReader, chat_body, generate_body, usage_of
from nuke_ai_panel.providers.vector_lengths import check_lengths
from nuke_ai_panel.validators import RequestLimits, validate, validate_embedding

__all__ = ["OllamaProvider"]

_ASIDE = 2.0
"""Seconds that a question beside the chat may take."""

_LOADED_AGE = 10.0
"""Seconds for which an answer of ``/api/ps``, or the lack of one, is believed."""

# The server is silent while it checks the digest of a large file.
_PULL_PATIENCE = 10


class OllamaProvider(HttpProvider):
    """A local Ollama, or Ollama's cloud with a key."""

    name = "ollama"
    title = "Ollama"
    # Pictures are sent as bytes only; other words for how much to think are a 400, but for "none", which is sent as False.
    limits = RequestLimits(answers=1, image_addresses=False, efforts=("none", "low", "medium", "high", "max"))
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

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.needs_key = is_ollama_com(self.base_url)
        self._details: dict[str, ModelDetails] = {}
        self._context = ContextChooser()
        self._remote: set[str] = set()
        self._loaded: tuple[float, list[RunningModel] | None] = (-_LOADED_AGE, None)
        self._asking: asyncio.Lock | None = None
        self._asking_loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def heal_address(cls, address: str) -> tuple[str, str]:
        """Return the base URL that any form of ``OLLAMA_HOST`` means."""
        return heal_ollama(address)

    @classmethod
    def is_same_model(cls, asked: str, listed: str) -> bool:
        """Return whether both name one model: a name without a tag has the tag ``latest``."""
        return listed in (asked, f"{asked}:latest")

    def _explainer(self, *, model: str = "", what: str = "chat") -> Callable[[Refusal], APIError]:
        return lambda refusal: explain_answer(refusal, self._speaker, model=model, what=what)

    # What the server says of itself and its models.

    async def list_models(self) -> list[ModelInfo]:
        """Return the models that are pulled; see :meth:`Provider.list_models`."""
        answer = await self._get("/api/tags", "models")
        return [model for model in map(listed_model, self._entries(answer)) if model is not None]

    async def running_models(self) -> list[RunningModel]:
        """Return the models that are in memory now; raises what :meth:`list_models` raises."""
        return await self._ask_loaded(self.server.deadlines)

    async def version(self) -> str:
        """Return the server's version, e.g. ``"0.33.0"``, "" where it does not say.

        Raises:
            APIError: no connection, wrong key, or no such server.
        """
        return text(record(await self._get("/api/version", "models")).get("version"))

    async def check_access(self) -> str:
        """Return the server's name and version, and that no prompt leaves it for Ollama's cloud where it says so."""
        version = await self.version()
        if not version:
            return ""
        return f"Ollama {version}, cloud models switched off" if await self._is_cloud_off() else f"Ollama {version}"

    async def _is_cloud_off(self) -> bool:
        try:
            status = await self._call("GET", "/api/status", None, what="models", deadlines=self._aside(self.server.deadlines))
        except APIError:
            # Versions before 0.33 and gateways do not tell.
            return False
        return record(record(status).get("cloud")).get("disabled") is True

    async def show_model(self, name: str, *, deadlines: Deadlines | None = None) -> ModelDetails:
        """Return what the server knows of model `name`.

        Raises:
            APIError: no connection, wrong key, or ``ModelNotFoundError``.
        """
        answer = await self._call("POST", "/api/show", {"model": _named(name)}, what="show", model=name, deadlines=deadlines)
        details = details_in(name, answer)
        self._details[name] = details
        if details.remote_host or details.remote_model:
            self._remote.add(name)
        return details

    async def capabilities(self, model: str) -> Capabilities:
        """Return what `model` can do by ``/api/show``; nothing is known where an older server or a gateway lacks that path.

        Raises:
            APIError: no answer in 2 s, wrong key, or ``ModelNotFoundError``.
        """
        return await self._capabilities.get(model, lambda: self._ask_capabilities(model))

    async def _ask_capabilities(self, model: str) -> Capabilities:
        try:
            return capabilities_in(await self.show_model(model, deadlines=self._aside(self.server.deadlines)))
        except ModelNotFoundError:
            raise
        except APIError as error:
            if error.status not in (404, 405, 501):
                raise
        return Capabilities()

    def _aside(self, deadlines: Deadlines) -> Deadlines:
        return replace(deadlines, call=min(deadlines.call, _ASIDE))

    def _entries(self, answer: object) -> list[dict[str, object]]:
        models = record(answer).get("models")
        if not isinstance(models, list):
            raise ProtocolError(
                f"{self._speaker.address} answers, but not as Ollama does.",
                provider=self.name,
                kind="no_model_list",
                next_step="Check the address. For another kind of server choose its provider.",
            )
        return [record(item) for item in models]

    # Context.

    def _is_remote(self, model: str) -> bool:
        """Return whether `model` runs in a cloud, where nobody asks how much context to set aside."""
        tag = model.lower().rpartition(":")[2]
        return tag == "cloud" or tag.endswith("-cloud") or model in self._remote or is_ollama_com(self.base_url)

    async def _fit_context(
        self, request: ChatRequest, capabilities: Capabilities, deadlines: Deadlines
    ) -> tuple[ChatRequest, list[Notice]]:
        """Return `request` with the context it needs, and what the user should know about it."""
        limit, context = capabilities.context_length, self._context
        if self._is_remote(request.model):
            return replace(request, context_length=None), context.check(request, limit)
        if sizes_context(request):
            wanted = explicit_context(request)
            return request, context.check(request, min((size for size in (wanted, limit) if size), default=None))
        details = self._details.get(request.model)
        allocated = await self._allocated(request.model, deadlines) if capabilities.source else None
        size = context.choose(request, limit=limit, allocated=allocated, floor=details.default_context if details else None)
        if not capabilities.source and size <= SMALLEST:
            # A server that tells nothing sets aside as much by itself; asking for it could only make it less.
            return request, []
        notices = [*context.shown(request.model, size, limit), *context.check(request, size)]
        return replace(request, context_length=size), notices

    async def _allocated(self, model: str, deadlines: Deadlines) -> int | None:
        """Return the context that the server holds ready for `model`, None where it holds none or does not say in time."""
        loop = asyncio.get_running_loop()
        if self._asking is None or self._asking_loop is not loop:
            self._asking, self._asking_loop = asyncio.Lock(), loop
        async with self._asking:
            asked, loaded = self._loaded
            if time.monotonic() - asked >= _LOADED_AGE:
                try:
                    loaded = await self._ask_loaded(self._aside(deadlines))
                except (ConnectionFailedError, AuthenticationError):
                    raise
                except APIError:
                    loaded = None
                    self._loaded = (time.monotonic(), None)
        return next((each.context_length for each in loaded or () if self.is_same_model(model, each.name)), None)

    async def _ask_loaded(self, deadlines: Deadlines) -> list[RunningModel]:
        answer = await self._call("GET", "/api/ps", None, what="models", deadlines=deadlines)
        loaded = [model for model in map(running_model, self._entries(answer)) if model is not None]
        self._loaded = (time.monotonic(), loaded)
        return loaded

    def _forget(self, name: str) -> None:
        """Forget what was known of model `name`: it has been changed on the server."""
        for known in {name, f"{name}:latest", name.removesuffix(":latest")}:
            self._capabilities.forget(known)
            self._unanswered.forget(known)
            self._details.pop(known, None)
        self._loaded = (-_LOADED_AGE, None)

    # Chat and completion.

    def _body(self, request: ChatRequest) -> dict[str, object]:
        return chat_body(request)

    def _reader(self, request: ChatRequest) -> AnswerReader:
        def at_end(usage: Usage, reason: FinishReason) -> list[Notice]:
            known = self._capabilities.peek(request.model)
            most = known.context_length if known else None
            sizes = [size for size in (explicit_context(request), most) if size]
            return self._context.learn(request, min(sizes, default=None), usage, reason)

        def remote(model: str, host: str) -> list[Notice]:
            is_news = not self._is_remote(request.model)
            self._remote.add(request.model)
            where = f" at {host}" if host else ""
            return [Notice("other_model", f"{request.model} is answered by {model}{where}.")] if is_news else []

        return OllamaReader(self._speaker, request.model, at_end=at_end, remote=remote)

    def generate(
        self,
        model: str,
        prompt: str,
        *,
        system: str = "",
        suffix: str = "",
        raw: bool = False,
        images: tuple[ImagePart, ...] = (),
        response_format: Literal["json"] | JsonSchema | None = None,
        reasoning: bool | str | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: tuple[str, ...] = (),
        max_tokens: int | None = None,
        context_length: int | None = None,
        keep_alive: float | str | None = None,
        extra: JsonObject | None = None,
        deadlines: Deadlines | None = None,
    ) -> AsyncGenerator[StreamEvent, None]:
        """Continue `prompt` by ``/api/generate`` and yield the events that a chat yields.

        Args:
            suffix: what comes after the gap, for models that fill in the middle.
            raw: send the prompt as it is, without the model's template.

        Raises:
            ValidationError: before anything is sent.
            APIError: see :meth:`Provider.stream`.
        """
        asked = (Message("user", prompt, parts=images),)
        request = ChatRequest(
            model,
            (Message("system", system), *asked) if system else asked,
            temperature=temperature,
            max_tokens=max_tokens,
            stop=stop,
            top_p=top_p,
            seed=seed,
            response_format=response_format,
            reasoning=reasoning,
            context_length=context_length,
            keep_alive=keep_alive,
            extra=extra or {},
        )
        return self._answer("/api/generate", request, lambda fitted: generate_body(fitted, suffix=suffix, raw=raw), deadlines)

    # Embeddings.

    async def embed(self, request: EmbeddingRequest, *, deadlines: Deadlines | None = None) -> Embeddings:
        """Turn texts into vectors by ``/api/embed``; see :meth:`Provider.embed`.

        The server cuts a text that is too long, unless ``extra`` holds ``"truncate": False``.
        """
        validate_embedding(request, self.limits)
        body: dict[str, object] = {"model": _named(request.model), "input": list(request.texts)}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        body.update(request.extra)
        allowed = self._with_loading(deadlines)
        try:
            answer = record(await self._call("POST", "/api/embed", body, what="embed", model=request.model, deadlines=allowed))
        except APIError as error:
            if error.status != 501:
                raise
            refusal = error
        else:
            return self._embeddings(request, answer)
        raise UnsupportedFeatureError(
            f"{request.model!r} makes no embeddings.",
            provider=self.name,
            status=refusal.status,
            next_step="Choose a model for embeddings, e.g. nomic-embed-text.",
            details=refusal.details,
        )

    def _embeddings(self, request: EmbeddingRequest, answer: dict[str, object]) -> Embeddings:
        vectors = [[number(value) for value in array(vector)] for vector in array(answer.get("embeddings"))]
        found = tuple(tuple(value for value in vector if value is not None) for vector in vectors)
        whole = all(len(kept) == len(vector) > 0 for kept, vector in zip(found, vectors))
        if len(found) != len(request.texts) or not whole:
            raise ProtocolError(
                f"The server sent {len(found)} vectors for {len(request.texts)} texts, or one that is broken.",
                provider=self.name,
                kind="no_embeddings",
                next_step="Try again, or choose another model.",
            )
        embeddings = Embeddings(found, text(answer.get("model")) or request.model, usage_of(answer))
        return check_lengths(embeddings, request, provider=self.name)

    # The models of the server.

    async def load(
        self,
        name: str,
        *,
        keep_alive: float | str | None = None,
        context_length: int | None = None,
        deadlines: Deadlines | None = None,
    ) -> float | None:
        """Load model `name` into memory and return the seconds it took, None where the server does not say.

        It may take as long as the first byte of an answer. `keep_alive` is seconds, or a text such as ``"10m"``; negative is
        for ever. `context_length` is the tokens to set aside.

        Raises:
            ValidationError: before anything is sent.
            APIError: no connection, no such model, not enough memory.
        """
        like_a_chat = ChatRequest(_named(name), (Message("user", "-"),), context_length=context_length, keep_alive=keep_alive)
        validate(like_a_chat, self.limits)
        body: dict[str, object] = {"model": name, "messages": [], "stream": False}
        if keep_alive is not None:
            body["keep_alive"] = keep_alive
        if context_length is not None and not self._is_remote(name):
            body["options"] = {"num_ctx": context_length}
        allowed = self._with_loading(deadlines)
        answer = record(await self._call("POST", self.chat_path, body, what="chat", model=name, deadlines=allowed))
        self._loaded = (-_LOADED_AGE, None)
        return usage_of(answer).load_seconds

    async def unload(self, name: str) -> None:
        """Drop model `name` from memory; raises what :meth:`load` raises."""
        await self.load(name, keep_alive=0)

    async def delete_model(self, name: str) -> None:
        """Delete model `name` from the server's disk.

        Raises:
            APIError: no connection, wrong key, or ``ModelNotFoundError``.
        """
        await self._call("DELETE", "/api/delete", {"model": _named(name)}, what="delete", model=name)
        self._forget(name)

    async def pull(self, name: str, *, deadlines: Deadlines | None = None) -> AsyncGenerator[PullProgress, None]:
        """Let the server download model `name` and yield how far it is; the last value has the status ``"success"``.

        Leaving the iterator, or cancelling its task, closes the connection and stops the download. What has come stays on the
        server: calling it again goes on there. Without `deadlines` a silence may last ten times as long as in a chat.

        Raises:
            APIError: no connection, no such model, no way from the server to its library, a download that stalls or breaks off.
        """
        usual = self.server.deadlines
        allowed = deadlines or replace(usual, silence=usual.silence * _PULL_PATIENCE, total=None)
        body = {"model": _named(name), "stream": True}
        self._require_key("pull")
        explain = self._explainer(model=name, what="pull")
        reader = PullReader(self._speaker, name)
        try:
            async with AnswerStream(self._session, "/api/pull", body, self.accept, explain, allowed) as answer:
                while await answer.opened(_ASIDE) is not None:
                    pass
                while not reader.is_done:
                    piece = await answer.read()
                    found = reader.feed(piece) if piece else reader.close()
                    if found:
                        answer.event_came()
                    for progress in found:
                        yield progress
                    if reader.failure is not None:
                        raise reader.failure
                    if not piece:
                        break
                if not reader.is_done:
                    raise StreamInterruptedError("The download broke off: the server closed the connection.", status=200)
                await answer.finish()
        except APIError as error:
            self._sign(error)
            if isinstance(error, (StreamStalledError, StreamInterruptedError)):
                error.next_step = "Pull again: it goes on where it stopped."
            raise
        finally:
            self._forget(name)

    def _with_loading(self, deadlines: Deadlines | None) -> Deadlines:
        """Return the deadlines of a call before which the server may have to load a model."""
        allowed = deadlines or self.server.deadlines
        return replace(allowed, call=max(allowed.call, allowed.first_byte))


def _named(name: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValidationError("No model is named.", field="model", value=repr(name)[:80], allowed="a name such as qwen3:8b")
    return name
