"""Reading knob expressions, and the expressions of Tcl's ``expr``, into programs for a stack machine.

The parser is a loop with a stack of its own, so a deeply nested expression cannot exhaust Python's. ``?:``, ``&&`` and ``||``
become jumps: the side that is not taken is not evaluated.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Union

from nuke_ai_panel.nk.expressions.results import ExpressionStopped, LimitReached, SyntaxProblem
from nuke_ai_panel.nk.expressions.tcl_words import bracket_end

__all__ = ["MAX_LENGTH", "Name", "Op", "Program", "Token", "parse", "tokens"]

#: Longer expressions are refused; the longest of real scripts has some 15,000 characters.
MAX_LENGTH = 200_000
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_VARIABLE = re.compile(r"\$(?:\{[^}]*\}|\w+)")
_SPACE = re.compile(r"\s+")
_PLAIN = re.compile(r"[\w.$@:]+")
_OPERATOR = re.compile(r"\*\*|&&|\|\||==|!=|<=|>=|<<|>>|[-+*/%<>!~?:(),^&|]")
_WORD_OPERATORS = frozenset({"eq", "ne", "in", "ni"})
_UNARY = 12
_LEVELS = {
    "||": 2,
    "&&": 3,
    "|": 4,
    "^": 5,
    "&": 6,
    "==": 7,
    "!=": 7,
    "eq": 7,
    "ne": 7,
    "in": 7,
    "ni": 7,
    "<": 8,
    ">": 8,
    "<=": 8,
    ">=": 8,
    "<<": 9,
    ">>": 9,
    "+": 10,
    "-": 10,
    "*": 11,
    "/": 11,
    "%": 11,
    "**": 13,
}


@dataclass(frozen=True)
class Token:
    """A piece of an expression. `kind` is ``number``, ``name``, ``text``, ``tcl``, ``variable`` or ``operator``."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset after the token."""
        return self.start + len(self.text)


@dataclass(frozen=True)
class Name:
    """A dotted name as written; `called` where arguments follow it."""

    text: str
    column: int
    called: bool = False

    @property
    def is_composed(self) -> bool:
        """Whether a part of the name comes from Tcl and is known when it is evaluated only."""
        return "[" in self.text


@dataclass(frozen=True)
class Op:
    """A step of a program: `argument` is a number, a name, a text, an operator or the step to jump to."""

    kind: str
    argument: Union[float, str, int, Name, None] = None
    count: int = 0


@dataclass(frozen=True)
class Program:
    """A parsed expression: its steps and the names in it, in the order written."""

    text: str
    ops: tuple[Op, ...]
    names: tuple[Name, ...]
    scripts: tuple[str, ...]


def tokens(text: str, *, tcl: bool = False) -> list[Token]:
    """Split an expression into tokens. Raises: ExpressionStopped with a SyntaxProblem or LimitReached."""
    if len(text) > MAX_LENGTH:
        raise ExpressionStopped(LimitReached(f"The expression is longer than {MAX_LENGTH:,} characters."))
    found: list[Token] = []
    pos, size = 0, len(text)
    while pos < size:
        space = _SPACE.match(text, pos)
        if space:
            pos = space.end()
            continue
        token = _token(text, pos, tcl)
        found.append(token)
        pos = token.end
    return found


def _token(text: str, pos: int, tcl: bool) -> Token:
    mark = text[pos]
    if mark.isdecimal() or (mark == "." and text[pos + 1 : pos + 2].isdecimal()):
        number = _NUMBER.match(text, pos)
        if (
            number
            and text[number.end() : number.end() + 1] not in ("[", "_")
            and not text[number.end() : number.end() + 1].isalpha()
        ):
            return Token("number", number.group(), pos)
    if tcl and mark == "$":
        name = _VARIABLE.match(text, pos)
        if name:
            return Token("variable", name.group(), pos)
    if tcl and mark in '"{':
        return _quoted(text, pos)
    if mark.isalnum() or mark in "_[.$":
        return _name(text, pos)
    operator = _OPERATOR.match(text, pos)
    if operator is None:
        raise _wrong(f"{mark!r} has no meaning here", pos)
    return Token("operator", operator.group(), pos)


