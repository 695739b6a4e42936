"""Taking an answer apart: prose, and the code in it, whatever fences the model used or left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["Block", "split_answer", "unfenced_code", "without_thoughts"]

_THOUGHT = re.compile(r"(^[ \t]{0,20})?<(/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE | re.MULTILINE)
_LEAD = re.compile(r"[ \t]*(?:>[ \t]?)*[ \t]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?")
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([^`\r\n]*)$")
_AFTER_TEXT = re.compile(r"(`{3,})[ \t]*([A-Za-z]\w*)[ \t]*$")
_QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)+")
_PRE = re.compile(r"[ \t]*<pre\b[^>]{0,200}>(?:[ \t]*<code\b[^>]{0,200}>)?", re.IGNORECASE)
_END_PRE = re.compile(r"(?:</code>[ \t]*)?</pre>", re.IGNORECASE)
_TAG = re.compile(r"[\w+#-]+")
_MARKDOWN = frozenset({"markdown", "md", "mdx"})
_OUTER = _MARKDOWN | {"", "text", "txt", "plaintext"}
_LANGUAGES = frozenset(
    str.split(
        "python py python3 py3 nk nuke tcl text txt json yaml xml bash sh shell console zsh cmd powershell cpp c "
        "glsl hlsl blink blinkscript diff patch expression expr gizmo toml ini markdown md plaintext pycon"
    )
)
_DEEPEST = 3
_LONGEST_HEAD = 400


@dataclass(frozen=True)
class Block:
    """A piece of an answer. ``tag`` is the language a fence names, ``info`` all it says; prose has no ``is_code``.

    ``is_open``: the code has no end, because the answer was cut or another fence began inside of it. ``is_marked`` False: no
    fence says that it is code; it is open then where it goes to the end of the answer.
    """

    text: str
    is_code: bool = False
    tag: str = ""
    info: str = ""
    is_open: bool = False
    is_marked: bool = True


def without_thoughts(answer: str) -> str:
    """Return an answer without what the model wrote to itself; a thought that does not end leaves nothing behind it."""
    kept: list[str] = []
    begin = depth = 0
    for mark in _THOUGHT.finditer(answer):
        start, end = mark.span()
        if not mark.group(2):
            # In the middle of a line it is spoken of; a thought begins a line.
            if mark.group(1) is not None or depth:
                if not depth:
                    kept.append(answer[begin:start])
                depth += 1
        elif depth:
            depth -= 1
            begin = end
        elif not kept and answer[end : end + 1] in ("", "\n", "\r"):
            # The opening mark was part of the prompt.
            begin = end
    return "".join(kept) if depth else "".join(kept) + answer[begin:]


def split_answer(answer: str, *, depth: int = 0) -> list[Block]:
    """Return the prose and the fenced code of an answer, in order. Text in a markdown fence is taken apart too."""
    found: list[Block] = []
    prose: list[str] = []
    code: _Open | None = None

    def end_code(block: _Open, *, is_open: bool) -> None:
        found.extend(_taken(block, is_open, depth))

    for line in answer.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if code is None:
            code = _opening(line)
            if code is None:
                prose.append(line)
                continue
            prose.append(code.text_before)
            found.append(Block("\n".join(prose)))
            prose = []
        else:
            fence = None if code.is_html else _opening(line)
            if code.closes(line):
                end_code(code, is_open=False)
                code = None
            elif fence is not None and fence.tag in _LANGUAGES and code.is_interrupted_by(fence):
                end_code(code, is_open=True)
                code = fence
            else:
                code.take(line)
    if code is not None:
        end_code(code, is_open=not code.closes_at_end())
    elif prose:
        found.append(Block("\n".join(prose)))
    return [block for block in found if block.is_code or block.text.strip()]


class _Open:
    """A fence that was opened, and the lines in it."""

    def __init__(self, fence: str, info: str, *, indent: int = 0, quoted: bool = False, text_before: str = "") -> None:
        self.fence = fence
        self.info = info.strip()
        named = _TAG.search(self.info)
        self.tag = named.group().lower() if named else ""
        self.lines: list[str] = []
        self.text_before = text_before
        self.is_html = not fence
        self._indent = indent
        self._quoted = quoted
        self._nested = 0
        self._quotes = 0

    def closes(self, line: str) -> bool:
        if self.is_html:
            end = _END_PRE.search(line)
            if end is None:
                return False
            if line[: end.start()].strip():
                self.lines.append(line[: end.start()])
            return True
        if self.fence[0] not in line:
            return False
        mark = self._inner(line).strip()
        if len(mark) < len(self.fence) or set(mark) != {self.fence[0]}:
            return False
        if self._nested:
            self._nested -= 1
            self.lines.append(line)
            return False
        return True

    def is_interrupted_by(self, fence: _Open) -> bool:
        """Return whether a fence inside of this one says that the model forgot to close this one."""
        if fence.fence[0] != self.fence[0] or len(fence.fence) < len(self.fence) or fence.text_before:
            return False
        if self.tag in _MARKDOWN:
            self._nested += 1
            return False
        return self._quotes % 2 == 0

    def take(self, line: str) -> None:
        self._quotes += line.count('"""') + line.count("'''")
        self.lines.append(self._inner(line))

    def closes_at_end(self) -> bool:
        """Return whether the last line ends with the closing fence, and take it off; a cut fence is taken off too."""
        while self.lines and not self.lines[-1].strip():
            self.lines.pop()
        if not self.lines or self.is_html:
            return False
        last = self.lines[-1].rstrip()
        bare = last.rstrip(self.fence[0])
        count = len(last) - len(bare)
        if count >= len(self.fence):
            self.lines[-1] = bare
            return True
        if count and not bare.strip():
            self.lines.pop()
        return False

    def _inner(self, line: str) -> str:
        if self._quoted:
            quote = _QUOTE.match(line)
            line = line[quote.end() :] if quote else line
        if not self._indent:
            return line
        lead = len(line) - len(line.lstrip(" \t"))
        return line[min(self._indent, lead) :]


