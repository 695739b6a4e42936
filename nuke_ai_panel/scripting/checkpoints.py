"""Snapshots of the script, taken before the first change of a turn, so that any of them can be gone back to.

A checkpoint is a plain ``.nk`` file that Nuke opens, with a small JSON file beside it that tells where it comes from. Plain,
and not packed: on the day when it is needed, an artist or a wrangler without this panel has to be able to open it, and the age
limit keeps the size in check. Files are written beside their place, brought to the disk, and then put there: one that bears its
name is whole.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Union

from nuke_ai_panel.errors import CheckpointError, NukeAIPanelError
from nuke_ai_panel.nk.saving import fingerprint, write_script

__all__ = ["Checkpoint", "CheckpointStore"]

_DAY = 86_400.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")
_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@dataclass(frozen=True)
class Checkpoint:
    """A snapshot that was kept. ``time`` is seconds since 1970, ``size`` bytes; ``turn`` counts the artist's messages."""

    id: str
    conversation: str
    turn: int
    title: str
    script_name: str
    time: float
    size: int
    digest: str


class CheckpointStore:
    """Checkpoints in a folder, for at most `keep_days` days and `keep_bytes` bytes in all. Methods block on the disk."""

    def __init__(self, folder: Union[str, os.PathLike[str]], *, keep_days: float = 14, keep_bytes: int = 500_000_000) -> None:
        self.folder = Path(folder)
        self._keep_days = keep_days
        self._keep_bytes = keep_bytes

    def take(self, snapshot: bytes, *, conversation: str, turn: int, title: str = "", script_name: str = "") -> Checkpoint:
        """Keep a snapshot, and let old ones go. It is on the disk when this returns.

        Raises:
            CheckpointError: it cannot be written, for example because the disk is full; it says what to do.
        """
        now = time.time()
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(4)}"
        made = Checkpoint(name, conversation, turn, title, script_name, now, len(snapshot), fingerprint(snapshot).hex())
        place = self._folder_of(conversation)
        try:
            place.mkdir(parents=True, exist_ok=True)
            write_script(str(place / f"{name}.nk"), snapshot)
            write_script(str(place / f"{name}.json"), json.dumps(asdict(made), indent=1).encode("ascii"))
        except OSError as error:
            with contextlib.suppress(OSError):
                (place / f"{name}.nk").unlink()
            why = "the disk is full" if error.errno in _FULL else (error.strerror or str(error))
            raise CheckpointError(
                f"The script could not be kept before the change: {why} ({str(self.folder)!r}). Make room there, or name "
                "another folder for checkpoints; or go on without one, and rely on undo."
            ) from error
        with contextlib.suppress(OSError):
            self.prune(spare=name)
        return made

    def of(self, conversation: str, *, newest: Union[int, None] = None) -> list[Checkpoint]:
        """Return the checkpoints of a conversation, the oldest first; those that cannot be read are left out.

        With `newest` at most that many of the newest; the files of others are not read.
        """
        notes = list(self._notes(self._folder_of(conversation)))
        if newest is not None:
            # Names begin with the time, to the second.
            notes = sorted(notes)[-newest:] if newest > 0 else []
        found = [self._read_note(path) for path in notes]
        return sorted((each for each in found if each is not None), key=lambda each: (each.time, each.id))

    def find(self, checkpoint_id: str) -> Checkpoint:
        """Return what is known of a checkpoint. Raises: CheckpointError."""
        note = self._path(checkpoint_id, ".json")
        found = self._read_note(note) if note is not None else None
        if found is None:
            raise CheckpointError(f"There is no checkpoint {checkpoint_id!r} any more; old ones are let go.")
        return found

    def read(self, checkpoint_id: str) -> bytes:
        """Return the snapshot of a checkpoint. Raises: CheckpointError where it is gone, unreadable or not what was kept."""
        known = self.find(checkpoint_id)
        path = self._path(checkpoint_id, ".nk")
        try:
            data = path.read_bytes() if path is not None else b""
        except OSError as error:
            raise CheckpointError(f"The checkpoint {str(path)!r} cannot be read: {error.strerror or error}.") from error
        if fingerprint(data).hex() != known.digest:
            raise CheckpointError(f"The checkpoint {str(path)!r} is not what was kept: the file was changed or is damaged.")
        return data

    def path(self, checkpoint_id: str) -> Path:
        """Return the ``.nk`` file of a checkpoint. Raises: CheckpointError."""
        found = self._path(checkpoint_id, ".nk")
        if found is None:
            raise CheckpointError(f"There is no checkpoint {checkpoint_id!r} any more; old ones are let go.")
        return found

    def prune(self, *, spare: str = "") -> int:
        """Let go of what is too old, and of the oldest where all are too large; return how many. `spare` is kept.

        Raises: OSError where the folder cannot be listed.
        """
        now = time.time()
        files: list[tuple[float, int, Path]] = []
        for folder in self._folders():
            for path in folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    state = path.stat()
                    if path.suffix == ".nk" and _ID.fullmatch(path.stem):
                        files.append((state.st_mtime, state.st_size, path))
                    elif (
                        path.suffix in (".json", ".tmp")
                        and now - state.st_mtime > _DAY
                        and not path.with_suffix(".nk").exists()
                    ):
                        path.unlink()
        gone = 0
        total = sum(size for _, size, _ in files)
        for changed, size, path in sorted(files):
            if path.stem == spare or (now - changed <= self._keep_days * _DAY and total <= self._keep_bytes):
                continue
            for each in (path.with_suffix(".json"), path):
                with contextlib.suppress(FileNotFoundError):
                    each.unlink()
            gone += 1
            total -= size
        for folder in self._folders():
            with contextlib.suppress(OSError):
                folder.rmdir()
        return gone

    def _folder_of(self, conversation: str) -> Path:
        safe = conversation if _NAME.fullmatch(conversation) else hashlib.sha256(conversation.encode("utf-8")).hexdigest()[:32]
        return self.folder / safe

    def _folders(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.is_dir()] if self.folder.is_dir() else []

    def _notes(self, folder: Path) -> Iterator[Path]:
        try:
            yield from (path for path in folder.iterdir() if path.suffix == ".json" and _ID.fullmatch(path.stem))
        except OSError:
            return

    def _path(self, checkpoint_id: str, suffix: str) -> Union[Path, None]:
        if not _ID.fullmatch(checkpoint_id):
            return None
        with contextlib.suppress(OSError):
            for folder in self._folders():
                if (folder / f"{checkpoint_id}{suffix}").is_file():
                    return folder / f"{checkpoint_id}{suffix}"
        return None

    @staticmethod
    def _read_note(path: Path) -> Union[Checkpoint, None]:
        try:
            found = Checkpoint(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, NukeAIPanelError):
            return None
        return found if found.id == path.stem and path.with_suffix(".nk").is_file() else None
