from __future__ import annotations

import asyncio

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import EditionLimitError, HostError, ProposalError
from nuke_ai_panel.hosts.base import RunResult
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.hosts.nuke_host import NukeHost
from nuke_ai_panel.nk import KnobChange, NodeChange
from nuke_ai_panel.scripting.applying import apply
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.reviewing import review


def test_apply_runs_the_script_as_one_step_and_tells_the_real_difference(host):
    before = host.snapshot()
    code = "import nuke\nfor i in range(3):\n    nuke.nodes.Blur(size=i + 2)\nnuke.toNode('Grade1')['white'].setValue(3)\n"
    code += "print('done')\n"
    applied = apply(ScriptProposal("python", code, "AI: blur"), host)
    assert applied.result == RunResult("done\n", "")
    assert applied.diff.added == tuple(NodeChange(f"Blur{i}", "Blur") for i in (1, 2, 3))
    assert KnobChange("Grade1", "white", "2", "3") in applied.diff.knobs
    assert host.undo()
    assert host.snapshot() == before
    assert not host.undo()


def test_apply_leaves_nothing_behind_when_the_script_raises(host):
    before = host.snapshot()
    code = "import nuke\nnuke.createNode('Blur')\nnuke.delete(nuke.toNode('Read1'))\nraise RuntimeError('half way')\n"
    applied = apply(ScriptProposal("python", code), host)
    assert not applied.result.ok
    assert applied.result.error.strip().endswith("RuntimeError: half way")
    assert not applied.diff
    assert host.snapshot() == before
    assert not host.undo()


def test_apply_does_what_the_review_has_shown(host, script):
    code = "import nuke\nb = nuke.createNode('Blur')\nb['size'].setValue(4)\nb.setXYpos(5, 50)\n"
    proposal = ScriptProposal("python", code, "AI: blur")
    found = asyncio.run(review(proposal, host.snapshot()))
    applied = apply(proposal, host)
    assert found.diff
    assert applied.diff == found.diff


def test_apply_on_a_real_script_touches_the_proposed_nodes_only(corpus):
    path = next(iter(sorted(corpus.rglob("*.nk"))))
    host = DocumentHost(nk.load(path))
    proposal = ScriptProposal("python", "import nuke\nnuke.nodes.StickyNote(label='checked')\n", "AI: note")
    found = asyncio.run(review(proposal, host.snapshot()))
    applied = apply(proposal, host)
    assert [node.class_name for node in applied.diff.added] == ["StickyNote"]
    assert not applied.diff.removed
    assert not applied.diff.moved
    assert found.diff == applied.diff


class _HostWithoutUndo(DocumentHost):
    """A host that does not roll back, as Nuke with its undo switched off."""

    def run_python(self, code, *, title, watch=None):
        self.create_node("Blur")
        return RunResult("", "RuntimeError: half way\n")


def test_apply_puts_the_script_back_where_the_host_did_not_roll_back(script):
    host = _HostWithoutUndo(nk.loads(script))
    before = host.snapshot()
    applied = apply(ScriptProposal("python", "pass"), host)
    assert not applied.diff
    assert "was put back" in applied.deviation
    assert host.snapshot() == before


class _HostThatCannotGoBack(_HostWithoutUndo):
    def restore(self, snapshot, *, title):
        return RunResult(error="There is no way back.")


def test_apply_tells_what_stayed_behind_where_there_is_no_way_back(script):
    applied = apply(ScriptProposal("python", "pass"), _HostThatCannotGoBack(nk.loads(script)))
    assert [node.path for node in applied.diff.added] == ["Blur1"]


class _HostThatCannotBeReadAfterwards(DocumentHost):
    """A host whose script was closed by what ran."""

    ran = False

    def run_python(self, code, *, title, watch=None):
        self.ran = True
        return super().run_python(code, title=title, watch=watch)

    def snapshot(self) -> bytes:
        if self.ran:
            raise HostError("There is no script.")
        return super().snapshot()


def test_apply_says_when_the_difference_cannot_be_found_out(script):
    applied = apply(ScriptProposal("python", "print('ran')"), _HostThatCannotBeReadAfterwards(nk.loads(script)))
    assert applied.result == RunResult("ran\n", "")
    assert applied.unknown == "What it changed cannot be shown: There is no script."


def test_apply_runs_nothing_in_a_host_that_cannot_be_read(script):
    host = _HostThatCannotBeReadAfterwards(nk.loads(script))
    host.ran = True
    with pytest.raises(HostError):
        apply(ScriptProposal("python", "raise SystemExit"), host)


NODES = "Blur {\n inputs 0\n size 3\n name Soft1\n}\n"


def test_in_an_edition_with_ten_nodes_nodes_go_in_as_one_text_and_all_else_is_refused(script):
    nuke = nk.emulate(nk.loads(script), non_commercial=True)
    host = NukeHost(nuke)
    applied = apply(ScriptProposal("nk", NODES, "AI: blur"), host)
    assert applied.result.ok, applied.result.error
    assert "ten nodes" in applied.unknown
    assert applied.checkpoint == ""
    document = nuke._session.document
    assert document.node("Soft1").knobs["size"] == "3"
    nuke.Undo.undo()
    assert document.find("Soft1") is None, "it is one step"
    with pytest.raises(EditionLimitError, match="Script Editor"):
        apply(ScriptProposal("python", "nuke.createNode('Blur')"), host)


def test_nodes_that_cannot_be_read_change_nothing_in_an_edition_with_ten_nodes(script):
    nuke = nk.emulate(nk.loads(script), non_commercial=True)
    before = nuke._session.document.to_bytes()
    with pytest.raises(ProposalError):
        apply(ScriptProposal("nk", "Blur {\n size 3\n"), NukeHost(nuke))
    assert nuke._session.document.to_bytes() == before