def _opening(line: str) -> _Open | None:
    if "```" not in line and "~~~" not in line:
        pre = _PRE.match(line) if "<pre" in line or "<PRE" in line else None
        if pre is None:
            return None
        made = _Open("", "")
        if line[pre.end() :].strip():
            made.take(line[pre.end() :])
        return made
    lead = _LEAD.match(line)
    start = lead.end() if lead else 0
    fence = _FENCE.match(line, start)
    if fence is not None:
        before = line[:start]
        quoted = ">" in before
        indent = 0 if quoted else len(before) - len(before.lstrip(" \t"))
        # The text of a list item stands as deep as the item's first letter.
        return _Open(fence.group(1), fence.group(2), indent=start if before.strip() and not quoted else indent, quoted=quoted)
    after = _AFTER_TEXT.search(line[-_LONGEST_HEAD:])
    if after is not None and after.group(2).lower() in _LANGUAGES:
        before = line[: len(line) - len(after.group())]
        if "`" not in before:
            return _Open(after.group(1), after.group(2), text_before=before)
    return None


def _taken(block: _Open, is_open: bool, depth: int) -> Iterator[Block]:
    text = "\n".join(block.lines)
    holds_fence = "```" in text or "~~~" in text
    if holds_fence and depth < _DEEPEST and (block.tag in _MARKDOWN or (block.tag in _OUTER and len(block.fence) > 3)):
        inner = split_answer(text, depth=depth + 1)
        yield from inner[:-1]
        if inner:
            yield replace(inner[-1], is_open=inner[-1].is_open or (is_open and inner[-1].is_code))
        return
    if block.is_html:
        yield Block(text, True, "html", "", is_open)
    else:
        yield Block(text, True, block.tag, block.info, is_open)


# Code without a fence

