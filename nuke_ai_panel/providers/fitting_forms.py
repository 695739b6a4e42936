"""Find the JSON in an answer that was to be nothing else: a call or an answer, or the answer of a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from nuke_ai_panel.messages import JsonObject
from nuke_ai_panel.providers.fitting_text import CallBlocks, JsonScan, Piece, Splitter, beginnings, calls_in
from nuke_ai_panel.validators.json_schema import problem_with

__all__ = ["AnswerBlock", "CallOrAnswer", "InTurn"]

_WRAPPER = re.compile(r"```(?:json)?\s*(?=\{)")
_WRAPPER_BEGUN = re.compile(r"`{1,2}|```(?:j(?:s(?:o(?:n)?)?)?)?\s*")
_FIRST_KEY = re.compile(r'\{\s*"(answer|tool|name|arguments)"\s*:\s*(?=\S)')
_FIRST_KEY_BEGUN = re.compile(rf'\{{\s*(?:"(?:{beginnings("answer", "tool", "name", "arguments")})?(?:(?<=[a-z])"\s*:?\s*)?)?')
_ESCAPES: Mapping[str, str] = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class CallOrAnswer(Splitter):
    """One JSON object: ``{"tool": …, "arguments": …}`` is a call, ``{"answer": …}`` is text.

    `raw_answer` keeps the JSON of the answer as it is; otherwise an answer that is a JSON text is decoded while it comes. A
    server that does not hold the model to the form lets anything through: then blocks are looked for.
    """

    def __init__(self, *, raw_answer: bool = False) -> None:
        self._raw_answer = raw_answer
        self._held = ""
        self._scan = JsonScan()
        self._scanned = 0
        self._free: CallBlocks | None = None
        self._read: Callable[[bool], list[Piece] | None] = self._read_start

    @property
    def undecided(self) -> str:
        """What is held back and most likely text."""
        if self._free is not None:
            return self._free.undecided
        return self._held if self._read == self._read_start else ""

    def feed(self, text: str) -> list[Piece]:
        """Return what `text` decides."""
        if self._free is not None:
            return self._free.feed(text)
        self._held += text
        return self._run(False)

    def close(self) -> list[Piece]:
        """Return what the end of the text decides."""
        pieces = self._run(True)
        return pieces + self._free.close() if self._free is not None else pieces

    def _run(self, at_end: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while self._free is None and (found := self._read(at_end)) is not None:
            pieces.extend(found)
        return pieces

    def _read_start(self, at_end: bool) -> list[Piece] | None:
        source = self._held.lstrip()
        wrapper = _WRAPPER.match(source)
        inner = source[wrapper.end() :] if wrapper else source
        key = _FIRST_KEY.match(inner)
        if key is None:
            begun = not source or _WRAPPER_BEGUN.fullmatch(source) or _FIRST_KEY_BEGUN.fullmatch(inner)
            if begun and not at_end:
                return None
            self._free, held = CallBlocks(), self._held
            self._held = ""
            return self._free.feed(held)
        if key.group(1) != "answer":
            self._held = inner
            self._read = self._read_call
            return []
        self._held = inner[key.end() :]
        if self._held[0] == '"' and not self._raw_answer:
            self._held = self._held[1:]
            self._read = self._read_words
        else:
            self._read = self._read_value if self._held[0] in '{["' else self._read_plain_value
        return []

    def _read_words(self, at_end: bool) -> list[Piece] | None:
        """Decode the answer's text up to its closing quote."""
        words: list[str] = []
        place, source = 0, self._held
        while place < len(source) and source[place] != '"':
            if source[place] != "\\":
                stop = min(found if (found := source.find(mark, place)) >= 0 else len(source) for mark in '\\"')
                words.append(source[place:stop])
                place = stop
                continue
            word, length = _unescape(source, place)
            if not length:
                if at_end:
                    place = len(source)
                break
            words.append(word)
            place += length
        ended = place < len(source) and source[place] == '"'
        self._held = "" if ended else source[place:]
        if ended:
            self._read = self._read_rest
        said = "".join(words)
        return [said] if said else [] if ended else None

    def _read_value(self, at_end: bool) -> list[Piece] | None:
        if not self._held:
            return None
        end = self._scan.find_end(self._held)
        value, self._held = (self._held, "") if end < 0 else (self._held[:end], "")
        if end >= 0:
            self._read = self._read_rest
        return [value]

    def _read_plain_value(self, at_end: bool) -> list[Piece] | None:
        end = re.search(r"[\s,}]", self._held)
        if end is None and not at_end:
            return None
        value, self._held = self._held[: end.start() if end else len(self._held)], ""
        self._read = self._read_rest
        return [value] if value else []

    def _read_call(self, at_end: bool) -> list[Piece] | None:
        end = self._scan.find_end(self._held, self._scanned)
        if end < 0:
            self._scanned = len(self._held)
            if not at_end:
                return None
            end = len(self._held)
        source, self._held = self._held[:end], ""
        self._read = self._read_rest
        calls = calls_in(source)
        return list(calls) if calls else [source]

    def _read_rest(self, at_end: bool) -> list[Piece] | None:
        # What can follow closes the object or a fence round it.
        self._held = ""
        return None


