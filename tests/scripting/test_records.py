"""What is kept of what runs: checkpoints, the log, and the refusal to run where neither can be kept."""

from __future__ import annotations

import json
import os
import sys

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import CheckpointError
from nuke_ai_panel.hosts.document_host import DocumentHost
from nuke_ai_panel.scripting.applying import apply
from nuke_ai_panel.scripting.checkpoints import CheckpointStore
from nuke_ai_panel.scripting.interrupting import StopSwitch
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.records import Records, without_records
from nuke_ai_panel.scripting.run_log import RunLog

BLUR = ScriptProposal("python", "import nuke\nnuke.nodes.Blur(size=3)\n", "AI: blur")


@pytest.fixture
def records(tmp_path):
    made = Records.in_folder(tmp_path / "kept", "talk-1")
    made.begin_turn()
    return made


def test_a_checkpoint_is_a_script_that_can_be_opened_and_gone_back_to(host, records):
    before = host.snapshot()
    applied = apply(BLUR, host, records=records)
    store = records.checkpoints
    assert [each.id for each in store.of("talk-1")] == [applied.checkpoint]
    assert store.read(applied.checkpoint) == before
    assert not nk.diff(nk.load(store.path(applied.checkpoint)), nk.loads(before))
    assert host.restore(store.read(applied.checkpoint), title="Go back").ok
    assert host.snapshot() == before


def test_one_checkpoint_a_turn(host, records):
    first, second = apply(BLUR, host, records=records), apply(BLUR, host, records=records)
    records.begin_turn()
    third = apply(BLUR, host, records=records)
    assert first.checkpoint == second.checkpoint != third.checkpoint
    assert [each.turn for each in records.checkpoints.of("talk-1")] == [1, 2]
    assert [each.title for each in records.checkpoints.of("talk-1")] == ["AI: blur", "AI: blur"]


def test_the_log_tells_what_ran_and_what_came_of_it(host, records):
    apply(BLUR, host, records=records)
    apply(ScriptProposal("python", "raise ValueError('no')\n", "AI: fail"), host, records=records)
    stop = StopSwitch()
    stop.press()
    apply(ScriptProposal("python", "while True: pass\n", "AI: loop"), host, records=records, stop=stop)
    found = records.log.entries()
    assert [each["outcome"] for each in found] == ["applied", "rolled back", "stopped"]
    assert found[0]["code"] == BLUR.code
    assert found[0]["summary"] == "Creates 1 node"
    assert found[0]["checkpoint"] == records.checkpoints.of("talk-1")[0].id
    assert "ValueError: no" in found[1]["error"]
    assert all(json.loads(line) for line in records.log.path.read_text(encoding="ascii").splitlines())


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path):
    log = RunLog(tmp_path / "runs.jsonl")
    log.began(BLUR, script_name="a.nk")
    with log.path.open("ab") as stream:
        stream.write(b'{"event": "began", "ru')
    run = log.began(BLUR, script_name="b.nk")
    log.ended(run, outcome="applied")
    assert [(each["script"], each["outcome"]) for each in log.entries()] == [("a.nk", ""), ("b.nk", "applied")]


def test_a_log_that_is_large_is_put_aside_and_old_ones_go(tmp_path):
    log = RunLog(tmp_path / "runs.jsonl", keep_bytes=1500, keep_files=2)
    for _ in range(20):
        log.ended(log.began(BLUR, script_name="a.nk"), outcome="applied")
    assert len(list(tmp_path.iterdir())) == 3
    assert log.path.stat().st_size <= 1500


def test_the_newest_checkpoints_are_read_without_the_others(tmp_path):
    store = CheckpointStore(tmp_path)
    made = [store.take(b"x", conversation="a", turn=number) for number in range(5)]
    for number, each in enumerate(made):
        # As if a second lay between them, which is what their names tell.
        for path in [store.path(each.id), store.path(each.id).with_suffix(".json")]:
            name = f"20260101-00000{number}{each.id[15:]}"
            text = path.read_bytes().replace(each.id.encode(), name.encode())
            path.with_name(f"{name}{path.suffix}").write_bytes(text)
            path.unlink()
    assert [each.turn for each in store.of("a", newest=2)] == [3, 4]
    assert store.of("a", newest=0) == []
    assert len(store.of("a")) == 5


def test_old_and_too_large_checkpoints_go_and_the_new_one_stays(tmp_path):
    store = CheckpointStore(tmp_path, keep_days=1, keep_bytes=2500)
    made = [store.take(b"x" * 1000, conversation="a", turn=number) for number in range(2)]
    old = store.path(made[0].id)
    os.utime(old, (1, 1))
    newest = store.take(b"y" * 1000, conversation="b", turn=1)
    assert [each.id for each in store.of("a")] == [made[1].id]
    last = store.take(b"z" * 9000, conversation="b", turn=2)
    assert store.of("a") == []
    assert [each.id for each in store.of("b")] == [last.id]
    with pytest.raises(CheckpointError, match="no checkpoint"):
        store.read(newest.id)


def test_a_checkpoint_that_was_changed_is_not_gone_back_to(tmp_path):
    store = CheckpointStore(tmp_path)
    made = store.take(b"script", conversation="strange / name", turn=1)
    assert store.of("strange / name") == [made]
    store.path(made.id).write_bytes(b"scripT")
    with pytest.raises(CheckpointError, match="not what was kept"):
        store.read(made.id)
    with pytest.raises(CheckpointError):
        store.read("../../etc/passwd")


def test_nothing_runs_where_nothing_can_be_kept_unless_the_artist_says_so(host, tmp_path):
    before = host.snapshot()
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    records = Records.in_folder(blocked, "talk-1")
    with pytest.raises(CheckpointError, match="go on without"):
        apply(BLUR, host, records=records)
    assert host.snapshot() == before
    only_log = Records("talk-1", log=RunLog(blocked / "runs.jsonl"))
    with pytest.raises(CheckpointError, match="go on without"):
        apply(BLUR, host, records=only_log)
    assert host.snapshot() == before
    assert apply(BLUR, host, records=without_records(records)).diff.added


@pytest.mark.skipif(
    sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_without_permission_is_told(host, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(CheckpointError, match="Permission denied"):
        apply(BLUR, host, records=Records.in_folder(locked, "talk-1"))


def test_deviation_says_what_was_not_as_shown(script):
    from nuke_ai_panel.nk import GraphDiff, KnobChange, NodeChange
    from nuke_ai_panel.scripting.review import Review

    shown = GraphDiff(added=(NodeChange("Blur1", "Blur"),), knobs=(KnobChange("Blur1", "size", None, "12"),))
    applied = apply(BLUR, DocumentHost(nk.loads(script)), review=Review(BLUR, diff=shown))
    assert applied.deviation == "Not as on the copy: Blur1.size is 3 and not 12."
    failing = ScriptProposal("python", "raise ValueError\n")
    applied = apply(failing, DocumentHost(nk.loads(script)), review=Review(failing, diff=shown))
    assert applied.deviation == "It ran through on the copy and failed here."
