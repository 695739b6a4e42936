"""Turn one Markdown block into the HTML subset that ``QTextDocument.setHtml`` understands. No Qt.

What a model writes is untrusted: raw HTML is shown as text, images are never loaded (Qt would open local files and, on Windows,
UNC paths, which sends credentials), and only ``http`` and ``https`` addresses become links.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nuke_ai_panel_ui.transcript.tables import split_cells

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

    from nuke_ai_panel_ui.transcript.blocks import Block

__all__ = ["close_open_marks", "is_web_address", "plain_text", "render_block", "warm_up"]

_WEB_ADDRESS = re.compile(r"^https?://[^\s/]", re.IGNORECASE)
_NUMBER_GAP = 5
_FIRST_NUMBER = re.compile(r"^(\s*)\d{1,9}([.)])")
_LINE_BREAK_TAG = re.compile(r"&lt;br\s*/?&gt;", re.IGNORECASE)
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)\s]*\)|\[[^\]]*\])")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]]{1,200}\]:\s+<?https?://\S+[ \t]*\n?", re.MULTILINE | re.IGNORECASE)
_HEADING_MARK = re.compile(r"^ {0,3}#{1,6}[ \t]+", re.MULTILINE)
_QUOTE_MARK = re.compile(r"^ {0,3}> ?", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)[*+][ \t]+", re.MULTILINE)
_STRONG = re.compile(r"(\*\*|~~|__)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_EMPHASIS = re.compile(r"(?<![\w*\\])([*_])(?=[^\s*_])([^*_]+?)(?<=\S)\1(?![\w*])")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_OPEN_EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])[^*]*$")


def is_web_address(url: str) -> bool:
    """Tell whether `url` may be opened: http or https with a host."""
    return bool(_WEB_ADDRESS.match(url))


def warm_up() -> None:
    """Import and build the renderer now (about 60 ms the first time), so that no answer has to wait for it."""
    _renderer().render("**x**")


def render_block(
    block: Block,
    *,
    references: Mapping[str, Mapping[str, str]] | None = None,
    streaming: bool = False,
    plain: bool = False,
    column_widths: Sequence[int] = (),
    list_indent: int = 20,
) -> str:
    """Return the HTML of a text or table block.

    `streaming` hides marks whose other half has not arrived; `plain` shows the text as typed; `column_widths` are a table's and
    `list_indent` is where the text of list items begins, in pixels.
    """
    if block.kind == "table":
        return _table_html(block, column_widths)
    text = block.text
    if plain:
        return f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'
    if block.indent:
        text = "\n".join(line[min(block.indent, len(line) - len(line.lstrip(" "))) :] for line in block.lines)
    if block.start is not None:
        text = _FIRST_NUMBER.sub(lambda match: f"{match.group(1)}{block.start}{match.group(2)}", text, count=1)
    if streaming:
        text = close_open_marks(text)
    environment: dict[str, Any] = {"list_indent": list_indent}
    if references:
        environment["references"] = references
    return str(_renderer().render(text, environment))


def plain_text(block: Block, *, plain: bool = False) -> str:
    """Return a whole block as text to paste elsewhere: without emphasis and link marks, with list marks, tables as Markdown.

    It reads the source, not a rendered document, so that copying a long conversation needs no layout.
    """
    if plain or block.kind in ("code", "table", "rule"):
        return block.text
    text = block.text
    if block.start is not None:
        text = _FIRST_NUMBER.sub(lambda match: f"{match.group(1)}{block.start}{match.group(2)}", text, count=1)
    pieces = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        pieces.append(_strip_marks(text[end : span.start()]))
        pieces.append(span.group().strip("`").strip())
        end = span.end()
    pieces.append(_strip_marks(text[end:]))
    return "".join(pieces).strip("\n")


def _strip_marks(text: str) -> str:
    text = _DEFINITION.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _HEADING_MARK.sub("", text)
    text = _QUOTE_MARK.sub("", text)
    text = _BULLET.sub(r"\1- ", text)
    text = _EMPHASIS.sub(r"\2", _STRONG.sub(r"\2", text))
    return html.unescape(_ESCAPE.sub(r"\1", text))


def close_open_marks(text: str) -> str:
    """Complete or hide what is still being typed at the end of `text`: emphasis, code, a link, the head of a table."""
    lines = text.split("\n")
    while lines and lines[-1].lstrip().startswith("|"):
        lines.pop()
    if not lines:
        return ""
    return "\n".join([*lines[:-1], _close_line(lines[-1])])


def _close_line(line: str) -> str:
    visible = _CODE_SPAN.sub(lambda match: "\0" * len(match.group()), line)
    tick = visible.find("`")
    if tick >= 0:
        code = line[tick:].lstrip("`")
        return line + "`" * (len(line) - tick - len(code)) if code else line.rstrip("`")
    bracket = visible.rfind("[")
    if bracket >= 0 and not visible[bracket - 1 : bracket].isalnum():
        rest = visible[bracket:]
        end = rest.find("]")
        if end < 0 or ("](" in rest and ")" not in rest) or end == len(rest) - 1:
            label = line[bracket + 1 :] if end < 0 else line[bracket + 1 : bracket + end]
            line, visible = line[:bracket] + label, visible[:bracket] + visible[bracket + 1 : bracket + 1 + len(label)]
    for mark in ("**", "~~"):
        if visible.count(mark) % 2:
            if visible.endswith(mark):
                line, visible = line[:-2], visible[:-2]
            else:
                closing = mark[0] if visible.endswith(mark[0]) else mark
                line, visible = line.rstrip() + closing, visible.rstrip() + closing
    if _OPEN_EMPHASIS.search(visible.replace("**", "\0\0")):
        line = line.rstrip() + "*"
    elif visible.endswith("*") and not visible.endswith("**") and visible.count("*") % 2:
        line = line[:-1]
    return line


def _table_html(block: Block, widths: Sequence[int]) -> str:
    table = block.table
    assert table is not None
    renderer = _renderer()

    def row(line: str, tag: str) -> str:
        cells = (split_cells(line) + [""] * table.columns)[: table.columns]
        columns = zip(cells, widths, table.alignments)
        return "".join(
            f"<{tag} width='{width}' align='{align}'>{renderer.renderInline(cell)}</{tag}>" for cell, width, align in columns
        )

    lines = block.lines
    head = f"<tr>{row(lines[0], 'th')}</tr>" if block.part == 0 else ""
    body = "".join(f"<tr>{row(line, 'td')}</tr>" for line in (lines[2:] if block.part == 0 else lines))
    return f"<table cellspacing='0' cellpadding='0' border='1'>{head}{body}</table>"


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    renderer.disable(["html_block", "html_inline", "image"])
    renderer.validateLink = is_web_address  # type: ignore[method-assign]
    for name, rule in (
        ("text", _text),
        ("heading_open", _heading_open),
        ("heading_close", _heading_close),
        ("ordered_list_open", _ordered_list_open),
        ("ordered_list_close", _ordered_list_close),
        ("bullet_list_open", _bullet_list_open),
        ("bullet_list_close", _bullet_list_close),
        ("list_item_open", _list_item_open),
        ("list_item_close", _list_item_close),
    ):
        renderer.add_render_rule(name, rule)
    return renderer


# The signature of these is markdown-it's: (renderer, tokens, index, options, environment).
# Qt before 6.6 ignores <ol start>, so a list that does not begin with 1 becomes a table of two columns without borders. The
# environment carries a stack with the next number of each such list, or None for a list that Qt can number.


def _text(_: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    return _LINE_BREAK_TAG.sub("<br>", html.escape(tokens[index].content))


# Qt makes the text of <h1> to <h6> larger than the style sheet says, by a step of its own.
def _heading_open(_: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    return f"<p class='{tokens[index].tag}'>"


def _heading_close(_: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    return "</p>"


def _numbers(env: MutableMapping[str, Any]) -> list[int | None]:
    numbers: list[int | None] = env.setdefault("list_numbers", [])
    return numbers


def _ordered_list_open(_: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    start = tokens[index].attrGet("start")
    first = 1 if start is None else int(start)
    _numbers(env).append(None if first == 1 else first)
    return "<ol>" if first == 1 else "<table cellspacing='0' cellpadding='0' border='0'>"


def _ordered_list_close(_: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    return "</ol>" if _numbers(env).pop() is None else "</table>"


def _bullet_list_open(_: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    _numbers(env).append(None)
    return "<ul>"


def _bullet_list_close(_: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    _numbers(env).pop()
    return "</ul>"


def _list_item_open(_: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    numbers = _numbers(env)
    number = numbers[-1]
    if number is None:
        return "<li>"
    numbers[-1] = number + 1
    style = f"padding: 1px {_NUMBER_GAP}px 1px 0; white-space: nowrap"
    cell = f"<td width='{env['list_indent']}' align='right' style='{style}'>{number}.</td>"
    return f"<tr>{cell}<td style='padding: 1px 0'>"


def _list_item_close(_: Any, tokens: Sequence[Any], index: int, options: Any, env: MutableMapping[str, Any]) -> str:
    return "</li>" if _numbers(env)[-1] is None else "</td></tr>"
