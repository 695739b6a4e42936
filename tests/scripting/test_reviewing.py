"""A review as the session asks for it: real processes, real scripts, what the artist would read."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from nuke_ai_panel.nk import ConnectionChange, GraphDiff, KnobChange, NodeChange
from nuke_ai_panel.nk.catalogue import index_path, use_index_folder
from nuke_ai_panel.nk.catalogue_store import resource
from nuke_ai_panel.scripting.dry_run import dry_run
from nuke_ai_panel.scripting.interpreter import clean_environment, find_python
from nuke_ai_panel.scripting.proposal import ScriptProposal
from nuke_ai_panel.scripting.review import Review
from nuke_ai_panel.scripting.reviewing import review

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses what only POSIX systems have")


def test_review_shows_what_a_script_would_change(reviewed):
    found = reviewed("import nuke\nb = nuke.createNode('Blur')\nb['size'].setValue(12)\nprint('made', b.name())\n")
    assert found.can_run
    assert found.error == ""
    assert found.unknown == ""
    assert found.warnings == ()
    assert found.output == "made Blur1\n"
    assert found.diff is not None
    assert found.diff.added == (NodeChange("Blur1", "Blur"),)
    assert KnobChange("Blur1", "size", None, "12") in found.diff.knobs
    # Read1 is selected in the script, so createNode puts the new node behind it, in front of Grade1.
    assert ConnectionChange("Blur1", 0, None, "Read1") in found.diff.connections
    assert ConnectionChange("Grade1", 0, "Read1", "Blur1") in found.diff.connections
    assert found.summary() == "Creates 1 node, changes 1 connection, 1 undo step"


def test_review_tells_of_removed_moved_and_reset(reviewed):
    code = (
        "import nuke\nnuke.delete(nuke.toNode('Read1'))\ng = nuke.toNode('Grade1')\ng.setXYpos(7, 8)\ng['white'].setValue(1)\n"
    )
    found = reviewed(code)
    assert found.diff is not None
    assert found.diff.removed == (NodeChange("Read1", "Read"),)
    assert found.diff.moved == ("Grade1",)
    assert KnobChange("Grade1", "white", "2", None) in found.diff.knobs
    assert [text for text in found.warnings if text.startswith("Deletes nodes (line 2")]


def test_review_does_not_start_a_process_for_what_cannot_be_read(reviewed, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    found = reviewed("for n in nuke.allNodes()\n    pass\n")
    assert not found.can_run
    assert found.summary().startswith("Line 1: ")
    assert found.unknown == ""


def test_review_keeps_the_traceback_with_the_line_of_the_script(reviewed):
    found = reviewed("import nuke\nprint('before')\nnuke.toNode('Gone')['size'].setValue(1)\n")
    assert found.diff is None
    assert found.output == "before\n"
    assert "line 3" in found.error
    assert "TypeError" in found.error.strip().splitlines()[-1]
    assert found.summary() == "Line 3: The script has no node 'Gone'."
    assert found.can_run


def test_review_says_which_call_cannot_be_known(reviewed):
    found = reviewed("import nuke\nnuke.createNode('Blur')\nnuke.executeMultiple(3)\n")
    assert found.diff is None
    assert found.error == ""
    assert found.unknown.startswith("cannot be known here: ")
    assert "executeMultiple" in found.unknown
    # Without a diff, what the script says about itself is shown.
    assert [text for text in found.warnings if text.startswith("Creates nodes")]


def test_review_notes_what_a_script_hides_behind_its_own_except(reviewed):
    code = "import nuke\ntry:\n    nuke.executeMultiple()\nexcept Exception:\n    pass\nnuke.createNode('Blur')\n"
    found = reviewed(code)
    assert found.diff is not None
    assert [text for text in found.warnings if "executeMultiple" in text]


def test_review_says_that_a_module_may_exist_in_the_host_only(reviewed):
    found = reviewed("import studio_pipeline_tools\n")
    assert "studio_pipeline_tools" in found.unknown


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("open(TARGET, 'w').write('x')", "writes, moves or deletes files"),
        ("import os\nos.remove(TARGET)", "writes, moves or deletes files"),
        ("import os\nos.rename(TARGET, TARGET + '2')", "writes, moves or deletes files"),
        ("import shutil\nshutil.rmtree(FOLDER)", "writes, moves or deletes files"),
        ("import os\nos.mkdir(TARGET + '.d')", "writes, moves or deletes files"),
        ("import os\nos.symlink('/', TARGET + '.l')", "writes, moves or deletes files"),
        ("import os\nos.close(os.open(TARGET, os.O_WRONLY | os.O_TRUNC))", "writes, moves or deletes files"),
        ("import os\nos.link(TARGET, 'inside')", "writes, moves or deletes files"),
        ("import sqlite3\nsqlite3.connect(TARGET + '.db')", "writes, moves or deletes files"),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', f'open({TARGET!r}, \"w\")'])", "other programs"),
        ("import os\nos.system('echo > ' + TARGET)", "other programs"),
        ("import os, signal\nos.kill(os.getppid(), signal.SIGTERM)", "other programs"),
        ("import socket\nsocket.create_connection(('127.0.0.1', PORT), 5)", "uses the network"),
        ("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:%d/' % PORT, timeout=5)", "uses the network"),
        ("import socket\nsocket.getaddrinfo('localhost', 80)", "uses the network"),
        ("import ctypes\nctypes.CDLL(None)", "calls native code"),
    ],
)
def test_dry_run_keeps_its_hands_to_itself(reviewed, tmp_path, unused_server, code, words):
    target = tmp_path / "keep.txt"
    target.write_text("kept", encoding="utf-8")
    before = sorted(each.name for each in tmp_path.iterdir())
    given = f"TARGET = {str(target)!r}\nFOLDER = {str(tmp_path)!r}\nPORT = {unused_server.port}\n"
    found = reviewed(given + code + "\n")
    assert found.diff is None
    assert "a dry run does not allow" in found.unknown
    assert words in found.unknown
    assert target.read_text(encoding="utf-8") == "kept"
    assert sorted(each.name for each in tmp_path.iterdir()) == before
    assert not unused_server.was_reached()


def test_dry_run_notes_what_it_refused_when_the_script_goes_on(reviewed, tmp_path):
    target = tmp_path / "note.txt"
    code = f"import nuke\ntry:\n    open({str(target)!r}, 'w')\nexcept OSError:\n    pass\nnuke.createNode('Blur')\n"
    found = reviewed(code)
    assert found.diff is not None
    assert [text for text in found.warnings if "On the copy this was not possible" in text]
    assert not target.exists()


def test_dry_run_may_read_and_write_in_its_scratch_folder(reviewed, tmp_path):
    (tmp_path / "list.txt").write_text("read me", encoding="utf-8")
    code = (
        "import os, tempfile\n"
        f"print(open({str(tmp_path / 'list.txt')!r}).read())\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    with open(os.path.join(folder, 'a'), 'w') as stream:\n"
        "        stream.write('x')\n"
        "print(os.getcwd())\n"
    )
    found = reviewed(code)
    assert found.error == ""
    assert found.unknown == ""
    text, scratch = found.output.splitlines()
    assert text == "read me"
    assert not Path(scratch).exists()


def test_dry_run_gets_none_of_the_hosts_environment(reviewed, monkeypatch):
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere/of/nuke")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere/of/nuke")
    found = reviewed("import os, sys\nprint(sorted(os.environ))\nprint('/somewhere/of/nuke' in sys.path)\n")
    names, on_path = found.output.splitlines()
    assert "OPENROUTER_API_KEY" not in names
    assert "PYTHONPATH" not in names
    assert "LD_LIBRARY_PATH" not in names
    assert on_path == "False"


def test_dry_run_ends_a_script_that_does_not(reviewed):
    began = time.monotonic()
    found = reviewed("while True:\n    pass\n", timeout=2.0)
    assert time.monotonic() - began < 30
    assert found.unknown == "cannot be known here: the script did not end within 2 s on a copy"
    assert [text for text in found.warnings if text.startswith("Has a loop without an end")]


def test_dry_run_cuts_output_in_the_middle(reviewed):
    found = reviewed("print('first')\nfor i in range(60000):\n    print(i)\nprint('last')\n")
    assert len(found.output) < 70_000
    assert found.output.startswith("first\n")
    assert found.output.endswith("last\n")
    assert "characters left out" in found.output


def test_dry_run_survives_a_script_that_ends_the_process(reviewed):
    found = reviewed("import os\nos._exit(3)\n")
    assert "ended with exit code 3" in found.unknown
    assert [text for text in found.warnings if text.startswith("Closes Nuke")]


def test_dry_run_does_not_take_what_a_script_prints_for_its_answer(reviewed):
    found = reviewed("import os\nos.write(1, b'{}')\nprint('{\"unknown\": \"lie\"}')\n")
    assert found.diff is not None
    assert not found.diff
    assert found.unknown == ""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory of a process")
def test_dry_run_limits_memory(reviewed):
    found = reviewed("x = bytearray(8 * 1024**3)\n")
    assert found.unknown == "cannot be known here: the script needs more memory than a dry run may take"


def test_dry_run_says_that_the_script_itself_cannot_be_read(reviewed):
    found = reviewed("import nuke\n", snapshot=b"Grade {\n name Grade1\n")
    assert "the open script cannot be read here" in found.unknown


def test_dry_run_says_which_interpreter_does_not_start(script, tmp_path):
    proposal = ScriptProposal("python", "import nuke\n")
    found = asyncio.run(dry_run(proposal, script, python=str(tmp_path / "python3")))
    assert "does not start" in found.unknown


@posix
def test_dry_run_does_not_believe_a_process_that_answers_nonsense(script, tmp_path):
    liar = tmp_path / "python3"
    liar.write_text("#!/bin/sh\nread line\necho '[1, 2]'\n", encoding="utf-8")
    liar.chmod(0o755)
    found = asyncio.run(dry_run(ScriptProposal("python", "import nuke\n"), script, python=str(liar)))
    assert "no usable answer" in found.unknown


@posix
def test_review_cancelled_ends_the_process(script, tmp_path):
    """The child tells that it began by reading a file that is a pipe; after the cancel nobody holds the pipe any more."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = f"stream = open({str(pipe)!r}, 'rb')\nstream.read()\nwhile True:\n    pass\n"

    def is_gone(writer: int) -> bool:
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            try:
                os.write(writer, b"x" * 65536)
            except BrokenPipeError:
                return True
            except BlockingIOError:
                time.sleep(0.01)
        return False

    async def run() -> bool:
        loop = asyncio.get_running_loop()
        task = loop.create_task(review(ScriptProposal("python", code), script, timeout=90.0))
        # Opening for writing returns as soon as the child has opened it for reading.
        writer = await asyncio.wait_for(loop.run_in_executor(None, os.open, str(pipe), os.O_WRONLY), 30)
        os.set_blocking(writer, False)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        try:
            return await loop.run_in_executor(None, is_gone, writer)
        finally:
            os.close(writer)

    assert asyncio.run(run()), "the process of the dry run lives on"


