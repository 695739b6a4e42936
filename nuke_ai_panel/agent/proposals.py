"""The proposals of a conversation and what became of each: reviewed, refused, waiting for the artist, run, rejected.

Nothing here runs a proposal by itself but what the artist has agreed to, once or for this conversation.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from nuke_ai_panel.agent.decision import Decision
from nuke_ai_panel.agent.fixing import failure
from nuke_ai_panel.agent.session_events import (
    NoticeArrived,
    ProposalApplied,
    ProposalCompared,
    ProposalRejected,
    ProposalReviewed,
    SessionEvent,
)
from nuke_ai_panel.agent.tools.marking import marked, neutral, neutral_lines
from nuke_ai_panel.errors import NukeAIPanelError, ProposalError
from nuke_ai_panel.hosts.base import Host, RunResult
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.applying import Applied, Ran, compare_run, run
from nuke_ai_panel.scripting.checkpoints import Checkpoint
from nuke_ai_panel.scripting.comparing import AT_ONCE
from nuke_ai_panel.scripting.consent import Consents
from nuke_ai_panel.scripting.interrupting import StopSwitch
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import review

__all__ = ["Proposals", "Scope", "last_line"]

_log = logging.getLogger(__name__)

#: How far the artist's yes goes.
Scope = Literal["once", "conversation"]
_NEVER = "You have said that this is not to be done in this conversation."
#: Seconds that a script may run, where the studio does not say.
_DEADLINE = 300.0


@dataclass
class _Entry:
    review: Review
    is_decided: bool = False
    was_edited: bool = False
    waiting: list[asyncio.Future[Decision]] = field(default_factory=list)
    comparing: asyncio.Task[None] | None = None


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
        self._comparing: set[asyncio.Task[None]] = set()
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
        if not is_wanted():
            return None
        refusal = self.consents.policy.refusal(found)
        if not self.is_open(number):
            return number, found
        if refusal:
            self.reject(number, refusal, by="studio")
        elif found.can_run and self.consents.answer(found) == "refuse":
            self.reject(number, _NEVER)
        return number, found

    def follow_consent(self, number: int) -> None:
        """Run a proposal that the artist has agreed to beforehand, outside of any task; leave every other one alone."""
        found = self.find(number)
        if self.is_open(number) and found.diff and self.consents.answer(found) == "run":
            loop = asyncio.get_running_loop()
            loop.call_soon(self._run_agreed, number, loop)

    def _run_agreed(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        if not self.is_open(number):
            return
        try:
            self.run(number, loop=loop)
        except Exception as error:  # noqa: BLE001 - nobody waits for this call; the card stays, and the artist decides
            if not isinstance(error, NukeAIPanelError):
                _log.exception("A proposal could not be run")
            said = str(error) if isinstance(error, NukeAIPanelError) else "The panel itself failed; the log holds the details."
            self._emit(NoticeArrived("not_run", f"It was not run by itself: {said}"))

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
            elif future.done() and not future.cancelled() and is_wanted():
                # It was decided in the very moment in which the work was stopped: the model has not heard of it.
                self._note(future.result())
            raise

    async def revise(self, number: int, code: str, is_wanted: Callable[[], bool]) -> None:
        """Review a proposal anew with `code`, as the artist has edited it.

        It takes the place of the former one, also for a model that waits for the decision.

        Raises:
            ProposalError: there is no such proposal in this conversation.
        """
        proposal = replace(self.find(number).proposal, code=code, doubt="")
        former = self._entries[number]
        waiting, former.waiting = former.waiting, []
        edited: _Entry | None = None
        try:
            if self.is_open(number):
                self.reject(number, "Your edited one follows.", by="edit")
            reviewed = await self.review(proposal, is_wanted)
            if reviewed is None:
                return
            edited = self._entries[reviewed[0]]
            edited.was_edited = True
            if not edited.is_decided:
                edited.waiting, waiting = waiting, []
                self.follow_consent(reviewed[0])
        finally:
            refusal = self.consents.policy.refusal(edited.review) if edited is not None else ""
            _tell(waiting, Decision(reason=refusal or "The artist took it back.", by="studio" if refusal else "artist"))

    def apply(self, number: int, scope: Scope = "once") -> Applied:
        """Run a reviewed proposal as one undo step, because the artist said so. Main thread, outside any task.

        What it changed is found out before this returns, however large the script is; :meth:`run` does not wait for that.

        Raises:
            ProposalError: it was decided on already, cannot be run, or another script is running.
            HostError: the host cannot be read or does not run scripts; nothing has run.
        """
        entry, ran = self._run(number, scope, at_once=math.inf)
        if self._is_here(number, entry):
            self._emit(ProposalApplied(number, ran.applied))
        self._tell_of(number, entry, ran.applied)
        return ran.applied

    def run(self, number: int, scope: Scope = "once", *, loop: asyncio.AbstractEventLoop) -> Applied:
        """Run a reviewed proposal as :meth:`apply` does, without comparing a large script on this thread.

        Where ``is_compared`` is false in what it returns, a task of `loop` finds out the rest: a ``ProposalCompared`` event
        follows, and only then a model that waits is told. The next prompt waits for it too.

        Raises: as :meth:`apply`.
        """
        entry, ran = self._run(number, scope, at_once=AT_ONCE)
        if self._is_here(number, entry):
            self._emit(ProposalApplied(number, ran.applied))
        if not ran.applied.is_compared:
            # Also for a conversation that has ended meanwhile: the log wants to know what was changed.
            task = loop.create_task(self._compare(number, entry, ran))
            self._comparing.add(task)
            task.add_done_callback(self._comparing.discard)
            entry.comparing = task
        else:
            self._tell_of(number, entry, ran.applied)
        return ran.applied

    def _run(self, number: int, scope: Scope, *, at_once: float) -> tuple[_Entry, Ran]:
        entry = self._open(number)
        refusal = self.consents.policy.refusal(entry.review)
        if refusal:
            raise ProposalError(refusal)
        if not entry.review.can_run:
            raise ProposalError(entry.review.summary())
        if self._running is not None:
            raise ProposalError("Another script is running. Wait for its end, or stop it.")
        self._running = StopSwitch()
        # While it runs nobody else decides on it.
        entry.is_decided = True
        went_in = False
        try:
            ran = run(
                entry.review.proposal,
                self.host,
                review=entry.review,
                records=self.records,
                stop=self._running,
                deadline=self.consents.policy.deadline or _DEADLINE,
                on_tick=self.on_tick,
                at_once=at_once,
            )
            went_in = ran.applied.result.ok
        finally:
            self._running = None
            entry.is_decided = went_in or not self._is_here(number, entry)
        if went_in and self._is_here(number, entry):
            self.consents.remember(entry.review, scope)
        return entry, ran

    def _is_here(self, number: int, entry: _Entry) -> bool:
        """Whether the conversation is still that of the proposal: a new one takes over no consent and no news of it."""
        return self._entries.get(number) is entry

    def _tell_of(self, number: int, entry: _Entry, applied: Applied) -> None:
        """Tell the model what came of a run; not where a listener has begun a new conversation in the moment before."""
        if not self._is_here(number, entry):
            return
        edited = "The artist has edited the code before it ran." if entry.was_edited and applied.result.ok else ""
        self._decided(entry, Decision(applied, edited))

    async def _compare(self, number: int, entry: _Entry, ran: Ran) -> None:
        try:
            applied = await compare_run(ran)
        except Exception:  # noqa: BLE001 - the top of a task; a model may wait for what it finds
            _log.exception("What a script changed could not be found out")
            unknown = "What it changed cannot be shown: the panel itself failed; the log holds the details."
            applied = replace(ran.applied, unknown=unknown, is_compared=True)
        if self._is_here(number, entry):
            self._emit(ProposalCompared(number, applied))
        self._tell_of(number, entry, applied)

    @property
    def comparing(self) -> frozenset[asyncio.Task[None]]:
        """The tasks that find out what a run has changed; whoever ends the session cancels them."""
        return frozenset(self._comparing)

    async def settle(self) -> None:
        """Wait until it is known what each run of this conversation has changed, so that ``notes`` are complete."""
        tasks = self._comparing & {each.comparing for each in self._entries.values()}
        if tasks:
            await asyncio.wait(tasks)

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
        self._emit(ProposalRejected(number, reason, by))
        decision = Decision(reason=reason, by="studio" if by == "studio" else "artist")
        if by in ("artist", "studio"):
            self._decided(entry, decision)
        else:
            _tell(entry.waiting, decision)

    def _decided(self, entry: _Entry, decision: Decision) -> None:
        """Tell the model what was decided: as the answer to its call where it waits, else with the next prompt."""
        if not _tell(entry.waiting, decision):
            self._note(decision)

    def _note(self, decision: Decision) -> None:
        applied, reason = decision.applied, neutral(decision.reason)
        if applied is None:
            who = "The studio's rules forbid the script" if decision.by == "studio" else "The artist rejected the script"
            self.notes.append(f"{who}: {reason}" if reason else f"{who}.")
        elif applied.result.ok:
            changed = neutral(applied.unknown).rstrip(".") or applied.diff.summary()
            self.notes.append(f"The artist ran the script: {changed}.")
        else:
            # An error may say what a label says.
            said = marked(neutral_lines(last_line(applied.result.error), 400))
            self.notes.append(f"The artist ran the script; it failed and was rolled back:\n{said}")

    # records

    def checkpoints(self) -> list[Checkpoint]:
        """Return the scripts that were kept in this conversation before changes, the oldest first. Reads files."""
        records = self.records
        if records is None or records.checkpoints is None:
            return []
        return records.checkpoints.of(records.conversation)

    def restore(self, checkpoint_id: str) -> RunResult:
        """Bring the script back to a checkpoint, as one undo step. Main thread, outside any task.

        Raises:
            ProposalError: no such checkpoint, it cannot be read, or a script is running.
            HostError: the host refuses.
        """
        records = self.records
        if records is None or records.checkpoints is None:
            raise ProposalError("No checkpoints are kept in this conversation.")
        if self._running is not None:
            raise ProposalError("A script is running. Wait for its end, or stop it.")
        kept = records.checkpoints.find(checkpoint_id)
        result = self.host.restore(records.checkpoints.read(checkpoint_id), title=f"AI: back to before {kept.title}")
        if result.ok:
            self.notes.append("The artist brought the script back to an earlier state.")
        return result

    def clear(self) -> None:
        """Forget everything: a new conversation begins."""
        for entry in self._entries.values():
            entry.is_decided = True
            _tell(entry.waiting, Decision(reason="A new conversation was begun.", stop=True))
        self._entries.clear()
        self.notes.clear()
        self.consents.clear()

    def _open(self, number: int) -> _Entry:
        entry = self._entries.get(number)
        if entry is None or entry.is_decided:
            raise ProposalError("This script was already decided on. Ask again for a new one.")
        return entry


def _tell(waiting: list[asyncio.Future[Decision]], decision: Decision) -> bool:
    """Tell those who wait; return whether there was one."""
    told = [future for future in waiting if not future.done()]
    for future in told:
        future.set_result(decision)
    waiting.clear()
    return bool(told)


def last_line(error: str) -> str:
    """Return the line of a traceback that says what happened, "" where there is none."""
    return next(iter(error.strip().splitlines()[-1:]), "")


def _only_reads(found: Review) -> bool:
    """Whether the copy was left as it was, and the code has no effect that a copy would not show."""
    beyond = any(effect.is_warning or effect.kind == "changes the selection" for effect in found.effects)
    return found.diff is not None and not found.diff and not beyond


def _as_read(found: Review) -> Applied:
    """Return what a script that only reads came to: its output on the copy is what it would print in the host."""
    return Applied(RunResult("\n".join([found.output.rstrip("\n"), *found.notes])), GraphDiff())
