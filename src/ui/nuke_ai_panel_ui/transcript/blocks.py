"""Split Markdown that is still arriving into blocks, so that only the newest one has to be rendered again.

No Qt here. :class:`BlockSplitter` takes text in any pieces and keeps a list of :class:`Block`; every block before
:attr:`BlockSplitter.frozen` is final. However the text is cut into pieces, the finished list is the same.

Every block is bounded, so that one update costs the same at the start and at the end of a long answer: text blocks by
``MAX_TEXT`` characters, lists are cut at an item after ``LIST_CUT`` characters, code after ``MAX_CODE_LINES`` lines, tables
after ``TABLE_ROWS`` rows. The parts of one code block or table are consecutive blocks with ``part`` 0, 1, 2 …
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from nuke_ai_panel_ui.transcript.tables import MAX_COLUMNS, Table, split_cells

__all__ = ["LIST_CUT", "MAX_CODE_LINES", "MAX_TEXT", "TABLE_ROWS", "Block", "BlockSplitter", "code_of"]

MAX_TEXT = 2500
LIST_CUT = 500
MAX_CODE_LINES = 120
TABLE_ROWS = 8

BlockKind = Literal["text", "code", "table", "rule"]

_FENCE = re.compile(r"^( {0,12})(`{3,20}|~{3,20})\s*([^`]{0,200})$")
_ITEM = re.compile(r"^( {0,3})([-*+]|\d{1,9}[.)])(\s+|$)")
_RULE = re.compile(r"^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_HEADING = re.compile(r"^ {0,3}#{1,6}(\s|$)")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_DELIMITER = re.compile(r"^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_REFERENCE = re.compile(r"^ {0,3}\[([^\]]{1,200})\]:\s+<?(https?://[^\s>]{1,2000})>?")
_MARKS_ONLY = re.compile(r"^(?:[\s\-*_=+|:>#~]*|\s*\d{1,9}[.)]?\s*|\s*`{1,20}[^`]*)$")
# Characters that break QTextDocument's bookkeeping (its own frame and paragraph marks), that no font shows, or that reorder the
# text so that code reads differently from what it does (bidirectional overrides).
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffc\ufffe\uffff\ud800-\udfff]"
)
_DROPPED = frozenset("\r\x1b\x07\x08")


def _clean(text: str) -> str:
    return _UNSHOWABLE.sub(lambda match: "" if match.group() in _DROPPED else "\ufffd", text)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


class Block:
    """One piece of Markdown that is rendered on its own.

    ``indent`` counts the columns that a list above gives the block; ``start`` is the number its first list item shall show;
    ``closed`` says that no further line will be added.
    """

    __slots__ = ("closed", "indent", "is_list", "is_quote", "kind", "language", "lines", "part", "size", "start", "table")

    def __init__(self, kind: BlockKind, *, language: str = "", part: int = 0, indent: int = 0) -> None:
        self.kind: BlockKind = kind
        self.language = language
        self.part = part
        self.indent = indent
        self.lines: list[str] = []
        self.size = 0
        self.closed = False
        self.is_list = False
        self.is_quote = False
        self.start: int | None = None
        self.table: Table | None = None

    @property
    def text(self) -> str:
        """Return the lines joined, without the fences of a code block."""
        return "\n".join(self.lines)

    @property
    def signature(self) -> tuple[object, ...]:
        """Return a value that is equal as long as the block looks the same."""
        return (self.kind, self.language, self.part, self.indent, self.start, self.is_quote, self.text)

    def push(self, line: str) -> None:
        """Add one line."""
        self.lines.append(line)
        self.size += len(line) + 1

    def pop(self) -> str:
        """Take the last line off and return it."""
        line = self.lines.pop()
        self.size -= len(line) + 1
        return line


class _Fence(NamedTuple):
    mark: str
    length: int
    indent: int

    def is_closed_by(self, line: str) -> bool:
        stripped = line.strip()
        return len(stripped) >= self.length and set(stripped) == {self.mark}

    def may_be_closed_by(self, start: str) -> bool:
        return set(start.strip()) == {self.mark}


class _Provisional(NamedTuple):
    """The unfinished last line as it is shown: taken back before the next piece of text is read."""

    block: Block
    pushed: int
    is_new: bool


class BlockSplitter:
    """Collect text and keep it as blocks.

    With `plain`, only fenced code is Markdown; everything else is text as typed (what a person wrote is not reinterpreted).
    """

    def __init__(self, *, plain: bool = False) -> None:
        self.blocks: list[Block] = []
        #: Link definitions met so far, in the form markdown-it wants them. Only http and https.
        self.references: dict[str, dict[str, str]] = {}
        self._plain = plain
        self._open: Block | None = None
        self._tail = ""
        self._fence: _Fence | None = None
        self._blank = False
        self._in_list = False
        self._list_number: int | None = None
        self._provisional: _Provisional | None = None

    @property
    def frozen(self) -> int:
        """Return how many leading blocks will never change again."""
        count = len(self.blocks)
        if self._provisional is not None and self._provisional.is_new:
            count -= 1
        return count if self._open is None else count - 1

    def feed(self, text: str) -> int:
        """Append `text` and return the index of the first block that may have changed."""
        self._withdraw_provisional()
        first = self.frozen
        lines = (self._tail + _clean(text)).split("\n")
        self._tail = lines.pop()
        for line in lines:
            self._take(line)
        while True:
            cut = self._cut(self._tail)
            if cut is None:
                break
            self._take_text(cut[0])
            self._close()
            self._tail = cut[1]
        self._show_tail()
        return first

    def finish(self) -> int:
        """Treat what is there as the end and return the index of the first block that may have changed."""
        self._withdraw_provisional()
        first = self.frozen
        if self._tail:
            tail, self._tail = self._tail, ""
            self._take(tail)
        self._close()
        self._fence = None
        return first

    # The unfinished last line -------------------------------------------------------------------------------------------

    def _withdraw_provisional(self) -> None:
        shown, self._provisional = self._provisional, None
        if shown is None:
            return
        for _ in range(shown.pushed):
            shown.block.pop()
        if shown.is_new:
            self.blocks.pop()

    def _show_tail(self) -> None:
        """Show the unfinished line where it will most likely end up, unless it may still turn into something else."""
        line = self._tail
        block = self._open
        if self._fence is not None:
            if not line or self._fence.may_be_closed_by(line):
                return
            line = line[min(self._fence.indent, _indent(line)) :]
            if block is None or block.kind != "code" or len(block.lines) >= MAX_CODE_LINES:
                self._show_new(self._next_code_part(block), [line])
            else:
                self._show_in(block, [line])
            return
        if not line.strip() or _MARKS_ONLY.match(line):
            return
        if self._plain:
            if block is None or self._is_full(block, line):
                self._show_new(Block("text"), [line])
            else:
                self._show_in(block, [line])
            return
        line = self._expand(line)
        if block is not None and block.kind == "table" and not self._blank:
            return
        if line.lstrip().startswith("|") or (line.lstrip().startswith("[") and "]:" in line):
            return
        if block is None or block.kind != "text" or self._starts_block(block, line) or self._is_full(block, line):
            self._show_new(self._text_block(line), [line])
        else:
            self._show_in(block, ["", line] if self._blank else [line])

    def _show_in(self, block: Block, lines: Sequence[str], *, is_new: bool = False) -> None:
        for line in lines:
            block.push(line)
        self._provisional = _Provisional(block, len(lines), is_new)

    def _show_new(self, block: Block, lines: Sequence[str]) -> None:
        self.blocks.append(block)
        self._show_in(block, lines, is_new=True)

    # Whole lines --------------------------------------------------------------------------------------------------------

    def _take(self, line: str) -> None:
        if self._fence is not None:
            self._take_code(line)
            return
        while True:
            cut = self._cut(line)
            if cut is None:
                break
            self._take_text(cut[0])
            self._close()
            line = cut[1]
        self._take_text(line)

    def _cut(self, line: str) -> tuple[str, str] | None:
        """Cut a line that is too long for one block at a word, as soon as it is known that more than spaces follows."""
        if len(line) <= MAX_TEXT or self._fence is not None:
            return None
        at = line.rfind(" ", MAX_TEXT // 2, MAX_TEXT)
        at = at if at > 0 else MAX_TEXT
        rest = line[at:].lstrip()
        return (line[:at], rest) if rest else None

    def _take_code(self, line: str) -> None:
        assert self._fence is not None
        if self._fence.is_closed_by(line):
            self._close()
            self._fence = None
            self._blank = False
            return
        block = self._open
        if block is None or len(block.lines) >= MAX_CODE_LINES:
            following = self._next_code_part(block)
            self._append(following)
            block = following
        block.push(line[min(self._fence.indent, _indent(line)) :])

    @staticmethod
    def _next_code_part(block: Block | None) -> Block:
        if block is None:
            return Block("code")
        return Block("code", language=block.language, part=block.part + 1, indent=block.indent)

    def _take_text(self, line: str) -> None:
        if self._opens_fence(line):
            return
        if not line.strip():
            self._take_blank()
            return
        if self._plain:
            block = self._open
            if block is None or self._is_full(block, line):
                block = self._append(Block("text"))
            block.push(line)
            return
        line = self._expand(line)
        block = self._open
        in_paragraph = block is not None and block.kind == "text" and not block.is_list and not self._blank
        if in_paragraph and block is not None and block.lines and not block.is_quote and _UNDERLINE.match(line):
            block.push(line)
            self._close()
        elif _RULE.match(line):
            self._append(Block("rule")).push(line)
            self._close()
            self._leave_list()
        elif block is not None and block.kind == "table" and self._continues_table(line):
            self._take_table_row(block, line)
        elif in_paragraph and block is not None and self._starts_table(block, line):
            self._take_table_head(block, line)
        else:
            self._take_paragraph_line(line)
        self._blank = False

    def _opens_fence(self, line: str) -> bool:
        match = _FENCE.match(line)
        if match is None:
            return False
        indent = len(match.group(1))
        nested = self._in_list and indent >= 1
        if indent > 3 and not nested:
            return False
        self._fence = _Fence(match.group(2)[0], len(match.group(2)), indent)
        words = match.group(3).split()
        self._append(Block("code", language=words[0].lower() if words else "", indent=indent if nested else 0))
        if not nested:
            self._leave_list()
        self._blank = False
        return True

    def _take_blank(self) -> None:
        block = self._open
        if block is not None and not block.is_list:
            self._close()
        self._blank = True

    def _take_paragraph_line(self, line: str) -> None:
        reference = _REFERENCE.match(line)
        if reference:
            label = re.sub(r"\s+", " ", reference.group(1).strip()).lower().upper()
            self.references.setdefault(label, {"href": reference.group(2), "title": "", "label": label})
        block = self._open
        if block is None or block.kind != "text" or self._starts_block(block, line) or self._is_full(block, line):
            block = self._append(self._text_block(line))
        elif self._blank:
            block.push("")
        self._count_item(block, line)
        block.push(line)
        if _HEADING.match(line) and not block.is_list:
            self._close()

    # Lists and paragraphs -----------------------------------------------------------------------------------------------

    @staticmethod
    def _expand(line: str) -> str:
        start = line[: len(line) - len(line.lstrip())]
        return start.expandtabs(4) + line[len(start) :] if "\t" in start else line

    @staticmethod
    def _is_full(block: Block, line: str) -> bool:
        return bool(block.size) and block.size + len(line) > MAX_TEXT

    def _text_block(self, line: str) -> Block:
        """Return a new block that begins with `line`, without changing the splitter."""
        block = Block("text")
        indent = _indent(line)
        if self._in_list and indent >= 2:
            block.indent = indent
            line = line[indent:]
        item = _ITEM.match(line)
        block.is_list = item is not None
        block.is_quote = item is None and line.lstrip().startswith(">")
        if item is not None and item.group(2)[0].isdigit():
            literal = int(item.group(2)[:-1])
            goes_on = self._in_list and self._list_number is not None and block.indent == 0
            block.start = self._list_number + 1 if goes_on and self._list_number is not None else literal
        return block

    def _starts_block(self, block: Block, line: str) -> bool:
        """Tell whether `line` cannot belong to the open text block."""
        indent = _indent(line)
        item = _ITEM.match(line)
        if _HEADING.match(line) and not (block.is_list and indent >= 2):
            return True
        quote = indent <= (1 if block.is_list else 3) and line.lstrip().startswith(">")
        if quote != block.is_quote and (quote or item is not None):
            return True
        if block.indent and indent < block.indent and (item is not None or self._blank):
            return True
        if block.is_list:
            if item is not None and indent <= 1:
                return block.size > LIST_CUT
            return self._blank and indent < 2
        if item is not None:
            # As in CommonMark, a number in the middle of a paragraph begins a list only if it is 1.
            return bool(item.group(3)) and (item.group(2) in "-*+" or item.group(2)[:-1] == "1")
        return False

    def _count_item(self, block: Block, line: str) -> None:
        """Keep the number of the last top-level list item, for a list that goes on in the next block."""
        if _indent(line) >= 2 and (block.is_list or block.indent):
            self._in_list = True
            return
        item = _ITEM.match(line)
        if item is None or not block.is_list:
            if not block.is_list:
                self._leave_list()
            return
        mark = item.group(2)
        if not mark[0].isdigit():
            self._list_number = None
        elif block.size == 0:
            self._list_number = block.start
        else:
            self._list_number = self._list_number + 1 if self._list_number is not None else int(mark[:-1])
        self._in_list = True

    def _leave_list(self) -> None:
        self._in_list = False
        self._list_number = None

    # Tables -------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _starts_table(block: Block, line: str) -> bool:
        if block.is_quote or not block.lines or "|" not in block.lines[-1] or not _DELIMITER.match(line):
            return False
        columns = len(split_cells(line))
        return columns <= MAX_COLUMNS and len(split_cells(block.lines[-1])) == columns

    def _take_table_head(self, block: Block, delimiter: str) -> None:
        head = block.pop()
        if block.lines:
            block = self._append(Block("table"))
        else:
            block.kind = "table"
        block.table = Table(head, delimiter)
        block.push(head)
        block.push(delimiter)
        self._leave_list()

    def _continues_table(self, line: str) -> bool:
        return not (self._blank or _HEADING.match(line) or _ITEM.match(line) or line.lstrip().startswith(">"))

    def _take_table_row(self, block: Block, line: str) -> None:
        table = block.table
        assert table is not None
        if len(block.lines) >= TABLE_ROWS + (2 if block.part == 0 else 0):
            following = Block("table", part=block.part + 1)
            following.table = table
            block = self._append(following)
        block.push(line)
        table.add(line)

    # The list of blocks -------------------------------------------------------------------------------------------------

    def _append(self, block: Block) -> Block:
        self._close()
        self.blocks.append(block)
        self._open = block
        return block

    def _close(self) -> None:
        if self._open is not None:
            self._open.closed = True
            self._open = None


def code_of(blocks: Sequence[Block], index: int) -> str:
    """Return the whole code of which ``blocks[index]`` is a part."""
    first = index
    while first > 0 and blocks[first].part > 0:
        first -= 1
    lines: list[str] = []
    for block in blocks[first:]:
        if block.kind != "code" or (block.part == 0 and block is not blocks[first]):
            break
        lines.extend(block.lines)
    return "\n".join(lines)
