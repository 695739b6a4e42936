"""What a conversation looked like, kept apart from any widget, so that a panel that is built anew shows it again."""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from nuke_ai_panel.agent.session_events import (
    CheckResumed,
    CheckStopped,
    PromptAdded,
    ProposalApplied,
    ProposalCompared,
    ProposalRejected,
    ProposalReviewed,
    ReasoningArrived,
    SessionCleared,
    SessionEvent,
    TextArrived,
)
from nuke_ai_panel.scripting.applying import Applied
from nuke_ai_panel.scripting.review import Review

__all__ = ["ConversationRecord", "Entry", "ProposalRecord", "ProposalState"]

ProposalState = Literal["open", "applied", "failed", "undone", "rejected", "replaced", "refused"]
#: Runs whose script is remembered, so that they can be taken back; a large script has a megabyte.
_TAKEN_BACK = 8
_REFUSED: dict[str, ProposalState] = {"artist": "rejected", "studio": "refused", "model": "replaced", "edit": "replaced"}


@dataclass(eq=False)
class ProposalRecord:
    """One proposal and what became of it.

    ``note`` is one sentence for the card, ``reason`` why it was not run; ``after`` is the script right after the run, b"" where
    that is not known any more. ``edited`` is the code as the artist has changed it and not yet had checked. ``is_undoing`` says
    that *Undo* was pressed, and that it is being looked at whether the script was changed since.
    """

    proposal_id: int
    review: Review
    state: ProposalState = "open"
    applied: Applied | None = None
    note: str = ""
    reason: str = ""
    after: bytes = field(default=b"", repr=False)
    edited: str = ""
    is_undoing: bool = False


@dataclass(frozen=True)
class Entry:
    """One event and when it came (local time)."""

    event: SessionEvent
    at: datetime.datetime


class ConversationRecord:
    """Collects the events of one session; pieces of text are joined when they are read, not when they come."""

    def __init__(self, now: Callable[[], datetime.datetime] = datetime.datetime.now) -> None:
        self._now = now
        self._entries: list[tuple[SessionEvent, datetime.datetime, list[str]]] = []
        self.proposals: dict[int, ProposalRecord] = {}
        self._last_runs: deque[ProposalRecord] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def title(self) -> str:
        """The first line of the first prompt, "" before there is one."""
        for event, _, _ in self._entries:
            if isinstance(event, PromptAdded):
                return event.text.strip().splitlines()[0]
        return ""

    def open_in_last_turn(self) -> list[int]:
        """Return the proposals since the last prompt that nobody has decided on."""
        found: list[int] = []
        for event, _, _ in reversed(self._entries):
            if isinstance(event, PromptAdded):
                break
            if isinstance(event, ProposalReviewed) and self.proposals[event.proposal_id].state in ("open", "failed"):
                found.append(event.proposal_id)
        return found[::-1]

    def add(self, event: SessionEvent) -> Entry:
        """Keep `event` and return it with its time."""
        entry = Entry(event, self._now())
        if isinstance(event, SessionCleared):
            self._entries.clear()
            self.proposals.clear()
            self._last_runs.clear()
            return entry
        if isinstance(event, CheckResumed):
            self._entries = [each for each in self._entries if not _is_stop(each[0], event.check_id)]
            return entry
        if isinstance(event, ProposalReviewed):
            self.proposals[event.proposal_id] = ProposalRecord(event.proposal_id, event.review)
        elif isinstance(event, ProposalApplied):
            record = self.proposals[event.proposal_id]
            record.state = "applied" if event.applied.result.ok else "failed"
            record.note = ""
            if record.state == "applied":
                self._remember(record, event.applied.after)
            event = replace(event, applied=_without_script(event.applied))
            record.applied = event.applied
        elif isinstance(event, ProposalCompared):
            event = replace(event, applied=_without_script(event.applied))
            self.proposals[event.proposal_id].applied = event.applied
        elif isinstance(event, ProposalRejected):
            record = self.proposals[event.proposal_id]
            record.state, record.reason, record.note = _REFUSED[event.by], event.reason, ""
        if isinstance(event, (TextArrived, ReasoningArrived)):
            if self._entries and type(self._entries[-1][0]) is type(event):
                self._entries[-1][2].append(event.text)
            else:
                self._entries.append((event, entry.at, [event.text]))
        else:
            self._entries.append((event, entry.at, []))
        return entry

    def taken_back(self, record: ProposalRecord) -> None:
        """Keep that a run was undone."""
        record.state, record.note, record.after = "undone", "", b""
        if record in self._last_runs:
            self._last_runs.remove(record)

    def _remember(self, record: ProposalRecord, after: bytes) -> None:
        record.after = after
        self._last_runs.append(record)
        if len(self._last_runs) > _TAKEN_BACK:
            self._last_runs.popleft().after = b""

    def entries(self) -> Iterator[Entry]:
        """Return everything so far, consecutive pieces of text as one."""
        for event, at, pieces in list(self._entries):
            if isinstance(event, TextArrived):
                yield Entry(TextArrived("".join(pieces)), at)
            elif isinstance(event, ReasoningArrived):
                yield Entry(ReasoningArrived("".join(pieces)), at)
            else:
                yield Entry(event, at)


def _without_script(applied: Applied) -> Applied:
    """Return what came of a run without the script: of those only the last few are kept."""
    return replace(applied, after=b"")


def _is_stop(event: SessionEvent, check_id: int) -> bool:
    return isinstance(event, CheckStopped) and event.check_id == check_id
