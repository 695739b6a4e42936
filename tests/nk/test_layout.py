"""New nodes stand where an artist would put them: below their input, clear of others, inside the backdrop they belong to."""

from __future__ import annotations

import itertools

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.graph import enclosed, rectangle
from nuke_ai_panel.nk.layout import COLUMN, place, tidy


def node(document: nk.Document, class_name: str, *inputs: nk.Node, at: tuple[int, int] | None = None, **knobs: str) -> nk.Node:
    where = {"xpos": str(at[0]), "ypos": str(at[1])} if at is not None else {}
    return document.create(class_name, inputs=inputs, knobs={**knobs, **where})


def middle(one: nk.Node) -> float:
    area = rectangle(one)
    return (area.left + area.right) / 2


def overlaps(nodes: list[nk.Node]) -> list[tuple[str, str]]:
    tiles = [(each, rectangle(each)) for each in nodes if each.class_name != "BackdropNode"]
    return [
        (one.name, other.name)
        for (one, a), (other, b) in itertools.combinations(tiles, 2)
        if a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom
    ]


@pytest.fixture
def document() -> nk.Document:
    return nk.new_script()


def test_a_chain_stands_in_one_column_below_what_it_reads(document):
    read = node(document, "Read", at=(40, 30))
    chain = [node(document, "Grade", read)]
    for class_name in ("Blur", "Dot", "Saturation"):
        chain.append(node(document, class_name, chain[-1]))
    place(document, reversed(chain))
    assert {middle(each) for each in chain} == {middle(read)}
    for above, below in zip([read, *chain], chain):
        assert rectangle(above).bottom < rectangle(below).top
        assert rectangle(below).top - rectangle(above).bottom < 60


def test_a_branch_goes_beside_a_chain_and_not_under_it(document):
    read = node(document, "Read", at=(0, 0))
    chain = [node(document, "Grade", read, at=(0, 100))]
    chain.append(node(document, "Blur", chain[-1], at=(0, 140)))
    branch = node(document, "Saturation", read)
    place(document, [branch])
    assert middle(branch) != middle(read), "its wire would run behind the chain"
    assert abs(middle(branch) - middle(read)) == COLUMN
    assert rectangle(branch).top < rectangle(chain[-1]).top


def test_backdrops_stay_as_they_are_if_asked_to(document):
    read = node(document, "Read", at=(0, 0))
    backdrop = node(document, "BackdropNode", at=(-20, -20), bdwidth="120", bdheight="120")
    before = document.text_of(backdrop)
    new = node(document, "Blur", read)
    place(document, [new], grows_backdrops=False)
    assert document.text_of(backdrop) == before
    place(document, [new])
    assert new in enclosed(backdrop)


def test_inputs_of_a_new_merge_stand_above_left_and_right(document):
    plate = node(document, "Read", at=(0, 0))
    merge = node(document, "Merge2", plate)
    element = node(document, "Grade", node(document, "Read"))
    roto = node(document, "Roto")
    document.connect(merge, 1, element)
    document.connect(merge, 2, roto)
    place(document, [merge, roto, element, element.inputs[0]])
    assert middle(merge) == middle(plate)
    assert middle(element) == middle(merge) - COLUMN
    assert middle(element.inputs[0]) == middle(element)
    assert rectangle(element.inputs[0]).bottom < rectangle(element).top
    assert middle(roto) == middle(merge) + COLUMN
    assert not overlaps(document.nodes())


def test_a_node_between_two_stands_between_them(document):
    read = node(document, "Read", at=(0, 0))
    write = node(document, "Write", read, at=(0, 300))
    blur = node(document, "Blur", read)
    document.connect(write, 0, blur)
    place(document, [blur])
    assert rectangle(read).bottom < rectangle(blur).top
    assert rectangle(blur).bottom < rectangle(write).top
    assert middle(blur) == middle(write)
    assert write.ypos == 300


def test_a_new_node_does_not_cover_what_stands_below(document):
    read = node(document, "Read", at=(0, 0))
    for row in range(20):
        node(document, "Grade", at=(0, 84 + row * 22))
    blur = node(document, "Blur", read)
    place(document, [blur])
    assert not overlaps(document.nodes())
    assert rectangle(blur).top > rectangle(read).bottom


def test_a_new_node_does_not_stand_on_a_wire_of_others(document):
    high = node(document, "NoOp", at=(0, -200))
    node(document, "NoOp", high, at=(0, 400))
    read = node(document, "Dot", at=(34, 0))
    blur = node(document, "Blur", read)
    place(document, [blur])
    area = rectangle(blur)
    assert not area.left < middle(high) < area.right


