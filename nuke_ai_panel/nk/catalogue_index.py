"""*Index this Nuke*: what an installation really has, gizmos and plug-ins included, read in small steps into a file.

Written against Nuke's documented Python API only; the module is an argument, so the same code runs on the emulated one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from nuke_ai_panel.errors import HostError, NukeAIPanelError
from nuke_ai_panel.nk.catalogue import index_path
from nuke_ai_panel.nk.catalogue_store import ClassFile, shipped_classes

__all__ = ["IndexStep", "index_is_current", "index_steps", "index_this_nuke", "plugin_names"]

# What Nuke's objects raise where a question does not fit a node, a knob or an edition.
_REFUSALS = (RuntimeError, ValueError, TypeError, AttributeError, NameError, SystemError, KeyError, NukeAIPanelError)
# No .tcl: loading one runs whatever it holds, and few of them make a node.
_ENDINGS = (".so", ".dll", ".dylib", ".gizmo")
# Formats, file readers and lens plug-ins lie among the node classes; their names say what they are.
_NO_NODES = ("Reader", "Writer", "Format")
# Made without a script's node they open a window, start a device or change the session.
_NOT_MADE = frozenset({"Root", "Viewer", "Gizmo", "MonitorOut", "Precomp", "LiveGroup", "AudioRead", "C_CameraIngest2_1"})
_MOST_CLASSES = 10_000
_MOST_TEXT = 4_096
_OBSOLETE = "Obsolete_Knob"
# Of the shipped facts, what no node can tell.
_KEPT = ("menu", "shown", "names", "order", "met", "seen", "dynamic", "by_file_type", "knob_until", "knob_since")


@dataclass(frozen=True)
class IndexStep:
    """How far the index has come: `done` of `total` classes, `last` the class that was read last.

    `path` is the file, in the last step only.
    """

    done: int
    total: int
    last: str = ""
    path: Optional[Path] = None

    @property
    def fraction(self) -> float:
        """How much is done, from 0 to 1."""
        return self.done / self.total if self.total else 1.0

    @property
    def text(self) -> str:
        """What to show beside a bar."""
        if self.path is not None:
            return f"{self.total} node classes indexed"
        return f"{self.last} ({self.done} of {self.total})"


def plugin_names(nuke: Any) -> list[str]:
    """Return the names of the classes that this Nuke may have: those its plug-in path offers and those that are known."""
    names: dict[str, None] = dict.fromkeys(shipped_classes().names())
    with contextlib.suppress(*_REFUSALS):
        for each in nuke.plugins(nuke.ALL | nuke.NODIR):
            stem, ending = os.path.splitext(os.path.basename(str(each)))
            if ending in _ENDINGS and not stem.endswith(_NO_NODES):
                names[stem] = None
    return sorted(name for name in names if name not in _NOT_MADE)[:_MOST_CLASSES]


def index_steps(
    nuke: Any,
    folder: Union[str, os.PathLike[str]],
    *,
    class_names: Optional[Iterable[str]] = None,
    slice_seconds: float = 0.004,
) -> Generator[IndexStep, None, None]:
    """Read the classes of this Nuke step by step and write them to ``index_path(folder, version)`` at the end.

    Call ``next()`` on Nuke's main thread, e.g. from a timer, until it ends; the last step tells the path. A step goes on for
    `slice_seconds` at most and then finishes the class at hand: making a node of it and reading its knobs, which is what Nuke
    itself takes for it; the nodes go with the group they stand in. Between steps the script is as it was: nothing selected or
    connected differs, no undo step was made and the script is not marked as modified. Closing the iterator early writes
    nothing. What a studio's own callbacks (``nuke.addOnCreate``, a gizmo's ``onCreate``) do beyond the new node cannot be
    taken back here.

    Raises:
        HostError: from the first step, in an edition that gives Python only ten nodes of a script.
        OSError: from the last step, where the folder cannot be written.
    """
    version = _edition(nuke)
    names = list(class_names) if class_names is not None else plugin_names(nuke)
    rows = _Rows()
    number = 0
    while number < len(names):
        end = time.perf_counter() + slice_seconds
        with _scratch(nuke):
            while number < len(names):
                _read_class(nuke, names[number], rows)
                number += 1
                if time.perf_counter() >= end:
                    break
        yield IndexStep(number, len(names), names[number - 1])
    path = index_path(folder, version)
    _write(path, rows.text(version, names))
    yield IndexStep(len(names), len(names), names[-1] if names else "", path)


def index_this_nuke(
    nuke: Any,
    folder: Union[str, os.PathLike[str]],
    *,
    is_cancelled: Optional[Callable[[], bool]] = None,
    force: bool = False,
    slice_seconds: float = 0.004,
) -> Iterator[IndexStep]:
    """Make the index of this Nuke in `folder` for a menu command, with progress and a way out.

    Call ``next()`` on Nuke's main thread, e.g. from a timer, until it ends, and show each step's `fraction` and `text`. The
    last step of an index that was made has its `path`; from then on catalogues of this version prefer it, where
    :func:`~nuke_ai_panel.nk.catalogue.use_index_folder` named the folder. An index that is there and current gives one such
    step and nothing is read, unless `force`. Before each step `is_cancelled` is asked; where it says so, as where the iterator
    is closed, this ends without a path, nothing is written and the script is as it was.

    Raises:
        HostError: from the first step, in an edition that gives Python only ten nodes of a script.
        OSError: from the last step, where the folder cannot be written.
    """
    if not force and index_is_current(nuke, folder):
        total = len(plugin_names(nuke))
        yield IndexStep(total, total, "", index_path(folder, str(nuke.NUKE_VERSION_STRING)))
        return
    steps = index_steps(nuke, folder, slice_seconds=slice_seconds)
    try:
        while is_cancelled is None or not is_cancelled():
            step = next(steps, None)
            if step is None:
                return
            yield step
    finally:
        steps.close()


def index_is_current(nuke: Any, folder: Union[str, os.PathLike[str]]) -> bool:
    """Return whether the index in the folder was made by this very build of Nuke with the plug-ins and gizmos it has now."""
    version = str(nuke.NUKE_VERSION_STRING)
    try:
        index = ClassFile(index_path(folder, version).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError):
        return False
    return index.nuke == version and index.plugins == _fingerprint(plugin_names(nuke))


def _fingerprint(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode("utf-8", "replace")).hexdigest()


def _edition(nuke: Any) -> str:
    """Return the version, e.g. ``"17.0v3"``."""
    for key, edition in (("nc", "Non-commercial"), ("indie", "Indie"), ("ple", "Personal Learning")):
        if _is_set(nuke, key):
            raise HostError(f"{edition} Nuke gives Python ten nodes of a script, so it cannot be indexed.")
    return str(nuke.NUKE_VERSION_STRING)


def _is_set(nuke: Any, key: str) -> bool:
    try:
        return bool(nuke.env[key])
    except _REFUSALS:
        return False


@contextlib.contextmanager
def _scratch(nuke: Any) -> Iterator[None]:
    """Make a group that commands work in, and leave the script as it was: no undo step, no mark, the same selection."""
    root = nuke.root()
    modified = _asked(root, "modified")
    selected = list(nuke.selectedNodes())
    undo = nuke.Undo
    _asked(undo, "disable")
    group = None
    try:
        group = nuke.nodes.Group()
        with group:
            yield
    finally:
        try:
            if group is not None:
                nuke.delete(group)
            for node in nuke.selectedNodes():
                node.setSelected(False)
            for node in selected:
                node.setSelected(True)
            if modified is False:
                _asked(root, "setModified", False)
        finally:
            _asked(undo, "enable")


def _asked(place: Any, name: str, *args: object) -> Any:
    """Return what a method gives, None where the object does not have it or refuses."""
    try:
        return getattr(place, name)(*args)
    except _REFUSALS:
        return None


class _Rows:
    """The rows of the file, and the knob types they count by number."""

    def __init__(self) -> None:
        self.types: dict[str, int] = {}
        self.rows: dict[str, str] = {}
        self.common = frozenset(shipped_classes().common())

    def add(self, name: str, row: dict[str, Any]) -> None:
        kept = {key: value for key, value in row.items() if value not in (None, [], {}, "")}
        self.rows[name] = json.dumps(kept, separators=(",", ":"), ensure_ascii=False)

    def type_number(self, kind: str) -> int:
        return self.types.setdefault(kind, len(self.types))

    def text(self, version: str, names: list[str]) -> str:
        head = {
            "nuke": version,
            "plugins": _fingerprint(names),
            "types": list(self.types),
            "common": {},
        }
        lines = [f"{json.dumps(key)}:{json.dumps(value, ensure_ascii=False)}," for key, value in head.items()]
        rows = [f"{json.dumps(name)}:{row}" for name, row in sorted(self.rows.items()) if '"' not in name and "\\" not in name]
        return "{\n" + "\n".join(lines) + '\n"classes":{\n' + ",\n".join(rows) + "\n}}\n"


def _read_class(nuke: Any, name: str, rows: _Rows) -> None:
    """Add what one node of a class shows; a name that makes no node of its own is left out."""
    shipped = shipped_classes().raw(name) or {}
    try:
        node = getattr(nuke.nodes, name)()
    except _REFUSALS:
        return
    if node is None:
        return
    try:
        class_name = str(node.Class())
        if class_name not in (name, f"{name}.gizmo"):
            return
        row = _row(node, shipped, rows)
    except _REFUSALS:
        return
    rows.add(name, row)


def _row(node: Any, shipped: dict[str, Any], rows: _Rows) -> dict[str, Any]:
    knobs: dict[str, list[Any]] = {}
    old: list[str] = []
    for name, knob in dict(node.knobs()).items():
        kind = str(_asked(knob, "Class") or "")
        if kind == _OBSOLETE:
            old.append(str(name))
        elif name:
            knobs[str(name)] = _entry(str(name), kind, knob, shipped, rows)
    low = _count(_asked(node, "minInputs"), shipped.get("inputs", (1, 1))[0])
    high = _count(_asked(node, "maxInputs"), shipped.get("inputs", (1, 1))[1])
    mask = shipped.get("mask")
    if mask is None and ("maskChannelInput" in knobs or "maskChannelMask" in knobs) and low >= 2:
        mask = low - 1
    row = {key: shipped.get(key) for key in _KEPT}
    internal = [name for name in knobs if name in rows.common or name in shipped.get("internal", ())]
    gone = sorted({*old, *(name for name in shipped.get("old", ()) if name not in knobs)})
    return {**row, "inputs": [low, high], "knobs": knobs, "mask": mask, "old": gone, "internal": internal, "origin": "index"}


def _entry(name: str, kind: str, knob: Any, shipped: dict[str, Any], rows: _Rows) -> list[Any]:
    known = shipped.get("knobs", {}).get(name)
    default = _asked(knob, "toScript")
    text = None if not isinstance(default, str) or len(default) > _MOST_TEXT else default
    if name in ("name", "xpos", "ypos", "selected"):
        text = {"name": "", "selected": "false"}.get(name, "0")
    elif known is not None and isinstance(known[1], str) and "@" in known[1]:
        # What follows the format shows only the format of the script at hand.
        text = known[1]
    size = _count(_asked(knob, "arraySize"), 1)
    choices = _asked(knob, "values")
    names = [str(each) for each in choices] if isinstance(choices, (list, tuple)) else []
    label = _asked(knob, "label")
    return [rows.type_number(kind), text, size, names, label if isinstance(label, str) and len(label) <= 40 else ""]


def _count(value: object, usual: int) -> int:
    return int(value) if isinstance(value, (int, float)) and value >= 0 else usual


def _write(path: Path, text: str) -> None:
    """Write the file in one step, so that a reader finds the old one or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
