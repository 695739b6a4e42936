"""Emulated knobs of numbers by their meaning: points, sizes, rectangles, colours."""

from __future__ import annotations

from nuke_ai_panel.nk.emulation.array_knobs import Array_Knob, Unsigned_Knob

__all__ = [
    "AColor_Knob",
    "BBox_Knob",
    "Box3_Knob",
    "ColorChip_Knob",
    "Color_Knob",
    "Double_Knob",
    "Eyedropper_Knob",
    "IArray_Knob",
    "Int_Knob",
    "Range_Knob",
    "Scale_Knob",
    "UV_Knob",
    "Vec2_Knob",
    "WH_Knob",
    "XYZ_Knob",
    "XY_Knob",
]


class Double_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """One number."""


class Int_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """A whole number."""


class IArray_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """Whole numbers."""


class Range_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """The two ends of a range."""


class XY_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """A point of a picture."""

    _SIZE = 2
    _NAMES: tuple[str, ...] = ("x", "y")

    def x(self) -> float:
        """Return the horizontal place."""
        return float(self._number(self._words()[0], None, 0))

    def y(self) -> float:
        """Return the vertical place."""
        return float(self._number(self._words()[1], None, 1))


class Vec2_Knob(XY_Knob):  # noqa: N801  Nuke's name
    """A pair of numbers."""


class XYZ_Knob(XY_Knob):  # noqa: N801  Nuke's name
    """A point in space."""

    _SIZE = 3
    _NAMES = ("x", "y", "z")

    def z(self) -> float:
        """Return the depth."""
        return float(self._number(self._words()[2], None, 2))


class WH_Knob(XY_Knob):  # noqa: N801  Nuke's name
    """A width and a height."""

    _NAMES = ("w", "h")


class UV_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """A point of a texture."""

    _SIZE = 2
    _NAMES = ("u", "v")


class Scale_Knob(XYZ_Knob):  # noqa: N801  Nuke's name
    """A factor for each direction."""


class BBox_Knob(XY_Knob):  # noqa: N801  Nuke's name
    """A rectangle: x, y, r (right) and t (top)."""

    _SIZE = 4
    _NAMES = ("x", "y", "r", "t")

    def r(self) -> float:
        """Return the right side."""
        return float(self._number(self._words()[2], None, 2))

    def t(self) -> float:
        """Return the top."""
        return float(self._number(self._words()[3], None, 3))

    def setX(self, value: float) -> None:  # noqa: N802  Nuke's name
        """Set the left side."""
        self.setValue(value, 0)

    def setY(self, value: float) -> None:  # noqa: N802  Nuke's name
        """Set the bottom."""
        self.setValue(value, 1)

    def setR(self, value: float) -> None:  # noqa: N802  Nuke's name
        """Set the right side."""
        self.setValue(value, 2)

    def setT(self, value: float) -> None:  # noqa: N802  Nuke's name
        """Set the top."""
        self.setValue(value, 3)

    def toDict(self) -> dict[str, float]:  # noqa: N802  Nuke's name
        """Return the four sides by name."""
        return dict(zip(self._NAMES, self.array()))

    def fromDict(self, sides: dict[str, float]) -> None:  # noqa: N802  Nuke's name
        """Set the sides that are named."""
        for place, name in enumerate(self._NAMES):
            if name in sides:
                self.setValue(sides[name], place)


class Box3_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """A box in space."""

    _SIZE = 6
    _NAMES = ("x", "y", "n", "r", "t", "f")


class Color_Knob(Array_Knob):  # noqa: N801  Nuke's name
    """Red, green and blue."""

    _SIZE = 3
    _NAMES = ("r", "g", "b", "a")


class AColor_Knob(Color_Knob):  # noqa: N801  Nuke's name
    """Red, green, blue and alpha."""

    _SIZE = 4


class Eyedropper_Knob(AColor_Knob):  # noqa: N801  Nuke's name
    """A colour picked from a picture, and the area it was picked from."""

    _SIZE = 8


class ColorChip_Knob(Unsigned_Knob):  # noqa: N801  Nuke's name
    """A colour of the interface as one number, ``0xRRGGBBAA``."""
