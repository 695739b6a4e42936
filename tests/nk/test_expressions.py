"""Knob expressions and Tcl in knobs: values where they can be known, and each kind of problem told apart."""

from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.nk.expressions import (
    Cycle,
    LimitReached,
    MissingReference,
    NotSimulated,
    SyntaxProblem,
    evaluate,
    knob_number,
    knob_text,
    run_tcl,
    unresolved_references,
)

SCRIPT = b"""Root {
 inputs 0
 name /shots/ab_010/ab_010_comp_v003.nk
 frame 5
 first_frame 1001
 last_frame 1100
 fps 24
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
Blur {
 inputs 0
 name Blur1
 size {{curve L x1 0 x11 10} 4}
 label "size \\[value size.h] at \\[frame]"
}
Grade {
 name Grade1
 white {0.5 0.25 {Blur1.size} 1}
 black {{white.r*2}}
 disable true
}
Merge2 {
 inputs 2
 name Merge1
 operation plus
 mix {{this.operation==1}}
}
Group {
 name Group1
 addUserKnob {20 User}
 addUserKnob {7 amount}
 amount 3
 addUserKnob {41 linked l Size T Blur2.size}
 addUserKnob {4 mode M {low mid high}}
 mode mid
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  name Blur2
  size {{parent.amount*2}}
  label "\\[value parent.mode]"
 }
 Blur {
  name Blur3
  size {{amount+Blur2.size+input.size+Blur1.size.h}}
 }
end_group
"""


@pytest.fixture
def document() -> nk.Document:
    return nk.loads(SCRIPT)


@pytest.fixture
def blur(document: nk.Document) -> nk.Node:
    return document.node("Blur1")


def number(node: nk.Node, text: str, **more: object) -> float:
    found = evaluate(node, text, **more)  # type: ignore[arg-type]
    assert found.problem is None, found.problem
    assert isinstance(found.value, float)
    return found.value


# The language


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ** 3 ** 2", 512),
        ("7 / 2", 3.5),
        ("-7 % 3", -1),
        ("0x10", 16),
        (".5e1", 5),
        ("!0", 1),
        ("1 < 2 && 2 <= 2 && 3 != 4", 1),
        ("0 || 0", 0),
        ("0 ? 1 : 0 ? 2 : 3", 3),
        ("1 ? 1 ? 4 : 5 : 6", 4),
        ("true + pi * false", 1),
    ],
)
def test_operators_are_those_of_c_on_floating_point_numbers(blur, text, value):
    assert number(blur, text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("clamp(1.5)", 1),
        ("clamp(-3, -2, 2)", -2),
        ("lerp(10, 20, .25)", 12.5),
        ("lerp(0, 10, 4, 30, 1)", 15),
        # t * t * (3 - 2 t) with t = 1/4: 1/16 * 2.5.
        ("smoothstep(0, 4, 1)", 0.15625),
        ("smoothstep(0, 4, -1) + smoothstep(0, 4, 9)", 1),
        ("step(2, 2) + step(2, 1.9)", 1),
        ("pow(2, 10) - pow2(3)", 1015),
        ("sqrt(2 * 8)", 4),
        ("hypot(3, 4)", 5),
        ("int(-2.7) + floor(-2.7) + ceil(-2.2)", -7),
        ("rint(2.5) + rint(3.5)", 6),
        ("fmod(7.5, 2)", 1.5),
        ("min(3, 1, 2) + max(3, 1, 2) + min(4)", 8),
        ("degrees(radians(90))", 90),
        ("equal(2, 1, 2) + inrange(5, 1, 2, 4, 6)", 2),
        ("isnan(sqrt(-1)) + isinf(1 / 0)", 2),
    ],
)
def test_functions_are_those_of_the_manual(blur, text, value):
    assert number(blur, text) == pytest.approx(value)


def test_trigonometry_is_in_radians(blur):
    assert number(blur, "sin(pi / 2) + cos(0) + atan2(1, 1)") == pytest.approx(2 + math.pi / 4)


