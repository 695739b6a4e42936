"""Reading .nk text into scopes of nodes, every byte accounted for.

Most of a script are nodes with one plain knob a line and the commands of the stack. One pattern recognises such a command and
at the same time proves it sound; all else is read word by word. What either way finds is cut out of the text, so that the
pieces in their order are the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nuke_ai_panel.errors import EncryptedScriptError, NkSyntaxError
from nuke_ai_panel.nk.node import GROUP_CLASSES, Node, Push, Scope, SetTop, Verbatim
from nuke_ai_panel.nk.node_text import NodeText
from nuke_ai_panel.nk.words import PLAIN_NAME, PLAIN_VALUE, DamagedWordError, skip_blank, word_end

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document

__all__ = ["ENCRYPTED", "parse"]

ENCRYPTED = "This script is encrypted (non-commercial or Indie Nuke); only Nuke can read it. Save a plain .nk of it."

_BLANK_LINES = re.compile(r"(?:[ \t\r\f\v]*(?:\n|;))+")
_COMMENT = re.compile(r"#[^\n]*\n?")
_ENCRYPTED = re.compile(r"\s*(?:#![^\n]*\n)?\s*(?!#)[^\n]{0,80}encrypted text", re.IGNORECASE)
_STATEMENTS = frozenset({"version", "add_layer", "define_window_layout_xml"})
_NO_CLASSES = _STATEMENTS | {"clone", "set", "push", "end_group"}

# The value of the last `inputs`, `name` and `selected` line is caught on the way: a group inside of a repetition keeps what it
# caught last. Each line can be read in one way only, so that a body that fails fails in linear time.
_INPUTS, _NAME, _SELECTED = r"\d{1,3}(?:\+\d{1,3})?", PLAIN_NAME, "true"
_KNOB = rf"""\s*(?:
    (?=inputs\ {_INPUTS}\r?\n)inputs\ ([\d+]+)
  | (?=name\ {_NAME}\r?\n)name\ ({_NAME})
  | (?=selected\ {_SELECTED}\r?\n)selected\ ({_SELECTED})
  | (?!inputs\ {_INPUTS}\r?\n|name\ {_NAME}\r?\n|selected\ {_SELECTED}\r?\n)
    {PLAIN_NAME}(?:[\ \t]+{PLAIN_VALUE})?
)[\ \t]*\r?\n"""
_PLAIN_COMMAND = re.compile(
    rf"""([\ \t]*(?:([A-Za-z_][\w.]*)|clone\ (\$\w+))\ \{{)(\r?\n(?:{_KNOB})*\s*)(\}}[\ \t]*\r?\n)()
  | (set\ (\w+)\ \[stack\ 0\]\r?\n)()
  | (push\ (?:\$(\w+)|0)\r?\n)()
  | ([\ \t]*end_group\r?\n)()""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_NODE, _SET, _PUSH, _END = 9, 12, 15, 17

# Where reading may go on after damage: at a line that a command begins, no deeper than the one that is damaged.
_RESUMES = re.compile(
    r"^([ \t]*)(?:[A-Za-z_][\w.]* \{[ \t]*\r?$|clone \$\w+ \{|set \w+ \[stack 0\]|push (?:\$\w|0)|end_group\b|add_layer \{)",
    re.MULTILINE | re.ASCII,
)
_NODE_HEAD = re.compile(r"[ \t]*(?:([A-Za-z_][\w.]*)|clone (\$\w+)) \{", re.ASCII)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKETS = re.compile(r"\\.|[\[\]]", re.DOTALL)


def parse(document: Document, text: str, damage: list[NkSyntaxError] | None = None) -> Scope:
    """Return the outermost scope of `text`, its nodes connected.

    With a list for `damage`, what cannot be read is noted in it and kept as text, and reading goes on behind it.
    Raises: NkSyntaxError, EncryptedScriptError.
    """
    if _ENCRYPTED.match(text[:400]):
        raise EncryptedScriptError(ENCRYPTED)
    return _Parser(document, text, damage).run()


