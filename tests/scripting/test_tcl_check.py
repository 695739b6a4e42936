"""Preflight of Tcl scripts."""

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
 name Blur1
 addUserKnob {20 User}
 addUserKnob {7 amount}
}
Group {
 name Group1
}
 Blur {
  inputs 0
  name Soft
 }
end_group
"""


@pytest.fixture(scope="module")
def surroundings():
    return Surroundings.of(SCRIPT)


def found(text, surroundings=None):
    findings = preflight(ScriptProposal("tcl", text), surroundings).findings
    return [(each.severity, each.rule, each.line, each.column, each.name, each.suggestion) for each in findings]


@pytest.mark.parametrize(
    "text",
    [
        "knob Blur1.size 10",
        'foreach n [selected_nodes] {\n  if {[class $n] == "Blur"} {\n    knob $n.size 3\n  } else {\n    knob '
        "$n.disable 1\n  }\n}",
        "knob Blur1.amount 2; knob Blur1.size.w 2; knob root.first_frame 1001",
        "in Group1 {\n  knob Soft.size 3\n}",
        'Blur {size 10 filter gaussian}\nknob this.label "hi \\[value size\\]"',
        "Grade {white {2 1 1 1}\n name Foo}",
        "proc bigger {n {by 2}} {\n  knob $n.size [expr [value $n.size]*$by]\n}\nbigger Blur1",
        'set names {a b c}\nforeach n $names { puts "$n # no comment" }\n# a comment with a { brace',
        "for {set i 0} {$i < 3} {incr i} {\n  Dot {}\n}",
        "setkey Blur1.size 1 10",
        "while {1} { break }",
    ],
)
def test_nothing_is_said_of_a_script_that_is_right(text, surroundings):
    assert found(text, surroundings) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("foreach n [nodes] {\n knob $n.disable 1", ("fatal", "syntax", 1, 19, "", "")),
        ("puts a\n}", ("fatal", "syntax", 2, 1, "", "")),
        ("knob Blur1.size [expr 3*2", ("fatal", "syntax", 1, 17, "", "")),
        ("if {1} {\n  puts [nodes\n}", ("fatal", "syntax", 2, 8, "", "")),
        ("knob Blur1.sizee 10", ("problem", "unknown-knob", 1, 6, "sizee", "size")),
        ("knob Blurr1.size 10", ("problem", "unknown-node", 1, 6, "Blurr1", "Blur1")),
        ("in Group1 {\n  knob Sofft.size 3\n}", ("problem", "unknown-node", 2, 8, "Sofft", "")),
        ("knob Blur1.filter gausian", ("problem", "unknown-value", 1, 19, "gausian", "gaussian")),
        ("foreach n [nodes] {\n  knbo $n.size 2\n}", ("problem", "unknown-function", 2, 3, "knbo", "knob")),
        ("print hello", ("problem", "unknown-function", 1, 1, "print", "puts")),
        ("nuke.selectedNodes", ("problem", "unknown-function", 1, 1, "nuke.selectedNodes", "selected_nodes")),
        ("x = 3", ("problem", "unknown-function", 1, 1, "x", "set")),
        ("studio_publish now", ("warning", "unknown-function", 1, 1, "studio_publish", "")),
        ("Blurr {size 3}", ("warning", "unknown-class", 1, 1, "Blurr", "Blur")),
        ("Blur {size 3 filterr box}", ("problem", "unknown-knob", 1, 14, "filterr", "filter")),
        ('puts "a [value Blur1.siz] b"', ("problem", "unknown-knob", 1, 16, "siz", "size")),
        ("Grade {name Foo}\nknob Bar.white 3", ("warning", "unknown-node", 2, 6, "Bar", "")),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(text, finding, surroundings):
    assert finding in found(text, surroundings)


def test_a_node_that_is_asked_for_need_not_be_there(surroundings):
    for text in ("if {[catch {delete Blur9}]} { puts gone }", "if {[exists Blur9]} { delete Blur9 }"):
        assert {each[0] for each in found(text, surroundings)} == {"warning"}


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("puts a\nBlur {}", "creates nodes", 2),
        ("knob Blur1.size 3", "changes knobs", 1),
        ("foreach n [nodes] {\n delete $n\n}", "deletes nodes", 2),
        ("input Blur1 0 Read1", "connects", 1),
        ("exec rm -rf /tmp/x", "starts a process", 1),
        ("puts [exec ls]", "starts a process", 1),
        ("open |ls", "starts a process", 1),
        ("open /tmp/a w", "writes files", 1),
        ("open /tmp/a", "reads files", 1),
        ("file delete /tmp/a", "deletes files", 1),
        ("python {print(1)}", "runs hidden code", 1),
        ("script_close", "replaces the script", 1),
        ("exit", "exits", 1),
        ("message hello", "waits for the artist", 1),
        ("while {1} {puts a}", "may not end", 1),
    ],
)
def test_effects_are_named(text, kind, line):
    effects = preflight(ScriptProposal("tcl", text)).effects
    assert (kind, (line,)) in [(each.kind, each.lines) for each in effects]


def test_asking_has_no_effect():
    assert (
        preflight(ScriptProposal("tcl", "puts [knob Blur1.size]; value Blur1.size; input Blur1 0; file exists a")).effects == ()
    )
