"""Read the answer to a chat request in OpenAI's protocol, streamed or whole. Facts as of August 2026.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import base64
import binascii
import json

from nuke_ai_panel.errors import ServerError
from nuke_ai_panel.messages import Finished, FinishReason, ImageArrived, ImagePart, Notice, StreamEvent, Usage
from nuke_ai_panel.net.decoders import SseDecoder, WholeDecoder
from nuke_ai_panel.net.json_values import array, integer, number, parse, record, text
from nuke_ai_panel.providers.answer_reader import AnswerReader, Decoder, not_an_object
from nuke_ai_panel.providers.reasoning_details import ReasoningDetails
from nuke_ai_panel.providers.refusals import Speaker, failure_in_answer

__all__ = ["OpenaiReader", "picture", "usage_of"]

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}

# A picture comes in one line, and an answer that is not streamed in one body.
_LONGEST_LINE = 16 * 1024 * 1024


class _CallNumbers:
    """Which call a piece belongs to, whatever the server numbers."""

    def __init__(self) -> None:
        self._of_index: dict[int, int] = {}
        self._of_id: dict[str, int] = {}
        self._id_of_index: dict[int, str] = {}
        self._count = 0

    def of(self, index: int | None, identifier: str, name: str) -> int:
        """Return the number of the call, counted from 0 in the order of appearance."""
        if index is not None:
            known = self._id_of_index.get(index, "")
            # Servers exist that number every call 0, each with its identifier and name.
            if index in self._of_index and not (name and identifier and known and identifier != known):
                return self._of_index[index]
            self._of_index[index] = self._new(identifier)
            self._id_of_index[index] = identifier
            return self._of_index[index]
        if identifier in self._of_id:
            return self._of_id[identifier]
        # Without an index a call begins with its identifier or name, and what has neither goes on with the last one.
        return self._new(identifier) if identifier or name or not self._count else self._count - 1

    def _new(self, identifier: str) -> int:
        if identifier:
            self._of_id[identifier] = self._count
        self._count += 1
        return self._count - 1


class OpenaiReader(AnswerReader):
    """Server-sent events with one JSON object each.

    What proves that an answer is complete: the event ``[DONE]``, or a ``finish_reason`` in every choice asked for. Some
    gateways leave out ``[DONE]``; every server that died in the middle leaves out both. After a ``finish_reason`` only the
    usage is still read, whatever else comes.

    `fallbacks` are the further models that the server was allowed to take.
    """

    def __init__(self, speaker: Speaker, model: str, choices: int = 1, fallbacks: tuple[str, ...] = ()) -> None:
        super().__init__(speaker, model, choices)
        self._fallbacks = fallbacks
        # By the number of the answer, for those that have any.
        self._calls: dict[int, _CallNumbers] = {}
        self._thoughts: dict[int, ReasoningDetails] = {}
        self._refused: set[int] = set()

    def decoder_for(self, piece: bytes) -> Decoder:
        """Return the decoder for events, or for one JSON text: a gateway that does not stream, or an error with status 200."""
        if piece.startswith(b"data:"):
            return SseDecoder(_LONGEST_LINE)
        is_whole = piece.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"["))
        return WholeDecoder(_LONGEST_LINE) if is_whole else SseDecoder(_LONGEST_LINE)

    def read_record(self, source: str, events: list[StreamEvent]) -> None:
        """Append the events of one record; see :meth:`AnswerReader.read_record`."""
        if source[:1] != "{":
            bare = source.strip()
            if bare == "[DONE]":
                # On its own it is the end of an answer that never began.
                self.terminated = self.started
                return
            if not bare:
                return
        chunk = parse(source, halves=True)
        if not isinstance(chunk, dict):
            raise not_an_object()
        if chunk.get("error"):
            raise failure_in_answer(chunk, self.speaker, model=self.asked_model)
        usage = chunk.get("usage")
        if usage is not None and isinstance(usage, dict):
            self.usage = usage_of(usage, chunk.get("timings"))
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            if chunk.get("object") == "error":
                # Some servers put the error's fields where others have an answer's.
                raise failure_in_answer(chunk, self.speaker, model=self.asked_model)
            return
        if not self.started:
            self._begin(events, text(chunk.get("model")), text(chunk.get("id")))
        for choice in choices:
            if isinstance(choice, dict):
                self._read_choice(choice, events)

    def _begin(self, events: list[StreamEvent], model: str, identifier: str) -> None:
        self.start(events, model, identifier)
        if self._fallbacks and model and _is_other(model, self.asked_model, self._fallbacks):
            events.append(Notice("other_model", f"{model} answers, because {self.asked_model} was not to be had."))

    def _read_choice(self, choice: dict[str, object], events: list[StreamEvent]) -> None:
        if choice.get("error"):
            raise failure_in_answer(choice, self.speaker, model=self.asked_model)
        place = choice.get("index")
        if type(place) is not int:
            place = integer(place) or 0
        if not self.is_open(place):
            return
        # An answer that is not streamed has a message where a streamed one has a delta.
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            content = delta.get("content")
            if isinstance(content, str) and (len(delta) == 1 or (len(delta) == 2 and "role" in delta)):
                # Nearly every piece of an answer is this one.
                self.say(events, content, place)
            else:
                self._read_delta(delta, place, events)
        finish = choice.get("finish_reason")
        if finish and isinstance(finish, str):
            if finish in ("error", "abort"):
                did = "failed" if finish == "error" else "gave up"
                raise ServerError(f"The model's server {did} in the middle of the answer.", status=200, next_step="Try again.")
            self.end("content_filter" if place in self._refused else _REASONS.get(finish, "unknown"), place)

    def _read_delta(self, delta: dict[str, object], place: int, events: list[StreamEvent]) -> None:
        details = array(delta.get("reasoning_details"))
        thought = text(delta.get("reasoning")) or text(delta.get("reasoning_content"))
        spelled = ""
        if details:
            self.progressed = True
            thoughts = self._thoughts.setdefault(place, ReasoningDetails())
            spelled = "".join([thoughts.take(detail) for detail in details if isinstance(detail, dict)])
        self.think(events, thought or spelled, place)
        content = delta.get("content")
        if isinstance(content, list):
            for part in content:
                self._read_part(record(part), place, events)
        else:
            self.say(events, text(content), place)
        refusal = text(delta.get("refusal"))
        if refusal:
            # What a model says instead of the answer that was asked for is there to be read as well.
            self._refused.add(place)
            self.say(events, refusal, place)
        for image in array(delta.get("images")):
            self._read_part(record(image), place, events)
        for call in array(delta.get("tool_calls")):
            self._read_call(record(call), place, events)

    def _read_part(self, part: dict[str, object], place: int, events: list[StreamEvent]) -> None:
        self.say(events, text(part.get("text")), place)
        image = picture(text(record(part.get("image_url")).get("url")))
        if image is not None:
            self.progressed = True
            events.append(ImageArrived(image, place))

    def _read_call(self, call: dict[str, object], place: int, events: list[StreamEvent]) -> None:
        function = record(call.get("function"))
        identifier, name, arguments = text(call.get("id")), text(function.get("name")), function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if not (identifier or name or arguments):
            return
        index = self._calls.setdefault(place, _CallNumbers()).of(integer(call.get("index")), identifier, name)
        self.call(events, index, identifier, name, text(arguments), place)

    def finished(self) -> Finished:
        """Return the event that closes a complete answer."""
        for place, thoughts in self._thoughts.items():
            for detail in thoughts.whole():
                self.detail(detail, place)
        return super().finished()


def _is_other(answered: str, asked: str, fallbacks: tuple[str, ...]) -> bool:
    """Return whether `answered` is another model than `asked`, and not just its name with a version or without a variant."""

    def fits(name: str) -> bool:
        base = name.partition(":")[0]
        return answered == name or answered.partition(":")[0] == base or answered.startswith(f"{base}-")

    # The longest name that fits is meant: "a/b-mini-2026" is a version of "a/b-mini", not of "a/b".
    fitting = [name for name in (asked, *fallbacks) if fits(name)]
    return not fitting or max(fitting, key=len) != asked


def picture(url: str) -> ImagePart | None:
    """Return the picture at `url`, with its bytes where it is a data URI; None where there is none or it is broken."""
    if not url.startswith("data:"):
        return ImagePart(url=url) if url else None
    head, _, body = url.partition(",")
    try:
        data = base64.b64decode(body, validate=False)
    except (binascii.Error, ValueError):
        return None
    return ImagePart(data, head[len("data:") :].partition(";")[0]) if data else None


def usage_of(fields: dict[str, object], timings: object = None) -> Usage:
    """Return what a ``usage`` object says; `timings` are llama.cpp's, which stand beside it."""
    spent = number(record(timings).get("predicted_ms"))
    return Usage(
        integer(fields.get("prompt_tokens")) or integer(fields.get("input_tokens")) or 0,
        integer(fields.get("completion_tokens")) or integer(fields.get("output_tokens")) or 0,
        _cost(fields),
        integer(record(fields.get("prompt_tokens_details")).get("cached_tokens")),
        integer(record(fields.get("completion_tokens_details")).get("reasoning_tokens")),
        answer_seconds=None if spent is None else spent / 1000,
    )


def _cost(fields: dict[str, object]) -> float | None:
    cost = number(fields.get("cost"))
    if cost is not None and fields.get("is_byok") is True:
        # With a key of one's own at the model's maker, the maker's bill comes on top of the gateway's fee.
        cost += number(record(fields.get("cost_details")).get("upstream_inference_cost")) or 0.0
    return cost
