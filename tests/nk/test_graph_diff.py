"""What differs between two scripts: renamed nodes are no new nodes, and what reads from them did not change."""

from __future__ import annotations

from collections import Counter

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk import ConnectionChange, KnobChange, NodeChange, NodeRename

SCRIPT = b"""Read {
 inputs 0
 file a.exr
 name Read1
 xpos 0
 ypos 0
}
Grade {
 multiply 2
 name Grade1
 xpos 0
 ypos 100
}
Group {
 name Group1
 xpos 0
 ypos 150
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  size 3
  name Blur1
 }
 Output {
  name Output1
 }
end_group
Blur {
 size 5
 name Blur1
 xpos 0
 ypos 200
}
"""


@pytest.fixture
def before() -> nk.Document:
    return nk.loads(SCRIPT)


@pytest.fixture
def after() -> nk.Document:
    return nk.loads(SCRIPT)


def test_diff_tells_a_rename_from_a_new_node(before, after):
    after.rename(after.node("Grade1"), "Key")
    found = nk.diff(before, after)
    assert found == nk.GraphDiff(renamed=(NodeRename("Grade1", "Key", "Grade"),))
    assert found.summary() == "Renames 1 node"
    assert found.lines() == ["= Grade1 is now Key"]
    assert found


def test_diff_keeps_what_is_inside_of_a_renamed_group(before, after):
    after.rename(after.node("Group1"), "Despill")
    after.set_knob(after.node("Despill.Blur1"), "size", "9")
    found = nk.diff(before, after)
    assert found.renamed == (NodeRename("Group1", "Despill", "Group"),)
    assert (found.added, found.removed, found.connections) == ((), (), ())
    assert found.knobs == (KnobChange("Despill.Blur1", "size", "3", "9"),)


def test_diff_shows_what_else_changed_about_a_renamed_node(before, after):
    after.rename(after.node("Grade1"), "Key")
    after.set_knob(after.node("Key"), "multiply", "3")
    found = nk.diff(before, after)
    assert found.renamed == (NodeRename("Grade1", "Key", "Grade"),)
    assert found.knobs == (KnobChange("Key", "multiply", "2", "3"),)
    assert found.lines() == ["= Grade1 is now Key", "    multiply: 2 -> 3"]


def test_diff_takes_nodes_that_cannot_be_told_apart_for_new_ones(before, after):
    for document in (before, after):
        for name in ("Twin1", "Twin2"):
            document.create("Invert", name=name, knobs={"xpos": "500", "ypos": "0"})
    after.rename(after.node("Twin1"), "One")
    after.rename(after.node("Twin2"), "Two")
    found = nk.diff(before, after)
    assert found.renamed == ()
    assert {node.path for node in found.added} == {"One", "Two"}
    assert {node.path for node in found.removed} == {"Twin1", "Twin2"}


def test_diff_takes_a_node_that_reads_from_elsewhere_for_a_new_one(before, after):
    after.rename(after.node("Grade1"), "Key")
    after.connect(after.node("Key"), 0, None)
    found = nk.diff(before, after)
    assert found.renamed == ()
    assert found.added == (NodeChange("Key", "Grade"),)
    assert ConnectionChange("Group1", 0, "Grade1", "Key") in found.connections


def test_diff_says_that_a_node_moved_and_nothing_else(before, after):
    after.set_knob(after.node("Grade1"), "xpos", "300")
    found = nk.diff(before, after)
    assert found == nk.GraphDiff(moved=("Grade1",))
    assert found.lines() == ["> Grade1 moved"]


def test_diff_does_not_show_readers_of_a_node_that_was_replaced_by_one_of_its_name(before, after):
    grade = after.node("Grade1")
    reader = grade.dependents[0]
    after.delete(grade)
    made = after.create("Saturation", inputs=[after.node("Read1")])
    after.rename(made, "Grade1")
    after.connect(reader, 0, made)
    found = nk.diff(before, after)
    assert found.removed == (NodeChange("Grade1", "Grade"),)
    assert found.added == (NodeChange("Grade1", "Saturation"),)
    assert [wire.path for wire in found.connections] == ["Grade1"]


def test_diff_follows_the_clones_of_a_renamed_node():
    text = (
        b"Blur {\n inputs 0\n size 4\n name Blur1\n xpos 0\n ypos 0\n}\nset C1 [stack 0]\nGrade {\n name Grade1\n}\n"
        b"clone $C1 {\n xpos 100\n ypos 0\n}\n"
    )
    before, after = nk.loads(text), nk.loads(text)
    after.rename(after.node("Blur1"), "Soft")
    assert nk.diff(before, after).renamed == (NodeRename("Blur1", "Soft", "Blur"),)
    assert nk.diff(before, after).added == ()


def test_renaming_every_node_of_a_real_script_makes_no_node_new(corpus_file):
    if corpus_file.stat().st_size > 200_000:
        pytest.skip("a larger script says no more")
    try:
        before, after = nk.load(corpus_file), nk.load(corpus_file)
    except NkError:
        pytest.skip("no script that can be read")
    named = [node for node in after.nodes() if node.text.name and node.clone_of is None and node.text.value("xpos")]
    for number, node in enumerate(named):
        after.rename(node, f"Renamed{number}_x")
    found = nk.diff(before, after)
    assert len(found.added) == len(found.removed)
    # Nodes that stand on each other and are alike cannot be told apart.
    places = Counter((node.class_name, node.xpos, node.ypos) for node in named)
    alone = {node.path for node in named if places[node.class_name, node.xpos, node.ypos] == 1}
    assert alone <= {node.path for node in found.renamed}
