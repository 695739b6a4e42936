"""Reviewing a proposal: preflight, then a dry run on a copy of the script. Nothing runs in the host."""

from __future__ import annotations

from nuke_ai_panel.scripting.dry_run import dry_run
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review

__all__ = ["review"]


async def review(proposal: ScriptProposal, snapshot: bytes, *, timeout: float = 20.0) -> Review:
    """Find out what `proposal` would do to the script `snapshot` (.nk text), within about `timeout` seconds.

    What goes wrong on the copy is part of the result; cancelling ends the process of the dry run.
    """
    found = preflight(proposal)
    if any(finding.severity == "fatal" for finding in found.findings):
        return Review(proposal, found.findings)
    trial = await dry_run(proposal, snapshot, timeout=timeout)
    return Review(
        proposal,
        found.findings,
        found.effects,
        diff=trial.diff,
        output=trial.output,
        error=trial.error,
        unknown=trial.unknown,
        notes=trial.notes,
    )
