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
    if found.problems:
        return Review(proposal, problems=found.problems)
    trial = await dry_run(proposal, snapshot, timeout=timeout)
    # Where no diff can be shown, what the script says about itself is all there is to go by.
    warnings = found.warnings if trial.diff is not None else tuple(str(effect) for effect in found.effects)
    return Review(
        proposal,
        warnings=warnings + trial.notes,
        diff=trial.diff,
        output=trial.output,
        error=trial.error,
        unknown=trial.unknown,
    )
