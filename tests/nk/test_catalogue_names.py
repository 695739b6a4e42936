"""Did you mean: classes, knobs, choices and Python names, as people and language models get them wrong."""

from __future__ import annotations

import json
import time

import pytest

from nuke_ai_panel.nk.catalogue import Catalogue, default_catalogue
from nuke_ai_panel.nk.catalogue_store import resource

CATALOGUE = Catalogue.for_version("15.1")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("blur", "Blur"),
        ("Blurr", "Blur"),
        ("Grades", "Grade"),
        ("color correct", "ColorCorrect"),
        ("Colour Correct", "ColorCorrect"),
        ("colorcorrect", "ColorCorrect"),
        ("TimeOfset", "TimeOffset"),
        ("Trasnform", "Transform"),
        ("Grdae", "Grade"),
        ("Transform2", "Transform"),
        ("Merge3", "Merge2"),
        ("RotoPain", "RotoPaint"),
        ("GaussianBlur", "Blur"),
        ("FreezeFrame", "FrameHold"),
        ("Backdrop", "BackdropNode"),
        ("Exposure", "EXPTool"),
        ("ScanlineRendr", "ScanlineRender"),
        ("DeepMerge3", "DeepMerge2"),
        ("keymix", "Keymix"),
        ("Premultiply", "Premult"),
    ],
)
def test_a_wrong_class_leads_to_the_right_one(wrong, right):
    assert CATALOGUE.suggest_class(wrong)[0] == right
    assert CATALOGUE.check_class(wrong).suggestion == right


@pytest.mark.parametrize("name", ["Merge2", "Blur", "Grade", "BackdropNode", "Root", "Dot", "Group", "Camera3", "Gizmo"])
def test_a_right_class_has_no_problem(name):
    assert CATALOGUE.check_class(name) is None


@pytest.mark.parametrize(
    "name",
    ["messi_color", "pc_sd_inference", "L_ExponBlur_v03", "Tangent_Space_Normals_Generator", "Truelight3", "pgBokeh", "X"],
)
def test_a_studio_s_own_class_is_left_alone(name):
    assert CATALOGUE.check_class(name) is None


def test_what_may_still_be_a_gizmo_is_not_certainly_wrong():
    assert not CATALOGUE.check_class("Blurr").certain
    assert CATALOGUE.check_class("Keylight").certain


@pytest.mark.parametrize(
    ("class_name", "wrong", "right"),
    [
        ("Blur", "blur", "size"),
        ("Blur", "radius", "size"),
        ("Blur", "blur_size", "size"),
        ("Blur", "Size", "size"),
        ("Blur", "sizes", "size"),
        ("Grade", "gain", "white"),
        ("Grade", "lift", "black"),
        ("Grade", "offset", "add"),
        ("Grade", "brightness", "multiply"),
        ("Grade", "white_point", "whitepoint"),
        ("Grade", "mulitply", "multiply"),
        ("Merge2", "blend_mode", "operation"),
        ("Merge2", "opacity", "mix"),
        ("Merge2", "operaton", "operation"),
        ("Merge2", "set bbox to", "bbox"),
        ("FrameHold", "frame", "firstFrame"),
        ("FrameHold", "firstframe", "firstFrame"),
        ("Transform", "position", "translate"),
        ("Transform", "rotation", "rotate"),
        ("Transform", "pivot", "center"),
        ("Reformat", "width", "box_width"),
        ("Write", "fileType", "file_type"),
        ("Write", "filename", "file"),
        ("Read", "first_frame", "first"),
        ("Text2", "text", "message"),
        ("BackdropNode", "width", "bdwidth"),
        ("Constant", "colour", "color"),
        ("Switch", "index", "which"),
        ("Camera3", "focal_length", "focal"),
        ("StickyNote", "text", "label"),
    ],
)
def test_a_wrong_knob_leads_to_the_right_one(class_name, wrong, right):
    assert CATALOGUE.suggest_knob(class_name, wrong)[0] == right
    problem = CATALOGUE.check_knob(class_name, wrong)
    assert problem.suggestion == right
    assert repr(wrong) in problem.message or "old scripts" in problem.message


