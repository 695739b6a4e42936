"""The staged connection test: from the address to the first token, each step with its time and, on failure, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["STEP_TITLES", "Step", "StepName", "StepState"]

StepName = Literal["address", "lookup", "connection", "encryption", "models", "first_token"]
StepState = Literal["waiting", "running", "passed", "warning", "failed", "not_reached", "cancelled"]

STEP_TITLES: dict[StepName, str] = {
    "address": "Address",
    "lookup": "Name lookup",
    "connection": "Connection",
    "encryption": "Encryption",
    "models": "Key and models",
    "first_token": "First token",
}


@dataclass(frozen=True)
class Step:
    """One line of the report. ``milliseconds`` is None while a step has not ended."""

    name: StepName
    state: StepState
    text: str = ""
    next_step: str = ""
    milliseconds: float | None = None
