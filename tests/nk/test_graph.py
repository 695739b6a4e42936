"""Questions about a graph: what feeds what, what a backdrop holds, which files and knobs there are."""

from __future__ import annotations

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.nk import graph

SCRIPT = b"""Root {
 inputs 0
 name /shots/a.nk
 frame 1001
 first_frame 1001
 last_frame 1100
 fps 25
 format "2048 1080 0 0 2048 1080 2 Wide one"
 colorManagement OCIO
 views "left #ff0000\\nright #00ff00"
}
BackdropNode {
 inputs 0
 name Outer
 xpos -100
 ypos -100
 bdwidth 500
 bdheight 500
}
BackdropNode {
 inputs 0
 name Inner
 xpos 0
 ypos 0
 bdwidth 80
 bdheight 118
}
Read {
 inputs 0
 file /plates/a.%04d.exr
 first 1001
 last 1100
 name Plate
 xpos 300
 ypos 0
}
Grade {
 white {{curve x1 0 x5 4} 2 {curve(3)} 1}
 black 0.5
 name Grade1
 selected true
 xpos 0
 ypos 100
}
set N1 [stack 0]
Blur {
 channels {depth.Z -rgba.red}
 size {{Grade1.black}}
 name Blur1
 xpos 1
 ypos 100
}
push $N1
Merge2 {
 inputs 2
 name Merge1
 xpos 300
 ypos 300
}
Write {
 file /out/%V/b.####.exr
 name Out
 xpos 600
 ypos 300
}
Group {
 inputs 0
 name Group1
 addUserKnob {20 User l "My tab"}
 addUserKnob {7 gain l "Gain it" t "how much" -STARTLINE R -1 4}
 gain 2
 addUserKnob {41 size l Size T Blur2.size}
 addUserKnob {4 mode M {low "very high" ""}}
 mode low
 addUserKnob {41 lost T Nobody.size}
 xpos 600
 ypos 0
}
 Group {
  inputs 0
  name Group2
 }
  Dot {
   inputs 0
   name Dot1
   xpos 5
   ypos 6
  }
 end_group
 Blur {
  inputs 0
  name Blur2
 }
end_group
"""


@pytest.fixture
def document() -> nk.Document:
    return nk.loads(SCRIPT)


def names(nodes: list[nk.Node]) -> list[str]:
    return [node.name for node in nodes]


def test_upstream_is_nearest_first_and_can_be_limited(document):
    out = document.node("Out")
    assert names(graph.upstream(out)) == ["Merge1", "Grade1", "Blur1", "Plate"]
    assert names(graph.upstream(out, depth=2)) == ["Merge1", "Grade1", "Blur1"]
    assert names(graph.upstream(out, limit=2)) == ["Merge1", "Grade1"]


def test_downstream_names_every_reader_once(document):
    assert names(graph.downstream(document.node("Plate"))) == ["Grade1", "Blur1", "Merge1", "Out"]
    assert names(graph.downstream(document.node("Plate"), depth=1)) == ["Grade1"]


def test_connected_goes_both_ways(document):
    assert set(names(graph.connected(document.node("Blur1")))) == {"Grade1", "Merge1", "Plate", "Out"}


def test_input_slots_tell_the_mask_and_where_the_next_connection_goes(document):
    slots = graph.input_slots(document.node("Merge1"))
    assert [(slot.number, slot.source and slot.source.name, slot.is_mask) for slot in slots[:3]] == [
        (0, "Grade1", False),
        (1, "Blur1", False),
        (2, None, True),
    ]
    assert not slots[2].is_default
    (slot, mask) = graph.input_slots(document.node("Blur1"))
    assert (slot.source, mask.is_mask) == (document.node("Grade1"), True)
    assert graph.input_slots(document.create("Grade"))[0].is_default


def test_user_knobs_are_read_with_their_options_and_links(document):
    tab, gain, size, mode, lost = graph.user_knobs(document.node("Group1"))
    assert (tab.type, tab.name, tab.label) == (20, "User", "My tab")
    assert (gain.label, gain.tooltip, gain.flags, gain.range, gain.text) == (
        "Gain it",
        "how much",
        ("-STARTLINE",),
        (-1, 4),
        "2",
    )
    assert (size.link, size.target) == ("Blur2.size", (document.node("Group1.Blur2"), "size"))
    assert mode.choices == ("low", "very high", "")
    assert lost.target is None


