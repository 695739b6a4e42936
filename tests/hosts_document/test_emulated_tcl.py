"""Tcl that changes the script, as ``nuke.tcl`` runs it in the emulated module."""

from __future__ import annotations

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError
from nuke_ai_panel.nk.emulation.module import session_of
from tests.host_contract.host_contract import SCRIPT


def wires(document, name):
    return [source and source.name for source in document.node(name).inputs]


# Knobs


@pytest.mark.parametrize(
    ("command", "knob", "text"),
    [
        ("knob Grade1.white 3", "white", "3"),
        ("knob Grade1.white {1 2 3 4}", "white", "{1 2 3 4}"),
        ('knob Grade1.white "1 2 3 4"', "white", "{1 2 3 4}"),
        ("knob Grade1.white.g 7", "white", "{1.5 7 1 1}"),
        ("knob Grade1.black {{frame/100}}", "black", "{{frame/100}}"),
        ("knob Grade1.mix {frame > 5 ? 1 : 0}", "mix", '{{"frame > 5 ? 1 : 0"}}'),
        ("knob Grade1.mix {{frame > 5 ? 1 : 0}}", "mix", '{{"frame > 5 ? 1 : 0"}}'),
        ("knob Grade1.mix {curve x1 0 x9 1}", "mix", "{{curve x1 0 x9 1}}"),
        ("knob Grade1.white {1 frame 3 4}", "white", "{1 {frame} 3 4}"),
        ("knob Grade1.disable 1", "disable", "true"),
        ("knob Grade1.label {two words}", "label", "two words"),
        ("knob root.Grade1.mix 0.5", "mix", "0.5"),
        ("set n Grade1; knob $n.mix [expr 1/4.0]", "mix", "0.25"),
        ("knobs Grade1 {mix 0.5 white 2}", "mix", "0.5"),
        ("in Grade1 {knob mix 0.5}", "mix", "0.5"),
        ("animation Grade1.mix expression frame/10", "mix", "{{frame/10}}"),
        ("setkey Grade1.mix 5 0.5", "mix", "{{curve x5 0.5}}"),
        ("setkey Grade1.mix 5 0.5; setkey Grade1.mix 9 1", "mix", "{{curve x5 0.5 x9 1}}"),
        ("setkey Grade1.white.b 5 2", "white", "{1.5 1 {curve x5 2} 1}"),
    ],
)
def test_knobs_are_set(nuke, document, command, knob, text):
    nuke.tcl(command)
    assert document.node("Grade1").knob(knob) == text


def test_root_is_a_command_of_its_own(nuke):
    nuke.tcl("Root {first_frame 1020 fps 30}")
    nuke.tcl("Root last_frame 1100")
    assert (nuke.root().firstFrame(), nuke.root().lastFrame(), nuke.root().fps()) == (1020, 1100, 30)


def test_words_of_a_call_are_taken_as_they_are(nuke, document):
    nuke.tcl("knob", "Grade1.label", "half a brace { and [python boom]")
    assert document.node("Grade1").knob("label") == "half a brace { and [python boom]"
    assert nuke.tcl("subst", "f[value root.first_frame]") == "f1001"


@pytest.mark.parametrize(
    "command",
    [
        'addUserKnob node Grade1 4 mode l "The mode" M {fast good}',
        'in Grade1 {addUserKnob {4 mode l "The mode" M {fast good}}}',
    ],
)
def test_user_knobs_are_added(nuke, command):
    nuke.tcl(command)
    knob = nuke.toNode("Grade1")["mode"]
    assert (knob.Class(), knob.label(), knob.values()) == ("Enumeration_Knob", "The mode", ["fast", "good"])


def test_knob_defaults_are_for_nodes_to_come(nuke):
    nuke.tcl("knob_default Blur.size 33")
    assert nuke.nodes.Blur()["size"].value() == 33


# Nodes


