"""Read an answer whose calls or form were carried in words, so that its events are those of a model that has them itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nuke_ai_panel.errors import APIError, ProtocolError
from nuke_ai_panel.messages import Finished, Outcome, StreamEvent, TextDelta, ToolCall, ToolCallDelta
from nuke_ai_panel.providers.answer_reader import AnswerReader
from nuke_ai_panel.providers.fitting_text import Piece, Splitter

__all__ = ["CarryingReader"]


class _Choice:
    """One of the answers: its text as it is split, and what was found in it."""

    def __init__(self, splitter: Splitter) -> None:
        self.splitter = splitter
        self.text: list[str] = []
        self.calls: list[ToolCall] = []


class CarryingReader:
    """An :class:`AnswerReader` whose text goes through a splitter, one for each answer.

    `first_call` is the number of calls that were made earlier in the conversation, so that no identifier comes twice.
    """

    def __init__(self, reader: AnswerReader, make_splitter: Callable[[], Splitter], first_call: int = 0) -> None:
        self._reader = reader
        self._make_splitter = make_splitter
        self._first_call = first_call
        self._choices: dict[int, _Choice] = {}
        self._failure: APIError | None = None
        self._closed = False

    # What the life of a stream asks of its reader.

    @property
    def terminated(self) -> bool:
        """Whether nothing can follow."""
        return self._reader.terminated

    @property
    def has_ended(self) -> bool:
        """Whether every answer has said why it ended."""
        return self._reader.has_ended

    @property
    def is_complete(self) -> bool:
        """Whether the answer has been proven complete."""
        return self._reader.is_complete

    @property
    def started(self) -> bool:
        """Whether the server has begun to answer."""
        return self._reader.started

    @property
    def failure(self) -> APIError | None:
        """What is to be raised after the events before it."""
        return self._reader.failure or self._failure

    @property
    def progressed(self) -> bool:
        """Whether the last piece carried the answer on."""
        return self._reader.progressed

    @progressed.setter
    def progressed(self, value: bool) -> None:
        self._reader.progressed = value

    @property
    def partial_text(self) -> str:
        """The text of the first answer so far, with what may still turn out to be a call."""
        first = self._choices.get(0)
        if first is None:
            return ""
        return "".join(first.text) + ("" if self._closed else first.splitter.undecided)

    def feed(self, piece: bytes) -> list[StreamEvent]:
        """Return the events that `piece` completes."""
        return self._carry(self._reader.feed(piece), at_end=False)

    def close(self) -> list[StreamEvent]:
        """Return the events that the end of the body completes."""
        return self._carry(self._reader.close(), at_end=True)

    def finished(self) -> Finished:
        """Return the event that closes a complete answer."""
        whole = self._reader.finished()
        first = self._outcome(0, Outcome(whole.reason, whole.tool_calls))
        return replace(
            whole,
            reason=first.reason,
            tool_calls=first.tool_calls,
            others=tuple(self._outcome(choice, outcome) for choice, outcome in enumerate(whole.others, 1)),
        )

    def _outcome(self, choice: int, outcome: Outcome) -> Outcome:
        calls = self._choices[choice].calls if choice in self._choices else []
        if not calls:
            return outcome
        return replace(
            outcome,
            reason="tool_calls" if outcome.reason == "stop" else outcome.reason,
            tool_calls=(*outcome.tool_calls, *calls),
        )

    def _carry(self, events: list[StreamEvent], *, at_end: bool) -> list[StreamEvent]:
        carried: list[StreamEvent] = []
        for event in events:
            if isinstance(event, TextDelta):
                choice = self._choices.get(event.choice)
                if choice is None:
                    choice = self._choices[event.choice] = _Choice(self._make_splitter())
                carried.extend(self._take(event.choice, choice.splitter.feed(event.text)))
            else:
                carried.append(event)
        if not self._closed and (at_end or self._reader.is_complete or self._reader.failure is not None):
            self._closed = True
            for number, choice in self._choices.items():
                carried.extend(self._take(number, choice.splitter.close()))
            if self._reader.is_complete and self._reader.failure is None:
                self._check()
        return carried

    def _take(self, number: int, pieces: list[Piece]) -> list[StreamEvent]:
        choice = self._choices[number]
        events: list[StreamEvent] = []
        for piece in pieces:
            if isinstance(piece, str):
                choice.text.append(piece)
                events.append(TextDelta(piece, number))
            else:
                index = len(choice.calls)
                call = ToolCall(f"call_{self._first_call + index}", piece.name, piece.arguments)
                choice.calls.append(call)
                events.append(ToolCallDelta(index, call.id, call.name, call.arguments, number))
        return events

    def _check(self) -> None:
        """Note a whole answer that has not the form that was asked for; one that was cut short is not held to it."""
        whole = self._reader.finished()
        outcomes = (Outcome(whole.reason, whole.tool_calls), *whole.others)
        for number, outcome in enumerate(outcomes):
            if outcome.reason != "stop" or outcome.tool_calls:
                continue
            choice = self._choices.get(number)
            problem = (choice.splitter if choice is not None else self._make_splitter()).problem()
            if problem and not (choice is not None and choice.calls):
                self._failure = ProtocolError(
                    f"The model's answer does not follow the schema: {problem}.",
                    status=200,
                    kind="not_the_schema",
                    next_step="Try again, or choose a model that can be held to a schema.",
                )
                return
