"""What a proposal would do, found out before anything runs in the host: preflight, then a dry run on a copy."""

from __future__ import annotations

from dataclasses import dataclass

from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.proposal import ScriptProposal

__all__ = ["Review"]


@dataclass(frozen=True)
class Review:
    """The findings on one proposal.

    ``problems`` are preflight findings that make running pointless (a syntax error with its line); ``warnings`` are effects the
    artist should know (deletes files, starts a process, network). ``diff`` is what the dry run changed on a copy, None when it
    could not be known; ``unknown`` then says why. ``error`` is the dry run's traceback, ``output`` what it printed.
    """

    proposal: ScriptProposal
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    diff: GraphDiff | None = None
    output: str = ""
    error: str = ""
    unknown: str = ""

    @property
    def can_run(self) -> bool:
        """Whether running makes sense: no problem was found (an unknown outcome is no problem)."""
        return not self.problems

    def summary(self) -> str:
        """Return one line: what it will do, or why that is not known."""
        if self.problems:
            return self.problems[0]
        if self.error:
            return "Stopped with an error on a copy of the script: " + self.error.strip().splitlines()[-1]
        if self.diff is not None:
            return self.diff.summary() + ", 1 undo step"
        return self.unknown or "What it changes is not known before it runs"
