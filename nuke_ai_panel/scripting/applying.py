"""Running an agreed proposal in the host as one undo step, and saying what it really changed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from nuke_ai_panel.errors import EditionLimitError, HostError, NkError, ProposalError
from nuke_ai_panel.hosts.base import PastesText, ReadsGraph, RestoresScript, RunResult, RunsScripts
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.comparing import AT_ONCE, compare, deviation, difference, is_quick
from nuke_ai_panel.scripting.interrupting import Interruption, ScriptStopped, StopSwitch
from nuke_ai_panel.scripting.kinds import runnable
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records
from nuke_ai_panel.scripting.review import Review

__all__ = ["Applied", "Ran", "apply", "compare_run", "run"]

_PUT_BACK = "The host did not take the failed step back by itself; the script was put back as it was."


@dataclass(frozen=True)
class Applied:
    """What running did: output or traceback, and the real difference.

    After an error the host has rolled back and ``diff`` is empty; if it is not, that is what stayed behind. ``unknown`` says
    why the difference could not be found out, "" when it could. ``deviation`` tells in words where the real difference is not
    that of the dry run, "" where it is. ``checkpoint`` names the snapshot taken before the run, "" when none was taken.
    ``was_stopped`` says that the artist or the deadline ended the run.

    ``after`` is the script as the run has left it, b"" where that is not known. Where ``is_compared`` is false the script was
    changed and nobody has looked yet at what differs: ``diff`` and ``deviation`` follow.
    """

    result: RunResult
    diff: GraphDiff
    unknown: str = ""
    deviation: str = ""
    checkpoint: str = ""
    was_stopped: bool = False
    is_compared: bool = True
    after: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True)
class Ran:
    """A script that has run: what is known of it at once, and what it takes to find out the rest, in any thread.

    ``before`` is the script as it was; `log_number` that of the run in the log of `records`.
    """

    applied: Applied
    before: bytes = field(default=b"", repr=False)
    review: Review | None = None
    records: Records | None = None
    log_number: str = ""


class _Host(ReadsGraph, RunsScripts, RestoresScript, PastesText, Protocol):
    """What applying needs of a host."""


def apply(
    proposal: ScriptProposal,
    host: _Host,
    *,
    review: Review | None = None,
    records: Records | None = None,
    stop: StopSwitch | None = None,
    deadline: float | None = 300.0,
    on_tick: Callable[[], None] | None = None,
) -> Applied:
    """Run `proposal` as :func:`run` does, and find out at once what it changed, however large the script is."""
    return run(
        proposal, host, review=review, records=records, stop=stop, deadline=deadline, on_tick=on_tick, at_once=math.inf
    ).applied


def run(
    proposal: ScriptProposal,
    host: _Host,
    *,
    review: Review | None = None,
    records: Records | None = None,
    stop: StopSwitch | None = None,
    deadline: float | None = 300.0,
    on_tick: Callable[[], None] | None = None,
    at_once: float = AT_ONCE,
) -> Ran:
    """Run `proposal` in `host` as one undo step, because the artist has agreed. Main thread; blocks while it runs.

    Before anything runs the script is kept and the run is written down, as `records` say. `stop` ends the script, and so does
    the `deadline` in seconds; ``on_tick`` is called about every 50 ms meanwhile, for a Stop button; it must not touch the host.
    What fails or is ended leaves the script as it was: where the host does not take the step back by itself, it is put back.
    `review` is what was shown; where the real difference is another, ``deviation`` says so.

    What a run changed that went in is found out here where both scripts together have at most `at_once` bytes; of larger ones
    :func:`compare_run` finds it out, off the main thread.

    In a Nuke that gives Python too few nodes, nodes as text are pasted in one go; their difference cannot be shown there.

    Raises:
        HostError: the host cannot be read or does not run scripts; nothing has run.
        ProposalError: it is not to be run, as an expression for no knob, or (CheckpointError) the script or the log could not
            be kept; nothing has run.
    """
    code = runnable(proposal)
    records = records or Records("")
    title = proposal.title or "AI script"
    try:
        before = host.snapshot()
    except EditionLimitError as error:
        return Ran(_pasted(proposal, host, error, records, title))
    name = host.script_name()
    checkpoint = records.before_change(before, title=title, script_name=name)
    log_number = records.began(proposal, script_name=name, checkpoint=checkpoint)
    watch = Interruption(stop=stop, deadline=deadline, on_tick=on_tick)
    began = time.monotonic()
    try:
        result = host.run_python(code, title=title, watch=watch)
    except ScriptStopped:
        # It came in the last moment, in the host's own work; what that left undone is put right below.
        result = RunResult(error="Stopped.")
    except BaseException as error:
        records.ended(log_number, outcome="not known", error=str(error), seconds=time.monotonic() - began)
        raise
    finally:
        watch.close()
    seconds = time.monotonic() - began
    was_stopped = watch.was_stopped and not result.ok
    if was_stopped:
        result = replace(result, error=_with_reason(result.error, watch.reason))
    told = _told(host, before, result, title, review, at_once)
    applied = replace(told, checkpoint=checkpoint, was_stopped=was_stopped)
    records.ended(log_number, outcome=_outcome(applied), summary=_summary(applied), error=result.error, seconds=seconds)
    return Ran(applied, before, review, records, log_number)


async def compare_run(ran: Ran) -> Applied:
    """Find out what a run has changed that nobody has looked at yet, and write it to the log. Any event loop, holds up none."""
    if ran.applied.is_compared:
        return ran.applied
    try:
        found = await compare(ran.before, ran.applied.after)
    except (NkError, ProposalError) as error:
        diff, unknown = GraphDiff(), _cannot(error)
    else:
        diff, unknown = found, ""
    return await asyncio.get_running_loop().run_in_executor(None, _finished, ran, diff, unknown)


def _finished(ran: Ran, diff: GraphDiff, unknown: str) -> Applied:
    applied = replace(ran.applied, diff=diff, unknown=unknown, is_compared=True)
    if ran.review is not None and not unknown:
        applied = replace(applied, deviation=deviation(ran.review, diff, went_in=applied.result.ok))
    if ran.records is not None:
        ran.records.compared(ran.log_number, outcome=_outcome(applied), summary=_summary(applied))
    return applied


def _outcome(applied: Applied) -> str:
    if applied.unknown or (applied.diff and not applied.result.ok):
        return "not known"
    return "applied" if applied.result.ok else "stopped" if applied.was_stopped else "rolled back"


def _summary(applied: Applied) -> str:
    return applied.unknown or (applied.diff.summary() if applied.is_compared else "")


def _cannot(error: Exception) -> str:
    return f"What it changed cannot be shown: {error}"


def _told(host: _Host, before: bytes, result: RunResult, title: str, review: Review | None, at_once: float) -> Applied:
    """Return what the run changed; a step that failed and was not taken back is put right first."""
    put_back, after = "", b""
    try:
        after = host.snapshot()
        if result.ok and not is_quick(before, after, at_once=at_once):
            return Applied(result, GraphDiff(), is_compared=False, after=after)
        # What failed is compared here, whatever its size: only a script that nobody has touched since may be put back.
        diff = difference(before, after)
        if diff and not result.ok and host.restore(before, title=f"{title} (taken back)").ok:
            after = host.snapshot()
            diff = difference(before, after)
            put_back = "" if diff else _PUT_BACK
    except (NkError, HostError) as error:
        return Applied(result, GraphDiff(), _cannot(error), after=after)
    said = put_back or (deviation(review, diff, went_in=result.ok) if review is not None else "")
    return Applied(result, diff, deviation=said, after=after)


def _with_reason(error: str, reason: str) -> str:
    lines = error.rstrip().splitlines()
    return "\n".join([*lines[:-1], reason]) + "\n"


def _pasted(proposal: ScriptProposal, host: _Host, limit: EditionLimitError, records: Records, title: str) -> Applied:
    """Paste nodes as one text, where Python may not touch them. Raises: EditionLimitError for everything else."""
    if proposal.kind not in ("nk", "gizmo"):
        raise limit
    from nuke_ai_panel.scripting.pasted_text import pasteable

    text = pasteable(proposal.code)
    run = records.began(proposal, script_name=host.script_name(), checkpoint="")
    began = time.monotonic()
    result = host.paste_text(text, title=title)
    unknown = "What it changed cannot be shown, and no checkpoint was kept: this edition lets Python see ten nodes of a script."
    outcome = "applied" if result.ok else "rolled back"
    records.ended(run, outcome=outcome, summary=unknown, error=result.error, seconds=time.monotonic() - began)
    return Applied(result, GraphDiff(), unknown)
