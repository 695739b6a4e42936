"""Keep a dry run's accidents inside of its process: no network, no writing outside of one folder, no other programs.

A guard rail, not a prison: Python code that means harm finds a way past an audit hook. It stops the script that removes a
folder, overwrites a file or starts a render because a model thought so. Consent and undo are what protects a session.

What it does not hold: code that finds the guard's own objects through frames or the collector and changes them; a path that
another thread swaps for a link between the check and the call; compiled modules that make system calls of their own without
telling Python. Files can be read, except hidden ones of the home folder and the memory and environment of other programs;
what is read can be printed, and what is printed is shown to the artist and may go to the model. On Windows there are no limits
on memory and processor time, on macOS none on memory.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import socket
import sys
from collections.abc import Callable

__all__ = ["Guard", "limit_resources"]

#: Bytes of memory a dry run may map, and bytes that one file in its scratch folder may have.
_MEMORY = 2 * 1024**3
_FILE_SIZE = 16 * 1024**2

_NETWORK = (
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.sendto",
    "socket.sendmsg",
)
_PROCESSES = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.startfile/2",
    "pty.spawn",
    "webbrowser.open",
    "_winapi.CreateProcess",
    "os.kill",
    "os.killpg",
    "signal.pthread_kill",
)
_NATIVE_CODE = ("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function", "ctypes.string_at", "ctypes.cdata")
_MACHINE = (
    "winreg.CreateKey",
    "winreg.DeleteKey",
    "winreg.DeleteValue",
    "winreg.SetValue",
    "winreg.LoadKey",
    "resource.setrlimit",
    "resource.prlimit",
)

#: What changes other programs or the file system and raises no audit event, by the modules that have it.
_UNWATCHED = {
    "_posixsubprocess": ("fork_exec",),
    "os": ("mkfifo", "mknod", "setpriority", "sched_setaffinity", "sched_setparam", "sched_setscheduler"),
    "posix": ("mkfifo", "mknod", "setpriority", "sched_setaffinity", "sched_setparam", "sched_setscheduler"),
    "signal": ("pidfd_send_signal",),
    "_signal": ("pidfd_send_signal",),
}
_FILE_NAMES = ("mkfifo", "mknod")

#: Hidden folders of the home folder that hold no secrets and that scripts have reason to read.
_OPEN_FOLDERS = (".nuke",)

_WRITING = "writes, moves or deletes files"
_PROGRAMS = "starts or ends other programs"
_PRIVATE = "reads private files"

#: Audit events that change files: where their arguments hold a path, and the open folder it is relative to (-1 for none).
_CHANGES_FILES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.chflags": ((0, None),),
    "os.utime": ((0, 3),),
    "os.setxattr": ((0, None),),
    "os.removexattr": ((0, None),),
}
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Refuse what a dry run must not do, with a ``PermissionError``, and remember it in ``refused`` in plain words.

    What was refused is remembered because a script may catch the error and go on; its outcome is then not the one it would
    have in the host.
    """

    def __init__(self, scratch: str, *, home: str = "") -> None:
        self.refused: list[str] = []
        # A script may put functions of its own in the place of these.
        self._real: Callable[[str], str] = os.path.realpath
        self._decoded: Callable[..., str] = os.fsdecode
        self._scratch = self._real(scratch) + os.sep
        self._home = self._real(home) + os.sep if home else ""
        own = (sys.prefix, sys.base_prefix, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
        self._may_read = (*(self._real(folder) + os.sep for folder in own), self._scratch)
        self._other_programs = re.compile(rf"/proc/(?!(?:{os.getpid()})/)\d+/")
        self._checks: dict[str, Callable[[str, tuple[object, ...]], None]] = {"open": self._open}
        self._checks.update(dict.fromkeys(_NETWORK, lambda event, args: self._refuse("uses the network")))
        self._checks.update(dict.fromkeys(_PROCESSES, lambda event, args: self._refuse(_PROGRAMS)))
        self._checks.update(dict.fromkeys(_NATIVE_CODE, lambda event, args: self._refuse("calls native code")))
        self._checks.update(dict.fromkeys(_MACHINE, lambda event, args: self._refuse("changes settings of the machine")))
        self._checks.update(dict.fromkeys(_CHANGES_FILES, self._change))
        self._checks["socket.__new__"] = self._socket
        self._checks["sqlite3.connect"] = self._database

    def install(self) -> None:
        """Begin; there is no way to end it but the end of the process."""
        for module, names in _UNWATCHED.items():
            found = sys.modules.get(module)
            if found is None and module == "_posixsubprocess" and sys.platform != "win32":
                found = importlib.import_module(module)
            for name in names:
                if hasattr(found, name):
                    setattr(found, name, self._refusing(_WRITING if name in _FILE_NAMES else _PROGRAMS))
        sys.addaudithook(self._audit)

    def _refusing(self, words: str) -> Callable[..., object]:
        def refused(*_args: object, **_kwargs: object) -> object:
            self._refuse(words)
            return None

        return refused

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        check = self._checks.get(event)
        if check is not None:
            check(event, args)

    def _refuse(self, words: str) -> None:
        if words not in self.refused:
            self.refused.append(words)
        # With a number, so that the words survive code that adds a file name, as shutil.rmtree does since Python 3.13.
        raise PermissionError(errno.EPERM, f"a dry run does not allow this: the script {words}")

    def _open(self, event: str, args: tuple[object, ...]) -> None:
        path, mode, flags = args
        writes = (
            bool(set(mode) & set("wax+")) if isinstance(mode, str) else isinstance(flags, int) and bool(flags & _WRITE_FLAGS)
        )
        if not writes:
            self._read(path)
            return
        if mode is None and isinstance(path, (str, bytes)) and not os.path.isabs(path):
            # os.open may take the path relative to an open folder, which the event does not tell.
            self._refuse(_WRITING)
        self._path(path)

    def _read(self, path: object) -> None:
        """Refuse to read what keys are kept in: hidden files of the home folder, and what other programs hold."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        name = self._real(self._decoded(path))
        if name.startswith(self._may_read):
            return
        if self._other_programs.match(name):
            self._refuse(_PRIVATE)
        if self._home and name.startswith(self._home):
            below = name[len(self._home) :].split(os.sep)
            if any(part.startswith(".") for part in below) and below[0] not in _OPEN_FOLDERS:
                self._refuse(_PRIVATE)

    def _change(self, event: str, args: tuple[object, ...]) -> None:
        for path, folder in _CHANGES_FILES[event]:
            self._path(args[path], -1 if folder is None else args[folder])

    def _socket(self, event: str, args: tuple[object, ...]) -> None:
        # An event loop talks to itself over a pair of local sockets; those may be made, but not connected anywhere.
        if args[1] != getattr(socket, "AF_UNIX", None):
            self._refuse("uses the network")

    def _database(self, event: str, args: tuple[object, ...]) -> None:
        if args[0] not in (":memory:", b":memory:", ""):
            self._path(args[0])

    def _path(self, path: object, folder: object = -1) -> None:
        if isinstance(path, int):
            return  # an open file, checked when it was opened
        if isinstance(path, (str, bytes, os.PathLike)):
            name = self._decoded(path)
            if isinstance(folder, int) and folder >= 0 and not os.path.isabs(name):
                within = _folder_of(folder)
                name = os.path.join(within, name) if within else ""
            if name and (name == os.devnull or (self._real(name) + os.sep).startswith(self._scratch)):
                return
        self._refuse(_WRITING)


def _folder_of(descriptor: int) -> str:
    """Return the path of an open folder, "" where the platform does not tell."""
    try:
        if sys.platform == "linux":
            return os.readlink(f"/proc/self/fd/{descriptor}")
        if sys.platform == "darwin":
            import fcntl

            return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, b"\0" * 1024).rstrip(b"\0"))
    except (OSError, AttributeError):
        pass
    return ""


def limit_resources(seconds: float) -> None:
    """Limit memory, processor time and the size of files where the platform can (not on Windows; macOS ignores memory)."""
    try:
        import resource
    except ImportError:
        return
    wanted = (
        ("RLIMIT_AS", _MEMORY),
        ("RLIMIT_CPU", int(seconds) + 2),
        ("RLIMIT_FSIZE", _FILE_SIZE),
        ("RLIMIT_CORE", 0),
    )
    for name, limit in wanted:
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        try:
            _, hard = resource.getrlimit(kind)
            most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            # Past the lower one a signal comes, which a script may ignore; the higher one ends it.
            resource.setrlimit(kind, (most, most + 2 if name == "RLIMIT_CPU" and hard == resource.RLIM_INFINITY else hard))
        except (OSError, ValueError):
            continue  # this platform has the name and not the limit; the time limit of the parent still holds
