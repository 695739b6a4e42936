"""Running evaluations: a stack of generators that ask one another for values, with limits and a look-out for cycles.

A chain of ten thousand references needs no deep Python stack that way, and what is in work is known at any time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any, cast

from nuke_ai_panel.nk.curves import Curve
from nuke_ai_panel.nk.expressions.names import KnobPlace, KnobShape, Lost, Unknown
from nuke_ai_panel.nk.expressions.operators import stop, unknown
from nuke_ai_panel.nk.expressions.results import (
    Cycle,
    Evaluation,
    ExpressionStopped,
    LimitReached,
    MissingReference,
    Scalar,
)
from nuke_ai_panel.nk.expressions.tcl_commands import number_or_none
from nuke_ai_panel.nk.node import Node

__all__ = ["MAX_DEPTH", "MAX_STEPS", "Context", "Running", "Work"]

#: How many steps one evaluation may take, and how many values may wait for one another.
MAX_STEPS = 1_000_000
MAX_DEPTH = 60_000
# Generators that yield other generators have no finite type; what they are sent and return is Scalar throughout.
Work = Generator[Any, Scalar, Scalar]
_FORMAT_FIELDS = {"w": 0, "h": 1, "x": 2, "y": 3, "r": 4, "t": 5, "pixel_aspect": 6, "width": 0, "height": 1}


@dataclass(frozen=True)
class Context:
    """Where an expression stands: the node, the frame, the knob and the component of it, its keys, Tcl variables."""

    node: Node
    frame: float
    shape: KnobShape | None = None
    component: int = 0
    curve: Curve = field(default_factory=Curve)
    variables: dict[str, str] = field(default_factory=dict, compare=False)


class Running(ABC):
    """One evaluation. Subclasses know what expressions, knobs and Tcl mean."""

    def __init__(self, gui: bool | None) -> None:
        self.gui = gui
        self.steps = 0
        self.active: dict[tuple[int, str, int, float], str] = {}
        self.known: dict[tuple[int, str, int, float], Scalar] = {}

    def run(self, start: Callable[[], Work]) -> Evaluation:
        """Run generators until the first one returns."""
        try:
            return Evaluation(self._drive(start()))
        except ExpressionStopped as stopped:
            return Evaluation(None, stopped.problem)

    def _drive(self, work: Work) -> Scalar:
        stack: list[Work] = [work]
        sent: Scalar | None = None
        raised: ExpressionStopped | None = None
        while True:
            top = stack[-1]
            self.count()
            try:
                if raised is not None:
                    error, raised = raised, None
                    asked = top.throw(error)
                else:
                    asked = next(top) if sent is None else top.send(sent)
            except StopIteration as ended:
                stack.pop()
                sent = cast(Scalar, ended.value)
                if not stack:
                    return sent
                continue
            except ExpressionStopped as stopped:
                stack.pop()
                if not stack:
                    raise
                # A chain of thousands of references would make a traceback as long.
                raised = ExpressionStopped(stopped.problem)
                sent = None
                continue
            assert isinstance(asked, GeneratorType)
            if len(stack) >= MAX_DEPTH:
                raised = stop(LimitReached(f"More than {MAX_DEPTH:,} values wait for one another."))
                continue
            stack.append(asked)
            sent = None

    def count(self) -> None:
        """Count a step. Raises: ExpressionStopped with LimitReached."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise stop(LimitReached(f"The evaluation took more than {MAX_STEPS:,} steps."))

    # What expressions, knobs and Tcl share

    @abstractmethod
    def expression(self, text: str, context: Context, *, tcl: bool = False) -> Work:
        """Evaluate an expression."""

    @abstractmethod
    def place_number(self, place: object, name: str, context: Context) -> Work:
        """Evaluate what a name leads to as a number."""

    @abstractmethod
    def knob(self, place: KnobPlace, name: str, context: Context) -> Work:
        """Evaluate a knob as a number."""

    @abstractmethod
    def component(
        self, node: Node, shape: KnobShape, text: str, index: int, name: str, context: Context, *, named: bool = False
    ) -> Work:
        """Evaluate one component of a knob."""

    @abstractmethod
    def substituted(self, text: str, context: Context) -> Work:
        """Replace ``[...]`` and ``$...`` in text by what they give."""

    def enter(self, node: Node, shape: KnobShape, index: int, frame: float) -> tuple[int, str, int, float]:
        """Note that a value is in work; the caller takes it out of `active`. Raises: ExpressionStopped with a Cycle."""
        key = (id(node.clone_of or node), shape.name, index, frame)
        if key in self.active:
            names = list(self.active.values())
            begin = list(self.active).index(key)
            raise stop(Cycle((*names[begin:], names[begin])))
        self.active[key] = f"{node.path}.{shape.name}" + (f".{index}" if shape.size > 1 and index >= 0 else "")
        return key

    @staticmethod
    def nowhere(place: object, name: str) -> ExpressionStopped:
        """Return the problem of a name that leads nowhere, or that cannot be followed."""
        if isinstance(place, Unknown):
            return unknown(name, f"{name!r} cannot be followed: {place.reason}.")
        assert isinstance(place, Lost)
        return stop(MissingReference(name, place.missing, place.message))

    @staticmethod
    def format_field(text: str, fields: Sequence[str], name: str) -> float:
        """Return a number of a format such as ``w``. Raises: ExpressionStopped."""
        numbers = [number_or_none(word) for word in text.split()]
        place = _FORMAT_FIELDS.get(fields[0]) if fields else None
        if fields and fields[0].isdecimal() and len(fields[0]) < 10:
            place = int(fields[0])
        number = numbers[place] if place is not None and place < len(numbers) else None
        if number is None:
            raise unknown(name, f"The format {text[:60]!r} does not tell {name!r}.")
        return float(number)
