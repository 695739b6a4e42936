"""Reading catalogue files: one class a line, and only the classes that are asked for are parsed."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from nuke_ai_panel.errors import NukeAIPanelError
from nuke_ai_panel.nk.catalogue_types import ClassInfo, KnobInfo, Version, parse_version

__all__ = ["ClassFile", "resource", "shipped_classes", "usual_mistakes"]

_CLASSES = '\n"classes":{\n'
_USUAL: tuple[Any, ...] = ("", None, 1, (), "")
_ROOT = Path(__file__).resolve().parent.parent.parent


def resource(name: str) -> Path:
    """Return the path of a file or folder that comes with the plug-in.

    An installed package has the folder under the name ``nuke_ai_panel_resources`` beside this one, a checkout as ``resources``.
    Raises: NukeAIPanelError.
    """
    for folder in ("nuke_ai_panel_resources", "resources"):
        path = _ROOT / folder / name
        if path.exists():
            return path
    raise NukeAIPanelError(f"The file {name!r} of the plug-in is missing; install the plug-in again.")


class ClassFile:
    """The classes of one file, as tools/build_catalogue.py or the index of an installation writes them."""

    def __init__(self, text: str) -> None:
        head, found, rows = text.partition(_CLASSES)
        if not found:
            raise ValueError("the text is no catalogue of node classes")
        raw = json.loads(head.rstrip(",\n") + "}")
        self.nuke = str(raw.get("nuke", ""))
        self.plugins = str(raw.get("plugins", ""))
        self._types: list[str] = raw["types"]
        self._common: dict[str, list[Any]] = raw["common"]
        self._since: dict[str, str] = raw.get("since", {})
        self._menus = {shown: tuple(names) for shown, names in raw.get("menus", {}).items()}
        self._rows: dict[str, str] = {}
        for line in rows.split("\n"):
            name, found, row = line.partition('":')
            if found:
                self._rows[name[1:]] = row.rstrip(",")

    def names(self) -> list[str]:
        """Return the names of the classes."""
        return list(self._rows)

    def raw(self, name: str) -> dict[str, Any] | None:
        """Return what the file holds about a class, None where it does not hold it."""
        row = self._rows.get(name)
        return None if row is None else json.loads(row)

    def menu_names(self) -> Mapping[str, tuple[str, ...]]:
        """Return what the menus call classes by another name than their own, and which classes those are."""
        return self._menus

    def mentions_knob(self, knob: str) -> bool:
        """Return whether any class may have a knob of that name. No class is parsed, so a choice may be taken for a knob."""
        quoted = json.dumps(knob)
        return knob in self._common or any(quoted in row for row in self._rows.values())

    def since(self) -> Mapping[str, str]:
        """Return the classes that came with a known version, and that version."""
        return self._since

    def common(self) -> Mapping[str, KnobInfo]:
        """Return the knobs that every node has."""
        return self._common_knobs

    @functools.cached_property
    def _common_knobs(self) -> dict[str, KnobInfo]:
        return {name: replace(self._knob(name, entry), internal=True) for name, entry in self._common.items()}

    def find(self, name: str, version: Version) -> ClassInfo | None:
        """Return a class as the Nuke of that version has it, None for one that is not in the file."""
        raw = self.raw(name)
        if raw is None:
            return None
        without = raw.get("without", ())
        knobs = {} if raw.get("bare") else {key: knob for key, knob in self.common().items() if key not in without}
        knobs.update((key, self._knob(key, entry)) for key, entry in raw.get("knobs", {}).items())
        for key in raw.get("internal", ()):
            knobs[key] = replace(knobs[key], internal=True)
        met = raw.get("met", {})
        knobs.update((key, replace(knobs[key], seen=_range(versions))) for key, versions in met.items() if key in knobs)
        obsolete = {key: KnobInfo(key, "", obsolete=True, seen=_range(met.get(key))) for key in raw.get("old", ())}
        _at_version(knobs, obsolete, raw, version)
        low, high = raw.get("inputs", (1, 1))
        mask = raw.get("mask")
        seen = raw.get("seen")
        return ClassInfo(
            name,
            knobs,
            int(low),
            int(high),
            mask,
            not raw.get("partial"),
            {knob: index for index, knob in enumerate(raw.get("order", ()))},
            obsolete,
            tuple(raw.get("names", ())),
            raw.get("menu", ""),
            raw.get("shown", ""),
            raw.get("since"),
            raw.get("replaced"),
            bool(raw.get("dynamic")),
            None if seen is None else (seen[0], seen[1]),
            raw.get("origin", "older" if raw.get("partial") else "nuke"),
            _by_file_type(raw),
        )

    def _knob(self, name: str, entry: list[Any]) -> KnobInfo:
        filled: list[Any] = [*entry, *_USUAL[len(entry) :]]
        kind, default, size, choices, label = filled
        names: list[str] = []
        shown: list[str] = []
        others: list[tuple[str, str]] = []
        for choice in choices:
            parts = choice.split("\t")
            names.append(parts[0])
            shown.append(parts[1] if len(parts) > 1 and parts[1] else parts[0])
            if len(parts) > 3:
                others.extend((other, parts[0]) for other in parts[3].split(",") if other)
        return KnobInfo(name, self._types[kind], default, size, tuple(names), label, tuple(shown), tuple(others))


def _at_version(knobs: dict[str, KnobInfo], obsolete: dict[str, KnobInfo], raw: Mapping[str, Any], version: Version) -> None:
    """Exchange the knobs whose name changed, as far as the version asks for it."""
    for name, (until, replaced_by) in raw.get("knob_until", {}).items():
        old = obsolete.get(name) or knobs.get(name) or KnobInfo(name, "")
        successor = knobs.get(replaced_by)
        was_current = bool(until) and version <= parse_version(until)
        changed = replace(old, until=until or None, replaced_by=replaced_by, obsolete=not was_current)
        if was_current:
            obsolete.pop(name, None)
            like = successor or old
            knobs[name] = replace(changed, type=like.type, default=like.default, size=like.size)
        else:
            knobs.pop(name, None)
            obsolete[name] = changed
    for name, since in raw.get("knob_since", {}).items():
        if name in knobs:
            if version < parse_version(since):
                del knobs[name]
            else:
                knobs[name] = replace(knobs[name], since=since)


def _by_file_type(raw: Mapping[str, Any]) -> dict[str, KnobInfo]:
    found: dict[str, KnobInfo] = {}
    for file_type, knobs in raw.get("by_file_type", {}).items():
        for name, kind in knobs.items():
            so_far = found.get(name) or KnobInfo(name, kind, seen=_range(raw.get("met", {}).get(name)))
            found[name] = replace(so_far, file_types=(*so_far.file_types, file_type))
    return found


def _range(met: Optional[str]) -> tuple[str, str] | None:
    if not met:
        return None
    first, _, last = met.partition("-")
    return first, last or first


@functools.lru_cache(maxsize=1)
def shipped_classes() -> ClassFile:
    """Return the classes that come with the plug-in, the file read once."""
    return ClassFile(resource("node_classes.json").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=1)
def usual_mistakes() -> Mapping[str, Mapping[str, Any]]:
    """Return the names used by mistake, by kind: classes, knobs, values, functions, methods."""
    raw: dict[str, Any] = json.loads(resource("usual_mistakes.json").read_text(encoding="utf-8"))
    return {key: value for key, value in raw.items() if isinstance(value, dict)}