def test_review_runs_on_a_loop_in_any_thread(script):
    """No child watcher is needed: that of Python 3.9 works on the main thread's loop only."""
    results = []
    worker = threading.Thread(
        target=lambda: results.append(asyncio.run(review(ScriptProposal("python", "import nuke\nprint(1)\n"), script)))
    )
    worker.start()
    worker.join(60)
    assert results
    assert results[0].output == "1\n"


def test_review_leaves_no_scratch_folder(reviewed, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    reviewed("import nuke\n")
    assert list(tmp_path.iterdir()) == []


def test_find_python_takes_a_python(tmp_path):
    assert find_python(sys.executable) == sys.executable
    assert find_python("/opt/x/bin/python3.11") == "/opt/x/bin/python3.11"


@posix
def test_find_python_never_takes_the_host_itself(tmp_path):
    nuke = tmp_path / "Nuke17.1"
    nuke.write_text("", encoding="utf-8")
    nuke.chmod(0o755)
    assert find_python(str(nuke), prefix=str(tmp_path)) == ""
    beside = tmp_path / "python3"
    beside.write_text("", encoding="utf-8")
    beside.chmod(0o755)
    assert find_python(str(nuke), prefix=str(tmp_path)) == str(beside)


def test_review_without_any_python_says_so(script, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "Nuke17.1"))
    monkeypatch.setattr(sys, "exec_prefix", str(tmp_path))
    found = asyncio.run(review(ScriptProposal("python", "import nuke\nnuke.createNode('Blur')\n"), script))
    assert found.can_run
    assert found.summary() == "Cannot be known here: no Python interpreter was found to try it in"


