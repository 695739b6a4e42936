"""The emulated ``nuke`` module, by what Nuke does."""

from __future__ import annotations

import types
from typing import Any

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError
from tests.host_contract.host_contract import SCRIPT


@pytest.fixture
def document() -> nk.Document:
    return nk.loads(SCRIPT)


@pytest.fixture
def nuke(document: nk.Document) -> Any:
    return nk.emulate(document)


def names(nodes: Any) -> list[str]:
    return [node.name() for node in nodes]


def test_emulate_returns_a_module_named_nuke(nuke: Any) -> None:
    assert isinstance(nuke, types.ModuleType)
    assert nuke.__name__ == "nuke"
    assert not hasattr(nuke, "__path__")


def test_to_node_finds_by_full_name(nuke: Any) -> None:
    assert nuke.toNode("Group1.Blur1").fullName() == "Group1.Blur1"
    assert nuke.toNode("Nope") is None
    assert nuke.toNode("Grade1") is nuke.toNode("Grade1")


def test_all_nodes_filters_and_recurses(nuke: Any) -> None:
    assert names(nuke.allNodes("Grade")) == ["Grade1"]
    assert names(nuke.allNodes("Blur")) == []
    assert names(nuke.allNodes("Blur", recurseGroups=True)) == ["Blur1"]
    assert names(nuke.allNodes(group=nuke.toNode("Group1"))) == ["Output1", "Blur1", "Input1"], "the newest first"


def test_create_node_without_selection_connects_nothing(nuke: Any) -> None:
    nuke.toNode("Read1").setSelected(False)
    node = nuke.createNode("Blur", "size 12 name Soft")
    assert (node.name(), node["size"].value(), node.inputs()) == ("Soft", 12, 0)
    assert names(nuke.selectedNodes()) == ["Soft"]


def test_create_node_with_two_selected_fills_the_inputs(nuke: Any) -> None:
    nuke.toNode("Grade1").setSelected(True)
    merge = nuke.createNode("Merge2")
    assert names([merge.input(0), merge.input(1)]) == ["Read1", "Grade1"]
    assert nuke.toNode("Grade1").input(0).name() == "Read1"


def test_create_node_of_a_source_leaves_the_stream(nuke: Any) -> None:
    assert nuke.createNode("Constant").inputs() == 0
    assert nuke.toNode("Grade1").input(0).name() == "Read1"


def test_nodes_factory_takes_knobs_and_inputs(nuke: Any) -> None:
    grade = nuke.nodes.Grade(inputs=[nuke.toNode("Read1")], white=2, gamma=[1, 2, 3, 4], label="hi there", xpos=5, ypos=6)
    assert grade["white"].value() == 2
    assert grade["gamma"].value() == [1, 2, 3, 4]
    assert (grade.xpos(), grade.ypos()) == (5, 6)
    assert names(nuke.selectedNodes()) == ["Read1"]


def test_unknown_class_raises_as_in_nuke(nuke: Any) -> None:
    with pytest.raises(RuntimeError, match="Nope: Unknown command"):
        nuke.createNode("Nope")
    with pytest.raises(RuntimeError, match="Unknown command"):
        nuke.nodes.Nope()


def test_unknown_knob_raises_name_error(nuke: Any) -> None:
    with pytest.raises(NameError, match="knob nope does not exist"):
        nuke.toNode("Grade1")["nope"]
    assert nuke.toNode("Grade1").knob("nope") is None
    assert not nuke.exists("Grade1.nope")
    assert nuke.exists("Grade1.white")


def test_knobs_of_an_unknown_gizmo_are_not_guessed() -> None:
    nuke = nk.emulate(nk.loads(b"StudioThing {\n inputs 0\n strength 3\n name S\n}\n"))
    node = nuke.toNode("S")
    assert node["strength"].value() == 3
    with pytest.raises(NotSimulatedError, match="not known"):
        node["softness"]


def test_selected_node_without_selection_raises(nuke: Any) -> None:
    nuke.toNode("Read1").setSelected(False)
    with pytest.raises(ValueError, match="no node selected"):
        nuke.selectedNode()


