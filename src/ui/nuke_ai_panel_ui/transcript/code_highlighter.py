"""Colour code while it arrives: one regular expression over each line, and the state a line hands to the next.

Only the lines that changed are coloured again. :func:`line_spans` is free of Qt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from nuke_ai_panel_ui.qt import QtGui

__all__ = ["CodeHighlighter", "line_spans"]

_PYTHON_WORDS = (
    "and as assert async await break class continue def del elif else except finally for from global if import in is lambda"
    " nonlocal not or pass raise return self try while with yield None True False"
)
_TCL_WORDS = "set proc if else elseif for foreach while return expr list lindex puts global push end knob clone"
_OTHER_WORDS = (
    "if else for while do switch case break continue return function var let const new class struct enum void int float bool"
    " true false null this import export from static public private try catch finally throw in of kernel param local"
)
_STRING = r"(?P<string>[rbfuRBFU]{0,2}(?:\"(?:[^\"\\]|\\.)*(?:\"|$)|'(?:[^'\\]|\\.)*(?:'|$)))"
_NUMBER = r"(?P<number>\b(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)\b)"
_CALL = r"(?P<call>\b[A-Za-z_]\w*(?=\())"

Span = tuple[int, int, str]


def _pattern(comment: str, words: str, string: str = _STRING) -> re.Pattern[str]:
    keyword = r"(?P<keyword>\b(?:" + "|".join(words.split()) + r")\b)"
    return re.compile("|".join((string, f"(?P<comment>{comment})", keyword, _NUMBER, _CALL)))


_PYTHON = _pattern(r"#.*$", _PYTHON_WORDS)
# In TCL an apostrophe is a letter like any other.
_TCL = _pattern(r"#.*$", _TCL_WORDS, r"(?P<string>\"(?:[^\"\\]|\\.)*(?:\"|$))")
_OTHER = _pattern(r"//.*$|/\*.*?(?:\*/|$)|(?:(?<=\s)|^)#.*$", _OTHER_WORDS)
_PLAIN_LANGUAGES = frozenset({"", "text", "txt", "plain", "plaintext", "output", "console", "log", "markdown", "md"})
_TRIPLE = ('"""', "'''")


@lru_cache(maxsize=2048)
def line_spans(line: str, language: str, state: int) -> tuple[tuple[Span, ...], int]:
    """Return the coloured spans of one line and the state for the next.

    A span is (start, length, kind) with kind keyword, string, number, comment or call. `state` is 0, or 1 or 2 inside a Python
    string in three double or single quotes.
    """
    if language in _PLAIN_LANGUAGES:
        return (), 0
    is_python = language in ("python", "py", "python3")
    spans: list[Span] = []
    position = 0
    if is_python and state > 0:
        end = line.find(_TRIPLE[state - 1])
        if end < 0:
            return ((0, len(line), "string"),), state
        position = end + 3
        spans.append((0, position, "string"))
    pattern = _PYTHON if is_python else _TCL if language in ("tcl", "nuke", "nk") else _OTHER
    while position < len(line):
        match = pattern.search(line, position)
        if match is None:
            break
        kind = str(match.lastgroup)
        quotes = match.group().lstrip("rbfuRBFU")[:2] + line[match.end() : match.end() + 1]
        if is_python and kind == "string" and quotes in _TRIPLE:
            start, body = match.start(), match.end() + 1
            end = line.find(quotes, body)
            if end < 0:
                spans.append((start, len(line) - start, "string"))
                return tuple(spans), _TRIPLE.index(quotes) + 1
            position = end + 3
            spans.append((start, position - start, "string"))
            continue
        spans.append((match.start(), match.end() - match.start(), kind))
        position = max(match.end(), position + 1)
    return tuple(spans), 0


class CodeHighlighter(QtGui.QSyntaxHighlighter):
    """Apply :func:`line_spans` to a document of code; `colours` maps a span's kind to ``#rrggbb``."""

    def __init__(self, document: QtGui.QTextDocument, language: str, colours: Mapping[str, str]) -> None:
        super().__init__(document)
        self._language = language
        self._formats = {}
        for kind, colour in colours.items():
            text_format = QtGui.QTextCharFormat()
            text_format.setForeground(QtGui.QColor(colour))
            self._formats[kind] = text_format

    def highlightBlock(self, text: str) -> None:
        """Colour one line (called by Qt)."""
        spans, state = line_spans(text, self._language, max(0, self.previousBlockState()))
        for start, length, kind in spans:
            self.setFormat(start, length, self._formats[kind])
        self.setCurrentBlockState(state)
