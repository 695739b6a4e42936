"""The emulated ``nuke.AnimationCurve`` and ``nuke.AnimationKey``: keys over a knob's text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nuke_ai_panel.nk.curves import Component, Curve, Interpolation, Key, parse_component
from nuke_ai_panel.nk.emulation.api import absent_method
from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError

if TYPE_CHECKING:
    from nuke_ai_panel.nk.emulation.array_knobs import Array_Knob

__all__ = ["INTERPOLATION_TYPES", "AnimationCurve", "AnimationKey"]

#: The numbers of the API for the interpolations that the format knows.
INTERPOLATION_TYPES: dict[str, tuple[int, Interpolation]] = {
    "SMOOTH": (0, "smooth"),
    "CONSTANT": (1, "constant"),
    "LINEAR": (2, "linear"),
    "CATMULL_ROM": (3, "catmull_rom"),
    "CUBIC": (4, "cubic"),
}
_BY_NUMBER = dict(INTERPOLATION_TYPES.values())
_NUMBERS = {kind: number for number, kind in _BY_NUMBER.items()}


class AnimationKey:
    """A key: frame, value, interpolation, slopes. Setting a field of a key that a curve has given changes the curve."""

    _FIELDS = ("x", "y", "interpolation", "lslope", "rslope", "la", "ra")

    def __init__(self, x: float = 0.0, y: float = 0.0, *_more: Any) -> None:
        self.__dict__.update(_curve=None, _key=Key(float(x), float(y)))

    @classmethod
    def _of(cls, curve: AnimationCurve, key: Key) -> AnimationKey:
        made = cls()
        made.__dict__.update(_curve=curve, _key=key)
        return made

    def __repr__(self) -> str:
        return f"<AnimationKey ({self.x:g}, {self.y:g})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnimationKey) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __getattr__(self, name: str) -> Any:
        key: Key = self.__dict__["_key"]
        found = {
            "x": key.x,
            "y": key.y,
            "interpolation": _NUMBERS[key.interpolation],
            "lslope": key.left_slope or 0.0,
            "rslope": key.right_slope or 0.0,
            "la": key.left_weight,
            "ra": key.right_weight,
        }
        if name not in found:
            raise AttributeError(f"'AnimationKey' object has no attribute '{name}'")
        return found[name]

    def __setattr__(self, name: str, value: Any) -> None:
        key: Key = self.__dict__["_key"]
        if name == "interpolation":
            changed = replace(key, interpolation=_BY_NUMBER[int(value)])
        elif name in self._FIELDS:
            field = {"lslope": "left_slope", "rslope": "right_slope", "la": "left_weight", "ra": "right_weight"}.get(name, name)
            changes: dict[str, Any] = {field: float(value)}
            changed = replace(key, **changes)
        else:
            raise AttributeError(f"'AnimationKey' object has no attribute '{name}'")
        curve: AnimationCurve | None = self.__dict__["_curve"]
        if curve is not None:
            curve._replace_key(key, changed)
        self.__dict__["_key"] = changed


class AnimationCurve:
    """The keys and the expression of one value of a knob."""

    def __init__(self, knob: Array_Knob, index: int = 0, *_more: object) -> None:
        self._knob = knob
        self._index = index

    def __getattr__(self, name: str) -> Any:
        return absent_method("AnimationCurve", "AnimationCurve", name)

    def knob(self) -> Array_Knob:
        """Return the knob the curve belongs to."""
        return self._knob

    def knobIndex(self) -> int:  # noqa: N802  Nuke's name
        """Return the number of the value the curve belongs to."""
        return self._index

    def keys(self) -> list[AnimationKey]:
        """Return the keys by rising frame."""
        return [AnimationKey._of(self, key) for key in self._component().curve.keys]

    def size(self) -> int:
        """Return how many keys there are."""
        return len(self._component().curve.keys)

    def constant(self) -> bool:
        """Return whether the value is the same at all frames."""
        part = self._component()
        return not part.has_expression and len({key.y for key in part.curve.keys}) <= 1

    def evaluate(self, frame: float) -> float:
        """Return the value at a frame."""
        return float(self._knob._number(self._component().text, float(frame), self._index))

    def setKey(self, frame: float, value: float) -> AnimationKey:  # noqa: N802  Nuke's name
        """Set a key, a new one where there is none at the frame, and return it."""
        keys = {key.x: key for key in self._component().curve.keys}
        old = keys.get(float(frame))
        made = Key(float(frame), float(value)) if old is None else replace(old, y=float(value))
        keys[made.x] = made
        self._put(keys.values())
        return AnimationKey._of(self, made)

    def addKey(self, keys: AnimationKey | Sequence[AnimationKey]) -> None:  # noqa: N802  Nuke's name
        """Add a key or a list of keys; those at the same frames are replaced."""
        found = {key.x: key for key in self._component().curve.keys}
        for one in [keys] if isinstance(keys, AnimationKey) else list(keys):
            found[one._key.x] = one._key
        self._put(found.values())

    def removeKey(self, keys: AnimationKey | Sequence[AnimationKey]) -> None:  # noqa: N802  Nuke's name
        """Remove a key or a list of keys."""
        gone = {one._key.x for one in ([keys] if isinstance(keys, AnimationKey) else list(keys))}
        self._put(key for key in self._component().curve.keys if key.x not in gone)

    def clear(self) -> None:
        """Remove all keys."""
        self._put(())

    def changeInterpolation(self, keys: Sequence[AnimationKey], kind: int) -> None:  # noqa: N802  Nuke's name
        """Give keys an interpolation: ``nuke.LINEAR``, ``nuke.CONSTANT``, ``nuke.SMOOTH``, ..."""
        if kind not in _BY_NUMBER:
            raise NotSimulatedError(f"AnimationCurve.changeInterpolation with {kind} is not simulated.")
        frames = {one._key.x for one in keys}
        changed = (
            Key(key.x, key.y, _BY_NUMBER[kind], key.linear_ends) if key.x in frames else key
            for key in self._component().curve.keys
        )
        self._put(list(changed))

    def expression(self) -> str:
        """Return the expression, ``"curve"`` where the keys decide."""
        return self._component().expression

    def setExpression(self, expression: str) -> None:  # noqa: N802  Nuke's name
        """Set the expression; ``curve`` in it stands for the keys."""
        self._knob.setExpression(expression, self._index)

    def noExpression(self) -> bool:  # noqa: N802  Nuke's name
        """Return whether the keys alone decide."""
        return not self._component().has_expression

    def toScript(self, *_args: object) -> str:  # noqa: N802  Nuke's name
        """Return the curve as the script writes it."""
        return self._component().text

    def fromScript(self, text: str) -> None:  # noqa: N802  Nuke's name
        """Set the curve from its text in the script."""
        words = self._knob._words()
        words[self._index] = text if text.startswith("{") else "{" + text + "}"
        self._knob._put_words(words)

    def view(self) -> str:
        """Return the view: the first one, as no other is simulated."""
        return "main"

    def _component(self) -> Component:
        return parse_component(self._knob._words()[self._index])

    def _put(self, keys: Iterable[Key]) -> None:
        part = self._component()
        ordered = tuple(sorted(keys, key=lambda key: key.x))
        words = self._knob._words()
        words[self._index] = Component.of(part.expression or "curve", Curve(ordered), mark=part.mark).text
        self._knob._put_words(words)

    def _replace_key(self, old: Key, new: Key) -> None:
        self._put([key for key in self._component().curve.keys if key.x not in (old.x, new.x)] + [new])