@pytest.mark.parametrize(
    "command", ["Blur -New {size 5 name Soft}", "Blur -new size 5 name Soft", "Blur -New; knob Blur1.size 5"]
)
def test_a_new_node_stands_in_the_stream_of_the_selected_one(nuke, document, command):
    nuke.tcl(command)
    made = nuke.selectedNode()
    assert (made.Class(), made["size"].value()) == ("Blur", 5)
    assert wires(document, made.name()) == ["Read1"]
    assert wires(document, "Grade1") == [made.name()], "what read from the selected node reads from the new one"


def test_a_script_takes_its_inputs_from_the_stack(nuke, document):
    nuke.tcl("push Read1\npush Grade1\nMerge2 {\n inputs 2\n operation minus\n name Over\n}\nBlur {name After}\n")
    assert wires(document, "Over") == ["Grade1", "Read1"]
    assert wires(document, "After") == ["Over"]
    assert document.node("Over").knob("operation") == "minus"
    assert wires(document, "Group1") == ["Grade1"], "nothing that stood there reads from the new nodes"


def test_the_selected_node_lies_on_the_stack_and_push_0_is_nothing(nuke, document):
    nuke.tcl("Blur {name A}")
    nuke.tcl("push 0; Blur {name B}")
    nuke.tcl("Blur {name C}")
    assert (wires(document, "A"), wires(document, "B"), wires(document, "C")) == (["Read1"], [], ["B"])
    nuke.toNode("Read1").setSelected(False)
    nuke.toNode("Grade1").setSelected(True)
    nuke.tcl("Blur {name D}")
    assert wires(document, "D") == ["Grade1"], "another selection is what lies on top then"


def test_a_variable_keeps_the_node_when_it_is_renamed(nuke, document):
    nuke.tcl("Blur -New; set made [stack 0]; knob $made.name Glow_soft; knob $made.size 9; input Write1 0 $made")
    assert document.node("Glow_soft").knob("size") == "9"
    assert wires(document, "Write1") == ["Glow_soft"]
    assert nuke.toNode(nuke.tcl("stack 0")).name() == "Glow_soft"


def test_a_group_is_filled_until_its_end(nuke, document):
    nuke.tcl(
        "push Read1\nGroup {name Inner}\n Input {inputs 0}\n Blur {size 2 name Soft}\n Output {}\nend_group\nGrade {name Last}"
    )
    assert [node.class_name for node in document.node("Inner").children.nodes] == ["Input", "Blur", "Output"]
    assert wires(document, "Inner.Output1") == ["Soft"]
    assert (wires(document, "Inner"), wires(document, "Last")) == (["Read1"], ["Inner"])


def test_a_pasted_snippet_is_tcl_too(nuke, document):
    nuke.toNode("Read1").setSelected(False)
    nuke.toNode("Grade1").setSelected(True)
    other = nk.loads(SCRIPT)
    snippet = other.to_snippet([other.node("Grade1"), other.node("Group1"), other.node("Write1")])
    nuke.tcl(snippet)
    assert wires(document, "Grade2") == ["Grade1"]
    assert wires(document, "Group2") == ["Grade2"]
    assert document.node("Grade2").knob("white") == "{1.5 1 1 1}"
    assert wires(document, "Group2.Blur1") == ["Input1"]
    assert wires(document, "Write2") == ["Group2"]


def test_a_class_in_a_group_as_the_context_goes_into_it(nuke, document):
    nuke.tcl("in Group1 {push Blur1; Grade {name Inside}}")
    assert wires(document, "Group1.Inside") == ["Blur1"]


def test_inputs_are_connected_read_and_opened(nuke, document):
    assert nuke.tcl("input Grade1 0") == "Read1"
    assert nuke.tcl("inputs Grade1") == "1"
    nuke.tcl("input Write1 0 Grade1; input Grade1 0 0")
    assert wires(document, "Write1") == ["Grade1"]
    assert wires(document, "Grade1") == []
    assert nuke.tcl("input Grade1 0") == "0"
    with pytest.raises(RuntimeError, match="cannot be connected"):
        nuke.tcl("input Read1 0 Write1")


