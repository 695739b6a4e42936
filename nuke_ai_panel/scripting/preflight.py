"""Checks of a proposal that run nothing: can it be read, do its names exist, and what does it say it does."""

from __future__ import annotations

from nuke_ai_panel.scripting import python_check
from nuke_ai_panel.scripting.findings import Preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["Preflight", "preflight"]


def preflight(proposal: ScriptProposal, surroundings: Surroundings | None = None) -> Preflight:
    """Read a proposal without running it, against the script and the Nuke in `surroundings`."""
    return python_check.check(proposal, surroundings)
