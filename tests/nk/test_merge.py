"""A change made on a copy comes into a script that has moved on, as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError

SCRIPT = b"""Root {
 inputs 0
 fps 24
}
Read {
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
Blur {
 size 5
 name Blur1
 xpos 0
 ypos 200
}
Group {
 name Group1
 xpos 0
 ypos 250
}
 Input {
  inputs 0
  name Input1
 }
 Invert {
  name Invert1
 }
 Output {
  name Output1
 }
end_group
Write {
 file b.exr
 name Write1
 xpos 0
 ypos 300
}
"""

Change = Callable[[nk.Document], object]


def set_knob(path: str, knob: str, value: str) -> Change:
    return lambda document: document.set_knob(document.root_node if path == "Root" else document.node(path), knob, value)


def rename(path: str, name: str) -> Change:
    return lambda document: document.rename(document.node(path), name)


def delete(path: str) -> Change:
    return lambda document: document.delete(document.node(path))


def connect(path: str, index: int, source: str | None) -> Change:
    return lambda document: document.connect(document.node(path), index, document.node(source) if source else None)


def insert(class_name: str, above: str, name: str = "", **knobs: str) -> Change:
    """Put a new node between a node and what it reads from."""

    def change(document: nk.Document) -> None:
        reader = document.node(above)
        made = document.create(class_name, name=name, inputs=[reader.inputs[0]], knobs=knobs)
        document.connect(reader, 0, made)

    return change


def three(ours_change: Change | None, theirs_change: Change | None) -> tuple[nk.Document, nk.Document, nk.Document]:
    base, ours, theirs = nk.loads(SCRIPT), nk.loads(SCRIPT), nk.loads(SCRIPT)
    for document, change in ((ours, ours_change), (theirs, theirs_change)):
        if change is not None:
            change(document)
    # A copy goes through its text, as a snapshot of a session does.
    return base, ours, nk.loads(theirs.to_bytes())


CHANGES = {
    "knob": set_knob("Grade1", "multiply", "7"),
    "list": set_knob("Grade1", "white", "{1 2 3 1}"),
    "text like a list": lambda document: document.set_knob(document.node("Grade1"), "label", "{1 2}", scalar=True),
    "root": set_knob("Root", "fps", "25"),
    "inside": set_knob("Group1.Invert1", "channels", "rgb"),
    "clear": lambda document: document.clear_knob(document.node("Blur1"), "size"),
    "rename": rename("Grade1", "Key"),
    "rename group": rename("Group1", "Despill"),
    "insert": insert("Saturation", "Blur1"),
    "insert with knobs": insert("Blur", "Write1", size="{{parent.Blur1.size}}", xpos="5", ypos="280"),
    "add a group": lambda document: document.create(
        "Invert", name="In", group=document.create("Group", inputs=[document.node("Blur1")])
    ),
    "add inside": lambda document: document.create("Blur", name="Deep", group=document.node("Group1")),
    "delete": delete("Blur1"),
    "delete group": delete("Group1"),
    "move": set_knob("Grade1", "xpos", "500"),
    "rewire": connect("Write1", 0, "Read1"),
    "swap": lambda document: (
        document.connect(document.node("Blur1"), 0, None),
        document.connect(document.node("Grade1"), 0, document.node("Blur1")),
        document.connect(document.node("Group1"), 0, document.node("Grade1")),
        document.connect(document.node("Blur1"), 0, document.node("Read1")),
    ),
    "open": connect("Grade1", 0, None),
    "user knob": lambda document: document.set_body(
        document.node("Grade1"),
        document.node("Grade1").text.body + " addUserKnob {20 User}\n addUserKnob {7 amount R 0 2}\n amount 1\n",
    ),
    "replace": lambda document: (
        delete("Blur1")(document),
        insert("Defocus", "Group1", "Blur1")(document),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_merge_into_an_unchanged_script_gives_the_copy(change):
    base, ours, theirs = three(None, change)
    assert nk.diff(base, theirs)
    merged = nk.merge(base, ours, theirs)
    assert merged.conflicts == ()
    assert not nk.diff(ours, theirs)
    assert not nk.diff(nk.loads(ours.to_bytes()), theirs)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_merge_can_be_taken_back_as_one(change):
    base, ours, theirs = three(insert("NoOp", "Grade1", "Mine1"), change)
    before = ours.to_bytes()
    merged = nk.merge(base, ours, theirs)
    ours.roll_back(merged.mark)
    assert ours.to_bytes() == before
    assert {node.path for node in ours.nodes(recurse=True)} == {node.path for node in nk.loads(before).nodes(recurse=True)}


@pytest.mark.parametrize("change", [each for name, each in CHANGES.items() if name not in ("open", "swap")])
def test_merge_keeps_what_was_done_meanwhile(change):
    base, ours, theirs = three(insert("NoOp", "Grade1", "Mine1", label="mine"), change)
    expected = nk.loads(ours.to_bytes())
    change(expected)
    assert nk.merge(base, ours, theirs).conflicts == ()
    assert not nk.diff(expected, ours)


def test_merge_of_the_same_change_on_both_sides_is_no_conflict():
    for change in CHANGES.values():
        base, ours, theirs = three(change, change)
        before = ours.to_bytes()
        assert nk.merge(base, ours, theirs).conflicts == ()
        assert not nk.diff(nk.loads(before), ours)


def test_merge_names_the_new_nodes():
    base, ours, theirs = three(None, insert("Saturation", "Blur1"))
    merged = nk.merge(base, ours, theirs)
    assert [node.path for node in merged.added] == ["Saturation1"]
    assert all(node.document is ours for node in merged.added)


def test_merge_keeps_text_that_looks_like_a_list_text():
    base, ours, theirs = three(set_knob("Grade1", "mix", "0.5"), CHANGES["text like a list"])
    written = ours.node("Grade1").text
    assert nk.merge(base, ours, theirs)
    label = ours.node("Grade1").text.find("label")
    assert label is not None
    assert written.word(label) == theirs.node("Grade1").text.word(theirs.node("Grade1").text.find("label"))
    assert written.word(label).startswith('"')
    assert ours.node("Grade1").knob("mix") == "0.5"


def test_merge_of_a_change_of_user_knobs_into_a_node_that_moved():
    base, ours, theirs = three(set_knob("Grade1", "xpos", "900"), CHANGES["user knob"])
    assert nk.merge(base, ours, theirs)
    assert ours.node("Grade1").xpos == 900
    assert "amount" in ours.node("Grade1").user_knobs


def test_a_node_that_both_sides_moved_stays_where_it_is_now():
    base, ours, theirs = three(set_knob("Grade1", "xpos", "900"), set_knob("Grade1", "xpos", "-900"))
    assert nk.merge(base, ours, theirs)
    assert ours.node("Grade1").xpos == 900


CONFLICTS = {
    "knob": (set_knob("Grade1", "multiply", "3"), set_knob("Grade1", "multiply", "4"), ("knob", "Grade1", "multiply")),
    "root": (set_knob("Root", "fps", "25"), set_knob("Root", "fps", "30"), ("knob", "Root", "fps")),
    "changed and gone": (delete("Grade1"), set_knob("Grade1", "multiply", "4"), ("deleted", "Grade1", "")),
    "gone and changed": (set_knob("Grade1", "multiply", "4"), delete("Grade1"), ("in_use", "Grade1", "")),
    "gone and read": (connect("Write1", 0, "Grade1"), delete("Grade1"), ("in_use", "Grade1", "")),
    "changed inside": (set_knob("Group1.Invert1", "mix", "0"), delete("Group1"), ("in_use", "Group1", "")),
    "source gone": (delete("Grade1"), connect("Write1", 0, "Grade1"), ("deleted", "Grade1", "")),
    "user knobs": (set_knob("Grade1", "mix", "0.5"), CHANGES["user knob"], ("knob", "Grade1", "addUserKnob amount")),
    "connection taken": (connect("Write1", 0, "Grade1"), connect("Write1", 0, "Read1"), ("connection", "Write1", "0")),
    "place taken": (insert("Invert", "Blur1"), insert("Saturation", "Blur1"), ("connection", "Blur1", "0")),
    "name taken": (insert("Invert", "Blur1", "New1"), insert("Blur", "Write1", "New1"), ("name", "New1", "")),
    "two names": (rename("Grade1", "One"), rename("Grade1", "Two"), ("name", "One", "")),
    "renamed onto": (insert("Invert", "Blur1", "Key"), rename("Write1", "Key"), ("name", "Key", "")),
    "group gone": (delete("Group1"), CHANGES["add inside"], ("deleted", "Group1", "")),
    "named in an expression, gone": (
        delete("Blur1"),
        set_knob("Grade1", "multiply", "{{parent.Blur1.size}}"),
        ("deleted", "Grade1", ""),
    ),
    "named in an expression, renamed": (
        rename("Blur1", "Soft"),
        set_knob("Grade1", "multiply", "{{Blur1.size}}"),
        ("name", "Soft", ""),
    ),
}


@pytest.mark.parametrize(("mine", "yours", "expected"), CONFLICTS.values(), ids=CONFLICTS)
def test_merge_refuses_a_conflict_and_changes_nothing(mine, yours, expected):
    base, ours, theirs = three(mine, yours)
    before = ours.to_bytes()
    merged = nk.merge(base, ours, theirs)
    assert not merged
    assert expected in [(each.kind, each.path, each.what) for each in merged.conflicts]
    assert all(each.message for each in merged.conflicts)
    assert ours.to_bytes() == before


def test_merge_refuses_what_would_be_a_loop_and_changes_nothing():
    base, ours, theirs = three(None, None)
    for document in (base, ours, theirs):
        for name in ("One", "Two"):
            document.create("NoOp", name=name, knobs={"label": name})
    connect("One", 0, "Two")(ours)
    connect("Two", 0, "One")(theirs)
    before = ours.to_bytes()
    merged = nk.merge(base, ours, theirs)
    assert [each.kind for each in merged.conflicts] == ["impossible"]
    assert ours.to_bytes() == before


def test_merge_keeps_the_line_ends_of_the_script():
    base = nk.loads(SCRIPT.replace(b"\n", b"\r\n"))
    ours = nk.loads(SCRIPT.replace(b"\n", b"\r\n"))
    _, _, theirs = three(None, lambda document: [CHANGES[name](document) for name in ("knob", "insert", "user knob")])
    nk.merge(base, ours, theirs)
    data = ours.to_bytes()
    assert data.count(b"\r\n") == data.count(b"\n")


def test_merge_brings_changes_into_real_scripts(corpus_file):
    try:
        base = nk.load(corpus_file)
    except NkError:
        pytest.skip("no script that can be read")
    data = base.to_bytes()
    ours, theirs = nk.loads(data), nk.loads(data)
    nodes = [node.path for node in theirs.nodes() if node.clone_of is None and not node.clones and node.text.name]
    for number, path in enumerate(nodes[:60]):
        document = (ours, theirs)[number % 2]
        node = document.find(path)
        if node is None or base.find(path) is None:
            continue
        document.set_knob(node, "label", f"changed {number}")
        if number % 5 == 0:
            document.create("Blur", inputs=[node], knobs={"size": str(number)}, name=f"Merged{number}x1")
    theirs = nk.loads(theirs.to_bytes())
    wanted = nk.diff(base, theirs)
    mine = nk.diff(base, ours)
    merged = nk.merge(base, ours, theirs)
    assert merged.conflicts == ()
    found = nk.diff(base, ours)
    assert set(found.added) == {*wanted.added, *mine.added}
    assert set(found.knobs) == {*wanted.knobs, *mine.knobs}
    assert found.removed == ()
    ours.roll_back(merged.mark)
    assert nk.diff(base, ours) == mine
