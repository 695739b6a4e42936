"""Gizmos on the plug-in path: read as text, never run."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.nk.catalogue import Catalogue, use_gizmo_folders
from nuke_ai_panel.nk.catalogue_gizmos import plugin_path, user_knob_info

GLINT = """#! /usr/local/Nuke15.1v3/libnuke-15.1.3.so -nx
version 15.1 v3
Gizmo {
 tile_color 0xff0000ff
 help "Makes it glint."
 onCreate "__import__('os').abort()"
 addUserKnob {20 Glint}
 addUserKnob {7 amount l "How much" R 0 10}
 amount 2.5
 addUserKnob {4 mode M {soft "very hard" "x\\tShown as X"}}
 addUserKnob {18 tint}
 addUserKnob {6 glow +STARTLINE}
 addUserKnob {1 note}
 note [python {__import__('os').abort()}]
 addUserKnob {41 size T Blur1.size}
}
 Input {
  inputs 0
  name mask
  number 1
 }
 Input {
  inputs 0
  name source
 }
 Blur {
  name Blur1
 }
 Output {
  name Output1
 }
end_group
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "Glint.gizmo").write_text(GLINT, encoding="utf-8")
    return folder


def test_a_gizmo_is_a_class_with_its_user_knobs_and_inputs(tools):
    catalogue = Catalogue.for_version("15.1").with_gizmos([tools])
    info = catalogue.class_info("Glint")
    assert (info.origin, info.complete) == ("gizmo", True)
    assert info.input_names == ("source", "mask")
    assert (info.min_inputs, info.max_inputs, info.mask_input) == (2, 2, 1)
    amount = catalogue.knob_info("Glint", "amount")
    assert (amount.type, amount.default, amount.label) == ("Double_Knob", "2.5", "How much")
    mode = catalogue.knob_info("Glint", "mode")
    assert mode.choices == ("soft", "very hard", "x")
    assert mode.shown_choices[2] == "Shown as X"
    assert (mode.type, mode.default) == ("Enumeration_Knob", "soft")
    assert (catalogue.knob_info("Glint", "tint").type, catalogue.knob_info("Glint", "tint").size) == ("Color_Knob", 3)
    assert catalogue.knob_info("Glint", "glow").default == "false"
    assert catalogue.knob_info("Glint", "size").type == "Link_Knob"
    assert catalogue.knob_info("Glint", "tile_color").default == "0xff0000ff"
    assert [knob.name for knob in info.own_knobs()] == ["Glint", "amount", "mode", "tint", "glow", "note", "size"]


def test_the_code_in_a_gizmo_is_text(tools):
    # It would end this process.
    info = Catalogue.for_version("15.1").with_gizmos([tools]).class_info("Glint")
    assert "abort" in info.knobs["onCreate"].default
    assert "abort" in info.knobs["note"].default


def test_a_gizmo_is_found_by_the_names_scripts_write(tools):
    catalogue = Catalogue.for_version("15.1").with_gizmos([tools])
    assert catalogue.class_info("Glint.gizmo").name == "Glint"
    assert catalogue.class_info("/studio/tools/Glint.gizmo").name == "Glint"
    assert "Glint" in catalogue.names()
    assert catalogue.check_class("Glint") is None


def test_names_of_gizmos_and_of_their_knobs_and_choices_are_suggested(tools):
    (tools / "SparkleTrail.gizmo").write_text(GLINT, encoding="utf-8")
    catalogue = Catalogue.for_version("15.1").with_gizmos([tools])
    assert catalogue.check_class("SparkelTrail").suggestion == "SparkleTrail"
    assert catalogue.suggest_knob("SparkleTrail", "ammount")[0] == "amount"
    assert catalogue.check_value("SparkleTrail", "mode", "very hart").suggestion == "very hard"
    assert not catalogue.check_value("SparkleTrail", "mode", "very hart").certain


def test_the_first_folder_on_the_path_wins(tools, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "Glint.gizmo").write_text(GLINT.replace("amount 2.5", "amount 7"), encoding="utf-8")
    for folders, default in (([mine, tools], "7"), ([tools, mine], "2.5")):
        assert Catalogue.for_version("15.1").with_gizmos(folders).knob_info("Glint", "amount").default == default


def test_a_gizmo_takes_the_place_of_a_class_of_the_same_name(tmp_path):
    (tmp_path / "Blur.gizmo").write_text(GLINT, encoding="utf-8")
    catalogue = Catalogue.for_version("15.1").with_gizmos([tmp_path])
    assert catalogue.class_info("Blur").origin == "gizmo"
    assert Catalogue.for_version("15.1").class_info("Blur").origin == "nuke"


@pytest.mark.parametrize(
    "content", [b"Gizmo {\n name x", b"", b"Nuke NC mode encrypted text (commercial mode uses plain text)\nxx", b"\xff\xfe\x00"]
)
def test_a_gizmo_that_cannot_be_read_is_a_class_without_known_knobs(tmp_path, content, caplog):
    (tmp_path / "Broken.gizmo").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        catalogue = Catalogue.for_version("15.1").with_gizmos([tmp_path])
        info = catalogue.class_info("Broken")
    assert (info.origin, info.complete) == ("gizmo", False)
    assert catalogue.check_class("Broken") is None
    assert catalogue.check_knob("Broken", "whatever") is None
    assert catalogue.knob_info("Broken", "xpos") is not None


def test_a_huge_file_is_not_read(tmp_path, caplog):
    with open(tmp_path / "Huge.gizmo", "wb") as stream:
        stream.truncate(64 * 1024 * 1024)
    with caplog.at_level(logging.WARNING):
        assert not Catalogue.for_version("15.1").with_gizmos([tmp_path]).class_info("Huge").complete
    assert "Huge.gizmo is larger than" in caplog.text


def test_folders_that_are_missing_hidden_or_linked_in_a_circle_do_no_harm(tools, tmp_path):
    (tools / ".git").mkdir()
    (tools / ".git" / "Hidden.gizmo").write_text(GLINT, encoding="utf-8")
    os.symlink(tools, tools / "deep" / "round")
    catalogue = Catalogue.for_version("15.1").with_gizmos([tmp_path / "missing", tools])
    assert catalogue.is_known("Glint")
    assert not catalogue.is_known("Hidden")


def test_the_folders_are_those_nuke_looks_in_first(tmp_path):
    found = plugin_path({"HOME": str(tmp_path), "NUKE_PATH": os.pathsep.join([str(tmp_path / "a"), "", str(tmp_path / "b")])})
    assert found == [tmp_path / ".nuke", tmp_path / "a", tmp_path / "b"]
    assert plugin_path({}) == []


@pytest.mark.parametrize("definition", ["{}", "{999 odd}", "{4 empty M {}}", "{4 open}", "{7 named l M}"])
def test_an_odd_definition_gives_a_knob_all_the_same(definition):
    assert user_knob_info("odd", definition).name == "odd"


def test_catalogues_that_are_asked_for_know_the_gizmos_of_this_machine(tools):
    (tools / "Shimmer.gizmo").write_text(GLINT, encoding="utf-8")
    document = nk.loads(b"version 15.1 v3\nShimmer {\n amount 3\n name Shimmer1\n}\n")
    assert not Catalogue.for_document(document).is_known("Shimmer")
    use_gizmo_folders([tools])
    try:
        assert Catalogue.for_document(document).knob_info("Shimmer", "amount").default == "2.5"
        assert Catalogue.for_document(document) is Catalogue.for_version("15.1")
    finally:
        use_gizmo_folders([])
    assert not Catalogue.for_document(document).is_known("Shimmer")
