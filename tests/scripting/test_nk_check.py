"""Preflight of nodes and of gizmos as text."""

from __future__ import annotations

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

GROUP = """Group {
 name Soft
 addUserKnob {20 User}
 addUserKnob {41 size T Blur1.size}
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  size 4
  name Blur1
 }
 Output {
  name Output1
 }
end_group
"""


def found(text, kind="nk", surroundings=None):
    return [
        (each.severity, each.rule, each.line, each.name, each.suggestion)
        for each in preflight(ScriptProposal(kind, text), surroundings).findings
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Blur {\n size 3\n name Blur1\n}\n",
        "set cut_paste_input [stack 0]\nversion 15.1 v3\npush $cut_paste_input\nGrade {\n white {2 1 1 1}\n}\n",
        "Blur {\n size {{parent.Other.size}}\n}\n",
        "Read {\n inputs 0\n file /a/b.%04d.exr\n}\nset N1 [stack 0]\npush $N1\nMerge2 {\n inputs 2\n operation screen\n}\n",
        "Blur {\n addUserKnob {20 User}\n addUserKnob {7 mine}\n mine 4\n size {{mine}}\n}\n",
    ],
)
def test_nothing_is_said_of_nodes_that_are_right(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("Blur {\n sizee 3\n}\n", ("problem", "unknown-knob", 2, "sizee", "size")),
        ("Blurr {\n size 3\n}\n", ("warning", "unknown-class", 1, "Blurr", "Blur")),
        ("StudioGlint {\n size 3\n}\n", ("warning", "unknown-class", 1, "StudioGlint", "")),
        ("Merge2 {\n inputs 2\n operation overr\n}\n", ("problem", "unknown-value", 3, "overr", "over")),
        ("Blur {\n size big\n}\n", ("problem", "unknown-value", 2, "big", "")),
        ("push $N7\nBlur {\n size 3\n}\n", ("problem", "unknown-input", 1, "N7", "")),
        ("Blur {\n size {{sin(}}\n name B\n}\n", ("problem", "syntax", 2, "B.size", "")),
        ('Blur {\n onCreate "nuke.scriptClear()"\n name B\n}\n', ("warning", "structure", 2, "B.onCreate", "")),
        ('Blur {\n name B\n label "\\[python x]"\n}\n', ("warning", "structure", 3, "B.label", "")),
        ('Blur {\n name B\n addUserKnob {22 go T "import os"}\n}\n', ("warning", "structure", 3, "B.go", "")),
        ("set x [exec ls]\nBlur {\n name B\n}\n", ("warning", "structure", 1, "the script", "")),
        ("clone $C1 {\n}\n", ("problem", "unknown-node", 1, "", "")),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(text, finding):
    assert finding in found(text)


def test_more_inputs_than_a_class_has_are_found():
    text = "Dot {\n inputs 0\n}\nDot {\n inputs 0\n}\nDot {\n inputs 0\n}\nBlur {\n inputs 3\n name B\n}\n"
    assert ("problem", "unknown-input", 10, "B", "") in found(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [("Blur {\n size 3\n", 1), ("Blur {\n size 3\n}\nmake me a comp\n", 4), ("Group {\n name G\n}\n", 4), ("}\n", 1)],
)
def test_damage_is_fatal_and_has_its_place(text, line):
    (severity, rule, at, _, _), *_ = found(text)
    assert (severity, rule) == ("fatal", "syntax")
    assert abs(at - line) <= 1


def test_text_without_nodes_is_fatal():
    assert found("version 15.1 v3\n") == [("fatal", "empty", 0, "", "")]


def test_a_name_that_stands_in_the_open_script_only_is_resolved():
    text = "Blur {\n size {{Master.size}}\n}\n"
    there = Surroundings.of(b"version 15.1 v3\nRoot {\n inputs 0\n}\nBlur {\n inputs 0\n name Master\n}\n")
    absent = Surroundings.of(b"version 15.1 v3\nRoot {\n inputs 0\n}\n")
    assert found(text, surroundings=there) == []
    assert ("warning", "unknown-reference", 2, "Master.size", "") in found(text, surroundings=absent)


def test_a_class_of_the_open_script_is_known():
    there = Surroundings.of(b"version 15.1 v3\nRoot {\n inputs 0\n}\nStudioGlint {\n inputs 0\n name G1\n}\n")
    assert found("StudioGlint {\n size 3\n}\n", surroundings=there) == []


def test_a_newer_nuke_is_told():
    old = Surroundings(None, Catalogue.for_version("15.1"))
    assert ("note", "host-version", 0, "", "") in found("version 17.0 v1\nBlur {\n size 3\n}\n", surroundings=old)


def test_effects_name_what_is_created_and_that_code_runs():
    effects = preflight(ScriptProposal("nk", "Blur {\n onCreate x\n}\nGrade {\n}\n")).effects
    assert [(each.kind, each.lines, each.call) for each in effects] == [
        ("runs hidden code", (2,), "code in the nodes"),
        ("creates nodes", (1, 4), "Blur, Grade"),
    ]


def test_a_sound_group_is_a_gizmo():
    assert found(GROUP, "gizmo") == []
    assert found(GROUP.replace("Group {", "Gizmo {"), "gizmo") == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (" Output {\n  name Output1\n }\n", "", ("problem", "structure", 1, "Soft", "")),
        ("Blur1.size}", "Blurr.size}", ("problem", "unknown-reference", 4, "Blurr.size", "")),
        ("{41 size T Blur1.size}", "{41}", ("problem", "structure", 4, "", "")),
        ("{41 size T Blur1.size}", "{99 size}", ("warning", "structure", 4, "99", "")),
        ("{41 size T Blur1.size}", '{7 "my size"}', ("warning", "structure", 4, "my size", "")),
        ("  size 4\n", "  sizee 4\n", ("problem", "unknown-knob", 11, "sizee", "size")),
        (" name Soft\n", " name Soft\n knobChanged x\n", ("warning", "structure", 3, "Soft.knobChanged", "")),
        (" Blur {\n", " Read {\n  file /mnt/job/a.exr\n }\n Blur {\n", ("warning", "structure", 11, "/mnt/job/a.exr", "")),
        (
            "  inputs 0\n  name Input1\n }\n",
            "  inputs 0\n  name A\n }\n Input {\n  inputs 0\n  name B\n }\n",
            ("warning", "structure", 10, "Soft.B", ""),
        ),
    ],
)
def test_what_keeps_a_group_from_working_is_found(old, new, finding):
    assert old in GROUP
    assert finding in found(GROUP.replace(old, new), "gizmo")