def test_deleted_node_is_detached(nuke: Any) -> None:
    grade = nuke.toNode("Grade1")
    inner = nuke.toNode("Group1.Blur1")
    nuke.delete(grade)
    with pytest.raises(ValueError, match="A PythonObject is not attached to a node"):
        grade.name()
    nuke.delete([nuke.toNode("Group1")])
    with pytest.raises(ValueError, match="not attached"):
        inner["size"].value()
    assert nuke.toNode("Write1").input(0).name() == "Read1"


@pytest.mark.parametrize(
    ("knob", "value", "back", "text"),
    [
        ("white", 2, 2.0, "2"),
        ("white", [1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0], "{1 2 3 4}"),
        ("white", (0.5,) * 4, 0.5, "0.5"),
        ("black_clamp", False, False, "false"),
        ("channels", "rgba", "rgba", "rgba"),
        ("label", "two words", "two words", "two words"),
        ("tile_color", 0xFF0000FF, 0xFF0000FF, "0xff0000ff"),
        ("disable", True, True, "true"),
    ],
)
def test_set_value_takes_the_knobs_forms(nuke: Any, knob: str, value: Any, back: Any, text: str) -> None:
    found = nuke.toNode("Grade1")[knob]
    found.setValue(value)
    assert found.value() == back
    assert type(found.value()) is type(back)
    assert found.toScript() == text


def test_set_value_with_an_index_sets_one_channel(nuke: Any) -> None:
    white = nuke.toNode("Grade1")["white"]
    white.setValue(9, 2)
    assert white.value() == [1.5, 1, 9, 1]
    assert white.value(2) == 9


def test_set_value_to_the_default_takes_the_line_out(nuke: Any, document: nk.Document) -> None:
    nuke.toNode("Grade1")["white"].setValue(1)
    assert document.to_bytes() == SCRIPT.replace(b" white {1.5 1 1 1}\n", b"")


def test_enumerations_take_names_and_numbers(nuke: Any) -> None:
    operation = nuke.nodes.Merge2()["operation"]
    assert operation.value() == "over"
    operation.setValue("plus")
    assert operation.values()[int(operation.getValue())] == "plus"
    operation.setValue(0)
    assert operation.value() == operation.values()[0]
    with pytest.raises(ValueError, match="no choice 'pluss'"):
        operation.setValue("pluss")


@pytest.mark.parametrize(("knob", "value"), [("white", "red"), ("white", [1] * 5), ("label", 3), ("black_clamp", "yes")])
def test_set_value_refuses_other_types(nuke: Any, knob: str, value: Any) -> None:
    with pytest.raises(TypeError):
        nuke.toNode("Grade1")[knob].setValue(value)


def test_expressions_are_written_and_cleared(nuke: Any, document: nk.Document) -> None:
    size = nuke.toNode("Group1.Blur1")["size"]
    size.setExpression("frame > 5 ? 1 : 0")
    assert document.node("Group1.Blur1").knobs == {"size": '{{"frame > 5 ? 1 : 0"}}'}
    assert size.hasExpression()
    assert size.value() == 1
    with pytest.raises(NotSimulatedError, match="clearAnimated"):
        size.setValue(3)
    size.clearAnimated()
    size.setValue(3)
    assert size.value() == 3


def test_one_channel_can_have_an_expression(nuke: Any) -> None:
    translate = nuke.nodes.Transform()["translate"]
    translate.setExpression("frame", 1)
    assert translate.toScript() == "{0 {frame}}"
    assert translate.hasExpression(1)
    assert not translate.hasExpression(0)


def test_defaults_follow_the_format(nuke: Any) -> None:
    assert nuke.nodes.Transform()["center"].value() == [960, 540]
    assert nuke.nodes.Crop()["box"].value() == [0, 0, 1920, 1080]
    assert nuke.root().format().width() == 1920


