"""Real scripts: nothing is lost, and a change stays where it was made."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EncryptedScriptError, NkError
from nuke_ai_panel.nk.graph_diff import NodeChange


def loaded(path: Path) -> tuple[bytes, nk.Document]:
    data = path.read_bytes()
    try:
        return data, nk.loads(data)
    except EncryptedScriptError:
        pytest.skip("encrypted; that is refused, as test_damage shows")


def graph(document: nk.Document) -> list[str]:
    """Return every node as text, in no order of the file."""
    return sorted(
        repr((n.path, n.class_name, [s and s.path for s in n.inputs], n.xpos, n.ypos, dict(n.knobs), dict(n.user_knobs)))
        for n in document.nodes(recurse=True)
    )


def test_load_and_write_back_gives_the_same_bytes(corpus_file: Path) -> None:
    if corpus_file.suffix == ".nknc":
        with pytest.raises(EncryptedScriptError):
            nk.load(corpus_file)
        return
    data, document = loaded(corpus_file)
    assert document.to_bytes() == data
    assert document.nodes()


def test_set_knob_changes_its_own_line_only(corpus_file: Path) -> None:
    data, document = loaded(corpus_file)
    rng = random.Random(corpus_file.name)
    nodes = [node for node in document.nodes(recurse=True) if node.clone_of is None and node.text.find("xpos")]
    for node in rng.sample(nodes, min(5, len(nodes))):
        mark = document.mark()
        document.set_knob(node, "xpos", "123456")
        before, after = data.split(b"\n"), document.to_bytes().split(b"\n")
        assert len(before) == len(after)
        assert sum(one != other for one, other in zip(before, after)) == 1
        document.roll_back(mark)
    assert document.to_bytes() == data


def test_create_node_after_another_adds_lines_only(corpus_file: Path) -> None:
    data, document = loaded(corpus_file)
    rng = random.Random(corpus_file.name)
    nodes = [node for node in document.nodes() if node.class_name not in ("BackdropNode", "StickyNote")]
    for node in rng.sample(nodes, min(3, len(nodes))):
        mark = document.mark()
        for other in document.nodes():
            document.select(other, other is node)
        made = nk.emulate(document).createNode("Grade").fullName()
        after = document.to_bytes()
        rest = iter(after.splitlines())
        assert all(line in rest for line in data.splitlines()), "a line of the file was changed or moved"
        found = nk.diff(nk.loads(data), nk.loads(after))
        assert found.added == (NodeChange(made, "Grade"),)
        assert not found.removed
        assert graph(nk.loads(after)) == graph(document)
        document.roll_back(mark)
        assert document.to_bytes() == data


def test_rewiring_writes_what_the_graph_says(corpus_file: Path) -> None:
    data, document = loaded(corpus_file)
    rng = random.Random(corpus_file.name)
    for _ in range(3):
        mark = document.mark()
        for _ in range(3):
            nodes = document.nodes(recurse=True)
            if not nodes:
                break
            node = rng.choice(nodes)
            try:
                kind = rng.randrange(3)
                if kind == 0:
                    document.delete(node)
                elif kind == 1:
                    document.connect(node, rng.randrange(3), rng.choice([*node.scope.nodes, None]))
                else:
                    document.create("Blur", inputs=[node], group=node.scope.owner)
            except NkError:
                # A loop, which is refused.
                continue
        assert graph(nk.loads(document.to_bytes())) == graph(document)
        document.roll_back(mark)
        assert document.to_bytes() == data
