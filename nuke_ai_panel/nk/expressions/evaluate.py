"""Evaluating knob expressions and knobs over a document: numbers through names, keys, expressions and defaults."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from nuke_ai_panel.nk.catalogue import default_catalogue
from nuke_ai_panel.nk.curves import Component, parse_value
from nuke_ai_panel.nk.expressions import syntax
from nuke_ai_panel.nk.expressions.functions import CONSTANTS, FUNCTIONS, NOT_SIMULATED
from nuke_ai_panel.nk.expressions.names import Computed, KnobPlace, KnobShape, Lost, Unknown, knob_shape, resolve
from nuke_ai_panel.nk.expressions.operators import (
    FALSE,
    TRUE,
    as_number,
    as_plain,
    as_text,
    binary,
    stop,
    tcl_binary,
    truth,
    unary,
    unknown,
)
from nuke_ai_panel.nk.expressions.results import Evaluation, MissingReference, Scalar, SyntaxProblem
from nuke_ai_panel.nk.expressions.tcl import TclRunning
from nuke_ai_panel.nk.expressions.tcl_commands import number_or_none
from nuke_ai_panel.nk.expressions.working import Context, Work
from nuke_ai_panel.nk.node import Node

__all__ = ["evaluate", "knob_number", "knob_text", "run_tcl"]


def evaluate(
    node: Node, expression: str, *, knob: str = "", component: int = 0, frame: float | None = None, gui: bool | None = None
) -> Evaluation:
    """Evaluate a knob expression as if it stood in a knob of `node`.

    `frame` is the Root's where it is None; `gui` what ``$gui`` says, None where that is not known. Nothing in the text makes it
    raise.
    """
    shape = knob_shape(node, knob) if knob else None
    machine = _Machine(gui)
    return machine.run(lambda: machine.expression(expression, Context(node, _frame(node, frame), shape, component)))


def knob_number(
    node: Node, knob: str, component: int = 0, *, frame: float | None = None, gui: bool | None = None
) -> Evaluation:
    """Evaluate one number of a knob, through its expression, its keys or its default."""
    machine = _Machine(gui)
    place = resolve(node, f"this.{knob}")
    context = Context(node, _frame(node, frame), None, component)
    return machine.run(lambda: machine.place_number(place, knob, context))


def knob_text(node: Node, knob: str, *, frame: float | None = None, gui: bool | None = None) -> Evaluation:
    """Evaluate a knob as text, Tcl in it included, as ``[value knob]`` does."""
    machine = _Machine(gui)
    context = Context(node, _frame(node, frame))
    return machine.run(lambda: machine.value_command([f"this.{knob}"], context))


def run_tcl(node: Node, text: str, *, frame: float | None = None, gui: bool | None = None) -> Evaluation:
    """Substitute ``[commands]`` and ``$variables`` in text as Nuke does in a string knob of `node`; Python is never run."""
    machine = _Machine(gui)
    return machine.run(lambda: machine.substituted(text, Context(node, _frame(node, frame))))


def _frame(node: Node, frame: float | None) -> float:
    if frame is not None:
        return float(frame)
    root = node.document.root_node
    written = number_or_none(root.knob("frame")) if root is not None else None
    return float(written) if written is not None else 1.0


class _Machine(TclRunning):
    # Expressions

    def expression(self, text: str, context: Context, *, tcl: bool = False) -> Work:
        program = syntax.parse(text, tcl=tcl)
        ops = program.ops
        stack: list[Scalar] = []
        at, size = 0, len(ops)
        while at < size:
            self.count()
            op = ops[at]
            at += 1
            kind, argument = op.kind, op.argument
            if kind == "number":
                number = number_or_none(argument)
                stack.append(float(cast(float, number)) if not tcl else cast(float, number))
            elif kind == "name" and isinstance(argument, syntax.Name):
                stack.append((yield self._name(argument, context, tcl)))
            elif kind == "call" and isinstance(argument, syntax.Name):
                args = [as_number(value, argument.text) for value in stack[len(stack) - op.count :]]
                del stack[len(stack) - op.count :]
                stack.append((yield self._call(argument, args, context, tcl)))
            elif kind == "unary":
                stack.append(unary(str(argument), stack.pop(), tcl))
            elif kind == "binary":
                right, left = stack.pop(), stack.pop()
                stack.append(tcl_binary(str(argument), left, right) if tcl else binary(str(argument), left, right))
            elif kind in ("unless", "and", "or"):
                decides = truth(stack.pop())
                if kind == "unless":
                    at = at if decides else cast(int, argument)
                elif decides == (kind == "or"):
                    stack.append(float(decides))
                    at = cast(int, argument)
            elif kind == "truth":
                stack.append(float(truth(stack.pop())))
            elif kind == "jump":
                at = cast(int, argument)
            elif kind == "tcl":
                found = yield self.script(str(argument)[1:-1], context)
                if tcl:
                    stack.append(as_plain(found))
                else:
                    stack.append((yield self._substitute_number(found, str(argument), context)))
            elif kind == "text":
                word = str(argument)
                stack.append(word[1:-1] if word[0] == "{" else (yield self.substituted(word[1:-1], context)))
            else:
                stack.append(as_plain(self.variable(str(argument).strip("${}"), context)))
        return stack[-1]

    def _substitute_number(self, found: Scalar, source: str, context: Context) -> Work:
        """What Tcl gives takes the place of its brackets: a number as such, other text as an expression of its own."""
        number = number_or_none(found)
        if number is not None:
            return float(number)
        if str(found).lower() in TRUE | FALSE:
            return float(str(found).lower() in TRUE)
        if str(found).strip() in ("", source):
            raise unknown(source, f"{source} gives no number.")
        return (yield self.expression(str(found), context))

    def _call(self, name: syntax.Name, args: Sequence[float], context: Context, tcl: bool) -> Work:
        word = name.text
        if word in ("curve", "value", "y") and len(args) < 2 and not tcl:
            return context.curve.at(args[0] if args else context.frame)
        function = FUNCTIONS.get(word)
        if function is not None and not name.is_composed:
            if len(args) < function.least or 0 <= function.most < len(args) or (word == "lerp" and len(args) == 4):
                raise stop(SyntaxProblem(f"{word}() does not take {len(args)} arguments", name.column))
            found = function.call(*args)
            return int(found) if tcl and word == "int" and math.isfinite(found) else found
        if tcl and word in ("double", "round") and len(args) == 1 and math.isfinite(args[0]):
            return float(args[0]) if word == "double" else int(args[0] + math.copysign(0.5, args[0]))
        if word in NOT_SIMULATED:
            raise unknown(word, f"The function {word}() is not simulated: its exact value is known to Nuke only.")
        if len(args) > 1 or tcl:
            raise stop(MissingReference(word, word, f"There is no function {word!r}."))
        # A knob may be asked for its value at a time: Grade1.white(10).
        at = replace(context, frame=args[0]) if args else context
        return (yield self._name(name, context, False, at))

    def _name(self, name: syntax.Name, context: Context, tcl: bool, at: Context | None = None) -> Work:
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
                raise unknown("$gui", "Whether Nuke shows a window is not known here.")
            return float(self.gui)
        if text.startswith("$"):
            raise unknown(text, f"The variable {text} is known to Nuke only.")
        if text == "keys":
            return float(len(context.curve.keys))
        place = resolve(context.node, text, knob=context.shape)
        if isinstance(place, (Lost, Unknown)) and text in CONSTANTS:
            return CONSTANTS[text]
        return (yield self.place_number(place, text, at or context))

    # Knobs

    def place_number(self, place: object, name: str, context: Context) -> Work:
        if isinstance(place, KnobPlace):
            return (yield self.knob(place, name, context))
        if isinstance(place, Computed):
            return (yield self._computed(place, name, context))
        if isinstance(place, Node):
            raise stop(MissingReference(name, name, f"{name!r} is the node {place.path}, not a value."))
        raise self.nowhere(place, name)

    def knob(self, place: KnobPlace, name: str, context: Context) -> Work:
        node, shape = place.node, place.shape
        if shape.link:
            target = resolve(node, ".".join([shape.link, *place.fields]))
            key = self.enter(node, shape, -1, context.frame)
            try:
                return (yield self.place_number(target, shape.link, context))
            finally:
                del self.active[key]
        written = node.knob(shape.name)
        text = shape.default if written is None else written
        if text is None:
            raise unknown(name, f"The default of {node.path}.{shape.name} is not known.")
        if written is None and "@" in text:
            text = self._default_by_format(node, shape, text, name)
        if shape.type == "Format_Knob":
            return self.format_field(text, place.fields, name)
        index = place.index
        if index is None:
            if place.fields:
                raise unknown(name, f"{name!r} is not a plain value of {node.path}.{shape.name}.")
            index = context.component
        return (yield self.component(node, shape, text, index, name, context, named=bool(place.fields)))

    def component(
        self, node: Node, shape: KnobShape, text: str, index: int, name: str, context: Context, *, named: bool = False
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
                raise stop(MissingReference(name, str(index), f"{node.path}.{shape.name} has no value number {index}."))
        part = components[index]
        if part.number is not None:
            return part.number
        if not part.expression:
            return (yield self._word_number(node, shape, part, name, context))
        if part.expression == "curve":
            return part.curve.at(context.frame)
        key = self.enter(node, shape, index, context.frame)
        try:
            if key in self.known:
                return self.known[key]
            found = yield self.expression(part.expression, Context(node, context.frame, shape, index, part.curve))
            self.known[key] = found
            return found
        finally:
            del self.active[key]

    def _word_number(self, node: Node, shape: KnobShape, part: Component, name: str, context: Context) -> Work:
        word = part.text
        if "[" in word:
            key = self.enter(node, shape, 0, context.frame)
            try:
                word = as_text((yield self.substituted(word, Context(node, context.frame, shape))))
            finally:
                del self.active[key]
        number = number_or_none(word)
        if number is not None:
            return float(number)
        if word in shape.choices:
            return float(shape.choices.index(word))
        if word.lower() in TRUE | FALSE:
            return float(word.lower() in TRUE)
        raise unknown(name, f"{node.path}.{shape.name} is {word[:60]!r}, which is no number.")

    @staticmethod
    def _default_by_format(node: Node, shape: KnobShape, text: str, name: str) -> str:
        facts = default_catalogue().knob_info(node.class_name, shape.name)
        if facts is None or not facts.follows_format:
            return text
        root = node.document.root_node
        numbers = [number_or_none(word) for word in ((root.knob("format") if root is not None else "") or "").split()[:2]]
        known = facts.default_for(*numbers) if len(numbers) == 2 and None not in numbers else None  # type: ignore[arg-type]
        if known is None:
            raise unknown(name, f"The default of {node.path}.{shape.name} depends on the format.")
        return known

    def _computed(self, place: Computed, name: str, context: Context) -> Work:
        node, (first, *rest) = place.node, place.fields
        root = node.document.root_node
        if first == "inputs":
            return float(len(node.inputs))
        if first == "frame":
            return context.frame
        if node is root and root is not None and first in ("width", "height", "pixel_aspect", "format", "actual_format"):
            written = root.knob("format")
            if written is not None:
                return self.format_field(written, rest if first.endswith("format") else [first], name)
        if node is root and root is not None and first in ("first_frame", "last_frame"):
            shape = knob_shape(root, first)
            if shape is not None:
                return (yield self.knob(KnobPlace(root, shape), name, context))
        raise unknown(name, f"{name!r} is worked out from the images that {node.path} reads.")
