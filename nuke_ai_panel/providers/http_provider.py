"""What every provider over HTTP shares: its session, the life of one streamed answer, and who gets which words.

A subclass names its paths, builds the body of a request, and reads the records of an answer (:class:`AnswerReader`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable

from nuke_ai_panel.errors import APIError, AuthenticationError, ProtocolError, StreamInterruptedError
from nuke_ai_panel.messages import (
    ChatRequest,
    Finished,
    FinishReason,
    ModelLoading,
    StreamEvent,
    StreamStarted,
    TextDelta,
    Usage,
)
from nuke_ai_panel.net.address import heal, origin
from nuke_ai_panel.net.failures import Refusal, looks_like_html
from nuke_ai_panel.net.session import Endpoint, ServerSession
from nuke_ai_panel.net.streaming import AnswerStream
from nuke_ai_panel.providers.base import Provider, Server
from nuke_ai_panel.providers.refusals import Speaker, explain_refusal
from nuke_ai_panel.validators import validate

__all__ = ["AnswerReader", "HttpProvider"]

_LOADING_EVERY = 2.0
_AFTER_LAST_WORD = 3.0


class AnswerReader(ABC):
    """Turn the body of one streamed answer into events. Pure: bytes in, events out.

    A subclass sets :attr:`reason` when the answer says why it ended, and :attr:`terminated` when nothing can
    follow. Either proves that the answer is complete; the mere end of the body proves nothing. A failure is kept in
    :attr:`failure`, to be raised after the events before it.
    """

    def __init__(self, speaker: Speaker, model: str) -> None:
        self.speaker = speaker
        self.asked_model = model
        self.model = ""
        self.usage = Usage()
        self.reason: FinishReason | None = None
        self.terminated = False
        self.progressed = False
        self.started = False
        self.failure: APIError | None = None
        self.content_type = ""
        self._text: list[str] = []

    @property
    def partial_text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    @property
    def is_complete(self) -> bool:
        """Whether the answer has been proven complete."""
        return self.terminated or self.reason is not None

    @abstractmethod
    def feed(self, piece: bytes) -> list[StreamEvent]:
        """Return the events that `piece` completes; set :attr:`progressed` where it carried the answer on."""

    @abstractmethod
    def close(self) -> list[StreamEvent]:
        """Return the events that the end of the body completes."""

    @abstractmethod
    def read_record(self, source: str) -> list[StreamEvent]:
        """Return the events of one record.

        Raises:
            APIError: it is an error object, or no record of this protocol.
        """

    def _take(self, records: Callable[[], list[str]], *, at_end: bool) -> list[StreamEvent]:
        """Read `records` until the answer is complete or fails."""
        events: list[StreamEvent] = []
        try:
            for source in records():
                events.extend(self.read_record(source))
                if self.terminated:
                    break
        except APIError as error:
            # What is left at the end of a cut body is half a record: the cut is the failure, not the half.
            if not (at_end and isinstance(error, ProtocolError)):
                self.failure = error
        return events

    def expect(self, content_type: str) -> None:
        """Take note of the media type of the body to come."""
        self.content_type = content_type

    def start(self, model: str) -> list[StreamEvent]:
        """Return the event that opens the answer, the first time."""
        self.model = model or self.model
        if self.started:
            return []
        self.started = True
        return [StreamStarted(self.model or self.asked_model)]

    def say(self, words: str) -> list[StreamEvent]:
        """Return the event for `words` of the answer, none where they are empty."""
        if not words:
            return []
        self._text.append(words)
        return [TextDelta(words)]

    def finished(self) -> Finished:
        """Return the event that closes a complete answer."""
        return Finished(self.reason or "unknown", self.usage, self.model or self.asked_model)


class HttpProvider(Provider):
    """A model server behind HTTP. Made on any thread; bound to the loop that first uses it."""

    #: Path of the streamed chat, after the base URL.
    chat_path = ""
    #: Media type asked for.
    accept = ""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.base_url, self.address_note = heal(server.base_url, self.name)
        deadlines = server.deadlines
        self._speaker = Speaker(self.name, self.title, origin(self.base_url), server.key)
        self._session = ServerSession(
            Endpoint(
                provider=self.name,
                title=self.title,
                base_url=self.base_url,
                headers=self._headers(),
                ca_file=server.ca_file,
                connect=deadlines.connect,
                first_byte=deadlines.first_byte,
                call=deadlines.call,
                silence=deadlines.silence,
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
        self._require_key(what)
        try:
            return await self._session.get_json(path, self._explainer(what=what))
        except APIError as error:
            error.provider = error.provider or self.name
            raise

    def _require_key(self, what: str) -> None:
        if self.needs_key and not self.server.key.strip() and what != "models":
            raise AuthenticationError(
                f"{self.title} needs a key, and none is set.", provider=self.name, next_step="Add the key in Settings."
            )

    def _explainer(self, *, model: str = "", what: str = "chat") -> Callable[[Refusal], APIError]:
        return lambda refusal: explain_refusal(refusal, self._speaker, model=model, what=what)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """Send `request` and yield its events; see :meth:`Provider.stream`."""
        validate(request)
        self._require_key("chat")
        reader = self._reader(request)
        explain = self._explainer(model=request.model)
        try:
            async with AnswerStream(self._session, self.chat_path, self._body(request), self.accept, explain) as answer:
                while (waited := await answer.opened(_LOADING_EVERY)) is not None:
                    yield ModelLoading(waited)
                reader.expect(answer.content_type)
                first = True
                while not reader.terminated:
                    piece = await self._read(answer, reader)
                    if first and looks_like_html(answer.content_type, piece):
                        raise self._session.web_page(await answer.beginning(piece), 200)
                    first = False
                    events = reader.feed(piece) if piece else reader.close()
                    if reader.progressed:
                        answer.event_came()
                        reader.progressed = False
                    for event in events:
                        yield event
                    if reader.failure is not None:
                        raise reader.failure
                    if not piece:
                        break
                    if reader.reason is not None:
                        # Only the usage and the end mark can still come; they are not worth a long wait.
                        answer.limit_silence(_AFTER_LAST_WORD)
                if not reader.is_complete:
                    raise self._cut_short(reader)
                await answer.finish()
        except APIError as error:
            error.provider = error.provider or self.name
            error.partial_text = reader.partial_text
            raise
        yield reader.finished()

    async def _read(self, answer: AnswerStream, reader: AnswerReader) -> bytes:
        try:
            return await answer.read()
        except APIError:
            if reader.reason is None:
                raise
        # The answer has said why it ended, so nothing of it is missing.
        return b""

    def _cut_short(self, reader: AnswerReader) -> StreamInterruptedError:
        state = "ended in the middle" if reader.started else "is empty"
        return StreamInterruptedError(
            f"The answer of {self.title} {state}: the server closed it without saying that it is complete.",
            status=200,
            next_step="What came is kept. Try again." if reader.partial_text else "Try again, or choose another model.",
        )

    async def aclose(self) -> None:
        """Close the pooled connections. May be called twice."""
        await self._session.aclose()
