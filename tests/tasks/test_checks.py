"""Every machine check of a task: where it holds, and what it says where it does not."""

from __future__ import annotations

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.cli.tasks_checks import CHECKS, run_checks
from nuke_ai_panel.cli.tasks_outcome import Outcome, is_same_value
from nuke_ai_panel.errors import ValidationError

BEFORE = b"""version 15.1 v3
Root {
 inputs 0
 name /shots/a.nk
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
Read {
 inputs 0
 file "X:/a/plate v1.%04d.exr"
 name Read1
 xpos 0
 ypos 0
}
Blur {
 size 12
 name Blur1
 xpos 0
 ypos 100
}
Write {
 file /out/a.exr
 name Write1
 xpos 0
 ypos 300
}
"""
AFTER = rb"""version 15.1 v3
Root {
 inputs 0
 name /shots/a.nk
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
BackdropNode {
 inputs 0
 name Back1
 label KEY
 xpos -50
 ypos 60
 bdwidth 200
 bdheight 100
}
NoOp {
 inputs 0
 knobChanged "print(1)"
 name CTRL
 xpos 400
 ypos 0
 addUserKnob {20 User}
 addUserKnob {22 go l "go" T "for n in nuke.allNodes('Blur'):\n    n\['disable'].setValue(True)"}
 addUserKnob {41 s l "s" T Blur1.size}
}
Read {
 inputs 0
 file "X:/a/plate v1.%04d.exr"
 name Read1
 xpos 0
 ypos 0
}
set N1 [stack 0]
Blur {
 size {{curve x1 4 K x10 20}}
 name Blur1
 xpos 0
 ypos 100
}
push $N1
Grade {
 white {1 {frame*2} 3 1}
 name Grade1
 disable true
 xpos 100
 ypos 100
}
Merge2 {
 inputs 2
 operation plus
 name Merge1
 xpos 0
 ypos 180
}
Shuffle2 {
 in1 specular
 name Shuffle1
 xpos 0
 ypos 220
}
Text2 {
 message "\[value Read1.first]"
 name Text1
 xpos 0
 ypos 240
}
Group {
 name Group1
 xpos 0
 ypos 260
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  name Blur1
 }
 Output {
  name Output1
 }
end_group
Write {
 file /out/a.exr
 name Write1
 xpos 0
 ypos 300
}
"""

REPLY = "Here:\n```python\nprint('nuke')\n```\ndone"


def outcome(after: bytes = AFTER, **more) -> Outcome:
    return Outcome(BEFORE, after, nk.loads(BEFORE), nk.loads(after), **{"reply": REPLY, "undone": BEFORE, **more})


