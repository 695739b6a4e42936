"""Reviewing a proposal: checks, then a dry run on a copy of the script, both in one process. Nothing runs in the host."""

from __future__ import annotations

import asyncio

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.scripting.dry_run import dry_run
from nuke_ai_panel.scripting.preflight import Preflight, preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.surroundings import Surroundings
from nuke_ai_panel.scripting.trial import prepare, release

__all__ = ["prepare", "release", "review"]


async def review(proposal: ScriptProposal, snapshot: bytes, *, timeout: float = 20.0) -> Review:
    """Find out what `proposal` would do to the script `snapshot` (.nk text), within about `timeout` seconds.

    Checks, dry run, difference and picture are made in one process, so that the thread that asks does nothing of it; call
    :func:`prepare` when an answer begins to arrive, and the process is ready by the time it is needed. Where no process can do
    it, the checks are made in a thread here and the outcome is not known. What goes wrong on the copy is part of the result;
    cancelling ends the process.
    """
    trial = await dry_run(proposal, snapshot, timeout=timeout)
    checked = trial.checked
    if checked is None:
        checked = await asyncio.get_running_loop().run_in_executor(None, _check_here, proposal, snapshot)
    if any(finding.severity == "fatal" for finding in checked.findings):
        return Review(proposal, checked.findings, checked.effects)
    return Review(
        proposal,
        checked.findings,
        checked.effects,
        diff=trial.diff,
        output=trial.output,
        error=trial.error,
        unknown=trial.unknown,
        notes=trial.notes,
        picture=trial.picture,
    )


def _check_here(proposal: ScriptProposal, snapshot: bytes) -> Preflight:
    try:
        return preflight(proposal, Surroundings.of(snapshot))
    except NkError:
        return preflight(proposal)
