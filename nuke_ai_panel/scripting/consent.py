"""What the artist has agreed to: once, for a conversation, or never."""

from __future__ import annotations

from typing import Literal

from nuke_ai_panel.scripting.effects import SHOWN_BY_THE_DIFF
from nuke_ai_panel.scripting.policy import Policy, only_reads, reach
from nuke_ai_panel.scripting.review import Review

__all__ = ["Answer", "Consents", "Decision"]

Decision = Literal["once", "conversation", "never"]
Answer = Literal["ask", "run", "refuse"]

#: What nobody can agree to beforehand, because the next time it may be anything.
_ALWAYS_ASKED = frozenset({"runs hidden code", "exits", "replaces the script", "may not end"})


class Consents:
    """The decisions of one conversation. They are kept in memory only; a new conversation begins with none."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self._allowed: set[tuple[str, frozenset[str]]] = set()
        self._refused: set[tuple[str, frozenset[str]]] = set()

    def answer(self, review: Review) -> Answer:
        """Return whether a proposal may run now, has to be asked for, or is refused.

        Consent for a conversation holds for proposals of the same kind that reach no further than the one it was given to:
        not to deleting, rendering, files, processes or the network where that one did not. What is doubtful, failed on the
        copy or could not be tried is asked for each time. Work that only reads needs no consent unless the studio wants it.
        """
        if self.policy.refusal(review) or not review.can_run:
            return "refuse"
        kind, reached = review.proposal.kind, reach(review)
        if any(kind == other and beyond <= reached for other, beyond in self._refused):
            return "refuse"
        if self.policy.always_ask or not review.is_sound:
            return "ask"
        if only_reads(review):
            return "run"
        if not self.can_be_remembered(review):
            return "ask"
        if any(kind == other and reached - SHOWN_BY_THE_DIFF <= agreed for other, agreed in self._allowed):
            return "run"
        return "ask"

    def can_be_remembered(self, review: Review) -> bool:
        """Return whether consent for the whole conversation may be offered for a proposal."""
        if self.policy.always_ask or not self.policy.allow_for_conversation:
            return False
        return review.is_sound and review.diff is not None and not reach(review) & _ALWAYS_ASKED

    def remember(self, review: Review, decision: Decision) -> None:
        """Keep a decision; ``once`` leaves nothing behind, and what may not be remembered is not."""
        if decision == "conversation" and self.can_be_remembered(review):
            self._allowed.add((review.proposal.kind, reach(review) - SHOWN_BY_THE_DIFF))
        elif decision == "never":
            self._refused.add((review.proposal.kind, reach(review)))

    def clear(self) -> None:
        """Forget all decisions: a new conversation begins."""
        self._allowed.clear()
        self._refused.clear()
