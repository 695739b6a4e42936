"""Preflight of menus, shortcuts, defaults and formats."""

from __future__ import annotations

import pytest

from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.tool_check import shortcut_problem


def found(line):
    findings = preflight(ScriptProposal("tool", "import nuke\n" + line + "\n")).findings
    return [(each.severity, each.rule, each.line, each.name, each.suggestion) for each in findings]


@pytest.mark.parametrize(
    "line",
    [
        "nuke.menu('Nuke').addCommand('Custom/Toggle', 'print(1)', 'ctrl+alt+d', shortcutContext=2)",
        "nuke.menu('Node Graph').addCommand('Toggle', lambda: None, '^#d')",
        "nuke.toolbar('Nodes').addMenu('Mine')",
        "nuke.toolbar('Studio').addMenu('Mine')",
        "nuke.knobDefault('Merge2.bbox', 'B')",
        "nuke.knobDefault('Write.exr.compression', 'DWAB')",
        "nuke.knobDefault('Root.fps', '25')",
        "nuke.addFormat('1998 1080 1.0 Flat')",
        "nuke.addFormat('1998 1080 0 0 1998 1080 1 Flat')",
        "nuke.pluginAddPath('./gizmos')",
    ],
)
def test_nothing_is_said_of_a_tool_that_is_right(line):
    assert found(line) == []


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("nuke.menu('Nodess')", ("problem", "unknown-value", 2, "Nodess", "Nodes")),
        ("nuke.menu('Main')", ("problem", "unknown-value", 2, "Main", "Nuke")),
        ("nuke.menu('Nuke').addCommand('a', 'print(1')", ("problem", "syntax", 2, "print(1", "")),
        ("nuke.menu('Nuke').addCommand('a', 'b()', 'control+d')", ("problem", "unknown-value", 2, "control+d", "ctrl+d")),
        ("nuke.menu('Nuke').addCommand('a', 'b()', shortcut='ctrl-d')", ("problem", "unknown-value", 2, "ctrl-d", "ctrl+d")),
        ("nuke.menu('Nuke').addCommand('a', 'b()', shortcutContext=5)", ("problem", "unknown-value", 2, "5", "2")),
        ("def go(): pass\nnuke.menu('Nuke').addCommand('a', go())", ("warning", "structure", 3, "go", "go")),
        ("nuke.knobDefault('Merge2.bboxx', 'B')", ("problem", "unknown-knob", 2, "bboxx", "bbox")),
        ("nuke.knobDefault('Merge2.bbox', 'Q')", ("problem", "unknown-value", 2, "Q", "")),
        ("nuke.knobDefault('Merge.bbox', 'B')", ("warning", "obsolete", 2, "Merge", "Merge2")),
        ("nuke.knobDefault('Mergee2.bbox', 'B')", ("warning", "unknown-class", 2, "Mergee2", "Merge2")),
        ("nuke.knobDefault('Blur', '3')", ("problem", "unknown-knob", 2, "Blur", "")),
        (
            "nuke.knobDefault('Write.compression', 'DWAB')",
            ("warning", "unknown-knob", 2, "Write.compression", "Write.exr.compression"),
        ),
        ("nuke.addFormat('big 1 2')", ("problem", "unknown-value", 2, "big 1 2", "")),
        ("nuke.menu('Nuke'", ("fatal", "syntax")),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(line, finding):
    assert finding in [each[: len(finding)] for each in found(line)]


@pytest.mark.parametrize(
    "shortcut",
    ["ctrl+alt+d", "^#d", "#+F", "^+s", "f5", "shift+f", "Ctrl+Shift+Space", "ctrl++", "alt+/", "a", "shift+F12", "meta+k"],
)
def test_shortcuts_that_nuke_takes_are_right(shortcut):
    assert shortcut_problem(shortcut) == ("", "")


@pytest.mark.parametrize(
    ("shortcut", "meant"),
    [
        ("ctrl-alt-d", "ctrl+alt+d"),
        ("cntrl+d", "ctrl+d"),
        ("command+k", "ctrl+k"),
        ("ctrl+foo", ""),
        ("ctrl+", ""),
        ("", ""),
        ("f99", ""),
    ],
)
def test_shortcuts_that_nuke_does_not_take_are_told(shortcut, meant):
    text, suggestion = shortcut_problem(shortcut)
    assert text
    assert suggestion == meant
