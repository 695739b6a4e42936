"""A value of a knob from the model: checked against what is known of the knob, and written as Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from nuke_ai_panel.agent.tools.drafting import literal
from nuke_ai_panel.agent.tools.marking import quoted
from nuke_ai_panel.agent.tools.reading_knobs import check_knob
from nuke_ai_panel.agent.tools.script_view import ScriptView
from nuke_ai_panel.agent.tools.values import ToolProblem
from nuke_ai_panel.nk.catalogue_types import KnobInfo
from nuke_ai_panel.nk.knob_kinds import CALLBACK_KNOBS, NUMBER_TYPES, SWITCH_TYPES
from nuke_ai_panel.nk.node import Node

__all__ = ["check_text", "component_of", "setting", "settings"]

_LISTS = frozenset({"Enumeration_Knob", "Radio_Knob", "Pulldown_Knob"})
_CODE_TYPES = frozenset({"PythonKnob", "PyScript_Knob", "PyCustom_Knob", "Script_Knob", "PythonCustomKnob"})
_CODE_KNOBS = frozenset({*CALLBACK_KNOBS, "rootNodeUpdated"})
_OTHER_TOOLS = {"name": "rename_node", "inputs": "connect"}
# Tcl that only reads; everything else in brackets may do anything, "[python …]" first of all, but also "[file delete …]".
_HARMLESS_TCL = re.compile(
    r"(?:value|numvalue|frame|basename|dirname|format|lindex|lrange|split|join|string|expr|metadata|getenv|class|topnode|input|"
    r"topname|relative|date|range|regexp|exists|file\s+(?:tail|dirname|rootname|extension|join|exists))\b"
)
_TCL_COMMAND = re.compile(r"\[\s*([^\]\[]*)")
_SEVERAL = re.compile(r"[;\n]")
_CHANNELS = {"r": 0, "g": 1, "b": 2, "a": 3, "x": 0, "y": 1, "z": 2, "w": 3, "h": 1}
_CHANNELS.update({"red": 0, "green": 1, "blue": 2, "alpha": 3})


def check_text(text: str, what: str) -> None:
    """Return if no Tcl in `text` could run code. Raises: ToolProblem."""
    for command in _TCL_COMMAND.findall(text):
        # A number in brackets, as in "v[1]", calls nothing that there is.
        if _SEVERAL.search(command) or not (_HARMLESS_TCL.match(command) or re.fullmatch(r"\d*", command)):
            raise ToolProblem(
                f"{what} holds Tcl that can run commands: [{quoted(command, 40)}]. Use run_script, where it can be seen."
            )


def component_of(view: ScriptView, node: Node, knob: str, channel: object) -> int:
    """Return the number of a knob's value from a number or a letter, 0 where none is given. Raises: ToolProblem."""
    if channel is None:
        return 0
    word = str(channel).strip().casefold()
    number = int(word) if word.isdecimal() and len(word) < 4 else _CHANNELS.get(word)
    known = view.catalogue.knob_info(node.class_name, knob)
    size = known.size if known is not None else 16
    if number is None or number >= max(size, 1):
        raise ToolProblem(f"{quoted(knob)} has the channels 0 to {max(size, 1) - 1}, not {quoted(word, 40)}.")
    return number


def settings(view: ScriptView, node: Node, finder: str, knobs: dict[str, object]) -> list[str]:
    """Return the lines of Python that set knobs of a node. Raises: ToolProblem for the first that is wrong."""
    return [setting(view, node, finder, knob, value) for knob, value in knobs.items()]


def setting(view: ScriptView, node: Node, finder: str, knob: str, value: object) -> str:
    """Return the Python that sets one knob. Raises: ToolProblem."""
    if knob in _OTHER_TOOLS:
        raise ToolProblem(f"Use {_OTHER_TOOLS[knob]} to change {knob!r}.")
    check_knob(view, node, knob)
    what = f"{quoted(node.path)}.{quoted(knob, 60)}"
    known = None if knob in node.user_knobs else view.catalogue.knob_info(node.class_name, knob)
    if knob in _CODE_KNOBS or (known is not None and known.type in _CODE_TYPES) or _is_button(node, knob):
        raise ToolProblem(f"{what} holds code that Nuke runs by itself. Use run_script, where the code can be seen.")
    if isinstance(value, dict):
        raise ToolProblem(f"{what} takes a text, a number, true or false, or a list of numbers.")
    if isinstance(value, str):
        check_text(value, what)
        if value.strip().startswith("{{"):
            raise ToolProblem(f"{what}: use set_expression for expressions and set_keys for keys.")
    return f"{finder}[{literal(knob)}].setValue({literal(_meant(view, node, known, knob, value, what))})"