def test_animated_knobs_are_those_with_keys(document):
    found = graph.animated_knobs(document.node("Grade1"))
    assert list(found) == ["white"]
    assert found["white"].components()[0].curve.at(3) == 2
    assert graph.animated_knobs(document.node("Blur1")) == {}


def test_expressions_and_who_refers_to_a_node(document):
    (found,) = graph.expressions(document.node("Blur1"))
    assert (found.knob, found.component, found.text) == ("size", 0, "Grade1.black")
    assert names(graph.referring_nodes(document.node("Grade1"))) == ["Blur1"]
    assert names(graph.referring_nodes(document.node("Group1.Blur2"))) == ["Group1"]
    assert graph.referring_nodes(document.node("Out")) == []


def test_files_are_told_with_the_pattern_of_their_frames(document):
    (read,) = graph.file_names(document.node("Plate"))
    assert (read.pattern, read.is_sequence, read.is_written, read.first, read.last) == (
        "/plates/a.[0-9][0-9][0-9][0-9].exr",
        True,
        False,
        1001,
        1100,
    )
    assert read.at(7) == "/plates/a.0007.exr"
    (written,) = graph.file_names(document.node("Out"))
    assert (written.pattern, written.is_written) == ("/out/*/b.[0-9][0-9][0-9][0-9].exr", True)
    assert written.at(12, "left") == "/out/left/b.0012.exr"


def test_layers_at_a_node_come_from_the_text_upstream(document):
    found = graph.layers_at(document.node("Merge1"))
    assert set(found.layers) == {"rgba", "depth"}
    assert not found.is_complete, "a Read may bring layers that the text does not name"


def test_backdrop_encloses_what_lies_in_it_as_a_whole(document):
    # Grade1 ends at 80 and 118, on Inner's edge; Blur1 reaches one unit beyond it.
    assert names(graph.enclosed(document.node("Inner"))) == ["Grade1"]
    assert names(graph.enclosed(document.node("Outer"))) == ["Inner", "Plate", "Grade1", "Blur1", "Merge1"]
    assert names(graph.backdrops_around(document.node("Grade1"))) == ["Inner", "Outer"]
    assert graph.backdrops_around(document.node("Out")) == []


def test_bounding_box_counts_tiles_by_class(document):
    assert graph.rectangle(document.node("Group1.Group2.Dot1")) == graph.Rectangle(5, 6, 17, 18)
    assert graph.rectangle(document.node("Grade1")) == graph.Rectangle(0, 100, 80, 118)
    both = graph.bounding_box([document.node("Grade1"), document.node("Merge1")])
    assert both == graph.Rectangle(0, 100, 380, 318)
    assert graph.bounding_box([]) is None


def test_nodes_inside_of_groups(document):
    group = document.node("Group1")
    assert names(graph.inside(group)) == ["Group2", "Blur2"]
    assert names(graph.inside(group, recurse=True)) == ["Group2", "Dot1", "Blur2"]
    assert graph.inside(document.node("Out")) == []


def test_root_settings(document):
    found = graph.root_settings(document)
    assert found.format == graph.Format(2048, 1080, 2.0, "Wide one")
    assert (found.first_frame, found.last_frame, found.fps, found.color_management) == (1001, 1100, 25, "OCIO")
    assert found.views == ("left", "right")
    snippet = graph.root_settings(nk.loads(b"Grade {\n name Grade1\n}\n"))
    assert (snippet.format, snippet.fps, snippet.name) == (None, None, "")


def test_answers_follow_changes_of_the_document(document):
    blur, plate = document.node("Blur1"), document.node("Plate")
    document.connect(document.node("Merge1"), 0, blur)
    document.connect(blur, 0, plate)
    assert names(graph.downstream(document.node("Grade1"))) == []
    assert names(graph.downstream(plate, depth=1)) == ["Grade1", "Blur1"]


def test_places_follow_a_node_that_is_moved(document):
    grade, inner = document.node("Grade1"), document.node("Inner")
    assert names(graph.enclosed(inner)) == ["Grade1"]
    mark = document.mark()
    document.set_knob(grade, "xpos", "1")
    assert graph.enclosed(inner) == []
    document.roll_back(mark)
    assert names(graph.enclosed(inner)) == ["Grade1"]


def test_place_is_that_of_the_node_and_not_of_a_text_in_it():
    document = nk.loads(b'StickyNote {\n inputs 0\n name Note\n label "here:\n xpos 700\n ypos 800\n"\n xpos 1\n ypos 2\n}\n')
    area = graph.rectangle(document.node("Note"))
    assert (area.left, area.top) == (1, 2)
