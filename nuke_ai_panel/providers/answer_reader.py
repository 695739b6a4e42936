"""Turn the body of one streamed answer into events: what the readers of all protocols share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Union

from nuke_ai_panel.errors import APIError, ProtocolError
from nuke_ai_panel.messages import (
    Finished,
    FinishReason,
    JsonObject,
    Outcome,
    ReasoningDelta,
    StreamEvent,
    StreamStarted,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from nuke_ai_panel.net.decoders import NdjsonDecoder, SseDecoder, WholeDecoder
from nuke_ai_panel.net.json_values import whole_characters
from nuke_ai_panel.providers.refusals import Speaker

__all__ = ["AnswerReader", "Decoder", "not_an_object"]

Decoder = Union[NdjsonDecoder, SseDecoder, WholeDecoder]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Characters. Two million tokens or so, which is more than any model writes.
_LONGEST_ANSWER = 8_000_000
_MOST_PIECES = 4096


def not_an_object() -> ProtocolError:
    """Return the error for a record that is JSON, but no object."""
    return ProtocolError(
        "The server sent JSON that is no part of an answer.",
        kind="not_an_object",
        next_step="Check that the address is that of a model server, and that no proxy changes its answers.",
    )


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass
class _Choice:
    """What is known of one of the answers so far."""

    reason: FinishReason | None = None
    calls: dict[int, _Call] = field(default_factory=dict)
    details: list[JsonObject] = field(default_factory=list)

    def outcome(self) -> Outcome:
        reason = self.reason or "unknown"
        if not self.calls:
            return Outcome(reason, (), tuple(self.details))
        calls = tuple(
            ToolCall(call.id or f"call_{index}", call.name, "".join(call.arguments) or "{}")
            for index, call in sorted(self.calls.items())
        )
        # Some servers end an answer that asks for calls with "stop".
        return Outcome("tool_calls" if reason == "stop" else reason, calls, tuple(self.details))


class AnswerReader(ABC):
    """Turn the body of one streamed answer into events. Pure: bytes in, events out.

    A subclass names its decoder and reads records. It calls :meth:`end` when the answer says why it ended, and sets
    :attr:`terminated` when nothing can follow. Either proves that the answer is complete; the mere end of the body proves
    nothing. A failure is kept in :attr:`failure`, to be raised after the events before it.
    """

    def __init__(self, speaker: Speaker, model: str, choices: int = 1) -> None:
        self.speaker = speaker
        self.asked_model = model
        self.model = ""
        self.usage = Usage()
        self.terminated = False
        self.progressed = False
        self.started = False
        self.failure: APIError | None = None
        self._decoder: Decoder | None = None
        self._beginning = b""
        self._size = 0
        self._halves: dict[tuple[str, int], str] = {}
        self._text: list[str] = []
        self._choices = [_Choice() for _ in range(choices)]
        self._open_choices = choices

    @property
    def partial_text(self) -> str:
        """The text of the first answer so far."""
        return "".join(self._text)

    @property
    def has_ended(self) -> bool:
        """Whether every answer has said why it ended; only the usage and the end mark can follow."""
        return self._open_choices == 0

    @property
    def is_complete(self) -> bool:
        """Whether the answer has been proven complete."""
        return self.terminated or self.has_ended

    @abstractmethod
    def read_record(self, source: str, events: list[StreamEvent]) -> None:
        """Append the events of one record to `events`.

        Raises:
            APIError: it is an error object, or no record of this protocol.
        """

    @abstractmethod
    def decoder_for(self, piece: bytes) -> Decoder:
        """Return what cuts this body, whose first `piece` that is not blank tells its form, into records."""

    def feed(self, piece: bytes) -> list[StreamEvent]:
        """Return the events that `piece` completes; set :attr:`progressed` where it carried the answer on."""
        decoder = self._decoder
        if decoder is None:
            piece = self._beginning + piece.lstrip(b" \t\r\n")
            if len(piece) < 4 and not piece.strip(_BYTE_ORDER_MARK):
                self._beginning = piece
                return []
            decoder = self._decoder = self.decoder_for(piece)
        events: list[StreamEvent] = []
        try:
            for source in decoder.feed(piece):
                self.read_record(source, events)
                if self.terminated:
                    break
        except APIError as error:
            self.failure = error
        if type(decoder) is WholeDecoder:
            # It has no events to be counted before its end.
            self.progressed = True
        if self._size > _LONGEST_ANSWER and self.failure is None:
            self.failure = ProtocolError(
                f"The answer is longer than {_LONGEST_ANSWER:,} characters and does not end.",
                kind="too_long",
                next_step="What came is kept. Limit the answer's length, or choose another model.",
            )
        if len(self._text) > _MOST_PIECES:
            self._text = ["".join(self._text)]
        return events

    def close(self) -> list[StreamEvent]:
        """Return the events that the end of the body completes."""
        events: list[StreamEvent] = []
        decoder = self._decoder
        if decoder is None:
            return events
        try:
            for source in decoder.close():
                self.read_record(source, events)
        except APIError as error:
            # What is left at the end of a cut stream is half a record: the cut is the failure, not the half.
            if isinstance(decoder, WholeDecoder) or not isinstance(error, ProtocolError):
                self.failure = error
        return events

    def start(self, events: list[StreamEvent], model: str, identifier: str = "") -> None:
        """Append the event that opens the answer, the first time."""
        self.model = whole_characters(model) or self.model
        if not self.started:
            self.started = True
            events.append(StreamStarted(self.model or self.asked_model, whole_characters(identifier)))

    def is_open(self, choice: int) -> bool:
        """Return whether answer number `choice` was asked for and may still go on."""
        return 0 <= choice < len(self._choices) and self._choices[choice].reason is None

    def say(self, events: list[StreamEvent], words: str, choice: int = 0) -> None:
        """Append the event for `words` of the answer, none where they are empty."""
        if not words.isascii() or self._halves:
            words = self._joined(words, ("text", choice))
        if words:
            self.progressed = True
            self._size += len(words)
            if choice == 0:
                self._text.append(words)
            events.append(TextDelta(words, choice))

    def think(self, events: list[StreamEvent], words: str, choice: int = 0) -> None:
        """Append the event for `words` of the reasoning, none where they are empty."""
        if not words.isascii() or self._halves:
            words = self._joined(words, ("reasoning", choice))
        if words:
            self.progressed = True
            self._size += len(words)
            events.append(ReasoningDelta(words, choice))

    def call(
        self,
        events: list[StreamEvent],
        index: int,
        identifier: str = "",
        name: str = "",
        arguments: str = "",
        choice: int = 0,
    ) -> None:
        """Append the event for a piece of call number `index`, none where it says nothing."""
        identifier, name = whole_characters(identifier), whole_characters(name)
        arguments = self._joined(arguments, (f"call {index}", choice))
        if not (identifier or name or arguments):
            return
        self.progressed = True
        call = self._choices[choice].calls.setdefault(index, _Call())
        # Some servers repeat the identifier and the name with every piece.
        call.id, call.name = call.id or identifier, call.name or name
        call.arguments.append(arguments)
        self._size += len(arguments)
        events.append(ToolCallDelta(index, identifier, name, arguments, choice))

    def _joined(self, words: str, place: tuple[str, int]) -> str:
        """Return `words` in whole characters. Half of one at the end is kept for the piece after it at the same `place`.

        Servers that count text in units of 16 bits cut a character into two pieces, and spell each half as an escape.
        """
        words = self._halves.pop(place, "") + words
        if words and "\ud800" <= words[-1] <= "\udbff":
            self._halves[place] = words[-1]
            words = words[:-1]
        return whole_characters(words)

    def detail(self, value: JsonObject, choice: int = 0) -> None:
        """Keep one opaque piece of the reasoning, to be sent back with the next request."""
        self._choices[choice].details.append(value)

    def end(self, reason: FinishReason, choice: int = 0) -> None:
        """Note why answer number `choice` ended."""
        if self._choices[choice].reason is None:
            self._choices[choice].reason = reason
            self._open_choices -= 1

    def finished(self) -> Finished:
        """Return the event that closes a complete answer."""
        first = self._choices[0].outcome()
        return Finished(
            first.reason,
            self.usage,
            self.model or self.asked_model,
            tool_calls=first.tool_calls,
            reasoning_details=first.reasoning_details,
            others=tuple([choice.outcome() for choice in self._choices[1:]]),
        )
