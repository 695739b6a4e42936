"""What comes of an expression: a value, or one of five kinds of problem that are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

__all__ = [
    "Cycle",
    "Evaluation",
    "ExpressionStopped",
    "LimitReached",
    "MissingReference",
    "NotSimulated",
    "Problem",
    "Scalar",
    "SyntaxProblem",
]

#: What an expression is worth: Nuke's own language knows numbers only, Tcl text and numbers.
Scalar = Union[float, str]


@dataclass(frozen=True)
class SyntaxProblem:
    """The text is no expression. `column` counts from 1 inside of the expression."""

    message: str
    column: int


@dataclass(frozen=True)
class MissingReference:
    """A name leads to nothing: `name` as written, `missing` the part of it that was not found."""

    name: str
    missing: str
    message: str


@dataclass(frozen=True)
class Cycle:
    """A value depends on itself. `chain` names the values in the order asked for, the first one again at the end."""

    chain: tuple[str, ...]

    @property
    def message(self) -> str:
        """The problem in words."""
        return "The value depends on itself: " + " -> ".join(self.chain) + "."


@dataclass(frozen=True)
class NotSimulated:
    """The value is not to be had without Nuke; `what` names the function, command or fact that is missing."""

    what: str
    message: str


@dataclass(frozen=True)
class LimitReached:
    """The evaluation was given up: too many steps, too long a chain of references, or too long a text."""

    message: str


Problem = Union[SyntaxProblem, MissingReference, Cycle, NotSimulated, LimitReached]


@dataclass(frozen=True)
class Evaluation:
    """The outcome: `value` where `problem` is None."""

    value: Scalar | None = None
    problem: Problem | None = None

    @property
    def number(self) -> float | None:
        """The value as a number, None where it is none."""
        if self.value is None:
            return None
        try:
            return float(self.value)
        except ValueError:
            return None


class ExpressionStopped(Exception):  # noqa: N818  it carries a result, it is not raised to callers
    """Ends an evaluation with a problem; never leaves this package."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem
