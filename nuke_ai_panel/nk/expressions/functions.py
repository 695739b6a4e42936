"""The functions of knob expressions, as Foundry's table "Adding Mathematical Functions to Expressions" defines them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["CONSTANTS", "FUNCTIONS", "NOT_SIMULATED", "Function", "divide", "power", "remainder"]


@dataclass(frozen=True)
class Function:
    """A function of numbers; `most` is -1 where any number of arguments from `least` on will do."""

    call: Callable[..., float]
    least: int
    most: int


def divide(left: float, right: float) -> float:
    """Return the quotient; infinite or not a number where `right` is zero, as in C."""
    if right == 0:
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return left / right


def remainder(left: float, right: float) -> float:
    """Return the rest of a division with the sign of `left`, as C's ``fmod``; not a number for a division by zero."""
    if right == 0 or math.isinf(left) or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.fmod(left, right)


def power(left: float, right: float) -> float:
    """Return a power; not a number or infinite where C's ``pow`` says so."""
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and right % 2 == 1 else math.inf
    except ValueError:
        return math.inf if left == 0 else math.nan


def _safe(call: Callable[[float], float], outside: float = math.nan) -> Callable[[float], float]:
    def safe(x: float) -> float:
        try:
            return call(x)
        except ValueError:
            return outside
        except OverflowError:
            return math.inf

    return safe


def _log(call: Callable[[float], float]) -> Callable[[float], float]:
    def safe(x: float) -> float:
        if x > 0:
            return call(x)
        return -math.inf if x == 0 else math.nan

    return safe


def _whole(call: Callable[[float], float]) -> Callable[[float], float]:
    def safe(x: float) -> float:
        return float(call(x)) if math.isfinite(x) else x

    return safe


def _clamp(x: float, low: float = 0.0, high: float = 1.0) -> float:
    return max(low, min(high, x))


def _smoothstep(a: float, b: float, x: float) -> float:
    if x <= a:
        return 0.0
    if x >= b:
        return 1.0
    part = (x - a) / (b - a)
    return part * part * (3.0 - 2.0 * part)


def _lerp(*args: float) -> float:
    if len(args) == 5:
        x0, y0, x1, y1, x = args
        return y0 + divide((x - x0) * (y1 - y0), x1 - x0)
    a, b, x = args
    return a + (b - a) * x


def _in_range(x: float, *ranges: float) -> float:
    return float(any(low <= x <= high for low, high in zip(ranges[::2], ranges[1::2])))


def _sinh(x: float) -> float:
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(math.inf, x)


def _hypot(x: float, y: float) -> float:
    return math.hypot(x, y)


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(abs, 1, 1),
    "fabs": Function(abs, 1, 1),
    "sin": Function(_safe(math.sin), 1, 1),
    "cos": Function(_safe(math.cos), 1, 1),
    "tan": Function(_safe(math.tan), 1, 1),
    "asin": Function(_safe(math.asin), 1, 1),
    "acos": Function(_safe(math.acos), 1, 1),
    "atan": Function(math.atan, 1, 1),
    "atan2": Function(math.atan2, 2, 2),
    "sinh": Function(_sinh, 1, 1),
    "cosh": Function(_safe(math.cosh), 1, 1),
    "tanh": Function(math.tanh, 1, 1),
    "exp": Function(_safe(math.exp), 1, 1),
    "log": Function(_log(math.log), 1, 1),
    "log10": Function(_log(math.log10), 1, 1),
    "sqrt": Function(_safe(math.sqrt), 1, 1),
    "pow": Function(power, 2, 2),
    "pow2": Function(lambda x: power(x, 2.0), 1, 1),
    "hypot": Function(_hypot, 2, 2),
    "fmod": Function(remainder, 2, 2),
    "floor": Function(_whole(math.floor), 1, 1),
    "ceil": Function(_whole(math.ceil), 1, 1),
    "int": Function(_whole(math.trunc), 1, 1),
    "trunc": Function(_whole(math.trunc), 1, 1),
    "rint": Function(_whole(round), 1, 1),
    # min(x) and max(x) of Python would take a lone number for a list.
    "min": Function(lambda *args: min(args), 1, -1),
    "max": Function(lambda *args: max(args), 1, -1),
    "clamp": Function(_clamp, 1, 3),
    "lerp": Function(_lerp, 3, 5),
    "mix": Function(_lerp, 3, 3),
    "step": Function(lambda a, x: float(x >= a), 2, 2),
    "smoothstep": Function(_smoothstep, 3, 3),
    "degrees": Function(math.degrees, 1, 1),
    "radians": Function(math.radians, 1, 1),
    "isnan": Function(lambda x: float(math.isnan(x)), 1, 1),
    "isinf": Function(lambda x: float(math.isinf(x)), 1, 1),
    "isfinite": Function(lambda x: float(math.isfinite(x)), 1, 1),
    "signbit": Function(lambda x: float(math.copysign(1.0, x) < 0), 1, 1),
    "copysign": Function(math.copysign, 2, 2),
    "equal": Function(lambda a, *tests: float(a in tests), 2, -1),
    "inrange": Function(_in_range, 3, -1),
    "true": Function(lambda: 1.0, 0, 0),
    "false": Function(lambda: 0.0, 0, 0),
    "pi": Function(lambda: math.pi, 0, 0),
}

CONSTANTS: Mapping[str, float] = {
    "pi": math.pi,
    "PI": math.pi,
    "true": 1.0,
    "false": 0.0,
    "on": 1.0,
    "off": 0.0,
    "yes": 1.0,
    "no": 0.0,
    "inf": math.inf,
}

#: Functions that Nuke has and whose exact result is not known without it.
NOT_SIMULATED = frozenset(
    [
        "random",
        "noise",
        "fBm",
        "turbulence",
        "integrate",
        "derivative",
        "inverse",
        "mantissa",
        "exponent",
        "logb",
        "ldexp",
        "isnormal",
        "to_byte",
        "from_byte",
        "to_sRGB",
        "toSRGB",
        "from_sRGB",
        "fromSRGB",
        "to_Cineon",
        "toCineon",
        "from_Cineon",
        "fromCineon",
        "to_rec709f",
        "toRec709",
        "fromRec709",
        "from_rec709f",
        "toViperLog",
        "fromViperLog",
        "toPanalog",
        "fromPanalog",
        "toREDLog",
        "fromREDLog",
        "toAlexaV3LogC",
        "fromAlexaV3LogC",
        "toPLogLin",
        "fromPLogLin",
        "toSLog",
        "fromSLog",
        "toSLog1",
        "fromSLog1",
        "toSLog2",
        "fromSLog2",
        "toSLog3",
        "fromSLog3",
        "toCLog",
        "fromCLog",
        "toProtune",
        "fromProtune",
        "error",
    ]
)
