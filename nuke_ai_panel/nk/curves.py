"""Values of number knobs as .nk text: plain numbers, expressions and animation curves, by component and by view.

A component is a number, or ``{expression [i|I] keys}``. The word ``curve`` is itself the expression that stands for the keys,
so ``{curve x1 0 x10 5}`` is an animation and ``{curve*2 x1 0 x10 5}`` an expression over one. The grammar of keys is that of
Foundry's NDK guide ("Curve serialisation format"); slopes follow the text of ``nuke.AnimationKey``.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from nuke_ai_panel.nk.words import DamagedWordError, list_words, quote, unquote, word_end

__all__ = ["INTERPOLATIONS", "Component", "Curve", "Interpolation", "Key", "KnobValue", "parse_component", "parse_value"]

Interpolation = Literal["smooth", "constant", "linear", "catmull_rom", "cubic"]

#: The letter of each interpolation in .nk text.
INTERPOLATIONS: Mapping[str, Interpolation] = {
    "S": "smooth",
    "K": "constant",
    "L": "linear",
    "R": "catmull_rom",
    "C": "cubic",
}
_LETTERS = {name: letter for letter, name in INTERPOLATIONS.items()}
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z|[+-]?(?:inf|nan)\Z", re.IGNORECASE)
_VIEW = re.compile(r"[A-Za-z_]\w*\Z")
_BISECTIONS = 60
# Short texts are asked for again and again; baked animations would fill the memory.
_SHORT = 400


@dataclass(frozen=True)
class Key:
    """A control point. `left_slope` and `right_slope` are None where the interpolation decides; weights are 1 by default.

    A weight is the horizontal reach of a handle: 1 is a third of the way to the next key, 0 to 3 are legal.
    """

    x: float
    y: float
    interpolation: Interpolation = "smooth"
    linear_ends: bool = False
    left_slope: float | None = None
    right_slope: float | None = None
    left_weight: float = 1.0
    right_weight: float = 1.0


@dataclass(frozen=True)
class Curve:
    """The keys of one component, by rising frame."""

    keys: tuple[Key, ...] = ()
    _slopes: list[tuple[float, float]] = field(default_factory=list, init=False, repr=False, compare=False, hash=False)

    def at(self, frame: float) -> float:
        """Return the value at a frame; 0 for a curve without keys, as in Nuke.

        Before the first and after the last key the curve goes on level, or in a straight line where it says so.
        """
        keys = self.keys
        if not keys:
            return 0.0
        place = bisect.bisect_right([key.x for key in keys], frame)
        slopes = self.slopes()
        if place == 0:
            return keys[0].y + slopes[0][0] * (frame - keys[0].x)
        left = keys[place - 1]
        if place == len(keys):
            return left.y + slopes[-1][1] * (frame - left.x)
        right = keys[place]
        if left.interpolation == "constant" and left.right_slope is None:
            return left.y
        return _between(left, right, slopes[place - 1][1], slopes[place][0], frame)

    def slopes(self) -> list[tuple[float, float]]:
        """Return the left and right slope of every key, in units a frame."""
        if not self._slopes and self.keys:
            self._slopes.extend(_slopes(self.keys))
        return self._slopes

    def text(self) -> str:
        """Return the keys as Nuke writes them, without the expression before them."""
        parts: list[str] = []
        kind: Interpolation = "smooth"
        linear_ends = False
        frames: list[float] = []
        for key in self.keys:
            if key.interpolation != kind:
                kind = key.interpolation
                parts.append(_LETTERS[kind])
            if key.linear_ends != linear_ends:
                linear_ends = key.linear_ends
                parts.append("l" if linear_ends else "k")
            expected = _next_frame(frames)
            if key.x != expected or len(frames) < 2:
                parts.append(f"x{_number(key.x)}")
            frames.append(key.x)
            parts.append(_number(key.y))
            if key.left_slope is not None:
                parts.append(f"s{_number(key.left_slope)}")
            if key.right_slope is not None and key.right_slope != key.left_slope:
                parts.append(f"t{_number(key.right_slope)}")
            if key.left_weight != 1:
                parts.append(f"u{_number(key.left_weight)}")
            if key.right_weight != 1:
                parts.append(f"v{_number(key.right_weight)}")
        return " ".join(parts)


@dataclass(frozen=True)
class Component:
    """One value of a knob. Exactly what is written is in `text`, its meaning in the other fields.

    `number` is set for a plain number; `expression` is "" for a number and ``"curve"`` for mere keys; `mark` is ``"i"`` for an
    expression hidden in the curve editor, ``"I"`` for one shown as a trace. A word that is neither (``rgba``) has none of them.
    """

    text: str
    number: float | None = None
    expression: str = ""
    curve: Curve = Curve()
    mark: str = ""

    @property
    def is_animated(self) -> bool:
        """Whether it has keys."""
        return bool(self.curve.keys)

    @property
    def has_expression(self) -> bool:
        """Whether an expression other than the keys themselves decides."""
        return self.expression not in ("", "curve")

    @classmethod
    def of_number(cls, value: float) -> Component:
        """Return the component that is one number."""
        return cls(_number(value), value)

    @classmethod
    def of(cls, expression: str = "curve", curve: Curve | None = None, *, mark: str = "") -> Component:
        """Return the component of an expression, of keys, or of both."""
        keys = curve or Curve()
        words = [quote(expression), mark, keys.text()]
        return cls("{" + " ".join(word for word in words if word) + "}", None, expression, keys, mark)


@dataclass(frozen=True)
class KnobValue:
    """A knob's text, its components by view (``"default"`` is what all views have that are not named), and where they stand."""

    text: str
    views: Mapping[str, tuple[Component, ...]]
    _spans: Mapping[str, tuple[tuple[int, int], ...]] = field(repr=False, compare=False)
    _braced: Mapping[str, bool] = field(repr=False, compare=False)

    def components(self, view: str = "default") -> tuple[Component, ...]:
        """Return the components in a view."""
        return self.views.get(view, self.views["default"])

    @property
    def is_animated(self) -> bool:
        """Whether a component has keys in any view."""
        return any(part.is_animated for parts in self.views.values() for part in parts)

    @property
    def has_expression(self) -> bool:
        """Whether an expression decides on a component in any view."""
        return any(part.has_expression for parts in self.views.values() for part in parts)

    def with_component(self, index: int, component: Component, *, view: str = "default") -> str:
        """Return the text with one component replaced, every other byte kept. Raises: IndexError, KeyError for the view."""
        spans = self._spans[view]
        if not 0 <= index < len(spans):
            raise IndexError(f"the knob has {len(spans)} components, not one numbered {index}")
        start, end = spans[index]
        word = component.text
        if not self._braced[view] and word.startswith("{"):
            # A lone number stands without braces; an expression needs the braces of the array as well.
            word = "{" + word + "}"
        return self.text[:start] + word + self.text[end:]


