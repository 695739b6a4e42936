"""The reference of node classes and knobs, for a model that does not know their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from nuke_ai_panel.agent.tools.marking import quoted
from nuke_ai_panel.agent.tools.schemas import OFFSET, text
from nuke_ai_panel.agent.tools.script_view import ScriptView
from nuke_ai_panel.agent.tools.values import Arguments, ReadTool, ToolProblem, ToolSpec
from nuke_ai_panel.nk.catalogue_types import ClassInfo, KnobInfo

__all__ = ["TOOLS"]

_MOST_CLASSES = 40
_FEW = 5


def _reference(view: ScriptView, arguments: Arguments) -> Iterator[str]:
    name, query = cast(str, arguments.get("class", "")).strip(), cast(str, arguments.get("query", "")).strip()
    if name:
        yield from _class(view, name, cast(str, arguments.get("knob", "")).strip())
    elif query:
        yield from _search(view, query)
    else:
        raise ToolProblem("Give a class, or a query to search for one.")


def _class(view: ScriptView, name: str, knob: str) -> Iterator[str]:
    catalogue = view.catalogue
    info = catalogue.class_info(name)
    if info is None:
        resolved = catalogue.resolve(name)
        info = catalogue.class_info(resolved) if resolved else None
    if info is None:
        raise ToolProblem(view.class_problem(name) or f"Nothing is known here of the class {quoted(name, 80)}.")
    if knob:
        found = catalogue.knob_info(info.name, knob)
        problem = catalogue.check_knob(info.name, knob)
        if found is None:
            raise ToolProblem(
                problem.message if problem is not None else f"{info.name} has no knob {quoted(knob, 60)} known here."
            )
        if problem is not None:
            yield problem.message
        yield _knob(found, whole=True)
        return
    yield f"class {info.name}, Nuke {catalogue.version}" + (f", menu {info.menu}" if info.menu else "")
    if info.replaced_by:
        yield f"kept for old scripts; today it is {info.replaced_by}"
    inputs = [f"{number} {info.input_name(number)}".rstrip() for number in range(min(info.max_inputs, 6))]
    yield f"inputs: {', '.join(inputs) or 'none'}" + (" and more" if info.max_inputs > 6 else "")
    if not info.complete or info.dynamic:
        yield "it may have more knobs than these"
    for each in info.own_knobs():
        yield _knob(each, whole=False)


def _knob(knob: KnobInfo, *, whole: bool) -> str:
    parts = [f"{knob.name}: {knob.type.replace('_Knob', '')}"]
    if knob.label and knob.label != knob.name:
        parts.append(f"shown as {knob.label}")
    if knob.size > 1:
        parts.append(f"{knob.size} values")
    if knob.default not in (None, ""):
        parts.append(f"default {quoted(knob.default or '', 60)}")
    if knob.choices:
        shown = knob.choices if whole else knob.choices[:10]
        more = f" and {len(knob.choices) - len(shown)} more" if len(shown) < len(knob.choices) else ""
        parts.append(f"one of {', '.join(quoted(each, 60) for each in shown)}{more}")
    return ", ".join(parts)


def _search(view: ScriptView, query: str) -> Iterator[str]:
    catalogue = view.catalogue
    found: dict[str, None] = {}
    resolved = catalogue.resolve(query)
    if resolved:
        found[resolved] = None
    words = [word[:-1] if len(word) > 4 and word.endswith("s") else word for word in query.casefold().split()]
    for name in catalogue.names():
        if all(word in name.casefold() for word in words):
            found[name] = None
    for name in catalogue.suggest_class(query, limit=8):
        found[name] = None
    if len(found) < _MOST_CLASSES:
        # Knobs are looked at only where names do not answer: a class is parsed when it is asked for.
        for name in catalogue.names():
            info = catalogue.class_info(name)
            if info is not None and info.origin != "older" and _has_knob(info, words):
                found[name] = None
            if len(found) >= _MOST_CLASSES:
                break
    if len(found) < _FEW:
        for name in catalogue.names():
            if any(len(word) > 3 and word in name.casefold() for word in words):
                found[name] = None
    for name in list(found)[:_MOST_CLASSES]:
        info = catalogue.class_info(name)
        menu = f", menu {info.menu}" if info is not None and info.menu else ""
        knobs = (
            [] if info is None else [each.name for each in info.own_knobs() if any(w in each.name.casefold() for w in words)]
        )
        yield name + menu + (f", knobs {', '.join(knobs[:6])}" if knobs else "")
    if not found:
        yield "(nothing found)"


def _has_knob(info: ClassInfo, words: list[str]) -> bool:
    return any(all(word in f"{each.name} {each.label}".casefold() for word in words) for each in info.own_knobs())


TOOLS = (
    ReadTool(
        ToolSpec(
            "node_reference",
            "Look up node classes and knobs of this Nuke: names, types, choices, defaults. Use it before you use a knob whose "
            "name you do not know for sure.",
            {
                "class": text("Class to describe.", longest=100),
                "knob": text("Only this knob, with all its choices.", longest=100),
                "query": text("Words to search class and knob names for.", longest=100),
                "offset": OFFSET,
            },
        ),
        _reference,
    ),
)
