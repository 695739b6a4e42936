"""Preflight of generated Python: can it be read, do its names exist in this Nuke and script, and what does it say it does."""

from __future__ import annotations

import ast
import warnings

from nuke_ai_panel.scripting.effects import find_effects
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["check"]


def check(proposal: ScriptProposal, surroundings: Surroundings | None = None) -> Preflight:
    """Read Python without running it, against the script and the Nuke in `surroundings`.

    It is read by the running interpreter, which in Nuke is the one that would run it.
    """
    if not proposal.code.strip():
        return Preflight((Finding("The script is empty.", "fatal", "empty"),))
    try:
        with warnings.catch_warnings():
            # A doubtful escape such as "\d" still runs as meant; the artist is not bothered with it.
            warnings.simplefilter("ignore")
            tree = ast.parse(proposal.code)
            compile(tree, "<proposal>", "exec")
    except SyntaxError as error:
        return Preflight((_syntax_problem(error, proposal.code),))
    except ValueError as error:
        return Preflight((Finding(f"The script cannot be read: {error}.", "fatal", "syntax"),))
    except (RecursionError, MemoryError):
        return Preflight((Finding("The script is nested too deeply to be read.", "fatal", "syntax"),))
    return Preflight(effects=tuple(find_effects(tree)))


def _syntax_problem(error: SyntaxError, code: str) -> Finding:
    message = error.msg or "invalid syntax"
    if "Missing parentheses in call to 'print'" in message or "Missing parentheses in call to 'exec'" in message:
        message = "this is Python 2, which Nuke no longer runs (print needs parentheses)"
    lines = code.splitlines()
    shown = ""
    if error.lineno and error.lineno <= len(lines):
        text = lines[error.lineno - 1].strip()
        shown = f": {text if len(text) <= 60 else text[:57] + '...'}" if text else ""
    said = f"This cannot be read as Python ({message}){shown}"
    return Finding(said, "fatal", "syntax", error.lineno or 0, error.offset or 0)
