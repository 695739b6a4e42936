"""The proposals of a conversation and what became of each: reviewed, refused, waiting for the artist, run, rejected.

Nothing here runs a proposal by itself but what the artist has agreed to, once or for this conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.fixing import failure
from nuke_ai_panel.agent.session_events import ProposalApplied, ProposalRejected, ProposalReviewed, SessionEvent
from nuke_ai_panel.errors import NukeAIPanelError, ProposalError
from nuke_ai_panel.hosts.base import Host, RunResult
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.applying import Applied, apply
from nuke_ai_panel.scripting.consent import Consents
from nuke_ai_panel.scripting.interrupting import StopSwitch
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import review

__all__ = ["Proposals", "Scope"]

#: How far the artist's yes goes.
Scope = Literal["once", "conversation"]
_NEVER = "You have said that this is not to be done in this conversation."
#: Seconds that a script may run, where the studio does not say.
_DEADLINE = 300.0


@dataclass
class _Entry:
    review: Review
    is_decided: bool = False
    waiting: list[asyncio.Future[Decision]] = field(default_factory=list)


class Proposals:
    """Every proposal by its number, from 1. Main thread only; ``notes`` are what the model is told with the next prompt.

    ``consents`` hold the studio's policy and what the artist has agreed to; ``records`` keep the script before a change, and
    what ran. ``on_tick`` is called on the main thread while a script runs, so that a Stop button can be looked after.
    """

    def __init__(self, host: Host, emit: Callable[[SessionEvent], None], *, records: Records | None = None) -> None:
        self.host = host
        self.notes: list[str] = []
        self.consents = Consents()
        self.records = records
        self.on_tick: Callable[[], None] | None = None
        self._emit = emit
        self._running: StopSwitch | None = None
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
        refusal = self.consents.policy.refusal(found)
        if refusal:
            self.reject(number, refusal, by="studio")
        elif found.can_run and self.consents.answer(found) == "refuse":
            self.reject(number, _NEVER)
        return number, found

    def follow_consent(self, number: int) -> None:
        """Run a proposal that the artist has agreed to beforehand, outside of any task; leave every other one alone."""
        found = self.find(number)
        if self.is_open(number) and found.diff and self.consents.answer(found) == "run":
            asyncio.get_running_loop().call_soon(self._run_agreed, number)

    def _run_agreed(self, number: int) -> None:
        if self.is_open(number):
            try:
                self.apply(number)
            except NukeAIPanelError as error:
                self.reject(number, str(error), by="model")

    async def decide(self, proposal: ScriptProposal, is_wanted: Callable[[], bool]) -> Decision:
        """Review a proposal of a model at work, and return what was decided on it.

        What fails its check goes back to the model at once; what only reads is answered from the copy; everything else waits
        for the artist. Cancelling withdraws the proposal.
        """
        reviewed = await self.review(proposal, is_wanted)
        if reviewed is None:
            return Decision(reason="A new conversation was begun.", stop=True)
        number, found = reviewed
        if not self.is_open(number):
            refusal = self.consents.policy.refusal(found)
            return Decision(reason=refusal or _NEVER, by="studio" if refusal else "artist")
        if not found.is_sound:
            self.reject(number, "It did not pass its check, and the model was told.", by="model")
            return Decision(reason=failure(found), by="check")
        if _only_reads(found):
            self.reject(number, "It only reads: the model was given what it printed on a copy.", by="model")
            return Decision(_as_read(found))
        entry = self._entries[number]
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        entry.waiting.append(future)
        self.follow_consent(number)
        try:
            return await future
        except asyncio.CancelledError:
            if self.is_open(number):
                self.reject(number, "The answer was stopped.", by="model")
            raise

    def apply(self, number: int, scope: Scope = "once") -> Applied:
        """Run a reviewed proposal as one undo step, because the artist said so. Main thread, outside any task.

        Raises:
            ProposalError: it was decided on already.
            HostError: the host cannot be read or does not run scripts; nothing has run.
        """
        entry = self._open(number)
        refusal = self.consents.policy.refusal(entry.review)
        if refusal:
            raise ProposalError(refusal)
        if self._running is not None:
            raise ProposalError("Another script is running. Wait for its end, or stop it.")
        self._running = StopSwitch()
        try:
            applied = apply(
                entry.review.proposal,
                self.host,
                review=entry.review,
                records=self.records,
                stop=self._running,
                deadline=self.consents.policy.deadline or _DEADLINE,
                on_tick=self.on_tick,
            )
        finally:
            self._running = None
        if applied.result.ok:
            self.consents.remember(entry.review, scope)
        if applied.result.ok:
            entry.is_decided = True
            self.notes.append(f"The artist ran the script: {applied.diff.summary()}.")
        else:
            last = applied.result.error.strip().splitlines()[-1]
            self.notes.append(f"The artist ran the script; it failed and was rolled back: {last}")
        self._emit(ProposalApplied(number, applied))
        _tell(entry, Decision(applied))
        return applied

    def stop_running(self) -> bool:
        """End the script that runs now; False when none does. May be called while it runs, from ``on_tick``."""
        if self._running is None:
            return False
        self._running.press()
        return True

    def reject(
        self,
        number: int,
        reason: str = "",
        *,
        by: Literal["artist", "studio", "model", "edit"] = "artist",
        never: bool = False,
    ) -> None:
        """Do not run a proposal; `reason` reaches the model with the next prompt.

        With `never` the like of it is turned down by itself for the rest of the conversation.
        """
        entry = self._open(number)
        entry.is_decided = True
        if never:
            self.consents.remember(entry.review, "never")
        if by in ("artist", "studio"):
            who = "The artist rejected the script" if by == "artist" else "The studio's rules forbid the script"
            self.notes.append(who + (f": {reason}" if reason else "."))
        self._emit(ProposalRejected(number, reason, by))
        _tell(entry, Decision(reason=reason, by="studio" if by == "studio" else "artist"))

    def clear(self) -> None:
        """Forget everything: a new conversation begins."""
        for entry in self._entries.values():
            entry.is_decided = True
            _tell(entry, Decision(reason="A new conversation was begun.", stop=True))
        self._entries.clear()
        self.notes.clear()
        self.consents.clear()

    def _open(self, number: int) -> _Entry:
        entry = self._entries.get(number)
        if entry is None or entry.is_decided:
            raise ProposalError("This script was already decided on. Ask again for a new one.")
        return entry


def _tell(entry: _Entry, decision: Decision) -> None:
    for future in entry.waiting:
        if not future.done():
            future.set_result(decision)
    entry.waiting.clear()


def _only_reads(found: Review) -> bool:
    """Whether the copy was left as it was, and the code has no effect that a copy would not show."""
    return found.diff is not None and not found.diff and not any(effect.is_warning for effect in found.effects)


def _as_read(found: Review) -> Applied:
    """Return what a script that only reads came to: its output on the copy is what it would print in the host."""
    return Applied(RunResult(found.output), GraphDiff())