def test_a_knob_like_no_other_is_wrong_without_a_suggestion():
    problem = CATALOGUE.check_knob("Crop", "qqq")
    assert (problem.reason, problem.suggestion, problem.certain) == ("unknown", None, True)


@pytest.mark.parametrize(
    ("class_name", "knob"),
    [
        ("Transform", "translate.x"),
        ("Transform", "translate"),
        ("Grade", "white.g"),
        ("Blur", "size.0"),
        ("Blur", "xpos"),
        ("Blur", "inputs"),
        ("Write", "compression"),
        ("Write", "_jpeg_quality"),
        ("BlinkScript", "MyKernel_Amount"),
        ("Group", "amount"),
        ("DeepExpression", "anything"),
    ],
)
def test_a_right_knob_and_one_that_cannot_be_known_have_no_problem(class_name, knob):
    assert CATALOGUE.check_knob(class_name, knob) is None


@pytest.mark.parametrize(
    ("class_name", "knob", "wrong", "right"),
    [
        ("Merge2", "operation", "add", "plus"),
        ("Merge2", "operation", "Over", "over"),
        ("Merge2", "operation", "normal", "over"),
        ("Merge2", "operation", "subtract", "minus"),
        ("Merge2", "operation", "multply", "multiply"),
        ("Merge2", "operation", "soft light", "soft-light"),
        ("Merge2", "bbox", "Union", "union"),
        ("Blur", "filter", "gausian", "gaussian"),
        ("Reformat", "type", "box", "to box"),
        ("FrameHold", "rounding_mode", "whole frame", "Whole frames"),
    ],
)
def test_a_wrong_choice_leads_to_the_right_one(class_name, knob, wrong, right):
    assert CATALOGUE.suggest_value(class_name, knob, wrong)[0] == right
    problem = CATALOGUE.check_value(class_name, knob, wrong)
    assert (problem.reason, problem.suggestion) == ("not_a_choice", right)


@pytest.mark.parametrize(
    ("class_name", "knob", "text"),
    [
        ("Merge2", "operation", "over"),
        ("Merge2", "operation", "diagonal"),
        ("Merge2", "operation", "3"),
        ("Merge2", "operation", "{{Switch1.which}}"),
        ("Blur", "size", "12.5"),
        ("Blur", "size", "{10 20}"),
        ("Blur", "size", "{{frame} 4}"),
        ("Blur", "size", "{{curve x1 0 x10 5}}"),
        ("Blur", "size", "[value Blur1.size]"),
        ("Blur", "size", "1e-05"),
        ("Blur", "tile_color", "0xff0000ff"),
        ("Blur", "crop", "false"),
        ("Blur", "crop", "0"),
        ("Blur", "crop", "{{frame>10}}"),
        ("Read", "colorspace", "Studio - Log"),
        ("Read", "file", "anything goes"),
        ("Transform", "filter", "Nearest"),
        ("Shuffle2", "fromInput1", "A"),
        ("BlinkScript", "output", "rgba"),
    ],
)
def test_a_right_text_has_no_problem(class_name, knob, text):
    assert CATALOGUE.check_value(class_name, knob, text) is None