def parse_value(text: str) -> KnobValue:
    """Read a knob's text, quotes undone and braces kept, as :meth:`nuke_ai_panel.nk.Node.knob` returns it.

    Text that is no array of numbers, expressions and curves comes back as one component that has neither.
    """
    return _short_value(text) if len(text) <= _SHORT else _read_value(text)


@functools.lru_cache(maxsize=4096)
def _short_value(text: str) -> KnobValue:
    return _read_value(text)


def _read_value(text: str) -> KnobValue:
    stripped = text.strip()
    shift = text.find(stripped)
    if not (stripped.startswith("{") and _is_one_word(stripped)):
        part = replace(_plain(stripped), text=stripped)
        return KnobValue(text, {"default": (part,)}, {"default": ((shift, shift + len(stripped)),)}, {"default": False})
    words = _spans_of(stripped[1:-1], shift + 1)
    if len(words) > 1 and len(words) % 2 == 0 and words[0][0] == "default" and all(_VIEW.match(word) for word, _ in words[::2]):
        views: dict[str, tuple[Component, ...]] = {}
        spans: dict[str, tuple[tuple[int, int], ...]] = {}
        braced: dict[str, bool] = {}
        for (view, _), (word, start) in zip(words[::2], words[1::2]):
            inner = _spans_of(word[1:-1], start + 1) if word.startswith("{") else [(word, start)]
            views[view] = tuple(parse_component(each) for each, _ in inner)
            spans[view] = tuple((begin, begin + len(each)) for each, begin in inner)
            braced[view] = word.startswith("{")
        return KnobValue(text, views, spans, braced)
    words = [each for word, at in words for each in _row(word, at)]
    parts = tuple(parse_component(word) for word, _ in words)
    return KnobValue(
        text, {"default": parts}, {"default": tuple((at, at + len(word)) for word, at in words)}, {"default": True}
    )