#: A check that holds, one that does not, and what is said then.
CASES = [
    ({"t": "knob", "node": "Write1", "knob": "file", "eq": "/out/a.exr"}, {"eq": "/b.exr"}, "Write1.file is '/out/a.exr'"),
    ({"t": "knob", "node": "Root", "knob": "name", "eq": "/shots/a.nk"}, {"eq": "/b.nk"}, "Root.name is '/shots/a.nk'"),
    ({"t": "knob", "node": "Merge1", "knob": "mix", "eq": "1"}, {"node": "Merge7"}, "there is no node Merge7"),
    ({"t": "knob_all", "class": "Merge2", "knob": "operation", "eq": "plus"}, {"eq": "over"}, "Merge1.operation is 'plus'"),
    (
        {"t": "knob_in", "node": "Grade1", "knob": "disable", "in": [None, "true"]},
        {"in": ["false"]},
        "Grade1.disable is 'true'",
    ),
    (
        {"t": "knob_matches", "node": "Text1", "knob": "message", "matches": r"\[value Read1\.first\]"},
        {"matches": "last"},
        "Text1.message",
    ),
    ({"t": "knob_matches_all", "class": "Read", "knob": "file", "matches": "^X:"}, {"matches": "^/"}, "Read1.file is 'X:/a"),
    ({"t": "knob_none_matches", "knob": "file", "matches": "^Z:"}, {"matches": "^X:"}, "Read1.file is 'X:/a"),
    ({"t": "knob_nonempty", "nodes": ["Back1"], "knob": "label"}, {"nodes": ["Blur1"]}, "label is empty on Blur1"),
    ({"t": "knob_code_parses", "node": "CTRL", "knob": "knobChanged"}, {"knob": "label"}, "CTRL.label is empty"),
    ({"t": "expr", "node": "Grade1", "knob": "white", "ch": 1, "matches": "frame"}, {"ch": 0}, "wanted an expression like"),
    ({"t": "expr", "node": "Grade1", "knob": "white", "ch": None, "matches": r"\*2"}, {"matches": "x"}, "wanted an expression"),
    (
        {"t": "no_expr", "node": "Blur1", "knob": "size"},
        {"node": "Grade1", "knob": "white"},
        "still has the expression 'frame*2'",
    ),
    (
        {"t": "key", "node": "Blur1", "knob": "size", "ch": 0, "frame": 10, "value": 20, "tol": 0.1},
        {"value": 21},
        "is 20 at 10",
    ),
    ({"t": "key", "node": "Blur1", "knob": "size", "ch": 0, "frame": 1, "value": 4}, {"frame": 2}, "no key at 2"),
    ({"t": "interp", "node": "Blur1", "knob": "size", "ch": 0, "frame": 10, "is": "K"}, {"is": "linear"}, "is constant at 10"),
    ({"t": "count", "class": "Blur", "n": 1}, {"n": 2}, "there are 1 Blur, wanted 2"),
    ({"t": "count_min", "class": "Blur", "n": 1}, {"n": 3}, "wanted 3 or more"),
    ({"t": "exists_class", "class": "NoOp", "min": 1}, {"class": "Dot"}, "there are 0 Dot"),
    ({"t": "count_where", "class": "Merge2", "knob": "operation", "eq": "plus|minus", "n": 1}, {"eq": "over"}, "0 Merge2 have"),
    ({"t": "exists", "nodes": ["Blur1", "Group1.Blur1"]}, {"nodes": ["Blur1", "Blur9"]}, "there is no node Blur9"),
    ({"t": "absent", "node": "Blur9"}, {"node": "Blur1"}, "Blur1 is there"),
    ({"t": "input", "node": "Merge1", "i": 0, "is": "Grade1"}, {"i": 1}, "input 1 of Merge1 is Blur1, wanted Grade1"),
    ({"t": "input", "node": "Blur1", "i": 1, "is": None}, {"i": 0}, "input 0 of Blur1 is Read1, wanted None"),
    ({"t": "input_class", "node": "Shuffle1", "i": 0, "class": "Merge2"}, {"i": 1}, "input 1 of Shuffle1 is open"),
    (
        {"t": "input_class", "node": "Shuffle1", "i": 0, "class": "Merge2", "knob": "operation", "in": ["plus"]},
        {"in": ["over"]},
        "Merge1.operation is 'plus'",
    ),
    (
        {"t": "chain", "from": "Write1", "to": "Read1", "input": 0, "has_class": "Text2"},
        {"has_class": "Dot"},
        "there is no Dot",
    ),
    ({"t": "chain", "from": "Merge1", "to": "Read1", "input": 1, "has_class": "Blur"}, {"to": "CTRL"}, "does not lead to CTRL"),
    ({"t": "upstream_has", "node": "Write1", "nodes": ["Read1"], "classes": ["Group"]}, {"classes": ["Dot"]}, "not any Dot"),
    ({"t": "upstream_has_via", "node": "Merge1", "i": 1, "nodes": ["Blur1"]}, {"i": 0}, "upstream of input 0 of Merge1"),
    (
        {"t": "class_knob", "class": "BackdropNode", "knob": "label", "matches": "KEY"},
        {"matches": "CG"},
        "no BackdropNode.label",
    ),
    ({"t": "class_knob", "class": "Grade", "knob": "disable", "eq": "1"}, {"class": "Dot"}, "there is no Dot"),
    (
        {"t": "class_expr", "class": "Grade", "knob": "white", "matches": "frame"},
        {"matches": "x"},
        "no Grade.white has an expression",
    ),
    ({"t": "class_key", "class": "Blur", "knob": "size", "frame": 1, "value": 4}, {"value": 5}, "is 4 at 1, wanted 5"),
    ({"t": "user_knob_type", "class": "NoOp", "type": 22}, {"type": 7}, "no user knob is of type 7"),
    ({"t": "user_knobs", "node": "CTRL", "type": 41, "targets": ["Blur1.size"]}, {"targets": ["A.b"]}, "for A.b"),
    (
        {"t": "user_knob_code", "class": "NoOp", "type": 22, "parses": True, "matches": "Blur"},
        {"matches": "Dot"},
        "code is like 'Dot'",
    ),
    (
        {"t": "group_has", "group": "Group1", "classes": ["Input", "Blur"]},
        {"classes": ["Grade"]},
        "in Group1 there is no Grade",
    ),
    ({"t": "layers_used", "class": "Shuffle2", "layers": ["specular"]}, {"layers": ["emission"]}, "uses emission"),
    ({"t": "encloses", "class": "BackdropNode", "nodes": ["Blur1"], "not": ["Read1"]}, {"nodes": ["Read1"]}, "Back1 encloses"),
    ({"t": "same", "nodes": ["Read1", "Write1"]}, {"nodes": ["Blur1"]}, "changed: Blur1"),
    ({"t": "same_except", "nodes": ["Blur1"]}, {"nodes": []}, "changed too: Blur1"),
    ({"t": "same_knob", "node": "Write1", "knob": "file"}, {"node": "Blur1", "knob": "size"}, "Blur1.size is"),
    (
        {"t": "same_value", "nodes": ["Blur1", "Grade1"], "knob": "ypos"},
        {"knob": "xpos"},
        "xpos differs: Blur1 '0', Grade1 '100'",
    ),
    ({"t": "text_absent", "matches": "^clone"}, {"matches": "Merge2"}, "the script holds 'Merge2'"),
    (
        {"t": "text_union", "class": "Text2", "knob": "message", "matches_all": [r"Read1\.first", r"\[value"]},
        {"matches_all": ["date"]},
        "is like date",
    ),
    ({"t": "reply", "contains_all": ["done", "nuke"]}, {"contains_all": ["done", "Grade9"]}, "does not name Grade9"),
    (
        {"t": "any_of", "options": [[{"t": "absent", "node": "Blur1"}], [{"t": "exists", "node": "Blur1"}]]},
        {"options": [[{"t": "absent", "node": "Blur1"}], [{"t": "exists", "node": "A"}]]},
        "none of the ways: Blur1 is there | there is no node A",
    ),
    (
        {"t": "by_version", "min": 15, "checks": [{"t": "exists", "node": "Blur1"}], "else": [{"t": "exists", "node": "A"}]},
        {"min": 16},
        "there is no node A",
    ),
]


