"""The emulated ``nuke.Format`` and the knobs that hold one; the formats that a new session has."""

from __future__ import annotations

from typing import Any

from nuke_ai_panel.nk.emulation.api import absent_method
from nuke_ai_panel.nk.emulation.knob import Knob, Value
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError
from nuke_ai_panel.nk.words import written

__all__ = ["STANDARD_FORMATS", "Format", "Format_Knob"]

STANDARD_FORMATS = (
    "640 480 0 0 640 480 1 PC_Video",
    "720 486 0 0 720 486 0.91 NTSC",
    "720 576 0 0 720 576 1.09 PAL",
    "1280 720 0 0 1280 720 1 HD_720",
    "1920 1080 0 0 1920 1080 1 HD_1080",
    "3840 2160 0 0 3840 2160 1 UHD_4K",
    "1024 778 0 0 1024 778 1 1K_Super_35(full-ap)",
    "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)",
    "4096 3112 0 0 4096 3112 1 4K_Super_35(full-ap)",
    "2048 1080 0 0 2048 1080 1 2K_DCP",
    "4096 2160 0 0 4096 2160 1 4K_DCP",
    "256 256 0 0 256 256 1 square_256",
    "512 512 0 0 512 512 1 square_512",
    "1024 1024 0 0 1024 1024 1 square_1K",
    "2048 2048 0 0 2048 2048 1 square_2K",
)


class Format:
    """A format: its name, size in pixels, the rectangle of the picture in it, and pixel aspect."""

    def __init__(self, text: str) -> None:
        words = text.split()
        self._text = text
        try:
            numbers = [float(word) for word in words[:7]] if len(words) > 6 else [float(word) for word in words[:2]]
            self._size = (int(numbers[0]), int(numbers[1]))
            box = numbers[2:6] if len(numbers) > 6 else [0.0, 0.0, numbers[0], numbers[1]]
            self._box = tuple(int(side) for side in box)
            self._aspect = numbers[6] if len(numbers) > 6 else float(words[2]) if len(words) == 4 else 1.0
        except (IndexError, ValueError) as error:
            raise NotSimulatedError(f"The size of the format {text!r} is not known here.") from error
        self._name = words[-1] if len(words) in (4, 8) else ""

    def __getattr__(self, name: str) -> Any:
        return absent_method("Format", "Format", name)

    def __str__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def name(self) -> str:
        """Return the format's name."""
        return self._name

    def width(self) -> int:
        """Return the width in pixels."""
        return self._size[0]

    def height(self) -> int:
        """Return the height in pixels."""
        return self._size[1]

    def x(self) -> int:
        """Return the left side of the picture area."""
        return self._box[0]

    def y(self) -> int:
        """Return the bottom of the picture area."""
        return self._box[1]

    def r(self) -> int:
        """Return the right side of the picture area."""
        return self._box[2]

    def t(self) -> int:
        """Return the top of the picture area."""
        return self._box[3]

    def pixelAspect(self) -> float:  # noqa: N802  Nuke's name
        """Return the width of a pixel by its height."""
        return self._aspect


class Format_Knob(Knob):  # noqa: N801  Nuke's name
    """A format."""

    def value(self, index: int | None = None, *_args: object) -> Format:
        """Return the format; the script's own where the knob does not name one."""
        return Format(self._own())

    actualValue = value  # noqa: N815  Nuke's name

    def _own(self) -> str:
        text = self._written()
        if text is not None:
            return text
        if self._facts.default is not None:
            return self._facts.default
        return str(self._node._root_format())

    def getText(self) -> str:  # noqa: N802  Nuke's name
        """Return the format's text."""
        return self._own()

    def toScript(self, quote: bool = False, context: object = None) -> str:  # noqa: N802  Nuke's signature
        """Return the format's text."""
        del context
        return written(self._own()) if quote else self._own()

    def setValue(self, value: Value, index: int = -1, *_args: object) -> bool:  # noqa: N802  Nuke's name
        """Set a format by its name, by its text, or from another knob."""
        if not isinstance(value, (str, Format)):
            raise TypeError(f"{self._full_name()} takes a format, not {type(value).__name__}")
        text = str(value)
        if self._node_or_none is not None:
            known = self._node._session.format_named(text)
            text = text if known is None else str(known)
        self._put(text, scalar=True)
        return True

    def fromScript(self, text: str) -> bool:  # noqa: N802  Nuke's name
        """Set a format by its name or by its text."""
        return self.setValue(text)
