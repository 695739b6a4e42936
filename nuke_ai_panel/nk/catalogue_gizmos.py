"""Gizmos as node classes: found on the plug-in path by name, read as text when asked for, never executed."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Optional, Union

from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.catalogue_types import USER_KNOB_OPTIONS, USER_KNOB_TYPES, ClassInfo, KnobInfo, user_knob_default
from nuke_ai_panel.nk.document import Document, loads
from nuke_ai_panel.nk.node import Node, Verbatim
from nuke_ai_panel.nk.words import DamagedWordError, list_words, unquote

__all__ = ["GizmoFolder", "gizmo_class", "plugin_path", "user_knob_info", "version_of"]

_ENDING = ".gizmo"
_MOST_FILES = 5_000
_MOST_FOLDERS = 2_000
_DEEPEST = 6
_MOST_BYTES = 8 * 1024 * 1024
_VERSION = re.compile(r"\s*version\s+(\d+\.\d+)")
_HEADER_ITEMS = 200
_ANY_NUMBER = 10_000
_logger = logging.getLogger(__name__)


def plugin_path(environ: Optional[Mapping[str, str]] = None) -> list[Path]:
    """Return the folders in which Nuke looks for plug-ins first: ``~/.nuke``, then those of ``NUKE_PATH``."""
    env = os.environ if environ is None else environ
    home = env.get("HOME") or env.get("USERPROFILE")
    folders = [Path(home) / ".nuke"] if home else []
    folders.extend(Path(each) for each in env.get("NUKE_PATH", "").split(os.pathsep) if each)
    return folders


class GizmoFolder:
    """The gizmos in some folders and the folders inside of them, which start-up scripts usually add to the path.

    At most 5,000 gizmos are taken, six folders deep and 8 MiB each; links to folders are not followed. What cannot be read is
    a class without known knobs. The folders are looked through at the first question, from whatever thread asks it.
    """

    def __init__(self, paths: Iterable[Union[str, os.PathLike[str]]]) -> None:
        self._paths = [Path(path) for path in paths]
        self._files: Optional[dict[str, Path]] = None
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of the gizmos found."""
        return list(self._found())

    def path(self, name: str) -> Path | None:
        """Return the file of a gizmo, None where no file has that name."""
        return self._found().get(name)

    def find(self, name: str, common: Mapping[str, KnobInfo]) -> ClassInfo | None:
        """Return a gizmo as a class, None where no file has that name."""
        path = self._found().get(name)
        if path is None:
            return None
        unread = ClassInfo(name, dict(common), 0, _ANY_NUMBER, complete=False, origin="gizmo")
        try:
            if path.stat().st_size > _MOST_BYTES:
                _logger.warning("the gizmo %s is larger than %d bytes and was not read", path, _MOST_BYTES)
                return unread
            return gizmo_class(name, loads(path.read_bytes()), common) or unread
        except (OSError, NkError, DamagedWordError) as error:
            _logger.warning("the gizmo %s cannot be read: %s", path, error)
            return unread

    def _found(self) -> dict[str, Path]:
        with self._lock:
            if self._files is None:
                self._files = _gizmo_files(self._paths)
            return self._files


def _gizmo_files(paths: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    seen_folders = 0
    for top in paths:
        for folder, inner, names in os.walk(top):
            seen_folders += 1
            is_deep = len(Path(folder).relative_to(top).parts) >= _DEEPEST
            inner[:] = [] if is_deep else sorted(each for each in inner if not each.startswith((".", "__pycache__")))
            for name in sorted(names):
                if name.endswith(_ENDING):
                    found.setdefault(name[: -len(_ENDING)], Path(folder, name))
            if len(found) >= _MOST_FILES or seen_folders >= _MOST_FOLDERS:
                _logger.warning("the plug-in path holds more than is looked at; %s is the last folder", folder)
                return found
    return found


def gizmo_class(name: str, document: Document, common: Mapping[str, KnobInfo]) -> ClassInfo | None:
    """Return the class that a gizmo's text defines, None where the text holds no node.

    Usually that is a group. A node of another class gives a class whose inputs and further knobs are not known.
    """
    nodes = document.nodes()
    outer = next((node for node in nodes if node.children is not None), nodes[0] if nodes else None)
    if outer is None:
        return None
    knobs = dict(common)
    written = outer.knobs
    for knob, text in written.items():
        if knob in knobs:
            knobs[knob] = replace(knobs[knob], default=text)
    for knob, definition in outer.user_knobs.items():
        made = user_knob_info(knob, definition)
        knobs[knob] = replace(made, default=written[knob]) if knob in written else made
    if outer.children is None:
        return ClassInfo(name, knobs, 0, _ANY_NUMBER, complete=False, origin="gizmo")
    inputs = _inputs(outer.children.nodes)
    names = tuple(node.name for node in inputs)
    mask = next((number for number, each in enumerate(names) if each.casefold() == "mask"), None)
    order = {knob: number for number, knob in enumerate(outer.user_knobs)}
    return ClassInfo(name, knobs, len(names), len(names), mask, True, order, {}, names, "", "", None, None, True, None, "gizmo")


def _inputs(nodes: Iterable[Node]) -> list[Node]:
    """Return the Input nodes of a group by the number they serve, which is written from the second on."""
    found = [node for node in nodes if node.class_name == "Input"]
    return sorted(found, key=lambda node: _whole(node.knob("number")))


def _whole(text: str | None) -> int:
    try:
        return int(float(text)) if text else 0
    except ValueError:
        return 0


def user_knob_info(name: str, definition: str) -> KnobInfo:
    """Return what an ``addUserKnob`` word ``{7 mix l Mix R 0 2}`` says of a knob."""
    words = list_words(definition[1:-1])
    kind, size = USER_KNOB_TYPES.get(words[0] if words else "", ("", 1))
    choices: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    menu = _option(words, "M")
    if menu is not None:
        rows = [unquote(word).split("\t") for word in list_words(menu[1:-1] if menu.startswith("{") else unquote(menu))]
        choices = tuple(row[0] for row in rows)
        shown = tuple(row[1] if len(row) > 1 and row[1] else row[0] for row in rows)
    default = user_knob_default(kind, choices)
    return KnobInfo(name, kind, default, size, choices, unquote(_option(words, "l") or ""), shown)


def _option(words: list[str], key: str) -> str | None:
    rest = words[2:]
    while rest:
        word = rest.pop(0)
        taken = USER_KNOB_OPTIONS.get(word, 0)
        if word == key:
            return rest[0] if rest else None
        del rest[:taken]
    return None


def version_of(document: Document) -> str | None:
    """Return the version of Nuke that wrote a script, as its header says it, None where it does not say."""
    for item in document.top.base[:_HEADER_ITEMS]:
        if isinstance(item, Verbatim):
            found = _VERSION.match(item.text)
            if found is not None:
                return found[1]
    return None