def test_a_text_without_a_group_is_no_gizmo():
    assert ("warning", "structure", 1, "", "") in found("Blur {\n size 3\n}\n", "gizmo")


def test_real_scripts_and_gizmos_are_not_called_wrong(corpus):
    """What artists made and use gives no problem but for the few that are known to be broken in the files themselves."""
    told: dict[str, set[str]] = {}
    count = 0
    for path in sorted([*corpus.rglob("*.nk"), *corpus.rglob("*.gizmo")]):
        data = path.read_bytes()
        if len(data) > 25_000:
            continue
        try:
            version = Catalogue.for_document(nk.loads(data))
        except NkError:
            continue
        count += 1
        kind = "gizmo" if path.suffix == ".gizmo" else "nk"
        checked = preflight(ScriptProposal(kind, data.decode("utf-8", "replace")), Surroundings(None, version))
        for each in checked.findings:
            if each.severity in ("fatal", "problem"):
                told.setdefault(path.name, set()).add(each.rule)
    assert count > 25
    # A clone whose original is not in the file, an expression with a stray sign, links to nodes that were taken out.
    assert told.keys() <= {"Write-pass-template.nk", "HeatHaze_sd.gizmo", "Encryptomatte.gizmo"}


def test_code_of_a_button_is_told_and_is_no_effect_of_pasting():
    code = 'NoOp {\n inputs 0\n addUserKnob {22 go l go T "print(1)"}\n name N\n}\n'
    read = preflight(ScriptProposal("nk", code))
    assert any("button" in finding.text for finding in read.findings)
    assert [effect.kind for effect in read.effects] == ["creates nodes"]
