"""Taking off code what a model, a terminal or a web page put round it: prompts, line numbers, entities, typographic quotes."""

from __future__ import annotations

import ast
import html
import re
import textwrap
import warnings

__all__ = ["cleaned", "parse_python", "straightened", "with_plain_signs"]

#: Longer code is not parsed to find out what it is; the checks of a proposal do that.
_LONGEST_PARSED = 300_000
_PROMPT = re.compile(r"[ \t]*(?:>>>|In \[\d+\]:)(?: |$)")
_MORE = re.compile(r"[ \t]*(?:\.\.\.:?|   \.\.\.:)(?: |$)")
# One blank at most belongs to the number: what follows it is the line's indentation, of which all lines share a part.
_NUMBER = re.compile(r"[ \t]*(\d{1,5})(?:[ \t]{0,4}[:|.)][ \t]?|[ \t]|$)")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#39|#34|#x27);")
_TYPOGRAPHIC = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u2032": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2033": '"',
    }
)
_INVISIBLE = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2003": " ", "\u200b": None, "\u200c": None, "\u200d": None, "\ufeff": None}
)
_DASHES = str.maketrans({"\u2013": "-", "\u2212": "-", "\u2014": "-"})


def parse_python(code: str) -> ast.Module | None:
    """Return the syntax tree of code, None where it is not Python or too much to find out."""
    if len(code) > _LONGEST_PARSED:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def cleaned(code: str) -> str:
    """Return code without prompts, line numbers and an indentation that all lines share; tabs and blanks stay as they are."""
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    if code.startswith("\ufeff"):
        code = code[1:]
    code = _without_prompts(code)
    code = _without_numbers(code)
    lines = code.split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    if lines and lines[0][:1] in (" ", "\t"):
        lines = textwrap.dedent("\n".join(lines)).split("\n")
    return "\n".join(lines)


def straightened(code: str) -> tuple[str, str]:
    """Return Python that can be read, and a sentence on what was changed for that, "" where nothing had to be.

    Only what makes unreadable code readable is changed, so that a quote inside of a text stays what it is.
    """
    if parse_python(code) is not None:
        return code, ""
    told: list[str] = []
    tried = code
    for words, change in (
        ("HTML entities were turned into the signs they stand for", _unescaped),
        ("blanks that are no plain blanks were made plain", lambda text: text.translate(_INVISIBLE)),
        ("typographic quotes were made straight", lambda text: text.translate(_TYPOGRAPHIC)),
        ("long dashes were made minus signs", lambda text: text.translate(_DASHES)),
    ):
        changed = change(tried)
        if changed == tried:
            continue
        tried = changed
        told.append(words)
        if parse_python(tried) is not None:
            sentence = " and ".join(told)
            return tried, sentence[0].upper() + sentence[1:] + "."
    return code, ""


def with_plain_signs(code: str) -> str:
    """Return code with entities, blanks, quotes and dashes as a programmer types them; for languages without such texts."""
    return _unescaped(code).translate(_INVISIBLE).translate(_TYPOGRAPHIC).translate(_DASHES)


def _unescaped(text: str) -> str:
    return _ENTITY.sub(lambda match: " " if match.group() == "&nbsp;" else html.unescape(match.group()), text)


def _without_prompts(code: str) -> str:
    """Return what was typed in a transcript of an interpreter; its answers are left out."""
    if ">>>" not in code and "In [" not in code:
        return code
    lines = code.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if not _PROMPT.match(first):
        return code
    typed: list[str] = []
    is_open = False
    for line in lines:
        prompt = _PROMPT.match(line)
        more = _MORE.match(line) if is_open and prompt is None else None
        mark = prompt or more
        is_open = mark is not None
        if mark is not None:
            typed.append(line[mark.end() :])
    return "\n".join(typed)


def _without_numbers(code: str) -> str:
    """Return code without the numbers in front of its lines, where every line bears the one after the line before."""
    lines = code.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    found = [_NUMBER.match(line) for line in lines]
    if len(lines) < 2 or any(match is None for match in found):
        return code
    numbers = [int(match.group(1)) for match in found if match is not None]
    if any(after != before + 1 for before, after in zip(numbers, numbers[1:])):
        return code
    rest = [line[match.end() :] if match else line for line, match in zip(lines, found)]
    return "\n".join(rest) if any(each.strip() for each in rest) else code
