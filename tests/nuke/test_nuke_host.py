"""NukeHost: the contract of hosts, and what a session in Nuke adds: threads, editions, groups, clones.

There is no Nuke here. The host drives our engine's emulated module, which follows Nuke's documented behaviour.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import HostError, NodeNotFoundError
from nuke_ai_panel.hosts.base import Host
from nuke_ai_panel.hosts.nuke_host import NukeHost
from nuke_ai_panel.scripting.applying import apply
from nuke_ai_panel.scripting.proposal import ScriptProposal
from tests.host_contract.host_contract import SCRIPT, HostContract

STAND_IN = Path(__file__).resolve().parent / "stand_in" / "nuke.py"


class TestNukeHost(HostContract):
    def open_host(self, path: Path) -> Host:
        return NukeHost(nk.emulate(nk.load(path)))


@pytest.fixture
def gui_nuke():
    """A stand-in with a window's main loop, of this test alone."""
    spec = importlib.util.spec_from_file_location("nuke_with_a_window", STAND_IN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.script = SCRIPT
    return module


def in_worker(nuke, call):
    """Make a call from another thread while this one, the main thread, serves what Nuke is asked for."""
    outcome = []

    def work():
        try:
            outcome.append(call())
        except BaseException as error:
            outcome.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    limit = time.monotonic() + 30
    while worker.is_alive():
        assert time.monotonic() < limit
        nuke.serve_main_thread()
    worker.join()
    return outcome[0]


# the main thread


def test_a_call_from_a_worker_runs_on_the_main_thread(gui_nuke):
    host = NukeHost(gui_nuke)
    code = "import threading\nprint(threading.current_thread() is threading.main_thread())\n"
    assert in_worker(gui_nuke, lambda: host.run_python(code, title="x")).output == "True\n"


def test_an_error_reaches_the_worker_that_asked(gui_nuke, capfd):
    """Nuke itself would print it and answer None."""
    outcome = in_worker(gui_nuke, lambda: NukeHost(gui_nuke).node("Nope"))
    assert isinstance(outcome, NodeNotFoundError)
    assert capfd.readouterr().err == ""


def test_a_worker_of_a_terminal_session_is_refused_instead_of_hanging(gui_nuke):
    gui_nuke.env["gui"] = False
    outcome = in_worker(gui_nuke, NukeHost(gui_nuke).nodes)
    assert isinstance(outcome, HostError)
    assert "main thread" in str(outcome)


# editions


@pytest.mark.parametrize(("key", "edition"), [("nc", "Non-commercial"), ("indie", "Indie")])
def test_an_edition_with_ten_nodes_says_what_to_do(gui_nuke, key, edition):
    gui_nuke.env[key] = True
    host = NukeHost(gui_nuke)
    for call in (
        host.nodes,
        host.selected,
        host.snapshot,
        host.class_counts,
        host.undo,
        lambda: host.node("Read1"),
        lambda: host.create_node("Blur"),
        lambda: host.run_python("nuke.createNode('Blur')", title="x"),
        lambda: apply(ScriptProposal("python", "nuke.createNode('Blur')"), host),
    ):
        with pytest.raises(HostError, match=f"{edition}.*Script Editor"):
            call()
    assert host.script_name() == ""
    gui_nuke.env[key] = False
    assert NukeHost(gui_nuke).snapshot().count(b"Blur {") == 1, "nothing ran"


def test_env_of_an_older_nuke_without_the_key_is_no_refusal(gui_nuke):
    del gui_nuke.env["indie"]
    assert len(NukeHost(gui_nuke).nodes()) == 4


def test_host_without_nuke_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "nuke", None)
    with pytest.raises(HostError, match="This is not Nuke"):
        NukeHost()


def test_host_imports_the_running_nuke(monkeypatch, gui_nuke):
    monkeypatch.setitem(sys.modules, "nuke", gui_nuke)
    assert len(NukeHost().nodes()) == 4


# what is read and written


def test_reading_leaves_the_selection_and_the_undo_stack(gui_nuke):
    host = NukeHost(gui_nuke)
    host.set_knob("Grade1", "white", "2")
    before = [node.path for node in host.selected()]
    host.snapshot()
    host.nodes(recurse=True)
    assert [node.path for node in host.selected()] == before == ["Read1"]
    assert host.undo()
    assert host.node("Grade1").knobs["white"] == "{1.5 1 1 1}"


def test_creating_a_node_leaves_the_selection(gui_nuke):
    host = NukeHost(gui_nuke)
    made = host.create_node("Blur", inputs=["Write1"])
    assert [node.path for node in host.selected()] == ["Read1"]
    assert made.xpos == 10
    assert made.ypos > 0


