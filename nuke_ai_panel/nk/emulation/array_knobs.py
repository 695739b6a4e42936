"""Emulated knobs that hold numbers: one or several, each with its own keys or expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nuke_ai_panel.nk.curves import Component, Curve, Key, parse_component
from nuke_ai_panel.nk.emulation.animation import AnimationCurve
from nuke_ai_panel.nk.emulation.knob import Knob, Value
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.values import array_text, elements, expression_element, matrix_text, number_text, same_elements
from nuke_ai_panel.nk.words import DamagedWordError, list_words, word_end

__all__ = ["Array_Knob", "Unsigned_Knob"]

_WHOLE = frozenset({"Int_Knob", "IArray_Knob", "ColorChip_Knob", "Unsigned_Knob"})
_FOLDED = frozenset({"Color_Knob", "AColor_Knob", "WH_Knob", "Scale_Knob", "Array_Knob", "Double_Knob", "Eyedropper_Knob"})
_LISTS = frozenset({"XY_Knob", "XYZ_Knob", "BBox_Knob", "Box3_Knob", "UV_Knob"})
_NEAR = 1e-6


class Array_Knob(Knob):  # noqa: N801  Nuke's name
    """Numbers: one, or a list of them."""

    _START = "0"
    _NAMES: tuple[str, ...] = ()

    # Reading

    @property
    def _size(self) -> int:
        text = self._written()
        if self._facts.size == 1 and text is not None and text.startswith("{") and self._facts.type != "ColorChip_Knob":
            return max(1, len(elements(text, 1)))
        return self._facts.size

    def _words(self) -> list[str]:
        return elements(self._text(), self._size)

    def _components(self) -> list[Component]:
        return [parse_component(word) for word in self._words()]

    def _number(self, word: str, frame: float | None = None, index: int = 0) -> float:
        if word.startswith("{"):
            part = parse_component(word)
            node = self._node_or_none
            if part.has_expression:
                if node is None:
                    raise NotSimulatedError(f"The value of the expression on {self._full_name()} is not simulated.")
                number = node._session.evaluate_number(self, part, frame, index)
            elif part.is_animated:
                if frame is None:
                    frame = 1.0 if node is None else node._session.frame()
                number = part.curve.at(frame)
            elif part.expression == "curve":
                number = 0.0
            else:
                raise NotSimulatedError(f"The value {word!r} of {self._full_name()} is not simulated.")
            return int(number) if self._facts.type in _WHOLE else number
        if word in ("true", "false"):
            return 1.0 if word == "true" else 0.0
        try:
            number = float(int(word, 16)) if word.lower().startswith("0x") else float(word)
        except ValueError as error:
            raise NotSimulatedError(f"The value {word!r} of {self._full_name()} is not simulated.") from error
        return int(number) if self._facts.type in _WHOLE else number

    def value(self, index: int | None = None, *_args: object) -> Any:
        """Return the number, or the list of them; one channel with `index`."""
        return self._value(index, None)

    getValue = value  # noqa: N815  Nuke's name

    def _value(self, index: int | None, frame: float | None) -> Any:
        words = self._words()
        if index is not None and index >= 0:
            return self._number(words[index], frame, index) if index < len(words) else 0.0
        if len(words) == 1 or (self._facts.type not in _LISTS and len(set(words)) == 1):
            return self._number(words[0], frame)
        return [self._number(word, frame, place) for place, word in enumerate(words)]

    def valueAt(self, time: float, index: int | None = None, *_args: object) -> Any:  # noqa: N802  Nuke's name
        """Return the value at a frame, one channel of it with `index`."""
        return self._value(index, float(time))

    getValueAt = valueAt  # noqa: N815  Nuke's name

    def array(self) -> list[float]:
        """Return all values as a list."""
        return [self._number(word, None, place) for place, word in enumerate(self._words())]

    def arraySize(self) -> int:  # noqa: N802  Nuke's name
        """Return how many values there are."""
        return self._size

    def singleValue(self, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether one number stands for all values."""
        return len(set(self._words())) == 1

    def names(self, number: int) -> str:
        """Return the name of a value: ``x``, ``y``, ``r``, ..."""
        if not 0 <= number < len(self._NAMES):
            raise NotSimulatedError(f"The name of value {number} of {self._full_name()} is not known here.")
        return self._NAMES[number]

    def defaultValue(self) -> Any:  # noqa: N802  Nuke's name
        """Return the default of the first value."""
        return self._number(elements(self._default(), self._size)[0])

    # The slider

    def min(self) -> float:
        """Return the lower end of a user knob's slider. Raises: NotSimulatedError for a knob of the class."""
        return self._range()[0]

    def max(self) -> float:
        """Return the upper end of a user knob's slider. Raises: NotSimulatedError for a knob of the class."""
        return self._range()[1]

    def minimum(self) -> float:
        """Return what :meth:`min` returns."""
        return self._range()[0]

    def maximum(self) -> float:
        """Return what :meth:`max` returns."""
        return self._range()[1]

    def setRange(self, low: float, high: float) -> None:  # noqa: N802  Nuke's name
        """Set the ends of a user knob's slider; values may lie outside of it."""
        self._change_definition("setRange", lambda own: setattr(own, "ends", (float(low), float(high))))

    def _range(self) -> tuple[float, float]:
        own = self._read_definition()
        if own is None:
            raise NotSimulatedError(f"The range of {self._full_name()} is not known here.")
        return own.ends or (0.0, 1.0)

    def setDefaultValue(self, values: Any) -> None:  # noqa: N802  Nuke's name
        """Set the default of a knob that was not added yet; the script keeps the value only."""
        if self._node_or_none is not None:
            raise NotSimulatedError("Array_Knob.setDefaultValue of a knob that a node has is not simulated.")
        self.setValue(values)

    # Setting

    def fromScript(self, text: str) -> bool:  # noqa: N802  Nuke's name
        """Set the knob from its text in the script; several numbers are a list, and what is no number an expression."""
        self._put(_written_out(str(text), self._facts.size))
        return True

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set all values, the one at `index`, or each from a list; where there are keys, the one at the current frame.

        Raises: TypeError; NotSimulatedError for a value that an expression decides.
        """
        words = self._words_to_set(index, value)
        numbers = self._numbers(value, index, len(words))
        for place, number in numbers.items():
            part = parse_component(words[place])
            if part.is_animated and not part.has_expression:
                frame = self._node._session.frame() if self._node_or_none is not None else 1
                words[place] = _with_key(part, frame, number).text
            elif words[place].startswith("{"):
                raise NotSimulatedError(
                    f"Setting a value on {self._full_name()}, which has an expression, is not simulated; "
                    "call clearAnimated() first."
                )
            else:
                words[place] = self._number_text(number)
        self._put_words(words)
        return True

    def setValueAt(self, value: Value, time: float, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set a key at a frame where the knob is animated; where it is not, set the value, as Nuke does."""
        words = self._words_to_set(index, value)
        for place, number in self._numbers(value, index, len(words)).items():
            part = parse_component(words[place])
            if part.has_expression:
                raise NotSimulatedError(f"Setting a key on {self._full_name()}, which has an expression, is not simulated.")
            is_animated = part.expression == "curve"
            words[place] = _with_key(part, float(time), number).text if is_animated else self._number_text(number)
        self._put_words(words)
        return True

    setKeyAt = setValueAt  # noqa: N815  Nuke's name

    def setSingleValue(self, single: bool = True, *_args: object) -> None:  # noqa: N802  Nuke's name
        """Let the first value stand for all."""
        if single:
            words = self._words()
            self._put_words([words[0]] * len(words))

    def _words_to_set(self, index: int, value: Value = None) -> list[str]:
        """Return the present words; where nothing is known of them but all of them are set, some that do not matter."""
        size = self._facts.size
        given = len(value) if isinstance(value, Sequence) else size if index < 0 else 1
        if self._written() is None and self._facts.default is None and given >= size:
            return ["0"] * size
        return self._words()

    def _numbers(self, value: Value, index: int, size: int) -> dict[int, float]:
        if isinstance(value, (bool, int, float)):
            places: Sequence[int] = range(size) if index < 0 else [index]
            numbers = {place: float(value) for place in places}
        elif isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError(f"{self._full_name()} takes a number or a list of numbers, not {value!r}")
        else:
            numbers = {}
            for place, number in enumerate(value):
                if not isinstance(number, (int, float)):
                    raise TypeError(f"{self._full_name()} takes numbers, not {number!r}")
                numbers[place] = float(number)
        if any(place >= size for place in numbers):
            raise TypeError(f"{self._full_name()} has {size} values, not {max(numbers) + 1}")
        return numbers

    def _number_text(self, number: float) -> str:
        if self._facts.type == "ColorChip_Knob":
            whole = int(number) & 0xFFFFFFFF
            return f"0x{whole:x}" if whole else "0"
        return number_text(int(number) if self._facts.type in _WHOLE else number)

    def _put_words(self, words: list[str]) -> None:
        matrix = matrix_text(words) if self._facts.type == "IArray_Knob" else None
        self._put(matrix or array_text(words, folded=self._facts.type in _FOLDED))

    def _is_default(self, text: str) -> bool:
        if self._facts.default is None:
            return False
        return same_elements(elements(text, self._size), elements(self._default(), self._size))

    # Keys and expressions

    def setExpression(self, expression: str, channel: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Let an expression decide on all values, or on the one at `channel`; keys stay beneath it."""
        if not isinstance(expression, str):
            raise TypeError("an expression is a string")
        words = self._words_to_set(channel)
        for place in range(len(words)) if channel < 0 else [channel]:
            if place >= len(words):
                return False
            words[place] = Component.of(expression, parse_component(words[place]).curve).text
        self._put_words(words)
        return True

    def isAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether a value has keys or an expression, as Nuke counts it."""
        return any(word.startswith("{") for word in self._chosen(index))

    def hasExpression(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether a value has an expression."""
        return any(parse_component(word).has_expression for word in self._chosen(index))

    def setAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Let keys decide, with one at the current frame that keeps the value."""
        words = self._words()
        frame = float(self._node._session.frame()) if self._node_or_none is not None else 1.0
        for place in range(len(words)) if index < 0 else [index]:
            if not words[place].startswith("{"):
                words[place] = Component.of("curve", Curve((Key(frame, self._number(words[place])),))).text
        self._put_words(words)
        return True

    def clearAnimated(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Remove keys and expressions; a value that cannot be known without them goes to its default."""
        words = self._words()
        default = elements(self._default(), self._size) if self._facts.default is not None else ["0"] * len(words)
        changed = False
        for place in range(len(words)) if index < 0 else [index]:
            if words[place].startswith("{"):
                changed = True
                try:
                    words[place] = self._number_text(self._number(words[place], None, place))
                except NotSimulatedError:
                    words[place] = default[place]
        if changed:
            self._put_words(words)
        return changed

    def animation(self, index: int = 0, *_args: object) -> AnimationCurve | None:
        """Return the curve of one value, None where it has no keys and no expression."""
        words = self._words()
        if not 0 <= index < len(words) or not words[index].startswith("{"):
            return None
        return AnimationCurve(self, index)

    def animations(self, *_args: object) -> list[AnimationCurve]:
        """Return the curves of the values that have keys or an expression."""
        return [AnimationCurve(self, place) for place, word in enumerate(self._words()) if word.startswith("{")]

    def copyAnimation(self, index: int, curve: AnimationCurve, *_args: object) -> None:  # noqa: N802  Nuke's name
        """Give one value the keys and the expression of a curve."""
        words = self._words()
        words[index] = curve._component().text
        self._put_words(words)

    def copyAnimations(self, curves: Sequence[AnimationCurve], *_args: object) -> None:  # noqa: N802  Nuke's name
        """Give the values the keys and expressions of curves, in their order."""
        for place, curve in enumerate(list(curves)):
            self.copyAnimation(place, curve)

    def isKey(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether there is a key at the current frame."""
        return self.isKeyAt(self._node._session.frame(), index)

    def isKeyAt(self, time: float, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Return whether there is a key at a frame."""
        return any(_at(key, time) for word in self._chosen(index) for key in parse_component(word).curve.keys)

    def getNumKeys(self, index: int = 0, *_args: object) -> int:  # noqa: N802  Nuke's name
        """Return how many keys a value has."""
        return sum(len(parse_component(word).curve.keys) for word in self._chosen(max(index, 0)))

    def getKeyList(self, *_args: object) -> list[float]:  # noqa: N802  Nuke's name
        """Return the frames that have a key, rising."""
        return sorted({key.x for part in self._components() for key in part.curve.keys})

    def getKeyTime(self, number: int, index: int = 0, *_args: object) -> float:  # noqa: N802  Nuke's name
        """Return the frame of a key by its number, -1 where there is none."""
        keys = self._components()[index].curve.keys
        return keys[number].x if 0 <= number < len(keys) else -1.0

    def getKeyIndex(self, time: float, index: int = 0, *_args: object) -> int:  # noqa: N802  Nuke's name
        """Return the number of the key at a frame, -1 where there is none."""
        keys = self._components()[index].curve.keys
        return next((number for number, key in enumerate(keys) if _at(key, time)), -1)

    def removeKey(self, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Remove the key at the current frame; False where there is none."""
        return self.removeKeyAt(self._node._session.frame(), index)

    def removeKeyAt(self, time: float, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Remove the key at a frame; False where there is none. The last key leaves its value behind."""
        words = self._words()
        changed = False
        for place in range(len(words)) if index < 0 else [index]:
            part = parse_component(words[place])
            left = tuple(key for key in part.curve.keys if not _at(key, time))
            if len(left) == len(part.curve.keys):
                continue
            changed = True
            lone = not left and not part.has_expression
            words[place] = (
                self._number_text(part.curve.keys[0].y)
                if lone
                else Component.of(part.expression, Curve(left), mark=part.mark).text
            )
        if changed:
            self._put_words(words)
        return changed

    def _chosen(self, index: int) -> list[str]:
        words = self._words()
        return words if index < 0 else words[index : index + 1]


def _written_out(text: str, size: int) -> str:
    """Return an array's text as scripts hold it: a list in braces, expressions and curves in braces of their own."""
    stripped = text.strip()
    if len(stripped.split()) > 1 and not stripped.startswith(("{", '"')):
        stripped = text = "{" + stripped + "}"
    if not stripped.startswith("{"):
        return text
    try:
        whole = word_end(stripped, 0, in_list=True) == len(stripped)
        words = list_words(stripped[1:-1]) if whole else []
    except DamagedWordError:
        return text
    bare = [word for word in words if not word.startswith("{") and not _is_number(word)]
    if not bare:
        return text
    if words[0] == "curve":
        return "{" + stripped + "}"
    if len(words) > size:
        return "{" + expression_element(stripped[1:-1].strip()) + "}"
    return "{" + " ".join("{" + word + "}" if word in bare else word for word in words) + "}"


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return word.startswith("0x")
    return True


def _at(key: Key, time: float) -> bool:
    return abs(key.x - time) < _NEAR


def _with_key(part: Component, frame: float, number: float) -> Component:
    keys = {key.x: key for key in part.curve.keys}
    old = next((key for key in keys.values() if _at(key, frame)), None)
    before = [key for key in part.curve.keys if key.x < frame]
    if old is not None:
        made = Key(old.x, number, old.interpolation, old.linear_ends)
    else:
        kind = before[-1].interpolation if before else "smooth"
        made = Key(frame, number, kind)
    keys[made.x] = made
    return Component.of(part.expression or "curve", Curve(tuple(keys[x] for x in sorted(keys))), mark=part.mark)


class Unsigned_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """A whole number that is not negative."""
