"""What the command line shows: text as it arrives for a person, or one JSON object at the end for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from nuke_ai_panel.agent.session_events import (
    AnswerCancelled,
    AnswerFailed,
    AnswerFinished,
    AnswerStarted,
    ModelIsLoading,
    NoticeArrived,
    ProposalReviewed,
    SessionEvent,
    TextArrived,
)
from nuke_ai_panel.errors import APIError, NukeAIPanelError
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
            self.note(event.text)
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
            self.write("\n".join(_review_lines(event.review)) + "\n")

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


def _review_lines(review: Review) -> list[str]:
    lines = ["", f"Proposal: {review.summary()}"]
    lines += [f"  Problem: {problem}" for problem in review.problems]
    lines += [f"  Note: {warning}" for warning in review.warnings]
    if review.diff is not None:
        lines += [f"  {line}" for line in review.diff.lines()]
    if review.output:
        lines += ["  Output of the dry run:", *(f"    {line}" for line in review.output.splitlines())]
    return lines


def review_as_json(review: Review) -> dict[str, Any]:
    """Return a review as JSON values; ``diff`` is a list of readable lines, or null where it could not be known."""
    return {
        "code": review.proposal.code,
        "summary": review.summary(),
        "problems": list(review.problems),
        "warnings": list(review.warnings),
        "diff": None if review.diff is None else review.diff.lines(),
        "output": review.output,
        "error": review.error,
    }


def error_as_json(error: NukeAIPanelError) -> dict[str, Any]:
    """Return an error as JSON values: what went wrong, a stable word for it, and what to do next."""
    if isinstance(error, APIError):
        return {"kind": error.kind, "message": error.message, "next_step": error.next_step, "partial_text": error.partial_text}
    return {"kind": type(error).__name__, "message": str(error), "next_step": "", "partial_text": ""}
