"""What a run has changed in a large script: compared in a process, told later, and the same as what is found out at once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError, ProposalError
from nuke_ai_panel.hosts.base import RunResult
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.nk import GraphDiff, KnobChange, NodeChange
from nuke_ai_panel.scripting.applying import apply, compare_run, run
from nuke_ai_panel.scripting.comparing import compare, deviation, difference, is_quick
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records
from nuke_ai_panel.scripting.review import Review

BLUR = ScriptProposal("python", "import nuke\nnuke.nodes.Blur(size=3)\nprint('done')\n", "AI: blur")
FAILS = ScriptProposal("python", "import nuke\nnuke.nodes.Blur()\nraise ValueError('no')\n", "AI: fail")


@pytest.fixture
def large(script) -> bytes:
    """A script that is not compared on the main thread."""
    return script + b"".join(b"Grade {\n white %d\n name Large%d\n xpos %d\n}\n" % (n % 7, n, n) for n in range(600))


@pytest.fixture
def changed(large) -> bytes:
    return large.replace(b" white 3\n name Large3\n", b" white 9\n name Large3\n") + b"Blur {\n size 4\n name Soft\n}\n"


def test_what_is_small_or_the_same_is_compared_at_once(script, large, changed):
    assert is_quick(script, script + b"Blur {\n}\n")
    assert is_quick(large, large)
    assert not is_quick(large, changed)


@pytest.mark.parametrize("python", [None, "", "/nowhere/python3"])
def test_a_process_and_a_thread_find_the_same(large, changed, python):
    found = asyncio.run(compare(large, changed, python=python))
    assert found == difference(large, changed)
    assert found.added == (NodeChange("Soft", "Blur"),)
    assert KnobChange("Large3", "white", "3", "9") in found.knobs


@pytest.mark.skipif(sys.platform == "win32", reason="uses what only POSIX systems have")
def test_a_process_that_says_nothing_is_done_without(large, changed):
    assert asyncio.run(compare(large, changed, python="/bin/true")) == difference(large, changed)


def test_real_scripts_are_compared_as_here(corpus):
    real = [path for path in sorted(corpus.rglob("*.nk")) if path.stat().st_size > 30_000][:2]
    for path in real:
        try:
            host = DocumentHost(nk.load(path))
        except NkError:
            continue
        before = host.snapshot()
        assert host.run_python("import nuke\nfor n in nuke.allNodes()[:4]:\n    n.setXpos(n.xpos() + 9)\n", title="").ok
        after = host.snapshot()
        assert asyncio.run(compare(before, after)) == difference(before, after) != GraphDiff()


def test_a_script_that_cannot_be_read_is_told(large):
    with pytest.raises(NkError, match="not closed"):
        asyncio.run(compare(large, large + b"Blur {\n"))


def test_what_takes_too_long_is_given_up(large, changed):
    with pytest.raises(ProposalError, match="longer than"):
        asyncio.run(compare(large, changed, timeout=0.001))


@pytest.mark.skipif(sys.platform == "win32", reason="uses what only POSIX systems have")
def test_a_comparison_that_is_cancelled_ends_its_process(large, changed, tmp_path):
    started, program = tmp_path / "started", tmp_path / "python3"
    os.mkfifo(started)
    program.write_text(f"#!/bin/sh\nread request\necho started > {started}\nexec /bin/sleep 100\n", encoding="ascii")
    program.chmod(0o755)

    async def work() -> None:
        task = asyncio.ensure_future(compare(large, changed, timeout=100, python=str(program)))
        await asyncio.get_running_loop().run_in_executor(None, started.read_bytes)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    # It waits for the worker thread, which waits for the process.
    asyncio.run(work())
    assert time.monotonic() - began < 50


def test_a_wide_deviation_is_told_in_a_few_words():
    many = tuple(NodeChange(f"Blur{number}", "Blur") for number in range(20_000))
    shown = Review(BLUR, diff=GraphDiff(added=many))
    assert deviation(shown, GraphDiff(added=many), went_in=True) == ""
    said = deviation(shown, GraphDiff(added=many[10:]), went_in=True)
    assert said.startswith("Not as on the copy: Blur0 was not created; ")
    assert said.endswith("and 4 more.")


def test_a_run_in_a_large_script_tells_at_once_what_it_knows_and_the_rest_later(large, tmp_path):
    records = Records.in_folder(tmp_path, "talk")
    records.begin_turn()
    shown = Review(BLUR, diff=GraphDiff(added=(NodeChange("Blur1", "Blur"),), knobs=(KnobChange("Blur1", "size", None, "12"),)))
    host = DocumentHost(nk.loads(large))
    ran = run(BLUR, host, review=shown, records=records)
    first = ran.applied
    assert first.result == RunResult("done\n")
    assert first.checkpoint
    assert first.after == host.snapshot()
    assert (first.is_compared, first.diff, first.deviation) == (False, GraphDiff(), "")
    assert [(each["outcome"], each["summary"]) for each in records.log.entries()] == [("applied", "")]
    applied = asyncio.run(compare_run(ran))
    assert applied == apply(BLUR, DocumentHost(nk.loads(large)), review=shown, records=records)
    assert applied.is_compared
    assert applied.diff.added == (NodeChange("Blur1", "Blur"),)
    assert applied.deviation == "Not as on the copy: Blur1.size is 3 and not 12."
    lines = [json.loads(line) for line in records.log.path.read_text(encoding="ascii").splitlines()]
    assert [line["event"] for line in lines] == ["began", "ended", "compared", "began", "ended"]
    assert [each["summary"] for each in records.log.entries()] == ["Creates 1 node", "Creates 1 node"]


def test_a_run_that_changed_nothing_or_little_needs_no_comparison(large, script):
    shown = Review(BLUR, diff=GraphDiff(added=(NodeChange("Blur1", "Blur"),)))
    ran = run(ScriptProposal("python", "print(1)"), DocumentHost(nk.loads(large)), review=shown)
    assert ran.applied.is_compared
    assert ran.applied.deviation == "Not as on the copy: Blur1 was not created."
    ran = run(BLUR, DocumentHost(nk.loads(script)))
    assert ran.applied.diff.added
    assert asyncio.run(compare_run(ran)) is ran.applied


class _HostWithoutUndo(DocumentHost):
    """A host that does not roll back, as Nuke with its undo switched off."""

    def run_python(self, code, *, title, watch=None):
        self.create_node("Blur")
        return RunResult("", "RuntimeError: half way\n")


def test_what_fails_in_a_large_script_is_put_back_before_anything_else_happens(large):
    host = DocumentHost(nk.loads(large))
    before = host.snapshot()
    applied = run(FAILS, host).applied
    assert (applied.is_compared, applied.diff) == (True, GraphDiff())
    host = _HostWithoutUndo(nk.loads(large))
    applied = run(BLUR, host).applied
    assert applied.is_compared
    assert "was put back" in applied.deviation
    assert applied.after == host.snapshot() == before


class _HostLeftDamaged(DocumentHost):
    """A host whose script cannot be read after what ran."""

    ran = False

    def run_python(self, code, *, title, watch=None):
        self.ran = True
        return super().run_python(code, title=title, watch=watch)

    def snapshot(self) -> bytes:
        return super().snapshot() + (b"Blur {\n" if self.ran else b"")


def test_a_large_script_that_cannot_be_compared_is_told_and_logged(large, tmp_path):
    records = Records.in_folder(tmp_path, "talk")
    ran = run(BLUR, _HostLeftDamaged(nk.loads(large)), records=records)
    assert not ran.applied.is_compared
    applied = asyncio.run(compare_run(ran))
    assert applied.is_compared
    assert applied.unknown.startswith("What it changed cannot be shown: line ")
    (entry,) = records.log.entries()
    assert (entry["outcome"], entry["summary"]) == ("not known", applied.unknown)