def test_a_backdrop_grows_with_the_node_it_gets_and_shrinks_back(document):
    read = node(document, "Read", at=(0, 0))
    backdrop = node(document, "BackdropNode", at=(-40, -60), bdwidth="160", bdheight="170")
    before = document.to_bytes()
    mark = document.mark()
    grade = node(document, "Grade", read)
    blur = node(document, "Blur", grade)
    assert read in enclosed(backdrop)
    place(document, [grade, blur])
    assert {read, grade, blur} <= set(enclosed(backdrop))
    assert (backdrop.xpos, backdrop.ypos) == (-40, -60)
    document.roll_back(mark)
    assert document.to_bytes() == before


def test_nodes_connected_to_nothing_stand_beside_the_rest(document):
    node(document, "Read", at=(0, 0))
    noise = node(document, "Noise")
    place(document, [noise, blur := node(document, "Blur", noise), alone := node(document, "NoOp")])
    assert rectangle(noise).left > 80
    assert middle(blur) == middle(noise)
    assert not overlaps(document.nodes())
    assert alone.xpos > 80


def test_the_first_nodes_of_an_empty_script_make_a_tree(document):
    read, other = node(document, "Read"), node(document, "Read")
    merge = node(document, "Merge2", read, other)
    place(document, document.nodes())
    assert middle(merge) == middle(read)
    assert middle(other) < middle(merge)
    assert not overlaps(document.nodes())


def test_nodes_inside_of_a_group_are_placed_among_themselves(document):
    group = node(document, "Group", at=(0, 0))
    inside = document.create("Input", group=group, knobs={"xpos": "500", "ypos": "500"})
    blur = document.create("Blur", group=group, inputs=[inside])
    place(document, [blur])
    assert middle(blur) == middle(inside)
    assert (group.xpos, group.ypos) == (0, 0)


def test_place_gives_the_same_places_each_time():
    def places() -> list[tuple[int, int]]:
        document = nk.new_script()
        read = node(document, "Read", at=(0, 0))
        new = [node(document, "Grade", read) for _ in range(5)]
        place(document, new)
        return [(each.xpos, each.ypos) for each in new]

    assert places() == places()
    assert len(set(places())) == 5


def test_a_deleted_node_cannot_be_placed(document):
    gone = node(document, "Blur")
    document.delete(gone)
    with pytest.raises(NkError):
        place(document, [gone])


def test_tidy_sets_a_trunk_straight_and_keeps_its_end(document):
    read = node(document, "Read", at=(700, 500))
    grade = node(document, "Grade", read, at=(-300, 40))
    key = node(document, "Keyer", read, at=(13, 900))
    merge = node(document, "Merge2", grade, key, at=(33, 444))
    node(document, "Viewer", merge, at=(800, 800))
    outside = node(document, "NoOp", at=(5000, 5000))
    tidy(document, [each for each in document.nodes() if each is not outside])
    assert (merge.xpos, merge.ypos) == (33, 444)
    assert middle(grade) == middle(merge) == middle(read)
    assert middle(key) < middle(merge)
    assert rectangle(read).bottom < min(rectangle(grade).top, rectangle(key).top)
    assert (outside.xpos, outside.ypos) == (5000, 5000)
    assert not overlaps(document.nodes())


def test_tidy_of_a_real_script_covers_nothing_and_can_be_taken_back(corpus_file):
    try:
        document = nk.load(corpus_file)
    except NkError:
        pytest.skip("no script that can be read")
    before = document.to_bytes()
    mark = document.mark()
    tidy(document, document.nodes())
    assert not overlaps(document.nodes())
    assert not nk.diff(nk.loads(before), document).connections
    document.roll_back(mark)
    assert document.to_bytes() == before


def test_a_new_node_on_every_node_of_a_real_script_finds_a_place_below(corpus_file):
    try:
        document = nk.load(corpus_file)
    except NkError:
        pytest.skip("no script that can be read")
    old = [each for each in document.nodes() if each.class_name not in ("BackdropNode", "StickyNote", "Viewer", "Root")]
    covered = set(overlaps(document.nodes()))
    new = [document.create("Grade", inputs=[each]) for each in old[:40]]
    place(document, new)
    names = {each.name for each in new}
    assert not [pair for pair in overlaps(document.nodes()) if pair not in covered and names & set(pair)]
    for each in new:
        source = each.inputs[0]
        assert source is not None
        assert rectangle(each).top > rectangle(source).top
