"""Which Nuke an emulated module stands for: the version of its script, or one that is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nuke_ai_panel.nk.catalogue import NEWEST, Catalogue, parse_version

if TYPE_CHECKING:
    from nuke_ai_panel.nk.document import Document

__all__ = ["Build", "build_of", "build_text", "catalogue_of"]

_BUILD = re.compile(r"\s*(?:version\s+)?(\d+)\.(\d+)(?:\s*v(\d+))?")
#: The build whose facts the shipped catalogue holds.
_NEWEST_RELEASE = 3


@dataclass(frozen=True)
class Build:
    """A build of Nuke such as 15.1v3."""

    major: int
    minor: int
    release: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}v{self.release}"

    def constants(self) -> dict[str, object]:
        """Return the constants of the module that tell the build."""
        return {
            "NUKE_VERSION_MAJOR": self.major,
            "NUKE_VERSION_MINOR": self.minor,
            "NUKE_VERSION_RELEASE": self.release,
            "NUKE_VERSION_STRING": str(self),
        }

    def environment(self) -> dict[str, object]:
        """Return the entries of ``nuke.env`` that tell the build."""
        return {
            "NukeVersionMajor": self.major,
            "NukeVersionMinor": self.minor,
            "NukeVersionRelease": self.release,
            "NukeVersionString": str(self),
        }


def build_text(text: str) -> Build | None:
    """Return the build that ``"15.1v3"``, ``"15.1"`` or ``"version 15.1 v3"`` names, None where it names none."""
    found = _BUILD.match(text)
    if found is None:
        return None
    major, minor = int(found[1]), int(found[2])
    usual = _NEWEST_RELEASE if (major, minor) == parse_version(NEWEST) else 1
    return Build(major, minor, usual if found[3] is None else int(found[3]))


def build_of(document: Document, version: str | None = None, catalogue: Catalogue | None = None) -> Build:
    """Return the build a module over `document` stands for: `version`, that of `catalogue`, the script's, else the newest.

    The script tells the release where only major and minor are asked for. Raises: ValueError for what is no version.
    """
    written = build_text(document.version_line())
    asked = version if version is not None else catalogue.version if catalogue is not None else None
    if asked is None:
        return written or Build(*parse_version(NEWEST), _NEWEST_RELEASE)
    found = build_text(asked)
    if found is None:
        found = Build(*parse_version(asked), 1)
    if written is not None and "v" not in asked and (written.major, written.minor) == (found.major, found.minor):
        return written
    return found


def catalogue_of(build: Build) -> Catalogue:
    """Return the catalogue of a build, the same each time."""
    return Catalogue.for_version(f"{build.major}.{build.minor}")
