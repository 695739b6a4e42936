"""Preflight of what belongs in menu.py or init.py: that of Python, and the names of menus, shortcuts, defaults and formats."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from nuke_ai_panel.nk.catalogue_suggest import closest
from nuke_ai_panel.scripting import python_check
from nuke_ai_panel.scripting.code_cleaning import parse_python
from nuke_ai_panel.scripting.findings import Finding, Preflight
from nuke_ai_panel.scripting.named_findings import class_finding, knob_finding, ordered, value_finding
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

__all__ = ["check", "shortcut_problem"]

_MENUS = ("Nuke", "Nodes", "Pane", "Viewer", "Node Graph", "Properties", "Animation", "Axis")
_TOOLBARS = ("Nodes",)
_MODIFIERS = {"ctrl": "ctrl", "alt": "alt", "shift": "shift", "meta": "meta", "cmd": "meta"}
_USUAL = {
    "control": "ctrl",
    "ctl": "ctrl",
    "strg": "ctrl",
    "command": "ctrl",
    "option": "alt",
    "opt": "alt",
    "super": "meta",
    "win": "meta",
    "windows": "meta",
}
_KEYS = frozenset(
    str.split(
        "space tab return enter escape esc backspace delete del insert ins home end pageup pgup pagedown pgdown up "
        "down left right "
        "print pause plus minus comma period slash"
    )
)
_FUNCTION_KEY = re.compile(r"f(?:[1-9]|[12]\d|3[0-5])")
_FORMAT = re.compile(r"\s*\d+\s+\d+(?:\s+\d+\s+\d+\s+\d+\s+\d+)?(?:\s+\d+(?:\.\d+)?)?(?:\s+\S.*)?\s*")
_SIGNS = {"^": "ctrl", "#": "alt", "+": "shift"}


def check(proposal: ScriptProposal, surroundings: Surroundings) -> Preflight:
    """Read a tool without running it, against the script and the Nuke in `surroundings`."""
    found = python_check.check(replace(proposal, kind="python"), surroundings)
    tree = parse_python(proposal.code)
    if tree is None:
        return found
    more: list[Finding] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            more += _call(node, surroundings)
    # The checks of Python may know a default as well; it is said once.
    told = {(each.line, each.rule, each.name) for each in found.findings}
    more = [each for each in more if (each.line, each.rule, each.name) not in told]
    return Preflight(ordered([*found.findings, *more]), found.effects)


def _call(call: ast.Call, surroundings: Surroundings) -> Iterator[Finding]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    on_nuke = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id == "nuke"
    if on_nuke and name in ("menu", "toolbar"):
        yield from _menu(call, name)
    elif name == "addCommand":
        yield from _command(call)
    elif on_nuke and name == "knobDefault":
        yield from _default(call, surroundings)
    elif on_nuke and name == "addFormat":
        value = _text(call, 0, "s")
        if value is not None and not _FORMAT.fullmatch(value):
            text = f"{value!r} is no format; write it like '1998 1080 1.0 Flat'."
            yield _finding(call, text, "unknown-value", value)


def _menu(call: ast.Call, function: str) -> Iterator[Finding]:
    value = _text(call, 0, "name")
    known = _TOOLBARS if function == "toolbar" else _MENUS
    if value is None or value in _MENUS:
        return
    near = next(iter(closest(value, _MENUS)), "")
    if not near:
        usual = {"main": "Nuke", "file": "Nuke", "menubar": "Nuke", "toolbar": "Nodes", "dag": "Node Graph"}
        near = usual.get(value.casefold().replace(" ", ""), "")
    hint = f"; did you mean {near!r}?" if near else f"; there are {', '.join(known)}."
    if function == "toolbar" and not near:
        # A toolbar of another name is made anew.
        return
    yield replace(
        _finding(call, f"Nuke has no menu {value!r}{hint}", "unknown-value", value, near),
        severity="problem" if near else "warning",
    )


def _command(call: ast.Call) -> Iterator[Finding]:
    label = _text(call, 0, "name")
    if label is not None and not label.strip("/ "):
        yield _finding(call, "The menu item has no name.", "structure", label)
    command = _text(call, 1, "command")
    if command is not None and command.strip():
        try:
            ast.parse(command.strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            shown = command if len(command) <= 60 else command[:57] + "..."
            yield _finding(call, f"The command of the menu item cannot be read as Python: {shown}", "syntax", shown)
    shortcut = _text(call, 2, "shortcut")
    if shortcut:
        wrong, meant = shortcut_problem(shortcut)
        if wrong:
            yield _finding(call, wrong, "unknown-value", shortcut, meant)
    for keyword in call.keywords:
        if (
            keyword.arg == "shortcutContext"
            and isinstance(keyword.value, ast.Constant)
            and keyword.value.value not in (0, 1, 2)
        ):
            text = f"shortcutContext is 0 (window), 1 (application) or 2 (node graph), not {keyword.value.value!r}."
            yield _finding(call, text, "unknown-value", str(keyword.value.value), "2")
    second = _argument(call, 1, "command")
    if isinstance(second, ast.Call) and isinstance(second.func, ast.Name):
        text = (
            f"{second.func.id}() is called here, once, when the menu is made; to run it from the menu leave the brackets out."
        )
        yield replace(_finding(call, text, "structure", second.func.id, second.func.id), severity="warning")


def shortcut_problem(shortcut: str) -> tuple[str, str]:
    """Return what is wrong with a shortcut such as ``ctrl+alt+d``, and what was meant; "" for both where nothing is."""
    text = shortcut.strip()
    while text[:1] in _SIGNS and len(text) > 1:
        text = f"{_SIGNS[text[0]]}+{text[1:]}" if text[1:2] != "+" else text[2:]
        if text[:4] in ("ctrl", "alt+", "shif"):
            break
    words = [word.strip() for word in re.split(r"\+(?!$)", text)]
    for at, word in enumerate(words[:-1]):
        low = word.casefold()
        if low in _MODIFIERS or word in _SIGNS:
            continue
        meant = _USUAL.get(low) or next(iter(closest(low, _MODIFIERS)), "")
        better = "+".join([*words[:at], meant, *words[at + 1 :]]).lower() if meant else ""
        hint = f"; write {better!r}" if better else ""
        return f"The shortcut {shortcut!r} has {word!r}, which is no key to hold{hint}.", better
    key = words[-1].casefold() if words else ""
    key = key.lstrip("^#") or key
    if len(key) == 1 or key in _KEYS or _FUNCTION_KEY.fullmatch(key):
        return "", ""
    if "-" in key:
        better = shortcut.strip().replace("-", "+").lower()
        if not shortcut_problem(better)[0]:
            return f"The keys of a shortcut are joined by '+': write {better!r}.", better
    return f"The shortcut {shortcut!r} ends with {words[-1] if words else ''!r}, which is no key.", ""


def _default(call: ast.Call, surroundings: Surroundings) -> Iterator[Finding]:
    full = _text(call, 0, "name")
    if full is None:
        return
    words = full.split(".")
    line, column = call.lineno, call.col_offset + 1
    if len(words) < 2:
        yield _finding(call, f"knobDefault takes 'Class.knob', not {full!r}.", "unknown-knob", full)
        return
    class_name, knob = words[0], words[-1]
    if class_name == "Root":
        wrong = knob_finding(surroundings.catalogue, class_name, knob, line, column)
        if wrong is not None:
            yield wrong
        return
    wrong = class_finding(surroundings, class_name, line, column)
    if wrong is not None:
        if wrong.rule != "obsolete":
            yield wrong
            return
        # New nodes are of the class of today; a default of the old one says nothing to them.
        yield replace(wrong, severity="warning")
    info = surroundings.catalogue.class_info(class_name)
    if info is None:
        return
    if len(words) == 3 and not info.file_type_knobs and words[1] in info.knobs:
        return
    bad = knob_finding(surroundings.catalogue, class_name, knob, line, column)
    if bad is not None:
        yield bad
        return
    known = surroundings.catalogue.knob_info(class_name, knob)
    if known is not None and known.file_types and len(words) == 2:
        kinds = ", ".join(known.file_types[:4])
        text = f"{class_name} has {knob} for some file types only; write '{class_name}.{known.file_types[0]}.{knob}' ({kinds})."
        yield replace(
            _finding(call, text, "unknown-knob", full, f"{class_name}.{known.file_types[0]}.{knob}"), severity="warning"
        )
    value = _text(call, 1, "value")
    if value is not None:
        odd = value_finding(surroundings.catalogue, class_name, knob, value, line, column)
        if odd is not None:
            yield odd


def _argument(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    for each in call.keywords:
        if each.arg == keyword:
            return each.value
    if len(call.args) > position and not any(isinstance(each, ast.Starred) for each in call.args[: position + 1]):
        return call.args[position]
    return None


def _text(call: ast.Call, position: int, keyword: str) -> str | None:
    value = _argument(call, position, keyword)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _finding(call: ast.Call, text: str, rule: str, name: str, suggestion: str = "") -> Finding:
    return Finding(text, "problem", rule, call.lineno, call.col_offset + 1, name, suggestion)
