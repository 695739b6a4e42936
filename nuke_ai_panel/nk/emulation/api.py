"""The names of Nuke's Python API: what exists there, so that a wrong name is told apart from one that is not simulated here.

Names only, of Nuke 13 to 17; ``nuke_api.json`` holds them. What the emulated module does itself is not listed anywhere: it is
what its objects have.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuke_ai_panel.nk.emulation.script_errors import NotSimulatedError

__all__ = ["Api", "absent_class", "absent_function", "absent_method", "api"]

_DATA = Path(__file__).parent / "nuke_api.json"


@dataclass(frozen=True)
class Api:
    """The functions, the constants and the classes (name to its bases and its own methods) of the ``nuke`` module."""

    functions: frozenset[str]
    constants: frozenset[str]
    classes: Mapping[str, tuple[tuple[str, ...], frozenset[str]]]

    def methods(self, class_name: str) -> frozenset[str]:
        """Return the methods of a class with those of its bases."""
        bases, own = self.classes.get(class_name, ((), frozenset()))
        return own.union(*(self.methods(base) for base in bases))


@functools.lru_cache(maxsize=1)
def api() -> Api:
    """Return the names, read once."""
    raw = json.loads(_DATA.read_text(encoding="utf-8"))
    classes = {
        name: (tuple(bases.split()), frozenset(methods.split())) for name, (bases, methods) in sorted(raw["classes"].items())
    }
    return Api(frozenset(raw["functions"].split()), frozenset(raw["constants"].split()), classes)


def absent_function(name: str) -> Any:
    """Return a function that raises NotSimulatedError when it is called; asking for it alone is no error, as in Nuke."""

    def absent(*_args: object, **_kwargs: object) -> object:
        raise NotSimulatedError(f"nuke.{name} is not simulated.")

    absent.__name__ = name
    return absent


def absent_method(shown: str, class_name: str, name: str) -> Any:
    """Return a method that raises NotSimulatedError when it is called.

    `class_name` is the class in Nuke's API that is asked for the name, `shown` how the message calls it.
    Raises: AttributeError where Nuke's class has no such method either.
    """
    if name.startswith("_") or name not in api().methods(class_name):
        raise AttributeError(f"'{shown}' object has no attribute '{name}'")

    def absent(*_args: object, **_kwargs: object) -> object:
        raise NotSimulatedError(f"{shown}.{name} is not simulated.")

    absent.__name__ = name
    return absent


def absent_class(name: str) -> type:
    """Return a class, fit for isinstance(), of which no object can be made."""

    def make(cls: type, *_args: object, **_kwargs: object) -> object:
        raise NotSimulatedError(f"nuke.{name} is not simulated.")

    return type(name, (), {"__new__": make, "__doc__": f"Nuke's {name}, of which none can be made here."})
