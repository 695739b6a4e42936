"""What a proposal would do, found out before anything runs in the host: preflight, then a dry run on a copy."""

from __future__ import annotations

from dataclasses import dataclass, field

from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.effects import Effect
from nuke_ai_panel.scripting.findings import Finding
from nuke_ai_panel.scripting.proposal import ScriptProposal

__all__ = ["Review", "with_undo_step"]


@dataclass(frozen=True)
class Review:
    """The findings on one proposal.

    ``findings`` come from preflight, ``effects`` are what the code says it does. ``diff`` is what the dry run changed on a
    copy, None when it could not be known; ``unknown`` then says why. ``error`` is the dry run's traceback, ``output`` what it
    printed, ``notes`` what was not possible on the copy. ``picture`` is an SVG of the changed part of the graph, "" for none.
    """

    proposal: ScriptProposal
    findings: tuple[Finding, ...] = ()
    effects: tuple[Effect, ...] = ()
    diff: GraphDiff | None = None
    output: str = ""
    error: str = ""
    unknown: str = ""
    notes: tuple[str, ...] = ()
    picture: str = field(default="", repr=False)

    @property
    def can_run(self) -> bool:
        """Whether it may be offered to run: it can be read, is complete, and is of a kind that runs.

        An unknown outcome is no hindrance, and a failed dry run is not either: the artist is told, and decides.
        """
        return not self.proposal.doubt and not any(finding.severity == "fatal" for finding in self.findings)

    @property
    def is_sound(self) -> bool:
        """Whether nothing speaks against running it: no problem was found, and the dry run went through or is not known."""
        return self.can_run and not self.error and not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with it, in words, the worst first."""
        fatal = [str(finding) for finding in self.findings if finding.severity == "fatal"]
        return (*fatal, *(str(finding) for finding in self.findings if finding.severity == "problem"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the artist should know before running it, in words.

        Where no diff can be shown, what the script says about itself is all there is to go by: then every effect is named.
        """
        found = [str(finding) for finding in self.findings if finding.severity == "warning"]
        found += [str(effect) for effect in self.effects if effect.is_warning or self.diff is None]
        return (*found, *self.notes)

    def summary(self) -> str:
        """Return one line: what it will do, or why that is not known."""
        if self.proposal.doubt:
            return self.proposal.doubt
        if self.problems:
            return self.problems[0]
        if self.error:
            return "Stopped with an error on a copy of the script: " + self.error.strip().splitlines()[-1]
        if self.diff is not None:
            return with_undo_step(self.diff)
        unknown = self.unknown or "What it changes is not known before it runs"
        return unknown[0].upper() + unknown[1:]


def with_undo_step(diff: GraphDiff) -> str:
    """Return in one line what a difference is, and that one undo takes it back where it is any."""
    return diff.summary() + (", 1 undo step" if diff else "")
