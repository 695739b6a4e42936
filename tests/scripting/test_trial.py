"""The process of a dry run: started ahead, not believed, not let out, ended in every case."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.reviewing import prepare, release, review
from nuke_ai_panel.scripting.trial import Trial, take_prepared

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses what only POSIX systems have")
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(autouse=True)
def nothing_prepared_stays():
    yield
    release()


def test_prepare_starts_a_process_that_the_next_review_takes(reviewed):
    prepare()
    waiting = take_prepared(sys.executable)
    try:
        assert waiting.is_fit
    finally:
        waiting.close()
    assert not waiting.is_fit
    prepare()
    prepare()
    assert reviewed("import nuke\nnuke.nodes.Blur()\n").summary() == "Creates 1 node, 1 undo step"


@linux
def test_release_ends_the_process_and_removes_its_folder(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    prepare()
    trial = take_prepared(sys.executable)
    number = trial._process.pid
    assert Path(f"/proc/{number}").exists()
    assert list(tmp_path.iterdir())
    trial.close()
    assert not Path(f"/proc/{number}").exists()
    prepare()
    release()
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_host_that_ends_without_a_word_leaves_no_folder_behind(tmp_path):
    host = (
        "import os, sys\n"
        "from nuke_ai_panel.scripting.trial import prepare, take_prepared\n"
        "prepare()\n"
        "print(take_prepared(sys.executable)._scratch, flush=True)\n"
        "os._exit(0)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    root = Path(__file__).resolve().parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", host], cwd=root, env=environment, stdout=subprocess.PIPE, check=True, timeout=60
    )
    assert done.stdout.startswith(os.fsencode(tmp_path))
    limit = time.monotonic() + 20
    while list(tmp_path.iterdir()):
        assert time.monotonic() < limit
        time.sleep(0.01)


@posix
def test_a_prepared_process_that_was_killed_is_not_used(reviewed):
    prepare()
    dead = take_prepared(sys.executable)
    os.kill(dead._process.pid, signal.SIGKILL)
    dead._process.wait(30)
    assert not dead.is_fit
    dead.close()
    assert reviewed("import nuke\n").unknown == ""


@linux
def test_the_process_ends_when_nobody_is_there_any_more(tmp_path):
    """The program that asked is killed while the script waits; the process must not live on."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = f"open({str(pipe)!r}).read()\n"
    code = (
        "import asyncio\n"
        "from nuke_ai_panel.scripting.reviewing import review\n"
        "from nuke_ai_panel.scripting.proposal import ScriptProposal\n"
        f"proposal = ScriptProposal('python', {script!r})\n"
        "asyncio.run(review(proposal, b'version 15.1 v3\\nRoot {\\n inputs 0\\n}\\n', timeout=60))\n"
    )
    root = Path(__file__).resolve().parent.parent.parent
    (folders := tmp_path / "folders").mkdir()
    program = subprocess.Popen([sys.executable, "-c", code], cwd=root, env={**os.environ, "TMPDIR": str(folders)})
    handle = -1
    limit = time.monotonic() + 60
    try:
        while handle < 0:
            assert program.poll() is None
            assert time.monotonic() < limit
            try:
                # Works as soon as the script has opened it to read.
                handle = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                time.sleep(0.02)
        program.kill()
        program.wait(30)
        while True:
            assert time.monotonic() < limit, "the process of the dry run lives on"
            try:
                os.write(handle, b"x" * 65536)
            except BrokenPipeError:
                break
            except BlockingIOError:
                time.sleep(0.02)
        assert list(folders.iterdir()) == []
    finally:
        if handle >= 0:
            os.close(handle)
        if program.poll() is None:
            program.kill()
            program.wait(30)


# what a script may try


def test_an_answer_that_the_script_writes_itself_is_not_believed(reviewed):
    code = (
        "import json, os\n"
        "lie = json.dumps({'findings': [], 'effects': [], 'diff': None, 'unknown': 'lie'}).encode()\n"
        "for handle in range(3, 30):\n"
        "    try:\n"
        "        os.write(handle, b'\\n' + lie + b'\\n')\n"
        "    except OSError:\n"
        "        pass\n"
        "import nuke\nnuke.nodes.Blur()\n"
    )
    found = reviewed(code)
    assert found.unknown == ""
    assert found.diff is not None
    assert [node.path for node in found.diff.added] == ["Blur1"]
    assert "runs hidden code" not in found.summary()


