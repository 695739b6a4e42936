"""Writing a script to disk: in one step, and never over what somebody else saved in between."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import sys
from typing import Union

from nuke_ai_panel.errors import ScriptChangedError

__all__ = ["fingerprint", "write_script"]


def fingerprint(data: bytes) -> bytes:
    """Return what tells one state of a file from another."""
    return hashlib.sha256(data).digest()


def write_script(path: str, data: bytes, *, known: Union[bytes, None] = None) -> None:
    """Let `data` take the place of the file at `path`, or of what a link there points to.

    The bytes go to a file beside it, reach the disk, and then take its place with its permissions, so that a reader sees the
    old script or the new one and a crash loses neither. With `known`, the file must still have that fingerprint, or be gone.
    Raises: ScriptChangedError, OSError (a file without permission to write is left alone, too).
    """
    real = os.path.realpath(path)
    before = _state(real)
    _check(path, real, before, known)
    folder = os.path.dirname(real) or "."
    beside = os.path.join(folder, f".{os.path.basename(real)[:100]}.{secrets.token_hex(4)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # The mode that the umask leaves is that of a new script; an old one hands on its own below.
    handle = os.open(beside, flags, 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if before is not None:
                _hand_on(before, beside)
            os.fsync(stream.fileno())
        now = _state(real)
        if _changed(before, now):
            _check(path, real, now, known)
        os.replace(beside, real)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _sync_folder(folder)


def _state(real: str) -> os.stat_result | None:
    try:
        return os.stat(real)
    except FileNotFoundError:
        return None


def _changed(before: os.stat_result | None, now: os.stat_result | None) -> bool:
    if before is None or now is None:
        return before is not now
    return (before.st_mtime_ns, before.st_size, before.st_ino) != (now.st_mtime_ns, now.st_size, now.st_ino)


def _check(path: str, real: str, state: os.stat_result | None, known: bytes | None) -> None:
    if state is None:
        return
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not os.access(real, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    if known is None:
        return
    try:
        with open(real, "rb") as stream:
            on_disk = stream.read()
    except FileNotFoundError:
        return
    if fingerprint(on_disk) != known:
        raise ScriptChangedError(f"{path} changed on disk after it was read. Save under another name, or read it again.")


def _hand_on(before: os.stat_result, beside: str) -> None:
    """Give the new file the old one's owner, where that is allowed, and its permissions."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.chown(beside, before.st_uid, before.st_gid)
    os.chmod(beside, stat.S_IMODE(before.st_mode))


def _sync_folder(folder: str) -> None:
    """Let the new name reach the disk too; not every system lets a folder be opened, and the script is saved all the same."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
