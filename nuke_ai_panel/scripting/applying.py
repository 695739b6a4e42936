"""Running an agreed proposal in the host as one undo step, and saying what it really changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nuke_ai_panel import nk
from nuke_ai_panel.errors import HostError, NkError
from nuke_ai_panel.hosts.base import ReadsGraph, RunResult, RunsScripts
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.proposal import ScriptProposal

__all__ = ["Applied", "apply"]


@dataclass(frozen=True)
class Applied:
    """What running did: output or traceback, and the real difference.

    After an error the host has rolled back and ``diff`` is empty; if it is not, that is what stayed behind. ``unknown`` says
    why the difference could not be found out, "" when it could. ``deviation`` tells in words where the real difference is not
    that of the dry run, "" where it is. ``checkpoint`` names the snapshot taken before the run, "" when none was taken.
    ``was_stopped`` says that the artist or the deadline ended the run.
    """

    result: RunResult
    diff: GraphDiff
    unknown: str = ""
    deviation: str = ""
    checkpoint: str = ""
    was_stopped: bool = False


class _Runs(ReadsGraph, RunsScripts, Protocol):
    """What applying needs of a host."""


def apply(proposal: ScriptProposal, host: _Runs) -> Applied:
    """Run `proposal` in `host` as one undo step, because the artist has agreed. Main thread; blocks while the script runs.

    Raises:
        HostError: the host cannot be read or does not run scripts; nothing has run.
    """
    before = host.snapshot()
    result = host.run_python(proposal.code, title=proposal.title or "AI script")
    try:
        after = host.snapshot()
        diff = GraphDiff() if after == before else nk.diff(nk.loads(before), nk.loads(after))
    except (NkError, HostError) as error:
        return Applied(result, GraphDiff(), f"What it changed cannot be shown: {error}")
    return Applied(result, diff)
