"""What every host must do. Subclass :class:`HostContract`, say how a host is opened, and the suite runs against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_ai_panel import nk
from nuke_ai_panel.errors import HostError, KnobNotFoundError, NodeNotFoundError
from nuke_ai_panel.hosts.base import Host

SCRIPT = b"""version 15.1 v3
Root {
 inputs 0
 frame 1001
 first_frame 1001
 last_frame 1010
 fps 25
 format "1920 1080 0 0 1920 1080 1 HD_1080"
}
Read {
 inputs 0
 file /plates/sh010.%04d.exr
 name Read1
 selected true
 xpos 10
 ypos -300
}
Grade {
 white {1.5 1 1 1}
 name Grade1
 xpos 10
 ypos -200
}
Group {
 name Group1
 xpos 10
 ypos -100
}
 Input {
  inputs 0
  name Input1
 }
 Blur {
  size 4
  name Blur1
 }
 Output {
  name Output1
 }
end_group
Write {
 name Write1
 xpos 10
 ypos 0
}
"""


class HostContract:
    """The suite. A subclass overrides :meth:`open_host`."""

    def open_host(self, path: Path) -> Host:
        """Return the host under test with the script at `path` open."""
        raise NotImplementedError

    @pytest.fixture
    def script(self, tmp_path: Path) -> Path:
        path = tmp_path / "shot.nk"
        path.write_bytes(SCRIPT)
        return path

    @pytest.fixture
    def host(self, script: Path) -> Host:
        return self.open_host(script)

    def test_nodes_names_classes_inputs_and_places(self, host: Host) -> None:
        found = {node.path: node for node in host.nodes()}
        assert set(found) == {"Read1", "Grade1", "Group1", "Write1"}
        assert found["Grade1"].class_name == "Grade"
        assert found["Grade1"].inputs == ("Read1",)
        assert found["Write1"].inputs == ("Group1",)
        assert (found["Grade1"].xpos, found["Grade1"].ypos) == (10, -200)

    def test_nodes_with_recurse_enters_groups(self, host: Host) -> None:
        found = {node.path: node for node in host.nodes(recurse=True)}
        assert found["Group1.Blur1"].inputs == ("Group1.Input1",)

    def test_node_holds_the_knobs_as_the_script_writes_them(self, host: Host) -> None:
        assert dict(host.node("Grade1").knobs) == {"white": "{1.5 1 1 1}"}
        assert dict(host.node("Group1.Blur1").knobs) == {"size": "4"}

    def test_node_of_an_unknown_name_raises(self, host: Host) -> None:
        with pytest.raises(NodeNotFoundError, match="Nope"):
            host.node("Nope")

    def test_selected_returns_the_selection(self, host: Host) -> None:
        assert [node.path for node in host.selected()] == ["Read1"]

    def test_class_counts_counts_the_root(self, host: Host) -> None:
        assert dict(host.class_counts()) == {"Read": 1, "Grade": 1, "Group": 1, "Write": 1}

    def test_script_name_is_where_it_was_read_from(self, host: Host, script: Path) -> None:
        assert Path(host.script_name()) == script

    def test_snapshot_describes_the_same_graph(self, host: Host) -> None:
        assert nk.diff(nk.loads(SCRIPT), nk.loads(host.snapshot())).lines() == []

    def test_create_node_connects_and_sets(self, host: Host) -> None:
        made = host.create_node("Merge2", knobs={"operation": "plus"}, inputs=["Grade1", "Read1"])
        assert made.class_name == "Merge2"
        assert made.inputs == ("Grade1", "Read1")
        assert made.knobs["operation"] == "plus"
        assert host.node(made.path) == made

    def test_create_node_below_an_unknown_node_changes_nothing(self, host: Host) -> None:
        before = host.snapshot()
        with pytest.raises(NodeNotFoundError):
            host.create_node("Blur", inputs=["Nope"])
        assert host.snapshot() == before

    def test_create_node_of_an_unknown_class_raises(self, host: Host) -> None:
        before = host.snapshot()
        with pytest.raises(HostError):
            host.create_node("NoSuchNodeClass")
        assert host.snapshot() == before

    def test_create_node_with_an_unknown_knob_leaves_no_node(self, host: Host) -> None:
        before = host.snapshot()
        with pytest.raises(KnobNotFoundError):
            host.create_node("Blur", knobs={"gamma_r": "2"})
        assert host.snapshot() == before

    def test_delete_node_joins_its_reader_to_its_first_input(self, host: Host) -> None:
        host.delete_node("Grade1")
        assert host.node("Group1").inputs == ("Read1",)
        with pytest.raises(NodeNotFoundError):
            host.node("Grade1")

    def test_connect_and_open_an_input(self, host: Host) -> None:
        host.connect("Write1", 0, "Read1")
        assert host.node("Write1").inputs == ("Read1",)
        host.connect("Write1", 0, None)
        assert host.node("Write1").inputs == ()

    def test_connect_refuses_an_input_that_is_not_there(self, host: Host) -> None:
        with pytest.raises(HostError):
            host.connect("Write1", 7, "Read1")

    def test_set_knob_takes_nk_text(self, host: Host) -> None:
        host.set_knob("Grade1", "white", "{2 3 4 5}")
        assert host.node("Grade1").knobs["white"] == "{2 3 4 5}"

    def test_set_knob_to_its_default_is_not_written(self, host: Host) -> None:
        host.set_knob("Grade1", "white", "1")
        assert "white" not in host.node("Grade1").knobs

    def test_set_knob_of_an_unknown_name_raises(self, host: Host) -> None:
        with pytest.raises(KnobNotFoundError):
            host.set_knob("Grade1", "gamma_r", "2")

    def test_undo_takes_back_one_step_at_a_time(self, host: Host) -> None:
        before = host.snapshot()
        host.set_knob("Grade1", "white", "2")
        between = host.snapshot()
        host.create_node("Blur", inputs=["Grade1"])
        assert host.undo()
        assert host.snapshot() == between
        assert host.undo()
        assert host.snapshot() == before
        assert not host.undo()

    def test_run_python_is_one_undo_step(self, host: Host) -> None:
        before = host.snapshot()
        code = "import nuke\nfor name in ('A', 'B'):\n    nuke.nodes.Blur(name=name, size=3)\nprint('made two')\n"
        result = host.run_python(code, title="Two blurs")
        assert result.ok, result.error
        assert result.output == "made two\n"
        assert host.node("A").knobs["size"] == host.node("B").knobs["size"] == "3"
        assert host.undo()
        assert host.snapshot() == before

    def test_run_python_creates_in_the_stream_of_the_selected_node(self, host: Host) -> None:
        result = host.run_python("print(nuke.createNode('Blur').name())", title="Blur")
        assert result.output == "Blur1\n", result.error
        assert host.node("Blur1").inputs == ("Read1",)
        assert host.node("Grade1").inputs == ("Blur1",)
        assert [node.path for node in host.selected()] == ["Blur1"]

    @pytest.mark.parametrize(
        ("ending", "words"),
        [
            ("nuke.toNode('Nope').name()", "AttributeError"),
            ("nuke.toNode('Grade1')['gamma_r']", "knob gamma_r does not exist"),
            ("import sys\nsys.exit(3)", "SystemExit"),
            ("raise KeyboardInterrupt", "KeyboardInterrupt"),
            ("nuke.createNode('NoSuchNodeClass')", "NoSuchNodeClass"),
        ],
    )
    def test_run_python_rolls_back_whatever_is_raised(self, host: Host, ending: str, words: str) -> None:
        before = host.snapshot()
        result = host.run_python(
            f"print('begun')\nnuke.createNode('Blur')\nnuke.toNode('Grade1').setXpos(99)\n{ending}\n", title="x"
        )
        assert not result.ok
        assert words in result.error
        assert result.output == "begun\n"
        assert host.snapshot() == before
        assert not host.undo()

    def test_run_python_reports_a_syntax_error(self, host: Host) -> None:
        result = host.run_python("x = (\n", title="x")
        assert "SyntaxError" in result.error

    def test_save_writes_to_another_path(self, host: Host, tmp_path: Path) -> None:
        host.create_node("Blur", inputs=["Write1"])
        target = tmp_path / "other.nk"
        assert Path(host.save(str(target))) == target
        assert nk.load(target).node("Blur1").inputs[0].name == "Write1"

    def test_save_to_a_folder_that_is_not_there_raises(self, host: Host, tmp_path: Path) -> None:
        with pytest.raises(HostError):
            host.save(str(tmp_path / "nowhere" / "other.nk"))
