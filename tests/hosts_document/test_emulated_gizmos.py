"""Gizmos, kernels and knobs as text, in the emulated module."""

from __future__ import annotations

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError
from nuke_ai_panel.nk.catalogue import Catalogue

GIZMO = """#! /usr/local/Nuke15.1v3/Nuke15.1 -nx
version 15.1 v3
Gizmo {
 inputs 1
 addUserKnob {20 User}
 addUserKnob {7 amount R 0 10}
 amount 4
 addUserKnob {1 note}
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  size {{parent.amount}}
  name Blur1
 }
 Output {
  name Output1
 }
end_group
"""
KERNEL = "kernel Tint : ImageComputationKernel<ePixelWise>\n{\n  Image<eRead> src;\n  void process() { dst() = src(); }\n};\n"


@pytest.fixture
def studio(document, tmp_path):
    (tmp_path / "StudioSoft.gizmo").write_text(GIZMO, encoding="utf-8")
    return nk.emulate(document, catalogue=Catalogue.for_document(document).with_gizmos([tmp_path]))


def test_a_gizmo_becomes_a_group_with_its_settings(studio, document, tmp_path):
    gizmo = studio.createNode("StudioSoft", "amount 7 note {a b}")
    assert isinstance(gizmo, studio.Gizmo)
    assert gizmo.filename() == str(tmp_path / "StudioSoft.gizmo")
    with pytest.raises(NotSimulatedError, match="makeGroup"):
        gizmo.nodes()
    group = gizmo.makeGroup()
    assert (group.Class(), group["amount"].value(), group["note"].value()) == ("Group", 7, "a b")
    assert [node.Class() for node in group.nodes()] == ["Input", "Blur", "Output"]
    assert group.node("Blur1")["size"].value() == 7
    assert (group.inputs(), group.maxInputs()) == (0, 1)
    assert group.name() != gizmo.name()
    again = nk.loads(document.to_bytes())
    assert again.node(group.name()).knob("amount") == "7"
    assert again.node(gizmo.name()).class_name == "StudioSoft"


def test_without_its_file_a_gizmo_stays_one():
    nuke = nk.emulate(
        nk.loads(b"version 15.1 v3\nRoot {\n inputs 0\n}\nGizmo {\n name G\n}\n Input {\n  inputs 0\n }\nend_group\n")
    )
    assert [node.Class() for node in nuke.toNode("G").makeGroup().nodes()] == ["Input"]
    unknown = nk.emulate(nk.loads(b"version 15.1 v3\nRoot {\n inputs 0\n}\nFoundNowhere {\n name F\n}\n"))
    with pytest.raises(AttributeError, match="makeGroup"):
        unknown.toNode("F").makeGroup()


# Kernels


def test_a_kernel_is_taken_over_from_its_file(nuke, document, tmp_path):
    (tmp_path / "tint.blink").write_text(KERNEL, encoding="utf-8")
    blink = nuke.nodes.BlinkScript()
    blink["kernelSourceFile"].setValue(str(tmp_path / "tint.blink"))
    blink["reloadKernelSourceFile"].execute()
    assert blink["kernelSource"].value() == KERNEL
    assert blink["kernelName"].value() == "Swirlomatic"
    blink["recompile"].execute()
    assert blink["kernelName"].value() == "Tint"
    assert blink["recompile"].Class() == "Script_Knob"
    assert nk.loads(document.to_bytes()).node("BlinkScript1").knob("kernelSource") == KERNEL


def test_a_kernel_that_is_only_typed_in_is_not_taken_over(nuke):
    blink = nuke.nodes.BlinkScript()
    blink["kernelSource"].setValue(KERNEL)
    blink["recompile"].execute()
    assert blink["kernelSource"].value() == KERNEL
    assert blink["kernelName"].value() == "Swirlomatic"


def test_what_a_kernel_brings_is_not_known(nuke, tmp_path):
    blink = nuke.nodes.BlinkScript()
    assert blink.knob("Tint_amount") is None
    blink["kernelSource"].setValue(KERNEL)
    with pytest.raises(NotSimulatedError, match="Tint_amount"):
        blink.knob("Tint_amount")
    blink["kernelSourceFile"].setValue(str(tmp_path / "missing.blink"))
    with pytest.raises(NotSimulatedError, match=r"missing\.blink"):
        blink["reloadKernelSourceFile"].execute()


def test_a_file_that_holds_no_kernel_is_not_shown(nuke, document, tmp_path):
    (tmp_path / "secret.txt").write_text("password", encoding="utf-8")
    blink = nuke.nodes.BlinkScript(kernelSourceFile=str(tmp_path / "secret.txt"))
    with pytest.raises(NotSimulatedError, match="does not hold a kernel"):
        blink["reloadKernelSourceFile"].execute()
    assert b"password" not in document.to_bytes()


# Knobs as text


def test_write_all_adds_the_name_and_the_place(nuke):
    grade = nuke.toNode("Grade1")
    text = grade.writeKnobs(nuke.WRITE_ALL | nuke.TO_SCRIPT | nuke.WRITE_NON_DEFAULT_ONLY)
    assert text.splitlines() == ["name Grade1", "xpos 10", "ypos -200", "white {1.5 1 1 1}"]
    assert set(grade.writeKnobs(nuke.WRITE_ALL).split()) == {"white", "name", "xpos", "ypos"}
    other = nuke.nodes.Grade()
    other.readKnobs(grade.writeKnobs(nuke.TO_SCRIPT))
    assert other["white"].value() == [1.5, 1, 1, 1]
