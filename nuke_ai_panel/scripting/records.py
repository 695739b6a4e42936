"""What is kept of what runs: a checkpoint before the first change of a turn, and a line in the log for each run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Union

from nuke_ai_panel.scripting.checkpoints import CheckpointStore
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.run_log import RunLog

__all__ = ["Records", "without_records"]


class Records:
    """The records of one conversation. ``checkpoints`` and ``log`` are None where none are kept."""

    def __init__(
        self, conversation: str, *, checkpoints: Optional[CheckpointStore] = None, log: Optional[RunLog] = None
    ) -> None:
        self.conversation = conversation
        self.checkpoints = checkpoints
        self.log = log
        self.turn = 0
        self._checkpoint = ""

    @classmethod
    def in_folder(cls, folder: Union[str, os.PathLike[str]], conversation: str) -> Records:
        """Return records below a folder: ``checkpoints/`` and ``runs.jsonl``."""
        place = Path(folder)
        return cls(conversation, checkpoints=CheckpointStore(place / "checkpoints"), log=RunLog(place / "runs.jsonl"))

    def begin_turn(self) -> None:
        """A message of the artist begins a turn: the next change is preceded by a checkpoint."""
        self.turn += 1
        self._checkpoint = ""

    def before_change(self, snapshot: bytes, *, title: str, script_name: str) -> str:
        """Keep the script before the first change of this turn; return the checkpoint's id, "" where none are kept.

        Raises:
            CheckpointError: it cannot be kept.
        """
        if self.checkpoints is None:
            return ""
        if not self._checkpoint:
            taken = self.checkpoints.take(
                snapshot, conversation=self.conversation, turn=self.turn, title=title, script_name=script_name
            )
            self._checkpoint = taken.id
        return self._checkpoint

    def began(self, proposal: ScriptProposal, *, script_name: str, checkpoint: str) -> str:
        """Write that a proposal is about to run. Raises: CheckpointError."""
        return self.log.began(proposal, script_name=script_name, checkpoint=checkpoint) if self.log is not None else ""

    def ended(self, run: str, *, outcome: str, summary: str = "", error: str = "", seconds: float = 0.0) -> None:
        """Write what came of it."""
        if self.log is not None and run:
            self.log.ended(run, outcome=outcome, summary=summary, error=error, seconds=seconds)

    def compared(self, run: str, *, outcome: str, summary: str) -> None:
        """Write what it has changed, where that was found out only after its end. Any thread."""
        if self.log is not None and run:
            self.log.compared(run, outcome=outcome, summary=summary)


def without_records(records: Records) -> Records:
    """Return records that keep nothing, for a run that the artist wants although nothing can be kept."""
    made = Records(records.conversation)
    made.turn = records.turn
    return made
