"""What is wrong with the name of a file before anything is asked of the system. Pure functions, for every platform."""

from __future__ import annotations

import ntpath
import re

__all__ = ["is_inside_windows_folder", "shown_name", "why_name_is_refused"]

# With any ending: "aux.txt" is the device too. https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_DEVICES = re.compile(
    r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])\s*(?:\..*)?"
)
_LONGEST_SHOWN = 80


def why_name_is_refused(path: str, *, windows: bool) -> str:
    """Return what is wrong with `path` as a sentence's end, e.g. ``"names the device NUL"``, or "" where nothing is."""
    if not path or path.isspace():
        return "is no file name"
    if "\0" in path:
        return "holds a zero byte"
    if not windows:
        return ""
    if re.match(r"[\\/]{2}[.?][\\/]|\\\?\?\\", path):
        return "names a device, not a file in a folder"
    drive, rest = ntpath.splitdrive(path)
    if drive.endswith(":") and not rest.startswith(("\\", "/")):
        return "depends on the current folder of a drive"
    for part in re.split(r"[\\/]", rest):
        if part in ("", ".", ".."):
            continue
        if ":" in part:
            return "names an alternate stream of a file"
        if part != part.rstrip(" ."):
            return "ends in a dot or a blank, which Windows drops"
        if _DEVICES.fullmatch(part):
            return f"names the device {part.partition('.')[0].strip().upper()}"
        if re.search(r'[<>"|?*\x00-\x1f]', part):
            return "holds a character that no file name has"
    return ""


def is_inside_windows_folder(path: str, folder: str) -> bool:
    """Return whether the full `path` lies in `folder`, by its words only.

    Asking the system about a path on another machine would already send the user's name and password hash there.
    """
    inner, outer = (ntpath.normcase(_without_prefix(ntpath.normpath(each))) for each in (path, folder))
    return inner == outer or inner.startswith(outer.rstrip("\\") + "\\")


def _without_prefix(path: str) -> str:
    if path.upper().startswith("\\\\?\\UNC\\"):
        return "\\" + path[7:]
    return path[4:] if path.startswith("\\\\?\\") else path


def shown_name(path: str) -> str:
    """Return the last part of `path` as it goes into a message: quoted, without control characters, at most 80 long."""
    last = re.split(r"[\\/]", path.rstrip("\\/"))[-1] or path
    if len(last) > _LONGEST_SHOWN:
        last = last[:40] + "..." + last[-37:]
    return repr(last.encode("utf-8", "replace").decode("utf-8"))
