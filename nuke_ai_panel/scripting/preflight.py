"""Checks of a proposal that run nothing: can it be read, do its names exist, and what does it say it does."""

from __future__ import annotations

from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.kinds import kind_info
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["Preflight", "preflight"]


def preflight(proposal: ScriptProposal, surroundings: Surroundings | None = None) -> Preflight:
    """Read a proposal without running it, against the script and the Nuke in `surroundings`.

    A proposal with a doubt is checked as well; the doubt is its first finding. Raises: ProposalError for an unknown kind.
    """
    info = kind_info(proposal.kind)
    if not proposal.code.strip():
        return Preflight((Finding("The script is empty.", "fatal", "empty"),))
    found = info.check(proposal, Surroundings() if surroundings is None else surroundings)
    if not proposal.doubt:
        return found
    doubt = Finding(proposal.doubt, "warning", "doubt")
    return Preflight((doubt, *found.findings), found.effects)
