"""Emulated knobs: values in Nuke's Python forms over the texts of the script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Union

from nuke_ai_panel.errors import NkError, NotSimulatedError
from nuke_ai_panel.nk.catalogue import KnobFacts
from nuke_ai_panel.nk.emulation.values import (
    array_text,
    curve_value,
    elements,
    expression_element,
    expression_of,
    is_curve,
    number_text,
    plain_text,
    same_elements,
)

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.nodes import Node

__all__ = ["Array_Knob", "Boolean_Knob", "Enumeration_Knob", "Format", "Format_Knob", "Knob", "String_Knob", "make_knob"]

Value = Union[bool, int, float, str, Sequence[float], "Format", None]

_STRINGS = frozenset({"String_Knob", "EvalString_Knob", "Multiline_Eval_String_Knob", "File_Knob", "PythonKnob", "Font_Knob"})
_ARRAYS = frozenset(
    [
        "Array_Knob",
        "Double_Knob",
        "Int_Knob",
        "IArray_Knob",
        "XY_Knob",
        "XYZ_Knob",
        "WH_Knob",
        "UV_Knob",
        "BBox_Knob",
        "Box3_Knob",
        "Scale_Knob",
        "Color_Knob",
        "AColor_Knob",
        "ColorChip_Knob",
        "Vec2_Knob",
    ]
)
_WHOLE = frozenset({"Int_Knob", "IArray_Knob", "ColorChip_Knob"})
_FOLDED = frozenset({"Color_Knob", "AColor_Knob", "WH_Knob", "Scale_Knob", "Array_Knob", "Double_Knob"})
_LISTS = frozenset({"XY_Knob", "XYZ_Knob", "BBox_Knob", "Box3_Knob", "UV_Knob"})
# Lists that a configuration, a plug-in or the script decides on: any name is taken.
_OPEN_LISTS = ("colorspace", "lut", "view", "display", "transform", "font", "format", "file_type", "datatype", "codec")
_PLACE = frozenset({"xpos", "ypos"})


class Knob:
    """A knob of an emulated node; this class serves those whose type has no value form of its own."""

    def __init__(self, node: Node, facts: KnobFacts) -> None:
        self._node = node
        self._facts = facts

    def __repr__(self) -> str:
        return f"<{self.Class()} object {self.name()}>"

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotSimulatedError(f"{self.Class()}.{name} is not simulated.")

    def name(self) -> str:
        """Return the knob's name."""
        return self._facts.name

    def Class(self) -> str:  # noqa: N802  Nuke's name
        """Return the knob's type, e.g. ``"Array_Knob"``."""
        if not self._facts.type:
            raise NotSimulatedError(f"The type of {self._full_name()} is not known here.")
        return self._facts.type

    def node(self) -> Node:
        """Return the node the knob belongs to."""
        return self._node

    def fullyQualifiedName(self) -> str:  # noqa: N802  Nuke's name
        """Return ``"Node.knob"`` with the groups before it."""
        return self._full_name()

    def toScript(self, quote: bool = False) -> str:  # noqa: N802  Nuke's signature
        """Return the knob's text as the script writes it, without quotes unless asked for."""
        from nuke_ai_panel.nk.words import written

        text = self._text()
        return written(text) if quote else text

    def fromScript(self, text: str) -> bool:  # noqa: N802  Nuke's name
        """Set the knob from its text in the script."""
        self._put(str(text))
        return True

    def value(self, index: int | None = None, *_args: object) -> Value:
        """Return the value in the knob's own form."""
        return _guessed(self._text())

    def getValue(self, index: int | None = None, *_args: object) -> Value:  # noqa: N802  Nuke's name
        """Return the value; numbers for everything that has one."""
        return self.value()

    def getText(self) -> str:  # noqa: N802  Nuke's name
        """Return the knob's text."""
        return self._text()

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set the value; True when it took."""
        self._put(plain_text(value))
        return True

    def defaultValue(self) -> Value:  # noqa: N802  Nuke's name
        """Return the default."""
        return _guessed(self._default())

    def notDefault(self) -> bool:  # noqa: N802  Nuke's name
        """Return whether the value differs from the default."""
        return not self._is_default(self._text())

    def isAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether the knob has keys."""
        return False

    def hasExpression(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether the knob has an expression."""
        return False

    def clearAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Remove keys and expressions."""
        return False

    def _full_name(self) -> str:
        return f"{self._node.fullName()}.{self.name()}"

    def _written(self) -> str | None:
        node = self._node._attached()
        if self.name() == "selected":
            return "true" if node.selected else "false"
        if self.name() == "name":
            return node.name
        return node.knob(self.name())

    def _default(self) -> str:
        default = self._facts.default
        if default is None:
            raise NotSimulatedError(f"The default of {self._full_name()} is not known here; set it before reading it.")
        if "@" in default:
            width, height = self._node._format_size()
            sizes = {"@w": width, "@h": height, "@w/2": width / 2, "@h/2": height / 2}
            return " ".join(number_text(sizes[word]) if word in sizes else word for word in default.split())
        return default

    def _text(self) -> str:
        text = self._written()
        return self._default() if text is None else text

    def _is_default(self, text: str) -> bool:
        return self._facts.default is not None and text == self._default()

    def _put(self, text: str, *, scalar: bool = False) -> None:
        node = self._node._attached()
        document = node.document
        name = self.name()
        if name == "name":
            self._node.setName(text)
            return
        keeps_line = name in _PLACE or name in (node.clone_of or node).user_knobs
        if not keeps_line and self._is_default(text) and name != "selected":
            document.clear_knob(node, name)
            return
        try:
            document.set_knob(node, name, text, scalar=scalar)
        except NkError as error:
            raise RuntimeError(str(error)) from error


class String_Knob(Knob):  # noqa: N801  Nuke's name
    """Text: names, labels, files, code."""

    def value(self, index: int | None = None, *_args: object) -> str:
        """Return the text, ``[...]`` in it not evaluated."""
        return self._text()

    def getValue(self, index: int | None = None, *_args: object) -> str:  # noqa: N802  Nuke's name
        """Return the text."""
        return self._text()

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set the text. Raises: TypeError for what is no string."""
        if not isinstance(value, str):
            raise TypeError(f"{self._full_name()} takes a string, not {type(value).__name__}")
        self._put(value, scalar=True)
        return True

    setText = setValue  # noqa: N815  Nuke's name

    def fromUserText(self, text: str) -> None:  # noqa: N802  Nuke's name
        """Set the text as if the artist had typed it; a frame range at its end is not split off here."""
        if self._facts.type == "File_Knob" and " " in text.strip():
            raise NotSimulatedError("File_Knob.fromUserText with a frame range is not simulated.")
        self.setValue(text)

    def fromScript(self, text: str) -> bool:  # noqa: N802  Nuke's name
        """Set the text."""
        self._put(str(text), scalar=True)
        return True

    def evaluate(self, *_args: object) -> str:
        """Return the text where nothing in it needs evaluating. Raises: NotSimulatedError."""
        text = self._text()
        if any(mark in text for mark in "[%#$"):
            raise NotSimulatedError(f"Evaluating {self._full_name()} is not simulated.")
        return text


class Boolean_Knob(Knob):  # noqa: N801  Nuke's name
    """A check box."""

    def value(self, index: int | None = None, *_args: object) -> bool:
        """Return True or False."""
        text = self._text()
        if text.startswith("{"):
            raise NotSimulatedError(f"The value of the expression on {self._full_name()} is not simulated.")
        return text.lower() in ("true", "1", "yes", "on")

    def getValue(self, index: int | None = None, *_args: object) -> float:  # noqa: N802  Nuke's name
        """Return 1.0 or 0.0."""
        return 1.0 if self.value() else 0.0

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set from a truth value or a number. Raises: TypeError."""
        if isinstance(value, str) or not isinstance(value, (bool, int, float)):
            raise TypeError(f"{self._full_name()} takes True or False, not {value!r}")
        self._put("true" if value else "false")
        return True

    def defaultValue(self) -> float:  # noqa: N802  Nuke's name
        """Return 1.0 or 0.0."""
        return 1.0 if self._default() == "true" else 0.0

    def hasExpression(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether an expression decides."""
        text = self._text()
        return text.startswith("{") and expression_of(elements(text, 1)[0]) is not None

    def isAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether the knob has keys."""
        text = self._text()
        return text.startswith("{") and is_curve(elements(text, 1)[0])

    def setExpression(self, expression: str, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Let an expression decide."""
        self._put("{" + expression_element(expression) + "}")
        return True

    def clearAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Remove the expression; the knob then stands at its default."""
        if not self._text().startswith("{"):
            return False
        self._put(self._default())
        return True

    def _is_default(self, text: str) -> bool:
        return not text.startswith("{") and (text.lower() in ("true", "1")) == (self._facts.default == "true")


class Enumeration_Knob(Knob):  # noqa: N801  Nuke's name
    """A choice among names."""

    def value(self, index: int | None = None, *_args: object) -> str:
        """Return the chosen name."""
        return self._text()

    def getValue(self, index: int | None = None, *_args: object) -> float:  # noqa: N802  Nuke's name
        """Return the number of the choice. Raises: NotSimulatedError where the list is not known."""
        text = self._text()
        if text not in self._facts.choices:
            raise NotSimulatedError(f"The number of {text!r} in the list of {self._full_name()} is not known here.")
        return float(self._facts.choices.index(text))

    def values(self) -> list[str]:
        """Return the names. Raises: NotSimulatedError where the list is not known."""
        if not self._facts.choices:
            raise NotSimulatedError(f"The list of {self._full_name()} is not known here.")
        return list(self._facts.choices)

    def numValues(self) -> int:  # noqa: N802  Nuke's name
        """Return how many names there are."""
        return len(self.values())

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Choose by name or number. Raises: ValueError for one that is not in the list."""
        choices = self._facts.choices
        if isinstance(value, (int, float)):
            if not 0 <= int(value) < len(choices):
                raise ValueError(f"{self._full_name()} has no choice number {int(value)}")
            self._put(choices[int(value)], scalar=True)
            return True
        if not isinstance(value, str):
            raise TypeError(f"{self._full_name()} takes a name or a number, not {type(value).__name__}")
        self._choose(value)
        return True

    def fromScript(self, text: str) -> bool:  # noqa: N802  Nuke's name
        """Choose by name, or set an expression."""
        if text.startswith("{"):
            self._put(text)
        else:
            self._choose(text)
        return True

    def _choose(self, value: str) -> None:
        choices = self._facts.choices
        is_open = any(word in self.name().lower() for word in _OPEN_LISTS)
        if choices and value not in choices and not is_open:
            raise ValueError(f"{self._full_name()} has no choice {value!r}; it has {', '.join(choices[:12])}")
        self._put(value, scalar=True)


class Array_Knob(Knob):  # noqa: N801  Nuke's name
    """Numbers: one, or a list of them, each with its own keys or expression."""

    @property
    def _size(self) -> int:
        text = self._written()
        if self._facts.size == 1 and text is not None and text.startswith("{") and self._facts.type != "ColorChip_Knob":
            return max(1, len(elements(text, 1)))
        return self._facts.size

    def _words(self) -> list[str]:
        return elements(self._text(), self._size)

    def _number(self, word: str) -> float:
        if is_curve(word):
            return curve_value(word, self._full_name())
        if word.startswith("{"):
            raise NotSimulatedError(f"The value of the expression on {self._full_name()} is not simulated.")
        try:
            number = float(int(word, 16)) if word.lower().startswith("0x") else float(word)
        except ValueError as error:
            raise NotSimulatedError(f"The value {word!r} of {self._full_name()} is not simulated.") from error
        return int(number) if self._facts.type in _WHOLE else number

    def value(self, index: int | None = None, *_args: object) -> Value:
        """Return the number, or the list of them; one channel with `index`."""
        words = self._words()
        if index is not None and index >= 0:
            return self._number(words[index]) if index < len(words) else 0.0
        if len(words) == 1:
            return self._number(words[0])
        if self._facts.type not in _LISTS and len(set(words)) == 1:
            return self._number(words[0])
        return [self._number(word) for word in words]

    getValue = value  # noqa: N815  Nuke's name

    def valueAt(self, time: float, index: int = 0) -> Value:  # noqa: N802  Nuke's name
        """Return one channel at a frame, where it does not depend on the frame. Raises: NotSimulatedError."""
        del time
        return self.value(index)

    getValueAt = valueAt  # noqa: N815  Nuke's name

    def array(self) -> list[float]:
        """Return all values as a list."""
        return [self._number(word) for word in self._words()]

    def arraySize(self) -> int:  # noqa: N802  Nuke's name
        """Return how many values there are."""
        return self._size

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set all values, the one at `index`, or each from a list. Raises: TypeError, NotSimulatedError on an animated knob."""
        words = self._words()
        if isinstance(value, (bool, int, float)):
            places = range(len(words)) if index < 0 else [index]
            numbers: dict[int, float] = {place: float(value) for place in places}
        elif isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError(f"{self._full_name()} takes a number or a list of numbers, not {value!r}")
        else:
            numbers = {}
            for place, number in enumerate(value):
                if not isinstance(number, (int, float)):
                    raise TypeError(f"{self._full_name()} takes numbers, not {number!r}")
                numbers[place] = float(number)
        if any(place >= len(words) for place in numbers):
            raise TypeError(f"{self._full_name()} has {len(words)} values, not {max(numbers) + 1}")
        for place, number in numbers.items():
            if words[place].startswith("{"):
                raise NotSimulatedError(
                    f"Setting a value on {self._full_name()}, which is animated or has an expression, is not simulated; "
                    "call clearAnimated() first."
                )
            words[place] = self._number_text(number)
        self._put_words(words)
        return True

    def _number_text(self, number: float) -> str:
        if self._facts.type == "ColorChip_Knob":
            whole = int(number) & 0xFFFFFFFF
            return f"0x{whole:x}" if whole else "0"
        return number_text(int(number) if self._facts.type in _WHOLE else number)

    def setExpression(self, expression: str, channel: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Let an expression decide on all values, or on the one at `channel`."""
        if not isinstance(expression, str):
            raise TypeError("an expression is a string")
        words = self._words()
        for place in range(len(words)) if channel < 0 else [channel]:
            if place >= len(words):
                return False
            words[place] = expression_element(expression)
        self._put_words(words)
        return True

    def isAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether a value has keys or an expression, as Nuke counts it."""
        return any(word.startswith("{") for word in self._chosen(index))

    def hasExpression(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether a value has an expression."""
        return any(expression_of(word) is not None for word in self._chosen(index))

    def clearAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Remove keys and expressions; a value that cannot be known without them goes to its default."""
        words = self._words()
        default = elements(self._default(), self._size) if self._facts.default is not None else ["0"] * len(words)
        changed = False
        for place in range(len(words)) if index < 0 else [index]:
            if words[place].startswith("{"):
                changed = True
                try:
                    words[place] = number_text(self._number(words[place]))
                except NotSimulatedError:
                    words[place] = default[place]
        if changed:
            self._put_words(words)
        return changed

    def defaultValue(self) -> Value:  # noqa: N802  Nuke's name
        """Return the default of the first value."""
        return self._number(elements(self._default(), self._size)[0])

    def _chosen(self, index: int) -> list[str]:
        words = self._words()
        return words if index < 0 else words[index : index + 1]

    def _put_words(self, words: list[str]) -> None:
        self._put(array_text(words, folded=self._facts.type in _FOLDED))

    def _is_default(self, text: str) -> bool:
        if self._facts.default is None:
            return False
        return same_elements(elements(text, self._size), elements(self._default(), self._size))


class Format:
    """A format: its name, size in pixels and pixel aspect."""

    def __init__(self, text: str) -> None:
        words = text.split()
        self._text = text
        try:
            self._size = (int(float(words[0])), int(float(words[1])))
            self._aspect = float(words[6]) if len(words) > 6 else float(words[2]) if len(words) == 4 else 1.0
        except (IndexError, ValueError) as error:
            raise NotSimulatedError(f"The size of the format {text!r} is not known here.") from error
        self._name = words[-1] if len(words) in (4, 8) else ""

    def name(self) -> str:
        """Return the format's name."""
        return self._name

    def width(self) -> int:
        """Return the width in pixels."""
        return self._size[0]

    def height(self) -> int:
        """Return the height in pixels."""
        return self._size[1]

    def pixelAspect(self) -> float:  # noqa: N802  Nuke's name
        """Return the width of a pixel by its height."""
        return self._aspect

    def __str__(self) -> str:
        return self._text


class Format_Knob(Knob):  # noqa: N801  Nuke's name
    """A format."""

    def value(self, index: int | None = None, *_args: object) -> Format:
        """Return the format; the script's own where the knob does not name one."""
        return Format(self._own())

    def _own(self) -> str:
        text = self._written()
        if text is not None:
            return text
        if self._facts.default is not None:
            return self._facts.default
        return str(self._node._root_format())

    def name(self) -> str:
        """Return the knob's name."""
        return self._facts.name

    def getText(self) -> str:  # noqa: N802  Nuke's name
        """Return the format's text."""
        return self._own()

    def toScript(self, quote: bool = False) -> str:  # noqa: N802  Nuke's signature
        """Return the format's text."""
        from nuke_ai_panel.nk.words import written

        return written(self._own()) if quote else self._own()

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set a format by its text, or from another knob."""
        if not isinstance(value, (str, Format)):
            raise TypeError(f"{self._full_name()} takes a format, not {type(value).__name__}")
        self._put(str(value), scalar=True)
        return True


def _guessed(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def make_knob(node: Node, facts: KnobFacts) -> Knob:
    """Return the emulated knob for what is known of it."""
    kind = facts.type
    if kind in _STRINGS:
        return String_Knob(node, facts)
    if kind in ("Boolean_Knob", "Disable_Knob"):
        return Boolean_Knob(node, facts)
    if kind in ("Enumeration_Knob", "Pulldown_Knob", "Radio_Knob", "CascadingEnumeration_Knob"):
        return Enumeration_Knob(node, facts)
    if kind in ("Channel_Knob", "ChannelMask_Knob"):
        return Knob(node, facts)
    if kind == "Format_Knob":
        return Format_Knob(node, facts)
    if kind in _ARRAYS:
        return Array_Knob(node, facts)
    return Knob(node, facts)
