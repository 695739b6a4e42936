"""Emulated knobs that hold text: strings, files, code, labels and tabs."""

from __future__ import annotations

import re
from typing import Any

from nuke_ai_panel.nk.emulation.knob import Knob, Value
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError

__all__ = [
    "BeginTabGroup_Knob",
    "EndTabGroup_Knob",
    "EvalString_Knob",
    "File_Knob",
    "Font_Knob",
    "Multiline_Eval_String_Knob",
    "PyCustom_Knob",
    "PyScript_Knob",
    "PythonKnob",
    "Script_Knob",
    "String_Knob",
    "Tab_Knob",
    "Text_Knob",
]

_RANGE = re.compile(r"(?P<path>.*\S)\s+(?P<first>-?\d+)-(?P<last>-?\d+)\s*\Z", re.DOTALL)
_FRAME = re.compile(r"%0?(\d*)d|(#+)")


class String_Knob(Knob):  # noqa: N801  Nuke's name
    """Text: names, labels, code."""

    def __init__(self, name: str = "", label: str | None = None, value: str = "", *_more: Any) -> None:
        super().__init__(name, label)
        if value:
            self._loose_text = str(value)

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

    def fromScript(self, text: str) -> bool:  # noqa: N802  Nuke's name
        """Set the text."""
        self._put(str(text), scalar=True)
        return True


class EvalString_Knob(String_Knob):  # noqa: N801  Nuke's name
    """Text in which ``[...]`` is Tcl."""

    def evaluate(self, frame: float | None = None, *_args: object) -> str:
        """Return the text with its Tcl evaluated, ``%04d`` and ``####`` filled in with the frame."""
        text = self._text()
        if "[" in text or "$" in text:
            text = self._node._session.evaluate_text(self, text, frame)
        if "%V" in text or "%v" in text:
            raise NotSimulatedError(f"Evaluating {self._full_name()} with views is not simulated.")
        if not _FRAME.search(text):
            return text
        number = self._node._session.frame() if frame is None else int(frame)
        return _FRAME.sub(lambda match: str(number).zfill(_width(match)), text)


def _width(match: re.Match[str]) -> int:
    return len(match.group(2)) if match.group(2) is not None else int(match.group(1) or 0)


class Multiline_Eval_String_Knob(EvalString_Knob):  # noqa: N801  Nuke's name
    """Text of several lines."""


class File_Knob(EvalString_Knob):  # noqa: N801  Nuke's name
    """A path; slashes go forward."""

    def fromUserText(self, text: str) -> None:  # noqa: N802  Nuke's name
        """Set the path as if the artist had typed it: ``path 1-100`` sets the frame range of the node too."""
        match = _RANGE.match(text)
        if match is None:
            self.setValue(text.strip())
            return
        self.setValue(match["path"])
        node = self._node
        for end, knobs in ((match["first"], ("first", "origfirst")), (match["last"], ("last", "origlast"))):
            for name in knobs:
                knob = node.knob(name)
                if knob is not None:
                    knob.setValue(int(end))

    def getEvaluatedValue(self, *_args: object) -> str:  # noqa: N802  Nuke's name
        """Return the path at the current frame."""
        return self.evaluate()


class Script_Knob(String_Knob):  # noqa: N801  Nuke's name
    """A button with code. The code is text here: nothing presses the button."""

    def __init__(self, name: str = "", label: str | None = None, command: str = "", *_more: Any) -> None:
        super().__init__(name, label)
        if command:
            self._definition.set_text("T", command)

    def command(self) -> str:
        """Return the code."""
        return self.value()

    def value(self, index: int | None = None, *_args: object) -> str:
        """Return the code."""
        own = self._read_definition()
        code = None if own is None else own.text("T")
        return code if code is not None else self._text()

    getText = value  # noqa: N815  Nuke's name
    getValue = value  # noqa: N815  Nuke's name

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set the code. Raises: TypeError."""
        if not isinstance(value, str):
            raise TypeError(f"{self._full_name()} takes a string, not {type(value).__name__}")
        if self._read_definition() is None:
            self._put(value, scalar=True)
        else:
            self._change_definition("setValue", lambda own: own.set_text("T", value))
        return True

    setCommand = setValue  # noqa: N815  Nuke's name

    def execute(self) -> None:
        """Refuse to run the code. Raises: NotSimulatedError."""
        raise NotSimulatedError(f"Pressing {self._full_name()} is not simulated.")


class PyScript_Knob(Script_Knob):  # noqa: N801  Nuke's name
    """A button with Python."""


class PyCustom_Knob(Script_Knob):  # noqa: N801  Nuke's name
    """A widget that Python makes. None is made here."""


class PythonKnob(String_Knob):
    """A callback's code, kept as text."""


class Font_Knob(String_Knob):  # noqa: N801  Nuke's name
    """The name of a font."""


class Text_Knob(Knob):  # noqa: N801  Nuke's name
    """A text in the panel, or a line across it."""

    def __init__(self, name: str = "", label: str | None = None, value: str = "", *_more: Any) -> None:
        super().__init__(name, label)
        if value:
            self._definition.set_text("T", value)

    def value(self, index: int | None = None, *_args: object) -> str:
        """Return the text."""
        own = self._read_definition()
        return (own.text("T") if own is not None else None) or ""

    getValue = value  # noqa: N815  Nuke's name

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set the text."""
        self._change_definition("setValue", lambda own: own.set_text("T", str(value)))
        return True


class Tab_Knob(Knob):  # noqa: N801  Nuke's name
    """A tab; with a third argument the begin or the end of a group inside of one."""

    def __init__(self, name: str = "", label: str | None = None, flag: int = 0, *_more: Any) -> None:
        super().__init__(name, label)
        if flag:
            self._definition.set_text("n", str(flag))

    def value(self, index: int | None = None, *_args: object) -> int:
        """Return whether the group is open."""
        return 0 if self._text() in ("", "0") else 1


class BeginTabGroup_Knob(Tab_Knob):  # noqa: N801  Nuke's name
    """The begin of a group of knobs."""

    def __init__(self, name: str = "", label: str | None = None, *_more: Any) -> None:
        super().__init__(name, label, 1)


class EndTabGroup_Knob(Tab_Knob):  # noqa: N801  Nuke's name
    """The end of a group of knobs."""

    def __init__(self, name: str = "", label: str | None = None, *_more: Any) -> None:
        super().__init__(name, label, -1)
