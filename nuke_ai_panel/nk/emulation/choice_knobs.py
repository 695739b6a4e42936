"""Emulated knobs that hold a choice: check boxes, enumerations and menus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nuke_ai_panel.nk.catalogue import KnobFacts
from nuke_ai_panel.nk.emulation.array_knobs import Array_Knob, Unsigned_Knob
from nuke_ai_panel.nk.emulation.knob import Knob, Value
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError

__all__ = [
    "Bitmask_Knob",
    "Boolean_Knob",
    "CascadingEnumeration_Knob",
    "Disable_Knob",
    "EditableEnumeration_Knob",
    "Enumeration_Knob",
    "Pulldown_Knob",
    "Radio_Knob",
]

# Lists that a configuration, a plug-in or the script decides on: any name is taken.
_OPEN_LISTS = ("colorspace", "lut", "view", "display", "transform", "font", "format", "file_type", "datatype", "codec")


class Boolean_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """A check box."""

    _START = "false"

    def __init__(self, name: str = "", label: str | None = None, value: bool = False, *_more: Any) -> None:
        super().__init__(name, label)
        if value:
            self._loose_text = "true"

    def value(self, index: int | None = None, *_args: object) -> bool:
        """Return True or False."""
        return bool(self._number(self._words()[0]))

    def getValue(self, index: int | None = None, *_args: object) -> float:  # noqa: N802  Nuke's name
        """Return 1.0 or 0.0."""
        return 1.0 if self.value() else 0.0

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set from a truth value or a number. Raises: TypeError."""
        if isinstance(value, str) or not isinstance(value, (bool, int, float)):
            raise TypeError(f"{self._full_name()} takes True or False, not {value!r}")
        return super().setValue(1.0 if value else 0.0)

    def fromScript(self, text: str) -> bool:  # noqa: N802  Nuke's name
        """Set from ``true``, ``1`` and their like, or set an expression."""
        word = str(text).strip().lower()
        known = {**dict.fromkeys(("true", "1", "on", "yes"), "true"), **dict.fromkeys(("false", "0", "off", "no"), "false")}
        self._put(known.get(word, str(text)))
        return True

    def defaultValue(self) -> float:  # noqa: N802  Nuke's name
        """Return 1.0 or 0.0."""
        return 1.0 if self._default() == "true" else 0.0

    def _number_text(self, number: float) -> str:
        return "true" if number else "false"

    def _is_default(self, text: str) -> bool:
        known = self._facts.default is not None and not text.startswith("{")
        return known and (text.lower() in ("true", "1")) == (self._facts.default == "true")


class Disable_Knob(Boolean_Knob):  # noqa: N801  Nuke's name
    """The check box that switches a node off."""


