"""The text of one node and the spans of its knobs: read lazily, edited in place, everything else kept byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nuke_ai_panel.nk.knob_order import rank
from nuke_ai_panel.nk.words import PLAIN_NAME, PLAIN_VALUE, quote, skip_blank, unquote, word_end, written

__all__ = ["KnobSpan", "NodeText"]

USER_KNOB = "addUserKnob"

_PLAIN_LINE = re.compile(rf"\s*({PLAIN_NAME})(?:[ \t]+({PLAIN_VALUE}))?[ \t]*\r?(?:\n|\Z)", re.ASCII | re.DOTALL)
_BLANKS = " \t\r\n\f\v"
# The spans of a long body are kept once they were read; those of a short one would be larger than what they describe.
_LONG_BODY = 1024
# More than any node has; a damaged file may say anything.
_MOST_INPUTS = 999


class KnobSpan(NamedTuple):
    """Where a knob stands: `start` of the whole entry, `value_start` and `value_end` of its value word."""

    name: str
    start: int
    value_start: int
    value_end: int


class NodeText:
    """A node's ``Class {...}`` text. ``head`` is everything up to the opening brace, ``tail`` from the closing one."""

    __slots__ = ("_name", "_pops", "_spans", "body", "head", "tail")

    def __init__(self, head: str, body: str, tail: str, *, name: str | None = None, pops: int = -1) -> None:
        self.head = head
        self.body = body
        self.tail = tail
        self._spans: list[KnobSpan] | None = None
        self._name = name
        self._pops = pops

    def __str__(self) -> str:
        return self.head + self.body + self.tail

    def forget(self) -> None:
        """Read the spans, the name and the inputs anew when they are next asked for: the body changed."""
        self._spans = None
        self._name = None
        self._pops = -1

    def put(self, body: str, knob: str = "") -> None:
        """Replace the body, of which only `knob` changed if one is named."""
        self.body = body
        self._spans = None
        if knob in ("", "name"):
            self._name = None
        if knob in ("", "inputs"):
            self._pops = -1

    @property
    def spans(self) -> list[KnobSpan]:
        """The knobs in file order, ``addUserKnob`` entries among them. Raises: DamagedWordError."""
        if self._spans is not None:
            return self._spans
        found = list(_read_spans(self.body))
        if len(self.body) >= _LONG_BODY:
            self._spans = found
        return found

    @property
    def name(self) -> str:
        """The ``name`` that is written, "" where none is."""
        if self._name is None:
            self._name = self.value("name") or ""
        return self._name

    @property
    def pops(self) -> int:
        """How many inputs are taken from the stack, as ``inputs`` says; one where it is not written."""
        if self._pops < 0:
            written_count = self.value("inputs")
            try:
                count = 1 if written_count is None else sum(int(part) for part in written_count.split("+"))
                self._pops = min(max(count, 0), _MOST_INPUTS)
            except ValueError:
                self._pops = 1
        return self._pops

    def word(self, span: KnobSpan) -> str:
        """Return a knob's value as written."""
        return self.body[span.value_start : span.value_end]

    def find(self, name: str) -> KnobSpan | None:
        """Return the span that sets a knob; the last one counts, as when Nuke reads the file."""
        # A name without quotes and escapes stands in the text as it is, and most knobs are written nowhere.
        if name not in self.body and '"' not in self.body and "\\" not in self.body:
            return None
        for span in reversed(self.spans):
            if span.name == name:
                return span
        return None

    def value(self, name: str) -> str | None:
        """Return a knob's text with quotes undone, None where it is not written."""
        span = self.find(name)
        return None if span is None else unquote(self.word(span))

    def with_value(self, name: str, value: str, *, class_name: str, newline: str, scalar: bool = False) -> str:
        """Return the body with a knob set: its own line changes, or one line is added where Nuke would write it."""
        span = self.find(name)
        word = quote(value) if scalar else written(value)
        if span is None:
            return self._with_line(name, word, class_name, newline)
        if self.word(span) == word:
            return self.body
        gap = " " if span.value_start == span.value_end and self.body[span.value_start - 1 : span.value_start] != " " else ""
        return self.body[: span.value_start] + gap + word + self.body[span.value_end :]

    def without(self, name: str) -> str:
        """Return the body with a knob's entries removed, its line with them where nothing else stands on it."""
        body = self.body
        for span in reversed([span for span in self.spans if span.name == name]):
            start, end = span.start, span.value_end
            while start and body[start - 1] in " \t":
                start -= 1
            line_end = skip_blank(body, end)
            if body[start - 1 : start] == "\n" and body[line_end : line_end + 1] in ("\n", ""):
                end = line_end + 1
            body = body[:start] + body[end:]
        return body

    def _with_line(self, name: str, word: str, class_name: str, newline: str) -> str:
        where, indent = self._place(name, class_name)
        body = self.body
        line = f"{indent}{quote(name)} {word}{newline}"
        if where == 0 and not body.startswith(("\n", "\r\n")):
            return newline + line + body.lstrip(" \t") if body.strip() else newline + line
        if where == 0:
            where = body.index("\n") + 1
        if not body[:where].endswith("\n"):
            return body[:where].rstrip(" \t") + newline + line + body[where:]
        return body[:where] + line + body[where:]

    def _place(self, name: str, class_name: str) -> tuple[int, str]:
        indent = self._indent()
        wanted = rank(class_name, name)
        after = 0
        for span in self.spans:
            if span.name == USER_KNOB or rank(class_name, span.name) > wanted:
                break
            end = self.body.find("\n", span.value_end)
            after = len(self.body) if end < 0 else end + 1
        return after, indent

    def _indent(self) -> str:
        for span in self.spans:
            line = self.body.rfind("\n", 0, span.start)
            if line >= 0:
                return self.body[line + 1 : span.start]
        lead = self.head.rsplit("\n", 1)[-1]
        return lead[: len(lead) - len(lead.lstrip(" \t"))] + " "


def _read_spans(body: str) -> Iterator[KnobSpan]:
    pos, size = 0, len(body)
    plain = _PLAIN_LINE.match
    while True:
        line = plain(body, pos)
        if line is not None:
            start, name_end = line.span(1)
            value_start, value_end = line.span(2)
            if value_start < 0:
                value_start = value_end = name_end
            yield KnobSpan(line.group(1), start, value_start, value_end)
            pos = line.end()
            continue
        while pos < size and (body[pos] in _BLANKS or body.startswith(("\\\n", "\\\r\n"), pos)):
            pos += 1 if body[pos] != "\\" else 2
        if pos >= size:
            return
        start = pos
        name_end = word_end(body, pos, in_list=True)
        name = unquote(body[start:name_end])
        pos = skip_blank(body, name_end)
        if pos >= size or body[pos] == "\n":
            # A hand-written line may name a knob and give it no value at all.
            yield KnobSpan(name, start, name_end, name_end)
            continue
        end = word_end(body, pos, in_list=True)
        yield KnobSpan(name, start, pos, end)
        pos = end
