"""Open a file so that what was checked is what is read.

The path is resolved once. Then its folders are opened one after the other, each inside the one before and none through a
symlink, and whether the file lies in an allowed folder is told by the folders that were walked through, not by names. A folder
or file that is swapped in between therefore cannot lead anywhere else: the walk fails. Everything later reads from the
descriptor that this gives.

Windows has no such walk: there the file is opened first, and the system is asked for the final path of what was opened.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from nuke_ai_panel.errors import FileRefusedError, PathOutsideRootError
from nuke_ai_panel.files.names import is_inside_windows_folder, shown_name, why_name_is_refused

__all__ = ["OpenedFile", "open_checked", "read_at", "refused"]

_WALKS = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")

# O_NONBLOCK: opening a FIFO would wait for a writer. O_NOCTTY: a terminal would become ours.
_FILE_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)
# O_PATH, where there is one: a folder may be walked through without the right to list it.
_FOLDER_FLAGS = (
    getattr(os, "O_PATH", os.O_RDONLY)
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)

_KINDS = (
    (stat.S_ISDIR, "is a folder. Choose a file in it."),
    (stat.S_ISFIFO, "is a pipe, not a file. Save what comes out of it, and attach that."),
    (stat.S_ISSOCK, "is a socket, not a file. Choose a file."),
    (stat.S_ISCHR, "is a device, not a file. Choose a file."),
    (stat.S_ISBLK, "is a device, not a file. Choose a file."),
)


_place = threading.Lock()


@dataclass(frozen=True)
class OpenedFile:
    """An open descriptor and what the file was like when it was checked. Whoever has it closes it."""

    descriptor: int
    size: int
    identity: tuple[int, int]
    modified: int


def refused(path: str, why: str) -> FileRefusedError:
    """Return the error that says `why` of the file at `path`."""
    return FileRefusedError(f"{shown_name(path)} {why}", field="file", value=repr(path)[:80])


def open_checked(path: str, roots: Sequence[str] | None) -> OpenedFile:
    """Open the regular file at `path`, which must lie in one of `roots`; None is no bound. It never waits for a writer.

    Raises:
        PathOutsideRootError: it lies elsewhere, by its name or where its symlinks lead.
        FileRefusedError: it is no regular file, cannot be opened, or was swapped while it was being checked.
    """
    problem = why_name_is_refused(path, windows=os.name == "nt")
    if problem:
        raise refused(path, f"cannot be attached: it {problem}. Choose a file by its full path.")
    descriptor = -1
    try:
        descriptor = _walk(path, roots) if _WALKS else _open_by_name(path, roots)
        found = os.fstat(descriptor)
        _require_file(path, found)
        opened = OpenedFile(descriptor, found.st_size, (found.st_dev, found.st_ino), found.st_mtime_ns)
        descriptor = -1
        return opened
    except FileRefusedError:
        raise
    except OSError as error:
        failure = _explained(path, error)
    except ValueError:
        failure = refused(path, "is no file name. Choose a file by its full path.")
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    raise failure


def read_at(descriptor: int, offset: int, count: int) -> bytes:
    """Return up to `count` bytes at `offset`; may be called from several threads."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, offset)
    # Copies of a descriptor share their place in the file.
    with _place:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, count)


def _walk(path: str, roots: Sequence[str] | None) -> int:
    resolved = os.path.realpath(path)
    allowed = None if roots is None else {_identity(os.stat(root)) for root in roots if os.path.isdir(root)}
    *folders, name = [part for part in resolved.split(os.sep) if part] or [""]
    if not name:
        raise refused(path, _KINDS[0][1])
    folder = os.open(os.sep, _FOLDER_FLAGS)
    try:
        is_inside = allowed is None or _identity(os.fstat(folder)) in allowed
        for each in folders:
            inner = os.open(each, _FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = inner
            is_inside = is_inside or _identity(os.fstat(folder)) in (allowed or ())
        if not is_inside:
            raise _outside(path)
        # Opening can do something by itself, to a tape drive for example; so it is looked at first, and again when open.
        before = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISLNK(before.st_mode):
            raise _circle(path) if _leads_in_a_circle(resolved) else _swapped(path)
        _require_file(path, before)
        descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)
    if _identity(os.fstat(descriptor)) != _identity(before):
        os.close(descriptor)
        raise _swapped(path)
    return descriptor


def _open_by_name(path: str, roots: Sequence[str] | None) -> int:
    full = os.path.abspath(path)
    real_roots = None if roots is None else [os.path.realpath(root) for root in roots]
    if roots is not None and real_roots is not None:
        named = (*map(os.path.abspath, roots), *real_roots)
        if not any(is_inside_windows_folder(full, root) for root in named):
            raise _outside(path)
    descriptor = os.open(full, _FILE_FLAGS)
    try:
        final = _final_path(descriptor, full)
        if real_roots is not None and not any(is_inside_windows_folder(final, root) for root in real_roots):
            raise _outside(path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _final_path(descriptor: int, full: str) -> str:
    """Return the path of the file that is open, all links resolved, as the system knows it."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        ask = ctypes.windll.kernel32.GetFinalPathNameByHandleW
        ask.argtypes = (ctypes.c_void_p, ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_uint32)
        buffer = ctypes.create_unicode_buffer(32768)
        if not 0 < ask(msvcrt.get_osfhandle(descriptor), buffer, len(buffer), 0) < len(buffer):
            raise refused(full, "lies where the system does not say. Copy it to a local folder, and attach the copy.")
        return buffer.value
    return os.path.realpath(full)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _require_file(path: str, found: os.stat_result) -> None:
    for is_it, why in _KINDS:
        if is_it(found.st_mode):
            raise refused(path, why)
    if not stat.S_ISREG(found.st_mode) or found.st_dev in _system_devices():
        raise refused(path, "belongs to the system and is no document. Copy what matters into a file, and attach that.")


def _system_devices() -> set[int]:
    """Return the devices of the file systems whose files are made up while they are read."""
    devices = set()
    for folder in ("/proc", "/sys", "/dev"):
        if os.path.ismount(folder):
            devices.add(os.stat(folder).st_dev)
    return devices


def _outside(path: str) -> PathOutsideRootError:
    return PathOutsideRootError(
        f"{shown_name(path)} lies outside of the folders that files may be attached from. Attach it yourself if it is meant,"
        " or copy it into the script's folder.",
        field="file",
        value=repr(path)[:80],
    )


def _leads_in_a_circle(link: str) -> bool:
    try:
        os.stat(link)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _circle(path: str) -> FileRefusedError:
    return refused(path, "is a link that leads in a circle. Choose the file that is meant.")


def _swapped(path: str) -> FileRefusedError:
    return refused(path, "was replaced while it was being checked. Attach it again when nothing else writes there.")


def _explained(path: str, error: OSError) -> FileRefusedError:
    if isinstance(error, FileNotFoundError):
        return refused(path, "does not exist. Check the name.")
    if isinstance(error, PermissionError):
        return refused(path, "may not be read by you. Ask its owner, or attach a copy.")
    if isinstance(error, IsADirectoryError):
        return refused(path, _KINDS[0][1])
    if error.errno in _SWAP_ERRORS:
        return refused(
            path,
            "leads through something that is no folder, or that was replaced while it was being checked. Check the name, and"
            " attach it again.",
        )
    return refused(path, f"cannot be opened: {error.strerror or type(error).__name__}. Check the disk it lies on.")


# What O_NOFOLLOW and O_DIRECTORY say of a symlink that took the place of a folder.
_SWAP_ERRORS = frozenset({errno.ELOOP, errno.ENOTDIR})
