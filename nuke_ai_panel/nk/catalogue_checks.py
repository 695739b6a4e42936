"""What is wrong with a name or a value: the rules behind :meth:`Catalogue.check_class` and its sisters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nuke_ai_panel.nk.catalogue_store import usual_mistakes
from nuke_ai_panel.nk.catalogue_suggest import closest, normal
from nuke_ai_panel.nk.catalogue_types import CatalogueProblem, ClassInfo, KnobInfo
from nuke_ai_panel.nk.knob_kinds import NUMBER_TYPES, SWITCH_TYPES

if TYPE_CHECKING:
    from nuke_ai_panel.nk.catalogue import Catalogue

__all__ = ["OPEN_LISTS", "class_problem", "function_problem", "knob_problem", "value_problem"]

#: Enumerations with these words in their name are filled by a configuration, a plug-in or the script: any name is taken.
OPEN_LISTS = (
    "colorspace",
    "lut",
    "view",
    "display",
    "transform",
    "font",
    "format",
    "file_type",
    "datatype",
    "codec",
    "device",
    "look",
    "preset",
    "take",
    "node_name",
    "config",
    "camera",
    "viewerprocess",
)
_LISTS = frozenset({"Enumeration_Knob", "Radio_Knob"})
_TRUTH_WORDS = frozenset({"true", "false", "yes", "no", "on", "off"})
_FIELDS = frozenset({"x", "y", "z", "w", "h", "r", "g", "b", "a", "u", "v", "t", "red", "green", "blue", "alpha"})
_PSEUDO_KNOBS = frozenset({"inputs", "addUserKnob"})
# What Tcl or a template puts in is not known here.
_IS_MADE = re.compile(r"[\[%$]")
_HEX = re.compile(r"[-+]?0[xX][0-9a-fA-F]+")


def class_problem(catalogue: Catalogue, name: str) -> CatalogueProblem | None:
    """Return what is wrong with a class name."""
    info = catalogue.class_info(name)
    if info is not None:
        if info.since is not None and not catalogue.has_reached(info.since):
            message = f"Nuke {catalogue.version} has no {info.name}; it came with Nuke {info.since}."
            return CatalogueProblem("not_yet", name, message)
        newer = catalogue.resolve(name)
        if info.origin == "older" and newer is not None and newer != info.name and catalogue.is_profile:
            message = f"{info.name} is kept for old scripts; Nuke {catalogue.version} uses {newer}."
            return CatalogueProblem("obsolete", name, message, newer, catalogue.menu_classes(name)[1:], certain=False)
        return None
    by_menu = catalogue.menu_classes(name)
    if by_menu:
        message = f"{name} is what the menu says; the class is called {' or '.join(by_menu)}."
        return CatalogueProblem("menu_name", name, message, by_menu[0], by_menu[1:])
    near = catalogue.suggest_class(name, loose=False)
    if not near:
        return None
    message = f"Nuke has no class {name!r} unless a plug-in or gizmo brings it; did you mean {near[0]}?"
    return CatalogueProblem("unknown", name, message, near[0], near[1:], certain=False)


def knob_problem(catalogue: Catalogue, class_name: str, knob: str) -> CatalogueProblem | None:
    """Return what is wrong with a knob of a class."""
    info = catalogue.class_info(class_name)
    if info is None or knob in info.knobs or knob in info.file_type_knobs or knob in _PSEUDO_KNOBS:
        return None
    old = info.obsolete_knobs.get(knob)
    if old is not None:
        return _obsolete(catalogue, info, old)
    base, _, part = knob.partition(".")
    if part and (part in _FIELDS or part.isdecimal()) and base in info.knobs:
        return None
    later = catalogue.at_any_version(class_name)
    if later is not None and info.origin == "nuke" and knob in later.knobs and later.knobs[knob].since:
        since = later.knobs[knob].since
        before = next((each.name for each in info.knobs.values() if each.replaced_by == knob), None)
        message = f"{info.name}.{knob} came with Nuke {since}; Nuke {catalogue.version} "
        message += f"calls it {before}." if before else "does not have it."
        return CatalogueProblem("not_yet", knob, message, before)
    near = catalogue.suggest_knob(class_name, knob)
    if info.dynamic or not info.complete:
        same = tuple(each for each in near[:1] if normal(each) == normal(knob) or _is_usual(class_name, knob, each))
        if not same and _is_of_a_file_type(info) and knob not in info.order:
            hint = f"; did you mean {near[0]}?" if near else "."
            message = f"{info.name} has no knob {knob!r} unless a file type brings it{hint}"
            return CatalogueProblem("unknown", knob, message, near[0] if near else None, near[1:], certain=False)
        near = same
        if not near:
            return None
    hint = f"; did you mean {near[0]}?" if near else "."
    message = f"{info.name} has no knob {knob!r}{hint}"
    certain = info.complete and not info.dynamic and catalogue.is_profile
    return CatalogueProblem("unknown", knob, message, near[0] if near else None, near[1:], certain=certain)


def _obsolete(catalogue: Catalogue, info: ClassInfo, old: KnobInfo) -> CatalogueProblem | None:
    if old.until is None and not catalogue.is_profile:
        return None
    near = (old.replaced_by,) if old.replaced_by else catalogue.suggest_knob(info.name, old.name)
    message = f"{info.name}.{old.name} is only read from old scripts"
    message += f"; Nuke {catalogue.version} calls it {old.replaced_by}." if old.replaced_by else "."
    return CatalogueProblem("obsolete", old.name, message, near[0] if near else None, near[1:], certain=False)


def _is_of_a_file_type(info: ClassInfo) -> bool:
    """Return whether the knobs that are not listed can come from a file type only; scripts were met with most of these."""
    return info.complete and info.dynamic and "file_type" in info.knobs


def _is_usual(class_name: str, knob: str, meant: str) -> bool:
    table = usual_mistakes()["knobs"]
    return bool({**table["*"], **table.get(class_name, {})}.get(normal(knob)) == meant)


def value_problem(catalogue: Catalogue, class_name: str, knob: str, text: str) -> CatalogueProblem | None:
    """Return what is wrong with a knob's text."""
    known = catalogue.knob_info(class_name, knob)
    if known is None or known.obsolete or _IS_MADE.search(text):
        return None
    full = f"{class_name}.{knob}"
    word = text.strip()
    if known.type in _LISTS:
        return None if "{" in word else _choice_problem(catalogue, class_name, known, text)
    if known.type in SWITCH_TYPES:
        if "{" in word or word.casefold() in _TRUTH_WORDS or _is_number(word):
            return None
        return CatalogueProblem("not_a_truth_value", text, f"{full} is true or false, not {text!r}.")
    if known.type in NUMBER_TYPES:
        wrong = [each for each in _flat_words(word) if not _is_number(each)]
        if not wrong or not word:
            return None
        what = "a number" if known.size == 1 else f"{known.size} numbers"
        return CatalogueProblem("not_a_number", text, f"{full} takes {what} or an expression in braces, not {wrong[0]!r}.")
    return None


