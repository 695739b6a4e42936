"""The Tcl of knobs: ``[commands]`` and ``$variables`` in text. Python, the disk, the clock and the session stay out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nuke_ai_panel.nk.curves import parse_value
from nuke_ai_panel.nk.expressions import syntax
from nuke_ai_panel.nk.expressions.names import Computed, KnobPlace, KnobShape, Lost, Unknown, resolve
from nuke_ai_panel.nk.expressions.operators import as_text, stop, truth, unknown
from nuke_ai_panel.nk.expressions.results import (
    ExpressionStopped,
    LimitReached,
    MissingReference,
    NotSimulated,
    Scalar,
    SyntaxProblem,
)
from nuke_ai_panel.nk.expressions.tcl_commands import COMMANDS, NOT_SIMULATED, number_or_none
from nuke_ai_panel.nk.expressions.tcl_words import Part, commands, parts
from nuke_ai_panel.nk.expressions.working import Context, Running, Work
from nuke_ai_panel.nk.node import Node

__all__ = ["TclRunning"]

_MAX_TEXT = 1_000_000


class TclRunning(Running):
    """An evaluation that knows Tcl."""

    def substituted(self, text: str, context: Context) -> Work:
        """Replace ``[...]`` and ``$...`` in text by what they give."""
        if len(text) > syntax.MAX_LENGTH:
            raise stop(LimitReached(f"The text is longer than {syntax.MAX_LENGTH:,} characters."))
        if not any(mark in text for mark in "[$\\"):
            return text
        made: list[str] = []
        for part in parts(text):
            made.append(as_text((yield self._part(part, context))) if part.kind == "script" else self._still(part, context))
        whole = "".join(made)
        if len(whole) > _MAX_TEXT:
            raise stop(LimitReached("The text gets too long."))
        return whole

    def _still(self, part: Part, context: Context) -> str:
        return part.text if part.kind == "text" else self.variable(part.text, context)

    def _part(self, part: Part, context: Context) -> Work:
        return (yield self.script(part.text, context))

    def variable(self, name: str, context: Context) -> str:
        """Return what ``$name`` stands for. Raises: ExpressionStopped."""
        if name in context.variables:
            return context.variables[name]
        if name == "gui" and self.gui is not None:
            return str(int(self.gui))
        if name == "gui":
            raise unknown("$gui", "Whether Nuke shows a window is not known here.")
        raise stop(MissingReference(f"${name}", name, f"There is no variable {name!r}."))

    def script(self, script: str, context: Context) -> Work:
        """Run the commands of ``[...]``; the last one gives the value."""
        result: Scalar = ""
        for words in commands(script):
            args: list[str] = []
            if words[0].is_static and _first_word(words[0].text) in NOT_SIMULATED:
                # The words of a command that is not run are not worth a problem of their own.
                raise self._not_run(_first_word(words[0].text))
            for word in words:
                args.append(word.text if word.is_verbatim else as_text((yield self.substituted(word.text, context))))
            result = yield self._command(args[0], args[1:], context)
        return result

    @staticmethod
    def _not_run(name: str) -> ExpressionStopped:
        return unknown(name, f"The Tcl command {name!r} is not simulated: {NOT_SIMULATED[name]}.")

    def _command(self, name: str, args: Sequence[str], context: Context) -> Work:
        self.count()
        pure = COMMANDS.get(name)
        if pure is not None:
            call, least = pure
            if len(args) < least:
                raise stop(SyntaxProblem(f"the Tcl command {name!r} needs at least {least} arguments", 1))
            try:
                return call(args)
            except (IndexError, ValueError, OverflowError) as error:
                raise stop(SyntaxProblem(f"the Tcl command {name!r} cannot use its arguments: {error}", 1)) from None
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
        if name in NOT_SIMULATED:
            raise self._not_run(name)
        raise stop(MissingReference(name, name, f"There is no Tcl command {name!r}."))

    @staticmethod
    def _set(name: str, args: Sequence[str], context: Context) -> str:
        variables = context.variables
        if not args:
            raise stop(SyntaxProblem(f"the Tcl command {name!r} needs a variable", 1))
        if name == "append":
            variables[args[0]] = variables.get(args[0], "") + "".join(args[1:])
        elif len(args) > 1:
            variables[args[0]] = args[1]
        elif args[0] not in variables:
            raise stop(MissingReference(args[0], args[0], f"There is no variable {args[0]!r}."))
        if len(variables[args[0]]) > _MAX_TEXT:
            raise stop(LimitReached("The text gets too long."))
        return variables[args[0]]

    def _if(self, args: list[str], context: Context) -> Work:
        while len(args) > 1:
            condition = yield self.expression(args.pop(0), context, tcl=True)
            if args[0] == "then":
                args.pop(0)
            body = args.pop(0) if args else ""
            if truth(condition):
                return (yield self.script(body, context))
            if not args:
                return ""
            if args[0] == "elseif":
                args.pop(0)
                continue
            if args[0] == "else":
                args.pop(0)
            return (yield self.script(args[0] if args else "", context))
        raise stop(SyntaxProblem("the Tcl command 'if' needs a condition and a body", 1))

    def _exists(self, args: Sequence[str], context: Context) -> int:
        name = args[0] if args else ""
        place = resolve(context.node, name)
        if isinstance(place, Unknown):
            raise self.nowhere(place, name)
        return int(not isinstance(place, Lost))

    def _node_command(self, name: str, args: Sequence[str], context: Context) -> str:
        word = "this" if not args or args[0] == "" else args[0]
        place = resolve(context.node, word)
        if not isinstance(place, Node):
            if isinstance(place, (KnobPlace, Computed)):
                place = place.node
            else:
                raise self.nowhere(place, word)
        if name in ("input", "topnode"):
            step = "topnode" if name == "topnode" else f"input{args[1] if len(args) > 1 else 0}"
            found = resolve(place, f"this.{step}")
            if not isinstance(found, Node):
                if name == "input" and isinstance(found, Lost):
                    return "0"
                raise self.nowhere(found, step)
            place = found
        if name == "class":
            return place.class_name
        return place.name if name == "name" else place.path

    def _raw_knob(self, args: Sequence[str], context: Context) -> str:
        if len(args) > 1:
            raise unknown("knob", "Setting a knob from Tcl is not simulated.")
        name = args[0] if args else ""
        place = resolve(context.node, name)
        if not isinstance(place, KnobPlace):
            if isinstance(place, Computed):
                raise unknown(name, f"{name!r} is no knob with a text of its own.")
            if isinstance(place, Node):
                raise stop(MissingReference(name, name, f"{name!r} is a node, not a knob."))
            raise self.nowhere(place, name)
        if place.shape.name == "name" and place.node is not place.node.document.root_node:
            return place.node.name
        written = place.node.knob(place.shape.name)
        text = place.shape.default if written is None else written
        if text is None:
            raise unknown(name, f"The default of {place.node.path}.{place.shape.name} is not known.")
        return text

    def value_command(self, args: Sequence[str], context: Context, *, number: bool = False) -> Work:
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
            raise unknown(name, f"The default of {node.path}.{shape.name} is not known.")
        if shape.type == "Format_Knob":
            return self.format_field(text, place.fields, name) if place.fields else text
        if text.lstrip().startswith("{") and "[" not in shape.name and self._has_numbers(shape):
            return (yield self._numbers_text(place, text, name, context))
        if place.fields:
            return (yield self.knob(place, name, context))
        if "[" in text:
            key = self.enter(node, shape, 0, context.frame)
            try:
                return (yield self.substituted(text, Context(node, context.frame, shape)))
            finally:
                del self.active[key]
        return text

    @staticmethod
    def _has_numbers(shape: KnobShape) -> bool:
        return not shape.type.endswith(("String_Knob", "File_Knob", "PythonKnob", "PyScript_Knob"))

    def _linked_text(self, place: KnobPlace, context: Context) -> Work:
        key = self.enter(place.node, place.shape, -1, context.frame)
        try:
            return (yield self.value_command([".".join([place.shape.link, *place.fields])], replace(context, node=place.node)))
        finally:
            del self.active[key]

    def _numbers_text(self, place: KnobPlace, text: str, name: str, context: Context) -> Work:
        node, shape = place.node, place.shape
        if place.fields:
            return (yield self.knob(place, name, context))
        found: list[str] = []
        for index in range(len(parse_value(text).components())):
            number = yield self.component(node, shape, text, index, name, context)
            value = number_or_none(number)
            if shape.choices and value is not None and 0 <= value < len(shape.choices):
                found.append(shape.choices[int(value)])
            elif shape.type in ("Boolean_Knob", "Disable_Knob") and value is not None:
                found.append("true" if value else "false")
            else:
                found.append(as_text(number))
        return found[0] if len(set(found)) == 1 else " ".join(found)


def _first_word(text: str) -> str:
    words = text.split(None, 1)
    return words[0] if words else ""