_SHORT_BODY = r"(?:pass|break|continue|return|raise|del|yield)\b|[A-Za-z_][\w.\[\]'\"]*[ \t]*(?:[-+*/|&%]?=(?!=)|\()"
_BLOCK = rf"(?:for|while|with|if|elif|else|try|except|finally|async)\b.*:[ \t]*(?:#.*|{_SHORT_BODY}.*)?$"
_PYTHON_START = re.compile(
    r"(?:import|from)[ \t]+\w|(?:nuke|nukescripts)\.\w|[A-Za-z_][\w, \t.]{0,80}=[^=\n].*\bnuke\.|def[ \t]+\w+\("
    rf"|class[ \t]+\w+[(:]|@\w|{_BLOCK}|>>>[ \t]"
)
_PYTHON_LINE = re.compile(
    r"[ \t]|#|[)\]}]|(?:import|from|return|raise|assert|del|global|pass|break|continue|yield|else|try|finally)\b"
    rf"|(?:def|class)\b.*:|{_BLOCK}|@\w|[\"']|>>>|\.\.\."
    r"|[A-Za-z_][\w.]*(?:\[[^\]\n]{0,200}\][\w.]*|\([^()\n]{0,200}\)[\w.]*)*[ \t]*(?:[-+*/|&%]?=(?!=)|\()"
    r"|[A-Za-z_]\w*[ \t]*,[ \t]*\w.{0,200}[^=]=[^=]"
)
_NK_START = re.compile(
    r"set cut_paste_input \[stack 0\]|version \d+\.\d+ v\d+[ \t]*$|#![^\n]{0,200}nuke|[A-Z]\w[\w.]*[ \t]*\{[^;]*$|push \$\w"
)
_NK_LINE = re.compile(r"set \w+ \[stack 0\]|version \d|push (?:\$|0)|end_group|clone |add_layer |[A-Z]\w[\w.]*[ \t]*\{|#")
_KERNEL = re.compile(r"(?:\bkernel[ \t]+\w+[ \t]*:)")
_CLIKE = re.compile(r"//|/\*|(?:inline|static|const|float\d?|int\d?|void|bool)\b.*[({;,]|[{}]|kernel\b|#")
_INDENTED = re.compile(r"(?: {4}|\t)")


def unfenced_code(prose: str) -> list[Block]:
    """Return the pieces of prose that read as code although nothing marks them, with the prose between them."""
    lines = prose.split("\n")
    found: list[Block] = []
    text: list[str] = []
    at = 0
    while at < len(lines):
        end = _region(lines, at)
        if end <= at:
            text.append(lines[at])
            at += 1
            continue
        while end > at and not lines[end - 1].strip():
            end -= 1
        if text:
            found.append(Block("\n".join(text)))
            text = []
        found.append(Block("\n".join(lines[at:end]), True, "", "", end >= len(lines), is_marked=False))
        at = end
    if text:
        found.append(Block("\n".join(text)))
    return found


def _region(lines: list[str], at: int) -> int:
    """Return the line after the code that begins at line `at`, `at` where none begins."""
    line = lines[at][:_LONGEST_HEAD]
    if not line.strip():
        return at
    if _KERNEL.match(line.lstrip()):
        return _braced(lines, at, _CLIKE)
    if _NK_START.match(line):
        end = _braced(lines, at, _NK_LINE)
        if end > at + 1 or "{" in line:
            return end
    if _PYTHON_START.match(line):
        return _python(lines, at)
    if _INDENTED.match(line) and (at == 0 or not lines[at - 1].strip()):
        end = at
        while end < len(lines) and (_INDENTED.match(lines[end]) or not lines[end].strip()):
            end += 1
        return end
    return at


def _braced(lines: list[str], at: int, goes_on: re.Pattern[str]) -> int:
    depth = 0
    end = at
    while end < len(lines):
        line = lines[end]
        if depth <= 0 and line.strip() and end > at and not goes_on.match(line.strip()[:_LONGEST_HEAD]):
            break
        depth += line.count("{") - line.count("}")
        end += 1
    return end


def _python(lines: list[str], at: int) -> int:
    end = at
    depth = 0
    quotes = ""
    while end < len(lines):
        line = lines[end]
        if not quotes and depth <= 0 and line.strip() and end > at:
            head = line[:_LONGEST_HEAD]
            if not (_PYTHON_LINE.match(head) or _PYTHON_START.match(head)):
                break
            if _INDENTED.match(line) is None and line[0] in " \t" and not lines[end - 1].strip():
                break
        quotes = _left_open(line, quotes)
        if not quotes:
            depth = max(0, depth + sum(line.count(mark) for mark in "([{") - sum(line.count(mark) for mark in ")]}"))
        end += 1
    return end


def _left_open(line: str, quotes: str) -> str:
    """Return the triple quotes that are open after a line, given those that were open before it."""
    at = 0
    while True:
        if quotes:
            at = line.find(quotes, at)
            if at < 0:
                return quotes
            at += 3
            quotes = ""
        places = [(line.find(mark, at), mark) for mark in ('"""', "'''")]
        places = [place for place in places if place[0] >= 0]
        if not places:
            return ""
        at, quotes = min(places)
        at += 3