def test_what_was_found_before_the_run_stays_whatever_the_run_does(reviewed):
    """A script that ends the process, or changes our own modules in it, cannot take its effects back."""
    code = (
        "import nuke_ai_panel.scripting.findings as f, json, os, sys\n"
        "json.dumps = lambda *a, **k: '{}'\n"
        "os.remove if False else None\n"
        "nuke.delete(nuke.toNode('Read1'))\n"
        "os._exit(0)\n"
    )
    found = reviewed(code)
    assert "deletes nodes" in {effect.kind for effect in found.effects}
    assert found.diff is None
    assert found.unknown


def test_a_script_that_writes_without_end_into_the_pipe_is_ended(reviewed):
    code = (
        "import os\nwhile True:\n    for handle in range(3, 12):\n        try:\n"
        "            os.write(handle, b'x' * 1000000)\n        except OSError:\n            pass\n"
    )
    found = reviewed(code, timeout=6.0)
    assert found.diff is None
    assert found.unknown.startswith("cannot be known here")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import _posixsubprocess\n_posixsubprocess.fork_exec()", "other programs"),
        ("import multiprocessing as m\nm.get_context('spawn').Process(target=print).start()", "other programs"),
        ("import os\nos.fork()", "other programs"),
        ("import os\nos.posix_spawn('/bin/true', ['true'], {})", "other programs"),
        ("import os\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 19)", "other programs"),
        ("import os\nos.mkfifo(TARGET + '.pipe')", "writes, moves or deletes files"),
        ("import os\nos.symlink(FOLDER, 'out')\nopen('out/keep.txt', 'w').write('x')", "writes, moves or deletes files"),
        ("import os\nos.mkdir('in')\nos.rename('in', TARGET + '.d')", "writes, moves or deletes files"),
        ("import pathlib\npathlib.Path(TARGET).write_text('x')", "writes, moves or deletes files"),
        ("import os\nos.path.realpath = lambda p: os.getcwd()\nopen(TARGET, 'w')", "writes, moves or deletes files"),
        ("import os\nos.truncate(TARGET, 0)", "writes, moves or deletes files"),
        ("import os\nos.chmod(TARGET, 0)", "writes, moves or deletes files"),
        ("import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', PORT))", "uses the network"),
        ("open(os.path.join(HOME, '.netrc')).read()", "reads private files"),
        ("open(os.path.join(HOME, '.ssh', 'id_rsa'), 'rb').read()", "reads private files"),
        ("open('/proc/%d/environ' % os.getppid(), 'rb').read()", "reads private files"),
    ],
)
@posix
def test_dry_run_keeps_in_what_scripts_try(reviewed, own_home, tmp_path, unused_server, code, words):
    target = tmp_path / "keep.txt"
    target.write_text("kept", encoding="utf-8")
    mode = target.stat().st_mode
    (own_home / ".ssh").mkdir()
    (own_home / ".ssh" / "id_rsa").write_text("SECRET", encoding="utf-8")
    (own_home / ".netrc").write_text("SECRET", encoding="utf-8")
    before = sorted(each.name for each in tmp_path.iterdir())
    given = f"import os\nTARGET = {str(target)!r}\nFOLDER = {str(tmp_path)!r}\n"
    given += f"PORT = {unused_server.port}\nHOME = {str(own_home)!r}\n"
    found = reviewed(given + code + "\n")
    assert found.diff is None
    assert "a dry run does not allow" in found.unknown, (found.error, found.output)
    assert words in found.unknown
    assert "SECRET" not in found.output
    assert target.read_text(encoding="utf-8") == "kept"
    assert target.stat().st_mode == mode
    assert sorted(each.name for each in tmp_path.iterdir()) == before
    assert not unused_server.was_reached()


