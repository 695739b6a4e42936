"""Checks of a proposal that run nothing: can it be read, do its names exist, and what does it say it does."""

from __future__ import annotations

from dataclasses import replace

from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.kinds import kind_info
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["Preflight", "preflight"]

#: More findings help nobody; the worst of them are kept.
_MOST_FINDINGS = 200
_ORDER = {"fatal": 0, "problem": 1, "warning": 2, "note": 3}


def preflight(proposal: ScriptProposal, surroundings: Surroundings | None = None) -> Preflight:
    """Read a proposal without running it, against the script and the Nuke in `surroundings`.

    A proposal with a doubt is checked as well; the doubt is its first finding. Of more than 200 findings the worst are kept.
    Raises: ProposalError for an unknown kind.
    """
    info = kind_info(proposal.kind)
    if not proposal.code.strip():
        return Preflight((Finding("The script is empty.", "fatal", "empty"),))
    found = info.check(proposal, Surroundings() if surroundings is None else surroundings)
    findings = _shown(found.findings, proposal.code)
    if proposal.doubt:
        findings = (Finding(proposal.doubt, "warning", "doubt"), *findings)
    return Preflight(findings, found.effects)


def _shown(findings: tuple[Finding, ...], code: str) -> tuple[Finding, ...]:
    """Return the findings with the line each speaks of, where the check did not show it itself."""
    kept = findings
    if len(findings) > _MOST_FINDINGS:
        worst = sorted(range(len(findings)), key=lambda number: (_ORDER[findings[number].severity], number))[:_MOST_FINDINGS]
        kept = tuple(findings[number] for number in sorted(worst))
    if not any(each.line and each.column and not each.excerpt for each in kept):
        return kept
    from nuke_ai_panel.scripting.python_check_notes import excerpt_of

    lines = code.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return tuple(
        replace(each, excerpt=excerpt_of(lines[each.line - 1], each.column - 1))
        if each.line and each.column and not each.excerpt and each.line <= len(lines)
        else each
        for each in kept
    )