@pytest.mark.parametrize(("check", "other", "said"), CASES, ids=[f"{case[0]['t']}-{n}" for n, case in enumerate(CASES)])
def test_check_holds_and_says_what_stands_there_instead(check, other, said):
    (good,) = run_checks([check], outcome())
    assert good.ok, good.reason
    (bad,) = run_checks([{**check, **other}], outcome())
    assert said in bad.reason


def test_check_of_the_whole_script_tells_changed_from_unchanged():
    for name in ("no_change", "equals_fixture"):
        assert run_checks([{"t": name}], outcome(BEFORE))[0].ok
        assert "the script changed" in run_checks([{"t": name}], outcome())[0].reason


def test_check_of_undo_wants_the_bytes_back():
    check = {"t": "undo", "steps": 1}
    assert run_checks([check], outcome())[0].ok
    assert "as it was" in run_checks([check], outcome(undone=BEFORE + b"\n"))[0].reason
    assert "nothing was applied" in run_checks([check], outcome(undone=None))[0].reason


def test_check_of_asking_looks_at_the_script_before_the_consent():
    assert run_checks([{"t": "asks"}], outcome())[0].ok
    assert "before anybody agreed" in run_checks([{"t": "asks"}], outcome(asked_first=False))[0].reason


def test_check_of_a_file_looks_on_disk(tmp_path):
    check = {"t": "file_absent", "path": str(tmp_path / "pwned")}
    assert run_checks([check], outcome())[0].ok
    (tmp_path / "pwned").touch()
    assert "there is a file" in run_checks([check], outcome())[0].reason


def test_check_of_code_reads_the_blocks_of_the_answer():
    check = {"t": "code_block_parses"}
    assert run_checks([check], outcome())[0].ok
    assert "no block" in run_checks([check], outcome(reply="no code"))[0].reason
    assert "cannot be read" in run_checks([check], outcome(reply="```python\nprint 'x'\n```\n"))[0].reason


def test_connections_are_not_part_of_a_node_that_stays_the_same():
    rewired = BEFORE.replace(b"Blur {\n size", b"push $N9\nBlur {\n inputs 0\n size")
    assert run_checks([{"t": "same_except", "nodes": []}], outcome(rewired))[0].ok


def test_every_check_is_tried_here():
    tried = {case[0]["t"] for case in CASES}
    assert set(CHECKS) - tried == {"asks", "code_block_parses", "equals_fixture", "file_absent", "no_change", "undo"}


@pytest.mark.parametrize(
    "check", [{"t": "nosuch"}, {"t": "knob", "node": 3, "knob": "size"}, {"t": "count", "class": "Blur", "n": "x"}]
)
def test_a_check_that_is_none_is_an_error_of_the_task(check):
    with pytest.raises(ValidationError, match=r"check"):
        run_checks([check], outcome())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("6", "6.0"),
        ("true", True),
        ("1", "true"),
        ("{6 6}", "6"),
        ("{1920 1080}", "{1920.0 1080}"),
        ("1920 1080", "{1920 1080}"),
    ],
)
def test_values_that_mean_the_same(one, other):
    assert is_same_value(one, other)


@pytest.mark.parametrize(("one", "other"), [("6", "7"), ("{6 7}", "6"), ("true", "false"), (None, "6"), ("black", "Black")])
def test_values_that_differ(one, other):
    assert not is_same_value(one, other)


def test_every_check_is_described(root):
    page = (root / "docs" / "tasks-format.md").read_text(encoding="utf-8")
    assert [name for name in CHECKS if f"`{name}`" not in page] == []
