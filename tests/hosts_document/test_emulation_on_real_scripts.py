"""The emulated module on scripts by many authors: it reads and rewrites what they hold, and takes back what it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NotSimulatedError, NukeAIPanelError
from nuke_ai_panel.nk.emulation.module import session_of

_MOST_BYTES = 120_000
_FILES = 10


@pytest.fixture(scope="module")
def scripts(corpus: Path) -> list[tuple[str, bytes]]:
    """Name and bytes of scripts with a Root, small enough to be tried in a moment."""
    found = []
    for path in sorted(corpus.rglob("*.nk")):
        data = path.read_bytes()
        try:
            document = nk.loads(data)
        except NukeAIPanelError:
            continue
        if document.root_node is not None and document.nodes() and len(data) < _MOST_BYTES:
            found.append((path.name, data))
    assert len(found) >= _FILES
    return found


def test_every_written_knob_is_read_or_named_as_not_simulated(scripts):
    read = refused = 0
    for name, data in scripts:
        document = nk.loads(data)
        nuke = nk.emulate(document)
        for path, node in document.paths():
            # Not by its path: a name such as "S-Gamut3.Cine_Expression" leads elsewhere.
            handle = session_of(nuke).handle(node)
            for knob in [*node.knobs, *node.user_knobs]:
                found = handle.knob(knob)
                assert found is not None, (name, path, knob)
                assert isinstance(found.toScript() if knob in node.knobs else "", str)
                try:
                    found.value()
                    read += 1
                except NotSimulatedError:
                    refused += 1
        assert document.to_bytes() == nk.loads(data).to_bytes(), "reading changes nothing"
    assert read > 10 * refused


def test_copying_and_collapsing_can_be_written_read_and_taken_back(scripts):
    for name, data in scripts:
        document = nk.loads(data)
        before = document.to_bytes()
        nuke = nk.emulate(document)
        nuke.Undo.begin("copy")
        nuke.selectAll()
        count = len(nuke.allNodes())
        nuke.nodeCopy("%clipboard%")
        nuke.nodePaste("%clipboard%")
        assert len(nuke.allNodes()) == 2 * count, name
        assert not nk.diff(nk.loads(document.to_bytes()), document), name
        nuke.Undo.cancel()
        assert document.to_bytes() == before
        nuke.Undo.begin("collapse")
        for place, node in enumerate(nuke.allNodes()):
            node.setSelected(place < 6)
        group = nuke.collapseToGroup()
        assert not nk.diff(nk.loads(document.to_bytes()), document), name
        group.expand()
        assert not nk.diff(nk.loads(document.to_bytes()), document), name
        nuke.Undo.cancel()
        assert document.to_bytes() == before, name
