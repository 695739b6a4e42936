"""Emulated knobs: user knobs, links, choices, keys and expressions, as text of the script and as values of Python."""

from __future__ import annotations

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError


def written(document: nk.Document, path: str = "Grade1") -> list[str]:
    return [line.strip() for line in document.text_of(nk.loads(document.to_bytes()).node(path)).splitlines()]


# User knobs


def test_add_knob_writes_definition_and_value_below_a_tab(nuke, document):
    node = nuke.toNode("Grade1")
    knob = nuke.Double_Knob("amount", "How much")
    knob.setRange(0, 5)
    knob.setValue(2.5)
    assert knob.node() is None
    node.addKnob(knob)
    assert written(document)[-4:-1] == ["addUserKnob {20 User}", 'addUserKnob {7 amount l "How much" R 0 5}', "amount 2.5"]
    assert knob.node() is node
    assert node["amount"].value() == knob.value() == 2.5
    assert (knob.min(), knob.max(), knob.label()) == (0, 5, "How much")


def test_a_tab_of_its_own_is_the_first(nuke, document):
    node = nuke.toNode("Grade1")
    node.addKnob(nuke.Tab_Knob("look", "Look"))
    node.addKnob(nuke.Tab_Knob("begin", "More", nuke.TABBEGINGROUP))
    node.addKnob(nuke.Boolean_Knob("on", "On", True))
    node.addKnob(nuke.Tab_Knob("end", None, nuke.TABENDGROUP))
    assert written(document)[-6:-1] == [
        "addUserKnob {20 look l Look}",
        "addUserKnob {20 begin l More n 1}",
        "addUserKnob {6 on l On}",
        "on true",
        "addUserKnob {20 end n -1}",
    ]


@pytest.mark.parametrize(
    ("make", "value", "back", "line"),
    [
        ("String_Knob('k')", "two words", "two words", 'k "two words"'),
        ("Multiline_Eval_String_Knob('k')", "a\nb", "a\nb", 'k "a\\nb"'),
        ("File_Knob('k')", "/a/b.exr", "/a/b.exr", "k /a/b.exr"),
        ("Int_Knob('k')", 3.7, 3, "k 3"),
        ("Boolean_Knob('k')", True, True, "k true"),
        ("XY_Knob('k')", [1, 2], [1, 2], "k {1 2}"),
        ("XYZ_Knob('k')", (1, 2, 3), [1, 2, 3], "k {1 2 3}"),
        ("BBox_Knob('k')", [0, 0, 10, 20], [0, 0, 10, 20], "k {0 0 10 20}"),
        ("Color_Knob('k')", [1, 0, 0], [1, 0, 0], "k {1 0 0}"),
        ("Enumeration_Knob('k', 'K', ['a', 'b c'])", "b c", "b c", 'k "b c"'),
        ("Enumeration_Knob('k', 'K', ['a', 'b c'])", 1, "b c", 'k "b c"'),
    ],
)
def test_each_type_takes_its_values_and_writes_them(nuke, document, make, value, back, line):
    node = nuke.toNode("Grade1")
    node.addKnob(eval(f"nuke.{make}", {"nuke": nuke}))
    assert node["k"].setValue(value)
    assert node["k"].value() == back
    assert written(document)[-2] == line
    assert nk.emulate(nk.loads(document.to_bytes())).toNode("Grade1")["k"].value() == back
    assert node["k"].Class() == make.partition("(")[0]
    assert isinstance(node["k"], getattr(nuke, make.partition("(")[0]))


def test_remove_knob_takes_definition_and_value(nuke, document):
    before = document.to_bytes()
    node = nuke.toNode("Grade1")
    node.addKnob(nuke.Double_Knob("amount"))
    node["amount"].setValue(2)
    for name in ("amount", "User"):
        node.removeKnob(node[name])
    assert document.to_bytes() == before
    with pytest.raises(ValueError, match="not a user knob"):
        node.removeKnob(node["white"])


