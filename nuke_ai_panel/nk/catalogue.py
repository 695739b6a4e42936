"""What is known of Nuke's node classes and Python names, in the version at hand: knobs, types, defaults, inputs, choices.

The shipped facts were measured on Nuke 17.0 and on real scripts of Nuke 6 to 17. An index of the installation and the gizmos on
the plug-in path are preferred to them. Nothing is read before the first question, and a class is parsed when it is asked for.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from nuke_ai_panel.nk.catalogue_store import ClassFile, shipped_classes, usual_mistakes
from nuke_ai_panel.nk.catalogue_suggest import closest, normal
from nuke_ai_panel.nk.catalogue_types import CatalogueProblem, ClassInfo, KnobInfo, Version, parse_version

if TYPE_CHECKING:
    from nuke_ai_panel.nk.catalogue_gizmos import GizmoFolder
    from nuke_ai_panel.nk.document import Document

__all__ = [
    "NEWEST",
    "Catalogue",
    "CatalogueProblem",
    "ClassInfo",
    "KnobFacts",
    "KnobInfo",
    "NodeClass",
    "default_catalogue",
    "gizmo_folders",
    "index_folder",
    "index_path",
    "parse_version",
    "use_gizmo_folders",
    "use_index_folder",
]

KnobFacts = KnobInfo
NodeClass = ClassInfo

#: The version the shipped facts were measured on.
NEWEST = "17.0"

_logger = logging.getLogger(__name__)
_ALL_VERSIONS: Version = (999, 0)
# From here on a class that newer scripts replaced is worth a word; older scripts use what their Nuke had.
_FIRST_PROFILE: Version = (14, 0)
_NEW_3D: Version = (17, 0)


class Catalogue:
    """The node classes of one version of Nuke, and what is right and wrong about names and values.

    Make one with :meth:`for_version`, :meth:`for_document` or :func:`default_catalogue`. A catalogue does not change;
    :meth:`with_gizmos` and :meth:`with_index` return another. Answers may be asked for from any thread.
    """

    def __init__(
        self,
        version: str = NEWEST,
        *,
        classes: Optional[ClassFile] = None,
        index: Optional[ClassFile] = None,
        gizmos: Optional[GizmoFolder] = None,
    ) -> None:
        self.version = version
        self._version = parse_version(version)
        self._given = classes
        self._index = index
        self._gizmos = gizmos
        self._found: dict[str, Optional[ClassInfo]] = {}

    def __repr__(self) -> str:
        more = [word for word, part in (("index", self._index), ("gizmos", self._gizmos)) if part is not None]
        return f"<Catalogue of Nuke {' with '.join([self.version, *more])}>"

    @classmethod
    def for_version(cls, version: str, *, index_folder: Union[str, os.PathLike[str], None] = None) -> Catalogue:
        """Return the catalogue of a version such as ``"15.1"`` or ``"15.1v3"``.

        An index that was made for it in `index_folder`, or in the folder that :func:`use_index_folder` named, is preferred to
        the shipped facts, and the gizmos of :func:`use_gizmo_folders` are known. Raises: ValueError for no version.
        """
        major, minor = parse_version(version)
        catalogue = _indexes.with_gizmos(_shared(f"{major}.{minor}"))
        folder = _indexes.folder if index_folder is None else Path(index_folder)
        return catalogue if folder is None else _indexes.preferred(catalogue, index_path(folder, version))

    @classmethod
    def for_document(cls, document: Document) -> Catalogue:
        """Return the catalogue of the version in the script's header, the newest where it has none."""
        from nuke_ai_panel.nk.catalogue_gizmos import version_of

        return cls.for_version(version_of(document) or NEWEST)

    def with_gizmos(self, paths: Iterable[Union[str, os.PathLike[str]]]) -> Catalogue:
        """Return a catalogue that knows the gizmos in these folders too.

        Only the names of files are read now, and a gizmo's text when it is asked for; nothing is executed. The first folder
        wins, as on Nuke's plug-in path (see :func:`~nuke_ai_panel.nk.catalogue_gizmos.plugin_path`).
        """
        from nuke_ai_panel.nk.catalogue_gizmos import GizmoFolder

        return Catalogue(self.version, classes=self._given, index=self._index, gizmos=GizmoFolder(paths))

    def with_index(self, path: Union[str, os.PathLike[str]]) -> Catalogue:
        """Return a catalogue that prefers what an index file says; this one where there is no such file or it is damaged."""
        try:
            index = ClassFile(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return self
        except (OSError, ValueError, KeyError) as error:
            _logger.warning("the index of nodes %s cannot be read and is left out: %s", path, error)
            return self
        return Catalogue(self.version, classes=self._given, index=index, gizmos=self._gizmos)

    # classes

    def names(self) -> list[str]:
        """Return the names of the known classes, those this version does not have yet left out."""
        names = dict.fromkeys(self._classes.names())
        if self._index is not None:
            names.update(dict.fromkeys(self._index.names()))
        if self._gizmos is not None:
            names.update(dict.fromkeys(self._gizmos.names()))
        return [name for name in names if self._is_there(name)]

    def class_info(self, name: str) -> ClassInfo | None:
        """Return what is known of a class, None for an unknown one.

        The name is the one scripts write; a gizmo may be named with its ending and its folder. Menu names are no class names,
        see :meth:`resolve`.
        """
        name = _class_name(name)
        if name not in self._found:
            self._found[name] = self._read(name)
        return self._found[name]

    find = class_info

    def is_known(self, name: str) -> bool:
        """Return whether a class is known. An unknown one may be a gizmo or a plug-in that is not at hand."""
        return self.class_info(name) is not None

    def gizmo_path(self, name: str) -> Path | None:
        """Return the file that defines a gizmo, None for a class of which none was found."""
        return None if self._gizmos is None else self._gizmos.path(_class_name(name))

    def resolve(self, name: str) -> str | None:
        """Return the class that is meant by a class, menu or older name, None where nothing is known.

        ``Merge`` and ``Merge2`` give ``Merge2``, ``Camera`` the camera of this version, ``grade`` gives ``Grade``.
        """
        info = self.class_info(name)
        if info is not None and info.origin != "older":
            return info.name
        by_menu = self.menu_classes(name)
        if by_menu:
            return by_menu[0]
        if info is not None:
            return info.replaced_by if info.replaced_by and self._is_there(info.replaced_by) else info.name
        wanted = normal(name)
        for known in self.names():
            if normal(known) == wanted:
                return self.resolve(known)
        return None

    def menu_classes(self, shown: str) -> tuple[str, ...]:
        """Return the classes that the menus of this version show under a name, the usual one first."""
        names = [name for name in self._classes.menu_names().get(shown, ()) if self._is_there(name)]
        is_new = self._version >= _NEW_3D
        return tuple(sorted(names, key=lambda name: ("Classic" in self._menu(name)) == is_new))

    # knobs

    def common(self) -> Mapping[str, KnobInfo]:
        """Return the knobs that every node has."""
        return self._common

    def knob_info(self, class_name: str, knob: str) -> KnobInfo | None:
        """Return what is known of a class's knob; of an unknown class those every node has.

        Obsolete knobs and those of one file type are among them: see `obsolete` and `file_types` of what is returned.
        """
        info = self.class_info(class_name)
        if info is None:
            return self._common.get(knob)
        return info.knobs.get(knob) or info.file_type_knobs.get(knob) or info.obsolete_knobs.get(knob)

    def mentions_knob(self, knob: str) -> bool:
        """Return whether any class may have a knob of that name; True as well where gizmos or an index may bring it."""
        return self._index is not None or self._gizmos is not None or self._classes.mentions_knob(knob)

    # what was meant

    def suggest_class(self, name: str, *, limit: int = 3, loose: bool = True) -> tuple[str, ...]:
        """Return the classes that were probably meant, the likeliest first.

        Not `loose`: those only that differ in spelling, not those that share a word; a studio's gizmos share many.
        """
        found: dict[str, None] = {}
        resolved = self.resolve(name)
        if resolved is not None:
            found[resolved] = None
        labels = {shown: self.menu_classes(shown)[0] for shown in self._classes.menu_names() if self.menu_classes(shown)}
        for candidate in closest(
            name, self.names(), labels=labels, mistakes=usual_mistakes()["classes"], limit=limit + 2, loose=loose
        ):
            found[self.resolve(candidate) or candidate] = None
        return tuple(each for each in found if each != name)[:limit]

    def suggest_knob(self, class_name: str, knob: str, *, limit: int = 3) -> tuple[str, ...]:
        """Return the knobs of a class that were probably meant, the likeliest first."""
        info = self.class_info(class_name)
        knobs = self._common if info is None else info.knobs
        table = usual_mistakes()["knobs"]
        mistakes = {**table["*"], **table.get(class_name, {})}
        labels = {each.label: each.name for each in knobs.values() if each.label}
        if info is not None:
            knobs = {**knobs, **info.file_type_knobs}
            labels.update((old.name, old.replaced_by) for old in info.obsolete_knobs.values() if old.replaced_by)
        own = sorted(knobs, key=lambda name: knobs[name].internal)
        return closest(knob, own, labels=labels, mistakes=mistakes, limit=limit)

    def suggest_value(self, class_name: str, knob: str, value: str, *, limit: int = 3) -> tuple[str, ...]:
        """Return the choices of an enumeration that were probably meant, the likeliest first."""
        known = self.knob_info(class_name, knob)
        if known is None or not known.choices:
            return ()
        table = usual_mistakes()["values"]
        mistakes = {**table.get(f"*.{knob}", {}), **table.get(f"{class_name}.{knob}", {})}
        mistakes = {key: known.choice(meant) or meant for key, meant in mistakes.items()}
        labels = {**dict(known.other_names), **dict(zip(known.shown_choices, known.choices))}
        return closest(value, known.choices, labels=labels, mistakes=mistakes, limit=limit)

    # problems

    def check_class(self, name: str) -> CatalogueProblem | None:
        """Return what is wrong with a class name; None for one that is right, and for an unknown one like no other."""
        from nuke_ai_panel.nk.catalogue_checks import class_problem

        return class_problem(self, name)

    def check_knob(self, class_name: str, knob: str) -> CatalogueProblem | None:
        """Return what is wrong with a knob of a class; None for one that is right, and where it cannot be known.

        A knob that was added by a user is no concern of the class: ask only for others.
        """
        from nuke_ai_panel.nk.catalogue_checks import knob_problem

        return knob_problem(self, class_name, knob)

    def check_value(self, class_name: str, knob: str, text: str) -> CatalogueProblem | None:
        """Return what is wrong with a knob's .nk text (quotes undone); None for what is right, and where it cannot be known.

        Expressions, curves and what ``[...]`` gives are not judged, and no list that a configuration decides on.
        """
        from nuke_ai_panel.nk.catalogue_checks import value_problem

        return value_problem(self, class_name, knob, text)

    def check_function(self, name: str) -> CatalogueProblem | None:
        """Return what is wrong with a name of Nuke's Python module, such as ``"nuke.toNode"`` or ``"Node.setInput"``."""
        from nuke_ai_panel.nk.catalogue_checks import function_problem

        return function_problem(self, name)

    def has_reached(self, version: str) -> bool:
        """Return whether this catalogue's Nuke is of that version or newer."""
        return self._version >= parse_version(version)

    def at_any_version(self, class_name: str) -> ClassInfo | None:
        """Return a shipped class with the knobs of the newest version."""
        return self._classes.find(_class_name(class_name), _ALL_VERSIONS)

    @property
    def is_profile(self) -> bool:
        """Whether this is one of the versions with a profile of its own, Nuke 14 and newer."""
        return self._version >= _FIRST_PROFILE

    @property
    def _classes(self) -> ClassFile:
        return self._given or shipped_classes()

    @functools.cached_property
    def _common(self) -> Mapping[str, KnobInfo]:
        return self._classes.common()

    def _read(self, name: str) -> ClassInfo | None:
        found = None if self._index is None else self._index.find(name, self._version)
        if found is None and self._gizmos is not None:
            found = self._gizmos.find(name, self._common)
        return found or self._classes.find(name, self._version)

    def _is_there(self, name: str) -> bool:
        raw = self._since.get(name)
        return raw is None or self._version >= parse_version(raw)

    @property
    def _since(self) -> Mapping[str, str]:
        return self._classes.since()

    def _menu(self, name: str) -> str:
        info = self.class_info(name)
        return info.menu if info else ""


def _class_name(name: str) -> str:
    """Return the class behind the name a script writes for a gizmo: ``"/tools/Glint.gizmo"`` is ``"Glint"``."""
    if name.endswith(".gizmo"):
        return name[: -len(".gizmo")].replace("\\", "/").rsplit("/", 1)[-1]
    return name


def index_path(folder: Union[str, os.PathLike[str]], version: str) -> Path:
    """Return where the index of an installation of that version lies in the folder of the settings."""
    major, minor = parse_version(version)
    return Path(folder) / f"node_classes_{major}.{minor}.json"


def use_index_folder(folder: Union[str, os.PathLike[str], None]) -> None:
    """Let catalogues that are asked for from now on prefer an index in this folder, in this process; None for none.

    A new index is found by itself: each time a catalogue is asked for, the file's time and size are looked at.
    """
    _indexes.folder = None if folder is None else Path(folder)


def index_folder() -> Optional[Path]:
    """Return the folder that :func:`use_index_folder` named."""
    return _indexes.folder


def use_gizmo_folders(folders: Iterable[Union[str, os.PathLike[str]]]) -> None:
    """Let catalogues that are asked for from now on know the gizmos in these folders, in this process; none for none.

    Outside Nuke these are the folders of :func:`~nuke_ai_panel.nk.catalogue_gizmos.plugin_path`; in Nuke an index knows more.
    The folders are looked through when a class comes up that Nuke does not bring.
    """
    _indexes.use_gizmos([str(Path(folder)) for folder in folders])


def gizmo_folders() -> tuple[str, ...]:
    """Return the folders that :func:`use_gizmo_folders` named."""
    return _indexes.gizmo_folders


class _Indexes:
    """Where indexes and gizmos lie, and the catalogues that were made with them, so that a file is read once."""

    def __init__(self) -> None:
        self.folder: Optional[Path] = None
        self.gizmo_folders: tuple[str, ...] = ()
        self._made: dict[tuple[str, str], tuple[tuple[int, int], Catalogue]] = {}
        self._with_gizmos: dict[str, Catalogue] = {}

    def use_gizmos(self, folders: list[str]) -> None:
        if tuple(folders) != self.gizmo_folders:
            self.gizmo_folders = tuple(folders)
            self._with_gizmos, self._made = {}, {}

    def with_gizmos(self, catalogue: Catalogue) -> Catalogue:
        if not self.gizmo_folders:
            return catalogue
        if catalogue.version not in self._with_gizmos:
            self._with_gizmos[catalogue.version] = catalogue.with_gizmos(self.gizmo_folders)
        return self._with_gizmos[catalogue.version]

    def preferred(self, catalogue: Catalogue, path: Path) -> Catalogue:
        try:
            found = path.stat()
        except OSError:
            return catalogue
        stamp = (found.st_mtime_ns, found.st_size)
        key = (catalogue.version, str(path))
        known = self._made.get(key)
        if known is None or known[0] != stamp:
            known = self._made[key] = (stamp, catalogue.with_index(path))
        return known[1]


_indexes = _Indexes()


@functools.lru_cache(maxsize=32)
def _shared(version: str) -> Catalogue:
    return Catalogue(version)


def default_catalogue() -> Catalogue:
    """Return the catalogue of the newest version, the same each time."""
    return _shared(NEWEST)
