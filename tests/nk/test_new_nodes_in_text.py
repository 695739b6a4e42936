"""Where new nodes are written: in lines of their own, at the cost of what changed, and always so that the graph comes back."""

from __future__ import annotations

import difflib
import random
import sys
from types import FrameType

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError

# Two branches; one node reads a named one, one reads what a `push` brings back. Nuke would write Z further down, so that no
# place found looks as if the whole were written anew.
SCRIPT = b"""Read {
 inputs 0
 name Z
}
set N0 [stack 0]
Read {
 inputs 0
 name R
}
set N1 [stack 0]
Grade {
 name G
}
push $N1
Blur {
 name B
}
Merge2 {
 inputs 2
 name M
}
push $N1
Keyer {
 name K
}
push $N0
Keyer {
 name L
}
"""


def large(blocks: int) -> bytes:
    return b"".join(
        f"Read {{\n inputs 0\n name Read{n}\n}}\nset N{n:x} [stack 0]\nGrade {{\n name Grade{n}\n}}\npush $N{n:x}\n"
        f"Blur {{\n name Blur{n}\n}}\nMerge2 {{\n inputs 2\n name Merge{n}\n}}\nWrite {{\n name Write{n}\n}}\n".encode()
        for n in range(1, blocks + 1)
    )


def graph(document: nk.Document) -> dict[str, list[str | None]]:
    return {path: [source and source.path for source in node.inputs] for path, node in document.paths()}


def removed_lines(before: bytes, after: bytes) -> list[str]:
    lines = difflib.unified_diff(before.decode().splitlines(), after.decode().splitlines(), lineterm="", n=0)
    return [line for line in lines if line.startswith("-") and not line.startswith("---")]


@pytest.mark.parametrize("readers", [(), ("G",), ("B", "K"), ("G", "B", "K"), ("K",)])
def test_a_node_behind_a_named_one(readers: tuple[str, ...]) -> None:
    document = nk.loads(SCRIPT)
    new = document.create("Dot", name="D1", inputs=[document.node("R")])
    for reader in readers:
        document.connect(document.node(reader), 0, new)
    after = document.to_bytes()
    assert graph(nk.loads(after)) == graph(document)
    if readers in ((), ("G",), ("G", "B", "K"), ("K",)):
        assert removed_lines(SCRIPT, after) == []


def test_every_reader_of_a_name_moves_when_the_name_does() -> None:
    document = nk.loads(SCRIPT)
    new = document.create("Dot", name="D1", inputs=[document.node("R")])
    for reader in ("G", "B", "K"):
        document.connect(document.node(reader), 0, new)
    assert b" name R\n}\nDot {\n name D1\n}\nset N1 [stack 0]\n" in document.to_bytes()


@pytest.mark.parametrize("readers", [(), ("G",), ("G", "B", "K")])
def test_a_chain_of_new_nodes(readers: tuple[str, ...]) -> None:
    document = nk.loads(SCRIPT)
    end = document.node("R")
    for number in range(1, 5):
        end = document.create("Dot", name=f"D{number}", inputs=[end])
    for reader in readers:
        document.connect(document.node(reader), 0, end)
    after = document.to_bytes()
    assert removed_lines(SCRIPT, after) == []
    assert after.count(b"push") == SCRIPT.count(b"push") + (not readers)
    assert graph(nk.loads(after)) == graph(document)


def test_many_new_nodes_add_lines_only_in_a_large_script() -> None:
    data = large(400)
    document = nk.loads(data)
    for number in range(1, 400, 20):
        document.create("Blur", inputs=[document.node(f"Write{number}")])
        document.create("Merge2", inputs=[document.node(f"Read{number}"), document.node(f"Merge{number + 1}")])
        write = document.node(f"Write{number + 2}")
        document.connect(write, 0, document.create("Grade", inputs=[document.node(f"Merge{number + 2}")]))
    document.create("BackdropNode")
    after = document.to_bytes()
    assert removed_lines(data, after) == []
    assert graph(nk.loads(after)) == graph(document)


def calls(work: object) -> int:
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()  # type: ignore[operator]
    finally:
        sys.setprofile(None)
    return count


def test_a_place_is_found_without_running_the_program_for_each_node() -> None:
    counts = []
    for new in (1, 20):
        document = nk.loads(large(600))
        for number in range(1, 1 + new):
            document.create("Blur", inputs=[document.node(f"Write{number * 10}")])
        counts.append(calls(document.to_bytes))
    assert counts[1] < counts[0] * 1.5


@pytest.mark.parametrize("seed", range(25))
def test_any_change_is_written_so_that_it_reads_back(seed: int) -> None:
    rng = random.Random(seed)
    data = large(6) + SCRIPT.replace(b"N1", b"Nabc")
    document = nk.loads(data)
    for _ in range(12):
        mark = document.mark()
        for _ in range(rng.randint(1, 4)):
            nodes = document.nodes()
            source = rng.choice(nodes)
            try:
                kind = rng.randrange(6)
                if kind == 0:
                    readers = source.dependents
                    new = document.create("Dot", inputs=[source])
                    for reader in rng.sample(readers, rng.randint(0, len(readers))):
                        document.connect(reader, reader.inputs.index(source), new)
                elif kind == 1:
                    document.create("Merge2", inputs=[source, rng.choice(nodes)])
                elif kind == 2:
                    new = document.create(rng.choice(["Constant", "BackdropNode"]))
                    document.connect(source, rng.randrange(2), new)
                elif kind == 3:
                    document.delete(source)
                elif kind == 4:
                    document.connect(source, rng.randrange(2), rng.choice([None, *nodes]))
                else:
                    document.copy([source])
            except NkError:
                continue
        assert graph(nk.loads(document.to_bytes())) == graph(document)
        if rng.random() < 0.7:
            document.roll_back(mark)
    document.roll_back(0)
    assert document.to_bytes() == data
