"""The protocol of OpenAI's chat completions, which most servers speak. Facts as of August 2026.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace

from nuke_ai_panel.errors import APIError, BadRequestError, ProtocolError, UnsupportedFeatureError
from nuke_ai_panel.messages import ChatRequest, ModelInfo
from nuke_ai_panel.net.address import heal_openai
from nuke_ai_panel.net.deadlines import Deadlines
from nuke_ai_panel.net.failures import looks_like_html
from nuke_ai_panel.net.json_slices import parse_in_slices
from nuke_ai_panel.net.json_values import record
from nuke_ai_panel.operations import EmbeddingRequest, Embeddings
from nuke_ai_panel.providers.answer_reader import AnswerReader
from nuke_ai_panel.providers.base import Server
from nuke_ai_panel.providers.capabilities import Capabilities
from nuke_ai_panel.providers.http_provider import HttpProvider
from nuke_ai_panel.providers.openai_wire_body import chat_body
from nuke_ai_panel.providers.openai_wire_embeddings import embeddings_of
from nuke_ai_panel.providers.openai_wire_models import ListedModel, listed_models, tools_of_template
from nuke_ai_panel.providers.openai_wire_reader import OpenaiReader
from nuke_ai_panel.providers.refusals import failure_in_answer
from nuke_ai_panel.providers.vector_lengths import check_lengths
from nuke_ai_panel.validators import validate_embedding

__all__ = ["OpenaiReader", "OpenaiWire"]

#: Stands for every model where the capabilities of one are looked up: no model has this name.
_ANY = ""

#: Field that says in which form vectors come.
_VECTOR_FORM = "encoding_format"


class OpenaiWire(HttpProvider):
    """What every server of this protocol shares: chat, the list of models and what it tells, and embeddings."""

    chat_path = "/chat/completions"
    accept = "text/event-stream"
    address_hint = "Check the address; try …/v1."
    #: The server's name for the most tokens that an answer may have.
    limit_field: str = "max_tokens"

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._listed: dict[str, Capabilities] = {}
        # Models for which a server did not want to be told the form of vectors.
        self._bare_vectors: set[str] = set()

    @classmethod
    def heal_address(cls, address: str) -> tuple[str, str]:
        """Return the base URL; ``/v1`` is added where there is no path."""
        return heal_openai(address)

    # the list of models, and what it tells

    async def list_models(self) -> list[ModelInfo]:
        """Return the server's chat models; see :meth:`Provider.list_models`."""
        return [model.info for model in await self._list(self.server.deadlines) if model.is_chat]

    async def capabilities(self, model: str) -> Capabilities:
        """Return what the list of models says about `model`; see :meth:`Provider.capabilities`.

        A name that is not in the list may still be one the server takes (an alias, a wildcard): nothing is known of it then.
        """
        return await self._capabilities.get(model, lambda: self._look_up(model))

    async def _look_up(self, model: str) -> Capabilities:
        # One list serves all that ask at once, each for a model of its own.
        await self._capabilities.get(_ANY, self._look_up_all)
        return self._listed.get(model) or self._listed.get(self._listed_name(model)) or Capabilities(source="/models")

    async def _look_up_all(self) -> Capabilities:
        await self._list(self.server.deadlines)
        return Capabilities(source="/models")

    def _listed_name(self, model: str) -> str:
        """Return the name under which `model` is listed, where that may be another one."""
        return model

    async def _list(self, deadlines: Deadlines) -> list[ListedModel]:
        raw, _ = await self._fetch_typed("GET", "/models", None, what="models", deadlines=deadlines)
        answer = await self._parse(raw)
        models = listed_models(answer)
        if models is None and record(record(answer).get("error")):
            raise failure_in_answer(answer, self._speaker)
        if models is None:
            raise ProtocolError(
                f"{self._speaker.address} answers, but not with a list of models.",
                provider=self.name,
                kind="no_model_list",
                next_step="Check the address; it usually ends in /v1.",
            )
        if len(models) == 1 and models[0].owner == "llamacpp":
            models = [await self._with_template(models[0], deadlines)]
        self._listed = {model.info.name: self._known_of(model) for model in models}
        for name, found in ((_ANY, Capabilities(source="/models")), *self._listed.items()):
            self._capabilities.put(name, found)
        return models

    def _known_of(self, model: ListedModel) -> Capabilities:
        """Return what an entry of the list says of a model on this kind of server."""
        return model.capabilities

    async def _with_template(self, model: ListedModel, deadlines: Deadlines) -> ListedModel:
        """Return `model` with what llama.cpp knows of its template: it ignores tools that a template has no place for."""
        try:
            # The properties lie beside the folder of the protocol, not in it.
            properties = await self._call("GET", "/../props", None, what="models", deadlines=deadlines)
        except APIError:
            return model
        return replace(model, capabilities=replace(model.capabilities, tools=tools_of_template(properties)))

    # chat

    def _body(self, request: ChatRequest) -> dict[str, object]:
        body = chat_body(request, limit_field=self.limit_field)
        if request.reasoning is not None:
            body.update(self._reasoning_fields(request.reasoning))
        body.update(request.extra)
        return body

    def _reasoning_fields(self, reasoning: bool | str) -> Mapping[str, object]:
        """Return the fields of the body that tell the server whether and how much to reason."""
        return {} if not isinstance(reasoning, str) else {"reasoning_effort": reasoning}

    def _reader(self, request: ChatRequest) -> AnswerReader:
        return OpenaiReader(self._speaker, request.model, request.n, request.fallback_models)

    # other calls

    async def embed(self, request: EmbeddingRequest, *, deadlines: Deadlines | None = None) -> Embeddings:
        """Turn texts into vectors; see :meth:`Provider.embed`."""
        validate_embedding(request, self.limits)
        body: dict[str, object] = {"model": request.model, "input": list(request.texts)}
        if request.model not in self._bare_vectors:
            # Numbers as text are four times as long and take the loop as much longer to read.
            body[_VECTOR_FORM] = "base64"
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        body.update(request.extra)
        answer = await self._asked_for_vectors(request, body, deadlines)
        found = await embeddings_of(answer, request)
        if found is None:
            raise ProtocolError(
                f"{self.title} answered with something else than one vector for each text.",
                provider=self.name,
                kind="no_embeddings",
                next_step="Choose a model that is made for embeddings.",
            )
        return check_lengths(found, request, provider=self.name)

    async def _asked_for_vectors(
        self, request: EmbeddingRequest, body: dict[str, object], deadlines: Deadlines | None
    ) -> dict[str, object]:
        def send() -> Awaitable[dict[str, object]]:
            return self._answered("POST", "/embeddings", body, what="embed", model=request.model, deadlines=deadlines)

        try:
            return await send()
        except (BadRequestError, UnsupportedFeatureError) as error:
            is_ours = _VECTOR_FORM in body and _VECTOR_FORM not in request.extra
            if not is_ours or _VECTOR_FORM not in f"{error.message} {error.details}":
                raise
        # Gateways refuse what the model's own server has no word for; without it every server sends numbers.
        self._bare_vectors.add(request.model)
        del body[_VECTOR_FORM]
        return await send()

    async def _fetch_typed(
        self,
        method: str,
        path: str,
        body: object,
        *,
        what: str,
        model: str = "",
        accept: str = "application/json",
        deadlines: Deadlines | None = None,
    ) -> tuple[bytes, str]:
        """Send one request and return the body of its answer and its bare media type."""
        self._require_key(what)
        explain = self._explainer(model=model, what=what)
        try:
            raw, media_type = await self._session.call(method, path, body, explain, accept=accept, deadlines=deadlines)
            if looks_like_html(media_type, raw):
                raise self._session.web_page(raw, 200)
        except APIError as error:
            self._sign(error)
            raise
        return raw, media_type.split(";")[0].strip().lower()

    async def _answered(
        self, method: str, path: str, body: object, *, what: str, model: str = "", deadlines: Deadlines | None = None
    ) -> dict[str, object]:
        """Send one request and return the JSON object of its answer; an error in an answer with status 200 is raised."""
        raw, _ = await self._fetch_typed(method, path, body, what=what, model=model, deadlines=deadlines)
        answer = record(await self._parse(raw))
        if answer.get("error"):
            raise failure_in_answer(answer, self._speaker, model=model)
        return answer

    async def _parse(self, raw: bytes) -> object:
        raw = raw.removeprefix(b"\xef\xbb\xbf").strip()
        try:
            return await parse_in_slices(raw) if raw else None
        except APIError as error:
            self._sign(error)
            raise

    def _patient(self, deadlines: Deadlines | None) -> Deadlines:
        """Return the deadlines of a call that takes its time: as long as a model may take to its first byte."""
        if deadlines is not None:
            return deadlines
        own = self.server.deadlines
        return replace(own, call=max(own.call, own.first_byte))
