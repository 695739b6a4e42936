"""The proposals of a conversation and what became of each: reviewed, refused, waiting for the artist, run, rejected.

Nothing here runs a proposal by itself but what the artist has agreed to, once or for this conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from nuke_ai_panel.agent.session_events import ProposalApplied, ProposalRejected, ProposalReviewed, SessionEvent
from nuke_ai_panel.errors import NukeAIPanelError, ProposalError
from nuke_ai_panel.hosts.base import Host
from nuke_ai_panel.scripting.applying import Applied, apply
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import review

__all__ = ["Proposals", "Scope"]

#: How far the artist's yes goes.
Scope = Literal["once", "conversation"]


@dataclass
class _Entry:
    review: Review
    is_decided: bool = False
    waiting: list[asyncio.Future[object]] = field(default_factory=list)


class Proposals:
    """Every proposal by its number, from 1. Main thread only; ``notes`` are what the model is told with the next prompt."""

    def __init__(self, host: Host, emit: Callable[[SessionEvent], None]) -> None:
        self.host = host
        self.notes: list[str] = []
        self._emit = emit
        self._entries: dict[int, _Entry] = {}
        self._next = 1

    def find(self, number: int) -> Review:
        """Return what was found out about a proposal. Raises: ProposalError."""
        entry = self._entries.get(number)
        if entry is None:
            raise ProposalError("This script is not part of the conversation any more. Ask again for a new one.")
        return entry.review

    def is_open(self, number: int) -> bool:
        """Return whether a proposal waits for a decision."""
        entry = self._entries.get(number)
        return entry is not None and not entry.is_decided

    def earlier(self) -> list[ScriptProposal]:
        """Return the proposals so far, the newest last: a model may answer with a change to one of them."""
        return [entry.review.proposal for entry in self._entries.values()]

    async def review(self, proposal: ScriptProposal, is_wanted: Callable[[], bool]) -> tuple[int, Review] | None:
        """Find out what `proposal` would do and tell the listeners; None when nobody wants to know any more by then."""
        number = self._next
        self._next += 1
        try:
            found = await review(proposal, self.host.snapshot())
        except NukeAIPanelError as error:
            found = Review(proposal, unknown=f"What it changes is not known before it runs: {error}")
        if not is_wanted():
            return None
        self._entries[number] = _Entry(found)
        self._emit(ProposalReviewed(number, found))
        return number, found

    def apply(self, number: int, scope: Scope = "once") -> Applied:
        """Run a reviewed proposal as one undo step, because the artist said so. Main thread, outside any task.

        Raises:
            ProposalError: it was decided on already.
            HostError: the host cannot be read or does not run scripts; nothing has run.
        """
        entry = self._open(number)
        applied = apply(entry.review.proposal, self.host)
        if applied.result.ok:
            self._decide(entry)
            self.notes.append(f"The artist ran the script: {applied.diff.summary()}.")
        else:
            last = applied.result.error.strip().splitlines()[-1]
            self.notes.append(f"The artist ran the script; it failed and was rolled back: {last}")
        self._emit(ProposalApplied(number, applied))
        return applied

    def reject(self, number: int, reason: str = "", *, by: Literal["artist", "studio", "model", "edit"] = "artist") -> None:
        """Do not run a proposal; `reason` reaches the model with the next prompt."""
        entry = self._open(number)
        self._decide(entry)
        if by in ("artist", "studio"):
            who = "The artist rejected the script" if by == "artist" else "The studio's rules forbid the script"
            self.notes.append(who + (f": {reason}" if reason else "."))
        self._emit(ProposalRejected(number, reason, by))

    def clear(self) -> None:
        """Forget everything: a new conversation begins."""
        for entry in self._entries.values():
            self._decide(entry)
        self._entries.clear()
        self.notes.clear()

    def _open(self, number: int) -> _Entry:
        entry = self._entries.get(number)
        if entry is None or entry.is_decided:
            raise ProposalError("This script was already decided on. Ask again for a new one.")
        return entry

    @staticmethod
    def _decide(entry: _Entry) -> None:
        entry.is_decided = True
        for future in entry.waiting:
            if not future.done():
                future.set_result(None)
        entry.waiting.clear()
