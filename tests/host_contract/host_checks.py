"""What every host must do, as plain functions without a test library: they also run inside a real Nuke.

Each check takes a :class:`Case`: the host with :data:`SCRIPT` open, and a folder of its own. A check that fails raises.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nuke_ai_panel import nk
from nuke_ai_panel.errors import HostError, KnobNotFoundError, NodeNotFoundError
from nuke_ai_panel.hosts.base import Host

SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
 frame 1001
 first_frame 1001
 last_frame 1010
 fps 25
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
Read {
 inputs 0
 file /plates/sh010.%04d.exr
 name Read1
 selected true
 xpos 10
 ypos -300
}
Grade {
 white {1.5 1 1 1}
 name Grade1
 xpos 10
 ypos -200
}
Group {
 name Group1
 xpos 10
 ypos -100
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
Write {
 name Write1
 xpos 10
 ypos 0
}
"""


@dataclass
class Case:
    """A host with the script open, where the script was read from, and a folder that is the check's own."""

    host: Host
    script: Path
    folder: Path


CHECKS: list[Callable[[Case], None]] = []


def check(function: Callable[[Case], None]) -> Callable[[Case], None]:
    """Add a function to the contract."""
    CHECKS.append(function)
    return function


@contextlib.contextmanager
def raises(kind: type[BaseException], match: str = "") -> Iterator[None]:
    """Fail unless the block raises an error of `kind` whose words match."""
    words = None
    try:
        yield
    except kind as error:
        words = str(error)
    assert words is not None, f"no {kind.__name__} was raised"
    assert re.search(match, words), f"{words!r} does not match {match!r}"


def same_graph(before: bytes, after: bytes) -> list[str]:
    """Return what differs between two scripts, nothing where they describe the same graph."""
    return nk.diff(nk.loads(before), nk.loads(after)).lines()


# Reading


@check
def nodes_names_classes_inputs_and_places(case: Case) -> None:
    found = {node.path: node for node in case.host.nodes()}
    assert set(found) == {"Read1", "Grade1", "Group1", "Write1"}
    assert found["Grade1"].class_name == "Grade"
    assert found["Grade1"].inputs == ("Read1",)
    assert found["Write1"].inputs == ("Group1",)
    assert (found["Grade1"].xpos, found["Grade1"].ypos) == (10, -200)


@check
def nodes_with_recurse_enters_groups(case: Case) -> None:
    found = {node.path: node for node in case.host.nodes(recurse=True)}
    assert found["Group1.Blur1"].inputs == ("Group1.Input1",)


@check
def node_holds_the_knobs_as_the_script_writes_them(case: Case) -> None:
    assert dict(case.host.node("Grade1").knobs) == {"white": "{1.5 1 1 1}"}
    assert dict(case.host.node("Group1.Blur1").knobs) == {"size": "4"}


@check
def node_of_an_unknown_name_raises(case: Case) -> None:
    with raises(NodeNotFoundError, "Nope"):
        case.host.node("Nope")


@check
def problems_of_a_sound_node_are_none(case: Case) -> None:
    assert list(case.host.problems("Grade1")) == []
    assert list(case.host.problems("Group1")) == []


@check
def problems_name_an_expression_that_leads_nowhere(case: Case) -> None:
    case.host.set_knob("Grade1", "mix", "{{Gone5.size/100}}")
    (problem,) = case.host.problems("Grade1")
    assert "mix" in problem
    assert "Gone5" in problem


@check
def problems_leave_an_expression_alone_that_leads_somewhere(case: Case) -> None:
    case.host.set_knob("Grade1", "mix", "{{Read1.first/1001}}")
    case.host.set_knob("Group1.Blur1", "size", "{{parent.parent.Grade1.mix+Input1.xpos}}")
    assert list(case.host.problems("Grade1")) == []
    assert list(case.host.problems("Group1.Blur1")) == []


@check
def problems_name_an_open_input(case: Case) -> None:
    case.host.connect("Write1", 0, None)
    (problem,) = case.host.problems("Write1")
    assert "connected" in problem


@check
def problems_of_an_unknown_name_raise(case: Case) -> None:
    with raises(NodeNotFoundError, "Nope"):
        case.host.problems("Nope")


@check
def selected_returns_the_selection(case: Case) -> None:
    assert [node.path for node in case.host.selected()] == ["Read1"]
    assert list(case.host.selected_paths()) == ["Read1"]


