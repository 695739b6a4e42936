"""Reading a Tcl script into commands that know where they stand; nothing is substituted and nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nuke_ai_panel.nk.expressions.tcl_words import bracket_end

__all__ = ["Command", "TclDamage", "TclWord", "commands_of", "find_damage"]

_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


@dataclass(frozen=True)
class TclWord:
    """A word, its quotes taken off, and the offset of what is inside of them."""

    text: str
    offset: int
    is_verbatim: bool = False

    @property
    def is_static(self) -> bool:
        """Whether the word says the same whenever it is read."""
        return self.is_verbatim or not any(mark in self.text for mark in "$[\\")


@dataclass(frozen=True)
class Command:
    """A command: its name and its words."""

    name: TclWord
    args: tuple[TclWord, ...] = ()


@dataclass(frozen=True)
class TclDamage:
    """Why a script cannot be read, and the offset of what is wrong."""

    message: str
    offset: int


def find_damage(script: str) -> TclDamage | None:
    """Return the first brace or bracket of a script that does not match, None where all do."""
    waiting: list[tuple[str, int]] = []
    at, size = 0, len(script)
    starts_command = True
    while at < size:
        mark = script[at]
        if mark == "\\":
            at += 2
            continue
        if mark == "#" and starts_command:
            end = script.find("\n", at)
            at = size if end < 0 else end
            continue
        if mark in "{[":
            waiting.append((mark, at))
        elif mark in "}]":
            wanted = "{" if mark == "}" else "["
            if waiting and waiting[-1][0] == wanted:
                waiting.pop()
            elif mark == "}":
                if any(each[0] == "{" for each in waiting):
                    return TclDamage("']' is missing for this '['", waiting[-1][1])
                return TclDamage("this '}' closes nothing", at)
        starts_command = mark in "\n;{[" or (starts_command and mark in " \t\r")
        at += 1
    if waiting:
        mark, place = waiting[-1] if waiting[-1][0] == "[" else waiting[0]
        return TclDamage(f"this '{mark}' is not closed", place)
    return None


def commands_of(script: str, start: int = 0, end: int | None = None) -> Iterator[Command]:
    """Yield the commands between two offsets of a script that has no damage."""
    stop = len(script) if end is None else end
    words: list[TclWord] = []
    pos = start
    while pos < stop:
        mark = script[pos]
        if mark in "\n;":
            if words:
                yield Command(words[0], tuple(words[1:]))
                words = []
            pos += 1
        elif mark in " \t\r":
            pos += 1
        elif mark == "\\" and script[pos + 1 : pos + 2] in ("\n", "\r"):
            pos += 2
        elif mark == "#" and not words:
            line_end = script.find("\n", pos)
            pos = stop if line_end < 0 else min(line_end, stop)
        else:
            word, pos = _word(script, pos, stop)
            words.append(word)
    if words:
        yield Command(words[0], tuple(words[1:]))


def _word(script: str, pos: int, stop: int) -> tuple[TclWord, int]:
    if script[pos] == "{":
        depth = 0
        for match in _BRACES.finditer(script, pos, stop):
            depth += {"{": 1, "}": -1}.get(match.group(), 0)
            if not depth:
                return TclWord(script[pos + 1 : match.start()], pos + 1, True), match.end()
        return TclWord(script[pos + 1 : stop], pos + 1, True), stop
    if script[pos] == '"':
        end = _run(script, pos + 1, stop, '"')
        return TclWord(script[pos + 1 : end], pos + 1), min(end + 1, stop)
    end = _run(script, pos, stop, " \t\r\n;")
    return TclWord(script[pos:end], pos), max(end, pos + 1)


def _run(script: str, pos: int, stop: int, ends: str) -> int:
    while pos < stop and script[pos] not in ends:
        if script[pos] == "\\":
            pos += 2
        elif script[pos] == "[":
            end = bracket_end(script, pos)
            pos = end if end > 0 else pos + 1
        else:
            pos += 1
    return min(pos, stop)
