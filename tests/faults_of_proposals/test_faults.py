"""What goes wrong at each step of a change, on real scripts in real processes: never half a script, never a lost one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import NkError
from nuke_ai_panel.scripting.checkpoints import CheckpointStore
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.reviewing import review
from nuke_ai_panel.scripting.run_log import RunLog

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses signals and limits of POSIX systems")

PROGRAM = Path(__file__).with_name("changing_program.py")

CHANGE = (
    "import nuke\nfor node in nuke.allNodes()[:5]:\n    node.setXpos(node.xpos() + 7)\nnuke.nodes.StickyNote(label='changed')\n"
)
WAIT = "open({pipe!r}).read()\n"


def real_scripts(corpus: Path) -> list[Path]:
    """One script of usual size and the largest that can be read."""
    found = []
    for path in sorted(corpus.rglob("*.nk"), key=lambda each: each.stat().st_size):
        try:
            if nk.load(path).root_node is not None:
                found.append(path)
        except NkError:
            continue
    return [found[len(found) // 2], found[-1]] if len(found) > 1 else found


class Case:
    """A copy of a real script, a folder of records, and the program that changes the one with the other."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.script = folder / "shot.nk"
        self.script.write_bytes(source.read_bytes())
        self.before = self.script.read_bytes()
        self.folder = folder
        self.records = folder / "records"
        self.pipe = folder / "pipe"
        self.code = folder / "code.py"
        os.mkfifo(self.pipe)

    def start(self, code: str, *, limit: int = 0) -> subprocess.Popen:
        self.code.write_text(code.replace("{pipe!r}", repr(str(self.pipe))), encoding="utf-8")
        command = [sys.executable, str(PROGRAM), str(self.script), str(self.records), str(self.code), str(limit)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, code: str, *, limit: int = 0) -> dict:
        program = self.start(code, limit=limit)
        out, errors = program.communicate(timeout=90)
        assert program.returncode == 0, errors.decode()
        return json.loads(out)

    @property
    def checkpoints(self) -> list[bytes]:
        store = CheckpointStore(self.records / "checkpoints")
        return [store.read(each.id) for each in store.of("talk")]

    @property
    def outcomes(self) -> list[object]:
        return [each["outcome"] for each in RunLog(self.records / "runs.jsonl").entries()]

    def is_as_before(self) -> bool:
        return self.script.read_bytes() == self.before and not list(self.folder.glob(".*.tmp"))


@pytest.fixture(params=range(2))
def case(request, corpus, tmp_path) -> Case:
    scripts = real_scripts(corpus)
    if request.param >= len(scripts):
        pytest.skip("the corpus has fewer scripts")
    return Case(scripts[request.param], tmp_path)


def test_without_a_fault_the_change_goes_in(case):
    assert case.run(CHANGE) == {"ok": True, "changed": True, "stopped": False}
    changed = case.script.read_bytes()
    assert changed != case.before
    found = nk.diff(nk.loads(case.before), nk.loads(changed))
    assert [node.class_name for node in found.added] == ["StickyNote"]
    assert not nk.diff(nk.loads(case.before), nk.loads(case.checkpoints[0]))
    assert case.outcomes == ["applied"]


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("raise ValueError('half way')\n", "rolled back"),
        ("import sys\nsys.exit(1)\n", "rolled back"),
        ("while True:\n    try:\n        pass\n    except BaseException:\n        pass\n", "stopped"),
    ],
)
def test_an_error_or_a_hang_half_way_leaves_the_script_as_it_was(case, ending, outcome):
    found = case.run(CHANGE + ending)
    assert not found["ok"]
    assert not found["changed"]
    assert case.is_as_before()
    assert case.outcomes == [outcome]


def test_a_killed_program_leaves_the_script_and_the_checkpoint(case):
    program = case.start(CHANGE + WAIT)
    handle = -1
    limit = time.monotonic() + 60
    while handle < 0:
        assert time.monotonic() < limit
        assert program.poll() is None, program.stderr.read()
        try:
            # The script is in the middle of its work as soon as this can be opened.
            handle = os.open(case.pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.01)
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=30)
    os.close(handle)
    assert case.is_as_before()
    assert not nk.diff(nk.loads(case.before), nk.loads(case.checkpoints[0])), "the checkpoint is whole"
    assert case.outcomes == [""], "the log tells that it began and never ended"


@pytest.mark.parametrize("limit", [1, 200])
def test_a_full_disk_lets_nothing_run_and_says_so(case, limit):
    """No file may grow past a few bytes, so that no checkpoint can be written."""
    found = case.run(CHANGE, limit=limit)
    assert "could not be kept" in found["refused"]
    assert "go on without" in found["refused"]
    assert case.is_as_before()
    assert case.checkpoints == []
    assert not list(case.records.rglob("*.tmp"))


def test_a_disk_that_fills_up_while_saving_keeps_the_old_script(case):
    """There is room for the checkpoint, and none for the larger script that the change makes of it."""
    room = len(case.before) * 2 + 20_000
    found = case.run(CHANGE + f"nuke.nodes.StickyNote(label='x' * {room})\n", limit=room)
    assert "could not be saved" in found["refused"]
    assert case.is_as_before()
    assert len(case.checkpoints) == 1


def test_a_folder_that_cannot_be_used_lets_nothing_run(case):
    case.records.write_text("a file is in the way", encoding="utf-8")
    assert "could not be kept" in case.run(CHANGE)["refused"]
    assert case.is_as_before()


@pytest.mark.parametrize("ending", ["import os\nos._exit(9)\n", "while True: pass\n", "x = [0]\nwhile True: x += x\n"])
def test_whatever_becomes_of_the_trial_the_script_is_not_touched(case, ending):
    found = asyncio.run(review(ScriptProposal("python", CHANGE + ending), case.before, timeout=6.0))
    assert found.diff is None
    assert found.unknown.startswith("cannot be known here")
    assert "creates nodes" in {effect.kind for effect in found.effects}, "what was read off the code is known all the same"
    assert case.is_as_before()
