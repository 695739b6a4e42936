"""Snippets: nodes copied within a script, into groups and between scripts, their texts as they are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Optional

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError, NkError

ROTO = b"""Roto {
 inputs 0
 output alpha
 curves {{{v x3f99999a}
  {f 0}
  {n
   {layer Root
    {f 2097152}
    {t x45000000 x44280000}
    {a pt1x 0 osbe 0 }
    {curvegroup Bezier1 512 bezier
     {{cc
       {f 8192}
       {px 1001
        {xc0 x42}}}     idem}}}}}}
 toolbox {selectAll {
  { selectAll str 1 ssx 1 }
  { createBezier str "a \\} b" } }}
 name Roto1
 xpos 5
}
"""
SCRIPT = (
    b"version 14.0 v5\nRead {\n inputs 0\n name Read1\n}\nset N1 [stack 0]\n"
    + ROTO
    + b"push $N1\nMerge2 {\n inputs 2\n name Merge1\n}\nset C1 [stack 0]\npush $N1\nclone $C1 {\n xpos 9\n}\n"
    + b"Group {\n name Group1\n}\n Input {\n  inputs 0\n  name Input1\n }\nset N1a [stack 0]\n"
    + b" Blur {\n  name Blur1\n }\npush $N1a\n Merge2 {\n  inputs 2\n  name Merge1\n }\nend_group\n"
)


def sources(document: nk.Document, path: str) -> list[Optional[str]]:
    return [source and source.name for source in document.node(path).inputs]


def test_snippet_has_nukes_form() -> None:
    document = nk.loads(SCRIPT)
    text = document.to_snippet([document.node("Merge1"), document.node("Roto1")])
    assert text == (
        "set cut_paste_input [stack 0]\nversion 14.0 v5\npush $cut_paste_input\n"
        + ROTO.decode()
        + "push $cut_paste_input\nMerge2 {\n inputs 2\n name Merge1\n}\n"
    )


def test_a_chain_continues_what_it_is_pasted_after() -> None:
    document = nk.loads(b"Read {\n inputs 0\n name R\n}\nBlur {\n name B\n}\nGrade {\n name G\n}\n")
    assert document.to_snippet([document.node("G"), document.node("B")]) == (
        "set cut_paste_input [stack 0]\npush $cut_paste_input\nBlur {\n name B\n}\nGrade {\n name G\n}\n"
    )


def test_opaque_nodes_are_copied_moved_and_deleted_verbatim() -> None:
    document = nk.loads(SCRIPT)
    roto = document.node("Roto1")
    (copied,) = document.copy([roto])
    assert copied.name == "Roto2"
    assert ROTO.replace(b"Roto1", b"Roto2") in document.to_bytes()
    (inside,) = document.copy([roto], group=document.node("Group1"))
    document.delete(roto)
    assert inside.path == "Group1.Roto1"
    again = nk.loads(document.to_bytes())
    assert again.to_bytes().count(ROTO) == 1
    assert again.node("Group1.Roto1").knobs == inside.knobs
    assert again.find("Roto1") is None


def test_nodes_are_copied_into_another_script() -> None:
    document, other = nk.loads(SCRIPT), nk.loads(b"Read {\r\n inputs 0\r\n name Read1\r\n}\r\n")
    before = other.to_bytes()
    copies = document.copy(document.nodes(), to=other)
    again = nk.loads(other.to_bytes())
    assert {node.name for node in copies} == {node.name for node in again.nodes()} - {"Read1"}
    assert {name: sources(again, name) for name in ("Merge1", "Group1", "Group1.Merge1")} == {
        "Merge1": ["Read2", "Roto1"],
        "Group1": ["Merge1"],
        "Group1.Merge1": ["Input1", "Blur1"],
    }
    assert [clone.xpos for clone in again.node("Merge1").clones] == [9]
    assert other.to_bytes().replace(b"\r\n", b"").count(b"\n") == 0
    other.roll_back(0)
    assert other.to_bytes() == before


def test_a_clone_without_its_original_becomes_a_node() -> None:
    document = nk.loads(SCRIPT)
    (clone,) = document.node("Merge1").clones
    (made,) = document.copy([clone])
    assert (made.clone_of, made.class_name, made.name, made.xpos) == (None, "Merge2", "Merge2", 9)


def test_names_on_the_stack_do_not_mix() -> None:
    # The pasted group gives its own node a name that the script uses after it.
    document = nk.loads(SCRIPT)
    group = (
        "Group {\n name Inner\n}\n Blur {\n  inputs 0\n  name B\n }\nset N1 [stack 0]\n Grade {\n  name G\n }\npush $N1\n"
        " Merge2 {\n  inputs 2\n  name M\n }\nend_group\n"
    )
    (pasted,) = document.paste(group)
    document.connect(document.node("Merge1"), 1, document.node("Read1"))
    document.connect(document.node("Merge1"), 0, pasted)
    again = nk.loads(document.to_bytes())
    assert sources(again, "Merge1") == ["Inner", "Read1"]
    assert [source and source.name for source in again.node("Merge1").clones[0].inputs][:1] == ["Read1"]
    assert sources(again, "Inner.M") == ["B", "G"]


@pytest.mark.parametrize("text", ["clone $Cff {\n xpos 1\n}\n", "Grade {\n name G\n", "foo bar\n"])
def test_what_cannot_be_pasted_changes_nothing(text: str) -> None:
    document = nk.loads(SCRIPT)
    with pytest.raises(NkError):
        document.paste(text)
    assert document.to_bytes() == SCRIPT


def test_what_cannot_be_copied_is_refused() -> None:
    document = nk.loads(SCRIPT)
    with pytest.raises(NkError, match="no node"):
        document.to_snippet([])
    with pytest.raises(NkError, match="different groups"):
        document.to_snippet([document.node("Merge1"), document.node("Group1.Blur1")])


def test_snippets_of_real_scripts_carry_the_graph(corpus_file: Path) -> None:
    try:
        document = nk.load(corpus_file)
    except EncryptedScriptError:
        pytest.skip("encrypted")
    rng = random.Random(corpus_file.name)
    nodes = document.nodes()
    for chosen in (nodes, rng.sample(nodes, min(6, len(nodes)))):
        if not chosen:
            continue
        inside = set(chosen)
        text = document.to_snippet(chosen)
        made = nk.loads(text.encode("utf-8", "surrogateescape"))
        assert len(made.nodes(recurse=True)) == len(list(chosen)) + sum(
            1 for node in chosen if node.children for _ in document.walk(node.children)
        )
        found = sorted(
            (n.name, [s.name if s else "" for s in n.inputs], dict(n.knobs)) for n in made.nodes() if n.name.isascii()
        )
        wanted = []
        for node in chosen:
            inputs = [source.name if source in inside and source else "" for source in node.inputs]
            while inputs and not inputs[-1]:
                inputs.pop()
            wanted.append((node.name, inputs, dict(node.knobs)))
        assert found == sorted(one for one in wanted if one[0].isascii())
