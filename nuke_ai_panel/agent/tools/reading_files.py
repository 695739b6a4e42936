"""The files that a script names, and whether they lie where it says.

The disk is asked in a thread of its own, because a server of files that does not answer holds whoever asks; and it is asked
for nothing but what the script names.
"""

from __future__ import annotations

import asyncio
import glob
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from nuke_ai_panel.agent.tools.marking import quoted
from nuke_ai_panel.agent.tools.schemas import OFFSET, flag
from nuke_ai_panel.agent.tools.script_view import ScriptView
from nuke_ai_panel.agent.tools.values import Arguments, ReadTool, ToolSpec
from nuke_ai_panel.nk import graph
from nuke_ai_panel.nk.expressions import knob_text
from nuke_ai_panel.nk.graph import FileName
from nuke_ai_panel.nk.node import Node

__all__ = ["DEADLINE", "TOOLS", "Found", "files_of", "on_disk"]

#: Seconds for all files together.
DEADLINE = 3.0
_MOST_FILES = 2000
_VERSION = re.compile(r"[._/\\-]v(\d{1,5})(?=[._/\\-]|$)", re.IGNORECASE)


@dataclass
class Found:
    """A file of the script. ``exists`` is None while, or where, that is not known; ``why`` then says the reason."""

    file: FileName
    path: str
    exists: bool | None = None
    why: str = ""

    @property
    def version(self) -> str:
        """The version in the path, such as ``v003``, or ""."""
        found = _VERSION.findall(self.path)
        return f"v{found[-1]}" if found else ""


def files_of(node: Node) -> list[Found]:
    """Return the files that a node's knobs name, Tcl in their names evaluated as far as that is possible."""
    found: list[Found] = []
    body = (node.clone_of or node).text.body
    # Every knob that names a file is called one of these in part; most nodes have none, and need not be read.
    if "file" not in body and "File" not in body and "proxy" not in body:
        return found
    for each in graph.file_names(node):
        path, why = each.text, ""
        if "[" in path:
            value = knob_text(node, each.knob)
            if value.problem is not None:
                why = "its name is made by a script"
            else:
                path = str(value.value)
        found.append(Found(each, path, None, why or _not_looked_for(path)))
    return found


def _not_looked_for(path: str) -> str:
    if os.name == "nt" and path.startswith(("//", "\\\\")):
        # Asking another computer for a file tells it who asks; a script that was sent in could name any.
        return "it lies on another computer"
    if not os.path.isabs(path):
        return "its path is relative"
    return ""


async def on_disk(
    files: Sequence[Found], *, deadline: float = DEADLINE, exists: Callable[[Found], bool] | None = None
) -> Sequence[Found]:
    """Find out which of `files` lie on the disk, within `deadline` seconds; the rest stays unknown. Returns `files`."""
    asked = [each for each in files if not each.why][:_MOST_FILES]
    for each in files[_MOST_FILES:]:
        each.why = each.why or "there are too many"
    if not asked:
        return files
    look = exists or _exists
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    answers: dict[int, bool | None] = {}
    given_up = threading.Event()

    def finish() -> None:
        if not done.done():
            done.set_result(None)

    def work() -> None:
        for place, each in enumerate(asked):
            if given_up.is_set():
                return
            try:
                answers[place] = look(each)
            except (OSError, ValueError):
                answers[place] = None
        try:
            loop.call_soon_threadsafe(finish)
        except RuntimeError:
            # The loop was closed while the disk was asked.
            return

    # A daemon: neither the loop nor the interpreter waits for a disk that does not answer.
    threading.Thread(target=work, name="nuke-ai-panel files", daemon=True).start()
    try:
        await asyncio.wait({done}, timeout=deadline)
    finally:
        given_up.set()
    for place, each in enumerate(asked):
        each.exists = answers.get(place)
        if each.exists is None:
            each.why = "the disk could not tell" if place in answers else f"the disk did not answer within {deadline:g} s"
    return files


def _exists(found: Found) -> bool:
    """Return whether the file is there; of a sequence, whether any of its frames is."""
    if not found.file.is_sequence and "%" not in found.path:
        return os.path.exists(found.path)
    first = found.file.first
    if first is not None and "[" not in found.file.text and os.path.exists(found.file.at(first)):
        return True
    folder, name = os.path.split(found.path)
    pattern = _frames(name)
    if "%" in folder or "#" in folder:
        return next(glob.iglob(os.path.join(_frames(folder), pattern)), None) is not None
    with os.scandir(folder) if os.path.isdir(folder) else _Nothing() as entries:
        test = re.compile(_frames_test(name), re.IGNORECASE if os.name == "nt" else 0)
        return any(test.fullmatch(entry.name) for entry in entries)


class _Nothing:
    """A folder that is not there."""

    def __enter__(self) -> Iterable[os.DirEntry[str]]:
        return ()

    def __exit__(self, *_: object) -> None:
        return None


_FRAME = re.compile(r"%0?\d*d|#+|%[vV]")


def _frames(name: str) -> str:
    return "*".join(glob.escape(part) for part in _FRAME.split(name))


def _frames_test(name: str) -> str:
    return "".join(
        re.escape(part) if number % 2 == 0 else (r"\w+" if part in ("%v", "%V") else r"-?\d+")
        for number, part in enumerate(re.split(f"({_FRAME.pattern})", name))
    )


async def _list(view: ScriptView, arguments: Arguments) -> list[str]:
    found = await view.work(lambda: [each for node in view.walk() for each in files_of(node)])
    await on_disk(found)
    if arguments.get("missing"):
        found = [each for each in found if each.exists is False and not each.file.is_written]
    lines = []
    for each in found:
        file = each.file
        parts = [f"{quoted(file.node.path)} ({quoted(file.node.class_name)}) {quoted(file.knob)}: {quoted(each.path)}"]
        if file.first is not None and file.last is not None:
            parts.append(f"frames {file.first} to {file.last}")
        if each.version:
            parts.append(f"version {each.version}")
        if file.is_written:
            parts.append("written by the script")
        state = {True: "on disk", False: "not written yet" if file.is_written else "MISSING"}
        parts.append(f"not known ({each.why})" if each.exists is None else state[each.exists])
        lines.append(", ".join(parts))
    return lines or ["(no file)"]


TOOLS = (
    ReadTool(
        ToolSpec(
            "list_files",
            "List the files the script reads and writes: path, version, frames, and whether they are on disk.",
            {"missing": cast("dict[str, object]", flag("Only files that are missing.")), "offset": OFFSET},
        ),
        _list,
    ),
)