def parse_component(word: str) -> Component:
    """Read one element of an array: ``5``, ``{curve x1 0 x10 5}``, ``{parent.size i}``."""
    if not (word.startswith("{") and word.endswith("}")):
        return _plain(word)
    try:
        words = list_words(word[1:-1])
    except DamagedWordError:
        return Component(word)
    if not words:
        return Component(word)
    first = words[0]
    expression = first[1:-1] if first.startswith("{") and first.endswith("}") else unquote(first)
    mark = ""
    rest = words[1:]
    if rest and rest[0] in ("i", "I"):
        mark = rest.pop(0)
    keys = _keys(rest)
    if keys is None:
        # What follows is no list of keys, so the whole is no animation: an expression with blanks that was never quoted.
        return Component(word, None, " ".join(unquote(each) for each in words))
    return Component(word, None, expression, Curve(keys), mark)


def _plain(word: str) -> Component:
    number = unquote(word) if word[:1] == '"' else word
    return Component(word, float(number)) if _NUMBER.match(number) else Component(word)


def _is_one_word(text: str) -> bool:
    try:
        return word_end(text, 0, in_list=True) == len(text)
    except DamagedWordError:
        return False


def _spans_of(text: str, shift: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    at = 0
    for word in list_words(text):
        at = text.index(word, at)
        found.append((word, shift + at))
        at += len(word)
    return found


def _row(word: str, at: int) -> list[tuple[str, int]]:
    """Return the elements of a matrix row ``{1 0 {expression}}`` with their places, or the word itself where it is no row."""
    if not (word.startswith("{") and word.endswith("}")):
        return [(word, at)]
    inner = _spans_of(word[1:-1], at + 1)
    if len(inner) > 1 and all(each.startswith("{") or _NUMBER.match(each) for each, _ in inner):
        return inner
    return [(word, at)]


def _keys(words: Sequence[str]) -> tuple[Key, ...] | None:
    keys: list[Key] = []
    frames: list[float] = []
    kind: Interpolation = "smooth"
    linear_ends = False
    x: float | None = None
    for word in words:
        if word in INTERPOLATIONS:
            kind = INTERPOLATIONS[word]
        elif word in ("k", "l"):
            linear_ends = word == "l"
        elif _NUMBER.match(word):
            frame = _next_frame(frames) if x is None else x
            x = None
            frames.append(frame)
            keys.append(Key(frame, float(word), kind, linear_ends))
        elif word[:1] in "xstuv" and _NUMBER.match(word[1:]):
            number = float(word[1:])
            if word[0] == "x":
                x = number
            elif not keys:
                return None
            else:
                keys[-1] = _with(keys[-1], word[0], number)
        else:
            return None
    if x is not None:
        return None
    return tuple(sorted(keys, key=lambda key: key.x))


def _with(key: Key, mark: str, number: float) -> Key:
    if mark == "s":
        return replace(key, left_slope=number, right_slope=number)
    if mark == "t":
        return replace(key, right_slope=number)
    return replace(key, left_weight=number) if mark == "u" else replace(key, right_weight=number)


def _next_frame(frames: Sequence[float]) -> float:
    """Return the frame of a key that names none: 0 for the first, one later for the second, then the last spacing again."""
    if not frames:
        return 0.0
    if len(frames) == 1:
        return frames[0] + 1.0
    return frames[-1] + (frames[-1] - frames[-2])


def _between(left: Key, right: Key, out: float, into: float, frame: float) -> float:
    span = right.x - left.x
    part = (frame - left.x) / span
    rise = right.y - left.y
    if left.right_weight != 1.0 or right.left_weight != 1.0:
        part = _part_of_bezier(part, left.right_weight / 3.0, 1.0 - right.left_weight / 3.0)
        first = left.y + out * span * left.right_weight / 3.0
        second = right.y - into * span * right.left_weight / 3.0
        rest = 1.0 - part
        return rest**3 * left.y + 3.0 * rest * rest * part * first + 3.0 * rest * part * part * second + part**3 * right.y
    # The cubic as a straight line and what bends it, so that a straight line comes out exact.
    bend = (1.0 - part) * (out * span - rise) - part * (into * span - rise)
    return left.y + part * rise + part * (1.0 - part) * bend


def _part_of_bezier(wanted: float, first: float, second: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        part = (low + high) / 2.0
        rest = 1.0 - part
        if 3.0 * rest * rest * part * first + 3.0 * rest * part * part * second + part**3 < wanted:
            low = part
        else:
            high = part
    return (low + high) / 2.0


def _slopes(keys: Sequence[Key]) -> list[tuple[float, float]]:
    """Return the slopes on both sides of every key, as ``nuke.AnimationKey`` documents each interpolation."""
    count = len(keys)
    steps = [_step(one, other) for one, other in zip(keys, keys[1:])]
    left: list[float] = [0.0] * count
    right: list[float] = [0.0] * count
    for index, key in enumerate(keys):
        before = steps[index - 1] if index else None
        after = steps[index] if index + 1 < count else None
        if key.interpolation in ("linear", "constant"):
            left[index] = before if before is not None else 0.0
            right[index] = after if after is not None and key.interpolation == "linear" else 0.0
        elif before is not None and after is not None:
            around = _step(keys[index - 1], keys[index + 1])
            slope = _clamped(around, before, after) if key.interpolation == "smooth" else around
            left[index] = right[index] = slope
    _fix(keys, left, right)
    _cubic(keys, steps, left, right)
    _level_ends(keys, steps, left, right)
    _fix(keys, left, right)
    for index, side, other in ((0, left, right), (count - 1, right, left)):
        key = keys[index]
        if (key.left_slope if side is left else key.right_slope) is None:
            side[index] = other[index] if key.linear_ends and count > 1 else 0.0
    return list(zip(left, right))


def _step(one: Key, other: Key) -> float:
    return (other.y - one.y) / (other.x - one.x) if other.x != one.x else 0.0


def _fix(keys: Sequence[Key], left: list[float], right: list[float]) -> None:
    for index, key in enumerate(keys):
        if key.left_slope is not None:
            left[index] = key.left_slope
        if key.right_slope is not None:
            right[index] = key.right_slope


def _clamped(slope: float, before: float, after: float) -> float:
    """Clamp a slope so that no handle leaves the range of the keys on its side: level at a peak, else three steps at most."""
    if before * after <= 0.0:
        return 0.0
    limit = 3.0 * min(abs(before), abs(after))
    return max(-limit, min(limit, slope))


def _level_ends(keys: Sequence[Key], steps: Sequence[float], left: list[float], right: list[float]) -> None:
    """Give the first and last key the slope at which the second derivative is zero there."""
    count = len(keys)
    if count < 2:
        return
    curved = ("smooth", "catmull_rom")
    first, last = keys[0].interpolation in curved, keys[-1].interpolation in curved
    if count == 2 and first and last and keys[0].right_slope is None and keys[1].left_slope is None:
        right[0] = left[1] = steps[0]
        return
    if first:
        right[0] = (3.0 * steps[0] - left[1]) / 2.0
        if keys[0].interpolation == "smooth":
            right[0] = _clamped(right[0], steps[0], steps[0])
    if last:
        left[-1] = (3.0 * steps[-1] - right[-2]) / 2.0
        if keys[-1].interpolation == "smooth":
            left[-1] = _clamped(left[-1], steps[-1], steps[-1])


def _cubic(keys: Sequence[Key], steps: Sequence[float], left: list[float], right: list[float]) -> None:
    """Solve each run of cubic keys for slopes that make the second derivative continuous, zero at the ends of the curve."""
    count = len(keys)
    index = 0
    while index < count:
        if keys[index].interpolation != "cubic":
            index += 1
            continue
        end = index
        while end + 1 < count and keys[end + 1].interpolation == "cubic":
            end += 1
        if count > 1:
            _solve(keys, steps, left, right, index, end)
        index = end + 1


def _solve(keys: Sequence[Key], steps: Sequence[float], left: list[float], right: list[float], start: int, end: int) -> None:
    low: list[float] = []
    middle: list[float] = []
    high: list[float] = []
    wanted: list[float] = []
    for index in range(start, end + 1):
        below = above = centre = total = 0.0
        fixed = keys[index].left_slope
        if fixed is not None:
            centre, total = 1.0, fixed
        else:
            if index > 0:
                weight = 1.0 / ((keys[index].x - keys[index - 1].x) or 1.0)
                centre += 2.0 * weight
                total += 3.0 * weight * steps[index - 1]
                if index > start:
                    below = weight
                else:
                    total -= weight * right[index - 1]
            if index + 1 < len(keys):
                weight = 1.0 / ((keys[index + 1].x - keys[index].x) or 1.0)
                centre += 2.0 * weight
                total += 3.0 * weight * steps[index]
                if index < end:
                    above = weight
                else:
                    total -= weight * left[index + 1]
        low.append(below)
        middle.append(centre)
        high.append(above)
        wanted.append(total)
    for row in range(1, len(middle)):
        factor = low[row] / middle[row - 1]
        middle[row] -= factor * high[row - 1]
        wanted[row] -= factor * wanted[row - 1]
    slope = 0.0
    for row in range(len(middle) - 1, -1, -1):
        slope = (wanted[row] - high[row] * slope) / middle[row]
        left[start + row] = right[start + row] = slope


def _number(value: float) -> str:
    return f"{value:.10g}"
