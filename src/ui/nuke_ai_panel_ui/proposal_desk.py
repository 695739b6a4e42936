"""What the artist does with proposals: run, undo, reject, edit, have them mended, insert, save. Main thread, from Qt slots."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.scripting.comparing import compare, difference, is_quick
from nuke_ai_panel.scripting.finding import find_proposals
from nuke_ai_panel.scripting.proposal import ProposalKind, ScriptProposal
from nuke_ai_panel_ui import script_editor
from nuke_ai_panel_ui.conversation import ConversationRecord, ProposalRecord
from nuke_ai_panel_ui.qt import QtCore, QtWidgets, Signal
from nuke_ai_panel_ui.running_window import RunningWindow
from nuke_ai_panel_ui.saving import Saver

if TYPE_CHECKING:
    from nuke_ai_panel.agent.proposals import Scope
    from nuke_ai_panel.agent.session import ChatSession
    from nuke_ai_panel.nk.graph_diff import GraphDiff
    from nuke_ai_panel.scripting.checkpoints import Checkpoint
    from nuke_ai_panel_ui.host_loop import HostLoop

__all__ = ["ProposalDesk"]

_KINDS: dict[str, ProposalKind] = {
    "tcl": "tcl",
    "nk": "nk",
    "nuke": "nk",
    "gizmo": "gizmo",
    "blink": "blink",
    "blinkscript": "blink",
    "expression": "expression",
    "expr": "expression",
}


class ProposalDesk(QtCore.QObject):
    """Carries out the buttons of the review cards on one session and its record.

    ``changed`` names a proposal whose record changed, ``host_changed`` says that the script did, ``notice`` is one sentence to
    show for a moment. `begin` starts a coroutine that asks the model, so that it can be stopped like any answer.
    """

    changed = Signal(int)
    host_changed = Signal()
    notice = Signal(str)

    def __init__(
        self,
        session: Callable[[], ChatSession],
        record: ConversationRecord,
        *,
        begin: Callable[[Coroutine[Any, Any, None]], None],
        check: Callable[[Coroutine[Any, Any, None]], None],
        undo_hint: Callable[[], str],
        loop: Callable[[], HostLoop],
    ) -> None:
        super().__init__()
        self._session = session
        self._record = record
        self._begin = begin
        self._check = check
        self._undo_hint = undo_hint
        self._loop = loop
        self._saver: Saver | None = None

    def propose(self, code: str, language: str = "") -> None:
        """Check a block of the transcript that the artist wants to run; its review card follows.

        What kind of work it is, is found out as in an answer; a block that looks like none is what its language says.
        """
        title = "AI: from the conversation"
        fence = "`" * (3 + code.count("```"))
        found = find_proposals(f"{fence}{language}\n{code}\n{fence}\n", title=title)
        text = code if code.endswith("\n") else code + "\n"
        self.check(found[0] if found else ScriptProposal(_KINDS.get(language.lower(), "python"), text, title))

    def check(self, proposal: ScriptProposal) -> None:
        """Check a proposal that did not come from the model, such as a saved tool; its review card follows."""
        self._check(self._session().propose(proposal))

    def revise(self, proposal_id: int, code: str) -> None:
        """Check a proposal anew with the code as it was edited; its card takes the place of the former one."""
        self._check(self._session().revise(proposal_id, code))

    def fix(self, proposal_id: int) -> None:
        """Have the model mend a proposal that failed."""
        if self._session().is_busy:
            self.notice.emit("An answer is still on its way. Wait for it, or press Esc to stop it.")
            return
        self._begin(self._session().fix(proposal_id, self._record.proposals[proposal_id].applied))

    def save(self, proposal_id: int, form: str, code: str) -> None:
        """Save a proposal with its code as it stands in the card, as a file or as a tool of the menu."""
        loop = self._loop()
        if self._saver is None:
            self._saver = Saver(loop.spawn, self.notice.emit, lambda work: loop.run_in_executor(None, work))
        proposal = dataclasses.replace(self._record.proposals[proposal_id].review.proposal, code=code)
        self._saver.save(proposal, form, self._window())

    def insert(self, code: str) -> None:
        """Put code into Nuke's Script Editor, without running it."""
        if not script_editor.insert(code):
            self.notice.emit("No Script Editor is open. Open one from Nuke's pane menu, then press Insert again.")

    def apply(self, proposal_id: int, scope: Scope = "once") -> None:
        """Run a reviewed proposal in the host; its record tells what came of it.

        What it changed in a large script is found out off the main thread, and told with a later event.
        """
        record = self._record.proposals[proposal_id]
        session = self._session()
        title = record.review.proposal.title.replace("AI: ", "") or "The script"
        window = RunningWindow(f"Running: {title}", session.proposals.stop_running, self._window())
        session.proposals.on_tick = window.tick
        try:
            loop = self._loop()
            with loop.held():
                session.run(proposal_id, scope, loop=loop)
        except NukeAIPanelError as error:
            record.note = str(error)
            self.changed.emit(proposal_id)
        finally:
            session.proposals.on_tick = None
            window.end()
        self.host_changed.emit()

    @staticmethod
    def _window() -> QtWidgets.QWidget | None:
        return QtWidgets.QApplication.activeWindow()

    async def checkpoints(self, newest: int) -> list[Checkpoint]:
        """Return at most that many states of the script that can be restored, the newest first; a worker reads them."""
        records = self._session().proposals.records
        if records is None or records.checkpoints is None:
            return []
        store, conversation = records.checkpoints, records.conversation
        try:
            return (await self._loop().run_in_executor(None, lambda: store.of(conversation, newest=newest)))[::-1]
        except (NukeAIPanelError, OSError) as error:
            self.notice.emit(f"The checkpoints cannot be read: {error}")
            return []

    def restore(self, checkpoint_id: str) -> None:
        """Bring the script back to a checkpoint, as one undo step."""
        try:
            result = self._session().restore(checkpoint_id)
            said = (
                "The script is back at that state. Undo takes this back."
                if result.ok
                else result.error.strip().splitlines()[-1]
            )
        except NukeAIPanelError as error:
            said = str(error)
        self.notice.emit(said)
        self.host_changed.emit()

    def undo(self, proposal_id: int) -> None:
        """Take back what a proposal did, provided it is still the last thing that was done to the script.

        Where the script reads as the run has left it, that is done at once. Else it may differ by no more than what is
        selected: a large script is compared off the main thread, and taken back where it is still the same by then.
        """
        record = self._record.proposals[proposal_id]
        if record.state == "applied" and not record.is_undoing:
            self._undo(record, None)

    def _undo(self, record: ProposalRecord, same: bytes | None) -> None:
        """Undo a run, or have the script compared first; `same` is one that was found to be as the run has left it."""
        host = self._session().host
        try:
            if not record.after:
                record.note = f"What the script was like after this ran is not known any more. {self._undo_hint()}"
            else:
                now = host.snapshot()
                is_known = now in (record.after, same)
                if not is_known and not is_quick(record.after, now):
                    self._begin_look(record, now)
                    return
                if is_known or not difference(record.after, now):
                    self._take_back(record)
                else:
                    record.note = self._was_changed()
        except NukeAIPanelError as error:
            record.note = str(error)
        self.changed.emit(record.proposal_id)
        self.host_changed.emit()

    def _was_changed(self) -> str:
        return f"The script was changed after this ran. {self._undo_hint()}"

    def _take_back(self, record: ProposalRecord) -> None:
        if not self._session().host.undo():
            record.note = "The host has nothing to take back."
            return
        self._record.taken_back(record)
        # The run before it is the last one again.
        applied = [each for each in self._record.proposals.values() if each.state == "applied"]
        if applied and applied[-1].note:
            applied[-1].note = ""
            self.changed.emit(applied[-1].proposal_id)

    def _begin_look(self, record: ProposalRecord, now: bytes) -> None:
        record.note, record.is_undoing = "", True
        loop = self._loop()
        looking = loop.spawn(compare(record.after, now))
        # Not in the task: what the host does then may run an event loop of its own.
        looking.add_done_callback(lambda task: self._looked(record, now, task))
        self.changed.emit(record.proposal_id)

    def _looked(self, record: ProposalRecord, now: bytes, task: asyncio.Task[GraphDiff]) -> None:
        """Undo what was only compared so far, unless a new conversation was begun meanwhile, or the panel is closing."""
        record.is_undoing = False
        if task.cancelled() or self._record.proposals.get(record.proposal_id) is not record or record.state != "applied":
            return
        error = task.exception()
        if error is None and not task.result():
            self._undo(record, now)
            return
        if error is None:
            record.note = self._was_changed()
        else:
            record.note = (
                str(error) if isinstance(error, NukeAIPanelError) else "The panel itself failed. The log holds the details."
            )
        self.changed.emit(record.proposal_id)

    def reject(self, proposal_id: int, reason: str = "", never: bool = False) -> None:
        """Do not run a proposal, and with `never` nothing like it in this conversation; the model is told."""
        try:
            self._session().reject(proposal_id, reason, never=never)
        except NukeAIPanelError as error:
            self._record.proposals[proposal_id].note = str(error)
        self.changed.emit(proposal_id)