def test_division_by_zero_is_no_error(blur):
    assert number(blur, "-1 / 0") == -math.inf
    assert math.isnan(number(blur, "0 / 0"))


def test_side_that_is_not_taken_is_not_evaluated(blur):
    assert number(blur, "1 ? 2 : nowhere.x") == 2
    assert number(blur, "0 && nowhere.x") == 0


# Names


def test_frame_has_three_names(blur):
    assert number(blur, "frame + t + x") == 15
    assert number(blur, "frame", frame=9) == 9


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("Blur1", "size", 4),
        ("Blur1", "size.h", 4),
        ("Blur1", "size.0(3)", 2),
        ("Blur1", "this.size.w", 4),
        ("Grade1", "white.b", 4),
        ("Grade1", "input.size + input0.size", 8),
        ("Grade1", "disable", 1),
        ("Grade1", "white.r.main", 0.5),
        ("Grade1", "white.main.r", 0.5),
        ("Merge1", "input0.black", 1),
        ("Merge1", "topnode.size", 4),
        ("Blur1", "root.format.w / root.height", 1920 / 1080),
        ("Blur1", "root.last_frame - root.first_frame", 99),
        ("Blur1", "Group1.Blur2.size", 6),
        ("Blur1", "Group1.linked", 6),
        ("Blur1", "Group1.mode", 1),
        ("Group1.Blur2", "parent.Blur3.size", 19),
        ("Group1.Blur2", "parent.parent.Blur1.size.h", 4),
        ("Group1.Blur3", "amount", 3),
    ],
)
def test_names_lead_to_knobs(document, path, text, value):
    assert number(document.node(path), text) == value


def test_lookup_goes_from_the_group_outwards(document):
    # The group's own knob, a neighbour, the neighbour above, and a node outside of the group: 3 + 6 + 6 + 4.
    found = knob_number(document.node("Group1.Blur3"), "size")
    assert found.problem is None
    assert found.value == 3 + 6 + 6 + 4


def test_whole_knob_means_the_component_at_hand(document):
    grade = document.node("Grade1")
    assert number(grade, "white", component=1) == 0.25
    assert number(grade, "Blur1.size", component=1) == 4


def test_knob_that_is_not_written_has_its_default(document):
    assert number(document.node("Grade1"), "gamma + multiply.r + add.g") == 2


def test_keys_and_expression_of_one_knob(document, blur):
    document.set_knob(blur, "size", "{{curve*2 L x1 0 x11 10}}")
    assert knob_number(blur, "size", frame=6).value == 10
    document.set_knob(blur, "size", "{{y+curve(11) L x1 0 x11 10}}")
    assert knob_number(blur, "size", frame=6).value == 15


# Problems


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "empty"),
        ("1 +", 4, "ends too early"),
        ("1 2", 3, "operator is missing"),
        ("(1", 3, "')' is missing"),
        ("1)", 2, "without '('"),
        ("1 ? 2", 6, "':' is missing"),
        ("1 : 2", 3, "without '?'"),
        ("min(1,,2)", 7, "value is missing"),
        ("2 @ 3", 3, "no meaning"),
        ("[value size", 1, "']' is missing"),
        ("sin(1, 2)", 1, "does not take 2"),
    ],
)
def test_bad_syntax_is_told_with_its_column(blur, text, column, words):
    problem = evaluate(blur, text).problem
    assert isinstance(problem, SyntaxProblem)
    assert words in problem.message
    assert problem.column == column


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Blur9.size", "Blur9"),
        ("Blur1.sise", "sise"),
        ("input.size", "input"),
        ("Group1.Blur9.size", "Blur9"),
        ("Blur1.size.q", "q"),
        ("Blur1", "Blur1"),
        ("wobble(1, 2)", "wobble"),
    ],
)
def test_missing_reference_names_the_part_that_is_missing(blur, text, missing):
    problem = evaluate(blur, text).problem
    assert isinstance(problem, MissingReference), problem
    assert problem.missing == missing