def _choice_problem(catalogue: Catalogue, class_name: str, known: KnobInfo, text: str) -> CatalogueProblem | None:
    name = known.name.casefold()
    # A list with braces in its default or of one entry is filled by the node itself: channels, variables, devices.
    is_filled = len(known.choices) < 2 or (known.default or "").startswith("{") or any(word in name for word in OPEN_LISTS)
    if is_filled or not text or known.choice(text) is not None:
        return None
    near = catalogue.suggest_value(class_name, known.name, text)
    if not near and not catalogue.is_profile:
        # The lists were measured on a newer Nuke; a name like none of today's may be one of then.
        return None
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known.choices[:12])}."
    info = catalogue.class_info(class_name)
    certain = info is not None and info.complete and not info.dynamic and catalogue.is_profile
    message = f"{class_name}.{known.name} has no choice {text!r}; {hint}"
    return CatalogueProblem("not_a_choice", text, message, near[0] if near else None, near[1:], certain=certain)


def _flat_words(text: str) -> list[str]:
    """Return the words of a list of numbers; none where braces inside of it hold expressions or curves."""
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    return [] if "{" in text else text.split()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return _HEX.fullmatch(word) is not None
    return True


def function_problem(catalogue: Catalogue, name: str) -> CatalogueProblem | None:
    """Return what is wrong with a name of Nuke's Python module or of one of its classes."""
    from nuke_ai_panel.nk.emulation.api import api

    known = api()
    owner, _, last = name.removeprefix("nuke.").rpartition(".")
    if owner == "nodes":
        return class_problem(catalogue, last)
    if "." in owner or last.startswith("_"):
        return None
    since = usual_mistakes()["since"].get(f"{owner}.{last}" if owner else last)
    if since is not None:
        if catalogue.has_reached(since):
            return None
        return CatalogueProblem("not_yet", name, f"nuke.{name.removeprefix('nuke.')} came with Nuke {since}.")
    if not owner:
        names = known.functions | known.constants | set(known.classes)
        return None if last in names else _function_problem(name, last, sorted(names), usual_mistakes()["functions"], "nuke.")
    if owner not in known.classes:
        return None
    methods = known.methods(owner)
    if last in methods:
        return None
    table = usual_mistakes()["methods"].get("Knob" if owner.endswith("_Knob") else owner, {})
    outside = table.get(normal(last), "")
    names = methods | {outside} if outside else methods
    return _function_problem(name, last, sorted(names), table, f"{owner}.")


def _function_problem(name: str, last: str, names: list[str], mistakes: Mapping[str, str], place: str) -> CatalogueProblem:
    near = tuple(each if "." in each else place + each for each in closest(last, names, mistakes=mistakes))
    hint = f"; did you mean {near[0]}?" if near else "."
    return CatalogueProblem("unknown", name, f"Nuke has no {place}{last}{hint}", near[0] if near else None, near[1:])
