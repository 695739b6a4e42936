"""Nodes as text: where what stands in it, which code it carries, and how it goes into a script.

Pasted text is code as well: Nuke runs ``onCreate`` when a node is made, ``knobChanged`` when a knob moves, ``[python ...]``
when a value is asked for. Nothing of it is run here.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError, ProposalError
from nuke_ai_panel.nk.expressions.results import ExpressionStopped
from nuke_ai_panel.nk.expressions.tcl_words import commands, parts
from nuke_ai_panel.nk.knob_kinds import CALLBACK_KNOBS
from nuke_ai_panel.nk.node import Node, Push, Scope, SetTop, Verbatim
from nuke_ai_panel.nk.node_text import KnobSpan
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote
from nuke_ai_panel.scripting.tcl_names import HARMLESS, HARMLESS_FILE, KNOWN

__all__ = ["CodePlace", "PastedText", "WithoutCode", "pasteable", "without_code"]

_BUTTONS = {
    "22": "when its button is pressed",
    "32": "when its button is pressed",
    "52": "when the panel opens",
}
_WITH_BODIES = frozenset({"if", "foreach", "for", "while", "catch", "in", "switch"})
_DEEPEST = 30
#: Text that Nuke does not evaluate, so that a bracket in it is a bracket.
_PLAIN = frozenset({"kernelSource", "KernelDescription", "help", "curves", "toolbox", "expressionString", "name"})
_QUOTES = re.compile(r'(?<!\\)"')
_SET = re.compile(r"\s*set \w+ \[stack \d+\]\s*;?\s*")
_PUSH = re.compile(r"\s*push (?:0|\$\w+)\s*;?\s*")
_CUT_PASTE = re.compile(r"^[ \t]*set[ \t]+cut_paste_input\b", re.MULTILINE)
_GIZMO = re.compile(r"^(\s*)Gizmo(?=\s*\{)")


@dataclass(frozen=True)
class CodePlace:
    """Code in pasted text: ``where`` (``"Blur1.onCreate"``), when it runs, its text, and its place (line from 1, offsets)."""

    where: str
    when: str
    text: str
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class WithoutCode:
    """Pasted text without the code in it, and what was taken out, such as ``"Blur1.onCreate"``."""

    text: str
    dropped: tuple[str, ...] = ()


class PastedText:
    """The text of nodes, with the place of each of them in it.

    Raises: NkSyntaxError, EncryptedScriptError.
    """

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.document = nk.loads(self.text.encode("utf-8", "replace"))
        self._starts: list[int] = []
        self._bodies: list[tuple[Node, int]] = []
        self._others: list[tuple[Verbatim | SetTop | Push, int]] = []
        self._end = 0
        self._place(self.document.top)

    def nodes(self) -> Iterator[tuple[Node, int]]:
        """Yield every node, those in groups too, in the order of the text, with the offset of the inside of its braces."""
        yield from self._bodies

    def commands(self) -> Iterator[tuple[Verbatim | SetTop | Push, int]]:
        """Yield what is no node, with its offset."""
        yield from self._others

    def line_of(self, offset: int) -> int:
        """Return the line (from 1) of an offset."""
        return self.place_of(offset)[0]

    def place_of(self, offset: int) -> tuple[int, int]:
        """Return line and column (from 1) of an offset."""
        if not self._starts:
            self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def code(self) -> Iterator[CodePlace]:
        """Yield the code that the text carries: what runs as it is pasted first, then node by node."""
        for item, offset in self._others:
            if _substitutes(item):
                yield self._code("the script", "when it is pasted", item.text, offset, offset + len(item.text))
        for node, offset in self._bodies:
            yield from self._code_of(node, offset)

    def _code_of(self, node: Node, offset: int) -> Iterator[CodePlace]:
        if "[" in node.text.head:
            yield self._code(node.path, "when it is pasted", node.text.head, offset - len(node.text.head), offset)
        try:
            spans = node.text.spans
        except DamagedWordError:
            return
        for span in spans:
            word = node.text.word(span)
            found = _code_in(span, word)
            if found is not None:
                name, when, text = found
                yield self._code(f"{node.path}.{name}", when, text, offset + span.start, offset + span.value_end)

    def _code(self, where: str, when: str, text: str, start: int, end: int) -> CodePlace:
        lead = len(self.text[start:end]) - len(self.text[start:end].lstrip())
        return CodePlace(where, when, text.strip(), self.line_of(start + lead), start + lead, end)

    def _place(self, scope: Scope) -> None:
        waiting = [(iter(scope.base), "")]
        while waiting:
            items, end_text = waiting[-1]
            item = next(items, None)
            if item is None:
                self._end += len(end_text)
                waiting.pop()
            elif not isinstance(item, Node):
                self._others.append((item, self._end))
                self._end += len(item.text)
            else:
                self._bodies.append((item, self._end + len(item.text.head)))
                self._end += len(item.text.head) + len(item.text.body) + len(item.text.tail)
                if item.children is not None:
                    waiting.append((iter(item.children.base), item.end_text))


def _readings(word: str, text: str) -> tuple[str, ...]:
    """Return a value as Nuke may evaluate it: as a text, and in a list without the quotes round its parts."""
    if word[:1] != "{":
        return (text,)
    bare = _QUOTES.sub("", word).replace("\\n", "\n")
    return (bare.replace("\\[", "[").replace("\\{", "{").replace("\\}", "}").replace('\\"', '"').replace("\\$", "$"),)


def _substitutes(item: Verbatim | SetTop | Push) -> bool:
    """Return whether a command is not the plain one that Nuke writes, so that Tcl would run something in it."""
    if isinstance(item, SetTop):
        return _SET.fullmatch(item.text) is None
    if isinstance(item, Push):
        return _PUSH.fullmatch(item.text) is None
    return not item.text.lstrip().startswith("#") and "[" in item.text.split("{", 1)[0]


def _code_in(span: KnobSpan, word: str) -> tuple[str, str, str] | None:
    """Return name, occasion and text of the code in one knob, None where there is none."""
    if span.name == "addUserKnob":
        try:
            parts = list_words(word[1:-1]) if word[:1] == "{" else []
        except DamagedWordError:
            return None
        if len(parts) < 2:
            return None
        when = _BUTTONS.get(parts[0])
        code = next((unquote(value) for option, value in zip(parts[2:], parts[3:]) if option == "T"), "")
        return (unquote(parts[1]), when, code) if when and code.strip("{} \n") else None
    text = unquote(word)
    if span.name in CALLBACK_KNOBS:
        return (span.name, CALLBACK_KNOBS[span.name], text) if text.strip("{} \n") else None
    if span.name in _PLAIN or "[" not in word:
        return None
    return (
        (span.name, "whenever its value is asked for", text) if any(_runs_in(each) for each in _readings(word, text)) else None
    )


def _runs_in(text: str, depth: int = 0) -> bool:
    """Return whether Tcl text holds a command that may do more than look and reckon."""
    if depth > _DEEPEST:
        return True
    try:
        return any(part.kind == "script" and _script_runs(part.text, depth + 1) for part in parts(text))
    except ExpressionStopped:
        # What cannot be read is not evaluated either, but Nuke may read it otherwise.
        return re.search(r"\[\s*(?:py|exec|source|open|eval|load)", text) is not None


def _script_runs(script: str, depth: int) -> bool:
    for words in commands(script):
        first, args = words[0], words[1:]
        if not first.is_static:
            return True
        name = unquote(first.text).strip()
        if name == "file":
            if not args or args[0].text not in HARMLESS_FILE:
                return True
        elif (name in KNOWN and name not in HARMLESS) or (name == "knob" and len(args) > 1):
            return True
        for word in args:
            inside = word.text if not word.is_verbatim else ""
            if inside and _runs_in(inside, depth):
                return True
            # The bodies and conditions of "if" and its like are commands and expressions in braces.
            if word.is_verbatim and (name in _WITH_BODIES) and (_runs_in(word.text, depth) or _body_runs(word.text, depth)):
                return True
            if word.is_verbatim and name in ("expr", "expression") and _runs_in(word.text, depth):
                return True
    return False


def _body_runs(body: str, depth: int) -> bool:
    """Return whether a word in braces, if it is a script, begins a command with a name that may do anything."""
    if depth > _DEEPEST:
        return True
    for words in commands(body):
        name = unquote(words[0].text).strip()
        if words[0].is_static and name in KNOWN and (name not in HARMLESS or _script_runs(body, depth + 1)):
            return True
    return False


def pasteable(text: str) -> str:
    """Return nodes as text that Nuke pastes below the selected node: without a Root, a Gizmo as the Group it is.

    Raises: ProposalError for text that cannot be read.
    """
    try:
        pasted = PastedText(text)
    except NkError as error:
        raise ProposalError(f"The nodes cannot be read: {error}") from error
    document = pasted.document
    if not document.nodes():
        raise ProposalError("There is no node in the text.")
    own_feed = _CUT_PASTE.search(pasted.text) is not None
    parts: list[str] = []
    if not own_feed:
        parts.append("set cut_paste_input [stack 0]\n")
        version = document.version_line()
        parts.append(f"{version}\n" if version else "")
        # A source at the beginning reads nothing, and what is pushed would go to a node after it. Below it lies the selected
        # node all the same, so that what a node takes too much from the stack is no node.
        feeds = document.nodes()[0].pops > 0 and not _pushes_first(document.top)
        parts.append("push 0\n" * _missing(document.top, int(feeds)))
        parts.append("push $cut_paste_input\n" if feeds else "")
    for item in document.top.base:
        if isinstance(item, Node):
            if item is not document.root_node:
                whole = _GIZMO.sub(r"\1Group", document.text_of(item))
                parts.append(whole if whole.endswith("\n") else whole + "\n")
        elif isinstance(item, Verbatim) and (
            item.text.lstrip().startswith(("#", "define_window_layout_xml"))
            or (not own_feed and item.text.lstrip().startswith("version "))
        ):
            continue
        else:
            parts.append(item.text)
    return "".join(parts)


def _missing(scope: Scope, depth: int) -> int:
    """Return how many nodes more than there are the nodes of a scope take from the stack."""
    missing = 0
    for item in scope.base:
        if isinstance(item, Push):
            depth += 1
        elif isinstance(item, Node) and item is not scope.document.root_node:
            missing += max(0, item.pops - depth)
            depth = max(0, depth - item.pops) + 1
    return missing


def _pushes_first(scope: Scope) -> bool:
    """Return whether something is pushed before the first node."""
    for item in scope.base:
        if isinstance(item, Push):
            return True
        if isinstance(item, Node) and item is not scope.document.root_node:
            return False
    return False


def without_code(text: str) -> WithoutCode:
    """Return nodes as text with callbacks, buttons with code and values made by code taken out.

    Text that cannot be read comes back as it is, with nothing taken out: it cannot be pasted either.
    """
    try:
        pasted = PastedText(text)
    except NkError:
        return WithoutCode(text)
    found = list(pasted.code())
    if not found:
        return WithoutCode(text)
    kept: list[str] = []
    at = 0
    for place in sorted(found, key=lambda each: each.start):
        if place.start < at:
            continue
        start = place.start
        while start > at and pasted.text[start - 1] in " \t":
            start -= 1
        end = place.end
        if (start == 0 or pasted.text[start - 1] == "\n") and pasted.text[end : end + 1] == "\n":
            end += 1
        kept.append(pasted.text[at:start])
        at = end
    kept.append(pasted.text[at:])
    return WithoutCode("".join(kept), tuple(dict.fromkeys(place.where for place in found)))
