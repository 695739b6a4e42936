"""Which Python can run a dry run, and in what environment.

Inside Nuke ``sys.executable`` may be Nuke itself: starting that would open a second Nuke and take a licence. Nuke ships a plain
interpreter beside its binary (``python3``/``python``, ``python.exe`` on Windows, ``python.app`` on macOS), which needs none as
long as it does not import ``nuke``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["clean_environment", "find_python"]

_PYTHON = re.compile(r"^python(\d+(\.\d+)?)?(\.exe)?$", re.IGNORECASE)

#: All that a plain interpreter needs from the environment. Nuke sets PYTHONHOME, PYTHONPATH and LD_LIBRARY_PATH to folders of
#: its own, which break any other Python, so that what is not on this list is left out.
_KEPT = ("SYSTEMROOT", "WINDIR", "SYSTEMDRIVE", "COMSPEC", "LANG", "LC_ALL", "LC_CTYPE", "TZ")


def find_python(executable: str = "", *, prefix: str = "") -> str:
    """Return the path of a plain Python interpreter, "" where there is none.

    ``executable`` and ``prefix`` default to those of the running process.
    """
    executable = executable or sys.executable or ""
    if executable and _PYTHON.match(os.path.basename(executable)):
        return executable
    for candidate in _candidates(executable, prefix or sys.exec_prefix):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    return ""


def _candidates(executable: str, prefix: str) -> Iterator[Path]:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    names = ["python.exe"] if os.name == "nt" else [f"python{version}", "python3", "python"]
    if executable:
        beside = Path(executable).parent
        for name in names:
            yield beside / name
        yield beside / "python.app"
        yield beside / "python.app" / "Contents" / "MacOS" / "python"
    # An embedding application other than Nuke: its interpreter lies where its standard library does.
    base = Path(prefix) if os.name == "nt" else Path(prefix) / "bin"
    for name in names:
        yield base / name


def clean_environment(scratch: str, source: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a dry run: nothing of the host's, and `scratch` as home and place for temporary files."""
    environment = {name: value for name, value in source.items() if name.upper() in _KEPT}
    for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"):
        environment[name] = scratch
    return environment
