"""Evaluating knob expressions and Tcl text over a document.

Every evaluation is a stack of generators that ask one another for values, so a chain of ten thousand references needs no deep
Python stack. What is in work is known, which is how a cycle is found and told as the chain of values that closes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from types import GeneratorType
from typing import Any, cast

from nuke_ai_panel.nk.catalogue import default_catalogue
from nuke_ai_panel.nk.curves import Component, Curve, parse_value
from nuke_ai_panel.nk.expressions import syntax
from nuke_ai_panel.nk.expressions.functions import CONSTANTS, FUNCTIONS, NOT_SIMULATED, divide, power, remainder
from nuke_ai_panel.nk.expressions.names import Computed, KnobPlace, KnobShape, Lost, Unknown, knob_shape, resolve
from nuke_ai_panel.nk.expressions.results import (
    Cycle,
    Evaluation,
    ExpressionStopped,
    LimitReached,
    MissingReference,
    NotSimulated,
    Problem,
    Scalar,
    SyntaxProblem,
)
from nuke_ai_panel.nk.expressions.tcl_commands import COMMANDS, number_or_none
from nuke_ai_panel.nk.expressions.tcl_commands import NOT_SIMULATED as TCL_NOT_SIMULATED
from nuke_ai_panel.nk.expressions.tcl_words import Part, commands, parts
from nuke_ai_panel.nk.node import Node

__all__ = ["MAX_DEPTH", "MAX_STEPS", "evaluate", "knob_number", "knob_text", "run_tcl"]

#: How many steps one evaluation may take, and how many values may wait for one another.
MAX_STEPS = 1_000_000
MAX_DEPTH = 100_000
_MAX_TEXT = 1_000_000
# Generators that yield other generators have no finite type; what they are sent and return is Scalar throughout.
Work = Generator[Any, Scalar, Scalar]
_FORMAT_FIELDS = {"w": 0, "h": 1, "x": 2, "y": 3, "r": 4, "t": 5, "pixel_aspect": 6, "width": 0, "height": 1}
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True)
class _Context:
    node: Node
    frame: float
    shape: KnobShape | None = None
    component: int = 0
    curve: Curve = field(default_factory=Curve)
    variables: dict[str, str] = field(default_factory=dict, compare=False)


def evaluate(
    node: Node, expression: str, *, knob: str = "", component: int = 0, frame: float | None = None, gui: bool | None = None
) -> Evaluation:
    """Evaluate a knob expression as if it stood in a knob of `node`.

    `frame` is the Root's where it is None; `gui` what ``$gui`` says, None where that is not known. Nothing in the text makes it
    raise.
    """
    shape = knob_shape(node, knob) if knob else None
    machine = _Machine(gui)
    return machine.run(lambda: machine.expression(expression, _Context(node, _frame(node, frame), shape, component)))


def knob_number(
    node: Node, knob: str, component: int = 0, *, frame: float | None = None, gui: bool | None = None
) -> Evaluation:
    """Evaluate one number of a knob, through its expression, its keys or its default."""
    machine = _Machine(gui)
    place = resolve(node, f"this.{knob}")
    context = _Context(node, _frame(node, frame), None, component)
    return machine.run(lambda: machine.place_number(place, knob, context))


def knob_text(node: Node, knob: str, *, frame: float | None = None, gui: bool | None = None) -> Evaluation:
    """Evaluate a knob as text, Tcl in it included, as ``[value knob]`` does."""
    machine = _Machine(gui)
    context = _Context(node, _frame(node, frame))
    return machine.run(lambda: machine.value_command([f"this.{knob}"], context))


def run_tcl(node: Node, text: str, *, frame: float | None = None, gui: bool | None = None) -> Evaluation:
    """Substitute ``[commands]`` and ``$variables`` in text as Nuke does in a string knob of `node`; Python is never run."""
    machine = _Machine(gui)
    return machine.run(lambda: machine.substituted(text, _Context(node, _frame(node, frame))))


def _frame(node: Node, frame: float | None) -> float:
    if frame is not None:
        return float(frame)
    root = node.document.root_node
    written = number_or_none(root.knob("frame")) if root is not None else None
    return float(written) if written is not None else 1.0


def _stop(problem: Problem) -> ExpressionStopped:
    return ExpressionStopped(problem)


def _unknown(what: str, message: str) -> ExpressionStopped:
    return ExpressionStopped(NotSimulated(what, message))


def _written(value: Scalar) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    return f"{value:.10g}"


class _Machine:
    def __init__(self, gui: bool | None) -> None:
        self.gui = gui
        self.steps = 0
        self.active: dict[tuple[int, str, int, float], str] = {}
        self.known: dict[tuple[int, str, int, float], Scalar] = {}

    # Running

    def run(self, start: Callable[[], Work]) -> Evaluation:
        """Run generators until the first one returns."""
        try:
            return Evaluation(self._drive(start()))
        except ExpressionStopped as stopped:
            return Evaluation(None, stopped.problem)

    def _drive(self, work: Work) -> Scalar:
        stack: list[Work] = [work]
        sent: Scalar | None = None
        raised: ExpressionStopped | None = None
        while True:
            top = stack[-1]
            self._count()
            try:
                if raised is not None:
                    error, raised = raised, None
                    asked = top.throw(error)
                else:
                    asked = next(top) if sent is None else top.send(sent)
            except StopIteration as ended:
                stack.pop()
                sent = cast(Scalar, ended.value)
                if not stack:
                    return sent
                continue
            except ExpressionStopped as stopped:
                stack.pop()
                if not stack:
                    raise
                # A chain of thousands of references would make a traceback as long.
                raised = ExpressionStopped(stopped.problem)
                sent = None
                continue
            assert isinstance(asked, GeneratorType)
            if len(stack) >= MAX_DEPTH:
                raised = _stop(LimitReached(f"More than {MAX_DEPTH:,} values wait for one another."))
                continue
            stack.append(asked)
            sent = None

    def _count(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise _stop(LimitReached(f"The evaluation took more than {MAX_STEPS:,} steps."))

    # Expressions

    def expression(self, text: str, context: _Context, *, tcl: bool = False) -> Work:
        program = syntax.parse(text, tcl=tcl)
        ops = program.ops
        stack: list[Scalar] = []
        at, size = 0, len(ops)
        while at < size:
            self._count()
            op = ops[at]
            at += 1
            kind, argument = op.kind, op.argument
            if kind == "number":
                number = number_or_none(argument)
                stack.append(float(cast(float, number)) if not tcl else cast(float, number))
            elif kind == "name" and isinstance(argument, syntax.Name):
                stack.append((yield self._name(argument, context, tcl)))
            elif kind == "call" and isinstance(argument, syntax.Name):
                args = [self._number(value, argument.text) for value in stack[len(stack) - op.count :]]
                del stack[len(stack) - op.count :]
                stack.append((yield self._call(argument, args, context, tcl)))
            elif kind == "unary":
                stack.append(self._unary(str(argument), stack.pop(), tcl))
            elif kind == "binary":
                right, left = stack.pop(), stack.pop()
                stack.append(self._tcl_binary(str(argument), left, right) if tcl else self._binary(str(argument), left, right))
            elif kind in ("unless", "and", "or"):
                decides = self._truth(stack.pop())
                if kind == "unless":
                    at = at if decides else cast(int, argument)
                elif decides == (kind == "or"):
                    stack.append(float(decides))
                    at = cast(int, argument)
            elif kind == "truth":
                stack.append(float(self._truth(stack.pop())))
            elif kind == "jump":
                at = cast(int, argument)
            elif kind == "tcl":
                found = yield self.script(str(argument)[1:-1], context)
                if tcl:
                    stack.append(self._plain(found))
                else:
                    stack.append((yield self._substitute_number(found, str(argument), context)))
            elif kind == "text":
                word = str(argument)
                stack.append(word[1:-1] if word[0] == "{" else (yield self.substituted(word[1:-1], context)))
            else:
                stack.append(self._plain(self._variable(str(argument).strip("${}"), context)))
        return stack[-1]

    @staticmethod
    def _plain(value: Scalar) -> Scalar:
        number = number_or_none(value)
        return value if number is None else number

    def _substitute_number(self, found: Scalar, source: str, context: _Context) -> Work:
        """What Tcl gives takes the place of its brackets: a number as such, other text as an expression of its own."""
        number = number_or_none(found)
        if number is not None:
            return float(number)
        if str(found).lower() in _TRUE | _FALSE:
            return float(str(found).lower() in _TRUE)
        if str(found).strip() in ("", source):
            raise _unknown(source, f"{source} gives no number.")
        return (yield self.expression(str(found), context))

    def _number(self, value: Scalar, name: str) -> float:
        number = number_or_none(value)
        if number is None:
            raise _stop(SyntaxProblem(f"{name} needs a number, not {value!r}", 1))
        return float(number)

    def _truth(self, value: Scalar) -> bool:
        number = number_or_none(value)
        if number is not None:
            return bool(number)
        word = str(value).strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise _stop(SyntaxProblem(f"{value!r} is neither true nor false", 1))

    def _unary(self, mark: str, value: Scalar, tcl: bool) -> Scalar:
        if mark == "!":
            return float(not self._truth(value)) if not tcl else int(not self._truth(value))
        if mark == "~":
            raise _unknown("~", "The operator '~' is not simulated.")
        number = number_or_none(value) if tcl else self._number(value, mark)
        if number is None:
            raise _stop(SyntaxProblem(f"{mark!r} needs a number, not {value!r}", 1))
        return -number if mark == "-" else number

    def _binary(self, mark: str, left: Scalar, right: Scalar) -> float:
        a, b = self._number(left, mark), self._number(right, mark)
        if mark == "+":
            return a + b
        if mark == "-":
            return a - b
        if mark == "*":
            return a * b
        if mark == "/":
            return divide(a, b)
        if mark == "%":
            return remainder(a, b)
        if mark == "**":
            return power(a, b)
        if mark in ("==", "!=", "<", ">", "<=", ">="):
            return float({"==": a == b, "!=": a != b, "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[mark])
        raise _unknown(mark, f"The operator {mark!r} in a knob expression is not simulated.")

    def _tcl_binary(self, mark: str, left: Scalar, right: Scalar) -> Scalar:
        a, b = number_or_none(left), number_or_none(right)
        if mark in ("eq", "ne") or (mark in ("==", "!=", "<", ">", "<=", ">=") and (a is None or b is None)):
            one, other = _written(left), _written(right)
            same = {"==": one == other, "eq": one == other, "!=": one != other, "ne": one != other}
            return int(
                same[mark] if mark in same else {"<": one < other, ">": one > other, "<=": one <= other}.get(mark, one >= other)
            )
        if mark in ("in", "ni"):
            return int((_written(left) in _written(right).split()) == (mark == "in"))
        if a is None or b is None:
            raise _stop(SyntaxProblem(f"{mark!r} needs numbers, not {left!r} and {right!r}", 1))
        if isinstance(a, int) and isinstance(b, int):
            if mark in ("/", "%"):
                if not b:
                    raise _stop(SyntaxProblem("division by zero", 1))
                return a // b if mark == "/" else a % b
            if mark in ("+", "-", "*"):
                return {"+": a + b, "-": a - b, "*": a * b}[mark] if abs(a) < 1 << 200 and abs(b) < 1 << 200 else float("inf")
            if mark in ("&", "|", "^"):
                return {"&": a & b, "|": a | b, "^": a ^ b}[mark]
        found = self._binary(mark, float(a), float(b))
        return int(found) if mark in ("==", "!=", "<", ">", "<=", ">=") else found

    def _call(self, name: syntax.Name, args: Sequence[float], context: _Context, tcl: bool) -> Work:
        word = name.text
        if word in ("curve", "value", "y") and len(args) < 2 and not tcl:
            return context.curve.at(args[0] if args else context.frame)
        function = FUNCTIONS.get(word)
        if function is not None and not name.is_composed:
            if len(args) < function.least or 0 <= function.most < len(args) or (word == "lerp" and len(args) == 4):
                raise _stop(SyntaxProblem(f"{word}() does not take {len(args)} arguments", name.column))
            found = function.call(*args)
            return int(found) if tcl and word == "int" and math.isfinite(found) else found
        if tcl and word in ("double", "round"):
            return float(args[0]) if word == "double" else int(args[0] + math.copysign(0.5, args[0]))
        if word in NOT_SIMULATED:
            raise _unknown(word, f"The function {word}() is not simulated: its exact value is known to Nuke only.")
        if len(args) > 1 or tcl:
            raise _stop(MissingReference(word, word, f"There is no function {word!r}."))
        # A knob may be asked for its value at a time: Grade1.white(10).
        at = replace(context, frame=args[0]) if args else context
        return (yield self._name(name, context, False, at))

    def _name(self, name: syntax.Name, context: _Context, tcl: bool, at: _Context | None = None) -> Work:
        text = name.text
        if name.is_composed:
            text = str((yield self.substituted(text, context)))
            number = number_or_none(text)
            if number is not None:
                return number
            if not text.replace(".", "").replace("_", "").isalnum():
                return (yield self.expression(text, context, tcl=tcl))
        if tcl:
            return text
        if text in ("frame", "t", "x"):
            return (at or context).frame
        if text in ("y", "curve", "value"):
            return context.curve.at(context.frame)
        if text == "$gui":
            if self.gui is None:
                raise _unknown("$gui", "Whether Nuke shows a window is not known here.")
            return float(self.gui)
        if text == "keys":
            return float(len(context.curve.keys))
        place = resolve(context.node, text, knob=context.shape)
        if isinstance(place, (Lost, Unknown)) and text in CONSTANTS:
            return CONSTANTS[text]
        return (yield self.place_number(place, text, at or context))

    # Knobs

    def place_number(self, place: object, name: str, context: _Context) -> Work:
        if isinstance(place, KnobPlace):
            return (yield self._knob(place, name, context))
        if isinstance(place, Computed):
            return (yield self._computed(place, name, context))
        if isinstance(place, Node):
            raise _stop(MissingReference(name, name, f"{name!r} is the node {place.path}, not a value."))
        raise self._nowhere(place, name)

    @staticmethod
    def _nowhere(place: object, name: str) -> ExpressionStopped:
        if isinstance(place, Unknown):
            return _unknown(name, f"{name!r} cannot be followed: {place.reason}.")
        assert isinstance(place, Lost)
        return _stop(MissingReference(name, place.missing, place.message))

    def _knob(self, place: KnobPlace, name: str, context: _Context) -> Work:
        node, shape = place.node, place.shape
        if shape.link:
            target = resolve(node, ".".join([shape.link, *place.fields]))
            key = self._enter(node, shape, -1, context.frame)
            try:
                return (yield self.place_number(target, shape.link, context))
            finally:
                del self.active[key]
        written = node.knob(shape.name)
        text = shape.default if written is None else written
        if text is None:
            raise _unknown(name, f"The default of {node.path}.{shape.name} is not known.")
        if written is None and "@" in text:
            text = self._default_by_format(node, shape, text, name)
        if shape.type == "Format_Knob":
            return self._format_field(text, place.fields, name)
        index = place.index
        if index is None:
            if place.fields:
                raise _unknown(name, f"{name!r} is not a plain value of {node.path}.{shape.name}.")
            index = context.component
        return (yield self._component(node, shape, text, index, name, context, named=bool(place.fields)))

    def _enter(self, node: Node, shape: KnobShape, index: int, frame: float) -> tuple[int, str, int, float]:
        key = (id(node.clone_of or node), shape.name, index, frame)
        if key in self.active:
            names = list(self.active.values())
            begin = list(self.active).index(key)
            raise _stop(Cycle((*names[begin:], names[begin])))
        self.active[key] = f"{node.path}.{shape.name}" + (f".{index}" if shape.size > 1 and index >= 0 else "")
        return key

    def _component(
        self, node: Node, shape: KnobShape, text: str, index: int, name: str, context: _Context, *, named: bool = False
    ) -> Work:
        value = parse_value(text)
        components = value.components()
        if len(components) == 1 and not text.lstrip().startswith("{") and shape.size > 1 and " " in text.strip():
            components = tuple(parse_value("{" + text + "}").components())
        if not components:
            return 0.0
        if index >= len(components):
            index = 0 if len(components) == 1 or not named else index
            if index >= len(components):
                raise _stop(MissingReference(name, str(index), f"{node.path}.{shape.name} has no value number {index}."))
        part = components[index]
        if part.number is not None:
            return part.number
        if not part.expression:
            return (yield self._word_number(node, shape, part, name, context))
        if part.expression == "curve":
            return part.curve.at(context.frame)
        key = self._enter(node, shape, index, context.frame)
        try:
            if key in self.known:
                return self.known[key]
            found = yield self.expression(part.expression, _Context(node, context.frame, shape, index, part.curve))
            self.known[key] = found
            return found
        finally:
            del self.active[key]

    def _word_number(self, node: Node, shape: KnobShape, part: Component, name: str, context: _Context) -> Work:
        word = part.text
        if "[" in word:
            key = self._enter(node, shape, 0, context.frame)
            try:
                word = _written((yield self.substituted(word, _Context(node, context.frame, shape))))
            finally:
                del self.active[key]
        number = number_or_none(word)
        if number is not None:
            return float(number)
        if word in shape.choices:
            return float(shape.choices.index(word))
        if word.lower() in _TRUE | _FALSE:
            return float(word.lower() in _TRUE)
        raise _unknown(name, f"{node.path}.{shape.name} is {word[:60]!r}, which is no number.")

    @staticmethod
    def _default_by_format(node: Node, shape: KnobShape, text: str, name: str) -> str:
        facts = default_catalogue().knob_info(node.class_name, shape.name)
        if facts is None or not facts.follows_format:
            return text
        root = node.document.root_node
        numbers = [number_or_none(word) for word in ((root.knob("format") if root is not None else "") or "").split()[:2]]
        known = facts.default_for(*numbers) if len(numbers) == 2 and None not in numbers else None  # type: ignore[arg-type]
        if known is None:
            raise _unknown(name, f"The default of {node.path}.{shape.name} depends on the format.")
        return known

    @staticmethod
    def _format_field(text: str, fields: Sequence[str], name: str) -> float:
        numbers = [number_or_none(word) for word in text.split()]
        place = _FORMAT_FIELDS.get(fields[0]) if fields else None
        if fields and fields[0].isdigit():
            place = int(fields[0])
        number = numbers[place] if place is not None and place < len(numbers) else None
        if number is None:
            raise _unknown(name, f"The format {text[:60]!r} does not tell {name!r}.")
        return float(number)

    def _computed(self, place: Computed, name: str, context: _Context) -> Work:
        node, (first, *rest) = place.node, place.fields
        root = node.document.root_node
        if first == "inputs":
            return float(len(node.inputs))
        if first == "frame":
            return context.frame
        if node is root and root is not None and first in ("width", "height", "pixel_aspect", "format", "actual_format"):
            written = root.knob("format")
            if written is not None:
                return self._format_field(written, rest if first.endswith("format") else [first], name)
        if node is root and root is not None and first in ("first_frame", "last_frame"):
            shape = knob_shape(root, first)
            if shape is not None:
                return (yield self._knob(KnobPlace(root, shape), name, context))
        raise _unknown(name, f"{name!r} is worked out from the images that {node.path} reads.")

    # Tcl

    def substituted(self, text: str, context: _Context) -> Work:
        """Replace ``[...]`` and ``$...`` in text by what they give."""
        if len(text) > syntax.MAX_LENGTH:
            raise _stop(LimitReached(f"The text is longer than {syntax.MAX_LENGTH:,} characters."))
        if not any(mark in text for mark in "[$\\"):
            return text
        made: list[str] = []
        for part in parts(text):
            made.append(_written((yield self._part(part, context))) if part.kind == "script" else self._still(part, context))
        whole = "".join(made)
        if len(whole) > _MAX_TEXT:
            raise _stop(LimitReached("The text gets too long."))
        return whole

    def _still(self, part: Part, context: _Context) -> str:
        return part.text if part.kind == "text" else self._variable(part.text, context)

    def _part(self, part: Part, context: _Context) -> Work:
        return (yield self.script(part.text, context))

    def _variable(self, name: str, context: _Context) -> str:
        if name in context.variables:
            return context.variables[name]
        if name == "gui" and self.gui is not None:
            return str(int(self.gui))
        if name == "gui":
            raise _unknown("$gui", "Whether Nuke shows a window is not known here.")
        raise _stop(MissingReference(f"${name}", name, f"There is no variable {name!r}."))

    def script(self, script: str, context: _Context) -> Work:
        """Run the commands of ``[...]``; the last one gives the value."""
        result: Scalar = ""
        for words in commands(script):
            args: list[str] = []
            if words[0].is_static and _first_word(words[0].text) in TCL_NOT_SIMULATED:
                # The words of a command that is not run are not worth a problem of their own.
                raise self._not_run(_first_word(words[0].text))
            for word in words:
                args.append(word.text if word.is_verbatim else _written((yield self.substituted(word.text, context))))
            result = yield self._command(args[0], args[1:], context)
        return result

    @staticmethod
    def _not_run(name: str) -> ExpressionStopped:
        return _unknown(name, f"The Tcl command {name!r} is not simulated: {TCL_NOT_SIMULATED[name]}.")

    def _command(self, name: str, args: Sequence[str], context: _Context) -> Work:
        self._count()
        pure = COMMANDS.get(name)
        if pure is not None:
            call, least = pure
            if len(args) < least:
                raise _stop(SyntaxProblem(f"the Tcl command {name!r} needs at least {least} arguments", 1))
            try:
                return call(args)
            except (IndexError, ValueError, OverflowError) as error:
                raise _stop(SyntaxProblem(f"the Tcl command {name!r} cannot use its arguments: {error}", 1)) from None
        if name in ("value", "numvalue"):
            return (yield self.value_command(args, context, number=name == "numvalue"))
        if name == "knob":
            return self._raw_knob(args, context)
        if name in ("expr", "expression"):
            return (yield self.expression(" ".join(args), context, tcl=name == "expr"))
        if name == "exists":
            return self._exists(args, context)
        if name in ("node", "class", "full_name", "topnode", "input", "name"):
            return self._node_command(name, args, context)
        if name == "frame":
            return context.frame
        if name == "inputs":
            return len(context.node.inputs)
        if name == "if":
            return (yield self._if(list(args), context))
        if name == "catch":
            try:
                yield self.script(args[0] if args else "", context)
            except ExpressionStopped as stopped:
                if isinstance(stopped.problem, (LimitReached, NotSimulated)):
                    raise
                return 1
            return 0
        if name == "subst":
            return (yield self.substituted(args[0] if args else "", context))
        if name in ("set", "append"):
            return self._set(name, args, context)
        if name in TCL_NOT_SIMULATED:
            raise self._not_run(name)
        raise _stop(MissingReference(name, name, f"There is no Tcl command {name!r}."))

    @staticmethod
    def _set(name: str, args: Sequence[str], context: _Context) -> str:
        variables = context.variables
        if not args:
            raise _stop(SyntaxProblem(f"the Tcl command {name!r} needs a variable", 1))
        if name == "append":
            variables[args[0]] = variables.get(args[0], "") + "".join(args[1:])
        elif len(args) > 1:
            variables[args[0]] = args[1]
        elif args[0] not in variables:
            raise _stop(MissingReference(args[0], args[0], f"There is no variable {args[0]!r}."))
        if len(variables[args[0]]) > _MAX_TEXT:
            raise _stop(LimitReached("The text gets too long."))
        return variables[args[0]]

    def _if(self, args: list[str], context: _Context) -> Work:
        while len(args) > 1:
            condition = yield self.expression(args.pop(0), context, tcl=True)
            if args[0] == "then":
                args.pop(0)
            body = args.pop(0) if args else ""
            if self._truth(condition):
                return (yield self.script(body, context))
            if not args:
                return ""
            if args[0] == "elseif":
                args.pop(0)
                continue
            if args[0] == "else":
                args.pop(0)
            return (yield self.script(args[0] if args else "", context))
        raise _stop(SyntaxProblem("the Tcl command 'if' needs a condition and a body", 1))

    def _exists(self, args: Sequence[str], context: _Context) -> int:
        name = args[0] if args else ""
        place = resolve(context.node, name)
        if isinstance(place, Unknown):
            raise self._nowhere(place, name)
        return int(not isinstance(place, Lost))

    def _node_command(self, name: str, args: Sequence[str], context: _Context) -> str:
        word = "this" if not args or args[0] == "" else args[0]
        place = resolve(context.node, word)
        if not isinstance(place, Node):
            if isinstance(place, (KnobPlace, Computed)):
                place = place.node
            else:
                raise self._nowhere(place, word)
        if name in ("input", "topnode"):
            step = "topnode" if name == "topnode" else f"input{args[1] if len(args) > 1 else 0}"
            found = resolve(place, f"this.{step}")
            if not isinstance(found, Node):
                if name == "input" and isinstance(found, Lost):
                    return "0"
                raise self._nowhere(found, step)
            place = found
        if name == "class":
            return place.class_name
        return place.name if name == "name" else place.path

    def _raw_knob(self, args: Sequence[str], context: _Context) -> str:
        if len(args) > 1:
            raise _unknown("knob", "Setting a knob from Tcl is not simulated.")
        name = args[0] if args else ""
        place = resolve(context.node, name)
        if not isinstance(place, KnobPlace):
            if isinstance(place, Computed):
                raise _unknown(name, f"{name!r} is no knob with a text of its own.")
            if isinstance(place, Node):
                raise _stop(MissingReference(name, name, f"{name!r} is a node, not a knob."))
            raise self._nowhere(place, name)
        if place.shape.name == "name" and place.node is not place.node.document.root_node:
            return place.node.name
        written = place.node.knob(place.shape.name)
        text = place.shape.default if written is None else written
        if text is None:
            raise _unknown(name, f"The default of {place.node.path}.{place.shape.name} is not known.")
        return text

    def value_command(self, args: Sequence[str], context: _Context, *, number: bool = False) -> Work:
        """Return a knob's value as text, as the Tcl command ``value`` does."""
        name = args[0] if args else ""
        if name in ("frame", "t", "x"):
            return context.frame
        place = resolve(context.node, name)
        if isinstance(place, (Lost, Unknown)) and not all(mark.isalnum() or mark in "._" for mark in name):
            return (yield self.expression(name, context))
        if not isinstance(place, KnobPlace) or number:
            return (yield self.place_number(place, name, context))
        node, shape = place.node, place.shape
        if shape.name == "name" and node is not node.document.root_node:
            return node.name
        if shape.link:
            return (yield self._linked_text(place, context))
        written = node.knob(shape.name)
        text = shape.default if written is None else written
        if text is None:
            raise _unknown(name, f"The default of {node.path}.{shape.name} is not known.")
        if shape.type == "Format_Knob":
            return self._format_field(text, place.fields, name) if place.fields else text
        if text.lstrip().startswith("{") and "[" not in shape.name and self._has_numbers(shape):
            return (yield self._numbers_text(place, text, name, context))
        if place.fields:
            return (yield self._knob(place, name, context))
        if "[" in text:
            key = self._enter(node, shape, 0, context.frame)
            try:
                return (yield self.substituted(text, _Context(node, context.frame, shape)))
            finally:
                del self.active[key]
        return text

    @staticmethod
    def _has_numbers(shape: KnobShape) -> bool:
        return not shape.type.endswith(("String_Knob", "File_Knob", "PythonKnob", "PyScript_Knob"))

    def _linked_text(self, place: KnobPlace, context: _Context) -> Work:
        key = self._enter(place.node, place.shape, -1, context.frame)
        try:
            return (yield self.value_command([".".join([place.shape.link, *place.fields])], replace(context, node=place.node)))
        finally:
            del self.active[key]

    def _numbers_text(self, place: KnobPlace, text: str, name: str, context: _Context) -> Work:
        node, shape = place.node, place.shape
        if place.fields:
            return (yield self._knob(place, name, context))
        found: list[str] = []
        for index in range(len(parse_value(text).components())):
            number = yield self._component(node, shape, text, index, name, context)
            value = number_or_none(number)
            if shape.choices and value is not None and 0 <= value < len(shape.choices):
                found.append(shape.choices[int(value)])
            elif shape.type in ("Boolean_Knob", "Disable_Knob") and value is not None:
                found.append("true" if value else "false")
            else:
                found.append(_written(number))
        return found[0] if len(set(found)) == 1 else " ".join(found)


def _first_word(text: str) -> str:
    words = text.split(None, 1)
    return words[0] if words else ""
