"""What the catalogue knows of classes and knobs, and how that differs between versions of Nuke."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.nk.catalogue import Catalogue, default_catalogue, parse_version

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ("14.0", "14.1", "15.0", "15.1", "15.2", "16.0", "16.1", "17.0")


def test_nothing_is_read_before_the_first_question_and_that_is_quick():
    code = """
import time
from nuke_ai_panel.nk.catalogue import default_catalogue
from nuke_ai_panel.nk.catalogue_store import shipped_classes
assert shipped_classes.cache_info().currsize == 0
begin = time.perf_counter()
assert default_catalogue().knob_info("Blur", "size").size == 2
print(time.perf_counter() - begin)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.0


def test_all_measured_classes_are_there_and_every_one_can_be_read():
    catalogue = default_catalogue()
    names = catalogue.names()
    measured = [name for name in names if catalogue.class_info(name).origin == "nuke"]
    assert len(measured) == 405
    assert len(names) == len(set(names))
    for name in names:
        info = catalogue.class_info(name)
        assert info.name == name
        assert info.min_inputs <= info.max_inputs
        assert info.mask_input is None or 0 < info.mask_input < info.max_inputs
        for knob in info.knobs.values():
            assert len(knob.shown_choices) == len(knob.choices)
            assert not knob.obsolete


@pytest.mark.parametrize(
    ("class_name", "knob", "type_name", "default", "size"),
    [
        ("Blur", "size", "WH_Knob", "0", 2),
        ("Blur", "filter", "Enumeration_Knob", "gaussian", 1),
        ("Grade", "white", "AColor_Knob", "1", 4),
        ("Merge2", "operation", "Enumeration_Knob", "over", 1),
        ("Merge2", "mix", "Array_Knob", "1", 1),
        ("Transform", "scale", "WH_Knob", "1", 2),
        ("Read", "before", "Enumeration_Knob", "hold", 1),
        ("Root", "fps", "Double_Knob", "24", 1),
        ("BackdropNode", "bdwidth", "Array_Knob", "80", 1),
    ],
)
def test_a_knob_has_its_type_default_and_size(class_name, knob, type_name, default, size):
    found = default_catalogue().knob_info(class_name, knob)
    assert (found.type, found.default, found.size) == (type_name, default, size)


def test_knobs_every_node_has_are_internal_and_some_nodes_lack_some():
    catalogue = default_catalogue()
    assert {"name", "xpos", "ypos", "label", "tile_color", "disable", "hide_input"} <= set(catalogue.common())
    blur = catalogue.class_info("Blur")
    assert blur.knobs["disable"].internal
    assert "size" in {knob.name for knob in blur.own_knobs()}
    assert "disable" not in {knob.name for knob in blur.own_knobs()}
    assert "disable" not in catalogue.class_info("Dot").knobs
    assert "disable" not in catalogue.class_info("Root").knobs


def test_a_default_that_follows_the_format_is_given_for_a_format():
    center = default_catalogue().knob_info("Transform", "center")
    assert center.follows_format
    assert center.default_for(2048, 1556) == "1024 778"
    assert center.default_for(1920, 1080) == "960 540"
    assert default_catalogue().knob_info("Radial", "area").default_for(1920, 1080) == "480 270 1440 810"
    assert default_catalogue().knob_info("Crop", "box").default_for(100, 50) == "0 0 100 50"
    size = default_catalogue().knob_info("Blur", "size")
    assert not size.follows_format
    assert size.default_for(1920, 1080) == "0"


def test_a_choice_is_found_by_name_shown_name_older_name_and_number():
    operation = default_catalogue().knob_info("Merge2", "operation")
    assert operation.choice("over") == "over"
    assert operation.choice("diagonal") == "hypot"
    assert operation.choice(operation.index_of("plus")) == "plus"
    assert operation.choice("30") is None
    assert operation.choice("Over") is None
    space = default_catalogue().knob_info("Colorspace", "colorspace_in")
    assert space.choice("gamma 2.20") == "2.20"
    assert space.index_of("RGB") == space.choices.index("RGB")


@pytest.mark.parametrize(
    ("class_name", "low", "high", "mask", "names"),
    [
        ("Merge2", 3, 101, 2, ["B", "A", "mask", "A2", "A3", "A4"]),
        ("Blur", 2, 2, 1, ["", "mask", ""]),
        ("Read", 0, 0, None, [""]),
        ("ScanlineRender", 3, 3, None, ["bg", "obj/scn", "cam"]),
        ("Copy", 3, 3, 2, ["B", "A", "mask"]),
        ("Switch", 2, 10000, None, ["0", "1", "2", "3"]),
    ],
)
def test_inputs_have_a_number_names_and_a_mask(class_name, low, high, mask, names):
    info = default_catalogue().class_info(class_name)
    assert (info.min_inputs, info.max_inputs, info.mask_input) == (low, high, mask)
    assert [info.input_name(number) for number in range(len(names))] == names


def test_knobs_of_a_file_type_are_known_but_no_write_has_them_all():
    catalogue = default_catalogue()
    write = catalogue.class_info("Write")
    assert catalogue.knob_info("Write", "compression").file_types == ("exr", "tiff")
    assert catalogue.knob_info("Write", "_jpeg_quality").file_types == ("jpeg",)
    assert catalogue.knob_info("Write", "channels").file_types == ()
    assert "compression" not in write.knobs
    assert catalogue.check_knob("Write", "compression") is None
    assert catalogue.check_knob("Write", "Compression").suggestion == "compression"


