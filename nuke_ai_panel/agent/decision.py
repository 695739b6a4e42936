"""What became of a proposal that a tool call made: the artist's or the studio's decision, and what running it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nuke_ai_panel.scripting.applying import Applied

__all__ = ["Decision"]


@dataclass(frozen=True)
class Decision:
    """The answer to one proposal.

    ``applied`` is what running it did, None where it was not run; ``reason`` then says why, in the words of whoever refused,
    or of the host or the check that found it impossible; theirs may hold text of the script, and is marked as such. Where it
    was run, ``reason`` says what is to be known about that, "" for nothing.
    ``applied.result`` may still be an error: the artist agreed, and the script failed. ``stop`` ends the work of the tools.
    """

    applied: Applied | None = None
    reason: str = ""
    by: Literal["artist", "studio", "host", "check"] = "artist"
    stop: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether somebody agreed, and the script was run."""
        return self.applied is not None

    @property
    def went_in(self) -> bool:
        """Whether the change is in the script now."""
        return self.applied is not None and self.applied.result.ok
