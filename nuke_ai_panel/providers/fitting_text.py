"""Find calls in the text of a model that was told in words how to write them.

Each :class:`Splitter` takes the text in pieces, wherever they are cut, and gives out text as soon as it can be nothing else.
Cutting the same text elsewhere never changes what comes out, only when.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

__all__ = ["CallBlocks", "CarriedCall", "JsonScan", "Piece", "Splitter", "beginnings", "calls_in"]


@dataclass(frozen=True)
class CarriedCall:
    """A call that was written as text; ``arguments`` is JSON text, broken where the answer was cut."""

    name: str
    arguments: str


Piece = Union[str, CarriedCall]


class Splitter(ABC):
    """Turns the text of an answer into what it means."""

    @property
    @abstractmethod
    def undecided(self) -> str:
        """What is held back and most likely text."""

    @abstractmethod
    def feed(self, text: str) -> list[Piece]:
        """Return what `text` decides."""

    @abstractmethod
    def close(self) -> list[Piece]:
        """Return what the end of the text decides."""

    def problem(self) -> str:
        """Return what is wrong with the whole answer, or ""; to be asked after :meth:`close`."""
        return ""


class JsonScan:
    """Finds the end of a JSON object, array or text that comes in pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = False
        self._escaped = False

    def find_end(self, source: str, start: int = 0, stop: str = "") -> int:
        """Return the index after the value's last character, or -1 where it goes on after `source`.

        A character of `stop` that stands outside of texts ends a value that is broken; the index is that of the character.
        """
        for index in range(start, len(source)):
            letter = source[index]
            if self._in_text:
                if self._escaped:
                    self._escaped = False
                elif letter == "\\":
                    self._escaped = True
                elif letter == '"':
                    self._in_text = False
                    if self._depth == 0:
                        return index + 1
            elif letter == '"':
                self._in_text = True
            elif letter in "{[":
                self._depth += 1
            elif letter in "}]":
                self._depth -= 1
                if self._depth <= 0:
                    return index + 1
            elif stop and letter in stop:
                return index
        return -1


_NAME = re.compile(r"""["'](?:name|tool|function)["']\s*:\s*["']([a-zA-Z0-9_-]{1,64})["']""")
_ARGUMENTS = re.compile(r"""["'](?:arguments|parameters)["']\s*:\s*""")


def calls_in(source: str) -> list[CarriedCall]:
    """Return the calls that the JSON text `source` holds. One that is cut or broken keeps its arguments as they are."""
    try:
        value = json.loads(source, strict=False)
    except (ValueError, RecursionError):
        name, arguments = _NAME.search(source), _ARGUMENTS.search(source)
        if name is None:
            return []
        rest = source[arguments.end() :].strip() if arguments else ""
        return [CarriedCall(name.group(1), rest)]
    found = [_call(each) for each in (value if isinstance(value, list) else [value])]
    return [call for call in found if call is not None]


def _call(value: object) -> CarriedCall | None:
    if not isinstance(value, dict):
        return None
    name = next((value[key] for key in ("name", "tool", "function") if isinstance(value.get(key), str)), "")
    arguments = value.get("arguments", value.get("parameters", {}))
    if not name:
        return None
    return CarriedCall(name, arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False))


def beginnings(*words: str) -> str:
    """Return a pattern for every beginning of `words`, the whole ones included."""
    return "|".join(sorted({re.escape(word[:length]) for word in words for length in range(1, len(word) + 1)}, key=len)[::-1])


_OPENING = re.compile(r"[ \t]{0,3}(?:`{3,}[ \t]*tool_call(?=[\s{\[])|<tool_call>)", re.MULTILINE)
_OPENING_BEGUN = re.compile(
    rf"[ \t]{{0,3}}(?:`{{1,2}}|`{{3,}}[ \t]*(?:{beginnings('tool_call')})?|{beginnings('<tool_call>')})?"
)
_CLOSING = re.compile(r"`{3,}(?=[^`])|</tool_call>")
_CLOSING_BEGUN = re.compile(rf"`*|{beginnings('</tool_call>')}")


