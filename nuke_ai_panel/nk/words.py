"""Words of the .nk language: finding their ends, quoting and unquoting them.

A word is ``{...}`` with nested braces, ``"..."`` with backslash escapes, or a bare run in which ``[...]`` nests. A backslash
takes the next character with it everywhere. White space is that of ASCII: a no-break space is a letter here.
"""

from __future__ import annotations

import re

from nuke_ai_panel.errors import NkError

__all__ = [
    "PLAIN_NAME",
    "PLAIN_VALUE",
    "DamagedWordError",
    "counted_bracket_end",
    "is_one_list",
    "list_words",
    "needs_quotes",
    "quote",
    "skip_blank",
    "unquote",
    "word_end",
    "written",
]


def _nested(depth: int) -> str:
    """Return a pattern for a brace word with at most `depth` levels of braces inside of it."""
    inner = rf"\\.|{_nested(depth - 1)}" if depth else r"\\."
    return rf"\{{[^{{}}\\]*(?:(?:{inner})[^{{}}\\]*)*\}}"


# What proves a word plain: it ends where the pattern does, for a reader of the list as for one that only counts braces.
PLAIN_NAME = r"[^\s\"\\\[{}][^\s\\\[{}]*"
PLAIN_VALUE = rf'(?:{PLAIN_NAME}|"[^"\\{{}}]*(?:\\.[^"\\{{}}]*)*"|{_nested(3)})'

_BRACES = re.compile(r"\\.|\{[^{}\\]*\}|[{}]", re.DOTALL)
_BRACKETS = re.compile(r"\\.|[\[\]]", re.DOTALL)
_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BARE = re.compile(r"[^\s\[\\;]+", re.ASCII)
_BARE_IN_LIST = re.compile(r"[^\s\[\\]+", re.ASCII)
_BLANK = re.compile(r"(?:[ \t\r\f\v]|\\\r?\n)*")
_SPACE = re.compile(r"(?:\s|\\\r?\n)*", re.ASCII)
_SPECIAL = re.compile(r'[\x00-\x20"\\\[\]{}$;\x7f]')
_ESCAPED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\", "[": "\\[", "{": "\\{", "}": "\\}", "$": "\\$"}
_TO_ESCAPE = re.compile(r'[\n\t\r"\\\[{}$]')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


class DamagedWordError(NkError):
    """A word does not end before the text does; `offset` is where it began, `expected` the missing closer."""

    def __init__(self, offset: int, expected: str) -> None:
        super().__init__(f"the word at offset {offset} is not closed")
        self.offset = offset
        self.expected = expected


def skip_blank(text: str, pos: int) -> int:
    """Return the offset after blanks and continued lines; a newline stops it."""
    match = _BLANK.match(text, pos)
    return match.end() if match else pos


def word_end(text: str, pos: int, *, in_list: bool = False) -> int:
    """Return the offset after the word that starts at `pos`. Raises: DamagedWordError."""
    first = text[pos]
    if first == "{":
        depth = 0
        for match in _BRACES.finditer(text, pos):
            mark = match.group()
            if mark == "{":
                depth += 1
            elif not depth and mark[0] == "{":
                return match.end()
            elif mark == "}":
                depth -= 1
                if not depth:
                    return match.end()
        raise DamagedWordError(pos, "'}'")
    start = pos
    if first == '"':
        quoted = _QUOTED.match(text, pos)
        if quoted is None:
            raise DamagedWordError(pos, "'\"'")
        pos = quoted.end()
    bare = _BARE_IN_LIST if in_list else _BARE
    size = len(text)
    while pos < size:
        run = bare.match(text, pos)
        if run:
            pos = run.end()
            continue
        mark = text[pos]
        if mark == "\\" and pos + 1 < size and text[pos + 1] not in "\r\n":
            pos += 2
        elif mark == "[":
            end = counted_bracket_end(text, pos)
            if end < 0:
                raise DamagedWordError(pos, "']'")
            pos = end
        else:
            break
    return max(pos, start + 1)


def counted_bracket_end(text: str, pos: int) -> int:
    """Return the offset after the ``]`` that closes the ``[`` at `pos` when brackets alone are counted, -1 where none does."""
    depth = 0
    for match in _BRACKETS.finditer(text, pos):
        mark = match.group()
        if mark == "[":
            depth += 1
        elif mark == "]":
            depth -= 1
            if not depth:
                return match.end()
    return -1


def list_words(text: str) -> list[str]:
    """Split the inside of a list (no outer braces) into its words as written. Raises: DamagedWordError."""
    words: list[str] = []
    pos = 0
    while True:
        space = _SPACE.match(text, pos)
        pos = space.end() if space else pos
        if pos >= len(text):
            return words
        end = word_end(text, pos, in_list=True)
        words.append(text[pos:end])
        pos = end


def needs_quotes(value: str) -> bool:
    """Return whether Nuke writes this scalar in quotes."""
    return not value or _SPECIAL.search(value) is not None


def quote(value: str) -> str:
    """Return a scalar as Nuke writes it: bare where it can be, else in quotes with escapes."""
    if not needs_quotes(value):
        return value
    return '"' + _TO_ESCAPE.sub(lambda match: _ESCAPED[match.group()], value) + '"'


def unquote(word: str) -> str:
    """Return the value of a word: quotes and escapes undone, braces kept as they are."""
    if len(word) >= 2 and word[0] == '"' and word[-1] == '"':
        word = word[1:-1]
    elif word[:1] == "{":
        return word
    if "\\" not in word:
        return word
    return _ESCAPE.sub(lambda match: _UNESCAPED.get(match.group(1), match.group(1)), word)


def is_one_list(text: str) -> bool:
    """Return whether text is one ``{...}`` whose braces match."""
    try:
        return text[:1] == "{" and word_end(text, 0) == len(text)
    except DamagedWordError:
        return False


def written(value: str) -> str:
    """Return the word for a knob's text: one balanced brace list stays as it is, all else is quoted where needed."""
    return value if is_one_list(value) else quote(value)
