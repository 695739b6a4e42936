"""Reading .nk text into scopes of nodes, every byte accounted for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import EncryptedScriptError, NkSyntaxError
from nuke_ai_panel.nk.node import GROUP_CLASSES, Node, Push, Scope, SetTop, Verbatim
from nuke_ai_panel.nk.node_text import NodeText
from nuke_ai_panel.nk.words import DamagedWordError, skip_blank, word_end

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document

__all__ = ["parse"]

_BLANK_LINES = re.compile(r"(?:[ \t\r\f\v]*(?:\n|;))+")
_COMMENT = re.compile(r"#[^\n]*\n?")
_ENCRYPTED = re.compile(r"\s*Nuke \S.{0,40}encrypted text|\s*(?:#![^\n]*\n)?\s*[^\n]{0,80}encrypted text", re.IGNORECASE)
_STATEMENTS = frozenset({"version", "add_layer", "define_window_layout_xml"})


def parse(document: Document, text: str) -> Scope:
    """Return the outermost scope of `text`. Raises: NkSyntaxError, EncryptedScriptError."""
    if _ENCRYPTED.match(text[:400]):
        raise EncryptedScriptError(
            "This script is encrypted (non-commercial or Indie Nuke); only Nuke can read it. Save a plain .nk of it."
        )
    return _Parser(document, text).run()


class _Parser:
    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.text = text
        self.scope = Scope(document, None)

    def run(self) -> Scope:
        text, size = self.text, len(self.text)
        top = self.scope
        pos = 1 if text.startswith("\ufeff") else 0
        if pos:
            top.base.append(Verbatim("\ufeff"))
        while pos < size:
            blank = _BLANK_LINES.match(text, pos)
            if blank:
                self.scope.base.append(Verbatim(blank.group()))
                pos = blank.end()
                continue
            start = skip_blank(text, pos)
            if start >= size:
                self.scope.base.append(Verbatim(text[pos:]))
                break
            if text[start] == "\n":
                self.scope.base.append(Verbatim(text[pos : start + 1]))
                pos = start + 1
            elif text[start] == "#":
                comment = _COMMENT.match(text, start)
                end = comment.end() if comment else size
                self.scope.base.append(Verbatim(text[pos:end]))
                pos = end
            else:
                pos = self._command(pos, start)
        if self.scope.owner is not None:
            owner = self.scope.owner
            raise self._damaged(f"the group {owner.name!r} is not closed", size, "end_group")
        return top

    def _command(self, begin: int, start: int) -> int:
        """Read one command whose first word is at `start`; the line's indentation begins at `begin`."""
        text, size = self.text, len(self.text)
        if text[start] in '}{"':
            raise self._damaged(f"unexpected {text[start]!r}", start, "a command such as 'Grade {'")
        words: list[tuple[int, int]] = []
        pos = start
        while pos < size and text[pos] not in "\n;":
            try:
                end = word_end(text, pos)
            except DamagedWordError as error:
                raise self._damaged("a word is not closed before the end of the file", error.offset, error.expected) from error
            words.append((pos, end))
            pos = skip_blank(text, end)
        end = min(pos + 1, size)
        self._keep(begin, end, words)
        return end

    def _keep(self, begin: int, end: int, words: list[tuple[int, int]]) -> None:
        text = self.text
        scope = self.scope
        first = text[words[0][0] : words[0][1]]
        if first == "set" and len(words) == 3:
            scope.base.append(SetTop(text[begin:end], text[words[1][0] : words[1][1]]))
        elif first == "push" and len(words) == 2:
            value = text[words[1][0] : words[1][1]]
            scope.base.append(Push(text[begin:end], value[1:] if value.startswith("$") else None))
        elif first == "end_group" and len(words) == 1:
            owner = scope.owner
            if owner is None:
                raise self._damaged("'end_group' without a group", words[0][0], "a command such as 'Grade {'")
            owner.end_text = text[begin:end]
            self.scope = owner.scope
        elif first in _STATEMENTS:
            scope.base.append(Verbatim(text[begin:end]))
        elif text[words[-1][0]] == "{" and len(words) == (
            3 if first == "clone" and text[words[1][0]] == "$" else 4 if first == "clone" else 2
        ):
            self._node(begin, end, words)
        else:
            where, expected = (words[1][0], "'{'") if len(words) > 1 else (words[0][1], "'{'")
            raise self._damaged(f"unknown command {first[:40]!r}", where, expected)

    def _node(self, begin: int, end: int, words: list[tuple[int, int]]) -> None:
        text, scope = self.text, self.scope
        open_brace, close = words[-1][0], words[-1][1] - 1
        node_text = NodeText(text[begin : open_brace + 1], text[open_brace + 1 : close], text[close:end])
        try:
            node_text.spans  # noqa: B018  read here, so that a damaged body is found while its place is known
        except DamagedWordError as error:
            place = open_brace + 1 + error.offset
            raise self._damaged("a value is not closed inside of its node", place, error.expected) from error
        class_name = text[words[-2][0] : words[-2][1]]
        node = Node(scope, class_name, node_text)
        node.selected = node_text.value("selected") == "true"
        scope.base.append(node)
        if class_name == "Root" and scope.owner is None:
            self.document.root_node = node
            return
        scope.nodes.append(node)
        if class_name in GROUP_CLASSES:
            node.children = Scope(self.document, node)
            self.scope = node.children

    def _damaged(self, message: str, offset: int, expected: str) -> NkSyntaxError:
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        return NkSyntaxError(message, line=line, column=column, expected=expected)
