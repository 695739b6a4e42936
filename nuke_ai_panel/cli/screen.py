"""What the command line shows: text as it arrives for a person, or one JSON object at the end for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    ModelIsLoading,
    NoticeArrived,
    ProposalRejected,
    ProposalReviewed,
    RoundBegan,
    SessionEvent,
    TextArrived,
)
from nuke_ai_panel.errors import APIError, NukeAIPanelError
from nuke_ai_panel.scripting.kinds import kind_info
from nuke_ai_panel.scripting.review import Review

__all__ = ["Screen", "error_as_json", "review_as_json"]


class Screen:
    """Listens to a session and prints.

    The answer and its proposals go to standard output, everything about the run to standard error, so that an answer can be
    piped. With `as_json` standard output gets nothing but what :meth:`result` is given.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.answer: AnswerFinished | None = None
        self.failure: AnswerFailed | None = None
        self.reviews: dict[int, Review] = {}
        #: Proposals that were decided on without the person at the terminal: by the studio's rules, or by a better one.
        self.rejected: dict[int, ProposalRejected] = {}
        #: Whether whoever read standard output has gone, as ``head`` does.
        self.is_deserted = False
        self._in_answer = False

    def __call__(self, event: SessionEvent) -> None:
        """Take one event of the session."""
        if isinstance(event, AnswerStarted):
            self.note(f"Model: {event.model}")
        elif isinstance(event, ModelIsLoading):
            self.note(f"Still loading the model ({event.seconds:.0f} s)")
        elif isinstance(event, NoticeArrived):
            self.note(f"{event.text} For one run: --set {event.setting}=VALUE." if event.setting else event.text)
        elif isinstance(event, TextArrived):
            self._in_answer = True
            self.write(event.text)
        elif isinstance(event, AnswerFinished):
            self.answer = event
            self._end_answer()
        elif isinstance(event, AnswerFailed):
            self.failure = event
            self._end_answer()
            self.note(str(event.error))
        elif isinstance(event, AnswerCancelled):
            self._end_answer()
        elif isinstance(event, ProposalReviewed):
            self.reviews[event.proposal_id] = event.review
            self.write("\n".join(_review_lines(event.proposal_id, event.review)) + "\n")
        elif isinstance(event, ProposalRejected):
            self.rejected[event.proposal_id] = event
            self.write(f"  Not offered: {event.reason}\n")
        elif isinstance(event, RoundBegan) and event.reason == "fix":
            self.note(f"The model is asked to mend it, round {event.number} of at most {event.limit}: {event.detail}")

    def write(self, text: str) -> None:
        """Show a piece of the outcome to a person, at once."""
        if self.as_json or self.is_deserted:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            self.is_deserted = True

    def note(self, text: str) -> None:
        """Say something about the run."""
        print(text, file=sys.stderr, flush=True)

    def result(self, value: Mapping[str, Any] | list[Any]) -> None:
        """Give a program the outcome."""
        if self.as_json:
            print(json.dumps(value, indent=2), flush=True)

    def _end_answer(self) -> None:
        if self._in_answer:
            self.write("\n")
        self._in_answer = False


def _review_lines(number: int, review: Review) -> list[str]:
    proposal = review.proposal
    aim = f" for {proposal.target}" if proposal.target else ""
    lines = ["", f"Proposal {number} ({kind_info(proposal.kind).words}{aim}): {review.summary()}"]
    if proposal.is_alternative:
        lines.append("  It is another way of what was proposed before.")
    for finding in review.findings:
        if finding.severity in ("fatal", "problem"):
            lines.append(f"  Problem: {finding}")
            lines += [f"    {line}" for line in finding.excerpt.splitlines()]
    lines += [f"  Warning: {warning}" for warning in review.warnings]
    if review.diff is not None:
        lines += [f"  {line}" for line in review.diff.lines()]
    if review.output:
        lines += ["  Output of the dry run:", *(f"    {line}" for line in review.output.splitlines())]
    if review.error:
        lines += ["  Error of the dry run:", *(f"    {line}" for line in review.error.splitlines())]
    return lines


def review_as_json(number: int, review: Review, rejected: ProposalRejected | None = None) -> dict[str, Any]:
    """Return a review as JSON values; ``diff`` is a list of readable lines, or null where it could not be known.

    ``refused`` says why it is not offered: the studio's rules forbid it, or a later one takes its place.
    """
    proposal = review.proposal
    return {
        "number": number,
        "kind": proposal.kind,
        "target": proposal.target,
        "note": proposal.note,
        "is_alternative": proposal.is_alternative,
        "code": proposal.code,
        "summary": review.summary(),
        "can_run": review.can_run,
        "refused": rejected.reason if rejected is not None else "",
        "problems": list(review.problems),
        "warnings": list(review.warnings),
        "findings": [asdict(finding) for finding in review.findings],
        "effects": [str(effect) for effect in review.effects],
        "diff": None if review.diff is None else review.diff.lines(),
        "unknown": review.unknown,
        "output": review.output,
        "error": review.error,
    }


def error_as_json(error: NukeAIPanelError) -> dict[str, Any]:
    """Return an error as JSON values: what went wrong, a stable word for it, and what to do next."""
    if isinstance(error, APIError):
        return {"kind": error.kind, "message": error.message, "next_step": error.next_step, "partial_text": error.partial_text}
    return {"kind": type(error).__name__, "message": str(error), "next_step": "", "partial_text": ""}