@pytest.mark.parametrize(
    ("class_name", "knob", "text", "reason"),
    [
        ("Blur", "size", "large", "not_a_number"),
        ("Blur", "size", "{1 two}", "not_a_number"),
        ("Blur", "crop", "maybe", "not_a_truth_value"),
        ("Blur", "disable", "bypassed", "not_a_truth_value"),
    ],
)
def test_a_text_of_the_wrong_kind_is_told(class_name, knob, text, reason):
    assert CATALOGUE.check_value(class_name, knob, text).reason == reason


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("nuke.getNode", "nuke.toNode"),
        ("nuke.allNode", "nuke.allNodes"),
        ("nuke.selectNodes", "nuke.selectedNodes"),
        ("nuke.getSelectedNodes", "nuke.selectedNodes"),
        ("nuke.createnode", "nuke.createNode"),
        ("nuke.deleteNode", "nuke.delete"),
        ("nuke.UndoGroup", "nuke.Undo"),
        ("nuke.saveScript", "nuke.scriptSave"),
        ("nuke.executeOnMainThread", "nuke.executeInMainThread"),
        ("Node.dependentNodes", "nuke.dependentNodes"),
        ("Node.connect", "Node.setInput"),
        ("Node.getName", "Node.name"),
        ("Node.setXYPos", "Node.setXYpos"),
        ("Knob.setVal", "Knob.setValue"),
        ("Knob.setKeyframe", "Knob.setValueAt"),
        ("Array_Knob.setExpresion", "Array_Knob.setExpression"),
        ("nuke.nodes.Merge", "Merge2"),
        ("nuke.nodes.Blurr", "Blur"),
    ],
)
def test_a_wrong_python_name_leads_to_the_right_one(wrong, right):
    assert CATALOGUE.check_function(wrong).suggestion == right


@pytest.mark.parametrize(
    "name",
    ["nuke.toNode", "toNode", "Node.setInput", "Knob.setValue", "nuke.Undo", "nuke.nodes.Blur", "Other.thing", "nuke.a.b.c"],
)
def test_a_right_python_name_and_one_of_somewhere_else_have_no_problem(name):
    assert CATALOGUE.check_function(name) is None


def test_a_python_name_may_be_too_new():
    assert CATALOGUE.check_function("Knob.resetToDefault").reason == "not_yet"
    assert Catalogue.for_version("16.1").check_function("Knob.resetToDefault") is None


def test_every_usual_mistake_leads_to_something_that_is_there():
    table = json.loads(resource("usual_mistakes.json").read_text(encoding="utf-8"))
    newest = default_catalogue()
    for wrong, meant in table["classes"].items():
        assert newest.is_known(meant), wrong
    for class_name, knobs in table["knobs"].items():
        if class_name != "*":
            info = newest.class_info(class_name)
            for wrong, meant in knobs.items():
                assert meant in info.knobs, f"{class_name}.{wrong}"
                assert wrong not in info.knobs or wrong == meant, f"{class_name}.{wrong} is right"
    for place, values in table["values"].items():
        class_name, knob = place.split(".")
        if class_name != "*":
            for wrong, meant in values.items():
                assert newest.knob_info(class_name, knob).choice(meant) is not None, f"{place} {wrong}"
    for wrong, meant in table["functions"].items():
        assert newest.check_function(meant) is None, wrong


def test_the_cost_of_a_suggestion_is_bounded():
    begin = time.monotonic()
    assert CATALOGUE.suggest_class("x" * 1_000_000) == ()
    assert CATALOGUE.check_class("q" * 64) is None
    for number in range(50):
        CATALOGUE.suggest_class(f"Colour{number}Something{number}Long")
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(("class_name", "knob"), [("Read", "missing_frames"), ("Write", "output_folder")])
def test_a_knob_that_only_a_file_type_could_bring_is_doubted(class_name, knob):
    problem = Catalogue.for_version("15.1").check_knob(class_name, knob)
    assert problem is not None
    assert not problem.certain
    assert "unless a file type brings it" in problem.message


@pytest.mark.parametrize(("class_name", "knob"), [("Read", "mov32_codec"), ("Write", "_jpeg_quality"), ("Read", "on_error")])
def test_a_knob_that_scripts_were_met_with_is_not_doubted(class_name, knob):
    assert Catalogue.for_version("15.1").check_knob(class_name, knob) is None