class Enumeration_Knob(Unsigned_Knob):  # noqa: N801  Nuke's name
    """A choice among names."""

    def __init__(self, name: str = "", label: str | None = None, values: Sequence[str] = (), *_more: Any) -> None:
        Knob.__init__(self, name, label)
        self._take_choices([str(value) for value in values])

    def _take_choices(self, values: Sequence[str]) -> None:
        self._definition.menu = values
        names = tuple(value.split("\t")[0] for value in values)
        facts = self._facts
        self._facts = KnobFacts(facts.name, facts.type, names[0] if names else "", 1, names)

    def value(self, index: int | None = None, *_args: object) -> str:
        """Return the chosen name."""
        text = self._text()
        if self.hasExpression() or self.isAnimated():
            return self._named(int(self._number(self._words()[0])))
        return text

    getText = value  # noqa: N815  Nuke's name

    def getValue(self, index: int | None = None, *_args: object) -> float:  # noqa: N802  Nuke's name
        """Return the number of the choice. Raises: NotSimulatedError where the list is not known."""
        if self.hasExpression() or self.isAnimated():
            return float(int(self._number(self._words()[0])))
        text = self._text()
        if text not in self._facts.choices:
            raise NotSimulatedError(f"The number of {text!r} in the list of {self._full_name()} is not known here.")
        return float(self._facts.choices.index(text))

    def values(self) -> list[str]:
        """Return the names. Raises: NotSimulatedError where the list is not known."""
        if not self._facts.choices and self._read_definition() is None:
            raise NotSimulatedError(f"The list of {self._full_name()} is not known here.")
        return list(self._facts.choices)

    def enumName(self, number: int) -> str:  # noqa: N802  Nuke's name
        """Return the name of a number."""
        return self._named(number)

    def numValues(self) -> int:  # noqa: N802  Nuke's name
        """Return how many names there are."""
        return len(self.values())

    def setValues(self, values: Sequence[str]) -> None:  # noqa: N802  Nuke's name
        """Replace the names of a user knob; the choice stays where its name stays, else the first is chosen."""
        if isinstance(values, str) or not all(isinstance(value, str) for value in values):
            raise TypeError("setValues() takes a list of strings")
        now = self._text() if self._written() is not None else ""
        if self._node_or_none is None:
            self._take_choices(list(values))
        else:
            self._change_definition("setValues", lambda own: setattr(own, "menu", list(values)))
        if now and self._facts.choices and now not in self._facts.choices:
            self._put(self._facts.choices[0], scalar=True)

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Choose by name or number. Raises: ValueError for one that is not in the list."""
        if isinstance(value, (int, float)):
            self._put(self._named(int(value)), scalar=True)
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

    def defaultValue(self) -> float:  # noqa: N802  Nuke's name
        """Return the number of the default."""
        default = self._default()
        return float(self._facts.choices.index(default)) if default in self._facts.choices else 0.0

    def _named(self, number: int) -> str:
        choices = self._facts.choices
        if not choices and self._read_definition() is None:
            raise NotSimulatedError(f"The list of {self._full_name()} is not known here; choose by name.")
        if not 0 <= number < len(choices):
            raise ValueError(f"{self._full_name()} has no choice number {number}")
        return choices[number]

    def _choose(self, value: str) -> None:
        choices = self._facts.choices
        is_open = any(word in self._facts.name.lower() for word in _OPEN_LISTS)
        if choices and value not in choices and not is_open:
            raise ValueError(f"{self._full_name()} has no choice {value!r}; it has {', '.join(choices[:12])}")
        self._put(value, scalar=True)

    def _words(self) -> list[str]:
        text = self._text()
        if text.startswith("{"):
            return super()._words()
        return [str(self._facts.choices.index(text))] if text in self._facts.choices else ["0"]

    def _put_words(self, words: list[str]) -> None:
        if words[0].startswith("{"):
            super()._put_words(words)
        else:
            self._put(self._named(int(float(words[0]))), scalar=True)

    def _is_default(self, text: str) -> bool:
        return self._facts.default is not None and text == self._default()


class Bitmask_Knob(Enumeration_Knob):  # noqa: N801  Nuke's name
    """Several of a list."""


class Radio_Knob(Enumeration_Knob):  # noqa: N801  Nuke's name
    """A choice shown as buttons."""


class EditableEnumeration_Knob(Enumeration_Knob):  # noqa: N801  Nuke's name
    """A choice to which the artist may add."""

    def _choose(self, value: str) -> None:
        self._put(value, scalar=True)


class CascadingEnumeration_Knob(Enumeration_Knob):  # noqa: N801  Nuke's name
    """A choice in menus of menus."""


class Pulldown_Knob(Enumeration_Knob):  # noqa: N801  Nuke's name
    """A menu whose entries run something; nothing is run here."""

    def commands(self, number: int) -> str:
        """Return the code behind an entry."""
        own = self._read_definition()
        entries = own.menu if own is not None else []
        if not 0 <= number < len(entries):
            raise ValueError(f"{self._full_name()} has no entry number {number}")
        return entries[number].partition("\t")[2]

    def itemName(self, number: int) -> str:  # noqa: N802  Nuke's name
        """Return the name of an entry."""
        return self._named(number)

    def setValues(self, values: Any) -> None:  # noqa: N802  Nuke's name
        """Replace the entries: a list of names, or a mapping of names to code."""
        if isinstance(values, dict):
            values = [f"{name}\t{code}" for name, code in values.items()]
        super().setValues(values)
