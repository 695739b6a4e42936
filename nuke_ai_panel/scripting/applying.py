"""Running an agreed proposal in the host as one undo step, and saying what it really changed."""

from __future__ import annotations

from dataclasses import dataclass

from nuke_ai_panel.hosts.base import RunResult
from nuke_ai_panel.nk.graph_diff import GraphDiff

__all__ = ["Applied"]


@dataclass(frozen=True)
class Applied:
    """What running did: output or traceback, and the real difference (empty after an error, which rolls back)."""

    result: RunResult
    diff: GraphDiff
