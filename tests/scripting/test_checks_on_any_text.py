"""No text makes a check raise, and every finding bears one of the fixed rules."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuke_ai_panel.scripting.kinds import KINDS
from nuke_ai_panel.scripting.pasted_text import without_code
from nuke_ai_panel.scripting.preflight import preflight
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.surroundings import Surroundings

RULES = set(
    str.split(
        "syntax empty unknown-function unknown-class unknown-knob unknown-value unknown-node unknown-input unknown-channel "
        "unknown-reference host-version python-version obsolete structure doubt"
    )
)
SCRIPT = b"version 15.1 v3\nRoot {\n inputs 0\n}\n"
SCRIPT += b"Blur {\n inputs 0\n size {{Grade1.white}}\n name Blur1\n}\nGrade {\n name Grade1\n}\n"
_PIECES = st.sampled_from(
    [
        "Blur {\n",
        " size ",
        "}\n",
        "{",
        "}",
        "[",
        "]",
        '"',
        "\\",
        ";",
        "$",
        "\n",
        "\t",
        "Blur1.size",
        "knob ",
        "foreach n [nodes] {",
        "Group {\n",
        "end_group\n",
        " addUserKnob {41 a T Blur1.size}\n",
        " addUserKnob {",
        "push 0\n",
        "set x [stack 0]\n",
        "clone $C1 {\n}\n",
        "python {",
        "[python ",
        "kernel A : ImageComputationKernel<ePixelWise> {",
        "Image<eRead> src;",
        "param:\n float a;",
        "void define() {",
        "defineParam(a, ",
        "};",
        "//",
        "/*",
        "sin(",
        "frame",
        "?",
        ":",
        "*",
        "1",
        "nuke.menu('Nuke')",
        ".addCommand(",
        "'a'",
        ",",
        ")",
        "nuke.knobDefault(",
        "in Group1 {",
        "\0",
        "\ud800",
        "proc a {b} {",
    ]
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "python"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.lists(st.one_of(_PIECES, st.text(max_size=8)), max_size=24).map("".join),
    target=st.sampled_from(["", "Blur1.size", "Blur1", "a.b.c", "."]),
)
def test_a_check_takes_any_text(kind, text, target):
    for surroundings in (None, Surroundings.of(SCRIPT)):
        found = preflight(ScriptProposal(kind, text, target=target), surroundings)
        assert {each.rule for each in found.findings} <= RULES
        assert all(each.line >= 0 and each.column >= 0 and each.text for each in found.findings)
    without_code(text)


@pytest.mark.parametrize(
    ("kind", "piece"),
    [
        ("nk", "Blur {\n size 3\n}\n"),
        ("nk", "Blur {\n"),
        ("gizmo", "Group {\n}\n"),
        ("tcl", "knob Blur1.size 3\n"),
        ("tcl", "{"),
        ("tcl", "puts [value a.b]\n"),
        ("blink", "float a;\n"),
        ("blink", "kernel A : ImageComputationKernel<ePixelWise> {\nparam:\n"),
        ("blink", "defineParam(a, "),
        ("expression", "1+"),
        ("expression", "Blur1.size+"),
    ],
)
def test_long_text_is_checked_in_its_share_of_time(kind, piece):
    began = time.monotonic()
    preflight(
        ScriptProposal(kind, piece * (60_000 // len(piece)), target="Blur1.size" if kind == "expression" else ""),
        Surroundings.of(SCRIPT),
    )
    assert time.monotonic() - began < 30.0


def test_a_doubt_is_the_first_finding():
    found = preflight(ScriptProposal("python", "import nuke\n", doubt="It is cut off."))
    assert (found.findings[0].severity, found.findings[0].rule, found.findings[0].text) == (
        "warning",
        "doubt",
        "It is cut off.",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_empty_text_is_fatal(kind):
    (only,) = preflight(ScriptProposal(kind, " \n")).findings
    assert (only.severity, only.rule) == ("fatal", "empty")


def test_a_finding_shows_its_line_with_the_place_marked():
    (finding,) = preflight(ScriptProposal("tcl", "puts a\nknob Blur1.sizee 3"), Surroundings.of(SCRIPT)).findings
    line, caret = finding.excerpt.split("\n")
    assert line == "knob Blur1.sizee 3"
    assert line[caret.index("^") :].startswith("Blur1.sizee")


def test_of_very_many_findings_the_worst_are_kept():
    many = "".join(f"Studio{n}Glint {{\n}}\n" for n in range(300)) + "Blur {\n sizee 3\n}\n"
    kept = preflight(ScriptProposal("nk", many)).findings
    assert len(kept) == 200
    assert kept[-1].severity == "problem"
