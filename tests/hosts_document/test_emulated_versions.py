"""Which Nuke the emulated module stands for: its version, its classes, its knobs, and those that come with a file type."""

from __future__ import annotations

from typing import Any

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError
from nuke_ai_panel.nk.catalogue import Catalogue
from nuke_ai_panel.nk.catalogue_types import USER_KNOB_TYPES, user_knob_default
from nuke_ai_panel.nk.emulation.knobs import KNOB_CLASSES
from nuke_ai_panel.nk.emulation.module import session_of
from nuke_ai_panel.nk.emulation.user_knobs import TYPE_IDS


def module(head: str, **options: Any) -> Any:
    return nk.emulate(nk.loads(f"{head}Root {{\n inputs 0\n}}\n".encode()), **options)


@pytest.mark.parametrize(
    ("head", "options", "shown"),
    [
        ("version 15.1 v3\n", {}, "15.1v3"),
        ("#! /usr/local/Nuke14.0v8/Nuke14.0 -nx\nversion 14.0 v8\n", {}, "14.0v8"),
        ("version 16.0\n", {}, "16.0v1"),
        ("", {}, "17.0v3"),
        ("version 15.1 v3\n", {"version": "16.0v8"}, "16.0v8"),
        ("version 15.1 v3\n", {"version": "15.1"}, "15.1v3"),
        ("version 15.1 v3\n", {"version": "15.1v8"}, "15.1v8"),
        ("version 15.1 v3\n", {"version": "17.0"}, "17.0v3"),
        ("version 15.1 v3\n", {"catalogue": Catalogue.for_version("14.1")}, "14.1v1"),
    ],
)
def test_the_module_is_the_nuke_of_the_script_or_the_one_asked_for(head, options, shown):
    nuke = module(head, **options)
    major, minor, release = (int(part) for part in shown.replace("v", ".").split("."))
    assert (nuke.NUKE_VERSION_STRING, nuke.env["NukeVersionString"]) == (shown, shown)
    assert (major, minor, release) == (nuke.NUKE_VERSION_MAJOR, nuke.NUKE_VERSION_MINOR, nuke.NUKE_VERSION_RELEASE)
    assert nuke.env["NukeVersionMajor"] == major
    assert nuke.env["NukeVersionRelease"] == release
    assert session_of(nuke).catalogue.version == f"{major}.{minor}"


def test_what_is_no_version_is_refused():
    with pytest.raises(ValueError, match="no version"):
        module("", version="newest")


def test_knobs_are_those_of_that_version():
    assert module("version 12.2 v1\n").nodes.FrameHold().knob("first_frame") is not None
    new = module("version 15.1 v1\n").nodes.FrameHold()
    assert new.knob("first_frame") is None
    assert new["firstFrame"].value() == 1


def test_a_class_that_a_later_nuke_brought_cannot_be_made():
    old, new = module("version 16.0 v1\n"), module("version 17.0 v3\n")
    assert new.nodes.FieldMerge().Class() == "FieldMerge"
    assert not old.canCreateNode("FieldMerge")
    with pytest.raises(RuntimeError, match="FieldMerge: Unknown command"):
        old.createNode("FieldMerge")


def test_an_own_catalogue_says_which_classes_there_are(tmp_path):
    (tmp_path / "StudioGlint.gizmo").write_text("Gizmo {\n inputs 1\n addUserKnob {7 amount R 0 10}\n amount 4\n}\nend_group\n")
    own = Catalogue.for_version("15.1").with_gizmos([tmp_path])
    nuke = module("version 15.1 v3\n", catalogue=own)
    assert nuke.createNode("StudioGlint")["amount"].value() == 4
    with pytest.raises(RuntimeError, match="Unknown command"):
        module("version 15.1 v3\n").createNode("StudioGlint")


