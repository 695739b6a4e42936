"""Who names a node, and how its readers' texts follow a new name: kept up under changes, at the cost of the answer."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError, NkError
from nuke_ai_panel.nk.expressions import Reference, references, referring_nodes, rename_edits


def rename(document: nk.Document, node: nk.Node, name: str) -> None:
    for other, body in rename_edits(node, name):
        document.set_body(other, body)
    document.rename(node, name)


def calls(work: Callable[[], object]) -> int:
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "ask",
    [
        lambda node: referring_nodes(node),
        lambda node: rename_edits(node, "Other"),
        lambda node: rename(node.document, node, "Another"),
    ],
    ids=["referring", "edits", "renaming"],
)
def test_cost_does_not_grow_with_the_script(ask: Callable[[nk.Node], object]) -> None:
    taken = []
    for count in (300, 3000):
        text = "".join(
            f"Grade {{\n inputs 0\n name Grade{n}\n}}\nBlur {{\n size {{{{Grade{n}.white+input.mix}}}}\n name Blur{n}\n}}\n"
            f'NoOp {{\n label "\\[value input.size] of \\[topnode]"\n name NoOp{n}\n}}\n'
            for n in range(count)
        )
        document = nk.loads(text.encode())
        assert [node.name for node in referring_nodes(document.node("Grade7"))] == ["Blur7"]
        assert [node.name for node in referring_nodes(document.node("Blur7"))] == ["NoOp7"]
        document.set_knob(document.node("Grade8"), "mix", "0.5")
        taken.append(calls(lambda document=document: ask(document.node("Grade100"))))
    assert taken[1] < taken[0] * 1.5 + 50


SCRIPT = b"""Root {
 inputs 0
}
Grade {
 inputs 0
 name Grade1
}
Group {
 name Group1
 addUserKnob {20 User}
 addUserKnob {7 amount}
 addUserKnob {41 size T Blur1.size}
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  size {{amount}}
  name Blur1
 }
 Grade {
  white {{parent.input.white+input1.white+Blur1.size}}
  name Grade1
 }
 NoOp {
  name NoOp1
  label "\\[value parent.amount] \\[value root.Grade1.white] \\[value input.input.size]"
 }
end_group
NoOp {
 name NoOp1
 label "\\[value input.amount] \\[value Group1.Blur1.size] \\[value topnode.white]"
}
"""


def everything(document: nk.Document) -> list[nk.Node]:
    return [*([document.root_node] if document.root_node else []), *document.walk()]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_kept_says_what_a_new_look_would(seed: int) -> None:
    rng = random.Random(seed)
    document = nk.loads(SCRIPT)
    marks = [document.mark()]
    for step in range(30):
        nodes = document.nodes(recurse=True)
        node = rng.choice(nodes)
        try:
            kind = rng.randrange(7)
            if kind == 0:
                rename(document, node, f"Name{step}")
            elif kind == 1:
                document.set_knob(node, "label", f"[value {rng.choice(nodes).path}.white]")
            elif kind == 2:
                document.delete(node)
            elif kind == 3:
                document.copy([node], group=node.scope.owner)
            elif kind == 4:
                document.connect(node, 0, rng.choice([None, *node.scope.nodes]))
            elif kind == 5:
                marks.append(document.mark())
            else:
                document.roll_back(marks.pop() if len(marks) > 1 else marks[0])
        except NkError:
            continue
        meant = {
            other: {each.target for each in references(other) if isinstance(each, Reference)} for other in everything(document)
        }
        for node in everything(document):
            family = {node, node.clone_of or node}
            assert referring_nodes(node) == [other for other in meant if other is not node and meant[other] & family], node
    document.roll_back(0)
    assert document.to_bytes() == SCRIPT


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Grade1", ["Group1.Grade1", "Group1.NoOp1", "NoOp1"]),
        ("Group1", ["Group1.Blur1", "Group1.NoOp1", "NoOp1"]),
        ("Group1.Blur1", ["Group1", "Group1.Grade1", "Group1.NoOp1", "NoOp1"]),
        ("Group1.Grade1", []),
    ],
)
def test_a_node_is_meant_by_name_from_inside_and_by_wire(path: str, expected: list[str]) -> None:
    document = nk.loads(SCRIPT)
    assert [node.path for node in referring_nodes(document.node(path))] == expected


EXPRESSION = b"""Root {
 inputs 0
}
NoOp {
 inputs 0
 name cam
}
NoOp {
 inputs 0
 name red
}
Expression {
 temp_name0 k
 temp_expr0 cam.tile_color*2
 expr0 "r > cam.tile_color ? \\[value cam.xpos] : red"
 expr1 cam
 name Expression1
}
MergeExpression {
 inputs 2
 expr0 A.red+cam.xpos
 name MergeExpression1
}
"""


def test_what_an_expression_node_computes_follows_a_new_name() -> None:
    document = nk.loads(EXPRESSION)
    assert [node.name for node in referring_nodes(document.node("cam"))] == ["Expression1", "MergeExpression1"]
    rename(document, document.node("cam"), "A")
    text = document.to_bytes()
    assert b" temp_expr0 A.tile_color*2\n" in text
    # Alone, a name is that of a channel.
    assert b' expr0 "r > A.tile_color ? \\[value A.xpos] : red"\n expr1 cam\n' in text
    rename(document, document.node("red"), "other")
    assert b": red" in document.to_bytes()


def test_an_input_of_a_merge_expression_is_no_node() -> None:
    document = nk.loads(EXPRESSION.replace(b"name red", b"name A"))
    rename(document, document.node("A"), "B2")
    assert b" expr0 A.red+cam.xpos\n" in document.to_bytes()


def test_text_follows_a_new_name_in_brackets_only() -> None:
    document = nk.loads(
        b'Root {\n inputs 0\n}\nGrade {\n inputs 0\n name Key\n}\nWrite {\n file "/out/Key/\\[value Key.label].exr"\n name W\n'
        b' label "Key: \\[knob Key.mix] \\[expr \\[value Key.white]*2] \\[topnode] \\[value this.Key]"\n}\n'
    )
    rename(document, document.node("Key"), "Plate")
    text = document.to_bytes().decode()
    assert ' file "/out/Key/\\[value Plate.label].exr"\n' in text
    assert ' label "Key: \\[knob Plate.mix] \\[expr \\[value Plate.white]*2] \\[topnode] \\[value this.Key]"\n' in text


def test_the_emulated_session_renames_as_the_document_does(corpus_file: Path) -> None:
    try:
        document = nk.load(corpus_file)
    except EncryptedScriptError:
        pytest.skip("encrypted")
    named = {each.target for node in document.walk() for each in references(node) if isinstance(each, Reference)}
    targets = [node for node in document.walk() if node in named and node.name.isidentifier() and node.clone_of is None]
    for target in targets[:2]:
        other = nk.load(corpus_file)
        nuke = nk.emulate(other)
        nuke.toNode(target.path).setName("Nobody_has_this", updateExpressions=True)
        mark = document.mark()
        rename(document, target, "Nobody_has_this")
        assert other.to_bytes() == document.to_bytes()
        document.roll_back(mark)