def test_nodes_are_deleted_copied_and_cloned(nuke, document):
    nuke.tcl('foreach n [nodes] {knob $n.selected [expr {[class $n] == "Grade"}]}; node_copy; node_paste')
    assert document.find("Grade2") is not None
    nuke.tcl("node_delete; delete Group1")
    assert {node.name for node in document.nodes()} == {"Read1", "Grade1", "Write1"}
    nuke.tcl("clone Grade1 {mix 0.5}")
    assert document.node("Grade1").knob("mix") == "0.5"
    assert nuke.toNode("Grade1").clones() == 1


def test_a_usual_tool_aligns_the_selected_nodes(nuke):
    nuke.tcl("foreach n [nodes] {knob $n.selected 1}")
    nuke.tcl(
        """set total 0
        set count 0
        foreach node [selected_nodes] {
            incr count
            set total [expr $total+[knob $node.ypos]]
        }
        foreach node [selected_nodes] { knob $node.ypos [expr $total/$count] }"""
    )
    assert {node.ypos() for node in nuke.allNodes()} == {-150}


# The language


@pytest.mark.parametrize(
    ("script", "value"),
    [
        ("set a 3; incr a 4; set a", "7"),
        ("set l {}; for {set i 0} {$i < 4} {incr i} {lappend l $i}; set l", "0 1 2 3"),
        ("set i 0; while {1} {incr i; if {$i == 3} continue; if {$i > 5} break}; set i", "6"),
        ("set s 0; foreach {a b} {1 2 3 4} {incr s [expr {$a*$b}]}; set s", "14"),
        ("catch {error no}", "1"),
        ("catch {error no}; expr 1+1", "2"),
        ("catch {knob Nope.size 3}", "1"),
        ("catch {input Read1 0 Write1}", "1"),
        ("eval [list expr 2+3]", "5"),
        ("info exists nope", "0"),
        ("set a {x y}; unset a; info exists a", "0"),
        ("lindex [lreverse {a b c}] 0", "c"),
    ],
)
def test_the_language_itself(nuke, script, value):
    assert nuke.tcl(script) == value


def test_variables_stay_from_call_to_call(nuke):
    nuke.tcl("set shot sh010")
    assert nuke.tcl("return $shot") == "sh010"


def test_puts_goes_to_the_output(document):
    said = []
    nk.emulate(document, write=said.append).tcl("puts {hello there}; puts -nonewline [class Read1]")
    assert said == ["hello there\n", "Read"]


@pytest.mark.parametrize(
    "script",
    [
        "knob Nope.size 3",
        "push Nope",
        "knob Grade1.gain 3",
        "Nope -New",
        "Blur -New {size {1 2",
        "foreach a b",
        "lappend",
        "addUserKnob x",
        "in Grade1 {addUserKnob {}}",
        "break",
        "error no",
    ],
)
def test_mistakes_are_errors_as_in_nuke(nuke, document, script):
    with pytest.raises(RuntimeError):
        nuke.tcl(script)
    assert document.to_bytes() == SCRIPT


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("knobs -w Grade1", "knobs"),
        ("select_all", "select_all"),
        ("proc mine {} {}", "proc"),
        ("connect_viewer 0 Read1", "connect_viewer"),
        ("animation Grade1.mix generate 1 10", "animation"),
        ("sample Read1 red 1 1", "sample"),
        ("puts $channel text; puts a b", "no variable"),
    ],
)
def test_what_is_not_known_is_named(nuke, document, script, command):
    with pytest.raises((NotSimulatedError, RuntimeError), match=command) as caught:
        nuke.tcl(script)
    assert command == "no variable" or issubclass(caught.type, NotSimulatedError)
    assert document.to_bytes() == SCRIPT


@pytest.mark.parametrize(
    "script",
    [
        "python {open('x', 'w')}",
        "exec rm -rf x",
        "source evil.tcl",
        "set f [open x w]",
        "knob Grade1.label [python {1}]",
        "eval {py 1}",
    ],
)
def test_code_is_told_and_never_run(nuke, document, script):
    with pytest.raises(NotSimulatedError):
        nuke.tcl(script)
    assert document.to_bytes() == SCRIPT
    (told,) = session_of(nuke).not_run
    assert told.where == "nuke.tcl"
    assert told.code.split()[0] in script


