"""What is known of node classes: knobs, types, defaults, inputs. Facts measured on Nuke 17.0 and on real scripts."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Catalogue", "KnobFacts", "NodeClass", "default_catalogue"]

_DATA = Path(__file__).parent / "catalogue_data.json"


@dataclass(frozen=True)
class KnobFacts:
    """A knob of a class. `default` is its .nk text, None where it is not known; `size` the number of its values."""

    name: str
    type: str
    default: str | None = None
    size: int = 1
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeClass:
    """A node class. `mask_input` is the number of its mask input, None where it has none."""

    name: str
    knobs: Mapping[str, KnobFacts] = field(default_factory=dict)
    min_inputs: int = 1
    max_inputs: int = 1
    mask_input: int | None = None
    complete: bool = True
    order: Mapping[str, int] = field(default_factory=dict)

    def position(self, knob: str) -> int | None:
        """Return where Nuke writes the knob among the class's own, None where that was never seen."""
        return self.order.get(knob)


class Catalogue:
    """The known node classes; each is unfolded when it is first asked for."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self._types = _names(data["types"])
        self._common: dict[str, list[object]] = _entries(data["common"])
        classes = data["classes"]
        if not isinstance(classes, dict):
            raise ValueError("the node catalogue has no classes")
        self._classes: dict[str, dict[str, object]] = classes
        self._unfolded: dict[str, NodeClass] = {}

    def names(self) -> list[str]:
        """Return the names of the known classes."""
        return list(self._classes)

    def find(self, class_name: str) -> NodeClass | None:
        """Return what is known of a class, None for an unknown one."""
        found = self._unfolded.get(class_name)
        if found is None:
            raw = self._classes.get(class_name)
            if raw is None:
                return None
            found = self._unfolded[class_name] = self._unfold(class_name, raw)
        return found

    def common(self) -> Mapping[str, KnobFacts]:
        """Return the knobs that every node has."""
        return {name: self._knob(name, entry) for name, entry in self._common.items()}

    def _unfold(self, name: str, raw: dict[str, object]) -> NodeClass:
        knobs: dict[str, KnobFacts] = {}
        if not raw.get("bare"):
            knobs.update(self.common())
        for knob, entry in _entries(raw.get("knobs", {})).items():
            knobs[knob] = self._knob(knob, entry)
        limits = raw.get("inputs")
        low, high = (int(limits[0]), int(limits[1])) if isinstance(limits, list) else (1, 1)
        mask = raw.get("mask")
        return NodeClass(
            name,
            knobs,
            low,
            high,
            mask if isinstance(mask, int) else None,
            not raw.get("partial"),
            {knob: index for index, knob in enumerate(_names(raw.get("order", [])))},
        )

    def _knob(self, name: str, entry: list[object]) -> KnobFacts:
        number = entry[0]
        type_name = self._types[number] if isinstance(number, int) else ""
        default = entry[1] if len(entry) > 1 and isinstance(entry[1], str) else None
        size = entry[2] if len(entry) > 2 and isinstance(entry[2], int) else 1
        choices = tuple(_names(entry[3])) if len(entry) > 3 else ()
        return KnobFacts(name, type_name, default, size, choices)


def _names(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _entries(value: object) -> dict[str, list[object]]:
    return {str(key): list(item) for key, item in value.items()} if isinstance(value, dict) else {}


@functools.lru_cache(maxsize=1)
def default_catalogue() -> Catalogue:
    """Return the catalogue that comes with the package, read once."""
    return Catalogue(json.loads(_DATA.read_text(encoding="utf-8")))
