"""The operators of knob expressions, which know floating point numbers only, and of Tcl's ``expr``, which knows text too."""

from __future__ import annotations

from nuke_ai_panel.nk.expressions.functions import divide, power, remainder
from nuke_ai_panel.nk.expressions.results import ExpressionStopped, NotSimulated, Problem, Scalar, SyntaxProblem
from nuke_ai_panel.nk.expressions.tcl_commands import number_or_none

__all__ = ["FALSE", "TRUE", "as_number", "as_plain", "as_text", "binary", "stop", "tcl_binary", "truth", "unary", "unknown"]

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})


def stop(problem: Problem) -> ExpressionStopped:
    """Return the exception that ends an evaluation with `problem`."""
    return ExpressionStopped(problem)


def unknown(what: str, message: str) -> ExpressionStopped:
    """Return the exception that ends an evaluation because only Nuke knows `what`."""
    return ExpressionStopped(NotSimulated(what, message))


def as_text(value: Scalar) -> str:
    """Return a value as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    return f"{value:.10g}"


def as_plain(value: Scalar) -> Scalar:
    """Return text that is a number as that number, all else as it is."""
    number = number_or_none(value)
    return value if number is None else number


def as_number(value: Scalar, name: str) -> float:
    """Return a value as a number for the operator or function `name`. Raises: ExpressionStopped."""
    number = number_or_none(value)
    if number is None:
        raise stop(SyntaxProblem(f"{name} needs a number, not {value!r}", 1))
    return float(number)


def truth(value: Scalar) -> bool:
    """Return whether a value counts as true. Raises: ExpressionStopped for text that is neither."""
    number = number_or_none(value)
    if number is not None:
        return bool(number)
    word = str(value).strip().lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise stop(SyntaxProblem(f"{value!r} is neither true nor false", 1))


def unary(mark: str, value: Scalar, tcl: bool) -> Scalar:
    """Return what a sign or ``!`` makes of a value."""
    if mark == "!":
        return float(not truth(value)) if not tcl else int(not truth(value))
    if mark == "~":
        raise unknown("~", "The operator '~' is not simulated.")
    number = number_or_none(value) if tcl else as_number(value, mark)
    if number is None:
        raise stop(SyntaxProblem(f"{mark!r} needs a number, not {value!r}", 1))
    return -number if mark == "-" else number


def binary(mark: str, left: Scalar, right: Scalar) -> float:
    """Return what an operator of knob expressions makes of two numbers."""
    a, b = as_number(left, mark), as_number(right, mark)
    if mark == "+":
        return a + b
    if mark == "-":
        return a - b
    if mark == "*":
        return a * b
    if mark == "/":
        return divide(a, b)
    if mark == "%":
        return remainder(a, b)
    if mark == "**":
        return power(a, b)
    if mark in ("==", "!=", "<", ">", "<=", ">="):
        return float({"==": a == b, "!=": a != b, "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[mark])
    raise unknown(mark, f"The operator {mark!r} in a knob expression is not simulated.")


def tcl_binary(mark: str, left: Scalar, right: Scalar) -> Scalar:
    """Return what an operator of Tcl makes of two values: whole numbers stay whole, text is compared as text."""
    a, b = number_or_none(left), number_or_none(right)
    if mark in ("eq", "ne") or (mark in ("==", "!=", "<", ">", "<=", ">=") and (a is None or b is None)):
        one, other = as_text(left), as_text(right)
        same = {"==": one == other, "eq": one == other, "!=": one != other, "ne": one != other}
        return int(
            same[mark] if mark in same else {"<": one < other, ">": one > other, "<=": one <= other}.get(mark, one >= other)
        )
    if mark in ("in", "ni"):
        return int((as_text(left) in as_text(right).split()) == (mark == "in"))
    if a is None or b is None:
        raise stop(SyntaxProblem(f"{mark!r} needs numbers, not {left!r} and {right!r}", 1))
    if isinstance(a, int) and isinstance(b, int):
        if mark in ("/", "%"):
            if not b:
                raise stop(SyntaxProblem("division by zero", 1))
            return a // b if mark == "/" else a % b
        if mark in ("+", "-", "*"):
            return {"+": a + b, "-": a - b, "*": a * b}[mark] if abs(a) < 1 << 200 and abs(b) < 1 << 200 else float("inf")
        if mark in ("&", "|", "^"):
            return {"&": a & b, "|": a | b, "^": a ^ b}[mark]
    found = binary(mark, float(a), float(b))
    return int(found) if mark in ("==", "!=", "<", ">", "<=", ">=") else found
