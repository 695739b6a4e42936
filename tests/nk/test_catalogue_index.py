"""Index this Nuke, driven as the panel drives it, against the emulated module."""

from __future__ import annotations

import importlib.util
import logging
import types
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import HostError
from nuke_ai_panel.nk.catalogue import Catalogue, index_path, use_index_folder
from nuke_ai_panel.nk.catalogue_index import index_is_current, index_steps, index_this_nuke, plugin_names

SCRIPT = b"""version 17.0 v3
Root {
 inputs 0
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
Blur {
 inputs 0
 name Blur1
 selected true
 xpos 10
 ypos 20
}
Grade {
 name Grade1
 xpos 10
 ypos 60
}
"""
CLASSES = ["Blur", "Grade", "Merge2", "Transform", "Write", "NoSuchPlugin", "Crop", "FrameHold"]


@pytest.fixture
def document() -> nk.Document:
    return nk.loads(SCRIPT)


@pytest.fixture
def nuke(document: nk.Document) -> types.ModuleType:
    return nk.emulate(document)


def test_the_script_is_as_it_was_after_every_step(document, nuke, tmp_path):
    steps = 0
    for step in index_steps(nuke, tmp_path, class_names=CLASSES, slice_seconds=0):
        steps += 1
        assert document.to_bytes() == SCRIPT
        assert [node.name() for node in nuke.selectedNodes()] == ["Blur1"]
        assert nuke.Undo.undoSize() == 0
        assert step.total == len(CLASSES)
    assert steps == len(CLASSES) + 1, "with no time at all, one class a step and one step for the file"
    assert step.done == len(CLASSES)
    assert step.path == index_path(tmp_path, "17.0")


def test_undo_is_off_while_nodes_are_made_and_on_again_between_steps(nuke, tmp_path):
    while_making = []
    make = nuke.nodes.Blur
    nuke.nodes.Blur = lambda **knobs: while_making.append(nuke.Undo.disabled()) or make(**knobs)
    for _ in index_steps(nuke, tmp_path, class_names=["Blur", "Grade"], slice_seconds=0):
        assert not nuke.Undo.disabled()
    assert while_making == [True]


def test_more_classes_fit_into_a_longer_step(nuke, tmp_path):
    assert len(list(index_steps(nuke, tmp_path, class_names=CLASSES, slice_seconds=60))) == 2


def test_the_index_holds_what_the_nodes_show_and_is_preferred(nuke, tmp_path):
    for _ in index_steps(nuke, tmp_path, class_names=CLASSES):
        pass
    shipped = Catalogue.for_version("17.0")
    indexed = Catalogue.for_version("17.0", index_folder=tmp_path)
    assert indexed is not shipped
    assert indexed.class_info("Blur").origin == "index"
    assert indexed.class_info("Sharpen").origin == "nuke"
    for class_name in ("Blur", "Grade", "Merge2", "Crop", "FrameHold"):
        mine, theirs = indexed.class_info(class_name), shipped.class_info(class_name)
        assert (mine.min_inputs, mine.max_inputs, mine.mask_input) == (theirs.min_inputs, theirs.max_inputs, theirs.mask_input)
        assert {knob.name for knob in mine.own_knobs()} == {knob.name for knob in theirs.own_knobs()}
        for knob in mine.own_knobs():
            assert (knob.type, knob.choices) == (theirs.knobs[knob.name].type, theirs.knobs[knob.name].choices)
    assert indexed.knob_info("Grade", "white").default == "1"
    assert indexed.check_knob("Grade", "gain").suggestion == "white"
    assert indexed.check_knob("FrameHold", "first_frame").suggestion == "firstFrame"
    assert not indexed.is_known("NoSuchPlugin")


def test_a_default_that_follows_the_format_stays_one(nuke, tmp_path):
    for _ in index_steps(nuke, tmp_path, class_names=["Transform", "Crop"]):
        pass
    indexed = Catalogue.for_version("17.0", index_folder=tmp_path)
    assert indexed.knob_info("Transform", "center").default_for(100, 50) == "50 25"
    assert indexed.knob_info("Crop", "box").default_for(100, 50) == "0 0 100 50"


def test_an_index_serves_its_own_version_only(nuke, tmp_path):
    for _ in index_steps(nuke, tmp_path, class_names=["Blur"]):
        pass
    assert Catalogue.for_version("17.0v5", index_folder=tmp_path).class_info("Blur").origin == "index"
    assert Catalogue.for_version("16.0", index_folder=tmp_path).class_info("Blur").origin == "nuke"


def test_stopping_early_writes_nothing_and_leaves_the_script(document, nuke, tmp_path):
    steps = index_steps(nuke, tmp_path, class_names=CLASSES, slice_seconds=0)
    next(steps)
    next(steps)
    steps.close()
    assert list(tmp_path.iterdir()) == []
    assert document.to_bytes() == SCRIPT