def _name(text: str, pos: int) -> Token:
    """Read a name, of which parts may be ``[...]``; one that is nothing but ``[...]`` is a Tcl operand."""
    start, size = pos, len(text)
    plain = brackets = 0
    while pos < size:
        if text[pos] == "[":
            end = bracket_end(text, pos)
            if end < 0:
                raise _wrong("']' is missing", pos)
            pos = end
            brackets += 1
            continue
        run = _PLAIN.match(text, pos)
        if run is None:
            break
        # A colon belongs to a name as "::" only; alone it is the other half of "?".
        end = pos
        while end < run.end() and (text[end] != ":" or text[end : end + 2] == "::"):
            end += 2 if text[end] == ":" else 1
        if end == pos:
            break
        plain += 1
        pos = end
        if pos < run.end():
            break
    if pos == start:
        raise _wrong(f"{text[start]!r} has no meaning here", start)
    word = text[start:pos]
    if brackets == 1 and not plain:
        return Token("tcl", word, start)
    if word in _WORD_OPERATORS:
        return Token("operator", word, start)
    return Token("name", word, start)


def _quoted(text: str, pos: int) -> Token:
    depth, at, size = 0, pos, len(text)
    while at < size:
        mark = text[at]
        if mark == "\\":
            at += 2
            continue
        if text[pos] == '"':
            if mark == "[":
                end = bracket_end(text, at)
                if end < 0:
                    raise _wrong("']' is missing", at)
                at = end
                continue
            if mark == '"' and at > pos:
                return Token("text", text[pos : at + 1], pos)
        elif mark == "{":
            depth += 1
        elif mark == "}":
            depth -= 1
            if not depth:
                return Token("text", text[pos : at + 1], pos)
        at += 1
    raise _wrong("the text is not closed", pos)


def _wrong(message: str, pos: int) -> ExpressionStopped:
    return ExpressionStopped(SyntaxProblem(message, pos + 1))


@functools.lru_cache(maxsize=4096)
def parse(text: str, *, tcl: bool = False) -> Program:
    """Return the program of an expression. Raises: ExpressionStopped with a SyntaxProblem or LimitReached."""
    return _Parser(text, tcl).run()


@dataclass
class _Pending:
    kind: str  # unary, binary, group, call, if, else
    text: str
    level: int
    pos: int
    step: int = -1
    count: int = 0


