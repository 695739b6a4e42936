"""Checks of a proposal that need no host and run nothing: can it be read, and what does it say it does."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

from nuke_ai_panel.scripting.effects import Effect, find_effects
from nuke_ai_panel.scripting.proposal import ScriptProposal

__all__ = ["Preflight", "preflight"]


@dataclass(frozen=True)
class Preflight:
    """What was found. ``problems`` make running pointless; ``effects`` are what the script says it does."""

    problems: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The effects the artist should know although a graph diff is shown, in words."""
        return tuple(str(effect) for effect in self.effects if effect.is_warning)


def preflight(proposal: ScriptProposal) -> Preflight:
    """Read a proposal without running it.

    Python is read by the running interpreter, which in Nuke is the one that would run it.
    """
    if not proposal.code.strip():
        return Preflight(problems=("The script is empty.",))
    try:
        with warnings.catch_warnings():
            # A doubtful escape such as "\d" still runs as meant; the artist is not bothered with it.
            warnings.simplefilter("ignore")
            tree = ast.parse(proposal.code)
            compile(tree, "<proposal>", "exec")
    except SyntaxError as error:
        return Preflight(problems=(_syntax_problem(error, proposal.code),))
    except ValueError as error:
        return Preflight(problems=(f"The script cannot be read: {error}.",))
    except (RecursionError, MemoryError):
        return Preflight(problems=("The script is nested too deeply to be read.",))
    return Preflight(effects=tuple(find_effects(tree)))


def _syntax_problem(error: SyntaxError, code: str) -> str:
    message = error.msg or "invalid syntax"
    if "Missing parentheses in call to 'print'" in message or "Missing parentheses in call to 'exec'" in message:
        message = "this is Python 2, which Nuke no longer runs (print needs parentheses)"
    where = f"Line {error.lineno}" if error.lineno else "The script"
    lines = code.splitlines()
    shown = ""
    if error.lineno and error.lineno <= len(lines):
        text = lines[error.lineno - 1].strip()
        shown = f": {text if len(text) <= 60 else text[:57] + '...'}" if text else ""
    return f"{where} cannot be read as Python ({message}){shown}"
