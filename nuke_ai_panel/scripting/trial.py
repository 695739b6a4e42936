"""The process of a dry run, seen from outside: started, asked, listened to, ended.

One is started ahead by :func:`prepare` while an answer is still on its way: most of what a small dry run costs is Python and
the engine getting ready. A process serves one request and is never used again.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from nuke_ai_panel.scripting.dry_run_child import PREFIX
from nuke_ai_panel.scripting.interpreter import clean_environment, find_python

__all__ = ["Trial", "prepare", "release", "take_prepared"]

_CHILD = Path(__file__).with_name("dry_run_child.py")

#: Bytes of an answer that are read; a process that sends more is ended.
_LONGEST_ANSWER = 64 * 1024**2
_KILL_PATIENCE = 2.0

#: Seconds after which a prepared process is no longer waited for by anybody. The process ends itself a little later.
_FRESH = 600.0


class Trial:
    """One process. ``ask`` blocks; ``end`` may be called from any thread.

    Raises:
        OSError: from the constructor, when `python` does not start.
    """

    def __init__(self, python: str) -> None:
        self.python = python
        self.started = time.monotonic()
        self.code = 0
        self.ran_out_of_time = False
        self._lines: list[bytes] = []
        self._size = 0
        self._lock = threading.Lock()
        self._ended = False
        self._scratch = tempfile.mkdtemp(prefix=PREFIX)
        self._complaints = Path(self._scratch) / "stderr.txt"
        try:
            with self._complaints.open("wb") as stderr:
                self._process = _start(python, self._scratch, stderr.fileno())
        except BaseException:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        self._reader = threading.Thread(target=self._read, name="nuke-ai-panel-trial", daemon=True)
        self._reader.start()

    @property
    def is_fit(self) -> bool:
        """Whether it still waits for a request."""
        return not self._ended and self._process.poll() is None and time.monotonic() - self.started < _FRESH

    def ask(self, request: dict[str, object], snapshot: bytes, *, timeout: float) -> list[dict[str, object]]:
        """Send a request and the script; return what it answered until it ended, at most `timeout` seconds later."""
        token = secrets.token_hex(16)
        mine = {**request, "token": token, "scratch": self._scratch, "size": len(snapshot)}
        limit = time.monotonic() + timeout
        sender = threading.Thread(
            target=self._send,
            args=(json.dumps(mine).encode("ascii") + b"\n" + snapshot,),
            name="nuke-ai-panel-trial",
            daemon=True,
        )
        sender.start()
        self._reader.join(timeout)
        if self._reader.is_alive():
            self.ran_out_of_time = not self._ended
        elif not self._ended:
            # The pipe is closed, so that it has ended or is about to.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.1, limit - time.monotonic()))
        self._kill()
        self.code = self._process.returncode or 0
        return list(_frames(self._lines, token))

    def last_words(self) -> str:
        """Return the last line it wrote to its standard error, or ""."""
        try:
            lines = self._complaints.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:200] if lines else ""

    def end(self) -> None:
        """End the process, wherever it is."""
        self._ended = True
        self._kill()

    def close(self) -> None:
        """End the process and remove its folder."""
        self.end()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _kill(self) -> None:
        with self._lock:
            process = self._process
            if process.poll() is None:
                # What it may have started in spite of the guard goes with it.
                if sys.platform != "win32":
                    try:
                        os.killpg(process.pid, signal.SIGKILL)
                    except (ProcessLookupError, PermissionError):
                        process.kill()
                else:
                    process.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_KILL_PATIENCE)
            self._reader.join(_KILL_PATIENCE)
            if process.stdin is not None:
                with contextlib.suppress(OSError, ValueError):
                    process.stdin.close()
            # Something that holds the pipe open keeps the reader: then nobody waits for either.
            if process.stdout is not None and not self._reader.is_alive():
                process.stdout.close()

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            pipe = self._process.stdin
            if pipe is not None:
                # It stays open: its end tells the process that nobody is here any more.
                pipe.write(data)
                pipe.flush()

    def _read(self) -> None:
        pipe = self._process.stdout
        if pipe is None:
            return
        while True:
            data = pipe.read1(65536)  # type: ignore[attr-defined]
            if not data:
                return
            self._size += len(data)
            if self._size > _LONGEST_ANSWER:
                self._process.kill()
                return
            self._lines.append(data)


def _frames(pieces: list[bytes], token: str) -> list[dict[str, object]]:
    """Return the objects on the lines that begin with the token; what the script wrote into the pipe has none."""
    found: list[dict[str, object]] = []
    mark = token.encode("ascii")
    for line in b"".join(pieces).split(b"\n"):
        if line.startswith(mark):
            with contextlib.suppress(ValueError, RecursionError):
                value = json.loads(line[len(mark) :])
                if isinstance(value, dict):
                    found.append(value)
    return found


def _start(python: str, scratch: str, stderr: int) -> subprocess.Popen[bytes]:
    command = [python, "-I", "-X", "utf8", str(_CHILD)]
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


# the one that is started ahead

_ready: list[Trial] = []
_ready_lock = threading.Lock()
_starting: list[threading.Thread] = []


def prepare() -> None:
    """Start a process for the next dry run, in a thread, unless one waits already. Returns at once; may be called often."""
    with _ready_lock:
        if any(trial.is_fit for trial in _ready) or any(thread.is_alive() for thread in _starting):
            return
        thread = threading.Thread(target=_start_ahead, name="nuke-ai-panel-prepare", daemon=True)
        _starting[:] = [thread]
        thread.start()


def release() -> None:
    """End the process that was started ahead, if there is one."""
    for thread in list(_starting):
        thread.join(_KILL_PATIENCE)
    with _ready_lock:
        old, _ready[:] = list(_ready), []
    for trial in old:
        trial.close()


def take_prepared(python: str) -> Trial:
    """Return the process that was started ahead, or a new one of `python`. Raises: OSError."""
    for thread in list(_starting):
        thread.join(_KILL_PATIENCE)
    with _ready_lock:
        waiting, _ready[:] = list(_ready), []
    fit = [trial for trial in waiting if trial.python == python and trial.is_fit]
    for trial in waiting:
        if trial not in fit[:1]:
            trial.close()
    return fit[0] if fit else Trial(python)


def _start_ahead() -> None:
    python = find_python()
    if not python:
        return
    with contextlib.suppress(OSError):
        trial = Trial(python)
        with _ready_lock:
            _ready.append(trial)


atexit.register(release)