def test_the_nuke_stays_when_another_script_is_opened(tmp_path):
    (tmp_path / "new.nk").write_text("version 17.0 v3\nRoot {\n inputs 0\n}\n")
    nuke = module("version 15.1 v3\n")
    nuke.scriptOpen(str(tmp_path / "new.nk"))
    assert nuke.NUKE_VERSION_STRING == "15.1v3"
    assert session_of(nuke).catalogue.version == "15.1"


# Knobs that come with a file type


@pytest.mark.parametrize("settings", [{"file_type": "exr"}, {"file": "/out/a.%04d.exr"}, {"file": "/out/A.EXR"}])
def test_a_write_has_the_knobs_of_its_file_type(settings):
    write = module("").nodes.Write(**settings)
    assert write["compression"].Class() == "Enumeration_Knob"
    assert {"compression", "autocrop"} <= set(write.knobs())
    assert write.knob("_jpeg_quality") is None
    write["compression"].setValue("DWAB")
    write["dw_compression_level"].setValue(60)
    write["autocrop"].setValue(False)
    script = write._attached().knobs
    assert (script["compression"], script["dw_compression_level"], script["autocrop"]) == ("DWAB", "60", "false")


def test_a_default_is_set_for_one_file_type():
    nuke = module("")
    nuke.knobDefault("Write.exr.compression", "DWAB")
    assert nuke.knobDefault("Write.exr.compression") == "DWAB"
    write = nuke.nodes.Write(file_type="exr")
    assert write["compression"].value() == "DWAB"
    assert not write["compression"].notDefault()
    assert "compression" not in write._attached().knobs
    with pytest.raises(NotSimulatedError):
        nuke.nodes.Write(file_type="tiff")["compression"].value()


def test_a_knob_of_a_file_type_keeps_its_type_once_it_is_set():
    write = module("").nodes.Write(file_type="exr", compression="DWAA")
    assert (write["compression"].Class(), write["compression"].value()) == ("Enumeration_Knob", "DWAA")


def test_without_a_file_type_there_is_no_such_knob():
    write = module("").nodes.Write()
    with pytest.raises(NameError, match="compression"):
        write["compression"]
    assert "compression" not in write.knobs()
    write["file_type"].setValue("jpeg")
    assert write["_jpeg_quality"].Class() == "Double_Knob"
    assert write.knob("compression") is None


def test_of_a_file_type_that_is_not_told_of_any_of_them_may_be_there():
    write = module("").nodes.Write(file_type="sgi")
    write["compression"].setValue("RLE")
    assert write["compression"].value() == "RLE"


def test_what_is_not_known_of_such_a_knob_is_not_invented():
    write = module("").nodes.Write(file_type="exr")
    with pytest.raises(NotSimulatedError, match="not known"):
        write["compression"].value()
    with pytest.raises(NotSimulatedError, match="choose by name"):
        write["compression"].setValue(2)


# User knobs: one table for what a script says and what Python makes


@pytest.mark.parametrize("kind", sorted(set(TYPE_IDS) & set(KNOB_CLASSES)))
def test_a_knob_made_by_python_reads_the_same_once_the_script_holds_it(kind):
    number = TYPE_IDS[kind]
    shown, size = USER_KNOB_TYPES[number]
    made = KNOB_CLASSES[kind]("k", "K")
    assert made._facts.size == size
    node = module("").nodes.NoOp()
    node.addKnob(made)
    again = nk.emulate(nk.loads(node._attached().document.to_bytes())).toNode("NoOp1")["k"]
    assert again.Class() == shown
    assert again.label() == "K"
    default = user_knob_default(shown)
    if default is not None and shown not in ("Text_Knob", "PyScript_Knob", "Script_Knob", "Link_Knob"):
        assert again.toScript() == default


def test_the_choices_of_a_definition_are_not_taken_from_its_label():
    node = module("").nodes.NoOp()
    node.addKnob(module("").Enumeration_Knob("mode", "M", ["fast", "good"]))
    again = nk.emulate(nk.loads(node._attached().document.to_bytes())).toNode("NoOp1")["mode"]
    assert (again.label(), again.values(), again.value()) == ("M", ["fast", "good"], "fast")