class _Parser:
    def __init__(self, text: str, tcl: bool) -> None:
        self.text = text
        self.tokens = tokens(text, tcl=tcl)
        self.ops: list[Op] = []
        self.names: list[Name] = []
        self.scripts: list[str] = []
        self.waiting: list[_Pending] = []

    def run(self) -> Program:
        wants_operand = True
        for index, token in enumerate(self.tokens):
            wants_operand = self._operand(index, token) if wants_operand else self._operator(token)
        if wants_operand:
            end = len(self.text.rstrip())
            raise _wrong("the expression is empty" if not self.tokens else "the expression ends too early", end)
        self._unwind(0)
        if self.waiting:
            left = self.waiting[-1]
            raise _wrong("':' is missing" if left.kind == "if" else "')' is missing", len(self.text.rstrip()))
        return Program(self.text, tuple(self.ops), tuple(self.names), tuple(self.scripts))

    def _operand(self, index: int, token: Token) -> bool:
        """Take a token where an operand should come; return whether one is still wanted."""
        if token.kind == "operator":
            if token.text in ("-", "+", "!", "~"):
                self.waiting.append(_Pending("unary", token.text, _UNARY, token.start))
                return True
            if token.text == "(":
                self.waiting.append(_Pending("group", "(", 0, token.start))
                return True
            is_call = bool(self.waiting) and self.waiting[-1].kind == "call" and self.tokens[index - 1].text == "("
            if token.text == ")" and is_call:
                self._close_call(0)
                return False
            raise _wrong(f"a value is missing before {token.text!r}", token.start)
        if token.kind == "number":
            word = token.text
            if word[:2] in ("0x", "0X"):
                if len(word) > 66:
                    raise _wrong("the number is too large", token.start)
                word = str(int(word, 16))
            self.ops.append(Op("number", word))
        elif token.kind == "name":
            follows = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
            if follows is not None and follows.text == "(" and follows.kind == "operator":
                name = Name(token.text, token.start + 1, True)
                self.names.append(name)
                self.waiting.append(_Pending("name", token.text, 0, token.start))
                return False
            name = Name(token.text, token.start + 1)
            self.names.append(name)
            self.ops.append(Op("name", name))
        else:
            if token.kind == "tcl" or (token.kind == "text" and token.text.startswith('"')):
                self.scripts.append(token.text[1:-1])
            self.ops.append(Op(token.kind, token.text, token.start + 1))
        return False

    def _operator(self, token: Token) -> bool:
        """Take a token that follows an operand; return whether another operand is wanted."""
        mark = token.text
        if self.waiting and self.waiting[-1].kind == "name":
            name = self.waiting.pop()
            self.waiting.append(_Pending("call", name.text, 0, name.pos))
            return True
        if token.kind != "operator" or mark in ("!", "~", "("):
            raise _wrong(f"an operator is missing before {mark!r}", token.start)
        if mark == ")":
            self._unwind(0)
            self._close(token)
            return False
        if mark == ",":
            self._unwind(0)
            if not self.waiting or self.waiting[-1].kind != "call":
                raise _wrong("',' stands outside of a function's arguments", token.start)
            self.waiting[-1].count += 1
            return True
        if mark == "?":
            self._unwind(2)
            self.waiting.append(_Pending("if", "?", 1, token.start, self._jump("unless")))
            return True
        if mark == ":":
            self._unwind(0)
            if not self.waiting or self.waiting[-1].kind != "if":
                raise _wrong("':' without '?'", token.start)
            asked = self.waiting.pop()
            step = self._jump("jump")
            self._land(asked.step)
            self.waiting.append(_Pending("else", ":", 1, token.start, step))
            return True
        level = _LEVELS[mark]
        # "**" groups from the right, all else from the left.
        self._unwind(level + 1 if mark == "**" else level)
        step = self._jump("and" if mark == "&&" else "or") if mark in ("&&", "||") else -1
        self.waiting.append(_Pending("binary", mark, level, token.start, step))
        return True

    def _close(self, token: Token) -> None:
        if not self.waiting or self.waiting[-1].kind not in ("group", "call"):
            missing = bool(self.waiting) and self.waiting[-1].kind == "if"
            raise _wrong("':' is missing" if missing else "')' without '('", token.start)
        if self.waiting[-1].kind == "group":
            self.waiting.pop()
        else:
            self._close_call(self.waiting[-1].count + 1)

    def _close_call(self, count: int) -> None:
        called = self.waiting.pop()
        self.ops.append(Op("call", Name(called.text, called.pos + 1, True), count))

    def _unwind(self, level: int) -> None:
        while self.waiting:
            top = self.waiting[-1]
            if top.kind not in ("unary", "binary", "else") or top.level < level:
                return
            self.waiting.pop()
            if top.kind == "unary":
                self.ops.append(Op("unary", top.text))
            elif top.kind == "else":
                self._land(top.step)
            elif top.step >= 0:
                self.ops.append(Op("truth"))
                self._land(top.step)
            else:
                self.ops.append(Op("binary", top.text))

    def _jump(self, kind: str) -> int:
        self.ops.append(Op(kind))
        return len(self.ops) - 1

    def _land(self, step: int) -> None:
        self.ops[step] = Op(self.ops[step].kind, len(self.ops))
