"""Pictures of the node graph: what is in them, in which colours, and that no text of a script becomes markup."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.drawing import MOST_NODES, MOST_WITH_NAMES, draw, draw_diff
from nuke_ai_panel.nk.graph import rectangle

SVG = "{http://www.w3.org/2000/svg}"
ADDED, REMOVED, CHANGED, REWIRED = "#4fc36b", "#f06256", "#f6b640", "#54aeff"

COMP = b"""BackdropNode {
 inputs 0
 name BackdropNode1
 tile_color 0x336699ff
 label "<b>plates</b> & keys"
 note_font_size 24
 xpos -40
 ypos -80
 bdwidth 400
 bdheight 300
}
Read {
 inputs 0
 name Read1
 xpos 0
 ypos 0
}
set N1 [stack 0]
Roto {
 name Roto1
 xpos 220
 ypos 100
}
push $N1
Grade {
 name Grade1
 tile_color 0x11223300
 xpos 110
 ypos 100
 disable true
}
push $N1
Merge2 {
 inputs 2+1
 name Merge1
 selected true
 xpos 0
 ypos 200
}
"""


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.encode())


def words(svg: str) -> list[str]:
    return [each.text or "" for each in parsed(svg).iter(f"{SVG}text")]


def fills(svg: str) -> list[str]:
    return [each.get("fill", "") for each in parsed(svg).iter()]


def edges(svg: str) -> list[str]:
    return [each.get("stroke", "") for each in parsed(svg).iter(f"{SVG}rect")]


def test_picture_names_every_node_and_the_inputs_of_a_merge():
    found = words(draw(nk.loads(COMP)))
    assert {"Read1", "Roto1", "Grade1", "Merge1"} <= set(found)
    assert {"A", "B", "mask"} <= set(found)


def test_picture_shows_the_words_of_a_backdrop_without_their_html():
    assert "plates & keys" in words(draw(nk.loads(COMP)))


def test_picture_takes_the_colour_of_a_tile_from_the_node_before_that_of_its_class():
    found = fills(draw(nk.loads(COMP)))
    assert "#336699" in found
    assert "#112233" in found
    plain = nk.loads(COMP)
    plain.clear_knob(plain.node("Grade1"), "tile_color")
    assert "#7aa9ff" in fills(draw(plain))


def test_picture_marks_what_is_selected():
    document = nk.loads(COMP)
    before = draw(document)
    assert "#ffb83c" in edges(before)
    document.select(document.node("Merge1"), False)
    assert "#ffb83c" not in edges(draw(document))


def test_picture_is_as_wide_as_asked_and_holds_every_tile():
    document = nk.loads(COMP)
    root = parsed(draw(document, width=420))
    assert root.get("width") == "420"
    left, top, width, height = (float(each) for each in (root.get("viewBox") or "").split())
    for node in document.nodes():
        area = rectangle(node)
        assert left <= area.left
        assert area.right <= left + width
        assert top <= area.top
        assert area.bottom <= top + height


@pytest.mark.parametrize(
    "label", ["</svg><script>x</script>", '"&<>\x00\x1b\ufffe', "a" * 5000, "[python {1}]", "\udcff\u202e"]
)
def test_text_of_a_script_is_no_markup_in_a_picture(label):
    document = nk.loads(COMP)
    try:
        document.set_knob(document.node("BackdropNode1"), "label", label, scalar=True)
        document.create("StickyNote", knobs={"label": label.strip("{}")})
    except NkError:
        pytest.fail("the label cannot be written")
    svg = draw(document)
    svg.encode("utf-8")
    assert not list(parsed(svg).iter(f"{SVG}script"))
    assert len(svg) < 20_000


def test_picture_shows_the_inside_of_a_group_when_asked():
    document = nk.new_script()
    group = document.create("Group")
    document.create("Blur", name="Inner1", group=group)
    assert words(draw(document)) == ["Group1"]
    assert words(draw(document, group=group)) == ["Inner1"]


def test_picture_of_a_large_script_has_a_bounded_size_and_says_what_it_leaves_out():
    body = b"".join(
        b"NoOp {\n inputs 0\n name NoOp%d\n xpos %d\n ypos %d\n}\n" % (i, i % 200 * 90, i // 200 * 30) for i in range(20_050)
    )
    svg = draw(nk.loads(body))
    assert f"{MOST_NODES} of 20050 nodes" in words(svg)
    assert len(words(svg)) == 1
    assert len(svg) < 60 * MOST_NODES
    assert MOST_WITH_NAMES < MOST_NODES


def test_picture_of_an_empty_script_is_a_picture():
    assert parsed(draw(nk.new_script())).tag == f"{SVG}svg"


# differences


def test_difference_shows_each_kind_of_change_with_a_legend():
    before, after = nk.loads(COMP), nk.loads(COMP)
    blur = after.create("Blur", inputs=[after.node("Read1")], knobs={"xpos": "0", "ypos": "150"})
    after.connect(after.node("Merge1"), 0, blur)
    after.set_knob(after.node("Grade1"), "multiply", "2")
    after.delete(after.node("Roto1"))
    svg = draw_diff(before, after)
    found = words(svg)
    assert {"added", "removed", "changed", "rewired"} <= set(found)
    assert "moved" not in found
    assert {"Blur1", "Roto1", "Grade1", "Merge1"} <= set(found)
    assert {ADDED, REMOVED, CHANGED, REWIRED} <= set(edges(svg))


def test_difference_leaves_out_what_is_far_from_every_change():
    before, after = nk.loads(COMP), nk.loads(COMP)
    for document in (before, after):
        document.create("NoOp", name="Far1", knobs={"xpos": "90000", "ypos": "90000"})
    after.set_knob(after.node("Grade1"), "multiply", "2")
    svg = draw_diff(before, after)
    assert "Far1" not in words(svg)
    assert "Read1" in words(svg)


def test_difference_takes_out_empty_space_between_tiles():
    before, after = nk.loads(COMP), nk.loads(COMP)
    for document in (before, after):
        document.create("Blur", name="Far1", inputs=[document.node("Merge1")], knobs={"xpos": "0", "ypos": "90000"})
    after.set_knob(after.node("Far1"), "size", "2")
    root = parsed(draw_diff(before, after))
    assert float((root.get("viewBox") or "").split()[3]) < 400


def test_difference_names_what_a_renamed_node_was_called():
    before, after = nk.loads(COMP), nk.loads(COMP)
    after.rename(after.node("Grade1"), "Key")
    found = words(draw_diff(before, after))
    assert {"Key", "was Grade1", "renamed"} <= set(found)


def test_difference_inside_of_a_group_is_a_change_of_the_group_until_the_group_is_shown():
    before = nk.new_script()
    group = before.create("Group")
    before.create("Blur", name="Inner1", group=group)
    after = nk.loads(before.to_bytes())
    after.set_knob(after.node("Group1.Inner1"), "size", "3")
    assert "changed" in words(draw_diff(before, after))
    assert {"changed", "Inner1"} <= set(words(draw_diff(before, after, group="Group1")))


def test_no_difference_is_said():
    assert words(draw_diff(nk.loads(COMP), nk.loads(COMP))) == ["No difference"]


def test_a_long_row_of_nodes_does_not_become_a_line():
    text = "".join(f"Blur {{\n inputs 0\n name Blur{n}\n xpos {n * 110}\n ypos 0\n}}\n" for n in range(200))
    picture = parsed(draw(nk.loads(text.encode())))
    across, down = float(picture.get("width")), float(picture.get("height"))
    assert across >= 200 * 80 / 2
    assert down >= 30
    names = [found.text for found in picture.iter(f"{SVG}text")]
    assert names == [f"Blur{n}" for n in range(200)]


def test_a_single_node_stands_in_the_middle_above_its_legend():
    document = nk.loads(b"Blur {\n inputs 0\n name Blur1\n xpos 40\n ypos 7\n}\n")
    picture = parsed(draw_diff(nk.loads(b""), document))
    left, _, width, _ = map(float, picture.get("viewBox").split())
    area = rectangle(document.node("Blur1"))
    assert abs((area.left + area.right) / 2 - (left + width / 2)) <= 1
    assert "added" in words(draw_diff(nk.loads(b""), document))


# real scripts


def test_every_real_script_makes_a_picture_that_can_be_read_again(corpus_file):
    try:
        document = nk.load(corpus_file)
    except NkError:
        pytest.skip("no script that can be read")
    svg = draw(document)
    root = parsed(svg)
    assert svg == draw(nk.load(corpus_file))
    if len(document.nodes()) <= MOST_WITH_NAMES:
        titles = [each.text for each in root.iter(f"{SVG}title")]
        assert len(titles) == sum(1 for node in document.nodes() if node.class_name != "BackdropNode")
    for node in document.nodes():
        if node.children is not None:
            parsed(draw(document, group=node))
            break