def test_root_has_settings(nuke: Any) -> None:
    root = nuke.root()
    assert (root["fps"].value(), root.firstFrame(), nuke.frame()) == (25, 1001, 1001)
    root["last_frame"].setValue(1050)
    assert root.lastFrame() == 1050
    assert root["format"].value().name() == "HD_1080"


def test_set_input_refuses_what_cannot_be(nuke: Any) -> None:
    read, grade, write = (nuke.toNode(name) for name in ("Read1", "Grade1", "Write1"))
    assert not read.setInput(0, grade)
    assert not grade.setInput(0, write), "a loop"
    assert not grade.setInput(2, read), "a Grade has an input and a mask"
    assert grade.setInput(1, read)
    assert (grade.inputs(), grade.maxInputs()) == (2, 2)
    with pytest.raises(TypeError):
        grade.setInput(0, "Read1")


def test_dependencies_and_dependents(nuke: Any) -> None:
    grade = nuke.toNode("Grade1")
    assert names(grade.dependencies()) == ["Read1"]
    assert names(grade.dependent()) == ["Group1"]
    nuke.toNode("Write1")["label"].setValue("[value Grade1.white]")
    assert names(grade.dependent(nuke.EXPRESSIONS)) == ["Write1"]
    assert names(grade.dependent(nuke.INPUTS)) == ["Group1"]


def test_set_name_uncollides(nuke: Any) -> None:
    node = nuke.nodes.Grade()
    assert node.name() == "Grade2"
    node.setName("Grade1")
    assert node.name() == "Grade2"
    node["name"].setValue("Look")
    assert nuke.toNode("Look") is node
    with pytest.raises(ValueError, match="already"):
        node.setName("Read1", uncollide=False)


def test_commands_work_inside_of_a_group(nuke: Any) -> None:
    group = nuke.toNode("Group1")
    with group:
        node = nuke.createNode("Dot")
        assert nuke.thisGroup() is group
    assert node.fullName() == "Group1.Dot1"
    assert nuke.createNode("Dot").fullName() == "Dot1"


def test_new_group_takes_as_many_inputs_as_it_has_input_nodes(nuke: Any, document: nk.Document) -> None:
    group = nuke.nodes.Group(name="G")
    with group:
        source = nuke.nodes.Input()
        nuke.nodes.Output(inputs=[source])
    assert group.setInput(0, nuke.toNode("Write1"))
    again = nk.loads(document.to_bytes())
    assert again.node("G").inputs[0].name == "Write1"
    assert again.node("G.Output1").inputs[0].name == "Input1"


def test_undo_groups_end_and_cancel(nuke: Any, document: nk.Document) -> None:
    with nuke.Undo("one"):
        nuke.nodes.Blur(name="A")
    assert nuke.Undo.undoSize() == 1
    nuke.Undo.begin("two")
    nuke.nodes.Blur(name="B")
    nuke.Undo.cancel()
    assert nuke.toNode("B") is None
    nuke.undo()
    assert document.to_bytes(with_selection=True) == SCRIPT


def test_messages_go_to_the_output(document: nk.Document) -> None:
    said: list[str] = []
    nuke = nk.emulate(document, write=said.append)
    nuke.message("done")
    nuke.tprint("a", 1)
    assert "".join(said) == "done\na 1\n"


def test_what_is_not_there_is_named(nuke: Any) -> None:
    with pytest.raises(NotSimulatedError, match=r"nuke\.render is not simulated"):
        nuke.render("Write1")
    with pytest.raises(NotSimulatedError, match=r"Node\.metadata is not simulated"):
        nuke.toNode("Grade1").metadata()


def test_an_input_that_the_script_has_can_be_opened_whatever_is_known_of_the_class():
    document = nk.loads(b"Dot {\n inputs 0\n name A\n}\nRead {\n inputs 1\n name B\n}\n")
    nuke = nk.emulate(document)
    assert nuke.toNode("B").maxInputs() == 1
    assert nuke.toNode("B").setInput(0, None)
    assert nuke.toNode("B").input(0) is None
    assert not nuke.toNode("B").setInput(0, nuke.toNode("A"))
