"""A log of everything that ran in the host, which a studio can read: one JSON object a line.

Two lines a run: ``"began"`` before it, with the code, and ``"ended"`` after it, with what came of it. A run without the second
line took the program down with it. What a run changed in a large script is found out only after its end: its ``"summary"`` is
empty then, and stands in a third line, ``"compared"``. There are no prompts and no keys in it; what the script's own code
holds is.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import logging
import os
import platform
import secrets
import threading
import time
from pathlib import Path
from typing import Union

from nuke_ai_panel.errors import CheckpointError
from nuke_ai_panel.scripting.proposal import ScriptProposal

__all__ = ["RunLog"]

_log = logging.getLogger(__name__)

_lock = threading.Lock()


class RunLog:
    """The log at `path`. When it is larger than `keep_bytes` a new one is begun; the last `keep_files` old ones are kept.

    Several programs may write to the same log on a local disk: each line goes there in one write.
    """

    def __init__(self, path: Union[str, os.PathLike[str]], *, keep_bytes: int = 5_000_000, keep_files: int = 10) -> None:
        self.path = Path(path)
        self._keep_bytes = keep_bytes
        self._keep_files = keep_files

    def began(self, proposal: ScriptProposal, *, script_name: str, checkpoint: str = "") -> str:
        """Write that a proposal is about to run; return the number that :meth:`ended` takes.

        Raises:
            CheckpointError: the log cannot be written; what nobody can read about later is not run.
        """
        run = secrets.token_hex(8)
        entry: dict[str, object] = {
            "event": "began",
            "run": run,
            "time": _now(),
            "user": _user(),
            "machine": platform.node(),
            "script": script_name,
            "kind": proposal.kind,
            "target": proposal.target,
            "sha256": hashlib.sha256(proposal.code.encode("utf-8", "surrogatepass")).hexdigest(),
            "code": proposal.code,
            "checkpoint": checkpoint,
        }
        try:
            self._append(entry)
        except OSError as error:
            raise CheckpointError(
                f"The log of what ran cannot be written: {error.strerror or error} ({str(self.path)!r}). Make room there, or "
                "name another folder for it; or go on without checkpoint and log."
            ) from error
        return run

    def ended(self, run: str, *, outcome: str, summary: str = "", error: str = "", seconds: float = 0.0) -> None:
        """Write what came of a run: `outcome` is ``"applied"``, ``"rolled back"``, ``"stopped"`` or ``"not known"``.

        A log that cannot be written any more is told to the program's own log; the run is over.
        """
        entry: dict[str, object] = {
            "event": "ended",
            "run": run,
            "time": _now(),
            "outcome": outcome,
            "summary": summary,
            "error": error[-2000:],
            "seconds": round(seconds, 3),
        }
        self._append_if_possible(entry)

    def compared(self, run: str, *, outcome: str, summary: str) -> None:
        """Write what a run has changed, where it was found out only after its end; `outcome` as for :meth:`ended`."""
        self._append_if_possible({"event": "compared", "run": run, "time": _now(), "outcome": outcome, "summary": summary})

    def entries(self) -> list[dict[str, object]]:
        """Return the runs of the present log, the oldest first, each as one object; ``outcome`` is "" where none was written.

        Raises: OSError where there is a log that cannot be read.
        """
        found: dict[str, dict[str, object]] = {}
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and isinstance(entry.get("run"), str):
                    run = found.setdefault(entry["run"], {"outcome": ""})
                    run.update({key: value for key, value in entry.items() if key not in ("event", "time") or key not in run})
        return list(found.values())

    def _append_if_possible(self, entry: dict[str, object]) -> None:
        try:
            self._append(entry)
        except OSError as failure:
            _log.warning("The log of what ran could not be written: %s", failure)

    def _append(self, entry: dict[str, object]) -> None:
        data = json.dumps(entry).encode("ascii") + b"\n"
        with _lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._rotate(len(data))
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            handle = os.open(self.path, flags, 0o666)
            try:
                size = os.fstat(handle).st_size
                if size:
                    os.lseek(handle, size - 1, os.SEEK_SET)
                    if os.read(handle, 1) != b"\n":
                        # A line that a full disk cut off must not spoil this one.
                        data = b"\n" + data
                written = os.write(handle, data)
                if written < len(data):
                    os.write(handle, data[written:])
                os.fsync(handle)
            finally:
                os.close(handle)

    def _rotate(self, more: int) -> None:
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return
        if size + more <= self._keep_bytes:
            return
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.path, self.path.with_name(f"{self.path.stem}-{stamp}-{secrets.token_hex(2)}{self.path.suffix}"))
        old = sorted(self.path.parent.glob(f"{self.path.stem}-????????-??????-????{self.path.suffix}"))
        for path in old[: max(0, len(old) - self._keep_files)]:
            with contextlib.suppress(OSError):
                path.unlink()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