def test_text_of_a_knob_can_ask_but_not_change(nuke, document):
    document.set_knob(document.node("Grade1"), "label", "[knob Read1.disable 1][delete Read1]")
    before = document.to_bytes()
    with pytest.raises(NotSimulatedError):
        nuke.tcl("value Grade1.label")
    assert document.to_bytes() == before
    document.set_knob(document.node("Grade1"), "label", "[python {boom()}]")
    with pytest.raises(NotSimulatedError):
        nuke.tcl("value Grade1.label")
    assert session_of(nuke).not_run == [], "it is told of when such text is read, not by whom it is asked for"


def test_a_loop_without_an_end_is_given_up(nuke):
    with pytest.raises(NotSimulatedError, match="steps"):
        nuke.tcl("while {1} {}")


@pytest.mark.parametrize(
    "script", ["pop 999999999999", "Blur {inputs 999999999999}", "push 0; stack 1e300", "catch {input Read1 1e999}"]
)
def test_absurd_numbers_cost_nothing(nuke, script):
    nuke.tcl(script)


def test_it_is_one_step_of_undo_like_any_other(nuke, document):
    with nuke.Undo("tcl"):
        nuke.tcl("Blur -New; knob Grade1.white 3; delete Write1")
    nuke.undo()
    assert document.to_bytes() == SCRIPT


def test_in_a_non_commercial_nuke_tcl_still_works(document):
    nuke = nk.emulate(document, non_commercial=True)
    for _ in range(10):
        nuke.toNode("Grade1")
    nuke.tcl("Blur -New {size 5}")
    assert document.node("Blur1").knob("size") == "5"
    assert nuke.toNode("Blur1") is None


def test_clones_of_python_share_all_but_their_place(nuke, document):
    grade = nuke.toNode("Grade1")
    nuke.selectAll()
    nuke.invertSelection()
    grade.setSelected(True)
    made = nuke.clone(grade, "mix 0.5", False)
    assert (made.name(), made.Class(), grade.clones()) == ("Grade1", "Grade", 1)
    assert grade["mix"].value() == 0.5
    made["white"].setValue(4)
    assert grade["white"].value() == 4
    assert (made.xpos(), made.ypos()) != (grade.xpos(), grade.ypos())
    assert [node is made for node in nuke.selectedNodes()] == [True]
    assert made.input(0) is grade
    again = nk.loads(document.to_bytes())
    assert [node.clone_of is not None for node in again.nodes_of_class("Grade")] == [False, True]
    nuke.delete(grade)
    assert made["mix"].value() == 0.5, "a clone goes on without its original"
    with pytest.raises(RuntimeError, match="cannot be cloned"):
        nuke.clone(nuke.toNode("Group1"))


def test_a_clone_of_a_clone_is_one_of_the_same_family_and_can_be_undone(nuke, document):
    with nuke.Undo("clones"):
        nuke.clone(nuke.clone(nuke.toNode("Grade1")))
    assert nuke.toNode("Grade1").clones() == 2
    assert document.to_bytes().count(b"clone $C") == 2
    nuke.undo()
    assert document.to_bytes() == SCRIPT


def test_selected_nodes_are_cloned_with_their_connections(nuke, document):
    for node in nuke.allNodes():
        node.setSelected(node.name() in ("Read1", "Grade1"))
    assert nuke.cloneSelected()
    made = nuke.selectedNodes()
    assert sorted(node.name() for node in made) == ["Grade1", "Read1"]
    grade = next(node for node in made if node.Class() == "Grade")
    assert grade.input(0) in made
    assert nuke.toNode("Group1").input(0).clones() == 1
    assert nuke.toNode("Group1").input(0) not in made
    nuke.toNode("Group1").selectOnly()
    with pytest.raises(RuntimeError, match="cannot be cloned"):
        nuke.cloneSelected()
    with pytest.raises(NotSimulatedError, match="cloneSelected"):
        nuke.cloneSelected("copy")
