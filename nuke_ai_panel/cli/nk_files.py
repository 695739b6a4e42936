"""Script files named on the command line: folders, patterns, standard input; progress; text that is safe on a terminal."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nuke_ai_panel.errors import ValidationError
from nuke_ai_panel.nk.document import Document, load, loads

__all__ = ["FileProgress", "cut", "named", "open_script", "printable", "script_files", "write_text"]

# How bytes that are no UTF-8 are held in text.
_BYTES = re.compile("[\udc80-\udcff]")
_SUFFIXES = (".nk", ".gizmo")
_AFTER_SECONDS = 1.0


def script_files(given: list[str]) -> list[str]:
    """Return the files that the arguments name, each once, in their order. Raises: ValidationError where one names none."""
    found: dict[str, None] = {}
    for name in given:
        if name == "-" or os.path.isfile(name):
            found[name] = None
        elif os.path.isdir(name):
            inside = sorted(str(path) for path in Path(name).rglob("*") if path.suffix in _SUFFIXES and path.is_file())
            if not inside:
                raise ValidationError(f"The folder {name!r} holds no .nk and no .gizmo file.")
            found.update(dict.fromkeys(inside))
        elif glob.has_magic(name):
            matching = sorted(path for path in glob.glob(name, recursive=True) if os.path.isfile(path))
            if not matching:
                raise ValidationError(f"No file matches {name!r}.")
            found.update(dict.fromkeys(matching))
        else:
            raise ValidationError(f"There is no file {name!r}.")
    return list(found)


def open_script(name: str, *, recover: bool = False) -> Document:
    """Load a file, or standard input for ``-``. Raises: NkError, OSError."""
    return loads(sys.stdin.buffer.read(), recover=recover) if name == "-" else load(name, recover=recover)


def named(name: str) -> str:
    """Return what a file is called in a message."""
    return "standard input" if name == "-" else name


def printable(text: str) -> str:
    """Return text that a terminal only shows: what would steer it, and what its encoding lacks, is spelled out."""
    shown = "".join(
        letter if (letter >= " " and not "\x7f" <= letter <= "\x9f") or letter in "\n\t" else repr(letter)[1:-1]
        for letter in _BYTES.sub(lambda found: f"\\x{ord(found.group()) - 0xDC00:02x}", text)
    )
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def cut(text: str, room: int) -> str:
    """Return text as one line of at most `room` letters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= room else flat[: max(room - 3, 1)] + "..."


def write_text(path: str, data: bytes) -> None:
    """Write bytes to a file, or to standard output for ``-``. Raises: OSError."""
    if path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        Path(path).write_bytes(data)


class FileProgress:
    """Says on standard error how many of many files are done, once it takes longer than a second."""

    def __init__(self, files: list[str]) -> None:
        self._files = files
        self._is_terminal = sys.stderr.isatty()
        self._next = time.monotonic() + _AFTER_SECONDS
        self._said = False

    def __iter__(self) -> Iterator[str]:
        for number, name in enumerate(self._files):
            if time.monotonic() >= self._next and len(self._files) > 1:
                self._say(f"{number}/{len(self._files)} files")
                self._next = time.monotonic() + (0.2 if self._is_terminal else 5.0)
            yield name
        if self._said and self._is_terminal:
            self._say("")

    def _say(self, text: str) -> None:
        self._said = True
        width = shutil.get_terminal_size().columns - 1
        # Nobody needs to read how far it is.
        with contextlib.suppress(OSError):
            if self._is_terminal:
                print(f"\r{text:<{width}}\r", end="", file=sys.stderr, flush=True)
            else:
                print(text, file=sys.stderr, flush=True)
