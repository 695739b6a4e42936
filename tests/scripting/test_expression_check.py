"""Preflight of expressions from the place of the knob they are for."""

from __future__ import annotations

import pytest

from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
}
Read {
 inputs 0
 name Read1
}
Blur {
 size {{Defocus1.defocus}}
 name Blur1
 addUserKnob {20 User}
 addUserKnob {7 amount}
}
Defocus {
 name Defocus1
}
Transform {
 name Transform1
}
Group {
 name Group1
}
 Grade {
  inputs 0
  name Grade1
 }
end_group
"""


@pytest.fixture(scope="module")
def surroundings():
    return Surroundings.of(SCRIPT)


def found(text, target, surroundings):
    findings = preflight(ScriptProposal("expression", text, target=target), surroundings).findings
    return [(each.severity, each.rule, each.column, each.name, each.suggestion) for each in findings]


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("Blur1.size", "frame*2"),
        ("Blur1.size", "amount*2 + input.width + sin(frame/10)"),
        ("Blur1.size", "frame < 1050 ? 0 : 1"),
        ("Blur1.size", "random(frame)*noise(frame/3)"),
        ("Blur1.size", "curve(frame-10)"),
        ("Blur1.size", "Transform1.translate.x(frame-1)"),
        ("Blur1.size", "[value root.first_frame] + root.last_frame"),
        ("Blur1.disable", "!$gui"),
        ("Blur1.label", "[value size]"),
        ("Read1.file", "[getenv SHOT]/plate.%04d.exr"),
        ("Transform1.translate.x", "Transform1.translate.y+1"),
        ("Group1.Grade1.white", "Blur1.amount"),
        ("root.frame", "1"),
    ],
)
def test_nothing_is_said_of_an_expression_that_is_right(target, text, surroundings):
    assert found(text, target, surroundings) == []


@pytest.mark.parametrize(
    ("target", "text", "finding"),
    [
        ("Blur1.size", "sin(frame", ("fatal", "syntax", 10, "", "")),
        ("Blur1.size", "frame > 1 and frame < 3", ("fatal", "syntax", 11, "and", "&&")),
        ("Blur1.size", "1 if frame > 3 else 0", ("fatal", "syntax", 3, "if", "a ? b : c")),
        ("Blur1.size", "sinn(frame)", ("problem", "unknown-function", 1, "sinn", "sin")),
        ("Blur1.size", "rand(frame)", ("problem", "unknown-function", 1, "rand", "random")),
        ("Blur1.size", "math.sin(frame)", ("problem", "unknown-function", 1, "math.sin", "sin")),
        ("Blur1.size", "nuke.frame()", ("problem", "unknown-function", 1, "nuke.frame", "frame")),
        ("Blur1.size", "clamp(1,2,3,4)", ("problem", "unknown-function", 1, "clamp", "")),
        ("Blur1.size", "2*time", ("problem", "unknown-reference", 3, "time", "frame")),
        ("Blur1.size", "Transfrm1.rotate", ("problem", "unknown-reference", 1, "Transfrm1.rotate", "Transform1.rotate")),
        ("Blur1.size", "Blur1.size*2", ("problem", "unknown-reference", 1, "Blur1.size", "")),
        ("Defocus1.defocus", "Blur1.size", ("problem", "unknown-reference", 1, "Blur1.size", "")),
        ("Blur1.sizee", "1", ("problem", "unknown-knob", 0, "sizee", "size")),
        ("Blurr1.size", "1", ("problem", "unknown-node", 0, "Blurr1", "Blur1")),
        ("Transform1.translate.q", "1", ("problem", "unknown-channel", 0, "q", "")),
        ("Transform1.translate.b", "1", ("problem", "unknown-channel", 0, "b", "")),
        ("Blur1.label", "size", ("problem", "structure", 1, "Blur1.label", "")),
        ("Blur1.label", "[value sizee]", ("problem", "unknown-reference", 8, "sizee", "")),
        ("Blur1.size", "[python {nuke.frame()}]", ("warning", "structure", 0, "", "")),
        ("Blur1.channels", "frame", ("warning", "structure", 0, "channels", "")),
        ("", "frame", ("problem", "unknown-knob", 0, "", "")),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(target, text, finding, surroundings):
    assert finding in found(text, target, surroundings)


def test_without_a_script_the_text_alone_is_checked():
    assert found("sinn(Nowhere.size)", "Nobody1.size", None) == [("problem", "unknown-function", 1, "sinn", "sin")]


def test_the_effect_names_the_knob():
    (effect,) = preflight(ScriptProposal("expression", "frame", target="Blur1.size")).effects
    assert (effect.kind, effect.call) == ("changes knobs", "Blur1.size")


def test_checking_changes_nothing_in_the_script(surroundings):
    before = surroundings.document.to_bytes()
    found("Blur1.size + nowhere", "Defocus1.defocus", surroundings)
    assert surroundings.document.to_bytes() == before
