"""Documents: reading the stack language, changing nodes, saving."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError, NkError, NkSyntaxError, NodeNotFoundError, ScriptChangedError
from nuke_ai_panel.nk.emulation.content import replace_content

CHAIN = b"""Read {
 inputs 0
 file "/a b/c.exr"
 name Read1
}
set N1 [stack 0]
Grade {
 name Grade1
}
push $N1
push 0
Merge2 {
 inputs 3
 name Merge1
}
"""


def sources(document: nk.Document, path: str) -> list[str | None]:
    return [None if source is None else source.name for source in document.node(path).inputs]


def added_lines(before: bytes, after: bytes) -> list[str]:
    """Return the lines that `after` has more than `before`; fails where a line is gone or moved."""
    rest = after.decode().splitlines()
    for line in before.decode().splitlines():
        rest.remove(line)
    walk = iter(after.splitlines())
    assert all(line in walk for line in before.splitlines())
    return rest


def test_the_first_popped_node_is_input_0() -> None:
    assert sources(nk.loads(CHAIN), "Merge1") == [None, "Read1", "Grade1"]


def test_node_without_inputs_knob_takes_one() -> None:
    assert sources(nk.loads(CHAIN), "Grade1") == ["Read1"]


def test_quotes_are_undone_in_knobs() -> None:
    assert nk.loads(CHAIN).node("Read1").knobs == {"file": "/a b/c.exr"}


def test_groups_have_a_stack_of_their_own() -> None:
    document = nk.loads(
        b"Read {\n inputs 0\n name R\n}\nGroup {\n name G\n}\n Input {\n  inputs 0\n  name I\n }\n"
        b" Blur {\n  name B\n }\nend_group\nWrite {\n name W\n}\n"
    )
    assert [node.path for node in document.nodes(recurse=True)] == ["R", "G", "G.I", "G.B", "W"]
    assert sources(document, "G") == ["R"]
    assert sources(document, "G.B") == ["I"]
    assert sources(document, "W") == ["G"]
    assert document.node("G.B").path == "G.B"


def test_clones_share_name_and_knobs() -> None:
    document = nk.loads(
        b"Grade {\n inputs 0\n white 2\n name G\n}\nset Cff [stack 0]\nBlur {\n name B\n}\nclone $Cff {\n xpos 5\n}\n"
    )
    original, _, clone = document.nodes()
    assert (clone.name, clone.class_name, clone.knobs, clone.xpos) == ("G", "Grade", {"white": "2"}, 5)
    document.set_knob(clone, "white", "3")
    assert original.knobs == {"white": "3"}
    document.delete(original)
    again = nk.loads(document.to_bytes())
    assert [(node.name, node.class_name) for node in again.nodes()] == [("B", "Blur"), ("G", "Grade")]
    assert again.node("G").knobs == {"white": "3"}


def test_pasted_snippet_starts_from_an_open_input() -> None:
    document = nk.loads(b"set cut_paste_input [stack 0]\nversion 15.1 v3\npush $cut_paste_input\nBlur {\n name B\n}\n")
    assert sources(document, "B") == []


@pytest.mark.parametrize(
    "text", [b"", b"\n\n# only a comment\n", b"Grade {name G xpos 3}", b"Grade {\r\n name G\r\n file \r\n}\r\n"]
)
def test_odd_forms_are_kept(text: bytes) -> None:
    assert nk.loads(text).to_bytes() == text


def test_one_line_body_is_read() -> None:
    assert (nk.loads(b"Grade {name G xpos 3}").node("G").xpos) == 3


def test_bytes_that_are_no_utf8_survive_an_edit() -> None:
    data = b"Grade {\n label \xe9t\xe9\n name G\n}\n"
    document = nk.loads(data)
    document.set_knob(document.node("G"), "white", "2")
    assert document.to_bytes() == data.replace(b" label", b" white 2\n label")


def test_line_ends_of_the_file_are_used() -> None:
    document = nk.loads(b"Grade {\r\n name G\r\n}\r\n")
    document.set_knob(document.node("G"), "white", "2")
    document.create("Blur", inputs=[document.node("G")])
    data = document.to_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")
    assert data.startswith(b"Grade {\r\n white 2\r\n name G\r\n}\r\n")


def test_new_knobs_stand_where_nuke_writes_them() -> None:
    document = nk.loads(b"Grade {\n name G\n xpos 1\n addUserKnob {20 User}\n}\n")
    for knob, value in (("label", "a b"), ("gamma", "2"), ("white", "3"), ("disable", "true")):
        document.set_knob(document.node("G"), knob, value)
    assert document.to_bytes() == (
        b'Grade {\n white 3\n gamma 2\n name G\n label "a b"\n xpos 1\n disable true\n addUserKnob {20 User}\n}\n'
    )


def test_new_node_after_the_last_one_adds_its_own_lines() -> None:
    document = nk.loads(CHAIN)
    document.create("Blur", inputs=[document.node("Merge1")], knobs={"size": "4"})
    assert added_lines(CHAIN, document.to_bytes()) == ["Blur {", " size 4", " name Blur1", "}"]


def test_new_branch_pushes_a_node_that_has_a_name() -> None:
    document = nk.loads(CHAIN)
    document.create("Blur", inputs=[document.node("Read1")])
    assert added_lines(CHAIN, document.to_bytes()) == ["push $N1", "Blur {", " name Blur1", "}"]


def test_new_branch_names_a_node_that_has_none() -> None:
    document = nk.loads(CHAIN)
    document.create("Blur", inputs=[document.node("Grade1")])
    data = document.to_bytes()
    lines = added_lines(CHAIN, data)
    assert len(lines) == 5
    assert lines[0].startswith("set N")
    assert sources(nk.loads(data), "Blur1") == ["Grade1"]
    assert document.to_bytes() == data, "writing twice gives the same names"


def test_file_without_a_last_line_end_can_grow() -> None:
    document = nk.loads(b"Grade {\n inputs 0\n name G\n}")
    document.create("Blur", inputs=[document.node("G")])
    assert document.to_bytes() == b"Grade {\n inputs 0\n name G\n}\nBlur {\n name Blur1\n}\n"


def test_delete_takes_only_the_nodes_lines() -> None:
    document = nk.loads(CHAIN)
    document.delete(document.node("Grade1"))
    assert document.to_bytes() == CHAIN.replace(b"Grade {\n name Grade1\n}\n", b"")
    assert sources(document, "Merge1") == [None, "Read1", "Read1"]


def test_connect_rewrites_the_wiring_and_keeps_the_bodies() -> None:
    document = nk.loads(CHAIN)
    document.connect(document.node("Merge1"), 0, document.node("Grade1"))
    again = nk.loads(document.to_bytes())
    assert sources(again, "Merge1") == ["Grade1", "Read1", "Grade1"]
    assert b' file "/a b/c.exr"\n name Read1\n' in document.to_bytes()


def test_a_connected_mask_is_counted_apart() -> None:
    document = nk.loads(CHAIN)
    document.create("Grade", inputs=[document.node("Merge1"), document.node("Read1")], name="Masked")
    assert b"Grade {\n inputs 1+1\n name Masked\n}\n" in document.to_bytes()


def test_connect_refuses_a_loop() -> None:
    document = nk.loads(CHAIN)
    with pytest.raises(NkError, match="loop"):
        document.connect(document.node("Grade1"), 0, document.node("Merge1"))
    assert document.to_bytes() == CHAIN


def test_comments_and_layers_survive_a_rewiring() -> None:
    data = CHAIN.replace(b"push 0", b"# here\nadd_layer {id id.red}\npush 0")
    document = nk.loads(data)
    document.connect(document.node("Merge1"), 0, document.node("Grade1"))
    after = document.to_bytes()
    assert b"# here\n" in after
    assert after.index(b"add_layer") < after.index(b"Merge2")


def test_names_are_unique_and_checked() -> None:
    document = nk.loads(CHAIN)
    assert document.create("Grade").name == "Grade2"
    with pytest.raises(NkError, match="already"):
        document.rename(document.node("Grade2"), "Read1")
    with pytest.raises(NkError, match="no node name"):
        document.rename(document.node("Grade2"), "2 words")
    document.rename(document.node("Grade2"), "Look")
    assert document.node("Look").class_name == "Grade"
    with pytest.raises(NodeNotFoundError):
        document.node("Grade2")


def test_roll_back_restores_every_kind_of_change() -> None:
    document = nk.loads(CHAIN)
    mark = document.mark()
    document.delete(document.node("Grade1"))
    document.rename(document.node("Merge1"), "M")
    document.set_knob(document.node("M"), "operation", "plus")
    document.select(document.node("M"))
    document.create("Group")
    assert document.to_bytes() != CHAIN
    document.roll_back(mark)
    assert document.to_bytes(with_selection=True) == CHAIN
    assert document.node("Merge1").inputs[2] is document.node("Grade1")


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        (b"Grade {\n name G\n", 1, 7, "'}'"),
        (b'Grade {\n label "open\n name G\n}\n', 2, 8, "'\"'"),
        (b"Grade {\n name G\n}\n}\n", 4, 1, "a command"),
        (b"end_group\n", 1, 1, "a command"),
        (b"Group {\n name G\n}\n Blur {\n }\n", 6, 1, "end_group"),
        (b"version 15.1 v3\nthis is no script\n", 2, 6, "'{'"),
    ],
)
def test_damaged_text_is_refused_with_its_place(text: bytes, line: int, column: int, expected: str) -> None:
    with pytest.raises(NkSyntaxError) as caught:
        nk.loads(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert expected in caught.value.expected


def test_encrypted_text_is_refused() -> None:
    with pytest.raises(EncryptedScriptError):
        nk.loads(b"Nuke NC mode encrypted text (commercial mode uses plain text)     dbkV{\n")


def test_save_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.nk"
    path.write_bytes(CHAIN)
    document = nk.load(path)
    document.set_knob(document.node("Grade1"), "white", "2")
    assert document.save() == str(path)
    assert path.read_bytes() == CHAIN.replace(b" name Grade1", b" white 2\n name Grade1")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nk"]
    document.clear_knob(document.node("Grade1"), "white")
    document.save()
    assert path.read_bytes() == CHAIN


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_save_keeps_the_files_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.nk"
    path.write_bytes(CHAIN)
    path.chmod(0o640)
    nk.load(path).save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_save_refuses_a_file_that_changed_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.nk"
    path.write_bytes(CHAIN)
    document = nk.load(path)
    path.write_bytes(CHAIN + b"\n")
    with pytest.raises(ScriptChangedError):
        document.save()
    assert path.read_bytes() == CHAIN + b"\n"
    document.save(tmp_path / "b.nk")
    assert (tmp_path / "b.nk").read_bytes() == CHAIN


def test_save_without_a_path_says_so() -> None:
    with pytest.raises(NkError, match="path"):
        nk.loads(CHAIN).save()


def test_failed_save_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    document = nk.loads(CHAIN)
    target = tmp_path / "folder"
    target.mkdir()
    (target / "kept").write_bytes(b"x")
    with pytest.raises(OSError, match=r"."):
        document.save(target)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_diff_tells_what_changed() -> None:
    before, after = nk.loads(CHAIN), nk.loads(CHAIN)
    after.set_knob(after.node("Grade1"), "white", "2")
    after.set_knob(after.node("Read1"), "xpos", "9")
    after.create("Blur", inputs=[after.node("Merge1")], knobs={"size": "4"})
    after.connect(after.node("Merge1"), 0, after.node("Grade1"))
    found = nk.diff(before, nk.loads(after.to_bytes()))
    assert found.summary() == "Creates 1 node, changes 1 knob, changes 1 connection, moves 1 node"
    assert found.lines() == [
        "+ Blur1 (Blur)",
        "    size: 4",
        "    input 0: Merge1",
        "~ Grade1",
        "    white: default -> 2",
        "~ Merge1",
        "    input 0: open -> Grade1",
        "> Read1 moved",
    ]
    assert not nk.diff(before, nk.loads(CHAIN))


def test_diff_ignores_selection_and_order() -> None:
    assert not nk.diff(nk.loads(CHAIN), nk.loads(CHAIN.replace(b" name Grade1", b" name Grade1\n selected true")))


def test_diff_names_a_removed_node() -> None:
    document = nk.loads(CHAIN)
    document.delete(document.node("Merge1"))
    assert nk.diff(nk.loads(CHAIN), document).lines() == ["- Merge1 (Merge2)"]


def test_long_chains_need_no_deep_stack() -> None:
    document = nk.loads(b"Read {\n inputs 0\n name R\n}\n" + b"Blur {\n}\n" * 3000)
    nodes = document.nodes()
    document.connect(nodes[-1], 1, nodes[0])
    assert [node and node.class_name for node in nk.loads(document.to_bytes()).nodes()[-1].inputs] == ["Blur", "Read"]


def test_replaced_content_brings_its_own_clones_and_takes_them_back() -> None:
    data = b"Grade {\n inputs 0\n white 2\n name G\n}\nset Cff [stack 0]\nclone $Cff {\n xpos 5\n}\n"
    document = nk.loads(data)
    before = [clone.path for node in document.nodes() for clone in node.clones]
    replace_content(document, b"Blur {\n inputs 0\n name X\n size 3\n}\nset C1 [stack 0]\nclone $C1 {\n inputs 0\n}\n")
    mark = document.mark()
    assert len(document.node("X").clones) == 1
    document.delete(document.node("X"))
    assert nk.loads(document.to_bytes()).node("X").knob("size") == "3"
    document.roll_back(mark)
    document.roll_back(0)
    assert [clone.path for node in document.nodes() for clone in node.clones] == before
    assert document.to_bytes() == data


DOTTED = b"""Group {
 inputs 0
 name A.v01
}
 Blur {
  inputs 0
  name S-Gamut3.Cine
 }
