"""The Tcl commands that read and set knobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nuke_ai_panel.nk.emulation.creating import Creating, knob_pairs
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.session import Session
from nuke_ai_panel.nk.emulation.tcl_names import Found, TclNames
from nuke_ai_panel.nk.emulation.user_knobs import UserKnob, with_definition
from nuke_ai_panel.nk.emulation.values import array_text, elements
from nuke_ai_panel.nk.expressions.names import KnobPlace, knob_shape, resolve
from nuke_ai_panel.nk.expressions.tcl_commands import number_or_none
from nuke_ai_panel.nk.expressions.working import Context
from nuke_ai_panel.nk.node import Node as ScriptNode
from nuke_ai_panel.nk.words import quote, written

__all__ = ["TclKnobs", "pairs_text"]


class TclKnobs:
    """Commands for knobs."""

    def __init__(self, session: Session, names: TclNames, creating: Creating) -> None:
        self.session = session
        self.names = names
        self.creating = creating

    def table(self) -> dict[str, tuple[Callable[[Sequence[str], Context], Found], int]]:
        """Return the commands by name, each with the fewest arguments it takes."""
        return {
            "knobs": (self._knobs, 1),
            "knob_default": (self._knob_default, 1),
            "setkey": (self._setkey, 3),
            "animation": (self._animation, 1),
            "addUserKnob": (self._add_user_knob, 1),
            "Root": (self._root, 0),
        }

    def set_knob(self, args: Sequence[str], context: Context) -> Found:
        """Set a knob, or one value of it, from its text. Raises: ExpressionStopped, NotSimulatedError."""
        name, text = args[0], args[1]
        place = resolve(context.node, name)
        if not isinstance(place, KnobPlace):
            raise self.names.lost(place, name)
        knob = self.session.handle(place.node)[place.shape.name]
        if not place.fields:
            knob.fromScript(text)
            return ""
        number, index = number_or_none(text), place.index
        if index is None:
            raise NotSimulatedError(f"{name!r} is not a plain value of its knob.")
        if number is not None:
            knob.setValue(float(number), index)
        else:
            inner = text.strip()
            knob.setExpression(inner[1:-1] if inner.startswith("{") and inner.endswith("}") else inner, index)
        return ""

    def _knobs(self, args: Sequence[str], context: Context) -> Found:
        if args[0].startswith("-") or len(args) < 2:
            raise NotSimulatedError("only 'knobs node {name value ...}' is, which sets knobs")
        self.set_all(self.names.node(args[0], context), args[1:])
        return ""

    def set_all(self, node: ScriptNode, args: Sequence[str]) -> None:
        """Set knobs from ``name value`` pairs, definitions of user knobs among them."""
        handle = self.session.handle(node)
        for name, value in knob_pairs(pairs_text(args)):
            if name == "addUserKnob":
                own = _definition(value)
                if own.name not in node.user_knobs:
                    document = node.document
                    document.set_body(node, with_definition(node.text, own, None, document.newline))
            elif name != "inputs":
                handle[name].fromScript(value)

    def _knob_default(self, args: Sequence[str], context: Context) -> Found:
        del context
        found = self.creating.knob_default(args[0], args[1] if len(args) > 1 else None)
        return None if found is None else str(found)

    def _setkey(self, args: Sequence[str], context: Context) -> Found:
        place = resolve(context.node, args[0])
        time, value = number_or_none(args[1]), number_or_none(args[2])
        if not isinstance(place, KnobPlace):
            raise self.names.lost(place, args[0])
        if time is None or value is None:
            raise ValueError("a time and a value are numbers")
        knob = self.session.handle(place.node)[place.shape.name]
        index = -1 if place.index is None else place.index
        if not knob.isAnimated(index):
            # The first key is the one asked for: none is left at the current frame.
            knob.fromScript(_first_key(knob.toScript(), place, float(time), float(value)))
            return ""
        knob.setValueAt(float(value), float(time), index)
        return ""

    def _animation(self, args: Sequence[str], context: Context) -> Found:
        if len(args) != 3 or args[1] != "expression":
            raise NotSimulatedError("only 'animation knob expression text' is")
        place = resolve(context.node, args[0])
        if not isinstance(place, KnobPlace):
            raise self.names.lost(place, args[0])
        index = -1 if place.index is None else place.index
        self.session.handle(place.node)[place.shape.name].setExpression(args[2], index)
        return ""

    def _add_user_knob(self, args: Sequence[str], context: Context) -> Found:
        words = list(args)
        node = context.node
        if words[0] == "node" and len(words) > 2:
            node = self.names.node(words[1], context)
            del words[:2]
        if len(words) > 1:
            words = [" ".join(_definition_word(word, before) for word, before in zip(words, ["", *words]))]
        holder = node.clone_of or node
        own = _definition("{" + words[0] + "}")
        if own.name in holder.user_knobs:
            raise NotSimulatedError(f"adding {own.name!r}, a knob the node has already")
        holder.document.set_body(holder, with_definition(holder.text, own, None, holder.document.newline))
        return ""

    def _root(self, args: Sequence[str], context: Context) -> Found:
        del context
        root = self.session.document.root_node
        if root is None:
            raise NotSimulatedError("this script has no Root")
        self.set_all(root, args)
        return ""


def pairs_text(args: Sequence[str]) -> str:
    """Return ``name value`` pairs as one text: given as one list, or as words of their own."""
    if len(args) == 1:
        return args[0]
    if len(args) % 2:
        raise ValueError("knobs are given as pairs of a name and a value")
    return "\n".join(f"{quote(name)} {written(value)}" for name, value in zip(args[::2], args[1::2]))


def _definition(word: str) -> UserKnob:
    own = UserKnob.read(word if word.startswith("{") else "{" + word + "}")
    if not own.type_id.isdecimal():
        raise ValueError(f"{own.type_id!r} is no type of a knob")
    return own


def _definition_word(word: str, before: str) -> str:
    return "{" + word + "}" if before == "M" and not word.startswith("{") else quote(word)


def _first_key(text: str, place: KnobPlace, time: float, value: float) -> str:
    shape = knob_shape(place.node, place.shape.name) or place.shape
    words = elements(text, shape.size)
    key = "{curve x" + f"{time:.10g} {value:.10g}" + "}"
    chosen = range(len(words)) if place.index is None else [place.index]
    for at in chosen:
        if words[at].startswith("{"):
            raise NotSimulatedError("setting a key on a value that has an expression")
        words[at] = key
    return array_text(words, folded=False)
