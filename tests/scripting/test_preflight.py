from __future__ import annotations

import warnings

import pytest

from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal


def kinds(code: str) -> set[str]:
    found = preflight(ScriptProposal("python", code))
    assert not found.problems
    return {effect.kind for effect in found.effects}


def problem(code: str) -> str:
    found = preflight(ScriptProposal("python", code))
    assert len(found.problems) == 1
    return found.problems[0]


def test_preflight_names_the_line_of_a_syntax_error():
    text = problem("import nuke\nfor n in nuke.allNodes()\n    print(n)\n")
    assert text.startswith("Line 2: ")
    assert "for n in nuke.allNodes()" in text


def test_preflight_finds_what_only_compiling_finds():
    assert problem("import nuke\nreturn nuke.root()\n").startswith("Line 2: ")


def test_preflight_says_that_python_2_is_the_trouble():
    assert "Python 2" in problem("import nuke\nprint 'hello'\n")


@pytest.mark.parametrize("code", ["", "  \n\n", "nuke\0"])
def test_preflight_refuses_what_is_no_script(code):
    assert problem(code)


def test_preflight_survives_code_nested_beyond_the_parser():
    assert preflight(ScriptProposal("python", "(" * 5000 + ")" * 5000)).problems
    assert preflight(ScriptProposal("python", "x = " + "-" * 100_000 + "1")).problems


def test_preflight_lets_a_doubtful_escape_pass_silently():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert not preflight(ScriptProposal("python", "import re\nre.compile('\\d+')\n")).problems
    assert not seen


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import nuke\nnuke.createNode('Blur')", "creates nodes"),
        ("import nuke\nnuke.nodes.Blur(size=3)", "creates nodes"),
        ("from nuke import createNode as make\nmake('Blur')", "creates nodes"),
        ("import nuke as n\nn.delete(n.toNode('Blur1'))", "deletes nodes"),
        ("import nuke\nnuke.toNode('Blur1')['size'].setValue(3)", "changes knobs"),
        ("import nuke\nnuke.toNode('Blur1').setInput(0, nuke.toNode('Read1'))", "connects"),
        ("import nuke\nnuke.toNode('Blur1').setInput(0, None)", "disconnects"),
        ("import nuke\nnuke.toNode('Blur1').setName('Soft')", "renames nodes"),
        ("import nuke\nnuke.selectedNode().setXYpos(0, 0)", "moves nodes"),
        ("import nuke\nnuke.selectAll()", "changes the selection"),
        ("from PySide6 import QtWidgets as w\nw.QMessageBox.question(None, 'a', 'b')", "waits for the artist"),
        ("import nuke\nnuke.execute('Write1', 1, 10)", "renders"),
        ("import nuke\nnuke.scriptClear()", "replaces the script"),
        ("import nuke\nnuke.scriptSave()", "saves the script"),
        ("import nuke\nnuke.scriptExit()", "exits"),
        ("from sys import exit\nexit()", "exits"),
        ("exit()", "exits"),
        ("open('a.txt').read()", "reads files"),
        ("open('a.txt', 'w').write('x')", "writes files"),
        ("open('a.txt', mode='ab')", "writes files"),
        ("how = input()\nopen('a.txt', how)", "writes files"),
        ("from pathlib import Path\nPath('a').open('w')", "writes files"),
        ("from pathlib import Path\nPath('a').write_text('x')", "writes files"),
        ("import os\nos.remove('a')", "deletes files"),
        ("import shutil as s\ns.rmtree('a')", "deletes files"),
        ("from pathlib import Path\nPath('a').unlink()", "deletes files"),
        ("import subprocess\nsubprocess.run(['ls'])", "starts a process"),
        ("import os\nos.system('ls')", "starts a process"),
        ("import urllib.request", "network"),
        ("from urllib import request", "network"),
        ("import requests", "network"),
        ("eval('1')", "runs hidden code"),
        ("import nuke\nnuke.tcl('delete')", "runs hidden code"),
        ("import nuke\nnuke.message('hello')", "waits for the artist"),
        ("import nuke\nnuke.addKnobChanged(print)", "stays in the session"),
        ("while True:\n    x = 1", "may not end"),
        ("while 1:\n    for a in 'b':\n        break", "may not end"),
    ],
)
def test_preflight_names_the_effect(code, kind):
    assert kind in kinds(code)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("'a'.replace('a', 'b')", "deletes files"),
        ("import re\nre.compile('a')", "runs hidden code"),
        ("open('a.txt', 'rb')", "writes files"),
        ("def exit():\n    pass\nexit()", "exits"),
        ("while True:\n    break", "may not end"),
        ("def f():\n    while True:\n        return 1", "may not end"),
        ("import os.path\nos.path.join('a', 'b')", "reads files"),
        ("import urllib.parse", "network"),
        ("import nuke\nnuke.allNodes('Read')", "creates nodes"),
    ],
)
def test_preflight_does_not_cry_wolf(code, kind):
    assert kind not in kinds(code)


def test_preflight_warns_of_what_undo_cannot_take_back_first():
    code = "import nuke, os\nnuke.createNode('Blur')\n"
    code += "nuke.delete(nuke.toNode('A'))\nos.remove('a')\nos.remove('b')\nnuke.scriptExit()\n"
    found = preflight(ScriptProposal("python", code))
    assert found.warnings == (
        "Closes Nuke (line 6: nuke.scriptExit)",
        "Deletes or moves files (lines 4, 5: os.remove)",
        "Deletes nodes (line 3: nuke.delete)",
    )


def test_preflight_of_the_reference_answers_finds_no_problem(shared):
    """The solutions that come with the tasks are right, and read as right."""
    import json

    lines = (shared / "tasks" / "open.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [task["reference_python"] for task in map(json.loads, lines) if task.get("reference_python")]
    assert len(answers) > 10
    for code in answers:
        assert not preflight(ScriptProposal("python", code)).problems
