"""What every provider over HTTP shares: its session, the life of one streamed answer, and who gets which words.

A subclass names its paths, builds the body of a request, and gives the reader of an answer's records
(:class:`~nuke_ai_panel.providers.answer_reader.AnswerReader`).
"""

from __future__ import annotations

import asyncio
import math
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import ClassVar, Union

from nuke_ai_panel.errors import (
    APIError,
    AuthenticationError,
    ConnectionFailedError,
    ModelNotFoundError,
    StreamInterruptedError,
)
from nuke_ai_panel.messages import (
    ChatRequest,
    Completion,
    ModelLoading,
    Notice,
    StreamEvent,
)
from nuke_ai_panel.net.address import origin
from nuke_ai_panel.net.clocks import within
from nuke_ai_panel.net.deadlines import USUAL, Deadlines
from nuke_ai_panel.net.failures import Refusal
from nuke_ai_panel.net.secret import keep_out
from nuke_ai_panel.net.session import Endpoint, ServerSession
from nuke_ai_panel.net.streaming import AnswerStream
from nuke_ai_panel.providers.answer_reader import AnswerReader
from nuke_ai_panel.providers.base import Collector, Provider, Server
from nuke_ai_panel.providers.capabilities import Capabilities, CapabilityCache
from nuke_ai_panel.providers.fitting import Fitted, features_of, fit
from nuke_ai_panel.providers.fitting_reader import CarryingReader
from nuke_ai_panel.providers.refusals import Speaker, explain_refusal
from nuke_ai_panel.validators import validate, validate_deadlines

__all__ = ["HttpProvider"]

_LOADING_EVERY = 2.0
_AFTER_LAST_WORD = 3.0
_LONGEST_ASKING = 5.0
_ASK_AGAIN_AFTER = 60.0

_Reader = Union[AnswerReader, CarryingReader]