class _Parser:
    def __init__(self, document: Document, text: str, damage: list[NkSyntaxError] | None) -> None:
        self.document = document
        self.text = text
        self.damage = damage
        self.scope = Scope(document, None)
        self.stack: list[Node | None] = []
        self.outer: list[tuple[Scope, list[Node | None]]] = []
        self.shared: dict[str, str] = {}
        self.open_marks: dict[int, str] | None = None
        self.counted = (0, 1)

    def run(self) -> Scope:
        text, size = self.text, len(self.text)
        top = self.scope
        pos = 1 if text.startswith("\ufeff") else 0
        if pos:
            top.base.append(Verbatim("\ufeff"))
        plain = _PLAIN_COMMAND.match
        names = self.document.names_read
        while pos < size:
            command = plain(text, pos)
            if command is None:
                pos = self._careful(pos)
                continue
            kind = command.lastindex
            if kind == _NODE:
                head, class_name, clone, body, inputs, name, selected, tail, *_ = command.groups()
                if class_name in _NO_CLASSES:
                    pos = self._careful(pos)
                    continue
                pops = 1
                if inputs is not None:
                    pops = int(inputs) if inputs.isdigit() else sum(map(int, inputs.split("+")))
                elif "inputs" in body:
                    pops = -1
                if name is None and "name" not in body:
                    name = ""
                node = self._add(class_name or clone, NodeText(self._one(head), body, self._one(tail), name=name, pops=pops))
                if selected or "selected" in body:
                    self._select(node)
                self._enter(node)
            elif kind == _SET:
                variable = command.group(_SET - 1)
                self._set(command.group(_SET - 2), variable)
            elif kind == _PUSH:
                variable = command.group(_PUSH - 1)
                self.scope.base.append(Push(command.group(_PUSH - 2), variable))
                self.stack.append(None if variable is None else names.get(variable))
            elif self.outer:
                self._end_group(command.group(_END - 1))
            else:
                pos = self._careful(pos)
                continue
            pos = command.end()
        if self.outer:
            owner = self.scope.owner
            self._note(self._damaged(f"the group {owner.name if owner else ''!r} is not closed", size, "end_group"))
        return top

    # One command, word by word

    def _careful(self, pos: int) -> int:
        """Read what no pattern recognises; return the offset behind it."""
        text, size = self.text, len(self.text)
        blank = _BLANK_LINES.match(text, pos)
        if blank:
            self.scope.base.append(Verbatim(blank.group()))
            return blank.end()
        start = skip_blank(text, pos)
        if start >= size:
            self.scope.base.append(Verbatim(text[pos:]))
            return size
        if text[start] in "\n;":
            self.scope.base.append(Verbatim(text[pos : start + 1]))
            return start + 1
        if text[start] == "#":
            comment = _COMMENT.match(text, start)
            end = comment.end() if comment else size
            self.scope.base.append(Verbatim(text[pos:end]))
            return end
        try:
            return self._command(pos, start)
        except NkSyntaxError as error:
            self._note(error)
            return self._recover(pos, start)

    def _command(self, begin: int, start: int) -> int:
        """Read one command whose first word is at `start`; the line's indentation begins at `begin`."""
        text, size = self.text, len(self.text)
        if text[start] in '}{"':
            raise self._damaged(f"unexpected {text[start]!r}", start, "a command such as 'Grade {'")
        words: list[tuple[int, int]] = []
        pos = start
        while pos < size and text[pos] not in "\n;":
            if self.damage:
                self._check_closes(pos)
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
            self._set(text[begin:end], text[words[1][0] : words[1][1]])
        elif first == "push" and len(words) == 2:
            value = text[words[1][0] : words[1][1]]
            variable = value[1:] if value.startswith("$") else None
            scope.base.append(Push(text[begin:end], variable))
            self.stack.append(None if variable is None else self.document.names_read.get(variable))
        elif first == "end_group" and len(words) == 1:
            if not self.outer:
                raise self._damaged("'end_group' without a group", words[0][0], "a command such as 'Grade {'")
            self._end_group(text[begin:end])
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
        text = self.text
        open_brace, close = words[-1][0], words[-1][1] - 1
        node_text = NodeText(text[begin : open_brace + 1], text[open_brace + 1 : close], text[close:end])
        try:
            node_text.spans  # noqa: B018  read here, so that a damaged body is found while its place is known
        except DamagedWordError as error:
            place = open_brace + 1 + error.offset
            raise self._damaged("a value is not closed inside of its node", place, error.expected) from error
        node = self._add(text[words[-2][0] : words[-2][1]], node_text)
        if "selected" in node_text.body:
            self._select(node)
        self._enter(node)

    # What a command does

    def _add(self, class_name: str, text: NodeText) -> Node:
        scope = self.scope
        node = Node(scope, self._one(class_name), text)
        scope.base.append(node)
        if class_name == "Root" and scope.owner is None:
            self.document.root_node = node
            return node
        node.order = len(scope.nodes) + 1
        scope.nodes.append(node)
        stack = self.stack
        pops = text.pops
        if pops == 1:
            node._inputs = [stack.pop() if stack else None]
        elif pops:
            # A count that no stack can fill is an input that is open, and what is open at the end is not held.
            taken = min(pops, len(stack))
            node._inputs = stack[: -taken - 1 : -1] if taken else []
            del stack[len(stack) - taken :]
        stack.append(node)
        if class_name[0] == "$":
            original = self.document.names_read.get(class_name[1:])
            if original is not None:
                self.document.note_clone(node, original.clone_of or original)
            node.class_name = node.clone_of.class_name if node.clone_of else "clone"
        return node

    def _select(self, node: Node) -> None:
        if node is not self.document.root_node and node.text.value("selected") == "true":
            node.selected = True

    def _enter(self, node: Node) -> None:
        if node.class_name in GROUP_CLASSES and node.clone_of is None:
            node.children = Scope(self.document, node)
            self.outer.append((self.scope, self.stack))
            self.scope, self.stack = node.children, []

    def _end_group(self, text: str) -> None:
        owner = self.scope.owner
        if owner is not None:
            owner.end_text = self._one(text)
        self.scope, self.stack = self.outer.pop()

    def _set(self, text: str, variable: str) -> None:
        self.scope.base.append(SetTop(text, variable))
        top = self.stack[-1] if self.stack else None
        self.document.names_read[variable] = None if variable == "cut_paste_input" else top

    def _one(self, text: str) -> str:
        """Return one object for equal texts, of which a script has many."""
        return self.shared.setdefault(text, text)

    # Damage

    def _note(self, error: NkSyntaxError) -> None:
        if self.damage is None:
            raise error
        self.damage.append(error)

    def _recover(self, begin: int, start: int) -> int:
        """Keep what is damaged at `begin` as text, with the node it belongs to where its head can be read."""
        text, size = self.text, len(self.text)
        depth = start - begin
        end = size
        line_end = text.find("\n", start)
        for line in _RESUMES.finditer(text, line_end + 1 if line_end >= 0 else size):
            if len(line.group(1)) <= depth:
                end = line.start()
                break
        head = _NODE_HEAD.match(text, begin)
        if head is None or head.group(1) in _NO_CLASSES:
            self.scope.base.append(Verbatim(text[begin:end]))
            return end
        inner = head.end()
        sound = _sound_lines(text[inner:end])
        node_text = NodeText(text[begin:inner], text[inner : inner + sound], text[inner + sound : end])
        node = self._add(head.group(1) or head.group(2), node_text)
        self._select(node)
        self._enter(node)
        return end

    def _check_closes(self, pos: int) -> None:
        """Find a word that is open to the end at once; a search to the end for each of many would take too long."""
        text = self.text
        if self.open_marks is None:
            self.open_marks = {}
            for opener, marks in (("{", _BRACES), ("[", _BRACKETS)):
                found: list[int] = []
                for mark in marks.finditer(text):
                    if mark.group() == opener:
                        found.append(mark.start())
                    elif mark.group()[0] != "\\" and found:
                        found.pop()
                self.open_marks.update((place, opener) for place in found)
        place = pos
        if text[pos] != "{":
            line_end = text.find("\n", pos)
            place = text.find("[", pos, line_end if line_end >= 0 else len(text))
        opener = self.open_marks.get(place, "")
        if opener:
            raise self._damaged("a word is not closed before the end of the file", pos, "'}'" if opener == "{" else "']'")

    def _damaged(self, message: str, offset: int, expected: str) -> NkSyntaxError:
        # Places come in order, all but a few: what was counted need not be counted again.
        place, line = self.counted if self.counted[0] <= offset else (0, 1)
        line += self.text.count("\n", place, offset)
        self.counted = (offset, line)
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        return NkSyntaxError(message, line=line, column=column, expected=expected)


_SOUND_LINE = re.compile(rf"\s*{PLAIN_NAME}(?:[ \t]+{PLAIN_VALUE})?[ \t]*\r?\n", re.ASCII | re.DOTALL)


def _sound_lines(text: str) -> int:
    """Return how much of a damaged body are lines that are surely knobs."""
    pos = 0
    while True:
        line = _SOUND_LINE.match(text, pos)
        if line is None:
            return pos
        pos = line.end()