end_group
Group {
 inputs 0
 name A
}
 Blur {
  inputs 0
  name b.c
 }
 Group {
  inputs 0
  name b
 }
  Blur {
   inputs 0
   name c
  }
 end_group
end_group
"""


@pytest.mark.parametrize(
    ("asked", "knob"),
    [
        ("A.v01", "A.v01"),
        ("A.v01.S-Gamut3.Cine", "S-Gamut3.Cine"),
        ("root.A.v01.S-Gamut3.Cine", "S-Gamut3.Cine"),
        (r"A\.v01.S-Gamut3\.Cine", "S-Gamut3.Cine"),
        # Where both could be meant the dots of the path divide it.
        ("A.b.c", "c"),
        (r"A.b\.c", "b.c"),
    ],
)
def test_names_with_a_dot_are_found(asked: str, knob: str) -> None:
    assert nk.loads(DOTTED).node(asked).name == knob


@pytest.mark.parametrize("asked", ["A.v02", "A.b.c.d", "", ".", "A..b", "A." * 5000 + "b", r"A\.b"])
def test_a_path_that_names_nothing_is_refused(asked: str) -> None:
    with pytest.raises(NodeNotFoundError):
        nk.loads(DOTTED).node(asked)


def test_a_node_in_many_groups_is_found() -> None:
    depth = 1500
    text = (
        "".join(f"{' ' * level}Group {{\n name G\n}}\n" for level in range(depth))
        + "Blur {\n name B\n}\n"
        + "end_group\n" * depth
    )
    assert nk.loads(text.encode()).node("G." * depth + "B").name == "B"