def _is_button(node: Node, knob: str) -> bool:
    definition = node.user_knobs.get(knob, "").lstrip("{").split(None, 1)
    return bool(definition) and definition[0] in ("22", "32", "52")


def _meant(view: ScriptView, node: Node, known: KnobInfo | None, knob: str, value: object, what: str) -> object:
    if known is None:
        return value
    if known.type in NUMBER_TYPES:
        return _numbers(known, value, what)
    if known.type == "ColorChip_Knob":
        return _colour(value, what)
    if known.type in SWITCH_TYPES:
        if isinstance(value, (int, float)) and value in (0, 1):
            return bool(value)
        if isinstance(value, str) and value.strip().casefold() in ("true", "false", "on", "off", "yes", "no"):
            return value.strip().casefold() in ("true", "on", "yes")
        raise ToolProblem(f"{what} is true or false, not {quoted(str(value), 60)}.")
    if isinstance(value, (list, tuple)):
        raise ToolProblem(f"{what} takes one value, not a list.")
    if known.type in _LISTS:
        if isinstance(value, bool):
            raise ToolProblem(f"{what} is one of {', '.join(known.choices[:20])}.")
        choice = known.choice(cast("str | int", value)) if known.choices else None
        if choice is not None:
            return choice
    text = value if isinstance(value, str) else literal(value)
    problem = view.catalogue.check_value(node.class_name, knob, text)
    if problem is not None:
        raise ToolProblem(problem.message)
    return text if known.type in _LISTS or known.type.endswith(("String_Knob", "File_Knob")) else value


def _numbers(known: KnobInfo, value: object, what: str) -> object:
    entries = value if isinstance(value, (list, tuple)) else [value]
    found: list[object] = []
    for each in entries:
        if isinstance(each, str):
            try:
                each = float(each) if "." in each or "e" in each.lower() else int(each)
            except ValueError:
                many = f"{known.size} numbers" if known.size > 1 else "a number"
                raise ToolProblem(
                    f"{what} takes {many}, not {quoted(str(each), 60)}. Use set_expression for an expression."
                ) from None
        if isinstance(each, bool) or not isinstance(each, (int, float)):
            raise ToolProblem(f"{what} takes numbers, not {quoted(str(each), 60)}.")
        found.append(each)
    if not isinstance(value, (list, tuple)):
        return found[0]
    if len(found) == 1:
        return found[0]
    if known.size > 0 and len(found) != known.size and not (known.type == "AColor_Knob" and len(found) == 3):
        fits = "one number" if known.size == 1 else f"one number or {known.size}"
        raise ToolProblem(f"{what} takes {fits}, not {len(found)}.")
    return found


def _colour(value: object, what: str) -> int:
    if isinstance(value, str):
        word = value.strip().lower().lstrip("#").removeprefix("0x")
        if re.fullmatch(r"[0-9a-f]{6}(?:[0-9a-f]{2})?", word):
            return int(word.ljust(8, "f"), 16)
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFFFFFF:
        return value
    elif isinstance(value, (list, tuple)) and len(value) in (3, 4):
        parts = cast("Sequence[float]", value)
        if all(isinstance(each, (int, float)) and 0 <= each <= 1 for each in parts):
            packed = [round(each * 255) for each in (*parts, 1.0)[:4]]
            return packed[0] << 24 | packed[1] << 16 | packed[2] << 8 | packed[3]
    raise ToolProblem(f"{what} is a colour such as 0xff8800ff, #ff8800 or [1, 0.5, 0], not {quoted(str(value), 60)}.")
