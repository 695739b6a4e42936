"""The order in which a scope is written anew: Nuke's own, measured on real scripts, and only where wiring changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError
from nuke_ai_panel.nk.node import Item, Node
from nuke_ai_panel.nk.wiring import in_nuke_order


def shown(items: list[Item]) -> list[str]:
    return [str(item.text) if isinstance(item, Node) else item.text for item in items]


def test_real_scopes_come_out_as_nuke_wrote_them(corpus: Path) -> None:
    scopes = same = 0
    for path in sorted(corpus.rglob("*")):
        if path.suffix not in (".nk", ".gizmo"):
            continue
        document = nk.load(path)
        for scope in [document.top, *(node.children for node in document.walk() if node.children is not None)]:
            made = in_nuke_order(scope)
            order = [item for item in scope.base if isinstance(item, Node)]
            assert [item for item in made if isinstance(item, Node)] == order, path.name
            scopes += 1
            same += shown(made) == shown(scope.base)
    # The few others are written by hand: a node that reads from a backdrop, a layer between a push and its node.
    assert scopes > 400
    assert same / scopes > 0.99


def test_rewiring_changes_no_other_scope_and_no_body(corpus_file: Path) -> None:
    try:
        document = nk.load(corpus_file)
    except EncryptedScriptError:
        pytest.skip("encrypted")
    groups = [node for node in document.walk() if node.children is not None and len(node.children.nodes) > 3]
    for group in groups[:3]:
        mark = document.mark()
        before = {node: str(node.text) for node in document.walk()}
        others = {node: document.text_of(node) for node in document.top.nodes if node is not group and not inside(group, node)}
        source, reader = sinks(group)
        document.connect(reader, 0, source)
        for node, text in others.items():
            assert document.text_of(node) == text
        # The rewired node may have another number of inputs; no other body changes, and each is written as it is.
        written = document.text_of(group)
        for node in group.children.nodes if group.children else ():
            if node is not reader:
                assert str(node.text) == before[node]
            assert str(node.text).rstrip() in written
        document.roll_back(mark)


def sinks(group: Node) -> tuple[Node, Node]:
    """Return a node of the group and one that may read from it."""
    nodes = group.children.nodes if group.children else []
    made = group.document.create("Blur", group=group)
    return nodes[0], made


def inside(inner: Node, outer: Node) -> bool:
    owner = inner.scope.owner
    while owner is not None:
        if owner is outer:
            return True
        owner = owner.scope.owner
    return False


TWO = b"""Read {
 inputs 0
 name A
}
set N1 [stack 0]
Read {
 inputs 0
 name B
}
push $N1
Merge2 {
 inputs 2
 name M
}
Viewer {
 name V
}
BackdropNode {
 inputs 0
 name K
}
"""


def test_backdrops_first_then_from_the_sinks_with_the_last_input_first() -> None:
    document = nk.loads(TWO)
    document.connect(document.node("M"), 0, document.node("B"))
    document.connect(document.node("M"), 1, document.node("A"))
    assert re.findall(r"name (\w)|(push \S+|set \S+)", document.to_bytes().decode()) == [
        ("K", ""),
        ("A", ""),
        ("B", ""),
        ("M", ""),
        ("V", ""),
    ]


def test_a_layer_is_declared_before_the_nodes_that_followed_it() -> None:
    text = TWO.replace(b"Merge2 {", b"add_layer {id id.red}\nMerge2 {")
    document = nk.loads(text)
    document.connect(document.node("M"), 1, document.node("A"))
    data = document.to_bytes()
    assert data.index(b"name A") < data.index(b"add_layer") < data.index(b"name M")
    assert nk.loads(data).layer_channels() == ["id.red"]


def test_a_name_that_only_a_group_pushes_is_kept() -> None:
    text = TWO.replace(b"Viewer {", b"Group {\n name G\n}\npush $N1\n Blur {\n  name X\n }\nend_group\nViewer {")
    document = nk.loads(text)
    document.connect(document.node("M"), 0, document.node("B"))
    again = nk.loads(document.to_bytes())
    assert [source and source.name for source in again.node("G.X").inputs] == ["A"]


@pytest.mark.parametrize(
    "head", [b"", b"set cut_paste_input [stack 0]\n", b"set cut_paste_input [stack 0]\npush $cut_paste_input\n"]
)
def test_what_takes_from_an_empty_stack_goes_on_doing_so(head: bytes) -> None:
    text = head + b"Merge2 {\n inputs 2\n name M\n}\n"
    assert "".join(shown(in_nuke_order(nk.loads(text).top))).encode() == text


def test_a_snippet_declares_its_layers_behind_what_it_is_pasted_after() -> None:
    # As Nuke 9 and later copy it.
    text = b"set cut_paste_input [stack 0]\nversion 9.0 v1\npush $cut_paste_input\nadd_layer {N N.x N.y}\nGrade {\n name G\n}\n"
    document = nk.loads(text)
    assert "".join(shown(in_nuke_order(document.top))).encode() == text