def test_clean_environment_keeps_what_windows_needs():
    given = {"SystemRoot": "C:\\Windows", "PYTHONHOME": "x", "PATH": "y", "LANG": "C"}
    assert clean_environment("/s", given) == {
        "SystemRoot": "C:\\Windows",
        "LANG": "C",
        "HOME": "/s",
        "USERPROFILE": "/s",
        "TMPDIR": "/s",
        "TEMP": "/s",
        "TMP": "/s",
    }


def test_review_answers_are_plain_data(reviewed):
    """What comes from the process is made of our own values, so that a review can be stored."""
    import dataclasses

    found = reviewed("import nuke\nnuke.nodes.Blur(size=3)\n")
    json.dumps(dataclasses.asdict(found))


def test_review_names_the_code_that_pasted_nodes_carry(reviewed):
    code = "import nuke\nnuke.scriptReadText('Blur {\\n onCreate \"import os\"\\n name Soft\\n}\\n')\n"
    found = reviewed(code)
    assert found.diff is not None
    assert [text for text in found.warnings if "Soft.onCreate" in text]


def test_review_tells_what_a_script_leaves_in_the_session(reviewed):
    found = reviewed("import nuke\nnuke.menu('Nuke').addCommand('Tools/Mine', 'print(1)', 'ctrl+alt+d')\n")
    assert any("Tools/Mine" in note and "ctrl+alt+d" in note for note in found.notes)


def test_review_knows_the_classes_of_the_indexed_nuke(reviewed, tmp_path):
    text = resource("node_classes.json").read_text(encoding="utf-8")
    assert '"Blur"' in text
    path = index_path(tmp_path, "15.1v3")
    path.write_text(text.replace('"Blur"', '"StudioBlur"'), encoding="utf-8")
    code = "import nuke\nnuke.createNode('StudioBlur')\n"
    assert any("StudioBlur" in finding.text for finding in reviewed(code).findings)
    use_index_folder(tmp_path)
    try:
        assert not any("StudioBlur" in finding.text for finding in reviewed(code).findings)
    finally:
        use_index_folder(None)


def test_a_script_that_changes_nothing_speaks_of_no_undo():
    proposal = ScriptProposal("python", "print(1)", "AI: look")
    assert Review(proposal, diff=GraphDiff()).summary() == "Changes nothing"
    made = GraphDiff(added=(NodeChange("Blur1", "Blur"),))
    assert Review(proposal, diff=made).summary() == "Creates 1 node, 1 undo step"