class CallBlocks(Splitter):
    """Text with calls in fenced blocks, ```` ```tool_call ````, or between ``<tool_call>`` as some models have learnt it."""

    def __init__(self) -> None:
        self._held = ""
        self._raw = ""
        self._at_line_start = True
        self._after_call = False
        self._spoke = False
        self._scan = JsonScan()
        self._scanned = 0
        self._read: Callable[[bool], list[Piece] | None] = self._read_text

    @property
    def undecided(self) -> str:
        """What is held back and most likely text."""
        return self._held if self._read == self._read_text and not self._after_call else ""

    def feed(self, text: str) -> list[Piece]:
        """Return what `text` decides."""
        self._held += text
        return self._run(False)

    def close(self) -> list[Piece]:
        """Return what the end of the text decides."""
        return self._run(True)

    def _run(self, at_end: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while (found := self._read(at_end)) is not None:
            pieces.extend(found)
        return pieces

    def _say(self, text: str) -> list[Piece]:
        if not text:
            return []
        if self._after_call and self._spoke:
            text = "\n\n" + text
        self._after_call = False
        self._spoke = True
        return [text]

    def _read_text(self, at_end: bool) -> list[Piece] | None:
        if self._after_call:
            self._held = self._held.lstrip()
        if not self._held:
            return None
        opening = self._find_opening()
        if opening is not None:
            words, tail = _without_last_break(self._held[: opening.start()])
            self._raw = tail + opening.group()
            self._held = self._held[opening.end() :]
            self._at_line_start = False
            self._read = self._read_opened
            return self._say(words)
        ready = len(self._held) if at_end else self._decided()
        if not ready:
            return None
        words, self._held = self._held[:ready], self._held[ready:]
        self._at_line_start = words.endswith("\n")
        return self._say(words)

    def _find_opening(self) -> re.Match[str] | None:
        start = 0 if self._at_line_start or self._after_call else self._held.find("\n") + 1
        while start or self._at_line_start or self._after_call:
            opening = _OPENING.match(self._held, start)
            if opening is not None:
                return opening
            start = self._held.find("\n", start) + 1
            if not start:
                break
        return None

    def _decided(self) -> int:
        """Return how much of the held text can be no part of an opening, or of the blank lines before one."""
        line = self._held.rfind("\n") + 1
        can_open = bool(line) or self._at_line_start or self._after_call
        if can_open and _OPENING_BEGUN.fullmatch(self._held, line):
            return len(_without_last_break(self._held[:line])[0])
        return len(_without_last_break(self._held)[0])

    def _read_opened(self, at_end: bool) -> list[Piece] | None:
        """Look at what follows an opening: an object is a call, anything else makes the opening text."""
        begun = self._held.lstrip()
        if begun[:1] in ("{", "["):
            self._raw += self._held[: len(self._held) - len(begun)]
            self._held = begun
            self._scan, self._scanned = JsonScan(), 0
            self._read = self._read_call
            return []
        if not begun and not at_end:
            return None
        return self._was_text()

    def _was_text(self) -> list[Piece]:
        raw, self._raw = self._raw, ""
        self._read = self._read_text
        return self._say(raw)

    def _read_call(self, at_end: bool) -> list[Piece] | None:
        end = self._scan.find_end(self._held, self._scanned, "`<")
        if end < 0:
            self._scanned = len(self._held)
            if not at_end:
                return None
            end = len(self._held)
        calls = calls_in(self._held[:end])
        if not calls:
            self._raw += self._held[:end]
            self._held = self._held[end:]
            return self._was_text()
        self._raw, self._held = "", self._held[end:]
        self._read = self._read_closing
        return list(calls)

    def _read_closing(self, at_end: bool) -> list[Piece] | None:
        self._held = self._held.lstrip()
        if not self._held:
            return None
        closing = _CLOSING.match(self._held + " " if at_end else self._held)
        if closing is not None:
            self._held = self._held[closing.end() :]
        elif self._held[0] == "{":
            # Some models write several calls into one block.
            self._read = self._read_opened
            return []
        elif not at_end and _CLOSING_BEGUN.fullmatch(self._held):
            return None
        self._after_call = True
        self._at_line_start = True
        self._read = self._read_text
        return []


def _without_last_break(text: str) -> tuple[str, str]:
    """Return `text` up to the line break after its last word, and the rest."""
    blank = len(text.rstrip())
    breaks = [place for place in (text.find("\n", blank), text.find("\r", blank)) if place >= 0]
    end = min(breaks) if breaks else len(text)
    return text[:end], text[end:]