@pytest.mark.parametrize("version", PROFILES)
def test_from_nuke_13_on_frame_hold_has_first_frame_in_camel_case(version):
    catalogue = Catalogue.for_version(version)
    assert "firstFrame" in catalogue.class_info("FrameHold").knobs
    assert "first_frame" not in catalogue.class_info("FrameHold").knobs
    problem = catalogue.check_knob("FrameHold", "first_frame")
    assert (problem.reason, problem.suggestion) == ("obsolete", "firstFrame")
    assert catalogue.check_knob("FrameHold", "firstFrame") is None


@pytest.mark.parametrize("version", ["11.3", "12.2"])
def test_before_that_it_had_an_underscore(version):
    catalogue = Catalogue.for_version(version)
    assert catalogue.knob_info("FrameHold", "first_frame").type == "Array_Knob"
    assert catalogue.check_knob("FrameHold", "first_frame") is None
    problem = catalogue.check_knob("FrameHold", "firstFrame")
    assert (problem.reason, problem.suggestion, problem.certain) == ("not_yet", "first_frame", True)


@pytest.mark.parametrize(
    ("version", "name", "class_name"),
    [
        ("15.1", "Merge", "Merge2"),
        ("15.1", "Merge2", "Merge2"),
        ("15.1", "Shuffle", "Shuffle2"),
        ("11.3", "Shuffle", "Shuffle"),
        ("14.0", "Camera", "Camera3"),
        ("17.0", "Camera", "Camera4"),
        ("17.0", "Camera2", "Camera3"),
        ("16.0", "Axis", "Axis3"),
        ("15.1", "Text", "Text2"),
        ("15.1", "Tracker", "Tracker4"),
        ("15.1", "Keylight", "OFXuk.co.thefoundry.keylight.keylight_v201"),
        ("15.1", "Erode (filter)", "FilterErode"),
        ("15.1", "grade", "Grade"),
        ("15.1", "BackdropNode", "BackdropNode"),
        ("15.1", "NoSuchThing", None),
    ],
)
def test_menu_names_and_older_names_lead_to_the_class_of_the_version(version, name, class_name):
    assert Catalogue.for_version(version).resolve(name) == class_name


def test_both_cameras_of_the_menus_are_named():
    assert Catalogue.for_version("15.1").menu_classes("Camera") == ("Camera3", "Camera4")
    assert Catalogue.for_version("17.0").menu_classes("Camera") == ("Camera4", "Camera3")


def test_a_class_that_is_newer_than_the_version_is_no_class_of_it():
    older, newer = Catalogue.for_version("15.2"), Catalogue.for_version("16.0")
    assert "VariableGroup" not in older.names()
    assert "VariableGroup" in newer.names()
    problem = older.check_class("VariableGroup")
    assert (problem.reason, problem.certain) == ("not_yet", True)
    assert "16.0" in problem.message
    assert newer.check_class("VariableGroup") is None
    assert newer.check_class("SplatRender").reason == "not_yet"
    assert Catalogue.for_version("17.0").check_class("SplatRender") is None


def test_evidence_of_versions_is_kept_beside_what_is_known():
    assert default_catalogue().knob_info("FrameHold", "first_frame").seen == ("6.0", "12.2")
    assert default_catalogue().knob_info("FrameHold", "first_frame").until == "12.2"
    assert default_catalogue().knob_info("FrameHold", "firstFrame").since == "13.0"
    assert default_catalogue().class_info("Camera2").seen == ("6.1", "13.2")


def test_an_unknown_class_is_no_error_and_has_the_knobs_of_every_node():
    catalogue = default_catalogue()
    assert catalogue.class_info("StudioThing") is None
    assert not catalogue.is_known("StudioThing")
    assert catalogue.knob_info("StudioThing", "xpos") is not None
    assert catalogue.knob_info("StudioThing", "amount") is None
    assert catalogue.check_class("StudioThing") is None
    assert catalogue.check_knob("StudioThing", "amount") is None
    assert catalogue.check_value("StudioThing", "amount", "lots") is None


@pytest.mark.parametrize("written", ["15.1", "15.1v3", "15.1 v3", " 15.1v10"])
def test_a_version_is_read_in_the_forms_nuke_writes(written):
    assert parse_version(written) == (15, 1)
    assert Catalogue.for_version(written) is Catalogue.for_version("15.1")


def test_what_is_no_version_is_refused():
    with pytest.raises(ValueError, match="no version"):
        Catalogue.for_version("latest")


def test_the_version_of_a_script_is_taken_from_its_header():
    script = (
        b"#! /usr/local/Nuke12.2v5/libnuke-12.2.5.so -nx\nversion 12.2 v5\nRoot {\n inputs 0\n}\nFrameHold {\n inputs 0\n}\n"
    )
    assert Catalogue.for_document(nk.loads(script)).version == "12.2"
    assert Catalogue.for_document(nk.loads(b"Blur {\n inputs 0\n}\n")).version == "17.0"


def test_the_file_is_what_the_build_makes_of_the_data(shared):
    if not (shared / "data").is_dir():
        pytest.skip("the folder 'shared' holds no 'data' to build from")
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        spec = importlib.util.spec_from_file_location("build_catalogue", ROOT / "tools" / "build_catalogue.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        begin = time.monotonic()
        text = module.build(shared / "data")
        assert time.monotonic() - begin < 60
    finally:
        sys.path.remove(str(ROOT / "tools"))
        sys.modules.pop("catalogue_facts", None)
    assert text == (ROOT / "resources" / "node_classes.json").read_text(encoding="utf-8"), "run tools/build_catalogue.py"