@check
def nodes_returns_no_more_than_is_asked_for(case: Case) -> None:
    every = [node.path for node in case.host.nodes(recurse=True)]
    assert [node.path for node in case.host.nodes(recurse=True, most=2)] == every[:2]
    assert [node.path for node in case.host.nodes(class_name="Grade", most=5)] == ["Grade1"]


@check
def class_counts_counts_the_root(case: Case) -> None:
    assert dict(case.host.class_counts()) == {"Read": 1, "Grade": 1, "Group": 1, "Write": 1}


@check
def script_name_is_where_it_was_read_from(case: Case) -> None:
    assert Path(case.host.script_name()) == case.script


@check
def snapshot_describes_the_same_graph(case: Case) -> None:
    assert same_graph(SCRIPT, case.host.snapshot()) == []


@check
def reading_changes_neither_selection_nor_undo(case: Case) -> None:
    case.host.set_knob("Grade1", "white", "2")
    case.host.snapshot()
    case.host.nodes(recurse=True)
    assert [node.path for node in case.host.selected()] == ["Read1"]
    assert case.host.undo()
    assert case.host.node("Grade1").knobs["white"] == "{1.5 1 1 1}"


# Changing


@check
def create_node_connects_and_sets(case: Case) -> None:
    made = case.host.create_node("Merge2", knobs={"operation": "plus"}, inputs=["Grade1", "Read1"])
    assert made.class_name == "Merge2"
    assert made.inputs == ("Grade1", "Read1")
    assert made.knobs["operation"] == "plus"
    assert case.host.node(made.path) == made


@check
def create_node_keeps_the_selection(case: Case) -> None:
    case.host.create_node("Blur", inputs=["Write1"])
    assert [node.path for node in case.host.selected()] == ["Read1"]


@check
def create_node_below_an_unknown_node_changes_nothing(case: Case) -> None:
    before = case.host.snapshot()
    with raises(NodeNotFoundError):
        case.host.create_node("Blur", inputs=["Nope"])
    assert case.host.snapshot() == before


@check
def create_node_of_an_unknown_class_raises(case: Case) -> None:
    before = case.host.snapshot()
    with raises(HostError):
        case.host.create_node("NoSuchNodeClass")
    assert case.host.snapshot() == before


@check
def create_node_with_an_unknown_knob_leaves_no_node(case: Case) -> None:
    before = case.host.snapshot()
    with raises(KnobNotFoundError):
        case.host.create_node("Blur", knobs={"gamma_r": "2"})
    assert case.host.snapshot() == before


@check
def delete_node_joins_its_reader_to_its_first_input(case: Case) -> None:
    case.host.delete_node("Grade1")
    assert case.host.node("Group1").inputs == ("Read1",)
    with raises(NodeNotFoundError):
        case.host.node("Grade1")


@check
def delete_node_is_taken_back_as_one_step(case: Case) -> None:
    before = case.host.snapshot()
    case.host.delete_node("Grade1")
    assert case.host.undo()
    assert same_graph(before, case.host.snapshot()) == []


@check
def connect_and_open_an_input(case: Case) -> None:
    case.host.connect("Write1", 0, "Read1")
    assert case.host.node("Write1").inputs == ("Read1",)
    case.host.connect("Write1", 0, None)
    assert case.host.node("Write1").inputs == ()


@check
def connect_refuses_an_input_that_is_not_there(case: Case) -> None:
    with raises(HostError):
        case.host.connect("Write1", 7, "Read1")


@check
def connect_refuses_a_loop(case: Case) -> None:
    before = case.host.snapshot()
    with raises(HostError):
        case.host.connect("Grade1", 0, "Write1")
    assert case.host.snapshot() == before


@check
def set_knob_takes_nk_text(case: Case) -> None:
    case.host.set_knob("Grade1", "white", "{2 3 4 5}")
    assert case.host.node("Grade1").knobs["white"] == "{2 3 4 5}"


@check
def set_knob_to_its_default_is_not_written(case: Case) -> None:
    case.host.set_knob("Grade1", "white", "1")
    assert "white" not in case.host.node("Grade1").knobs


@check
def set_knob_of_an_unknown_name_raises(case: Case) -> None:
    with raises(KnobNotFoundError):
        case.host.set_knob("Grade1", "gamma_r", "2")


