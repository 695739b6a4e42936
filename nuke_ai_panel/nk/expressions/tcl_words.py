"""Reading Tcl text: commands, their words, and the parts of a word that are substituted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nuke_ai_panel.nk.expressions.results import ExpressionStopped, SyntaxProblem
from nuke_ai_panel.nk.words import counted_bracket_end

__all__ = ["Part", "Word", "bracket_end", "commands", "parts"]

_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|((?:\w|::)+(?:\([^()\s]*\))?))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\n": " "}


@dataclass(frozen=True)
class Part:
    """A piece of a word. `kind` is ``text``, ``variable`` or ``script``; the latter two are replaced by what they give."""

    kind: str
    text: str


@dataclass(frozen=True)
class Word:
    """A word of a command. `is_verbatim` for ``{...}``, whose content nothing is substituted in."""

    text: str
    is_verbatim: bool

    @property
    def is_static(self) -> bool:
        """Whether the word is the same whenever it is evaluated."""
        return self.is_verbatim or not any(part.kind != "text" for part in parts(self.text))


def bracket_end(text: str, pos: int) -> int:
    """Return the offset after the ``]`` that closes the ``[`` at `pos`, -1 where none does.

    A bracket in a quoted or braced word closes nothing. Where that leads to no end the brackets alone are counted.
    """
    open_marks: list[str] = []
    last = ""
    at, size = pos, len(text)
    while at < size:
        mark = text[at]
        inside = open_marks[-1] if open_marks else ""
        starts_word = inside == "[" and last in " \t\n;["
        if mark == "\\":
            at += 2
            last = mark
            continue
        if (mark == "[" and inside != "{") or (mark == '"' and starts_word) or (mark == "{" and (starts_word or inside == "{")):
            open_marks.append(mark)
        elif inside and mark == {"[": "]", '"': '"', "{": "}"}[inside]:
            open_marks.pop()
            if not open_marks:
                return at + 1
        last = mark
        at += 1
    return counted_bracket_end(text, pos)


def parts(text: str) -> list[Part]:
    """Split text into what stands and what is substituted. Raises: ExpressionStopped for a ``[`` that is not closed."""
    found: list[Part] = []
    plain: list[str] = []
    pos, size = 0, len(text)

    def flush() -> None:
        if plain:
            found.append(Part("text", "".join(plain)))
            plain.clear()

    while pos < size:
        mark = text[pos]
        if mark == "\\" and pos + 1 < size:
            plain.append(_ESCAPES.get(text[pos + 1], text[pos + 1]))
            pos += 2
        elif mark == "[":
            end = bracket_end(text, pos)
            if end < 0:
                raise ExpressionStopped(SyntaxProblem("']' is missing", pos + 1))
            flush()
            found.append(Part("script", text[pos + 1 : end - 1]))
            pos = end
        elif mark == "$":
            variable = _VARIABLE.match(text, pos)
            if variable is None:
                plain.append(mark)
                pos += 1
                continue
            flush()
            found.append(Part("variable", variable.group(1) or variable.group(2)))
            pos = variable.end()
        else:
            end = pos + 1
            while end < size and text[end] not in "\\[$":
                end += 1
            plain.append(text[pos:end])
            pos = end
    flush()
    return found


def commands(script: str) -> Iterator[list[Word]]:
    """Yield the commands of a script, each as its words. Raises: ExpressionStopped with a SyntaxProblem."""
    words: list[Word] = []
    pos, size = 0, len(script)
    while pos < size:
        mark = script[pos]
        if mark in "\n;":
            if words:
                yield words
                words = []
            pos += 1
        elif mark in " \t\r":
            pos += 1
        elif mark == "\\" and script[pos + 1 : pos + 2] == "\n":
            pos += 2
        elif mark == "#" and not words:
            end = script.find("\n", pos)
            pos = size if end < 0 else end
        else:
            word, pos = _word(script, pos)
            words.append(word)
    if words:
        yield words


def _word(script: str, pos: int) -> tuple[Word, int]:
    if script[pos] == "{":
        depth = 0
        for match in _BRACES.finditer(script, pos):
            depth += {"{": 1, "}": -1}.get(match.group(), 0)
            if not depth:
                return Word(script[pos + 1 : match.end() - 1], True), match.end()
        raise ExpressionStopped(SyntaxProblem("'}' is missing", pos + 1))
    if script[pos] == '"':
        end = _run(script, pos + 1, '"')
        if end >= len(script):
            raise ExpressionStopped(SyntaxProblem("'\"' is missing", pos + 1))
        return Word(script[pos + 1 : end], False), end + 1
    end = _run(script, pos, " \t\r\n;")
    return Word(script[pos:end], False), end


def _run(script: str, pos: int, ends: str) -> int:
    size = len(script)
    while pos < size and script[pos] not in ends:
        if script[pos] == "\\":
            pos += 2
        elif script[pos] == "[":
            end = bracket_end(script, pos)
            if end < 0:
                raise ExpressionStopped(SyntaxProblem("']' is missing", pos + 1))
            pos = end
        else:
            pos += 1
    return min(pos, size)
