"""DocumentHost: the contract of hosts, and what is its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import HostError, KnobNotFoundError, NotSimulatedError, ScriptChangedError
from nuke_ai_panel.hosts.base import Host
from nuke_ai_panel.hosts.document_host import DocumentHost
from tests.host_contract.host_contract import SCRIPT, HostContract


class TestDocumentHost(HostContract):
    def open_host(self, path: Path) -> Host:
        return DocumentHost.open(path)


def test_new_script_can_be_worked_on_and_saved(tmp_path: Path) -> None:
    host = DocumentHost()
    assert host.script_name() == ""
    assert host.run_python("nuke.createNode('Constant')\nnuke.createNode('Blur')", title="x").ok
    with pytest.raises(HostError, match="path"):
        host.save()
    host.save(str(tmp_path / "new.nk"))
    assert host.script_name() == str(tmp_path / "new.nk")
    assert nk.load(tmp_path / "new.nk").node("Blur1").inputs[0].name == "Constant1"


def test_saved_file_differs_by_the_new_node_only(tmp_path: Path) -> None:
    path = tmp_path / "a.nk"
    path.write_bytes(SCRIPT)
    host = DocumentHost.open(path)
    assert host.run_python("nuke.createNode('Blur')['size'].setValue(12)", title="x").ok
    host.save()
    node = b"Blur {\n size 12\n name Blur1\n xpos 120\n ypos -174\n}\n"
    assert node in path.read_bytes()
    assert path.read_bytes().replace(node, b"") == SCRIPT


def test_snapshot_holds_the_selection_that_a_run_left(tmp_path: Path) -> None:
    host = DocumentHost(nk.loads(SCRIPT))
    host.run_python("nuke.createNode('Blur')", title="x")
    copy = DocumentHost(nk.loads(host.snapshot()))
    assert [node.path for node in copy.selected()] == ["Blur1"]


def test_save_refuses_a_script_that_changed_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.nk"
    path.write_bytes(SCRIPT)
    host = DocumentHost.open(path)
    path.write_bytes(SCRIPT + b"\n")
    with pytest.raises(ScriptChangedError):
        host.save()


def test_run_python_leaves_the_modules_alone() -> None:
    before = sys.modules.get("nuke")
    result = DocumentHost().run_python(
        "import nuke as n\nfrom nuke import createNode\nassert n is nuke\ncreateNode('Dot')", title="x"
    )
    assert result.ok, result.error
    assert sys.modules.get("nuke") is before


@pytest.mark.parametrize(
    "code",
    [
        "import nukescripts.panels\nnukescripts.panels.registerPanel('a', print)",
        "from nukescripts import panels\npanels.registerPanel('a', print)",
        "from nukescripts.panels import registerPanel, PythonPanel\nregisterPanel('a', PythonPanel)",
        "import nukescripts.panels as panels\npanels.registerPanel('a', print)",
    ],
)
def test_panels_are_imported_as_in_nuke(code: str) -> None:
    result = DocumentHost().run_python(code, title="x")
    assert result.ok, result.error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("nuke.execute('Write1', 1, 10)", "nuke.execute is not simulated"),
        ("nuke.toNode('Grade1').sample('red', 0, 0)", "Node.sample is not simulated"),
        ("nuke.toNode('Grade1')['white'].getDerivative(1)", "AColor_Knob.getDerivative is not simulated"),
        ("import nukescripts\nnukescripts.PythonPanel('x').showModalDialog()", "PythonPanel.showModalDialog is not simulated"),
        ("import nukescripts\nnukescripts.panels.restorePanel('x')", "nukescripts.panels.restorePanel is not simulated"),
        ("import hiero.core", "hiero.core is not simulated"),
        ("nuke.nodes.Write(file_type='exr')['compression'].value()", "not known"),
    ],
)
def test_what_is_not_simulated_is_named(code: str, words: str) -> None:
    error = DocumentHost(nk.loads(SCRIPT)).run_python(code, title="x").error
    assert "NotSimulatedError" in error
    assert words in error


def test_traceback_shows_the_scripts_lines_only() -> None:
    error = DocumentHost().run_python("def wrong():\n    return nuke.toNode(3)\n\nwrong()\n", title="x").error
    assert 'File "<proposal>", line 4' in error
    assert "return nuke.toNode(3)" in error
    assert "module.py" not in error


def test_output_of_other_threads_is_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    code = """import threading
thread = threading.Thread(target=lambda: print('other'))
thread.start()
thread.join()
print('own')
nuke.tprint('said')
"""
    result = DocumentHost().run_python(code, title="x")
    assert result.output == "own\nsaid\n"
    assert capsys.readouterr().out == "other\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('nuke.createNode("Grade")["gamma_r"]', "NameError: knob gamma_r does not exist"),
        ("nuke.nodes.Grade(gamma_r=2)", "NameError: knob gamma_r does not exist"),
        ('nuke.execute("Write1", 1, 1)', "NotSimulatedError: nuke.execute is not simulated."),
        ("import hiero.core", "NotSimulatedError: The module hiero.core is not simulated."),
        ('nuke.createNode("Grade")["white"].fromScript("{{{")', "RuntimeError: the word at offset 0 is not closed"),
    ],
)
def test_a_traceback_names_exceptions_as_nuke_does(code: str, words: str) -> None:
    error = DocumentHost().run_python(code, title="x").error
    assert error.rstrip().splitlines()[-1] == words


def test_exceptions_of_scripts_are_those_of_the_package_too() -> None:
    nuke = nk.emulate(nk.loads(b""))
    with pytest.raises(KnobNotFoundError) as missing:
        nuke.createNode("Grade")["gamma_r"]
    assert isinstance(missing.value, NameError)
    with pytest.raises(NotSimulatedError):
        nuke.memory()
