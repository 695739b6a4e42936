"""The emulated ``nuke.Knob``: what every knob has, over the text of the script or, before ``addKnob``, over its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.catalogue import KnobFacts
from nuke_ai_panel.nk.emulation.api import absent_method
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.user_knobs import TYPE_IDS, UserKnob, with_definition, with_user_value
from nuke_ai_panel.nk.emulation.values import plain_text
from nuke_ai_panel.nk.words import quote as quoted
from nuke_ai_panel.nk.words import written

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.formats import Format
    from nuke_ai_panel.nk.emulation.nodes import Node

__all__ = ["FLAGS", "Knob", "Value", "guessed"]

Value = Union[bool, int, float, str, Sequence[float], "Format", None]

#: The flags of the API, and those of them that a definition in the script can carry.
FLAGS = {
    "DISABLED": 0x80,
    "NO_ANIMATION": 0x100,
    "DO_NOT_WRITE": 0x200,
    "INVISIBLE": 0x400,
    "STARTLINE": 0x1000,
    "ENDLINE": 0x2000,
    "NO_UNDO": 0x80000,
}
_IN_DEFINITIONS = ("DISABLED", "NO_ANIMATION", "DO_NOT_WRITE", "INVISIBLE", "STARTLINE")
_PLACE = frozenset({"xpos", "ypos"})


class Knob:
    """A knob of an emulated node, or one that was made for ``node.addKnob``.

    This class itself serves the knobs whose type has no value form of its own.
    """

    _START = ""
    _SIZE = 1

    _node_or_none: Node | None
    _facts: KnobFacts
    _loose_text: str | None
    _definition: UserKnob

    def __init__(self, name: str = "", label: str | None = None, *_more: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}() argument 1 must be str, not {type(name).__name__}")
        kind = type(self).__name__
        self._node_or_none = None
        self._facts = KnobFacts(name, kind, self._START, self._SIZE)
        self._loose_text = None
        self._definition = UserKnob(TYPE_IDS.get(kind, ""), name)
        self._flags = 0
        if label:
            self._definition.set_text("l", label)

    @classmethod
    def _of(cls, node: Node, facts: KnobFacts) -> Knob:
        knob = cls.__new__(cls)
        knob._node_or_none = node
        knob._facts = facts
        knob._loose_text = None
        knob._definition = UserKnob("", facts.name)
        knob._flags = 0
        return knob

    def __repr__(self) -> str:
        return f"<{self._facts.type or 'Knob'} object {self._facts.name}>"

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("_facts")
        shown = facts.type if facts is not None and facts.type else type(self).__name__
        return absent_method(shown, type(self).__name__, name)

    # What it is

    def name(self) -> str:
        """Return the knob's name."""
        return self._facts.name

    def Class(self) -> str:  # noqa: N802  Nuke's name
        """Return the knob's type, e.g. ``"Array_Knob"``."""
        if not self._facts.type:
            raise NotSimulatedError(f"The type of {self._full_name()} is not known here.")
        return self._facts.type

    def node(self) -> Node | None:
        """Return the node the knob belongs to, None for one that was not added to any."""
        return self._node_or_none

    def fullyQualifiedName(self, channel: int = -1) -> str:  # noqa: N802  Nuke's name
        """Return ``"Node.knob"`` with the groups before it."""
        del channel
        return self._full_name()

    def label(self) -> str:
        """Return the label of a user knob. Raises: NotSimulatedError for a knob of the class: labels are not known here."""
        own = self._read_definition()
        if own is None:
            raise NotSimulatedError(f"The label of {self._full_name()} is not known here.")
        text = own.text("l")
        return own.name if text is None else text

    def setLabel(self, label: str) -> None:  # noqa: N802  Nuke's name
        """Set the label of a user knob."""
        self._change_definition("setLabel", lambda own: own.set_text("l", label))

    def setName(self, name: str) -> None:  # noqa: N802  Nuke's name
        """Name a knob that was not added to a node yet."""
        if self._node_or_none is not None:
            raise NotSimulatedError("Knob.setName of a knob that a node has is not simulated.")
        self._facts = KnobFacts(name, self._facts.type, self._facts.default, self._facts.size, self._facts.choices)
        self._definition.name = name

    def tooltip(self) -> str:
        """Return the tooltip of a user knob. Raises: NotSimulatedError for a knob of the class."""
        own = self._read_definition()
        if own is None:
            raise NotSimulatedError(f"The tooltip of {self._full_name()} is not known here.")
        return own.text("t") or ""

    def setTooltip(self, text: str) -> None:  # noqa: N802  Nuke's name
        """Set the tooltip of a user knob."""
        self._change_definition("setTooltip", lambda own: own.set_text("t", text))

    def getFlag(self, flag: int) -> bool:  # noqa: N802  Nuke's name
        """Return whether a flag is set, as far as the script or this session has set it."""
        own = self._read_definition()
        set_there = own is not None and any(own.has_flag(name) and FLAGS[name] & flag for name in _IN_DEFINITIONS)
        return set_there or bool(self._session_flags() & flag)

    def setFlag(self, flag: int) -> None:  # noqa: N802  Nuke's name
        """Set a flag. On a knob of the class it lasts as long as the session, as in Nuke."""
        self._put_flag(flag, True)

    def clearFlag(self, flag: int) -> None:  # noqa: N802  Nuke's name
        """Clear a flag."""
        self._put_flag(flag, False)

    def visible(self) -> bool:
        """Return whether the knob is shown."""
        return not self.getFlag(FLAGS["INVISIBLE"])

    def setVisible(self, visible: bool) -> None:  # noqa: N802  Nuke's name
        """Show or hide the knob."""
        self._put_flag(FLAGS["INVISIBLE"], not visible)

    def enabled(self) -> bool:
        """Return whether the knob can be edited."""
        return not self.getFlag(FLAGS["DISABLED"])

    def setEnabled(self, enabled: bool) -> None:  # noqa: N802  Nuke's name
        """Let the knob be edited in the panel, or not."""
        self._put_flag(FLAGS["DISABLED"], not enabled)

    # Its value

    def toScript(self, quote: bool = False, context: object = None) -> str:  # noqa: N802  Nuke's signature
        """Return the knob's text as the script writes it, without quotes unless asked for."""
        del context
        text = self._text()
        return written(text) if quote else text

    def fromScript(self, text: str) -> bool:  # noqa: N802  Nuke's name
        """Set the knob from its text in the script."""
        self._put(str(text))
        return True

    def value(self, index: int | None = None, *_args: object) -> Any:
        """Return the value in the knob's own form."""
        return guessed(self._text())

    def getValue(self, index: int | None = None, *_args: object) -> Any:  # noqa: N802  Nuke's name
        """Return the value; numbers for everything that has one."""
        return self.value()

    def getText(self) -> str:  # noqa: N802  Nuke's name
        """Return the knob's text."""
        return self._text()

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set the value; True when it took."""
        self._put(plain_text(value))
        return True

    def defaultValue(self) -> Any:  # noqa: N802  Nuke's name
        """Return the default."""
        return guessed(self._default())

    def notDefault(self) -> bool:  # noqa: N802  Nuke's name
        """Return whether the value differs from the default."""
        return not self._is_default(self._text())

    def resetToDefault(self) -> None:  # noqa: N802  Nuke's name
        """Set the knob to its default."""
        self._put(self._default())

    def isAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether the knob has keys."""
        return False

    def hasExpression(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether the knob has an expression."""
        return False

    def clearAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Remove keys and expressions."""
        return False

    # Over the script's text

    @property
    def _node(self) -> Node:
        node = self._node_or_none
        if node is None:
            raise ValueError("A PythonObject is not attached to a node")
        return node

    def _full_name(self) -> str:
        node = self._node_or_none
        return self._facts.name if node is None else f"{node.fullName()}.{self._facts.name}"

    def _written(self) -> str | None:
        if self._node_or_none is None:
            return self._loose_text
        node = self._node._attached()
        name = self._facts.name
        if name == "selected":
            return "true" if node.selected else "false"
        if name == "name":
            return node.name
        return node.knob(name)

    def _default(self) -> str:
        default = self._facts.default
        if default is None:
            raise NotSimulatedError(f"The default of {self._full_name()} is not known here; set it before reading it.")
        if self._facts.follows_format:
            return self._facts.default_for(*self._node._format_size()) or default
        return default

    def _text(self) -> str:
        text = self._written()
        return self._default() if text is None else text

    def _is_default(self, text: str) -> bool:
        return self._facts.default is not None and text == self._default()

    def _put(self, text: str, *, scalar: bool = False) -> None:
        if self._node_or_none is None:
            self._loose_text = text
            return
        node = self._node._attached()
        document = node.document
        name = self._facts.name
        if name == "name":
            self._node.setName(text)
            return
        holder = node.clone_of or node
        is_user_knob = name in holder.user_knobs
        if is_user_knob and holder.text.find(name) is None:
            word = quoted(text) if scalar else written(text)
            document.set_body(holder, with_user_value(holder.text, name, word, document.newline))
            return
        try:
            if not is_user_knob and name not in _PLACE and name != "selected" and self._is_default(text):
                document.clear_knob(node, name)
            else:
                document.set_knob(node, name, text, scalar=scalar)
        except NkError as error:
            raise RuntimeError(str(error)) from error

    # Over its definition

    def _read_definition(self) -> UserKnob | None:
        if self._node_or_none is None:
            return self._definition
        node = self._node._attached()
        word = (node.clone_of or node).user_knobs.get(self._facts.name)
        return None if word is None else UserKnob.read(word)

    def _change_definition(self, call: str, change: Any) -> None:
        own = self._read_definition()
        if own is None:
            raise NotSimulatedError(f"{type(self).__name__}.{call} on a knob of the node's class is not simulated.")
        change(own)
        if self._node_or_none is None:
            return
        node = self._node._attached()
        holder = node.clone_of or node
        node.document.set_body(holder, with_definition(holder.text, own, None, node.document.newline))
        self._facts = self._node._session.knob_facts(node, own.name) or self._facts

    def _session_flags(self) -> int:
        return self._flags

    def _put_flag(self, flag: int, on: bool) -> None:
        own = self._read_definition()
        for name in _IN_DEFINITIONS if own is not None else ():
            if FLAGS[name] & flag and own is not None and own.has_flag(name) != on:
                self._change_definition("setFlag", lambda found, name=name: found.set_flag(name, on))
        self._flags = self._flags | flag if on else self._flags & ~flag


def guessed(text: str) -> Value:
    """Return the value that a text looks like: True, False, a number or the text."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text