def test_cycle_is_told_as_its_chain(document, blur):
    document.set_knob(blur, "size", "{{Grade1.white.r}}")
    document.set_knob(document.node("Grade1"), "white", "{{Merge1.mix}}")
    document.set_knob(document.node("Merge1"), "mix", "{{Blur1.size.w+1}}")
    problem = knob_number(blur, "size").problem
    assert isinstance(problem, Cycle)
    assert problem.chain == ("Blur1.size.0", "Grade1.white.0", "Merge1.mix", "Blur1.size.0")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("random(frame)", "random"),
        ("noise(1) + 1", "noise"),
        ("width / 2", "width"),
        ("[python {open('x', 'w')}]", "python"),
        ("[metadata input/filename]", "metadata"),
        ("$gui", "$gui"),
        ("$nuke_version > 13", "$nuke_version"),
        ("1 ^ 2", "^"),
    ],
)
def test_what_only_nuke_can_know_is_named(blur, text, what):
    problem = evaluate(blur, text).problem
    assert isinstance(problem, NotSimulated), problem
    assert problem.what == what


def test_gui_is_known_where_it_is_told(blur):
    assert number(blur, "$gui ? 1 : 2", gui=False) == 2


def test_python_is_never_run(blur, tmp_path):
    mark = tmp_path / "ran"
    for text in (f"[python open('{mark}','w')]", f"[value size][python {{open('{mark}', 'w').close()}}]"):
        assert isinstance(run_tcl(blur, text).problem, NotSimulated)
    assert not mark.exists()


def test_chain_of_ten_thousand_references_needs_no_deep_stack():
    count = 10_000
    links = b"".join(b"NoOp {\n name N%d\n addUserKnob {7 v}\n v {{N%d.v+1}}\n}\n" % (i, i + 1) for i in range(count))
    document = nk.loads(links + b"NoOp {\n name N%d\n addUserKnob {7 v}\n v 1\n}\n" % count)
    assert knob_number(document.node("N0"), "v").value == count + 1


def test_evaluation_is_bounded(document, blur):
    assert isinstance(evaluate(blur, "1+" * 300_000 + "1").problem, LimitReached)
    assert evaluate(blur, "(" * 20_000 + "1" + ")" * 20_000).value == 1
    assert evaluate(blur, "1?" * 20_000 + "1" + ":0" * 20_000).value == 1
    # A knob that asks for itself one frame earlier never ends in Nuke either.
    document.set_knob(blur, "size", "{{Blur1.size.w(frame-1)}}")
    assert isinstance(knob_number(blur, "size").problem, LimitReached)


# Tcl


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain text", "plain text"),
        ("v[value size.h]!", "v4!"),
        ("[value Merge1.operation]", "plus"),
        ("[value Grade1.disable]", "true"),
        ("[knob Merge1.mix]", "{{this.operation==1}}"),
        ("[value this.name] [class Merge1] [full_name Group1.Blur2]", "Blur1 Merge2 Group1.Blur2"),
        ("[topnode Merge1]", "Blur1"),
        ("[input Grade1 0]", "Blur1"),
        ("[exists Merge1.mix][exists Nobody]", "10"),
        ("[frame]", "5"),
        ("[expr 7/2] [expr 7/2.0] [expr {[value size.h] > 3 && 1}]", "3 3.5 1"),
        ('[expr {[value Merge1.operation] == "plus" ? "added" : "other"}]', "added"),
        ("[expression Blur1.size.h*2]", "8"),
        ("[if {[value size.h] == 4} {concat four} else {concat other}]", "four"),
        ("[if {0} then {concat a} elseif {1} {concat b} else {concat c}]", "b"),
        ("[lindex [split [file rootname [file tail [value root.name]]] _] end]", "v003"),
        ("[lindex {a {b c} d} 1] [llength {a {b c} d}] [lrange {a b c d} 1 2]", "b c 3 b c"),
        ("[lsearch -exact {rgba.red rgba.alpha} rgba.alpha] [join {a b c} -]", "1 a-b-c"),
        ("[string toupper abc] [string range abcdef 1 3] [string length abc]", "ABC bcd 3"),
        ("[string map {cmp Comp roto Roto} cmp_roto]", "Comp_Roto"),
        ("[file dirname /a/b.exr] [file extension /a/b.exr] [basename /a/b.exr]", "/a .exr b.exr"),
        ("[format %04d 7] [format %.2f 1.005] [format %s-%x ab 255]", "0007 1.00 ab-ff"),
        ("[regsub -all {[0-9]+} a1b22 #] [regexp -all _ a_b_c] [regexp -inline {v([0-9]+)} x_v012]", "a#b# 2 v012 012"),
        ('[regexp -inline "v\\[0-9]+" x_v012]', "v012"),
        ("[set a 3][expr $a*2]", "36"),
        ("[catch {value Nobody.size}]", "1"),
        ("\\[value size\\]", "[value size]"),
    ],
)
def test_tcl_in_text_gives(blur, text, value):
    found = run_tcl(blur, text)
    assert found.problem is None, found.problem
    assert found.value == value