def test_scripts_may_read_what_is_no_secret(reviewed, own_home):
    (own_home / ".nuke").mkdir()
    (own_home / ".nuke" / "tools.json").write_text("[]", encoding="utf-8")
    (own_home / "notes.txt").write_text("plain", encoding="utf-8")
    found = reviewed(
        f"print(open({str(own_home / '.nuke' / 'tools.json')!r}).read(), open({str(own_home / 'notes.txt')!r}).read())\n"
    )
    assert found.output == "[] plain\n"


@pytest.mark.parametrize(
    "code",
    [
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()\n",
        "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nos._exit(7)\n",
        "import ctypes\nctypes.string_at(0)\n",
    ],
)
def test_a_process_that_dies_is_told_as_not_known(reviewed, code):
    found = reviewed(code, timeout=4.0)
    assert found.diff is None
    assert found.unknown.startswith("cannot be known here: ")


def test_threads_and_functions_for_the_end_do_not_outlive_the_answer(reviewed, tmp_path):
    mark = tmp_path / "late"
    code = (
        "import atexit, threading, time, nuke\n"
        f"atexit.register(lambda: open({str(mark)!r}, 'w'))\n"
        "threading.Thread(target=lambda: [time.sleep(0.1) for _ in iter(int, 1)]).start()\n"
        "nuke.nodes.Blur()\n"
    )
    began = time.monotonic()
    found = reviewed(code)
    assert time.monotonic() - began < 20
    assert found.diff is not None
    assert not mark.exists()


def test_output_without_end_is_cut_and_does_not_fill_memory(reviewed):
    found = reviewed("for i in range(3000):\n    print('x' * 100000)\n")
    assert found.error == ""
    assert "characters left out" in found.output
    assert len(found.output) < 70_000


def test_stdin_of_a_script_is_empty(reviewed):
    found = reviewed("print(repr(__import__('sys').stdin.read()))\n")
    assert found.output == "''\n"


def test_review_draws_what_changed(reviewed):
    found = reviewed("import nuke\nnuke.createNode('Blur')\n")
    assert "<svg" in found.picture[:200]
    assert "Blur1" in found.picture
    assert reviewed("print(1)\n").picture == ""


def test_a_picture_that_draws_in_other_things_is_not_shown(reviewed):
    code = (
        "import nuke\nfrom nuke_ai_panel import nk\n"
        "nk.draw_diff = lambda *a, **k: '<svg><image href=\"file:///etc/passwd\"/></svg>'\nnuke.nodes.Blur()\n"
    )
    found = reviewed(code)
    assert found.diff is not None
    assert found.picture == ""


@pytest.mark.parametrize(
    ("kind", "code", "target"),
    [
        ("nk", "Blur {\n size 3\n name Soft1\n}\n", ""),
        ("expression", "frame / 10", "Grade1.white"),
        (
            "gizmo",
            "Group {\n name Look1\n}\n Input {\n  inputs 0\n  name Input1\n }\n Output {\n  name Output1\n }\nend_group\n",
            "",
        ),
    ],
)
def test_every_kind_is_tried_as_it_would_run(script, kind, code, target):
    found = asyncio.run(review(ScriptProposal(kind, code, "AI: test", target), script, timeout=60))
    assert found.error == "", found.error
    assert found.unknown == ""
    assert found.diff


def test_a_review_that_no_process_can_make_is_checked_here(script, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "Nuke17.1"))
    monkeypatch.setattr(sys, "exec_prefix", str(tmp_path))
    found = asyncio.run(review(ScriptProposal("python", "import nuke\nnuke.toNode('Gone')['x']\n"), script))
    assert "no Python interpreter" in found.unknown
    assert "unknown-node" in [finding.rule for finding in found.findings]


def test_a_review_holds_the_loop_for_no_time_to_speak_of(script):
    """The thread that asks draws the window."""
    longest = 0.0

    async def run():
        nonlocal longest
        task = asyncio.get_running_loop().create_task(
            review(ScriptProposal("python", "import nuke\nnuke.nodes.Blur()\n"), script)
        )
        while not task.done():
            began = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - began)

    asyncio.run(run())
    assert longest < 1.0


def test_a_trial_that_is_closed_twice_is_closed(tmp_path):
    trial = Trial(sys.executable)
    trial.close()
    trial.close()
