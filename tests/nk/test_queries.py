"""Finding nodes: indexes agree with the graph after any change, and no question walks the script."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from types import FrameType

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.nk.node import Scope


def chain(count: int) -> nk.Document:
    nodes = "".join(f"Blur {{\n name Blur{number}\n xpos {number}\n}}\n" for number in range(1, count + 1))
    return nk.loads(f"Read {{\n inputs 0\n name Read1\n}}\n{nodes}".encode())


def calls(work: Callable[[], object]) -> int:
    """Return how many Python functions `work` calls, those of comprehensions too."""
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
        lambda document: document.node("Blur500"),
        lambda document: document.node("Blur500").dependents,
        lambda document: document.node("Blur500").clones,
        lambda document: document.selected(),
        lambda document: document.nodes_of_class("Read", recurse=True),
        lambda document: document.free_name("Blur"),
        lambda document: document.rename(document.node("Blur501"), "Other"),
        lambda document: document.delete(document.node("Blur502")),
        lambda document: document.connect(document.node("Blur3"), 1, document.node("Read1")),
        lambda document: document.create("Grade", inputs=[document.node("Blur500")]),
        lambda document: document.set_knob(document.node("Blur600"), "size", "4"),
    ],
    ids=["node", "dependents", "clones", "selected", "of class", "free name", "rename", "delete", "connect", "create", "set"],
)
def test_cost_does_not_grow_with_the_script(ask: Callable[[nk.Document], object]) -> None:
    taken = []
    for count in (1000, 8000):
        document = chain(count)
        # The first question of a kind makes its index.
        document.node("Blur1")
        _ = document.node("Blur1").dependents
        document.nodes_of_class("Read", recurse=True)
        document.free_name("Blur")
        taken.append(calls(lambda document=document: ask(document)))  # type: ignore[misc]
    # A search by halves is a few steps longer in a larger script.
    assert taken[1] <= taken[0] + 50


def agrees(scope: Scope) -> None:
    nodes = scope.nodes
    assert [node.order for node in nodes] == sorted({node.order for node in nodes})
    for node in nodes:
        assert node.dependents == [other for other in nodes if any(source is node for source in other.inputs)]
        assert scope.find(node.name) is next(other for other in nodes if other.name == node.name)
        assert scope.of_class(node.class_name) == [other for other in nodes if other.class_name == node.class_name]
        assert node.clones == [other for other in node.document.walk() if other.clone_of is node]
    assert scope.selected() == [node for node in nodes if node.selected]


@pytest.mark.parametrize("seed", range(20))
def test_indexes_agree_with_the_graph_after_any_change(seed: int) -> None:
    document = nk.loads(
        b"Read {\n inputs 0\n name Read1\n selected true\n}\nset N1 [stack 0]\nset C1 [stack 0]\nBlur {\n name Blur1\n}\n"
        b"Group {\n name Group1\n}\n Input {\n  inputs 0\n  name Input1\n }\n Blur {\n  name Blur1\n }\nend_group\n"
        b"clone $C1 {\n inputs 0\n xpos 9\n}\npush $N1\nMerge2 {\n inputs 2\n name Merge1\n}\n"
    )
    before = document.to_bytes()
    rng = random.Random(seed)
    agrees(document.top)
    for _ in range(30):
        nodes = document.nodes(recurse=True)
        try:
            node = rng.choice(nodes)
            kind = rng.randrange(7)
            if kind == 0:
                document.delete(node)
            elif kind == 1:
                document.connect(node, rng.randrange(3), rng.choice([*node.scope.nodes, None]))
            elif kind == 2:
                document.create(rng.choice(["Blur", "Grade"]), inputs=[node], group=node.scope.owner)
            elif kind == 3:
                document.rename(node, rng.choice(["Blur1", "Blur2", "Other", "Read1"]))
            elif kind == 4:
                document.select(node, not node.selected)
            elif kind == 5:
                document.copy([node])
            else:
                document.set_body(node, "\n name Blur7\n inputs 1\n")
        except (NkError, IndexError):
            continue
        for scope in {node.scope for node in document.nodes(recurse=True)}:
            agrees(scope)
    document.roll_back(0)
    assert document.to_bytes() == before
    agrees(document.top)
    assert document.find("Read1") is document.nodes()[0]


def test_free_names_fill_gaps() -> None:
    document = chain(3)
    assert document.free_name("Blur") == "Blur4"
    document.delete(document.node("Blur2"))
    assert document.free_name("Blur") == "Blur2"
    assert [document.create("Blur").name for _ in range(2)] == ["Blur2", "Blur4"]
    assert document.free_name("Blur", bearer=document.node("Blur3")) == "Blur3"
    assert document.free_name("Blur", bearer=document.node("Read1")) == "Blur5"


def test_connect_refuses_a_loop_over_many_nodes() -> None:
    document = chain(3000)
    with pytest.raises(NkError, match="loop"):
        document.connect(document.node("Blur1"), 1, document.node("Blur3000"))
    with pytest.raises(NkError, match="loop"):
        document.connect(document.node("Blur7"), 0, document.node("Blur7"))