def test_text_knob_is_evaluated_with_its_tcl(document, blur):
    assert knob_text(blur, "label").value == "size 4 at 5"
    assert knob_text(document.node("Group1.Blur2"), "label").value == "mid"


def test_tcl_in_an_expression_gives_a_number_an_expression_or_part_of_a_name(blur):
    assert number(blur, "[value size.h] * 2") == 8
    assert number(blur, "[concat Blur1.size.h + 1] * 2") == 10
    assert number(blur, "[value Group1.name].amount") == 3
    assert number(blur, "[exists Nobody] ? [value Nobody.size] : 7") == 7


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[value Nobody.size]", MissingReference),
        ("[frobnicate]", MissingReference),
        ("[expr $nothing]", MissingReference),
        ("[value size", SyntaxProblem),
        ("[lindex]", SyntaxProblem),
        ("[expr 1/0]", SyntaxProblem),
        ("[exec rm x]", NotSimulated),
        ("[getenv HOME]", NotSimulated),
        ("[knob size 5]", NotSimulated),
        ("[file exists /etc/passwd]", NotSimulated),
        ("[regexp {(\\w+\\s?)*x} aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]", NotSimulated),
        ("[string match *a*a*a*a*a*a*a*a*b [string repeat a 5000]]", NotSimulated),
        ("[format %5.999999999f 1]", SyntaxProblem),
        ("[regexp (a+)+b aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]", NotSimulated),
        ("[string repeat abc 1000000]", SyntaxProblem),
    ],
)
def test_tcl_problems_are_told_apart(blur, text, kind):
    assert isinstance(run_tcl(blur, text).problem, kind)


# Whatever is written

PIECES = (
    "1 2.5 .5 size Blur1.size.h Grade1 parent input this. root.format.w frame y pow( max( sin( curve( ( ) , ? : + - * / ** % "
    '|| ! == < >= ^ ~ [ ] [value [expr [if [lindex { } " \\ $a ${ ; # \n 0x 1e999 value(1) é random( [string ] [regsub [file '
    "[format %d %s end -1 ² 0x"
    + "f" * 300
    + " "
    + "9" * 400
    + " round(1e999) double( input99999999999999999 .0 %5.999999999f (a|a)* "
    "[regexp"
)


@hypothesis.settings(max_examples=300, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(
    st.lists(
        st.sampled_from(PIECES.split(" ")),
        max_size=25,
    )
)
def test_any_text_gives_a_value_or_a_problem(words: list[str]):
    document = nk.loads(SCRIPT)
    node = document.node("Grade1")
    for text in ("".join(words), " ".join(words)):
        for found in (evaluate(node, text), run_tcl(node, text)):
            assert (found.value is None) != (found.problem is None)
        document.set_knob(node, "label", text, scalar=True)
        document.set_knob(node, "white", "{{" + "".join(c for c in text if c not in '{}"\\[]') + "}}")
        assert isinstance(unresolved_references(document), list)
        found = knob_number(node, "white")
        assert (found.value is None) != (found.problem is None)
