"""Running an agreed proposal in the host as one undo step, and saying what it really changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EditionLimitError, HostError, NkError
from nuke_ai_panel.hosts.base import PastesText, ReadsGraph, RestoresScript, RunResult, RunsScripts
from nuke_ai_panel.nk.graph_diff import GraphDiff
from nuke_ai_panel.scripting.interrupting import Interruption, ScriptStopped, StopSwitch
from nuke_ai_panel.scripting.kinds import runnable
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records
from nuke_ai_panel.scripting.review import Review

__all__ = ["Applied", "apply"]

#: Differences from the dry run that are told one by one.
_TOLD = 6

_PUT_BACK = "The host did not take the failed step back by itself; the script was put back as it was."


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
    """Run `proposal` in `host` as one undo step, because the artist has agreed. Main thread; blocks while it runs.

    Before anything runs the script is kept and the run is written down, as `records` say. `stop` ends the script, and so does
    the `deadline` in seconds; ``on_tick`` is called about every 50 ms meanwhile, for a Stop button; it must not touch the host.
    What fails or is ended leaves the script as it was: where the host does not take the step back by itself, it is put back.
    `review` is what was shown; where the real difference is another, ``deviation`` says so.

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
        return _pasted(proposal, host, error, records, title)
    name = host.script_name()
    checkpoint = records.before_change(before, title=title, script_name=name)
    run = records.began(proposal, script_name=name, checkpoint=checkpoint)
    watch = Interruption(stop=stop, deadline=deadline, on_tick=on_tick)
    began = time.monotonic()
    try:
        result = host.run_python(code, title=title, watch=watch)
    except ScriptStopped:
        # It came in the last moment, in the host's own work; what that left undone is put right below.
        result = RunResult(error="Stopped.")
    except BaseException as error:
        records.ended(run, outcome="not known", error=str(error), seconds=time.monotonic() - began)
        raise
    finally:
        watch.close()
    seconds = time.monotonic() - began
    was_stopped = watch.was_stopped and not result.ok
    if was_stopped:
        result = replace(result, error=_with_reason(result.error, watch.reason))
    applied = replace(_told(host, before, result, title, review), checkpoint=checkpoint, was_stopped=was_stopped)
    outcome = "applied" if result.ok else "stopped" if was_stopped else "rolled back"
    if applied.unknown or (applied.diff and not result.ok):
        outcome = "not known"
    summary = applied.unknown or applied.diff.summary()
    records.ended(run, outcome=outcome, summary=summary, error=result.error, seconds=seconds)
    return applied


def _told(host: _Host, before: bytes, result: RunResult, title: str, review: Review | None) -> Applied:
    """Return what the run changed; a step that failed and was not taken back is put right first."""
    put_back = ""
    try:
        diff = _difference(before, host.snapshot())
        if diff and not result.ok and host.restore(before, title=f"{title} (taken back)").ok:
            diff = _difference(before, host.snapshot())
            put_back = "" if diff else _PUT_BACK
    except (NkError, HostError) as error:
        return Applied(result, GraphDiff(), f"What it changed cannot be shown: {error}")
    deviation = put_back or (_deviation(review, result, diff) if review is not None else "")
    return Applied(result, diff, deviation=deviation)


def _difference(before: bytes, after: bytes) -> GraphDiff:
    return GraphDiff() if after == before else nk.diff(nk.loads(before), nk.loads(after))


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


def _deviation(review: Review, result: RunResult, real: GraphDiff) -> str:
    """Return in words where the run was not what the dry run had shown, "" where it was."""
    if review.error:
        return "It failed on the copy and ran through here." if result.ok else ""
    if review.diff is None:
        return ""
    if not result.ok:
        return "It ran through on the copy and failed here."
    found = list(dict.fromkeys(_unlike(review.diff, real)))
    if not found:
        return ""
    more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return f"Not as on the copy: {'; '.join(found[:_TOLD])}{more}."


def _unlike(shown: GraphDiff, real: GraphDiff) -> Iterator[str]:
    for words, one, other in (("created", shown.added, real.added), ("deleted", shown.removed, real.removed)):
        yield from (f"{node.path} was {words} too" for node in other if node not in one)
        yield from (f"{node.path} was not {words}" for node in one if node not in other)
    missing = {node.path for node in (*shown.added, *real.added, *shown.removed, *real.removed)}
    missing -= {node.path for node in real.added if node in shown.added}
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


def _short(value: str | None) -> str:
    if value is None:
        return "at its default"
    flat = " ".join(value.split())
    return flat if len(flat) <= 40 else flat[:37] + "..."
