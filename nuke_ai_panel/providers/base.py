"""The seam every model server is driven through.

A provider is bound to one server (address and key) and to the loop that first uses it. Adding one is one file with a subclass
of :class:`Provider` and one line in ``registry.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from nuke_ai_panel.errors import UnsupportedFeatureError
from nuke_ai_panel.messages import (
    ChatRequest,
    Completion,
    Finished,
    ImageArrived,
    ImagePart,
    ModelInfo,
    Notice,
    Outcome,
    ReasoningDelta,
    StreamEvent,
    StreamStarted,
    TextDelta,
)
from nuke_ai_panel.net.address import shown_address
from nuke_ai_panel.net.deadlines import USUAL, Deadlines
from nuke_ai_panel.net.secret import Secret
from nuke_ai_panel.operations import (
    OPERATIONS,
    EmbeddingRequest,
    Embeddings,
    ImageRequest,
    Images,
    RemoteFile,
    Speech,
    SpeechRequest,
    Transcription,
    TranscriptionRequest,
    UploadRequest,
)
from nuke_ai_panel.providers.capabilities import Capabilities
from nuke_ai_panel.validators import RequestLimits

__all__ = ["USUAL", "Collector", "Deadlines", "Provider", "Secret", "Server", "collect"]


@dataclass(frozen=True)
class Server:
    """Where a provider talks to. ``key`` is never shown by ``repr``, never pickled and never leaves for another origin.

    ``connections`` bounds how many requests run at once; further ones wait for a free connection.
    """

    base_url: str
    key: str = field(default="", repr=False)
    ca_file: str = ""
    deadlines: Deadlines = field(default_factory=Deadlines)
    connections: int = 5

    def __post_init__(self) -> None:
        # Whoever holds the key as a local variable from here on does not show it in a traceback.
        object.__setattr__(self, "key", Secret(self.key))

    def __repr__(self) -> str:
        # People put keys into paths and queries.
        return f"Server({shown_address(self.base_url)!r}, key={self.key!r}, connections={self.connections})"


class Provider(ABC):
    """One model server.

    Methods are coroutines of the loop that the provider is first used on; a provider is not shared between loops.
    Every failure is an :class:`~nuke_ai_panel.errors.APIError`; cancelling the calling task closes the connection.
    `deadlines` replaces the server's own for one call.
    """

    #: Registry name, e.g. ``"ollama"``.
    name: ClassVar[str] = ""
    #: What a person reads, e.g. ``"Ollama"``.
    title: ClassVar[str] = ""
    #: Address that is tried when none is set.
    default_address: ClassVar[str] = ""
    #: Environment variables that hold the address and the key, or "".
    address_variable: ClassVar[str] = ""
    key_variable: ClassVar[str] = ""
    #: What to do, one sentence each: no such model, no model at all, nothing listens, no API at the address, and (where such a
    #: server refuses an unknown host name without a word) the wrong host name.
    get_model_hint: ClassVar[str] = "Choose another model."
    no_model_hint: ClassVar[str] = "Load a model on the server."
    start_hint: ClassVar[str] = "Start the server, or change the address."
    address_hint: ClassVar[str] = "Check the address."
    host_name_hint: ClassVar[str] = ""
    #: Whether it is listed and tried without being switched on in the settings.
    is_offered: ClassVar[bool] = True
    #: Whether its models may be named vendor/model, where the vendor may be called like one of our providers.
    has_vendors: ClassVar[bool] = False
    #: Ranges of a request's fields; what lies outside is refused before it is sent.
    limits: ClassVar[RequestLimits] = RequestLimits()
    #: Whether the server is useless without a key.
    needs_key: bool = False

    def __init__(self, server: Server) -> None:
        self.server = server

    @classmethod
    def heal_address(cls, address: str) -> tuple[str, str]:
        """Return the base URL that `address` means, without a slash at its end, and a note on what was changed.

        Raises:
            ValidationError: no address can be made of it.
        """
        return address.rstrip("/"), ""

    @classmethod
    def is_same_model(cls, asked: str, listed: str) -> bool:
        """Return whether the server takes the name `asked` for its model `listed`."""
        return asked == listed

    @classmethod
    def operations(cls) -> frozenset[str]:
        """Return which of :data:`~nuke_ai_panel.operations.OPERATIONS` this kind of server offers."""
        return frozenset(name for name in OPERATIONS if getattr(cls, name) is not getattr(Provider, name))

    @abstractmethod
    def stream(self, request: ChatRequest, *, deadlines: Deadlines | None = None) -> AsyncIterator[StreamEvent]:
        """Send `request` and yield its events; the last one of a complete answer is ``Finished``.

        Raises:
            ValidationError: before anything is sent.
            APIError: connection, refusal, a stream that stalls or ends without its terminator (``partial_text`` keeps it).
        """

    @abstractmethod
    async def list_models(self) -> list[ModelInfo]:
        """Return the server's chat models, in the server's order.

        Raises:
            APIError: no connection, wrong key, or an answer that is no model list.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the pooled connections. May be called twice."""

    def stream_answer(self, request: ChatRequest, *, deadlines: Deadlines | None = None) -> AsyncIterator[StreamEvent]:
        """Send `request` and yield its events like :meth:`stream`, but perhaps without ``ModelLoading``, which takes effort."""
        return self.stream(request, deadlines=deadlines)

    async def complete(self, request: ChatRequest, *, deadlines: Deadlines | None = None) -> Completion:
        """Send `request` and return the whole answer; raises what :meth:`stream` raises."""
        return await collect(self.stream_answer(request, deadlines=deadlines), request.model)

    async def capabilities(self, model: str) -> Capabilities:
        """Return what `model` can do, as the server says; it may be a few minutes old.

        Raises:
            APIError: the server cannot be reached, refuses the key, or has no such model.
        """
        return Capabilities()

    async def embed(self, request: EmbeddingRequest, *, deadlines: Deadlines | None = None) -> Embeddings:
        """Turn texts into vectors.

        Raises:
            ValidationError: before anything is sent.
            APIError: connection, refusal, or an answer that is none; ``UnsupportedFeatureError`` where it is not offered.
        """
        self._lacks("embed")

    async def generate_images(self, request: ImageRequest, *, deadlines: Deadlines | None = None) -> Images:
        """Make pictures; raises what :meth:`embed` raises."""
        self._lacks("generate_images")

    async def transcribe(self, request: TranscriptionRequest, *, deadlines: Deadlines | None = None) -> Transcription:
        """Write down what is said in a recording; raises what :meth:`embed` raises."""
        self._lacks("transcribe")

    async def translate(self, request: TranscriptionRequest, *, deadlines: Deadlines | None = None) -> Transcription:
        """Write down in English what is said in a recording; raises what :meth:`embed` raises."""
        self._lacks("translate")

    async def speak(self, request: SpeechRequest, *, deadlines: Deadlines | None = None) -> Speech:
        """Speak a text; raises what :meth:`embed` raises."""
        self._lacks("speak")

    async def upload_file(self, request: UploadRequest, *, deadlines: Deadlines | None = None) -> RemoteFile:
        """Store a file at the server; raises what :meth:`embed` raises."""
        self._lacks("upload_file")

    async def list_files(self, *, deadlines: Deadlines | None = None) -> list[RemoteFile]:
        """Return the files that the server keeps for this key; raises what :meth:`embed` raises."""
        self._lacks("list_files")

    async def download_file(self, file_id: str, *, deadlines: Deadlines | None = None) -> bytes:
        """Return the bytes of a stored file; raises what :meth:`embed` raises."""
        self._lacks("download_file")

    async def delete_file(self, file_id: str, *, deadlines: Deadlines | None = None) -> None:
        """Delete a stored file; raises what :meth:`embed` raises."""
        self._lacks("delete_file")

    def _lacks(self, operation: str) -> NoReturn:
        # The registry imports every provider, and every provider this module.
        from nuke_ai_panel.providers.registry import PROVIDERS

        others = [made.title for made in PROVIDERS.values() if operation in made.operations()]
        raise UnsupportedFeatureError(
            f"{self.title} has no {OPERATIONS[operation]}.",
            provider=self.name,
            next_step=f"Offered by: {', '.join(others)}." if others else "No provider offers it.",
        )


class Collector:
    """Puts the events of one answer together."""

    def __init__(self, model: str = "") -> None:
        self._model = model
        self._id = ""
        self._texts: dict[int, list[str]] = {0: []}
        self._reasonings: dict[int, list[str]] = {}
        self._images: dict[int, list[ImagePart]] = {}
        self._notices: list[Notice] = []
        self._finished = Finished("unknown")

    def take(self, events: Iterable[StreamEvent]) -> None:
        """Add the next `events`."""
        for event in events:
            if isinstance(event, TextDelta):
                self._texts.setdefault(event.choice, []).append(event.text)
            elif isinstance(event, ReasoningDelta):
                self._reasonings.setdefault(event.choice, []).append(event.text)
            elif isinstance(event, StreamStarted):
                self._model, self._id = event.model or self._model, event.id
            elif isinstance(event, Finished):
                self._finished = event
            elif isinstance(event, ImageArrived):
                self._images.setdefault(event.choice, []).append(event.image)
            elif isinstance(event, Notice):
                self._notices.append(event)

    def completion(self) -> Completion:
        """Return the answer as one value."""
        finished = self._finished
        others = [self._answer(choice, outcome) for choice, outcome in enumerate(finished.others, 1)]
        return self._answer(0, finished, usage=finished.usage, notices=tuple(self._notices), others=tuple(others))

    def _answer(self, choice: int, outcome: Outcome | Finished, **more: Any) -> Completion:
        return Completion(
            text="".join(self._texts.get(choice, ())),
            model=self._finished.model or self._model,
            finish_reason=outcome.reason,
            reasoning="".join(self._reasonings.get(choice, ())),
            tool_calls=outcome.tool_calls,
            images=tuple(self._images.get(choice, ())),
            reasoning_details=outcome.reasoning_details,
            id=self._id,
            **more,
        )


async def collect(events: AsyncIterator[StreamEvent], model: str = "") -> Completion:
    """Read `events` to their end and return the answer as one value."""
    collector = Collector(model)
    async for event in events:
        collector.take((event,))
    return collector.completion()
