"""What a check found in a proposal, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nuke_ai_panel.scripting.effects import Effect

__all__ = ["Finding", "Preflight", "Severity"]

#: ``fatal``: it cannot be read at all, so that it is not offered to run. ``problem``: as far as can be known it fails, or does
#: not do what is meant. ``warning``: worth a look before it runs. ``note``: good to know.
Severity = Literal["fatal", "problem", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One finding: a sentence that can be shown, and the place in the code it speaks of.

    ``line`` and ``column`` count from 1, 0 where there is no place. ``name`` is the word it is about (``"gamma_r"``),
    ``suggestion`` what was probably meant, "" where nothing is near. ``rule`` is a short constant for policies, tests and
    counts: ``"syntax"``, ``"unknown-knob"``, ``"unknown-class"``, ``"unknown-function"``, ``"unknown-node"``, …
    ``excerpt`` is the line it speaks of with a caret under the place, two lines of monospaced text, or "".
    """

    text: str
    severity: Severity = "problem"
    rule: str = ""
    line: int = 0
    column: int = 0
    name: str = ""
    suggestion: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        return f"Line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True)
class Preflight:
    """What was found in the code of a proposal, in the order of its lines; ``effects`` are what it says it does."""

    findings: tuple[Finding, ...] = ()
    effects: tuple[Effect, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with it, in words."""
        return tuple(str(finding) for finding in self.findings if finding.severity in ("fatal", "problem"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the artist should know although a graph diff is shown, in words."""
        found = [str(finding) for finding in self.findings if finding.severity == "warning"]
        return (*found, *(str(effect) for effect in self.effects if effect.is_warning))