def test_calls_work_in_the_root_whatever_group_was_begun(gui_nuke):
    gui_nuke.toNode("Group1").begin()
    host = NukeHost(gui_nuke)
    assert {node.path for node in host.nodes()} == {"Read1", "Grade1", "Group1", "Write1"}
    assert host.create_node("Blur").path == "Blur1"
    assert host.run_python("nuke.createNode('Defocus')", title="x").ok
    assert "Defocus1" in {node.path for node in host.nodes()}
    assert gui_nuke.thisGroup().name() == "Group1", "the context is as it was"
    gui_nuke.toNode("Group1").end()


def test_snapshot_holds_the_selection_for_the_dry_run(gui_nuke):
    assert [node.name for node in nk.loads(NukeHost(gui_nuke).snapshot()).selected()] == ["Read1"]


def test_snapshot_holds_what_the_script_declares(gui_nuke):
    gui_nuke.script = SCRIPT.replace(b"Read {\n", b"add_layer {fx fx.red fx.glow}\nRead {\n", 1)
    text = NukeHost(gui_nuke).snapshot().decode()
    assert text.startswith("version 16.0 v8\nRoot {\n inputs 0\n")
    assert "\nadd_layer {fx fx.red fx.glow}\n" in text


CLONES = b"""version 15.1 v3
Root {
 inputs 0
}
Constant {
 inputs 0
 name Constant1
 xpos 0
 ypos 0
}
Blur {
 size 7
 name Blur1
 xpos 0
 ypos 50
}
set C1 [stack 0]
clone $C1 {
 xpos 0
 ypos 100
}
Group {
 inputs 0
 name Group1
 addUserKnob {20 User}
 addUserKnob {7 mix l "the mix" R 0 2}
 mix 1.5
 xpos 200
 ypos 0
}
 Constant {
  inputs 0
  name Inner1
  label "two words [value size] \\"x\\""
 }
end_group
Merge2 {
 inputs 2+1
 name Merge1
 xpos 0
 ypos 300
}
push 0
push 0
Grade {
 inputs 1+1
 name Grade1
 xpos 300
 ypos 300
}
"""


def test_snapshot_keeps_clones_groups_user_knobs_masks_and_open_inputs(gui_nuke):
    gui_nuke.script = CLONES
    text = NukeHost(gui_nuke).snapshot()
    again = nk.loads(text)
    assert not nk.diff(nk.loads(CLONES), again)
    assert text.count(b"size 7") == 1
    assert text.count(b"clone $") == 1
    assert b'addUserKnob {7 mix l "the mix" R 0 2}' in text
    blurs = [node for node in again.nodes() if node.name == "Blur1"]
    assert len(blurs) == 2
    assert {node.knob("size") for node in blurs} == {"7"}


def test_snapshot_of_real_scripts_describes_the_same_graph(corpus):
    count = 0
    for path in sorted(corpus.rglob("*.nk")):
        document = nk.load(path)
        if document.root_node is None:
            continue
        text = NukeHost(nk.emulate(document)).snapshot()
        assert not nk.diff(document, nk.loads(text)), path.name
        count += 1
    assert count > 10


# running


def test_a_script_finds_nuke_by_import_and_leaves_no_trace(gui_nuke, monkeypatch):
    monkeypatch.delitem(sys.modules, "nuke", raising=False)
    result = NukeHost(gui_nuke).run_python("import nuke as n\nprint(len(n.allNodes()))\n", title="x")
    assert result.output == "4\n"
    assert "nuke" not in sys.modules


def test_a_script_runs_its_main_block(gui_nuke):
    code = "def main():\n    nuke.createNode('Blur')\n\nif __name__ == '__main__':\n    main()\n"
    assert NukeHost(gui_nuke).run_python(code, title="x").ok
    assert gui_nuke.exists("Blur1")


def test_a_traceback_begins_in_the_script_and_shows_its_line(gui_nuke):
    code = "import nuke\ndef work():\n    return 1 / 0\nwork()\n"
    error = NukeHost(gui_nuke).run_python(code, title="AI: divide").error
    assert error.splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "<AI: divide>", line 4, in <module>',
        "    work()",
    ]
    assert "return 1 / 0" in error
    assert "nuke_host" not in error


def test_one_step_carries_the_title(gui_nuke):
    NukeHost(gui_nuke).run_python("print(nuke.Undo.name())", title="AI: soften")
    assert NukeHost(gui_nuke).run_python("print(nuke.Undo.name())", title="AI: soften").output == "AI: soften\n"


def test_an_undo_group_of_the_script_stays_inside_the_step(gui_nuke):
    host = NukeHost(gui_nuke)
    before = host.snapshot()
    code = "with nuke.Undo('mine'):\n    nuke.createNode('Blur')\nnuke.createNode('Grade')\nraise ValueError\n"
    assert not host.run_python(code, title="x").ok
    assert host.snapshot() == before


def test_save_without_a_name_says_so_instead_of_opening_a_browser(gui_nuke):
    gui_nuke.script = b"version 16.0 v8\nRoot {\n inputs 0\n}\n"
    with pytest.raises(HostError, match="never saved"):
        NukeHost(gui_nuke).save()
