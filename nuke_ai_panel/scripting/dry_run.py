"""Running a proposal on a copy of the script, in a process of its own, to see what it would do.

The child gets a clean environment, no network, nothing to write but a scratch folder, no right to start programs, and limits on
memory, time and output. That keeps accidents away from the artist's machine; it is a guard rail, not a prison. A process also
keeps the host smooth: a loop of generated code in a thread would hold the interpreter lock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Optional, TypeVar

from nuke_ai_panel.errors import ProposalError
from nuke_ai_panel.nk.graph_diff import ConnectionChange, GraphDiff, KnobChange, NodeChange, NodeRename
from nuke_ai_panel.scripting.effects import Effect
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.interpreter import find_python
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.trial import Trial
from nuke_ai_panel.scripting.trial_request import TrialRequest

__all__ = ["DryRun", "dry_run", "read_diff"]

#: Characters of output or traceback that are kept; the middle of longer ones is left out.
OUTPUT_LIMIT = 64_000

#: Characters of a picture that are kept; a larger one would be no picture to look at.
PICTURE_LIMIT = 600_000

_NOT_IN_A_PICTURE = ("<image", "href", "<script", "<foreignobject", "<!", "<style", "url(", "<use", "<?")

_T = TypeVar("_T")


@dataclass(frozen=True)
class DryRun:
    """What happened on the copy: one of ``diff``, ``error`` and ``unknown``; ``notes`` tell what was not possible there.

    ``checked`` is what preflight found, None where the process did not come so far. ``picture`` is an SVG of the changed part.
    """

    diff: Optional[GraphDiff] = None
    output: str = ""
    error: str = ""
    unknown: str = ""
    notes: tuple[str, ...] = ()
    checked: Optional[Preflight] = None
    picture: str = ""


async def dry_run(proposal: ScriptProposal, snapshot: bytes, *, timeout: float = 20.0, python: str = "") -> DryRun:
    """Check `proposal` and run it on a copy of the script `snapshot`, for at most `timeout` seconds.

    Works on any event loop. Cancelling ends the process. `python` is the interpreter to use, by default one that fits this
    process. Nothing the proposal does is raised; it is told in the result.
    """
    python = python or find_python()
    if not python:
        return DryRun(unknown="cannot be known here: no Python interpreter was found to try it in")
    trying = TrialRequest(_request_of(proposal), snapshot, timeout)

    def ask() -> DryRun:
        try:
            with trying.asked(python) as (trial, frames):
                return DryRun(unknown="cancelled") if trying.was_ended else _told(trial, frames, timeout)
        except OSError as error:
            return DryRun(unknown=f"cannot be known here: {python} does not start ({error.strerror or error})")

    return await trying.wait_for(ask)


def _request_of(proposal: ScriptProposal) -> dict[str, object]:
    return {
        "proposal": asdict(proposal),
        "output_limit": OUTPUT_LIMIT,
        "picture_limit": PICTURE_LIMIT,
        "home": os.path.expanduser("~"),
    }


def _told(trial: Trial, frames: list[dict[str, object]], timeout: float) -> DryRun:
    checked: Optional[Preflight] = None
    try:
        # What was found before the code ran comes first: the code cannot have had a hand in it.
        if frames:
            checked = _read_checked(frames[0])
        if len(frames) > 1:
            return _read_tried(frames[1], checked)
    except ProposalError as error:
        return DryRun(unknown=f"cannot be known here: the trial process gave no usable answer ({error})", checked=checked)
    if trial.ran_out_of_time:
        unknown = f"the script did not end within {timeout:g} s on a copy"
    else:
        ended = f"was ended by signal {-trial.code}" if trial.code < 0 else f"ended with exit code {trial.code}"
        words = trial.last_words()
        unknown = f"the trial process {ended} before it answered{f' ({words})' if words else ''}"
        if not trial.code:
            unknown = "the trial process gave no usable answer"
    return DryRun(unknown=f"cannot be known here: {unknown}", checked=checked)


# what the process says: made of text, which is all that is taken from it


def _read_checked(frame: Mapping[str, object]) -> Preflight:
    return Preflight(
        tuple(_made(Finding, each) for each in _list(frame, "findings")),
        tuple(_made(Effect, {**each, "lines": tuple(_list(each, "lines"))}) for each in _list(frame, "effects")),
    )


def _read_tried(frame: Mapping[str, object], checked: Optional[Preflight]) -> DryRun:
    unknown = _text(frame, "unknown")
    diff = frame.get("diff")
    picture = _text(frame, "picture")
    return DryRun(
        diff=None if diff is None else read_diff(diff),
        output=_text(frame, "output"),
        error=_text(frame, "error"),
        unknown=f"cannot be known here: {unknown}" if unknown else "",
        notes=tuple(str(note) for note in _list(frame, "notes")),
        checked=checked,
        picture=picture if _is_plain_picture(picture) else "",
    )


def read_diff(value: object) -> GraphDiff:
    """Return a difference as the process writes it. Raises: ProposalError where it is none."""
    if not isinstance(value, dict):
        raise ProposalError("the difference is not an object")
    return GraphDiff(
        added=tuple(_made(NodeChange, each) for each in _list(value, "added")),
        removed=tuple(_made(NodeChange, each) for each in _list(value, "removed")),
        knobs=tuple(_made(KnobChange, each) for each in _list(value, "knobs")),
        connections=tuple(_made(ConnectionChange, each) for each in _list(value, "connections")),
        moved=tuple(str(each) for each in _list(value, "moved")),
        renamed=tuple(_made(NodeRename, each) for each in _list(value, "renamed")),
    )


def _made(kind: type[_T], value: object) -> _T:
    """Return a value of ours from an object, each field of the type that it has in the process."""
    if not isinstance(value, dict):
        raise ProposalError(f"a {kind.__name__} is not an object")
    known = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]
    for name, given in value.items():
        wanted = known.get(name, "")
        is_number = isinstance(given, int) and not isinstance(given, bool) and wanted == "int"
        is_lines = isinstance(given, tuple) and wanted.startswith("tuple") and all(type(each) is int for each in given)
        is_flag = isinstance(given, bool) and wanted == "bool"
        is_text = isinstance(given, str) and wanted and wanted not in ("int", "bool") and not wanted.startswith("tuple")
        if not (is_number or is_flag or is_lines or is_text or (given is None and "None" in wanted)):
            raise ProposalError(f"{name!r} of a {kind.__name__} is {given!r}"[:120])
    try:
        return kind(**value)
    except TypeError as error:
        raise ProposalError(str(error)) from error


def _is_plain_picture(picture: str) -> bool:
    """Whether it is a drawing that shows itself only, and draws nothing in from elsewhere."""
    lower = picture.lower()
    if lower.startswith("<?xml"):
        lower = lower.partition("?>")[2].lstrip()
    return lower.startswith("<svg") and len(picture) <= PICTURE_LIMIT and not any(each in lower for each in _NOT_IN_A_PICTURE)


def _text(frame: Mapping[str, object], key: str) -> str:
    value = frame.get(key, "")
    if not isinstance(value, str):
        raise ProposalError(f"{key!r} is not text")
    return value


def _list(frame: object, key: str) -> list[Any]:
    value = frame.get(key, []) if isinstance(frame, dict) else None
    if not isinstance(value, list):
        raise ProposalError(f"{key!r} is not a list")
    return value
