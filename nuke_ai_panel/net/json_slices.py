"""Read a large JSON answer in small steps, so that the loop it is read on (which may be the UI's) stays alive."""

from __future__ import annotations

import asyncio
import json
import re
import time

from nuke_ai_panel.net.json_values import parse

__all__ = ["LONGEST_STEP", "Pacer", "parse_in_slices"]

LONGEST_STEP = 0.003
"""Seconds after which other work of the loop gets its turn; one element of a list is never divided."""

_SMALL = 64 * 1024
_BLANK = re.compile(r"[ \t\r\n]*")
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
_MOST_DIGITS = 4300


class Pacer:
    """Divide a long piece of work into steps, between which the loop's other work gets its turn."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def step(self) -> None:
        """Return at once, or after a turn of the loop where the last one was ``LONGEST_STEP`` seconds ago."""
        if time.perf_counter() - self._since > LONGEST_STEP:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


async def parse_in_slices(raw: bytes) -> object:
    """Return the JSON value of `raw`; lists at its top, or right under its top, are read element by element.

    Parsing one megabyte in one call stands still for ten milliseconds and more, and another thread would not help: the
    parser holds the interpreter's lock all the while.

    Raises:
        ProtocolError: it is not JSON.
    """
    source = raw.decode("utf-8-sig", "replace")
    if len(source) <= _SMALL or _HALF_CHARACTER.search(source):
        return parse(source)
    try:
        value: object = await _Slices(source).read()
    except (ValueError, RecursionError):
        value = _BROKEN
    # What is broken, or spelled in a way only the whole parser knows, gets that one's answer or its error.
    return parse(source) if value is _BROKEN else value


_BROKEN = object()


def _integer(digits: str) -> int:
    # Reading n digits takes n * n steps, and older Pythons set no limit.
    if len(digits) > _MOST_DIGITS:
        raise ValueError("the number is too long")
    return int(digits)


class _Slices:
    def __init__(self, source: str) -> None:
        self._source = source
        self._decode = json.JSONDecoder(parse_int=_integer).raw_decode
        self._pacer = Pacer()

    async def read(self) -> object:
        at = self._skip(0)
        value, at = await self._value(at, depth=0)
        if self._skip(at) != len(self._source):
            raise ValueError("more than one value")
        return value

    async def _value(self, at: int, depth: int) -> tuple[object, int]:
        first = self._source[at : at + 1]
        if first == "[":
            return await self._array(at + 1)
        if first == "{" and depth == 0:
            return await self._object(at + 1)
        return self._decode(self._source, at)

    async def _array(self, at: int) -> tuple[list[object], int]:
        found: list[object] = []
        at = self._skip(at)
        if self._source[at : at + 1] == "]":
            return found, at + 1
        while True:
            item, at = self._decode(self._source, at)
            found.append(item)
            at, closed = self._separator(at, "]")
            if closed:
                return found, at
            await self._pacer.step()

    async def _object(self, at: int) -> tuple[dict[str, object], int]:
        found: dict[str, object] = {}
        at = self._skip(at)
        if self._source[at : at + 1] == "}":
            return found, at + 1
        while True:
            name, at = self._decode(self._source, at)
            at = self._skip(at)
            if not isinstance(name, str) or self._source[at : at + 1] != ":":
                raise ValueError("no member of an object")
            found[name], at = await self._value(self._skip(at + 1), depth=1)
            at, closed = self._separator(at, "}")
            if closed:
                return found, at

    def _separator(self, at: int, end: str) -> tuple[int, bool]:
        """Return the place behind the comma or the `end` that follows, and whether it was the end."""
        at = self._skip(at)
        found = self._source[at : at + 1]
        if found == end:
            return at + 1, True
        if found != ",":
            raise ValueError("neither a comma nor an end")
        return self._skip(at + 1), False

    def _skip(self, at: int) -> int:
        blank = _BLANK.match(self._source, at)
        return at if blank is None else blank.end()