def _unescape(source: str, place: int) -> tuple[str, int]:
    """Return what the escape at `place` stands for, and its length; 0 where it is not whole yet."""
    if place + 1 >= len(source):
        return "", 0
    letter = source[place + 1]
    if letter != "u":
        return _ESCAPES.get(letter, letter), 2
    first = _code(source, place)
    if first is None:
        return ("", 0) if place + 6 > len(source) else ("\ufffd", 2)
    if not 0xD800 <= first < 0xDC00:
        return (chr(first) if not 0xDC00 <= first < 0xE000 else "\ufffd"), 6
    if not "\\u".startswith(source[place + 6 : place + 8]):
        return "\ufffd", 6
    if place + 12 > len(source):
        return "", 0
    second = _code(source, place + 6)
    if second is None or not 0xDC00 <= second < 0xE000:
        return "\ufffd", 6
    return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)), 12


def _code(source: str, place: int) -> int | None:
    digits = source[place + 2 : place + 6]
    return int(digits, 16) if re.fullmatch(r"[0-9a-fA-F]{4}", digits) else None


_BLOCK = re.compile(r"^[ \t]*`{3,}[ \t]*(?:json[c5]?)?[ \t]*\r?\n?\s*(?=[\[{])", re.MULTILINE | re.IGNORECASE)


class AnswerBlock(Splitter):
    """The JSON that was asked for, out of a fenced block or bare; words around it are left out.

    Where no JSON is found, all words come at the end, and :meth:`problem` says so.
    """

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema
        self._held = ""
        self._answer: list[str] = []
        self._scan = JsonScan()
        self._inside = self._done = False

    @property
    def undecided(self) -> str:
        """What is held back and most likely text."""
        return "" if self._done else self._held

    def feed(self, text: str) -> list[Piece]:
        """Return what `text` decides."""
        if self._done:
            return []
        self._held += text
        if not self._inside:
            begun = self._held.lstrip()
            is_bare = begun[:1] in ("{", "[")
            block = _BLOCK.search(self._held) if not is_bare and "```" in self._held else None
            if block is None and not is_bare:
                return []
            self._held = begun if block is None else self._held[block.end() :]
            self._inside = True
        end = self._scan.find_end(self._held)
        value, self._held = self._held if end < 0 else self._held[:end], ""
        self._done = end >= 0
        self._answer.append(value)
        return [value] if value else []

    def close(self) -> list[Piece]:
        """Return what the end of the text decides."""
        if self._inside or not self._held:
            return []
        words, self._held = self._held, ""
        found = self._search(words)
        self._answer.append(found)
        self._done = True
        return [found]

    def _search(self, words: str) -> str:
        """Return the first JSON in `words` that follows the schema, or all of them."""
        bare = re.sub(r"^\s*`{3,}\s*(?:json)?|`{3,}\s*$", "", words).strip()
        decoder = json.JSONDecoder()
        for place in (0, *(match.start() for match in re.finditer(r"[\[{]", bare[:20_000]))):
            try:
                value, end = decoder.raw_decode(bare, place)
            except (ValueError, RecursionError):
                continue
            if not problem_with(value, self._schema):
                return bare[place:end]
        return words

    def problem(self) -> str:
        """Return what is wrong with the whole answer, or ""."""
        source = "".join(self._answer)
        try:
            value = json.loads(source)
        except (ValueError, RecursionError):
            return "it holds no JSON" if not self._inside else "its JSON is broken"
        return problem_with(value, self._schema)


class InTurn(Splitter):
    """Two splitters, the second of which takes the text that the first gives out. An answer with calls needs no other form."""

    def __init__(self, first: Splitter, second: Splitter) -> None:
        self._first = first
        self._second = second
        self._called = False

    @property
    def undecided(self) -> str:
        """What is held back and most likely text."""
        return self._second.undecided + self._first.undecided

    def feed(self, text: str) -> list[Piece]:
        """Return what `text` decides."""
        return self._pass_on(self._first.feed(text))

    def close(self) -> list[Piece]:
        """Return what the end of the text decides."""
        return self._pass_on(self._first.close()) + self._second.close()

    def problem(self) -> str:
        """Return what is wrong with the whole answer, or ""."""
        return "" if self._called else self._second.problem()

    def _pass_on(self, pieces: list[Piece]) -> list[Piece]:
        passed: list[Piece] = []
        for piece in pieces:
            if isinstance(piece, str):
                passed.extend(self._second.feed(piece))
            else:
                self._called = True
                passed.extend(self._second.close())
                passed.append(piece)
        return passed
