"""Running a proposal on a copy of the script, in a process of its own, to see what it would do.

The child gets a clean environment, no network, nothing to write but a scratch folder, no right to start programs, and limits on
memory, time and output. That keeps accidents away from the artist's machine; it is a guard rail, not a prison. A process also
keeps the host smooth: a loop of generated code in a thread would hold the interpreter lock.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from nuke_ai_panel.errors import ProposalError
from nuke_ai_panel.nk.graph_diff import ConnectionChange, GraphDiff, KnobChange, NodeChange, NodeRename
from nuke_ai_panel.scripting.interpreter import clean_environment, find_python
from nuke_ai_panel.scripting.proposal import ScriptProposal

__all__ = ["DryRun", "dry_run"]

#: Characters of output or traceback that are kept; the middle of longer ones is left out.
OUTPUT_LIMIT = 64_000
_CHILD = Path(__file__).with_name("dry_run_child.py")
_KILL_PATIENCE = 2.0


@dataclass(frozen=True)
class DryRun:
    """What happened on the copy: one of ``diff``, ``error`` and ``unknown``; ``notes`` tell what was not possible there."""

    diff: Optional[GraphDiff] = None
    output: str = ""
    error: str = ""
    unknown: str = ""
    notes: tuple[str, ...] = ()


async def dry_run(proposal: ScriptProposal, snapshot: bytes, *, timeout: float = 20.0, python: str = "") -> DryRun:
    """Run `proposal` on a copy of the script `snapshot`, for at most `timeout` seconds.

    Works on any event loop: the process is waited for in a worker thread, because a loop inside a host has no child watcher.
    Cancelling kills the process. `python` is the interpreter to use, by default one that fits this process. Nothing the
    proposal does is raised; it is told in the result.
    """
    python = python or find_python()
    if not python:
        return DryRun(unknown="cannot be known here: no Python interpreter was found to try it in")
    child = _Child(proposal, snapshot, timeout, python)
    try:
        return await asyncio.get_running_loop().run_in_executor(None, child.run)
    except asyncio.CancelledError:
        child.kill()
        raise


class _Child:
    """One process. ``run`` blocks in a worker thread; ``kill`` may be called from any other."""

    def __init__(self, proposal: ScriptProposal, snapshot: bytes, timeout: float, python: str) -> None:
        self._proposal = proposal
        self._snapshot = snapshot
        self._timeout = timeout
        self._python = python
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    def run(self) -> DryRun:
        scratch = tempfile.mkdtemp(prefix="nuke-ai-panel-dry-run-")
        try:
            return self._run_in(scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def kill(self) -> None:
        with self._lock:
            self._killed = True
            process = self._process
        if process is not None:
            _end(process)

    def _run_in(self, scratch: str) -> DryRun:
        request = {
            "title": self._proposal.title,
            "code": self._proposal.code,
            "seconds": self._timeout,
            "output_limit": OUTPUT_LIMIT,
            "scratch": scratch,
        }
        complaints = Path(scratch) / "stderr.txt"
        with complaints.open("wb") as stderr:
            with self._lock:
                if self._killed:
                    return DryRun(unknown="cancelled")
                try:
                    self._process = _start(self._python, scratch, stderr.fileno())
                except OSError as error:
                    return DryRun(unknown=f"cannot be known here: {self._python} does not start ({error.strerror or error})")
            process = self._process
            try:
                answer, _ = process.communicate(json.dumps(request).encode("ascii") + b"\n" + self._snapshot, self._timeout)
            except subprocess.TimeoutExpired:
                _end(process)
                _drain(process)
                return DryRun(unknown=f"cannot be known here: the script did not end within {self._timeout:g} s on a copy")
        if process.returncode != 0 or not answer:
            return DryRun(unknown=f"cannot be known here: the trial process {_last_words(process.returncode, complaints)}")
        try:
            return _read_answer(json.loads(answer))
        except (ValueError, ProposalError) as error:
            return DryRun(unknown=f"cannot be known here: the trial process gave no usable answer ({error})")


def _start(python: str, scratch: str, stderr: int) -> subprocess.Popen[bytes]:
    command = [python, "-I", "-B", "-X", "utf8", str(_CHILD)]
    environment = clean_environment(scratch, os.environ)
    if sys.platform == "win32":
        # Without it a console window would flash up over the host.
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=scratch,
            env=environment,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=scratch,
        env=environment,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process, and with it what it may have started in spite of the guard."""
    if process.poll() is not None:
        return
    if sys.platform != "win32":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
    else:
        process.kill()


def _drain(process: subprocess.Popen[bytes]) -> None:
    try:
        process.communicate(timeout=_KILL_PATIENCE)
    except subprocess.TimeoutExpired:
        # Something it started holds the pipe open; the pipe is given up, nobody waits for it.
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _last_words(code: int, complaints: Path) -> str:
    lines = complaints.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code} before it answered"
    return f"{ended} ({lines[-1][:200]})" if lines else ended


def _read_answer(answer: object) -> DryRun:
    if not isinstance(answer, dict):
        raise ProposalError("not an object")
    unknown = _text(answer, "unknown")
    notes = answer.get("notes")
    diff = answer.get("diff")
    return DryRun(
        diff=None if diff is None else _read_diff(diff),
        output=_text(answer, "output"),
        error=_text(answer, "error"),
        unknown=f"cannot be known here: {unknown}" if unknown else "",
        notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
    )


def _read_diff(value: object) -> GraphDiff:
    if not isinstance(value, dict):
        raise ProposalError("the difference is not an object")
    try:
        return GraphDiff(
            added=tuple(NodeChange(**each) for each in value["added"]),
            removed=tuple(NodeChange(**each) for each in value["removed"]),
            knobs=tuple(KnobChange(**each) for each in value["knobs"]),
            connections=tuple(ConnectionChange(**each) for each in value["connections"]),
            moved=tuple(str(each) for each in value["moved"]),
            renamed=tuple(NodeRename(**each) for each in value["renamed"]),
        )
    except (KeyError, TypeError) as error:
        raise ProposalError(f"the difference cannot be read: {error}") from error


def _text(answer: dict[str, object], key: str) -> str:
    value = answer.get(key, "")
    if not isinstance(value, str):
        raise ProposalError(f"{key!r} is not text")
    return value