@check
def undo_takes_back_one_step_at_a_time(case: Case) -> None:
    before = case.host.snapshot()
    case.host.set_knob("Grade1", "white", "2")
    between = case.host.snapshot()
    case.host.create_node("Blur", inputs=["Grade1"])
    assert case.host.undo()
    assert case.host.snapshot() == between
    assert case.host.undo()
    assert case.host.snapshot() == before
    assert not case.host.undo()


# Running


def run(case: Case, code: str, title: str = "Check") -> str:
    """Run code that must run through; return what it printed."""
    result = case.host.run_python(code, title=title)
    assert result.ok, result.error
    return result.output


@check
def run_python_is_one_undo_step(case: Case) -> None:
    before = case.host.snapshot()
    code = "import nuke\nfor name in ('A', 'B'):\n    nuke.nodes.Blur(name=name, size=3)\nprint('made two')\n"
    assert run(case, code) == "made two\n"
    assert case.host.node("A").knobs["size"] == case.host.node("B").knobs["size"] == "3"
    assert case.host.undo()
    assert case.host.snapshot() == before


@check
def run_python_creates_in_the_stream_of_the_selected_node(case: Case) -> None:
    assert run(case, "print(nuke.createNode('Blur', inpanel=False).name())") == "Blur1\n"
    assert case.host.node("Blur1").inputs == ("Read1",)
    assert case.host.node("Grade1").inputs == ("Blur1",)
    assert [node.path for node in case.host.selected()] == ["Blur1"]


def _rolls_back(ending: str, words: str) -> Callable[[Case], None]:
    def rolls_back(case: Case) -> None:
        before = case.host.snapshot()
        code = f"print('begun')\nnuke.createNode('Blur', inpanel=False)\nnuke.toNode('Grade1').setXpos(99)\n{ending}\n"
        result = case.host.run_python(code, title="Check")
        assert not result.ok
        assert words in result.error, result.error
        assert result.output == "begun\n"
        assert case.host.snapshot() == before
        assert [node.path for node in case.host.selected()] == ["Read1"]
        assert not case.host.undo()

    return rolls_back


