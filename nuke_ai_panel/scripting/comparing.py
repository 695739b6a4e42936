"""What differs between two states of a script, and whether that is what a dry run had shown.

Reading a script of a few thousand nodes twice and comparing it takes longer than a frame, and a thread would hold up the main
thread all the same, by the interpreter lock. So large scripts are compared in a process of their own, the one of a dry run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError, ProposalError
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.dry_run import read_diff
from nuke_ai_panel.scripting.interpreter import find_python
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.trial_request import TrialRequest

__all__ = ["AT_ONCE", "compare", "deviation", "difference", "is_quick"]

#: Bytes of two scripts that are compared in less than half a frame.
AT_ONCE = 32_000

#: Differences from the dry run that are told one by one.
_TOLD = 6


def is_quick(before: bytes, after: bytes, *, at_once: float = AT_ONCE) -> bool:
    """Return whether two scripts can be compared on the main thread: both are small, or they are the same to the byte."""
    return before == after or len(before) + len(after) <= at_once


def difference(before: bytes, after: bytes) -> GraphDiff:
    """Compare two scripts (.nk text) here, in this thread. Raises: NkError."""
    return GraphDiff() if after == before else nk.diff(nk.loads(before), nk.loads(after))


async def compare(before: bytes, after: bytes, *, timeout: float = 60.0, python: Optional[str] = None) -> GraphDiff:
    """Compare two scripts (.nk text) in a process, for at most `timeout` seconds, on any event loop.

    `python` is the interpreter to use, by default one that fits this process. Where no process can do it, a worker thread here
    does. Cancelling ends the process.

    Raises:
        NkError: one of them cannot be read.
        ProposalError: it takes too long.
    """
    if before == after:
        return GraphDiff()
    comparing = TrialRequest({"compare": len(before)}, before + after, timeout)

    def ask() -> GraphDiff:
        # Finding an interpreter starts it.
        interpreter = find_python() if python is None else python
        found = _answer_of(comparing, interpreter, timeout) if interpreter else None
        if comparing.was_ended:
            raise ProposalError("comparing it was stopped")
        return difference(before, after) if found is None else found

    return await comparing.wait_for(ask)


def _answer_of(comparing: TrialRequest, python: str, timeout: float) -> Optional[GraphDiff]:
    """Return what the process says, None where it says nothing that can be used."""
    try:
        with comparing.asked(python) as (trial, frames):
            if not frames:
                if trial.ran_out_of_time:
                    raise ProposalError(f"comparing it took longer than {timeout:g} s")
                return None
    except OSError:
        return None
    unreadable = frames[0].get("unreadable")
    if isinstance(unreadable, str):
        raise NkError(unreadable)
    try:
        return read_diff(frames[0].get("diff"))
    except ProposalError:
        return None


def deviation(review: Review, real: GraphDiff, *, went_in: bool) -> str:
    """Return in words where a run was not what the dry run had shown, "" where it was."""
    if review.error:
        return "It failed on the copy and ran through here." if went_in else ""
    if review.diff is None:
        return ""
    if not went_in:
        return "It ran through on the copy and failed here."
    found = list(dict.fromkeys(_unlike(review.diff, real)))
    if not found:
        return ""
    more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return f"Not as on the copy: {'; '.join(found[:_TOLD])}{more}."


def _unlike(shown: GraphDiff, real: GraphDiff) -> Iterator[str]:
    for words, one, other in (("created", shown.added, real.added), ("deleted", shown.removed, real.removed)):
        known, met = set(one), set(other)
        yield from (f"{node.path} was {words} too" for node in other if node not in known)
        yield from (f"{node.path} was not {words}" for node in one if node not in met)
    expected = set(shown.added)
    missing = {node.path for node in (*shown.added, *real.added, *shown.removed, *real.removed)}
    missing -= {node.path for node in real.added if node in expected}
    knobs = {(each.path, each.knob): each.after for each in shown.knobs}
    now = {(each.path, each.knob): each.after for each in real.knobs}
    for path, knob in dict.fromkeys([*now, *knobs]):
        if path in missing or ((path, knob) in now and (path, knob) in knobs and now[path, knob] == knobs[path, knob]):
            continue
        if (path, knob) not in now:
            yield f"{path}.{knob} was not changed"
        else:
            value = now[path, knob]
            was = f" and not {_short(knobs[path, knob])}" if (path, knob) in knobs else ", which was not shown"
            yield f"{path}.{knob} is {_short(value)}{was}"
    wires = {(each.path, each.input_index): each.after for each in shown.connections}
    joined = {(each.path, each.input_index): each.after for each in real.connections}
    for path, index in dict.fromkeys([*joined, *wires]):
        wire = path, index
        if path in missing or (wire in joined and wire in wires and joined[wire] == wires[wire]):
            continue
        yield f"input {index} of {path} " + (f"is {joined[wire] or 'open'}" if wire in joined else "was not changed")
    yield from (f"{each.before} is now {each.path}" for each in real.renamed if each not in shown.renamed)
    yield from (f"{each.before} was not renamed" for each in shown.renamed if each not in real.renamed)


def _short(value: Optional[str]) -> str:
    if value is None:
        return "at its default"
    flat = " ".join(value.split())
    return flat if len(flat) <= 40 else flat[:37] + "..."