class HttpProvider(Provider):
    """A model server behind HTTP. Made on any thread; bound to the loop that first uses it."""

    #: Path of the streamed chat, after the base URL.
    chat_path = ""
    #: Media type asked for.
    accept = ""
    #: Whether even plain talk needs to know the model's capabilities, its context for example.
    asks_before_chat: ClassVar[bool] = False

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.base_url, self.address_note = self.heal_address(server.base_url.strip() or self.default_address)
        self._speaker = Speaker(
            self.name,
            self.title,
            origin(self.base_url),
            server.key,
            get_model_hint=self.get_model_hint,
            address_hint=self.address_hint,
            host_name_hint=self.host_name_hint,
        )
        self._capabilities = CapabilityCache()
        self._unanswered = CapabilityCache(_ASK_AGAIN_AFTER)
        self._refused = CapabilityCache()
        self._session = ServerSession(
            Endpoint(
                provider=self.name,
                title=self.title,
                base_url=self.base_url,
                headers=self._headers(),
                ca_file=server.ca_file,
                deadlines=server.deadlines,
                connections=server.connections,
                start_hint=self.start_hint,
            )
        )

    def _headers(self) -> dict[str, str]:
        key = self.server.key.strip()
        if any(not 0x21 <= ord(character) <= 0x7E for character in key):
            raise AuthenticationError(
                "The key holds a blank or a character that no key has.",
                provider=self.name,
                next_step="Copy it again from where it was made.",
            )
        return {"Authorization": f"Bearer {key}"} if key else {}

    @abstractmethod
    def _body(self, request: ChatRequest) -> dict[str, object]:
        """Return `request` as this server wants it."""

    @abstractmethod
    def _reader(self, request: ChatRequest) -> AnswerReader:
        """Return a fresh reader for the answer to `request`."""

    async def check_access(self) -> str:
        """Prove that the server takes our key and speaks our protocol; return a phrase such as ``"Ollama 0.33"``, or "".

        Raises:
            APIError: it does not.
        """
        return ""

    async def _get(self, path: str, what: str) -> object:
        return await self._call("GET", path, None, what=what)

    async def _call(
        self, method: str, path: str, body: object, *, what: str, model: str = "", deadlines: Deadlines | None = None
    ) -> object:
        """Send one short request and return the JSON value of its answer."""
        self._require_key(what)
        try:
            return await self._session.call_json(
                method, path, body, self._explainer(model=model, what=what), deadlines=deadlines
            )
        except APIError as error:
            self._sign(error)
            raise

    def _sign(self, error: APIError) -> None:
        """Put the provider's name on `error`, and keep the key out of it."""
        error.provider = error.provider or self.name
        keep_out(error, self.server.key.strip())

    def _require_key(self, what: str) -> None:
        if self.needs_key and not self.server.key.strip() and what != "models":
            raise AuthenticationError(
                f"{self.title} needs a key, and none is set.", provider=self.name, next_step="Add the key in Settings."
            )

    def _explainer(self, *, model: str = "", what: str = "chat") -> Callable[[Refusal], APIError]:
        return lambda refusal: explain_refusal(refusal, self._speaker, model=model, what=what)

    async def _prepare(self, request: ChatRequest, deadlines: Deadlines) -> Fitted:
        """Return `request` as it is to be sent, and what the user should know about it; it may ask the server.

        Raises:
            UnsupportedFeatureError: the model is known to lack what is asked for.
            APIError: the server was asked, and cannot be reached, refuses the key, or has no such model.
        """
        long = request.max_tokens is not None and request.max_tokens > self.limits.unasked_tokens
        if not (long or self.asks_before_chat or features_of(request)):
            return Fitted(request)
        capabilities = await self._known_capabilities(request.model, deadlines)
        lacking = self._refused.peek(request.model)
        if lacking is not None and request.carry_features:
            capabilities = replace(
                capabilities,
                tools=lacking.tools if lacking.tools is False else capabilities.tools,
                json_schema=lacking.json_schema if lacking.json_schema is False else capabilities.json_schema,
            )
        fitted = fit(request, capabilities, provider=self.name)
        ready, notices = await self._fit_context(fitted.request, capabilities, deadlines)
        return replace(fitted, request=ready, notices=(*fitted.notices, *notices))

    def _can_step_down(self, request: ChatRequest, fitted: Fitted, error: APIError) -> bool:
        """Return whether what the server refused with `error` can be carried; it is remembered for a while."""
        feature = fitted.refused_feature(error) if request.carry_features else ""
        if not feature:
            return False
        lacking = self._refused.peek(request.model) or Capabilities()
        self._refused.put(
            request.model, replace(lacking, tools=False) if feature == "tools" else replace(lacking, json_schema=False)
        )
        return True

    async def _known_capabilities(self, model: str, deadlines: Deadlines) -> Capabilities:
        """Return what `model` can do; nothing is known where the server cannot or does not tell within a short time.

        Raises:
            APIError: what would stop the chat as well: no connection, the key, the model's name.
        """
        # Waiting with a deadline takes a task and turns of the loop, so not for what is known.
        known = self._capabilities.peek(model) or self._unanswered.peek(model)
        if known is not None:
            return known
        try:
            return await within(self.capabilities(model), min(deadlines.call, _LONGEST_ASKING))
        except (ConnectionFailedError, AuthenticationError, ModelNotFoundError):
            raise
        except (APIError, asyncio.TimeoutError):
            unknown = Capabilities()
        self._unanswered.put(model, unknown)
        return unknown

    async def _fit_context(
        self, request: ChatRequest, capabilities: Capabilities, deadlines: Deadlines
    ) -> tuple[ChatRequest, list[Notice]]:
        """Return `request` with room set aside for the conversation, and what the user should know about it.

        It is called with the request as it will be sent, whenever the capabilities of its model have been asked for.
        """
        return request, []

    def stream(self, request: ChatRequest, *, deadlines: Deadlines | None = None) -> AsyncGenerator[StreamEvent, None]:
        """Send `request` and yield its events; see :meth:`Provider.stream`."""
        return self._answer(self.chat_path, request, self._body, deadlines)

    def stream_answer(self, request: ChatRequest, *, deadlines: Deadlines | None = None) -> AsyncGenerator[StreamEvent, None]:
        """Send `request` and yield its events; see :meth:`Provider.stream_answer`."""
        return self._answer(self.chat_path, request, self._body, deadlines, loading_every=math.inf)

    async def complete(self, request: ChatRequest, *, deadlines: Deadlines | None = None) -> Completion:
        """Send `request` and return the whole answer; see :meth:`Provider.complete`."""
        collector = Collector(request.model)
        events = self._answer(self.chat_path, request, self._body, deadlines, loading_every=math.inf, collector=collector)
        async for event in events:
            collector.take((event,))
        return collector.completion()

    async def _answer(
        self,
        path: str,
        request: ChatRequest,
        body: Callable[[ChatRequest], object],
        deadlines: Deadlines | None,
        *,
        loading_every: float = _LOADING_EVERY,
        collector: Collector | None = None,
    ) -> AsyncGenerator[StreamEvent, None]:
        """Send the `body` of `request`, once that is ready to be sent, to `path` and yield the events of the answer.

        What a `collector` is given instead, all that came together at once, is not yielded.
        """
        if deadlines is not None and deadlines is not USUAL:
            validate_deadlines(deadlines)
        allowed = deadlines or self.server.deadlines
        validate(request, self.limits)
        self._require_key("chat")
        explain = self._explainer(model=request.model)
        begun = time.monotonic()
        told: set[Notice] = set()
        while True:
            fitted = await self._prepare(request, allowed)
            for notice in fitted.notices:
                if notice not in told:
                    told.add(notice)
                    yield notice
            reader = self._read_as(fitted)
            left = _left_of(allowed, time.monotonic() - begun)
            try:
                async with AnswerStream(self._session, path, body(fitted.request), self.accept, explain, left) as answer:
                    while (waited := await answer.opened(loading_every)) is not None:
                        yield ModelLoading(waited)
                    while not reader.terminated:
                        try:
                            piece = await answer.read()
                        except APIError:
                            if not reader.has_ended:
                                raise
                            # It has said why it ended, so nothing of it is missing.
                            piece = b""
                        events = reader.feed(piece) if piece else reader.close()
                        if reader.progressed:
                            answer.event_came()
                            reader.progressed = False
                        if collector is not None:
                            collector.take(events)
                        else:
                            for event in events:
                                yield event
                        if reader.failure is not None:
                            raise reader.failure
                        if not piece:
                            break
                        if reader.has_ended:
                            # Only the usage and the end mark can still come; they are not worth a long wait.
                            answer.limit_silence(_AFTER_LAST_WORD)
                    if not reader.is_complete:
                        raise self._cut_short(reader)
                    await answer.finish()
            except APIError as error:
                if reader.started or not self._can_step_down(request, fitted, error):
                    self._sign(error)
                    error.partial_text = reader.partial_text
                    raise
            else:
                yield reader.finished()
                return

    def _read_as(self, fitted: Fitted) -> _Reader:
        reader = self._reader(fitted.request)
        if fitted.make_splitter is None:
            return reader
        return CarryingReader(reader, fitted.make_splitter, fitted.first_call)

    def _cut_short(self, reader: _Reader) -> StreamInterruptedError:
        state = "ended in the middle" if reader.started else "is empty"
        return StreamInterruptedError(
            f"The answer of {self.title} {state}: the server closed it without saying that it is complete.",
            status=200,
            next_step="What came is kept. Try again." if reader.partial_text else "Try again, or choose another model.",
        )

    async def aclose(self) -> None:
        """Close the pooled connections. May be called twice."""
        await self._session.aclose()


def _left_of(deadlines: Deadlines, elapsed: float) -> Deadlines:
    """Return `deadlines` for what is left of a call after `elapsed` seconds of it, most of which went into asking."""
    if deadlines.total is None or elapsed < 0.1:
        return deadlines
    return replace(deadlines, total=max(0.01, round(deadlines.total - elapsed, 2)))