for _name, _ending, _words in (
    ("a_missing_node", "nuke.toNode('Nope').name()", "AttributeError"),
    ("a_missing_knob", "nuke.toNode('Grade1')['gamma_r']", "gamma_r"),
    ("an_exit", "import sys\nsys.exit(3)", "SystemExit"),
    ("an_interrupt", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("an_unknown_class", "nuke.createNode('NoSuchNodeClass')", "NoSuchNodeClass"),
    ("a_deleted_node", "node = nuke.toNode('Grade1')\nnuke.delete(node)\nnode.name()", "not attached"),
    ("an_unknown_function", "nuke.noSuchFunction()", "has no attribute 'noSuchFunction'"),
    (
        "an_error_in_an_undo_group",
        "with nuke.Undo('mine'):\n    nuke.nodes.Grade()\n    raise ValueError",
        "ValueError",
    ),
):
    _made = _rolls_back(_ending, _words)
    _made.__name__ = f"run_python_rolls_back_after_{_name}"
    check(_made)


@check
def run_python_reports_a_syntax_error(case: Case) -> None:
    assert "SyntaxError" in case.host.run_python("x = (\n", title="Check").error


@check
def run_python_reaches_into_groups(case: Case) -> None:
    run(case, "with nuke.toNode('Group1'):\n    nuke.createNode('Invert', inpanel=False)\n")
    assert case.host.node("Group1.Invert1").class_name == "Invert"
    assert case.host.create_node("Dot").path == "Dot1", "the context ended with the block"


@check
def run_python_adds_user_knobs(case: Case) -> None:
    run(
        case,
        "node = nuke.toNode('Grade1')\nknob = nuke.Double_Knob('amount', 'Amount')\nknob.setRange(0, 5)\n"
        "node.addKnob(knob)\nnode['amount'].setValue(2.5)\n",
    )
    written = nk.loads(case.host.snapshot()).node("Grade1")
    assert written.knobs["amount"] == "2.5"
    assert "amount" in written.user_knobs


@check
def run_python_sets_expressions_and_keys(case: Case) -> None:
    run(
        case,
        "size = nuke.toNode('Group1.Blur1')['size']\nsize.setAnimated()\n"
        "size.setValueAt(1, 1001)\nsize.setValueAt(3, 1011)\n"
        "mix = nuke.toNode('Grade1')['mix']\nmix.setExpression('frame / 2000')\n"
        "print(size.valueAt(1001), mix.hasExpression())\n",
    )
    assert "x1011 3" in case.host.node("Group1.Blur1").knobs["size"]
    assert "frame" in case.host.node("Grade1").knobs["mix"]


@check
def run_python_copies_nodes_as_text(case: Case) -> None:
    run(
        case,
        "node = nuke.toNode('Grade1')\nnuke.toNode('Read1').setSelected(False)\nnode.setSelected(True)\n"
        f"nuke.nodeCopy({str(case.folder / 'copy.nk')!r})\nnode.setSelected(False)\n"
        "nuke.toNode('Write1').setSelected(True)\n"
        f"nuke.nodePaste({str(case.folder / 'copy.nk')!r})\n",
    )
    assert case.host.node("Grade2").inputs == ("Write1",)
    assert case.host.node("Grade2").knobs["white"] == "{1.5 1 1 1}"


@check
def run_python_collapses_to_a_group(case: Case) -> None:
    run(
        case,
        "for node in nuke.allNodes():\n    node.setSelected(node.name() in ('Grade1', 'Group1'))\n"
        "nuke.collapseToGroup(False)\n",
    )
    assert case.host.node("Group2.Grade1").class_name == "Grade"
    assert case.host.node("Group2").inputs == ("Read1",)
    assert case.host.node("Write1").inputs == ("Group2",)


# Going back and pasting


@check
def restore_brings_back_nodes_wires_settings_and_selection(case: Case) -> None:
    before = case.host.snapshot()
    name = case.host.script_name()
    run(
        case,
        "nuke.root()['fps'].setValue(30)\nnuke.root()['last_frame'].setValue(1200)\nnuke.root()['proxy'].setValue(True)\n"
        "nuke.delete(nuke.toNode('Grade1'))\n"
        "nuke.toNode('Group1.Blur1')['size'].setValue(9)\nnuke.createNode('Defocus', inpanel=False)\n",
    )
    between = case.host.snapshot()
    result = case.host.restore(before, title="Go back")
    assert result.ok, result.error
    assert result.output == ""
    assert same_graph(before, case.host.snapshot()) == []
    assert [node.path for node in case.host.selected()] == ["Read1"]
    assert case.host.script_name() == name
    assert case.host.undo(), "it is one step"
    assert same_graph(between, case.host.snapshot()) == []


@check
def restore_runs_no_code_of_the_text(case: Case) -> None:
    mark = case.folder / "ran"
    code = f"open({str(mark)!r}, 'w').close()".replace('"', "'")
    text = SCRIPT.replace(b" name Grade1\n", f' onCreate "{code}"\n name Grade1\n'.encode())
    result = case.host.restore(text, title="Go back")
    assert result.ok, result.error
    assert not mark.exists()
    assert case.host.node("Grade1").knobs["onCreate"] == code


@check
def restore_of_what_cannot_be_read_changes_nothing(case: Case) -> None:
    before = case.host.snapshot()
    result = case.host.restore(b"Grade {\n name Grade1\n", title="Go back")
    assert not result.ok
    assert case.host.snapshot() == before
    assert not case.host.undo()


@check
def paste_text_adds_nodes_as_one_step(case: Case) -> None:
    before = case.host.snapshot()
    result = case.host.paste_text("Blur {\n inputs 0\n size 3\n name Soft1\n}\nGrade {\n name Warm1\n}\n", title="Paste")
    assert result.ok, result.error
    assert case.host.node("Warm1").inputs == ("Soft1",)
    assert case.host.undo()
    assert case.host.snapshot() == before


@check
def paste_text_that_is_damaged_changes_nothing(case: Case) -> None:
    before = case.host.snapshot()
    assert not case.host.paste_text("Blur {\n size 3\n", title="Paste").ok
    assert case.host.snapshot() == before
    assert not case.host.undo()


# Saving


@check
def save_writes_to_another_path(case: Case) -> None:
    case.host.create_node("Blur", inputs=["Write1"])
    target = case.folder / "other.nk"
    assert Path(case.host.save(str(target))) == target
    assert [source and source.name for source in nk.load(target).node("Blur1").inputs] == ["Write1"]


@check
def save_to_a_folder_that_is_not_there_raises(case: Case) -> None:
    with raises(HostError):
        case.host.save(str(case.folder / "nowhere" / "other.nk"))
