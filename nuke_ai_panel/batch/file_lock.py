"""A lock that two processes cannot hold, and that ends with its holder however that one ends."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from nuke_ai_panel.errors import ValidationError

__all__ = ["FileLock"]


class FileLock:
    """Hold the lock at `path` from now on; the file of that name is removed when the lock is let go.

    Attributes:
        is_held: False where the file system has no locks.

    Raises:
        ValidationError: somebody else holds it.
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        while True:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            self.is_held = self._taken()
            # Between opening and locking, the former holder may have removed the file: then the lock is on nothing.
            with contextlib.suppress(FileNotFoundError):
                if not self.is_held or os.path.samestat(os.fstat(self._handle), os.stat(path)):
                    return
            os.close(self._handle)

    def _taken(self) -> bool:
        try:
            _lock(self._handle)
        except (BlockingIOError, PermissionError):
            os.close(self._handle)
        except OSError:
            return False
        else:
            return True
        raise ValidationError(
            f"Another run is writing these results (it holds {str(self._path)!r}). Wait for its end.", field="out"
        )

    def release(self) -> None:
        """Let the lock go. May be called twice."""
        handle, self._handle = self._handle, -1
        if handle < 0:
            return
        if self.is_held:
            # Windows removes no file that is open; there it stays, empty, and hinders nobody.
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