def test_definitions_change_in_place(nuke, document):
    node = nuke.toNode("Grade1")
    node.addKnob(nuke.Enumeration_Knob("mode", "Mode", ["a", "b"]))
    node["mode"].setValue("b")
    node["mode"].setValues(["b", "c"])
    node["mode"].setTooltip("which one")
    node["mode"].clearFlag(nuke.STARTLINE)
    node["mode"].setVisible(False)
    assert (node["mode"].values(), node["mode"].value(), node["mode"].visible()) == (["b", "c"], "b", False)
    assert written(document)[-3] == 'addUserKnob {4 mode l Mode t "which one" +INVISIBLE M {b c}}'
    node["mode"].setValues(["x"])
    assert node["mode"].value() == "x"


def test_a_button_keeps_its_code_and_is_never_pressed(nuke, document):
    node = nuke.toNode("Grade1")
    node.addKnob(nuke.PyScript_Knob("go", "Go", "raise SystemExit"))
    assert node["go"].value() == "raise SystemExit"
    with pytest.raises(NotSimulatedError, match=r"Grade1\.go"):
        node["go"].execute()


def test_add_knob_refuses_what_is_no_knob_and_what_is_there(nuke):
    node = nuke.toNode("Grade1")
    with pytest.raises(TypeError):
        node.addKnob("amount")
    knob = nuke.Double_Knob("amount")
    node.addKnob(knob)
    with pytest.raises(ValueError, match="already"):
        nuke.toNode("Write1").addKnob(knob)
    with pytest.raises(NotSimulatedError, match="'white'"):
        node.addKnob(nuke.Double_Knob("white"))


def test_links_are_read_and_set_through(nuke, document):
    group = nuke.toNode("Group1")
    link = nuke.Link_Knob("soft", "Softness")
    link.makeLink("Blur1", "size")
    group.addKnob(link)
    assert group["soft"].getLink() == "Blur1.size"
    assert group["soft"].value() == 4
    group["soft"].setValue(9)
    assert document.node("Group1.Blur1").knobs["size"] == "9"
    assert link.getLinkedKnob().node() is nuke.toNode("Group1.Blur1")
    nuke.delete(nuke.toNode("Group1.Blur1"))
    assert link.getLinkedKnob() is None
    with pytest.raises(NotSimulatedError, match=r"Blur1\.size"):
        link.value()


# Keys and expressions


def test_keys_are_set_read_and_removed(nuke):
    size = nuke.toNode("Group1.Blur1")["size"]
    assert size.setAnimated()
    size.setValueAt(1, 1001)
    size.setValueAt(5, 1011)
    assert size.toScript() == "{{curve x1001 1 x1011 5}}"
    assert (size.valueAt(1001), size.valueAt(1006), size.valueAt(1011), size.value()) == (1, 3, 5, 1)
    assert (size.getNumKeys(), size.getKeyTime(1), size.isKeyAt(1011), size.getKeyList()) == (2, 1011, True, [1001, 1011])
    nuke.frame(1011)
    size.setValue(7)
    assert size.toScript() == "{{curve x1001 1 x1011 7}}"
    assert size.removeKey()
    assert not size.removeKey()
    assert size.removeKeyAt(1001)
    assert (size.isAnimated(), size.value()) == (False, 1)


def test_without_keys_set_value_at_sets_the_value(nuke):
    size = nuke.toNode("Group1.Blur1")["size"]
    size.setValueAt(8, 1005)
    assert size.toScript() == "8"


def test_curves_of_single_values(nuke):
    translate = nuke.nodes.Transform()["translate"]
    translate.setAnimated(1)
    curve = translate.animation(1)
    assert translate.animation(0) is None
    assert [one.knobIndex() for one in translate.animations()] == [1]
    curve.setKey(1011, 4)
    curve.changeInterpolation(curve.keys(), nuke.LINEAR)
    assert translate.toScript() == "{0 {curve L x1001 0 x1011 4}}"
    assert curve.evaluate(1006) == 2
    curve.keys()[0].y = 2
    keys = curve.keys()
    assert [(key.x, key.y, key.interpolation) for key in keys] == [(1001, 2, nuke.LINEAR), (1011, 4, nuke.LINEAR)]
    curve.removeKey(curve.keys()[0])
    curve.addKey([nuke.AnimationKey(1003, 9)])
    assert curve.size() == 2
    curve.clear()
    assert curve.size() == 0


