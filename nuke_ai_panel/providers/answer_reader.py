"""Turn the body of one streamed answer into events: what the readers of all protocols share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

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
from nuke_ai_panel.providers.refusals import Speaker

__all__ = ["AnswerReader"]


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
        calls = tuple(
            ToolCall(call.id or f"call_{index}", call.name, "".join(call.arguments) or "{}")
            for index, call in sorted(self.calls.items())
        )
        reason = self.reason or "unknown"
        # Some servers end an answer that asks for calls with "stop".
        return Outcome("tool_calls" if calls and reason == "stop" else reason, calls, tuple(self.details))


class AnswerReader(ABC):
    """Turn the body of one streamed answer into events. Pure: bytes in, events out.

    A subclass calls :meth:`end` when the answer says why it ended, and sets :attr:`terminated` when nothing can follow. Either
    proves that the answer is complete; the mere end of the body proves nothing. A failure is kept in :attr:`failure`, to be
    raised after the events before it.
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
        self.content_type = ""
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

    def start(self, model: str, identifier: str = "") -> list[StreamEvent]:
        """Return the event that opens the answer, the first time."""
        self.model = model or self.model
        if self.started:
            return []
        self.started = True
        return [StreamStarted(self.model or self.asked_model, identifier)]

    def is_open(self, choice: int) -> bool:
        """Return whether answer number `choice` was asked for and may still go on."""
        return 0 <= choice < len(self._choices) and self._choices[choice].reason is None

    def say(self, words: str, choice: int = 0) -> list[StreamEvent]:
        """Return the event for `words` of the answer, none where they are empty."""
        if not words:
            return []
        self.progressed = True
        if choice == 0:
            self._text.append(words)
        return [TextDelta(words, choice)]

    def think(self, words: str, choice: int = 0) -> list[StreamEvent]:
        """Return the event for `words` of the reasoning, none where they are empty."""
        if not words:
            return []
        self.progressed = True
        return [ReasoningDelta(words, choice)]

    def call(self, index: int, identifier: str = "", name: str = "", arguments: str = "", choice: int = 0) -> list[StreamEvent]:
        """Return the event for a piece of call number `index`, none where it says nothing."""
        if not (identifier or name or arguments):
            return []
        self.progressed = True
        call = self._choices[choice].calls.setdefault(index, _Call())
        # Some servers repeat the identifier and the name with every piece.
        call.id, call.name = call.id or identifier, call.name or name
        call.arguments.append(arguments)
        return [ToolCallDelta(index, identifier, name, arguments, choice)]

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
        first, *others = (choice.outcome() for choice in self._choices)
        return Finished(
            first.reason,
            self.usage,
            self.model or self.asked_model,
            tool_calls=first.tool_calls,
            reasoning_details=first.reasoning_details,
            others=tuple(others),
        )