def test_an_older_index_is_replaced_whole(nuke, tmp_path):
    path = index_path(tmp_path, "17.0")
    path.write_text("older", encoding="utf-8")
    steps = index_steps(nuke, tmp_path, class_names=["Blur"], slice_seconds=0)
    next(steps)
    assert path.read_text(encoding="utf-8") == "older"
    next(steps)
    assert Catalogue.for_version("17.0", index_folder=tmp_path).class_info("Blur").origin == "index"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_written_is_told(document, nuke, tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(OSError, match="file"):
        list(index_steps(nuke, tmp_path / "file" / "in it", class_names=["Blur"]))
    assert document.to_bytes() == SCRIPT


def test_plug_ins_of_the_installation_are_among_the_names(nuke):
    nuke.ALL, nuke.NODIR = 1, 2
    nuke.plugins = lambda switches, *patterns: ["StudioGlow.gizmo", "/x/OtherTool.so", "exrReader.so", "notes.txt"]
    names = plugin_names(nuke)
    assert {"StudioGlow", "OtherTool", "Blur", "Merge2"} <= set(names)
    assert not {"exrReader", "notes", "Root", "Viewer"} & set(names)
    assert names == sorted(names)


def test_an_index_is_current_until_a_plug_in_or_the_build_changes(nuke, tmp_path):
    nuke.ALL, nuke.NODIR = 1, 2
    offered = ["StudioGlow.gizmo"]
    nuke.plugins = lambda switches, *patterns: list(offered)
    assert not index_is_current(nuke, tmp_path)
    for _ in index_steps(nuke, tmp_path, slice_seconds=1):
        pass
    assert index_is_current(nuke, tmp_path)
    offered.append("Another.gizmo")
    assert not index_is_current(nuke, tmp_path)
    offered.pop()
    nuke.NUKE_VERSION_STRING = "17.0v9"
    assert not index_is_current(nuke, tmp_path)


def test_an_edition_that_gives_ten_nodes_is_refused_before_anything_is_made(document, nuke, tmp_path):
    nuke.env = {**nuke.env, "nc": True}
    with pytest.raises(HostError, match="ten nodes"):
        next(index_steps(nuke, tmp_path, class_names=CLASSES))
    assert document.to_bytes() == SCRIPT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no catalogue", b'{\n"types":[],\n"classes":{\n', b"\xff\xff", b'{"types":'])
def test_a_damaged_index_is_left_out(tmp_path, content, caplog):
    path: Path = index_path(tmp_path, "17.0")
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        catalogue = Catalogue.for_version("17.0", index_folder=tmp_path)
    assert catalogue.class_info("Blur").origin == "nuke"
    assert path.name in caplog.text


# The menu command


@pytest.fixture
def studio_nuke():
    """The stand-in that start-up is tested with, a Nuke 16.0 with a window, that offers a few plug-ins."""
    path = Path(__file__).resolve().parent.parent / "nuke" / "stand_in" / "nuke.py"
    spec = importlib.util.spec_from_file_location("nuke_to_index", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.script = SCRIPT.replace(b"17.0 v3", b"16.0 v8")
    return module


@pytest.fixture
def prefers_no_index():
    yield
    use_index_folder(None)


def test_this_nuke_is_indexed_and_its_catalogue_preferred(studio_nuke, tmp_path, prefers_no_index):
    use_index_folder(tmp_path)
    assert Catalogue.for_version("16.0").class_info("Blur").origin == "nuke"
    steps = list(index_this_nuke(studio_nuke, tmp_path, slice_seconds=0.05))
    assert [step.path for step in steps[:-1]] == [None] * (len(steps) - 1)
    assert steps[-1].path == index_path(tmp_path, "16.0")
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)
    assert (steps[-1].fraction, steps[-1].text) == (1.0, f"{steps[-1].total} node classes indexed")
    assert steps[0].text.endswith(f"({steps[0].done} of {steps[0].total})")
    catalogue = Catalogue.for_version("16.0")
    assert catalogue.class_info("Blur").origin == "index"
    assert Catalogue.for_document(nk.loads(studio_nuke.script)) is catalogue, "the file is read once"
    assert Catalogue.for_version("15.1").class_info("Blur").origin == "nuke"
    complete = [name for name in catalogue.names() if catalogue.class_info(name).origin == "index"]
    assert len(complete) > 350
    again = list(index_this_nuke(studio_nuke, tmp_path))
    assert [step.path for step in again] == [steps[-1].path], "it is current: nothing is read again"
    assert len(list(index_this_nuke(studio_nuke, tmp_path, force=True, slice_seconds=0.05))) > 1


def test_indexing_can_be_cancelled(document, nuke, tmp_path):
    seen = []
    for step in index_this_nuke(nuke, tmp_path, is_cancelled=lambda: len(seen) == 2, slice_seconds=0):
        seen.append(step)
    assert len(seen) == 2
    assert seen[-1].path is None
    assert list(tmp_path.iterdir()) == []
    assert document.to_bytes() == SCRIPT
    assert not nuke.Undo.disabled()


def test_a_new_index_takes_the_place_of_the_old_one(nuke, tmp_path, prefers_no_index):
    use_index_folder(tmp_path)
    list(index_steps(nuke, tmp_path, class_names=["Blur"]))
    assert Catalogue.for_version("17.0").class_info("Grade").origin == "nuke"
    list(index_steps(nuke, tmp_path, class_names=["Blur", "Grade"]))
    assert Catalogue.for_version("17.0").class_info("Grade").origin == "index"
    index_path(tmp_path, "17.0").unlink()
    assert Catalogue.for_version("17.0").class_info("Grade").origin == "nuke"


def test_the_emulated_module_prefers_the_index_too(nuke, tmp_path, prefers_no_index):
    list(index_steps(nuke, tmp_path, class_names=["Blur"]))
    text = index_path(tmp_path, "17.0").read_text(encoding="utf-8").replace('"Blur"', '"StudioBlur"')
    index_path(tmp_path, "17.0").write_text(text, encoding="utf-8")
    assert not nk.emulate(nk.new_script(), version="17.0").canCreateNode("StudioBlur")
    use_index_folder(tmp_path)
    assert nk.emulate(nk.new_script(), version="17.0").createNode("StudioBlur")["size"].value() == 0