def test_expressions_are_evaluated(nuke):
    size = nuke.toNode("Group1.Blur1")["size"]
    size.setExpression("root.frame * 2 + Grade1.white.r")
    assert size.value() == 2003.5
    assert size.valueAt(1) == 2003.5, "root.frame is the script's"
    size.setExpression("frame * 2")
    assert size.valueAt(3) == 6
    size.clearAnimated()
    assert (size.hasExpression(), size.toScript()) == (False, "2002")


@pytest.mark.parametrize("expression", ["Nope.size", "[python {1+1}]", "frame +", "Blur1.size"])
def test_expressions_without_a_value_are_not_guessed(nuke, expression):
    size = nuke.toNode("Group1.Blur1")["size"]
    size.setExpression(expression)
    with pytest.raises(NotSimulatedError, match=r"Group1\.Blur1\.size"):
        size.value()


def test_an_expression_on_a_check_box_and_on_a_choice(nuke):
    disable = nuke.toNode("Grade1")["disable"]
    disable.setExpression("frame > 1000")
    assert disable.value() is True
    operation = nuke.nodes.Merge2()["operation"]
    operation.setExpression("1")
    assert operation.value() == operation.values()[1]


def test_paths_are_evaluated_at_a_frame(nuke):
    file = nuke.toNode("Read1")["file"]
    assert file.value() == "/plates/sh010.%04d.exr"
    assert file.evaluate() == "/plates/sh010.1001.exr"
    assert file.evaluate(7) == "/plates/sh010.0007.exr"
    file.setValue("/x/[value root.fps]/a.####.exr")
    assert file.evaluate(7) == "/x/25/a.0007.exr"
    file.fromUserText("/y/b.%04d.exr 1001-1100")
    assert file.value() == "/y/b.%04d.exr"
    assert (nuke.toNode("Read1")["first"].value(), nuke.toNode("Read1")["last"].value()) == (1001, 1100)


def test_write_knobs_and_read_knobs_go_together(nuke, document):
    grade = nuke.toNode("Grade1")
    grade.addKnob(nuke.Double_Knob("amount"))
    grade["amount"].setValue(3)
    text = grade.writeKnobs(nuke.TO_SCRIPT | nuke.WRITE_USER_KNOB_DEFS)
    other = nuke.nodes.Grade()
    other.readKnobs(text)
    assert other["white"].value() == [1.5, 1, 1, 1]
    assert other["amount"].value() == 3
    assert other.name() == "Grade2"


def test_formats_are_found_by_name(nuke):
    nuke.addFormat("100 50 2 squeezed")
    nuke.root()["format"].setValue("squeezed")
    form = nuke.root().format()
    assert (form.width(), form.height(), form.pixelAspect(), form.r()) == (100, 50, 2, 100)
    assert nuke.root()["format"].toScript() == "100 50 0 0 100 50 2 squeezed"
    assert "HD_1080" in [each.name() for each in nuke.formats()]


def test_a_matrix_is_read_and_written_row_by_row(nuke):
    matrix = nuke.nodes.ColorMatrix()["matrix"]
    assert matrix.arraySize() == 9
    matrix.setValue([1, 0, 0, 0, 2, 0, 0, 0, 3])
    assert matrix.toScript() == "{{1 0 0} {0 2 0} {0 0 3}}"
    assert matrix.value(4) == 2
    matrix.fromScript("{\n {{frame} 0 0}\n {0 1 0}\n {0 0 1}\n}")
    assert (matrix.value(0), matrix.hasExpression(0), matrix.hasExpression(1)) == (1001, True, False)
    assert matrix.notDefault()
